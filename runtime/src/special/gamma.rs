//! The logarithm of the gamma function and its derivative.

use super::wide::{Double, Wide};

/// From here on, the asymptotic series hold to the last digit of [`Double`].
const FAR: f64 = 24.0;
/// From here on, they hold to the last digit of `f64`.
const LARGE: f64 = 8.0;
/// Below this, the pole at 0 is all that counts.
const TINY: f64 = 1e-18;
/// Numerators and denominators of the Bernoulli numbers of order 2, 4, ..
pub(super) const BERNOULLI: [(f64, f64); 17] = [
    (1.0, 6.0),
    (-1.0, 30.0),
    (1.0, 42.0),
    (-1.0, 30.0),
    (5.0, 66.0),
    (-691.0, 2730.0),
    (7.0, 6.0),
    (-3617.0, 510.0),
    (43_867.0, 798.0),
    (-174_611.0, 330.0),
    (854_513.0, 138.0),
    (-236_364_091.0, 2730.0),
    (8_553_103.0, 6.0),
    (-23_749_461_029.0, 870.0),
    (8_615_841_276_005.0, 14_322.0),
    (-7_709_321_041_217.0, 510.0),
    (2_577_687_858_367.0, 6.0),
];

/// `sum(B_2k / scale(2k) y^k)`.
fn bernoulli_series<N: Wide>(y: N, scale: impl Fn(f64) -> f64) -> N {
    BERNOULLI.iter().enumerate().rev().fold(N::from(0.0), |sum, (at, &(above, below))| {
        let number = N::from(above) / N::from(below * scale(2.0 * at as f64 + 2.0));
        (sum + number) * y
    })
}

/// How far `x` lies from the nearest integer, exactly.
pub(super) fn from_integer(x: f64) -> f64 {
    x - x.round_ties_even()
}

/// `|sin(pi x)|` and `|cos(pi x)|`, by their power series between the multiples of 1/4.
fn sin_cos_pi<N: Wide>(x: f64) -> (N, N) {
    let rest = from_integer(x).abs();
    let near = if rest <= 0.25 { rest } else { 0.5 - rest };
    let angle = N::from(near) * N::PI;
    let (mut term, mut count) = (N::from(1.0), 0.0);
    let mut sums = [N::from(0.0), N::from(0.0)];
    while term.value().abs() > N::EPSILON * near {
        for sum in [1, 0] {
            sums[sum] = sums[sum] + term;
            count += 1.0;
            term = term * angle / N::from(count);
        }
        term = -term;
    }
    let [sin, cos] = sums;
    if rest <= 0.25 { (sin, cos) } else { (cos, sin) }
}

/// The logarithm of the gamma function of a positive number.
pub(super) fn lgamma_positive<N: Wide>(x: f64) -> N {
    let (mut x, mut product) = (N::from(x), N::from(1.0));
    while x.value() < FAR {
        product = product * x;
        x = x + N::from(1.0);
    }
    let (one, half) = (N::from(1.0), N::from(0.5));
    let ln = x.ln();
    // Stirling's series (Abramowitz and Stegun, 6.1.40).
    let inverse = one / x;
    let series = bernoulli_series(inverse * inverse, |k| k * (k - 1.0)) * x;
    let rest = half * (N::PI + N::PI).ln() - half * ln + series - product.ln();
    x * (ln - one) + rest
}

/// [`lgamma_positive`] of large numbers, to the digits of `f64`: by the same series.
fn lgamma_large<N: Wide>(x: f64) -> f64 {
    const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;
    let ln = N::from(x).ln();
    let series = bernoulli_series(1.0 / (x * x), |k| k * (k - 1.0)) * x;
    let large = N::from(x) * (ln - N::from(1.0)) - N::from(0.5) * ln;
    let result = (large + N::from(HALF_LN_TAU + series)).value();
    // Parts of a number that is too large cancel to NaN.
    if result.is_nan() { f64::INFINITY } else { result }
}

/// A zero of a function, its derivative there, both in two parts, and half its second derivative.
type Zero = [f64; 5];

