//! Loops of instructions of two operands.

use super::Loop;
use super::streams::{Two, streams};
use crate::instruction::Binary;
use crate::{Level, Number};

/// An instruction on numbers of a type.
pub(super) trait Apply<T> {
    /// The type of its result.
    type Out;
    /// As [`Body::WIDEST`].
    const WIDEST: Level;
    fn apply(x: T, y: T) -> Self::Out;
}

/// The loop of an instruction on numbers of type `T`.
fn two<I: Apply<T, Out: Copy>, T: Copy>(level: Level) -> Loop {
    streams::<Two<I>, T, 2>(level)
}

/// Instructions as types, by what they do to integers or floats, each with the widest level that it is compiled for.
macro_rules! instructions {
    ($($Name:ident ($($T:ty)*) $level:ident |$x:ident, $y:ident| $body:expr;)*) => {$(
        $(impl Apply<$T> for $Name {
            type Out = $T;
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn apply($x: $T, $y: $T) -> $T { $body }
        })*
    )*};
}

pub(super) struct Add;
pub(super) struct And;
struct Divide;
pub(super) struct Maximum;
pub(super) struct Minimum;
pub(super) struct Multiply;
pub(super) struct Or;
struct Remainder;
pub(super) struct ShiftLeft;
pub(super) struct ShiftRight;
pub(super) struct Subtract;
pub(super) struct Xor;
struct Mulhi;
struct Power;

// What programs seldom have much of is compiled for no level of its own: it would take as long to compile.
instructions! {
    Add(f32 f64) Avx512 |x, y| x + y;
    Add(u32 u64) Avx2 |x, y| x.wrapping_add(y);
    Add(u8 u16) Portable |x, y| x.wrapping_add(y);
    Subtract(f32 f64) Avx512 |x, y| x - y;
    Subtract(u32 u64) Avx2 |x, y| x.wrapping_sub(y);
    Subtract(u8 u16) Portable |x, y| x.wrapping_sub(y);
    Multiply(f32 f64) Avx512 |x, y| x * y;
    Multiply(u32 u64) Avx2 |x, y| x.wrapping_mul(y);
    Multiply(u8 u16) Portable |x, y| x.wrapping_mul(y);
    Divide(f32 f64) Avx512 |x, y| x / y;
    Divide(i8 i16 i32 i64 u8 u16 u32 u64) Portable |x, y| if y == 0 { !0 } else { x.wrapping_div(y) };
    Remainder(i8 i16 i32 i64 u8 u16 u32 u64) Portable |x, y| if y == 0 { x } else { x.wrapping_rem(y) };
    Maximum(f32 f64) Avx512 |x, y| x.upper(y);
    Maximum(i32 i64 u32) Avx2 |x, y| x.max(y);
    Maximum(i8 i16 u8 u16 u64) Portable |x, y| x.max(y);
    Minimum(f32 f64) Avx512 |x, y| x.lower(y);
    Minimum(i32 i64 u32) Avx2 |x, y| x.min(y);
    Minimum(i8 i16 u8 u16 u64) Portable |x, y| x.min(y);
    And(u8 u32) Avx2 |x, y| x & y;
    And(u16 u64) Portable |x, y| x & y;
    Or(u8 u32) Avx2 |x, y| x | y;
    Or(u16 u64) Portable |x, y| x | y;
    Xor(u8 u32) Avx2 |x, y| x ^ y;
    Xor(u16 u64) Portable |x, y| x ^ y;
    // A distance at or above the width shifts everything out, and so does a negative one.
    ShiftLeft(u32) Avx2 |x, y| if y < bits(x) { x << y } else { 0 };
    ShiftLeft(u8 u16 u64) Portable |x, y| if y < bits(x) { x << y } else { 0 };
    ShiftRight(u32) Avx2 |x, y| if y < bits(x) { x >> y } else { 0 };
    ShiftRight(u8 u16 u64) Portable |x, y| if y < bits(x) { x >> y } else { 0 };
    ShiftRight(i32) Avx2 |x, y| if (0..bits(x)).contains(&y) { x >> y } else if x < 0 { !0 } else { 0 };
    ShiftRight(i8 i16 i64) Portable |x, y| if (0..bits(x)).contains(&y) { x >> y } else if x < 0 { !0 } else { 0 };
    Mulhi(i8 i16 i32 i64 u8 u16 u32 u64) Portable |x, y| high((x as i128).wrapping_mul(y as i128), 8 * size_of_val(&x)) as _;
    Power(i8 i16 i32 i64 u8 u16 u32 u64) Portable |x, y| power(x as i128, y as i128) as _;
}

/// The greater and the lesser of two floats, in instructions that vectors have: NaN if either is, and +0 above -0.
///
/// Vectors' own give the second operand of two zeros, and if either is NaN. So with the operands both ways round, zeros
/// are what two results can differ by, and bits decide between them.
trait Extremes: Sized {
    fn upper(self, other: Self) -> Self;
    fn lower(self, other: Self) -> Self;
}

macro_rules! extremes {
    ($($Float:ident $Bits:ident)*) => {$(
        impl Extremes for $Float {
            #[inline(always)]
            fn upper(self, other: $Float) -> $Float {
                let one = if self > other { self } else { other }.to_bits();
                let two = if other > self { other } else { self }.to_bits();
                let nan = if self.is_nan() | other.is_nan() { $Bits::MAX } else { 0 };
                $Float::from_bits(one & two | nan)
            }

            #[inline(always)]
            fn lower(self, other: $Float) -> $Float {
                let one = if self < other { self } else { other }.to_bits();
                let two = if other < self { other } else { self }.to_bits();
                let nan = if self.is_nan() | other.is_nan() { $Bits::MAX } else { 0 };
                $Float::from_bits(one | two | nan)
            }
        }
    )*};
}
extremes!(f32 u32 f64 u64);

