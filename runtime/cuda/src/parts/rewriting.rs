//! A run of steps as the program of a part: the same steps, with the kernels of the part and its buffers.
//!
//! Must not live here: which parts there are ([`super::chain`]).

use choral_kernels::arena::LINE;

use super::chain::Chain;
use crate::program::{Buffer, Carried, Home, Loop, Origin, Parts, Pointer, Program, Step, Task};

/// The step that runs a chain of a program's steps in parts. Buffers that get memory of their own are moved there.
pub(super) fn step(program: &mut Program, at: usize, chain: Chain) -> Step {
    for &buffer in &chain.moved {
        let offset = program.room.next_multiple_of(LINE);
        program.buffers[buffer].home = Home::Room(offset);
        program.room = offset + program.buffers[buffer].bytes;
    }
    let steps = &program.steps[at..at + chain.length()];
    let comment = match steps {
        [first, .., last] => format!("{} to {}", first.comment, last.comment),
        steps => steps.iter().map(|step| step.comment.clone()).collect(),
    };
    let mut rewriting =
        Rewriting { homes: Vec::new(), pointers: Vec::new(), kernels: 0, programs: 1, chain: &chain };
    rewriting.find_homes();
    let program = Program {
        buffers: rewriting.buffers(0, &program.buffers),
        room: program.room,
        steps: steps.iter().map(|step| rewriting.step(step)).collect(),
    };
    let parts = Parts {
        counts: chain.counts.clone(),
        pointers: rewriting.pointers,
        shared_bytes: chain.shared_bytes,
        program,
    };
    Step { comment, note: chain.reason, task: Task::Parts(Box::new(parts)) }
}

struct Rewriting<'a> {
    chain: &'a Chain,
    /// Where each place lies, if not where it was.
    homes: Vec<Option<Home>>,
    pointers: Vec<Pointer>,
    /// Kernels and programs so far, in the order in which they were read.
    kernels: usize,
    programs: usize,
}

impl Rewriting<'_> {
    fn find_homes(&mut self) {
        let Chain { reading, steps, shared, .. } = self.chain;
        for ((place, steps), shared) in reading.places.iter().zip(steps).zip(shared) {
            let moves = steps.iter().any(|&step| step != 0);
            let home = match (shared, place.origin) {
                (Some(offset), _) => Some(Home::Shared(*offset)),
                (None, Some(first)) if moves => {
                    self.pointers.push(Pointer { first, steps: steps.clone() });
                    Some(Home::Part(self.pointers.len() - 1))
                }
                (None, Some(Origin::Buffer(_) | Origin::Given(_)) | None) => None,
            };
            self.homes.push(home);
        }
    }

    /// The buffers of the program of this number.
    fn buffers(&self, program: usize, buffers: &[Buffer]) -> Vec<Buffer> {
        let buffer = |(at, buffer): (usize, &Buffer)| {
            let place = self.chain.reading.known.get(&(program, at));
            let home = place.and_then(|&place| self.homes[place]);
            Buffer { home: home.unwrap_or(buffer.home), ..*buffer }
        };
        buffers.iter().enumerate().map(buffer).collect()
    }

    fn step(&mut self, step: &Step) -> Step {
        let task = match &step.task {
            Task::Kernel(kernel) => match self.read() {
                Some(of_part) => Task::Kernel(Box::new(of_part)),
                None => Task::Kernel(kernel.clone()),
            },
            Task::Loop(looped) if self.is_divided() => Task::Loop(Box::new(self.looped(looped))),
            task => task.clone(),
        };
        Step { task, ..step.clone() }
    }

    fn is_divided(&self) -> bool {
        !self.chain.reading.kernels.is_empty()
    }

    /// The kernel of the part that is next.
    fn read(&mut self) -> Option<choral_kernels::Kernel> {
        let read = self.chain.reading.kernels.get(self.kernels)?;
        self.kernels += 1;
        read.kernel.as_deref().cloned()
    }

    fn looped(&mut self, looped: &Loop) -> Loop {
        let number = self.programs;
        self.programs += 1;
        let body = Program {
            buffers: self.buffers(number, &looped.body.buffers),
            room: looped.body.room,
            steps: looped.body.steps.iter().map(|step| self.step(step)).collect(),
        };
        let carried = looped.carried.iter().map(|carried| {
            let bytes = self.chain.reading.kernels[self.kernels].cuts.sizes[0];
            self.kernels += 1;
            Carried { bytes, ..*carried }
        });
        Loop { body, carried: carried.collect(), ..looped.clone() }
    }
}
