//! Rows of the ops of linear algebra.

use choral::ir::op::{Cholesky, TriangularSolve};
use choral::ir::{BuildError, Class, TensorType, Value};

use super::Draft;

type Results = Result<Vec<Value>, BuildError>;

impl Draft {
    /// Most of the matrices are not positive definite: NaN has to stay within its matrix.
    pub(crate) fn cholesky(&mut self) -> Results {
        let matrices = self.matrices();
        let lower = self.choices.once_in(2);
        let a = self.operand(&matrices);
        self.push(Cholesky { lower }, &[a])
    }

    pub(crate) fn triangular_solve(&mut self) -> Results {
        let matrices = self.matrices();
        let mut shape = matrices.shape.clone();
        let [left_side, lower, unit_diagonal, transpose_a] = [(); 4].map(|()| self.choices.once_in(2));
        let free = if left_side { shape.len() - 1 } else { shape.len() - 2 };
        shape[free] = self.choices.size();
        let (a, b) = (self.operand(&matrices), self.operand(&matrices.with_shape(shape)));
        self.push(TriangularSolve { left_side, lower, unit_diagonal, transpose_a }, &[a, b])
    }

    /// The type of square matrices with up to two dimensions of them.
    fn matrices(&mut self) -> TensorType {
        let count = self.choices.below(3);
        let mut shape = self.choices.shape(count);
        let size = self.choices.size();
        shape.extend([size, size]);
        TensorType::new(shape, self.choices.dtype(Class::Float))
    }
}
