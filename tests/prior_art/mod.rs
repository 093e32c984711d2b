//! What torch.func and JAX check, here too; and what they let pass, here an error.
//!
//! | module | about |
//! |---|---|
//! | `arguments` | `in_dims`: their structure, their range, how many members there are |
//! | `results` | `out_dims`; what all members share; no members, and one |
//! | `chunks` | a given number of members at a time |
//! | `stacking` | models that belong together, and state that is a model's |
//! | `normalisation` | batch normalisation and its running statistics |
//! | `members` | what members have of their own: keys, rows, starts, kernels, rounds; axes by name |
//! | `faults` | ops on traced values that do not fit |
//!
//! Some of their errors cannot happen here, because such programs do not compile:
//!
//! - dimensions that are no integers (also booleans), and modes that are none;
//! - arguments by keyword, and results that are neither tensors nor plain data;
//! - models of different types, parameters that are tied, and flags that ask for gradients;
//! - writing in place, `.item()` and `if` on a traced value;
//! - ops whose result has a shape that depends on numbers.

mod arguments;
mod chunks;
mod faults;
mod members;
mod normalisation;
mod results;
mod stacking;

use choral::error::CompilerError;
use choral::prelude::*;
use choral::{Error, IntoDims};

type TestResult = Result<(), Error>;

/// The message of what must be an error; that dims have a line in these tests is checked, and the
/// line then cut off.
#[track_caller]
fn message<T>(result: Result<T, impl Into<Error>>) -> String {
    match result.map_err(Into::into) {
        Ok(_) => panic!("expected an error"),
        Err(Error::Compiler(CompilerError::At { error, location })) => {
            assert!(location.to_string().starts_with("tests/prior_art"), "{error} at {location}");
            error.to_string()
        }
        Err(error) => error.to_string(),
    }
}

/// Random numbers, the same for the same shape.
fn numbers(shape: &[usize]) -> Tensor {
    Tensor::randn(shape, Key::new(3))
}

fn add((x, y): (Var, Var)) -> Var {
    x + y
}

/// Runs a sum of two arguments with these dims.
fn add_with(in_dims: impl IntoDims, x: &Tensor, y: &Tensor) -> Result<Tensor, Error> {
    vmap(add, in_dims).call((x, y))
}

/// Stacked parameters of a linear layer, five of them.
fn linears() -> Vec<Linear<Tensor>> {
    (0..5).map(|seed| Linear::init(3, 2, Key::new(seed))).collect()
}
