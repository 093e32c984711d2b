//! The pool of threads: every part is done once, by threads with seats of their own, and nobody waits for ever.

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use choral_kernels::cpu::pool::{self, Pool, Split};
use rayon::prelude::*;

fn split(parts: usize, threads: usize) -> Split {
    Split { parts, threads, grain: 1, wakes: true }
}

/// The sum of all parts, as the threads of a pool add it.
fn sum(pool: &Pool, split: Split) -> usize {
    let sum = AtomicUsize::new(0);
    pool.run(split, &|_, parts| {
        sum.fetch_add(parts.sum(), Ordering::Relaxed);
    });
    sum.into_inner()
}

fn sum_of(parts: usize) -> usize {
    (0..parts).sum()
}

/// Waits until something holds, but not for ever.
fn wait_until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "nobody came");
        thread::yield_now();
    }
}

/// Pauses at random: shorter and longer than threads look for work before they sleep, and often about as long.
fn pause(state: &mut u64) {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let (start, random) = (Instant::now(), *state >> 34);
    if random % 8 == 0 {
        return thread::sleep(Duration::from_nanos(random % 131_072));
    }
    let length = Duration::from_nanos(36_000 + random % 16_384);
    while start.elapsed() < length {
        std::hint::spin_loop();
    }
}

#[test]
fn every_part_is_done_once() {
    for threads in [1, 2, 3, 8] {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads);
        for (parts, grain) in [(0, 1), (1, 1), (2, 0), (7, 1), (100, 9), (1000, 1), (1000, 1001)] {
            let done: Vec<AtomicUsize> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
            pool.run(Split { parts, threads, grain, wakes: true }, &|_, parts| {
                parts.for_each(|part| _ = done[part].fetch_add(1, Ordering::Relaxed));
            });
            let done: Vec<usize> = done.into_iter().map(AtomicUsize::into_inner).collect();
            assert_eq!(done, vec![1; parts], "{threads} threads, grain {grain}");
        }
    }
}

#[test]
fn a_pool_of_none_is_the_caller() {
    let pool = Pool::new(0);
    assert_eq!((pool.threads(), sum(&pool, split(100, 0))), (1, sum_of(100)));
}

#[test]
fn the_global_pool_has_the_threads_that_the_environment_says() {
    let said = std::env::var(pool::THREADS).ok().and_then(|text| text.parse().ok());
    let available = thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(Pool::global().threads(), said.filter(|&threads| threads > 0).unwrap_or(available));
    assert_eq!(sum(Pool::global(), split(1000, 4)), sum_of(1000));
}

#[test]
fn the_environment_says_how_many_threads_the_global_pool_has() {
    for said in ["1", "3", "0", "many", ""] {
        let test = "pool::the_global_pool_has_the_threads_that_the_environment_says";
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", test]).env(pool::THREADS, said).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{said:?}: {text}");
    }
}

/// What threads did in one job: who took part, in which seats.
#[derive(Default)]
struct Seen {
    threads: Mutex<HashSet<ThreadId>>,
    seats: Mutex<HashSet<usize>>,
}

#[test]
fn no_more_threads_take_part_than_asked_for_and_each_has_a_seat() {
    let pool = Pool::new(6);
    for threads in 1..=6 {
        for _ in 0..200 {
            let seen = Seen::default();
            let taken: [AtomicBool; 6] = Default::default();
            pool.run(split(60, threads), &|seat, _| {
                assert!(!taken[seat].swap(true, Ordering::AcqRel), "seat {seat} is taken");
                seen.threads.lock().unwrap().insert(thread::current().id());
                seen.seats.lock().unwrap().insert(seat);
                thread::yield_now();
                taken[seat].store(false, Ordering::Release);
            });
            let (who, seats) = (seen.threads.into_inner().unwrap(), seen.seats.into_inner().unwrap());
            assert_eq!(who.len(), seats.len());
            assert!(seats.iter().all(|&seat| seat < threads), "{seats:?} of {threads}");
        }
    }
}

#[test]
fn the_caller_has_seat_0() {
    let (pool, caller) = (Pool::new(3), thread::current().id());
    for _ in 0..1000 {
        pool.run(split(30, 3), &|seat, _| assert_eq!(seat == 0, thread::current().id() == caller));
    }
}

/// Every chunk waits for the others, so that this ends only if as many threads come.
fn all_come(pool: &Pool, threads: usize) {
    let came = AtomicUsize::new(0);
    pool.run(split(threads, threads), &|_, parts| {
        assert_eq!(parts.len(), 1);
        came.fetch_add(1, Ordering::Relaxed);
        wait_until(|| came.load(Ordering::Relaxed) == threads);
    });
}

