//! Convolutions whose windows slide over a copy of the input: each vector of places is read where it lies in
//! it, whatever part of the kernel is over it.
//!
//! As products ([`Convolution::products`]) they would copy the input once for each element of the kernel, and
//! take the places at the edges apart. Here all places have all terms, and lanes in the padding get back what
//! they had. The order of operations is the same. Must not live here: the inner loops.

mod kernel;
mod places;
mod run;

use super::kernel::Stretch;
use super::schedule::LINE;
use crate::product::convolution::Convolution;
use crate::product::{Compute, Dim, Epilogue, order, space};
use crate::{Level, Number};
use kernel::{Row, Spot, Strips};
use places::{Lanes, Slide};

/// Bytes of the copied input of a tile, at most.
const COPIED: usize = 1 << 18;

/// The least lines of a tile that are worth copying those beside them.
const LINES: usize = 4;

/// Terms of a row whose weights are read as they lie: those of a tile stay in the nearest cache.
const IN_PLACE_TERMS: usize = 340;

/// Rows that are not made fewer to have a tile for another thread.
const ROWS: usize = 24;

/// Multiply-adds below which a tile is not made smaller.
const WORTH_SHARING: usize = 1 << 17;

/// Everything that is decided about such a convolution.
#[derive(Debug, Clone)]
pub struct Sliding {
    level: Level,
    numbers: [Number; 3],
    epilogue: Epilogue,
    /// Distances in input, kernel, result and addend, and where they start.
    batch: Vec<Dim<4>>,
    offsets: [isize; 4],
    /// Lines of places, and places of a line.
    lines: Slide,
    places: Slide,
    taken: Dim<2>,
    /// From one line of the copied input to the next, and from one feature to the next.
    pitch: usize,
    plane: usize,
    rows: usize,
    /// Rows and lines of a tile.
    tile: [usize; 2],
    /// Whether weights are packed, and whether sums are converted when they are stored.
    packs: bool,
    stores: bool,
    by_row: Row,
    stretches: Vec<Stretch>,
    /// From one term of a stretch to the next, in weights and input.
    steps: [isize; 2],
    /// The vectors of a tile.
    spots: Vec<Spot>,
    /// The lanes that are not in the padding, and where those of each line begin; lines that reach equally far
    /// into it share theirs. Nothing if there is no padding.
    lanes: Vec<Lanes>,
    of_lines: Vec<usize>,
    tables: Tables,
}

/// Offsets that are copied along, in elements.
#[derive(Debug, Clone, Default)]
struct Tables {
    /// Of the input's lines and places.
    lines: Vec<isize>,
    places: Vec<isize>,
    /// Of rows and terms, where weights are packed.
    rows: Vec<isize>,
    terms: Vec<isize>,
    /// Of rows in the result, of a tile's places, and how many of these lie side by side, where sums are
    /// converted.
    outs: Vec<isize>,
    results: Vec<isize>,
    runs: Vec<isize>,
}

impl Sliding {
    /// How a convolution runs in this way; `None` where it is better cut into products, which report what has
    /// no loops at all.
    pub fn new(convolution: &Convolution, level: Level, threads: usize) -> Option<Sliding> {
        let slides = slides(convolution)?;
        let [lines, places] = slides;
        let strips = Strips::of(level);
        let &[feature] = convolution.features.as_slice() else { return None };
        let rows = feature.size;
        let is_filled = is_filled(places.sizes[2], strips.lanes) && rows >= strips.rows[1];
        if !(is_filled && is_suited(convolution, slides)) {
            return None;
        }
        let [_, kernel, out] = convolution.numbers;
        let mut sliding = Sliding {
            level,
            numbers: convolution.numbers,
            epilogue: convolution.epilogue,
            batch: convolution.batch.clone(),
            offsets: convolution.offsets,
            lines,
            places,
            taken: convolution.taken,
            pitch: places.reach(0..places.sizes[2]).len(),
            plane: 0,
            rows,
            tile: [rows, lines.sizes[2]],
            packs: false,
            stores: !Compute::F32.is(out),
            by_row: Row::default(),
            stretches: Vec::new(),
            steps: [0; 2],
            spots: Vec::new(),
            lanes: Vec::new(),
            of_lines: Vec::new(),
            tables: Tables::default(),
        };
        sliding.packs = !Compute::F32.is(kernel) || sliding.depth() > IN_PLACE_TERMS;
        sliding.choose_tile(strips.rows[1], threads)?;
        sliding.fill_tables(feature);
        sliding.fill_stretches();
        sliding.fill_spots(strips.lanes);
        if sliding.is_padded() {
            sliding.fill_lanes(strips.lanes);
        }
        Some(sliding)
    }

