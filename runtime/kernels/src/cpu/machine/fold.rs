//! Folds: many elements to one, in the order that every device follows.
//!
//! Element `i` goes to lane `i % 32`. A lane starts at the identity and folds in order inside of blocks of 2,048
//! elements. Blocks are combined lane by lane like a binary counter: block `b` merges with the last one kept while
//! low bits of `b` are 1, the older operand on the left. What is left is combined from the last one kept down; then
//! lanes halve: lane `l` with `l + 16`, `l + 8`, .., `l + 1`. So neither the width of vectors nor the number of
//! threads matters, and the error of a sum grows with the logarithm of its length.

use std::marker::PhantomData;

use super::binary::{Add, And, Apply, Maximum, Minimum, Multiply, Or, Xor};
use super::{Body, compiled};
use crate::rows::Fold;
use crate::{Level, Number};

/// Elements that fold side by side.
pub const LANES: usize = 32;
/// Elements that fold in order before lanes are kept.
pub const BLOCK: usize = 2048;

/// What a loop of a fold works on. Rows are `count` groups of `inner` elements: each place of a group folds
/// on its own.
#[derive(Debug, Clone, Copy)]
pub struct Arguments {
    /// Where results go: `rows * inner` of them.
    pub out: *mut u8,
    /// The elements: `rows * count * inner`.
    pub from: *const u8,
    /// Lanes, the number of kept ones, and these: [`state_bytes`].
    pub state: *mut u8,
    /// Number of rows.
    pub rows: usize,
    /// Groups of each row that are here.
    pub count: usize,
    /// Groups of the row that came before.
    pub start: usize,
    /// Elements of a group.
    pub inner: usize,
}

/// The loops of a fold.
#[derive(Debug, Clone, Copy)]
pub struct Loops {
    /// Folds rows that are here as a whole.
    pub whole: unsafe fn(&Arguments),
    /// Folds the next part of one row.
    pub feed: unsafe fn(&Arguments),
    /// The result of a row of `start` groups that were fed.
    pub finish: unsafe fn(&Arguments),
}

/// Bytes of the state of a fold of rows of `count` groups of `inner` elements of so many bytes.
pub fn state_bytes(bytes: usize, inner: usize, count: usize) -> usize {
    let kept = (count / BLOCK + 1).ilog2() as usize + 1;
    (1 + kept) * LANES * inner * bytes
}

/// A fold with an instruction that has an identity.
trait Folds<T>: Apply<T, Out = T> {
    const IDENTITY: T;
    /// Whether any order gives the same bits.
    const FORGETS_ORDER: bool;
    /// As [`Body::WIDEST`].
    const WIDEST: Level;
}

/// Of every instruction whether it forgets order, the widest level of its folds of 32 bits (those of others have no
/// level of their own), and its identities.
macro_rules! identities {
    ($($Name:ident $forgets_order:literal $level:ident: $($T:ty = $identity:expr),*;)*) => {$(
        $(impl Folds<$T> for $Name {
            const IDENTITY: $T = $identity;
            const FORGETS_ORDER: bool = $forgets_order;
            const WIDEST: Level =
                if size_of::<$T>() == 4 { Level::$level } else { Level::Portable };
        })*
    )*};
}
identities! {
    // A sum that starts at -0.0 keeps the sign of a zero.
    Add false Avx2: f32 = -0.0, f64 = -0.0;
    Add true Avx2: u8 = 0, u16 = 0, u32 = 0, u64 = 0;
    Multiply false Portable: f32 = 1.0, f64 = 1.0;
    Multiply true Portable: u8 = 1, u16 = 1, u32 = 1, u64 = 1;
    Maximum true Avx2: f32 = f32::NEG_INFINITY, f64 = f64::NEG_INFINITY, u8 = 0, u16 = 0, u32 = 0, u64 = 0,
        i8 = i8::MIN, i16 = i16::MIN, i32 = i32::MIN, i64 = i64::MIN;
    Minimum true Avx2: f32 = f32::INFINITY, f64 = f64::INFINITY, u8 = u8::MAX, u16 = u16::MAX, u32 = u32::MAX,
        u64 = u64::MAX, i8 = i8::MAX, i16 = i16::MAX, i32 = i32::MAX, i64 = i64::MAX;
    And true Portable: u8 = !0, u16 = !0, u32 = !0, u64 = !0;
    Or true Portable: u8 = 0, u16 = 0, u32 = 0, u64 = 0;
    Xor true Portable: u8 = 0, u16 = 0, u32 = 0, u64 = 0;
}

