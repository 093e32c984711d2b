//! What is done with a stage in shared memory, and which elements of a tile a thread has.
//!
//! Must not live here: how operands come there, and where sums go.

use choral_kernels::Number;
use choral_kernels::product::Compute;

use super::super::text::Text;
use super::fetch::Fetch;
use super::sides::Sides;
use super::tile::{Core, DEPTH, Tile};

/// Multiply-adds of a thread that are written out at most; further terms are a loop.
const UNROLLED: usize = 512;

/// The elements of a thread: `sums[r][c]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements {
    tile: Tile,
}

impl Elements {
    pub(super) fn of(tile: Tile) -> Elements {
        Elements { tile }
    }

    /// The sizes of the array.
    pub(super) fn sizes(self) -> [usize; 2] {
        match self.tile.core {
            Core::Threads { own, .. } => own,
            Core::Matrices { own } => [own[0] * own[1], 4],
        }
    }

    /// Rows and columns that lie side by side.
    fn groups(self) -> [usize; 2] {
        match self.tile.core {
            Core::Threads { bytes, own, .. } => own.map(|own| own.min(16 / bytes)),
            Core::Matrices { .. } => [1, 2],
        }
    }

    /// Columns that lie side by side: the elements from `c` on.
    pub(super) fn together(self) -> usize {
        self.groups()[1]
    }

    /// Declares the first row and the first column of a thread.
    pub(super) fn declare(self, text: &mut Text) {
        let [_, across] = self.tile.warps;
        let ([rows, columns], [by_row, by_column]) = match self.tile.core {
            Core::Threads { lanes, own, .. } => {
                let groups = self.groups();
                let lane =
                    [format!("threadIdx.x % 32 / {}", lanes[1]), format!("threadIdx.x % {}", lanes[1])];
                let lane = [0, 1].map(|at| format!("{} * {}", lane[at], groups[at]));
                ([lanes[0] * own[0], lanes[1] * own[1]], lane)
            }
            Core::Matrices { own } => (
                [own[0] * 16, own[1] * 8],
                ["threadIdx.x % 32 / 4".to_owned(), "threadIdx.x % 4 * 2".to_owned()],
            ),
        };
        if matches!(self.tile.core, Core::Matrices { .. }) {
            text.line("const u32 lane = threadIdx.x % 32;");
        }
        text.line(format!("const u32 warp_row = threadIdx.x / {} * {rows};", 32 * across));
        text.line(format!("const u32 warp_column = threadIdx.x / 32 % {across} * {columns};"));
        text.line(format!("const u32 row = warp_row + {by_row};"));
        text.line(format!("const u32 column = warp_column + {by_column};"));
    }

    /// The row of `sums[r][c]` in the tile.
    pub(super) fn row(self) -> String {
        match self.tile.core {
            Core::Threads { lanes, .. } => match self.groups()[0] {
                1 => format!("row + r * {}", lanes[0]),
                group => format!("row + r / {group} * {} + r % {group}", lanes[0] * group),
            },
            Core::Matrices { own } => format!("row + r / {} * 16 + c / 2 * 8", own[1]),
        }
    }

    /// The column of `sums[r][c]`, the first of those that lie side by side.
    pub(super) fn column(self) -> String {
        match self.tile.core {
            Core::Threads { lanes, .. } => {
                let group = self.groups()[1];
                format!("column + c / {group} * {}", lanes[1] * group)
            }
            Core::Matrices { own } => format!("column + r % {} * 8", own[1]),
        }
    }

