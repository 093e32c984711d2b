//! Values that are made where others lie: those that the same kernel reads for the last time, place by place, and inputs
//! that runs may write over.
//!
//! Must not live here: where values lie that share no place ([`arena`]).

use choral_kernels::arena::{self, Life};
use choral_kernels::{Kernel, Rows};

use super::{Buffer, Home, Runnable, Step, Task};
use crate::setting::Setting;

/// The first and the last step that reads or writes each buffer.
pub(super) fn lives(steps: &[Step], buffers: &[Buffer]) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; buffers.len()];
    for (at, step) in steps.iter().enumerate() {
        step.task.buffers(&mut |buffer| {
            let bytes = buffers[buffer].ty.bytes();
            let life = lives[buffer].get_or_insert(Life { bytes, first: at, last: at });
            life.last = at;
        });
    }
    lives
}

/// Which buffers take the places of others.
#[derive(Debug)]
pub(super) struct Places {
    /// For each buffer the one whose place it takes.
    of: Vec<Option<usize>>,
    is_taken: Vec<bool>,
}

impl Places {
    /// The first of the buffers that lie in one place.
    pub(super) fn first(&self, buffer: usize) -> usize {
        self.of[buffer].map_or(buffer, |earlier| self.first(earlier))
    }

    /// The donated input whose place a buffer takes.
    pub(super) fn donor(&self, buffer: usize, buffers: &[Buffer]) -> Option<usize> {
        match buffers[self.of[buffer]?].home {
            Home::Input(input) => Some(input),
            Home::Constant(_) | Home::Arena(_) | Home::Output | Home::Held | Home::Packed(_) => None,
        }
    }

    /// Gives every buffer of the arena its offset; the bytes of the arena, and the most that is alive in it at once.
    pub(super) fn lay_out(&self, buffers: &mut [Buffer], lives: &[Option<Life>]) -> (usize, usize) {
        let mut whole: Vec<Option<Life>> = vec![None; buffers.len()];
        for (at, life) in lives.iter().enumerate() {
            if let (Home::Arena(_), Some(life)) = (buffers[at].home, life) {
                let first = &mut whole[self.first(at)];
                *first = Some(first.map_or(*life, |first| first.until(life)));
            }
        }
        let placed: Vec<Life> = whole.iter().copied().flatten().collect();
        let (offsets, bytes) = arena::place(&placed);
        let mut offsets = offsets.into_iter();
        let offsets: Vec<Option<usize>> =
            whole.iter().map(|life| life.and_then(|_| offsets.next())).collect();
        for (at, buffer) in buffers.iter_mut().enumerate() {
            if let (Home::Arena(_), Some(offset)) = (buffer.home, offsets[self.first(at)]) {
                buffer.home = Home::Arena(offset);
            }
        }
        (bytes, arena::bound(&placed))
    }

    fn take(&mut self, buffer: usize, place: usize) {
        self.of[buffer] = Some(place);
        self.is_taken[place] = true;
    }
}

/// What decides whether a buffer may take the place of another.
struct Choice<'a> {
    buffers: &'a [Buffer],
    lives: Vec<Option<Life>>,
    /// The numbers of inputs whose places results may take.
    donated: &'a [usize],
    places: Places,
}

/// Lets values take the places of others that nobody reads any more, and drops what is copied from a place to itself.
pub(super) fn share(
    steps: &mut Vec<Step>,
    buffers: &[Buffer],
    setting: &Setting,
    donated: &[usize],
) -> Places {
    let places = Places { of: vec![None; buffers.len()], is_taken: vec![false; buffers.len()] };
    let mut choice = Choice { buffers, lives: lives(steps, buffers), donated, places };
    for (at, step) in steps.iter_mut().enumerate() {
        if let Task::Kernel(runnable) = &mut step.task
            && let Kernel::Rows(rows) = &runnable.kernel
            && let Some(rows) = choice.in_place(rows, at)
        {
            // The same loops run it that ran it before.
            if let Ok(in_place) = Runnable::of(Kernel::Rows(rows), setting) {
                **runnable = in_place;
            }
        }
    }
    choice.results();
    // Of another device, parts may have such values in different places.
    steps.retain(|step| setting.is_for_another_device() || !does_nothing(step));
    choice.places
}

fn does_nothing(step: &Step) -> bool {
    match &step.task {
        Task::Kernel(runnable) => matches!(&runnable.kernel, Kernel::Rows(rows) if rows.does_nothing()),
        Task::Branch(_) | Task::Loop(_) | Task::Host(_) => false,
    }
}

impl Choice<'_> {
    /// A kernel with the stores in place that can be.
    fn in_place(&mut self, rows: &Rows, at: usize) -> Option<Rows> {
        let mut changed = None;
        for (store, written) in rows.stores.iter().enumerate() {
            let is_first = self.lives[written.buffer].is_some_and(|life| life.first == at);
            let is_last = |place: &usize| self.lives[*place].is_some_and(|life| life.last == at);
            let place = rows
                .buffers()
                .filter(is_last)
                .find(|&place| self.may_take(written.buffer, place) && rows.may_overwrite(place, written));
            if let Some(place) = place.filter(|_| is_first) {
                self.places.take(written.buffer, place);
                changed.get_or_insert_with(|| rows.clone()).stores[store].is_in_place = true;
            }
        }
        changed
    }

    /// Lets results that are made after the last read of a donated input take its place.
    fn results(&mut self) {
        let is_donated = |at: &usize| matches!(self.buffers[*at].home, Home::Input(input) if self.donated.contains(&input));
        let donated: Vec<usize> = (0..self.buffers.len()).filter(is_donated).collect();
        let results = (0..self.buffers.len()).filter(|&at| self.buffers[at].home == Home::Output);
        for result in results.collect::<Vec<_>>() {
            let Some(written) = self.lives[result] else { continue };
            let is_over = |place: usize| self.lives[place].is_none_or(|read| read.last < written.first);
            let place = donated.iter().copied().find(|&place| is_over(place) && self.may_take(result, place));
            if let Some(place) = place {
                self.places.take(result, place);
            }
        }
    }

    fn may_take(&self, buffer: usize, place: usize) -> bool {
        let [own, other] = [buffer, place].map(|buffer| &self.buffers[buffer]);
        let goes_with = match (own.home, other.home) {
            (Home::Arena(_), Home::Arena(_)) => true,
            (Home::Output, Home::Input(input)) => {
                self.donated.contains(&input) && own.ty.dtype == other.ty.dtype
            }
            _ => false,
        };
        goes_with
            && buffer != place
            && own.ty.bytes() == other.ty.bytes()
            && self.places.of[buffer].is_none()
            && !self.places.is_taken[place]
    }
}
