//! The gradient of max-pooling on this processor: planes that no window leaves are independent.
//!
//! Must not live here: what is selected and added ([`crate::select_and_scatter`]).

mod plane;

use std::ops::Range;

use crate::Level;
use crate::access::{Dim, Elements, collapsed, place, size};
use crate::cpu::machine::convert::{narrow, widen};
use crate::cpu::machine::moves::{fill, gather, scatter, with_width};
use crate::cpu::machine::{Arguments, Loop};
use crate::select_and_scatter::{Select, SelectAndScatter};
use crate::window::Initial;
use plane::Windows;

/// Elements of a unit, about.
const UNIT: usize = 1 << 14;

/// Elements of a plane that is read and written where it lies, at most, if it could be made of smaller ones.
const LARGE: usize = 1 << 20;

/// A kernel that can run.
#[derive(Debug, Clone)]
pub struct Program {
    select: Select,
    windows: Windows,
    run: unsafe fn(&plane::Arguments),
    operand: Part,
    source: Part,
    result: Part,
    initial: Start,
    widen: Option<Loop>,
    narrow: Option<Loop>,
    /// Whether planes are read and written where they lie.
    is_direct: bool,
    /// Bytes of a number in memory and in registers.
    bytes: [usize; 2],
    planes: usize,
    planes_of_unit: usize,
}

/// Elements of a buffer: where planes lie, and the elements of one.
#[derive(Debug, Clone)]
struct Part {
    buffer: usize,
    offset: isize,
    planes: Vec<Dim>,
    elements: Vec<Dim>,
}

#[derive(Debug, Clone)]
enum Start {
    Constant(u64),
    Load(Part),
}

/// Tiles of a frame: a plane in memory's type, and the operand's, the source's and the result's in registers'.
const TILES: usize = 4;

impl Part {
    fn of(elements: &Elements, [outer, inner]: [&[usize]; 2]) -> Part {
        let dims =
            |of: &[usize]| collapsed(&of.iter().map(|&dim| elements.access.dims[dim]).collect::<Vec<Dim>>());
        let (buffer, offset) = (elements.buffer, elements.access.offset);
        Part { buffer, offset, planes: dims(outer), elements: dims(inner) }
    }

    /// Whether the elements of a plane lie one after another.
    fn is_dense(&self) -> bool {
        matches!(self.elements.as_slice(), [] | [(_, 1)])
    }

    /// Where a plane's first element lies.
    fn at(&self, buffers: &[*mut u8], plane: usize, bytes: usize) -> *mut u8 {
        let place = self.offset + place(&self.planes, plane);
        buffers[self.buffer].wrapping_offset(place * bytes as isize)
    }
}

impl Program {
    /// Schedules a kernel for a level.
    pub fn new(kernel: &SelectAndScatter, level: Level) -> Program {
        let is_plain =
            |dim: usize| kernel.windows[dim].is_plain() && kernel.sizes(dim)[0] == kernel.sizes(dim)[1];
        let all = 0..kernel.windows.len();
        let first = all.clone().find(|&dim| !is_plain(dim)).unwrap_or(all.end);
        // Dimensions within a pixel are neighbours that select at once, where planes are dense with them.
        let whole = Program::of_planes(kernel, all.clone().partition(|&dim| dim < first), level);
        if whole.is_direct && size(&whole.operand.elements) <= LARGE {
            return whole;
        }
        Program::of_planes(kernel, all.partition(|&dim| is_plain(dim)), level)
    }

    /// A kernel with planes of the second dimensions, for each place of the first.
    fn of_planes(
        kernel: &SelectAndScatter,
        (outer, inner): (Vec<usize>, Vec<usize>),
        level: Level,
    ) -> Program {
        let part = |elements: &Elements| Part::of(elements, [&outer, &inner]);
        let [operand, source, result] = [&kernel.operand, &kernel.source, &kernel.result].map(part);
        let registers = kernel.number.in_registers();
        let (widen, narrow) = (widen(kernel.number, level), narrow(kernel.number, level));
        let is_direct = widen.is_none() && [&operand, &source, &result].iter().all(|part| part.is_dense());
        let spanned: Vec<_> = inner.iter().map(|&dim| (kernel.windows[dim], kernel.sizes(dim))).collect();
        Program {
            select: kernel.select,
            windows: Windows::of(&spanned),
            run: plane::run(registers, kernel.select, level),
            initial: match &kernel.initial {
                Initial::Constant(bits) => Start::Constant(*bits),
                Initial::Load(elements) => Start::Load(part(elements)),
            },
            widen,
            narrow,
            is_direct,
            bytes: [kernel.number.bytes(), registers.bytes()],
            planes: size(&operand.planes),
            planes_of_unit: (UNIT / size(&operand.elements).max(1)).max(1),
            operand,
            source,
            result,
        }
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        self.planes.div_ceil(self.planes_of_unit)
    }

