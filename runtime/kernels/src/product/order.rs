//! The order of a sum of products: a function of the number of terms alone.
//!
//! Up to [`LONGEST`] terms are one chain of fused multiply-adds from +0.0, in order. More are cut into
//! blocks of [`BLOCK`], each a chain of its own, and the blocks' sums are added like the digits of a binary
//! counter: block
//! `b` merges with the newest kept sum while the low bits of `b` are 1, the older one on the left; what is
//! left over is added from the newest to the oldest. Must not live here: loops over elements.

use std::ops::Range;

/// The most terms that are one chain.
pub const LONGEST: usize = 4096;

/// The terms of a block where there are more.
pub const BLOCK: usize = 2048;

/// Whether a sum of so many terms is cut into blocks.
pub const fn is_cut(terms: usize) -> bool {
    terms > LONGEST
}

/// The blocks' sums that are kept at once, at most.
pub const fn kept(terms: usize) -> usize {
    if is_cut(terms) { terms.div_ceil(BLOCK).ilog2() as usize + 1 } else { 1 }
}

/// A part of a sum's terms that is computed in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The terms.
    pub terms: Range<usize>,
    /// Whether the chain begins here, at +0.0; otherwise it goes on from the sum so far.
    pub begins: bool,
    /// How many kept sums the chain's sum merges with when it ends here; `None` if it goes on.
    pub merges: Option<usize>,
}

/// The chunks of a sum, of at most `longest` terms each. Integers have no order, and are never cut into
/// blocks.
pub fn chunks(terms: usize, longest: usize, has_order: bool) -> impl Iterator<Item = Chunk> {
    let block = if has_order && is_cut(terms) { BLOCK } else { terms.max(1) };
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let end = terms.min(start + longest).min((start / block + 1) * block);
        next = (end < terms).then_some(end);
        let ends = end == terms || end.is_multiple_of(block);
        // The last block merges with all that is kept.
        let count = start / block;
        let kept = count.count_ones() as usize;
        let merges = if end == terms { kept } else { count.trailing_ones() as usize };
        Some(Chunk { terms: start..end, begins: start.is_multiple_of(block), merges: ends.then_some(merges) })
    })
}
