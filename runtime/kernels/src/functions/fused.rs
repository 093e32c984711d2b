//! The fused multiply-add, rounded once: by the processor's instruction, or worked out where it has none.
//!
//! Must not live here: choices of an instruction set; a loop names the way that its level has.

/// A way to compute `a b + c` rounded once. All ways give the same bits.
pub trait Fused: 'static {
    /// Elements that go through a function side by side: some vectors, whose chains of operations overlap.
    const BLOCK: usize;
    /// In `f32`.
    fn single(a: f32, b: f32, c: f32) -> f32;
    /// In `f64`.
    fn double(a: f64, b: f64, c: f64) -> f64;
}

/// By the instruction of the processor that the code around is compiled for.
#[derive(Debug)]
pub struct Hardware;

impl Fused for Hardware {
    const BLOCK: usize = 32;

    #[inline(always)]
    fn single(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn double(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

/// For processors that have no such instruction: `f32` through `f64`, and `f64` by the C library.
#[derive(Debug)]
pub struct Software;

impl Fused for Software {
    // It takes so many instructions that more would gain little, and take long to compile.
    const BLOCK: usize = 1;

    /// The product is exact in `f64`. A sum rounded to odd holds enough to be rounded again (Boldo and
    /// Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
    #[inline(always)]
    fn single(a: f32, b: f32, c: f32) -> f32 {
        let (product, addend) = (f64::from(a) * f64::from(b), f64::from(c));
        let sum = product + addend;
        let part = sum - product;
        let error = (product - (sum - part)) + (addend - part);
        // Towards the error where the last bit is even. Of infinity the error is NaN.
        let bits = sum.to_bits();
        let is_even = bits & 1 == 0;
        let is_inexact = (error < 0.0) | (error > 0.0);
        let step = if (error > 0.0) == (sum > 0.0) { 1 } else { u64::MAX };
        f64::from_bits(bits.wrapping_add(if is_even & is_inexact { step } else { 0 })) as f32
    }

    #[inline(always)]
    fn double(a: f64, b: f64, c: f64) -> f64 {
        a.mul_add(b, c)
    }
}

/// The way of code that is compiled for every processor of the architecture.
#[cfg(any(not(any(target_arch = "x86", target_arch = "x86_64")), target_feature = "fma"))]
pub type Portable = Hardware;
/// The way of code that is compiled for every processor of the architecture.
#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), not(target_feature = "fma")))]
pub type Portable = Software;