/// The lanes of one row, or of a group of rows side by side.
type Lanes<T> = [T; LANES];

#[inline(always)]
fn combine<T: Copy, I: Apply<T, Out = T>>(left: &mut [T], right: &[T]) {
    left.iter_mut().zip(right).for_each(|(x, &y)| *x = I::apply(*x, y));
}

/// Lanes to one: the first lane of each is left.
#[inline(always)]
fn halve<T: Copy, I: Apply<T, Out = T>>(lanes: &mut [T], inner: usize, used: usize) {
    let mut width = used / 2;
    while width > 0 {
        let (left, right) = lanes.split_at_mut(width * inner);
        combine::<T, I>(left, &right[..width * inner]);
        width /= 2;
    }
}

/// Folds elements into lanes, the first of them into lane `start % 32`.
#[inline(always)]
fn fold_into<T: Copy, I: Apply<T, Out = T>>(lanes: &mut Lanes<T>, elements: &[T], start: usize) {
    let behind = (LANES - start % LANES) % LANES;
    let (head, rest) = elements.split_at(behind.min(elements.len()));
    combine::<T, I>(&mut lanes[LANES - behind..], head);
    let mut sums = *lanes;
    let mut chunks = rest.chunks_exact(LANES);
    for chunk in chunks.by_ref() {
        for lane in 0..LANES {
            sums[lane] = I::apply(sums[lane], chunk[lane]);
        }
    }
    combine::<T, I>(&mut sums, chunks.remainder());
    *lanes = sums;
}

/// Folds rows of `count` elements, of which no two share one of `USED` lanes. Lanes without one change nothing.
#[inline(always)]
fn short<T: Copy, I: Folds<T>, const USED: usize>(results: &mut [T], elements: &[T], count: usize) {
    for (row, result) in results.iter_mut().enumerate() {
        let mut lanes = [I::IDENTITY; USED];
        for (lane, &element) in lanes.iter_mut().zip(&elements[row * count..][..count]) {
            *lane = I::apply(*lane, element);
        }
        halve::<T, I>(&mut lanes, 1, USED);
        *result = lanes[0];
    }
}

/// As [`fold_into`], where a lane is a group of `inner` elements: one lane is enough where order is of no account.
#[inline(always)]
fn fold_groups<T: Copy, I: Folds<T>>(lanes: &mut [T], elements: &[T], start: usize, inner: usize) {
    for (at, group) in elements.chunks_exact(inner).enumerate() {
        let lane = if I::FORGETS_ORDER { 0 } else { (start + at) % LANES };
        combine::<T, I>(&mut lanes[lane * inner..][..inner], group);
    }
}

/// The state of a fold in memory: lanes in use first, then those that are kept, the oldest first.
struct State<'a, T> {
    lanes: &'a mut [T],
    kept: &'a mut [T],
}

impl<'a, T: Copy> State<'a, T> {
    /// # Safety
    /// As [`Arguments`].
    #[inline(always)]
    unsafe fn of(arguments: &Arguments) -> State<'a, T> {
        let size = LANES * arguments.inner;
        let kept = ((arguments.start + arguments.count) / BLOCK + 1).ilog2() as usize + 1;
        // SAFETY: the caller vouches for a state of this size, which nothing else uses now.
        let all = unsafe { std::slice::from_raw_parts_mut(arguments.state.cast::<T>(), (1 + kept) * size) };
        let (lanes, kept) = all.split_at_mut(size);
        State { lanes, kept }
    }

    /// Keeps the lanes of block number `block`, merged with what is kept; there are as many as `block` has bits.
    #[inline(always)]
    fn keep<I: Apply<T, Out = T>>(&mut self, block: usize) {
        let (size, mut depth) = (self.lanes.len(), block.count_ones() as usize);
        for _ in 0..block.trailing_ones() {
            depth -= 1;
            let older = &self.kept[depth * size..][..size];
            self.lanes.iter_mut().zip(older).for_each(|(x, &y)| *x = I::apply(y, *x));
        }
        self.kept[depth * size..][..size].copy_from_slice(self.lanes);
    }
}

