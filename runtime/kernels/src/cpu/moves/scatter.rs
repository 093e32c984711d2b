//! Scatters: windows written at computed places, or combined with what is there, in order.
//!
//! What the array of a member is cut into are parts along one dimension. A unit copies its part of the input and then goes
//! through all windows of the member in order, of which it takes what lies in its part: so every element has its
//! updates in order, whoever runs what.

use std::ops::Range;

use super::body::Body;
use super::extent::Extent;
use super::starts::{Indices, Offsets};
use super::{BLOCK, TABLE, UNIT, tables};
use crate::access::Dim;
use crate::cpu::machine::combine::{self, Arguments, overwrite};
use crate::cpu::rows::NoLoop;
use crate::expression::Expression;
use crate::moves::{Beyond, Combine, Scatter, Scattered};
use crate::{Access, Level};

/// Tables of a frame: where a block's updates lie, where its windows begin, and that along the dimension that is cut.
const TABLES: usize = 3;

/// Parts of an array, at most: each reads all indices.
const PARTS: usize = 8;

/// A scatter that can run.
#[derive(Debug, Clone)]
pub struct Program {
    members: usize,
    /// Windows of a member.
    windows: usize,
    starts: Vec<Indices>,
    beyond: Beyond,
    /// Where windows begin in the results, but for their starts.
    outs: Offsets,
    cut: Cut,
    copies: Vec<Copy>,
    how: How,
}

/// The dimension that arrays are cut along.
#[derive(Debug, Clone)]
struct Cut {
    parts: usize,
    dim: usize,
    /// Its size.
    size: usize,
    /// The window's size along it.
    window: usize,
    /// Where windows begin along it, but for their starts.
    firsts: Offsets,
}

/// What results start from.
#[derive(Debug, Clone)]
struct Copy {
    buffers: [usize; 2],
    /// Where each member's elements lie.
    from: Offsets,
    out: Offsets,
    extent: Extent,
    run: combine::Combine,
}

/// How elements take their updates.
#[derive(Debug, Clone)]
enum How {
    /// Row by row.
    Rows(Rows),
    /// By an expression.
    Body(Body),
}

/// Windows whose rows are written or combined by a loop.
#[derive(Debug, Clone)]
struct Rows {
    buffers: [usize; 2],
    /// Where each window's updates lie.
    from: Offsets,
    extent: Extent,
    /// Whether windows are cut where arrays are.
    is_cut: bool,
    run: combine::Combine,
    bytes: usize,
}

/// Windows of a block: where their updates lie and where they begin, along the dimension that is cut as well.
struct Found<'a> {
    froms: &'a mut [isize],
    outs: &'a mut [isize],
    firsts: &'a mut [isize],
}

