//! Running folds, such as cumulative sums: along a line each result is the one before with one element more.
//!
//! | way | for |
//! |---|---|
//! | a thread folds a line | short lines, and lines beside each other that are many |
//! | a warp or a block folds a line, by scans | instructions that give the same bits in any grouping |
//! | a warp stages parts of a few lines, which a thread each folds | sums and products of floats, whose order is that of the line |
//!
//! Must not live here: windows whose results share no steps ([`super::window`]).

use choral_kernels::Access;
use choral_kernels::access::Elements;
use choral_kernels::instruction::{Binary, Instruction};
use choral_kernels::window::{Direction, Window};

use super::number::{in_registers, load, store};
use super::places::{Indices, counter};
use super::spans::start;
use super::text::Text;
use super::tree::shuffled;
use super::window::combined;
use super::{Emitted, Missing, Needed, THREADS};

/// Threads of a warp.
const LANES: usize = 32;

/// Elements of the longest line that a thread always folds by itself.
const SHORT: usize = 16;

/// Lines beside each other from which on a thread folds each: they keep a device busy.
const MANY_BESIDE: usize = 1 << 13;

/// Lines from which on a warp scans each, and not a block.
const MANY_LINES: usize = 1 << 9;

/// Warps that are enough to keep a device busy with chains of additions.
const ENOUGH_WARPS: usize = 1 << 10;

/// Elements that a thread loads before it folds them: loads do not wait for one another.
const BATCH: usize = 8;

/// Neighbours that a thread of a scan has.
const OF_A_SCAN: usize = 4;

/// Bytes that a warp stages, and with what is left free between lines, so that they lie in banks of their own.
const STAGED: usize = 4096;
const STAGED_APART: usize = STAGED + LANES * 8;

/// Folds along the lines of a dimension.
pub(super) struct Running<'a> {
    window: &'a Window,
    /// Sizes of the other dimensions.
    lines: Vec<usize>,
    length: usize,
    /// The elements of the other dimensions, then those of a line in the order of the fold.
    input: Elements,
    result: Elements,
    /// The dimension of lines.
    axis: usize,
}

/// Which threads fold a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Thread,
    Warp,
    Block,
    /// A thread of a warp that stages so many lines.
    Staged {
        lines: usize,
    },
}

impl<'a> Running<'a> {
    pub(super) fn of(window: &'a Window, (axis, direction): (usize, Direction)) -> Running<'a> {
        let [length, _] = window.sizes(axis);
        let in_order = |of: &Elements| {
            let Access { mut offset, mut dims } = of.access.clone();
            let (size, mut stride) = dims.remove(axis);
            if direction == Direction::Backward {
                (offset, stride) = (offset + stride * (length as isize - 1), -stride);
            }
            dims.push((size, stride));
            Elements { buffer: of.buffer, access: Access { offset, dims } }
        };
        let (input, result) = (in_order(&window.input), in_order(&window.result));
        let lines = input.access.dims[..input.access.dims.len() - 1].iter().map(|(size, _)| *size).collect();
        Running { window, lines, length, input, result, axis }
    }

    fn count(&self) -> usize {
        self.lines.iter().product()
    }

    /// Whether neighbours in memory belong to lines beside each other.
    fn are_beside(&self) -> bool {
        let Some(((_, along), across)) = self.input.access.dims.split_last() else { return false };
        let nearest = across.iter().rev().find(|(size, _)| *size > 1);
        nearest.is_some_and(|(_, stride)| stride.unsigned_abs() < along.unsigned_abs())
    }

    /// Whether parts may be folded in any grouping. Narrowing changes nothing of the greater one, and integers that wrap
    /// may do so at any step.
    fn is_free(&self) -> bool {
        let is_float = self.window.number.is_float();
        match self.window.combine.unordered() {
            Some(Binary::Maximum | Binary::Minimum) => true,
            Some(_) => {
                let narrowing = self.window.combine.narrowing;
                !is_float && matches!(narrowing, None | Some(Instruction::Wrap(_)))
            }
            None => false,
        }
    }

    fn way(&self) -> Way {
        let count = self.count();
        if self.length <= SHORT || self.are_beside() && count >= MANY_BESIDE {
            Way::Thread
        } else if self.is_free() {
            if count >= MANY_LINES || self.length <= LANES * OF_A_SCAN { Way::Warp } else { Way::Block }
        } else {
            Way::Staged { lines: count.div_ceil(ENOUGH_WARPS).next_power_of_two().min(LANES) }
        }
    }

    /// Writes the body of the kernel's function.
    ///
    /// # Errors
    /// If the instruction has no source on the type.
    pub(super) fn emit(&self, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
        match self.way() {
            Way::Thread => self.threads(text, needed),
            Way::Warp => self.scan(text, "warp", needed),
            Way::Block => self.scan(text, "block", needed),
            Way::Staged { lines } => self.staged(text, lines, needed),
        }
    }

    fn ty(&self) -> &'static str {
        in_registers(self.window.number)
    }

