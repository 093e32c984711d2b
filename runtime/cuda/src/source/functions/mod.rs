//! Functions of floats as CUDA C++, with the bits of the loops on a processor.
//!
//! | module | holds |
//! |---|---|
//! | `recorded` | a number type that writes down what is done with it |
//! | `text` | what is written down, as statements |
//! | `called` | functions that loop and branch, which are written by hand: `wide.cu`, `gamma.cu`, `zeta.cu`, .. |
//!
//! [`Function`]s have one definition, in `choral_kernels::functions`: it runs here on numbers that record its operations, so
//! no coefficient and no order of operations is said twice. `real.cu` holds the few that take bits of floats apart. The
//! text asks nothing of a compiler but IEEE arithmetic: products and sums that it does not fuse by itself
//! (`--fmad=false`), exact division and square roots, and subnormal numbers. Must not live here: kernels.

mod called;
mod recorded;
mod text;

use choral_kernels::Number;
use choral_kernels::functions::{Definition, Function, FunctionOfTwo, Hardware};

pub use called::{Called, called};
use recorded::Recorded;
use text::{Exit, Name, recording};

/// What definitions refer to: it stands before them, once.
pub const PRELUDE: &str = include_str!("real.cu");

/// A function's definition as it stands in a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defined {
    /// The name that it is called by.
    pub name: String,
    /// The text, which refers to [`PRELUDE`] alone.
    pub source: String,
}

/// A function of one float of a type, as registers hold it.
pub fn definition(function: Function, number: Number) -> Defined {
    let name = format!("{function:?}");
    match number {
        Number::F64 => recording(&name, ["x"], |[x]| exit(function.definition::<Recorded<f64>, Hardware>(x))),
        _ => recording(&name, ["x"], |[x]| exit(function.definition::<Recorded<f32>, Hardware>(x))),
    }
}

/// A function of two floats of a type, as registers hold it.
pub fn definition_of_two(function: FunctionOfTwo, number: Number) -> Defined {
    let name = format!("{function:?}");
    let operands = ["x", "y"];
    match number {
        Number::F64 => {
            recording(&name, operands, |[x, y]| exit(function.definition::<Recorded<f64>, Hardware>(x, y)))
        }
        _ => recording(&name, operands, |[x, y]| exit(function.definition::<Recorded<f32>, Hardware>(x, y))),
    }
}

/// What is returned, and where.
fn exit<F: Name>(definition: Definition<Recorded<F>>) -> Exit
where
    Recorded<F>: choral_kernels::functions::Real<Truth = recorded::Condition>,
{
    Exit {
        usual: definition.usual.operand(),
        rare: definition.rare.map(|(condition, result)| (condition.operand(), result.operand())),
    }
}
