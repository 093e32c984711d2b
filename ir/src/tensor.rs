//! Dense tensors on the host: the inputs and results of programs.
//!
//! Lives here: shape, elements and the few ways to look at them. No arithmetic: programs do that.

mod convert;
mod identity;
mod pick;

use std::fmt;
use std::panic::Location as Caller;
use std::sync::Arc;

pub use identity::Identity;

use crate::element::{Element, Storage};
use crate::elements::Elements;
use crate::memory::OutOfMemory;
use crate::types::elements;
use crate::{DType, Key, Location, TensorType, with_dtype, with_storage};

/// A dense, row-major tensor. Cloning shares the elements, and allocates nothing.
///
/// ```
/// use choral_ir::Tensor;
/// let x = Tensor::new([2, 3], vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// assert_eq!(x.shape(), [2, 3]);
/// assert_eq!(x.index(1)?.as_slice::<f32>()?, [4.0, 5.0, 6.0]);
/// # Ok::<(), choral_ir::TensorError>(())
/// ```
#[derive(Clone)]
pub struct Tensor {
    ty: Arc<TensorType>,
    data: Arc<Storage>,
}

/// What is wrong with a request to a [`Tensor`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum TensorError {
    #[error("a tensor of shape {shape:?} has {} elements, but {got} values were given", elements(shape))]
    Length { shape: Vec<usize>, got: usize },
    #[error("the tensor has element type {got}, not {expected}")]
    ElementType { expected: DType, got: DType },
    #[error("index {index} is out of range for dimension 0 of {ty}")]
    Index { index: usize, ty: TensorType },
    #[error("cannot stack: tensor {position} is {got}, but tensor 0 is {expected}")]
    Stack { position: usize, expected: TensorType, got: TensorType },
    #[error("cannot stack: at least one tensor is expected, got none")]
    StackOfNone,
    #[error("expected one element, but the tensor is {0}")]
    Item(TensorType),
    #[error("a tensor of type {ty}: {cause}\n  at {location}")]
    Memory { ty: TensorType, cause: OutOfMemory, location: Location },
}

impl Tensor {
    /// A tensor of `shape` with `values` in row-major order.
    ///
    /// # Errors
    /// If the number of values is not the product of the shape.
    #[track_caller]
    pub fn new<T: Element>(shape: impl Into<Vec<usize>>, values: Vec<T>) -> Result<Tensor, TensorError> {
        Tensor::from_storage(shape, T::store(values))
    }

    /// A tensor of `shape` over typed storage.
    ///
    /// # Errors
    /// If the number of elements is not the product of the shape.
    #[track_caller]
    pub fn from_storage(shape: impl Into<Vec<usize>>, data: Storage) -> Result<Tensor, TensorError> {
        let ty = TensorType::new(shape, data.dtype());
        check_shape(&ty, data.len())?;
        Ok(Tensor { ty: ty.into(), data: Arc::new(data) })
    }

    /// The tensor of `shape` whose element at each linear index is `value(index)`.
    ///
    /// # Panics
    /// If memory runs out; [`Tensor::try_from_fn`] gives an error.
    #[track_caller]
    pub fn from_fn<T: Element>(shape: impl Into<Vec<usize>>, value: impl FnMut(usize) -> T) -> Tensor {
        made(Tensor::try_from_fn(shape, value))
    }

    /// As [`Tensor::from_fn`].
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// assert!(Tensor::try_from_fn([2, 3], |index| index as f32).is_ok());
    /// assert!(Tensor::try_from_fn([usize::MAX, 2], |index| index as f32).is_err());
    /// ```
    ///
    /// # Errors
    /// If memory runs out.
    #[track_caller]
    pub fn try_from_fn<T: Element>(
        shape: impl Into<Vec<usize>>,
        value: impl FnMut(usize) -> T,
    ) -> Result<Tensor, TensorError> {
        let ty = TensorType::new(shape, T::DTYPE);
        let mut values = room(&ty)?;
        values.extend((0..ty.len()).map(value));
        Ok(Tensor { ty: ty.into(), data: Arc::new(T::hold(values)) })
    }

