//! Matrices in memory, and their way to scratch and back.

use std::ops::Range;

use half::{bf16, f16};

use crate::Number;
use crate::access::{Dim, Elements, collapsed, place, size};
use crate::cpu::machine::convert::to_odd;
use crate::cpu::rows::NoLoop;

/// Matrices of a batch.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    buffer: usize,
    offset: isize,
    batch: Vec<Dim>,
    /// Rows and columns.
    pub sizes: [usize; 2],
    strides: [isize; 2],
    number: Number,
}

impl Operand {
    /// # Errors
    /// If numbers are no floats.
    pub(super) fn new(elements: &Elements, number: Number) -> Result<Operand, NoLoop> {
        let dims = &elements.access.dims;
        let (batch, [rows, columns]) = match dims.split_last_chunk::<2>() {
            Some((batch, matrix)) if number.is_float() => (batch, matrix),
            _ => {
                return Err(NoLoop {
                    instruction: format!("linear algebra of {number}, rank {}", dims.len()),
                });
            }
        };
        Ok(Operand {
            buffer: elements.buffer,
            offset: elements.access.offset,
            batch: collapsed(batch),
            sizes: [rows.0, columns.0],
            strides: [rows.1, columns.1],
            number,
        })
    }

    /// Number of matrices.
    pub(super) fn batch(&self) -> usize {
        size(&self.batch)
    }

    /// Where a member's matrix begins, in elements.
    fn first(&self, member: usize) -> isize {
        self.offset + place(&self.batch, member)
    }

    /// Reads the matrices of members into lanes: column after column the triangle of a square one, or row after row a whole
    /// one. Lanes without a member have the last one's.
    ///
    /// # Safety
    /// The elements are readable, and scratch has room.
    pub(super) unsafe fn load(
        &self,
        buffers: &[*mut u8],
        members: &Range<usize>,
        lanes: usize,
        scratch: *mut f64,
        lower: Option<bool>,
    ) {
        let [rows, columns] = self.sizes;
        for lane in 0..lanes {
            let first = self.first((members.start + lane).min(members.end - 1));
            for row in 0..rows {
                let within = match lower {
                    None => 0..columns,
                    Some(true) => 0..row + 1,
                    Some(false) => row..columns,
                };
                for column in within {
                    let at = if lower.is_some() { column * rows + row } else { row * columns + column };
                    let place = first + row as isize * self.strides[0] + column as isize * self.strides[1];
                    // SAFETY: the caller's contract.
                    unsafe {
                        scratch.add(at * lanes + lane).write(read(self.number, buffers[self.buffer], place))
                    };
                }
            }
        }
    }

    /// Writes lanes to the matrices of members: column after column a lower triangle, with zeros above, or row after row.
    ///
    /// # Safety
    /// The places are writable, and scratch holds the lanes.
    pub(super) unsafe fn store(
        &self,
        buffers: &[*mut u8],
        members: &Range<usize>,
        lanes: usize,
        scratch: *const f64,
        is_factor: bool,
    ) {
        let [rows, columns] = self.sizes;
        for (lane, member) in members.clone().enumerate() {
            let first = self.first(member);
            for row in 0..rows {
                for column in 0..columns {
                    let at = if is_factor { column * rows + row } else { row * columns + column };
                    let place = first + row as isize * self.strides[0] + column as isize * self.strides[1];
                    // SAFETY: the caller's contract.
                    unsafe {
                        let value = if is_factor && column > row {
                            0.0
                        } else {
                            scratch.add(at * lanes + lane).read()
                        };
                        write(self.number, buffers[self.buffer], place, value);
                    }
                }
            }
        }
    }
}

/// # Safety
/// The place is one of an element.
#[inline]
unsafe fn read(number: Number, from: *const u8, place: isize) -> f64 {
    // SAFETY: the caller's contract.
    unsafe {
        match number {
            Number::F16 => f16::from_bits(from.cast::<u16>().offset(place).read()).to_f64(),
            Number::Bf16 => bf16::from_bits(from.cast::<u16>().offset(place).read()).to_f64(),
            Number::F32 => f64::from(from.cast::<f32>().offset(place).read()),
            _ => from.cast::<f64>().offset(place).read(),
        }
    }
}

/// # Safety
/// The place is one of an element.
#[inline]
unsafe fn write(number: Number, to: *mut u8, place: isize, value: f64) {
    // SAFETY: the caller's contract.
    unsafe {
        match number {
            Number::F16 => to.cast::<u16>().offset(place).write(f16::from_f32(to_odd(value)).to_bits()),
            Number::Bf16 => to.cast::<u16>().offset(place).write(bf16::from_f32(to_odd(value)).to_bits()),
            Number::F32 => to.cast::<f32>().offset(place).write(value as f32),
            _ => to.cast::<f64>().offset(place).write(value),
        }
    }
}
