//! Kernels of rows with folds: a row is folded by a warp, whose lanes are the lanes of the tree; by a thread, if it is short;
//! or, of rows side by side, 32 at a time by a block, whose warps have a few lanes of the tree each, so that neighbours read
//! neighbours.
//!
//! What is computed before a fold is computed again where it is needed after it; but functions of elements, which take long,
//! wait in shared memory, where a warp has room for its row. Must not live here: long rows ([`super::apart`]).

use choral_kernels::rows::{Kind, Rows, Store};

use super::super::number::{in_registers, store};
use super::super::places::{Indices, counter};
use super::super::text::Text;
use super::super::tree::{LANES, Tree, Way};
use super::super::{Emitted, Missing, Needed, THREADS};
use super::{apart, is_function, value};

/// Elements of the longest row that a thread folds by itself.
const MOST_OF_A_THREAD: usize = 8;

/// Rows that blocks share out one by one, so that few of them are not all in a few blocks.
const FEW: usize = 1056;

/// Bytes of shared memory in which elements of rows wait, at most.
const WAITING: usize = 32 << 10;

/// A kernel with folds.
pub(super) struct Folding<'a> {
    pub(super) rows: &'a Rows,
    /// Of each value, how many folds it depends on, one after another.
    pub(super) depths: Vec<usize>,
    /// Of each value, whether it is the same along a row.
    pub(super) of_rows: Vec<bool>,
    pub(super) way: Way,
    /// Those that the team runs on.
    pub(super) multiprocessors: usize,
    /// Of each value whose elements wait in shared memory: after how many folds they come there, and its number among such.
    waiting: Vec<Option<(usize, usize)>>,
}

/// What one pass along rows does.
pub(super) struct Pass<'a> {
    depth: usize,
    pub(super) trees: Vec<Tree>,
    pub(super) written: Vec<&'a Store>,
    /// Of each value, whether it is needed.
    wanted: Vec<bool>,
}

impl<'a> Folding<'a> {
    pub(super) fn of(rows: &'a Rows, multiprocessors: usize) -> Folding<'a> {
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
        let waiting = vec![None; rows.steps.len()];
        let mut folding = Folding { rows, depths, of_rows, way, multiprocessors, waiting };
        if matches!(way, Way::Warp { .. }) && !apart::is_worth_it(&folding) {
            folding.let_wait();
        }
        folding
    }

    /// Finds the values that wait: functions that several passes need, as far as there is room.
    fn let_wait(&mut self) {
        let passes: Vec<Pass<'_>> = (0..=self.deepest()).map(|depth| self.pass(depth)).collect();
        let mut waiting = self.waiting.clone();
        let mut count = 0;
        for (number, step) in self.rows.steps.iter().enumerate() {
            let mut needing = (0..passes.len()).filter(|&depth| passes[depth].wanted[number]);
            let (Some(first), Some(_)) = (needing.next(), needing.next()) else { continue };
            if is_function(step) && !self.of_rows[number] && (count + 1) * self.waiting_bytes() <= WAITING {
                waiting[number] = Some((first, count));
                count += 1;
            }
        }
        drop(passes);
        self.waiting = waiting;
    }

    /// Bytes in which the elements of one value wait: of a row for each warp.
    fn waiting_bytes(&self) -> usize {
        THREADS / LANES * self.way.length() * 8
    }

    /// Where the element `along` of a value waits.
    fn place_of_waiting(&self, number: usize, at: usize) -> String {
        let (ty, length) = (in_registers(self.rows.steps[number].number), self.way.length());
        let first = at * self.waiting_bytes();
        format!("(({ty}*)(SHARED + {first}))[threadIdx.x / {LANES} * {length} + along]")
    }

    pub(super) fn emit(&self, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
        if apart::is_worth_it(self) {
            return apart::emit(self, text, needed);
        }
        let groups = self.groups();
        let ty = counter(groups * LANES);
        let (name, first, step) = match self.way {
            Way::Thread { .. } => ("row", "team.thread()", "team.threads()"),
            Way::Warp { .. } if groups <= FEW => ("row", "team.spread_warp()", "team.warps()"),
            Way::Warp { .. } => ("row", "team.warp()", "team.warps()"),
            Way::Columns { .. } => ("group", "team.block", "team.blocks"),
        };
        let head = format!("for ({ty} {name} = {first}; {name} < {groups}; {name} += {step})");
        text.try_block(head, |text| {
            let writes = self.declare_row(text, name);
            self.row(text, &writes, needed)
        })?;
        let threads = match self.way {
            Way::Thread { .. } => groups,
            // A warp of each block, as long as there are blocks.
            Way::Warp { .. } if groups <= FEW => groups.min(FEW / 8).max(groups.div_ceil(8)) * THREADS,
            Way::Warp { .. } => groups * LANES,
            Way::Columns { .. } => groups * THREADS,
        };
        let waiting = self.waiting.iter().flatten().count() * self.waiting_bytes();
        Ok(Emitted::of_threads(threads).sharing(self.way.shared_bytes().max(waiting)))
    }

    /// Rows that are folded together: one, or those of a block.
    pub(super) fn groups(&self) -> usize {
        let (across, beside) = self.counts();
        match self.way {
            Way::Thread { .. } | Way::Warp { .. } => across * beside,
            Way::Columns { .. } => across * beside.div_ceil(LANES),
        }
    }

    /// Rows one behind another, and side by side.
    fn counts(&self) -> (usize, usize) {
        (self.rows.outer.iter().product(), self.rows.inner.iter().product())
    }

    /// Declares a thread's row of a group, and says what stands before a statement that one thread of the row runs.
    pub(super) fn declare_row(&self, text: &mut Text, group: &str) -> String {
        let (across, beside) = self.counts();
        let ty = counter(across * beside * LANES);
        match self.way {
            Way::Thread { .. } | Way::Warp { .. } => {
                if group != "row" {
                    text.line(format!("const {ty} row = {group};"));
                }
                let is_of_a_warp = matches!(self.way, Way::Warp { .. });
                if is_of_a_warp { "if (team.lane() == 0) ".to_owned() } else { String::new() }
            }
            Way::Columns { .. } => {
                let groups = beside.div_ceil(LANES);
                // Threads beyond the last column do as the last one does, and write nothing.
                text.line(format!(
                    "const {ty} beside = {group} % {groups} * {LANES} + threadIdx.x % {LANES};"
                ));
                text.line(format!("const bool is_inside = beside < {beside};"));
                text.line(format!(
                    "const {ty} row = {group} / {groups} * {beside} + (is_inside ? beside : {});",
                    beside - 1
                ));
                format!("if (is_inside && threadIdx.x < {LANES}) ")
            }
        }
    }

    /// Declares the indices of a row: before the folded dimensions, of the first element along them, and after them.
    pub(super) fn declare_indices(&self, text: &mut Text) -> [Indices; 3] {
        let Rows { outer, folded, inner, .. } = self.rows;
        let around = Indices::declare(text, "r", "row", &[outer.as_slice(), inner].concat());
        let (outside, inside) = around.split(outer.len());
        let at_row = outside.and(&Indices::declare(text, "z", "0", &vec![1; folded.len()])).and(&inside);
        [outside, at_row, inside]
    }

    /// How many folds depend on each other, and what the last ones make.
    pub(super) fn deepest(&self) -> usize {
        self.depths.iter().copied().max().unwrap_or(0)
    }

    /// All of a row. `writes` is what stands before a statement that one thread of the row runs.
    fn row(&self, text: &mut Text, writes: &str, needed: &mut Needed) -> Result<(), Missing> {
        let Rows { steps, stores, .. } = self.rows;
        let [outside, at_row, inside] = self.declare_indices(text);
        let mut made = vec![false; steps.len()];
        for depth in 0..=self.deepest() {
            for number in (0..steps.len()).filter(|&number| self.of_rows[number]) {
                if !made[number] && self.depths[number] <= depth {
                    value(text, number, &steps[number], steps, &at_row, needed)?;
                    made[number] = true;
                }
            }
            let pass = self.pass(depth);
            if !pass.does_nothing() {
                self.way
                    .fold(text, &pass.trees, |text| self.element(text, &pass, (&outside, &inside), needed))?;
            }
        }
        for of_row in stores.iter().filter(|store| self.of_rows[store.value]) {
            put_of_row(text, of_row, &at_row, writes);
        }
        Ok(())
    }

    /// What is done along rows after so many folds: folds, and elements that are written.
    pub(super) fn pass(&self, depth: usize) -> Pass<'_> {
        let Rows { steps, stores, .. } = self.rows;
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
        let mut wanted = vec![false; steps.len()];
        trees.iter().for_each(|tree| wanted[tree.operand] = true);
        written.iter().for_each(|store| wanted[store.value] = true);
        let is_made = |number: usize| !self.of_rows[number] && !self.is_waiting(number, depth);
        for number in (0..steps.len()).rev().filter(|&number| is_made(number)) {
            if let (true, Kind::Compute { operands, .. }) = (wanted[number], &steps[number].kind) {
                operands.iter().for_each(|&operand| wanted[operand] = true);
            }
        }
        Pass { depth, trees, written, wanted }
    }

