//! Functions of floats, each defined once: `f32` and `f64`, one element or a tile, every instruction set.
//!
//! | module | holds |
//! |---|---|
//! | `real`, `fused`, `pair` | what the functions are written in: floats, the fused multiply-add, sums of two floats |
//! | `coefficients` | polynomials |
//! | `exponential`, `logarithm`, `powers` | `e^x` and its kin, logarithms, powers and roots |
//! | `trigonometric`, `turns`, `inverse` | sines, cosines and tangents, also of huge angles; angles of them |
//! | `draws` | the inverse error function, as XLA approximates it for random draws |
//! | `error_function`, `simple` | the error function; signs, roundings, remainders |
//! | `tiles` | the loops |
//!
//! A function is a fixed list of IEEE operations without branches, so that a vector of any width gives the same bits
//! as one element. Results are within 2 units in the last place (but of `draws`), those of `simple` and square roots exact; infinities,
//! NaN, signs of zeros and subnormal numbers are what IEEE 754 and C have. Must not live here: the program's own
//! arithmetic, and functions that take a loop of unknown length (`lgamma`, `zeta` and the like).

mod coefficients;
mod draws;
mod error_function;
mod exponential;
mod fused;
mod inverse;
mod logarithm;
mod pair;
mod powers;
mod real;
mod simple;
mod tiles;
mod trigonometric;
mod turns;

pub use coefficients::{Coefficients, Series};
pub use fused::{Fused, Hardware, Portable, Software};
pub use real::Real;

use crate::Level;
use tiles::{Map, MapOfTwo, Purpose};

/// A loop over a tile: writes the function of each of `length` inputs to the outputs. The two may be the same place,
/// and must not overlap otherwise.
///
/// # Safety
/// The inputs are readable and the outputs writable, for `length` elements each, and the processor has the
/// instruction set that the loop was asked for.
pub type Unary<T> = unsafe fn(input: *const T, output: *mut T, length: usize);

/// A loop over two tiles, as [`Unary`]: each input may be the place of the outputs.
///
/// # Safety
/// As for [`Unary`].
pub type Binary<T> = unsafe fn(left: *const T, right: *const T, output: *mut T, length: usize);

/// What a function of numbers of any kind is.
#[derive(Debug, Clone, Copy)]
pub struct Definition<T: Real> {
    /// Its result.
    pub usual: T,
    /// If there are numbers that this is wrong for: whether it is for the given ones, and the result if so.
    pub rare: Option<(T::Truth, T)>,
}