    /// A scalar.
    pub fn scalar<T: Element>(value: T) -> Tensor {
        Tensor { ty: TensorType::scalar(T::DTYPE).into(), data: Arc::new(T::store(vec![value])) }
    }

    /// Every element is `value`.
    ///
    /// # Panics
    /// If memory runs out; [`Tensor::try_full`] gives an error.
    #[track_caller]
    pub fn full<T: Element>(shape: impl Into<Vec<usize>>, value: T) -> Tensor {
        made(Tensor::try_full(shape, value))
    }

    /// As [`Tensor::full`].
    ///
    /// # Errors
    /// If memory runs out.
    #[track_caller]
    pub fn try_full<T: Element>(shape: impl Into<Vec<usize>>, value: T) -> Result<Tensor, TensorError> {
        let ty = TensorType::new(shape, T::DTYPE);
        let values = Elements::full(value, length(&ty)).map_err(refused(&ty))?;
        Ok(Tensor { ty: ty.into(), data: Arc::new(T::hold(values)) })
    }

    /// Every element is zero (`false` for `i1`).
    ///
    /// # Panics
    /// If memory runs out; [`Tensor::try_zeros`] gives an error.
    #[track_caller]
    pub fn zeros(ty: TensorType) -> Tensor {
        made(Tensor::try_zeros(ty))
    }

    /// As [`Tensor::zeros`].
    ///
    /// # Errors
    /// If memory runs out.
    #[track_caller]
    pub fn try_zeros(ty: TensorType) -> Result<Tensor, TensorError> {
        Tensor::try_full_of(ty, 0.0)
    }

    /// Every element is the one of its type that is nearest to `value`.
    ///
    /// # Panics
    /// If memory runs out; [`Tensor::try_full_of`] gives an error.
    #[track_caller]
    pub fn full_of(ty: TensorType, value: f64) -> Tensor {
        made(Tensor::try_full_of(ty, value))
    }

    /// As [`Tensor::full_of`].
    ///
    /// # Errors
    /// If memory runs out.
    #[track_caller]
    pub fn try_full_of(ty: TensorType, value: f64) -> Result<Tensor, TensorError> {
        with_dtype!(ty.dtype, T => Tensor::try_full(ty.shape, <T as Element>::from_f64(value)))
    }

    /// The scalar of `dtype` nearest to `value`.
    pub fn scalar_of(dtype: DType, value: f64) -> Tensor {
        Tensor { ty: TensorType::scalar(dtype).into(), data: Arc::new(Storage::from_f64(dtype, &[value])) }
    }

    /// The scalar of `dtype` with these bits; higher ones are ignored.
    pub fn scalar_of_bits(dtype: DType, bits: u64) -> Tensor {
        Tensor { ty: TensorType::scalar(dtype).into(), data: Arc::new(Storage::from_bits(dtype, &[bits])) }
    }

    /// Independent standard normal `f32` draws, equal to `jax.random.normal(key, shape)` up to rounding.
    ///
    /// # Panics
    /// If memory runs out; [`Tensor::try_randn`] gives an error.
    #[track_caller]
    pub fn randn(shape: impl Into<Vec<usize>>, key: Key) -> Tensor {
        made(Tensor::try_randn(shape, key))
    }

    /// As [`Tensor::randn`].
    ///
    /// # Errors
    /// If memory runs out.
    #[track_caller]
    pub fn try_randn(shape: impl Into<Vec<usize>>, key: Key) -> Result<Tensor, TensorError> {
        Tensor::try_from_fn(shape, |index| key.normal_at(index))
    }