    /// Adds the products of a stage, which lies at `left_stage` and `right_stage`.
    pub(super) fn multiply(self, text: &mut Text, sides: &Sides, sum: &str, fetches: &[Fetch<'_>; 2]) {
        match self.tile.core {
            Core::Threads { lanes, own, .. } => self.by_threads(text, sides, sum, fetches, lanes, own),
            Core::Matrices { own } => self.by_matrices(text, sides, fetches, own),
        }
    }

    fn by_threads(
        self,
        text: &mut Text,
        sides: &Sides,
        sum: &str,
        fetches: &[Fetch<'_>; 2],
        lanes: [usize; 2],
        own: [usize; 2],
    ) {
        let groups = self.groups();
        let unrolled = (UNROLLED / (own[0] * own[1])).clamp(1, self.tile.terms);
        text.line(format!("#pragma unroll {unrolled}"));
        text.block(format!("for (u32 term = 0; term < {}; ++term)", self.tile.terms), |text| {
            let names = [("x", "left_stage", "row"), ("y", "right_stage", "column")];
            for (at, (name, stage, place)) in names.into_iter().enumerate() {
                let (group, count) = (groups[at], own[at] / groups[at]);
                text.line(format!("Together<{sum}, {group}> {name}[{count}];"));
                text.line("#pragma unroll");
                text.line(format!(
                    "for (u32 at = 0; at < {count}; ++at) {name}[at] = loaded<{sum}, {group}>({stage} + term * {} + {place} + at * {}, true);",
                    fetches[at].stride(),
                    lanes[at] * group
                ));
            }
            let element = |name: &str, index: &str, group: usize| match group {
                1 => format!("{name}[{index}].elements[0]"),
                _ => format!("{name}[{index} / {group}].elements[{index} % {group}]"),
            };
            let (x, y) = (element("x", "r", groups[0]), element("y", "c", groups[1]));
            self.each(text, |text| {
                text.line(match sides.compute {
                    Compute::F32 => format!("sums[r][c] = fmaf({x}, {y}, sums[r][c]);"),
                    Compute::F64 => format!("sums[r][c] = fma({x}, {y}, sums[r][c]);"),
                    Compute::Truth => format!("sums[r][c] |= {x} & {y};"),
                    Compute::I16 | Compute::I32 | Compute::I64 => format!("sums[r][c] += {x} * {y};"),
                });
            });
        });
    }

    fn by_matrices(self, text: &mut Text, sides: &Sides, fetches: &[Fetch<'_>; 2], own: [usize; 2]) {
        let multiply = if sides.numbers[0] == Number::F16 { "multiply_f16" } else { "multiply_bf16" };
        text.line("#pragma unroll");
        text.block(format!("for (u32 term = 0; term < {}; term += {DEPTH})", self.tile.terms), |text| {
            // Steps of nothing but what lies beyond the last term are not made: how many there are is the tile's affair.
            text.line("if (first + term >= end) break;");
            // Lane 8 i + r has row r of matrix i of four: of the left operand those 8 rows further come second, of the
            // right one those 8 terms further.
            let (low, high) = ("lane % 8 + lane / 8 % 2 * 8", "lane / 16 * 8");
            let (same, other) = ("lane % 8 + lane / 16 * 8", "lane / 8 % 2 * 8");
            let load = |fetch: &Fetch<'_>, stage: &str, first: String, place: &str, term: &str| {
                let stride = fetch.stride();
                if fetch.has_terms_inside() {
                    (format!("{stage} + ({first} + {place}) * {stride} + term + {term}"), "load_matrices")
                } else {
                    (
                        format!("{stage} + (term + {term}) * {stride} + {first} + {place}"),
                        "load_matrices_turned",
                    )
                }
            };
            text.line(format!("u32 x[{}][4], y[{}][4];", own[0], own[1] / 2));
            // Where terms are rows of what is loaded, lanes count them first.
            let (place, term) = if fetches[0].has_terms_inside() { (low, high) } else { (other, same) };
            let first = "warp_row + r * 16".to_owned();
            let (from, call) = load(&fetches[0], "left_stage", first, place, term);
            text.line("#pragma unroll");
            text.line(format!("for (u32 r = 0; r < {}; ++r) {call}(x[r], {from});", own[0]));
            let (place, term) = if fetches[1].has_terms_inside() { (same, other) } else { (high, low) };
            let first = "warp_column + c * 16".to_owned();
            let (from, call) = load(&fetches[1], "right_stage", first, place, term);
            text.line("#pragma unroll");
            text.line(format!("for (u32 c = 0; c < {}; ++c) {call}(y[c], {from});", own[1] / 2));
            text.line("#pragma unroll");
            text.block(format!("for (u32 r = 0; r < {}; ++r)", own[0]), |text| {
                text.line("#pragma unroll");
                text.block(format!("for (u32 c = 0; c < {}; ++c)", own[1]), |text| {
                    text.line("const u32 pair[2] = {y[c / 2][c % 2 * 2], y[c / 2][c % 2 * 2 + 1]};");
                    text.line(format!("{multiply}(sums[r * {} + c], x[r], pair);", own[1]));
                });
            });
        });
    }

    /// Statements for each element of a thread.
    pub(super) fn each(self, text: &mut Text, within: impl FnOnce(&mut Text)) {
        let [rows, columns] = self.sizes();
        text.line("#pragma unroll");
        text.block(format!("for (u32 r = 0; r < {rows}; ++r)"), |text| {
            text.line("#pragma unroll");
            text.block(format!("for (u32 c = 0; c < {columns}; ++c)"), within);
        });
    }
}
