//! A run of steps in parts: how it is cut, what its blocks hold in shared memory, and whether it is worth it.
//!
//! Must not live here: what steps read and write ([`super::reading`]), and what they take ([`super::price`]).

use std::rc::Rc;

use choral_kernels::arena::{self, Life};
use choral_kernels::strips::{self, Compact, Cuts, Found, Part, Place as Known, search};

use super::Limits;
use super::price;
use super::reading::{Place, Reading};
use crate::program::{Home, Origin, Program, Task};

/// Steps of a chain, at most: longer ones are several.
const LONGEST: usize = 64;

/// Kernels at the beginning of a chain whose dimensions it may be cut along.
const FIRST: usize = 8;

/// Parts for each multiprocessor, at most, when members are cut into tiles of their batch.
const TILES: usize = 2;

/// Bytes of shared memory that kernels may want for themselves.
const OF_KERNELS: usize = 64 << 10;

/// Bytes that a thread copies at once.
const COPIED: usize = 16;

/// Bytes of a KiB.
const KIB: usize = 1 << 10;

/// Of each buffer of a program, the first step that reads or writes it, and the last.
pub(super) type Lives = Vec<(usize, usize)>;

/// The lives of a program's buffers.
pub(super) fn lives(program: &Program) -> Lives {
    let mut lives = vec![(usize::MAX, 0); program.buffers.len()];
    for (at, step) in program.steps.iter().enumerate() {
        for buffer in step.task.buffers() {
            let (first, last) = &mut lives[buffer];
            (*first, *last) = (at.min(*first), at.max(*last));
        }
    }
    lives
}

/// A run of steps in parts.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// How many parts, by the cuts made one within the other.
    pub counts: Vec<usize>,
    /// The kernels of the first part.
    pub reading: Reading,
    /// Of each place, bytes from one part to the next, for each of the counts.
    pub steps: Vec<Vec<isize>>,
    /// Where a place lies in shared memory.
    pub shared: Vec<Option<usize>>,
    pub shared_bytes: usize,
    /// Buffers around it that get memory of their own, since parts do not run at the same pace.
    pub moved: Vec<usize>,
    /// Why it is in parts.
    pub reason: String,
    length: usize,
    gain: f64,
}

/// Steps of a program that may be a chain.
struct Search<'a> {
    program: &'a Program,
    lives: &'a Lives,
    at: usize,
    limits: Limits,
    /// What it takes to begin a step by itself.
    start: f64,
    /// Of each step from the first one on, what it takes by itself.
    alone: Vec<f64>,
    /// Whether steps are launches, and not within one.
    are_launches: bool,
    reading: Reading,
}

impl Chain {
    /// The best one from a step on.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn best(
        (program, lives): (&Program, &Lives),
        at: usize,
        limits: Limits,
        are_launches: bool,
    ) -> Result<Chain, String> {
        let steps = &program.steps[at..program.steps.len().min(at + LONGEST)];
        let alone = steps.iter().map(|step| price::by_all(step, limits, are_launches)).collect();
        let (reading, _) = Reading::of(program, steps);
        let start = price::start(are_launches);
        let search = Search { program, lives, at, limits, start, are_launches, alone, reading };
        let mut reasons = Vec::new();
        let mut best = search.one().filter(|_| !limits.is_in_pieces());
        for count in search.counts() {
            match search.chain(count) {
                Ok(chain) if best.as_ref().is_none_or(|best| chain.gain > best.gain) => best = Some(chain),
                Ok(_) => {}
                Err(reason) => reasons.push(reason),
            }
        }
        best.filter(|best| best.gain > 0.0).ok_or_else(|| {
            reasons.into_iter().max_by_key(String::len).unwrap_or_else(|| "it has no parts".to_owned())
        })
    }

    /// How many steps it is of.
    pub(super) fn length(&self) -> usize {
        self.length
    }
}

