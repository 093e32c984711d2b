//! Branches and loops: plans of their own, which run on pointers into the buffers around them.
//!
//! A carried value begins where its initial value lies and alternates between two buffers; what a body hands on unchanged
//! stays where it is; slices of inputs and outputs are read and written where they lie. What bodies work in is part of the
//! arena around them. Must not live here: running them ([`super::run`]).

use choral_ir::graph::{Node, Value};
use choral_ir::op::{Case, ControlOp, If, IndexOp, Scan, While};
use choral_ir::{DType, Graph, NodeId, NodeKind, Op, TensorType};
use choral_kernels::Access;
use choral_kernels::arena::LINE;
use fixedbitset::FixedBitSet;

use super::build::{Boundary, Building, Given, HandedOn, Rounds};
use super::strips::Strips;
use super::{Buffer, Home, Plan, Step, Task};
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
    /// The buffer that the plans work in.
    pub room: usize,
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
    /// What each input of the body reads, and where each of its results goes.
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    pub carried: Vec<Carried>,
    /// The buffer that the plans work in; of a loop in strips, one part for each seat.
    pub room: usize,
}

impl Loop {
    /// How it runs in strips.
    pub(super) fn strips(&self) -> Option<&Strips> {
        self.body.strips.as_ref()
    }

    /// How many of these threads run strips of it at once.
    pub(super) fn seats(&self, threads: usize) -> usize {
        self.strips().map_or(1, |strips| strips.seats(threads))
    }
}

/// What decides whether a loop goes on.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub plan: Plan,
    /// The buffer of its result.
    pub holds: usize,
}

/// An input or a result of a body.
#[derive(Debug, Clone, Copy)]
pub(super) enum Port {
    /// A slice of a buffer, so many bytes further on in the next round.
    Slice { buffer: usize, bytes: isize },
    /// The carried value of this number.
    Carried(usize),
    /// The same buffer in every round.
    Constant(usize),
}

/// A value that rounds hand on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    /// Where the initial value lies: a buffer, and bytes from its start.
    pub initial: (usize, isize),
    /// The buffer of the result, and the other one that rounds write.
    pub result: usize,
    pub spare: usize,
    /// Bytes of what one strip has, and bytes from it to the next in the initial value and in the others.
    pub bytes: usize,
    pub steps: [usize; 2],
}

/// The buffers of a value that rounds hand on.
impl Carried {
    pub(super) fn buffers(self) -> [usize; 3] {
        [self.initial.0, self.result, self.spare]
    }
}

/// For each value that a body carries, whether it hands it on as it is; outputs from number `first` on are those of inputs
/// from number `start` on.
pub(super) fn handed_on(body: &Graph, first: usize, start: usize, count: usize) -> Vec<bool> {
    let pair = |at: usize| body.outputs()[first + at].value == body.inputs()[start + at].value;
    (0..count).map(pair).collect()
}

