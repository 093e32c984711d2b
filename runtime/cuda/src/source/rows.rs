//! Kernels of rows: elementwise steps at each place, folds by the tree of lanes, and what follows on them.
//!
//! A kernel without folds gives each thread places of its own. With folds, a row is folded by a warp, whose lanes are the
//! lanes of the tree; by a thread, if it is short; or, of rows side by side, 32 at a time by a block, whose warps have a few
//! lanes of the tree each, so that neighbours read neighbours. What is computed before a fold is computed again where it
//! is needed after it. Must not live here: the tree itself ([`super::tree`]).

use choral_kernels::rows::{Kind, Rows, Step, Store};

use super::instruction::expression;
use super::number::{in_registers, load, store};
use super::places::{Indices, counter};
use super::text::Text;
use super::tree::{LANES, Tree, Way};
use super::{Emitted, Missing, Needed, THREADS};

/// Elements of the longest row that a thread folds by itself.
const MOST_OF_A_THREAD: usize = 8;

/// Writes the body of the function of a kernel.
///
/// # Errors
/// If an instruction has no source on its types.
pub(super) fn rows(text: &mut Text, rows: &Rows, needed: &mut Needed) -> Result<Emitted, Missing> {
    let rows = rows.clone().normalised();
    match rows.has_folds() {
        true => Folding::of(&rows).emit(text, needed),
        false => elementwise(text, &rows, needed),
    }
}

fn elementwise(text: &mut Text, rows: &Rows, needed: &mut Needed) -> Result<Emitted, Missing> {
    let sizes = [rows.outer.as_slice(), &rows.folded, &rows.inner].concat();
    let count: usize = sizes.iter().product();
    let ty = counter(count);
    text.try_block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
        let indices = Indices::declare(text, "i", "at", &sizes);
        for (number, step) in rows.steps.iter().enumerate() {
            value(text, number, step, &rows.steps, &indices, needed)?;
        }
        rows.stores.iter().for_each(|store| put(text, store, &indices));
        Ok(())
    })?;
    Ok(Emitted::of_threads(count))
}

/// Declares the value of a step that does not fold.
fn value(
    text: &mut Text,
    number: usize,
    step: &Step,
    steps: &[Step],
    indices: &Indices,
    needed: &mut Needed,
) -> Result<(), Missing> {
    let made = match &step.kind {
        Kind::Load { buffer, access, number } => {
            load(*number, &format!("b{buffer}"), &indices.place(access.offset, &access.dims))
        }
        Kind::Compute { instruction, operands } => {
            let from = operands.last().map_or(step.number, |&operand| steps[operand].number);
            let names: Vec<String> = operands.iter().map(|operand| format!("v{operand}")).collect();
            expression(instruction, from, step.number, &names, needed)?
        }
        Kind::Fold { .. } => return Ok(()),
    };
    text.line(format!("const {} v{number} = {made};", in_registers(step.number)));
    Ok(())
}

fn put(text: &mut Text, to: &Store, indices: &Indices) {
    let place = indices.place(to.access.offset, &to.access.dims);
    text.line(store(to.number, &format!("b{}", to.buffer), &place, &format!("v{}", to.value)));
}

/// A kernel with folds.
struct Folding<'a> {
    rows: &'a Rows,
    /// Of each value, how many folds it depends on, one after another.
    depths: Vec<usize>,
    /// Of each value, whether it is the same along a row.
    of_rows: Vec<bool>,
    way: Way,
}

