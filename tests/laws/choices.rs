//! Choices out of a list of draws: what proptest shrinks, and what generators read.

use choral::ir::{Class, DType};

use crate::inputs::mixed;

/// The element types of about half of all values, the simplest first: ops fit together more often.
const COMMON: [DType; 4] = [DType::F32, DType::I32, DType::F64, DType::I1];

/// Draws, read one after another; behind the last one every draw is 0, which stands for the
/// simplest choice.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    draws: std::vec::IntoIter<u32>,
}

impl Choices {
    pub(crate) fn new(draws: &[u32]) -> Choices {
        Choices { draws: Vec::from(draws).into_iter() }
    }

    /// Draws that look random and depend on the series alone.
    pub(crate) fn of_series(series: u64) -> Choices {
        let draws: Vec<u32> = (0..160).map(|at| (mixed(160 * series + at) >> 32) as u32).collect();
        Choices::new(&draws)
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u32 {
        self.draws.next().unwrap_or(0)
    }

    /// A number below `count`, which is at least 1.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.any() as usize % count
    }

    /// A number from `low` to `high`; nearest to 0 is simplest.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let mut range: Vec<i64> = (low..=high).collect();
        range.sort_by_key(|value| value.abs());
        self.pick(&range)
    }

    /// `true` once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// One of the options.
    pub(crate) fn pick<T: Clone>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())].clone()
    }

    /// The size of a dimension: small, at times 0.
    pub(crate) fn size(&mut self) -> usize {
        self.pick(&[1, 2, 3, 2, 1, 4, 3, 2, 0, 2, 3])
    }

    /// A number of dimensions.
    pub(crate) fn rank(&mut self) -> usize {
        self.pick(&[0, 1, 2, 3, 2, 1, 4, 2])
    }

    /// A shape of `rank` dimensions.
    pub(crate) fn shape(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).map(|_| self.size()).collect()
    }

    /// An element type of the class.
    pub(crate) fn dtype(&mut self, class: Class) -> DType {
        let weighted = COMMON.iter().chain(&COMMON).chain(&DType::ALL).copied();
        let dtypes: Vec<DType> = weighted.filter(|&dtype| class.contains(dtype)).collect();
        self.pick(&dtypes)
    }

    /// The numbers below `count` in some order.
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for at in 0..count {
            let other = at + self.below(count - at);
            order.swap(at, other);
        }
        order
    }

    /// Some of the numbers below `count`, in order.
    pub(crate) fn subset(&mut self, count: usize) -> Vec<usize> {
        (0..count).filter(|_| self.once_in(2)).collect()
    }

    /// `chosen` of the numbers below `count`, in order.
    pub(crate) fn places(&mut self, chosen: usize, count: usize) -> Vec<usize> {
        let mut places = self.permutation(count);
        places.truncate(chosen);
        places.sort_unstable();
        places
    }
}
