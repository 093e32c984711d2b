//! One function, one list of operations: the bits do not depend on the instruction set, the length, or the place.

use choral_kernels::Level;
use choral_kernels::functions::{Float, Function, FunctionOfTwo, Fused, Hardware, Software};

/// Random bits (Vigna's splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A float whose bits tests make and compare.
trait Bits: Float + std::fmt::Debug {
    fn from(bits: u64) -> Self;
    /// The bits; of every NaN the same, since its sign and payload are the processor's.
    fn bits(self) -> u64;
    const SPECIAL: &'static [Self];
}

macro_rules! bits {
    ($($Float:ident $Bits:ident),*) => {$(
        impl Bits for $Float {
            fn from(bits: u64) -> $Float {
                $Float::from_bits(bits as $Bits)
            }

            fn bits(self) -> u64 {
                u64::from(if $Float::is_nan(self) { $Float::NAN } else { self }.to_bits())
            }

            const SPECIAL: &'static [$Float] = &[
                0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1.5, 2.5, 1e10, -1e10, 1e-10, 1e30, -1e30,
                $Float::MAX, $Float::MIN, $Float::MIN_POSITIVE, -$Float::MIN_POSITIVE, $Float::EPSILON,
                $Float::MIN_POSITIVE * $Float::EPSILON, $Float::MIN_POSITIVE * -$Float::EPSILON,
                $Float::INFINITY, $Float::NEG_INFINITY, $Float::NAN, -$Float::NAN,
            ];
        }
    )*};
}
bits!(f32 u32, f64 u64);

/// Numbers with random bits, numbers of about 1 and special ones.
fn numbers<T: Bits>(count: usize, seed: u64) -> Vec<T> {
    let mut state = seed;
    let mut number = || {
        let (bits, kind) = (random(&mut state), random(&mut state));
        match kind % 8 {
            0 => T::SPECIAL[bits as usize % T::SPECIAL.len()],
            1..4 => T::of((bits as i64 as f64) * 2f64.powi(-60)),
            _ => T::from(bits),
        }
    };
    (0..count).map(|_| number()).collect()
}

fn available() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

fn same<T: Bits>(got: &[T], expected: &[T], what: impl Fn() -> String) {
    for (at, (x, y)) in got.iter().zip(expected).enumerate() {
        assert_eq!(x.bits(), y.bits(), "{} at {at}: {x:?}, not {y:?}", what());
    }
}

/// Of a tile of any length; and nothing behind it is touched.
fn unary<T: Bits>(length: usize, seed: u64) {
    let given = numbers::<T>(length + 1, seed);
    for &function in Function::ALL {
        let mut expected: Vec<T> = given.iter().map(|&x| function.of(x)).collect();
        expected[length] = given[length];
        for level in available() {
            let mut values = given.clone();
            function.apply(level, &mut values[..length]);
            same(&values, &expected, || format!("{function:?} {} of {length}", level.name()));
        }
    }
}

fn binary<T: Bits>(length: usize, seed: u64) {
    let (left, right) = (numbers::<T>(length + 1, seed), numbers::<T>(length, !seed));
    for &function in FunctionOfTwo::ALL {
        let pairs = left.iter().zip(&right);
        let mut expected: Vec<T> = pairs.map(|(&x, &y)| function.of(x, y)).collect();
        expected.push(left[length]);
        for level in available() {
            let mut values = left.clone();
            function.apply(level, &mut values[..length], &right);
            same(&values, &expected, || format!("{function:?} {} of {length}", level.name()));
        }
    }
}

#[test]
fn every_length_has_the_same_bits() {
    for length in 0..=70 {
        unary::<f32>(length, length as u64);
        unary::<f64>(length, length as u64);
        binary::<f32>(length, length as u64);
        binary::<f64>(length, length as u64);
    }
}

#[test]
fn many_numbers_have_the_same_bits() {
    unary::<f32>(50_000, 1);
    unary::<f64>(10_000, 2);
    binary::<f32>(50_000, 3);
    binary::<f64>(10_000, 4);
}

#[test]
#[ignore = "minutes long; in release"]
fn millions_of_numbers_have_the_same_bits() {
    for seed in 0..100 {
        unary::<f32>(100_000, 2 * seed);
        unary::<f64>(20_000, 2 * seed + 1);
        binary::<f32>(100_000, 2 * seed);
        binary::<f64>(20_000, 2 * seed + 1);
    }
}

/// The multiply-add worked out in `f64` is the processor's, or the C library's where that has none.
fn fused(a: f32, b: f32, c: f32) {
    let (got, expected) = (Software::single(a, b, c), Hardware::single(a, b, c));
    assert_eq!(Bits::bits(got), Bits::bits(expected), "{a:e} * {b:e} + {c:e} is {expected:e}, not {got:e}");
}

#[test]
fn multiply_adds_are_rounded_once() {
    // Just off the middle between two numbers, which a sum rounded twice does not see.
    let (one, last) = (1.0 + f32::EPSILON, f32::EPSILON / 2.0);
    fused(one, one, last);
    for step in [f32::MIN_POSITIVE, -f32::MIN_POSITIVE] {
        fused(step, f32::EPSILON, 1.0 + f32::EPSILON);
        fused(last, 1.0 + f32::EPSILON, step);
        fused(last, 1.0, step);
        fused(2f32.powi(30), 2f32.powi(-6), f32::EPSILON + step);
    }
    // Results that are subnormal, or that the product alone overflows.
    fused(f32::MIN_POSITIVE, 0.5 + f32::EPSILON, f32::from_bits(1));
    fused(f32::MAX, 2.0, -f32::MAX);
    fused(f32::MAX, 2.0, f32::NEG_INFINITY);
    let special = <f32 as Bits>::SPECIAL;
    for (&a, &b) in special.iter().flat_map(|a| special.iter().map(move |b| (a, b))) {
        special.iter().for_each(|&c| fused(a, b, c));
    }
    let numbers = numbers::<f32>(300_000, 5);
    numbers.chunks(3).for_each(|of| fused(of[0], of[1], of[2]));
    // Addends near the product, or near the last bit of it.
    let mut state = 6;
    for of in numbers.chunks(3) {
        let exponent = (random(&mut state) % 64) as i32 - 56;
        fused(of[0], of[1], -of[0] * of[1] + of[2] * 0.0);
        fused(of[0], of[1], of[0] * of[1] * 2f32.powi(exponent));
        let (x, y) = (
            1.0 + (of[0].to_bits() >> 9) as f32 * f32::EPSILON,
            1.0 + (of[1].to_bits() >> 9) as f32 * f32::EPSILON,
        );
        fused(x, y, 2f32.powi(exponent).copysign(of[2]));
    }
}
