//! Times of calls, and what of them is printed.

use std::time::{Duration, Instant};

use choral::Error;

use crate::prepared::Prepared;

/// Calls before any is timed, and the least number of timed ones.
const WARM: usize = 2;
const RUNS: usize = 5;

/// Microseconds of calls, in ascending order.
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Calls a program for as long as this.
    ///
    /// # Errors
    /// Those of the program.
    pub(crate) fn of(program: &Prepared, length: Duration) -> Result<Times, Error> {
        for _ in 0..WARM {
            (program.time)()?;
        }
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < RUNS || start.elapsed() < length {
            times.push((program.time)()?.as_nanos() as f64 / 1e3);
        }
        times.sort_by(f64::total_cmp);
        Ok(Times(times))
    }

    /// The time that this share of the calls stays below.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let place = (share * self.0.len().saturating_sub(1) as f64).round() as usize;
        self.0.get(place).copied().unwrap_or_default()
    }

    /// How many calls there were.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}
