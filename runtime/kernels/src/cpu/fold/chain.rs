//! Folds of few results: each by itself, some of its elements at a time.
//!
//! Where results are too few to fold side by side, finding and widening the next elements would take longer than the
//! body: that is done for many at once. Must not live here: results side by side ([`super`]).

use super::layout::Dims;
use super::{At, Program};
use crate::access::Dim;
use crate::cpu::machine::moves::{gather, with_width};

/// Elements that are found and widened at a time.
pub(super) const BLOCK: usize = 256;

/// Results from which on folding them side by side is better.
pub(super) const FEW: usize = 8;

/// Tiles of an operand: elements as they are in memory and in registers.
pub(super) const TILES: usize = 2;

/// Bytes of a tile: a line more than the elements, since each is read by the widest word, wherever it stands.
pub(super) const TILE: usize = (BLOCK + 8) * size_of::<u64>();

/// The folded dimensions of each operand.
pub(super) type Chains = Vec<Vec<Dim>>;

impl Program {
    /// Folds the elements of one result into its accumulators.
    ///
    /// # Safety
    /// As [`Program::run`], in a frame that the body and the accumulators are ready in.
    pub(super) unsafe fn chain(&self, chains: &Chains, buffers: &[*mut u8], at: At, frame: *mut u8) {
        let Dims { places, .. } = self.dims;
        for start in (0..places).step_by(BLOCK) {
            let count = BLOCK.min(places - start);
            for (number, chain) in chains.iter().enumerate() {
                // SAFETY: tiles have room for a block of elements, for which the caller vouches.
                unsafe { self.block(number, chain, buffers, (at, start, count), frame) };
            }
            for element in 0..count {
                // SAFETY: the block is as long; the body's inputs are loaded before it runs.
                unsafe {
                    for (number, operand) in self.operands.iter().enumerate() {
                        let from = self.elements_tile(frame, number, 1).add(element * operand.wide);
                        self.scalars.put(frame, self.operands.len() + number, from);
                    }
                    self.scalars.run(frame, 1);
                    self.keep(1, frame);
                }
            }
        }
    }

    /// Finds and widens elements of an operand, from number `start` of the result's on.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn block(
        &self,
        number: usize,
        chain: &[Dim],
        buffers: &[*mut u8],
        (at, start, count): (At, usize, usize),
        frame: *mut u8,
    ) {
        let operand = &self.operands[number];
        let from = operand.element(&self.dims, buffers, (at.row, 0), at.first as isize);
        let [raw, wide] = [0, 1].map(|tile| self.elements_tile(frame, number, tile));
        // SAFETY: the caller vouches for the elements; tiles have room for a block.
        unsafe {
            with_width!(operand.bytes, T => gather(raw.cast::<T>(), from.cast::<T>(), chain, start, count));
            self.scalars.widen(self.operands.len() + number, raw, wide, count);
        }
    }

    fn elements_tile(&self, frame: *mut u8, operand: usize, tile: usize) -> *mut u8 {
        frame.wrapping_add(self.tiles_end() + (operand * TILES + tile) * TILE)
    }
}
