//! Sums that are cut into chains, and where sums go: into the tree of chains, and with what is added to them to the result.
//!
//! Must not live here: what the order is ([`choral_kernels::product::order`]).

use choral_kernels::Number;
use choral_kernels::product::Compute;
use choral_kernels::product::order::{BLOCK, kept};

use super::super::number::{in_memory, load, narrowed};
use super::super::text::Text;
use super::super::{Emitted, THREADS};
use super::each::{Each, indices, offset};
use super::multiply::Elements;
use super::sides::Sides;

/// Declares a thread's sums, and those that it keeps, of as many terms at most.
pub(super) fn declare(text: &mut Text, elements: Elements, sum: &str, terms: Option<usize>) {
    let [rows, columns] = elements.sizes();
    text.line(format!("{sum} sums[{rows}][{columns}] = {{}};"));
    if let Some(terms) = terms {
        text.line(format!("{sum} kept[{}][{rows}][{columns}];", kept(terms)));
    }
}

/// Keeps the sums of the chain number `chain`, which is not the last one: like the digits of a binary counter, they merge
/// with what is kept.
pub(super) fn keep(text: &mut Text, elements: Elements, chain: &str) {
    text.line(format!("u32 depth = __popc({chain});"));
    text.block(format!("for (u32 ones = {chain}; ones & 1; ones >>= 1)"), |text| {
        text.line("--depth;");
        elements.each(text, |text| text.line("sums[r][c] = kept[depth][r][c] + sums[r][c];"));
    });
    elements.each(text, |text| {
        text.line("kept[depth][r][c] = sums[r][c];");
        text.line("sums[r][c] = 0;");
    });
}

/// As [`keep`], where the chain ends with the stage from the term `first` on, and another one follows.
pub(super) fn keep_at_end(text: &mut Text, elements: Elements, stage: usize, chains: &Each) {
    let is_cut =
        if chains.constant().is_some() { String::new() } else { format!("{} > 1 && ", chains.text()) };
    let done = format!("first + {stage}");
    text.block(format!("if ({is_cut}({done}) % {BLOCK} == 0 && {done} < end)"), |text| {
        text.line(format!("const u32 chain = first / {BLOCK};"));
        keep(text, elements, "chain");
    });
}

/// Merges all that is kept, from the newest to the oldest.
pub(super) fn join(text: &mut Text, elements: Elements, chains: &Each) {
    text.block(format!("for (u32 depth = __popc({} - 1u); depth > 0; --depth)", chains.text()), |text| {
        elements.each(text, |text| text.line("sums[r][c] = kept[depth - 1][r][c] + sums[r][c];"));
    });
}

/// Where the sums of a chain lie between blocks: those of neighbouring threads side by side.
pub(super) fn place_between(elements: Elements, sum: &str, chain: &str) -> String {
    let [rows, columns] = elements.sizes();
    let count = rows * columns;
    format!("(({sum}*)scratch)[(({chain}) * {count} + r * {columns} + c) * {THREADS} + threadIdx.x]")
}

/// With the memory for the sums of so many chains.
pub(super) fn working_in(emitted: Emitted, elements: Elements, chains: usize, bytes: usize) -> Emitted {
    let [rows, columns] = elements.sizes();
    emitted.working_in(chains * rows * columns * THREADS * bytes)
}

/// Where sums go.
pub(super) struct Finish<'a> {
    pub(super) sides: &'a Sides,
    pub(super) elements: Elements,
    pub(super) sum: &'static str,
    pub(super) out: usize,
    pub(super) addend: Option<usize>,
    /// How many rows and columns there are.
    pub(super) extents: [&'a Each; 2],
}