struct Whole<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Folds<T>> Body for Whole<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = <I as Folds<T>>::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { out, from, rows, count, inner, .. } = arguments;
        // SAFETY: the caller vouches for elements and results of this type.
        let (results, elements) = unsafe {
            let results = std::slice::from_raw_parts_mut(out.cast::<T>(), rows * inner);
            (results, std::slice::from_raw_parts(from.cast::<T>(), rows * count * inner))
        };
        let used = count.next_power_of_two().min(LANES);
        if inner == 1 {
            match used {
                1..=4 => return short::<T, I, 4>(results, elements, count),
                5..=16 => return short::<T, I, 16>(results, elements, count),
                _ => {}
            }
        }
        for row in 0..rows {
            let elements = &elements[row * count * inner..][..count * inner];
            if inner == 1 {
                let mut lanes = [I::IDENTITY; LANES];
                fold_into::<T, I>(&mut lanes, elements, 0);
                halve::<T, I>(&mut lanes, 1, used);
                results[row] = lanes[0];
            } else {
                let used = if I::FORGETS_ORDER { 1 } else { used };
                // SAFETY: as above, for the state.
                let State { lanes, .. } = unsafe { State::of(arguments) };
                lanes[..used * inner].fill(I::IDENTITY);
                fold_groups::<T, I>(lanes, elements, 0, inner);
                halve::<T, I>(lanes, inner, used);
                results[row * inner..][..inner].copy_from_slice(&lanes[..inner]);
            }
        }
    }
}

struct Feed<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Folds<T>> Body for Feed<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = <I as Folds<T>>::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { from, count, inner, start, .. } = arguments;
        // SAFETY: the caller vouches for elements and state of this type.
        let (mut elements, mut state) = unsafe {
            (std::slice::from_raw_parts(from.cast::<T>(), count * inner), State::<T>::of(arguments))
        };
        let mut at = start;
        while !elements.is_empty() {
            if at % BLOCK == 0 {
                state.lanes.fill(I::IDENTITY);
            }
            let room = (BLOCK - at % BLOCK).min(elements.len() / inner);
            let (now, later) = elements.split_at(room * inner);
            match <&mut Lanes<T>>::try_from(&mut *state.lanes) {
                Ok(lanes) if inner == 1 => fold_into::<T, I>(lanes, now, at),
                Ok(_) | Err(_) => fold_groups::<T, I>(state.lanes, now, at, inner),
            }
            (at, elements) = (at + room, later);
            if at % BLOCK == 0 {
                state.keep::<I>(at / BLOCK - 1);
            }
        }
    }
}

struct Finish<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Folds<T>> Body for Finish<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Portable;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { out, inner, start, .. } = arguments;
        // SAFETY: the caller vouches for results and state of this type.
        let (results, state) =
            unsafe { (std::slice::from_raw_parts_mut(out.cast::<T>(), inner), State::<T>::of(arguments)) };
        let (size, mut depth) = (state.lanes.len(), (start / BLOCK).count_ones() as usize);
        if start == 0 {
            state.lanes.fill(I::IDENTITY);
        } else if start % BLOCK == 0 {
            depth -= 1;
            state.lanes.copy_from_slice(&state.kept[depth * size..][..size]);
        }
        while depth > 0 {
            depth -= 1;
            let older = &state.kept[depth * size..][..size];
            state.lanes.iter_mut().zip(older).for_each(|(x, &y)| *x = I::apply(y, *x));
        }
        halve::<T, I>(state.lanes, inner, LANES);
        results.copy_from_slice(&state.lanes[..inner]);
    }
}

fn loops<I: Folds<T>, T: Copy>(level: Level) -> Loops {
    Loops {
        whole: compiled::<Whole<I, T>>(level),
        feed: compiled::<Feed<I, T>>(level),
        finish: compiled::<Finish<I, T>>(level),
    }
}

/// Folds groups of elements, in an order that compilers choose.
#[inline(always)]
fn fold_in_any_order<T: Copy, I: Apply<T, Out = T>>(sofar: &mut [T], elements: &[T]) {
    if let [sofar] = sofar {
        *sofar = elements.iter().fold(*sofar, |sofar, &element| I::apply(sofar, element));
    } else {
        elements.chunks_exact(sofar.len()).for_each(|group| combine::<T, I>(sofar, group));
    }
}

