//! What is asked for on the command line.

use std::time::Duration;

use choral::Device;

/// Which workloads run, and how.
pub(crate) struct Arguments {
    /// Names, or what they begin with before a `_`; all if there is none.
    pub(crate) only: Vec<String>,
    /// How long each is timed.
    pub(crate) length: Duration,
    pub(crate) threads: usize,
    /// Whether sizes are swept instead.
    pub(crate) sweep: bool,
    pub(crate) device: Device,
}

impl Arguments {
    /// Reads words.
    ///
    /// # Errors
    /// What is not understood.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (only, length) = (Vec::new(), Duration::from_secs(1));
        let mut read = Arguments { only, length, threads, sweep: false, device: Device::Cpu };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--only" => read.only = value()?.split(',').map(str::to_owned).collect(),
                "--seconds" => read.length = seconds(&value()?)?,
                "--threads" => read.threads = number(&value()?)?,
                "--sweep" => read.sweep = true,
                "--device" => read.device = device(&value()?)?,
                // What cargo says to every benchmark.
                "--bench" => {}
                _ => {
                    return Err(format!(
                        "{word} is not known; there are --only, --seconds, --threads, --sweep, --device"
                    ));
                }
            }
        }
        Ok(read)
    }

    /// Whether a workload of this name is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let first = name.split('_').next().unwrap_or(name);
        self.only.is_empty() || self.only.iter().any(|only| only == name || only == first)
    }
}

/// A device that is there.
fn device(word: &str) -> Result<Device, String> {
    let device: Device = word.parse().map_err(|error| format!("{error}"))?;
    match device {
        Device::Cuda(ordinal) => Device::cuda(ordinal).map_err(|error| error.to_string()),
        Device::Cpu | Device::Reference => Ok(device),
    }
}

fn number(word: &str) -> Result<usize, String> {
    word.parse()
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| format!("expected a number of threads, got {word}"))
}

fn seconds(word: &str) -> Result<Duration, String> {
    let parsed = word.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.ok_or_else(|| format!("expected seconds, got {word}"))
}
