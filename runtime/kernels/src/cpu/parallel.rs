//! Units of a kernel on several threads.

use rayon::prelude::*;

use super::Program;
use crate::memory::{Block, Pointers};

/// Steps of an element below which a kernel stays on the caller's thread: handing it out takes longer.
const ALONE: usize = 1 << 16;

/// How many of the available threads are worth it for a program.
pub fn threads(program: &Program, available: usize) -> usize {
    available.min(program.units()).min(program.cost() / ALONE + 1)
}

/// Runs all units of a program, on as many threads as there are frames and as is worth it.
///
/// # Safety
/// As [`Program::run`], for the whole program; each frame has [`Program::frame_bytes`] bytes.
pub unsafe fn run(program: &Program, buffers: &Pointers, frames: &[Block]) {
    let units = program.units();
    let threads = threads(program, frames.len());
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
