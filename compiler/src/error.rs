//! What can go wrong between a user's function and a graph.

use std::convert::Infallible;
use std::fmt;

use choral_ir::{BuildError, Location, TensorError, TensorType, VerifyError};

use crate::state::StateError;

/// Any error of the compiler.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Ops in a traced function whose operands do not fit.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// `in_dims` or `out_dims` that do not fit the arguments or results.
    #[error(transparent)]
    Dims(#[from] DimsError),
    /// A state that is not the module's, or a file that cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// Models that do not belong together.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// A tensor that does not have the shape or element type asked for.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// An op that a transform could not rebuild.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A graph that breaks an invariant.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Something else, in a sentence.
    #[error("{0}")]
    Message(String),
    /// Any of these, with the user's line.
    #[error("{error}\n  at {location}")]
    At {
        /// What is wrong.
        error: Box<Error>,
        /// Where the user asked for it.
        location: Location,
    },
}

impl Error {
    /// The error with the user's line, if it does not tell a line of its own.
    #[must_use]
    pub fn at(self, location: Location) -> Error {
        let is_located = match &self {
            Error::Trace(_) | Error::At { .. } => true,
            // A line of a program's text does not say who uses the program.
            Error::Build(error) => error.location.as_ref().is_some_and(|location| !location.file.is_empty()),
            Error::Dims(_)
            | Error::State(_)
            | Error::Ensemble(_)
            | Error::Tensor(_)
            | Error::Verify(_)
            | Error::Message(_) => false,
        };
        match is_located {
            true => self,
            false => Error::At { error: Box::new(self), location },
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Error {
        match never {}
    }
}

/// What is wrong in a traced function, each fault with the user's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceError {
    /// The faults, in the order of the program.
    pub faults: Vec<TraceFault>,
}

/// One op in a traced function whose operands do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceFault {
    /// Op, operands with their types, what was expected.
    pub message: String,
    /// The user's line.
    pub location: Location,
}

impl std::error::Error for TraceError {}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, TraceFault { message, location }) in self.faults.iter().enumerate() {
            let separator = if position == 0 { "" } else { "\n" };
            write!(f, "{separator}{message}\n  at {location}")?;
        }
        Ok(())
    }
}

/// What is wrong with `in_dims`, `out_dims`, or what else is said about the members.
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
    #[error("{what}{path} is {dim}, but the value there is {value}, no tensor; say None")]
    NoTensor { what: &'static str, path: String, dim: i64, value: String },
    #[error(
        "no argument is mapped, so the number of members is unknown; map an argument, or say .axis_size(n)"
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
        "memory_limit: {limit} bytes do not hold the program; however few members at a time, it needs {least}"
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
    if names.is_empty() {
        "what is there has no parts".to_owned()
    } else {
        format!("the parts there are {names:?}")
    }
}

/// Why models cannot run as one program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum EnsembleError {
    #[error("an ensemble needs at least one model, got none")]
    Empty,
    #[error("{}", .0.iter().map(SettingValues::to_string).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<SettingValues>),
    #[error("there is no member {index}; the ensemble has {members}")]
    Member { index: usize, members: usize },
    #[error("the only member of an ensemble cannot leave it; replace it, or drop the ensemble")]
    Last,
    #[error(
        "{who} has other state names than member 0:{}{}",
        listed("missing", .missing),
        listed("unexpected", .unexpected)
    )]
    Names { who: Who, missing: Vec<String>, unexpected: Vec<String> },
    #[error("{name}: member 0 has {expected}, but {who} has {got}")]
    Type { name: String, who: Who, expected: TensorType, got: TensorType },
    #[error(
        "members in {groups} groups of different structure run as programs of their own, and cannot meet along the axis `members` (psum, all_gather, axis_index, ..)"
    )]
    Groups { groups: usize },
    #[error("{who} computes something else than member 0: {difference}")]
    Graph { who: Who, difference: String },
    #[error(
        "the forward pass changed {}, which this call would lose; use returning_buffers(), or put the models in eval mode",
        names.join(", ")
    )]
    Changed { names: Vec<String> },
}

/// A model among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The member of this number.
    Member(usize),
    /// One that is to become a member.
    Newcomer,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Member(number) => write!(f, "member {number}"),
            Who::Newcomer => f.write_str("the new model"),
        }
    }
}

/// A setting in which models differ: its values, each with the models that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingValues {
    /// The setting's name; empty for one of the models themselves, such as the variant of an enum.
    pub field: String,
    /// Each value with the models that have it.
    pub values: Vec<(String, Vec<Who>)>,
}

impl fmt::Display for SettingValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.field.is_empty() { String::new() } else { format!(" in {}", self.field) };
        write!(f, "the models differ{place}:")?;
        self.values.iter().try_for_each(|(value, models)| {
            let models: Vec<String> = models.iter().map(Who::to_string).collect();
            // `member 0, 2`
            write!(f, "\n  {value} in {}", models.join(", ").replace(", member ", ", "))
        })
    }
}

fn listed(label: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("\n  {label}: {}", names.join(", ")) }
}
