//! Windows moved on this processor: where they lie is computed for a block of them, and then they are moved row by row.
//!
//! | module | holds |
//! |---|---|
//! | [`gather`] | gathers and dynamic slices |
//! | [`scatter`] | scatters and dynamic updates |
//! | `starts` | indices of any type, as offsets |
//! | `points` | gathers of single elements |
//! | `extent` | the rows of a window |
//! | `body` | scatters that combine by an expression |
//!
//! Must not live here: the loops over rows ([`super::machine::combine`]).

mod body;
mod extent;
pub mod gather;
mod points;
pub mod scatter;
mod starts;

/// Windows whose places are computed at a time: their tables stay in the first cache.
const BLOCK: usize = 256;

/// Bytes that a unit moves, about: enough to be worth handing out, few enough to share.
const UNIT: usize = 1 << 15;

/// Bytes of a table of the offsets of a block's windows.
const TABLE: usize = BLOCK * size_of::<isize>();

/// Tables of offsets at the start of a frame.
///
/// # Safety
/// The frame has [`TABLE`] bytes for each, aligned to 64, for the caller alone as long as it uses the tables.
unsafe fn tables<'a, const TABLES: usize>(frame: *mut u8) -> [&'a mut [isize]; TABLES] {
    // SAFETY: any bits are offsets; the tables lie in the frame, apart from each other.
    std::array::from_fn(|at| unsafe {
        std::slice::from_raw_parts_mut(frame.wrapping_add(at * TABLE).cast(), BLOCK)
    })
}