/// As [`Whole`], of integers, whose order is of no account: lanes of theirs would take long to compile.
struct WholeOfIntegers<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Folds<T>> Body for WholeOfIntegers<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = <I as Folds<T>>::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { out, from, rows, count, inner, .. } = arguments;
        for row in 0..rows {
            // SAFETY: the caller vouches for elements and results of this type.
            let (results, elements) = unsafe {
                let (out, from) =
                    (out.cast::<T>().add(row * inner), from.cast::<T>().add(row * count * inner));
                (std::slice::from_raw_parts_mut(out, inner), std::slice::from_raw_parts(from, count * inner))
            };
            results.fill(I::IDENTITY);
            fold_in_any_order::<T, I>(results, elements);
        }
    }
}

/// As [`Feed`], of integers: the state is what they have come to so far.
struct FeedOfIntegers<I, T>(PhantomData<(I, T)>);

impl<T: Copy, I: Folds<T>> Body for FeedOfIntegers<I, T> {
    type Arguments = Arguments;
    const WIDEST: Level = <I as Folds<T>>::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { from, state, count, inner, start, .. } = arguments;
        // SAFETY: the caller vouches for elements and state of this type.
        let (sofar, elements) = unsafe {
            let elements = std::slice::from_raw_parts(from.cast::<T>(), count * inner);
            (std::slice::from_raw_parts_mut(state.cast::<T>(), inner), elements)
        };
        if start == 0 {
            sofar.fill(I::IDENTITY);
        }
        fold_in_any_order::<T, I>(sofar, elements);
    }
}

/// As [`Finish`], of integers.
unsafe fn finish_integers<T: Copy, I: Folds<T>>(arguments: &Arguments) {
    let &Arguments { out, state, inner, start, .. } = arguments;
    // SAFETY: the caller vouches for results and state of this type.
    let (results, sofar) = unsafe {
        let results = std::slice::from_raw_parts_mut(out.cast::<T>(), inner);
        (results, std::slice::from_raw_parts(state.cast::<T>(), inner))
    };
    if start == 0 {
        results.fill(I::IDENTITY);
    } else {
        results.copy_from_slice(sofar);
    }
}

fn loops_of_integers<I: Folds<T>, T: Copy>(level: Level) -> Loops {
    Loops {
        whole: compiled::<WholeOfIntegers<I, T>>(level),
        feed: compiled::<FeedOfIntegers<I, T>>(level),
        finish: finish_integers::<T, I>,
    }
}

/// The loops of a fold of numbers of a type in registers; `None` if there is no such fold of the type.
pub fn fold(fold: Fold, number: Number, level: Level) -> Option<Loops> {
    macro_rules! floats {
        ($I:ident) => {
            match number {
                Number::F32 => Some(loops::<$I, f32>(level)),
                Number::F64 => Some(loops::<$I, f64>(level)),
                _ => None,
            }
        };
    }
    macro_rules! by_width {
        ($I:ident) => {
            match number {
                Number::I1 | Number::I8 | Number::U8 => Some(loops_of_integers::<$I, u8>(level)),
                Number::I16 | Number::U16 => Some(loops_of_integers::<$I, u16>(level)),
                Number::I32 | Number::U32 => Some(loops_of_integers::<$I, u32>(level)),
                Number::I64 | Number::U64 => Some(loops_of_integers::<$I, u64>(level)),
                Number::F16 | Number::Bf16 | Number::F32 | Number::F64 => None,
            }
        };
    }
    macro_rules! signed {
        ($I:ident) => {
            match number {
                Number::I8 => Some(loops_of_integers::<$I, i8>(level)),
                Number::I16 => Some(loops_of_integers::<$I, i16>(level)),
                Number::I32 => Some(loops_of_integers::<$I, i32>(level)),
                Number::I64 => Some(loops_of_integers::<$I, i64>(level)),
                _ => None,
            }
        };
    }
    let is_truth = number == Number::I1;
    match fold {
        Fold::Sum | Fold::Maximum | Fold::Or if is_truth => by_width!(Or),
        Fold::Product | Fold::Minimum | Fold::And if is_truth => by_width!(And),
        Fold::Sum => floats!(Add).or_else(|| by_width!(Add)),
        Fold::Product => floats!(Multiply).or_else(|| by_width!(Multiply)),
        Fold::Maximum => floats!(Maximum).or_else(|| signed!(Maximum)).or_else(|| by_width!(Maximum)),
        Fold::Minimum => floats!(Minimum).or_else(|| signed!(Minimum)).or_else(|| by_width!(Minimum)),
        Fold::And => by_width!(And),
        Fold::Or => by_width!(Or),
        Fold::Xor => by_width!(Xor),
    }
}
