//! Which results find an element of the input under one place of their window, along one dimension.

use crate::window::WindowDim;

/// Results that find an element: equally spaced, as these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Span {
    /// The first result.
    pub first: usize,
    /// How many there are.
    pub count: usize,
    /// Distance between results.
    pub step: usize,
    /// The first one's element.
    pub source: isize,
    /// Distance between elements.
    pub source_step: isize,
}

const NOTHING: Span = Span { first: 0, count: 0, step: 1, source: 0, source_step: 0 };

/// The results that find an element under place `at` of their window, of a dimension with `size` elements and `count`
/// windows: those whose place among dilated elements, `result * stride + at * window_dilation - padding`, is a multiple of
/// the base dilation and inside.
pub(in crate::cpu) fn span(dim: &WindowDim, [size, count]: [usize; 2], at: usize) -> Span {
    let (stride, dilation) = (dim.stride as i128, dim.base_dilation as i128);
    let before = dim.padding as i128 - at as i128 * dim.window_dilation as i128;
    let place = |result: i128| result * stride - before;
    let lowest = (before.max(0) + stride - 1) / stride;
    let step = dilation / greatest_common_divisor(stride, dilation);
    let candidates = lowest..(lowest + step).min(count as i128);
    let Some(first) = candidates.into_iter().find(|&result| place(result) % dilation == 0) else {
        return NOTHING;
    };
    let (source, source_step) = (place(first) / dilation, stride * step / dilation);
    let inside = (size as i128 - source + source_step - 1).max(0) / source_step;
    let results = (count as i128 - first + step - 1) / step;
    match inside.min(results) {
        0 => NOTHING,
        found => Span {
            first: first as usize,
            count: found as usize,
            step: step as usize,
            source: source as isize,
            source_step: source_step as isize,
        },
    }
}

fn greatest_common_divisor(x: i128, y: i128) -> i128 {
    if y == 0 { x } else { greatest_common_divisor(y, x % y) }
}

impl Span {
    /// Of one result alone, and its element.
    pub(in crate::cpu) const OF_ONE: Span = Span { first: 0, count: 1, step: 1, source: 0, source_step: 0 };

    /// The span in memory where elements lie this far apart.
    pub(in crate::cpu) fn scaled(self, stride: isize) -> Span {
        Span { source: self.source * stride, source_step: self.source_step * stride, ..self }
    }

    /// Of the results from `start` to `end`: the first one's number in the span, and how many are in it.
    #[inline]
    pub(in crate::cpu) fn within(&self, start: usize, end: usize) -> (usize, usize) {
        let up_to = |result: usize| {
            let before = result.saturating_sub(self.first);
            if self.step == 1 { before } else { before.div_ceil(self.step) }.min(self.count)
        };
        let (skipped, reached) = (up_to(start), up_to(end));
        (skipped, reached - skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every result of every small dimension, as the definition has it.
    #[test]
    fn spans_are_what_the_definition_says() {
        for code in 0..2 * 3 * 4 * 4 * 9 * 5 {
            let mut left = code;
            let mut digit = |base: usize| {
                let digit = left % base;
                left /= base;
                digit
            };
            let (stride, base_dilation, window_dilation) = (1 + digit(4), 1 + digit(4), 1 + digit(3));
            let (padding, size, count) = (digit(9) as isize - 4, digit(5), 7);
            let dim = WindowDim { window: 3, stride, base_dilation, window_dilation, padding };
            for at in 0..3 {
                let span = span(&dim, [size, count], at);
                for result in 0..count {
                    let place = (result * stride + at * window_dilation) as isize - padding;
                    let is_inside = place >= 0
                        && (place as usize).is_multiple_of(base_dilation)
                        && (place as usize / base_dilation) < size;
                    let (skipped, found) = span.within(result, result + 1);
                    assert_eq!(found, usize::from(is_inside), "{dim:?} {size} {at} {result}");
                    if is_inside {
                        let source = span.source + skipped as isize * span.source_step;
                        assert_eq!(source, place / base_dilation as isize);
                    }
                }
            }
        }
    }
}
