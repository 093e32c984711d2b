//! Products whose operands do not widen to what their results are computed in, or whose results are integers narrower
//! than a byte.

use choral_ir::op::{Convolution, DotGeneral};
use choral_ir::{DType, Op, Value};

use super::{Legaliser, Made};
use crate::lower::number;

pub(super) fn dot(legal: &mut Legaliser, op: &DotGeneral, operands: &[Value]) -> Made {
    product(legal, op.dtype, operands, |dtype| DotGeneral { dtype, ..op.clone() }.into())
}

pub(super) fn convolution(legal: &mut Legaliser, op: &Convolution, operands: &[Value]) -> Made {
    product(legal, op.dtype, operands, |dtype| Convolution { dtype, ..op.clone() }.into())
}

/// A product with results of this type, as `op` makes it for another one.
fn product(legal: &mut Legaliser, dtype: DType, operands: &[Value], op: impl Fn(DType) -> Op) -> Made {
    let byte = in_bytes(dtype);
    let takes = |&operand: &Value| number::multiplies(legal.ty(operand).dtype, dtype);
    if byte == dtype && operands.iter().all(takes) {
        return Ok(None);
    }
    let mut converted = Vec::with_capacity(operands.len());
    for &operand in operands {
        let settled = legal.builder.as_dtype(operand, dtype.accumulator())?;
        converted.push(legal.builder.as_dtype(settled, byte.accumulator())?);
    }
    let result = legal.builder.push(op(byte), &converted)?;
    Ok(Some(vec![legal.builder.as_dtype(result, dtype)?]))
}

/// The type that fills the bytes of a narrower integer: sums and products cut to fewer bits are those that were cut
/// before.
fn in_bytes(dtype: DType) -> DType {
    match dtype.is_narrow() {
        true if dtype.is_signed_integer() => DType::I8,
        true => DType::Ui8,
        false => dtype,
    }
}
