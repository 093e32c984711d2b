//! Contractions as products.

use choral_ir::op::{DotGeneral, dot::free};
use choral_kernels::access::Dim as Place;
use choral_kernels::product::{Dim, Epilogue};
use choral_kernels::{Access, Number, Product};

/// A value in memory: where its elements lie, and their type there.
pub type Stored<'a> = (&'a Access, Number);

/// The product that a contraction is, with a dense result of this type.
pub fn product(op: &DotGeneral, lhs: Stored<'_>, rhs: Stored<'_>, (out, number): Stored<'_>) -> Product {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype: _ } = op;
    let (left, right) = (&lhs.0.dims, &rhs.0.dims);
    let (batch, rest) = out.dims.split_at(lhs_batching.len());
    let rows = free(left.len(), lhs_batching, lhs_contracting);
    let columns = free(right.len(), rhs_batching, rhs_contracting);
    let (m, n) = rest.split_at(rows.len());
    let along = |dims: &[Place], own: &[usize], out: &[Place]| {
        own.iter().zip(out).map(|(&dim, out)| Dim::new(dims[dim].0, [dims[dim].1, out.1, 0])).collect()
    };
    let pairs = |left_dims: &[usize], right_dims: &[usize]| {
        left_dims.iter().zip(right_dims).map(|(&l, &r)| (left[l], right[r])).collect::<Vec<_>>()
    };
    let batching = pairs(lhs_batching, rhs_batching).into_iter().zip(batch);
    let contracted = pairs(lhs_contracting, rhs_contracting).into_iter();
    Product {
        lhs: lhs.1,
        rhs: rhs.1,
        out: number,
        offsets: [lhs.0.offset, rhs.0.offset, out.offset, 0],
        batch: batching.map(|((l, r), out)| Dim::new(l.0, [l.1, r.1, out.1, 0])).collect(),
        m: along(left, &rows, m),
        n: along(right, &columns, n),
        k: contracted.map(|(l, r)| Dim::new(l.0, [l.1, r.1])).collect(),
        epilogue: Epilogue::default(),
    }
}
