//! From a graph to a plan: kernels in order, and a buffer for every value that lies in memory.

use std::collections::{HashMap, HashSet};

use choral_ir::graph::Value;
use choral_ir::op::{BitcastConvert, Convolution, DotGeneral, ShapeOp};
use choral_ir::{Graph, NodeId, NodeKind, Op, Tensor, TensorType, with_dtype};
use choral_kernels::cpu::product::{Schedule, Setting};
use choral_kernels::cpu::rows::Program;
use choral_kernels::rows::{Kind, Store};
use choral_kernels::{Access, Instruction, Level, Number, Product, Rows};

use super::group::{Extent, Space, Unit, Units};
use super::host::{Host, splat};
use super::value::{Source, Sources, is_dense};
use super::{Buffer, Home, Kernel, Output, Plan, Products, Step, arena};
use crate::lower::elementwise::{self, Steps};
use crate::lower::{convolution, dot, number, reduce};
use crate::memory::Label;

/// A plan in the making.
pub(super) struct Building<'a> {
    pub(super) graph: &'a Graph,
    pub(super) sources: Sources,
    extents: Vec<Option<(usize, Extent)>>,
    /// Values that are read from memory.
    needed: HashSet<Value>,
    buffer_of: HashMap<Value, usize>,
    buffers: Vec<Buffer>,
    constants: Vec<Tensor>,
    steps: Vec<Step>,
}

