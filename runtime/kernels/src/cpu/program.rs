//! A kernel of any kind as it runs here: scheduled once, and run unit by unit.
//!
//! Must not live here: which threads run which units ([`super::parallel`]).

use std::mem::MaybeUninit;
use std::ops::Range;

use super::product::{Operands, Schedule, Setting, Sliding};
use super::rows::NoLoop;
use super::{extreme, fold, linalg, moves, random, rows, select_and_scatter, sort, window};
use crate::Level;
use crate::kernel::{Kernel, Pack, Products, Repeat};
use crate::product::{OF_A_STEP, Operand, Product, Unsupported};
use crate::rows::Buffer;

/// A kernel that can run.
#[derive(Debug, Clone)]
pub struct Program {
    kind: Kind,
    cost: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    Rows(rows::Program),
    Products(Scheduled),
    Pack(Box<Packing>),
    Window(window::Program),
    Extreme(Box<extreme::Program>),
    Fold(fold::Program),
    SelectAndScatter(select_and_scatter::Program),
    Gather(moves::gather::Program),
    Scatter(moves::scatter::Program),
    Sort(sort::run::Program),
    Linalg(linalg::Program),
    Random(random::Program),
}

/// Products, and the buffers that they are of.
#[derive(Debug, Clone)]
struct Scheduled {
    parts: Vec<Part>,
    lhs: Buffer,
    rhs: Buffer,
    addend: Option<Buffer>,
    out: Buffer,
}

/// A product or a convolution, and the tiles of a unit: as many as share what they pack, if there are enough for
/// all threads.
#[derive(Debug, Clone)]
struct Part {
    way: Way,
    length: usize,
}

#[derive(Debug, Clone)]
enum Way {
    Product(Box<Schedule>),
    Convolution(Box<Sliding>),
}

/// An operand that is packed ahead.
#[derive(Debug, Clone)]
struct Packing {
    schedule: Schedule,
    from: Buffer,
    to: Buffer,
    strips: Repeat,
}

/// Calls the program of any kind.
macro_rules! each {
    ($kind:expr, $program:ident => $body:expr) => {
        match $kind {
            Kind::Rows($program) => $body,
            Kind::Products($program) => $body,
            Kind::Pack($program) => $body,
            Kind::Window($program) => $body,
            Kind::Extreme($program) => $body,
            Kind::Fold($program) => $body,
            Kind::SelectAndScatter($program) => $body,
            Kind::Gather($program) => $body,
            Kind::Scatter($program) => $body,
            Kind::Sort($program) => $body,
            Kind::Linalg($program) => $body,
            Kind::Random($program) => $body,
        }
    };
}

impl Program {
    /// Schedules a kernel for a level, and for so many threads at most.
    ///
    /// # Errors
    /// If no loop runs it on its types.
    pub fn new(kernel: &Kernel, level: Level, threads: usize) -> Result<Program, NoLoop> {
        let kind = Kind::of(kernel, level, threads)?;
        let cost = kind.cost(kernel);
        Ok(Program { kind, cost })
    }

    /// As [`Program::new`], in small pieces: tiles of about so many elements where a kernel has tiles, and every unit
    /// worth a thread. Bits do not depend on it, which is what it is for: tests of that.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn in_pieces(kernel: &Kernel, level: Level, threads: usize, tile: usize) -> Result<Program, NoLoop> {
        let kind = match kernel {
            Kernel::Rows(rows) => Kind::Rows(rows::Program::of_tiles(rows, level, tile)?),
            Kernel::Extreme(extreme) => {
                Kind::Extreme(Box::new(extreme::Program::of_tiles(extreme, level, tile)?))
            }
            Kernel::Fold(fold) => Kind::Fold(fold::Program::of_lanes(fold, level, tile)?),
            _ => Kind::of(kernel, level, threads)?,
        };
        Ok(Program { kind, cost: usize::MAX })
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        each!(&self.kind, program => program.units())
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        each!(&self.kind, program => program.frame_bytes())
    }

    /// What all units cost ([`Kernel::cost`]).
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element of its type wherever an access of the kernel has one,
    /// aligned for it; nothing else writes them now, and the results no other thread reads or writes. Results overlap
    /// nothing that is read, but as the kernel says. The frame has [`Program::frame_bytes`] initialised bytes, aligned to
    /// 64, for this thread alone. The processor has the level that the program was scheduled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        // SAFETY: the caller's contract is that of every kind.
        each!(&self.kind, program => unsafe { program.run(buffers, units, frame) });
    }
}

