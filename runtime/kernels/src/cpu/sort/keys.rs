//! Elements as unsigned integers in the order that is asked for.

use crate::Number;
use crate::cpu::machine::moves::with_width;
use crate::sort::Order;

/// How the bits of an element become a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coding {
    /// Bytes of an element.
    pub bytes: usize,
    class: Class,
    /// All bits of an element.
    mask: u64,
    sign: u64,
    /// Turns the order round.
    flip: u64,
}

#[derive(Debug, Clone, Copy)]
enum Class {
    Unsigned,
    Signed,
    /// Floats in total order.
    Float,
    /// Floats with one zero and one NaN, above the infinity with these bits.
    Unified(u64),
}

/// What a row has that makes elements with different bits equal, or keys no order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Special {
    pub nan: bool,
    pub negative_zero: bool,
}

impl Special {
    /// Whether elements with one key have the same bits.
    pub(super) fn is_none(self) -> bool {
        !self.nan && !self.negative_zero
    }
}

impl Coding {
    pub(super) fn of(number: Number, order: Order, descending: bool) -> Coding {
        let bytes = number.bytes();
        let mask = u64::MAX >> (64 - 8 * bytes);
        let infinity = match number {
            Number::F16 => 0x7C00,
            Number::Bf16 => 0x7F80,
            Number::F32 => u64::from(f32::INFINITY.to_bits()),
            _ => f64::INFINITY.to_bits(),
        };
        let class = match (number, order) {
            (Number::I8 | Number::I16 | Number::I32 | Number::I64, _) => Class::Signed,
            (_, _) if !number.is_float() => Class::Unsigned,
            (_, Order::Total) => Class::Float,
            (_, Order::Natural | Order::NanGreatest) => Class::Unified(infinity),
        };
        Coding { bytes, class, mask, sign: mask ^ mask >> 1, flip: if descending { mask } else { 0 } }
    }

    /// The key of what is NaN in an order with one of them.
    pub(super) fn nan(&self) -> u64 {
        self.mask ^ self.flip
    }

    #[inline(always)]
    fn of_float(&self, bits: u64) -> u64 {
        // Of a negative one all bits turn round, of another one the sign.
        if bits & self.sign != 0 { !bits & self.mask } else { bits | self.sign }
    }

    /// Makes the keys of a row, of elements `stride` apart: `keep` gets each key and its place.
    ///
    /// # Safety
    /// `from` is the first of `length` elements of so many bytes, aligned, which nothing writes now.
    pub(super) unsafe fn keys(
        &self,
        from: *const u8,
        stride: isize,
        length: usize,
        mut keep: impl FnMut(usize, u64),
    ) -> Special {
        let mut special = Special::default();
        with_width!(self.bytes, T => {
            // SAFETY: the caller vouches for the elements.
            let bits = |at: usize| word(unsafe {
                from.cast::<T>().wrapping_offset(at as isize * stride).read()
            });
            match self.class {
                Class::Unsigned => (0..length).for_each(|at| keep(at, bits(at) ^ self.flip)),
                Class::Signed => (0..length).for_each(|at| keep(at, bits(at) ^ self.sign ^ self.flip)),
                Class::Float => (0..length).for_each(|at| keep(at, self.of_float(bits(at)) ^ self.flip)),
                Class::Unified(infinity) => for at in 0..length {
                    let bits = bits(at);
                    let size = bits & !self.sign;
                    let (is_nan, is_negative_zero) = (size > infinity, bits == self.sign);
                    special.nan |= is_nan;
                    special.negative_zero |= is_negative_zero;
                    let number = self.of_float(if is_negative_zero { 0 } else { bits });
                    keep(at, if is_nan { self.mask } else { number } ^ self.flip);
                },
            }
        });
        special
    }

    /// The bits of the only element that has this key.
    #[inline(always)]
    pub(super) fn element(&self, key: u64) -> u64 {
        let key = key ^ self.flip;
        match self.class {
            Class::Unsigned => key,
            Class::Signed => key ^ self.sign,
            Class::Float | Class::Unified(_) => {
                if key & self.sign != 0 {
                    key ^ self.sign
                } else {
                    !key & self.mask
                }
            }
        }
    }
}

/// The bits of an element, with zeros above.
#[inline(always)]
fn word(bits: impl Into<u64>) -> u64 {
    bits.into()
}
