//! The loops over the windows of a plane: what each selects, for neighbours at once, and then what is added, in order.

use std::marker::PhantomData;
use std::ops::Range;

use crate::cpu::machine::{Body, compiled};
use crate::instruction::Comparison;
use crate::select_and_scatter::Select;
use crate::window::WindowDim;
use crate::{Level, Number};

/// Windows of a lane that select at once.
const NEIGHBOURS: usize = 8;

/// The windows of a plane: lanes of neighbours along its last dimension, and the rows that those of a lane reach into.
#[derive(Debug, Clone)]
pub(super) struct Windows {
    /// Where the rows begin that each lane reaches into, in row-major order.
    rows: Vec<usize>,
    /// Where the rows of each lane end.
    ends: Vec<usize>,
    lane: Lane,
    /// The windows of a lane of which no element is outside; none where places do not fit [`Place`].
    whole: Range<usize>,
}

/// An element of a plane, as lanes count them.
type Place = u32;

/// The windows along the last dimension.
#[derive(Debug, Clone, Copy)]
struct Lane {
    window: WindowDim,
    size: usize,
    count: usize,
}

impl Windows {
    /// Of windows along dimensions of so many elements and windows.
    pub(super) fn of(dims: &[(WindowDim, [usize; 2])]) -> Windows {
        let one = (WindowDim::PLAIN, [1, 1]);
        let (&(window, [size, count]), outer) = dims.split_last().unwrap_or((&one, &[]));
        let lane = Lane { window, size, count };
        let elements = dims.iter().fold(1, |all: usize, (_, [size, _])| all.saturating_mul(*size));
        let whole = if Place::try_from(elements).is_ok() { lane.whole() } else { 0..0 };
        let mut windows = Windows { rows: Vec::new(), ends: Vec::new(), lane, whole };
        let lanes: usize = outer.iter().map(|(_, [_, count])| count).product();
        for lane in 0..lanes {
            let mut left = lane;
            let mut of_lane = vec![0];
            let mut width = size;
            // From the innermost dimension outward: each place of it, with all that is inside.
            for (dim, [size, count]) in outer.iter().rev() {
                let inside = Lane { window: *dim, size: *size, count: *count }.places(left % count);
                left /= count;
                let inner = std::mem::take(&mut of_lane);
                of_lane = inside.flat_map(|at| inner.iter().map(move |place| place + at * width)).collect();
                width *= size;
            }
            windows.rows.append(&mut of_lane);
            windows.ends.push(windows.rows.len());
        }
        windows
    }
}

impl Lane {
    /// The elements under a window.
    fn places(&self, window: usize) -> Range<usize> {
        let start = (window * self.window.stride) as isize - self.window.padding;
        let within = |at: isize| at.clamp(0, self.size as isize) as usize;
        within(start)..within(start + self.window.window as isize)
    }

    /// The windows of which no element is outside.
    fn whole(&self) -> Range<usize> {
        let WindowDim { window, stride, padding, .. } = self.window;
        let first = padding.max(0) as usize;
        let room = self.size as isize + padding - window as isize;
        let end = if room < 0 { 0 } else { (room as usize / stride + 1).min(self.count) };
        let start = first.div_ceil(stride).min(end);
        start..end
    }
}

/// What the loop works on: planes in registers' type.
pub(super) struct Arguments {
    pub values: *const u8,
    /// A number for each window.
    pub source: *const u8,
    pub sums: *mut u8,
    pub windows: *const Windows,
    pub select: Select,
}

/// Numbers that are compared and added.
trait Added: Copy + Default + PartialOrd {
    /// Compiling takes time, which few types are worth at every level.
    const WIDEST: Level;
    fn plus(self, other: Self) -> Self;
}

macro_rules! added {
    ($($T:ty: $level:ident, |$x:ident, $y:ident| $sum:expr;)*) => {$(
        impl Added for $T {
            const WIDEST: Level = Level::$level;
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                let ($x, $y) = (self, other);
                $sum
            }
        }
    )*};
}
added! {
    f32: Avx2, |x, y| x + y;
    f64: Avx2, |x, y| x + y;
    i8: Portable, |x, y| x.wrapping_add(y);
    i16: Portable, |x, y| x.wrapping_add(y);
    i32: Portable, |x, y| x.wrapping_add(y);
    i64: Portable, |x, y| x.wrapping_add(y);
    u8: Portable, |x, y| x.wrapping_add(y);
    u16: Portable, |x, y| x.wrapping_add(y);
    u32: Portable, |x, y| x.wrapping_add(y);
    u64: Portable, |x, y| x.wrapping_add(y);
    Truth: Portable, |x, y| Truth(x.0 | y.0);
}

