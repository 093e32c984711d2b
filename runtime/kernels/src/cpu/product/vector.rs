//! Vectors of elements: arrays, which the compiler turns into registers, and those of x86-64.
//!
//! Must not live here: which of them a kernel takes.

use super::element::Element;

/// A vector of elements, kept in one or a few registers.
///
/// The vectors of an instruction set may be used only where that set is enabled.
pub(super) trait Vector: Copy {
    /// What it holds.
    type Item: Element;
    /// How many it holds.
    const LANES: usize;

    /// Consecutive elements, aligned or not.
    ///
    /// # Safety
    /// The elements must be valid for reading.
    unsafe fn load(from: *const Self::Item) -> Self;

    /// Writes all lanes to consecutive places, aligned or not.
    ///
    /// # Safety
    /// The places must be valid for writing.
    unsafe fn store(self, to: *mut Self::Item);

    /// The same element in all lanes.
    fn splat(item: Self::Item) -> Self;

    /// `self * by + to` in each lane.
    fn multiply_add(self, by: Self, to: Self) -> Self;

    /// The sum in each lane.
    fn plus(self, other: Self) -> Self;

    /// [`Element::relu`] in each lane.
    fn relu(self) -> Self;
}

impl<T: Element, const LANES: usize> Vector for [T; LANES] {
    type Item = T;
    const LANES: usize = LANES;

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller's promise.
        unsafe { from.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<Self>().write(self) }
    }

    #[inline(always)]
    fn splat(item: T) -> Self {
        [item; LANES]
    }

    #[inline(always)]
    fn multiply_add(self, by: Self, to: Self) -> Self {
        std::array::from_fn(|lane| self[lane].multiply_add(by[lane], to[lane]))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane].plus(other[lane]))
    }

    #[inline(always)]
    fn relu(self) -> Self {
        self.map(Element::relu)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Vector;

    /// `maxps` gives its second operand for a NaN and for two zeros; a sum with +0.0 leaves no -0.0.
    macro_rules! floats {
        ($($Vector:ident of $Item:ident, $lanes:literal:
           $load:ident $store:ident $splat:ident $multiply_add:ident $add:ident $max:ident;)*) => {$(
            impl Vector for $Vector {
                type Item = $Item;
                const LANES: usize = $lanes;

                #[inline(always)]
                unsafe fn load(from: *const $Item) -> Self {
                    // SAFETY: the caller's promise; the trait's rule says that the set is enabled.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $Item) {
                    // SAFETY: the caller's promise; the trait's rule says that the set is enabled.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                fn splat(item: $Item) -> Self {
                    // SAFETY: the trait's rule says that the set is enabled.
                    unsafe { $splat(item) }
                }

                #[inline(always)]
                fn multiply_add(self, by: Self, to: Self) -> Self {
                    // SAFETY: the trait's rule says that the set is enabled.
                    unsafe { $multiply_add(self, by, to) }
                }

                #[inline(always)]
                fn plus(self, other: Self) -> Self {
                    // SAFETY: the trait's rule says that the set is enabled.
                    unsafe { $add(self, other) }
                }

                #[inline(always)]
                fn relu(self) -> Self {
                    let zero = Self::splat(0.0);
                    // SAFETY: the trait's rule says that the set is enabled.
                    unsafe { $max(zero, self) }.plus(zero)
                }
            }
        )*};
    }
    floats! {
        __m256 of f32, 8: _mm256_loadu_ps _mm256_storeu_ps _mm256_set1_ps _mm256_fmadd_ps _mm256_add_ps _mm256_max_ps;
        __m256d of f64, 4: _mm256_loadu_pd _mm256_storeu_pd _mm256_set1_pd _mm256_fmadd_pd _mm256_add_pd _mm256_max_pd;
        __m512 of f32, 16: _mm512_loadu_ps _mm512_storeu_ps _mm512_set1_ps _mm512_fmadd_ps _mm512_add_ps _mm512_max_ps;
        __m512d of f64, 8: _mm512_loadu_pd _mm512_storeu_pd _mm512_set1_pd _mm512_fmadd_pd _mm512_add_pd _mm512_max_pd;
    }
}
