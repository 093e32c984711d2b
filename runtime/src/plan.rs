//! How a graph runs on the CPU: one step per op, in order.
//!
//! Computed once: which values are read through views instead of being copied, and after which
//! step a value is no longer needed, so that its buffer can be overwritten. Must not live here:
//! the loops themselves ([`crate::cpu`]).

pub(crate) mod memory;
mod scratch;

use std::collections::HashMap;

use choral_ir::op::{ShapeOp, WindowOp};
use choral_ir::{Graph, NodeId, NodeKind, Op, Storage, Tensor, TensorType, Value};

use crate::cpu::elementwise::{self, Operand};
use crate::cpu::view::{self, View};
use crate::cpu::{convolution, cumulative, dot, extreme, reduce, window};
use crate::error::Error;
use crate::ops;
use crate::reference::filled;
use memory::Label;

/// The steps of a graph.
#[derive(Debug, Clone)]
pub struct Plan {
    steps: Vec<Step>,
    inputs: Vec<usize>,
    /// Constants by slot; splats stay scalars.
    constants: Vec<(usize, Tensor)>,
    outputs: Vec<(usize, Label)>,
    slots: usize,
}

/// One op.
#[derive(Debug, Clone)]
struct Step {
    /// What its first result is called.
    label: Label,
    op: Op,
    /// Whether it is a fold that accumulates in a wider type than its own ([`Op::accumulating`]).
    accumulates: bool,
    /// Plans of the regions of an op that runs them whole, on accumulators if it has some.
    regions: Vec<Plan>,
    sources: Vec<Source>,
    results: Vec<usize>,
    types: Vec<TensorType>,
}

/// Where a step finds an operand.
#[derive(Debug, Clone)]
struct Source {
    slot: usize,
    /// Type of the operand; a scalar in the slot stands for all of it.
    ty: TensorType,
    view: Option<View>,
    /// Whether this is the last read of the slot.
    last: bool,
}

impl Plan {
    /// The plan of a verified graph.
    pub fn of(graph: &Graph) -> Plan {
        let slots = slots(graph);
        let views = lazy_views(graph);
        let mut plan = Plan {
            steps: Vec::new(),
            inputs: graph.inputs().iter().map(|port| slots[&port.value]).collect(),
            constants: Vec::new(),
            outputs: graph.outputs().iter().map(|port| output(graph, &slots, port.value)).collect(),
            slots: slots.len(),
        };
        for (id, node) in graph.nodes() {
            match &node.kind {
                NodeKind::Input => {}
                NodeKind::Constant(tensor) => plan.constants.push((slots[&id.result(0)], tensor.clone())),
                NodeKind::Op(_) if views.contains_key(&id) => {}
                NodeKind::Op(op) => {
                    let source = |value: &Value| source(graph, &slots, &views, *value);
                    let sources = graph.operands(id).iter().map(source).collect();
                    let results = (0..node.types.len()).map(|result| slots[&id.result(result)]).collect();
                    let wide = op.accumulating();
                    let regions = region_plans(wide.as_ref().unwrap_or(op));
                    let (label, op, types) = (Label::of(graph, id), op.clone(), node.types.clone());
                    let accumulates = wide.is_some();
                    plan.steps.push(Step { label, op, accumulates, regions, sources, results, types });
                }
            }
        }
        plan.mark_last_reads();
        plan
    }

    /// Marks, from the end on, the first read met of every slot that is not an output.
    fn mark_last_reads(&mut self) {
        let mut read = vec![false; self.slots];
        self.outputs.iter().for_each(|(slot, _)| read[*slot] = true);
        for source in self.steps.iter_mut().rev().flat_map(|step| step.sources.iter_mut().rev()) {
            source.last = !std::mem::replace(&mut read[source.slot], true);
        }
    }