/// The zeros of `lgamma` at which all digits cancel. Further ones lie so close to poles that no number's result is
/// small.
#[rustfmt::skip]
const LGAMMA_ZEROS: [Zero; 13] = [
    [
        1.0,
        0.0,
        -0.577_215_664_901_532_9,
        4.942_915_152_430_645e-18,
        0.822_467_033_424_113_2,
    ],
    [
        2.0,
        0.0,
        0.422_784_335_098_467_13,
        4.942_915_152_430_645e-18,
        0.322_467_033_424_113_2,
    ],
    [
        -2.457_024_738_220_800_6,
        -3.707_561_081_551_326_6e-17,
        1.515_603_448_021_657_4,
        -4.069_529_037_965_936_3e-17,
        4.858_320_951_633_996_5,
    ],
    [
        -2.747_682_646_727_412_7,
        9.055_340_329_338_315e-17,
        -1.914_350_185_611_598_8,
        -6.288_473_508_186_805e-17,
        9.575_189_475_709_667,
    ],
    [
        -3.143_580_888_349_98,
        -2.181_817_985_233_171_4e-16,
        7.781_884_658_131_351,
        -1.236_626_697_185_270_7e-16,
        25.831_338_372_387_957,
    ],
    [
        -3.955_294_284_858_598,
        -1.999_428_391_746_348e-17,
        -20.725_060_845_803_707,
        1.431_934_836_765_830_5e-15,
        251.714_682_586_889_4,
    ],
    [
        -4.039_361_839_740_537,
        2.114_399_550_398_060_2e-16,
        26.790_480_886_140_593,
        7.293_033_628_616_73e-16,
        324.255_322_937_847_15,
    ],
    [
        -4.991_544_640_560_048,
        1.517_441_176_057_172_2e-16,
        -116.535_781_616_243_63,
        -5.716_046_547_368_71e-15,
        6_995.235_954_894_064,
    ],
    [
        -5.008_218_168_322_593_5,
        -4.392_635_349_101_581_5e-17,
        123.362_184_563_353_4,
        -1.768_571_209_282_586_9e-15,
        7_404.762_432_228_682,
    ],
    [
        -5.998_607_480_080_875,
        -3.311_862_478_893_795e-16,
        -716.245_430_427_547_3,
        -2.978_324_292_002_825e-14,
        257_851.589_639_562_62,
    ],
    [
        -6.001_385_294_453_155,
        6.415_847_287_933_042e-17,
        723.736_629_925_280_1,
        1.124_918_412_517_983_4e-14,
        260_548.410_303_093_96,
    ],
    [
        -6.999_801_507_890_638,
        1.055_013_003_740_002_3e-17,
        -5_035.967_373_768_125,
        -3.431_412_146_498_085e-13,
        12_690_641.166_047_18,
    ],
    [
        -7.000_198_333_407_325,
        2.504_354_173_632_409e-16,
        5_044.029_941_110_829,
        2.105_509_180_906_817_7e-13,
        12_710_958.833_951_395,
    ],
];
/// The zeros of `digamma` above -12.
#[rustfmt::skip]
const DIGAMMA_ZEROS: [Zero; 13] = [
    [
        1.461_632_144_968_362_2,
        9.549_995_429_965_697e-17,
        0.967_672_245_447_621_2,
        -3.387_874_303_038_943e-17,
        -0.442_763_168_983_592_1,
    ],
    [
        -0.504_083_008_264_455_4,
        -8.154_282_062_438_13e-18,
        8.939_798_558_792_134,
        4.661_730_805_438_714e-16,
        -0.809_345_462_530_650_7,
    ],
    [
        -1.573_498_473_162_390_4,
        -1.574_185_691_077_347e-17,
        9.941_513_615_924_176,
        -3.506_655_152_202_022_4e-16,
        -7.802_593_974_782_628,
    ],
    [
        -2.610_720_868_444_144_7,
        9.881_960_746_978_353e-17,
        10.848_328_799_209_19,
        -8.536_942_638_820_942e-16,
        -12.770_725_694_247_192,
    ],
    [
        -3.635_293_366_436_901,
        5.454_396_163_173_039e-17,
        11.650_939_359_651_861,
        2.771_734_742_872_511_5e-16,
        -16.938_337_607_821_335,
    ],
    [
        -4.653_237_761_743_142,
        -2.549_268_620_146_819_3e-16,
        12.369_637_994_669_782,
        3.887_748_753_613_479_6e-17,
        -20.636_997_462_381_604,
    ],
    [
        -5.667_162_441_556_885_5,
        -3.215_305_107_494_833_5e-18,
        13.021_406_387_509_394,
        -6.965_089_235_370_473e-16,
        -24.010_833_566_989_9,
    ],
    [
        -6.678_418_213_073_427,
        3.470_798_723_495_241e-16,
        13.618_851_904_195_76,
        -7.135_780_553_752_631e-16,
        -27.138_720_475_450_622,
    ],
    [
        -7.687_788_325_031_626,
        -1.351_562_494_643_672e-16,
        14.171_340_633_241_15,
        -6.249_516_188_433_109e-16,
        -30.070_057_845_407_266,
    ],
    [
        -8.695_764_163_816_401,
        -3.285_990_371_628_944_7e-16,
        14.685_967_981_672_645,
        -5.723_133_091_848_305e-16,
        -32.838_600_366_351_77,
    ],
    [
        -9.702_672_540_001_863,
        -3.256_317_840_540_147_7e-16,
        15.168_227_153_977_934,
        6.378_153_190_846_254e-16,
        -35.468_840_042_171_8,
    ],
    [
        -10.708_740_838_254_144,
        -6.287_211_750_540_301e-16,
        15.622_457_622_439_102,
        -3.671_625_513_240_059e-16,
        -37.979_338_833_196_23,
    ],
    [
        -11.714_133_061_228_955,
        8.598_250_154_343_834e-16,
        16.052_149_399_699_143,
        -2.276_253_500_863_315e-16,
        -40.384_634_336_499_815,
    ],
];