    fn tile_bytes(&self) -> usize {
        let elements = size(&self.operand.elements).max(size(&self.source.elements));
        (elements * self.bytes[1]).next_multiple_of(64)
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        if self.is_direct { 0 } else { TILES * self.tile_bytes() }
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its type;
    /// nothing else writes them now, and the results no other thread reads or writes. Results overlap nothing that is
    /// read. The frame has [`Program::frame_bytes`] initialised bytes, aligned to 64, for this thread alone. The processor
    /// has the level that the program was scheduled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        let end = (units.end * self.planes_of_unit).min(self.planes);
        for plane in units.start * self.planes_of_unit..end {
            // SAFETY: the caller's contract.
            unsafe { self.plane(buffers, plane, frame) }
        }
    }

    unsafe fn plane(&self, buffers: &[*mut u8], plane: usize, frame: *mut u8) {
        let at = |part: &Part| part.at(buffers, plane, self.bytes[0]);
        // SAFETY: tiles have room for a plane, and the caller vouches for the buffers.
        unsafe {
            if self.is_direct {
                let sums = at(&self.result);
                self.begin(buffers, plane, [sums; 2]);
                return self.select(at(&self.operand), at(&self.source), sums);
            }
            let [raw, values, source, sums] =
                std::array::from_fn(|tile| frame.wrapping_add(tile * self.tile_bytes()));
            self.load(&self.operand, buffers, plane, [raw, values]);
            self.load(&self.source, buffers, plane, [raw, source]);
            self.begin(buffers, plane, [raw, sums]);
            self.select(values, source, sums);
            let length = size(&self.operand.elements);
            self.convert(self.narrow, [sums, raw], length);
            with_width!(self.bytes[0], T => {
                scatter(at(&self.result).cast::<T>(), raw.cast::<T>(), &self.result.elements, 0, length)
            });
        }
    }

    /// Selects and adds, of a plane in registers' type.
    unsafe fn select(&self, values: *const u8, source: *const u8, sums: *mut u8) {
        let (select, windows) = (self.select, &raw const self.windows);
        // SAFETY: the planes have the elements of the windows.
        unsafe { (self.run)(&plane::Arguments { values, source, sums, windows, select }) }
    }

    /// Writes what the results of a plane begin with: in registers' type, and before in memory's.
    unsafe fn begin(&self, buffers: &[*mut u8], plane: usize, [raw, sums]: [*mut u8; 2]) {
        let length = size(&self.operand.elements);
        let raw = if self.widen.is_some() { raw } else { sums };
        // SAFETY: tiles have room for a plane, and the caller vouches for the buffers.
        unsafe {
            match &self.initial {
                Start::Load(initial) => return self.load(initial, buffers, plane, [raw, sums]),
                Start::Constant(bits) => {
                    let operands = [(&raw const *bits).cast(); 3];
                    fill(self.bytes[0])(&Arguments { out: raw, operands, length, extra: 0 });
                }
            }
            if self.widen.is_some() {
                self.convert(self.widen, [raw, sums], length);
            }
        }
    }

    /// Reads a plane into registers' type.
    unsafe fn load(&self, part: &Part, buffers: &[*mut u8], plane: usize, [raw, out]: [*mut u8; 2]) {
        let (from, length) = (part.at(buffers, plane, self.bytes[0]), size(&part.elements));
        let to = if self.widen.is_some() { raw } else { out };
        // SAFETY: tiles have room for a plane, and the caller vouches for the buffers.
        unsafe {
            with_width!(self.bytes[0], T => {
                gather(to.cast::<T>(), from.cast::<T>(), &part.elements, 0, length)
            });
            if self.widen.is_some() {
                self.convert(self.widen, [raw, out], length);
            }
        }
    }

    /// Converts or copies a tile.
    unsafe fn convert(&self, convert: Option<Loop>, [from, out]: [*mut u8; 2], length: usize) {
        // SAFETY: tiles have room for so many numbers.
        unsafe {
            match convert {
                Some(run) => run(&Arguments { out, operands: [from.cast_const(); 3], length, extra: 0 }),
                None => std::ptr::copy_nonoverlapping(from, out, length * self.bytes[0]),
            }
        }
    }
}
