//! What a run of steps reads and writes: the cuts of its kernels over places, those of loops over all their rounds.
//!
//! A place is memory that steps have in common: a buffer around them, what launches are given, or a value of a loop's body.
//! Must not live here: which cuts are chosen.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use choral_kernels::Kernel;
use choral_kernels::access::Dim;
use choral_kernels::arena::Life;
use choral_kernels::strips::{Cuts, Use};

use crate::program::{Carried, Home, Loop, Origin, Port, Program, Rounds, Step, Task};

/// A run of steps, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub kernels: Vec<Read>,
    pub places: Vec<Place>,
    /// The place of each buffer that is no port, by the number of its program and its own.
    pub known: HashMap<(usize, usize), usize>,
    /// Programs so far: the one around the steps, then bodies in order.
    programs: usize,
}

/// A kernel, or the hand-over of a carried value.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// None of a carried value.
    pub kernel: Option<Rc<Kernel>>,
    /// The uses' buffers are places.
    pub cuts: Cuts,
    /// The kernel's own buffers that lie in one place, whatever the round.
    pub buffers: Vec<(usize, usize)>,
    /// How often it runs.
    pub rounds: usize,
    /// The step that it belongs to.
    pub step: usize,
}

/// Memory that steps have in common.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What it is around the steps; of a value of a body, nothing.
    pub origin: Option<Origin>,
    /// The first and the last kernel that reads or writes it, whole loops where rounds hand it on.
    pub life: Life,
    pub is_read: bool,
    pub is_written: bool,
    /// Whether rounds take slices of it.
    pub is_sliced: bool,
    /// Whether rounds begin with it or hand it on.
    pub is_carried: bool,
    /// Values that rounds hand on by turns, of which it is one.
    pub turns: Vec<usize>,
}

/// Where a buffer of a body lies, in one of the rounds.
#[derive(Debug, Clone)]
struct View {
    place: usize,
    offset: isize,
    /// Sizes and bytes of the rounds that it moves with.
    dims: Vec<Dim>,
    /// Whether only the first round sees it.
    is_initial: bool,
}

/// A program among others.
struct Scope<'a> {
    program: &'a Program,
    number: usize,
    ports: BTreeMap<usize, Vec<View>>,
}

impl Reading {
    /// Reads steps of a program, as far as all is known of them; how many these are.
    pub(super) fn of(program: &Program, steps: &[Step]) -> (Reading, usize) {
        let mut reading = Reading { programs: 1, ..Reading::default() };
        let scope = Scope { program, number: 0, ports: BTreeMap::new() };
        for (at, step) in steps.iter().enumerate() {
            let before = reading.kernels.len();
            if reading.step(&scope, step, 1, at).is_none() {
                reading.kernels.truncate(before);
                return (reading, at);
            }
        }
        (reading, steps.len())
    }

    /// The same of the first so many steps alone.
    pub(super) fn until(&self, step: usize) -> Reading {
        let mut shorter = self.clone();
        shorter.kernels.retain(|read| read.step < step);
        for place in &mut shorter.places {
            (place.is_read, place.is_written) = (false, false);
        }
        for used in shorter.kernels.iter().flat_map(|read| &read.cuts.uses) {
            let place = &mut shorter.places[used.buffer];
            if used.is_written { place.is_written = true } else { place.is_read = true }
        }
        shorter
    }

    fn step(&mut self, scope: &Scope<'_>, step: &Step, rounds: usize, top: usize) -> Option<()> {
        match &step.task {
            Task::Kernel(kernel) => {
                let cuts = Cuts::of(kernel)?;
                let (mut uses, mut buffers) = (Vec::with_capacity(cuts.uses.len()), Vec::new());
                for used in &cuts.uses {
                    let views = self.views(scope, used.buffer);
                    if let [view] = views.as_slice() {
                        buffers.push((used.buffer, view.place));
                    }
                    let seen = views.into_iter().filter(|view| !(used.is_written && view.is_initial));
                    uses.extend(seen.map(|view| {
                        let dims = used.dims.iter().copied().chain(view.dims).collect();
                        Use { buffer: view.place, offset: used.offset + view.offset, dims, ..used.clone() }
                    }));
                }
                buffers.sort_unstable();
                buffers.dedup();
                let cuts = Cuts { uses, ..cuts };
                self.push(Read {
                    kernel: Some(Rc::new((**kernel).clone())),
                    cuts,
                    buffers,
                    rounds,
                    step: top,
                });
                Some(())
            }
            Task::Loop(looped) => self.looped(scope, looped, rounds, top),
            Task::Branch(_) | Task::Parts(_) => None,
        }
    }

