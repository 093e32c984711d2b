//! How a graph runs on the CPU: one step per op, in order.
//!
//! Computed once: which values are read through views instead of being copied, and after which
//! step a value is no longer needed, so that its buffer can be overwritten. Must not live here:
//! the loops themselves ([`crate::cpu`]).

mod memory;

use std::collections::HashMap;
use std::convert::Infallible;

use choral_ir::op::{ShapeOp, WindowOp};
use choral_ir::{Graph, NodeId, NodeKind, Op, Storage, Tensor, TensorType, interpret};

use crate::cpu::elementwise::{self, Operand};
use crate::cpu::view::{self, View};
use crate::cpu::{convolution, cumulative, dot, extreme, reduce, window};
use crate::error::Error;
use crate::memory::Label;
use crate::ops::shape::filled;
use crate::ops::{self, bodies};

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
    /// The op on accumulators, of a fold that has some.
    wide: Option<Op>,
    /// Plans of the bodies that its definition has run.
    bodies: Vec<Plan>,
    sources: Vec<Source>,
    results: Vec<usize>,
    types: Vec<TensorType>,
}

/// Where a value is.
#[derive(Debug, Clone)]
struct Place {
    slot: usize,
    /// What reads it there, if it is not all that is there.
    view: Option<View>,
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
        let mut views = lazy_views(graph);
        let given = graph.inputs().len();
        let mut plan = Plan {
            steps: Vec::new(),
            inputs: (0..given).collect(),
            constants: Vec::new(),
            outputs: Vec::new(),
            slots: given,
        };
        let inputs = (0..given).map(|slot| Place { slot, view: None });
        let Ok(outputs) = interpret(graph, inputs, |id, node, operands| {
            Ok::<_, Infallible>(match (&node.kind, views.remove(&id)) {
                (NodeKind::Input, _) => Vec::new(),
                (NodeKind::Constant(tensor), _) => vec![plan.constant(tensor)],
                (NodeKind::Op(_), Some(view)) => vec![Place { slot: operands[0].slot, view: Some(view) }],
                (NodeKind::Op(op), None) => {
                    plan.step(op, Label::of(graph, id), &node.types, sources(graph, id, operands))
                }
            })
        });
        let labels = graph.outputs().iter().map(|port| {
            let ty = graph.ty(port.value).clone();
            Label { ty, ..Label::of(graph, port.value.node()) }
        });
        plan.outputs = outputs.into_iter().map(|place| place.slot).zip(labels).collect();
        plan.mark_last_reads();
        plan
    }

    /// A slot that nothing else has.
    fn slot(&mut self) -> Place {
        self.slots += 1;
        Place { slot: self.slots - 1, view: None }
    }

    fn constant(&mut self, tensor: &Tensor) -> Place {
        let place = self.slot();
        self.constants.push((place.slot, tensor.clone()));
        place
    }

    /// Appends a step, and says where its results will be.
    fn step(&mut self, op: &Op, label: Label, types: &[TensorType], sources: Vec<Source>) -> Vec<Place> {
        let wide = op.accumulating();
        let bodies = bodies(wide.as_ref().unwrap_or(op)).into_iter().map(Plan::of).collect();
        let results: Vec<Place> = types.iter().map(|_| self.slot()).collect();
        let slots = results.iter().map(|place| place.slot).collect();
        self.steps.push(Step {
            label,
            op: op.clone(),
            wide,
            bodies,
            sources,
            results: slots,
            types: types.to_vec(),
        });
        results
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

/// Broadcasts that only elementwise ops read: these read through the view.
fn lazy_views(graph: &Graph) -> HashMap<NodeId, View> {
    let mut views = HashMap::new();
    for (id, node) in graph.nodes() {
        if let NodeKind::Op(Op::Shape(op @ ShapeOp::BroadcastInDim(_))) = &node.kind {
            let operand = graph.operands(id)[0];
            views.extend(View::of(op, &graph.ty(operand).shape).map(|view| (id, view)));
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

/// Where a step finds its operands, which lie in these places.
fn sources(graph: &Graph, id: NodeId, places: Vec<Place>) -> Vec<Source> {
    let types = graph.operands(id).into_iter().map(|value| graph.ty(value).clone());
    places
        .into_iter()
        .zip(types)
        .map(|(Place { slot, view }, ty)| Source { slot, ty, view, last: false })
        .collect()
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
        if let Some(data) = self.fast(&dense.iter().collect::<Vec<_>>()) {
            return self.results(data);
        }
        let run = |body: usize, inputs: &[Tensor]| self.bodies[body].run(inputs);
        match &self.wide {
            Some(wide) => ops::accumulate(wide, &dense, &self.types, &run),
            None => ops::evaluate(&self.op, dense, &self.types, &run),
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
