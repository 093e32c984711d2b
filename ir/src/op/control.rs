//! Ops that hold programs: branches, loops, and bodies applied along a dimension or to each element.
//!
//! Their regions capture nothing: what a branch or a body reads from outside is an operand. A
//! branch takes all operands after the first, a scan those after its carried values; a `while`
//! carries what it only reads, and returns it unchanged.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{TypeError, ensure, list};
use crate::{DType, Graph, TensorType};

/// An op of the family.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ControlOp {
    /// See [`If`].
    If(If),
    /// See [`Case`].
    Case(Case),
    /// See [`While`].
    While(While),
    /// See [`Scan`].
    Scan(Scan),
    /// See [`Map`].
    Map(Map),
    /// The operands as they are; a hint to compilers, which move nothing across it.
    OptimizationBarrier,
}

/// One of two branches, chosen by a predicate `i1`, on the remaining operands.
///
/// (C1) the predicate is a scalar `i1`, and each branch takes the remaining operands; (C2) both
/// return the same types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct If {
    /// What runs where the predicate holds.
    pub true_branch: Arc<Graph>,
    /// What runs where it does not.
    pub false_branch: Arc<Graph>,
}

/// One of several branches, chosen by an index `i32`, on the remaining operands; an index out of
/// range chooses the last.
///
/// (C1) there is a branch, the index is a scalar `i32`, and each branch takes the remaining
/// operands; (C2) all return the same types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Case {
    /// The branches, in order.
    pub branches: Vec<Arc<Graph>>,
}

/// Repeats the body on its own results, while the condition holds.
///
/// (C1) the condition takes the operands and returns a scalar `i1`; (C2) the body takes the
/// operands and returns values of their types.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct While {
    /// `(carried, ..) -> i1`.
    pub cond: Arc<Graph>,
    /// `(carried, ..) -> (carried, ..)`.
    pub body: Arc<Graph>,
}

/// A body applied to slice after slice of the inputs, handing carried values on: `jax.lax.scan`,
/// as `chlo.scan` spells it. Operands are the inputs, then the initial carried values, then constants,
/// which every round reads and none changes; results are the body's outputs stacked along the
/// dimension, then the last carried values.
///
/// A body that only adds or multiplies each slice and its carried value is a running fold: of `f16` and
/// `bf16` it accumulates in `f32`, and each result is rounded once, as in [`Reduce`](super::Reduce). A
/// body that does more carries what it says.
///
/// (C1) the dimension is one of every input, and of the scan's length; (C2) the body takes a slice of
/// each input, without the dimension, the carried values and the constants; (C3) it returns outputs
/// that can be stacked along the dimension, and the carried values.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scan {
    /// The dimension that is walked along.
    pub dimension: usize,
    /// Whether the last slice comes first; outputs stand where their slices stood.
    pub is_reverse: bool,
    /// Number of rounds: the size of every input along the dimension.
    pub length: usize,
    /// Number of inputs, which come first among the operands.
    pub inputs: usize,
    /// Number of carried values, which follow; the other operands are constants.
    pub carried: usize,
    /// `(slice, .., carried, .., constant, ..) -> (output, .., carried, ..)`.
    pub body: Arc<Graph>,
}

impl Scan {
    /// Number of results that are stacked; the carried values follow them.
    pub fn outputs(&self) -> usize {
        self.body.outputs().len() - self.carried
    }

    /// The slice of an input of this type.
    pub fn slice(&self, input: &TensorType) -> TensorType {
        let mut slice = input.clone();
        slice.shape.remove(self.dimension);
        slice
    }

    /// All slices of this type, stacked.
    pub fn stack(&self, slice: &TensorType) -> TensorType {
        let mut stack = slice.clone();
        stack.shape.insert(self.dimension, self.length);
        stack
    }
}

/// A body of scalars applied to the operands' elements at each place.
///
/// (C1) there is an operand, and all have one shape; (C4) the body takes one scalar of each and
/// returns one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Map {
    /// `(element, ..) -> element`, all scalars.
    pub computation: Arc<Graph>,
}

impl From<ControlOp> for crate::Op {
    fn from(op: ControlOp) -> crate::Op {
        crate::Op::Control(op)
    }
}

macro_rules! from_variants {
    ($($variant:ident),*) => {$(
        impl From<$variant> for crate::Op {
            fn from(op: $variant) -> crate::Op { ControlOp::$variant(op).into() }
        }
    )*};
}
from_variants!(If, Case, While, Scan, Map);

impl ControlOp {
    /// The name in StableHLO text.
    pub const fn name(&self) -> &'static str {
        match self {
            ControlOp::If(_) => "stablehlo.if",
            ControlOp::Case(_) => "stablehlo.case",
            ControlOp::While(_) => "stablehlo.while",
            ControlOp::Scan(_) => "chlo.scan",
            ControlOp::Map(_) => "stablehlo.map",
            ControlOp::OptimizationBarrier => "stablehlo.optimization_barrier",
        }
    }

    /// The graphs that the op holds.
    pub fn regions(&self) -> Vec<&Graph> {
        match self {
            ControlOp::If(If { true_branch, false_branch }) => vec![true_branch, false_branch],
            ControlOp::Case(Case { branches }) => branches.iter().map(|branch| &**branch).collect(),
            ControlOp::While(While { cond, body }) => vec![cond, body],
            ControlOp::Scan(Scan { body, .. }) => vec![body],
            ControlOp::Map(Map { computation }) => vec![computation],
            ControlOp::OptimizationBarrier => Vec::new(),
        }
    }
}