impl Kind {
    /// A kernel with tiles as large as its loops want them.
    fn of(kernel: &Kernel, level: Level, threads: usize) -> Result<Kind, NoLoop> {
        Ok(match kernel {
            Kernel::Rows(rows) => Kind::Rows(rows::Program::assemble(rows, level)?),
            Kernel::Products(products) => Kind::Products(Scheduled::new(products, level, threads)?),
            Kernel::Pack(pack) => Kind::Pack(Box::new(Packing::new(pack, level, threads)?)),
            Kernel::Window(window) => Kind::Window(window::Program::new(window, level)?),
            Kernel::Extreme(extreme) => Kind::Extreme(Box::new(extreme::Program::new(extreme, level)?)),
            Kernel::Fold(fold) => Kind::Fold(fold::Program::new(fold, level)?),
            Kernel::SelectAndScatter(kernel) => {
                Kind::SelectAndScatter(select_and_scatter::Program::new(kernel, level))
            }
            Kernel::Gather(gather) => Kind::Gather(moves::gather::Program::new(gather, level)),
            Kernel::Scatter(scatter) => Kind::Scatter(moves::scatter::Program::new(scatter, level)?),
            Kernel::Sort(sort) => Kind::Sort(sort::run::Program::new(sort, level)?),
            Kernel::Cholesky(kernel) => Kind::Linalg(linalg::Program::cholesky(kernel, level)?),
            Kernel::TriangularSolve(kernel) => {
                Kind::Linalg(linalg::Program::triangular_solve(kernel, level)?)
            }
            Kernel::Random(random) => Kind::Random(random::Program::new(random, level)),
        })
    }

    /// What all units cost.
    fn cost(&self, kernel: &Kernel) -> usize {
        match self {
            Kind::Products(products) => products.cost().max(kernel.cost()),
            _ => kernel.cost(),
        }
    }
}

impl Scheduled {
    fn new(products: &Products, level: Level, threads: usize) -> Result<Scheduled, NoLoop> {
        let setting = Setting { level, threads, packed: products.packed.map(|(operand, _)| operand) };
        let whole = products.convolution.as_ref().and_then(|whole| Sliding::new(whole, level, threads));
        let parts: Result<Vec<_>, _> = match whole {
            Some(sliding) => Ok(vec![Part::new(Way::Convolution(Box::new(sliding)), threads)]),
            None => {
                let schedules = products.products.iter().map(|product| Schedule::new(product, setting));
                schedules.map(|schedule| Ok(Part::new(Way::Product(Box::new(schedule?)), threads))).collect()
            }
        };
        let Products { mut lhs, mut rhs, addend, out, .. } = *products;
        match products.packed {
            Some((Operand::Lhs, buffer)) => lhs = buffer,
            Some((Operand::Rhs, buffer)) => rhs = buffer,
            None => {}
        }
        Ok(Scheduled { parts: parts.map_err(no_loop)?, lhs, rhs, addend, out })
    }

    fn units(&self) -> usize {
        self.parts.iter().map(Part::units).sum()
    }

    fn frame_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.way.scratch()).max().unwrap_or(0)
    }

    /// In steps of an element.
    fn cost(&self) -> usize {
        let each = self.parts.iter().map(|part| part.way.tiles().saturating_mul(part.way.cost()) / OF_A_STEP);
        each.fold(0, usize::saturating_add)
    }

    /// Tiles of all parts, one part after another.
    unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        let at = |buffer: Buffer| buffers[buffer];
        let addend = self.addend.map_or(std::ptr::null(), |addend| at(addend).cast_const());
        let operands = Operands { lhs: at(self.lhs), rhs: at(self.rhs), addend, out: at(self.out) };
        let mut first = 0;
        for part in &self.parts {
            let (tiles, count) = (part.way.tiles(), part.units());
            let within = |unit: usize| ((unit.clamp(first, first + count) - first) * part.length).min(tiles);
            // SAFETY: the caller's contract: the frame is this thread's alone, and what it holds needs no value; parts
            // of a kernel write different elements.
            unsafe {
                let scratch = std::slice::from_raw_parts_mut(frame.cast(), part.way.scratch());
                part.way.run(operands, scratch, within(units.start)..within(units.end));
            }
            first += count;
        }
    }
}