impl Program {
    /// Decides how a scatter runs.
    ///
    /// # Errors
    /// If no loop runs an instruction of its body on its types.
    pub fn new(scatter: &Scatter, level: Level) -> Result<Program, NoLoop> {
        let members: usize = scatter.members.iter().product();
        let of_member: usize = scatter.shape.iter().product();
        let windows: usize = scatter.windows.iter().map(|dim| dim.size).product();
        let of_window: usize = scatter.window.iter().product();
        let strides = &scatter.out.dims[scatter.members.len()..];
        let how = How::of(scatter, level)?;
        let cut = Cut::of(scatter, matches!(how, How::Rows(_)));
        let copies = scatter.operands.iter().filter(|operand| !is_in_place(operand, &scatter.out));
        let copies = copies.map(|operand| Copy::of(scatter, operand, &cut)).collect();
        Ok(Program {
            members: if of_member == 0 { 0 } else { members },
            windows: if of_window == 0 { 0 } else { windows },
            starts: scatter
                .starts
                .iter()
                .map(|start| Indices::new(start, strides[start.dim].1, level))
                .collect(),
            beyond: scatter.beyond,
            outs: Offsets::new(
                scatter.out.offset,
                &numbering(scatter, |member| member, |dim| strides[dim].1),
            ),
            copies,
            how: how.cut(scatter, &cut),
            cut,
        })
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        self.members * self.cut.parts
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        match &self.how {
            How::Rows(_) => TABLES * TABLE,
            How::Body(body) => TABLES * TABLE + body.frame_bytes(),
        }
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its
    /// type; truth values are 0 or 1. Nothing else writes them now; and what this kernel writes no other thread reads or
    /// writes, and it overlaps nothing that the kernel reads but for inputs in the very place of their results. The
    /// frame has [`Program::frame_bytes`] bytes, aligned to 64, for this thread alone. The processor has the level
    /// that the program was made for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the frame begins with the tables.
        let [froms, outs, firsts] = unsafe { tables::<TABLES>(frame) };
        let rest = frame.wrapping_add(TABLES * TABLE);
        if let How::Body(body) = &self.how {
            // SAFETY: the rest of the frame is the body's.
            unsafe { body.begin(rest) };
        }
        for unit in units {
            let (member, part) = (unit / self.cut.parts, self.cut.part(unit % self.cut.parts));
            // SAFETY: the caller's contract; the unit's part of the results is written by it alone.
            self.copies.iter().for_each(|copy| unsafe { copy.run(buffers, member, &part) });
            for start in (0..self.windows).step_by(BLOCK) {
                let (first, count) = (member * self.windows + start, BLOCK.min(self.windows - start));
                let found = Found {
                    froms: &mut froms[..count],
                    outs: &mut outs[..count],
                    firsts: &mut firsts[..count],
                };
                // SAFETY: the caller's contract; places of windows are those of the part.
                unsafe {
                    let found = self.find(buffers, first, found, &part);
                    match &self.how {
                        How::Rows(rows) => rows.run(buffers, &found, &part, &self.cut),
                        How::Body(body) => body.run(buffers, (found.froms, found.outs), rest),
                    }
                }
            }
        }
    }

    /// The windows from number `first` on, without those that are left out or outside of the part.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn find<'a>(
        &self,
        buffers: &[*mut u8],
        first: usize,
        found: Found<'a>,
        part: &Range<usize>,
    ) -> Found<'a> {
        let Found { froms, outs, firsts } = found;
        let count = outs.len();
        self.how.froms(first, froms);
        self.outs.fill(first, outs);
        if self.cut.parts > 1 {
            self.cut.firsts.fill(first, firsts);
        }
        let mut drops = false;
        for start in &self.starts {
            // SAFETY: the caller's contract.
            unsafe {
                drops |= start.shift(buffers, first, start.stride, outs);
                if self.cut.parts > 1 && start.dim == self.cut.dim {
                    start.shift(buffers, first, 1, firsts);
                }
            }
        }
        drops &= self.beyond == Beyond::Dropped;
        if !drops && self.cut.parts == 1 {
            return Found { froms, outs, firsts };
        }
        let mut is_out = [false; BLOCK];
        let is_out = &mut is_out[..count];
        if drops {
            // SAFETY: the caller's contract.
            self.starts.iter().for_each(|start| unsafe { start.mark(buffers, first, is_out) });
        }
        let (begin, end) = (part.start as isize, part.end as isize);
        let mut kept = 0;
        for at in 0..count {
            let meets =
                self.cut.parts == 1 || firsts[at] < end && firsts[at] + self.cut.window as isize > begin;
            (froms[kept], outs[kept], firsts[kept]) = (froms[at], outs[at], firsts[at]);
            kept += usize::from(meets && !is_out[at]);
        }
        Found { froms: &mut froms[..kept], outs: &mut outs[..kept], firsts: &mut firsts[..kept] }
    }
}

