//! Loops that take one of two operands, by a tile of truth values.

use std::marker::PhantomData;

use super::{Arguments, Body, Form, Loop, compiled};
use crate::Level;

/// Selects elements of the width of `T`; `X` and `Y` say whether an operand is a scalar.
struct Select<T, const X: bool, const Y: bool>(PhantomData<T>);

/// Numbers of which one of two is taken by masks: a choice between two that are in memory becomes one between their
/// addresses, which vectors have no loads for.
trait Pick: Copy {
    /// The first if `holds` is 1, the second if it is 0.
    fn pick(holds: u8, x: Self, y: Self) -> Self;
}

macro_rules! picks {
    ($($T:ty),*) => {$(
        impl Pick for $T {
            #[inline(always)]
            fn pick(holds: u8, x: $T, y: $T) -> $T {
                let mask = <$T>::from(holds).wrapping_neg();
                (x & mask) | (y & !mask)
            }
        }
    )*};
}
picks!(u8, u16, u32, u64);

impl<T: Pick, const X: bool, const Y: bool> Body for Select<T, X, Y> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx2;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        // SAFETY: the caller keeps the contract of `Loop` for these types and this form.
        unsafe {
            let (results, holds) = (arguments.results::<T>(), arguments.tile::<u8>(0));
            let pairs = results.iter_mut().zip(holds);
            match (X, Y) {
                (true, true) => {
                    let (x, y) = (arguments.scalar::<T>(1), arguments.scalar::<T>(2));
                    pairs.for_each(|(r, &holds)| *r = T::pick(holds, x, y));
                }
                (true, false) => {
                    let x = arguments.scalar::<T>(1);
                    let ys = arguments.tile::<T>(2);
                    pairs.zip(ys).for_each(|((r, &holds), &y)| *r = T::pick(holds, x, y));
                }
                (false, true) => {
                    let (xs, y) = (arguments.tile::<T>(1), arguments.scalar::<T>(2));
                    pairs.zip(xs).for_each(|((r, &holds), &x)| *r = T::pick(holds, x, y));
                }
                (false, false) => {
                    let both = arguments.tile::<T>(1).iter().zip(arguments.tile::<T>(2));
                    pairs.zip(both).for_each(|((r, &holds), (&x, &y))| *r = T::pick(holds, x, y));
                }
            }
        }
    }
}

/// The loop that selects elements of so many bytes, for a form whose truth values are a tile.
pub fn select(bytes: usize, form: Form, level: Level) -> Loop {
    match bytes {
        1 => of_form::<u8>(form, level),
        2 => of_form::<u16>(form, level),
        4 => of_form::<u32>(form, level),
        _ => of_form::<u64>(form, level),
    }
}

fn of_form<T: Pick>([_, x, y]: Form, level: Level) -> Loop {
    match (x, y) {
        (true, true) => compiled::<Select<T, true, true>>(level),
        (true, false) => compiled::<Select<T, true, false>>(level),
        (false, true) => compiled::<Select<T, false, true>>(level),
        (false, false) => compiled::<Select<T, false, false>>(level),
    }
}
