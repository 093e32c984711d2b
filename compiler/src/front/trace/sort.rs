//! Methods of [`Var`] that order elements, in PyTorch's names. NaN counts as the greatest.

use std::panic::Location as Caller;

use choral_ir::op::{Binary, ComparisonDirection, Sort, TopK};
use choral_ir::{BuildError, Builder, Comparator, DType, Graph, TensorType, Value};

use super::record;
use super::var::Var;

impl Var {
    /// The elements along `dim` in order, and the index that each had, `i64`. Equal elements keep
    /// their order.
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let sorted = |x: Var| x.sort(-1, true);
    /// let (values, indices) = trace(&sorted, &TensorType::new([4, 3], DType::F32))?.output;
    /// assert_eq!((values.to_string(), indices.to_string()), ("tensor<4x3xf32>".into(), "tensor<4x3xi64>".into()));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn sort(&self, dim: i64, descending: bool) -> (Var, Var) {
        let Some(dimension) = self.dim(dim) else { return (self.stand_in(), self.stand_in()) };
        let comparator = match order(self.dtype(), descending) {
            Ok(comparator) => Comparator::from(comparator),
            Err(error) => {
                self.fault(error.to_string());
                return (self.stand_in(), self.stand_in());
            }
        };
        let places = self.iota(dimension, DType::I64);
        let op = Sort { dimension, is_stable: true, comparator };
        self.pair(record(op.into(), &[self, &places], Caller::caller()))
    }

    /// The indices that put the elements along `dim` in order, `i64`.
    #[track_caller]
    #[must_use]
    pub fn argsort(&self, dim: i64, descending: bool) -> Var {
        self.sort(dim, descending).1
    }

    /// The `k` greatest elements of the last dimension, greatest first, and their indices, `i64`.
    #[track_caller]
    #[must_use]
    pub fn topk(&self, k: usize) -> (Var, Var) {
        let (values, places) = self.pair(record(TopK { k }.into(), &[self], Caller::caller()));
        let indices = if places.value.is_some() { places.to(DType::I64) } else { places };
        (values, indices)
    }

    /// Two results of an op; stand-ins if it could not be recorded.
    fn pair(&self, results: Vec<Var>) -> (Var, Var) {
        let mut results = results.into_iter();
        let mut next = || results.next().unwrap_or_else(|| self.stand_in());
        (next(), next())
    }
}

/// Whether the first of two elements comes before the second; their indices follow and do not count.
fn order(dtype: DType, descending: bool) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("comparator");
    let [left, right] = ["left", "right"].map(|name| builder.input(name, TensorType::scalar(dtype)));
    for name in ["left_index", "right_index"] {
        builder.input(name, TensorType::scalar(DType::I64));
    }
    let (lesser, greater) = if descending { (right, left) } else { (left, right) };
    let is_less = builder.compare(ComparisonDirection::Lt, lesser, greater)?;
    let is_before = if dtype.is_float() { or_nan(&mut builder, is_less, lesser, greater)? } else { is_less };
    Ok(builder.finish(&[is_before]))
}

/// Also where the greater one is NaN, and the other is not.
fn or_nan(builder: &mut Builder, is_less: Value, lesser: Value, greater: Value) -> Result<Value, BuildError> {
    let is_nan = builder.compare(ComparisonDirection::Ne, greater, greater)?;
    let is_number = builder.compare(ComparisonDirection::Eq, lesser, lesser)?;
    let both = builder.binary(Binary::And, is_nan, is_number)?;
    builder.binary(Binary::Or, is_less, both)
}
