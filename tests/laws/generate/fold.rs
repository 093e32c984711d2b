//! Rows of the ops that fold.

use choral::ir::op::{self, Binary, ComparisonDirection, Op, Reduce, ReduceWindow, SelectAndScatter};
use choral::ir::{BuildError, Builder, Class, DType, Extreme, Graph, Reducer, TensorType, Value};

use super::Draft;

type Results = Result<Vec<Value>, BuildError>;

/// The element types whose sums accumulate in another one.
pub(crate) const HALVES: [DType; 2] = [DType::Bf16, DType::F16];

/// What is folded, and how.
struct Fold {
    inputs: Vec<Value>,
    body: Reducer,
}

impl Draft {
    pub(crate) fn reduce(&mut self) -> Results {
        let Fold { inputs, body } = self.fold(1100)?;
        let dimensions = self.choices.permutation(self.ty(inputs[0]).rank());
        let count = self.choices.below(dimensions.len() + 1);
        let dimensions = dimensions[..count].to_vec();
        let kept = |(dim, size): (usize, &usize)| (!dimensions.contains(&dim)).then_some(*size);
        let result = self.ty(inputs[0]).shape.iter().enumerate().filter_map(kept).collect();
        let operands = self.with_initial_values(inputs, result);
        self.push(Reduce { dimensions, body }, &operands)
    }

    pub(crate) fn reduce_window(&mut self) -> Results {
        let Fold { inputs, body } = self.fold(150)?;
        let shape = self.ty(inputs[0]).shape;
        let rank = shape.len();
        let choices = &mut self.choices;
        let mut upto = |most: usize| -> Vec<usize> { (0..rank).map(|_| 1 + choices.below(most)).collect() };
        let mut op = ReduceWindow {
            window_dimensions: upto(3),
            window_strides: upto(2),
            base_dilations: upto(2),
            window_dilations: upto(2),
            padding: (0..rank).map(|_| (choices.between(-1, 2), choices.between(-1, 2))).collect(),
            body,
        };
        if rank > 0 && self.choices.once_in(3) {
            op = running(op, &shape, self.choices.below(rank), self.choices.once_in(2));
        }
        let operands = self.with_initial_values(inputs, op.result_shape(&shape).expect("few windows"));
        self.push(op, &operands)
    }

    pub(crate) fn select_and_scatter(&mut self) -> Results {
        let operand = self.any(Class::Number, 0);
        let TensorType { shape, dtype } = self.ty(operand);
        let direction = self.choices.pick(&[
            ComparisonDirection::Ge,
            ComparisonDirection::Gt,
            ComparisonDirection::Le,
            ComparisonDirection::Lt,
        ]);
        let folding = self.choices.pick(&[Binary::Add, Binary::Maximum, Binary::Minimum, Binary::Multiply]);
        let choices = &mut self.choices;
        let mut upto =
            |most: usize| -> Vec<usize> { shape.iter().map(|_| 1 + choices.below(most)).collect() };
        let op = SelectAndScatter {
            window_dimensions: upto(3),
            window_strides: upto(2),
            padding: shape.iter().map(|_| (choices.between(-1, 1), choices.between(-1, 1))).collect(),
            select: comparison(direction, dtype)?.into(),
            scatter: Graph::reducer(folding, dtype)?.into(),
        };
        let source = self.operand(&TensorType::new(op.source_shape(&shape).expect("few windows"), dtype));
        let operands = self.with_initial_values(vec![operand], shape);
        self.push(op, &[operands[0], source, operands[1]])
    }