impl Part {
    fn new(way: Way, threads: usize) -> Part {
        let (tiles, sharing) = (way.tiles(), way.sharing());
        // Rather pack twice than have threads without work.
        let length = if tiles / sharing >= threads { sharing } else { 1 };
        Part { way, length }
    }

    fn units(&self) -> usize {
        self.way.tiles().div_ceil(self.length)
    }
}

impl Way {
    fn tiles(&self) -> usize {
        match self {
            Way::Product(schedule) => schedule.tiles(),
            Way::Convolution(sliding) => sliding.tiles(),
        }
    }

    fn sharing(&self) -> usize {
        match self {
            Way::Product(schedule) => schedule.sharing(),
            Way::Convolution(sliding) => sliding.sharing(),
        }
    }

    fn scratch(&self) -> usize {
        match self {
            Way::Product(schedule) => schedule.scratch(),
            Way::Convolution(sliding) => sliding.scratch(),
        }
    }

    /// Of a tile, in multiply-adds.
    fn cost(&self) -> usize {
        match self {
            Way::Product(schedule) => schedule.cost().saturating_add(schedule.preparation()),
            Way::Convolution(sliding) => sliding.cost(),
        }
    }

    unsafe fn run(&self, operands: Operands, scratch: &mut [MaybeUninit<u8>], tiles: Range<usize>) {
        // SAFETY: the caller's contract.
        unsafe {
            match self {
                Way::Product(schedule) => schedule.run(operands, scratch, tiles, &mut |_| {}),
                Way::Convolution(sliding) => sliding.run(operands, scratch, tiles),
            }
        }
    }
}

impl Packing {
    fn new(
        Pack { product, operand, from, to, strips }: &Pack,
        level: Level,
        threads: usize,
    ) -> Result<Packing, NoLoop> {
        let setting = Setting { level, threads, packed: Some(*operand) };
        let schedule = Schedule::new(product, setting).map_err(no_loop)?;
        Ok(Packing { schedule, from: *from, to: *to, strips: *strips })
    }

    fn units(&self) -> usize {
        self.strips.count * self.schedule.pack_parts()
    }

    fn frame_bytes(&self) -> usize {
        0
    }

    unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, _frame: *mut u8) {
        let parts = self.schedule.pack_parts();
        for strip in 0..self.strips.count {
            let within = |unit: usize| unit.clamp(strip * parts, (strip + 1) * parts) - strip * parts;
            let [from, to] = self.strips.steps.map(|step| strip as isize * step);
            let (from, to) = (buffers[self.from].wrapping_offset(from), buffers[self.to].wrapping_offset(to));
            // SAFETY: the caller's contract, which holds for every strip.
            unsafe { self.schedule.pack(from, to, within(units.start)..within(units.end)) }
        }
    }
}

/// Bytes of an operand of a product once it is packed, if that spares packing it again and again.
pub fn packed_bytes(product: &Product, operand: Operand, level: Level, threads: usize) -> Option<usize> {
    let setting = Setting { level, threads, packed: None };
    let is_packed = Schedule::new(product, setting).is_ok_and(|schedule| schedule.packs(operand));
    if is_packed { bytes_once_packed(product, operand, level, threads) } else { None }
}

/// Bytes of an operand of a product once it is packed.
pub fn bytes_once_packed(product: &Product, operand: Operand, level: Level, threads: usize) -> Option<usize> {
    Schedule::new(product, Setting { level, threads, packed: Some(operand) }).ok()?.packed()
}

fn no_loop(unsupported: Unsupported) -> NoLoop {
    NoLoop { instruction: format!("a product: {unsupported}") }
}
