//! The inverse error function that random draws are made with: XLA's approximation in single precision, to the bit.
//!
//! Lives here: the operations of `choral_ir::special`, without branches. The same fused multiply-adds stand in the same
//! order, so a test can ask for equal bits. Must not live here: what is only to be accurate.

use super::fused::Fused;
use super::real::{Real, select};

/// The sum of powers of `x` with these coefficients, the highest power first.
#[inline(always)]
fn polynomial<M: Fused, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[0];
    for &coefficient in &coefficients[1..] {
        sum = M::single(sum, x, coefficient);
    }
    sum
}

/// The natural logarithm of a positive normal number (of the Cephes library).
#[inline(always)]
fn log<M: Fused>(x: f32) -> f32 {
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const THIRDS: [[f32; 3]; 3] = [
        [0.070_376_836, -0.115_146_1, 0.116_769_98],
        [-0.124_201_41, 0.142_493_23, -0.166_680_57],
        [0.200_007_14, -0.249_999_94, 0.333_333_3],
    ];
    let bits = x.to_bits();
    let exponent = ((bits >> 23) as i32 - 126) as f32;
    let fraction = f32::from_bits(bits & 0x007f_ffff | 0.5f32.to_bits());
    let is_low = fraction < std::f32::consts::FRAC_1_SQRT_2;
    let less = fraction - 1.0;
    let x = select(is_low, less + fraction, less);
    let exponent = select(is_low, exponent - 1.0, exponent);
    let square = x * x;
    let cube = square * x;
    let third = |at: usize| polynomial::<M, 3>(x, THIRDS[at]);
    let sum = M::single(M::single(third(0), cube, third(1)), cube, third(2));
    let small = M::single(sum, cube, exponent * LN_2[1]);
    M::single(exponent, LN_2[0], M::single(-0.5, square, x) + small)
}

/// `log(1 + x)` (a rational function of the Cephes library near zero).
#[inline(always)]
fn log_plus_one<M: Fused>(x: f32) -> f32 {
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
    let quotient = polynomial::<M, 7>(x, NUMERATOR) / polynomial::<M, 7>(x, DENOMINATOR);
    let near = x + M::single(-0.5, square, x * square * quotient);
    // The square root of 2, less 1.
    select(Real::abs(x) >= 0.414_213_57, log::<M>(x + 1.0), near)
}

/// The inverse error function of a number in single precision (Giles, "Approximating the erfinv function", 2012).
#[inline(always)]
fn single<M: Fused>(x: f32) -> f32 {
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
    let w = -log_plus_one::<M>(-x * x);
    let is_central = w < 5.0;
    let t = select(is_central, w - 2.5, Real::sqrt(w) - 3.0);
    let mut sum = select(is_central, CENTRAL[0], TAIL[0]);
    for at in 1..CENTRAL.len() {
        sum = M::single(sum, t, select(is_central, CENTRAL[at], TAIL[at]));
    }
    select(Real::abs(x) == 1.0, x * f32::INFINITY, sum * x)
}

/// The inverse error function, in single precision whatever the type.
#[inline(always)]
pub(super) fn erf_inv<T: Real, M: Fused>(x: T) -> T {
    T::of(f64::from(single::<M>(x.wide() as f32)))
}
