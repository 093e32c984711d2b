//! Branches and loops as kernels that run plans of their own, on pointers into the buffers around them.
//!
//! A carried value alternates between two buffers, and what a body hands on unchanged stays where it is; slices of
//! inputs and outputs are read and written where they lie. Must not live here: running them ([`super::run`]).

use choral_ir::graph::Value;
use choral_ir::op::{Case, ControlOp, If, Scan, While};
use choral_ir::{DType, Graph, NodeId, TensorType};
use choral_kernels::Access;

use super::build::{Boundary, Building};
use super::value::Source;
use super::{Home, Plan, Step, Task};
use crate::lower::number;
use crate::memory::Label;

/// One of several plans, chosen by a value.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    /// The buffer of the index, or of the truth value that chooses the first of two.
    pub index: usize,
    pub is_truth: bool,
    pub plans: Vec<Plan>,
    /// The buffers of operands and results.
    pub operands: Vec<usize>,
    pub results: Vec<usize>,
}

/// A plan that runs again and again.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    /// Runs before each round, of a loop that does not count.
    pub cond: Option<Condition>,
    pub body: Plan,
    /// Number of rounds of a loop that counts.
    pub length: usize,
    pub is_reverse: bool,
    /// What moves from round to round: slices that the body reads, and those that it writes.
    pub inputs: Vec<Slice>,
    pub outputs: Vec<Slice>,
    pub carried: Vec<Carried>,
    /// The buffers that every round reads.
    pub constants: Vec<usize>,
}

/// What decides whether a loop goes on.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub plan: Plan,
    /// The buffer of its result.
    pub holds: usize,
}

/// A buffer that a loop walks along, and how many bytes a round is from the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub buffer: usize,
    pub bytes: isize,
}

/// A value that rounds hand on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    /// The buffer of the result, which holds the initial value before.
    pub result: usize,
    /// The other place of a value that changes.
    pub spare: Option<usize>,
    pub bytes: usize,
}

