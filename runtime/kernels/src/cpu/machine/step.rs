//! Steps of a fold, tile by tile: an instruction, and what brings its result back to fewer bits.

use super::choose::choose;
use super::{Arguments, Loop};
use crate::cpu::rows::NoLoop;
use crate::window::Combine;
use crate::{Level, Number};

/// The loops of a step.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    run: (Loop, u64),
    narrow: Option<(Loop, u64)>,
}

impl Step {
    /// The loops of a step on numbers of a type in registers.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(combine: &Combine, number: Number, level: Level) -> Result<Step, NoLoop> {
        let of = |instruction| {
            let chosen = choose(instruction, number, number, [false; 3], level);
            chosen.ok_or_else(|| NoLoop { instruction: format!("{instruction:?} of {number}") })
        };
        Ok(Step { run: of(&combine.instruction)?, narrow: combine.narrowing.as_ref().map(of).transpose()? })
    }

    /// Folds `length` elements at `from` into those at `sofar`, and writes them to `out`; `spare` is a tile to work in.
    ///
    /// # Safety
    /// All are tiles of so many elements of the step's type; those that are written overlap no other.
    #[inline]
    pub unsafe fn run(&self, [sofar, from]: [*const u8; 2], out: *mut u8, spare: *mut u8, length: usize) {
        let call = |(run, extra): (Loop, u64), operands, out| {
            let [first, second] = operands;
            // SAFETY: the caller's contract is that of the loops.
            unsafe { run(&Arguments { out, operands: [first, second, second], length, extra }) }
        };
        match self.narrow {
            None => call(self.run, [sofar, from], out),
            Some(narrow) => {
                call(self.run, [sofar, from], spare);
                call(narrow, [spare, spare], out);
            }
        }
    }

    /// Whether folding this number in changes nothing, so that a fold that starts with it may take it any number of
    /// times. Every NaN is one.
    pub fn keeps(&self, bits: u64, number: Number) -> bool {
        let (mut out, mut spare) = (0u64, 0u64);
        let from: *const u8 = (&raw const bits).cast();
        // SAFETY: a word has room for one number of any type.
        unsafe { self.run([from, from], (&raw mut out).cast(), (&raw mut spare).cast(), 1) };
        let is_nan = |bits: u64| match number {
            Number::F32 => f32::from_bits(bits as u32).is_nan(),
            Number::F64 => f64::from_bits(bits).is_nan(),
            _ => false,
        };
        let same = out.to_le_bytes()[..number.bytes()] == bits.to_le_bytes()[..number.bytes()];
        same || is_nan(bits) && is_nan(out)
    }
}