macro_rules! functions {
    ($($(#[$doc:meta])* $Name:ident = $module:ident $function:ident $(, up to $level:ident)? $(, but $rare:ident where $is_rare:ident)?;)*) => {
        /// A function of one number, named as the op of the same meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function {
            $($(#[$doc])* $Name,)*
        }

        impl Function {
            /// Every function.
            pub const ALL: &'static [Function] = &[$(Function::$Name),*];

            /// The function in numbers of any kind: for who lists its operations.
            pub fn definition<T: Real, M: Fused>(self, x: T) -> Definition<T> {
                match self {
                    $(Function::$Name => Definition {
                        usual: $module::$function::<T, M>(x),
                        rare: [$(($module::$is_rare(x), $module::$rare::<T, M>(x)))?].into_iter().next(),
                    },)*
                }
            }

            /// The loop, in this crate alone: elsewhere it would be compiled once more.
            fn unary_loop<T: Float>(self, level: Level, purpose: Purpose) -> Unary<T> {
                $(struct $Name;
                impl Map for $Name {
                    $(const WIDEST: Level = Level::$level;)?

                    #[inline(always)]
                    fn of<T: Real, M: Fused>(x: T) -> T {
                        $module::$function::<T, M>(x)
                    }
                    $(
                        #[inline(always)]
                        fn is_rare<T: Float>(x: T) -> bool {
                            $module::$is_rare(x)
                        }

                        fn of_rare<T: Real, M: Fused>(x: T) -> T {
                            $module::$rare::<T, M>(x)
                        }
                    )?
                })*
                match self {
                    $(Function::$Name => tiles::unary::<T, $Name>(level, purpose),)*
                }
            }
        }
    };
}
functions! {
    /// Without its sign, of NaN too.
    Abs = simple abs;
    /// The inverse cosine, in radians; NaN outside [-1, 1].
    Acos = inverse acos, up to Avx2;
    /// The inverse hyperbolic cosine; NaN below 1.
    Acosh = logarithm acosh, up to Avx2;
    /// The inverse sine, in radians; NaN outside [-1, 1].
    Asin = inverse asin, up to Avx2;
    /// The inverse hyperbolic sine.
    Asinh = logarithm asinh, up to Avx2;
    /// The inverse tangent, in radians.
    Atan = inverse atan, up to Avx2;
    /// The inverse hyperbolic tangent; NaN outside [-1, 1].
    Atanh = logarithm atanh, up to Avx2;
    /// The cube root.
    Cbrt = powers cbrt, up to Avx2;
    /// Rounded up to an integer.
    Ceil = simple ceil;
    /// The cosine of radians.
    Cosine = trigonometric cosine, but cosine_of_huge where is_huge;
    /// The hyperbolic cosine.
    Cosh = exponential cosh, up to Avx2;
    /// The error function.
    Erf = error_function erf;
    /// 1 less the error function, exact for large operands.
    Erfc = error_function erfc;
    /// The inverse error function with the bits of XLA's approximation in single precision, which random draws are made
    /// with.
    ErfInvOfDraws = draws erf_inv, up to Avx2;
    /// `e^x`.
    Exponential = exponential exponential;
    /// `e^x - 1`, exact near zero.
    ExponentialMinusOne = exponential exponential_minus_one;
    /// Rounded down to an integer.
    Floor = simple floor;
    /// The natural logarithm.
    Log = logarithm log;
    /// `log(1 + x)`, exact near zero.
    LogPlusOne = logarithm log_plus_one;
    /// `1 / (1 + e^-x)`.
    Logistic = exponential logistic;
    /// With the other sign, of NaN too.
    Negate = simple negate;
    /// Rounded to the nearest integer, halves away from zero.
    RoundNearestAfz = simple round_nearest_afz;
    /// Rounded to the nearest integer, halves to the even one.
    RoundNearestEven = simple round_nearest_even;
    /// 1 / the square root.
    Rsqrt = powers rsqrt;
    /// -1, 0 or 1, with the sign of a zero.
    Sign = simple sign;
    /// The sine of radians.
    Sine = trigonometric sine, but sine_of_huge where is_huge;
    /// The hyperbolic sine.
    Sinh = exponential sinh, up to Avx2;
    /// The square root.
    Sqrt = powers sqrt;
    /// The square.
    Square = powers square;
    /// The tangent of radians.
    Tan = trigonometric tan, up to Avx2, but tan_of_huge where is_huge;
    /// The hyperbolic tangent.
    Tanh = exponential tanh;
}

macro_rules! functions_of_two {
    ($($(#[$doc:meta])* $Name:ident = $module:ident $function:ident $(, up to $level:ident)? $(, but $rare:ident where $is_rare:ident)?;)*) => {
        /// A function of two numbers, named as the op of the same meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FunctionOfTwo {
            $($(#[$doc])* $Name,)*
        }

        impl FunctionOfTwo {
            /// Every function.
            pub const ALL: &'static [FunctionOfTwo] = &[$(FunctionOfTwo::$Name),*];

            /// The function in numbers of any kind: for who lists its operations.
            pub fn definition<T: Real, M: Fused>(self, x: T, y: T) -> Definition<T> {
                match self {
                    $(FunctionOfTwo::$Name => Definition {
                        usual: $module::$function::<T, M>(x, y),
                        rare: [$(($module::$is_rare(x, y), $module::$rare::<T, M>(x, y)))?].into_iter().next(),
                    },)*
                }
            }

            /// The loop, in this crate alone: elsewhere it would be compiled once more.
            fn binary_loop<T: Float>(self, level: Level, purpose: Purpose) -> Binary<T> {
                $(struct $Name;
                impl MapOfTwo for $Name {
                    $(const WIDEST: Level = Level::$level;)?

                    #[inline(always)]
                    fn of<T: Real, M: Fused>(x: T, y: T) -> T {
                        $module::$function::<T, M>(x, y)
                    }
                    $(
                        #[inline(always)]
                        fn is_rare<T: Float>(x: T, y: T) -> bool {
                            $module::$is_rare(x, y)
                        }

                        fn of_rare<T: Real, M: Fused>(x: T, y: T) -> T {
                            $module::$rare::<T, M>(x, y)
                        }
                    )?
                })*
                match self {
                    $(FunctionOfTwo::$Name => tiles::binary::<T, $Name>(level, purpose),)*
                }
            }
        }
    };
}
functions_of_two! {
    /// The angle of the point (`y` the first, `x` the second operand), between -pi and pi.
    Atan2 = inverse atan2, up to Avx2;
    /// The greater: NaN if either is, and +0 above -0.
    Maximum = simple maximum;
    /// The lesser: NaN if either is, and -0 below +0.
    Minimum = simple minimum;
    /// `x^y`.
    Power = powers power;
    /// What is left of a division whose quotient is rounded towards zero.
    Remainder = simple remainder, up to Avx2, but long_remainder where is_long_division;
}

/// A float that functions have loops for.
pub trait Float: Real<Truth = bool> + Send + Sync {
    /// The number in `f64`.
    fn wide(self) -> f64;
    /// The loop of a function and an instruction set.
    fn unary(function: Function, level: Level) -> Unary<Self>;
    /// The loop of a function of two numbers and an instruction set.
    fn binary(function: FunctionOfTwo, level: Level) -> Binary<Self>;
    /// A function of one number.
    fn one(function: Function, x: Self) -> Self;
    /// A function of two numbers.
    fn one_of_two(function: FunctionOfTwo, x: Self, y: Self) -> Self;
}

macro_rules! floats {
    ($($Float:ident),*) => {$(
        impl Float for $Float {
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn unary(function: Function, level: Level) -> Unary<$Float> {
                function.unary_loop(level, Purpose::Tiles)
            }

            fn binary(function: FunctionOfTwo, level: Level) -> Binary<$Float> {
                function.binary_loop(level, Purpose::Tiles)
            }

            fn one(function: Function, mut x: $Float) -> $Float {
                let place = &raw mut x;
                // SAFETY: one number is readable and writable, and the processor has its best level.
                unsafe { function.unary_loop(Level::best(), Purpose::Numbers)(place, place, 1) };
                x
            }

            fn one_of_two(function: FunctionOfTwo, mut x: $Float, y: $Float) -> $Float {
                let place = &raw mut x;
                // SAFETY: as above, and another number is readable.
                unsafe { function.binary_loop(Level::best(), Purpose::Numbers)(place, &raw const y, place, 1) };
                x
            }
        }
    )*};
}
floats!(f32, f64);

/// The level, if the processor has it.
fn checked(level: Level) -> Level {
    assert!(level.is_available(), "this processor has no {} instructions", level.name());
    level
}

impl Function {
    /// The loop over tiles with the instructions of a level.
    pub fn unary<T: Float>(self, level: Level) -> Unary<T> {
        T::unary(self, level)
    }

    /// Overwrites each number with the function of it. Panics if the processor does not have the level.
    pub fn apply<T: Float>(self, level: Level, values: &mut [T]) {
        let place = values.as_mut_ptr();
        // SAFETY: so many are readable and writable, and the processor has the level.
        unsafe { T::unary(self, checked(level))(place, place, values.len()) };
    }

    /// The function of one number: the bits that every loop gives.
    pub fn of<T: Float>(self, x: T) -> T {
        T::one(self, x)
    }
}

impl FunctionOfTwo {
    /// The loop over tiles with the instructions of a level.
    pub fn binary<T: Float>(self, level: Level) -> Binary<T> {
        T::binary(self, level)
    }

    /// Overwrites each number with the function of it and of one of `right`, which is as long. Panics if it is not, or
    /// if the processor does not have the level.
    pub fn apply<T: Float>(self, level: Level, values: &mut [T], right: &[T]) {
        assert_eq!(values.len(), right.len(), "as many right operands as left ones");
        let place = values.as_mut_ptr();
        // SAFETY: so many are readable and writable, and the processor has the level.
        unsafe { T::binary(self, checked(level))(place, right.as_ptr(), place, values.len()) };
    }

    /// The function of two numbers: the bits that every loop gives.
    pub fn of<T: Float>(self, x: T, y: T) -> T {
        T::one_of_two(self, x, y)
    }
}
