//! Methods of [`Var`] that fold what lies before each element, in PyTorch's names.

use std::panic::Location as Caller;

use choral_ir::op::{Binary, ReduceWindow};
use choral_ir::{DType, Graph};

use super::record_with;
use super::var::Var;

impl Var {
    /// The sum of each element and those before it along `dim`. Booleans are counted, in `i32`; `f16`
    /// and `bf16` are summed in `f32`, and each result is rounded once.
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let x = TensorType::new([4, 3], DType::F32);
    /// assert_eq!(trace(&|x: Var| x.cumsum(0), &x)?.output, x);
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn cumsum(&self, dim: i64) -> Var {
        self.counted().cumulative("cumsum", Binary::Add, 0.0, dim)
    }

    /// The product of each element and those before it along `dim`, of element types as in [`Var::cumsum`].
    #[track_caller]
    #[must_use]
    pub fn cumprod(&self, dim: i64) -> Var {
        self.counted().cumulative("cumprod", Binary::Multiply, 1.0, dim)
    }

    /// The greatest of each element and those before it along `dim`.
    #[track_caller]
    #[must_use]
    pub fn cummax(&self, dim: i64) -> Var {
        self.cumulative("cummax", Binary::Maximum, f64::NEG_INFINITY, dim)
    }

    /// The least of each element and those before it along `dim`.
    #[track_caller]
    #[must_use]
    pub fn cummin(&self, dim: i64) -> Var {
        self.cumulative("cummin", Binary::Minimum, f64::INFINITY, dim)
    }

    /// A window that ends at each element and begins before all of them.
    #[track_caller]
    fn cumulative(&self, name: &str, body: Binary, init: f64, dim: i64) -> Var {
        let Some(dim) = self.dim(dim) else { return self.stand_in() };
        let (rank, size, dtype) = (self.rank(), self.shape()[dim], self.dtype());
        if size == 0 {
            return self.clone();
        }
        let init = if dtype == DType::I1 { init.max(0.0) } else { init };
        record_with(name, &[self], Caller::caller(), |builder, values| {
            let mut op = ReduceWindow {
                window_dimensions: vec![1; rank],
                window_strides: vec![1; rank],
                base_dilations: vec![1; rank],
                window_dilations: vec![1; rank],
                padding: vec![(0, 0); rank],
                body: Graph::reducer(body, dtype)?.into(),
            };
            (op.window_dimensions[dim], op.padding[dim]) = (size, (size as i64 - 1, 0));
            let init = builder.full(init, dtype, []);
            builder.push(op, &[values[0], init])
        })
    }
}
