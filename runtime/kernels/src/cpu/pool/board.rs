//! Jobs that callers have posted, and the chunks of them that nobody has begun.
//!
//! A job lies on its caller's stack; a post says where. One word of the post says which chunks are left, how many seats
//! are free and how many workers sit. A worker sits down and begins its first chunk in one step, and gets up in the
//! step in which it finds none left, so that whoever sits is at work on a chunk. The word says all that a step
//! needs: whose chunk it was, a worker learns from the job, which its seat keeps in place.

use std::any::Any;
use std::array;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::split::Chunks;
use super::{lock, spin};

/// What a caller wants done.
pub(super) struct Job<'a> {
    work: &'a (dyn Fn(usize, Range<usize>) + Sync),
    chunks: Chunks,
    /// Whether workers that sleep shall be woken for it.
    pub(super) wakes: bool,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        work: &'a (dyn Fn(usize, Range<usize>) + Sync),
        chunks: Chunks,
        wakes: bool,
    ) -> Job<'a> {
        Job { work, chunks, wakes, panic: Mutex::new(None) }
    }

    /// Does a chunk; false if it panics, which the job remembers.
    fn chunk(&self, seat: usize, chunk: u64) -> bool {
        let parts = self.chunks.get(chunk as usize);
        let done = panic::catch_unwind(AssertUnwindSafe(|| (self.work)(seat, parts)));
        done.map_err(|payload| self.keep(payload)).is_ok()
    }

    /// Keeps the first panic. What else threads say at the end is forgotten, not dropped, which may panic too.
    fn keep(&self, payload: Box<dyn Any + Send>) {
        match &mut *lock(&self.panic) {
            Some(_) => std::mem::forget(payload),
            none => *none = Some(payload),
        }
    }

    /// Goes on with the panic of a chunk.
    pub(super) fn end(self) {
        let panic = self.panic.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(payload) = panic {
            panic::resume_unwind(payload);
        }
    }
}

/// One worker that sits; the caller that sleeps until none does; one seat that is free; one chunk more that is begun from
/// the first on; one more that is not begun from the last on.
const SITTING: u64 = 1;
const WAITING: u64 = 1 << 15;
const SEAT: u64 = 1 << 16;
const FIRST: u64 = 1 << 32;
const END: u64 = 1 << 48;

fn sitting(word: u64) -> u64 {
    word % WAITING
}

/// How many seats are free, which is the number of the next one.
fn seats(word: u64) -> u64 {
    word % FIRST / SEAT
}

/// The chunks that are left.
fn left(word: u64) -> Range<u64> {
    word % END / FIRST..word / END
}

/// The chunk that a worker begins next, if one is left.
fn last(word: u64) -> Option<u64> {
    left(word).next_back()
}

fn is_open(word: u64) -> bool {
    seats(word) > 0 && !left(word).is_empty()
}

/// Where a job can be found, in cache lines of its own: processors fetch them by twos.
#[derive(Debug)]
#[repr(align(128))]
struct Post {
    word: AtomicU64,
    /// The job, while a chunk is left or a worker sits.
    job: AtomicPtr<Job<'static>>,
    /// For a caller that sleeps until no worker sits.
    waiting: Mutex<()>,
    empty: Condvar,
}

/// All posts.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Board {
    /// A bit for each post that a caller has.
    taken: AtomicU64,
    posts: [Post; POSTS],
}

const POSTS: usize = u64::BITS as usize;

impl Default for Board {
    fn default() -> Board {
        let post = |_| Post {
            word: AtomicU64::new(0),
            job: AtomicPtr::new(ptr::null_mut()),
            waiting: Mutex::new(()),
            empty: Condvar::new(),
        };
        Board { taken: AtomicU64::new(0), posts: array::from_fn(post) }
    }
}

