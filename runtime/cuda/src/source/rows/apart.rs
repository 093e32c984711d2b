//! Kernels of a few long rows with folds: blocks of 2,048 elements are folded by a warp or a block each, all at once, and
//! what they leave in each lane is folded then, in the order of the tree.
//!
//! Between the two the team waits, and so do values of a row in memory. Must not live here: the order.

use choral_kernels::cpu::machine::fold::BLOCK;
use choral_kernels::rows::Kind;

use super::super::number::in_registers;
use super::super::places::{Indices, counter};
use super::super::text::Text;
use super::super::tree::{LANES, Tree, Way};
use super::super::{Emitted, Missing, Needed, THREADS};
use super::folding::{Folding, put_of_row};
use super::value;

/// Blocks of a row, at least, that are worth waiting for each other.
const LEAST_BLOCKS: usize = 4;

/// Warps that are enough for a multiprocessor.
const WARPS: usize = 4;

/// Bytes of a lane, at most.
const OF_A_LANE: usize = 8;

/// Whether there are too few rows for all of a GPU, and enough blocks in each.
pub(super) fn is_worth_it(folding: &Folding<'_>) -> bool {
    let blocks = folding.way.length().div_ceil(BLOCK);
    let is_little = match folding.way {
        Way::Thread { .. } => false,
        Way::Warp { .. } => folding.groups() < WARPS * folding.multiprocessors,
        Way::Columns { .. } => folding.groups() < folding.multiprocessors,
    };
    is_little && blocks >= LEAST_BLOCKS
}

/// Writes the body of the function.
///
/// # Errors
/// If an instruction has no source on its types.
pub(super) fn emit(folding: &Folding<'_>, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
    Apart::of(folding).emit(text, needed)
}

struct Apart<'a> {
    folding: &'a Folding<'a>,
    groups: usize,
    /// Of a row.
    blocks: usize,
    /// Of each fold, where its lanes and its values lie in the memory that is worked in, and how much that is in all.
    places: Vec<Option<[usize; 2]>>,
    bytes: usize,
}

impl<'a> Apart<'a> {
    fn of(folding: &'a Folding<'a>) -> Apart<'a> {
        let (groups, blocks) = (folding.groups(), folding.way.length().div_ceil(BLOCK));
        let lanes = groups * blocks * folding.way.lane_of_group().1 * OF_A_LANE;
        let values = groups * LANES * OF_A_LANE;
        let mut bytes = 0;
        let places = folding.rows.steps.iter().map(|step| match step.kind {
            Kind::Fold { .. } => {
                let place = [bytes, bytes + lanes];
                bytes += lanes + values;
                Some(place)
            }
            Kind::Load { .. } | Kind::Compute { .. } => None,
        });
        let places = places.collect();
        Apart { folding, groups, blocks, places, bytes }
    }

    fn emit(&self, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
        let Apart { folding, groups, blocks, .. } = *self;
        let items = groups * blocks;
        for depth in 0..=folding.deepest() {
            let pass = folding.pass(depth);
            if pass.does_nothing() {
                continue;
            }
            if depth > 0 {
                text.line("team.wait();");
            }
            self.each(text, "item", items, |text| {
                text.line(format!("const u32 block = (u32)(item % {blocks});"));
                folding.declare_row(text, &format!("(item / {blocks})"));
                let [outside, at_row, inside] = folding.declare_indices(text);
                self.known(text, depth, &at_row, needed)?;
                let element = |text: &mut Text| folding.element(text, &pass, (&outside, &inside), needed);
                folding.way.fold_block(text, &pass.trees, |tree| self.lane(tree, "item"), element)
            })?;
            if pass.trees.is_empty() {
                continue;
            }
            text.line("team.wait();");
            self.each(text, "group", groups, |text| {
                let writes = folding.declare_row(text, "group");
                let [_, at_row, _] = folding.declare_indices(text);
                self.known(text, depth, &at_row, needed)?;
                let lane = |tree: &Tree| self.lane(tree, &format!("(group * {blocks} + block)"));
                folding.way.fold_lanes(text, &pass.trees, lane)?;
                for tree in &pass.trees {
                    text.line(format!("{writes}{} = v{};", self.value(tree.value), tree.value));
                }
                self.finish(text, depth + 1, (&at_row, &writes), needed)
            })?;
        }
        let threads = match folding.way {
            Way::Thread { .. } | Way::Warp { .. } => items * LANES,
            Way::Columns { .. } => items * THREADS,
        };
        let emitted = Emitted::of_threads(threads).sharing(folding.way.shared_bytes());
        Ok(emitted.working_in(self.bytes).waiting())
    }

    /// A loop over items, each of which a warp or a block has.
    fn each(
        &self,
        text: &mut Text,
        name: &str,
        count: usize,
        within: impl FnOnce(&mut Text) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        let ty = counter(count * LANES);
        let (first, step) = match self.folding.way {
            Way::Thread { .. } | Way::Warp { .. } => ("team.spread_warp()", "team.warps()"),
            Way::Columns { .. } => ("team.block", "team.blocks"),
        };
        text.try_block(format!("for ({ty} {name} = {first}; {name} < {count}; {name} += {step})"), within)
    }

    /// Where a lane of an item lies.
    fn lane(&self, tree: &Tree, item: &str) -> String {
        let (lane, count) = self.folding.way.lane_of_group();
        let first = self.places[tree.value].map_or(0, |[lanes, _]| lanes);
        format!("(({}*)(scratch + {first}ull))[(u64){item} * {count} + {lane}]", in_registers(tree.number))
    }

    /// Where the value of a row lies.
    fn value(&self, number: usize) -> String {
        let first = self.places[number].map_or(0, |[_, values]| values);
        let ty = in_registers(self.folding.rows.steps[number].number);
        format!("(({ty}*)(scratch + {first}ull))[row]")
    }

    /// Declares the values of a row that there are after so many folds.
    fn known(
        &self,
        text: &mut Text,
        depth: usize,
        at_row: &Indices,
        needed: &mut Needed,
    ) -> Result<(), Missing> {
        let Folding { rows, depths, of_rows, .. } = self.folding;
        for (number, step) in rows.steps.iter().enumerate() {
            if !of_rows[number] || depths[number] > depth {
                continue;
            }
            if let Kind::Fold { .. } = step.kind {
                text.line(format!("const {} v{number} = {};", in_registers(step.number), self.value(number)));
            }
            value(text, number, step, &rows.steps, at_row, needed)?;
        }
        Ok(())
    }

    /// Works out the values of a row that the folds before allow, and writes those that are written.
    fn finish(
        &self,
        text: &mut Text,
        depth: usize,
        (at_row, writes): (&Indices, &str),
        needed: &mut Needed,
    ) -> Result<(), Missing> {
        let Folding { rows, depths, of_rows, .. } = self.folding;
        for (number, step) in rows.steps.iter().enumerate() {
            if of_rows[number] && depths[number] == depth {
                value(text, number, step, &rows.steps, at_row, needed)?;
            }
        }
        // What no fold is needed for is written after the first ones.
        let is_ready = |value: usize| depths[value] == depth || depth == 1 && depths[value] == 0;
        for of_row in rows.stores.iter().filter(|store| of_rows[store.value] && is_ready(store.value)) {
            put_of_row(text, of_row, at_row, writes);
        }
        Ok(())
    }
}