#[test]
fn no_thread_sleeps_through_work() {
    for (threads, rounds) in [(2, 10_000), (4, 1000)] {
        let (pool, mut state) = (Pool::new(threads), 1);
        for _ in 0..rounds {
            all_come(&pool, threads);
            pause(&mut state);
        }
    }
}

#[test]
fn no_caller_sleeps_on_when_its_work_is_done() {
    let (pool, caller, mut state) = (Pool::new(2), thread::current().id(), 2);
    for _ in 0..2000 {
        let begun = AtomicUsize::new(0);
        let length = {
            let start = Instant::now();
            pause(&mut state);
            start.elapsed()
        };
        pool.run(split(2, 2), &|_, _| {
            begun.fetch_add(1, Ordering::Relaxed);
            wait_until(|| begun.load(Ordering::Relaxed) == 2);
            if thread::current().id() != caller {
                thread::sleep(length);
            }
        });
    }
}

#[test]
fn short_work_that_goes_on_wakes_threads_too() {
    let pool = Pool::new(2);
    let helped = AtomicBool::new(false);
    thread::sleep(Duration::from_millis(20));
    wait_until(|| {
        pool.run(Split { parts: 100, threads: 2, grain: 1, wakes: false }, &|seat, _| {
            let start = Instant::now();
            while start.elapsed() < Duration::from_micros(2) {}
            helped.fetch_or(seat > 0, Ordering::Relaxed);
        });
        helped.load(Ordering::Relaxed)
    });
}

#[test]
fn a_caller_waits_for_nothing_that_nobody_has_begun() {
    let pool = Pool::new(3);
    let (held, come) = (AtomicBool::new(true), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            pool.run(split(3, 3), &|_, _| {
                come.fetch_add(1, Ordering::Relaxed);
                wait_until(|| !held.load(Ordering::Relaxed));
            });
        });
        wait_until(|| come.load(Ordering::Relaxed) == 3);
        // All threads of the pool are at work, and stay so.
        let caller = thread::current().id();
        pool.run(split(100, 3), &|_, _| assert_eq!(thread::current().id(), caller));
        held.store(false, Ordering::Relaxed);
    });
}

#[test]
fn many_callers_share_a_pool() {
    let pool = Pool::new(3);
    thread::scope(|scope| {
        for caller in 0..8 {
            let pool = pool.clone();
            scope.spawn(move || {
                for round in 0..2000 {
                    let parts = (caller * 7919 + round) % 300;
                    assert_eq!(sum(&pool, split(parts, 3)), sum_of(parts));
                }
            });
        }
    });
}

#[test]
fn more_callers_at_once_than_the_pool_can_hear() {
    const CALLERS: usize = 80;
    let (pool, inside) = (Pool::new(2), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let (sum, is_begun) = (AtomicUsize::new(0), AtomicBool::new(false));
                pool.run(split(100, 2), &|_, parts| {
                    if !is_begun.swap(true, Ordering::Relaxed) {
                        inside.fetch_add(1, Ordering::Relaxed);
                    }
                    wait_until(|| inside.load(Ordering::Relaxed) == CALLERS);
                    sum.fetch_add(parts.sum(), Ordering::Relaxed);
                });
                assert_eq!(sum.into_inner(), sum_of(100));
            });
        }
    });
}

/// Jobs inside of jobs, so many deep.
fn nested(pool: &Pool, depth: usize) -> usize {
    if depth == 0 {
        return 1;
    }
    let sum = AtomicUsize::new(0);
    pool.run(split(4, 3), &|_, parts| {
        parts.for_each(|_| _ = sum.fetch_add(nested(pool, depth - 1), Ordering::Relaxed));
    });
    sum.into_inner()
}

#[test]
fn work_may_call_its_own_pool() {
    for threads in [1, 2, 5] {
        let pool = Pool::new(threads);
        for _ in 0..20 {
            assert_eq!(nested(&pool, 5), 4usize.pow(5));
        }
    }
}

#[test]
fn threads_of_rayon_may_call_and_be_called() {
    let pool = Pool::new(3);
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    rayon.install(|| {
        (0..500usize).into_par_iter().for_each(|round| {
            let total = AtomicUsize::new(0);
            pool.run(split(20, 3), &|_, parts| {
                let inner: usize = parts.into_par_iter().map(|part| sum(&pool, split(part + round, 2))).sum();
                total.fetch_add(inner, Ordering::Relaxed);
            });
            assert_eq!(total.into_inner(), (0..20).map(|part| sum_of(part + round)).sum());
        });
    });
}