impl Building<'_> {
    /// A kernel of a branch or a loop; false for what has none.
    pub(super) fn control(&mut self, op: &ControlOp, id: NodeId) -> bool {
        match op {
            ControlOp::If(If { true_branch, false_branch }) => {
                self.branch(id, &[true_branch, false_branch], true)
            }
            ControlOp::Case(Case { branches }) => {
                self.branch(id, &branches.iter().map(|branch| &**branch).collect::<Vec<_>>(), false)
            }
            ControlOp::While(op) => self.while_loop(id, op),
            ControlOp::Scan(op) => self.scan(id, op),
            ControlOp::Map(_) | ControlOp::OptimizationBarrier => return false,
        }
        true
    }

    fn branch(&mut self, id: NodeId, branches: &[&Graph], is_truth: bool) {
        let operands = self.graph.operands(id);
        let (index, at, _) = self.stored(operands[0]);
        let index = if at.offset == 0 { index } else { self.moved(operands[0]) };
        let (operands, inputs) = self.places(&operands[1..]);
        let results = self.results(id);
        let outputs: Vec<Access> =
            self.graph.node(id).types.iter().map(|ty| Access::dense(&ty.shape)).collect();
        let boundary = Boundary { inputs, outputs, before: None };
        let plans = branches.iter().map(|branch| Plan::of_body(branch, boundary.clone())).collect();
        let task = Task::Branch(Box::new(Branch { index, is_truth, plans, operands, results }));
        self.steps.push(Step { label: Label::of(self.graph, id), task });
    }

    fn while_loop(&mut self, id: NodeId, op: &While) {
        let operands = self.graph.operands(id);
        let dense =
            |types: &[TensorType]| types.iter().map(|ty| Access::dense(&ty.shape)).collect::<Vec<_>>();
        let types = &self.graph.node(id).types;
        let (inputs, outputs) = (dense(types), dense(types));
        let body =
            Plan::of_body(&op.body, Boundary { inputs: inputs.clone(), outputs, before: Some((0, 0)) });
        let holds = Boundary { inputs, outputs: vec![Access::dense(&[])], before: None };
        let plan = Plan::of_body(&op.cond, holds);
        let flag = self.add(TensorType::scalar(DType::I1), Home::Arena(0));
        let carried = self.carried(id, &operands, 0, &body);
        let cond = Some(Condition { plan, holds: flag });
        let kernel = Loop {
            cond,
            body,
            length: 0,
            is_reverse: false,
            inputs: Vec::new(),
            outputs: Vec::new(),
            carried,
            constants: Vec::new(),
        };
        self.steps.push(Step { label: Label::of(self.graph, id), task: Task::Loop(Box::new(kernel)) });
    }

    fn scan(&mut self, id: NodeId, op: &Scan) {
        let graph = self.graph;
        let operands = graph.operands(id);
        let (sliced, rest) = operands.split_at(op.inputs);
        let (initial, constants) = rest.split_at(op.carried);
        let (inputs, mut accesses) = self.slices(sliced, op.dimension);
        let types = &graph.node(id).types;
        let (stacked, carried_types) = types.split_at(op.outputs());
        accesses.extend(carried_types.iter().map(|ty| Access::dense(&ty.shape)));
        let (constants, of_constants) = self.places(constants);
        accesses.extend(of_constants);
        let mut outputs = Vec::with_capacity(types.len());
        let mut strides = Vec::with_capacity(stacked.len());
        for ty in stacked {
            let mut access = Access::dense(&ty.shape);
            let (_, stride) = access.dims.remove(op.dimension);
            strides.push(stride * number::of(ty.dtype).bytes() as isize);
            outputs.push(access);
        }
        outputs.extend(carried_types.iter().map(|ty| Access::dense(&ty.shape)));
        let body = Plan::of_body(
            &op.body,
            Boundary { inputs: accesses, outputs, before: Some((op.outputs(), op.inputs)) },
        );
        let stacks: Vec<usize> = (0..stacked.len()).map(|at| self.made(id.result(at))).collect();
        let carried = self.carried(id, initial, op.outputs(), &body);
        let outputs =
            stacks.into_iter().zip(strides).map(|(buffer, bytes)| Slice { buffer, bytes }).collect();
        let (length, is_reverse) = (op.length, op.is_reverse);
        let kernel = Loop { cond: None, body, length, is_reverse, inputs, outputs, carried, constants };
        self.steps.push(Step { label: Label::of(graph, id), task: Task::Loop(Box::new(kernel)) });
    }

    /// Where values lie: buffers, and accesses of their elements there.
    fn places(&mut self, values: &[Value]) -> (Vec<usize>, Vec<Access>) {
        values.iter().map(|&value| self.stored(value)).map(|(buffer, access, _)| (buffer, access)).unzip()
    }

    /// Where slices of values along a dimension lie.
    fn slices(&mut self, values: &[Value], dimension: usize) -> (Vec<Slice>, Vec<Access>) {
        let mut slice = |&value: &Value| {
            let (buffer, mut access, number) = self.stored(value);
            let (_, stride) = access.dims.remove(dimension);
            (Slice { buffer, bytes: stride * number.bytes() as isize }, access)
        };
        values.iter().map(&mut slice).unzip()
    }

    /// A value copied to a buffer of its own.
    fn moved(&mut self, value: Value) -> usize {
        let ty = self.graph.ty(value).clone();
        let to = Access::dense(&ty.shape);
        let buffer = self.add(ty, Home::Arena(0));
        self.copy(Label::of(self.graph, value.node()), value, None, (buffer, to));
        buffer
    }

    fn results(&mut self, id: NodeId) -> Vec<usize> {
        (0..self.graph.node(id).types.len()).map(|at| self.made(id.result(at))).collect()
    }

    /// The places of carried values, with the initial ones in them; results from number `first` on.
    fn carried(&mut self, id: NodeId, initial: &[Value], first: usize, body: &Plan) -> Vec<Carried> {
        let mut carried = Vec::with_capacity(initial.len());
        for (at, &value) in initial.iter().enumerate() {
            let result = self.made(id.result(first + at));
            let ty = self.graph.ty(value).clone();
            self.copy(Label::of(self.graph, id), value, None, (result, Access::dense(&ty.shape)));
            let bytes = ty.bytes();
            let spare = (!body.hands_on(first + at)).then(|| self.add(ty, Home::Arena(0)));
            carried.push(Carried { result, spare, bytes });
        }
        carried
    }
}

impl Plan {
    /// Whether a result is the input that it would be handed on to.
    pub(super) fn hands_on(&self, output: usize) -> bool {
        matches!(self.buffers[self.outputs[output].buffer].home, Home::Input(_))
    }
}

impl Source {
    /// Whether this is an input as it was given.
    pub(super) fn is_input(&self, input: Value, access: &Access) -> bool {
        matches!(self, Source::Made(value, own) if *value == input && own == access)
    }
}
