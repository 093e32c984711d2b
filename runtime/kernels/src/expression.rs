//! Expressions: lists of steps that compute numbers from numbers, such as the bodies of comparators and of scatters.
//!
//! Must not live here: how they are computed ([`crate::cpu::scalar`]).

use crate::Number;
use crate::instruction::{Binary, Instruction};
use crate::rows::{Kind, Step};

/// An expression of some inputs.
///
/// Values have numbers: first the inputs, then what each step makes. Inputs and results are numbers in memory, which
/// are brought into registers and back: 16-bit floats are widened to `f32`, and rounded when they are kept. Steps
/// compute ([`Kind::Compute`]); they neither load nor fold.
#[derive(Debug, Clone, Default)]
pub struct Expression {
    /// The types of the inputs in memory.
    pub inputs: Vec<Number>,
    /// What is computed, each step from earlier values.
    pub steps: Vec<Step>,
    /// The number of the value that each result is, and its type in memory.
    pub results: Vec<(usize, Number)>,
}

impl Expression {
    /// An instruction of two numbers of a type.
    pub fn binary(op: Binary, number: Number) -> Expression {
        let kind = Kind::Compute { instruction: Instruction::Binary(op), operands: vec![0, 1] };
        let step = Step { kind, number: number.in_registers() };
        Expression { inputs: vec![number; 2], steps: vec![step], results: vec![(2, number)] }
    }
}