impl Cut {
    /// The dimension to cut: the outermost one that is worth it.
    fn of(scatter: &Scatter, may_be_cut: bool) -> Cut {
        let Scatter { shape, window, windows, .. } = scatter;
        let (elements, of_window): (usize, usize) = (shape.iter().product(), window.iter().product());
        let count: usize = windows.iter().map(|dim| dim.size).product();
        let strides = &scatter.out.dims[scatter.members.len()..];
        let is_moved = |dim: usize| {
            windows.iter().any(|numbering| numbering.along == Some(dim))
                || scatter.starts.iter().any(|start| start.dim == dim && start.last > 0)
        };
        // Where windows move along the dimension, each part looks at all of them.
        let of_moved = if count * 16 <= elements { PARTS } else { of_window / 16 };
        // Parts of a line of the cache are for one thread.
        let pieces = |dim: usize| {
            let pieces = if strides[dim].1.abs() == 1 { shape[dim] / 64 } else { shape[dim] };
            pieces.min(if is_moved(dim) { of_moved } else { PARTS })
        };
        let dim = if may_be_cut { (0..shape.len()).find(|&dim| pieces(dim) > 1) } else { None };
        let bytes: usize = scatter.operands.iter().map(|operand| operand.number.bytes()).sum();
        let work = bytes * (elements + count * of_window);
        let along = |dim: usize| numbering(scatter, |_| 0, |along| isize::from(along == dim));
        match dim {
            Some(dim) => Cut {
                parts: (work / UNIT).clamp(1, pieces(dim)),
                dim,
                size: shape[dim],
                window: window[dim],
                firsts: Offsets::new(0, &along(dim)),
            },
            None => Cut { parts: 1, dim: usize::MAX, size: 1, window: 1, firsts: Offsets::new(0, &[]) },
        }
    }

    /// A part.
    fn part(&self, at: usize) -> Range<usize> {
        self.size * at / self.parts..self.size * (at + 1) / self.parts
    }

    /// The dimension, if it is cut.
    fn cut(&self) -> Option<usize> {
        (self.parts > 1).then_some(self.dim)
    }
}

impl Copy {
    fn of(scatter: &Scatter, operand: &Scattered, cut: &Cut) -> Copy {
        let members = scatter.members.len();
        let (from, out) = (&operand.input.access, &scatter.out);
        Copy {
            buffers: [operand.input.buffer, operand.out],
            from: Offsets::of(from, members),
            out: Offsets::of(out, members),
            extent: Extent::new(&from.dims[members..], &out.dims[members..], cut.cut()),
            run: overwrite(operand.number.bytes()),
        }
    }

    /// Copies a part of a member.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn run(&self, buffers: &[*mut u8], member: usize, part: &Range<usize>) {
        let [from, out] = self.buffers.map(|buffer| buffers[buffer]);
        let (from_member, out_member) = (self.from.at(member), self.out.at(member));
        let strides = [self.extent.row.to, self.extent.row.from];
        self.extent.each(part, |from_row, out_row, length| {
            let (outs, froms) = ([out_member + out_row], [from_member + from_row]);
            let (outs, froms, from) = (outs.as_ptr(), froms.as_ptr(), from.cast_const());
            // SAFETY: the rows are elements of the accesses, for which the caller vouches.
            unsafe { (self.run)(&Arguments { out, from, outs, froms, rows: 1, length, strides }) }
        });
    }
}

impl How {
    fn of(scatter: &Scatter, level: Level) -> Result<How, NoLoop> {
        let of_rows = |run: combine::Combine| How::Rows(Rows::of(scatter, run));
        let number = scatter.operands[0].number;
        Ok(match &scatter.combine {
            Combine::Overwrite => of_rows(overwrite(number.bytes())),
            Combine::Binary(op) => match combine::combine(*op, number, level) {
                Some(run) => of_rows(run),
                None => How::Body(Body::new(scatter, &Expression::binary(*op, number), level)?),
            },
            Combine::Body(body) => How::Body(Body::new(scatter, body, level)?),
        })
    }

    /// The same for arrays that are cut.
    fn cut(self, scatter: &Scatter, cut: &Cut) -> How {
        match self {
            How::Rows(rows) => How::Rows(rows.cut(scatter, cut)),
            How::Body(_) => self,
        }
    }