impl Search<'_> {
    /// The chain of what is little work, in one part.
    fn one(&self) -> Option<Chain> {
        let steps = &self.program.steps[self.at..self.at + self.alone.len()];
        let prices = steps.iter().map(price::by_one).zip(&self.alone);
        let prices: Vec<(f64, f64)> =
            prices.map(|(one, &all)| (one, all)).take_while(|(one, all)| one < all).collect();
        let length = prices.len();
        let add = |(one, all): (f64, f64), price: &(f64, f64)| (one + price.0, all + price.1);
        let (one, all) = prices.iter().fold((self.start, 0.0), add);
        let is_several =
            length > 1 || steps.first().is_some_and(|step| !matches!(step.task, Task::Kernel(_)));
        (is_several && one < all).then(|| Chain {
            counts: vec![1],
            reading: Reading::default(),
            steps: Vec::new(),
            shared: Vec::new(),
            shared_bytes: 0,
            moved: Vec::new(),
            reason: format!("one block, {}", figures(one, all)),
            length,
            gain: all - one,
        })
    }

    /// How many parts there may be: the sizes of dimensions at the beginning.
    fn counts(&self) -> Vec<usize> {
        let sizes = self.reading.kernels.iter().filter(|read| read.kernel.is_some()).take(FIRST);
        let mut counts: Vec<usize> = sizes.flat_map(|read| read.cuts.sizes.iter().copied()).collect();
        counts.retain(|&count| (2..1 << 16).contains(&count));
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// The chain of so many parts.
    fn chain(&self, count: usize) -> Result<Chain, String> {
        let mut length = self.reading.kernels.last().map_or(0, |read| read.step + 1);
        let mut reason = format!("{count} parts do not go through it");
        while length > 0 {
            let reading = self.reading.until(length);
            let is_loop = matches!(self.program.steps[self.at].task, Task::Loop(_));
            if length == 1 && !is_loop {
                break;
            }
            let places = self.places(&reading, length, count);
            match search(&cuts(&reading), &places, count) {
                Ok(found) => match self.cut(reading, &found, count, length) {
                    Ok(chain) => return Ok(chain),
                    Err(why) => {
                        reason = why;
                        length -= 1;
                    }
                },
                // Of a step with several kernels, none can be left out.
                Err(kernel) => length = reading.kernels[kernel].step.min(length - 1),
            }
        }
        Err(reason)
    }

    /// The chain of parts that were found, each cut once more into tiles if that is worth it.
    fn cut(&self, reading: Reading, found: &Found, count: usize, length: usize) -> Result<Chain, String> {
        let members = self.apply(&reading, found, count, length);
        let steps = found.parts.iter().map(|part| vec![part.step()]).collect();
        let mut best = self.finish(&members, vec![count], steps, length);
        let mut tiles = 2;
        while count * tiles <= TILES * self.limits.multiprocessors {
            let places = self.places(&members, length, tiles);
            if let Ok(inner) = search(&cuts(&members), &places, tiles) {
                let reading = self.apply(&members, &inner, tiles, length);
                let pairs = found.parts.iter().zip(&inner.parts);
                let steps = pairs.map(|(outer, inner)| vec![outer.step(), inner.step()]).collect();
                let tiled = self.finish(&reading, vec![count, tiles], steps, length);
                best = match (best, tiled) {
                    (Ok(best), Ok(tiled)) => Ok(if tiled.gain > best.gain { tiled } else { best }),
                    (Err(_), Ok(tiled)) => Ok(tiled),
                    (best, Err(_)) => best,
                };
            }
            tiles *= 2;
        }
        best
    }

    /// The first of the parts that were found.
    fn apply(&self, reading: &Reading, found: &Found, count: usize, length: usize) -> Reading {
        let mut part = reading.clone();
        for (read, dim) in part.kernels.iter_mut().zip(&found.dims) {
            let Some(dim) = *dim else { continue };
            read.kernel = read.kernel.as_ref().map(|kernel| Rc::new(strips::strip(kernel, dim, count)));
            read.cuts.sizes[dim] /= count;
            read.cuts.uses.iter_mut().for_each(|used| used.dims[dim].0 /= count);
        }
        for (at, found) in found.parts.iter().enumerate() {
            let Part::Moving(Some(step @ 1..)) = *found else { continue };
            if reading.places[at].is_written && self.is_private(&reading.places[at], length) {
                compact(&mut part, at, Compact { step, count });
            }
        }
        part
    }

    /// The chain of a part, with all that it takes.
    fn finish(
        &self,
        reading: &Reading,
        counts: Vec<usize>,
        steps: Vec<Vec<isize>>,
        length: usize,
    ) -> Result<Chain, String> {
        let count: usize = counts.iter().product();
        let held: Vec<usize> = (0..reading.places.len())
            .filter(|&at| {
                let place = &reading.places[at];
                place.is_written && self.is_private(place, length)
            })
            .collect();
        let lives: Vec<Life> = held.iter().map(|&at| reading.places[at].life).collect();
        let (offsets, shared_bytes) = arena::place(&lives);
        let there_is = self.limits.shared_bytes - OF_KERNELS.min(self.limits.shared_bytes / 2);
        if shared_bytes > there_is {
            return Err(format!(
                "each of {count} parts would hold {} KiB in shared memory, where there are {}",
                shared_bytes.div_ceil(KIB),
                there_is / KIB
            ));
        }
        let mut shared = vec![None; reading.places.len()];
        held.iter().zip(offsets).for_each(|(&at, offset)| shared[at] = Some(offset));
        let moved = self.moved(reading, &shared)?;
        let of_each = count.div_ceil(self.limits.multiprocessors);
        let parts = reading.kernels.iter().map(|read| {
            let copied = || read.cuts.sizes.first().map_or(0, |bytes| bytes / COPIED);
            let cost = read.kernel.as_ref().map_or_else(copied, |kernel| kernel.cost());
            read.rounds as f64 * price::in_parts(cost, &read.cuts.uses, of_each)
        });
        let parts = self.start + parts.sum::<f64>();
        let alone: f64 = self.alone[..length].iter().sum();
        if parts >= alone {
            return Err(format!("{count} parts, {}", figures(parts, alone)));
        }
        let values = match shared_bytes {
            0 => String::new(),
            bytes => format!("; {bytes} bytes stay in shared memory"),
        };
        Ok(Chain {
            reason: format!("{count} parts, {}{values}", figures(parts, alone)),
            counts,
            reading: reading.clone(),
            steps,
            shared,
            shared_bytes,
            moved,
            length,
            gain: alone - parts,
        })
    }

    /// What is known of each place before any kernel is looked at.
    fn places(&self, reading: &Reading, length: usize, count: usize) -> Vec<Known> {
        let is_private = |place: &Place| self.is_private(place, length);
        let known = |(at, place): (usize, &Place)| {
            let bytes = place.life.bytes;
            let is_own = place.is_written && is_private(place);
            let turns = &place.turns;
            // What rounds hand on is copied as it lies.
            let part = match (place.is_carried || is_own && place.is_sliced, bytes.is_multiple_of(count)) {
                (true, true) => Part::Moving(Some((bytes / count) as isize)),
                (true, false) if is_own => Part::Whole,
                (true, false) => Part::Moving(Some(0)),
                (false, _) => Part::Moving(None),
            };
            let may_be_whole = is_own && turns.iter().all(|&at| is_private(&reading.places[at]));
            let together = std::iter::once(at).chain(turns.iter().copied());
            Known {
                part,
                is_confined: place.is_written,
                together: if may_be_whole { together.collect() } else { Vec::new() },
            }
        };
        reading.places.iter().enumerate().map(known).collect()
    }

    /// Whether nobody but the steps of a chain knows a place, so that a block may hold its part.
    fn is_private(&self, place: &Place, length: usize) -> bool {
        match place.origin {
            None => true,
            Some(Origin::Given(_)) => false,
            Some(Origin::Buffer(buffer)) => {
                let is_in_room = matches!(self.program.buffers[buffer].home, Home::Room(_));
                let (first, last) = self.lives[buffer];
                is_in_room && !place.is_sliced && first >= self.at && last < self.at + length
            }
        }
    }

    /// The buffers around a chain that need memory of their own: what parts write where others still read something else.
    fn moved(&self, reading: &Reading, shared: &[Option<usize>]) -> Result<Vec<usize>, String> {
        let room = |place: &Place| match place.origin {
            Some(Origin::Buffer(buffer)) => match self.program.buffers[buffer].home {
                Home::Room(offset) => Some((buffer, offset, offset + self.program.buffers[buffer].bytes)),
                Home::Given(_) | Home::Port | Home::Part(_) | Home::Shared(_) => None,
            },
            Some(Origin::Given(_)) | None => None,
        };
        let is_used = |place: &&Place| place.is_read || place.is_written;
        let around = reading.places.iter().zip(shared).filter(|(_, shared)| shared.is_none());
        let around: Vec<(&Place, (usize, usize, usize))> = around
            .filter_map(|(place, _)| Some((place, room(place)?)))
            .filter(|(place, _)| is_used(place))
            .collect();
        let mut moved = Vec::new();
        for (_, (buffer, start, end)) in around.iter().filter(|(place, _)| place.is_written) {
            let meets =
                around.iter().any(|(_, other)| other.0 != *buffer && other.1 < *end && *start < other.2);
            if meets {
                moved.push(*buffer);
            }
        }
        // The room of a body is as large as it is.
        match self.are_launches || moved.is_empty() {
            true => Ok(moved),
            false => Err("parts would write where others still read something else".to_owned()),
        }
    }
}

fn cuts(reading: &Reading) -> Vec<Cuts> {
    reading.kernels.iter().map(|read| read.cuts.clone()).collect()
}

/// Leaves out what other parts have of a place.
fn compact(reading: &mut Reading, place: usize, by: Compact) {
    let mut end = 0;
    for read in &mut reading.kernels {
        for used in read.cuts.uses.iter_mut().filter(|used| used.buffer == place) {
            by.used(used);
            end = end.max(used.end());
        }
        if let Some(kernel) = &mut read.kernel {
            let buffers = read.buffers.iter().filter(|(_, of)| *of == place);
            buffers.for_each(|&(buffer, _)| by.kernel(Rc::make_mut(kernel), buffer));
        }
    }
    reading.places[place].life.bytes = end.unsigned_abs();
}

fn figures(parts: f64, alone: f64) -> String {
    format!("about {:.1} us beside {:.1} us step by step", parts / 1e3, alone / 1e3)
}
