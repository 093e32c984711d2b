//! Units of a kernel on several threads: how many threads a kernel is worth, and what each of them does.
//!
//! Must not live here: how threads share work ([`super::pool`]), and which element a unit is.

use super::Program;
use super::pool::{Pool, Split};
use crate::memory::{Block, Pointers};

/// What one more thread is worth, in steps of an element ([`Program::cost`]): below twice as much, handing it out takes
/// longer than it saves.
const THREAD: usize = 1 << 13;

/// What a chunk costs at least, so that beginning it does not count.
const CHUNK: usize = 1 << 12;

/// From which cost on threads are woken.
const WAKING: usize = 1 << 19;

/// How a program's units are shared by the available threads.
fn split(program: &Program, available: usize) -> Split {
    let (units, cost) = (program.units(), program.cost());
    let grain = (units as u128 * CHUNK as u128 / cost.max(1) as u128) as usize;
    let threads = available.min(units).min((cost / THREAD).max(1));
    Split { parts: units, threads, grain: grain.max(1), wakes: cost >= WAKING }
}

/// How parts are shared that cost so much together, each of them worth a thread.
pub fn split_parts(parts: usize, cost: usize, available: usize) -> Split {
    Split { parts, threads: available.min(parts), grain: 1, wakes: cost >= WAKING }
}

/// How many of the available threads are worth it for a program.
pub fn threads(program: &Program, available: usize) -> usize {
    split(program, available).threads
}

/// Runs all units of a program, on as many threads as there are frames and as is worth it.
///
/// # Safety
/// As [`Program::run`], for the whole program; each frame has [`Program::frame_bytes`] bytes.
pub unsafe fn run(pool: &Pool, program: &Program, buffers: &Pointers, frames: &[Block]) {
    pool.run(split(program, frames.len()), &|seat, units| {
        // SAFETY: the caller's contract; threads run different units, each with the frame of its seat.
        unsafe { program.run(buffers.as_slice(), units, frames[seat].pointer()) };
    });
}
