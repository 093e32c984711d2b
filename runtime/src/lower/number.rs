//! Element types as number types.

use choral_ir::{DType, Element, Tensor, with_storage};
use choral_kernels::Number;
use choral_kernels::instruction::Instruction;
use choral_kernels::product::Compute;

/// The most numbers that are kept to count with.
pub const COUNTED: usize = 1 << 20;

/// Whether products with results of this type take operands of another one as they are.
pub fn multiplies(operand: DType, result: DType) -> bool {
    Compute::of(of(result)).takes(of(operand))
}

/// How elements of a type lie in memory.
pub fn of(dtype: DType) -> Number {
    match dtype {
        DType::I1 => Number::I1,
        DType::I2 | DType::I4 | DType::I8 => Number::I8,
        DType::I16 => Number::I16,
        DType::I32 => Number::I32,
        DType::I64 => Number::I64,
        DType::Ui2 | DType::Ui4 | DType::Ui8 => Number::U8,
        DType::Ui16 => Number::U16,
        DType::Ui32 => Number::U32,
        DType::Ui64 => Number::U64,
        DType::F16 => Number::F16,
        DType::Bf16 => Number::Bf16,
        DType::F32 => Number::F32,
        DType::F64 => Number::F64,
    }
}

/// What brings a result in registers to the values that the type has: 16-bit floats round, and integers narrower than
/// a byte wrap.
pub fn settling(dtype: DType) -> Option<Instruction> {
    if matches!(dtype, DType::F16 | DType::Bf16) {
        return Some(Instruction::Round(of(dtype)));
    }
    dtype.is_narrow().then(|| Instruction::Wrap(dtype.bits() as u32))
}

/// A number of a type, as registers hold its bits.
pub fn bits(dtype: DType, value: f64) -> u64 {
    splat(&Tensor::scalar_of(dtype, value)).unwrap_or_default()
}

/// The bits in registers of a tensor's only element.
pub fn splat(tensor: &Tensor) -> Option<u64> {
    if tensor.len() != 1 {
        return None;
    }
    if matches!(tensor.dtype(), DType::F16 | DType::Bf16) {
        return tensor.to_f64_vec().first().map(|&value| u64::from((value as f32).to_bits()));
    }
    with_storage!(tensor.storage(), values => values.first().map(|value| in_byte(tensor.dtype(), value.to_bits64())))
}

/// The bits of a number in the memory that it has: narrower integers fill a byte with their sign.
fn in_byte(dtype: DType, bits: u64) -> u64 {
    if !(dtype.is_narrow() && dtype.is_signed_integer()) {
        return bits;
    }
    let missing = 8 - dtype.bits();
    (((bits as u8) << missing).cast_signed() >> missing).cast_unsigned().into()
}
