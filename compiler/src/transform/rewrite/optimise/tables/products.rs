//! Products: transposes of their operands, which they do by themselves.
//!
//! Each element of the result is the same sum of the same products in the same order, so the row holds for
//! every element type. A transpose of the result stays: where it is written is for who runs the program.

use choral_ir::op::{DotGeneral, Transpose, dot::free};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::site::{After, Site};

pub(super) const TABLE: &[Rewrite] = table! {
    "product_of_transpose": "transpose(x) . y -> x . y along other dimensions, where the free ones keep their order",
        |site| (0..2).find_map(|side| of_transpose(site, side));
};

fn of_transpose(site: &Site<'_>, side: usize) -> Option<After> {
    let mut dot = site.this::<DotGeneral>()?.clone();
    let (Transpose { permutation }, x) = site.view(site.operands[side])?;
    let (batching, contracting) = if side == 0 {
        (&mut dot.lhs_batching, &mut dot.lhs_contracting)
    } else {
        (&mut dot.rhs_batching, &mut dot.rhs_contracting)
    };
    let free = free(permutation.len(), batching, contracting);
    for dim in batching.iter_mut().chain(contracting) {
        *dim = permutation[*dim];
    }
    let keeps_order = free.iter().map(|&dim| permutation[dim]).is_sorted();
    let mut operands = site.operands.to_vec();
    operands[side] = x;
    keeps_order.then(|| After::op(dot, &operands))
}
