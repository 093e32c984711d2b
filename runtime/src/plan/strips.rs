//! Loops in strips: members that know nothing of each other run all their rounds by themselves, on a thread each.
//!
//! A strip is an equal part of every value along one dimension, mostly that of members or of a batch. What each kernel of
//! a body reads and writes says whether there are strips: buffers, elements and strides, whatever ops they came from.
//! What members share (a time, a counter) each strip makes for itself. Must not live here: how a kernel is cut
//! (`choral_kernels::strips`), and running strips ([`super::rounds`]).

use choral_kernels::Kernel;
use choral_kernels::kernel::Products;
use choral_kernels::strips::{Cuts, Found, Part, Place, Use, search, strip};

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
    let cuts: Vec<Cuts> = kernels.iter().map(|runnable| cuts(&runnable.kernel)).collect::<Option<_>>()?;
    let (count, found) = counts(setting.threads()).find_map(|count| {
        let found = search(&cuts, &places(&body, &cuts, rounds, count), count).ok()?;
        let whole = costs.iter().zip(&found.dims).filter(|(_, dim)| dim.is_none()).map(|(cost, _)| cost);
        // What every strip does is done so many times.
        (setting.is_in_pieces() || whole.sum::<usize>() <= all / WHOLE_SHARE).then_some((count, found))
    })?;
    let runnables = kernels.iter().zip(&found.dims).map(|(runnable, dim)| {
        let kernel = dim.map_or_else(|| runnable.kernel.clone(), |dim| strip(&runnable.kernel, dim, count));
        Runnable::of(kernel, &alone).ok()
    });
    let runnables: Vec<Runnable> = runnables.collect::<Option<_>>()?;
    let mut strips = strips(&found, &body, rounds, (count, all.saturating_mul(rounds.length)));
    for ((runnable, cuts), dim) in runnables.iter().zip(&cuts).zip(&found.dims) {
        cuts.uses.iter().filter(|used| used.packed.is_some()).try_for_each(|used| {
            let moved = dim.map_or(0, |dim| used.step(dim, count));
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

/// The cuts of a kernel that this processor runs as well in strips: of a convolution there are loops for it as a whole.
fn cuts(kernel: &Kernel) -> Option<Cuts> {
    match kernel {
        Kernel::Products(Products { products, convolution, .. })
            if products.len() != 1 || convolution.is_some() =>
        {
            None
        }
        kernel => Cuts::of(kernel),
    }
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

/// What is known of each buffer before any kernel is looked at.
fn places(body: &Body<'_>, cuts: &[Cuts], rounds: &Rounds, count: usize) -> Vec<Place> {
    let (mut is_read, mut is_written) = (vec![false; body.buffers.len()], vec![false; body.buffers.len()]);
    for used in cuts.iter().flat_map(|cuts| &cuts.uses) {
        if used.is_written { is_written[used.buffer] = true } else { is_read[used.buffer] = true }
    }
    let equal = |buffer: usize| Part::Moving(Some((body.buffers[buffer].ty.bytes() / count) as isize));
    let place = |buffer: usize| {
        let (part, is_own) = match body.buffers[buffer].home {
            Home::Input(_) | Home::Output => (Part::Moving(None), false),
            Home::Constant(_) | Home::Held | Home::Packed(_) => (Part::Moving(Some(0)), false),
            Home::Arena(_) => (equal(buffer), true),
        };
        let is_confined = is_own || is_read[buffer] && is_written[buffer];
        Place { part, is_confined, together: if is_own { vec![buffer] } else { Vec::new() } }
    };
    let mut places: Vec<Place> = (0..body.buffers.len()).map(place).collect();
    for carried in &rounds.carried {
        let pair = [body.inputs[carried.input], body.outputs[carried.output].buffer];
        for buffer in pair {
            places[buffer].part = equal(buffer);
            places[buffer].is_confined = true;
            if carried.is_forgotten {
                places[buffer].together.extend(pair);
            }
        }
    }
    places
}

/// How a body runs in the strips that were found.
fn strips(found: &Found, body: &Body<'_>, rounds: &Rounds, (count, cost): (usize, usize)) -> Strips {
    let step = |buffer: usize| found.parts[buffer].step();
    let repeats = rounds.carried.iter().map(|carried| found.parts[body.inputs[carried.input]] == Part::Whole);
    Strips {
        count,
        cost,
        inputs: body.inputs.iter().map(|&buffer| step(buffer)).collect(),
        outputs: body.outputs.iter().map(|output| step(output.buffer)).collect(),
        repeats: repeats.collect(),
    }
}