    /// Independent `f32` draws from `[0, 1)`, equal to `jax.random.uniform(key, shape)`.
    ///
    /// # Panics
    /// If memory runs out; [`Tensor::try_rand`] gives an error.
    #[track_caller]
    pub fn rand(shape: impl Into<Vec<usize>>, key: Key) -> Tensor {
        made(Tensor::try_rand(shape, key))
    }

    /// As [`Tensor::rand`].
    ///
    /// # Errors
    /// If memory runs out.
    #[track_caller]
    pub fn try_rand(shape: impl Into<Vec<usize>>, key: Key) -> Result<Tensor, TensorError> {
        Tensor::try_from_fn(shape, |index| key.uniform_at(index, 0.0, 1.0))
    }

    /// Element type and shape.
    pub fn ty(&self) -> &TensorType {
        &self.ty
    }

    /// Size of every dimension.
    pub fn shape(&self) -> &[usize] {
        &self.ty.shape
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.ty.dtype
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements in their typed vector.
    pub fn storage(&self) -> &Storage {
        &self.data
    }

    /// The typed vector, copied only if another tensor shares it.
    pub fn into_storage(self) -> Storage {
        Arc::unwrap_or_clone(self.data)
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// If the tensor's element type is not `T`.
    pub fn as_slice<T: Element>(&self) -> Result<&[T], TensorError> {
        T::view(&self.data).ok_or(TensorError::ElementType { expected: T::DTYPE, got: self.dtype() })
    }

    /// The only element.
    ///
    /// # Errors
    /// If there is not exactly one element, or its type is not `T`.
    pub fn item<T: Element>(&self) -> Result<T, TensorError> {
        match self.as_slice::<T>()? {
            [value] => Ok(*value),
            [] | [_, _, ..] => Err(TensorError::Item(self.ty().clone())),
        }
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// If the shape has a different number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Tensor, TensorError> {
        let ty = TensorType::new(shape, self.dtype());
        check_shape(&ty, self.len())?;
        Ok(Tensor { ty: ty.into(), data: Arc::clone(&self.data) })
    }

    /// Whether both have the same type and the same bits: NaN equals itself, 0.0 differs from -0.0.
    pub fn bit_eq(&self, other: &Tensor) -> bool {
        self.ty == other.ty
            && (Arc::ptr_eq(&self.data, &other.data)
                || with_dtype!(self.dtype(), T => match (T::view(&self.data), T::view(&other.data)) {
                    (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| a.to_bits64() == b.to_bits64()),
                    (Some(_) | None, None) | (None, Some(_)) => false,
                }))
    }
}

/// Fails unless a type has this many values, and memory can address it even where it has none.
#[track_caller]
fn check_shape(ty: &TensorType, values: usize) -> Result<(), TensorError> {
    if ty.len() != values {
        return Err(TensorError::Length { shape: ty.shape.clone(), got: values });
    }
    if ty.is_addressable() { Ok(()) } else { room::<u8>(ty).map(drop) }
}

/// Room for the elements of a tensor.
#[track_caller]
fn room<T: Element>(ty: &TensorType) -> Result<Elements<T>, TensorError> {
    Elements::with_room(length(ty), T::from_f64(0.0)).map_err(refused(ty))
}

/// How many elements a tensor has; of more than can be addressed, the most that can be.
fn length(ty: &TensorType) -> usize {
    if ty.is_addressable() { ty.len() } else { usize::MAX }
}

/// The error that memory cannot hold a tensor of this type, which the caller asked for.
#[track_caller]
fn refused(ty: &TensorType) -> impl FnOnce(OutOfMemory) -> TensorError {
    let location = Caller::caller();
    move |cause| TensorError::Memory { ty: ty.clone(), cause, location: location.into() }
}

/// A tensor that a constructor without a `Result` promises.
#[track_caller]
fn made(tensor: Result<Tensor, TensorError>) -> Tensor {
    match tensor {
        Ok(tensor) => tensor,
        Err(error) => {
            panic!("{error}\n  call the `try_` variant of this constructor to get an error instead")
        }
    }
}

/// Bitwise, as [`Tensor::bit_eq`]: programs are compared with it.
impl PartialEq for Tensor {
    fn eq(&self, other: &Tensor) -> bool {
        self.bit_eq(other)
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Type and values, the middle of long dimensions left out.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.ty)?;
        with_storage!(self.storage(), values => {
            write_nested(f, &self.ty, &|f, at| write!(f, "{:?}", values[at]))
        })
    }
}

/// Writes the element at a place.
type WriteElement<'a> = &'a dyn Fn(&mut fmt::Formatter<'_>, usize) -> fmt::Result;

/// Writes nested lists: place after place, with the brackets that open and close between two.
fn write_nested(f: &mut fmt::Formatter<'_>, ty: &TensorType, element: WriteElement<'_>) -> fmt::Result {
    const EDGE: usize = 3;
    const EMPTY: usize = 1000;
    // Lists without elements are the innermost; a few of them are enough.
    let (shape, is_empty) = (&ty.shape, ty.is_empty());
    let shape = &shape[..shape.iter().position(|&size| size == 0).unwrap_or(shape.len())];
    let shape = if is_empty && elements(shape) > EMPTY { &[] } else { shape };
    let is_left_out = |size: usize, at: usize| size > 2 * EDGE && (EDGE..size - EDGE).contains(&at);
    let strides = ty.with_shape(shape).strides();
    let mut index = vec![0; shape.len()];
    let mut opened = 0;
    loop {
        f.write_str(&"[".repeat(shape.len() - opened))?;
        let place: usize = index.iter().zip(&strides).map(|(at, stride)| at * stride).sum();
        match is_empty {
            true => f.write_str("[]")?,
            false => element(f, place)?,
        }
        // The innermost dimension that goes on; those within are closed and begin again.
        let Some(dim) = (0..shape.len()).rev().find(|&dim| index[dim] + 1 < shape[dim]) else {
            return f.write_str(&"]".repeat(shape.len()));
        };
        f.write_str(&"]".repeat(shape.len() - 1 - dim))?;
        index[dim + 1..].fill(0);
        index[dim] += 1;
        if is_left_out(shape[dim], index[dim]) {
            f.write_str(", ...")?;
            index[dim] = shape[dim] - EDGE;
        }
        f.write_str(", ")?;
        opened = dim + 1;
    }
}

impl From<Storage> for Tensor {
    /// One dimension, of all elements.
    fn from(data: Storage) -> Tensor {
        let ty = TensorType::new([data.len()], data.dtype());
        Tensor { ty: ty.into(), data: Arc::new(data) }
    }
}

impl From<Key> for Tensor {
    /// The key as programs take it: `ui32[2]`.
    fn from(key: Key) -> Tensor {
        Tensor::from(key.words())
    }
}

impl From<Vec<Key>> for Tensor {
    /// One key per row: `ui32[n, 2]`.
    fn from(keys: Vec<Key>) -> Tensor {
        Tensor::from_fn([keys.len(), 2], |at| keys[at / 2].words()[at % 2])
    }
}

macro_rules! from_arrays {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Tensor {
            fn from(value: $ty) -> Tensor { Tensor::scalar(value) }
        }
        impl<const N: usize> From<[$ty; N]> for Tensor {
            fn from(values: [$ty; N]) -> Tensor { Tensor::from_fn([N], |index| values[index]) }
        }
        impl<const N: usize, const M: usize> From<[[$ty; M]; N]> for Tensor {
            fn from(values: [[$ty; M]; N]) -> Tensor {
                Tensor::from_fn([N, M], |index| values[index / M][index % M])
            }
        }
    )*};
}
from_arrays!(bool, i8, i16, i32, i64, u8, u16, u32, u64, half::f16, half::bf16, f32, f64);
