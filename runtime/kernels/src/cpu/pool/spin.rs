//! Waiting for what comes soon, without sleeping.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take: about what waking a thread takes.
const SPIN: Duration = Duration::from_micros(40);

/// How long this thread keeps its processor for it. Then others that want the processor have it, and keep it for long.
const KEEP: Duration = Duration::from_micros(10);

/// Looks before the clock is asked.
const LOOKS: usize = 64;

/// What comes soon; `None` if it does not.
pub(super) fn until<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let mut start = None;
    loop {
        for _ in 0..LOOKS {
            if let Some(found) = look() {
                return Some(found);
            }
            hint::spin_loop();
        }
        let spent = start.get_or_insert_with(Instant::now).elapsed();
        if spent > SPIN {
            return None;
        }
        if spent > KEEP {
            thread::yield_now();
        }
    }
}