    /// Fails unless there are as many inputs as the graph has.
    fn check(&self, inputs: &[Tensor]) -> Result<(), Error> {
        if inputs.len() == self.inputs.len() {
            return Ok(());
        }
        let message = format!("{} inputs were given for {}", inputs.len(), self.inputs.len());
        Err(Error::internal("inputs", message))
    }

    /// The graph's outputs on inputs of its types.
    ///
    /// # Errors
    /// Those of user-defined ops; the one of a tensor that does not hold what its type says.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        self.check(inputs)?;
        let mut values: Vec<Option<Tensor>> = vec![None; self.slots];
        for (slot, tensor) in self.inputs.iter().zip(inputs) {
            values[*slot] = Some(tensor.clone());
        }
        for (slot, tensor) in &self.constants {
            values[*slot] = Some(tensor.clone());
        }
        for step in &self.steps {
            let operand = |source: &Source| {
                let operand = source.operand(&mut values);
                operand
                    .ok_or_else(|| Error::internal(&step.label.name, "an operand was not made, or is gone"))
            };
            let operands = step.sources.iter().map(operand).collect::<Result<_, _>>()?;
            let results = step.run(operands)?;
            step.check(&results)?;
            for (slot, result) in step.results.iter().zip(results) {
                values[*slot] = Some(result);
            }
        }
        let output = |(slot, label): &(usize, Label)| match &values[*slot] {
            Some(tensor) => filled(tensor, &label.ty),
            None => Err(Error::internal(&label.name, "a result was not made, or is gone")),
        };
        self.outputs.iter().map(output).collect()
    }
}

/// Where a result is, and what it is.
fn output(graph: &Graph, slots: &HashMap<Value, usize>, value: Value) -> (usize, Label) {
    (slots[&value], Label { ty: graph.ty(value).clone(), ..Label::of(graph, value.node()) })
}

fn region_plans(op: &Op) -> Vec<Plan> {
    match op {
        Op::Control(op) => op.regions().into_iter().map(Plan::of).collect(),
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Random(_)
        | Op::Collective(_)
        | Op::Custom(_) => Vec::new(),
    }
}

/// A number for every value.
fn slots(graph: &Graph) -> HashMap<Value, usize> {
    let results =
        graph.nodes().flat_map(|(id, node)| (0..node.types.len()).map(move |result| id.result(result)));
    results.enumerate().map(|(slot, value)| (value, slot)).collect()
}

/// Broadcasts that only elementwise ops read: these read through the view.
fn lazy_views(graph: &Graph) -> HashMap<NodeId, (Value, View)> {
    let mut views = HashMap::new();
    for (id, node) in graph.nodes() {
        if let NodeKind::Op(Op::Shape(op @ ShapeOp::BroadcastInDim(_))) = &node.kind {
            let operand = graph.operands(id)[0];
            views.extend(View::of(op, &graph.ty(operand).shape).map(|view| (id, (operand, view))));
        }
    }
    for (id, node) in graph.nodes() {
        if !matches!(&node.kind, NodeKind::Op(Op::Elementwise(_))) {
            graph.operands(id).iter().for_each(|operand| drop(views.remove(&operand.node())));
        }
    }
    graph.outputs().iter().for_each(|port| drop(views.remove(&port.value.node())));
    views
}

fn source(
    graph: &Graph,
    slots: &HashMap<Value, usize>,
    views: &HashMap<NodeId, (Value, View)>,
    value: Value,
) -> Source {
    let ty = graph.ty(value).clone();
    match views.get(&value.node()) {
        Some((operand, view)) => Source { slot: slots[operand], ty, view: Some(view.clone()), last: false },
        None => Source { slot: slots[&value], ty, view: None, last: false },
    }
}

impl Source {
    /// The operand; its slot gives the tensor away if this is the last read.
    fn operand(&self, values: &mut [Option<Tensor>]) -> Option<Operand> {
        let slot = &mut values[self.slot];
        let tensor = if self.last { slot.take() } else { slot.clone() }?;
        Some(match &self.view {
            _ if tensor.shape().is_empty() && !self.ty.shape.is_empty() => Operand::Scalar(tensor),
            Some(view) => Operand::Viewed(tensor, view.clone()),
            None => Operand::Dense(tensor),
        })
    }
}

