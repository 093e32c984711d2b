//! The loop over boxes of results: each step of the folds is done for a whole box.

use std::ops::Range;

use super::along::load;
use super::schedule::{Dim, Numbers, dims};
use crate::cpu::machine::copies::{self, Side, compact};
use crate::cpu::machine::step::Step;
use crate::cpu::machine::{Arguments, moves};
use crate::window::{Direction, Initial, Window};

/// A kernel that goes box by box.
#[derive(Debug, Clone)]
pub(super) struct Boxes {
    numbers: Numbers,
    step: Step,
    /// Buffer and offset of input and results.
    input: (usize, isize),
    result: (usize, isize),
    initial: Start,
    /// Outermost first.
    dims: Vec<Dim>,
    walk: Walk,
    /// Distances of neighbours in a tile that is laid out as the input is, if that wastes little.
    pitches: Option<Vec<isize>>,
    /// Bytes of a tile.
    tile: usize,
}

/// Where initial values come from.
#[derive(Debug, Clone, Copy)]
enum Start {
    Constant(u64),
    Load { buffer: usize, offset: isize },
}

/// What folds take one after another.
#[derive(Debug, Clone)]
enum Walk {
    /// The places of a window: of these dimensions, the last one fastest.
    Windows(Vec<usize>),
    /// Elements this far apart, after each of which the folds are results, as far apart as that.
    Running { length: usize, from: isize, to: isize },
}

/// A box along a dimension: its first result and its size, the distance of its neighbours in a tile, and the place of the
/// windows.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: usize,
    size: usize,
    stride: isize,
    place: usize,
}

/// Tiles of a frame.
#[derive(Debug, Clone, Copy)]
enum Tile {
    /// Initial values in memory's type and in registers'.
    RawInitial,
    Initial,
    /// Elements in memory's type and in registers'.
    RawElements,
    Elements,
    /// Folds so far, and with one element more.
    Folds,
    NextFolds,
    Spare,
}

const TILES: usize = 7;

/// What a thread works in.
struct Frame<'a> {
    boxes: &'a Boxes,
    buffers: &'a [*mut u8],
    parts: &'a mut [Part],
    sides: &'a mut [Side],
    tiles: *mut u8,
}

impl Boxes {
    pub(super) fn new(
        window: &Window,
        running: Option<(usize, Direction)>,
        (numbers, step): (Numbers, Step),
        results: usize,
    ) -> Boxes {
        let (mut input, mut result) = (window.input.access.offset, window.result.access.offset);
        let mut dims = dims(window, running.map(|(axis, _)| axis));
        let walk = match running {
            None => {
                if window.is_backward() {
                    dims.iter_mut().for_each(|dim| dim.spans.reverse());
                }
                Walk::Windows(window_order(window, &mut dims))
            }
            Some((axis, direction)) => {
                let length = window.sizes(axis)[1];
                let [from, to] = [&window.input, &window.result].map(|of| of.access.dims[axis].1);
                let last = length.saturating_sub(1) as isize;
                match direction {
                    Direction::Forward => Walk::Running { length, from, to },
                    Direction::Backward => {
                        (input, result) = (input + last * from, result + last * to);
                        Walk::Running { length, from: -from, to: -to }
                    }
                }
            }
        };
        let initial = match &window.initial {
            Initial::Constant(bits) => Start::Constant(*bits),
            Initial::Load(of) => Start::Load { buffer: of.buffer, offset: of.access.offset },
        };
        let mut room = results.max(1);
        for dim in dims.iter_mut().rev() {
            // Parts of about one size.
            dim.part = dim.count.div_ceil(dim.count.div_ceil(room).max(1)).max(1);
            room /= dim.part;
        }
        let pitches = pitches(&dims).filter(|_| matches!(walk, Walk::Windows(_)));
        let elements = match &pitches {
            Some(pitches) => spanned(dims.iter().map(|dim| dim.part).zip(pitches.iter().copied())),
            None => dims.iter().map(|dim| dim.part).product(),
        };
        let tile = (elements * numbers.bytes[1]).next_multiple_of(64);
        let (input, result) = ((window.input.buffer, input), (window.result.buffer, result));
        Boxes { numbers, step, input, result, initial, dims, walk, pitches, tile }
    }

    pub(super) fn units(&self) -> usize {
        let steps = match self.walk {
            Walk::Running { length, .. } => length.min(1),
            Walk::Windows(_) => 1,
        };
        steps * self.dims.iter().map(|dim| dim.count.div_ceil(dim.part)).product::<usize>()
    }

