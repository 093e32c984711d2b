//! Kernels that look for the greatest or the least element and its place.
//!
//! A thread searches a row from the initial pair on, as the kernel says. Long rows are searched by a warp or a block, in
//! parts that are merged in any order. That gives the same pair, because the best pair of some elements follows
//! from which elements they are and where they stand in the row:
//!
//! - If any value is NaN, it is the first one's pair, since a NaN stays.
//! - Otherwise, the value is the best one. Equal values have the same bits, but for zeros: of these it is the last one's, since
//!   a value that is no better is replaced by the next one.
//! - The place is the lowest one of all that have the best value.
//!
//! So a part keeps where in the row its value stands, too. Places that are floats may be NaN, of which no one is the
//! lowest: these rows have a thread each.

use choral_kernels::access::Elements;
use choral_kernels::extreme::{Extreme, Places, Search};

use super::number::{in_registers, load, store};
use super::places::{Indices, counter};
use super::spans::start;
use super::text::Text;
use super::tree::{LANES, shuffled};
use super::{Emitted, THREADS};

/// Elements of the longest row that a thread always searches.
const SHORT: usize = 31;

/// Rows beside each other from which on a thread searches each: they keep a device busy.
const MANY_BESIDE: usize = 1 << 13;

/// Rows from which on a warp searches each, and not a block.
const MANY_ROWS: usize = 1 << 9;

/// Elements from which on more than a warp may search a row.
const LONG: usize = 1 << 10;

/// Writes the body of the function of a kernel.
pub(super) fn extreme(text: &mut Text, extreme: &Extreme) -> Emitted {
    Searching::of(extreme).emit(text)
}

struct Searching<'a> {
    extreme: &'a Extreme,
    /// Sizes of the dimensions that stay, and of those that are folded.
    kept: Vec<usize>,
    folded: Vec<usize>,
    rows: usize,
    length: usize,
}

impl<'a> Searching<'a> {
    fn of(extreme: &'a Extreme) -> Searching<'a> {
        let sizes: Vec<usize> = extreme.values.access.dims.iter().map(|(size, _)| *size).collect();
        let (kept, folded) = sizes.split_at(extreme.kept);
        let (rows, length) = (kept.iter().product(), folded.iter().product());
        Searching { extreme, kept: kept.to_vec(), folded: folded.to_vec(), rows, length }
    }

    /// Whether neighbours in memory belong to rows beside each other.
    fn are_beside(&self) -> bool {
        let (kept, folded) = self.extreme.values.access.dims.split_at(self.extreme.kept);
        let nearest = |dims: &[(usize, isize)]| {
            let strides = dims.iter().filter(|(size, _)| *size > 1).map(|(_, stride)| stride.unsigned_abs());
            strides.min().unwrap_or(usize::MAX)
        };
        nearest(kept) < nearest(folded)
    }

    fn emit(&self, text: &mut Text) -> Emitted {
        let (rows, length) = (self.rows, self.length);
        let by_threads =
            length <= SHORT || self.extreme.place.is_float() || self.are_beside() && rows >= MANY_BESIDE;
        if rows == 0 {
            Emitted::of_threads(0)
        } else if by_threads {
            self.threads(text);
            Emitted::of_threads(rows)
        } else if rows >= MANY_ROWS || length < LONG {
            self.parts(text, "warp");
            Emitted::of_threads(rows * LANES)
        } else {
            self.parts(text, "block");
            Emitted::of_threads(rows * THREADS).sharing(THREADS / LANES * (8 + 8 + 8))
        }
    }

    /// The types of values and places in registers.
    fn types(&self) -> [&'static str; 2] {
        [self.extreme.value, self.extreme.place].map(in_registers)
    }

    /// What says that one value is better than another.
    fn better(&self) -> &'static str {
        match self.extreme.search {
            Search::Greatest => ">",
            Search::Least => "<",
        }
    }

    /// Declares the pair that a search starts from, as `x` and `p` with what their names begin with.
    fn start(&self, text: &mut Text, name: &str, row: &Indices) {
        let ([value, place], [first, second]) = (self.types(), &self.extreme.initial);
        text.line(format!("{value} {name}x = {};", start(self.extreme.value, first, row)));
        text.line(format!("{place} {name}p = {};", start(self.extreme.place, second, row)));
    }

    /// Declares the pair of an element of the row, as `y` and `q`.
    fn element(&self, text: &mut Text, row: &Indices, along: &str, [value, place]: [&str; 2]) {
        let folded = Indices::declare(text, "f", along, &self.folded);
        let all = row.and(&folded);
        let from = |number, of: &Elements| {
            load(number, &format!("b{}", of.buffer), &all.place(of.access.offset, &of.access.dims))
        };
        let index = match &self.extreme.places {
            Places::Along(dim) => format!("({})({})", self.types()[1], folded.name(*dim)),
            Places::Load(places) => from(self.extreme.place, places),
        };
        text.line(format!("{value} = {};", from(self.extreme.value, &self.extreme.values)));
        text.line(format!("{place} = {index};"));
    }

    /// Takes the element `y` at `q` after the pair `x` at `p`; `kept` is run if `x` is not the value any more.
    fn follow(&self, text: &mut Text, [x, p]: [&str; 2], kept: &str) {
        let is_nan = if self.extreme.value.is_float() { format!(" || {x} != {x}") } else { String::new() };
        text.line(format!("const bool stays = {x} {} y{is_nan};", self.better()));
        text.line(format!("{p} = stays || ({x} == y && {p} < q) ? {p} : q;"));
        text.line(format!("{x} = stays ? {x} : y;"));
        if !kept.is_empty() {
            text.line(format!("if (!stays) {kept}"));
        }
    }

