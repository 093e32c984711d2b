//! Workers without work: those that look for it, and those that sleep until they are woken.
//!
//! Nobody is forgotten: who wakes others for a job has posted it and then reads how many sleep; a worker says that it
//! sleeps and then looks for jobs once more. Between the two steps of each stands a fence, so that one of them sees the
//! other.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lock;

/// One worker that looks for work, and one that sleeps, in the counts of both.
const LOOKING: u64 = 1;
const SLEEPING: u64 = 1 << 32;

/// How many look for work, and how many sleep.
fn counts(word: u64) -> (usize, usize) {
    ((word % SLEEPING) as usize, (word / SLEEPING) as usize)
}

/// Who is idle.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Idle {
    /// How many look for work, in the lower half, and how many sleep. Who is woken looks from then on.
    counts: AtomicU64,
    /// How many have been woken and have not risen yet.
    woken: Mutex<usize>,
    rise: Condvar,
    missed: Missed,
}

impl Idle {
    /// A worker begins to look for work.
    pub(super) fn arrive(&self) {
        self.counts.fetch_add(LOOKING, Ordering::Relaxed);
    }

    /// A worker that looked has found some.
    pub(super) fn begin(&self) {
        self.counts.fetch_sub(LOOKING, Ordering::Relaxed);
    }

    /// Whether so many workers that look for work have been missed for long enough to wake them: one job that is soon
    /// done is not worth it, a train of them is.
    pub(super) fn are_missed(&self, wanted: usize) -> bool {
        let (looking, sleeping) = counts(self.counts.load(Ordering::Relaxed));
        looking < wanted && sleeping > 0 && self.missed.again(self.missed.now())
    }

    /// A job is done that woke nobody.
    pub(super) fn have_been_missed(&self, wanted: usize) {
        let (looking, sleeping) = counts(self.counts.load(Ordering::Relaxed));
        if looking < wanted && sleeping > 0 {
            self.missed.done(self.missed.now());
        }
    }

    /// Wakes workers until so many are looking for work, and at most so many.
    pub(super) fn wake(&self, wanted: usize, most: usize) {
        if wanted == 0 {
            return;
        }
        fence(Ordering::SeqCst);
        for _ in 0..most {
            let (looking, sleeping) = counts(self.counts.load(Ordering::Relaxed));
            if looking >= wanted || sleeping == 0 || !self.wake_one() {
                return;
            }
        }
    }

    /// Wakes a worker, if one sleeps.
    fn wake_one(&self) -> bool {
        {
            let mut woken = lock(&self.woken);
            // Workers sleep and are woken under this lock alone.
            if self.counts.load(Ordering::Relaxed) < SLEEPING {
                return false;
            }
            self.counts.fetch_sub(SLEEPING - LOOKING, Ordering::Relaxed);
            *woken += 1;
        }
        self.rise.notify_one();
        true
    }

    /// A worker that looked for work sleeps until it is woken; not if there is work now.
    pub(super) fn sleep(&self, has_work: impl Fn() -> bool) {
        let mut woken = lock(&self.woken);
        self.counts.fetch_add(SLEEPING - LOOKING, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if has_work() {
            self.counts.fetch_sub(SLEEPING - LOOKING, Ordering::Relaxed);
            return;
        }
        while *woken == 0 {
            woken = self.rise.wait(woken).unwrap_or_else(PoisonError::into_inner);
        }
        *woken -= 1;
    }
}

/// For how long jobs have been without helpers, in nanoseconds from the start.
#[derive(Debug)]
struct Missed {
    start: Instant,
    /// When the first of them began, and when the last one was done.
    since: AtomicU64,
    last: AtomicU64,
}

/// How long jobs may go without help before they wake it: several times what waking takes from a caller.
const PATIENCE: Duration = Duration::from_micros(50);

/// Jobs that are further from one another are not of one train.
const GAP: Duration = Duration::from_micros(100);

impl Default for Missed {
    fn default() -> Missed {
        Missed { start: Instant::now(), since: AtomicU64::new(0), last: AtomicU64::new(0) }
    }
}

impl Missed {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Workers are missed by a job that begins now: whether that has gone on for long.
    fn again(&self, now: Duration) -> bool {
        let ago = |since: &AtomicU64| now.saturating_sub(Duration::from_nanos(since.load(Ordering::Relaxed)));
        if ago(&self.last) > GAP {
            self.since.store(now.as_nanos() as u64, Ordering::Relaxed);
        }
        self.done(now);
        ago(&self.since) > PATIENCE
    }

    /// A job that missed them is done now. How long it took counts as much as how many there were.
    fn done(&self, now: Duration) {
        self.last.store(now.as_nanos() as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_train_of_jobs_and_a_long_one_miss_workers() {
        let short = Missed::default();
        let train: Vec<bool> = (0..4).map(|job| short.again(HOUR + PATIENCE / 2 * job)).collect();
        assert_eq!(train, [false, false, false, true]);

        let long = Missed::default();
        assert!(!long.again(HOUR));
        long.done(HOUR + GAP * 3);
        assert!(long.again(HOUR + GAP * 3 + PATIENCE / 2));
    }

    #[test]
    fn jobs_far_apart_miss_nobody() {
        let missed = Missed::default();
        assert!((1..9).all(|job| !missed.again(HOUR + GAP * 2 * job)));
    }
}