/// A truth value in a byte, of which a sum is an or.
#[derive(Clone, Copy, Default, PartialEq, PartialOrd)]
#[repr(transparent)]
struct Truth(u8);

/// Which of two values stays selected, without branches: it is hard to foresee.
trait Rule: Copy {
    fn of(select: Select) -> Self;
    fn stays<T: PartialOrd>(self, selected: T, other: T) -> bool;
}

/// A rule that is known when the loop is compiled: whether the greater one stays, and of equals the first.
#[derive(Clone, Copy)]
struct Known<const GREATER: bool, const EQUAL: bool>;

impl<const GREATER: bool, const EQUAL: bool> Rule for Known<GREATER, EQUAL> {
    fn of(_: Select) -> Self {
        Known
    }

    #[inline(always)]
    fn stays<T: PartialOrd>(self, selected: T, other: T) -> bool {
        match (GREATER, EQUAL) {
            (true, true) => selected >= other,
            (true, false) => selected > other,
            (false, true) => selected <= other,
            (false, false) => selected < other,
        }
    }
}

/// Any rule, for types that are rarely pooled.
#[derive(Clone, Copy)]
struct Any {
    if_less: bool,
    if_greater: bool,
    if_equal: bool,
}

impl Rule for Any {
    fn of(select: Select) -> Any {
        let is_less = select.comparison != Comparison::Equal;
        Any {
            if_less: is_less & !select.is_swapped,
            if_greater: is_less & select.is_swapped,
            if_equal: select.comparison != Comparison::Less,
        }
    }

    #[inline(always)]
    fn stays<T: PartialOrd>(self, selected: T, other: T) -> bool {
        (self.if_less & (selected < other))
            | (self.if_greater & (selected > other))
            | (self.if_equal & (selected == other))
    }
}

struct Plane<T, R>(PhantomData<(T, R)>);

impl<T: Added, R: Rule> Body for Plane<T, R> {
    type Arguments = Arguments;
    const WIDEST: Level = T::WIDEST;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { values, source, sums, windows, select } = arguments;
        let (values, source, sums) = (values.cast::<T>(), source.cast::<T>(), sums.cast::<T>());
        // SAFETY: the caller vouches for the windows.
        let Windows { rows, ends, lane, whole } = unsafe { &*windows };
        let rule = R::of(select);
        let mut start = 0;
        for (at, &end) in ends.iter().enumerate() {
            let rows = &rows[start..end];
            start = end;
            let source = source.wrapping_add(at * lane.count);
            if !rows.is_empty() {
                // SAFETY: the caller's contract.
                unsafe { add_lane((values, source, sums), (rows, lane, whole), rule) }
            }
        }
    }
}

/// Adds the numbers of the windows of a lane, one after another.
///
/// # Safety
/// The lane's rows are in the plane, and there is a number in the source for each window.
#[inline(always)]
unsafe fn add_lane<T: Added>(
    (values, source, sums): (*const T, *const T, *mut T),
    (rows, lane, whole): (&[usize], &Lane, &Range<usize>),
    rule: impl Rule,
) {
    let (stride, count, whole) = (lane.window.stride, lane.count, whole.clone());
    let add = |window: usize, place: usize| {
        // SAFETY: the caller's contract.
        unsafe {
            let sum = sums.add(place);
            sum.write(sum.read().plus(source.add(window).read()));
        }
    };
    let one = |window: usize| {
        // SAFETY: the caller's contract.
        if let Some(place) = unsafe { selected(values, (rows, lane.places(window)), rule) } {
            add(window, place);
        }
    };
    (0..whole.start).for_each(one);
    let mut next = whole.start;
    while next < whole.end && whole.len() >= NEIGHBOURS {
        // The last ones begin before those that are done, to be as many.
        let first = next.min(whole.end - NEIGHBOURS);
        // SAFETY: the caller's contract; no window has an element outside.
        let places = unsafe { neighbours(values, (rows, lane, first), rule) };
        for (at, &place) in places.iter().enumerate().skip(next - first) {
            add(first + at, place as usize + at * stride);
        }
        next = first + NEIGHBOURS;
    }
    (next..count).for_each(one);
}

