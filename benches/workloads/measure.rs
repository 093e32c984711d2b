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
        Times::measured(length, &program.time)
    }

    /// Of runs with inputs and results on the device: from the call until the device is done, by our own clock. `None`
    /// on a device that has no memory of its own.
    ///
    /// # Errors
    /// Those of the program.
    pub(crate) fn of_staying(program: &Prepared, length: Duration) -> Result<Option<Times>, Error> {
        if (program.device_time)(1)?.is_none() {
            return Ok(None);
        }
        let once = || {
            let start = Instant::now();
            (program.device_time)(1).map(|_| start.elapsed())
        };
        Times::measured(length, once).map(Some)
    }

    /// Of runs one right after the other, by the device's clock: rounds of so many runs that all take about this long.
    ///
    /// # Errors
    /// Those of the program.
    pub(crate) fn of_device(program: &Prepared, length: Duration, runs: usize) -> Result<Times, Error> {
        let round = || Ok((program.device_time)(runs)?.unwrap_or_default() / runs as u32);
        Times::measured(length, round)
    }

    fn measured(length: Duration, once: impl Fn() -> Result<Duration, Error>) -> Result<Times, Error> {
        for _ in 0..WARM {
            once()?;
        }
        let mut times = Vec::new();
        let start = Instant::now();
        while times.len() < RUNS || start.elapsed() < length {
            times.push(once()?.as_nanos() as f64 / 1e3);
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
