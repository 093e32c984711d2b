//! How parts are cut into chunks: large ones at both ends, and smaller ones between, which even out who was faster.
//!
//! Must not live here: who does which chunk.

use std::ops::Range;

/// What there is to do, and how it may be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// How many parts there are.
    pub parts: usize,
    /// How many threads may take part, at most.
    pub threads: usize,
    /// How many parts are worth being handed out, at least.
    pub grain: usize,
    /// Whether threads that sleep are woken for it: for work of a tenth of a millisecond or more. Shorter work is done
    /// before they rise, and has only the help of those who wait for work, unless much of it comes at a time.
    pub wakes: bool,
}

/// The chunks of a split, in order of their parts. The caller begins them from the first on, its helpers from the last
/// on, so that in one kernel after another each finds the elements that it made.
///
/// The caller's share comes first, and then those of its helpers, backward. Each round hands out half of what is left of
/// a share; the last round hands out the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunks {
    parts: usize,
    threads: usize,
    /// Rounds before the last.
    rounds: u32,
}

/// Rounds before the last, at most: the last chunks are then a thirty-second of a thread's share.
const ROUNDS: u32 = 5;

impl Split {
    /// Threads that one pool has, at most.
    pub(super) const MOST_THREADS: usize = 1 << 13;

    /// The chunks, if there are so many threads.
    pub(super) fn chunks(&self, available: usize) -> Chunks {
        let grains = self.parts / self.grain.max(1);
        let threads = self.threads.min(available).min(grains).max(1);
        let rounds = (grains / threads).max(1).ilog2().min(ROUNDS);
        Chunks { parts: self.parts, threads, rounds }
    }
}

impl Chunks {
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.threads * (self.rounds as usize + 1)
    }

    /// The parts of a chunk.
    pub(super) fn get(&self, chunk: usize) -> Range<usize> {
        self.start(chunk)..self.start(chunk + 1)
    }

    /// The first part of a chunk.
    fn start(&self, chunk: usize) -> usize {
        let all = self.threads << self.rounds;
        let of_caller = self.rounds as usize + 1;
        let before = match chunk.checked_sub(of_caller) {
            None => self.handed_out(chunk, 1),
            Some(after) => all - self.handed_out(self.count() - of_caller - after, (self.threads - 1).max(1)),
        };
        (self.parts as u128 * before as u128).div_ceil(all as u128) as usize
    }

    /// What so many threads have been handed out after so many chunks, in chunks of the last round.
    fn handed_out(&self, chunks: usize, threads: usize) -> usize {
        let (round, place) = (chunks / threads, chunks % threads);
        let share = 1 << self.rounds;
        let left = if round > self.rounds as usize { 0 } else { share >> round };
        (share - left) * threads + place * (left / 2).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(parts: usize, threads: usize, grain: usize) -> Vec<usize> {
        let chunks = Split { parts, threads, grain, wakes: false }.chunks(threads);
        (0..chunks.count()).map(|chunk| chunks.get(chunk).len()).collect()
    }

    #[test]
    fn chunks_become_smaller_from_both_ends() {
        assert_eq!(lengths(64, 2, 8), [16, 8, 8, 8, 8, 16]);
        assert_eq!(lengths(96, 3, 8), [16, 8, 8, 8, 8, 8, 8, 16, 16]);
        assert_eq!(lengths(5, 2, 1), [2, 1, 1, 1]);
        assert_eq!(lengths(3, 3, 1), [1, 1, 1]);
        assert_eq!(lengths(100, 2, 60), [100]);
        assert_eq!(lengths(7, 1, 7), [7]);
    }

    #[test]
    fn chunks_are_all_parts_once() {
        for (parts, threads, grain) in (0..200).flat_map(|parts| {
            (1..9).flat_map(move |threads| [0, 1, 3, 50].map(|grain| (parts, threads, grain)))
        }) {
            let chunks = Split { parts, threads, grain, wakes: false }.chunks(threads);
            let all: Vec<usize> = (0..chunks.count()).flat_map(|chunk| chunks.get(chunk)).collect();
            assert_eq!(all, (0..parts).collect::<Vec<_>>(), "{parts} parts, {threads} threads, {grain}");
        }
    }

    #[test]
    fn chunks_of_very_many_parts_do_not_overflow() {
        let split = Split { parts: usize::MAX, threads: Split::MOST_THREADS, grain: 1, wakes: false };
        let chunks = split.chunks(usize::MAX);
        assert_eq!(chunks.get(0).start, 0);
        assert_eq!(chunks.get(chunks.count() - 1).end, usize::MAX);
        assert!((0..chunks.count()).all(|chunk| !chunks.get(chunk).is_empty()));
    }
}
