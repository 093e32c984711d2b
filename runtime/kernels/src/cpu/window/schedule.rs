//! What is decided once: how results are cut into boxes, and which elements each place of a window meets.

use std::cmp::Reverse;
use std::ops::Range;

use super::along::Along;
use super::boxes::Boxes;
use super::places::{Span, span};
use crate::cpu::machine::convert::{narrow, widen};
use crate::cpu::machine::copies::{Copy, copies};
use crate::cpu::machine::step::Step;
use crate::cpu::machine::{Loop, chain};
use crate::cpu::rows::NoLoop;
use crate::instruction::Binary;
use crate::window::{Direction, Initial, Window, WindowDim};
use crate::{Level, Number};

/// Results of a box, where there are so many: what the tiles of a fold hold in the first cache.
const BOX: usize = 1024;

/// Neighbours from which on running folds go over all of them, step by step, and not along rows.
const SIDE_BY_SIDE: usize = 16;

/// A kernel of windows that can run.
#[derive(Debug, Clone)]
pub struct Program {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Boxes(Boxes),
    Along(Along),
}

/// A dimension of results.
#[derive(Debug, Clone)]
pub(super) struct Dim {
    /// Its size.
    pub count: usize,
    /// Distance between results in memory.
    pub to: isize,
    /// Distance between initial values in memory.
    pub initial: isize,
    /// For each place of a window, the results that find an element there.
    pub spans: Vec<Span>,
    /// Results of a box along it, at most.
    pub part: usize,
}

/// How numbers are brought into registers and back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// Bytes in memory and in registers.
    pub bytes: [usize; 2],
    pub copy: Copy,
    pub widen: Option<Loop>,
    pub narrow: Option<Loop>,
}

impl Numbers {
    pub(super) fn of(number: Number, level: Level) -> Numbers {
        Numbers {
            bytes: [number.bytes(), number.in_registers().bytes()],
            copy: copies(number.bytes(), level),
            widen: widen(number, level),
            narrow: narrow(number, level),
        }
    }
}

impl Program {
    /// Schedules a kernel for a level.
    ///
    /// # Errors
    /// If no loop runs an instruction on the type.
    pub fn new(window: &Window, level: Level) -> Result<Program, NoLoop> {
        Program::of_boxes(window, level, BOX)
    }

    /// As [`Program::new`], with boxes of about so many results.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn of_boxes(window: &Window, level: Level, results: usize) -> Result<Program, NoLoop> {
        let registers = window.number.in_registers();
        let step = Step::new(&window.combine, registers, level)?;
        let numbers = Numbers::of(window.number, level);
        let running = runs_along(window, &step, &numbers);
        let chain = window.combine.unordered().filter(|_| window.combine.narrowing.is_none());
        let chain = chain.and_then(|op| chain::chain(op, registers, level));
        let kind = match (running, chain) {
            (Some((axis, direction)), Some(chain)) if !is_side_by_side(window, axis) => {
                Kind::Along(Along::new(window, (axis, direction), numbers, chain))
            }
            (running, _) => Kind::Boxes(Boxes::new(window, running, (numbers, step), results)),
        };
        Ok(Program { kind })
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        match &self.kind {
            Kind::Boxes(boxes) => boxes.units(),
            Kind::Along(along) => along.units(),
        }
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        match &self.kind {
            Kind::Boxes(boxes) => boxes.frame_bytes(),
            Kind::Along(along) => along.frame_bytes(),
        }
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its type;
    /// nothing else writes them now, and the results no other thread reads or writes. Results overlap nothing that is
    /// read. The frame has [`Program::frame_bytes`] initialised bytes, aligned to 64, for this thread alone. The processor has the
    /// level that the program was scheduled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the caller's contract.
        unsafe {
            match &self.kind {
                Kind::Boxes(boxes) => boxes.run(buffers, units, frame),
                Kind::Along(along) => along.run(buffers, units, frame),
            }
        }
    }
}

/// The dimension along which the results of a kernel run, on any device: where folding initial values in once more
/// changes nothing.
///
/// # Errors
/// As [`Program::new`].
pub fn running(window: &Window, level: Level) -> Result<Option<(usize, Direction)>, NoLoop> {
    let step = Step::new(&window.combine, window.number.in_registers(), level)?;
    Ok(runs_along(window, &step, &Numbers::of(window.number, level)))
}