impl Plan {
    /// The plan of a verified graph.
    pub fn of(graph: &Graph) -> Plan {
        let sources = Sources::of(graph);
        let (units, extents) = Units::of(graph, &sources);
        let mut building = Building {
            graph,
            sources,
            extents,
            needed: HashSet::new(),
            buffer_of: HashMap::new(),
            buffers: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
        };
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
                    && self.extents[value.node().index()].map(|(unit, _)| unit) != unit
                {
                    needed.insert(*value);
                }
            }
        }
        for port in self.graph.outputs() {
            if let Source::Made(value, _) = self.sources.get(port.value) {
                needed.insert(*value);
            }
        }
        self.needed = needed;
    }

    /// Whether a node is an op that makes something.
    fn makes(&self, id: NodeId, node: &choral_ir::graph::Node) -> bool {
        matches!(node.kind, NodeKind::Op(_)) && !node.types.is_empty() && !self.sources.is_elsewhere(id)
    }

    /// Buffers of inputs and constants.
    fn add_given(&mut self) {
        for (at, port) in self.graph.inputs().iter().enumerate() {
            let buffer = self.add(self.graph.ty(port.value).clone(), Home::Input(at));
            self.buffer_of.insert(port.value, buffer);
        }
        for (id, node) in self.graph.nodes() {
            if let NodeKind::Constant(tensor) = &node.kind
                && self.needed.contains(&id.result(0))
            {
                let buffer = self.constant(tensor.clone());
                self.buffer_of.insert(id.result(0), buffer);
            }
        }
    }

    fn add(&mut self, ty: TensorType, home: Home) -> usize {
        self.buffers.push(Buffer { ty, home });
        self.buffers.len() - 1
    }

    fn constant(&mut self, tensor: Tensor) -> usize {
        self.constants.push(tensor.clone());
        self.add(tensor.ty().clone(), Home::Constant(self.constants.len() - 1))
    }

    /// The buffer of a value that lies in memory.
    pub(super) fn buffer(&self, value: Value) -> usize {
        self.buffer_of[&value]
    }

    /// A buffer for a value that a kernel makes.
    fn made(&mut self, value: Value) -> usize {
        let buffer = self.add(self.graph.ty(value).clone(), Home::Arena(0));
        self.buffer_of.insert(value, buffer);
        buffer
    }

    /// The numbers from 0 on, as many as an access reads.
    pub(super) fn counting(&mut self, dtype: choral_ir::DType, access: &Access) -> usize {
        let last: isize =
            access.dims.iter().map(|&(size, stride)| size.saturating_sub(1) as isize * stride.max(0)).sum();
        let count = usize::try_from(access.offset + last).map_or(0, |last| last + 1);
        let values = with_dtype!(dtype, T => Tensor::from_fn([count], |at| <T as choral_ir::Element>::from_f64(at as f64)));
        self.constant(values)
    }

    fn unit(&mut self, unit: &Unit) {
        match (&unit.space, unit.members.as_slice()) {
            (Some(space), members) => self.group(space, members),
            (None, &[id]) => self.single(id),
            (None, _) => {}
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
    fn rows(&mut self, label: Label, rows: Rows) {
        match Program::assemble(&rows, Level::best()) {
            Ok(program) => {
                let cost = program.geometry.sizes.iter().product::<usize>() * rows.steps.len();
                self.steps.push(Step { label, kernel: Kernel::Rows { program, rows, cost } });
            }
            // Every op that groups take has loops on its types; what has none is a fault here.
            Err(missing) => unreachable_loop(&label, &missing.instruction),
        }
    }

    /// An op that shares its kernel with no other.
    fn single(&mut self, id: NodeId) {
        let graph = self.graph;
        let NodeKind::Op(op) = &graph.node(id).kind else { return };
        let copied = match op {
            Op::Shape(ShapeOp::Reshape(_)) => self.copy_whole(id, graph.operands(id)[0]),
            Op::Shape(ShapeOp::BitcastConvert(op)) => self.bitcast(op, id),
            Op::Shape(ShapeOp::Concatenate(op)) => self.concatenate(op.dimension, id),
            Op::Shape(ShapeOp::Pad(op)) => self.pad(op, id),
            Op::Dot(op) => self.dot(op, id),
            Op::Convolution(op) => self.convolution(op, id),
            _ => false,
        };
        if !copied {
            let host = Host::of(self, op, id);
            self.steps.push(Step { label: Label::of(graph, id), kernel: Kernel::Host(Box::new(host)) });
        }
    }

    /// A value in memory: its buffer, where its elements lie in it, and their type there.
    fn stored(&mut self, value: Value) -> (usize, Access, Number) {
        let ty = self.graph.ty(value).clone();
        let (buffer, access) = match self.sources.get(value).clone() {
            Source::Made(made, access) => (self.buffer(made), access),
            Source::Counting(dtype, access) => (self.counting(dtype, &access), access),
            Source::Splat(bits) => {
                let repeated = ty.shape.iter().map(|&size| (size, 0)).collect();
                let buffer = self.constant(splat(bits, &ty));
                (buffer, Access { offset: 0, dims: repeated })
            }
        };
        (buffer, access, number::of(ty.dtype))
    }

    fn dot(&mut self, op: &DotGeneral, id: NodeId) -> bool {
        let ty = self.graph.node(id).types[0].clone();
        let operands = self.graph.operands(id);
        let (lhs, left, left_number) = self.stored(operands[0]);
        let (rhs, right, right_number) = self.stored(operands[1]);
        let (out, number) = (Access::dense(&ty.shape), number::of(ty.dtype));
        let product = dot::product(op, (&left, left_number), (&right, right_number), (&out, number));
        self.products(id, &[product], [lhs, rhs])
    }

    fn convolution(&mut self, op: &Convolution, id: NodeId) -> bool {
        let ty = self.graph.node(id).types[0].clone();
        let operands = self.graph.operands(id);
        let (input, x, x_number) = self.stored(operands[0]);
        let (kernel, w, w_number) = self.stored(operands[1]);
        let (out, number) = (Access::dense(&ty.shape), number::of(ty.dtype));
        let lowered = convolution::convolution(op, (&x, x_number), (&w, w_number), (&out, number));
        self.products(id, &lowered.products(), [kernel, input])
    }

    /// A kernel of products; false if there are no loops for them.
    fn products(&mut self, id: NodeId, products: &[Product], operands: [usize; 2]) -> bool {
        let dtype = self.graph.node(id).types[0].dtype;
        if matches!(number::settling(dtype), Some(Instruction::Wrap(_))) {
            return false;
        }
        let setting = Setting { level: Level::best(), threads: rayon::current_num_threads(), packed: None };
        let schedules: Result<Vec<Schedule>, _> =
            products.iter().map(|product| Schedule::new(product, setting)).collect();
        let Ok(schedules) = schedules else { return false };
        let [lhs, rhs] = operands;
        let out = self.made(id.result(0));
        let kernel = Kernel::Products(Products { schedules, lhs, rhs, out });
        self.steps.push(Step { label: Label::of(self.graph, id), kernel });
        true
    }

    /// Buffers that tensors of an op will lie in.
    pub(super) fn held(&mut self, id: NodeId) -> Vec<usize> {
        let values = (0..self.graph.node(id).types.len()).map(|result| id.result(result));
        values
            .map(|value| {
                let buffer = self.add(self.graph.ty(value).clone(), Home::Held);
                self.buffer_of.insert(value, buffer);
                buffer
            })
            .collect()
    }

    /// A kernel that copies a value as it is to places of a buffer.
    fn copy(&mut self, label: Label, from: Value, part: Option<Access>, (buffer, to): (usize, Access)) {
        let ty = self.graph.ty(from);
        // Elements are moved as they lie in memory.
        let number = match number::of(ty.dtype).bytes() {
            1 => Number::U8,
            2 => Number::U16,
            4 => Number::U32,
            _ => Number::U64,
        };
        let shape: Vec<usize> = to.dims.iter().map(|(size, _)| *size).collect();
        let mut rows = Rows { folded: shape.clone(), ..Rows::default() };
        let within = |access: &Access| match &part {
            None => Some(access.clone()),
            Some(part) => view_of(access, part),
        };
        let load = |buffer, access| Kind::Load { buffer, access, number };
        let value = match self.sources.get(from).clone() {
            Source::Splat(bits) => rows.constant(in_memory(bits, ty.dtype), number),
            Source::Made(value, access) => match within(&access) {
                Some(access) => rows.step(load(self.buffer(value), access), number),
                None => return,
            },
            Source::Counting(dtype, access) => {
                let buffer = self.counting(dtype, &access);
                match within(&access) {
                    Some(access) => rows.step(load(buffer, access), number),
                    None => return,
                }
            }
        };
        rows.stores.push(Store { value, buffer, access: to, number });
        self.rows(label, rows);
    }

    /// A copy of a whole value, in order, as the result of a node.
    fn copy_whole(&mut self, id: NodeId, from: Value) -> bool {
        let to = Access::dense(&self.graph.ty(from).shape);
        let buffer = self.made(id.result(0));
        self.copy(Label::of(self.graph, id), from, None, (buffer, to));
        true
    }

    /// The same bits as another type, if elements are as wide.
    fn bitcast(&mut self, op: &BitcastConvert, id: NodeId) -> bool {
        let from = self.graph.operands(id)[0];
        let (dtype, splat) = (self.graph.ty(from).dtype, matches!(self.sources.get(from), Source::Splat(_)));
        let is_plain = |dtype: choral_ir::DType| dtype.bits() >= 8 && number::settling(dtype).is_none();
        let same = dtype == op.dtype
            || dtype.bits() == op.dtype.bits() && dtype.bits() >= 8 && (!splat || is_plain(dtype));
        same && self.copy_whole(id, from)
    }

    fn concatenate(&mut self, dimension: usize, id: NodeId) -> bool {
        let (graph, label) = (self.graph, Label::of(self.graph, id));
        let buffer = self.made(id.result(0));
        let mut whole = Access::dense(&graph.node(id).types[0].shape);
        let stride = whole.dims[dimension].1;
        for operand in graph.operands(id) {
            let size = graph.ty(operand).shape[dimension];
            whole.dims[dimension].0 = size;
            self.copy(label.clone(), operand, None, (buffer, whole.clone()));
            whole.offset += size as isize * stride;
        }
        true
    }

    /// The padding value everywhere, and the operand over it.
    fn pad(&mut self, op: &choral_ir::op::Pad, id: NodeId) -> bool {
        let (graph, label) = (self.graph, Label::of(self.graph, id));
        let operands = graph.operands(id);
        let shape = &graph.node(id).types[0].shape;
        let buffer = self.made(id.result(0));
        let repeated = Access { offset: 0, dims: shape.iter().map(|&size| (size, 0)).collect() };
        let whole = Access::dense(shape);
        self.copy(label.clone(), operands[1], Some(repeated), (buffer, whole.clone()));
        let source = &graph.ty(operands[0]).shape;
        let (mut to, mut part) = (whole, Access::dense(source));
        for dim in 0..shape.len() {
            let step = op.interior[dim] as i64 + 1;
            // The elements that lie inside of the result.
            let first = ((-op.low[dim]).max(0) + step - 1) / step;
            let room = shape[dim] as i64 - op.low[dim];
            let end = if room <= 0 { 0 } else { ((room - 1) / step + 1).min(source[dim] as i64) };
            let count = (end - first).max(0);
            to.offset += (op.low[dim] + first * step) as isize * to.dims[dim].1;
            to.dims[dim] = (count as usize, step as isize * to.dims[dim].1);
            part.offset += first as isize * part.dims[dim].1;
            part.dims[dim].0 = count as usize;
        }
        self.copy(label, operands[0], Some(part), (buffer, to));
        true
    }

    /// Where results come from, with kernels that copy those that lie nowhere as a whole.
    fn outputs(&mut self) -> Vec<Output> {
        let ports: Vec<Value> = self.graph.outputs().iter().map(|port| port.value).collect();
        let mut slots = 0;
        let mut of_buffers: HashMap<usize, usize> = HashMap::new();
        ports
            .into_iter()
            .map(|value| {
                let ty = self.graph.ty(value).clone();
                let label = Label { ty: ty.clone(), ..Label::of(self.graph, value.node()) };
                let dense = match self.sources.get(value) {
                    Source::Made(made, access)
                        if is_dense(access, &ty) && self.graph.ty(*made).len() == ty.len() =>
                    {
                        Some(self.buffer(*made))
                    }
                    _ => None,
                };
                let buffer = dense.unwrap_or_else(|| {
                    let buffer = self.add(ty.clone(), Home::Arena(0));
                    self.copy(label.clone(), value, None, (buffer, Access::dense(&ty.shape)));
                    buffer
                });
                if let Home::Arena(_) = self.buffers[buffer].home {
                    self.buffers[buffer].home = Home::Output(slots);
                    of_buffers.insert(buffer, slots);
                    slots += 1;
                }
                Output { label, buffer }
            })
            .collect()
    }

    /// Lays out the arena.
    fn finish(self, outputs: Vec<Output>) -> Plan {
        let Building { mut buffers, constants, steps, graph, .. } = self;
        let mut lives: Vec<Option<arena::Life>> = vec![None; buffers.len()];
        for (at, step) in steps.iter().enumerate() {
            step.kernel.buffers(&mut |buffer| {
                let bytes = buffers[buffer].ty.bytes();
                let life = lives[buffer].get_or_insert(arena::Life { bytes, first: at, last: at });
                life.last = at;
            });
        }
        let (ids, placed): (Vec<usize>, Vec<arena::Life>) = buffers
            .iter()
            .enumerate()
            .filter(|(_, buffer)| matches!(buffer.home, Home::Arena(_)))
            .filter_map(|(at, _)| Some((at, lives[at]?)))
            .unzip();
        let (offsets, bytes) = arena::place(&placed);
        let bound = arena::bound(&placed);
        ids.iter().zip(offsets).for_each(|(&at, offset)| buffers[at].home = Home::Arena(offset));
        let last_reads = lives.iter().map(|life| life.map_or(usize::MAX, |life| life.last)).collect();
        let frame = steps.iter().map(|step| step.kernel.frame_bytes()).max().unwrap_or(0);
        let inputs = graph.inputs().len();
        Plan::new(steps, buffers, constants, outputs, inputs, (bytes, bound), frame, last_reads)
    }
}

#[cold]
fn unreachable_loop(label: &Label, instruction: &str) {
    unreachable!("no loop runs {instruction}, of {}", label.name)
}

/// The bits of a constant in memory: registers hold 16-bit floats as `f32`.
fn in_memory(bits: u64, dtype: choral_ir::DType) -> u64 {
    let value = f64::from(f32::from_bits(bits as u32));
    match dtype {
        choral_ir::DType::F16 => {
            choral_ir::Element::to_bits64(<choral_ir::element::f16 as choral_ir::Element>::from_f64(value))
        }
        choral_ir::DType::Bf16 => {
            choral_ir::Element::to_bits64(<choral_ir::element::bf16 as choral_ir::Element>::from_f64(value))
        }
        _ => bits,
    }
}

/// A part of a value by an access of its dense elements that changes no dimension but sizes, offset and strides to 0.
fn view_of(access: &Access, part: &Access) -> Option<Access> {
    let own = Access::dense(&access.dims.iter().map(|(size, _)| *size).collect::<Vec<_>>());
    if access.dims.is_empty() {
        return Some(Access { offset: access.offset, dims: part.dims.clone() });
    }
    let mut result = access.clone();
    let mut left = part.offset;
    for (at, dim) in result.dims.iter_mut().enumerate() {
        let step = own.dims[at].1.max(1);
        result.offset += left / step * access.dims[at].1;
        left %= step;
        dim.0 = part.dims[at].0;
    }
    Some(result)
}

/// The steps of a group.
struct Group<'a, 'b> {
    building: &'a mut Building<'b>,
    space: &'a Space,
    /// The space's dimensions in the order of the kernel.
    order: Vec<usize>,
    rows: Rows,
    of_values: HashMap<Value, usize>,
    loads: Vec<(usize, Access, usize)>,
    constants: HashMap<(u64, Number), usize>,
}

/// Groups of fewer elements than this are folded as rows of single ones, if rows are long.
const FEW: usize = 8;

impl<'a, 'b> Group<'a, 'b> {
    fn new(building: &'a mut Building<'b>, space: &'a Space) -> Group<'a, 'b> {
        let dims = 0..space.shape.len();
        let is_folded = |dim: &usize| space.folded.contains(dim);
        let last = space.folded.last().copied();
        let mut inner: Vec<usize> = dims.clone().filter(|dim| last.is_some_and(|last| *dim > last)).collect();
        let size = |dims: &[usize]| dims.iter().map(|&dim| space.shape[dim]).product::<usize>();
        if size(&inner) < FEW && size(&space.folded) > size(&inner) {
            inner.clear();
        }
        let kept = |dim: &usize| !is_folded(dim) && !inner.contains(dim);
        let (outer, folded): (Vec<usize>, Vec<usize>) = match space.folded.is_empty() {
            true => (Vec::new(), dims.collect()),
            false => (dims.filter(kept).collect(), space.folded.clone()),
        };
        let sizes = |dims: &[usize]| dims.iter().map(|&dim| space.shape[dim]).collect();
        let rows =
            Rows { outer: sizes(&outer), folded: sizes(&folded), inner: sizes(&inner), ..Rows::default() };
        let order = [outer, folded, inner].concat();
        Group {
            building,
            space,
            order,
            rows,
            of_values: HashMap::new(),
            loads: Vec::new(),
            constants: HashMap::new(),
        }
    }

    /// An access with a value's dimensions as one of the kernel.
    fn access(&self, access: &Access, extent: Extent) -> Access {
        let wide = self.space.widened(access, extent);
        Access { offset: wide.offset, dims: self.order.iter().map(|&dim| wide.dims[dim]).collect() }
    }

    fn member(&mut self, id: NodeId) {
        let graph = self.building.graph;
        let NodeKind::Op(op) = &graph.node(id).kind else { return };
        let extent = self.building.extents[id.index()].map_or(Extent::Whole, |(_, extent)| extent);
        let operands = graph.operands(id);
        let value = match op {
            Op::Elementwise(op) => {
                let from = graph.ty(operands[operands.len() - 1]).dtype;
                let values: Vec<usize> =
                    operands.iter().map(|&operand| self.operand(operand, extent)).collect();
                elementwise::lower(&mut self.rows, op, &values, from)
            }
            Op::Reduce(op) => {
                let Some((fold, join)) = op.body.binary().and_then(reduce::fold) else { return };
                let dtype = graph.ty(operands[0]).dtype;
                let number = number::of(dtype).in_registers();
                let operand = self.operand(operands[0], Extent::Whole);
                let folded = self.rows.step(Kind::Fold { fold, operand }, number);
                let init = self.initial(operands[1]);
                let joined = choral_kernels::Instruction::Binary(join);
                let result = self.rows.compute(joined, &[init, folded], number);
                self.rows.settled(result, dtype)
            }
            _ => return,
        };
        let result = id.result(0);
        self.of_values.insert(result, value);
        if self.building.needed.contains(&result) {
            let buffer = self.building.made(result);
            let access = self.access(&Access::dense(&graph.ty(result).shape), extent);
            let number = number::of(graph.ty(result).dtype);
            self.rows.stores.push(Store { value, buffer, access, number });
        }
    }

    /// The value of an initial value: a scalar, or one for each row.
    fn initial(&mut self, value: Value) -> usize {
        let graph = self.building.graph;
        if graph.ty(value).rank() > 0 {
            return self.operand(value, Extent::Rows);
        }
        let kept = self.space.kept();
        let repeated = |access: &Access| Access {
            offset: access.offset,
            dims: kept.iter().map(|&size| (size, 0)).collect(),
        };
        let source = match self.building.sources.get(value).clone() {
            Source::Made(made, access) => Source::Made(made, repeated(&access)),
            Source::Counting(dtype, access) => Source::Counting(dtype, repeated(&access)),
            splat @ Source::Splat(_) => splat,
        };
        self.read(source, graph.ty(value).dtype, Extent::Rows)
    }

    /// The step of an operand of a member of this extent.
    fn operand(&mut self, operand: Value, extent: Extent) -> usize {
        let source = self.building.sources.get(operand).clone();
        if let Source::Made(value, _) = &source
            && let Some(&step) = self.of_values.get(value)
        {
            return step;
        }
        self.read(source, self.building.graph.ty(operand).dtype, extent)
    }

    fn read(&mut self, source: Source, dtype: choral_ir::DType, extent: Extent) -> usize {
        let number = number::of(dtype);
        let (buffer, access) = match source {
            Source::Splat(bits) => {
                let number = number.in_registers();
                if let Some(&step) = self.constants.get(&(bits, number)) {
                    return step;
                }
                let step = self.rows.constant(bits, number);
                self.constants.insert((bits, number), step);
                return step;
            }
            Source::Made(value, access) => (self.building.buffer(value), access),
            Source::Counting(dtype, access) => (self.building.counting(dtype, &access), access),
        };
        let access = self.access(&access, extent);
        let known = self.loads.iter().find(|(other, with, _)| *other == buffer && *with == access);
        if let Some(&(_, _, step)) = known {
            return step;
        }
        let load = Kind::Load { buffer, access: access.clone(), number };
        let step = self.rows.step(load, number.in_registers());
        self.loads.push((buffer, access, step));
        step
    }
}
