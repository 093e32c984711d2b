//! The kernel of an op that shares it with no other.
//!
//! Must not live here: kernels of rows ([`super::group`]), ops that copy ([`super::copy`]), branches and loops
//! ([`super::control`]).

use choral_ir::graph::Value;
use choral_ir::op::{
    Convolution, DotGeneral, IndexOp, LinalgOp, Reduce, ReduceWindow, Scatter, SelectAndScatter, SortOp,
    WindowOp,
};
use choral_ir::{DType, Fold, NodeId, Op, memory};
use choral_kernels::access::Elements;
use choral_kernels::fold::Folded;
use choral_kernels::window::Initial;
use choral_kernels::{Access, Kernel, Product, Products};

use super::build::Building;
use super::copy::in_memory;
use super::epilogue::Epilogue;
use super::value::Source;
use crate::lower::dot::Target;
use crate::lower::{convolution, dot, extreme, fold, index, linalg, number, random, sort, window};
use crate::memory::Label;

impl Building<'_> {
    /// The kernel of an op by itself and what it does to its results, which it writes; `None` for what has none.
    pub(super) fn lowered(&mut self, op: &Op, members: &[NodeId]) -> Option<Kernel> {
        let &id = members.first()?;
        match op {
            Op::Dot(op) => self.dot(op, members),
            Op::Convolution(op) => self.convolution(op, members),
            Op::Reduce(op) => self.extreme(op, id),
            Op::Window(WindowOp::ReduceWindow(op)) => self.reduce_window(op, id),
            Op::Window(WindowOp::SelectAndScatter(op)) => self.select_and_scatter(op, id),
            Op::Index(op) => self.index(op, id),
            Op::Sort(op) => self.sort(op, id),
            Op::Linalg(op) => Some(self.linalg(op, id)),
            Op::Random(op) => {
                let operands = [self.operand(id, 0), self.result(id, 0), self.result(id, 1)];
                Some(Kernel::Random(random::random(op, operands)))
            }
            Op::Elementwise(_) | Op::Shape(_) | Op::Control(_) | Op::Collective(_) | Op::Custom(_) => None,
        }
    }

    fn dtype(&self, id: NodeId, operand: usize) -> DType {
        self.graph.ty(self.graph.operands(id)[operand]).dtype
    }

    /// Where an operand's elements lie.
    fn operand(&mut self, id: NodeId, operand: usize) -> Elements {
        self.elements(self.graph.operands(id)[operand])
    }

    fn elements(&mut self, value: Value) -> Elements {
        let (buffer, access, _) = self.stored(value);
        Elements { buffer, access }
    }

    /// Where operands' elements lie, and their types.
    fn operands(&mut self, values: &[Value]) -> Vec<index::Operand> {
        values.iter().map(|&value| (self.elements(value), self.graph.ty(value).dtype)).collect()
    }

    /// A place for a result.
    fn result(&mut self, id: NodeId, result: usize) -> Elements {
        let access = Access::dense(&self.graph.node(id).types[result].shape);
        Elements { buffer: self.made_once(id.result(result)), access }
    }

    /// A place for what an op makes by writing parts of its first operand: where that lies, if nobody else reads it.
    fn updated(&mut self, id: NodeId, operand: &mut index::Operand) -> Elements {
        let access = Access::dense(&self.graph.node(id).types[0].shape);
        match self.taken(self.graph.operands(id)[0], id.result(0)) {
            Some(buffer) => {
                operand.0.buffer = buffer;
                Elements { buffer, access }
            }
            None => self.result(id, 0),
        }
    }

    fn all_results(&mut self, id: NodeId) -> Vec<Elements> {
        (0..self.graph.node(id).types.len()).map(|at| self.result(id, at)).collect()
    }

    /// An initial value, or those that lie in these dimensions.
    fn initial(&mut self, value: Value, shape: &[usize]) -> Initial {
        let ty = self.graph.ty(value);
        if let Source::Splat(bits) = self.sources.get(value) {
            return Initial::Constant(in_memory(*bits, ty.dtype));
        }
        let is_shared = ty.rank() == 0;
        let mut elements = self.elements(value);
        if is_shared {
            elements.access.dims = shape.iter().map(|&size| (size, 0)).collect();
        }
        Initial::Load(elements)
    }

    fn dot(&mut self, op: &DotGeneral, members: &[NodeId]) -> Option<Kernel> {
        let id = members[0];
        let [lhs, rhs] = [self.operand(id, 0), self.operand(id, 1)];
        let [left, right] = [number::of(self.dtype(id, 0)), number::of(self.dtype(id, 1))];
        let made = self.destination(members)?;
        let product = dot::product(op, (&lhs.access, left), (&rhs.access, right), made.target(op.dtype));
        let packed = self.packed(Label::of(self.graph, id), &product, [lhs.buffer, rhs.buffer]);
        let single = Products { packed, ..products(vec![product], [&lhs, &rhs], &made) };
        Some(Kernel::Products(single))
    }

    fn convolution(&mut self, op: &Convolution, members: &[NodeId]) -> Option<Kernel> {
        let id = members[0];
        // What no memory holds is refused by its size, and takes too long to look at place by place.
        let ty = self.graph.node(id).types[0].clone();
        if ty.bytes() > memory::total() {
            return None;
        }
        let [input, kernel] = [self.operand(id, 0), self.operand(id, 1)];
        let [x, w] = [self.dtype(id, 0), self.dtype(id, 1)].map(number::of);
        let made = self.destination(members)?;
        let lowered =
            convolution::convolution(op, (&input.access, x), (&kernel.access, w), made.target(ty.dtype));
        let parts = products(lowered.products(), [&kernel, &input], &made);
        Some(Kernel::Products(Products { convolution: Some(lowered), ..parts }))
    }

    /// Where a product's sums go, and what is done to them.
    fn destination(&mut self, members: &[NodeId]) -> Option<Made> {
        let Epilogue { result, out, addend, relu } = Epilogue::of(self.graph, &self.sources, members)?;
        let addend = addend.map(|(value, access)| Elements { buffer: self.stored(value).0, access });
        Some(Made { out: Elements { buffer: self.made(result), access: out }, addend, relu })
    }

    /// A search; other folds are kernels of rows.
    fn extreme(&mut self, op: &Reduce, id: NodeId) -> Option<Kernel> {
        let Fold::Extreme(of) = op.body.fold() else { return None };
        let operands = self.graph.operands(id);
        let dtypes = [self.dtype(id, 0), self.dtype(id, 1)];
        let along = match self.sources.get(operands[1]) {
            Source::Counting(_, access) => {
                counted(access, dtypes[1]).filter(|dim| op.dimensions.contains(dim))
            }
            Source::Splat(_) | Source::Made(..) => None,
        };
        let values = self.elements(operands[0]);
        let places = match along {
            Some(dim) => Ok(dim),
            None => Err(self.elements(operands[1])),
        };
        let shape = self.graph.node(id).types[0].shape.clone();
        let initial = [self.initial(operands[2], &shape), self.initial(operands[3], &shape)];
        let results = [self.result(id, 0), self.result(id, 1)];
        let places = places.as_ref().map(|dim| *dim);
        let kernel = extreme::extreme(of, &op.dimensions, dtypes, &values, places, initial, results);
        Some(Kernel::Extreme(kernel))
    }

    /// The kernel of a fold that none of its own runs.
    pub(super) fn folded(&mut self, op: &Op, id: NodeId) -> Option<Kernel> {
        match op {
            Op::Reduce(op) => fold::reduce(op, self.folds(id)).map(Kernel::Fold),
            Op::Window(WindowOp::ReduceWindow(op)) => {
                fold::reduce_window(op, self.folds(id)).map(Kernel::Fold)
            }
            Op::Window(WindowOp::SelectAndScatter(_))
            | Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Dot(_)
            | Op::Convolution(_)
            | Op::Index(_)
            | Op::Sort(_)
            | Op::Linalg(_)
            | Op::Control(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_) => None,
        }
    }

    /// What a fold folds, and to what.
    fn folds(&mut self, id: NodeId) -> Vec<Folded> {
        let operands = self.graph.operands(id);
        let (inputs, inits) = operands.split_at(operands.len() / 2);
        let folded = |(result, (&input, &init)): (usize, (&Value, &Value))| {
            let ty = self.graph.node(id).types[result].clone();
            Folded {
                number: number::of(ty.dtype),
                input: self.elements(input),
                initial: self.initial(init, &ty.shape),
                result: self.result(id, result),
            }
        };
        inputs.iter().zip(inits).enumerate().map(folded).collect()
    }

    fn reduce_window(&mut self, op: &ReduceWindow, id: NodeId) -> Option<Kernel> {
        op.body.binary()?;
        let shape = self.graph.node(id).types[0].shape.clone();
        let initial = self.initial(self.graph.operands(id)[1], &shape);
        let (input, result) = (self.operand(id, 0), self.result(id, 0));
        window::reduce_window(op, self.dtype(id, 0), input, initial, result).map(Kernel::Window)
    }

    fn select_and_scatter(&mut self, op: &SelectAndScatter, id: NodeId) -> Option<Kernel> {
        let shape = self.graph.node(id).types[0].shape.clone();
        let initial = self.initial(self.graph.operands(id)[2], &shape);
        let operands = [self.operand(id, 0), self.operand(id, 1), self.result(id, 0)];
        let kernel = window::select_and_scatter(op, self.dtype(id, 0), operands, initial);
        kernel.map(Kernel::SelectAndScatter)
    }

    fn index(&mut self, op: &IndexOp, id: NodeId) -> Option<Kernel> {
        let operands = self.graph.operands(id);
        let mut given = match op {
            IndexOp::Scatter(op) => return self.scatter(op, id),
            IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_) => {
                self.operands(&operands)
            }
        };
        let result = match op {
            IndexOp::DynamicUpdateSlice(_) => self.updated(id, &mut given[0]),
            IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::Scatter(_) => self.result(id, 0),
        };
        match op {
            IndexOp::Gather(op) => index::gather(op, &given[0], &given[1], result).map(Kernel::Gather),
            IndexOp::DynamicSlice(op) => {
                Some(Kernel::Gather(index::dynamic_slice(op, &given[0], &given[1..], result)))
            }
            IndexOp::DynamicUpdateSlice(op) => {
                let kernel = index::dynamic_update_slice(op, &given[0], &given[1].0, &given[2..], &result);
                Some(Kernel::Scatter(kernel))
            }
            IndexOp::Scatter(_) => None,
        }
    }

    fn scatter(&mut self, op: &Scatter, id: NodeId) -> Option<Kernel> {
        let mut given = self.operands(&self.graph.operands(id));
        let count = given.len() / 2;
        let results = match count == 1 && !op.body.accumulates() {
            true => vec![self.updated(id, &mut given[0])],
            false => self.all_results(id),
        };
        let kernel = index::scatter(op, &given[..count], &given[count], &given[count + 1..], &results);
        kernel.map(Kernel::Scatter)
    }

    fn sort(&mut self, op: &SortOp, id: NodeId) -> Option<Kernel> {
        let given = self.operands(&self.graph.operands(id));
        match op {
            SortOp::Sort(op) => {
                let results = self.all_results(id);
                sort::sort(op, &given, &results).map(Kernel::Sort)
            }
            SortOp::TopK(op) => {
                let results = [self.result(id, 0), self.result(id, 1)];
                Some(Kernel::Sort(sort::top_k(*op, (&given[0].0, given[0].1), results)))
            }
        }
    }

    fn linalg(&mut self, op: &LinalgOp, id: NodeId) -> Kernel {
        let dtype = self.dtype(id, 0);
        match op {
            LinalgOp::Cholesky(op) => {
                let operands = [self.operand(id, 0), self.result(id, 0)];
                Kernel::Cholesky(linalg::cholesky(*op, dtype, operands))
            }
            LinalgOp::TriangularSolve(op) => {
                let operands = [self.operand(id, 0), self.operand(id, 1), self.result(id, 0)];
                Kernel::TriangularSolve(linalg::triangular_solve(*op, dtype, operands))
            }
        }
    }
}

/// Where a product's sums go, and what is done to them.
struct Made {
    out: Elements,
    addend: Option<Elements>,
    relu: bool,
}

impl Made {
    fn target(&self, dtype: DType) -> Target<'_> {
        let addend = self.addend.as_ref().map(|addend| &addend.access);
        Target { out: (&self.out.access, number::of(dtype)), addend, relu: self.relu }
    }
}

fn products(products: Vec<Product>, operands: [&Elements; 2], made: &Made) -> Products {
    let [lhs, rhs] = operands.map(|elements| elements.buffer);
    let addend = made.addend.as_ref().map(|addend| addend.buffer);
    Products { products, convolution: None, lhs, rhs, addend, out: made.out.buffer, packed: None }
}

/// The dimension along which an access counts from 0 on, by numbers that the type has.
fn counted(access: &Access, place: DType) -> Option<usize> {
    let mut moving = (0..access.dims.len()).filter(|&dim| access.dims[dim].0 > 1 && access.dims[dim].1 != 0);
    let (dim, None) = (moving.next()?, moving.next()) else { return None };
    let counts = access.offset == 0 && access.dims[dim].1 == 1 && extreme::counts(place, access.dims[dim].0);
    counts.then_some(dim)
}