impl Finish<'_> {
    /// Whether elements of a row that a thread has side by side always lie so in the result.
    fn is_aligned(&self, together: usize) -> bool {
        let Sides { batch, rows, columns, offsets, .. } = self.sides;
        let batch = batch.iter().map(|dim| &dim.strides[2]);
        let mut others: Vec<&Each> = batch.chain(rows.iter().map(|dim| &dim.strides[1])).collect();
        let Some((last, outer)) = columns.split_last() else { return false };
        others.extend(outer.iter().map(|dim| &dim.strides[1]));
        let is_inside = last.strides[1].is(1) && last.size.are_multiples_of(together);
        is_inside && others.into_iter().chain([&offsets[2]]).all(|each| each.are_multiples_of(together))
    }

    /// The elements of a row that are written at once.
    fn together(&self) -> usize {
        let together = self.elements.together();
        if together > 1 && self.is_aligned(together) { together } else { 1 }
    }

    /// Declares what is the same for all tiles.
    pub(super) fn declare(&self, text: &mut Text) {
        let together = self.together();
        if together > 1 {
            let bytes = (together * self.sides.out.bytes()).min(16);
            text.line(format!("const bool out_is_aligned = (u64)b{} % {bytes} == 0;", self.out));
        }
    }

    /// Writes the sums of a tile, with what is added to them.
    pub(super) fn write(&self, text: &mut Text, members: &[String]) {
        let Sides { out, batch, offsets, place, .. } = self.sides;
        let (together, side_by_side) = (self.together(), self.elements.together());
        let [rows, columns] = self.elements.sizes();
        let base = |at: usize| {
            let of_members = offset(place, members, batch.iter().map(|dim| &dim.strides[at]));
            format!("{} + {of_members}", offsets[at].text())
        };
        text.line(format!("const {place} out_at = {};", base(2)));
        if self.addend.is_some() {
            text.line(format!("const {place} addend_at = {};", base(3)));
        }
        let memory = in_memory(*out);
        text.line("#pragma unroll");
        text.block(format!("for (u32 r = 0; r < {rows}; ++r)"), |text| {
            text.line("#pragma unroll");
            let step = if together > 1 { format!("c += {together}") } else { "++c".to_owned() };
            text.block(format!("for (u32 c = 0; c < {columns}; {step})"), |text| {
                let within =
                    if together == side_by_side { String::new() } else { format!(" + c % {side_by_side}") };
                text.line(format!("const u32 down = top + {};", self.elements.row()));
                text.line(format!("const u32 along = start + {}{within};", self.elements.column()));
                let [rows, columns] = self.extents.map(Each::text);
                text.block(format!("if (down < {rows} && along < {columns})"), |text| {
                    let sizes: Vec<&Each> = self.sides.rows.iter().map(|dim| &dim.size).collect();
                    let down = indices(text, "m", "down", &sizes);
                    text.line(format!("Together<{memory}, {together}> all;"));
                    let row =
                        |at: usize| offset(place, &down, self.sides.rows.iter().map(|dim| &dim.strides[at]));
                    text.line("#pragma unroll");
                    text.block(format!("for (u32 at = 0; at < {together}; ++at)"), |text| {
                        text.line(format!("{} sum = sums[r][c + at];", self.sum));
                        self.add(text, &row(2));
                        text.line(format!("all.elements[at] = {};", self.stored()));
                    });
                    let sizes: Vec<&Each> = self.sides.columns.iter().map(|dim| &dim.size).collect();
                    let along = indices(text, "n", "along", &sizes);
                    let column = offset(place, &along, self.sides.columns.iter().map(|dim| &dim.strides[1]));
                    let to = format!("({memory}*)b{} + (out_at + {} + {column})", self.out, row(1));
                    let is_aligned = if together > 1 { "out_is_aligned" } else { "true" };
                    text.line(format!("put<{memory}, {together}>({to}, all, {is_aligned});"));
                });
            });
        });
    }

    /// Adds to a sum what is added to it.
    fn add(&self, text: &mut Text, row: &str) {
        let Sides { out, columns, epilogue, place, .. } = self.sides;
        if let (true, Some(addend)) = (epilogue.add, self.addend) {
            let sizes: Vec<&Each> = columns.iter().map(|dim| &dim.size).collect();
            let along = indices(text, "a", "(along + at)", &sizes);
            let column = offset(place, &along, columns.iter().map(|dim| &dim.strides[2]));
            let from = load(*out, &format!("b{addend}"), &format!("addend_at + {row} + {column}"));
            text.line(format!("sum = sum + {from};"));
        }
        if epilogue.relu {
            text.line("sum = sum <= 0 ? 0 : sum;");
        }
    }

    /// The form in memory of a sum.
    fn stored(&self) -> String {
        let out: Number = self.sides.out;
        match self.sides.compute {
            Compute::F32 | Compute::F64 => narrowed(out, "sum"),
            Compute::I16 | Compute::I32 | Compute::I64 | Compute::Truth => format!("({})sum", in_memory(out)),
        }
    }
}
