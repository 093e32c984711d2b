//! Units of a kernel on several threads.

use rayon::prelude::*;

use super::product::{Operands, Schedule};
use super::rows::Program;
use crate::memory::{Block, Pointers};

/// Element steps below which a kernel stays on the caller's thread: handing it out takes longer.
const ALONE: usize = 1 << 16;

/// How many of the available threads are worth it for a program of this cost.
pub fn threads(program: &Program, cost: usize, available: usize) -> usize {
    available.min(program.units()).min(cost / ALONE + 1)
}

/// How many of the available threads are worth it for a product.
pub fn product_threads(schedule: &Schedule, available: usize) -> usize {
    let tiles = schedule.tiles();
    available.min(tiles).min(tiles.saturating_mul(schedule.cost()) / ALONE_PRODUCTS + 1)
}

/// Runs all units of a program, on as many threads as there are frames and as is worth it.
///
/// # Safety
/// As [`Program::run`], for the whole program; each frame has [`Program::frame_bytes`] bytes.
pub unsafe fn run(program: &Program, cost: usize, buffers: &Pointers, frames: &[Block]) {
    let units = program.units();
    let threads = threads(program, cost, frames.len());
    if threads <= 1 {
        // SAFETY: the caller's contract.
        unsafe { program.run(buffers.as_slice(), 0..units, frames[0].pointer()) };
        return;
    }
    let share = |thread: usize| units * thread / threads;
    frames[..threads].par_iter().enumerate().for_each(|(thread, frame)| {
        // SAFETY: the caller's contract; threads run different units, each with a frame of its own.
        unsafe {
            program.run(buffers.as_slice(), share(thread)..share(thread + 1), frame.pointer());
        }
    });
}

/// Multiply-adds below which a product stays on the caller's thread.
const ALONE_PRODUCTS: usize = 1 << 18;

/// Operands that threads share.
#[derive(Clone, Copy)]
struct Shared(Operands);

// SAFETY: pointers are data; the caller of `product` vouches for what threads do through them.
unsafe impl Send for Shared {}
// SAFETY: as above.
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
pub unsafe fn product(schedule: &Schedule, operands: Operands, frames: &[Block]) {
    let tiles = schedule.tiles();
    let threads = product_threads(schedule, frames.len());
    let operands = Shared(operands);
    let share = |thread: usize| tiles * thread / threads;
    let run = |thread: usize, frame: &Block| {
        // SAFETY: the frame is this thread's alone, and what it holds needs no value.
        let scratch = unsafe { std::slice::from_raw_parts_mut(frame.pointer().cast(), frame.bytes()) };
        let tiles = share(thread)..share(thread + 1);
        // SAFETY: the caller's contract; threads compute different tiles.
        unsafe { schedule.run(operands.get(), scratch, tiles, &mut |_| {}) };
    };
    match threads {
        0 => {}
        1 => run(0, &frames[0]),
        _ => frames[..threads].par_iter().enumerate().for_each(|(thread, frame)| run(thread, frame)),
    }
}
