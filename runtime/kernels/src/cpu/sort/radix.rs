//! Unsigned integers in order: by their digits, the lowest first, or by comparing where there are few.

/// An item that is sorted: a key, or one above the place that it had.
pub(super) trait Item: Copy + Ord {
    /// The first bit of the key.
    const KEY: u32;
    /// Whether keys have more than 32 bits.
    const IS_WIDE: bool;
    /// The item of a key that fits, and of a place, if it is kept.
    fn of(key: u64, place: u32) -> Self;
    /// The key.
    fn key(self) -> u64;
    /// The place, if it is kept.
    fn place(self) -> u32;
    /// The key without as many of its lowest bits.
    fn above(self, bit: u32) -> usize;
}

macro_rules! items {
    ($($T:ty, $key:expr, |$k:ident, $place:ident| $of:expr;)*) => {$(
        impl Item for $T {
            const KEY: u32 = $key;
            const IS_WIDE: bool = size_of::<$T>() == 16;
            #[inline(always)]
            fn of($k: u64, $place: u32) -> $T {
                $of
            }
            #[inline(always)]
            fn key(self) -> u64 {
                (self >> Self::KEY) as u64
            }
            #[inline(always)]
            fn place(self) -> u32 {
                self as u32
            }
            #[inline(always)]
            fn above(self, bit: u32) -> usize {
                (self >> (Self::KEY + bit)) as usize
            }
        }
    )*};
}
items! {
    u32, 0, |key, _place| key as u32;
    u64, 32, |key, place| key << 32 | u64::from(place);
    u128, 32, |key, place| u128::from(key) << 32 | u128::from(place);
}

/// A key of 64 bits alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub(super) struct Wide(u64);

impl Item for Wide {
    const KEY: u32 = 0;
    const IS_WIDE: bool = true;
    #[inline(always)]
    fn of(key: u64, _place: u32) -> Wide {
        Wide(key)
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self.0
    }
    #[inline(always)]
    fn place(self) -> u32 {
        0
    }
    #[inline(always)]
    fn above(self, bit: u32) -> usize {
        (self.0 >> bit) as usize
    }
}

/// Items below which comparing is faster than counting.
const FEW: usize = 2048;

/// Bits of a digit: as many as let the counts of all digits stay in the first cache.
const BITS: u32 = 11;

/// Values of a digit.
const VALUES: usize = 1 << BITS;

/// Brings items in order if their places, where they are kept, are in order; `space` has room for as many.
pub(super) fn sort<T: Item>(items: &mut [T], space: &mut [T]) {
    match items.len() {
        ..FEW => items.sort_unstable(),
        FEW.. if T::IS_WIDE => by_digits::<T, 6>(items, space),
        FEW.. => by_digits::<T, 3>(items, space),
    }
}

/// Brings items in order by so many digits of their keys.
fn by_digits<T: Item, const DIGITS: usize>(items: &mut [T], space: &mut [T]) {
    let value = |item: T, digit: usize| item.above(BITS * digit as u32) % VALUES;
    let mut counts = [[0u32; VALUES]; DIGITS];
    for &item in &*items {
        for (digit, counts) in counts.iter_mut().enumerate() {
            counts[value(item, digit)] += 1;
        }
    }
    let space = &mut space[..items.len()];
    let (mut from, mut to, mut is_in_space) = (items, space, false);
    for (digit, counts) in counts.iter_mut().enumerate() {
        // A digit that all have alike orders nothing.
        if counts[value(from[0], digit)] as usize == from.len() {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            (*count, start) = (start, start + *count);
        }
        for &item in &*from {
            let place = &mut counts[value(item, digit)];
            to[*place as usize] = item;
            *place += 1;
        }
        (from, to, is_in_space) = (to, from, !is_in_space);
    }
    if is_in_space {
        to.copy_from_slice(from);
    }
}
