//! The type of a value: element type and static shape.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DType;

/// Bytes of the widest element type.
const WIDEST: usize = 8;

/// Element type and shape of a value, printed as StableHLO does.
///
/// ```
/// use choral_ir::{DType, TensorType};
/// let ty = TensorType::new([2, 3], DType::F32);
/// assert_eq!(ty.to_string(), "tensor<2x3xf32>");
/// assert_eq!(ty.len(), 6);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorType {
    /// Size of every dimension, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// Type of the elements.
    pub dtype: DType,
}

/// Number of elements of a shape; the largest `usize` where that is more than fits.
pub(crate) fn elements(shape: &[usize]) -> usize {
    if shape.contains(&0) { 0 } else { shape.iter().fold(1, |len: usize, &size| len.saturating_mul(size)) }
}

impl TensorType {
    /// The type of a tensor of `shape` with elements of `dtype`.
    pub fn new(shape: impl Into<Vec<usize>>, dtype: DType) -> Self {
        TensorType { shape: shape.into(), dtype }
    }

    /// The type of a scalar.
    pub fn scalar(dtype: DType) -> Self {
        TensorType::new([], dtype)
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements; the largest `usize` where that is more than fits.
    pub fn len(&self) -> usize {
        elements(&self.shape)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all elements; the largest `usize` where that is more than fits.
    ///
    /// ```
    /// # use choral_ir::{DType, TensorType};
    /// assert_eq!(TensorType::new([2, 3], DType::F32).bytes(), 24);
    /// assert_eq!(TensorType::new([usize::MAX, 2], DType::F32).bytes(), usize::MAX);
    /// ```
    pub fn bytes(&self) -> usize {
        self.len().saturating_mul(self.dtype.bytes())
    }

    /// Whether memory can address every element, by its place as by its stride, in any element type.
    /// No program holds a value of another type: the type rules, the verifier and the parser refuse it.
    ///
    /// ```
    /// # use choral_ir::{DType, TensorType};
    /// assert!(TensorType::new([1 << 40], DType::F32).is_addressable()); // if there is the memory
    /// assert!(!TensorType::new([1 << 60], DType::F32).is_addressable());
    /// assert!(!TensorType::new([0, 1 << 60], DType::F32).is_addressable());
    /// ```
    pub fn is_addressable(&self) -> bool {
        // A size of 0 counts as 1: strides within the others must fit, too.
        let bytes = self.shape.iter().try_fold(WIDEST, |bytes, &size| bytes.checked_mul(size.max(1)));
        bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok())
    }

    /// The same shape with another element type.
    pub fn with_dtype(&self, dtype: DType) -> Self {
        TensorType::new(self.shape.clone(), dtype)
    }

    /// The same element type with another shape.
    pub fn with_shape(&self, shape: impl Into<Vec<usize>>) -> Self {
        TensorType::new(shape, self.dtype)
    }

    /// Row-major strides, in elements.
    ///
    /// ```
    /// # use choral_ir::{DType, TensorType};
    /// assert_eq!(TensorType::new([2, 3, 4], DType::I8).strides(), [12, 4, 1]);
    /// ```
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for dim in (1..self.rank()).rev() {
            strides[dim - 1] = strides[dim] * self.shape[dim];
        }
        strides
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensor<")?;
        for size in &self.shape {
            write!(f, "{size}x")?;
        }
        write!(f, "{}>", self.dtype)
    }
}

/// A dimension that may count from the end, as PyTorch and NumPy number them, as an index; `None` where
/// it is out of range.
///
/// ```
/// use choral_ir::normalise_dim;
/// assert_eq!([normalise_dim(1, 3), normalise_dim(-1, 3), normalise_dim(3, 3)], [Some(1), Some(2), None]);
/// ```
pub fn normalise_dim(dim: i64, rank: usize) -> Option<usize> {
    let rank = rank as i64;
    (-rank <= dim && dim < rank).then(|| dim.rem_euclid(rank) as usize)
}
