//! Huge angles less whole turns (Payne and Hanek, "Radian reduction for trigonometric functions", 1983).
//!
//! Must not live here: what runs on whole tiles.

use std::f64::consts::FRAC_PI_2;

use super::Float;

/// The bits of `2 / pi`, from that of 1/2 on.
const TWO_OVER_PI: [u64; 20] = [
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_6bab,
    0xf0cf_bc20_9af4_361d,
];

/// Half of pi beyond the digits of `f64`.
const HALF_PI_REST: f64 = 6.123_233_995_736_766e-17;

/// Sixty-four bits of `2 / pi` from one on.
fn bits(first: u32) -> u64 {
    let (word, shift) = ((first / 64) as usize, first % 64);
    let both = (u128::from(TWO_OVER_PI[word]) << 64) | u128::from(TWO_OVER_PI[word + 1]);
    (both << shift >> 64) as u64
}

/// `x` over a quarter turn, for `x` from 1 on, in 2^-126 and modulo 4: an exact product with the bits of `2 / pi` that matter.
fn quarters(x: f64) -> u128 {
    let stored = (x.to_bits() >> 52) as i32;
    let significand = u128::from((x.to_bits() & ((1 << 52) - 1)) | (1 << 52));
    // x = significand 2^exponent.
    let exponent = stored - 1075;
    // Earlier bits add multiples of 4.
    let first = (exponent - 2).max(0);
    let [a, b, c] = [0, 64, 128].map(|at| significand * u128::from(bits(first as u32 + at)));
    // The 256 bits of the product but the last 64, modulo 2^192.
    let low = (b << 64 >> 64) + (c >> 64);
    let middle = (a << 64 >> 64) + (b >> 64) + (low >> 64);
    let top = (a >> 64) as u64 + (middle >> 64) as u64;
    let high = (u128::from(top) << 64) | (middle << 64 >> 64);
    // 192 bits follow the bit of 2^(exponent - first) in it; the first two that stay are whole quarters.
    let shift = (62 - (first - exponent)) as u32;
    (high << shift) | ((low << 64 >> 64) >> (64 - shift))
}

/// The quarter turns nearest to an angle of 1 and more, as a sum with [`Real::SHIFTER`](super::Real::SHIFTER), and what
/// is left, in two parts; of infinity and NaN, NaN.
pub(super) fn reduced<T: Float>(x: T) -> [T; 3] {
    let x = x.wide();
    if !x.is_finite() {
        return [T::SHIFTER, T::NAN, T::NAN];
    }
    let quarters = quarters(x);
    let fraction = (quarters << 2) as i128;
    // Rounded to the nearest, since the fraction has a sign.
    let whole = (quarters >> 126) as u32 + u32::from(fraction < 0);
    let high = fraction as f64;
    let low = (fraction - high as i128) as f64;
    let scale = 2f64.powi(-64) * 2f64.powi(-64);
    let (high, low) = (high * scale, low * scale);
    let product = high * FRAC_PI_2;
    let rest = high.mul_add(FRAC_PI_2, -product) + (high * HALF_PI_REST + low * FRAC_PI_2);
    let nearest = T::of(product + rest);
    let beyond = T::of((product - nearest.wide()) + rest);
    [T::SHIFTER + T::of(f64::from(whole)), nearest, beyond]
}
