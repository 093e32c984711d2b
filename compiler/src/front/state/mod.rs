//! Modules and their state: what a model's tensors are called, and how they come in and go out.
//!
//! Lives here: [`Module`], state dicts, and (in [`mod@file`]) safetensors. Must not live here: what
//! layers compute ([`crate::front::nn`]) and what many models have in common ([`crate::front::ensemble`]).

pub mod file;
mod place;

use std::fmt;
use std::path::{Path as FilePath, PathBuf};

use choral_ir::{Tensor, TensorType};
use indexmap::IndexMap;

use crate::front::tree::{Kind, Leaf, Tree, Walk, leaves};

/// Values by their state-dict names, in the order of the module's fields.
pub type State<T> = IndexMap<String, T>;

/// A tree that is a model: `#[derive(Module)]` structs, layers, and containers of them.
///
/// ```
/// use choral_compiler::nn::Linear;
/// use choral_compiler::Module;
/// use choral_ir::Key;
/// let model = Linear::init(3, 2, Key::new(0));
/// let names: Vec<String> = model.state_dict().into_keys().collect();
/// assert_eq!(names, ["weight", "bias"]);
/// ```
pub trait Module<T: Leaf>: Tree<T, With<T> = Self> + Sized {
    /// Training mode: dropout drops, batch normalisation normalises by the batch.
    fn train(&mut self) {
        self.set_training(true);
    }

    /// Evaluation mode.
    fn eval(&mut self) {
        self.set_training(false);
    }

    /// What is trained, by name.
    fn named_parameters(&self) -> State<T> {
        of_kind(self, Kind::Parameter)
    }

    /// State that the forward pass itself updates, by name.
    fn named_buffers(&self) -> State<T> {
        of_kind(self, Kind::Buffer)
    }

    /// Parameters and buffers by name.
    fn state_dict(&self) -> State<T> {
        leaves(self).into_iter().map(|(path, leaf)| (path.state_name(), leaf)).collect()
    }
}

impl<T: Leaf, M: Tree<T, With<T> = M>> Module<T> for M {}

/// Reading and writing a module's numbers.
pub trait ModuleState: Module<Tensor> {
    /// Takes every tensor from `state` by name.
    ///
    /// # Errors
    /// If names are missing or unknown, or shapes or element types differ; the module is then as
    /// it was.
    fn load_state_dict(&mut self, state: &State<Tensor>) -> Result<(), StateError> {
        self.load_from("state dict", state)
    }

    /// Takes every tensor from a `.safetensors` file by name, as PyTorch writes them.
    ///
    /// # Errors
    /// As [`ModuleState::load_state_dict`]; if the file cannot be read or is damaged.
    fn load(&mut self, path: impl AsRef<FilePath>) -> Result<(), StateError> {
        let path = path.as_ref();
        self.load_from(&path.display().to_string(), &file::read(path)?)
    }

    /// Writes the state dict to a `.safetensors` file, which PyTorch's `load_state_dict` takes.
    ///
    /// # Errors
    /// If the file cannot be written; an existing file is then unchanged.
    fn save(&self, path: impl AsRef<FilePath>) -> Result<(), StateError> {
        file::write(path.as_ref(), &self.state_dict())
    }

    /// Takes every tensor from `state`, which errors call `source`.
    #[doc(hidden)]
    fn load_from(&mut self, source: &str, state: &State<Tensor>) -> Result<(), StateError> {
        let wanted = leaves(self).into_iter().map(|(path, leaf)| (path.state_name(), leaf.ty().clone()));
        check(source, &wanted.collect(), |name| state.get(name).map(|tensor| tensor.ty().clone()), state)?;
        *self = self.map(&mut Walk::default(), &mut |path, leaf| {
            state.get(&path.state_name()).unwrap_or(leaf).clone()
        });
        Ok(())
    }
}

impl<M: Module<Tensor>> ModuleState for M {}

fn of_kind<T: Leaf>(module: &impl Tree<T>, kind: Kind) -> State<T> {
    let of_kind = leaves(module).into_iter().filter(|(path, _)| path.kind() == kind);
    of_kind.map(|(path, leaf)| (path.state_name(), leaf)).collect()
}

/// Fails unless the names of `given` are those of `wanted`, and each has the type wanted.
pub(crate) fn check<X>(
    source: &str,
    wanted: &State<TensorType>,
    type_of: impl Fn(&str) -> Option<TensorType>,
    given: &State<X>,
) -> Result<(), StateError> {
    let mut error = MismatchError { source: source.to_owned(), ..MismatchError::default() };
    for (name, expected) in wanted {
        match type_of(name) {
            None => error.missing.push(name.clone()),
            Some(got) if got == *expected => {}
            Some(got) => error.types.push((name.clone(), expected.clone(), got)),
        }
    }
    error.unexpected = given.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
    let fits = error.missing.is_empty() && error.unexpected.is_empty() && error.types.is_empty();
    if fits { Ok(()) } else { Err(error.into()) }
}

/// What is wrong with a module's state or the file it comes from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Names or types that are not the module's.
    #[error(transparent)]
    Mismatch(#[from] MismatchError),
    /// A file that cannot be read, written or understood.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

/// Every name and type of a state that is not the module's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MismatchError {
    /// The file or argument.
    pub source: String,
    /// Names that the module has and the state lacks.
    pub missing: Vec<String>,
    /// Names that the state has and the module lacks.
    pub unexpected: Vec<String>,
    /// Names with the type that the module has and the type given.
    pub types: Vec<(String, TensorType, TensorType)>,
}

impl std::error::Error for MismatchError {}

impl fmt::Display for MismatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not fit the module:", self.source)?;
        if !self.missing.is_empty() {
            write!(f, "\n  missing: {}", self.missing.join(", "))?;
        }
        if !self.unexpected.is_empty() {
            write!(f, "\n  unexpected: {}", self.unexpected.join(", "))?;
        }
        self.types.iter().try_for_each(|(name, expected, got)| {
            write!(f, "\n  {name}: the module has {expected}, the state has {got}")
        })
    }
}
