//! Gathers: windows read at computed places.

use std::ops::Range;

use super::extent::Extent;
use super::points::Points;
use super::starts::{Indices, Offsets};
use super::{BLOCK, TABLE, UNIT, tables};
use crate::Level;
use crate::cpu::machine::combine::{Arguments, Combine, overwrite, overwrite_short};
use crate::moves::Gather;

/// Tables of a frame: where windows of a block are read, and where they are written.
const TABLES: usize = 2;

/// A gather that can run.
#[derive(Debug, Clone)]
pub struct Program {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Of single elements.
    Points(Points),
    /// Of windows, whose places are computed first.
    Windows(Windows),
}

/// A gather of windows.
#[derive(Debug, Clone)]
struct Windows {
    starts: Vec<Indices>,
    buffers: [usize; 2],
    from: Offsets,
    out: Offsets,
    bytes: usize,
    /// Number of windows, and how many of them are a unit.
    windows: usize,
    block: usize,
    /// The elements of a window, the first dimension of which has this size and is cut into parts.
    extent: Extent,
    size: usize,
    parts: usize,
    /// Whether one row of all windows is moved after another, or else one window after another.
    is_by_rows: bool,
    run: Combine,
}

impl Program {
    /// Decides how a gather runs.
    pub fn new(gather: &Gather, level: Level) -> Program {
        let points = Points::of(gather, level).map(Kind::Points);
        Program { kind: points.unwrap_or_else(|| Kind::Windows(Windows::new(gather, level))) }
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        match &self.kind {
            Kind::Points(points) => points.units(),
            Kind::Windows(windows) => windows.units(),
        }
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        match &self.kind {
            Kind::Points(_) => 0,
            Kind::Windows(_) => TABLES * TABLE,
        }
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its
    /// type, and what is gathered from wherever a window may lie whose starts are within their limits. Nothing else
    /// writes them now; and what this kernel writes no other thread reads or writes, and it overlaps nothing
    /// that the kernel reads. The frame has [`Program::frame_bytes`] bytes, aligned to 64, for this thread alone. The
    /// processor has the level that the program was made for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the caller's contract.
        unsafe {
            match &self.kind {
                Kind::Points(points) => points.run(buffers, units),
                Kind::Windows(windows) => windows.run(buffers, units, frame),
            }
        }
    }
}

impl Windows {
    fn new(gather: &Gather, level: Level) -> Windows {
        let (from, out) = (&gather.from.access, &gather.out.access);
        let numbering = gather.windows.len();
        let bytes = gather.number.bytes();
        let windows: usize = gather.windows.iter().product();
        let of_window = bytes * gather.window.iter().product::<usize>();
        let mut extent = Extent::new(&from.dims[numbering..], &out.dims[numbering..], None);
        let size = extent.first().size;
        let parts = of_window.div_ceil(UNIT).clamp(1, size.max(1));
        if parts > 1 {
            extent = extent.cut();
        }
        let out = Offsets::of(out, numbering);
        let is_strewn = !extent.has_runs() && windows > 1 && out.stride().abs() < extent.row.to.abs();
        if is_strewn {
            extent = extent.by_elements();
        }
        let is_short = windows > 1 && extent.row.size * bytes < 64;
        let short = if extent.has_runs() && parts == 1 { extent.row.size } else { 0 };
        let along = |dim: usize| from.dims[numbering + dim].1;
        Windows {
            starts: gather.starts.iter().map(|start| Indices::new(start, along(start.dim), level)).collect(),
            buffers: [gather.from.buffer, gather.out.buffer],
            from: Offsets::of(from, numbering),
            out,
            bytes,
            windows: if of_window == 0 { 0 } else { windows },
            block: (UNIT / of_window.max(1)).max(1),
            is_by_rows: is_strewn || is_short || extent.lines.is_empty(),
            extent,
            size,
            parts,
            run: overwrite_short(bytes, short).unwrap_or_else(|| overwrite(bytes)),
        }
    }

    fn units(&self) -> usize {
        self.windows.div_ceil(self.block) * self.parts
    }

    /// # Safety
    /// As [`Program::run`].
    unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the frame holds the tables.
        let [froms, outs] = unsafe { tables::<TABLES>(frame) };
        for unit in units {
            let (block, part) = (unit / self.parts, unit % self.parts);
            let part = self.size * part / self.parts..self.size * (part + 1) / self.parts;
            let end = self.windows.min((block + 1) * self.block);
            for first in (block * self.block..end).step_by(BLOCK) {
                let count = BLOCK.min(end - first);
                let (froms, outs) = (&mut froms[..count], &mut outs[..count]);
                self.out.fill(first, outs);
                // SAFETY: the caller's contract.
                unsafe {
                    self.find(buffers, first, froms);
                    self.copy(buffers, &part, froms, outs);
                }
            }
        }
    }

    /// Where windows from number `first` on begin.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn find(&self, buffers: &[*mut u8], first: usize, froms: &mut [isize]) {
        self.from.fill(first, froms);
        for start in &self.starts {
            // SAFETY: the caller's contract. Starts beyond the ends count as the nearest within.
            unsafe { start.shift(buffers, first, start.stride, froms) };
        }
    }

    /// Copies a part of the windows that begin there.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn copy(&self, buffers: &[*mut u8], part: &Range<usize>, froms: &[isize], outs: &[isize]) {
        let [from, out] = self.buffers.map(|buffer| buffers[buffer]);
        let strides = [self.extent.row.to, self.extent.row.from];
        let rows = |windows: Range<usize>| {
            self.extent.each(part, |from_row, out_row, length| {
                let arguments = Arguments {
                    out: out.wrapping_offset(out_row * self.bytes as isize),
                    from: from.wrapping_offset(from_row * self.bytes as isize).cast_const(),
                    outs: outs[windows.clone()].as_ptr(),
                    froms: froms[windows.clone()].as_ptr(),
                    rows: windows.len(),
                    length,
                    strides,
                };
                // SAFETY: the offsets are those of windows that lie within, and the rows those of a window.
                unsafe { (self.run)(&arguments) }
            });
        };
        if self.is_by_rows {
            return rows(0..froms.len());
        }
        (0..froms.len()).for_each(|window| rows(window..window + 1));
    }
}
