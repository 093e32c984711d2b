//! Loops in strips: members that know nothing of each other run all their rounds by themselves, on a thread each.
//!
//! A strip is an equal part of every value along one dimension, mostly that of members or of a batch. What each kernel of
//! a body reads and writes says whether there are strips: buffers, elements and strides, whatever ops they came from.
//! What members share (a time, a counter) each strip makes for itself. Must not live here: how a kernel is cut
//! (`choral_kernels::strips`), and running strips ([`super::rounds`]).

use choral_kernels::Kernel;
use choral_kernels::strips::{Cuts, Use, strip};

use super::build::{Boundary, Rounds};
use super::packs::packed_strips;
use super::{AskedPack, Buffer, Home, Output, Runnable, Step, Task};
use crate::setting::Setting;

/// How a loop runs in strips.
#[derive(Debug, Clone)]
pub(super) struct Strips {
    pub count: usize,
    /// What all rounds cost.
    pub cost: usize,
    /// Bytes from one strip to the next, of what each input of the body reads and each of its results writes.
    pub inputs: Vec<isize>,
    pub outputs: Vec<isize>,
    /// Whether each strip has all of a carried value, for itself.
    pub repeats: Vec<bool>,
}

impl Strips {
    /// How many of so many threads run strips at once.
    pub(super) fn seats(&self, threads: usize) -> usize {
        self.count.min(threads)
    }
}

/// A body before its buffers have places.
pub(super) struct Body<'a> {
    pub steps: &'a mut Vec<Step>,
    pub buffers: &'a mut Vec<Buffer>,
    pub inputs: &'a [usize],
    pub outputs: &'a [Output],
    pub asked: &'a mut [AskedPack],
}

/// What a strip has of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What begins so many bytes after that of the strip before; any number, as long as no kernel has said.
    Moving(Option<isize>),
    /// All of it, which each strip makes for itself.
    Whole,
}

/// The cuts of all kernels of a body, and what they leave open.
struct Search<'a> {
    cuts: &'a [Cuts],
    count: usize,
    /// Of each buffer, before any kernel has said more.
    parts: Vec<Part>,
    /// Whether a buffer is written and read, or is the plan's own: then strips keep to their parts.
    is_confined: Vec<bool>,
    /// The buffers that each strip has all of, if it has all of one; none of one that it must not.
    together: Vec<Vec<usize>>,
}

/// Where each kernel is cut, unless every strip runs all of it; and what strips have of each buffer.
struct Found {
    dims: Vec<Option<usize>>,
    parts: Vec<Part>,
}

/// Cuts a body into strips, if there are any and it is worth it.
pub(super) fn cut(mut body: Body<'_>, boundary: &Boundary, setting: &Setting) -> Option<Strips> {
    let rounds = boundary.rounds.as_ref().filter(|_| !setting.is_for_another_device())?;
    let kernels: Vec<Runnable> =
        body.steps.iter().map(|step| step.task.kernel().cloned()).collect::<Option<_>>()?;
    let costs: Vec<usize> = kernels.iter().map(|runnable| runnable.kernel.cost()).collect();
    let all = costs.iter().fold(0, |all: usize, cost| all.saturating_add(*cost));
    if !is_worth_it(all, rounds.length, setting) {
        return None;
    }
    let alone = setting.alone();
    let cuts: Vec<Cuts> = kernels.iter().map(|runnable| Cuts::of(&runnable.kernel)).collect();
    let (count, found) = counts(setting.threads()).find_map(|count| {
        let found = Search::of(&body, &cuts, rounds, count).run()?;
        let whole = costs.iter().zip(&found.dims).filter(|(_, dim)| dim.is_none()).map(|(cost, _)| cost);
        // What every strip does is done so many times.
        (setting.is_in_pieces() || whole.sum::<usize>() <= all / WHOLE_SHARE).then_some((count, found))
    })?;
    let runnables = kernels.iter().zip(&found.dims).map(|(runnable, dim)| {
        let kernel = dim.map_or_else(|| runnable.kernel.clone(), |dim| strip(&runnable.kernel, dim, count));
        Runnable::of(kernel, &alone).ok()
    });
    let runnables: Vec<Runnable> = runnables.collect::<Option<_>>()?;
    let mut strips = found.strips(&body, rounds, (count, all.saturating_mul(rounds.length)));
    for ((runnable, cuts), dim) in runnables.iter().zip(&cuts).zip(&found.dims) {
        let step = dim.map_or(0, |dim| cuts.sizes[dim] / count);
        cuts.uses.iter().filter(|used| used.packed.is_some()).try_for_each(|used| {
            let moved = dim.map_or(0, |dim| used.strides[dim] * (step * used.number.bytes()) as isize);
            body.ask(&runnable.kernel, used, (moved, count), &mut strips, &alone)
        })?;
    }
    for (step, runnable) in body.steps.iter_mut().zip(runnables) {
        step.task = Task::Kernel(Box::new(runnable));
    }
    for (buffer, part) in body.buffers.iter_mut().zip(&found.parts) {
        if let (Home::Arena(_) | Home::Output, Part::Moving(_)) = (buffer.home, part) {
            buffer.ty = buffer.ty.with_shape([buffer.ty.len() / count]);
        }
    }
    Some(strips)
}