    /// A fold so far with what follows.
    fn combined(&self, sofar: &str, next: &str, needed: &mut Needed) -> Result<String, Missing> {
        combined(&self.window.combine, self.window.number, sofar, next, needed)
    }

    /// What the fold of the line at these indices starts from.
    fn start(&self, line: &Indices) -> String {
        let (before, behind) = line.split(self.axis);
        // Initial values are the same along a line.
        let first = Indices::named(&["0".to_owned()], &[1]);
        start(self.window.number, &self.window.initial, &before.and(&first).and(&behind))
    }

    fn place(&self, of: &Elements, line: &Indices, along: &str) -> String {
        line.and(&Indices::named(&[along.to_owned()], &[self.length]))
            .place(of.access.offset, &of.access.dims)
    }

    fn load(&self, line: &Indices, along: &str) -> String {
        let pointer = format!("b{}", self.input.buffer);
        load(self.window.number, &pointer, &self.place(&self.input, line, along))
    }

    fn store(&self, line: &Indices, along: &str, value: &str) -> String {
        let pointer = format!("b{}", self.result.buffer);
        store(self.window.number, &pointer, &self.place(&self.result, line, along), value)
    }

    fn threads(&self, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
        let (count, length, ty, counter) = (self.count(), self.length, self.ty(), counter(self.count()));
        let batch = BATCH.min(length);
        let head = format!("for ({counter} line = team.thread(); line < {count}; line += team.threads())");
        text.try_block(head, |text| {
            let line = Indices::declare(text, "l", "line", &self.lines);
            text.line(format!("{ty} sofar = {};", self.start(&line)));
            text.try_block(format!("for (u32 first = 0; first < {length}; first += {batch})"), |text| {
                let guarded = |statement: String| match length % batch {
                    0 => statement,
                    _ => format!("if (first + at < {length}) {statement}"),
                };
                let loaded = format!("elements[at] = {};", self.load(&line, "(first + at)"));
                text.line(format!("{ty} elements[{batch}];"));
                text.line("#pragma unroll");
                text.line(format!("for (u32 at = 0; at < {batch}; ++at) {}", guarded(loaded)));
                let next = self.combined("sofar", "elements[at]", needed)?;
                let stored = self.store(&line, "(first + at)", "sofar");
                let folded = format!("{{ sofar = {next}; {stored} }}");
                text.line("#pragma unroll");
                text.line(format!("for (u32 at = 0; at < {batch}; ++at) {}", guarded(folded)));
                Ok(())
            })
        })?;
        Ok(Emitted::of_threads(count))
    }