impl<'a> Folding<'a> {
    fn of(rows: &'a Rows) -> Folding<'a> {
        let (mut depths, mut of_rows): (Vec<usize>, Vec<bool>) = (Vec::new(), Vec::new());
        let folded = rows.outer.len()..rows.outer.len() + rows.folded.len();
        for step in &rows.steps {
            let (depth, is_of_row) = match &step.kind {
                Kind::Load { access, .. } => {
                    (0, access.dims[folded.clone()].iter().all(|&(size, stride)| stride == 0 || size == 1))
                }
                Kind::Compute { operands, .. } => (
                    operands.iter().map(|&operand| depths[operand]).max().unwrap_or(0),
                    operands.iter().all(|&operand| of_rows[operand]),
                ),
                Kind::Fold { operand, .. } => (depths[*operand] + 1, true),
            };
            depths.push(depth);
            of_rows.push(is_of_row);
        }
        let length: usize = rows.folded.iter().product();
        let way = match (length, rows.inner.iter().product::<usize>()) {
            (0..=MOST_OF_A_THREAD, _) => Way::Thread { length },
            (_, 1) => Way::Warp { length },
            (_, _) => Way::Columns { length },
        };
        Folding { rows, depths, of_rows, way }
    }

    fn emit(&self, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
        let Rows { outer, inner, .. } = self.rows;
        let (across, beside): (usize, usize) = (outer.iter().product(), inner.iter().product());
        let rows = across * beside;
        let ty = counter(rows * LANES);
        match self.way {
            Way::Thread { .. } => {
                let head = format!("for ({ty} row = team.thread(); row < {rows}; row += team.threads())");
                text.try_block(head, |text| self.row(text, "row", "", needed))?;
                Ok(Emitted::of_threads(rows))
            }
            Way::Warp { .. } => {
                let head = format!("for ({ty} row = team.warp(); row < {rows}; row += team.warps())");
                text.try_block(head, |text| self.row(text, "row", "if (team.lane() == 0) ", needed))?;
                Ok(Emitted::of_threads(rows * LANES))
            }
            Way::Columns { .. } => {
                let groups = beside.div_ceil(LANES);
                let tiles = across * groups;
                let head = format!("for ({ty} tile = team.block; tile < {tiles}; tile += team.blocks)");
                text.try_block(head, |text| {
                    // Threads beyond the last column do as the last one does, and write nothing.
                    text.line(format!(
                        "const {ty} beside = tile % {groups} * {LANES} + threadIdx.x % {LANES};"
                    ));
                    text.line(format!("const bool is_inside = beside < {beside};"));
                    text.line(format!(
                        "const {ty} row = tile / {groups} * {beside} + (is_inside ? beside : {});",
                        beside - 1
                    ));
                    self.row(text, "row", &format!("if (is_inside && threadIdx.x < {LANES}) "), needed)
                })?;
                Ok(Emitted::of_threads(tiles * THREADS).sharing(self.way.shared_bytes()))
            }
        }
    }

    /// All of a row. `writes` is what stands before a statement that one thread of the row runs.
    fn row(&self, text: &mut Text, row: &str, writes: &str, needed: &mut Needed) -> Result<(), Missing> {
        let Rows { outer, folded, inner, steps, stores } = self.rows;
        let around = Indices::declare(text, "r", row, &[outer.as_slice(), inner].concat());
        let (outside, inside) = around.split(outer.len());
        let at_row = outside.and(&Indices::declare(text, "z", "0", &vec![1; folded.len()])).and(&inside);
        let deepest = self.depths.iter().copied().max().unwrap_or(0);
        let mut made = vec![false; steps.len()];
        for depth in 0..=deepest {
            for number in (0..steps.len()).filter(|&number| self.of_rows[number]) {
                if !made[number] && self.depths[number] <= depth {
                    value(text, number, &steps[number], steps, &at_row, needed)?;
                    made[number] = true;
                }
            }
            self.pass(text, depth, (&outside, &inside), needed)?;
        }
        for of_row in stores.iter().filter(|store| self.of_rows[store.value]) {
            let place = at_row.place(of_row.access.offset, &of_row.access.dims);
            let (buffer, value) = (format!("b{}", of_row.buffer), format!("v{}", of_row.value));
            text.line(format!("{writes}{}", store(of_row.number, &buffer, &place, &value)));
        }
        Ok(())
    }

    /// Goes along a row once: folds what depends on so many folds, and writes such elements.
    fn pass(
        &self,
        text: &mut Text,
        depth: usize,
        (outside, inside): (&Indices, &Indices),
        needed: &mut Needed,
    ) -> Result<(), Missing> {
        let Rows { folded, steps, stores, .. } = self.rows;
        let trees: Vec<Tree> = steps
            .iter()
            .enumerate()
            .filter_map(|(number, step)| match step.kind {
                Kind::Fold { fold, operand } if self.depths[operand] == depth => {
                    Some(Tree { fold, value: number, operand, number: step.number })
                }
                Kind::Fold { .. } | Kind::Load { .. } | Kind::Compute { .. } => None,
            })
            .collect();
        let written: Vec<&Store> = stores
            .iter()
            .filter(|store| !self.of_rows[store.value] && self.depths[store.value] == depth)
            .collect();
        if trees.is_empty() && written.is_empty() {
            return Ok(());
        }
        let mut wanted = vec![false; steps.len()];
        trees.iter().for_each(|tree| wanted[tree.operand] = true);
        written.iter().for_each(|store| wanted[store.value] = true);
        for number in (0..steps.len()).rev().filter(|&number| !self.of_rows[number]) {
            if let (true, Kind::Compute { operands, .. }) = (wanted[number], &steps[number].kind) {
                operands.iter().for_each(|&operand| wanted[operand] = true);
            }
        }
        self.way.fold(text, &trees, |text| {
            let along = Indices::declare(text, "f", "along", folded);
            let indices = outside.and(&along).and(inside);
            for number in (0..steps.len()).filter(|&number| wanted[number] && !self.of_rows[number]) {
                value(text, number, &steps[number], steps, &indices, needed)?;
            }
            let guard = if matches!(self.way, Way::Columns { .. }) { "if (is_inside) " } else { "" };
            for element in &written {
                let place = indices.place(element.access.offset, &element.access.dims);
                let (buffer, value) = (format!("b{}", element.buffer), format!("v{}", element.value));
                text.line(format!("{guard}{}", store(element.number, &buffer, &place, &value)));
            }
            Ok(())
        })
    }
}
