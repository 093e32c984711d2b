//! Rows of the ops that hold programs, and of the one that draws bits.

use std::sync::Arc;

use choral::ir::op::{
    Binary, Case, ComparisonDirection, ControlOp, If, Map, Reverse, RngAlgorithm, RngBitGenerator, Scan,
    Unary, While,
};
use choral::ir::{BuildError, Builder, Class, DType, Graph, TensorType, Value};

use super::Draft;
use crate::choices::Choices;

type Results = Result<Vec<Value>, BuildError>;

impl Draft {
    pub(crate) fn if_else(&mut self) -> Results {
        let captured = self.captured();
        let mut branches = self.branches(&captured, 2)?;
        let (Some(false_branch), Some(true_branch)) = (branches.pop(), branches.pop()) else {
            return Ok(Vec::new());
        };
        let pred = self.scalar(DType::I1);
        self.push(If { true_branch, false_branch }, &[vec![pred], captured].concat())
    }

    pub(crate) fn case(&mut self) -> Results {
        let captured = self.captured();
        let count = 1 + self.choices.below(3);
        let branches = self.branches(&captured, count)?;
        let index = self.scalar(DType::I32);
        self.push(Case { branches }, &[vec![index], captured].concat())
    }

    /// Values for branches to read.
    fn captured(&mut self) -> Vec<Value> {
        let count = 1 + self.choices.below(3);
        (0..count).map(|_| self.any(Class::Any, 0)).collect()
    }

    /// Branches that return values of the operands' types, from the operands of the same place.
    fn branches(&mut self, captured: &[Value], count: usize) -> Result<Vec<Arc<Graph>>, BuildError> {
        let types: Vec<TensorType> = captured.iter().map(|&value| self.ty(value)).collect();
        (0..count).map(|_| body("branch", &types, &mut self.choices).map(Arc::new)).collect()
    }

    /// At most three rounds: a counter runs to a limit, and other values change in each round.
    pub(crate) fn while_loop(&mut self) -> Results {
        let (start, limit) = (self.scalar(DType::I32), self.scalar(DType::I32));
        let mut carried = vec![start, limit];
        let count = 1 + self.choices.below(2);
        carried.extend((0..count).map(|_| self.any(Class::Any, 0)).collect::<Vec<_>>());
        let types: Vec<TensorType> = carried.iter().map(|&value| self.ty(value)).collect();
        let op = loop_over(&types, &mut self.choices)?;
        self.push(op, &carried)
    }

    pub(crate) fn scan(&mut self) -> Results {
        let x = self.any(Class::Number, 1);
        let mut ty = self.ty(x);
        let dimension = self.choices.below(ty.rank());
        ty.shape.remove(dimension);
        let carried = self.operand(&ty);
        let mut operands = vec![x, carried];
        if self.choices.once_in(2) {
            operands.push(self.any(Class::Any, 0));
        }
        let mut types: Vec<TensorType> = operands.iter().map(|&value| self.ty(value)).collect();
        types[0] = ty;
        let is_reverse = self.choices.once_in(2);
        let body = Arc::new(running_sum(&types, &mut self.choices)?);
        self.push(Scan { dimension, is_reverse, inputs: 1, body }, &operands)
    }

    pub(crate) fn map(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let computation = body("computation", &[TensorType::scalar(self.ty(x).dtype)], &mut self.choices)?;
        self.push(Map { computation: Arc::new(computation) }, &[x])
    }

    pub(crate) fn optimization_barrier(&mut self) -> Results {
        let operands = self.captured();
        self.push(ControlOp::OptimizationBarrier, &operands)
    }

    pub(crate) fn rng_bit_generator(&mut self) -> Results {
        self.bits_of_states(0)
    }

    pub(crate) fn rng_bit_generator_with_batching_dims(&mut self) -> Results {
        self.bits_of_states(1)
    }

