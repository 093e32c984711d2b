//! Operands on their way to shared memory: from memory to registers while the stage before is multiplied, and from there.
//!
//! Elements that lie side by side come 16 bytes at a time, if all places where they begin are multiples of that in the
//! operand's buffer; whether the buffer itself begins at one is asked when the kernel runs, since those of loops may be
//! slices. What lies beyond the operand is -0.0 on the left and +0.0 on the right: their product added to any sum, be it
//! -0.0, leaves it as it is. Must not live here: what is multiplied how.

use choral_kernels::Number;

use super::super::THREADS;
use super::super::number::{in_memory, widened};
use super::super::text::Text;
use super::each::{Each, indices, offset};
use super::sides::{Along, Sides};
use super::tile::{Core, Tile};

/// An operand of tiles.
pub(super) struct Fetch<'a> {
    sides: &'a Sides,
    tile: Tile,
    /// Whether this is the right one.
    at: usize,
    buffer: usize,
    number: Number,
    /// The type in shared memory.
    shared: &'static str,
    dims: &'a [Along<3>],
    /// Whether elements that are fetched together are terms of one place; otherwise they are places of one term.
    by_terms: bool,
    /// How many are fetched together.
    together: usize,
    /// Rows or columns of a tile.
    size: usize,
}

impl<'a> Fetch<'a> {
    pub(super) fn of(
        sides: &'a Sides,
        tile: Tile,
        at: usize,
        buffer: usize,
        shared: &'static str,
    ) -> Fetch<'a> {
        let (dims, number) = (if at == 0 { &sides.rows } else { &sides.columns }, sides.numbers[at]);
        let last = |stride: Option<&Each>| stride.map_or(usize::MAX, Each::largest);
        let by_terms = last(sides.terms.last().map(|dim| &dim.strides[at]))
            < last(dims.last().map(|dim| &dim.strides[0]));
        let size = tile.sizes()[at];
        let wanted = if matches!(tile.core, Core::Matrices { .. }) { 8 } else { 4 };
        let mut fetch =
            Fetch { sides, tile, at, buffer, number, shared, dims, by_terms, together: wanted, size };
        if !fetch.is_aligned(wanted) {
            fetch.together = 1;
        }
        fetch
    }

    /// Whether so many elements always lie side by side, from a multiple of as many on.
    fn is_aligned(&self, together: usize) -> bool {
        let Sides { batch, terms, offsets, .. } = self.sides;
        let members = batch.iter().map(|dim| (&dim.size, &dim.strides[self.at]));
        let dims = self.dims.iter().map(|dim| (&dim.size, &dim.strides[0]));
        let terms = terms.iter().map(|dim| (&dim.size, &dim.strides[self.at]));
        let (mut others, mut along): (Vec<_>, Vec<_>) =
            if self.by_terms { (dims.collect(), terms.collect()) } else { (terms.collect(), dims.collect()) };
        others.extend(members);
        let Some((size, stride)) = along.pop() else { return false };
        others.extend(along);
        let length = if self.by_terms { self.tile.terms } else { self.size };
        stride.is(1)
            && length.is_multiple_of(together)
            && size.are_multiples_of(together)
            && offsets[self.at].are_multiples_of(together)
            && others.iter().all(|(_, stride)| stride.are_multiples_of(together))
    }

    fn name(&self) -> &'static str {
        if self.at == 0 { "left" } else { "right" }
    }

    /// Whether terms of one place lie side by side in shared memory, too.
    pub(super) fn has_terms_inside(&self) -> bool {
        self.by_terms && matches!(self.tile.core, Core::Matrices { .. })
    }

    /// Elements from one term to the next in shared memory, or of one place to the next if terms are inside: not a multiple
    /// of what all banks have, so that neighbours both ways lie in different ones.
    pub(super) fn stride(&self) -> usize {
        let pad = if matches!(self.tile.core, Core::Matrices { .. }) { 8 } else { 4 };
        (if self.has_terms_inside() { self.tile.terms } else { self.size }) + pad
    }

    /// Elements of a stage in shared memory.
    pub(super) fn elements(&self) -> usize {
        self.stride() * if self.has_terms_inside() { self.size } else { self.tile.terms }
    }

    /// Groups of elements that all threads fetch.
    fn groups(&self) -> usize {
        self.size * self.tile.terms / self.together
    }

    fn slots(&self) -> usize {
        self.groups().div_ceil(THREADS)
    }

    /// Groups of terms of one place that neighbouring threads fetch.
    fn low(&self) -> usize {
        let of_a_place = self.tile.terms / self.together;
        match (self.together, self.tile.core) {
            (1, _) => of_a_place,
            // Two fill what memory gives at least; more would meet in banks of shared memory when terms are put apart.
            (_, Core::Threads { .. }) => of_a_place.min(2),
            (_, Core::Matrices { .. }) => of_a_place.min(4),
        }
    }

    /// The places of a thread's groups that differ.
    fn places(&self) -> usize {
        let period = if self.by_terms { self.size * self.low() } else { self.size / self.together };
        if THREADS.is_multiple_of(period) { 1 } else { self.slots() }
    }

    /// The place and the term of a thread's group.
    fn place_and_term(&self, slot: &str) -> (String, String) {
        let Fetch { size, together, by_terms, .. } = *self;
        let at = if self.slots() == 1 {
            "threadIdx.x".to_owned()
        } else {
            format!("({slot} * {THREADS} + threadIdx.x)")
        };
        let times = |group: String| if together == 1 { group } else { format!("({group}) * {together}") };
        if by_terms {
            let low = self.low();
            let high = if low == self.tile.terms / together {
                String::new()
            } else {
                format!(" + {at} / {} * {low}", low * size)
            };
            (format!("{at} / {low} % {size}"), times(format!("{at} % {low}{high}")))
        } else {
            let across = size / together;
            (times(format!("{at} % {across}")), format!("{at} / {across}"))
        }
    }

    fn slot(&self) -> &'static str {
        if self.places() == 1 { "0" } else { "slot" }
    }

    fn each_slot(&self, text: &mut Text, count: usize, within: impl FnOnce(&mut Text)) {
        text.line("#pragma unroll");
        text.block(format!("for (u32 slot = 0; slot < {count}; ++slot)"), within);
    }

    /// Declares what is the same for all tiles.
    pub(super) fn declare(&self, text: &mut Text) {
        let (name, memory) = (self.name(), in_memory(self.number));
        if self.together > 1 {
            let bytes = (self.together * self.number.bytes()).min(16);
            text.line(format!("const bool {name}_is_aligned = (u64)b{} % {bytes} == 0;", self.buffer));
        }
        text.line(format!("Together<{memory}, {}> {name}_next[{}];", self.together, self.slots()));
    }

    /// Declares the places of a tile's elements, of which the first is `start` and there are `extent` in all.
    pub(super) fn declare_places(&self, text: &mut Text, members: &[String], start: &str, extent: &Each) {
        let (name, ty, count) = (self.name(), self.sides.place, self.places());
        text.line(format!("{ty} {name}_at[{count}];"));
        text.line(format!("bool {name}_is_inside[{count}];"));
        self.each_slot(text, count, |text| {
            text.line(format!("const u32 place = {start} + {};", self.place_and_term("slot").0));
            let is_fetched = if self.groups() < THREADS {
                format!(" && threadIdx.x < {}", self.groups())
            } else {
                String::new()
            };
            text.line(format!("{name}_is_inside[slot] = place < {}{is_fetched};", extent.text()));
            let sizes: Vec<&Each> = self.dims.iter().map(|dim| &dim.size).collect();
            let names = indices(text, "p", "place", &sizes);
            let places = offset(ty, &names, self.dims.iter().map(|dim| &dim.strides[0]));
            let of_member = offset(ty, members, self.sides.batch.iter().map(|dim| &dim.strides[self.at]));
            let first = self.sides.offsets[self.at].text();
            text.line(format!("{name}_at[slot] = {first} + {of_member} + {places};"));
        });
    }

    /// Starts to fetch the stage from the term `first` on, of terms up to `end`.
    pub(super) fn fetch(&self, text: &mut Text) {
        let (name, memory, together) = (self.name(), in_memory(self.number), self.together);
        self.each_slot(text, self.slots(), |text| {
            text.line(format!("const u32 term = {};", self.place_and_term("slot").1));
            let slot = self.slot();
            text.line(format!("const bool is_inside = {name}_is_inside[{slot}] && first + term < end;"));
            let along = if has_table(self.sides) {
                format!("distances[stage % 2][{}][term]", self.at)
            } else {
                let names = vec!["(first + term)".to_owned(); self.sides.terms.len()];
                offset(self.sides.place, &names, self.sides.terms.iter().map(|dim| &dim.strides[self.at]))
            };
            let is_aligned = if together > 1 { format!("{name}_is_aligned") } else { "true".to_owned() };
            text.block("if (is_inside)", |text| {
                let place = format!("(const {memory}*)b{} + ({name}_at[{slot}] + {along})", self.buffer);
                text.line(format!(
                    "{name}_next[slot] = loaded<{memory}, {together}>({place}, {is_aligned});"
                ));
            });
            text.block("else", |text| {
                text.line(format!("{name}_next[slot] = all_of<{memory}, {together}>({});", self.outside()));
            });
        });
    }

    /// What changes no sum.
    fn outside(&self) -> &'static str {
        match (self.at, self.number) {
            (0, Number::F32) => "-0.0f",
            (0, Number::F64) => "-0.0",
            (0, Number::F16 | Number::Bf16) => "(u16)0x8000",
            _ => "0",
        }
    }

    /// Puts what was fetched into shared memory, from the element `to` on.
    pub(super) fn put(&self, text: &mut Text, to: &str) {
        let (shared, together, stride) = (self.shared, self.together, self.stride());
        let within = |text: &mut Text| {
            let (place, term) = self.place_and_term("slot");
            text.line(format!("const u32 place = {place}, term = {term};"));
            let widened = |at: &str| {
                let element = format!("{}_next[slot].elements[{at}]", self.name());
                match self.tile.core {
                    Core::Threads { .. } => format!("({shared}){}", widened(self.number, &element)),
                    Core::Matrices { .. } => element,
                }
            };
            if self.by_terms && !self.has_terms_inside() {
                text.line("#pragma unroll");
                text.line(format!(
                    "for (u32 at = 0; at < {together}; ++at) {to}[(term + at) * {stride} + place] = {};",
                    widened("at")
                ));
                return;
            }
            let place = match self.has_terms_inside() {
                true => format!("place * {stride} + term"),
                false => format!("term * {stride} + place"),
            };
            text.line(format!("Together<{shared}, {together}> all;"));
            text.line("#pragma unroll");
            text.line(format!(
                "for (u32 at = 0; at < {together}; ++at) all.elements[at] = {};",
                widened("at")
            ));
            text.line(format!("put_shared<{shared}, {together}>({to} + {place}, all);"));
        };
        let groups = self.groups();
        self.each_slot(text, self.slots(), |text| {
            if groups < THREADS {
                text.block(format!("if (threadIdx.x < {groups})"), within)
            } else {
                within(text)
            }
        });
    }
}

/// Whether distances of terms are worked out once for all threads: those of one dimension are a product alone.
pub(super) fn has_table(sides: &Sides) -> bool {
    sides.terms.len() > 1
}

/// Works out the distances of a stage's terms in both operands: from the term `first` on, of terms up to `end`.
pub(super) fn tabulate(text: &mut Text, sides: &Sides, tile: Tile, stage: &str, first: &str) {
    text.block(format!("if (threadIdx.x < {} && {first} + threadIdx.x < end)", tile.terms), |text| {
        let sizes: Vec<&Each> = sides.terms.iter().map(|dim| &dim.size).collect();
        text.line(format!("const u32 term = {first} + threadIdx.x;"));
        let names = indices(text, "k", "term", &sizes);
        for at in 0..2 {
            let place = offset(sides.place, &names, sides.terms.iter().map(|dim| &dim.strides[at]));
            text.line(format!("distances[{stage} % 2][{at}][threadIdx.x] = {place};"));
        }
    });
}
