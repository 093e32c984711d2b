//! From a graph to a plan: kernels in order, and a buffer for every value that lies in memory.

use std::collections::{HashMap, HashSet};

use choral_ir::graph::Value;
use choral_ir::op::ShapeOp;
use choral_ir::{Graph, NodeId, NodeKind, Op, Storage, Tensor, TensorType};
use choral_kernels::cpu::rows::NoLoop;
use choral_kernels::{Access, Kernel, Number, Rows};

use super::group::{Extent, Space, Unit, Units};
use super::host::{Host, splat};
use super::in_place::{lives, share};
use super::members::Group;
use super::run::Workspaces;
use super::value::{Source, Sources, is_dense};
use super::{AskedPack, Buffer, Home, KeptPack, Output, Plan, Runnable, Step, Task, strips};
use crate::legal::legalised;
use crate::lower::number;
use crate::memory::Label;
use crate::setting::Setting;

/// A plan in the making.
pub(super) struct Building<'a> {
    pub(super) graph: &'a Graph,
    pub(super) sources: Sources,
    pub(super) extents: Vec<Option<(usize, Extent)>>,
    /// Values that are read from memory.
    pub(super) needed: HashSet<Value>,
    buffer_of: HashMap<Value, usize>,
    pub(super) buffers: Vec<Buffer>,
    constants: Vec<Tensor>,
    pub(super) steps: Vec<Step>,
    pub(super) boundary: Option<Boundary>,
    /// How kernels run.
    pub(super) setting: Setting,
    pub(super) packs: Vec<KeptPack>,
    pub(super) asked: Vec<AskedPack>,
    /// Buffers of inputs.
    pub(super) inputs: Vec<usize>,
    /// Of values that groups make, the concatenations that they are parts of, and where.
    pub(super) parts: HashMap<Value, Vec<(Value, Access)>>,
    /// How often each value is read by ops that make something, and as a result.
    uses: HashMap<Value, usize>,
}

/// What an input of a body is from round to round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Moving,
    /// The same in every round.
    Constant,
    /// A carried value that the body updates where it lies.
    Updated,
}

/// Where a body's inputs and results lie in the buffers of the plan around it.
#[derive(Debug, Clone)]
pub(super) struct Boundary {
    pub inputs: Vec<Access>,
    /// What each input is from round to round.
    pub kinds: Vec<Given>,
    /// Of results that are not asked for, nowhere.
    pub outputs: Vec<Option<Access>>,
    /// Of a body that runs again and again, a known number of times.
    pub rounds: Option<Rounds>,
}

/// The rounds of a body.
#[derive(Debug, Clone)]
pub(super) struct Rounds {
    pub length: usize,
    pub carried: Vec<HandedOn>,
}

/// A value that rounds hand on: the numbers of the body's input and of its result, and whether nobody reads the last one.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandedOn {
    pub input: usize,
    pub output: usize,
    pub is_forgotten: bool,
}

impl Plan {
    /// The plan of a verified graph, whose kernels run so.
    pub fn of(graph: &Graph, setting: &Setting) -> Plan {
        let legal = legalised(graph);
        debug_assert!(legal.is_ok(), "{legal:?}");
        // What cannot be rewritten runs by its definition.
        Plan::within(legal.as_ref().unwrap_or(graph), None, setting)
    }

    /// The plan of a body, which is run on pointers.
    pub(super) fn of_body(graph: &Graph, boundary: Boundary, setting: &Setting) -> Plan {
        Plan::within(graph, Some(boundary), setting)
    }

    fn within(graph: &Graph, boundary: Option<Boundary>, setting: &Setting) -> Plan {
        let sources = Sources::of(graph, boundary.as_ref().map(|boundary| boundary.inputs.as_slice()));
        let (units, extents) = Units::of(graph, &sources);
        let uses = sources.uses(graph);
        let mut building = Building {
            graph,
            sources,
            extents,
            needed: HashSet::new(),
            buffer_of: HashMap::new(),
            buffers: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            boundary,
            setting: setting.clone(),
            packs: Vec::new(),
            asked: Vec::new(),
            inputs: Vec::new(),
            parts: HashMap::new(),
            uses,
        };
        building.find_parts(&units);
        building.find_needed();
        building.add_given();
        units.iter().for_each(|unit| building.unit(unit));
        let outputs = building.outputs();
        building.finish(outputs)
    }
}

