//! Integers narrower than a byte: `i2`, `i4`, `ui2` and `ui4`.

use std::fmt;

/// An integer of `BITS` bits, in two's complement if `SIGNED`, kept in a byte.
///
/// ```
/// use choral_ir::narrow::Narrow;
/// assert_eq!(Narrow::<4, true>::new(7 + 1).get(), -8);
/// assert_eq!(Narrow::<4, false>::new(15 + 1).get(), 0);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Narrow<const BITS: u32, const SIGNED: bool>(i8);

impl<const BITS: u32, const SIGNED: bool> Narrow<BITS, SIGNED> {
    /// The least and the greatest value.
    pub const RANGE: (i64, i64) =
        if SIGNED { (-(1 << (BITS - 1)), (1 << (BITS - 1)) - 1) } else { (0, (1 << BITS) - 1) };

    /// The value, wrapped into the range.
    pub const fn new(value: i64) -> Self {
        let kept = value << (64 - BITS);
        let value = if SIGNED { kept >> (64 - BITS) } else { (kept as u64 >> (64 - BITS)) as i64 };
        Narrow(value as i8)
    }

    /// The value.
    pub const fn get(self) -> i64 {
        self.0 as i64
    }

    /// The bit pattern, in the low bits.
    pub const fn bits(self) -> u64 {
        self.0 as u64 & ((1 << BITS) - 1)
    }

    /// The value nearest to `value`; NaN gives 0.
    pub const fn saturating(value: f64) -> Self {
        let (least, greatest) = Self::RANGE;
        let value = value as i64;
        Self::new(if value < least {
            least
        } else if value > greatest {
            greatest
        } else {
            value
        })
    }
}

impl<const BITS: u32, const SIGNED: bool> fmt::Display for Narrow<BITS, SIGNED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const BITS: u32, const SIGNED: bool> fmt::Debug for Narrow<BITS, SIGNED> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
