//! Methods of [`Var`] for matrices in the last two dimensions, in the names of `torch.linalg`.

use std::panic::Location as Caller;

use choral_ir::op::{Cholesky, TriangularSolve};

use super::record_one;
use super::var::Var;

impl Var {
    /// The lower triangular factor `l` of positive definite matrices `l l^T`; NaN for others.
    #[track_caller]
    #[must_use]
    pub fn cholesky(&self) -> Var {
        record_one(Cholesky { lower: true }, &[self], Caller::caller())
    }

    /// Solves `self x = b` for triangular matrices, of which only that triangle is read; leading
    /// dimensions are those of `b`.
    #[track_caller]
    #[must_use]
    pub fn solve_triangular(&self, b: &Var, upper: bool) -> Var {
        let op = TriangularSolve { left_side: true, lower: !upper, unit_diagonal: false, transpose_a: false };
        let solved = record_one(op, &[self, b], Caller::caller());
        // A stand-in has the type of the result.
        if solved.value.is_some() { solved } else { b.stand_in() }
    }

    /// The elements on and below a diagonal of matrices, the others zero; diagonal 0 is the main
    /// one, positive ones lie above it.
    #[track_caller]
    #[must_use]
    pub fn tril(&self, diagonal: i64) -> Var {
        self.triangle("tril", |row, column| (column - row).le(diagonal as f64))
    }

    /// The elements on and above a diagonal of matrices, the others zero.
    #[track_caller]
    #[must_use]
    pub fn triu(&self, diagonal: i64) -> Var {
        self.triangle("triu", |row, column| (column - row).ge(diagonal as f64))
    }

    #[track_caller]
    fn triangle(&self, name: &str, keeps: impl Fn(Var, Var) -> Var) -> Var {
        let rank = self.rank();
        if rank < 2 {
            self.fault(format!("{name}: expected matrices, got {}", self.ty()));
            return self.stand_in();
        }
        self.scope_here(name, |x| {
            let [row, column] = [rank - 2, rank - 1].map(|dim| x.iota(dim, choral_ir::DType::I64));
            x.where_(&keeps(row, column), 0.0)
        })
    }
}
