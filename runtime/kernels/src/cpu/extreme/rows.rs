//! Searches along rows: the extreme of each chunk of a row is folded, and where it stands is looked for only if it is no
//! worse than the best so far.

use std::cmp::Ordering;
use std::ops::Range;

use super::loops::{FindArguments, PeakArguments, find, peak};
use super::operands::{Operands, PlacesOf, Start};
use crate::access::{place, size};
use crate::cpu::machine::moves::{gather, with_width};
use crate::extreme::{Extreme, Search};
use crate::{Level, Number};

/// Elements of a unit, about.
const UNIT: usize = 1 << 14;

/// A search along rows.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    operands: Operands,
    search: Search,
    /// Types in registers.
    value: Number,
    place: Number,
    peak: unsafe fn(&PeakArguments),
    find: unsafe fn(&FindArguments),
    elements: usize,
    /// Elements of a chunk, at most.
    chunk: usize,
    rows_of_unit: usize,
}

/// The best pair so far: bits of the value in memory and in registers, and the place.
#[derive(Debug, Clone, Copy)]
struct Best {
    raw: u64,
    value: u64,
    place: i128,
}

impl Rows {
    pub(super) fn new(extreme: &Extreme, operands: Operands, level: Level, tile: usize) -> Rows {
        let value = extreme.value.in_registers();
        let elements = size(&operands.values.folded);
        Rows {
            search: extreme.search,
            value,
            place: extreme.place,
            peak: peak(extreme.search, value, level),
            find: find(value, level),
            elements,
            chunk: tile.max(1),
            rows_of_unit: (UNIT / elements.max(1)).max(1),
            operands,
        }
    }

    pub(super) fn units(&self) -> usize {
        self.operands.count.div_ceil(self.rows_of_unit)
    }

    fn tile_bytes(&self) -> usize {
        (self.chunk * 8).next_multiple_of(64)
    }

    /// A chunk in memory's type and in registers'.
    pub(super) fn frame_bytes(&self) -> usize {
        2 * self.tile_bytes()
    }