/// The element that the window over these places of these rows selects.
///
/// # Safety
/// They are in the plane.
#[inline(always)]
unsafe fn selected<T: Added>(
    values: *const T,
    (rows, places): (&[usize], Range<usize>),
    rule: impl Rule,
) -> Option<usize> {
    let all = rows.iter().flat_map(|row| places.clone().map(move |place| row + place));
    // SAFETY: the caller vouches for the places.
    let value = |place: usize| unsafe { values.add(place).read() };
    all.reduce(|selected, other| if rule.stays(value(selected), value(other)) { selected } else { other })
}

/// What neighbours in a lane select, from window `first` on: where the selected element would be if the window were the
/// first of them.
///
/// # Safety
/// There are so many neighbours, and all their elements are in the plane.
#[inline(always)]
unsafe fn neighbours<T: Added>(
    values: *const T,
    (rows, lane, first): (&[usize], &Lane, usize),
    rule: impl Rule,
) -> [Place; NEIGHBOURS] {
    let WindowDim { window, stride, padding, .. } = lane.window;
    let begin = ((first * stride) as isize - padding) as usize;
    let (mut best, mut places) = ([T::default(); NEIGHBOURS], [Place::MAX; NEIGHBOURS]);
    for place in rows.iter().flat_map(|row| (0..window).map(move |at| row + begin + at)) {
        // SAFETY: the caller's contract.
        let next = unsafe { strided(values.add(place), stride) };
        for at in 0..NEIGHBOURS {
            // Bitwise, for the sake of vectors: the first one has nothing to stay beside.
            let stays = rule.stays(best[at], next[at]) & (places[at] != Place::MAX);
            best[at] = if stays { best[at] } else { next[at] };
            places[at] = if stays { places[at] } else { place as Place };
        }
    }
    places
}

/// Neighbours that are `stride` apart.
///
/// # Safety
/// They are there.
#[inline(always)]
unsafe fn strided<T: Copy>(from: *const T, stride: usize) -> [T; NEIGHBOURS] {
    // SAFETY: the caller's contract.
    let several = |first: usize| unsafe { from.add(first).cast::<[T; NEIGHBOURS]>().read() };
    match stride {
        1 => several(0),
        2 => {
            // The second half begins one before its first, to end with its last.
            let [x, y] = [several(0), several(NEIGHBOURS - 1)];
            let half = NEIGHBOURS / 2;
            std::array::from_fn(|at| if at < half { x[at * 2] } else { y[(at - half) * 2 + 1] })
        }
        // SAFETY: the caller's contract.
        _ => std::array::from_fn(|at| unsafe { from.add(at * stride).read() }),
    }
}

/// The loop on numbers of a type in registers.
pub(super) fn run(number: Number, select: Select, level: Level) -> unsafe fn(&Arguments) {
    /// The loop on floats.
    fn floats<T: Added>(select: Select, level: Level) -> unsafe fn(&Arguments) {
        match (select.is_swapped, select.comparison) {
            (true, Comparison::LessOrEqual) => compiled::<Plane<T, Known<true, true>>>(level),
            (true, Comparison::Less) => compiled::<Plane<T, Known<true, false>>>(level),
            (false, Comparison::LessOrEqual) => compiled::<Plane<T, Known<false, true>>>(level),
            (false, Comparison::Less) => compiled::<Plane<T, Known<false, false>>>(level),
            (_, Comparison::Equal) => compiled::<Plane<T, Any>>(level),
        }
    }
    match number {
        Number::I1 => compiled::<Plane<Truth, Any>>(level),
        Number::I8 => compiled::<Plane<i8, Any>>(level),
        Number::I16 => compiled::<Plane<i16, Any>>(level),
        Number::I32 => compiled::<Plane<i32, Any>>(level),
        Number::I64 => compiled::<Plane<i64, Any>>(level),
        Number::U8 => compiled::<Plane<u8, Any>>(level),
        Number::U16 => compiled::<Plane<u16, Any>>(level),
        Number::U32 => compiled::<Plane<u32, Any>>(level),
        Number::U64 => compiled::<Plane<u64, Any>>(level),
        Number::F64 => floats::<f64>(select, level),
        Number::F16 | Number::Bf16 | Number::F32 => floats::<f32>(select, level),
    }
}