/// Bits of a number of this type.
#[inline(always)]
fn bits<T: TryFrom<usize> + Default>(_: T) -> T {
    T::try_from(8 * size_of::<T>()).unwrap_or_default()
}

#[inline(always)]
fn high(product: i128, bits: usize) -> i128 {
    product >> bits
}

/// `base` to the power `exponent`, wrapping; a negative exponent gives 1 / the power, truncated.
pub fn power(base: i128, exponent: i128) -> i128 {
    match (base, exponent) {
        (1, _) => 1,
        (-1, _) => {
            if exponent % 2 == 0 {
                1
            } else {
                -1
            }
        }
        // 1 / 0, as division gives it.
        (0, ..0) => -1,
        (_, ..0) => 0,
        (_, _) => {
            let (mut result, mut square, mut left) = (1i128, base, exponent);
            while left > 0 {
                if left & 1 == 1 {
                    result = result.wrapping_mul(square);
                }
                square = square.wrapping_mul(square);
                left >>= 1;
            }
            result
        }
    }
}

/// The loop of an instruction that integers of both signs do alike.
macro_rules! by_width {
    ($I:ident, $number:ident, $level:ident) => {
        match $number {
            Number::I1 | Number::I8 | Number::U8 => Some(two::<$I, u8>($level)),
            Number::I16 | Number::U16 => Some(two::<$I, u16>($level)),
            Number::I32 | Number::U32 => Some(two::<$I, u32>($level)),
            Number::I64 | Number::U64 => Some(two::<$I, u64>($level)),
            Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => None,
        }
    };
}

/// The loop of an instruction that looks at the sign of integers.
macro_rules! by_type {
    ($I:ident, $number:ident, $level:ident) => {
        match $number {
            Number::I8 => Some(two::<$I, i8>($level)),
            Number::I16 => Some(two::<$I, i16>($level)),
            Number::I32 => Some(two::<$I, i32>($level)),
            Number::I64 => Some(two::<$I, i64>($level)),
            Number::I1 | Number::U8 => Some(two::<$I, u8>($level)),
            Number::U16 => Some(two::<$I, u16>($level)),
            Number::U32 => Some(two::<$I, u32>($level)),
            Number::U64 => Some(two::<$I, u64>($level)),
            Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => None,
        }
    };
}

/// The loop of an instruction on floats in registers.
fn floats(op: Binary, number: Number, level: Level) -> Option<Loop> {
    macro_rules! of {
        ($I:ident) => {
            match number {
                Number::F32 => Some(two::<$I, f32>(level)),
                Number::F64 => Some(two::<$I, f64>(level)),
                _ => None,
            }
        };
    }
    match op {
        Binary::Add => of!(Add),
        Binary::Subtract => of!(Subtract),
        Binary::Multiply => of!(Multiply),
        Binary::Divide => of!(Divide),
        Binary::Maximum => of!(Maximum),
        Binary::Minimum => of!(Minimum),
        Binary::And
        | Binary::Mulhi
        | Binary::Or
        | Binary::Power
        | Binary::Remainder
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Xor => None,
    }
}

/// The loop of an instruction on integers or truth values. These add, multiply and compare as bits.
fn integers(op: Binary, number: Number, level: Level) -> Option<Loop> {
    let truth = number == Number::I1;
    match op {
        Binary::Add | Binary::Maximum if truth => Some(two::<Or, u8>(level)),
        Binary::Multiply | Binary::Minimum if truth => Some(two::<And, u8>(level)),
        Binary::Add => by_width!(Add, number, level),
        Binary::Subtract => by_width!(Subtract, number, level),
        Binary::Multiply => by_width!(Multiply, number, level),
        Binary::Divide => by_type!(Divide, number, level),
        Binary::Remainder => by_type!(Remainder, number, level),
        Binary::Maximum => by_type!(Maximum, number, level),
        Binary::Minimum => by_type!(Minimum, number, level),
        Binary::And => by_width!(And, number, level),
        Binary::Or => by_width!(Or, number, level),
        Binary::Xor => by_width!(Xor, number, level),
        Binary::ShiftLeft => by_width!(ShiftLeft, number, level),
        Binary::ShiftRightLogical => by_width!(ShiftRight, number, level),
        Binary::ShiftRightArithmetic => match number {
            Number::I8 | Number::U8 => Some(two::<ShiftRight, i8>(level)),
            Number::I16 | Number::U16 => Some(two::<ShiftRight, i16>(level)),
            Number::I32 | Number::U32 => Some(two::<ShiftRight, i32>(level)),
            Number::I64 | Number::U64 => Some(two::<ShiftRight, i64>(level)),
            _ => None,
        },
        Binary::Mulhi => by_type!(Mulhi, number, level),
        Binary::Power => by_type!(Power, number, level),
    }
}

/// The loop of an instruction on numbers of a type in registers; `None` if there is no such instruction on the type.
pub fn binary(op: Binary, number: Number, level: Level) -> Option<Loop> {
    floats(op, number, level).or_else(|| integers(op, number, level))
}
