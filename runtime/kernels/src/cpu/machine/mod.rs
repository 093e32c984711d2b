//! The vector machine: one loop over a tile for every instruction, number type and form of operands.
//!
//! A loop is a function pointer, chosen when a plan is made. Must not live here: which instructions run in which
//! order over which tiles ([`super::rows`]).

pub mod binary;
pub mod chain;
pub mod choose;
pub mod combine;
pub mod compare;
pub mod convert;
pub mod copies;
pub mod fold;
pub mod fused;
pub mod moves;
pub mod pairs;
pub mod select;
pub mod step;
pub mod streams;
pub mod unary;

use crate::Level;

/// What a loop reads and writes. Results overlap no operand.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// Where results go.
    pub out: *mut u8,
    /// The operands; of a scalar one, [`streams::COPIES`] copies.
    pub operands: [*const u8; 3],
    /// Number of results.
    pub length: usize,
    /// What an instruction is handed beside its operands.
    pub extra: u64,
}

/// Runs an instruction over a tile.
///
/// # Safety
/// The pointers are those of elements of the types that the loop was chosen for, aligned for these, as many as the
/// length says and the form of the operand; results overlap no operand; and the processor has the loop's level.
pub type Loop = unsafe fn(&Arguments);

/// Whether each operand is a whole tile (`false`) or one number for all places, of which it has copies (`true`).
pub type Form = [bool; 3];

/// A loop that is compiled for each level from one body.
pub(in crate::cpu) trait Body {
    /// What it is called with.
    type Arguments;
    /// The widest level that it is compiled for: compiling takes time, which few loops are worth at every level.
    const WIDEST: Level;
    /// The loop.
    ///
    /// # Safety
    /// As [`Loop`], or as the arguments' type says.
    unsafe fn run(arguments: &Self::Arguments);
}

/// The body compiled for a level.
pub(in crate::cpu) fn compiled<B: Body>(level: Level) -> unsafe fn(&B::Arguments) {
    unsafe fn portable<B: Body>(arguments: &B::Arguments) {
        // SAFETY: the caller keeps the loop's contract.
        unsafe { B::run(arguments) }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2<B: Body>(arguments: &B::Arguments) {
        // SAFETY: the caller keeps the loop's contract.
        unsafe { B::run(arguments) }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
    unsafe fn avx512<B: Body>(arguments: &B::Arguments) {
        // SAFETY: the caller keeps the loop's contract.
        unsafe { B::run(arguments) }
    }
    // What no level takes is not compiled: the constant decides before that.
    #[cfg(target_arch = "x86_64")]
    if const { matches!(B::WIDEST, Level::Avx512) } && level == Level::Avx512 {
        return avx512::<B>;
    }
    #[cfg(target_arch = "x86_64")]
    if const { !matches!(B::WIDEST, Level::Portable) } && level >= Level::Avx2 {
        return avx2::<B>;
    }
    portable::<B>
}

impl Arguments {
    /// The results, to be written.
    ///
    /// # Safety
    /// As [`Loop`], for elements of type `T`.
    #[inline(always)]
    unsafe fn results<'a, T>(&self) -> &'a mut [T] {
        // SAFETY: the results are elements of this type, `length` of them, which nothing else reads or writes now.
        unsafe { std::slice::from_raw_parts_mut(self.out.cast(), self.length) }
    }

    /// An operand that is a whole tile.
    ///
    /// # Safety
    /// As [`Loop`], for elements of type `T`.
    #[inline(always)]
    unsafe fn tile<'a, T>(&self, operand: usize) -> &'a [T] {
        // SAFETY: the operand is as many elements of this type, which nothing writes now.
        unsafe { std::slice::from_raw_parts(self.operands[operand].cast(), self.length) }
    }

    /// An operand that is one element.
    ///
    /// # Safety
    /// As [`Loop`], for an element of type `T`.
    #[inline(always)]
    unsafe fn scalar<T: Copy>(&self, operand: usize) -> T {
        // SAFETY: the operand is an element of this type.
        unsafe { self.operands[operand].cast::<T>().read() }
    }
}
