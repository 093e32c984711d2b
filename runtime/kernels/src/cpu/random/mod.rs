//! Random bits on this processor: blocks of counters in lanes.
//!
//! | module | holds |
//! |---|---|
//! | `blocks` | the generators, on many counters at once |
//! | `layout` | where the words of a block go |
//!
//! Must not live here: what is drawn ([`crate::random`]).

mod blocks;
mod layout;

use std::ops::Range;

use crate::access::{Elements, place};
use crate::random::{Algorithm, Random};
use crate::{Level, Number};
use blocks::{BLOCKS, Words};
use layout::Layout;

/// Blocks of a unit.
const UNIT: usize = 1 << 13;

/// A generator that can run.
#[derive(Debug, Clone)]
pub struct Program {
    random: Random,
    states: usize,
    layout: Layout,
    /// Blocks of counters that a state draws, and of a unit at most.
    blocks: usize,
    blocks_of_unit: usize,
    draw: unsafe fn(&blocks::Arguments),
    /// Bits of an element, if they are fewer than its bytes hold.
    bits: Option<u32>,
}

/// The state of a generator: a key, and a counter.
#[derive(Debug, Clone, Copy)]
struct State {
    key: [u32; 2],
    counter: u128,
}

impl Program {
    /// Schedules a kernel for a level.
    pub fn new(random: &Random, level: Level) -> Program {
        Program::of_blocks(random, level, UNIT)
    }

    /// As [`Program::new`], with so many blocks of counters in a unit.
    pub fn of_blocks(random: &Random, level: Level, blocks: usize) -> Program {
        let layout = Layout::of(random);
        Program {
            states: random.bits.access.len(),
            blocks: layout.blocks(),
            layout,
            blocks_of_unit: blocks.next_multiple_of(BLOCKS).max(BLOCKS),
            draw: blocks::draw(random.algorithm, level),
            bits: if random.number == Number::I1 { Some(1) } else { random.narrow },
            random: random.clone(),
        }
    }

    /// Units of one state: one that moves it on, if there is nothing to draw.
    fn units_of_state(&self) -> usize {
        self.blocks.div_ceil(self.blocks_of_unit).max(1)
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        self.states * self.units_of_state()
    }

    /// Bytes of a frame: none.
    pub fn frame_bytes(&self) -> usize {
        0
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, and the bits' one with
    /// all bits, aligned for its type; nothing else writes them now, and the results no other thread reads or writes.
    /// Results overlap neither states nor one another. The processor has the level that the program was scheduled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, _frame: *mut u8) {
        for unit in units {
            let (state, part) = (unit / self.units_of_state(), unit % self.units_of_state());
            let start = part * self.blocks_of_unit;
            let end = (start + self.blocks_of_unit).min(self.blocks);
            // SAFETY: the caller's contract.
            unsafe {
                let now = self.state(buffers, state);
                if part == 0 {
                    self.store_next(buffers, state, &now);
                }
                self.draw(buffers, state, &now, start..end);
            }
        }
    }

    /// A word of state number `at`.
    fn word(&self, elements: &Elements, buffers: &[*mut u8], at: usize, word: usize) -> *mut u64 {
        let (words, states) = elements.access.dims.split_last().unwrap_or((&(1, 0), &[]));
        let place = elements.access.offset + place(states, at) + word as isize * words.1;
        buffers[elements.buffer].cast::<u64>().wrapping_offset(place)
    }

    fn words(&self) -> usize {
        self.random.state.access.dims.last().map_or(0, |words| words.0)
    }

    unsafe fn state(&self, buffers: &[*mut u8], at: usize) -> State {
        // SAFETY: the caller vouches for the state's words.
        let word = |word: usize| unsafe { self.word(&self.random.state, buffers, at, word).read() };
        let (key, low) = (word(0), word(1));
        // Where the state of philox has no second word for the counter, XLA takes the key.
        let high = match self.random.algorithm {
            Algorithm::ThreeFry => 0,
            Algorithm::Philox => word(if self.words() > 2 { 2 } else { 0 }),
        };
        State { key: [key as u32, (key >> 32) as u32], counter: u128::from(low) | u128::from(high) << 64 }
    }

    unsafe fn store_next(&self, buffers: &[*mut u8], at: usize, now: &State) {
        let counter = now.counter.wrapping_add(self.blocks as u128);
        let [low, high] = now.key.map(u64::from);
        let words = [low | high << 32, counter as u64, (counter >> 64) as u64];
        for (word, value) in words.into_iter().enumerate().take(self.words()) {
            // SAFETY: the caller vouches for the state's words.
            unsafe { self.word(&self.random.next, buffers, at, word).write(value) };
        }
    }

    /// Draws blocks of a state.
    unsafe fn draw(&self, buffers: &[*mut u8], at: usize, now: &State, blocks: Range<usize>) {
        let bits = &self.random.bits;
        let first = bits.access.offset + place(&bits.access.dims, at);
        let bytes = self.random.number.bytes();
        let out = buffers[bits.buffer].wrapping_offset(first * bytes as isize);
        let mut words: Words = [[0; BLOCKS]; 4];
        for start in blocks.clone().step_by(BLOCKS) {
            let counter = now.counter.wrapping_add(start as u128);
            // SAFETY: the level is the processor's; words of blocks go where the layout has a place, for which the caller
            // vouches.
            unsafe {
                (self.draw)(&blocks::Arguments { key: now.key, counter, words: &raw mut words });
                self.cut(&mut words);
                self.layout.store(&words, start..(start + BLOCKS).min(blocks.end), out);
            }
        }
    }

    /// Cuts words to the bits of an element, extended by its type's sign.
    fn cut(&self, words: &mut Words) {
        let Some(bits) = self.bits else { return };
        let shift = 32 - bits;
        let is_signed = self.random.number == Number::I8;
        for word in words.iter_mut().flatten() {
            let high = *word << shift;
            *word = if is_signed { (high as i32 >> shift) as u32 } else { high >> shift };
        }
    }
}