    fn table_bytes(&self) -> usize {
        let rank = self.dims.len();
        (rank * size_of::<Part>()).next_multiple_of(64) + (2 * rank * size_of::<Side>()).next_multiple_of(64)
    }

    pub(super) fn frame_bytes(&self) -> usize {
        self.table_bytes() + TILES * self.tile
    }

    /// # Safety
    /// As [`super::Program::run`].
    pub(super) unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        let rank = self.dims.len();
        let part = Part { start: 0, size: 0, stride: 0, place: 0 };
        let side = Side { size: 0, to: 0, from: 0 };
        // SAFETY: the frame begins with room for these tables, which are filled before they are read; the caller vouches
        // for the rest.
        unsafe {
            let (parts, sides) =
                (frame.cast::<Part>(), frame.add((rank * size_of::<Part>()).next_multiple_of(64)));
            (0..rank).for_each(|at| parts.add(at).write(part));
            (0..2 * rank).for_each(|at| sides.cast::<Side>().add(at).write(side));
            let mut frame = Frame {
                boxes: self,
                buffers,
                parts: std::slice::from_raw_parts_mut(parts, rank),
                sides: std::slice::from_raw_parts_mut(sides.cast(), 2 * rank),
                tiles: frame.add(self.table_bytes()),
            };
            frame.fill_constant();
            for unit in units {
                frame.unit(unit);
            }
        }
    }
}

/// The dimensions that windows span, in the op's order, as numbers of `dims`.
fn window_order(window: &Window, dims: &mut [Dim]) -> Vec<usize> {
    // Joined dimensions are plain; what is not is found by its order among those.
    let sorted = super::schedule::order(window, None);
    let spanning: Vec<usize> = sorted.into_iter().filter(|&dim| window.windows[dim].window > 1).collect();
    let places: Vec<usize> = (0..dims.len()).filter(|&at| dims[at].spans.len() > 1).collect();
    let mut pairs: Vec<(usize, usize)> = spanning.into_iter().zip(places).collect();
    pairs.sort_unstable();
    pairs.into_iter().map(|(_, at)| at).collect()
}

/// Elements from the first of a box to its last, of these sizes and distances.
fn spanned(dims: impl Iterator<Item = (usize, isize)>) -> usize {
    1 + dims.map(|(size, stride)| (size - 1) * stride.unsigned_abs()).sum::<usize>()
}

/// The distances of neighbours in the input, where every place of the windows has the same ones and there is little between
/// the elements of a box: a tile that is laid out like this need not be copied together.
fn pitches(dims: &[Dim]) -> Option<Vec<isize>> {
    let (mut pitches, mut reach, mut elements) = (vec![0; dims.len()], 0, 1);
    for (dim, pitch) in dims.iter().zip(&mut pitches).rev().filter(|(dim, _)| dim.part > 1) {
        let found = dim.spans.iter().filter(|span| span.count > 0);
        let mut steps = found.map(|span| (span.step, span.source_step));
        let (step, stride) = steps.next()?;
        let fits = step == 1 && stride > reach && steps.all(|other| other == (step, stride));
        if !fits || (elements == 1 && stride != 1) {
            return None;
        }
        (*pitch, reach, elements) = (stride, reach + stride * (dim.part as isize - 1), elements * dim.part);
    }
    (2 * (reach as usize + 1) <= 3 * elements).then_some(pitches)
}

/// What a place of the windows has for a box.
enum Under {
    /// Nothing but initial values.
    Outside,
    /// Elements for some results: the rank of what is to be copied, and where it goes and comes from.
    Some { rank: usize, to: isize, from: isize },
    /// Elements for all of them.
    All { rank: usize, from: isize },
}

