//! How parts are cut into chunks: large ones first, and smaller ones that even out who was faster.
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

/// The chunks of a split. Each round hands out half of what is left in equal chunks, one for each thread; the last
/// round hands out the rest.
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
    pub(super) const MOST_THREADS: usize = 1 << 14;

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

    /// The first part of a chunk, by what comes before it, measured in chunks of the last round.
    fn start(&self, chunk: usize) -> usize {
        if chunk == self.count() {
            return self.parts;
        }
        let (round, place) = ((chunk / self.threads) as u32, chunk % self.threads);
        let whole = 1 << self.rounds;
        let rounds_before = (whole - (whole >> round)) * self.threads;
        let before = rounds_before + place * (whole >> (round + 1)).max(1);
        let share = self.parts as u128 * before as u128;
        share.div_ceil((whole * self.threads) as u128) as usize
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
    fn chunks_become_smaller() {
        assert_eq!(lengths(64, 2, 8), [16, 16, 8, 8, 8, 8]);
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
