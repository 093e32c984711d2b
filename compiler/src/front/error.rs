//! What can go wrong between a user's function and a graph.

use std::convert::Infallible;
use std::fmt;

use choral_ir::{BuildError, Location, TensorError, TensorType, VerifyError};

pub use crate::front::grad::GradError;
use crate::front::state::StateError;
pub use crate::transform::differentiate::DifferentiationError;
pub use crate::transform::vmap::{DimsError, SizeGroup, VmapError};

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
    /// A derivative that is not there as it is asked for.
    #[error(transparent)]
    Grad(#[from] GradError),
    /// A graph that cannot be differentiated.
    #[error(transparent)]
    Differentiation(DifferentiationError),
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
    /// The error with the user's line, unless it has one already.
    #[must_use]
    pub fn at(self, location: Location) -> Error {
        let is_located = match &self {
            Error::Trace(_) | Error::At { .. } => true,
            // A line of a program's text does not say who uses the program.
            Error::Build(error) => error.location.as_ref().is_some_and(|location| !location.file.is_empty()),
            Error::Dims(_)
            | Error::Grad(_)
            | Error::Differentiation(_)
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

impl From<VmapError> for Error {
    fn from(error: VmapError) -> Error {
        match error {
            VmapError::Dims(error) => error.into(),
            VmapError::Build(error) => error.into(),
        }
    }
}

impl From<DifferentiationError> for Error {
    fn from(error: DifferentiationError) -> Error {
        match error {
            DifferentiationError::Build(error) => error.into(),
            DifferentiationError::Vmap(error) => error.into(),
            DifferentiationError::NoInput { .. }
            | DifferentiationError::Twice { .. }
            | DifferentiationError::NotFloat { .. }
            | DifferentiationError::NoOutput { .. }
            | DifferentiationError::OutputNotFloat { .. }
            | DifferentiationError::NoFloats { .. } => Error::Differentiation(error),
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
        "{who} differs from member 0 in its state names:{}{}",
        listed("missing", .missing),
        listed("unexpected", .unexpected)
    )]
    Names { who: Who, missing: Vec<String>, unexpected: Vec<String> },
    #[error("{name}: member 0 has {expected}, but {who} has {got}")]
    Type { name: String, who: Who, expected: TensorType, got: TensorType },
    #[error(
        "members in {groups} groups of different structure run as separate programs, and cannot exchange values along the axis `members` (psum, all_gather, axis_index, ..)"
    )]
    Groups { groups: usize },
    #[error(
        "members that exchange values along the axis `members` (psum, all_gather, axis_index, ..) or draw by their numbers cannot be spread over {devices} devices; run them on one"
    )]
    Devices { devices: usize },
    #[error("{who} computes something different from member 0: {difference}")]
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
    /// A model about to become a member.
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