impl Building<'_> {
    /// A branch or a loop; false for what is none.
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
        let types = &self.graph.node(id).types;
        let results = (0..types.len()).map(|at| self.made(id.result(at))).collect();
        let outputs = types.iter().map(|ty| Some(Access::dense(&ty.shape))).collect();
        let boundary = Boundary { kinds: vec![Given::Moving; inputs.len()], inputs, outputs, rounds: None };
        let plans: Vec<Plan> =
            branches.iter().map(|branch| Plan::of_body(branch, boundary.clone(), &self.setting)).collect();
        let room = self.room(&plans.iter().collect::<Vec<_>>(), 1);
        let task = Task::Branch(Box::new(Branch { index, is_truth, plans, operands, results, room }));
        self.steps.push(Step { label: Label::of(self.graph, id), task });
    }

    fn while_loop(&mut self, id: NodeId, op: &While) {
        let operands = self.graph.operands(id);
        let mut values = Values::default();
        let changes = |at: usize| Change::of(&op.body, at, at);
        for (at, &value) in operands.iter().enumerate() {
            self.carry(&mut values, (id, at), value, changes(at), None);
        }
        let Values { mut inputs, accesses, kinds, outputs, places, carried, .. } = values;
        let holds = vec![Some(Access::dense(&[]))];
        let moving = vec![Given::Moving; accesses.len()];
        let boundary = Boundary { inputs: accesses.clone(), kinds: moving, outputs: holds, rounds: None };
        let plan = Plan::of_body(&op.cond, boundary, &self.setting);
        let holds = self.add(TensorType::scalar(DType::I1), Home::Arena(0));
        self.buffers[holds].name = "whether it goes on".to_owned();
        let boundary = Boundary { inputs: accesses, kinds, outputs: places, rounds: None };
        let body = Plan::of_body(&op.body, boundary, &self.setting);
        self.add_packs(id, &body, &mut inputs);
        let room = self.room(&[&body, &plan], 1);
        let cond = Some(Condition { plan, holds });
        let looped = Loop { cond, body, length: 0, is_reverse: false, inputs, outputs, carried, room };
        self.steps.push(Step { label: Label::of(self.graph, id), task: Task::Loop(Box::new(looped)) });
    }

    fn scan(&mut self, id: NodeId, op: &Scan) {
        let graph = self.graph;
        let operands = graph.operands(id);
        let (sliced, rest) = operands.split_at(op.inputs);
        let (initial, constants) = rest.split_at(op.carried);
        let mut values = Values::default();
        for &value in sliced {
            let (buffer, mut access, number) = self.stored(value);
            let (_, stride) = access.dims.remove(op.dimension);
            values.inputs.push(Port::Slice { buffer, bytes: stride * number.bytes() as isize });
            values.accesses.push(access);
            values.kinds.push(Given::Moving);
        }
        for (at, ty) in graph.node(id).types[..op.outputs()].iter().enumerate() {
            let mut access = Access::dense(&ty.shape);
            let (_, stride) = access.dims.remove(op.dimension);
            let bytes = stride * number::of(ty.dtype).bytes() as isize;
            values.outputs.push(Port::Slice { buffer: self.made(id.result(at)), bytes });
            values.places.push(Some(access));
        }
        for (at, &value) in initial.iter().enumerate() {
            let change = Change::of(&op.body, op.outputs() + at, op.inputs + at);
            self.carry(&mut values, (id, op.outputs() + at), value, change, Some(op.length));
        }
        let (buffers, of_constants) = self.places(constants);
        values.kinds.extend(buffers.iter().map(|_| Given::Constant));
        values.inputs.extend(buffers.into_iter().map(Port::Constant));
        values.accesses.extend(of_constants);
        let Values { mut inputs, accesses, kinds, outputs, places, mut carried, handed_on } = values;
        let (length, is_reverse) = (op.length, op.is_reverse);
        let rounds = Some(Rounds { length, carried: handed_on });
        let boundary = Boundary { inputs: accesses, kinds, outputs: places, rounds };
        let body = Plan::of_body(&op.body, boundary, &self.setting);
        self.add_packs(id, &body, &mut inputs);
        if let Some(strips) = &body.strips {
            self.carry_in_strips(strips, &mut carried);
        }
        let seats = body.strips.as_ref().map_or(1, |strips| strips.seats(self.setting.threads()));
        let room = self.room(&[&body], seats);
        let looped = Loop { cond: None, body, length, is_reverse, inputs, outputs, carried, room };
        self.steps.push(Step { label: Label::of(graph, id), task: Task::Loop(Box::new(looped)) });
    }

    /// An input and a result of a body that carries a value, as the result of a node of this number, through so many
    /// rounds if that is known. What is handed on unchanged is read where it lies, and its result is no other value.
    fn carry(
        &mut self,
        values: &mut Values,
        (id, result): (NodeId, usize),
        value: Value,
        change: Change,
        rounds: Option<usize>,
    ) {
        let (mut buffer, access, number) = self.stored(value);
        if change == Change::None {
            values.inputs.push(Port::Constant(buffer));
            values.accesses.push(access);
            values.kinds.push(Given::Constant);
            values.places.push(None);
            return;
        }
        let ty = self.graph.ty(value).clone();
        let dense = Access::dense(&ty.shape);
        let port = Port::Carried(values.carried.len());
        values.inputs.push(port);
        values.accesses.push(dense.clone());
        values.outputs.push(port);
        values.places.push(Some(dense.clone()));
        let (made, bytes, steps) = (self.made(id.result(result)), ty.bytes(), [0; 2]);
        values.handed_on.push(HandedOn {
            input: values.inputs.len() - 1,
            output: values.outputs.len() - 1,
            is_forgotten: change == Change::Any && !self.is_used(id.result(result)),
        });
        if change == Change::Update {
            values.kinds.push(Given::Updated);
            self.copy(Label::of(self.graph, id), value, None, (made, dense));
            values.carried.push(Carried { initial: (made, 0), result: made, spare: made, bytes, steps });
            return;
        }
        values.kinds.push(Given::Moving);
        let mut offset = access.offset * number.bytes() as isize;
        if !access.is_dense() {
            (buffer, offset) = (self.moved(value), 0);
        }
        let spare = if rounds.is_some_and(|rounds| rounds < 2) { made } else { self.in_turns_with(made) };
        values.carried.push(Carried { initial: (buffer, offset), result: made, spare, bytes, steps });
    }

    /// Gives each strip its part of what rounds hand on, or a copy of its own.
    fn carry_in_strips(&mut self, strips: &Strips, carried: &mut [Carried]) {
        for (carried, &repeats) in carried.iter_mut().zip(&strips.repeats) {
            if !repeats {
                carried.bytes /= strips.count;
                carried.steps = [carried.bytes; 2];
                continue;
            }
            carried.steps = [0, carried.bytes.next_multiple_of(LINE)];
            for buffer in [carried.result, carried.spare] {
                self.buffers[buffer].ty = TensorType::new([strips.count * carried.steps[1]], DType::Ui8);
            }
        }
    }

    /// The other buffer of a carried value that rounds write in turns.
    fn in_turns_with(&mut self, made: usize) -> usize {
        let Buffer { name, ty, .. } = self.buffers[made].clone();
        let spare = self.add(ty, Home::Arena(0));
        self.buffers[spare].name = format!("{name} in turns");
        spare
    }

    /// Packs what a body asks for, as more of its inputs.
    fn add_packs(&mut self, id: NodeId, body: &Plan, inputs: &mut Vec<Port>) {
        let constant = |input: usize| match inputs[input] {
            Port::Constant(buffer) => Some(buffer),
            Port::Slice { .. } | Port::Carried(_) => None,
        };
        let packs = self.packs_of(&Label::of(self.graph, id), body, constant);
        inputs.extend(packs.into_iter().map(Port::Constant));
    }

    /// Where values lie: buffers, and accesses of their elements there.
    fn places(&mut self, values: &[Value]) -> (Vec<usize>, Vec<Access>) {
        values.iter().map(|&value| self.stored(value)).map(|(buffer, access, _)| (buffer, access)).unzip()
    }

    /// A value copied to a buffer of its own.
    fn moved(&mut self, value: Value) -> usize {
        let ty = self.graph.ty(value).clone();
        let to = Access::dense(&ty.shape);
        let buffer = self.add(ty, Home::Arena(0));
        self.buffers[buffer].name = format!("%{} copied", self.graph.node(value.node()).name);
        self.copy(Label::of(self.graph, value.node()), value, None, (buffer, to));
        buffer
    }

    /// A buffer that the largest of these plans can work in, in so many places at once.
    fn room(&mut self, plans: &[&Plan], seats: usize) -> usize {
        let bytes = plans.iter().map(|plan| plan.arena.0).max().unwrap_or(0) * seats;
        let room = self.add(TensorType::new([bytes], DType::Ui8), Home::Arena(0));
        self.buffers[room].name = "arena of bodies".to_owned();
        room
    }
}