/// The part of a round's cost that may be done by every strip, at most.
const WHOLE_SHARE: usize = 4;

/// What all rounds cost at least, to be worth another thread, and a round at most: the kernels of longer ones are worth
/// several threads by themselves.
const ALL_ROUNDS: usize = 1 << 15;
const ROUND: usize = 1 << 21;

fn is_worth_it(round: usize, length: usize, setting: &Setting) -> bool {
    let is_worth = round <= ROUND && round.saturating_mul(length) >= ALL_ROUNDS;
    setting.threads() > 1 && (is_worth || setting.is_in_pieces())
}

/// How many strips there may be for so many threads, the best first: as many for each thread, or nearly.
fn counts(threads: usize) -> impl Iterator<Item = usize> {
    let even = (1..=EACH).map(move |each| each * threads);
    let uneven = (threads + 1..EACH * threads).filter(move |count| {
        let least = count.div_ceil(threads) * threads;
        count % threads != 0 && 4 * count >= 3 * least
    });
    even.chain(uneven).chain((2..threads).rev())
}

/// Strips of a thread, at most.
const EACH: usize = 4;

impl Body<'_> {
    /// Has the operand of a product's strips packed, which begin so many bytes after one another.
    fn ask(
        &mut self,
        kernel: &Kernel,
        used: &Use,
        (moved, count): (isize, usize),
        strips: &mut Strips,
        setting: &Setting,
    ) -> Option<()> {
        let (Kernel::Products(products), Some(operand)) = (kernel, used.packed) else { return None };
        let product = products.products.first()?;
        let input = self.inputs.iter().position(|&input| input == used.buffer)?;
        let first = self.inputs.len() - self.asked.len();
        let asked = self.asked.get_mut(input.checked_sub(first)?)?;
        asked.product = product.clone();
        asked.strips = packed_strips(product, operand, (if moved == 0 { 1 } else { count }, moved), setting)?;
        strips.inputs[input] = asked.strips.steps[1];
        Some(())
    }
}

impl Found {
    fn strips(&self, body: &Body<'_>, rounds: &Rounds, (count, cost): (usize, usize)) -> Strips {
        let step = |buffer: usize| match self.parts[buffer] {
            Part::Moving(step) => step.unwrap_or(0),
            Part::Whole => 0,
        };
        let repeats =
            rounds.carried.iter().map(|carried| self.parts[body.inputs[carried.input]] == Part::Whole);
        Strips {
            count,
            cost,
            inputs: body.inputs.iter().map(|&buffer| step(buffer)).collect(),
            outputs: body.outputs.iter().map(|output| step(output.buffer)).collect(),
            repeats: repeats.collect(),
        }
    }
}

