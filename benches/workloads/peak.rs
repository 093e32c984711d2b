//! What the device can do at best: of a processor measured in the same run, of a GPU as its maker says (`cards`).
//!
//! Arithmetic: a product of squares of 512, which lie in the caches, on all threads of the run. Traffic: a
//! copy of 128 MiB by as many threads, each its own part; bytes read and bytes written both count, what the
//! processor reads of the target before it writes does not. The best of several rounds each.

use std::hint::black_box;
use std::time::{Duration, Instant};

use choral::runtime::cuda::Gpu;
use choral::{Device, Error, Tensor, Var};

use crate::cards;
use crate::data::Draw;
use crate::measure::Times;
use crate::prepared::single;

/// Rows and columns of the squares.
const SQUARE: usize = 512;

/// Floats that are copied.
const COPIED: usize = 1 << 25;

/// Rounds of the copy.
const ROUNDS: usize = 5;

/// The best that was reached.
pub(crate) struct Peak {
    /// Floating-point operations, in thousand millions a second.
    pub(crate) gflops: f64,
    /// The same on 16-bit floats, where a device has units of their own for them.
    pub(crate) narrow_gflops: f64,
    /// Bytes read and written, in thousand millions a second.
    pub(crate) gb_per_second: f64,
}

impl Peak {
    /// Of a device; a processor runs this many threads. What is not known of a GPU is not a number.
    ///
    /// # Errors
    /// If there is no such GPU.
    pub(crate) fn of(device: Device, threads: usize) -> Result<Peak, Error> {
        let Device::Cuda(ordinal) = device else { return Peak::measured(threads) };
        let gpu = Gpu::open(ordinal).map_err(choral::runtime::Error::from)?;
        let [gflops, narrow_gflops, gb_per_second] = cards::peaks(gpu.name()).unwrap_or([f64::NAN; 3]);
        Ok(Peak { gflops, narrow_gflops, gb_per_second })
    }

    fn measured(threads: usize) -> Result<Peak, Error> {
        let mut draw = Draw::new();
        let squares: [Tensor; 2] = std::array::from_fn(|_| draw.normal([SQUARE, SQUARE], 1.0));
        let product = single(|[a, b]: [Var; 2]| a.matmul(&b), squares)?.on(Device::Cpu)?;
        let times = Times::of(&product, Duration::from_millis(300))?;
        let gflops = product.costs.flops as f64 / times.quantile(0.0) / 1e3;
        Ok(Peak { gflops, narrow_gflops: gflops, gb_per_second: copied(threads) })
    }
}

/// Bandwidth of a copy.
fn copied(threads: usize) -> f64 {
    let (from, mut to) = (vec![1.0f32; COPIED], vec![0.0f32; COPIED]);
    let part = COPIED.div_ceil(threads);
    let round = |to: &mut [f32]| {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (from, to) in from.chunks(part).zip(to.chunks_mut(part)) {
                scope.spawn(|| to.copy_from_slice(black_box(from)));
            }
        });
        start.elapsed().as_secs_f64()
    };
    let best = (0..ROUNDS).map(|_| round(black_box(&mut to))).fold(f64::INFINITY, f64::min);
    (2 * COPIED * size_of::<f32>()) as f64 / best / 1e9
}