    /// As many lines as the copied input leaves room for, `None` where these are too few; then tiles become
    /// smaller until there are enough for all threads.
    fn choose_tile(&mut self, least: usize, threads: usize) -> Option<()> {
        let rows = self.rows;
        let feature = self.taken.size.saturating_mul(size_of::<f32>());
        let copied = |lines: usize| plane(&self.lines, self.pitch, lines).saturating_mul(feature);
        let all = self.lines.sizes[2];
        let mut tile = [rows, all];
        while copied(tile[1]) > COPIED && tile[1] > 1 {
            tile[1] = tile[1].div_ceil(2);
        }
        if copied(tile[1]) > COPIED || tile[1] < LINES.min(all) {
            return None;
        }
        let wanted = if threads > 1 { 4 * threads } else { 1 };
        let tiles = |tile: [usize; 2]| {
            space::size(&self.batch) * rows.div_ceil(tile[0]) * self.lines.sizes[2].div_ceil(tile[1])
        };
        let cost = |tile: [usize; 2]| tile[0] * tile[1] * self.depth() * self.places.sizes[2];
        while tiles(tile) < wanted && cost(tile) > WORTH_SHARING {
            match tile {
                [_, lines] if lines >= 2 * LINES => tile[1] = lines.div_ceil(2),
                [rows, _] if rows >= 2 * ROWS => tile[0] = rows.div_ceil(2).next_multiple_of(ROWS / 2),
                _ => break,
            }
        }
        // The last tile of rows is no lower than a tile of the loops.
        if (1..least).contains(&(rows % tile[0])) {
            tile[0] = rows;
        }
        (self.tile, self.plane) = (tile, plane(&self.lines, self.pitch, tile[1]));
        Some(())
    }

    /// The rows, and what is copied along.
    fn fill_tables(&mut self, feature: Dim<3>) {
        let (rows, [_, lines]) = (feature.size, self.tile);
        let [weight, sum, addend] = feature.strides;
        let length = (lines * self.places.sizes[2]) as isize;
        self.by_row = Row {
            weights: if self.packs { apart(self.depth()) as isize } else { weight },
            sums: if self.stores { length } else { sum },
            addend,
        };
        let along = |count: usize, stride: isize| (0..count as isize).map(move |at| at * stride);
        self.tables.lines = along(self.lines.sizes[0], self.lines.strides[0]).collect();
        self.tables.places = along(self.places.sizes[0], self.places.strides[0]).collect();
        if self.packs {
            (self.tables.rows, self.tables.terms) = (along(rows, weight).collect(), self.terms());
        }
        if self.stores {
            let of_line = |line: isize| along(self.places.sizes[2], 1).map(move |place| line + place);
            self.tables.results = along(lines, self.lines.strides[2]).flat_map(of_line).collect();
            self.tables.runs = vec![self.places.sizes[2] as isize; lines];
            self.tables.outs = along(rows, sum).collect();
        }
    }

    fn fill_spots(&mut self, lanes: usize) {
        let places = self.places.sizes[2];
        let line = if self.stores { places as isize } else { self.lines.strides[2] };
        let spot = |vector: places::Vector| Spot {
            input: vector.line as isize * self.lines.step * self.pitch as isize + vector.place as isize,
            sums: vector.line as isize * line + vector.place as isize,
            line: vector.line,
            lanes: vector.of_line * self.stretches.len(),
        };
        self.spots = places::vectors(self.tile[1], places, lanes).map(spot).collect();
    }

    /// The elements of the kernel in order, with all features of the input as the terms of a stretch. Of a
    /// single feature it is the elements in a line, if all places have them.
    fn fill_stretches(&mut self) {
        let (lines, places) = (self.lines, self.places);
        let first = [lines.reach(0..1).start, places.reach(0..1).start];
        let weight = |line: usize, place: usize| match self.packs {
            true => ((line * places.sizes[1] + place) * self.taken.size) as isize,
            false => line as isize * lines.strides[1] + place as isize * places.strides[1],
        };
        let input = |line: usize, place: usize| {
            (lines.under(0, line) - first[0]) * self.pitch as isize + places.under(0, place) - first[1]
        };
        let is_line = self.taken.size == 1 && !places.is_padded();
        let (count, terms) = if is_line { (1, places.sizes[1]) } else { (places.sizes[1], self.taken.size) };
        let stretch = |line, place| Stretch { left: weight(line, place), right: input(line, place), terms };
        let by_taken = if self.packs { 1 } else { self.taken.strides[1] };
        let steps = match is_line {
            true => [weight(0, 1) - weight(0, 0), input(0, 1) - input(0, 0)],
            false => [by_taken, self.plane as isize],
        };
        let stretches =
            (0..lines.sizes[1]).flat_map(|line| (0..count).map(move |place| stretch(line, place)));
        (self.stretches, self.steps) = (stretches.collect(), steps);
    }

