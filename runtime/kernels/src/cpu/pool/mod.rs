//! Threads that wait for work, and share what callers bring.
//!
//! | module | holds |
//! |---|---|
//! | [`Pool`] | the handle: threads that are made, found and ended |
//! | [`Split`] | how parts are cut into chunks |
//! | `board` | jobs that callers have posted, and the chunks of them that nobody has begun |
//! | `idle` | who looks for work, and who sleeps until woken |
//! | `spin` | waiting for what comes soon |
//!
//! Callers do their own work: a job is posted for whoever is idle, and its caller begins chunks like the others until
//! none is left. Then it waits for those that others have begun, and for nothing else. So a pool whose threads are all
//! busy costs a caller nothing but their help, callers may be threads of this or of any other pool, and none of them
//! can wait for itself.
//!
//! Must not live here: what the work is, and how many threads it is worth ([`super::parallel`]).

mod board;
mod idle;
mod spin;
mod split;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use board::{Board, Job};
use idle::Idle;
pub use split::Split;

/// The variable of the environment that says how many threads the global pool has.
pub const THREADS: &str = "CHORAL_THREADS";

static GLOBAL: OnceLock<Pool> = OnceLock::new();

/// Threads that share the work of their callers. Clones are handles of the same threads, which end with the last one.
///
/// ```
/// use choral_kernels::cpu::pool::{Pool, Split};
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let pool = Pool::new(2);
/// let sum = AtomicUsize::new(0);
/// pool.run(Split { parts: 1000, threads: 2, grain: 10, wakes: false }, &|_seat, parts| {
///     sum.fetch_add(parts.sum(), Ordering::Relaxed);
/// });
/// assert_eq!(sum.into_inner(), 499_500);
/// ```
#[derive(Debug, Clone)]
pub struct Pool(Arc<Threads>);

#[derive(Debug)]
struct Threads {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

/// What workers know.
#[derive(Debug, Default)]
struct Shared {
    board: Board,
    idle: Idle,
    has_ended: AtomicBool,
}

impl Pool {
    /// A pool that works with so many threads at once, of which the caller is one. It has fewer if the system gives
    /// no more.
    pub fn new(threads: usize) -> Pool {
        let shared = Arc::<Shared>::default();
        let worker = |number: usize| {
            let shared = Arc::clone(&shared);
            let named = thread::Builder::new().name(format!("choral-{number}"));
            named.spawn(move || shared.work()).ok()
        };
        let workers = (1..threads.min(Split::MOST_THREADS)).map_while(worker).collect();
        Pool(Arc::new(Threads { shared, workers }))
    }

    /// The pool that everyone shares, made when it is first asked for: with as many threads as the environment's
    /// `CHORAL_THREADS` says. If it says none, or what is no number above 0, with as many as this process may use at
    /// once.
    pub fn global() -> &'static Pool {
        GLOBAL.get_or_init(|| {
            let said = std::env::var(THREADS).ok();
            Pool::new(said.as_deref().and_then(threads_said).unwrap_or_else(available))
        })
    }

    /// Makes this the pool that everyone shares. False if there is one already: it is then left as it is.
    pub fn make_global(self) -> bool {
        GLOBAL.set(self).is_ok()
    }

    /// How many threads work at once, with the caller.
    pub fn threads(&self) -> usize {
        self.0.workers.len() + 1
    }

    /// Does all parts of some work, on this thread and on those that are idle. `work` gets a seat and the parts to do:
    /// each thread that takes part has a seat of its own below `split.threads`, and the caller has seat 0. It allocates
    /// nothing.
    ///
    /// # Panics
    /// If `work` does, on any thread, once no thread does any of it. Parts that nobody had begun by then are not done.
    pub fn run(&self, split: Split, work: &(dyn Fn(usize, Range<usize>) + Sync)) {
        let chunks = split.chunks(self.threads());
        let alone = || work(0, 0..split.parts);
        if split.parts == 0 {
            return;
        }
        if chunks.threads() == 1 {
            return alone();
        }
        let Shared { board, idle, .. } = &*self.0.shared;
        let helpers = chunks.threads() - 1;
        let job = Job::new(work, chunks, split.wakes || idle.are_missed(helpers));
        // Where there is no room for it, so many callers are at work that no thread is idle.
        let Some(posted) = board.post(&job) else { return alone() };
        // Who is woken wakes others: a caller has better things to do.
        idle.wake(if job.wakes { helpers } else { 0 }, 1);
        posted.work();
        if !job.wakes {
            idle.have_been_missed(helpers);
        }
        job.end();
    }
}

/// The number of threads that a text says.
fn threads_said(text: &str) -> Option<usize> {
    text.trim().parse().ok().filter(|&threads| threads > 0)
}

fn available() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl Shared {
    /// What a worker does until the pool ends: looks for work, does it, and sleeps once there was none for a while.
    fn work(&self) {
        self.idle.arrive();
        while !self.has_ended.load(Ordering::SeqCst) {
            match spin::until(|| self.board.join()) {
                Some(place) => {
                    self.idle.begin();
                    self.idle.wake(place.wakes(), 2);
                    place.work();
                    self.idle.arrive();
                }
                None => self.idle.sleep(|| self.board.has_work() || self.has_ended.load(Ordering::SeqCst)),
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
        self.shared.idle.wake(usize::MAX, usize::MAX);
        for worker in self.workers.drain(..) {
            // A worker hands on what panics, and has nothing else to say.
            let _ = worker.join();
        }
    }
}

/// Locks what no panic can leave half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_threads_are_read() {
        assert_eq!(threads_said("3"), Some(3));
        assert_eq!(threads_said(" 12 "), Some(12));
        for wrong in ["", "0", "-1", "two", "1.5", "99999999999999999999999"] {
            assert_eq!(threads_said(wrong), None, "{wrong:?}");
        }
    }
}