impl<'a> Search<'a> {
    fn of(body: &Body<'_>, cuts: &'a [Cuts], rounds: &Rounds, count: usize) -> Search<'a> {
        let buffers = body.buffers.len();
        let (mut is_read, mut is_written) = (vec![false; buffers], vec![false; buffers]);
        for used in cuts.iter().flat_map(|cuts| &cuts.uses) {
            if used.is_written { is_written[used.buffer] = true } else { is_read[used.buffer] = true }
        }
        let mut together: Vec<Vec<usize>> = (0..buffers).map(|_| Vec::new()).collect();
        let mut parts: Vec<Part> = body
            .buffers
            .iter()
            .map(|buffer| match buffer.home {
                Home::Input(_) | Home::Output => Part::Moving(None),
                Home::Constant(_) | Home::Held | Home::Packed(_) => Part::Moving(Some(0)),
                Home::Arena(_) => Part::Moving(Some((buffer.ty.bytes() / count) as isize)),
            })
            .collect();
        let mut is_confined: Vec<bool> =
            is_read.iter().zip(&is_written).map(|(read, written)| *read && *written).collect();
        for (at, buffer) in body.buffers.iter().enumerate() {
            if let Home::Arena(_) = buffer.home {
                is_confined[at] = true;
                together[at].push(at);
            }
        }
        for carried in &rounds.carried {
            let pair = [body.inputs[carried.input], body.outputs[carried.output].buffer];
            for buffer in pair {
                parts[buffer] = Part::Moving(Some((body.buffers[buffer].ty.bytes() / count) as isize));
                is_confined[buffer] = true;
                if carried.is_forgotten {
                    together[buffer].extend(pair);
                }
            }
        }
        Search { cuts, count, parts, is_confined, together }
    }

    /// The strips of all kernels. What turns out to be the same for all strips becomes whole, until nothing more does.
    fn run(mut self) -> Option<Found> {
        loop {
            let mut parts = self.parts.clone();
            let dims: Result<Vec<Option<usize>>, Option<Vec<usize>>> =
                self.cuts.iter().map(|cuts| self.kernel(cuts, &mut parts)).collect();
            let whole = match dims {
                Ok(dims) => return Some(Found { dims, parts }),
                Err(whole) => whole?,
            };
            if whole.iter().all(|&buffer| self.parts[buffer] == Part::Whole) {
                return None;
            }
            whole.into_iter().for_each(|buffer| self.parts[buffer] = Part::Whole);
        }
    }

    /// Where a kernel is cut, beside those before it; else the buffers that it wants whole, if they may be.
    fn kernel(&self, cuts: &Cuts, parts: &mut [Part]) -> Result<Option<usize>, Option<Vec<usize>>> {
        if cuts.uses.iter().any(|used| used.is_written && parts[used.buffer] == Part::Whole) {
            return self.whole(cuts, parts).map(|()| None);
        }
        let dims = 0..cuts.sizes.len();
        let mut wanted = None;
        for dim in dims.filter(|&dim| cuts.sizes[dim] > 0 && cuts.sizes[dim].is_multiple_of(self.count)) {
            match self.along(cuts, dim, parts) {
                Ok(()) => return Ok(Some(dim)),
                Err(whole) => wanted = wanted.or(whole),
            }
        }
        let own = || {
            let written = cuts.uses.iter().filter(|used| used.is_written);
            self.all_whole(written.map(|used| used.buffer))
        };
        Err(wanted.or_else(own))
    }

    /// A kernel that every strip runs whole.
    fn whole(&self, cuts: &Cuts, parts: &mut [Part]) -> Result<(), Option<Vec<usize>>> {
        let moves = |used: &&Use| match parts[used.buffer] {
            Part::Whole => false,
            Part::Moving(step) => used.is_written || step.is_some_and(|step| step != 0),
        };
        let moving: Vec<usize> = cuts.uses.iter().filter(moves).map(|used| used.buffer).collect();
        if !moving.is_empty() {
            return Err(self.all_whole(moving));
        }
        for used in &cuts.uses {
            if let Part::Moving(step) = &mut parts[used.buffer] {
                *step = Some(0);
            }
        }
        Ok(())
    }

    /// A kernel that is cut along a dimension.
    fn along(&self, cuts: &Cuts, dim: usize, parts: &mut [Part]) -> Result<(), Option<Vec<usize>>> {
        let size = cuts.sizes[dim];
        let (mut found, mut shared) = (Vec::new(), Vec::new());
        for used in cuts.uses.iter().filter(|used| used.packed.is_none()) {
            let bytes = used.number.bytes() as isize;
            let step = used.strides[dim] * (size / self.count) as isize * bytes;
            let (low, high) = used.reach_of_strip(dim, size, self.count);
            let keeps_apart = || low >= 0 && (high + 1) * bytes <= step;
            match parts[used.buffer] {
                Part::Whole if step != 0 || used.is_written => return Err(None),
                Part::Whole => {}
                Part::Moving(known) => {
                    let fits = known.is_none_or(|known| known == step)
                        && (step != 0 || !used.is_written)
                        && (!self.is_confined[used.buffer] || keeps_apart());
                    let is_alike =
                        found.iter().all(|&(buffer, other)| buffer != used.buffer || other == step);
                    match fits && is_alike {
                        true => found.push((used.buffer, step)),
                        false if step == 0 && !used.is_written => shared.push(used.buffer),
                        false => return Err(None),
                    }
                }
            }
        }
        if !shared.is_empty() {
            return Err(self.all_whole(shared));
        }
        found.into_iter().for_each(|(buffer, step)| parts[buffer] = Part::Moving(Some(step)));
        Ok(())
    }

    /// All buffers that become whole with these, if all of them may.
    fn all_whole(&self, buffers: impl IntoIterator<Item = usize>) -> Option<Vec<usize>> {
        let mut all = Vec::new();
        for buffer in buffers {
            let together = &self.together[buffer];
            if together.is_empty() {
                return None;
            }
            all.extend(together);
        }
        Some(all)
    }
}
