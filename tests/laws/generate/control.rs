//! Rows of the ops that hold programs, and of the one that draws bits.

use std::sync::Arc;

use choral::ir::op::{
    Binary, Case, ComparisonDirection, ControlOp, If, Map, Reverse, RngAlgorithm, RngBitGenerator, Scan,
    Unary, While,
};
use choral::ir::{BuildError, Builder, Class, DType, Graph, TensorType, Value};

use super::Draft;
use super::fold::HALVES;

type Results = Result<Vec<Value>, BuildError>;

impl Draft {
    pub(crate) fn if_else(&mut self) -> Results {
        let pred = self.scalar(DType::I1);
        let captured = self.captured();
        let (true_branch, false_branch) = (self.branch(&captured)?, self.branch(&captured)?);
        self.push(If { true_branch, false_branch }, &[vec![pred], captured].concat())
    }

    pub(crate) fn case(&mut self) -> Results {
        let index = self.scalar(DType::I32);
        let captured = self.captured();
        let count = 1 + self.choices.below(3);
        let branches = (0..count).map(|_| self.branch(&captured)).collect::<Result<_, _>>()?;
        self.push(Case { branches }, &[vec![index], captured].concat())
    }

    /// Values for branches to read.
    fn captured(&mut self) -> Vec<Value> {
        let count = 1 + self.choices.below(3);
        (0..count).map(|_| self.any(Class::Any, 0)).collect()
    }

    /// A branch that returns values of the operands' types.
    fn branch(&mut self, captured: &[Value]) -> Result<Arc<Graph>, BuildError> {
        let types = self.types(captured);
        self.region("branch", &types, |draft, values| draft.all_changed(&values))
    }

    /// At most three rounds: a counter runs to a limit, and other values change in each round.
    pub(crate) fn while_loop(&mut self) -> Results {
        let (start, limit) = (self.scalar(DType::I32), self.scalar(DType::I32));
        let mut carried = vec![start, limit];
        let count = self.choices.pick(&[1, 2, 3, 2, 1, 4, 5, 6]);
        carried.extend((0..count).map(|_| self.any(Class::Any, 0)).collect::<Vec<_>>());
        let op = self.loop_over(&self.types(&carried))?;
        self.push(op, &carried)
    }

    /// A loop that carries a counter, a limit, and values that each round changes.
    fn loop_over(&mut self, types: &[TensorType]) -> Result<While, BuildError> {
        let cond = self.region("cond", types, |draft, carried| {
            let three = draft.builder.full(3.0, DType::I32, []);
            let limit = draft.builder.binary(Binary::Minimum, carried[1], three)?;
            let below = draft.builder.compare(ComparisonDirection::Lt, carried[0], limit)?;
            let ends_early = draft.choices.once_in(4);
            let goes_on = if ends_early { draft.mixed_in(below)? } else { below };
            Ok(vec![draft.builder.binary(Binary::And, below, goes_on)?])
        })?;
        let body = self.region("body", types, |draft, carried| {
            let zero = draft.builder.full(0.0, DType::I32, []);
            let from_zero = draft.builder.binary(Binary::Maximum, carried[0], zero)?;
            let one = draft.builder.full(1.0, DType::I32, []);
            let counted = draft.builder.binary(Binary::Add, from_zero, one)?;
            let keeps_limit = !draft.choices.once_in(4);
            let limit = if keeps_limit { carried[1] } else { draft.changed(carried[1])? };
            Ok([vec![counted, limit], draft.all_changed(&carried[2..])?].concat())
        })?;
        Ok(While { cond, body })
    }

    /// Up to two inputs, carried values and constants; or just a running sum or product of 16-bit floats.
    pub(crate) fn scan(&mut self) -> Results {
        if self.choices.once_in(5) {
            return self.running_fold();
        }
        let x = self.any(Class::Number, 1);
        let mut slice = self.ty(x).clone();
        let dimension = self.choices.below(slice.rank());
        let length = slice.shape.remove(dimension);
        let inputs = match self.choices.below(4) {
            0 => Vec::new(),
            1 => vec![x, self.other_input(dimension, length)],
            _ => vec![x],
        };
        let others = |draft: &mut Self, count: usize| -> Vec<Value> {
            (0..count).map(|_| draft.any(Class::Any, 0)).collect()
        };
        let more = self.choices.below(2);
        let carried = [vec![self.operand(&slice)], others(self, more)].concat();
        let constants = match self.choices.below(3) {
            0 => Vec::new(),
            more => [vec![self.operand(&slice)], others(self, more - 1)].concat(),
        };
        let mut slices = self.types(&inputs);
        for ty in &mut slices {
            ty.shape.remove(dimension);
        }
        let types = [slices, self.types(&carried), self.types(&constants)];
        let body = self.scan_body(dimension, types)?;
        let is_reverse = self.choices.once_in(2);
        let operands = [inputs.as_slice(), &carried, &constants].concat();
        let (inputs, carried) = (inputs.len(), carried.len());
        self.push(Scan { dimension, is_reverse, length, inputs, carried, body }, &operands)
    }

    /// A value that has so many slices along a dimension.
    fn other_input(&mut self, dimension: usize, length: usize) -> Value {
        let rank = dimension + 1 + self.choices.below(4 - dimension);
        let mut shape = self.choices.shape(rank);
        shape[dimension] = length;
        let dtype = self.choices.dtype(Class::Any);
        self.operand(&TensorType::new(shape, dtype))
    }

