//! Unsigned integers in order: by their digits, the lowest first, or by comparing where there are few.

/// An item that is sorted: a key, or one above the place that it had.
pub(super) trait Item: Copy + Ord {
    /// The first bit of the key.
    const KEY: u32;
    /// The item of a key that fits, and of a place, if it is kept.
    fn of(key: u64, place: u32) -> Self;
    /// The key.
    fn key(self) -> u64;
    /// The place, if it is kept.
    fn place(self) -> u32;
    /// Eight bits of the key.
    fn digit(self, digit: usize) -> usize;
}

macro_rules! items {
    ($($T:ty, $key:expr, |$k:ident, $place:ident| $of:expr;)*) => {$(
        impl Item for $T {
            const KEY: u32 = $key;
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
            fn digit(self, digit: usize) -> usize {
                (self >> (Self::KEY + 8 * digit as u32)) as usize & 0xFF
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
    fn digit(self, digit: usize) -> usize {
        (self.0 >> (8 * digit)) as usize & 0xFF
    }
}

/// Items below which comparing is faster than counting.
const FEW: usize = 512;

/// Digits of a key, at most.
const DIGITS: usize = 8;

/// Brings items with keys of so many bytes in order, if their places, where they are kept, are in order; `space` has room
/// for as many.
pub(super) fn sort<T: Item>(items: &mut [T], space: &mut [T], digits: usize) {
    if items.len() < FEW * digits / 4 {
        return items.sort_unstable();
    }
    let mut counts = [[0u32; 256]; DIGITS];
    for item in &*items {
        for (digit, counts) in counts.iter_mut().enumerate().take(digits) {
            counts[item.digit(digit)] += 1;
        }
    }
    let space = &mut space[..items.len()];
    let (mut from, mut to, mut is_in_space) = (items, space, false);
    for (digit, counts) in counts.iter_mut().enumerate().take(digits) {
        // A digit that all have alike orders nothing.
        if counts[from[0].digit(digit)] as usize == from.len() {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            (*count, start) = (start, start + *count);
        }
        for item in &*from {
            let place = &mut counts[item.digit(digit)];
            to[*place as usize] = *item;
            *place += 1;
        }
        (from, to, is_in_space) = (to, from, !is_in_space);
    }
    if is_in_space {
        to.copy_from_slice(from);
    }
}
