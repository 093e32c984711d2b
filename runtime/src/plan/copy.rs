//! Ops that put elements elsewhere, as kernels that copy: reshapes that are no views, bits as another type,
//! concatenations and paddings.

use choral_ir::element::{bf16, f16};
use choral_ir::graph::Value;
use choral_ir::op::{BitcastConvert, Pad, ShapeOp};
use choral_ir::{DType, Element, NodeId, NodeKind, Op};
use choral_kernels::rows::{Kind, Store};
use choral_kernels::{Access, Number, Rows};

use super::build::Building;
use super::group::Unit;
use super::value::{Source, is_dense};
use crate::lower::elementwise::Steps;
use crate::lower::{number, view};
use crate::memory::Label;

impl Building<'_> {
    /// A kernel that copies a value as it is to places of a buffer.
    pub(super) fn copy(
        &mut self,
        label: Label,
        from: Value,
        part: Option<Access>,
        (buffer, to): (usize, Access),
    ) {
        let ty = self.graph.ty(from);
        // Elements are moved as they lie in memory.
        let number = Number::of_bytes(number::of(ty.dtype).bytes());
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
        rows.stores.push(Store::apart(value, buffer, to, number));
        self.rows(label, rows);
    }

    /// A copy of a whole value, in order, as the result of a node.
    pub(super) fn copy_whole(&mut self, id: NodeId, from: Value) -> bool {
        let to = Access::dense(&self.graph.ty(from).shape);
        let buffer = self.made(id.result(0));
        self.copy(Label::of(self.graph, id), from, None, (buffer, to));
        true
    }

    /// The same bits as another type, of elements of whole bytes: the parts of a wider one lie side by side, the lowest
    /// first.
    pub(super) fn bitcast(&mut self, op: &BitcastConvert, id: NodeId) -> bool {
        let from = self.graph.operands(id)[0];
        let (dtype, ty) = (self.graph.ty(from).dtype, self.graph.node(id).types[0].clone());
        let is_whole = |dtype: DType| dtype.bits() >= 8;
        if !(is_whole(dtype) && is_whole(op.dtype)) {
            return false;
        }
        let (buffer, from, own) = self.stored(from);
        let part = Number::of_bytes(own.bytes().min(number::of(ty.dtype).bytes()));
        let [from, to] = [(from, own), (Access::dense(&ty.shape), number::of(ty.dtype))]
            .map(|(access, number)| in_parts(access, number.bytes() / part.bytes()));
        let mut rows = Rows { folded: to.dims.iter().map(|(size, _)| *size).collect(), ..Rows::default() };
        let value = rows.step(Kind::Load { buffer, access: from, number: part }, part);
        rows.stores.push(Store::apart(value, self.made(id.result(0)), to, part));
        self.rows(Label::of(self.graph, id), rows);
        true
    }

    /// Finds what groups can write as part of a concatenation right away.
    pub(super) fn find_parts(&mut self, units: &[Unit]) {
        let graph = self.graph;
        for unit in units {
            let &[id] = unit.members.as_slice() else { continue };
            let NodeKind::Op(Op::Shape(ShapeOp::Concatenate(op))) = &graph.node(id).kind else { continue };
            let mut part = Access::dense(&graph.node(id).types[0].shape);
            let stride = part.dims[op.dimension].1;
            for operand in graph.operands(id) {
                let ty = graph.ty(operand);
                let size = ty.shape[op.dimension];
                part.dims[op.dimension].0 = size;
                if let Source::Made(made, access) = self.sources.get(operand)
                    && let Some((of, _)) = self.extents[made.node().index()]
                    && units[of].space.is_some()
                    && is_dense(access, ty)
                    && graph.ty(*made).len() == ty.len()
                    && let Some(part) = view::reshape(&graph.ty(*made).shape, &part)
                {
                    self.parts.entry(*made).or_default().push((id.result(0), part));
                }
                part.offset += size as isize * stride;
            }
        }
    }

    /// The concatenations that a value is part of, and where.
    pub(super) fn parts_of(&self, value: Value) -> Vec<(Value, Access)> {
        self.parts.get(&value).cloned().unwrap_or_default()
    }

    /// Whether a group writes a value as part of this one.
    pub(super) fn is_part(&self, value: Value, of: Value) -> bool {
        self.parts.get(&value).is_some_and(|parts| parts.iter().any(|(whole, _)| *whole == of))
    }

    pub(super) fn concatenate(&mut self, dimension: usize, id: NodeId) -> bool {
        let (graph, label) = (self.graph, Label::of(self.graph, id));
        let buffer = self.made_once(id.result(0));
        let mut whole = Access::dense(&graph.node(id).types[0].shape);
        let stride = whole.dims[dimension].1;
        for operand in graph.operands(id) {
            let size = graph.ty(operand).shape[dimension];
            whole.dims[dimension].0 = size;
            let is_part = matches!(self.sources.get(operand), Source::Made(made, _) if self.is_part(*made, id.result(0)));
            if !is_part {
                self.copy(label.clone(), operand, None, (buffer, whole.clone()));
            }
            whole.offset += size as isize * stride;
        }
        true
    }

    /// The padding value everywhere, and the operand over it.
    pub(super) fn pad(&mut self, op: &Pad, id: NodeId) -> bool {
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
}

/// The bits of a constant in memory: registers hold 16-bit floats as `f32`.
pub(super) fn in_memory(bits: u64, dtype: DType) -> u64 {
    let value = f64::from(f32::from_bits(bits as u32));
    match dtype {
        DType::F16 => Element::to_bits64(<f16 as Element>::from_f64(value)),
        DType::Bf16 => Element::to_bits64(<bf16 as Element>::from_f64(value)),
        _ => bits,
    }
}

/// The same elements as so many parts each, which lie side by side.
fn in_parts(mut access: Access, parts: usize) -> Access {
    if parts > 1 {
        access.offset *= parts as isize;
        access.dims.iter_mut().for_each(|dim| dim.1 *= parts as isize);
        access.dims.push((parts, 1));
    }
    access
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
