//! Workers without work: those that look for it, and those that sleep until they are woken.
//!
//! Nobody is forgotten: a caller posts a job and then reads how many sleep; a worker says that it sleeps and then looks
//! for jobs once more. Between the two steps of each stands a fence, so that one of them sees the other.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};

use super::lock;

/// One worker that looks for work, and one that sleeps, in the counts of both.
const LOOKING: u64 = 1;
const SLEEPING: u64 = 1 << 32;

/// Who is idle.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Idle {
    /// How many look for work, in the lower half, and how many sleep. Who is woken looks from then on.
    counts: AtomicU64,
    /// How many have been woken and have not risen yet.
    woken: Mutex<usize>,
    rise: Condvar,
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

    /// Wakes workers until so many are looking for work, and at most so many.
    pub(super) fn wake(&self, wanted: usize, most: usize) {
        fence(Ordering::SeqCst);
        for _ in 0..most {
            let counts = self.counts.load(Ordering::Relaxed);
            let (looking, sleeping) = (counts % SLEEPING, counts / SLEEPING);
            if looking >= wanted as u64 || sleeping == 0 || !self.wake_one() {
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
