//! Waiting for what comes soon, without sleeping.

use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take: about what waking a thread takes.
const SPIN: Duration = Duration::from_micros(40);

/// Looks before other threads of the machine may run, and the clock is asked.
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
        if start.get_or_insert_with(Instant::now).elapsed() > SPIN {
            return None;
        }
        thread::yield_now();
    }
}