impl Building<'_> {
    /// Finds what is read by other units than its own, or is a result.
    fn find_needed(&mut self) {
        let mut needed = HashSet::new();
        for (id, _) in self.graph.nodes().filter(|(id, node)| self.makes(*id, node)) {
            let unit = self.extents[id.index()].map(|(unit, _)| unit);
            for operand in self.graph.operands(id) {
                if let Source::Made(value, _) = self.sources.get(operand)
                    && !self.is_part(*value, id.result(0))
                    && self.extents[value.node().index()].map(|(unit, _)| unit) != unit
                {
                    needed.insert(*value);
                }
            }
        }
        for (_, value) in self.wanted() {
            if let Source::Made(value, _) = self.sources.get(value) {
                needed.insert(*value);
            }
        }
        self.needed = needed;
    }

    /// Whether a node is an op that makes something.
    fn makes(&self, id: NodeId, node: &choral_ir::graph::Node) -> bool {
        matches!(node.kind, NodeKind::Op(_))
            && !node.types.is_empty()
            && !self.sources.is_elsewhere(id, node.types.len())
    }

    /// Buffers of inputs and constants.
    fn add_given(&mut self) {
        for (at, port) in self.graph.inputs().iter().enumerate() {
            let buffer = self.add_value(port.value, Home::Input(at));
            self.buffer_of.insert(port.value, buffer);
            self.inputs.push(buffer);
        }
        for (id, node) in self.graph.nodes() {
            if let NodeKind::Constant(tensor) = &node.kind
                && self.needed.contains(&id.result(0))
            {
                let buffer = self.constant(&format!("%{}", node.name), tensor.clone());
                self.buffer_of.insert(id.result(0), buffer);
            }
        }
    }

    pub(super) fn add(&mut self, ty: TensorType, home: Home) -> usize {
        self.buffers.push(Buffer { name: String::new(), ty, home });
        self.buffers.len() - 1
    }

    /// A buffer for a value of the graph.
    fn add_value(&mut self, value: Value, home: Home) -> usize {
        let buffer = self.add(self.graph.ty(value).clone(), home);
        self.buffers[buffer].name = format!("%{}", self.graph.node(value.node()).name);
        buffer
    }

    fn constant(&mut self, name: &str, tensor: Tensor) -> usize {
        self.constants.push(tensor.clone());
        let buffer = self.add(tensor.ty().clone(), Home::Constant(self.constants.len() - 1));
        self.buffers[buffer].name = name.to_owned();
        buffer
    }

    /// The buffer of a value that lies in memory.
    pub(super) fn buffer(&self, value: Value) -> usize {
        self.buffer_of[&value]
    }

    /// Whether anyone reads a value, or it is a result.
    pub(super) fn is_used(&self, value: Value) -> bool {
        self.uses.contains_key(&value)
    }

    /// A buffer for a value that a kernel makes.
    pub(super) fn made(&mut self, value: Value) -> usize {
        let buffer = self.add_value(value, Home::Arena(0));
        self.buffer_of.insert(value, buffer);
        buffer
    }

    /// The buffer of a value, for what an op makes of it where it lies: if that op alone reads it, all of it in order, and it
    /// is this plan's or may be updated.
    pub(super) fn taken(&mut self, value: Value, result: Value) -> Option<usize> {
        let ty = self.graph.ty(value);
        let Source::Made(made, access) = self.sources.get(value) else { return None };
        if *access != Access::dense(&ty.shape)
            || self.graph.ty(*made).len() != ty.len()
            || self.parts.contains_key(&result)
        {
            return None;
        }
        let (is_only_reader, buffer) = (self.uses.get(made) == Some(&1), self.buffer(*made));
        let may = match self.buffers[buffer].home {
            Home::Arena(_) => is_only_reader,
            Home::Input(at) => match &self.boundary {
                // Who else reads it has copied slices before.
                Some(boundary) => boundary.kinds.get(at) == Some(&Given::Updated),
                None if is_only_reader && self.setting.donates(at) => {
                    return Some(self.taken_copy(value, result));
                }
                None => false,
            },
            Home::Constant(_) | Home::Output | Home::Held | Home::Packed(_) => false,
        };
        may.then(|| {
            self.buffer_of.insert(result, buffer);
            buffer
        })
    }

    /// A copy of a donated input, for what an op makes of it: nothing is copied if the result may take its place.
    fn taken_copy(&mut self, value: Value, result: Value) -> usize {
        let (label, place) =
            (Label::of(self.graph, result.node()), Access::dense(&self.graph.ty(value).shape));
        let buffer = self.made(result);
        self.copy(label, value, None, (buffer, place));
        buffer
    }

    /// A buffer for a value that several kernels make parts of.
    pub(super) fn made_once(&mut self, value: Value) -> usize {
        self.buffer_of.get(&value).copied().unwrap_or_else(|| self.made(value))
    }

    /// The numbers from 0 on, as many as an access reads.
    pub(super) fn counting(&mut self, dtype: choral_ir::DType, access: &Access) -> usize {
        let last: isize =
            access.dims.iter().map(|&(size, stride)| size.saturating_sub(1) as isize * stride.max(0)).sum();
        let count = usize::try_from(access.offset + last).map_or(0, |last| last + 1);
        let numbers: Vec<f64> = (0..count).map(|at| at as f64).collect();
        self.constant("0, 1, ..", Storage::from_f64(dtype, &numbers).into())
    }

    fn unit(&mut self, unit: &Unit) {
        match (&unit.space, unit.members.as_slice()) {
            (Some(space), members) => self.group(space, members),
            (None, members) => self.single(members),
        }
    }

    /// A kernel of rows for the members of a group.
    fn group(&mut self, space: &Space, members: &[NodeId]) {
        let mut group = Group::new(self, space);
        members.iter().for_each(|&id| group.member(id));
        let rows = group.rows;
        let label = Label::of(self.graph, members[members.len() - 1]);
        self.rows(label, rows);
    }

    /// Appends a kernel of rows.
    pub(super) fn rows(&mut self, label: Label, rows: Rows) {
        // Every op that groups take has loops on its types; what has none is a fault here.
        if let Err(missing) = self.kernel(label.clone(), Kernel::Rows(rows)) {
            unreachable_loop(&label, &missing.instruction);
        }
    }

    /// Appends a kernel.
    pub(super) fn kernel(&mut self, label: Label, kernel: Kernel) -> Result<(), NoLoop> {
        let runnable = Runnable::of(kernel, &self.setting)?;
        self.steps.push(Step { label, task: Task::Kernel(Box::new(runnable)) });
        Ok(())
    }

    /// An op that shares its kernel with no other.
    fn single(&mut self, members: &[NodeId]) {
        let graph = self.graph;
        let (Some(&id), Some(&last)) = (members.first(), members.last()) else { return };
        let NodeKind::Op(op) = &graph.node(id).kind else { return };
        let done = match op {
            Op::Shape(ShapeOp::Reshape(_)) => self.copy_whole(id, graph.operands(id)[0]),
            Op::Shape(ShapeOp::BitcastConvert(op)) => self.bitcast(op, id),
            Op::Shape(ShapeOp::Concatenate(op)) => self.concatenate(op.dimension, id),
            Op::Shape(ShapeOp::Pad(op)) => self.pad(op, id),
            Op::Control(control) => self.control(control, id),
            _ => {
                let label = Label::of(graph, last);
                self.lowered(op, members).is_some_and(|kernel| self.kernel(label.clone(), kernel).is_ok())
                    || self.folded(op, id).is_some_and(|kernel| self.kernel(label, kernel).is_ok())
            }
        };
        if !done {
            let host = Host::of(self, op, id);
            self.steps.push(Step { label: Label::of(graph, id), task: Task::Host(Box::new(host)) });
        }
    }

    /// Where a value's elements lie, in whatever they are found.
    pub(super) fn access(&self, value: Value) -> Access {
        match self.sources.get(value) {
            Source::Made(_, access) | Source::Counting(_, access) => access.clone(),
            Source::Splat(_) => {
                let shape = &self.graph.ty(value).shape;
                Access { offset: 0, dims: shape.iter().map(|&size| (size, 0)).collect() }
            }
        }
    }

    /// A value in memory: its buffer, where its elements lie in it, and their type there.
    pub(super) fn stored(&mut self, value: Value) -> (usize, Access, Number) {
        let ty = self.graph.ty(value).clone();
        let (buffer, access) = match self.sources.get(value).clone() {
            Source::Made(made, access) => (self.buffer(made), access),
            Source::Counting(dtype, access) => (self.counting(dtype, &access), access),
            Source::Splat(bits) => {
                let repeated = ty.shape.iter().map(|&size| (size, 0)).collect();
                let buffer = self.constant("one number", splat(bits, &ty));
                (buffer, Access { offset: 0, dims: repeated })
            }
        };
        (buffer, access, number::of(ty.dtype))
    }

    /// Buffers that tensors of an op will lie in.
    pub(super) fn held(&mut self, id: NodeId) -> Vec<usize> {
        let values = (0..self.graph.node(id).types.len()).map(|result| id.result(result));
        values
            .map(|value| {
                let buffer = self.add_value(value, Home::Held);
                self.buffer_of.insert(value, buffer);
                buffer
            })
            .collect()
    }

    /// The results that are asked for, and their numbers.
    fn wanted(&self) -> Vec<(usize, Value)> {
        let is_wanted =
            |at: usize| self.boundary.as_ref().is_none_or(|boundary| boundary.outputs[at].is_some());
        let values = self.graph.outputs().iter().map(|port| port.value).enumerate();
        values.filter(|&(at, _)| is_wanted(at)).collect()
    }

    /// Where results come from, with kernels that copy those that lie nowhere as a whole.
    fn outputs(&mut self) -> Vec<Output> {
        self.wanted().into_iter().map(|(at, value)| self.output(at, value)).collect()
    }

    /// Where a result comes from: a buffer that holds it as a whole, which of a body is its own place.
    fn output(&mut self, at: usize, value: Value) -> Output {
        let ty = self.graph.ty(value).clone();
        let label = Label { ty: ty.clone(), ..Label::of(self.graph, value.node()) };
        let place = self.boundary.as_ref().and_then(|boundary| boundary.outputs[at].clone());
        let is_body = place.is_some();
        let place = place.unwrap_or_else(|| Access::dense(&ty.shape));
        let whole = match self.sources.get(value) {
            Source::Made(made, access)
                if is_dense(access, &ty) && self.graph.ty(*made).len() == ty.len() && place.is_dense() =>
            {
                Some(self.buffer(*made))
            }
            _ => None,
        };
        // What is made in the buffer of an input is where it belongs.
        let is_updated = matches!(self.sources.get(value), Source::Made(made, _)
            if matches!(self.graph.node(made.node()).kind, NodeKind::Op(_)));
        let may = |buffer: &usize| match self.buffers[*buffer].home {
            Home::Arena(_) => true,
            Home::Input(_) => !is_body || is_updated,
            Home::Constant(_) | Home::Output | Home::Held | Home::Packed(_) => !is_body,
        };
        let buffer = whole.filter(may).unwrap_or_else(|| {
            let buffer = self.add_value(value, Home::Arena(0));
            self.copy(label.clone(), value, None, (buffer, place));
            buffer
        });
        if let Home::Arena(_) = self.buffers[buffer].home {
            // The tensor that kernels write has the shape that is handed out.
            let Buffer { ty: made, home, .. } = &mut self.buffers[buffer];
            (*made, *home) = (ty, Home::Output);
        }
        Output { label, buffer }
    }

    /// Lays out the arena.
    fn finish(self, outputs: Vec<Output>) -> Plan {
        let Building { mut buffers, constants, mut steps, mut setting, inputs, packs, mut asked, .. } = self;
        let is_body = self.boundary.is_some();
        let body = strips::Body {
            steps: &mut steps,
            buffers: &mut buffers,
            inputs: &inputs,
            outputs: &outputs,
            asked: &mut asked,
        };
        let strips = self.boundary.as_ref().and_then(|boundary| strips::cut(body, boundary, &setting));
        if strips.is_some() {
            setting = setting.alone();
        }
        let is_kept = |buffer: usize| {
            // A user-defined op may hold on to its operands.
            let is_hosts = |step: &Step| matches!(&step.task, Task::Host(host) if host.reads(buffer));
            outputs.iter().any(|output| output.buffer == buffer) || steps.iter().any(is_hosts)
        };
        let donated: Vec<usize> = (0..if is_body { 0 } else { inputs.len() })
            .filter(|&input| setting.donates(input) && !is_kept(inputs[input]))
            .collect();
        let places = share(&mut steps, &buffers, &setting, &donated);
        let lives = lives(&steps, &buffers);
        let arena = places.lay_out(&mut buffers, &lives);
        let donors = (0..buffers.len()).filter_map(|at| Some((at, places.donor(at, &buffers)?))).collect();
        let last_reads = lives.iter().map(|life| life.map_or(usize::MAX, |life| life.last)).collect();
        let frame_bytes = steps.iter().map(|step| step.task.frame_bytes()).max().unwrap_or(0);
        let threads = steps.iter().map(|step| step.task.threads(setting.threads())).max().unwrap_or(0);
        let frame = (frame_bytes, threads.max(1));
        let workspaces = Workspaces::new(packs.len());
        Plan {
            steps,
            buffers,
            constants,
            outputs,
            inputs,
            packs,
            asked,
            arena,
            frame,
            last_reads,
            donors,
            pool: setting.pool().clone(),
            strips,
            workspaces,
        }
    }
}

#[cold]
fn unreachable_loop(label: &Label, instruction: &str) {
    unreachable!("no loop runs {instruction}, of {}", label.name)
}
