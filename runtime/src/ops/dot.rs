//! Contractions.

use choral_ir::op::{Binary, DotGeneral, Elementwise, dot::free};
use choral_ir::{DType, Storage, Tensor, TensorType, with_storage};

use super::elementwise;
use super::places::{indices, place};
use super::scalar::Scalar;
use crate::error::Error;

/// The most terms that are one chain of fused multiply-adds, and the terms of a block where there are more.
const LONGEST: usize = 4096;
const BLOCK: usize = 2048;

/// The result of `dot_general`, in the order of `sums_of_products`.
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
    sums_of_products(lhs, rhs, ty, &mut indices(&ty.shape).map(|index| terms(&index)))
}

fn put(index: &mut [usize], dims: &[usize], at: &[usize]) {
    dims.iter().zip(at).for_each(|(&dim, &at)| index[dim] = at);
}

/// Two places whose elements are multiplied.
pub(crate) type Term = (usize, usize);

/// A tensor of sums of products, one for every list of terms.
///
/// A sum is a chain of fused multiply-adds from +0.0, in the order of its terms, in the result's type, to which
/// operands are converted; of 16-bit floats in `f32`, rounded once. More than 4,096 terms are cut into blocks of 2,048, each a chain
/// of its own; the sums of blocks are added like the digits of a binary counter: block `b` merges with the
/// newest sum that is kept while the low bits of `b` are 1. What is left over is added from the newest to
/// the oldest. The older sum is on the left.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub(crate) fn sums_of_products(
    lhs: &Tensor,
    rhs: &Tensor,
    ty: &TensorType,
    terms: &mut dyn Iterator<Item = Vec<Term>>,
) -> Result<Tensor, Error> {
    let wide: DType = ty.dtype.accumulator();
    let in_wide = |operand: &Tensor| match operand.dtype() == wide {
        true => Ok(operand.clone()),
        false => elementwise::evaluate(&Elementwise::Convert(wide), &[operand]),
    };
    let (left, right) = (in_wide(lhs)?, in_wide(rhs)?);
    let sums = with_storage!(left.storage(), values => sums(values, right.as_slice()?, terms));
    Ok(Tensor::from_storage(ty.shape.as_slice(), sums)?.to_dtype(ty.dtype))
}

fn sums<T: Scalar>(left: &[T], right: &[T], terms: &mut dyn Iterator<Item = Vec<Term>>) -> Storage {
    let chain = |terms: &[Term]| {
        let add = |sum, &(l, r): &Term| T::multiply_add(left[l], right[r], sum);
        terms.iter().fold(T::from_f64(0.0), add)
    };
    let sum = |terms: Vec<Term>| if terms.len() > LONGEST { counted(&terms, chain) } else { chain(&terms) };
    T::store(terms.map(sum).collect())
}

/// The sum of the blocks' sums.
fn counted<T: Scalar>(terms: &[Term], chain: impl Fn(&[Term]) -> T) -> T {
    let mut kept: Vec<T> = Vec::new();
    for (block, terms) in terms.chunks(BLOCK).enumerate() {
        let older = kept.split_off(kept.len() - block.trailing_ones() as usize);
        kept.push(onto(older, chain(terms)));
    }
    onto(kept, T::from_f64(-0.0))
}

/// A sum that is added to older ones, the newest of them first.
fn onto<T: Scalar>(older: Vec<T>, sum: T) -> T {
    older.into_iter().rev().fold(sum, |sum, older| T::binary(Binary::Add, older, sum))
}
