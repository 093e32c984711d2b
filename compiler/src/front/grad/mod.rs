//! Differentiation as users call it: functions that become their gradients, Jacobians and products with these.
//!
//! | file | holds |
//! |---|---|
//! | `gradient.rs` | [`grad`], [`value_and_grad`] |
//! | `jacobian.rs`, `nested.rs` | [`jacfwd`], [`jacrev`], [`hessian`]; a structure within the structure of results |
//! | `products.rs`, `linear.rs` | [`jvp`], [`vjp`], [`linearize`], [`hvp`]; the linear functions that two of them return |
//! | `by.rs`, `argument.rs` | what is differentiated by; arguments by their number |
//! | `returns.rs` | results that are differentiated, and others beside them |
//! | `subject.rs` | the function, traced, and what of it fits |
//! | `error.rs` | what is refused |
//!
//! All are functions as others are: they nest in each other and in `vmap`, in any order. Values that the function
//! captures are constants of the derivative that captures them, and are differentiated by the transforms around it.
//! The passes over graphs are [`crate::transform::differentiate`].

mod argument;
mod by;
mod error;
mod gradient;
mod jacobian;
mod linear;
mod nested;
mod products;
mod returns;
mod subject;

pub use argument::HasArgument;
pub use by::{AllArguments, Argument, By, Leaves};
pub use error::{Given, GradError};
pub use gradient::{Grad, ValueAndGrad, grad, value_and_grad};
pub use jacobian::{Hessian, Jacobian, hessian, jacfwd, jacrev};
pub use linear::LinearMap;
pub use nested::Nested;
pub use products::{
    Pullback, PullbackAndAux, TangentsAndAux, WithPullback, WithPushforward, WithTangents, hvp, jvp,
    jvp_with_aux, linearize, vjp, vjp_with_aux,
};
pub use returns::{Alone, Returns, WithAux};

use crate::front::trace::function::OutputTypes;
use crate::front::trace::var::Var;
use crate::front::tree::Tree;
use choral_ir::TensorType;

/// The results of `F` on arguments `A`, as values of the trace around it.
type Results<F, A> = <OutputTypes<F, <A as Tree<Var>>::With<Var>> as Tree<TensorType>>::With<Var>;

/// What a function takes, as a structure of types.
type Types<A> = <A as Tree<Var>>::With<TensorType>;
