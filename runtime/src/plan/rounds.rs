//! Loops that run: round after round on pointers into the buffers around them, and strips of members at the same time.
//!
//! Must not live here: what is a loop, and what runs in strips ([`super::control`], [`super::strips`]).

use std::sync::{OnceLock, PoisonError};

use choral_kernels::cpu::parallel;
use choral_kernels::cpu::pool::Pool;
use choral_kernels::memory::{Block, Pointers};

use super::control::{Carried, Condition, Loop, Port};
use super::state::{State, own};
use crate::error::Error;

impl State {
    /// Runs the loop that is the step of this number.
    ///
    /// # Errors
    /// Those of user-defined ops.
    pub(super) fn looped(
        &mut self,
        at: usize,
        looped: &Loop,
        pool: &Pool,
        frames: &[Block],
    ) -> Result<(), Error> {
        let State { pointers, inside, .. } = self;
        let Some(strips) = looped.strips() else {
            let (body, cond) = inside[at].split_at_mut(1);
            let cond = looped.cond.as_ref().zip(cond.first_mut().map(own));
            return Strip { looped, around: pointers, strip: 0 }.run(own(&mut body[0]), cond, frames);
        };
        let (seats, error) = (&inside[at], OnceLock::new());
        let split = parallel::split_parts(strips.count, strips.cost, frames.len().min(seats.len()));
        pool.run(split, &|seat, strips| {
            let mut state = seats[seat].lock().unwrap_or_else(PoisonError::into_inner);
            for strip in strips {
                let strip = Strip { looped, around: pointers, strip };
                if let Err(other) = strip.run(&mut state, None, &frames[seat..=seat]) {
                    // The first one is told.
                    let _ = error.set(other);
                }
            }
        });
        error.into_inner().map_or(Ok(()), Err)
    }
}

/// A strip of a loop; the whole loop is the first of one.
struct Strip<'a> {
    looped: &'a Loop,
    /// Where the buffers around it lie.
    around: &'a Pointers,
    strip: usize,
}

impl Strip<'_> {
    /// Runs all rounds.
    fn run(
        &self,
        inner: &mut State,
        mut cond: Option<(&Condition, &mut State)>,
        frames: &[Block],
    ) -> Result<(), Error> {
        let (looped, body) = (self.looped, &self.looped.body);
        for (input, port) in looped.inputs.iter().enumerate() {
            let pointer = match *port {
                Port::Constant(buffer) => self.buffer(buffer, self.input_step(input)),
                Port::Carried(carried) => {
                    let Carried { initial: (buffer, offset), steps, .. } = looped.carried[carried];
                    self.buffer(buffer, steps[0] as isize).wrapping_offset(offset)
                }
                Port::Slice { .. } => continue,
            };
            inner.pointers.set(body.inputs[input], pointer);
        }
        let mut round = 0;
        while match &mut cond {
            None => round < looped.length,
            Some((cond, test)) => self.goes_on(cond, test, inner, frames)?,
        } {
            self.begin(round, inner);
            inner.steps(body, frames)?;
            for (input, port) in looped.inputs.iter().enumerate() {
                if let Port::Carried(carried) = *port {
                    inner.pointers.set(body.inputs[input], self.written(carried, round));
                }
            }
            round += 1;
        }
        for (input, port) in looped.inputs.iter().enumerate() {
            let Port::Carried(carried) = *port else { continue };
            let Carried { result, bytes, steps, .. } = looped.carried[carried];
            let (last, result) = (inner.pointer(body.inputs[input]), self.buffer(result, steps[1] as isize));
            if last != result {
                // SAFETY: both are places of the carried value, apart from each other.
                unsafe { std::ptr::copy_nonoverlapping(last, result, bytes) };
            }
        }
        Ok(())
    }

    /// Sets where a round reads slices, and where it writes.
    fn begin(&self, round: usize, inner: &mut State) {
        let (looped, body) = (self.looped, &self.looped.body);
        let place = if looped.is_reverse { looped.length - 1 - round } else { round } as isize;
        for (input, port) in looped.inputs.iter().enumerate() {
            if let Port::Slice { buffer, bytes } = *port {
                let first = self.buffer(buffer, self.input_step(input));
                inner.pointers.set(body.inputs[input], first.wrapping_offset(place * bytes));
            }
        }
        for (at, (output, port)) in body.outputs.iter().zip(&looped.outputs).enumerate() {
            let step = looped.strips().map_or(0, |strips| strips.outputs[at]);
            let out = match *port {
                Port::Slice { buffer, bytes } => self.buffer(buffer, step).wrapping_offset(place * bytes),
                Port::Carried(carried) => self.written(carried, round),
                Port::Constant(buffer) => self.buffer(buffer, step),
            };
            inner.pointers.set(output.buffer, out);
        }
    }

    /// Whether the condition holds for another round.
    fn goes_on(
        &self,
        cond: &Condition,
        test: &mut State,
        inner: &State,
        frames: &[Block],
    ) -> Result<bool, Error> {
        let holds = self.buffer(cond.holds, 0);
        for (&tested, &input) in cond.plan.inputs.iter().zip(&self.looped.body.inputs) {
            test.pointers.set(tested, inner.pointer(input));
        }
        test.pointers.set(cond.plan.outputs[0].buffer, holds);
        test.steps(&cond.plan, frames)?;
        // SAFETY: the plan has written one truth value.
        Ok(unsafe { holds.read() != 0 })
    }

    /// Where this strip's part of a buffer begins, if it is so many bytes after that of the strip before.
    fn buffer(&self, buffer: usize, step: isize) -> *mut u8 {
        self.around.as_slice()[buffer].wrapping_offset(self.strip as isize * step)
    }

    fn input_step(&self, input: usize) -> isize {
        self.looped.strips().map_or(0, |strips| strips.inputs[input])
    }

    /// Where a round writes a carried value: in the last one of a loop that counts, the result.
    fn written(&self, carried: usize, round: usize) -> *mut u8 {
        let Carried { result, spare, steps, .. } = self.looped.carried[carried];
        let is_spare = (self.looped.length + round).is_multiple_of(2);
        self.buffer(if is_spare { spare } else { result }, steps[1] as isize)
    }
}