    /// Each of a team's warps or blocks has a line: every thread folds a few neighbours, threads hand on what all before
    /// them have, and each folds that in. What lies beyond the end of a line comes after all results.
    fn scan(&self, text: &mut Text, whose: &str, needed: &mut Needed) -> Result<Emitted, Missing> {
        let (count, length, ty, counter) = (self.count(), self.length, self.ty(), counter(self.count()));
        let is_block = whose == "block";
        let (threads, thread) = if is_block { (THREADS, "threadIdx.x") } else { (LANES, "team.lane()") };
        let teams = if is_block { "team.block" } else { "team.warp()" };
        let step = if is_block { "team.blocks" } else { "team.warps()" };
        let head = format!("for ({counter} line = {teams}; line < {count}; line += {step})");
        let shuffled = |value: &str| shuffled(self.window.number.in_registers(), value);
        text.try_block(head, |text| {
            let line = Indices::declare(text, "l", "line", &self.lines);
            text.line(format!("{ty} sofar = {};", self.start(&line)));
            let part = threads * OF_A_SCAN;
            text.try_block(format!("for (u32 start = 0; start < {length}; start += {part})"), |text| {
                text.line(format!("const u32 first = start + {thread} * {OF_A_SCAN};"));
                text.line(format!("{ty} own[{OF_A_SCAN}];"));
                for at in 0..OF_A_SCAN {
                    let element = self.load(&line, &format!("(first + {at})"));
                    text.line(format!("own[{at}] = first + {at} < {length} ? {element} : sofar;"));
                }
                for at in 1..OF_A_SCAN {
                    let joined = self.combined(&format!("own[{}]", at - 1), &format!("own[{at}]"), needed)?;
                    text.line(format!("own[{at}] = {joined};"));
                }
                text.line(format!("{ty} up_to = own[{}];", OF_A_SCAN - 1));
                for distance in [1, 2, 4, 8, 16] {
                    text.try_block("", |text| {
                        let up_to = shuffled("up_to");
                        text.line(format!(
                            "const {ty} left = ({ty})__shfl_up_sync(0xffffffffu, {up_to}, {distance});"
                        ));
                        let joined = self.combined("left", "up_to", needed)?;
                        text.line(format!("if (team.lane() >= {distance}) up_to = {joined};"));
                        Ok(())
                    })?;
                }
                let up_to = shuffled("up_to");
                text.line(format!("const {ty} left = ({ty})__shfl_up_sync(0xffffffffu, {up_to}, 1);"));
                text.line(format!("{ty} before = sofar;"));
                if is_block {
                    self.warps(text, needed)?;
                } else {
                    text.line(format!("const {ty} all = ({ty})__shfl_sync(0xffffffffu, {up_to}, 31);"));
                    text.line(format!("sofar = {};", self.combined("sofar", "all", needed)?));
                }
                let joined = self.combined("before", "left", needed)?;
                text.line(format!("if (team.lane() > 0) before = {joined};"));
                for at in 0..OF_A_SCAN {
                    let joined = self.combined("before", &format!("own[{at}]"), needed)?;
                    text.line(format!("own[{at}] = {joined};"));
                    let stored = self.store(&line, &format!("(first + {at})"), &format!("own[{at}]"));
                    text.line(format!("if (first + {at} < {length}) {stored}"));
                }
                Ok(())
            })
        })?;
        let shared = if is_block { THREADS / LANES * 8 } else { 0 };
        Ok(Emitted::of_threads(count * threads).sharing(shared))
    }

    /// Folds what the warps before have into `before`, and what all have into `sofar`.
    fn warps(&self, text: &mut Text, needed: &mut Needed) -> Result<(), Missing> {
        let (ty, warps) = (self.ty(), THREADS / LANES);
        text.line(format!("{ty}* const shared = ({ty}*)SHARED;"));
        text.line(format!("if (team.lane() == {}) shared[threadIdx.x / {LANES}] = up_to;", LANES - 1));
        text.line("__syncthreads();");
        text.line("#pragma unroll");
        text.try_block(format!("for (u32 warp = 0; warp < {warps}; ++warp)"), |text| {
            text.line(format!("if (warp == threadIdx.x / {LANES}) before = sofar;"));
            text.line(format!("sofar = {};", self.combined("sofar", "shared[warp]", needed)?));
            Ok(())
        })?;
        text.line("__syncthreads();");
        Ok(())
    }