    fn fill_lanes(&mut self, lanes: usize) {
        let (lines, places) = (self.lines, self.places);
        // A stretch is an element, or all of a line, where no place of it is in the padding.
        let of_line = self.stretches.len() / lines.sizes[1];
        let mut known: Vec<(Vec<Lanes>, usize)> = Vec::new();
        for line in 0..lines.sizes[2] {
            let has: Vec<Lanes> = (0..lines.sizes[1]).map(|element| lines.lanes(line, element, 1)).collect();
            let first = known.iter().find(|(other, _)| *other == has).map(|(_, first)| *first);
            let first = first.unwrap_or_else(|| {
                let first = self.lanes.len();
                for vector in places::vectors(1, places.sizes[2], lanes) {
                    self.lanes.extend(has.iter().flat_map(|has| {
                        let lanes = move |element| places.lanes(vector.place, element, lanes);
                        (0..of_line).map(move |element| if *has == [0; 2] { [0; 2] } else { lanes(element) })
                    }));
                }
                known.push((has, first));
                first
            });
            self.of_lines.push(first);
        }
    }

    /// Offsets of the kernel's elements of a row, in the order of the sum.
    fn terms(&self) -> Vec<isize> {
        let dim = |slide: &Slide| Dim::new(slide.sizes[1], [slide.strides[1]]);
        let dims = [dim(&self.lines), dim(&self.places), Dim::new(self.taken.size, [self.taken.strides[1]])];
        let mut terms = vec![0; self.depth()];
        space::fill(&dims, 0, 0, &mut terms);
        terms
    }

    fn depth(&self) -> usize {
        self.lines.sizes[1] * self.places.sizes[1] * self.taken.size
    }

    fn is_padded(&self) -> bool {
        self.lines.is_padded() || self.places.is_padded()
    }

    /// Tiles along the batch, lines and rows.
    fn grid(&self) -> [usize; 3] {
        let [rows, lines] = self.tile;
        [space::size(&self.batch), self.lines.sizes[2].div_ceil(lines), self.rows.div_ceil(rows)]
    }

    /// How many tiles there are. Each is computed on its own.
    pub fn tiles(&self) -> usize {
        self.grid().iter().product()
    }

    /// How many tiles in order share what they copy, if they run in one go.
    pub fn sharing(&self) -> usize {
        self.grid()[2]
    }

    /// Multiply-adds of a tile, at most.
    pub fn cost(&self) -> usize {
        self.tile[0] * self.tile[1] * self.places.sizes[2] * self.depth()
    }

    /// Bytes of scratch that a run needs, aligned or not.
    pub fn scratch(&self) -> usize {
        self.parts().iter().map(|part| part * size_of::<f32>()).sum::<usize>() + LINE
    }

    /// Elements of the copied input, of packed weights and of sums that are converted, in whole cache lines.
    fn parts(&self) -> [usize; 3] {
        let [rows, _] = self.tile;
        let parts = [
            self.taken.size * self.plane + self.pitch,
            self.tables.rows.len() * apart(self.tables.terms.len()),
            rows * self.tables.results.len(),
        ];
        parts.map(|part| part.next_multiple_of(LINE / size_of::<f32>()))
    }
}

/// The room for so many elements that are read beside others like them: an odd number of cache lines, so that
/// they do not share places of a cache.
fn apart(elements: usize) -> usize {
    let line = LINE / size_of::<f32>();
    (elements.div_ceil(line) | 1).saturating_mul(line)
}

/// Elements from one feature of a copied input to the next, for so many lines of places.
fn plane(lines: &Slide, pitch: usize, count: usize) -> usize {
    apart(lines.reach(0..count).len().saturating_mul(pitch))
}

/// Lines and places of a convolution whose windows are those of images or of sequences.
fn slides(convolution: &Convolution) -> Option<[Slide; 2]> {
    match convolution.windows.as_slice() {
        [places] => Some([Slide::POINT, Slide::of(places)?]),
        [lines, places] => Some([Slide::of(lines)?, Slide::of(places)?]),
        _ => None,
    }
}

/// Whether vectors of places are read and written as they lie, of input that is worth copying, and sums are
/// chains.
fn is_suited(convolution: &Convolution, [lines, places]: [Slide; 2]) -> bool {
    let [input, kernel, out] = convolution.numbers;
    let elements = lines.sizes[1] * places.sizes[1];
    let sizes = [lines.sizes, places.sizes].concat();
    let is_empty = sizes.contains(&0) || convolution.taken.size == 0 || space::size(&convolution.batch) == 0;
    Compute::of(out) == Compute::F32
        && Compute::F32.takes(input)
        && Compute::F32.takes(kernel)
        && places.step == 1
        && places.strides[0] == 1
        && places.strides[2] == 1
        && !is_empty
        && elements > 1
        && !order::is_cut(elements * convolution.taken.size)
        && convolution.products().iter().all(|product| product.check().is_ok())
}

/// Whether so many places fill their vectors well enough.
fn is_filled(places: usize, lanes: usize) -> bool {
    places >= lanes && places.next_multiple_of(lanes) * 3 <= places * 4
}
