//! The loop over the tiles of an assembled kernel.

use std::ops::Range;

use super::code::{Code, FoldPart, Place, Program, Slot};
use super::geometry::{Memory, Part};
use crate::cpu::machine::moves::{self, with_width};
use crate::cpu::machine::streams::COPIES;
use crate::cpu::machine::{Arguments, fold};

/// What codes find their operands by: a program's table of pointers, and the buffers.
struct Frame<'a> {
    program: &'a Program,
    base: *mut u8,
    buffers: &'a [*mut u8],
}

/// A number for every code.
struct Now {
    unit: Part,
    tile: Part,
    /// Results of each loop.
    length: usize,
}

impl Program {
    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its type;
    /// nothing else writes them now, and what this kernel writes no other thread reads or writes. What it stores
    /// overlaps nothing that it loads, but for what is said to be in place. The frame has
    /// [`Program::frame_bytes`] bytes, aligned to 64, for this thread alone. The processor has the level that the
    /// program was assembled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        let frame = Frame { program: self, base: frame, buffers };
        // SAFETY: the caller vouches for frame and buffers.
        unsafe {
            frame.fill_table();
            for unit in units {
                frame.unit(self.geometry.unit(unit));
            }
        }
    }
}

impl Frame<'_> {
    /// The table of pointers, at the start of the frame.
    fn table(&self) -> *mut *mut u8 {
        self.base.cast()
    }

    /// Where a slot points now.
    unsafe fn at(&self, slot: Slot) -> *mut u8 {
        // SAFETY: every slot has a place in the table, and a pointer before it is read.
        unsafe { self.table().add(slot as usize).read() }
    }

    unsafe fn set(&self, slot: Slot, pointer: *mut u8) {
        // SAFETY: every slot has a place in the table.
        unsafe { self.table().add(slot as usize).write(pointer) }
    }

    /// Points slots at registers and constants.
    unsafe fn fill_table(&self) {
        for (slot, place) in self.program.slots.iter().enumerate() {
            let pointer = match *place {
                // SAFETY: registers lie in the frame.
                Place::Frame(offset) | Place::Wide(offset, _) => unsafe { self.base.add(offset) },
                Place::Constant(at) => self.program.constants[at].0.as_ptr().cast_mut().cast(),
                Place::Memory(_) => std::ptr::null_mut(),
            };
            // SAFETY: the table has a place for every slot.
            unsafe { self.set(slot as Slot, pointer) };
        }
    }

    unsafe fn unit(&self, unit: Part) {
        let rows = unit.of_rows();
        let of_rows = Now { unit, tile: unit, length: rows };
        // SAFETY: as for `Program::run`; codes work on what their stage has made.
        unsafe {
            for stage in &self.program.stages {
                self.codes(&stage.before, &of_rows);
                for tile in self.program.geometry.tiles(unit) {
                    self.codes(&stage.tile, &Now { unit, tile, length: tile.elements() });
                }
                self.codes(&stage.after, &of_rows);
            }
            self.codes(&self.program.last, &of_rows);
        }
    }

    unsafe fn codes(&self, codes: &[Code], now: &Now) {
        for code in codes {
            // SAFETY: as for `Program::run`.
            unsafe { self.code(code, now) };
        }
    }

    unsafe fn code(&self, code: &Code, now: &Now) {
        // SAFETY: slots point to registers of a tile's elements or to memory of these; the assembler chose the
        // loops for their types, and gave results registers of their own.
        unsafe {
            match *code {
                Code::Point { slot, memory } => {
                    let memory = &self.program.memories[memory];
                    let first = memory.first(&now.tile) * memory.bytes as isize;
                    self.set(slot, self.buffers[memory.buffer].wrapping_offset(first));
                }
                Code::PointWide { slot } => self.point_wide(slot, now),
                Code::Run { run, out, operands, extra } => {
                    let operands = operands.map(|slot| self.at(slot).cast_const());
                    run(&Arguments { out: self.at(out), operands, length: now.length, extra });
                }
                Code::Gather { memory, out } => {
                    self.gather(&self.program.memories[memory], self.at(out), now)
                }
                Code::Scatter { memory, from } => {
                    self.scatter(&self.program.memories[memory], self.at(from), now);
                }
                Code::Copies { out, from, bytes } => {
                    let operands = [self.at(from).cast_const(); 3];
                    let arguments = Arguments { out: self.at(out), operands, length: COPIES, extra: 0 };
                    moves::fill(bytes)(&arguments);
                }
                Code::Expand { out, from, bytes } => {
                    let [rows, times, inner] = now.tile.sizes;
                    with_width!(bytes, T => {
                        moves::expand::<T>(self.at(out).cast(), self.at(from).cast(), rows, times, inner);
                    });
                }
                Code::Fold { run, part, out, from, state } => {
                    let [rows, count, inner] = now.tile.sizes;
                    let (start, count) = match part {
                        FoldPart::Tile => (now.tile.start[1], count),
                        FoldPart::Row => (now.unit.sizes[1], 0),
                    };
                    let (out, from, state) = (self.at(out), self.at(from), self.at(state));
                    run(&fold::Arguments { out, from, state, rows, count, start, inner });
                }
            }
        }
    }

    unsafe fn point_wide(&self, slot: Slot, now: &Now) {
        if let Place::Wide(offset, bytes) = self.program.slots[slot as usize] {
            let before = now.tile.start[1] * now.tile.sizes[2] * bytes;
            // SAFETY: the register holds a whole row, of which the tile is a part.
            unsafe { self.set(slot, self.base.add(offset + before)) };
        }
    }

    unsafe fn gather(&self, memory: &Memory, out: *mut u8, now: &Now) {
        let from = self.buffers[memory.buffer].cast_const();
        let mut at = 0;
        for range in memory.ranges(&now.tile, self.program.geometry.sizes) {
            let length = range.len();
            with_width!(memory.bytes, T => {
                // SAFETY: the caller vouches for the elements; the register has room for the tile's.
                unsafe {
                    let from = from.cast::<T>().wrapping_offset(memory.offset);
                    moves::gather::<T>(out.cast::<T>().add(at), from, &memory.all, range.start, length);
                }
            });
            at += length;
        }
    }

    unsafe fn scatter(&self, memory: &Memory, from: *const u8, now: &Now) {
        let out = self.buffers[memory.buffer];
        let mut at = 0;
        for range in memory.ranges(&now.tile, self.program.geometry.sizes) {
            let length = range.len();
            with_width!(memory.bytes, T => {
                // SAFETY: the caller vouches for the places; the register holds the tile's elements.
                unsafe {
                    let out = out.cast::<T>().wrapping_offset(memory.offset);
                    moves::scatter::<T>(out, from.cast::<T>().add(at), &memory.all, range.start, length);
                }
            });
            at += length;
        }
    }
}