impl Board {
    /// Posts a job; `None` if there is no room.
    pub(super) fn post<'a>(&'a self, job: &'a Job<'a>) -> Option<Posted<'a>> {
        let number = self.take()?;
        let post = &self.posts[number];
        post.job.store(ptr::from_ref(job).cast_mut().cast(), Ordering::Relaxed);
        let (chunks, seats) = (job.chunks.count() as u64, job.chunks.threads() as u64 - 1);
        post.word.store(chunks * END + seats * SEAT, Ordering::Release);
        Some(Posted { board: self, number, job })
    }

    /// Takes a post that is free.
    fn take(&self) -> Option<usize> {
        loop {
            let number = self.taken.load(Ordering::Relaxed).trailing_ones() as usize;
            let bit = 1u64.checked_shl(number as u32)?;
            if self.taken.fetch_or(bit, Ordering::Acquire) & bit == 0 {
                return Some(number);
            }
        }
    }

    /// The posts that callers have.
    fn taken(&self) -> impl Iterator<Item = &Post> {
        let mut taken = self.taken.load(Ordering::Relaxed);
        std::iter::from_fn(move || {
            let number = taken.trailing_zeros() as usize;
            taken &= taken.wrapping_sub(1);
            self.posts.get(number)
        })
    }

    /// Takes a seat at a job and begins a chunk of it, if there is one with both.
    pub(super) fn join(&self) -> Option<Place<'_>> {
        self.taken().find_map(|post| {
            let before = post.change(|word| is_open(word).then(|| word - END - SEAT + SITTING))?;
            Some(Place { post, before })
        })
    }

    /// Whether a job has a chunk and a seat.
    pub(super) fn has_work(&self) -> bool {
        self.taken().any(|post| is_open(post.word.load(Ordering::Relaxed)))
    }
}

impl Post {
    /// Changes the word, unless there is nothing to change it to, and gives what it was.
    fn change(&self, to: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, to).ok()
    }

    /// Begins the next chunk for the caller.
    fn first(&self) -> Option<u64> {
        self.change(|word| left(word).next().map(|_| word + FIRST)).map(|before| left(before).start)
    }

    /// Begins the next chunk for a worker that sits. If none is left, the worker gets up, and its job may be gone.
    fn last_or_leave(&self) -> Option<u64> {
        let next = |word: u64| last(word).map_or(word - SITTING, |_| word - END);
        let before = self.change(|word| Some(next(word)))?;
        if last(before).is_none() && sitting(before) == 1 && before & WAITING != 0 {
            drop(lock(&self.waiting));
            self.empty.notify_one();
        }
        last(before)
    }

    /// Leaves no chunk to be begun.
    fn cancel(&self) {
        self.change(|word| (!left(word).is_empty()).then_some(word % FIRST));
    }

    /// Waits until no worker sits, where none can sit down any more.
    fn wait(&self) {
        let is_empty = |word: u64| sitting(word) == 0;
        if spin::until(|| is_empty(self.word.load(Ordering::Acquire)).then_some(())).is_some() {
            return;
        }
        let mut guard = lock(&self.waiting);
        self.word.fetch_or(WAITING, Ordering::AcqRel);
        while !is_empty(self.word.load(Ordering::Acquire)) {
            guard = self.empty.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A job while it is on the board: it leaves with this, once no worker sits at it.
pub(super) struct Posted<'a> {
    board: &'a Board,
    number: usize,
    job: &'a Job<'a>,
}

impl Posted<'_> {
    /// Does what is left, as the caller does it.
    pub(super) fn work(self) {
        let post = &self.board.posts[self.number];
        while let Some(chunk) = post.first() {
            if !self.job.chunk(0, chunk) {
                return;
            }
        }
    }
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        let post = &self.board.posts[self.number];
        post.cancel();
        post.wait();
        self.board.taken.fetch_and(!(1 << self.number), Ordering::Release);
    }
}

/// A worker's seat at a job, with the chunk that it has begun.
pub(super) struct Place<'a> {
    post: &'a Post,
    /// The word before the worker sat down.
    before: u64,
}

impl Place<'_> {
    fn job(&self) -> &Job<'_> {
        // SAFETY: the step that sat down read the word that was stored after the pointer, or one made from it, so that
        // this is the pointer to the job that was joined. Its caller stays until no worker sits, and this one sits
        // until `last_or_leave` finds no chunk, after which nobody asks for the job. Jobs may be shared: work is
        // `Sync`.
        unsafe { &*self.post.job.load(Ordering::Relaxed) }
    }

    /// How many more workers are to be woken: those that find a seat and a chunk, if the job wakes any.
    pub(super) fn wakes(&self) -> usize {
        let Range { start, end } = left(self.before);
        let room = seats(self.before).min(end - start) - 1;
        if self.job().wakes { room as usize } else { 0 }
    }

    /// Does the chunk and what is left after it, and gets up.
    pub(super) fn work(self) {
        let (post, seat) = (self.post, seats(self.before) as usize);
        let mut next = last(self.before);
        while let Some(chunk) = next {
            if !self.job().chunk(seat, chunk) {
                post.cancel();
            }
            next = post.last_or_leave();
        }
    }
}
