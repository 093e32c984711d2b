//! The language of choral: typed values and, over them, StableHLO graphs.
//!
//! Lives here: element types, tensors, ops with their type rules, graphs, their text and JSON.
//! Must not live here: transforms (the compiler's) and evaluation (the runtime's).
#![forbid(unsafe_code)]

mod accumulate;
pub mod axes;
pub mod build;
pub mod check;
pub mod cost;
pub mod dtype;
pub mod element;
mod elements;
pub mod fold;
pub mod graph;
mod graphviz;
pub mod interpret;
pub mod json;
mod known;
mod location;
pub mod memory;
pub mod narrow;
pub mod op;
pub mod order;
pub mod random;
mod region;
pub mod special;
pub mod tensor;
pub mod text;
pub mod types;
pub mod verify;

pub use build::{BuildError, Builder};
pub use dtype::{Class, DType};
pub use element::{Element, Storage};
pub use elements::Elements;
pub use fold::{Extreme, Fold, Reducer};
pub use graph::{Graph, NamedAxis, NodeId, NodeKind, Value};
pub use interpret::{Values, interpret, interpret_all};
pub use location::Location;
pub use op::{Op, TypeError};
pub use order::{Comparator, Order};
pub use random::Key;
pub use tensor::{Identity, Tensor, TensorError};
pub use types::{TensorType, normalise_dim};
pub use verify::{VerifyError, verify};
