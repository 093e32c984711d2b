//! Special functions in single precision, to the bit as XLA computes them on a CPU.
//!
//! Lives here: what random numbers are made with, so that they are `jax.random`'s. XLA's code fuses
//! products and sums where the CPU can, so [`f32::mul_add`] stands wherever it does. Must not
//! live here: functions that are only to be accurate, which each device has its own of.

/// Inverse error function in single precision (Giles, "Approximating the erfinv function", 2012), as XLA evaluates it.
pub fn erf_inv(x: f32) -> f32 {
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
    if x.abs() == 1.0 {
        return x * f32::INFINITY;
    }
    let w = -log1p(-x * x);
    let (t, coefficients) = if w < 5.0 { (w - 2.5, CENTRAL) } else { (w.sqrt() - 3.0, TAIL) };
    polynomial(t, coefficients) * x
}

/// The sum of powers of `x` with these coefficients, the highest power first.
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.into_iter().fold(0.0, |sum: f32, coefficient| sum.mul_add(x, coefficient))
}

/// `log(1 + x)` (a rational function of the Cephes library near zero).
fn log1p(x: f32) -> f32 {
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
    // The square root of 2, less 1.
    if x.abs() >= 0.414_213_57 {
        return log(x + 1.0);
    }
    let square = x * x;
    let quotient = polynomial(x, NUMERATOR) / polynomial(x, DENOMINATOR);
    x + (-0.5f32).mul_add(square, x * square * quotient)
}

/// The natural logarithm of a positive normal number (of the Cephes library).
fn log(x: f32) -> f32 {
    // ln 2 in two parts, so that multiples of the first are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const THIRDS: [[f32; 3]; 3] = [
        [0.070_376_836, -0.115_146_1, 0.116_769_98],
        [-0.124_201_41, 0.142_493_23, -0.166_680_57],
        [0.200_007_14, -0.249_999_94, 0.333_333_3],
    ];
    let bits = x.to_bits();
    let mut exponent = ((bits >> 23) as i32 - 126) as f32;
    let fraction = f32::from_bits(bits & 0x007f_ffff | 0.5f32.to_bits());
    let mut x = fraction - 1.0;
    if fraction < std::f32::consts::FRAC_1_SQRT_2 {
        x += fraction;
        exponent -= 1.0;
    }
    let square = x * x;
    let cube = square * x;
    let [first, second, third] = THIRDS.map(|[a, b, c]| a.mul_add(x, b).mul_add(x, c));
    let sum = first.mul_add(cube, second).mul_add(cube, third);
    let small = sum.mul_add(cube, exponent * LN_2[1]);
    exponent.mul_add(LN_2[0], (-0.5f32).mul_add(square, x) + small)
}
