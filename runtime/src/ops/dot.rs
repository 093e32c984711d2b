//! Contractions.

use choral_ir::op::{Binary, DotGeneral, dot::free};
use choral_ir::{DType, Storage, Tensor, TensorType, with_storage};

use super::places::{indices, place};
use super::scalar::Scalar;
use crate::error::Error;

/// The result of `dot_general`: products are summed in order in the result's type; of 16-bit
/// floats in `f64`, rounded once.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &DotGeneral, lhs: &Tensor, rhs: &Tensor, ty: &TensorType) -> Result<Tensor, Error> {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype: _ } = op;
    let lhs_free = free(lhs.shape().len(), lhs_batching, lhs_contracting);
    let rhs_free = free(rhs.shape().len(), rhs_batching, rhs_contracting);
    let contracted: Vec<usize> = lhs_contracting.iter().map(|&dim| lhs.shape()[dim]).collect();
    let batch = lhs_batching.len();
    let terms = |index: &[usize]| {
        let (batch_at, rest) = index.split_at(batch);
        let (left_at, right_at) = rest.split_at(lhs_free.len());
        let (mut left, mut right) = (vec![0; lhs.shape().len()], vec![0; rhs.shape().len()]);
        put(&mut left, lhs_batching, batch_at);
        put(&mut left, &lhs_free, left_at);
        put(&mut right, rhs_batching, batch_at);
        put(&mut right, &rhs_free, right_at);
        let places = indices(&contracted).map(move |at| {
            put(&mut left, lhs_contracting, &at);
            put(&mut right, rhs_contracting, &at);
            (place(lhs.shape(), &left), place(rhs.shape(), &right))
        });
        places.collect::<Vec<_>>()
    };
    let data = sums_of_products(lhs, rhs, ty.dtype, indices(&ty.shape).map(|index| terms(&index)))?;
    Ok(Tensor::from_storage(ty.shape.as_slice(), data)?)
}

fn put(index: &mut [usize], dims: &[usize], at: &[usize]) {
    dims.iter().zip(at).for_each(|(&dim, &at)| index[dim] = at);
}

/// For every list of pairs of places, the sum of the products of the elements there.
pub(crate) fn sums_of_products(
    lhs: &Tensor,
    rhs: &Tensor,
    dtype: DType,
    terms: impl Iterator<Item = Vec<(usize, usize)>>,
) -> Result<Storage, Error> {
    if matches!(dtype, DType::F16 | DType::Bf16) {
        let (left, right) = (lhs.to_f64_vec(), rhs.to_f64_vec());
        let sum =
            |pairs: Vec<(usize, usize)>| pairs.into_iter().map(|(l, r)| left[l] * right[r]).sum::<f64>();
        return Ok(choral_ir::with_dtype!(dtype, T => {
            <T as choral_ir::Element>::store(terms.map(|pairs| choral_ir::Element::from_f64(sum(pairs))).collect())
        }));
    }
    fn sums<T: Scalar>(left: &[T], right: &[T], terms: impl Iterator<Item = Vec<(usize, usize)>>) -> Storage {
        let add = |sum, (l, r): (usize, usize)| {
            T::binary(Binary::Add, sum, T::binary(Binary::Multiply, left[l], right[r]))
        };
        T::store(terms.map(|pairs| pairs.into_iter().fold(T::from_f64(0.0), add)).collect())
    }
    let (left, right) = (lhs.to_dtype(dtype), rhs.to_dtype(dtype));
    Ok(with_storage!(left.storage(), values => sums(values, right.as_slice()?, terms)))
}
