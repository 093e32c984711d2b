//! What a program takes, as far as it is known without its inputs.

use std::fmt;

use choral::{DType, TensorType};

/// What a program takes for an argument; `?` is a number of members that is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// The argument's name in the program.
    pub(super) name: String,
    pub(super) shape: Vec<Option<usize>>,
    pub(super) dtype: DType,
}

impl Expected {
    pub(super) fn of(name: &str, ty: &TensorType) -> Expected {
        let shape = ty.shape.iter().copied().map(Some).collect();
        Expected { name: name.to_owned(), shape, dtype: ty.dtype }
    }

    /// Whether a value of this type can be the argument.
    pub(super) fn takes(&self, ty: &TensorType) -> bool {
        let fits = |(expected, got): (&Option<usize>, &usize)| expected.is_none_or(|size| size == *got);
        ty.dtype == self.dtype && ty.rank() == self.shape.len() && self.shape.iter().zip(&ty.shape).all(fits)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensor<")?;
        for size in &self.shape {
            match size {
                Some(size) => write!(f, "{size}x")?,
                None => f.write_str("?x")?,
            }
        }
        write!(f, "{}>", self.dtype)
    }
}
