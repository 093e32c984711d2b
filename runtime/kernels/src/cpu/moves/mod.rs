//! Windows moved on this processor: where they lie is computed for a block of them, and then they are moved row by row.
//!
//! | module | holds |
//! |---|---|
//! | [`gather`] | gathers and dynamic slices |
//! | [`scatter`] | scatters and dynamic updates |
//! | `starts` | indices of any type, as offsets |
//! | `extent` | the rows of a window |
//! | `body` | scatters that combine by an expression |
//!
//! Must not live here: the loops over rows ([`super::machine::combine`]).

mod body;
mod extent;
pub mod gather;
pub mod scatter;
mod starts;

/// Windows whose places are computed at a time: their tables stay in the first cache.
const BLOCK: usize = 256;

/// Bytes that a unit moves, about: enough to be worth handing out, few enough to share.
const UNIT: usize = 1 << 15;

/// Tables of as many 64-bit numbers as a block has windows: indices, and offsets.
///
/// # Safety
/// The memory has that many bytes, aligned to 64, for the caller alone as long as it uses the tables.
unsafe fn tables<'a, const OFFSETS: usize>(frame: *mut u8) -> (&'a mut [i64], [&'a mut [isize]; OFFSETS]) {
    let table = |at: usize| frame.wrapping_add(at * BLOCK * size_of::<i64>());
    // SAFETY: any bits are numbers; the tables lie in the memory, apart from each other.
    unsafe {
        (
            std::slice::from_raw_parts_mut(table(0).cast(), BLOCK),
            std::array::from_fn(|at| std::slice::from_raw_parts_mut(table(at + 1).cast(), BLOCK)),
        )
    }
}
