//! Searches of many results side by side: the values and places so far are tiles, and element after element is folded
//! into them.

use std::ops::Range;

use super::loops::{BetterArguments, better};
use super::operands::{Operand, Operands, PlacesOf, Start};
use crate::access::size;
use crate::cpu::machine::choose::choose;
use crate::cpu::machine::{Arguments, Loop, moves};
use crate::cpu::rows::NoLoop;
use crate::extreme::Extreme;
use crate::instruction::{Binary, Comparison, Instruction};
use crate::{Level, Number};

/// A search side by side.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    operands: Operands,
    better: unsafe fn(&BetterArguments),
    less: Loop,
    and: Loop,
    or: Loop,
    select: Loop,
    /// From an index in 64 bits to a place in registers.
    to_place: (Loop, u64),
    elements: usize,
    /// Results of a tile, at most.
    tile: usize,
}

/// Tiles of a frame, in order.
#[derive(Debug, Clone, Copy)]
enum Tile {
    RawValues,
    NewValues,
    Values,
    NextValues,
    RawPlaces,
    NewPlaces,
    Places,
    NextPlaces,
    Stays,
    IsNoWorse,
    IsLower,
    Keeps,
}

const TILES: usize = 12;

struct Frame<'a> {
    lanes: &'a Lanes,
    buffers: &'a [*mut u8],
    base: *mut u8,
    /// First result and number of results.
    part: [usize; 2],
}

impl Lanes {
    pub(super) fn new(
        extreme: &Extreme,
        operands: Operands,
        level: Level,
        tile: usize,
    ) -> Result<Lanes, NoLoop> {
        let place = extreme.place.in_registers();
        let of = |instruction: Instruction, from: Number, to: Number| {
            let chosen = choose(&instruction, from, to, [false; 3], level);
            chosen.ok_or_else(|| NoLoop { instruction: format!("{instruction:?} of {from}") })
        };
        let truth = Number::I1;
        Ok(Lanes {
            better: better(extreme.search, extreme.value, level),
            less: of(Instruction::Compare(Comparison::Less), place, truth)?.0,
            and: of(Instruction::Binary(Binary::And), truth, truth)?.0,
            or: of(Instruction::Binary(Binary::Or), truth, truth)?.0,
            select: of(Instruction::Select, place, place)?.0,
            to_place: of(Instruction::Convert, Number::I64, place)?,
            elements: size(&operands.values.folded),
            tile: tile.clamp(1, operands.count.max(1)),
            operands,
        })
    }

    pub(super) fn units(&self) -> usize {
        self.operands.count.div_ceil(self.tile)
    }

    fn tile_bytes(&self) -> usize {
        (self.tile * 8).next_multiple_of(64)
    }

    pub(super) fn frame_bytes(&self) -> usize {
        TILES * self.tile_bytes()
    }

    /// # Safety
    /// As [`super::Program::run`].
    pub(super) unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, base: *mut u8) {
        for unit in units {
            let start = unit * self.tile;
            let part = [start, self.tile.min(self.operands.count - start)];
            // SAFETY: the caller's contract.
            unsafe { Frame { lanes: self, buffers, base, part }.search() }
        }
    }
}