    fn looped(&mut self, around: &Scope<'_>, looped: &Loop, rounds: usize, top: usize) -> Option<()> {
        let Rounds::Counted(length) = looped.rounds else { return None };
        let mut ports = BTreeMap::new();
        for &(buffer, port) in &looped.inputs {
            let views = self.port(around, looped, port, true, length);
            ports.insert(buffer, views);
        }
        for &(buffer, port) in &looped.outputs {
            // What a body updates in place lies where it read it.
            if let Entry::Vacant(place) = ports.entry(buffer) {
                place.insert(self.port(around, looped, port, false, length));
            }
        }
        let (first, number) = (self.kernels.len(), self.programs);
        self.programs += 1;
        let body = Scope { program: &looped.body, number, ports };
        for step in &looped.body.steps {
            self.step(&body, step, rounds.checked_mul(length)?, top)?;
        }
        for carried in &looped.carried {
            self.carried(around, carried, rounds, top);
        }
        // What is not the body's own lives through all rounds.
        let last = self.kernels.len().saturating_sub(1);
        let own: Vec<usize> = self
            .known
            .iter()
            .filter(|((program, _), _)| *program >= number)
            .map(|(_, &place)| place)
            .collect();
        for (at, place) in self.places.iter_mut().enumerate() {
            if place.life.last >= first && place.life.first <= last && !own.contains(&at) {
                (place.life.first, place.life.last) = (place.life.first.min(first), last.max(first));
            }
        }
        Some(())
    }

    /// Where an input or a result of a body lies.
    fn port(
        &mut self,
        around: &Scope<'_>,
        looped: &Loop,
        port: Port,
        is_input: bool,
        length: usize,
    ) -> Vec<View> {
        match port {
            Port::Constant(buffer) => self.views(around, buffer),
            Port::Slice { buffer, bytes } => {
                let mut views = self.views(around, buffer);
                for view in &mut views {
                    view.dims.push((length, bytes));
                    self.places[view.place].is_sliced = true;
                }
                views
            }
            Port::Carried(carried) => {
                let Carried { initial: (initial, offset), buffers, .. } = looped.carried[carried];
                let mut views = Vec::new();
                if is_input {
                    let first = self.views(around, initial);
                    let moved = |view: View| View { offset: view.offset + offset, is_initial: true, ..view };
                    views.extend(first.into_iter().map(moved));
                }
                for buffer in buffers {
                    views.extend(self.views(around, buffer));
                }
                views
            }
        }
    }

    /// A carried value as one that is read where it begins and written where rounds hand it on.
    fn carried(&mut self, around: &Scope<'_>, carried: &Carried, rounds: usize, top: usize) {
        let Carried { initial: (initial, offset), buffers, bytes } = *carried;
        let whole = |view: View, is_written: bool, offset: isize| Use {
            buffer: view.place,
            is_written,
            bytes: 1,
            offset: view.offset + offset,
            dims: [(bytes, 1)].into_iter().chain(view.dims).collect(),
            packed: None,
        };
        let mut uses = Vec::new();
        if !buffers.contains(&initial) {
            for view in self.views(around, initial) {
                self.places[view.place].is_carried = true;
            }
            uses.extend(self.views(around, initial).into_iter().map(|view| whole(view, false, offset)));
        }
        let turns: Vec<View> = buffers.iter().flat_map(|&buffer| self.views(around, buffer)).collect();
        let places: Vec<usize> = turns.iter().map(|view| view.place).collect();
        for &place in &places {
            self.places[place].turns.extend(&places);
            self.places[place].is_carried = true;
        }
        uses.extend(turns.into_iter().map(|view| whole(view, true, 0)));
        let cuts = Cuts { sizes: vec![bytes], uses };
        self.push(Read { kernel: None, cuts, buffers: Vec::new(), rounds, step: top });
    }

    fn views(&mut self, scope: &Scope<'_>, buffer: usize) -> Vec<View> {
        let around = |origin| (scope.number == 0).then_some(origin);
        let crate::program::Buffer { home, bytes } = scope.program.buffers[buffer];
        let origin = match home {
            Home::Given(number) => Some(Origin::Given(number)),
            Home::Port if scope.number > 0 => return scope.ports.get(&buffer).cloned().unwrap_or_default(),
            Home::Room(_) | Home::Port | Home::Part(_) | Home::Shared(_) => around(Origin::Buffer(buffer)),
        };
        let known = self.known.get(&(scope.number, buffer)).copied().or_else(|| {
            let same = |place: &Place| place.origin.is_some() && place.origin == origin;
            self.places.iter().position(same)
        });
        let place = known.unwrap_or_else(|| {
            let life = Life { bytes, first: usize::MAX, last: 0 };
            self.places.push(Place {
                origin,
                life,
                is_read: false,
                is_written: false,
                is_sliced: false,
                is_carried: false,
                turns: Vec::new(),
            });
            self.places.len() - 1
        });
        self.known.insert((scope.number, buffer), place);
        vec![View { place, offset: 0, dims: Vec::new(), is_initial: false }]
    }

    fn push(&mut self, read: Read) {
        let at = self.kernels.len();
        for used in &read.cuts.uses {
            let place = &mut self.places[used.buffer];
            if used.is_written {
                place.is_written = true
            } else {
                place.is_read = true
            }
            (place.life.first, place.life.last) = (place.life.first.min(at), place.life.last.max(at));
        }
        self.kernels.push(read);
    }
}