    /// A single op on one input in most cases, at times on `long` lines of 16-bit floats; else a body of
    /// several ops, or of several inputs.
    fn fold(&mut self, long: usize) -> Result<Fold, BuildError> {
        match self.choices.pick(&[0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3]) {
            0 => {
                let x = self.any(Class::Any, 0);
                let dtype = self.ty(x).dtype;
                let folding = [
                    Binary::Add,
                    Binary::Multiply,
                    Binary::Maximum,
                    Binary::Minimum,
                    Binary::And,
                    Binary::Or,
                    Binary::Xor,
                ];
                let fitting: Vec<Binary> =
                    folding.into_iter().filter(|op| op.class().contains(dtype)).collect();
                let body = Graph::reducer(self.choices.pick(&fitting), dtype)?;
                Ok(Fold { inputs: vec![x], body: body.into() })
            }
            1 => {
                let x = self.any(Class::Number, 0);
                Ok(Fold { inputs: vec![x], body: sum_of_squares(self.ty(x).dtype)?.into() })
            }
            2 => {
                let dtype = self.choices.pick(&HALVES);
                let shape = self.long_shape(long);
                let x = self.fresh(TensorType::new(shape, dtype));
                let body = Graph::reducer(self.choices.pick(&[Binary::Add, Binary::Multiply]), dtype)?;
                Ok(Fold { inputs: vec![x], body: body.into() })
            }
            _ => {
                let x = self.any(Class::Number, 0);
                let places = self.operand(&self.ty(x).with_dtype(DType::I32));
                let dtype = self.ty(x).dtype;
                let body = match self.choices.pick(&[None, Some(Extreme::Greatest), Some(Extreme::Least)]) {
                    None => greatest(dtype)?,
                    Some(extreme) => Graph::extreme(extreme, dtype, DType::I32)?,
                };
                Ok(Fold { inputs: vec![x, places], body: body.into() })
            }
        }
    }

    /// One dimension or two, one of them so long that a sum in `bf16` is too coarse for what is added
    /// last, and if it is above 1000 a sum in `f16`, too.
    pub(crate) fn long_shape(&mut self, long: usize) -> Vec<usize> {
        self.choices.pick(&[vec![long], vec![2, long], vec![long, 2]])
    }

    /// Initial values are scalars in most cases; else there is one per result element.
    fn with_initial_values(&mut self, mut operands: Vec<Value>, result: Vec<usize>) -> Vec<Value> {
        for x in operands.clone() {
            let scalar = TensorType::scalar(self.ty(x).dtype);
            let ty = if self.choices.once_in(4) { scalar.with_shape(result.clone()) } else { scalar };
            operands.push(self.operand(&ty));
        }
        operands
    }
}

/// The op with windows that end, or start, at each place of a dimension: a running fold.
fn running(op: ReduceWindow, shape: &[usize], dim: usize, from_end: bool) -> ReduceWindow {
    let ones = vec![1; shape.len()];
    let (mut window_dimensions, mut padding) = (ones.clone(), vec![(0, 0); shape.len()]);
    window_dimensions[dim] = shape[dim].max(1);
    let reach = window_dimensions[dim] as i64 - 1;
    padding[dim] = if from_end { (0, reach) } else { (reach, 0) };
    let (window_strides, base_dilations) = (ones.clone(), ones.clone());
    ReduceWindow { window_dimensions, window_strides, base_dilations, window_dilations: ones, padding, ..op }
}

/// Whether the selected element stays: it is at least another, or above, at most or below it.
fn comparison(direction: ComparisonDirection, dtype: DType) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("select");
    let selected = builder.input("selected", TensorType::scalar(dtype));
    let other = builder.input("other", TensorType::scalar(dtype));
    let stays = builder.compare(direction, selected, other)?;
    Ok(builder.finish(&[stays]))
}

/// `sofar + x * x`.
fn sum_of_squares(dtype: DType) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("sum_of_squares");
    let sofar = builder.input("sofar", TensorType::scalar(dtype));
    let x = builder.input("x", TensorType::scalar(dtype));
    let square = builder.binary(Binary::Multiply, x, x)?;
    let sum = builder.binary(Binary::Add, sofar, square)?;
    Ok(builder.finish(&[sum]))
}

/// The greater value and its place; the first one of equals.
fn greatest(dtype: DType) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("greatest");
    let (value, place) = (TensorType::scalar(dtype), TensorType::scalar(DType::I32));
    let best = builder.input("best", value.clone());
    let best_place = builder.input("best_place", place.clone());
    let x = builder.input("x", value);
    let x_place = builder.input("x_place", place);
    let keep = builder.compare(ComparisonDirection::Ge, best, x)?;
    let value = builder.select(keep, best, x)?;
    let place = builder.push(Op::from(op::Elementwise::Select), &[keep, best_place, x_place])?;
    Ok(builder.finish(&[value, place]))
}
