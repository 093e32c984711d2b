//! The kernel of a group: the steps of its members.

use std::collections::HashMap;

use choral_ir::graph::Value;
use choral_ir::op::DotGeneral;
use choral_ir::{DType, NodeId, NodeKind, Op};
use choral_kernels::rows::{Kind, Store};
use choral_kernels::{Access, Instruction, Number, Rows};

use super::build::Building;
use super::group::{Extent, Space};
use super::value::Source;
use crate::lower::elementwise::{self, Steps};
use crate::lower::{dot, number, reduce};

/// The steps of a group.
pub(super) struct Group<'a, 'b> {
    building: &'a mut Building<'b>,
    space: &'a Space,
    /// The space's dimensions in the order of the kernel.
    order: Vec<usize>,
    pub(super) rows: Rows,
    /// Whether there is nothing to fold: whole values are empty, and folds are what nothing gives.
    folds_nothing: bool,
    of_values: HashMap<Value, usize>,
    loads: Vec<(usize, Access, usize)>,
    constants: HashMap<(u64, Number), usize>,
}

/// Groups of fewer elements than this are folded as rows of single ones, if rows are long.
const FEW: usize = 8;

impl<'a, 'b> Group<'a, 'b> {
    pub(super) fn new(building: &'a mut Building<'b>, space: &'a Space) -> Group<'a, 'b> {
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
        let mut rows =
            Rows { outer: sizes(&outer), folded: sizes(&folded), inner: sizes(&inner), ..Rows::default() };
        let folds_nothing = !space.folded.is_empty() && rows.folded.contains(&0);
        if folds_nothing {
            rows.folded = vec![1; rows.folded.len()];
        }
        let order = [outer, folded, inner].concat();
        Group {
            building,
            space,
            order,
            rows,
            folds_nothing,
            of_values: HashMap::new(),
            loads: Vec::new(),
            constants: HashMap::new(),
        }
    }

    /// An access with a value's dimensions as one of the kernel.
    fn access(&self, access: &Access, extent: Extent) -> Access {
        let wide = self.space.widened(access, extent);
        let dim = |&dim: &usize| match wide.dims[dim] {
            (0, stride) if self.folds_nothing && self.space.folded.contains(&dim) => (1, stride),
            dim => dim,
        };
        Access { offset: wide.offset, dims: self.order.iter().map(dim).collect() }
    }

    pub(super) fn member(&mut self, id: NodeId) {
        let graph = self.building.graph;
        let NodeKind::Op(op) = &graph.node(id).kind else { return };
        let extent = self.building.extents[id.index()].map_or(Extent::Whole, |(_, extent)| extent);
        let operands = graph.operands(id);
        if self.folds_nothing && extent == Extent::Whole {
            return self.empty(id);
        }
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
                if self.folds_nothing {
                    self.initial(operands[1])
                } else {
                    let operand = self.operand(operands[0], Extent::Whole);
                    let folded = self.rows.step(Kind::Fold { fold, operand }, number);
                    let init = self.initial(operands[1]);
                    let result = self.rows.compute(Instruction::Binary(join), &[init, folded], number);
                    self.rows.settled(result, dtype)
                }
            }
            Op::Dot(op) => self.product(op, id, extent),
            _ => return,
        };
        let result = id.result(0);
        self.of_values.insert(result, value);
        if self.building.needed.contains(&result) {
            let buffer = self.building.made(result);
            let access = self.access(&Access::dense(&graph.ty(result).shape), extent);
            let number = number::of(graph.ty(result).dtype);
            self.rows.stores.push(Store::apart(value, buffer, access, number));
        }
        for (whole, part) in self.building.parts_of(result) {
            let buffer = self.building.made_once(whole);
            let (access, number) = (self.access(&part, extent), number::of(graph.ty(result).dtype));
            self.rows.stores.push(Store::apart(value, buffer, access, number));
        }
    }

    /// The chain of multiply-adds of a tiny product.
    fn product(&mut self, op: &DotGeneral, id: NodeId, extent: Extent) -> usize {
        let ty = self.building.graph.node(id).types[0].clone();
        let number = number::of(ty.dtype).in_registers();
        let operands = self.building.graph.operands(id);
        let sources = [operands[0], operands[1]].map(|operand| self.building.sources.get(operand).clone());
        let accesses = [operands[0], operands[1]].map(|operand| self.building.access(operand));
        let zero = self.read(Source::Splat(0), ty.dtype, extent);
        let terms = dot::terms(op, &accesses[0], &accesses[1], &ty.shape);
        let sum = terms.into_iter().fold(zero, |sum, [left, right]| {
            let [left, right] = [(&sources[0], left), (&sources[1], right)]
                .map(|(source, access)| self.read(source.at(access), ty.dtype, extent));
            self.rows.compute(Instruction::MultiplyAdd, &[left, right, sum], number)
        });
        self.rows.settled(sum, ty.dtype)
    }

    /// A buffer for a value without elements.
    fn empty(&mut self, id: NodeId) {
        if self.building.needed.contains(&id.result(0)) {
            self.building.made(id.result(0));
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

    fn read(&mut self, source: Source, dtype: DType, extent: Extent) -> usize {
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
