//! Contractions as products.

use choral_ir::op::{DotGeneral, dot::free};
use choral_ir::{DType, Graph, NodeId};
use choral_kernels::access::{Dim as Place, place, size};
use choral_kernels::product::{Dim, Epilogue};
use choral_kernels::{Access, Number, Product};

/// Multiply-adds of an element of the batch, at most, of products that are computed element by element, and the terms of
/// each: a kernel of products takes as long for a hundred.
const TINY: usize = 64;
const FEW_TERMS: usize = 16;

/// Whether a product is so small that it is computed element by element, beside what is computed of it.
///
/// Those of 16-bit floats never are: a GPU adds their terms in an order of its own, which has to be the same for a member
/// alone as for an ensemble, whose products are larger.
pub fn is_tiny(op: &DotGeneral, graph: &Graph, id: NodeId) -> bool {
    let ty = &graph.node(id).types[0];
    let operands = graph.operands(id);
    let lhs = graph.ty(operands[0]);
    let is_plain = matches!(ty.dtype, DType::F32 | DType::F64)
        && operands.iter().all(|&operand| graph.ty(operand).dtype == ty.dtype);
    let terms: usize = op.lhs_contracting.iter().map(|&dim| lhs.shape[dim]).product();
    let results: usize = ty.shape[op.lhs_batching.len()..].iter().product();
    is_plain && (1..=FEW_TERMS).contains(&terms) && results.saturating_mul(terms) <= TINY
}

/// For each term of a contraction with a result of this shape, where both operands' elements lie.
pub fn terms(op: &DotGeneral, lhs: &Access, rhs: &Access, shape: &[usize]) -> Vec<[Access; 2]> {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype: _ } = op;
    let rows = free(lhs.dims.len(), lhs_batching, lhs_contracting);
    let columns = free(rhs.dims.len(), rhs_batching, rhs_contracting);
    let (m, n) = shape[lhs_batching.len()..].split_at(rows.len());
    let repeated = |sizes: &[usize]| sizes.iter().map(|&size| (size, 0)).collect::<Vec<Place>>();
    let picked =
        |access: &Access, dims: &[usize]| dims.iter().map(|&dim| access.dims[dim]).collect::<Vec<Place>>();
    let left = [picked(lhs, lhs_batching), picked(lhs, &rows), repeated(n)].concat();
    let right = [picked(rhs, rhs_batching), repeated(m), picked(rhs, &columns)].concat();
    let (left_terms, right_terms) = (picked(lhs, lhs_contracting), picked(rhs, rhs_contracting));
    let at = |term: usize| {
        [(lhs.offset, &left_terms, &left), (rhs.offset, &right_terms, &right)]
            .map(|(offset, terms, dims)| Access { offset: offset + place(terms, term), dims: dims.clone() })
    };
    (0..size(&left_terms)).map(at).collect()
}

/// A value in memory: where its elements lie, and their type there.
pub type Stored<'a> = (&'a Access, Number);

/// Where a product's sums go, in the dimensions of its op's result, and what is done to them.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Where results lie, and their type.
    pub out: Stored<'a>,
    /// What is added to them, in the same dimensions.
    pub addend: Option<&'a Access>,
    /// Whether what is below zero becomes zero.
    pub relu: bool,
}

impl Target<'_> {
    /// The distance of the addend's elements along a dimension of the result.
    pub(super) fn addend_stride(&self, dim: usize) -> isize {
        self.addend.map_or(0, |addend| addend.dims[dim].1)
    }

    pub(super) fn addend_offset(&self) -> isize {
        self.addend.map_or(0, |addend| addend.offset)
    }

    pub(super) fn epilogue(&self) -> Epilogue {
        Epilogue { add: self.addend.is_some(), relu: self.relu }
    }
}

/// The product that a contraction is.
pub fn product(op: &DotGeneral, lhs: Stored<'_>, rhs: Stored<'_>, target: Target<'_>) -> Product {
    let (out, number) = target.out;
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype: _ } = op;
    let (left, right) = (&lhs.0.dims, &rhs.0.dims);
    let rows = free(left.len(), lhs_batching, lhs_contracting);
    let columns = free(right.len(), rhs_batching, rhs_contracting);
    let (first_row, first_column) = (lhs_batching.len(), lhs_batching.len() + rows.len());
    // Dimensions of an operand, which are those of the result from number `first` on.
    let along = |dims: &[Place], own: &[usize], first: usize| {
        let dim = |(&dim, at): (&usize, usize)| {
            Dim::new(dims[dim].0, [dims[dim].1, out.dims[at].1, target.addend_stride(at)])
        };
        own.iter().zip(first..).map(dim).collect()
    };
    let pairs = |left_dims: &[usize], right_dims: &[usize]| {
        left_dims.iter().zip(right_dims).map(|(&l, &r)| (left[l], right[r])).collect::<Vec<_>>()
    };
    let batching = pairs(lhs_batching, rhs_batching).into_iter().enumerate();
    let contracted = pairs(lhs_contracting, rhs_contracting).into_iter();
    Product {
        lhs: lhs.1,
        rhs: rhs.1,
        out: number,
        offsets: [lhs.0.offset, rhs.0.offset, out.offset, target.addend_offset()],
        batch: batching
            .map(|(at, (l, r))| Dim::new(l.0, [l.1, r.1, out.dims[at].1, target.addend_stride(at)]))
            .collect(),
        m: along(left, &rows, first_row),
        n: along(right, &columns, first_column),
        k: contracted.map(|(l, r)| Dim::new(l.0, [l.1, r.1])).collect(),
        epilogue: target.epilogue(),
    }
}
