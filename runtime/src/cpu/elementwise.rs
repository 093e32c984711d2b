//! Elementwise ops on floats: one loop per op, which becomes vector code.
//!
//! The first operand's buffer is overwritten when this is its last reader. The second may be a
//! scalar or a broadcast, which is read in place.

use choral_ir::op::{Binary, Elementwise};
use choral_ir::{Element, Storage, Tensor};

use super::view::View;
use crate::ops::scalar::{Scalar, maximum, minimum};

/// An operand of an elementwise op.
#[derive(Debug)]
pub enum Operand {
    /// An element for every place.
    Dense(Tensor),
    /// One element for all places.
    Scalar(Tensor),
    /// The elements that a view reads.
    Viewed(Tensor, View),
}

/// A float that programs compute in directly.
trait Float: Scalar + num_traits::Float {
    /// The vector in a storage of this type.
    fn vector(storage: Storage) -> Option<Vec<Self>>;
}

impl Float for f32 {
    fn vector(storage: Storage) -> Option<Vec<f32>> {
        if let Storage::F32(values) = storage { Some(values) } else { None }
    }
}

impl Float for f64 {
    fn vector(storage: Storage) -> Option<Vec<f64>> {
        if let Storage::F64(values) = storage { Some(values) } else { None }
    }
}

impl Operand {
    fn tensor(&self) -> &Tensor {
        match self {
            Operand::Dense(tensor) | Operand::Scalar(tensor) | Operand::Viewed(tensor, _) => tensor,
        }
    }

    /// The elements, in a buffer to write over.
    fn into_vector<T: Float>(self, length: usize) -> Option<Vec<T>> {
        match self {
            Operand::Dense(tensor) => T::vector(tensor.into_storage()),
            Operand::Scalar(tensor) => Some(vec![*T::view(tensor.storage())?.first()?; length]),
            Operand::Viewed(tensor, view) => Some(view.read(T::view(tensor.storage())?)),
        }
    }
}

/// Whether the family's loops cover the op on these element types.
pub fn covers(op: &Elementwise, operands: &[Operand]) -> bool {
    let covered = match op {
        Elementwise::Unary(op) => !op.is_predicate(),
        Elementwise::Binary(_) => true,
        Elementwise::Compare(_)
        | Elementwise::Select
        | Elementwise::Clamp
        | Elementwise::Convert(_)
        | Elementwise::ReducePrecision(_) => false,
    };
    let float = |operand: &Operand| matches!(operand.tensor().storage(), Storage::F32(_) | Storage::F64(_));
    covered && operands.iter().all(float)
}

/// The elements of the result, `length` of them.
pub fn evaluate(op: &Elementwise, operands: Vec<Operand>, length: usize) -> Option<Storage> {
    match operands.first()?.tensor().storage() {
        Storage::F32(_) => typed::<f32>(op, operands, length).map(f32::store),
        Storage::F64(_) => typed::<f64>(op, operands, length).map(f64::store),
        _ => None,
    }
}

fn typed<T: Float>(op: &Elementwise, operands: Vec<Operand>, length: usize) -> Option<Vec<T>> {
    let mut operands = operands.into_iter();
    let mut values = operands.next()?.into_vector::<T>(length)?;
    match (op, operands.next()) {
        (Elementwise::Unary(op), None) => values.iter_mut().for_each(|x| *x = T::unary(*op, *x)),
        (Elementwise::Binary(op), Some(right)) => binary(*op, &mut values, &right)?,
        (_, _) => return None,
    }
    Some(values)
}

fn binary<T: Float>(op: Binary, values: &mut [T], right: &Operand) -> Option<()> {
    match op {
        Binary::Add => zip(values, right, |x, y| x + y),
        Binary::Subtract => zip(values, right, |x, y| x - y),
        Binary::Multiply => zip(values, right, |x, y| x * y),
        Binary::Divide => zip(values, right, |x, y| x / y),
        Binary::Maximum => zip(values, right, |x, y| maximum!(x, y)),
        Binary::Minimum => zip(values, right, |x, y| minimum!(x, y)),
        Binary::And
        | Binary::Atan2
        | Binary::Mulhi
        | Binary::NextAfter
        | Binary::Or
        | Binary::Polygamma
        | Binary::Power
        | Binary::Remainder
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Xor
        | Binary::Zeta => zip(values, right, |x, y| T::binary(op, x, y)),
    }
}

/// Replaces every value by `f` of it and of the right operand's at the same place.
fn zip<T: Float>(values: &mut [T], right: &Operand, f: impl Fn(T, T) -> T) -> Option<()> {
    let given = T::view(right.tensor().storage())?;
    match right {
        Operand::Dense(_) => values.iter_mut().zip(given).for_each(|(x, &y)| *x = f(*x, y)),
        Operand::Scalar(_) => {
            let y = *given.first()?;
            values.iter_mut().for_each(|x| *x = f(*x, y));
        }
        Operand::Viewed(_, view) => {
            let mut rest = values;
            view.runs(|first, length, stride| {
                let (run, behind) = std::mem::take(&mut rest).split_at_mut(length);
                rest = behind;
                match stride {
                    0 => run.iter_mut().for_each(|x| *x = f(*x, given[first])),
                    1 => run.iter_mut().zip(&given[first..]).for_each(|(x, &y)| *x = f(*x, y)),
                    // What is read in place is a broadcast, which runs forward.
                    _ => {
                        let given = given[first..].iter().step_by(stride.unsigned_abs());
                        run.iter_mut().zip(given).for_each(|(x, &y)| *x = f(*x, y));
                    }
                }
            });
        }
    }
    Some(())
}
