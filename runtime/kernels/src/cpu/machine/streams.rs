//! Loops over several operands of one type, each of which is a tile or copies of one number.
//!
//! A loop goes by blocks, and an operand that is one number stays where it is: one loop does for every form of operands,
//! where a loop for each would take as many times as long to compile.

use std::marker::PhantomData;

use super::binary::Apply;
use super::{Arguments, Body, Form, Loop, compiled};
use crate::Level;

/// Elements of a block: as many copies is a number that stands for a tile.
pub const COPIES: usize = 32;

/// What happens to an element of each operand.
pub(super) trait OfMany<T, const N: usize> {
    /// The type of its result.
    type Out: Copy;
    /// As [`Body::WIDEST`].
    const WIDEST: Level;
    fn apply(given: [T; N]) -> Self::Out;
}

/// An instruction of two operands.
pub(super) struct Two<I>(PhantomData<I>);

impl<T, I: Apply<T, Out: Copy>> OfMany<T, 2> for Two<I> {
    type Out = I::Out;
    const WIDEST: Level = I::WIDEST;
    #[inline(always)]
    fn apply([x, y]: [T; 2]) -> I::Out {
        I::apply(x, y)
    }
}

/// Which operands are numbers, as loops are handed it.
pub(in crate::cpu) fn numbers(form: Form) -> u64 {
    form.iter().enumerate().map(|(at, &is_number)| u64::from(is_number) << at).sum()
}

struct Streams<J, T, const N: usize>(PhantomData<(J, T)>);

impl<T: Copy, const N: usize, J: OfMany<T, N>> Body for Streams<J, T, N> {
    type Arguments = Arguments;
    const WIDEST: Level = J::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let mut out = arguments.out.cast::<J::Out>();
        let mut from = [std::ptr::null::<T>(); N];
        let mut steps = [COPIES; N];
        for at in 0..N {
            from[at] = arguments.operands[at].cast();
            steps[at] *= usize::from(arguments.extra >> at & 1 == 0);
        }
        for _ in 0..arguments.length / COPIES {
            // SAFETY: the caller keeps the contract of `Loop` for these types: a block is left of every tile, and
            // numbers have as many copies.
            unsafe {
                block::<T, J, N>(out, &from);
                out = out.add(COPIES);
                for at in 0..N {
                    from[at] = from[at].add(steps[at]);
                }
            }
        }
        // SAFETY: as above, for what is less than a block.
        unsafe { rest::<T, J, N>(out, &from, arguments.length % COPIES) };
    }
}

/// # Safety
/// A block of each operand is readable, and one of results writable.
#[inline(always)]
unsafe fn block<T: Copy, J: OfMany<T, N>, const N: usize>(out: *mut J::Out, from: &[*const T; N]) {
    // SAFETY: the caller's contract. Copies, so that the compiler need not ask whether they overlap.
    unsafe {
        let mut given = [from[0].cast::<[T; COPIES]>().read_unaligned(); N];
        for operand in 1..N {
            given[operand] = from[operand].cast::<[T; COPIES]>().read_unaligned();
        }
        let element = |at: usize| {
            let mut numbers = [given[0][at]; N];
            for operand in 1..N {
                numbers[operand] = given[operand][at];
            }
            J::apply(numbers)
        };
        let mut results = [element(0); COPIES];
        for (at, result) in results.iter_mut().enumerate() {
            *result = element(at);
        }
        out.cast::<[J::Out; COPIES]>().write_unaligned(results);
    }
}

/// # Safety
/// As [`block`], for so many elements.
#[inline(always)]
unsafe fn rest<T: Copy, J: OfMany<T, N>, const N: usize>(
    out: *mut J::Out,
    from: &[*const T; N],
    length: usize,
) {
    for at in 0..length {
        // SAFETY: the caller's contract.
        unsafe {
            let mut numbers = [from[0].add(at).read(); N];
            for operand in 1..N {
                numbers[operand] = from[operand].add(at).read();
            }
            out.add(at).write(J::apply(numbers));
        }
    }
}

/// The loop of what happens to elements of type `T`.
pub(super) fn streams<J: OfMany<T, N>, T: Copy, const N: usize>(level: Level) -> Loop {
    compiled::<Streams<J, T, N>>(level)
}
