//! The inverse error function that random draws are made with: XLA's approximation in single precision, to the bit.
//!
//! Lives here: the operations of `choral_ir::special`, without branches. The same fused multiply-adds stand in the same
//! order, so a test can ask for equal bits. Must not live here: what is only to be accurate.

use super::fused::Fused;
use super::real::{Real, select};

/// A constant of the approximation.
#[inline(always)]
fn constant<T: Real>(single: f32) -> T {
    T::of(f64::from(single))
}

/// The sum of powers of `x` with these coefficients, the highest power first.
#[inline(always)]
fn polynomial<T: Real, M: Fused, const N: usize>(x: T, coefficients: [f32; N]) -> T {
    let mut sum: T = constant(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = sum.fused::<M>(x, constant(coefficient));
    }
    sum
}

/// The natural logarithm of a positive normal number (of the Cephes library).
#[inline(always)]
fn log<T: Real, M: Fused>(x: T) -> T {
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const THIRDS: [[f32; 3]; 3] = [
        [0.070_376_836, -0.115_146_1, 0.116_769_98],
        [-0.124_201_41, 0.142_493_23, -0.166_680_57],
        [0.200_007_14, -0.249_999_94, 0.333_333_3],
    ];
    // Where the original brings a fraction below the root of 1/2 to above it, the fraction has been brought there.
    let (fraction, exponent) = x.split();
    let x = fraction - T::of(1.0);
    let square = x * x;
    let cube = square * x;
    let third = |at: usize| polynomial::<T, M, 3>(x, THIRDS[at]);
    let sum = third(0).fused::<M>(cube, third(1)).fused::<M>(cube, third(2));
    let small = sum.fused::<M>(cube, exponent * constant(LN_2[1]));
    exponent.fused::<M>(constant(LN_2[0]), T::of(-0.5).fused::<M>(square, x) + small)
}

/// `log(1 + x)` (a rational function of the Cephes library near zero).
#[inline(always)]
fn log_plus_one<T: Real, M: Fused>(x: T) -> T {
    const NUMERATOR: [f32; 7] = [
        4.527e-05,
        4.985_410_3e-01,
        6.578_732_5e+00,
        2.991_191_9e+01,
        6.094_967e+01,
        5.711_296_5e+01,
        2.003_955_3e+01,
    ];
    const DENOMINATOR: [f32; 7] = [1.0, 15.062_909, 83.047_57, 221.762_4, 309.098_72, 216.427_89, 60.118_66];
    let square = x * x;
    let quotient = polynomial::<T, M, 7>(x, NUMERATOR) / polynomial::<T, M, 7>(x, DENOMINATOR);
    let near = x + T::of(-0.5).fused::<M>(square, x * square * quotient);
    // The square root of 2, less 1.
    let is_far = constant::<T>(0.414_213_57).is_at_most(x.abs());
    select(is_far, log::<T, M>(x + T::of(1.0)), near)
}

/// The inverse error function of a number in single precision (Giles, "Approximating the erfinv function", 2012).
#[inline(always)]
fn single<T: Real, M: Fused>(x: T) -> T {
    const CENTRAL: [f32; 9] = [
        2.810_226_4e-08,
        3.432_739_4e-07,
        -3.523_387_7e-06,
        -4.391_506_4e-06,
        2.185_808_7e-04,
        -1.253_725e-03,
        -4.177_681_6e-03,
        2.466_407_3e-01,
        1.501_409_4,
    ];
    const TAIL: [f32; 9] = [
        -2.002_142_6e-04,
        1.009_505_6e-04,
        1.349_343_2e-03,
        -3.673_428_4e-03,
        5.739_507_7e-03,
        -7.622_461_3e-03,
        9.438_870_5e-03,
        1.001_674,
        2.832_976_8,
    ];
    let w = -log_plus_one::<T, M>(-x * x);
    let is_central = w.is_below(T::of(5.0));
    let t = select(is_central, w - T::of(2.5), w.sqrt() - T::of(3.0));
    let coefficient = |at: usize| select(is_central, constant(CENTRAL[at]), constant(TAIL[at]));
    let mut sum: T = coefficient(0);
    for at in 1..CENTRAL.len() {
        sum = sum.fused::<M>(t, coefficient(at));
    }
    select(x.abs().is_equal(T::of(1.0)), x * T::INFINITY, sum * x)
}

/// The inverse error function, in single precision whatever the type.
#[inline(always)]
pub(super) fn erf_inv<T: Real, M: Fused>(x: T) -> T {
    T::from_single(single::<T::Single, M>(x.to_single()))
}
