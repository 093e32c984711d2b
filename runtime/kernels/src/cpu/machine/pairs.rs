//! Two instructions as one loop: what the first makes is read by the second alone, and never stored.
//!
//! Loops of cheap instructions take as long as it takes to load and store. A pair needs three loads and a store, where
//! two instructions need four and two.

use std::marker::PhantomData;

use super::binary::{Add, And, Apply, Maximum, Minimum, Multiply, ShiftLeft, ShiftRight, Subtract, Xor};
use super::streams::{OfMany, streams};
use super::{Arguments, Body, Loop, compiled};
use crate::instruction::Binary;
use crate::{Level, Number};

/// `outer(inner(x, y), z)`, or `outer(z, inner(x, y))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// What is computed first.
    pub inner: Binary,
    /// What is computed of it.
    pub outer: Binary,
    /// Whether it is the second operand of that.
    pub is_second: bool,
}

/// `O(I(x, y), z)`.
struct Left<I, O>(PhantomData<(I, O)>);
/// `O(z, I(x, y))`.
struct Right<I, O>(PhantomData<(I, O)>);

impl<T, I: Apply<T, Out = T>, O: Apply<T, Out: Copy>> OfMany<T, 3> for Left<I, O> {
    type Out = O::Out;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply([x, y, z]: [T; 3]) -> O::Out {
        O::apply(I::apply(x, y), z)
    }
}

impl<T, I: Apply<T, Out = T>, O: Apply<T, Out: Copy>> OfMany<T, 3> for Right<I, O> {
    type Out = O::Out;
    const WIDEST: Level = Level::Avx2;
    #[inline(always)]
    fn apply([x, y, z]: [T; 3]) -> O::Out {
        O::apply(z, I::apply(x, y))
    }
}

/// Whether an instruction has the same result, to the bit, with its operands the other way round.
fn commutes(op: Binary) -> bool {
    use Binary::{Add, And, Maximum, Minimum, Multiply, Or, Xor};
    matches!(op, Add | And | Maximum | Minimum | Multiply | Or | Xor)
}

/// The loop of a pair on numbers of a type. There are those that programs often have.
pub fn pair(pair: Pair, number: Number, level: Level) -> Option<Loop> {
    let Pair { inner, outer, is_second } = pair;
    macro_rules! of {
        ($Side:ident, $I:ident, $O:ident, $T:ty) => {
            Some(streams::<$Side<$I, $O>, $T, 3>(level))
        };
    }
    let is_right = is_second && !commutes(outer);
    match number {
        Number::F32 => match (inner, outer, is_right) {
            (Binary::Multiply, Binary::Add, _) => of!(Left, Multiply, Add, f32),
            (Binary::Multiply, Binary::Subtract, false) => of!(Left, Multiply, Subtract, f32),
            (Binary::Multiply, Binary::Subtract, true) => of!(Right, Multiply, Subtract, f32),
            (Binary::Multiply, Binary::Multiply, _) => of!(Left, Multiply, Multiply, f32),
            (Binary::Add, Binary::Multiply, _) => of!(Left, Add, Multiply, f32),
            (Binary::Add, Binary::Add, _) => of!(Left, Add, Add, f32),
            (Binary::Add, Binary::Maximum, _) => of!(Left, Add, Maximum, f32),
            (Binary::Subtract, Binary::Multiply, _) => of!(Left, Subtract, Multiply, f32),
            (Binary::Maximum, Binary::Multiply, _) => of!(Left, Maximum, Multiply, f32),
            (Binary::Maximum, Binary::Minimum, _) => of!(Left, Maximum, Minimum, f32),
            _ => None,
        },
        Number::I32 | Number::U32 => match (inner, outer, is_right) {
            (Binary::Multiply, Binary::Add, _) => of!(Left, Multiply, Add, u32),
            (Binary::Multiply, Binary::Subtract, true) => of!(Right, Multiply, Subtract, u32),
            (Binary::Multiply, Binary::And, _) => of!(Left, Multiply, And, u32),
            (Binary::Multiply, Binary::Xor, _) => of!(Left, Multiply, Xor, u32),
            (Binary::Xor, Binary::Multiply, _) => of!(Left, Xor, Multiply, u32),
            (Binary::Add, Binary::Add, _) => of!(Left, Add, Add, u32),
            (Binary::ShiftLeft, Binary::Xor, _) => of!(Left, ShiftLeft, Xor, u32),
            (Binary::ShiftRightLogical, Binary::Xor, _) => of!(Left, ShiftRight, Xor, u32),
            _ => None,
        },
        _ => None,
    }
}

/// Rotates the bits of each `u32` of the first operand to the left, by what is handed beside the operands; `XOR` says
/// whether the second operand's bits are flipped by the result.
struct Rotate<const XOR: bool>;

impl<const XOR: bool> Body for Rotate<XOR> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx2;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let distance = arguments.extra as u32;
        // SAFETY: the caller keeps the contract of `Loop` for this type.
        unsafe {
            let results = arguments.results::<u32>();
            let pairs = results.iter_mut().zip(arguments.tile::<u32>(0));
            if XOR {
                let others = arguments.tile::<u32>(1);
                pairs.zip(others).for_each(|((r, x), other)| *r = x.rotate_left(distance) ^ other);
            } else {
                pairs.for_each(|(r, x)| *r = x.rotate_left(distance));
            }
        }
    }
}

/// The loop that rotates `u32`; `with_xor` says whether it has a second operand.
pub fn rotate(with_xor: bool, level: Level) -> Loop {
    if with_xor { compiled::<Rotate<true>>(level) } else { compiled::<Rotate<false>>(level) }
}
