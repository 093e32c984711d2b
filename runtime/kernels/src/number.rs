//! Element types, as loops see them.
//!
//! Must not live here: what an op does with them.

/// The type of a buffer's elements. Integers of two and four bits are kept in a byte each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    /// A byte that is 0 or 1.
    Bool,
    /// Two bits with a sign, extended to a byte.
    I2,
    /// Four bits with a sign, extended to a byte.
    I4,
    /// A byte with a sign.
    I8,
    /// 16 bits with a sign.
    I16,
    /// 32 bits with a sign.
    I32,
    /// 64 bits with a sign.
    I64,
    /// Two bits, extended to a byte.
    U2,
    /// Four bits, extended to a byte.
    U4,
    /// A byte.
    U8,
    /// 16 bits.
    U16,
    /// 32 bits.
    U32,
    /// 64 bits.
    U64,
    /// IEEE binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
}

impl Number {
    /// Every element type, in declaration order.
    pub const ALL: [Number; 17] = [
        Number::Bool,
        Number::I2,
        Number::I4,
        Number::I8,
        Number::I16,
        Number::I32,
        Number::I64,
        Number::U2,
        Number::U4,
        Number::U8,
        Number::U16,
        Number::U32,
        Number::U64,
        Number::F16,
        Number::Bf16,
        Number::F32,
        Number::F64,
    ];

    /// Bytes of an element in a buffer.
    pub const fn bytes(self) -> usize {
        match self {
            Number::Bool
            | Number::I2
            | Number::I4
            | Number::I8
            | Number::U2
            | Number::U4
            | Number::U8 => 1,
            Number::I16 | Number::U16 | Number::F16 | Number::Bf16 => 2,
            Number::I32 | Number::U32 | Number::F32 => 4,
            Number::I64 | Number::U64 | Number::F64 => 8,
        }
    }
}
