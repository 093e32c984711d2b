//! The elements of a tensor in memory, from a cache line on where they were made here.
//!
//! Vectors that begin in the middle of a line are read and written more slowly, and not past the caches. Must not live
//! here: what the elements are ([`crate::element`]).

use std::ops::{Deref, DerefMut};

use crate::memory::{self, OutOfMemory};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Elements of one type: a slice that owns its memory.
///
/// ```
/// use choral_ir::Elements;
/// let elements = Elements::from(vec![1.0f32, 2.0]);
/// assert_eq!(elements[1], 2.0);
/// ```
#[derive(Debug)]
pub struct Elements<T> {
    values: Vec<T>,
    /// Where they begin in the vector.
    start: usize,
}

impl<T: Copy> Elements<T> {
    /// So many times the same element. A system that hands out zeros need not write them.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn full(value: T, length: usize) -> Result<Elements<T>, OutOfMemory> {
        let all = length.saturating_add(spare::<T>());
        // There is room for it: so a vector that the system hands out as zeros need not be written.
        drop(memory::vector::<T>(all)?);
        let mut values = vec![value; all];
        let start = to_line(&values);
        values.truncate(start + length);
        Ok(Elements { values, start })
    }

    /// No elements, and room for so many. `padding` is any element.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn with_room(length: usize, padding: T) -> Result<Elements<T>, OutOfMemory> {
        let mut values = memory::vector(length.saturating_add(spare::<T>()))?;
        let start = to_line(&values);
        values.resize(start, padding);
        Ok(Elements { values, start })
    }

    /// Appends elements, within the room.
    pub(crate) fn extend_from_slice(&mut self, elements: &[T]) {
        self.values.extend_from_slice(elements);
    }

    /// As [`Elements::extend_from_slice`].
    pub(crate) fn extend(&mut self, elements: impl Iterator<Item = T>) {
        self.values.extend(elements);
    }
}

/// How many elements may lie before the first line.
fn spare<T>() -> usize {
    LINE / size_of::<T>() - 1
}

/// How many elements of a vector lie before the first line that begins in it.
fn to_line<T>(values: &[T]) -> usize {
    (values.as_ptr().addr().next_multiple_of(LINE) - values.as_ptr().addr()) / size_of::<T>()
}

/// They begin where the vector does.
impl<T> From<Vec<T>> for Elements<T> {
    fn from(values: Vec<T>) -> Self {
        Elements { values, start: 0 }
    }
}

impl<T> FromIterator<T> for Elements<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        values.into_iter().collect::<Vec<T>>().into()
    }
}

/// The copy begins at a line.
impl<T: Copy> Clone for Elements<T> {
    fn clone(&self) -> Self {
        let room = self.first().and_then(|&first| Elements::with_room(self.len(), first).ok());
        let mut elements = room.unwrap_or_else(|| Vec::new().into());
        elements.extend_from_slice(self);
        elements
    }
}

impl<T> Deref for Elements<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..]
    }
}

impl<T> DerefMut for Elements<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the allocator does.
    #[test]
    fn elements_begin_at_lines() {
        fn check<T: Copy + PartialEq + std::fmt::Debug>(value: T) {
            for length in [0, 1, 3, 1000, 100_000] {
                let full = Elements::full(value, length).expect("memory");
                let mut made = Elements::with_room(length, value).expect("memory");
                made.extend(std::iter::repeat_n(value, length));
                for elements in [&full, &made, &made.clone()] {
                    assert_eq!(**elements, *vec![value; length]);
                    assert!(length == 0 || elements.as_ptr().addr() % LINE == 0);
                }
            }
        }
        check(1u8);
        check(half::f16::ONE);
        check(1.0f32);
        check(1u64);
    }
}