impl Frame<'_> {
    fn tile(&self, tile: Tile) -> *mut u8 {
        self.base.wrapping_add(tile as usize * self.lanes.tile_bytes())
    }

    /// # Safety
    /// As [`super::Program::run`].
    unsafe fn search(&self) {
        // Where places ascend, elements before have the lower one. The initial place may be any: it comes last, on the left.
        let ascend = self.lanes.operands.places.ascend(self.lanes.elements) && self.lanes.elements > 0;
        let [mut values, mut next_values] = [Tile::Values, Tile::NextValues].map(|tile| self.tile(tile));
        let [mut places, mut next_places] = [Tile::Places, Tile::NextPlaces].map(|tile| self.tile(tile));
        // SAFETY: tiles have room for the part, and the caller vouches for the buffers.
        unsafe {
            if ascend {
                self.copy(0, self.values(0), values);
                self.copy(1, self.places(0), places);
            } else {
                self.start(0, Tile::RawValues, values);
                self.start(1, Tile::RawPlaces, places);
            }
            for element in usize::from(ascend)..self.lanes.elements {
                let (new_values, new_places) = (self.values(element), self.places(element));
                self.fold([values, new_values], [places, new_places], [next_values, next_places], ascend);
                (values, next_values) = (next_values, values);
                (places, next_places) = (next_places, places);
            }
            if ascend {
                let [first_values, first_places] =
                    [Tile::NewValues, Tile::NewPlaces].map(|tile| self.tile(tile));
                self.start(0, Tile::RawValues, first_values);
                self.start(1, Tile::RawPlaces, first_places);
                self.fold([first_values, values], [first_places, places], [next_values, next_places], false);
                (values, places) = (next_values, next_places);
            }
            self.store(0, values, Tile::RawValues);
            self.store(1, places, Tile::RawPlaces);
        }
    }

    /// Copies a tile in registers' type.
    unsafe fn copy(&self, role: usize, from: *const u8, to: *mut u8) {
        let bytes = self.lanes.operands.numbers[role].wide * self.part[1];
        // SAFETY: tiles have room for the part.
        unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) }
    }

    /// What a search starts from, in registers.
    unsafe fn start(&self, role: usize, raw: Tile, out: *mut u8) {
        let operands = &self.lanes.operands;
        let (numbers, raw) = (&operands.numbers[role], self.tile(raw));
        // SAFETY: tiles have room for the part.
        unsafe {
            match &operands.initial[role] {
                Start::Constant(bits) => fill(numbers.bytes, raw, *bits, self.part[1]),
                Start::Load(initial) => initial.gather(self.buffers, 0, self.part, raw),
            }
            numbers.load(raw, out, self.part[1]);
        }
    }

    /// The values of an element of the folded dimensions, in registers.
    unsafe fn values(&self, element: usize) -> *const u8 {
        // SAFETY: the caller's contract.
        unsafe { self.load(&self.lanes.operands.values, element, [Tile::RawValues, Tile::NewValues]) }
    }

    /// Their places.
    unsafe fn places(&self, element: usize) -> *const u8 {
        // SAFETY: the caller's contract; a place in registers fits a word.
        unsafe {
            match &self.lanes.operands.places {
                PlacesOf::Load(places) => self.load(places, element, [Tile::RawPlaces, Tile::NewPlaces]),
                PlacesOf::Along { behind, size } => {
                    let index = (element / behind % size) as u64;
                    let (mut bits, out) = (0u64, self.tile(Tile::NewPlaces));
                    let (convert, extra) = self.lanes.to_place;
                    let operands = [(&raw const index).cast(); 3];
                    convert(&Arguments { out: (&raw mut bits).cast(), operands, length: 1, extra });
                    fill(self.lanes.operands.numbers[1].wide, out, bits, self.part[1]);
                    out
                }
            }
        }
    }

    unsafe fn load(&self, operand: &Operand, element: usize, [raw, wide]: [Tile; 2]) -> *const u8 {
        let [start, length] = self.part;
        let mut from = self.tile(raw).cast_const();
        // SAFETY: the caller's contract.
        unsafe {
            if operand.is_dense() {
                let stride = crate::access::place(&operand.folded, element) * operand.number.bytes as isize;
                from = operand.at(self.buffers, start).wrapping_offset(stride);
            } else {
                operand.gather(self.buffers, element, self.part, self.tile(raw));
            }
            if operand.number.widen.is_some() {
                operand.number.load(from, self.tile(wide), length);
                return self.tile(wide);
            }
        }
        from
    }

    /// Folds values with their places into those so far.
    unsafe fn fold(
        &self,
        [sofar, values]: [*const u8; 2],
        [places_sofar, places]: [*const u8; 2],
        [out, out_places]: [*mut u8; 2],
        ascend: bool,
    ) {
        let length = self.part[1];
        let [stays, is_no_worse, is_lower, keeps] =
            [Tile::Stays, Tile::IsNoWorse, Tile::IsLower, Tile::Keeps].map(|tile| self.tile(tile));
        let call = |run: Loop, out: *mut u8, operands: [*const u8; 3]| {
            // SAFETY: tiles hold the part, and none is read and written at once.
            unsafe { run(&Arguments { out, operands, length, extra: 0 }) }
        };
        // SAFETY: as above.
        unsafe { (self.lanes.better)(&BetterArguments { sofar, values, out, stays, is_no_worse, length }) };
        if ascend {
            return call(self.lanes.select, out_places, [is_no_worse, places_sofar, places]);
        }
        call(self.lanes.less, is_lower, [places_sofar, places, places]);
        call(self.lanes.and, keeps, [is_lower, is_no_worse, is_no_worse]);
        call(self.lanes.or, is_lower, [keeps, stays, stays]);
        call(self.lanes.select, out_places, [is_lower, places_sofar, places]);
    }

    unsafe fn store(&self, role: usize, tile: *mut u8, raw: Tile) {
        let operands = &self.lanes.operands;
        let mut from = tile;
        // SAFETY: tiles hold the part, and the caller vouches for the results.
        unsafe {
            if let Some(narrow) = operands.numbers[role].narrow {
                from = self.tile(raw);
                narrow(&Arguments { out: from, operands: [tile; 3], length: self.part[1], extra: 0 });
            }
            operands.results[role].scatter(self.buffers, self.part, from);
        }
    }
}

/// Fills a tile with a number of so many bytes.
///
/// # Safety
/// The tile has room for `length` of them.
unsafe fn fill(bytes: usize, out: *mut u8, bits: u64, length: usize) {
    let operands = [(&raw const bits).cast(); 3];
    // SAFETY: the caller's contract.
    unsafe { moves::fill(bytes)(&Arguments { out, operands, length, extra: 0 }) }
}
