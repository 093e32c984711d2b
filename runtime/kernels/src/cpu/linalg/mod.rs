//! Linear algebra on this processor: matrices of a batch in lanes, one or [`LANES`] at once.
//!
//! A matrix is worked on in `f64` and in scratch, column after column, where an element is a group of one for each lane.
//! So loops down a column run through neighbours, whether these are rows or members of the batch, and each element's list
//! of operations is the same. Must not live here: what is computed ([`crate::linalg`]).

mod loops;
mod operand;

use std::ops::Range;

use crate::Level;
use crate::cpu::rows::NoLoop;
use crate::linalg::{Cholesky, TriangularSolve};
use operand::Operand;

/// Matrices that are worked on at once, where they are small and many.
pub const LANES: usize = 8;

/// Bytes of scratch up to which many matrices are worked on at once: half of a usual second cache.
const SCRATCH: usize = 1 << 18;

/// A kernel that can run.
#[derive(Debug, Clone)]
pub struct Program {
    kind: Kind,
    matrix: Operand,
    /// Right-hand sides; of a factorisation, none.
    right: Option<Operand>,
    result: Operand,
    batch: usize,
    lanes: usize,
    run: unsafe fn(&loops::Arguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cholesky,
    Solve { lower: bool, unit_diagonal: bool },
}

impl Program {
    /// Schedules a factorisation for a level.
    ///
    /// # Errors
    /// If numbers are no floats.
    pub fn cholesky(kernel: &Cholesky, level: Level) -> Result<Program, NoLoop> {
        let matrix = Operand::new(&kernel.matrix, kernel.number)?;
        let result = Operand::new(&kernel.result, kernel.number)?;
        Ok(Program::new(Kind::Cholesky, matrix, None, result, level))
    }

    /// Schedules a solve for a level.
    ///
    /// # Errors
    /// If numbers are no floats.
    pub fn triangular_solve(kernel: &TriangularSolve, level: Level) -> Result<Program, NoLoop> {
        let matrix = Operand::new(&kernel.matrix, kernel.number)?;
        let right = Operand::new(&kernel.right, kernel.number)?;
        let result = Operand::new(&kernel.result, kernel.number)?;
        let kind = Kind::Solve { lower: kernel.lower, unit_diagonal: kernel.unit_diagonal };
        Ok(Program::new(kind, matrix, Some(right), result, level))
    }

    fn new(kind: Kind, matrix: Operand, right: Option<Operand>, result: Operand, level: Level) -> Program {
        let batch = matrix.batch();
        let mut program =
            Program { kind, matrix, right, result, batch, lanes: LANES, run: loops::cholesky(1, level) };
        if batch < LANES || program.frame_bytes() > SCRATCH {
            program.lanes = 1;
        }
        program.run = match kind {
            Kind::Cholesky => loops::cholesky(program.lanes, level),
            Kind::Solve { .. } => loops::solve(program.lanes, level),
        };
        program
    }

    /// Number of units, which may run in any order and at the same time.
    pub fn units(&self) -> usize {
        self.batch.div_ceil(self.lanes)
    }

    /// Elements of scratch: a matrix, right-hand sides, and sums for a column or for these, for each lane.
    fn parts(&self) -> [usize; 3] {
        let size = self.matrix.sizes[0];
        let others = self.right.as_ref().map(|right| right.sizes[1]);
        let sides = others.map_or(0, |others| size * others);
        [size * size * self.lanes, sides * self.lanes, sides.max(size) * self.lanes]
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        self.parts().iter().sum::<usize>() * size_of::<f64>()
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its type;
    /// nothing else writes them now, and the results no other thread reads or writes. Results overlap nothing that is
    /// read, or are what the kernel says. The frame has [`Program::frame_bytes`] bytes, aligned to 64, for this
    /// thread alone. The processor has the level that the program was scheduled for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        let [of_matrix, of_right, _] = self.parts();
        let matrix = frame.cast::<f64>();
        let (right, sums) = (matrix.wrapping_add(of_matrix), matrix.wrapping_add(of_matrix + of_right));
        let size = self.matrix.sizes[0];
        for unit in units {
            let first = unit * self.lanes;
            let members = first..(first + self.lanes).min(self.batch);
            // SAFETY: the frame has room for the parts, and the caller vouches for the buffers.
            unsafe {
                let lower = !matches!(self.kind, Kind::Solve { lower: false, .. });
                self.matrix.load(buffers, &members, self.lanes, matrix, Some(lower));
                let arguments = |lower: bool, unit_diagonal: bool, others: usize| loops::Arguments {
                    matrix,
                    right,
                    sums,
                    size,
                    others,
                    lower,
                    unit_diagonal,
                };
                match (self.kind, &self.right) {
                    (Kind::Solve { lower, unit_diagonal }, Some(sides)) => {
                        sides.load(buffers, &members, self.lanes, right, None);
                        (self.run)(&arguments(lower, unit_diagonal, sides.sizes[1]));
                        self.result.store(buffers, &members, self.lanes, right, false);
                    }
                    (Kind::Solve { .. } | Kind::Cholesky, _) => {
                        (self.run)(&arguments(true, false, 0));
                        self.result.store(buffers, &members, self.lanes, matrix, true);
                    }
                }
            }
        }
    }
}
