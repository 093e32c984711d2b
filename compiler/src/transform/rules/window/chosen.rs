//! What windows choose: each finds an element of the operand by a comparator, and takes the element of another
//! tensor at that place. That is linear in the other tensor, and the transpose of `select_and_scatter`.

use choral_ir::op::{Binary, ComparisonDirection, Elementwise, ReduceWindow, SelectAndScatter, Unary};
use choral_ir::{BuildError, Builder, Comparator, DType, Graph, Reducer, Tensor, TensorType, Value};

/// Windows without dilations, and the comparator by which they choose.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) dimensions: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) padding: Vec<(i64, i64)>,
    pub(super) select: Comparator,
}

impl Choice {
    /// That of an op which scatters where it chooses.
    pub(super) fn of_scatter(op: &SelectAndScatter) -> Choice {
        Choice {
            dimensions: op.window_dimensions.clone(),
            strides: op.window_strides.clone(),
            padding: op.padding.clone(),
            select: op.select.clone(),
        }
    }

    /// That of a windowed fold which is one that [`Choice::gather`] makes, by a comparison.
    pub(super) fn of_fold(op: &ReduceWindow) -> Result<Option<Choice>, BuildError> {
        use ComparisonDirection::{Ge, Gt, Le, Lt};
        let Some(dtype) = op.body.graph().input_types().first().map(|ty| ty.dtype) else { return Ok(None) };
        for direction in [Ge, Le, Gt, Lt] {
            let select = compared(direction, dtype)?;
            if *op.body.graph() == body(&select, dtype)? {
                return Ok(Some(Choice {
                    dimensions: op.window_dimensions.clone(),
                    strides: op.window_strides.clone(),
                    padding: op.padding.clone(),
                    select,
                }));
            }
        }
        Ok(None)
    }

    /// Of each window the element of `other` where it chooses one of `operand`; 0 of a window of padding.
    ///
    /// A fold over triples: the element, the other one, and whether there is one at all, which an initial value
    /// and padding are not.
    pub(super) fn gather(
        &self,
        builder: &mut Builder,
        operand: Value,
        other: Value,
    ) -> Result<Value, BuildError> {
        let ty = builder.graph().ty(operand).clone();
        let ones = vec![1; ty.rank()];
        let op = ReduceWindow {
            window_dimensions: self.dimensions.clone(),
            window_strides: self.strides.clone(),
            base_dilations: ones.clone(),
            window_dilations: ones,
            padding: self.padding.clone(),
            body: body(&self.select, ty.dtype)?.into(),
        };
        let is_there = builder.splat(Tensor::scalar(true), ty.shape);
        let (zero, nothing) = (builder.full(0.0, ty.dtype, []), builder.full(0.0, DType::I1, []));
        let results = builder.push_all(op, &[operand, other, is_there, zero, zero, nothing])?;
        Ok(results[1])
    }

    /// The sums of what the windows give to the places that they choose.
    pub(super) fn scatter(
        &self,
        builder: &mut Builder,
        operand: Value,
        source: Value,
    ) -> Result<Value, BuildError> {
        let dtype = builder.graph().ty(operand).dtype;
        let op = SelectAndScatter {
            window_dimensions: self.dimensions.clone(),
            window_strides: self.strides.clone(),
            padding: self.padding.clone(),
            select: self.select.clone(),
            scatter: Graph::reducer(Binary::Add, dtype)?.into(),
        };
        let zero = builder.full(0.0, dtype, []);
        builder.push(op, &[operand, source, zero])
    }
}

/// The comparator that is one comparison.
pub(super) fn compared(direction: ComparisonDirection, dtype: DType) -> Result<Comparator, BuildError> {
    let mut builder = Builder::new("select");
    let [selected, other] = ["selected", "other"].map(|name| builder.input(name, TensorType::scalar(dtype)));
    let stays = builder.compare(direction, selected, other)?;
    Ok(builder.finish(&[stays]).into())
}

/// The one of two elements that a comparison with the second keeps.
pub(super) fn kept(direction: ComparisonDirection, dtype: DType) -> Result<Reducer, BuildError> {
    let mut builder = Builder::new("reducer");
    let [lhs, rhs] = ["lhs", "rhs"].map(|name| builder.input(name, TensorType::scalar(dtype)));
    let stays = builder.compare(direction, lhs, rhs)?;
    let result = builder.select(stays, lhs, rhs)?;
    Ok(builder.finish(&[result]).into())
}

/// Of two triples the one that stays selected.
fn body(select: &Comparator, dtype: DType) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("chosen");
    let mut triple = |names: [&str; 3]| {
        let [value, other, is_there] = names;
        let [value, other] = [value, other].map(|name| builder.input(name, TensorType::scalar(dtype)));
        (value, other, builder.input(is_there, TensorType::scalar(DType::I1)))
    };
    let (selected, selected_other, is_selected) = triple(["selected", "selected_other", "is_selected"]);
    let (next, next_other, is_next) = triple(["next", "next_other", "is_next"]);
    let wins = builder.inline(select.graph(), &[selected, next])?[0];
    let is_nothing = builder.unary(Unary::Not, is_next)?;
    let stays = builder.binary(Binary::Or, wins, is_nothing)?;
    let stays = builder.binary(Binary::And, stays, is_selected)?;
    let value = builder.push(Elementwise::Select, &[stays, selected, next])?;
    let other = builder.push(Elementwise::Select, &[stays, selected_other, next_other])?;
    let is_there = builder.binary(Binary::Or, is_selected, is_next)?;
    Ok(builder.finish(&[value, other, is_there]))
}