/// Inputs and results of a body: what they are, and where their elements lie there.
#[derive(Default)]
struct Values {
    inputs: Vec<Port>,
    accesses: Vec<Access>,
    kinds: Vec<Given>,
    outputs: Vec<Port>,
    /// Of a result that is not asked for, nowhere.
    places: Vec<Option<Access>>,
    carried: Vec<Carried>,
    handed_on: Vec<HandedOn>,
}

/// What a body does with a value that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Hands it on as it is.
    None,
    /// Writes a part of it, and reads nothing else of it but slices before.
    Update,
    /// Makes another one.
    Any,
}

impl Change {
    fn of(body: &Graph, output: usize, input: usize) -> Change {
        let (before, after) = (body.inputs()[input].value, body.outputs()[output].value);
        if before == after {
            return Change::None;
        }
        let is_update = match &body.node(after.node()).kind {
            NodeKind::Op(Op::Index(IndexOp::DynamicUpdateSlice(_))) => true,
            NodeKind::Op(Op::Index(IndexOp::Scatter(op))) => {
                body.node(after.node()).types.len() == 1 && !op.body.accumulates()
            }
            NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => false,
        };
        let reads = |id: NodeId| body.operands(id).into_iter().filter(|&value| value == before).count();
        let is_first = body.operands(after.node()).first() == Some(&before);
        let is_once = reads(after.node()) == 1 && body.outputs().iter().all(|port| port.value != before);
        if !(is_update && is_first && is_once) {
            return Change::Any;
        }
        let earlier = ancestors(body, after.node());
        let others = body.nodes().filter(|&(id, _)| id != after.node() && reads(id) > 0);
        let is_slice =
            |(id, node): (NodeId, &Node)| earlier.contains(id.index()) && is_copied_slice(&node.kind);
        if others.into_iter().all(is_slice) { Change::Update } else { Change::Any }
    }
}

/// Whether a node is a slice at a place that is a value, for which a kernel of its own copies elements.
fn is_copied_slice(kind: &NodeKind) -> bool {
    matches!(kind, NodeKind::Op(Op::Index(IndexOp::DynamicSlice(_) | IndexOp::Gather(_))))
}

/// The nodes that a node depends on: whatever order steps run in, theirs run before its own.
fn ancestors(graph: &Graph, node: NodeId) -> FixedBitSet {
    let mut found = FixedBitSet::with_capacity(graph.len());
    let mut left = vec![node];
    while let Some(id) = left.pop() {
        left.extend(graph.operands(id).into_iter().map(Value::node).filter(|id| !found.put(id.index())));
    }
    found
}