#[test]
fn a_panic_reaches_the_caller_once_all_that_was_begun_has_ended() {
    let (pool, caller) = (Pool::new(3), thread::current().id());
    for (round, by_caller) in (0..400).flat_map(|round| [(round, true), (round, false)]) {
        let (come, at_work) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(split(3, 3), &|_, _| {
                at_work.fetch_add(1, Ordering::Relaxed);
                come.fetch_add(1, Ordering::Relaxed);
                wait_until(|| come.load(Ordering::Relaxed) == 3);
                if by_caller == (thread::current().id() == caller) {
                    at_work.fetch_sub(1, Ordering::Relaxed);
                    std::panic::resume_unwind(Box::new(round));
                }
                thread::sleep(Duration::from_micros(200));
                at_work.fetch_sub(1, Ordering::Relaxed);
            });
        }));
        assert_eq!(result.unwrap_err().downcast_ref::<i32>(), Some(&round));
        assert_eq!(at_work.into_inner(), 0);
    }
    assert_eq!(sum(&pool, split(1000, 3)), sum_of(1000));
    all_come(&pool, 3);
}

/// Of work in 64 chunks, how many were begun, where the caller or its helper panics in its first.
fn begun_beside_a_panic(pool: &Pool, by_caller: bool) -> usize {
    let (begun, caller) = (AtomicUsize::new(0), thread::current().id());
    let work = |_, _| {
        begun.fetch_add(1, Ordering::Relaxed);
        wait_until(|| begun.load(Ordering::Relaxed) >= 2);
        if by_caller == (thread::current().id() == caller) {
            std::panic::resume_unwind(Box::new(()));
        }
        thread::sleep(Duration::from_millis(1));
    };
    catch_unwind(AssertUnwindSafe(|| pool.run(split(64, 2), &work))).unwrap_err();
    begun.into_inner()
}

#[test]
fn nothing_is_begun_after_a_panic() {
    let pool = Pool::new(2);
    for by_caller in [true, false] {
        // Where a thread is held up on its way out of a panic, the other may begin more.
        let at_once = (0..40).filter(|_| begun_beside_a_panic(&pool, by_caller) == 2).count();
        assert!(at_once >= 20, "{at_once} of 40");
    }
}

thread_local! {
    /// Tells when the thread ends.
    static ENDS: Cell<Option<Tells>> = const { Cell::new(None) };
}

struct Tells(Arc<AtomicUsize>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn threads_end_with_the_last_handle() {
    let caller = thread::current().id();
    for round in 0..100 {
        let (pool, ended, mut state) = (Pool::new(4), Arc::new(AtomicUsize::new(0)), round);
        let come = AtomicUsize::new(0);
        pool.run(split(4, 4), &|_, _| {
            come.fetch_add(1, Ordering::Relaxed);
            wait_until(|| come.load(Ordering::Relaxed) == 4);
            if thread::current().id() != caller {
                ENDS.set(Some(Tells(ended.clone())));
            }
        });
        let other = pool.clone();
        drop(pool);
        pause(&mut state);
        assert_eq!(ended.load(Ordering::Relaxed), 0);
        drop(other);
        assert_eq!(ended.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn a_pool_may_end_at_once() {
    (0..200).for_each(|round| drop(Pool::new(round % 5)));
}

#[test]
fn a_call_allocates_nothing() {
    let pool = Pool::new(3);
    all_come(&pool, 3);
    let counted = allocation_counter::measure(|| {
        for round in 0..1000 {
            sum(&pool, split(round, 3));
        }
        thread::sleep(Duration::from_millis(1));
        all_come(&pool, 3);
    });
    assert_eq!(counted.count_total, 0);
}

/// Nanoseconds that a thread of this process has run.
#[cfg(target_os = "linux")]
fn time_of(thread: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(thread.join("schedstat")).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn who_has_no_work_sleeps() {
    let (pool, caller) = (Pool::new(2), thread::current().id());
    let (worker, come) = (Mutex::new(None), AtomicUsize::new(0));
    pool.run(split(2, 2), &|_, _| {
        come.fetch_add(1, Ordering::Relaxed);
        wait_until(|| come.load(Ordering::Relaxed) == 2);
        if thread::current().id() != caller {
            let name = std::fs::read_link("/proc/thread-self").unwrap();
            *worker.lock().unwrap() = Some(std::path::Path::new("/proc").join(name));
        }
    });
    let worker = worker.into_inner().unwrap().unwrap();
    wait_until(|| {
        let before = time_of(&worker);
        thread::sleep(Duration::from_millis(50));
        time_of(&worker) == before
    });
}