/// The dimension along which results run, if initial values allow it: folding them in once more must change nothing.
fn runs_along(window: &Window, step: &Step, numbers: &Numbers) -> Option<(usize, Direction)> {
    let (axis, direction) = window.running()?;
    let op = window.combine.unordered()?;
    let is_truth = window.number == Number::I1;
    let keeps = match &window.initial {
        Initial::Constant(bits) => step.keeps(numbers.widened(*bits), window.number.in_registers()),
        Initial::Load(initial) => {
            let always = match op {
                Binary::Maximum | Binary::Minimum | Binary::And | Binary::Or => true,
                _ => is_truth && matches!(op, Binary::Add | Binary::Multiply),
            };
            always && (initial.access.dims[axis].1 == 0 || window.sizes(axis)[1] == 1)
        }
    };
    keeps.then_some((axis, direction))
}

impl Numbers {
    /// A number's bits in registers.
    fn widened(&self, bits: u64) -> u64 {
        let mut wide = bits;
        if let Some(widen) = self.widen {
            let operands = [(&raw const bits).cast(); 3];
            let out = (&raw mut wide).cast();
            // SAFETY: a word has room for one number of any type.
            unsafe { widen(&crate::cpu::machine::Arguments { out, operands, length: 1, extra: 0 }) };
        }
        wide
    }
}

/// Whether enough neighbours in memory lie across a running fold.
fn is_side_by_side(window: &Window, axis: usize) -> bool {
    let dims = dims(window, Some(axis));
    let Some(inner) = dims.last() else { return false };
    let [across, along] =
        [inner.spans[0].source_step, window.input.access.dims[axis].1].map(isize::unsigned_abs);
    inner.count >= SIDE_BY_SIDE && across <= along
}

/// The dimensions of results but one, the nearest elements innermost, with plain neighbours joined where strides allow.
pub(super) fn dims(window: &Window, without: Option<usize>) -> Vec<Dim> {
    let mut joined: Vec<Dim> = Vec::new();
    let mut was_plain = false;
    for dim in order(window, without) {
        let next = of_dim(window, dim);
        let [size, count] = window.sizes(dim);
        let is_plain = window.windows[dim].is_plain() && size == count;
        match joined.last_mut() {
            Some(last) if was_plain && is_plain && joins(last, &next) => {
                let count = last.count * next.count;
                let span = Span { count, ..next.spans[0] };
                *last = Dim { count, spans: vec![span], ..next };
            }
            _ => joined.push(next),
        }
        was_plain = is_plain;
    }
    joined
}

/// The dimensions of results but one, the nearest elements innermost.
pub(super) fn order(window: &Window, without: Option<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..window.windows.len()).filter(|dim| Some(*dim) != without).collect();
    order.sort_by_key(|&dim| distance(window, dim));
    order
}

/// Where a dimension stands: those with one result before all, then those whose elements lie far apart.
fn distance(window: &Window, dim: usize) -> (bool, Reverse<usize>) {
    let from = window.input.access.dims[dim].1.unsigned_abs() * window.windows[dim].stride;
    let to = window.result.access.dims[dim].1.unsigned_abs();
    (window.sizes(dim)[1] != 1, Reverse(if from == 0 { to } else { from }))
}

/// Whether two plain dimensions are one in memory.
fn joins(outer: &Dim, inner: &Dim) -> bool {
    let size = inner.count as isize;
    outer.to == inner.to * size
        && outer.initial == inner.initial * size
        && outer.spans[0].source_step == inner.spans[0].source_step * size
}

fn of_dim(window: &Window, dim: usize) -> Dim {
    let at: &WindowDim = &window.windows[dim];
    let sizes = window.sizes(dim);
    let stride = window.input.access.dims[dim].1;
    let initial = match &window.initial {
        Initial::Constant(_) => 0,
        Initial::Load(initial) => initial.access.dims[dim].1,
    };
    let spans = (0..at.window).map(|place| span(at, sizes, place).scaled(stride)).collect();
    Dim { count: sizes[1], to: window.result.access.dims[dim].1, initial, spans, part: sizes[1] }
}
