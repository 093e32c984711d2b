//! Scatters that combine by an expression.

use super::scatter::of_window;
use super::starts::Offsets;
use crate::Level;
use crate::access::{Dim, place, size};
use crate::cpu::rows::NoLoop;
use crate::cpu::scalar::Scalars;
use crate::expression::Expression;
use crate::moves::Scatter;

/// Elements that are computed at a time, at most: those of a row of a window, which are different ones.
const LANES: usize = 64;

/// How elements take their updates by an expression.
#[derive(Debug, Clone)]
pub(super) struct Body {
    scalars: Scalars,
    operands: Vec<Operand>,
    /// The dimensions of a window in the results before its rows, and that of a row.
    lines: Vec<Dim>,
    row: Dim,
}

#[derive(Debug, Clone)]
struct Operand {
    out: usize,
    updates: usize,
    bytes: usize,
    /// Where the updates of each window lie, and then of each line, and how far apart those of a row are.
    from: Offsets,
    lines: Vec<Dim>,
    stride: isize,
}

impl Body {
    /// # Errors
    /// If no loop runs an instruction of the body on its types.
    pub(super) fn new(scatter: &Scatter, body: &Expression, level: Level) -> Result<Body, NoLoop> {
        let numbered = scatter.members.len() + scatter.windows.len();
        let (row, lines) = last(&of_window(scatter));
        let operands = scatter.operands.iter().map(|operand| {
            let access = &operand.updates.access;
            let ((_, stride), lines) = last(&access.dims[numbered..]);
            Operand {
                out: operand.out,
                updates: operand.updates.buffer,
                bytes: operand.number.bytes(),
                from: Offsets::of(access, numbered),
                lines,
                stride,
            }
        });
        Ok(Body {
            operands: operands.collect(),
            scalars: Scalars::compile(body, row.0.clamp(1, LANES), level)?,
            lines,
            row,
        })
    }

    pub(super) fn frame_bytes(&self) -> usize {
        self.scalars.frame_bytes()
    }

    /// Makes a frame ready.
    ///
    /// # Safety
    /// The frame has as many bytes as [`Body::frame_bytes`] says, aligned to 64, for this thread alone.
    pub(super) unsafe fn begin(&self, frame: *mut u8) {
        // SAFETY: the caller's contract.
        unsafe { self.scalars.begin(frame) }
    }

    /// Combines windows with these numbers at these places of the results, one after another.
    ///
    /// # Safety
    /// As for the scatter that runs it; the windows lie within; the frame is ready.
    pub(super) unsafe fn run(
        &self,
        buffers: &[*mut u8],
        (numbers, outs): (&[isize], &[isize]),
        frame: *mut u8,
    ) {
        let (length, stride) = self.row;
        let lanes = length.clamp(1, LANES);
        for (&number, &out) in numbers.iter().zip(outs) {
            for line in 0..size(&self.lines) {
                let out = out + place(&self.lines, line);
                for first in (0..length).step_by(lanes) {
                    let at = At { window: number as usize, line, first, count: lanes.min(length - first) };
                    // SAFETY: the caller's contract.
                    unsafe { self.row(buffers, out + first as isize * stride, &at, frame) };
                }
            }
        }
    }

    /// # Safety
    /// As [`Body::run`].
    unsafe fn row(&self, buffers: &[*mut u8], out: isize, at: &At, frame: *mut u8) {
        let to = |operand: &Operand| buffers[operand.out].wrapping_offset(out * operand.bytes as isize);
        let stride = self.row.1;
        // SAFETY: the caller vouches for the elements and the updates of the window, of which these are some.
        unsafe {
            for (input, operand) in self.operands.iter().enumerate() {
                self.scalars.load(frame, input, to(operand), stride, at.count);
                let from =
                    buffers[operand.updates].wrapping_offset(operand.place(at) * operand.bytes as isize);
                self.scalars.load(frame, self.operands.len() + input, from, operand.stride, at.count);
            }
            self.scalars.run(frame, at.count);
            for (result, operand) in self.operands.iter().enumerate() {
                self.scalars.store(frame, result, to(operand), stride, at.count);
            }
        }
    }
}

/// Some elements of a line of a window.
struct At {
    window: usize,
    line: usize,
    first: usize,
    count: usize,
}

impl Operand {
    /// Where the first update lies.
    fn place(&self, at: &At) -> isize {
        self.from.at(at.window) + place(&self.lines, at.line) + at.first as isize * self.stride
    }
}

/// The last dimension, and those before.
fn last(dims: &[Dim]) -> (Dim, Vec<Dim>) {
    dims.split_last().map_or(((1, 0), Vec::new()), |(&row, lines)| (row, lines.to_vec()))
}
