//! Units of a kernel on several threads: how many threads a kernel is worth, and what each of them does.
//!
//! Must not live here: how threads share work ([`super::pool`]), and which element a unit is.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::pool::{Pool, Split};
use super::product::{Operands, Schedule};
use super::rows::Program;
use crate::memory::{Block, Pointers};

/// A kernel that was prepared for this processor: units that may run in any order and at the same time.
pub trait Work: Sync {
    /// How many there are.
    fn units(&self) -> usize;

    /// Bytes of a frame: each thread that runs units has one of its own.
    fn frame_bytes(&self) -> usize;

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its
    /// type; nothing else writes them now, and what these units write no other thread reads or writes. The frame has
    /// [`Work::frame_bytes`] bytes, aligned to 64, for this thread alone. The processor has the level that the kernel
    /// was prepared for.
    unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8);
}

impl Work for Program {
    fn units(&self) -> usize {
        Program::units(self)
    }

    fn frame_bytes(&self) -> usize {
        Program::frame_bytes(self)
    }

    unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the caller's contract.
        unsafe { Program::run(self, buffers, units, frame) }
    }
}

/// From which cost on a kernel is worth sharing, and what chunks of it cost at least.
struct Worth {
    /// What one more thread is worth: below twice as much, handing it out takes longer than it saves.
    thread: usize,
    /// What a chunk costs at least, so that beginning it does not count.
    chunk: usize,
    /// From which cost on threads are woken.
    waking: usize,
}

/// In element steps.
const STEPS: Worth = Worth { thread: 1 << 13, chunk: 1 << 12, waking: 1 << 19 };

/// In multiply-adds.
const PRODUCTS: Worth = Worth { thread: 1 << 18, chunk: 1 << 16, waking: 1 << 22 };

/// What a tile of a product takes beside its multiply-adds, in these.
const TILE: usize = 1 << 13;

impl Worth {
    /// How units of this cost as a whole are shared by the available threads.
    fn split(&self, units: usize, cost: usize, available: usize) -> Split {
        let grain = (units as u128 * self.chunk as u128 / cost.max(1) as u128) as usize;
        let threads = available.min(units).min((cost / self.thread).max(1));
        Split { parts: units, threads, grain: grain.max(1), wakes: cost >= self.waking }
    }
}

/// How many of the available threads are worth it for a kernel of this cost, in element steps.
pub fn threads(work: &dyn Work, cost: usize, available: usize) -> usize {
    STEPS.split(work.units(), cost, available).threads
}

/// How many of the available threads are worth it for a product.
pub fn product_threads(schedule: &Schedule, available: usize) -> usize {
    Strips::of(schedule, available).split.threads
}

/// The tiles of a product, cut where nothing is packed twice.
struct Strips {
    split: Split,
    /// Tiles of a strip.
    length: usize,
}

impl Strips {
    fn of(schedule: &Schedule, available: usize) -> Strips {
        let (tiles, sharing) = (schedule.tiles(), schedule.sharing());
        let cost = tiles.saturating_mul(schedule.cost().saturating_add(TILE));
        // Rather pack twice than have threads without work.
        let length = if tiles / sharing >= available { sharing } else { 1 };
        Strips { split: PRODUCTS.split(tiles / length, cost, available), length }
    }

    fn tiles(&self, strips: Range<usize>) -> Range<usize> {
        strips.start * self.length..strips.end * self.length
    }
}

/// Runs all units of a kernel of this cost in element steps, on as many threads as there are frames and as is worth it.
///
/// # Safety
/// As [`Work::run`], for the whole kernel; each frame has [`Work::frame_bytes`] bytes.
pub unsafe fn run(pool: &Pool, work: &dyn Work, cost: usize, buffers: &Pointers, frames: &[Block]) {
    pool.run(STEPS.split(work.units(), cost, frames.len()), &|seat, units| {
        // SAFETY: the caller's contract; threads run different units, each with the frame of its seat.
        unsafe { work.run(buffers.as_slice(), units, frames[seat].pointer()) };
    });
}

/// Operands that threads share.
struct Shared(Operands);

// SAFETY: pointers are data; the caller of `product` vouches for what threads do through them.
unsafe impl Sync for Shared {}

impl Shared {
    fn get(&self) -> Operands {
        self.0
    }
}

/// Runs all tiles of a product, on as many threads as there are frames and as is worth it.
///
/// # Safety
/// As [`Schedule::run`], for the whole product; each frame has [`Schedule::scratch`] bytes.
pub unsafe fn product(pool: &Pool, schedule: &Schedule, operands: Operands, frames: &[Block]) {
    let (operands, strips) = (Shared(operands), Strips::of(schedule, frames.len()));
    pool.run(strips.split, &|seat, part| {
        let (frame, bytes) = (frames[seat].pointer().cast::<MaybeUninit<u8>>(), frames[seat].bytes());
        // SAFETY: the frame is this seat's alone, and what it holds needs no value.
        let scratch = unsafe { std::slice::from_raw_parts_mut(frame, bytes) };
        // SAFETY: the caller's contract; threads compute different tiles.
        unsafe { schedule.run(operands.get(), scratch, strips.tiles(part), &mut |_| {}) };
    });
}