impl Frame<'_> {
    fn tile(&self, tile: Tile) -> *mut u8 {
        self.tiles.wrapping_add(tile as usize * self.boxes.tile)
    }

    /// Elements of a tile for the box, with what may lie between those of the box.
    fn length(&self) -> usize {
        spanned(self.parts.iter().map(|part| (part.size, part.stride)))
    }

    /// Where an element of a buffer lies.
    fn at(&self, (buffer, offset): (usize, isize)) -> *mut u8 {
        self.buffers[buffer].wrapping_offset(offset * self.boxes.numbers.bytes[0] as isize)
    }

    /// Fills the tiles of initial values with a constant.
    unsafe fn fill_constant(&self) {
        let Start::Constant(bits) = self.boxes.initial else { return };
        let [bytes, wide] = self.boxes.numbers.bytes;
        let length = self.boxes.tile / wide;
        let out = self.tile(Tile::RawInitial);
        let from: *const u8 = (&raw const bits).cast();
        // SAFETY: tiles have room for as many numbers.
        unsafe {
            moves::fill(bytes)(&Arguments { out, operands: [from; 3], length, extra: 0 });
            load(self.boxes.numbers.widen, (out, bytes), self.tile(Tile::Initial), length);
        }
    }

    /// Reads the initial values of a box.
    unsafe fn load_initial(&mut self) {
        let Start::Load { buffer, offset } = self.boxes.initial else { return };
        let mut place = offset;
        for (at, (dim, part)) in self.boxes.dims.iter().zip(&*self.parts).enumerate() {
            place += part.start as isize * dim.initial;
            self.sides[at] = Side { size: part.size, to: part.stride, from: dim.initial };
        }
        let rank = compact(&mut self.sides[..self.boxes.dims.len()]);
        let raw = self.tile(Tile::RawInitial);
        // SAFETY: the caller vouches for the buffer; the tile has room for a box.
        unsafe {
            self.copy(0, rank, raw, self.at((buffer, place)));
            let from = (raw.cast_const(), self.boxes.numbers.bytes[0]);
            load(self.boxes.numbers.widen, from, self.tile(Tile::Initial), self.length());
        }
    }

    /// Copies a box by the sides from `first` on.
    unsafe fn copy(&self, first: usize, rank: usize, to: *mut u8, from: *const u8) {
        let sides = self.sides[first..].as_ptr();
        // SAFETY: the caller vouches for the places.
        unsafe { (self.boxes.numbers.copy)(&copies::Arguments { sides, rank, to, from }) }
    }

    /// # Safety
    /// As [`super::Program::run`].
    unsafe fn unit(&mut self, mut unit: usize) {
        let mut stride = 1;
        for (dim, part) in self.boxes.dims.iter().zip(&mut *self.parts).rev() {
            let boxes = dim.count.div_ceil(dim.part);
            let start = unit % boxes * dim.part;
            let size = dim.part.min(dim.count - start);
            *part = Part { start, size, stride, place: 0 };
            (unit, stride) = (unit / boxes, stride * size as isize);
        }
        if let Some(pitches) = &self.boxes.pitches {
            self.parts.iter_mut().zip(pitches).for_each(|(part, &pitch)| part.stride = pitch);
        }
        // SAFETY: the caller's contract.
        unsafe {
            self.load_initial();
            match &self.boxes.walk {
                Walk::Windows(order) => self.windows(order),
                &Walk::Running { length, from, to } => self.running(length, [from, to]),
            }
        }
    }

    /// Folds the windows of a box.
    unsafe fn windows(&mut self, order: &[usize]) {
        let (step, length) = (self.boxes.step, self.length());
        let (mut sofar, mut folds, mut next) =
            (self.tile(Tile::Initial), self.tile(Tile::Folds), self.tile(Tile::NextFolds));
        loop {
            // SAFETY: tiles hold a box, and the caller vouches for the buffers.
            unsafe {
                let elements = self.elements();
                step.run([sofar, elements], folds, self.tile(Tile::Spare), length);
            }
            (sofar, folds, next) = (folds, next, folds);
            if !self.advance(order) {
                break;
            }
        }
        let (rank, place) = self.result_sides(0);
        // SAFETY: as above.
        unsafe { self.store(0, rank, sofar, self.at((self.boxes.result.0, place))) }
    }

    /// Goes to the next place of the windows; `false` after the last.
    fn advance(&mut self, order: &[usize]) -> bool {
        for &at in order.iter().rev() {
            self.parts[at].place += 1;
            if self.parts[at].place < self.boxes.dims[at].spans.len() {
                return true;
            }
            self.parts[at].place = 0;
        }
        false
    }

    /// What lies under a place of the windows.
    fn under(&mut self) -> Under {
        let (mut to, mut from, mut is_all) = (0, self.boxes.input.1, true);
        for (at, (dim, part)) in self.boxes.dims.iter().zip(&*self.parts).enumerate() {
            let span = &dim.spans[part.place];
            let (skipped, size) = span.within(part.start, part.start + part.size);
            if size == 0 {
                return Under::Outside;
            }
            to += (span.first + skipped * span.step - part.start) as isize * part.stride;
            from += span.source + skipped as isize * span.source_step;
            self.sides[at] = Side { size, to: span.step as isize * part.stride, from: span.source_step };
            is_all &= size == part.size;
        }
        let rank = compact(&mut self.sides[..self.boxes.dims.len()]);
        if is_all { Under::All { rank, from } } else { Under::Some { rank, to, from } }
    }

    /// Whether a box of these sides lies in memory as in a tile.
    fn is_tile(&self, first: usize, rank: usize) -> bool {
        self.sides[first..first + rank].iter().all(|side| side.to == side.from)
    }

    /// The elements under a place of the windows in registers' type: where they lie.
    unsafe fn elements(&mut self) -> *const u8 {
        let (bytes, raw) = (self.boxes.numbers.bytes[0], self.tile(Tile::RawElements));
        let buffer = self.boxes.input.0;
        // SAFETY: tiles hold a box; elements of the spans are some of the input's, for which the caller vouches.
        unsafe {
            match self.under() {
                Under::Outside => self.tile(Tile::Initial),
                Under::All { rank, from } => self.loaded((0, rank), self.at((buffer, from))),
                Under::Some { rank, to, from } => {
                    let length = self.length();
                    std::ptr::copy_nonoverlapping(self.tile(Tile::RawInitial), raw, length * bytes);
                    self.copy(0, rank, raw.offset(to * bytes as isize), self.at((buffer, from)));
                    self.widened(raw)
                }
            }
        }
    }

    /// A box of memory in registers' type: where it lies.
    unsafe fn loaded(&self, (first, rank): (usize, usize), from: *const u8) -> *const u8 {
        if self.is_tile(first, rank) {
            // SAFETY: the caller vouches for the box.
            return unsafe { self.widened(from) };
        }
        let raw = self.tile(Tile::RawElements);
        // SAFETY: the tile has room for a box.
        unsafe {
            self.copy(first, rank, raw, from);
            self.widened(raw)
        }
    }

    unsafe fn widened(&self, from: *const u8) -> *const u8 {
        let Some(widen) = self.boxes.numbers.widen else { return from };
        let out = self.tile(Tile::Elements);
        // SAFETY: the tile has room for a box.
        unsafe { widen(&Arguments { out, operands: [from; 3], length: self.length(), extra: 0 }) };
        out
    }

    /// The sides of a box of results, from `first` on: their rank, and where the first result lies.
    fn result_sides(&mut self, first: usize) -> (usize, isize) {
        let mut place = self.boxes.result.1;
        for (at, (dim, part)) in self.boxes.dims.iter().zip(&*self.parts).enumerate() {
            place += part.start as isize * dim.to;
            self.sides[first + at] = Side { size: part.size, to: dim.to, from: part.stride };
        }
        (compact(&mut self.sides[first..first + self.boxes.dims.len()]), place)
    }

    /// Writes folds to a box of results.
    unsafe fn store(&self, first: usize, rank: usize, folds: *mut u8, to: *mut u8) {
        let mut from = folds;
        // SAFETY: tiles hold a box, and the caller vouches for the results.
        unsafe {
            if let Some(narrow) = self.boxes.numbers.narrow {
                from = self.tile(Tile::RawElements);
                let operands = [folds.cast_const(); 3];
                narrow(&Arguments { out: from, operands, length: self.length(), extra: 0 });
            }
            self.copy(first, rank, to, from);
        }
    }

    /// Runs the folds of a box.
    unsafe fn running(&mut self, length: usize, [step, stride]: [isize; 2]) {
        let rank = self.boxes.dims.len();
        let Under::All { rank: read, from } = self.under() else { return };
        let (written, to) = self.result_sides(rank);
        // Results that lie as in a tile need none; tiles of running folds have nothing between their elements.
        let in_place = self.boxes.numbers.narrow.is_none() && self.is_tile(rank, written);
        let (size, spare) = (self.length(), self.tile(Tile::Spare));
        let mut sofar = self.tile(Tile::Initial);
        let (mut folds, mut next) = (self.tile(Tile::Folds), self.tile(Tile::NextFolds));
        for at in 0..length as isize {
            let out = self.at((self.boxes.result.0, to + at * stride));
            let place = self.at((self.boxes.input.0, from + at * step));
            // SAFETY: tiles hold a box, and the caller vouches for the buffers.
            unsafe {
                let elements = self.loaded((0, read), place);
                if in_place {
                    self.boxes.step.run([sofar, elements], out, spare, size);
                    sofar = out;
                } else {
                    self.boxes.step.run([sofar, elements], folds, spare, size);
                    self.store(rank, written, folds, out);
                    (sofar, folds, next) = (folds, next, folds);
                }
            }
        }
    }
}
