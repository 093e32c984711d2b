//! Vectors of elements, and arrays as vectors that every processor has.
//!
//! Must not live here: the registers of an instruction set.

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

    /// Writes all lanes to consecutive places past the cache, where there are instructions for it.
    ///
    /// # Safety
    /// As [`Vector::store`], and the first place must be aligned for the vector. Before other threads may
    /// read, the caller must call [`publish_streams`].
    #[inline(always)]
    unsafe fn stream(self, to: *mut Self::Item) {
        // SAFETY: the caller's promise.
        unsafe { self.store(to) }
    }

    /// The same element in all lanes.
    fn splat(item: Self::Item) -> Self;

    /// `self * by + to` in each lane.
    fn multiply_add(self, by: Self, to: Self) -> Self;

    /// The sum in each lane.
    fn plus(self, other: Self) -> Self;

    /// [`Element::relu`] in each lane.
    fn relu(self) -> Self;
}

/// Lets other threads see what was written past the cache before what is written after it.
pub(super) fn publish_streams() {
    // SAFETY: every processor of this architecture has the instruction.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
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