impl Step {
    fn run(&self, operands: Vec<Operand>) -> Result<Vec<Tensor>, Error> {
        if let Op::Elementwise(op) = &self.op
            && elementwise::covers(op, &operands)
        {
            let data = elementwise::evaluate(op, operands, self.types[0].len());
            let refused = || Error::internal(&self.label.name, "a kernel declined operands that it supports");
            return self.results(vec![data.ok_or_else(refused)?]);
        }
        let dense: Vec<Tensor> = operands
            .into_iter()
            .zip(&self.sources)
            .map(|(operand, source)| whole(operand, &source.ty))
            .collect::<Result<_, _>>()?;
        if let Op::Control(op) = &self.op {
            let run = |region: usize, inputs: &[Tensor]| self.regions[region].run(inputs);
            let evaluate = |operands: Vec<Tensor>, types: &[TensorType]| {
                ops::control::evaluate_with(op, operands, types, &run)
            };
            return match self.accumulates {
                true => ops::accumulated(&dense.iter().collect::<Vec<_>>(), &self.types, evaluate),
                false => evaluate(dense, &self.types),
            };
        }
        let dense: Vec<&Tensor> = dense.iter().collect();
        match self.fast(&dense) {
            Some(data) => self.results(data),
            None => ops::evaluate(&self.op, &dense, &self.types),
        }
    }

    /// The elements of each result, where a kernel covers the op on these operands.
    fn fast(&self, operands: &[&Tensor]) -> Option<Vec<Storage>> {
        if let Op::Reduce(op) = &self.op
            && let Some(both) = extreme::evaluate(op, operands, &self.types)
        {
            return Some(both);
        }
        self.fast_single(operands).map(|data| vec![data])
    }

    fn fast_single(&self, operands: &[&Tensor]) -> Option<Storage> {
        let ty = &self.types[0];
        match &self.op {
            Op::Shape(op) => {
                let operand = operands.first()?;
                Some(view::copy(&View::of(op, operand.shape())?, operand))
            }
            Op::Dot(op) => dot::evaluate(op, operands[0], operands[1], ty),
            Op::Convolution(op) => convolution::evaluate(op, operands[0], operands[1], ty),
            Op::Reduce(op) => reduce::evaluate(op, operands, ty),
            Op::Window(WindowOp::ReduceWindow(op)) => {
                cumulative::evaluate(op, operands).or_else(|| window::evaluate(op, operands, ty))
            }
            Op::Window(WindowOp::SelectAndScatter(_))
            | Op::Elementwise(_)
            | Op::Index(_)
            | Op::Sort(_)
            | Op::Linalg(_)
            | Op::Control(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_) => None,
        }
    }

    fn results(&self, data: Vec<Storage>) -> Result<Vec<Tensor>, Error> {
        let result =
            |(data, ty): (Storage, &TensorType)| Ok(Tensor::from_storage(ty.shape.as_slice(), data)?);
        data.into_iter().zip(&self.types).map(result).collect()
    }

    /// Fails unless these are as many results as the op has.
    fn check(&self, results: &[Tensor]) -> Result<(), Error> {
        if results.len() == self.results.len() {
            return Ok(());
        }
        let message = format!("{} made {} results of {}", self.op.name(), results.len(), self.results.len());
        Err(Error::internal(&self.label.name, message))
    }
}

/// An operand as a dense tensor of its type.
fn whole(operand: Operand, ty: &TensorType) -> Result<Tensor, Error> {
    match operand {
        Operand::Dense(tensor) => Ok(tensor),
        Operand::Scalar(tensor) => filled(&tensor, ty),
        Operand::Viewed(tensor, view) => {
            Ok(Tensor::from_storage(ty.shape.as_slice(), view::copy(&view, &tensor))?)
        }
    }
}
