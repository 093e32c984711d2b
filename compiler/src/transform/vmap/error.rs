//! Why a graph cannot be mapped as requested.

use choral_ir::BuildError;

/// Any error of the pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VmapError {
    /// The options do not fit the graph.
    #[error(transparent)]
    Dims(#[from] DimsError),
    /// An op that has no mapped form.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What is wrong with `in_dims`, `out_dims`, or another option of `vmap`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum DimsError {
    #[error(
        "{what} has entries {entries:?}, but none for {what}{path}; give each argument an entry, or one integer (or None) for all"
    )]
    Missing { what: &'static str, path: String, entries: Vec<String> },
    #[error("{what} has an entry {entry}, but there is no such part; {}", parts(.names))]
    Unknown { what: &'static str, entry: String, names: Vec<String> },
    #[error("{what}{path} is {dim}, but the value is {ty}, {fits}")]
    Range { what: &'static str, path: String, dim: i64, ty: String, fits: String },
    #[error("{}", lines(.0))]
    Several(Vec<DimsError>),
    #[error("{what}{path} is {dim}, but the value there is {value}, not a tensor; use None")]
    NoTensor { what: &'static str, path: String, dim: i64, value: String },
    #[error(
        "no argument is mapped, so the number of members is unknown; map an argument, or set .axis_size(n)"
    )]
    NothingMapped,
    #[error("arguments disagree about the number of members:{}", list(.groups))]
    Sizes { groups: Vec<SizeGroup> },
    #[error(
        "out_dims{path} is None, but this result has a member dimension; give it an integer, or reduce the members inside the function"
    )]
    Unbatched { path: String },
    #[error(
        "axis_name is {name:?}, expected letters, digits, `_`, `.` or `-`, as a program's text spells it"
    )]
    AxisName { name: String },
    #[error("{what}: expected {expected} entries, one for each of the graph's, got {got}")]
    Count { what: &'static str, expected: usize, got: usize },
    #[error("chunk_size: expected at least one member at a time, got 0")]
    ChunkSize,
    #[error(
        "memory_limit: the program does not fit in {limit} bytes; with the fewest members at a time it needs {least}"
    )]
    MemoryLimit { limit: u64, least: u64 },
}

/// Arguments that agree about the number of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeGroup {
    /// The size; `axis_size` itself counts as an argument.
    pub size: usize,
    /// Each argument with its mapped dimension and type.
    pub arguments: Vec<String>,
}

impl DimsError {
    /// Fails with all of these, if there are any.
    pub(crate) fn none_of(mut errors: Vec<DimsError>) -> Result<(), DimsError> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(DimsError::Several(errors)),
        }
    }
}

fn lines(errors: &[DimsError]) -> String {
    errors.iter().map(DimsError::to_string).collect::<Vec<_>>().join("\n")
}

fn list(groups: &[SizeGroup]) -> String {
    let line = |group: &SizeGroup| {
        let SizeGroup { size, arguments } = group;
        format!("\n  size {size}: {}", arguments.join(", "))
    };
    groups.iter().map(line).collect()
}

fn parts(names: &[String]) -> String {
    if names.is_empty() { "the value has no parts".to_owned() } else { format!("its parts are {names:?}") }
}