    /// Neighbours in memory go through shared memory side by side, and a thread folds a line there.
    fn staged(&self, text: &mut Text, lines: usize, needed: &mut Needed) -> Result<Emitted, Missing> {
        let (count, length, ty) = (self.count(), self.length, self.ty());
        let part = STAGED / self.window.number.in_registers().bytes() / lines;
        let (pitch, groups) = (part + 1, count.div_ceil(lines));
        let counter = counter(groups * lines);
        text.line(format!("{ty}* const staged = ({ty}*)(SHARED + threadIdx.x / {LANES} * {STAGED_APART});"));
        let head = format!("for ({counter} group = team.warp(); group < {groups}; group += team.warps())");
        text.try_block(head, |text| {
            text.line(format!("const {counter} own = group * {lines} + team.lane();"));
            text.line(format!("const bool is_line = team.lane() < {lines} && own < {count};"));
            text.line(format!("{ty}* const along = staged + team.lane() % {lines} * {pitch};"));
            text.line(format!("{ty} sofar = 0;"));
            text.block("if (is_line)", |text| {
                let line = Indices::declare(text, "l", "own", &self.lines);
                text.line(format!("sofar = {};", self.start(&line)));
            });
            text.try_block(format!("for (u32 first = 0; first < {length}; first += {part})"), |text| {
                self.stage(text, (lines, part), true);
                text.line("__syncwarp();");
                text.try_block("if (is_line)", |text| {
                    text.line(format!(
                        "const u32 end = first + {part} < {length} ? {part} : {length} - first;"
                    ));
                    text.line(format!("#pragma unroll {BATCH}"));
                    text.try_block("for (u32 at = 0; at < end; ++at)", |text| {
                        text.line(format!("sofar = {};", self.combined("sofar", "along[at]", needed)?));
                        text.line("along[at] = sofar;");
                        Ok(())
                    })
                })?;
                text.line("__syncwarp();");
                self.stage(text, (lines, part), false);
                Ok(())
            })
        })?;
        let warps = THREADS / LANES;
        Ok(Emitted::of_threads(groups * LANES).sharing(warps * STAGED_APART))
    }

    /// Brings a part of each line to shared memory, or back to where results lie. A thread has the same places both
    /// times, so that what it brings next waits for nobody.
    fn stage(&self, text: &mut Text, (lines, part): (usize, usize), is_load: bool) {
        let (count, length, ty, pitch) = (self.count(), self.length, self.ty(), part + 1);
        let counter = counter(count.next_multiple_of(lines));
        let (of_line, of_part) = match self.are_beside() {
            true => (format!("place % {lines}"), format!("place / {lines}")),
            false => (format!("place / {part}"), format!("place % {part}")),
        };
        let shared = format!("staged[beside * {pitch} + along]");
        let each = |text: &mut Text, within: &dyn Fn(&mut Text)| {
            text.line("#pragma unroll");
            text.block(format!("for (u32 at = 0; at < {BATCH}; ++at)"), |text| {
                text.line(format!("const u32 place = from + at * {LANES};"));
                text.line(format!("const u32 beside = {of_line}, along = {of_part};"));
                within(text);
            });
        };
        let if_inside = |text: &mut Text, statement: &dyn Fn(&Indices) -> String| {
            text.line(format!("const {counter} line = group * {lines} + beside;"));
            text.block(format!("if (line < {count} && first + along < {length})"), |text| {
                let line = Indices::declare(text, "l", "line", &self.lines);
                text.line(statement(&line));
            });
        };
        let head =
            format!("for (u32 from = team.lane(); from < {}; from += {})", lines * part, LANES * BATCH);
        text.block(head, |text| {
            if is_load {
                let load = |line: &Indices| format!("elements[at] = {};", self.load(line, "(first + along)"));
                text.line(format!("{ty} elements[{BATCH}] = {{}};"));
                each(text, &|text| if_inside(text, &load));
                each(text, &|text| text.line(format!("{shared} = elements[at];")));
            } else {
                let store = |line: &Indices| self.store(line, "(first + along)", &shared);
                each(text, &|text| if_inside(text, &store));
            }
        });
    }
}
