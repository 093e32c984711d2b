//! Number types: what buffers hold and registers compute in.
//!
//! Must not live here: what is done with numbers ([`crate::instruction`]).

use std::fmt;

/// A type of numbers in memory. Truth values take a byte each, 0 or 1; integers of fewer than eight bits lie in
/// bytes of their sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Number {
    I1,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    Bf16,
    F32,
    F64,
}

impl Number {
    /// Every number type.
    pub const ALL: [Number; 13] = [
        Number::I1,
        Number::I8,
        Number::I16,
        Number::I32,
        Number::I64,
        Number::U8,
        Number::U16,
        Number::U32,
        Number::U64,
        Number::F16,
        Number::Bf16,
        Number::F32,
        Number::F64,
    ];

    /// Bytes that one number takes.
    pub const fn bytes(self) -> usize {
        match self {
            Number::I1 | Number::I8 | Number::U8 => 1,
            Number::I16 | Number::U16 | Number::F16 | Number::Bf16 => 2,
            Number::I32 | Number::U32 | Number::F32 => 4,
            Number::I64 | Number::U64 | Number::F64 => 8,
        }
    }

    /// The type of so many bytes that elements are moved as.
    pub const fn of_bytes(bytes: usize) -> Number {
        match bytes {
            1 => Number::U8,
            2 => Number::U16,
            4 => Number::U32,
            _ => Number::U64,
        }
    }

    /// The type that numbers of this one have in registers: 16-bit floats are computed with as `f32`.
    pub const fn in_registers(self) -> Number {
        match self {
            Number::F16 | Number::Bf16 => Number::F32,
            other => other,
        }
    }

    /// Whether it is a float.
    pub const fn is_float(self) -> bool {
        matches!(self, Number::F16 | Number::Bf16 | Number::F32 | Number::F64)
    }

    /// The name, as MLIR has it, with `ui` for integers without a sign.
    pub const fn name(self) -> &'static str {
        match self {
            Number::I1 => "i1",
            Number::I8 => "i8",
            Number::I16 => "i16",
            Number::I32 => "i32",
            Number::I64 => "i64",
            Number::U8 => "ui8",
            Number::U16 => "ui16",
            Number::U32 => "ui32",
            Number::U64 => "ui64",
            Number::F16 => "f16",
            Number::Bf16 => "bf16",
            Number::F32 => "f32",
            Number::F64 => "f64",
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