/// A function near one of its zeros.
fn beside_zero<N: Wide>(x: f64, zeros: &[Zero]) -> Option<f64> {
    let is_near = |&&[zero, _, slope, _, bend]: &&Zero| {
        (x - zero).abs() * (slope.abs() + bend.abs()) < N::BESIDE * slope.abs()
    };
    let &[zero, zero_rest, slope, slope_rest, bend] = zeros.iter().find(is_near)?;
    let distance = Double::from(x) - Double::new(zero, zero_rest);
    Some((distance * (Double::new(slope, slope_rest) + Double::from(bend) * distance)).value())
}

/// The logarithm of the absolute value of the gamma function; infinite at its poles.
pub fn lgamma<N: Wide>(x: f64) -> f64 {
    let size = x.abs();
    if size.is_nan() {
        return x;
    }
    if size == f64::INFINITY || x <= 0.0 && x == x.floor() {
        return f64::INFINITY;
    }
    if size < TINY {
        return -Wide::ln(size);
    }
    if let Some(result) = beside_zero::<N>(x, &LGAMMA_ZEROS) {
        return result;
    }
    if x >= LARGE {
        return lgamma_large::<N>(x);
    }
    if x > 0.0 {
        return lgamma_positive::<N>(x).value();
    }
    // By reflection (Abramowitz and Stegun, 6.1.17).
    let (sin, _) = sin_cos_pi::<N>(x);
    ((N::PI / (N::from(size) * sin)).ln() - lgamma_positive(size)).value()
}

/// The derivative of [`lgamma`]; NaN at its poles. In `f64`, the number next to a zero below -12 may be
/// some 20 units in the last place off, where it lies within a few 1e-18 of that zero.
pub fn digamma<N: Wide>(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x <= 0.0 && x == x.floor() {
        return f64::NAN;
    }
    if x.abs() < TINY {
        return -1.0 / x;
    }
    if let Some(result) = beside_zero::<N>(x, &DIGAMMA_ZEROS) {
        return result;
    }
    if x > 0.0 {
        return digamma_positive::<N>(x).value();
    }
    // By reflection (Abramowitz and Stegun, 6.3.7).
    let (sin, cos) = sin_cos_pi::<N>(x);
    let cot = N::PI * cos / sin;
    let cot = if from_integer(x) < 0.0 { -cot } else { cot };
    (digamma_positive::<N>(-x) - N::from(1.0) / N::from(x) - cot).value()
}

/// Carried to large numbers by `digamma(x) = digamma(x + 1) - 1 / x`, and there the asymptotic series
/// (Abramowitz and Stegun, 6.3.18).
fn digamma_positive<N: Wide>(x: f64) -> N {
    let (mut x, mut sum) = (N::from(x), N::from(0.0));
    while x.value() < FAR {
        sum = sum - N::from(1.0) / x;
        x = x + N::from(1.0);
    }
    let inverse = N::from(1.0) / x;
    sum + x.ln() - N::from(0.5) * inverse - bernoulli_series(inverse * inverse, |k| k)
}
