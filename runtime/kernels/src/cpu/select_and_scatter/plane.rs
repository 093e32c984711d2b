//! The loop over the windows of a plane.

use std::marker::PhantomData;

use crate::cpu::machine::{Body, compiled};
use crate::instruction::Comparison;
use crate::select_and_scatter::Select;
use crate::window::WindowDim;
use crate::{Level, Number};

/// The elements of a plane that each window holds, in row-major order.
#[derive(Debug, Clone)]
pub(super) struct Places {
    places: Vec<usize>,
    /// Where the places of each window end.
    ends: Vec<usize>,
}

impl Places {
    /// Of windows along dimensions of so many elements and windows.
    pub(super) fn of(dims: &[(WindowDim, [usize; 2])]) -> Places {
        let mut places = Places { places: Vec::new(), ends: Vec::new() };
        let windows: usize = dims.iter().map(|(_, [_, count])| count).product();
        for window in 0..windows {
            let mut left = window;
            let mut of_window = vec![0];
            let mut width = 1;
            // From the innermost dimension outward: each place of it, with all that is inside.
            for (dim, [size, count]) in dims.iter().rev() {
                let start = (left % count * dim.stride) as isize - dim.padding;
                left /= count;
                let inside =
                    (start..start + dim.window as isize).filter(|at| (0..*size as isize).contains(at));
                let inner = std::mem::take(&mut of_window);
                of_window = inside
                    .flat_map(|at| inner.iter().map(move |place| place + at as usize * width))
                    .collect();
                width *= size;
            }
            places.places.append(&mut of_window);
            places.ends.push(places.places.len());
        }
        places
    }
}

/// What the loop works on: planes in registers' type.
pub(super) struct Arguments {
    pub values: *const u8,
    /// A number for each window.
    pub source: *const u8,
    pub sums: *mut u8,
    pub places: *const Places,
    pub select: Select,
}

/// Numbers that are compared and added.
trait Added: Copy + PartialOrd {
    fn plus(self, other: Self) -> Self;
}

macro_rules! added {
    ($($T:ty: |$x:ident, $y:ident| $sum:expr;)*) => {$(
        impl Added for $T {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                let ($x, $y) = (self, other);
                $sum
            }
        }
    )*};
}
added! {
    f32: |x, y| x + y;
    f64: |x, y| x + y;
    i8: |x, y| x.wrapping_add(y);
    i16: |x, y| x.wrapping_add(y);
    i32: |x, y| x.wrapping_add(y);
    i64: |x, y| x.wrapping_add(y);
    u8: |x, y| x.wrapping_add(y);
    u16: |x, y| x.wrapping_add(y);
    u32: |x, y| x.wrapping_add(y);
    u64: |x, y| x.wrapping_add(y);
    Truth: |x, y| Truth(x.0 | y.0);
}

/// A truth value in a byte, of which a sum is an or.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
#[repr(transparent)]
struct Truth(u8);

struct Plane<T>(PhantomData<T>);

impl<T: Added> Body for Plane<T> {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Portable;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { values, source, sums, places, select } = arguments;
        // SAFETY: the caller vouches for places that are in the plane, and for a number in the source for each window.
        unsafe {
            let (values, source, sums) = (values.cast::<T>(), source.cast::<T>(), sums.cast::<T>());
            // Without branches: which element is selected is hard to foresee.
            let is_less = select.comparison != Comparison::Equal;
            let (if_less, if_greater) = (is_less & !select.is_swapped, is_less & select.is_swapped);
            let if_equal = select.comparison != Comparison::Less;
            let stays = |selected: usize, other: usize| {
                let (x, y) = (values.add(selected).read(), values.add(other).read());
                (if_less & (x < y)) | (if_greater & (x > y)) | (if_equal & (x == y))
            };
            let Places { places, ends } = &*places;
            let mut start = 0;
            for (window, &end) in ends.iter().enumerate() {
                let mut others = places[start..end].iter().copied();
                if let Some(first) = others.next() {
                    let selected = others
                        .fold(first, |selected, other| if stays(selected, other) { selected } else { other });
                    let sum = sums.add(selected);
                    sum.write(sum.read().plus(source.add(window).read()));
                }
                start = end;
            }
        }
    }
}

/// The loop on numbers of a type in registers.
pub(super) fn run(number: Number, level: Level) -> unsafe fn(&Arguments) {
    match number {
        Number::I1 => compiled::<Plane<Truth>>(level),
        Number::I8 => compiled::<Plane<i8>>(level),
        Number::I16 => compiled::<Plane<i16>>(level),
        Number::I32 => compiled::<Plane<i32>>(level),
        Number::I64 => compiled::<Plane<i64>>(level),
        Number::U8 => compiled::<Plane<u8>>(level),
        Number::U16 => compiled::<Plane<u16>>(level),
        Number::U32 => compiled::<Plane<u32>>(level),
        Number::U64 => compiled::<Plane<u64>>(level),
        Number::F64 => compiled::<Plane<f64>>(level),
        Number::F16 | Number::Bf16 | Number::F32 => compiled::<Plane<f32>>(level),
    }
}