impl ControlOp {
    pub(super) fn regions_mut(&mut self) -> Vec<&mut Arc<Graph>> {
        match self {
            ControlOp::If(If { true_branch, false_branch }) => vec![true_branch, false_branch],
            ControlOp::Case(Case { branches }) => branches.iter_mut().collect(),
            ControlOp::While(While { cond, body }) => vec![cond, body],
            ControlOp::Scan(Scan { body, .. }) => vec![body],
            ControlOp::Map(Map { computation }) => vec![computation],
            ControlOp::OptimizationBarrier => Vec::new(),
        }
    }
}

/// Type rule of the family.
pub fn infer(op: &ControlOp, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    match op {
        ControlOp::If(If { true_branch, false_branch }) => {
            infer_branches(DType::I1, &[true_branch.clone(), false_branch.clone()], operands)
        }
        ControlOp::Case(Case { branches }) => infer_branches(DType::I32, branches, operands),
        ControlOp::While(op) => infer_while(op, operands),
        ControlOp::Scan(op) => infer_scan(op, operands),
        ControlOp::Map(op) => infer_map(op, operands),
        ControlOp::OptimizationBarrier => Ok(owned(operands)),
    }
}

fn owned(types: &[&TensorType]) -> Vec<TensorType> {
    types.iter().map(|&ty| ty.clone()).collect()
}

fn infer_branches(
    index: DType,
    branches: &[Arc<Graph>],
    operands: &[&TensorType],
) -> Result<Vec<TensorType>, TypeError> {
    let chosen_by = operands.first().copied();
    let scalar = TensorType::scalar(index);
    ensure!(chosen_by == Some(&scalar), "C1", "operand 0 must be {scalar}, because it chooses the branch");
    let Some(first) = branches.first() else {
        ensure!(false, "C1", "expected at least one branch");
        return Ok(Vec::new());
    };
    for (position, branch) in branches.iter().enumerate() {
        takes(&format!("branch {position}"), "C1", branch, &owned(&operands[1..]))?;
        returns(&format!("branch {position}"), "C2", branch, &first.output_types())?;
    }
    Ok(first.output_types())
}

fn takes(
    what: &str,
    constraint: &'static str,
    region: &Graph,
    types: &[TensorType],
) -> Result<(), TypeError> {
    let got = region.input_types();
    if got == types {
        return Ok(());
    }
    Err(TypeError { message: format!("{what} takes {}, expected {}", list(&got), list(types)), constraint })
}

fn returns(
    what: &str,
    constraint: &'static str,
    region: &Graph,
    types: &[TensorType],
) -> Result<(), TypeError> {
    let got = region.output_types();
    if got == types {
        return Ok(());
    }
    Err(TypeError { message: format!("{what} returns {}, expected {}", list(&got), list(types)), constraint })
}

fn infer_while(While { cond, body }: &While, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let carried = owned(operands);
    takes("the condition", "C1", cond, &carried)?;
    returns("the condition", "C1", cond, &[TensorType::scalar(DType::I1)])?;
    takes("the body", "C2", body, &carried)?;
    returns("the body", "C2", body, &carried)?;
    Ok(carried)
}

fn infer_scan(op: &Scan, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    let Scan { dimension, is_reverse: _, length, inputs, carried, body } = op;
    let constants = operands.len().checked_sub(*inputs).and_then(|rest| rest.checked_sub(*carried));
    let count = operands.len();
    ensure!(
        constants.is_some(),
        "C1",
        "expected {inputs} inputs and {carried} carried values, got {count} operands"
    );
    let (inputs, rest) = operands.split_at(*inputs);
    let mut taken = Vec::with_capacity(count);
    for (position, ty) in inputs.iter().enumerate() {
        ensure!(*dimension < ty.rank(), "C1", "operand {position}, {ty}, has no dimension {dimension}");
        let size = ty.shape[*dimension];
        ensure!(size == *length, "C1", "operand {position} has {size} slices, but the scan is {length} long");
        taken.push(op.slice(ty));
    }
    taken.extend(owned(rest));
    takes("the body", "C2", body, &taken)?;
    let mut results = body.output_types();
    let carried = &taken[inputs.len()..][..*carried];
    let outputs = results.len().checked_sub(carried.len());
    let hands_on = outputs.is_some_and(|outputs| results[outputs..] == *carried);
    let expected = list(carried);
    let walks = inputs.len() + outputs.unwrap_or_default() > 0;
    ensure!(walks || *dimension == 0, "C1", "dimension {dimension} is one of no input and no output");
    ensure!(isize::try_from(*length).is_ok(), "C1", "expected at most {} rounds, got {length}", isize::MAX);
    ensure!(hands_on, "C3", "the body returns {}, which does not end in {expected}", list(&results));
    for ty in &mut results[..outputs.unwrap_or_default()] {
        ensure!(*dimension <= ty.rank(), "C3", "{ty} cannot be stacked along dimension {dimension}");
        *ty = op.stack(ty);
    }
    Ok(results)
}

fn infer_map(Map { computation }: &Map, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    ensure!(!operands.is_empty(), "C1", "expected at least one operand");
    let first = operands[0];
    for (position, other) in operands.iter().enumerate() {
        ensure!(other.shape == first.shape, "C1", "operand {position} is {other}, but operand 0 is {first}");
    }
    let scalars: Vec<_> = operands.iter().map(|ty| TensorType::scalar(ty.dtype)).collect();
    takes("the body", "C4", computation, &scalars)?;
    let results = computation.output_types();
    ensure!(results.len() == 1 && results[0].rank() == 0, "C4", "the body returns {}", list(&results));
    Ok(vec![first.with_dtype(results[0].dtype)])
}