    /// Whether the elements of a value wait already.
    fn is_waiting(&self, number: usize, depth: usize) -> bool {
        self.waiting[number].is_some_and(|(first, _)| first < depth)
    }

    /// Declares the values of the element `along`, and writes those that are written.
    pub(super) fn element(
        &self,
        text: &mut Text,
        pass: &Pass<'_>,
        (outside, inside): (&Indices, &Indices),
        needed: &mut Needed,
    ) -> Result<(), Missing> {
        let Rows { folded, steps, .. } = self.rows;
        let along = Indices::declare(text, "f", "along", folded);
        let indices = outside.and(&along).and(inside);
        for number in (0..steps.len()).filter(|&number| pass.wanted[number] && !self.of_rows[number]) {
            match self.waiting[number] {
                Some((first, at)) if first < pass.depth => {
                    let (ty, place) = (in_registers(steps[number].number), self.place_of_waiting(number, at));
                    text.line(format!("const {ty} v{number} = {place};"));
                }
                waiting => {
                    value(text, number, &steps[number], steps, &indices, needed)?;
                    if let Some((_, at)) = waiting {
                        text.line(format!("{} = v{number};", self.place_of_waiting(number, at)));
                    }
                }
            }
        }
        let guard = if matches!(self.way, Way::Columns { .. }) { "if (is_inside) " } else { "" };
        pass.written.iter().for_each(|element| put_of_row(text, element, &indices, guard));
        Ok(())
    }
}

impl Pass<'_> {
    pub(super) fn does_nothing(&self) -> bool {
        self.trees.is_empty() && self.written.is_empty()
    }
}

/// Writes a value, if what stands before that allows it.
pub(super) fn put_of_row(text: &mut Text, of: &Store, indices: &Indices, writes: &str) {
    let place = indices.place(of.access.offset, &of.access.dims);
    let (buffer, value) = (format!("b{}", of.buffer), format!("v{}", of.value));
    text.line(format!("{writes}{}", store(of.number, &buffer, &place, &value)));
}