    /// # Safety
    /// As [`super::Program::run`].
    pub(super) unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        let end = (units.end * self.rows_of_unit).min(self.operands.count);
        for row in units.start * self.rows_of_unit..end {
            // SAFETY: the caller's contract.
            unsafe {
                let best = self.row(buffers, row, frame);
                let bits = [best.raw, best.place as u64];
                for (result, bits) in self.operands.results.iter().zip(bits) {
                    write(result.number.bytes, result.at(buffers, row), bits);
                }
            }
        }
    }

    /// # Safety
    /// As [`super::Program::run`].
    unsafe fn row(&self, buffers: &[*mut u8], row: usize, frame: *mut u8) -> Best {
        let operands = &self.operands;
        // SAFETY: the caller's contract.
        let mut best = unsafe { self.start(buffers, row) };
        for start in (0..self.elements).step_by(self.chunk) {
            if self.is_nan(best.value) {
                break;
            }
            let length = self.chunk.min(self.elements - start);
            // SAFETY: the frame has room for a chunk, and the caller vouches for the row.
            unsafe {
                let first = operands.values.at(buffers, row);
                let raw = self.raw(first, start, length, frame);
                let values = match operands.values.number.widen {
                    None => raw,
                    Some(_) => {
                        let wide = frame.add(self.tile_bytes());
                        operands.values.number.load(raw, wide, length);
                        wide
                    }
                };
                let place = |at: usize| self.place(buffers, row, start + at);
                self.chunk(&mut best, [raw, values], length, &place);
            }
        }
        best
    }

    unsafe fn start(&self, buffers: &[*mut u8], row: usize) -> Best {
        let of = |role: usize| match &self.operands.initial[role] {
            Start::Constant(bits) => *bits,
            // SAFETY: the caller vouches for the element.
            Start::Load(initial) => unsafe { read(initial.number.bytes, initial.at(buffers, row)) },
        };
        let (raw, mut value) = (of(0), 0u64);
        let numbers = &self.operands.numbers[0];
        // SAFETY: words have room for a number.
        unsafe { numbers.load((&raw const raw).cast(), (&raw mut value).cast(), 1) };
        Best { raw, value, place: integer(self.place, of(1)) }
    }

    /// A chunk of a row's values in memory's type: where they lie.
    unsafe fn raw(&self, first: *mut u8, start: usize, length: usize, frame: *mut u8) -> *const u8 {
        let values = &self.operands.values;
        if let [(_, 1)] = values.folded.as_slice() {
            return first.wrapping_add(start * values.number.bytes);
        }
        // SAFETY: the frame has room for a chunk, and the caller vouches for the row.
        with_width!(values.number.bytes, T => unsafe {
            gather(frame.cast::<T>(), first.cast::<T>(), &values.folded, start, length)
        });
        frame
    }

    /// Folds a chunk, in memory's type and in registers', into the best so far.
    unsafe fn chunk(
        &self,
        best: &mut Best,
        [raw, values]: [*const u8; 2],
        length: usize,
        place: &dyn Fn(usize) -> i128,
    ) {
        let mut extreme = 0u64;
        // SAFETY: the chunk is as long, and not empty.
        unsafe { (self.peak)(&PeakArguments { values, length, out: (&raw mut extreme).cast() }) };
        let look = |start: usize, is_backward: bool| {
            let (wanted, mut found) = ((&raw const extreme).cast(), 0);
            let found_at = &raw mut found;
            // SAFETY: as above.
            unsafe {
                (self.find)(&FindArguments { values, length, start, wanted, found: found_at, is_backward });
            }
            found
        };
        let bytes = self.operands.numbers[0].bytes;
        // SAFETY: what is found is in the chunk.
        let raw_at = |at: usize| unsafe { read(bytes, raw.add(at * bytes)) };
        let order = match self.order(best.value, extreme) {
            None => {
                let at = look(0, false);
                *best = Best { raw: raw_at(at), value: extreme, place: place(at) };
                return;
            }
            Some(order) => order,
        };
        if order == Ordering::Greater {
            return;
        }
        let first = look(0, false);
        // The last one's bits stay: zeros of either sign are equal.
        let last = if self.is_zero(extreme) { look(0, true) } else { first };
        let lowest = match self.operands.places.ascend(self.elements) {
            true => place(first),
            false => {
                let equals =
                    std::iter::successors(Some(first), |&at| (at < length).then(|| look(at + 1, false)));
                equals.take_while(|&at| at < length).map(place).fold(i128::MAX, i128::min)
            }
        };
        let kept = if order == Ordering::Equal { best.place } else { i128::MAX };
        *best = Best { raw: raw_at(last), value: extreme, place: lowest.min(kept) };
    }

    /// How good a value is beside another one; `None` if either is NaN.
    fn order(&self, x: u64, y: u64) -> Option<Ordering> {
        let order = match self.value {
            Number::F32 => f32::from_bits(x as u32).partial_cmp(&f32::from_bits(y as u32)),
            Number::F64 => f64::from_bits(x).partial_cmp(&f64::from_bits(y)),
            _ => Some(integer(self.value, x).cmp(&integer(self.value, y))),
        };
        match self.search {
            Search::Greatest => order,
            Search::Least => order.map(Ordering::reverse),
        }
    }

    /// Whether a value is a float that equals one of other bits.
    fn is_zero(&self, value: u64) -> bool {
        match self.value {
            Number::F32 => f32::from_bits(value as u32) == 0.0,
            Number::F64 => f64::from_bits(value) == 0.0,
            _ => false,
        }
    }

    fn is_nan(&self, value: u64) -> bool {
        self.order(value, value).is_none()
    }

    /// The place of an element of a row.
    fn place(&self, buffers: &[*mut u8], row: usize, element: usize) -> i128 {
        match &self.operands.places {
            PlacesOf::Along { behind, size } => (element / behind % size) as i128,
            PlacesOf::Load(places) => {
                let bytes = places.number.bytes;
                let offset = place(&places.folded, element) * bytes as isize;
                // SAFETY: whoever runs the kernel vouches for the place of every element.
                let bits = unsafe { read(bytes, places.at(buffers, row).wrapping_offset(offset)) };
                integer(self.place, bits)
            }
        }
    }
}

/// The bits of a number in memory.
///
/// # Safety
/// It is readable, and aligned.
unsafe fn read(bytes: usize, from: *const u8) -> u64 {
    let mut bits = 0u64;
    // SAFETY: the caller's contract; a word has room for any number.
    unsafe { std::ptr::copy_nonoverlapping(from, (&raw mut bits).cast(), bytes) };
    bits
}

/// # Safety
/// The place is writable, and aligned.
unsafe fn write(bytes: usize, to: *mut u8, bits: u64) {
    // SAFETY: the caller's contract.
    with_width!(bytes, T => unsafe { to.cast::<T>().write(bits as T) });
}

/// The integer of a type that bits stand for.
fn integer(number: Number, bits: u64) -> i128 {
    match number {
        Number::I8 => i128::from(bits as i8),
        Number::I16 => i128::from(bits as i16),
        Number::I32 => i128::from(bits as i32),
        Number::I64 => i128::from(bits as i64),
        Number::I1 | Number::U8 => i128::from(bits as u8),
        Number::U16 => i128::from(bits as u16),
        Number::U32 => i128::from(bits as u32),
        Number::U64 | Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => i128::from(bits),
    }
}