    /// Along any dimension, from either end; what is handed out is the fold with each slice, before it,
    /// or both and the slice.
    fn running_fold(&mut self) -> Results {
        let dtype = self.choices.pick(&HALVES);
        let shape = self.long_shape(150);
        let dimension = self.choices.below(shape.len());
        let mut slice = TensorType::new(shape.clone(), dtype);
        slice.shape.remove(dimension);
        let mut builder = Builder::new("body");
        let [element, sofar] = ["element", "sofar"].map(|name| builder.input(name, slice.clone()));
        let (lhs, rhs) = self.choices.pick(&[(sofar, element), (element, sofar)]);
        let next = builder.binary(self.choices.pick(&[Binary::Add, Binary::Multiply]), lhs, rhs)?;
        let outputs = self.choices.pick(&[vec![next], vec![sofar], vec![next, sofar, element]]);
        let body = Arc::new(builder.finish(&[outputs, vec![next]].concat()));
        let operands = [self.fresh(TensorType::new(shape, dtype)), self.operand(&slice)];
        let is_reverse = self.choices.once_in(2);
        let length = self.ty(operands[0]).shape[dimension];
        self.push(Scan { dimension, is_reverse, length, inputs: 1, carried: 1, body }, &operands)
    }

    /// A body that adds each slice of the first input and the first constant to the first carried value,
    /// changes the other carried ones, and hands out the changed sum, other slices, and at times whatever
    /// else it makes.
    fn scan_body(&mut self, dimension: usize, types: [Vec<TensorType>; 3]) -> Result<Arc<Graph>, BuildError> {
        let [inputs, carried, _] = types.each_ref().map(Vec::len);
        self.region("body", &types.concat(), |draft, values| {
            let (slices, rest) = values.split_at(inputs);
            let (carried, constants) = rest.split_at(carried);
            let mut sum = carried[0];
            for &term in slices.first().into_iter().chain(constants.first()) {
                sum = draft.builder.binary(Binary::Add, sum, term)?;
            }
            let mut outputs = vec![draft.changed(sum)?];
            outputs.extend(draft.all_changed(slices.get(1..).unwrap_or_default())?);
            if draft.choices.once_in(3) {
                // Slices are put together along the same dimension, which is one of at most four.
                let made = draft.any_op();
                let stacks = |value: &Value| (dimension..4).contains(&draft.ty(*value).rank());
                outputs.extend(made.into_iter().filter(stacks));
            }
            outputs.push(sum);
            outputs.extend(draft.all_changed(&carried[1..])?);
            Ok(outputs)
        })
    }

    /// One operand or two.
    pub(crate) fn map(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let mut operands = vec![x];
        if self.choices.once_in(2) {
            let dtype = self.choices.dtype(Class::Any);
            operands.push(self.operand(&self.ty(x).with_dtype(dtype)));
        }
        let scalars: Vec<TensorType> =
            self.types(&operands).iter().map(|ty| TensorType::scalar(ty.dtype)).collect();
        let computation = self.region("computation", &scalars, |draft, values| {
            let step = draft.choices.below(3);
            let mut result = draft.stepped(values[0], step)?;
            for &other in &values[1..] {
                let other = draft.builder.convert(other, scalars[0].dtype)?;
                result = draft.builder.binary(Binary::Maximum, result, other)?;
            }
            Ok(vec![result])
        })?;
        self.push(Map { computation }, &operands)
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

    fn all_changed(&mut self, values: &[Value]) -> Results {
        values.iter().map(|&value| self.changed(value)).collect()
    }

    /// Another value of the type of `x`.
    fn changed(&mut self, x: Value) -> Result<Value, BuildError> {
        let rank = self.ty(x).rank();
        match self.choices.below(7) {
            step @ 0..=2 => self.stepped(x, step),
            3 => self.changed_in_a_loop(x),
            4 if rank > 0 => self.builder.push(Reverse { dims: vec![rank - 1] }, &[x]),
            5 if rank > 1 => {
                let permutation: Vec<usize> = (0..rank).rev().collect();
                let turned = self.builder.transpose(x, permutation.clone())?;
                let changed = self.changed(turned)?;
                self.builder.transpose(changed, permutation)
            }
            _ => self.mixed_in(x),
        }
    }

    /// A value of the type of `x` by an op on elements.
    fn stepped(&mut self, x: Value, step: usize) -> Result<Value, BuildError> {
        let TensorType { shape, dtype } = self.ty(x);
        match step {
            0 => Ok(x),
            1 if dtype == DType::I1 => self.builder.unary(Unary::Not, x),
            1 => self.builder.binary(Binary::Add, x, x),
            _ => {
                let one = self.builder.full(1.0, dtype, shape);
                self.builder.binary(Binary::Minimum, x, one)
            }
        }
    }

    /// `x` and the largest element of what any op makes.
    fn mixed_in(&mut self, x: Value) -> Result<Value, BuildError> {
        let TensorType { shape, dtype } = self.ty(x);
        let other = self.any_op()[0];
        let ty = self.ty(other);
        let zero = self.builder.full(0.0, ty.dtype, []);
        let largest = self.builder.reduce(other, zero, (0..ty.rank()).collect(), Binary::Maximum)?;
        let largest = self.builder.convert(largest, dtype)?;
        let largest = self.builder.broadcast_in_dim(largest, shape, Vec::new())?;
        self.builder.binary(Binary::Maximum, x, largest)
    }

    /// The value after up to three rounds of a loop.
    fn changed_in_a_loop(&mut self, x: Value) -> Result<Value, BuildError> {
        let scalar = TensorType::scalar(DType::I32);
        let op = self.loop_over(&[scalar.clone(), scalar, self.ty(x)])?;
        let start = self.builder.full(0.0, DType::I32, []);
        let limit = self.builder.full(self.choices.below(3) as f64, DType::I32, []);
        Ok(self.push(op, &[start, limit, x])?[2])
    }
}