    fn put(&self, text: &mut Text, row: &Indices, [x, p]: [&str; 2]) {
        let [values, places] = &self.extreme.results;
        for (number, to, value) in [(self.extreme.value, values, x), (self.extreme.place, places, p)] {
            let place = row.place(to.access.offset, &to.access.dims);
            text.line(store(number, &format!("b{}", to.buffer), &place, value));
        }
    }

    fn threads(&self, text: &mut Text) {
        let (rows, length, ty) = (self.rows, self.length, counter(self.rows));
        let [value, place] = self.types();
        text.block(format!("for ({ty} at = team.thread(); at < {rows}; at += team.threads())"), |text| {
            let row = Indices::declare(text, "r", "at", &self.kept);
            self.start(text, "", &row);
            text.block(format!("for ({0} along = 0; along < {length}; ++along)", counter(length)), |text| {
                let names = [format!("const {value} y"), format!("const {place} q")];
                self.element(text, &row, "along", [&names[0], &names[1]]);
                self.follow(text, ["x", "p"], "");
            });
            self.put(text, &row, ["x", "p"]);
        });
    }

    /// Each of a team's warps or blocks has a row: a thread searches every so many elements of it.
    fn parts(&self, text: &mut Text, whose: &str) {
        let (rows, length, ty) = (self.rows, self.length, counter(self.rows));
        let [value, place] = self.types();
        let is_block = whose == "block";
        let (threads, thread) = if is_block { (THREADS, "threadIdx.x") } else { (LANES, "team.lane()") };
        let (first, step) =
            if is_block { ("team.block", "team.blocks") } else { ("team.warp()", "team.warps()") };
        text.block(format!("for ({ty} row = {first}; row < {rows}; row += {step})"), |text| {
            let row = Indices::declare(text, "r", "row", &self.kept);
            text.line(format!("{value} x;"));
            text.line(format!("{place} p;"));
            let along = counter(length + threads);
            text.line(format!("{along} found = {thread};"));
            text.block("", |text| self.element(text, &row, "found", ["x", "p"]));
            let head =
                format!("for ({along} along = {thread} + {threads}; along < {length}; along += {threads})");
            text.block(head, |text| {
                let names = [format!("const {value} y"), format!("const {place} q")];
                self.element(text, &row, "along", [&names[0], &names[1]]);
                self.follow(text, ["x", "p"], "found = along;");
            });
            for distance in [16, 8, 4, 2, 1] {
                text.block("", |text| {
                    let down = |ty: &str, of: String| {
                        format!("({ty})__shfl_down_sync(0xffffffffu, {of}, {distance})")
                    };
                    let y = down(value, shuffled(self.extreme.value.in_registers(), "x"));
                    let q = down(place, shuffled(self.extreme.place, "p"));
                    text.line(format!("const {value} y = {y};"));
                    text.line(format!("const {place} q = {q};"));
                    text.line(format!("const {along} other = {};", down(along, "found".to_owned())));
                    self.merge(text);
                });
            }
            if is_block {
                self.warps(text, along);
            }
            text.block(format!("if ({thread} == 0)"), |text| {
                // The initial pair is what all others follow.
                self.start(text, "initial_", &row);
                text.line(format!("const {value} y = x;"));
                text.line(format!("const {place} q = p;"));
                self.follow(text, ["initial_x", "initial_p"], "");
                self.put(text, &row, ["initial_x", "initial_p"]);
            });
        });
    }

    /// Takes the better of two parts: the pair `x` at `p`, which stands at `found`, and `y` at `q`, at `other`.
    fn merge(&self, text: &mut Text) {
        let better = self.better();
        let stays = match self.extreme.value.is_float() {
            false => format!("x {better} y"),
            true => format!(
                "x != x ? y == y || found < other : y == y && (x {better} y || (x == y && found > other))"
            ),
        };
        text.line(format!("const bool stays = {stays};"));
        text.line("p = x == y ? (p < q ? p : q) : stays ? p : q;");
        text.line("x = stays ? x : y;");
        text.line("found = stays ? found : other;");
    }

    /// Merges what the warps of a block have found, in the block's first thread.
    fn warps(&self, text: &mut Text, along: &str) {
        let ([value, place], warps) = (self.types(), THREADS / LANES);
        // Of the widest numbers first: all lie at multiples of their sizes.
        text.line(format!("{value}* const values = ({value}*)SHARED;"));
        text.line(format!("{place}* const places = ({place}*)(SHARED + {});", 8 * warps));
        text.line(format!("{along}* const founds = ({along}*)(SHARED + {});", 16 * warps));
        text.block("if (team.lane() == 0)", |text| {
            text.line(format!("const u32 warp = threadIdx.x / {LANES};"));
            text.line("values[warp] = x, places[warp] = p, founds[warp] = found;");
        });
        text.line("__syncthreads();");
        text.block("if (threadIdx.x == 0)", |text| {
            text.block(format!("for (u32 warp = 1; warp < {warps}; ++warp)"), |text| {
                text.line(format!("const {value} y = values[warp];"));
                text.line(format!("const {place} q = places[warp];"));
                text.line(format!("const {along} other = founds[warp];"));
                self.merge(text);
            });
        });
        text.line("__syncthreads();");
    }
}
