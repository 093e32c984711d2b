//! What handing work out costs, printed, beside rayon:
//! `cargo test --release -p choral-kernels --test kernels pool_speed -- --ignored --nocapture --test-threads 1`.

use std::hint::{black_box, spin_loop};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use choral_kernels::cpu::pool::{Pool, Split};

/// A pool that calls a function once for each of two halves of some work.
trait Shares: Sync {
    fn name(&self) -> &'static str;
    fn halves(&self, parts: usize, work: &(dyn Fn(Range<usize>) + Sync));
}

impl Shares for Pool {
    fn name(&self) -> &'static str {
        "choral"
    }

    fn halves(&self, parts: usize, work: &(dyn Fn(Range<usize>) + Sync)) {
        self.run(
            Split { parts, threads: 2, grain: parts.div_ceil(8), wakes: parts >= 10_000 },
            &|_, parts| work(parts),
        );
    }
}

impl Shares for rayon::ThreadPool {
    fn name(&self) -> &'static str {
        "rayon"
    }

    fn halves(&self, parts: usize, work: &(dyn Fn(Range<usize>) + Sync)) {
        self.join(|| work(0..parts / 2), || work(parts / 2..parts));
    }
}

/// No pool.
struct Alone;

impl Shares for Alone {
    fn name(&self) -> &'static str {
        "alone"
    }

    fn halves(&self, parts: usize, work: &(dyn Fn(Range<usize>) + Sync)) {
        work(0..parts);
    }
}

/// Microseconds of many calls, sorted.
fn times(count: usize, pause: Duration, mut call: impl FnMut()) -> Vec<f64> {
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            if !pause.is_zero() {
                thread::sleep(pause);
            }
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn quantiles(times: &[f64]) -> String {
    let at = |share: f64| times[(times.len() as f64 * share) as usize];
    format!("{:7.2} us; 10 % {:7.2}, 90 % {:7.2}, 99 % {:7.2}", at(0.5), at(0.1), at(0.9), at(0.99))
}

/// Spins about so many nanoseconds, without the clock.
fn toil(rounds: usize) -> f32 {
    let mut value = black_box(1.0f32);
    for _ in 0..rounds {
        value = value * 0.999 + 0.001;
    }
    black_box(value)
}

fn pools() -> (Pool, rayon::ThreadPool) {
    (Pool::new(2), rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap())
}

#[test]
#[ignore = "a measurement; in release"]
fn handing_out_nothing() {
    let (own, rayon) = pools();
    for pool in [&own as &dyn Shares, &rayon] {
        let nothing = || pool.halves(2, &|parts| _ = black_box(parts));
        times(10_000, Duration::ZERO, nothing);
        println!("{:6} hot:    {}", pool.name(), quantiles(&times(100_000, Duration::ZERO, nothing)));
        let pause = Duration::from_millis(2);
        println!("{:6} parked: {}", pool.name(), quantiles(&times(500, pause, nothing)));
    }
}

/// How long until another thread begins, if the caller only waits for it.
#[test]
#[ignore = "a measurement; in release"]
fn until_another_begins() {
    let (own, rayon) = pools();
    for pool in [&own as &dyn Shares, &rayon] {
        for (state, pause, count) in
            [("hot", Duration::ZERO, 20_000), ("parked", Duration::from_millis(2), 500)]
        {
            let both = || {
                let begun = AtomicUsize::new(0);
                pool.halves(10_000, &|_| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    while begun.load(Ordering::Relaxed) < 2 {
                        spin_loop();
                    }
                });
            };
            println!("{:6} {state:6}: {}", pool.name(), quantiles(&times(count, pause, both)));
        }
    }
}

/// From which work on two threads win: alone, and shared by halves.
#[test]
#[ignore = "a measurement; in release"]
fn sharing_pays() {
    let (own, rayon) = pools();
    let rounds_of_a_microsecond = {
        let time = times(2000, Duration::ZERO, || _ = toil(10_000))[1000];
        (10_000.0 / time) as usize
    };
    for (state, pause, count) in [("hot", Duration::ZERO, 5000), ("parked", Duration::from_millis(2), 200)] {
        for microseconds in [1, 2, 3, 5, 10, 20, 50, 100, 300, 1000] {
            let work = |parts: Range<usize>| _ = toil(parts.len() * rounds_of_a_microsecond / 100);
            for pool in [&Alone as &dyn Shares, &own, &rayon] {
                let times = times(count, pause, || pool.halves(microseconds * 100, &work));
                println!("{state:6} {microseconds:5} us of work, {:6}: {}", pool.name(), quantiles(&times));
            }
        }
    }
}