    fn bits_of_states(&mut self, batching_dims: usize) -> Results {
        let algorithm = self.choices.pick(&RngAlgorithm::ALL);
        let words = if algorithm == RngAlgorithm::Philox { 2 + self.choices.below(2) } else { 2 };
        let batch = self.choices.shape(batching_dims);
        let state = self.operand(&TensorType::new([batch, vec![words]].concat(), DType::Ui64));
        let rank = self.choices.below(3);
        let shape = self.choices.shape(rank);
        let dtype = self.choices.pick(&[DType::Ui32, DType::Ui64, DType::I32, DType::Ui8]);
        self.push(RngBitGenerator { algorithm, batching_dims, shape, dtype }, &[state])
    }
}

/// A region that changes each of its inputs a little.
fn body(name: &str, types: &[TensorType], choices: &mut Choices) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(name);
    let inputs = inputs(&mut builder, types);
    let outputs: Result<Vec<Value>, BuildError> =
        inputs.iter().map(|&x| changed(&mut builder, x, choices)).collect();
    Ok(builder.finish(&outputs?))
}

fn inputs(builder: &mut Builder, types: &[TensorType]) -> Vec<Value> {
    types.iter().enumerate().map(|(at, ty)| builder.input(format!("v{at}"), ty.clone())).collect()
}

/// Another value of the type of `x`.
fn changed(builder: &mut Builder, x: Value, choices: &mut Choices) -> Result<Value, BuildError> {
    let TensorType { shape, dtype } = builder.graph().ty(x).clone();
    match choices.below(5) {
        0 => Ok(x),
        1 if dtype == DType::I1 => builder.unary(Unary::Not, x),
        1 => builder.binary(Binary::Add, x, x),
        2 if !shape.is_empty() => builder.push(Reverse { dims: vec![shape.len() - 1] }, &[x]),
        3 => changed_in_a_loop(builder, x, choices),
        _ => {
            let one = builder.full(1.0, dtype, shape);
            builder.binary(Binary::Minimum, x, one)
        }
    }
}

/// The value after up to three rounds of a loop.
fn changed_in_a_loop(builder: &mut Builder, x: Value, choices: &mut Choices) -> Result<Value, BuildError> {
    let scalar = TensorType::scalar(DType::I32);
    let op = loop_over(&[scalar.clone(), scalar, builder.graph().ty(x).clone()], choices)?;
    let start = builder.full(0.0, DType::I32, []);
    let limit = builder.full(choices.below(3) as f64, DType::I32, []);
    Ok(builder.push_all(op, &[start, limit, x])?[2])
}

/// A loop that carries a counter, a limit, and values that each round changes.
fn loop_over(types: &[TensorType], choices: &mut Choices) -> Result<While, BuildError> {
    let mut builder = Builder::new("cond");
    let carried = inputs(&mut builder, types);
    let three = builder.full(3.0, DType::I32, []);
    let limit = builder.binary(Binary::Minimum, carried[1], three)?;
    let below = builder.compare(ComparisonDirection::Lt, carried[0], limit)?;
    let cond = builder.finish(&[below]);
    let mut builder = Builder::new("body");
    let carried = inputs(&mut builder, types);
    let zero = builder.full(0.0, DType::I32, []);
    let from_zero = builder.binary(Binary::Maximum, carried[0], zero)?;
    let one = builder.full(1.0, DType::I32, []);
    let mut next = vec![builder.binary(Binary::Add, from_zero, one)?, carried[1]];
    for &value in &carried[2..] {
        // Loops within loops would grow without end.
        let changed = if choices.once_in(2) {
            value
        } else {
            let again = builder.graph().ty(value).clone();
            let one = builder.full(1.0, again.dtype, again.shape);
            builder.binary(Binary::Maximum, value, one)?
        };
        next.push(changed);
    }
    Ok(While { cond: Arc::new(cond), body: Arc::new(builder.finish(&next)) })
}

/// A body that adds each slice to the first carried value, and changes the others.
fn running_sum(types: &[TensorType], choices: &mut Choices) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("body");
    let inputs = inputs(&mut builder, types);
    let sum = builder.binary(Binary::Add, inputs[0], inputs[1])?;
    let output = changed(&mut builder, sum, choices)?;
    let mut outputs = vec![output, sum];
    for &carried in &inputs[2..] {
        outputs.push(changed(&mut builder, carried, choices)?);
    }
    Ok(builder.finish(&outputs))
}
