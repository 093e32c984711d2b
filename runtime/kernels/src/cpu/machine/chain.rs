//! Running folds along a few rows: every element is replaced by the fold of all up to it.
//!
//! Additions of a chain wait for one another: a few rows at once hide that.

use std::marker::PhantomData;

use super::binary::{Add, And, Apply, Maximum, Minimum, Multiply, Or, Xor};
use super::{Body, compiled};
use crate::instruction::Binary;
use crate::{Level, Number};

/// Rows that run side by side.
pub const ROWS: usize = 4;

/// What a chain works on. Rows that lie at the same place count as one.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// The first element of each row.
    pub from: [*const u8; ROWS],
    /// Where its fold goes.
    pub to: [*mut u8; ROWS],
    /// Where the fold of what came before lies, and is replaced by that of all: one number for each row.
    pub sofar: *mut u8,
    /// Elements of a row.
    pub length: usize,
    /// How far apart they lie, where they come from and where they go.
    pub steps: [isize; 2],
}

struct Chain<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Apply<T, Out = T>> Body for Chain<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Portable;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { from, to, sofar, length, steps: [step, stride] } = arguments;
        // SAFETY: the caller vouches for rows of so many elements of this type, and for one number for each.
        unsafe {
            let mut folds: [T; ROWS] = sofar.cast::<[T; ROWS]>().read();
            for at in 0..length as isize {
                for row in 0..ROWS {
                    folds[row] = I::apply(folds[row], from[row].cast::<T>().offset(at * step).read());
                    to[row].cast::<T>().offset(at * stride).write(folds[row]);
                }
            }
            sofar.cast::<[T; ROWS]>().write(folds);
        }
    }
}

/// The chain of an instruction on numbers of a type in registers; `None` if there is none.
pub fn chain(op: Binary, number: Number, level: Level) -> Option<unsafe fn(&Arguments)> {
    macro_rules! of {
        ($I:ident: $($number:pat => $T:ty),*) => {
            match number {
                $($number => Some(compiled::<Chain<$I, $T>>(level)),)*
                #[allow(unreachable_patterns)]
                _ => None,
            }
        };
    }
    macro_rules! bits {
        ($I:ident) => {
            of!($I: Number::I1 | Number::I8 | Number::U8 => u8, Number::I16 | Number::U16 => u16,
                Number::I32 | Number::U32 => u32, Number::I64 | Number::U64 => u64)
        };
    }
    macro_rules! numbers {
        ($I:ident) => {
            of!($I: Number::F32 => f32, Number::F64 => f64, Number::I8 | Number::U8 => u8,
                Number::I16 | Number::U16 => u16, Number::I32 | Number::U32 => u32, Number::I64 | Number::U64 => u64)
        };
    }
    macro_rules! ordered {
        ($I:ident) => {
            of!($I: Number::F32 => f32, Number::F64 => f64, Number::I8 => i8, Number::I16 => i16, Number::I32 => i32,
                Number::I64 => i64, Number::U8 => u8, Number::U16 => u16, Number::U32 => u32, Number::U64 => u64)
        };
    }
    match op {
        Binary::Add | Binary::Maximum if number == Number::I1 => bits!(Or),
        Binary::Multiply | Binary::Minimum if number == Number::I1 => bits!(And),
        Binary::Add => numbers!(Add),
        Binary::Multiply => numbers!(Multiply),
        Binary::Maximum => ordered!(Maximum),
        Binary::Minimum => ordered!(Minimum),
        Binary::And => bits!(And),
        Binary::Or => bits!(Or),
        Binary::Xor => bits!(Xor),
        _ => None,
    }
}
