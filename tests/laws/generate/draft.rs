//! A graph being built: where rows get their operands from.

use std::collections::HashSet;
use std::sync::Arc;

use choral::ir::{BuildError, Builder, Class, DType, Graph, NodeKind, Op, Tensor, TensorType, Value};

use super::{ROWS, Row};
use crate::choices::Choices;
use crate::inputs;

/// Values with more elements than this are not built upon.
const ELEMENTS: usize = 64;

/// A graph being built.
#[derive(Debug)]
pub(crate) struct Draft {
    /// What rows read.
    pub(crate) choices: Choices,
    pub(super) builder: Builder,
    /// Values that rows may read again; `None` where every operand is an input of its own.
    pool: Option<Vec<Value>>,
    /// Whether values that rows do not find are constants, and not inputs.
    is_closed: bool,
}

impl Draft {
    pub(crate) fn of_one_op(choices: Choices) -> Draft {
        let builder = Builder::new("main");
        Draft { choices, builder, pool: None, is_closed: false }
    }

    pub(crate) fn of_program(choices: Choices) -> Draft {
        Draft { pool: Some(Vec::new()), ..Draft::of_one_op(choices) }
    }

    /// A region of this draft on inputs of these types.
    pub(crate) fn region(
        &mut self,
        name: &str,
        types: &[TensorType],
        build: impl FnOnce(&mut Draft, Vec<Value>) -> Result<Vec<Value>, BuildError>,
    ) -> Result<Arc<Graph>, BuildError> {
        let mut inner = Draft::of_program(std::mem::take(&mut self.choices));
        inner.builder = Builder::new(name);
        inner.is_closed = true;
        let input = |(at, ty): (usize, &TensorType)| inner.builder.input(format!("v{at}"), ty.clone());
        let inputs: Vec<Value> = types.iter().enumerate().map(input).collect();
        inner.pool = Some(inputs.clone());
        let outputs = build(&mut inner, inputs);
        self.choices = inner.choices;
        Ok(Arc::new(inner.builder.finish(&outputs?)))
    }

    /// The results of any row's op.
    pub(crate) fn any_op(&mut self) -> Vec<Value> {
        let row = self.choices.pick(ROWS);
        self.add(&row)
    }

    /// Adds the row's op.
    #[track_caller]
    pub(crate) fn add(&mut self, row: &Row) -> Vec<Value> {
        let results = (row.push)(self).unwrap_or_else(|error| panic!("row {}: {error}", row.name));
        self.pool.iter_mut().for_each(|pool| pool.extend(&results));
        results
    }

    /// The graph with these outputs, inputs first as in text, and the choices that are left.
    pub(crate) fn finish(self, outputs: &[Value]) -> (Graph, Choices) {
        let graph = self.builder.finish(outputs);
        let mut builder = Builder::new(graph.name());
        let name = |value: Value| graph.node(value.node()).name.clone();
        let inputs: Vec<Value> = graph
            .inputs()
            .iter()
            .map(|port| builder.input(name(port.value), graph.ty(port.value).clone()))
            .collect();
        let outputs = builder.inline(&graph, &inputs).expect("a graph on its own input types");
        (builder.finish(&outputs), self.choices)
    }

    pub(crate) fn ty(&self, value: Value) -> TensorType {
        self.builder.graph().ty(value).clone()
    }

    pub(crate) fn types(&self, values: &[Value]) -> Vec<TensorType> {
        values.iter().map(|&value| self.ty(value)).collect()
    }

    pub(crate) fn push(&mut self, op: impl Into<Op>, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
        self.builder.push_all(op, operands)
    }

    /// The results that no op reads.
    pub(crate) fn unread(&self) -> Vec<Value> {
        let graph = self.builder.graph();
        let read: HashSet<Value> = graph.nodes().flat_map(|(id, _)| graph.operands(id)).collect();
        let ops = graph.nodes().filter(|(_, node)| matches!(node.kind, NodeKind::Op(_)));
        let results = ops.flat_map(|(id, node)| (0..node.types.len()).map(move |at| id.result(at)));
        results.filter(|value| !read.contains(value)).collect()
    }

    /// Any value made so far.
    pub(crate) fn some_value(&mut self) -> Option<Value> {
        let pool = self.pool.clone()?;
        (!pool.is_empty()).then(|| self.choices.pick(&pool))
    }

    /// A value of this type.
    pub(crate) fn operand(&mut self, ty: &TensorType) -> Value {
        self.reused(|candidate| candidate == ty).unwrap_or_else(|| self.fresh(ty.clone()))
    }

    /// A value of an element type of the class and at least this rank.
    pub(crate) fn any(&mut self, class: Class, rank: usize) -> Value {
        let fits = |ty: &TensorType| class.contains(ty.dtype) && (rank..=4).contains(&ty.rank());
        if let Some(value) = self.reused(fits) {
            return value;
        }
        let rank = self.choices.rank().max(rank);
        let shape = self.choices.shape(rank);
        let dtype = self.choices.dtype(class);
        self.fresh(TensorType::new(shape, dtype))
    }

    fn reused(&mut self, fits: impl Fn(&TensorType) -> bool) -> Option<Value> {
        let graph = self.builder.graph();
        let usable = |value: &Value| {
            let ty = graph.ty(*value);
            fits(ty) && ty.len() <= ELEMENTS
        };
        let candidates: Vec<Value> = self.pool.iter().flatten().copied().filter(usable).collect();
        (!candidates.is_empty() && !self.choices.once_in(4)).then(|| self.choices.pick(&candidates))
    }

    /// A new input; in programs at times a constant, in regions always.
    pub(crate) fn fresh(&mut self, ty: TensorType) -> Value {
        let value = match self.is_closed || self.pool.is_some() && self.choices.once_in(4) {
            true => self.constant(ty),
            false => {
                let name = format!("x{}", self.builder.graph().inputs().len());
                self.builder.input(name, ty)
            }
        };
        self.pool.iter_mut().for_each(|pool| pool.push(value));
        value
    }

    /// A value of this type; at times a scalar that is repeated, as text lets predicates of `select`
    /// and bounds of `clamp` be.
    pub(crate) fn operand_or_scalar(&mut self, ty: &TensorType) -> Result<Value, BuildError> {
        if !self.choices.once_in(4) {
            return Ok(self.operand(ty));
        }
        let scalar = self.scalar(ty.dtype);
        self.builder.broadcast_in_dim(scalar, ty.shape.clone(), Vec::new())
    }

    fn constant(&mut self, ty: TensorType) -> Value {
        let seed = u64::from(self.choices.any());
        if self.choices.once_in(2) {
            return self.builder.constant(inputs::tensor(&ty, seed, inputs::Values::Small));
        }
        let scalar: Tensor = inputs::tensor(&TensorType::scalar(ty.dtype), seed, inputs::Values::Small);
        self.builder.splat(scalar, ty.shape)
    }

    /// A scalar of the element type, as initial and padding values are.
    pub(crate) fn scalar(&mut self, dtype: DType) -> Value {
        self.operand(&TensorType::scalar(dtype))
    }
}
