//! Tensors made of others: slices, stacks, chosen elements. Must not live here: which elements ops choose; that is
//! the runtime's.

use std::sync::Arc;

use super::{Tensor, TensorError, room};
use crate::{Element, TensorType, with_dtype, with_storage};

impl Tensor {
    /// The slice at `index` of dimension 0, without that dimension.
    ///
    /// # Errors
    /// If there is no such slice.
    #[track_caller]
    pub fn index(&self, index: usize) -> Result<Tensor, TensorError> {
        match self.shape().split_first() {
            Some((&size, rest)) if index < size => self.rows(&[index], rest.to_vec()),
            Some(_) | None => Err(TensorError::Index { index, ty: self.ty().clone() }),
        }
    }

    /// Puts `slice` at `index` of dimension 0. The other elements are copied only if another tensor
    /// shares them.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// let mut rows = Tensor::from([[1, 2], [3, 4]]);
    /// rows.set_index(1, &Tensor::from([5, 6]))?;
    /// assert_eq!(rows, Tensor::from([[1, 2], [5, 6]]));
    /// # Ok::<(), choral_ir::TensorError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such slice, or it has another type.
    pub fn set_index(&mut self, index: usize, slice: &Tensor) -> Result<(), TensorError> {
        fn like<'a, T: Element>(_: &[T], slice: &'a Tensor) -> Result<&'a [T], TensorError> {
            slice.as_slice()
        }
        let missing = || TensorError::Index { index, ty: self.ty().clone() };
        let (&size, rest) = self.shape().split_first().ok_or_else(missing)?;
        if index >= size {
            return Err(missing());
        }
        let expected = self.ty.with_shape(rest);
        if *slice.ty() != expected {
            return Err(TensorError::Stack { position: index, expected, got: slice.ty().clone() });
        }
        let places = index * slice.len()..(index + 1) * slice.len();
        with_storage!(Arc::make_mut(&mut self.data), values => {
            let taken = like(values, slice)?;
            values[places].copy_from_slice(taken);
        });
        Ok(())
    }

    /// The slices at `indices` of dimension 0, in this order.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// let rows = Tensor::from([[1, 2], [3, 4]]).take(&[1, 1, 0])?;
    /// assert_eq!(rows, Tensor::from([[3, 4], [3, 4], [1, 2]]));
    /// # Ok::<(), choral_ir::TensorError>(())
    /// ```
    ///
    /// # Errors
    /// If one of them is not there.
    #[track_caller]
    pub fn take(&self, indices: &[usize]) -> Result<Tensor, TensorError> {
        let missing = |index: usize| TensorError::Index { index, ty: self.ty().clone() };
        let (&size, rest) = self.shape().split_first().ok_or_else(|| missing(0))?;
        if let Some(&index) = indices.iter().find(|&&index| index >= size) {
            return Err(missing(index));
        }
        self.rows(indices, [&[indices.len()], rest].concat())
    }

    /// A tensor of this shape, of the slices at `indices` of dimension 0, which are there.
    #[track_caller]
    fn rows(&self, indices: &[usize], shape: Vec<usize>) -> Result<Tensor, TensorError> {
        let ty = self.ty.with_shape(shape);
        let width = self.shape()[1..].iter().product::<usize>();
        with_storage!(self.storage(), values => {
            let mut taken = room(&ty)?;
            indices.iter().for_each(|&index| taken.extend_from_slice(&values[index * width..][..width]));
            Ok(Tensor { ty: ty.into(), data: Arc::new(Element::hold(taken)) })
        })
    }

    /// Tensors of one type, joined along a new dimension 0.
    ///
    /// # Errors
    /// If there are none, or their types differ.
    #[track_caller]
    pub fn stack(tensors: &[Tensor]) -> Result<Tensor, TensorError> {
        let first = tensors.first().ok_or(TensorError::StackOfNone)?;
        if let Some((position, other)) = tensors.iter().enumerate().find(|(_, other)| other.ty != first.ty) {
            let (expected, got) = (first.ty().clone(), other.ty().clone());
            return Err(TensorError::Stack { position, expected, got });
        }
        let mut shape = vec![tensors.len()];
        shape.extend(first.shape());
        let ty = first.ty.with_shape(shape);
        with_dtype!(first.dtype(), T => {
            let mut values = room(&ty)?;
            for tensor in tensors {
                values.extend_from_slice(tensor.as_slice::<T>()?);
            }
            Ok(Tensor { ty: ty.into(), data: Arc::new(T::hold(values)) })
        })
    }

    /// Tensors one after another along dimension 0. They may differ in its size.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// let both = Tensor::joined(&[Tensor::from([[1, 2]]), Tensor::from([[3, 4], [5, 6]])])?;
    /// assert_eq!(both, Tensor::from([[1, 2], [3, 4], [5, 6]]));
    /// # Ok::<(), choral_ir::TensorError>(())
    /// ```
    ///
    /// # Errors
    /// If there are none, or their types differ in something else, or have no dimension.
    #[track_caller]
    pub fn joined(tensors: &[Tensor]) -> Result<Tensor, TensorError> {
        let ty = Tensor::joined_type(tensors.iter().map(Tensor::ty))?;
        with_dtype!(ty.dtype, T => {
            let mut values = room(&ty)?;
            for tensor in tensors {
                values.extend_from_slice(tensor.as_slice::<T>()?);
            }
            Ok(Tensor { ty: ty.into(), data: Arc::new(T::hold(values)) })
        })
    }

    /// The type of tensors of these types one after another along dimension 0.
    ///
    /// # Errors
    /// As [`Tensor::joined`].
    pub fn joined_type<'a>(
        types: impl IntoIterator<Item = &'a TensorType>,
    ) -> Result<TensorType, TensorError> {
        let mut types = types.into_iter().enumerate();
        let (_, first) = types.next().ok_or(TensorError::StackOfNone)?;
        let differs = |position: usize, got: &TensorType| TensorError::Stack {
            position,
            expected: first.clone(),
            got: got.clone(),
        };
        let (&size, rest) = first.shape.split_first().ok_or_else(|| differs(0, first))?;
        let mut size = size;
        for (position, ty) in types {
            match ty.shape.split_first() {
                Some((&more, others)) if others == rest && ty.dtype == first.dtype => size += more,
                _ => return Err(differs(position, ty)),
            }
        }
        Ok(first.with_shape([&[size][..], rest].concat()))
    }

    /// A tensor of this shape, of the operands' elements at these places. They are counted in row-major order, through one
    /// operand after another.
    ///
    /// ```
    /// use choral_ir::Tensor;
    /// let (x, y) = (Tensor::from([[1, 2], [3, 4]]), Tensor::from([5, 6]));
    /// assert_eq!(Tensor::pick(&[&x, &y], [3], &[5, 0, 3])?, Tensor::from([6, 1, 4]));
    /// # Ok::<(), choral_ir::TensorError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no operand, the operands' element types differ, or the places are not as many as the shape has.
    ///
    /// # Panics
    /// If a place lies beyond the last element.
    #[track_caller]
    pub fn pick(
        operands: &[&Tensor],
        shape: impl Into<Vec<usize>>,
        places: &[usize],
    ) -> Result<Tensor, TensorError> {
        let first = operands.first().ok_or(TensorError::StackOfNone)?;
        let data = with_dtype!(first.dtype(), T => {
            let parts = operands.iter().map(|operand| operand.as_slice::<T>()).collect::<Result<Vec<_>, _>>()?;
            match parts[..] {
                [values] => T::store(places.iter().map(|&place| values[place]).collect()),
                _ => {
                    let values = parts.concat();
                    T::store(places.iter().map(|&place| values[place]).collect())
                }
            }
        });
        Tensor::from_storage(shape, data)
    }
}
