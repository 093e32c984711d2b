//! Trees of tensors in files that survive a crash: parameters, buffers, optimiser state, step and key as one.
//!
//! A checkpoint is a `.safetensors` file whose metadata say the version of the format and the fingerprint of the
//! structure that was saved. It is written beside its place and renamed, so that there is the old one or the new one
//! whenever a run is killed.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | a tree to a file and back, and what does not fit |
//! | `folder.rs` | the last checkpoints of a run |
//! | `export.rs` | members as files of their own |
//!
//! Must not live here: how a file is written ([`crate::front::state`]).

mod export;
mod folder;

use std::collections::BTreeMap;
use std::path::Path;

use choral_ir::{Tensor, TensorType};

use crate::front::state::{MismatchError, State, StateError, check, file};
use crate::front::tree::{Tree, Typed, Walk, leaves};

pub use export::{export_member, export_members};
pub use folder::{Checkpoints, Resumed};

/// The format that is written and read.
const VERSION: &str = "1";

/// The metadata that make a file a checkpoint: version and fingerprint, with a space between.
const METADATA: &str = "choral.checkpoint";

/// Writes every tensor of a tree to a file.
///
/// The file is whole or not there, whenever the run is killed: it is written beside its place, brought to the disk and
/// renamed. What a killed run left beside it is in nobody's way.
///
/// ```
/// use choral_compiler::nn::Linear;
/// use choral_compiler::train::checkpoint;
/// use choral_compiler::train::optim::{Adam, Optimiser};
/// use choral_ir::Key;
/// let adam = Adam::new(1e-3);
/// let model = Linear::init(3, 2, Key::new(0));
/// let run = (model.clone(), adam.init(&model), Key::new(1));
///
/// let path = std::env::temp_dir().join(format!("checkpoint-{}.safetensors", std::process::id()));
/// checkpoint::save(&path, &run)?;
/// let (resumed, state, key) = checkpoint::load(&path, &run)?;
/// assert!(resumed.weight.bit_eq(&model.weight));
/// assert_eq!(state.slots["exp_avg"]["bias"].shape(), [2]);
/// assert_eq!(key, Key::new(1).into());
/// # std::fs::remove_file(&path).expect("the file");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// If two tensors have one name, or a tensor has an element type that such files lack; if the file cannot be written:
/// an existing one is then unchanged.
pub fn save(path: impl AsRef<Path>, tree: &impl Tree<Tensor>) -> Result<(), StateError> {
    let path = path.as_ref();
    let state = named(path, tree)?;
    let note = format!("{VERSION} {}", fingerprint(&types(&state)));
    file::write_with(path, &state, Some(BTreeMap::from([(METADATA.to_owned(), note)])))
}

/// Reads a checkpoint into the structure of `like`, a tree of tensors or types. See [`save`].
///
/// # Errors
/// If the file cannot be read, is cut off, or is no checkpoint; if it was saved by another version, or of another
/// structure: with every name and type that differs.
pub fn load<T: Typed, X: Tree<T>>(path: impl AsRef<Path>, like: &X) -> Result<X::With<Tensor>, StateError> {
    let path = path.as_ref();
    let (state, metadata) = file::parsed(path, &file::bytes(path)?).map_err(|error| {
        let advice = "it was cut off or changed since it was saved, or is no checkpoint: take another one";
        at(path, format!("{}; {advice}", without_path(error)))
    })?;
    let note = metadata.get(METADATA).ok_or_else(|| {
        let message = "is a safetensors file, but no checkpoint: it says nothing of what was saved; a model's state \
                       dict is loaded by model.load(path)";
        at(path, message.to_owned())
    })?;
    let (version, saved) = note.split_once(' ').unwrap_or((note, ""));
    if version != VERSION {
        return Err(at(
            path,
            format!(
                "is a checkpoint of format {version}, and this version of choral reads format {VERSION}; load it with the \
                 version that saved it"
            ),
        ));
    }
    if saved != fingerprint(&types(&state)) {
        return Err(at(
            path,
            "its tensors are not those that it says were saved: it was changed since; take another checkpoint".to_owned(),
        ));
    }
    let wanted = named(path, &like.map(&mut Walk::default(), &mut |_, leaf: &T| leaf.tensor_type()))?;
    let fits = check("", &wanted, |name| state.get(name).map(|tensor| tensor.ty().clone()), &state);
    match fits {
        Ok(()) => {}
        Err(StateError::Mismatch(mismatch)) => return Err(at(path, differing(&mismatch))),
        Err(error) => return Err(error),
    }
    // Checked above: every name is there.
    Ok(like.map(&mut Walk::default(), &mut |leaf, _| state[&leaf.state_name()].clone()))
}

/// The leaves of a tree by name.
fn named<T: Typed>(path: &Path, tree: &impl Tree<T>) -> Result<State<T>, StateError> {
    let mut state = State::new();
    for (leaf, tensor) in leaves(tree) {
        let name = leaf.state_name();
        if state.insert(name.clone(), tensor).is_some() {
            let message =
                format!("cannot hold two tensors called {name:?}; rename one of the parts that they are in");
            return Err(at(path, message));
        }
    }
    Ok(state)
}

fn types(state: &State<Tensor>) -> State<TensorType> {
    state.iter().map(|(name, tensor)| (name.clone(), tensor.ty().clone())).collect()
}

/// Names and types in 64 bits, by the hash function of Fowler, Noll and Vo (FNV-1a); their order does not matter.
fn fingerprint(types: &State<TensorType>) -> String {
    let mut lines: Vec<String> = types.iter().map(|(name, ty)| format!("{name}: {ty}\n")).collect();
    lines.sort_unstable();
    let mixed = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = lines.iter().flat_map(|line| line.bytes()).fold(0xcbf2_9ce4_8422_2325, mixed);
    format!("{hash:016x}")
}

/// What differs between a checkpoint and the structure that it is read into.
fn differing(MismatchError { source: _, missing, unexpected, types }: &MismatchError) -> String {
    let mut message = "was saved from another structure than it is loaded into:".to_owned();
    if !missing.is_empty() {
        message += &format!("\n  missing in the checkpoint: {}", missing.join(", "));
    }
    if !unexpected.is_empty() {
        message += &format!("\n  only in the checkpoint: {}", unexpected.join(", "));
    }
    for (name, expected, got) in types {
        message += &format!("\n  {name}: expected {expected}, the checkpoint has {got}");
    }
    message + "\n  load it into the model, optimiser and number of members that it was saved from"
}

/// What is wrong with a file, without its path.
fn without_path(error: StateError) -> String {
    match error {
        StateError::File { path: _, message } => message,
        StateError::Mismatch(mismatch) => mismatch.to_string(),
    }
}

fn at(path: &Path, message: String) -> StateError {
    StateError::File { path: path.to_owned(), message }
}