    /// Where the updates of windows from number `first` on lie; of those that an expression takes, their numbers.
    fn froms(&self, first: usize, table: &mut [isize]) {
        match self {
            How::Rows(rows) => rows.from.fill(first, table),
            How::Body(_) => table.iter_mut().enumerate().for_each(|(at, from)| *from = (first + at) as isize),
        }
    }
}

impl Rows {
    fn of(scatter: &Scatter, run: combine::Combine) -> Rows {
        let operand = &scatter.operands[0];
        let numbered = scatter.members.len() + scatter.windows.len();
        Rows {
            buffers: [operand.updates.buffer, operand.out],
            from: Offsets::of(&operand.updates.access, numbered),
            extent: window(scatter, operand, None),
            is_cut: false,
            run,
            bytes: operand.number.bytes(),
        }
    }

    fn cut(mut self, scatter: &Scatter, cut: &Cut) -> Rows {
        self.is_cut = cut.parts > 1 && cut.window > 1;
        if self.is_cut {
            self.extent = window(scatter, &scatter.operands[0], cut.cut());
        }
        self
    }

    /// # Safety
    /// As [`Program::run`].
    unsafe fn run(&self, buffers: &[*mut u8], found: &Found<'_>, part: &Range<usize>, cut: &Cut) {
        let [from, out] = self.buffers.map(|buffer| buffers[buffer]);
        let strides = [self.extent.row.to, self.extent.row.from];
        let rows = |windows: Range<usize>, range: &Range<usize>| {
            self.extent.each(range, |from_row, out_row, length| {
                let arguments = Arguments {
                    out: out.wrapping_offset(out_row * self.bytes as isize),
                    from: from.wrapping_offset(from_row * self.bytes as isize).cast_const(),
                    outs: found.outs[windows.clone()].as_ptr(),
                    froms: found.froms[windows.clone()].as_ptr(),
                    rows: windows.len(),
                    length,
                    strides,
                };
                // SAFETY: the windows lie within, and of these the rows in the part.
                unsafe { (self.run)(&arguments) }
            });
        };
        if self.extent.lines.is_empty() && !self.is_cut {
            return rows(0..found.outs.len(), &(0..0));
        }
        for at in 0..found.outs.len() {
            let first = found.firsts[at];
            let within = |place: usize| (place as isize - first).clamp(0, cut.window as isize) as usize;
            rows(at..at + 1, &(within(part.start)..within(part.end)));
        }
    }
}

/// The elements of a window of an operand.
fn window(scatter: &Scatter, operand: &Scattered, cut: Option<usize>) -> Extent {
    let numbered = scatter.members.len() + scatter.windows.len();
    Extent::new(&operand.updates.access.dims[numbered..], &of_window(scatter), cut)
}

/// The dimensions of a window in the results.
pub(super) fn of_window(scatter: &Scatter) -> Vec<Dim> {
    let strides = &scatter.out.dims[scatter.members.len()..];
    scatter.window.iter().zip(strides).map(|(&size, &(_, stride))| (size, stride)).collect()
}

/// The dimensions that number the windows of all members: with what becomes of strides of members, and the strides of
/// windows along a dimension.
fn numbering(scatter: &Scatter, member: impl Fn(isize) -> isize, along: impl Fn(usize) -> isize) -> Vec<Dim> {
    let members = scatter.out.dims.iter().take(scatter.members.len());
    let members = members.map(|&(size, stride)| (size, member(stride)));
    let windows = scatter.windows.iter().map(|dim| (dim.size, dim.along.map_or(0, &along)));
    members.chain(windows).collect()
}

/// Whether an operand's input is the place of its result.
fn is_in_place(operand: &Scattered, out: &Access) -> bool {
    let input = &operand.input;
    let pairs = input.access.dims.iter().zip(&out.dims);
    input.buffer == operand.out
        && input.access.offset == out.offset
        && pairs.fold(true, |same, (input, out)| same && (input.1 == out.1 || out.0 == 1))
}
