//! Whose elements a tensor holds: what lets a device keep what it made of them, and write over what nobody else holds.

use std::sync::{Arc, Weak};

use super::Tensor;
use crate::element::Storage;

/// Which elements a tensor had, to know them again.
///
/// It keeps no memory of theirs alive, and no other tensor's elements are ever taken for them.
///
/// ```
/// use choral_ir::Tensor;
/// let x = Tensor::from([1.0f32, 2.0]);
/// let identity = x.identity();
/// assert!(identity.is(&x.clone()));
/// assert!(!identity.is(&Tensor::from([1.0f32, 2.0])));
/// ```
#[derive(Debug, Clone)]
pub struct Identity(Weak<Storage>);

impl Identity {
    /// Whether these are the tensor's elements, in whatever shape.
    pub fn is(&self, tensor: &Tensor) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&tensor.data))
    }
}

impl Tensor {
    /// Which elements these are.
    pub fn identity(&self) -> Identity {
        Identity(Arc::downgrade(&self.data))
    }

    /// How many tensors share these elements, this one included.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// let x = Tensor::from([1.0f32, 2.0]);
    /// let other = x.clone();
    /// assert_eq!(x.holders(), 2);
    /// ```
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.data)
    }

    /// The elements, to be written over, if no other tensor shares them.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// let mut x = Tensor::from([1.0f32, 2.0]);
    /// assert!(x.storage_mut().is_some());
    /// let other = x.clone();
    /// assert!(x.storage_mut().is_none());
    /// # drop(other);
    /// ```
    pub fn storage_mut(&mut self) -> Option<&mut Storage> {
        Arc::get_mut(&mut self.data)
    }
}
