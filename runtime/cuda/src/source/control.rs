//! What stands between kernels: loops with all their rounds, branches, and parts.
//!
//! Buffers are variables: `b3` of the program, `b1_3` of the body of its step 1. Must not live here: the functions of kernels.

use std::collections::BTreeSet;

use choral_kernels::Kernel;

use super::text::Text;
use super::unit::{Argument, Functions};
use super::{Emitted, MULTIPROCESSORS, Missing, THREADS};
use crate::program::{
    Branch, Carried, Condition, Home, Loop, Origin, Parts, Port, Program, Rounds, Step, Task,
};

/// The source of steps in the making.
pub(super) struct Flow<'a> {
    functions: &'a mut Functions,
    /// Those that teams run on.
    multiprocessors: usize,
    emitted: Emitted,
    used: BTreeSet<Argument>,
}

/// A body, and what its buffers are called.
#[derive(Clone, Copy)]
struct Scope<'a> {
    program: &'a Program,
    name: &'a str,
}

/// What the names of bodies' buffers begin with.
const INNER: &str = "body_";

/// What values in shared memory, and parts' memory to work in, are aligned to.
const ALIGNED: usize = 16;

impl<'a> Flow<'a> {
    pub(super) fn new(functions: &'a mut Functions) -> Flow<'a> {
        let multiprocessors = MULTIPROCESSORS;
        Flow { functions, multiprocessors, emitted: Emitted::of_threads(0), used: BTreeSet::new() }
    }

    /// What all steps ask of a launch, and what they are given.
    pub(super) fn finish(self) -> (Emitted, BTreeSet<Argument>) {
        (self.emitted, self.used)
    }

    /// A step of the program that a launch is of.
    ///
    /// # Errors
    /// If a kernel has no source.
    pub(super) fn step(&mut self, text: &mut Text, program: &Program, step: &Step) -> Result<(), Missing> {
        self.step_of(text, Scope { program, name: "" }, step, INNER)
    }

    /// All steps of a body, each of which the team waits for.
    fn steps(&mut self, text: &mut Text, body: Scope<'_>) -> Result<(), Missing> {
        for (number, step) in body.program.steps.iter().enumerate() {
            text.line(format!("// {}", step.comment));
            let stem = if body.name.is_empty() { INNER } else { body.name };
            self.step_of(text, body, step, &format!("{stem}{number}_"))?;
            text.line("team.wait();");
            self.emitted = self.emitted.waiting();
        }
        Ok(())
    }

    /// A step, with what the names of its own bodies' buffers begin with.
    fn step_of(
        &mut self,
        text: &mut Text,
        scope: Scope<'_>,
        step: &Step,
        inner: &str,
    ) -> Result<(), Missing> {
        match &step.task {
            Task::Kernel(kernel) if self.does_nothing(scope, kernel) => Ok(()),
            Task::Kernel(kernel) => {
                let made = self
                    .functions
                    .of(kernel, self.multiprocessors)
                    .map_err(|missing| missing.within(&step.comment))?;
                let Some((function, buffers, emitted)) = made else { return Ok(()) };
                self.emitted = self.emitted.and(emitted);
                let mut arguments: Vec<String> =
                    buffers.iter().map(|&buffer| self.buffer(scope, buffer)).collect();
                if emitted.scratch_bytes > 0 {
                    arguments.push("scratch".to_owned());
                }
                let arguments = arguments.join(", ");
                text.line(format!("{function}(team, {arguments});"));
                Ok(())
            }
            Task::Loop(looped) => self.looped(text, scope, looped, inner),
            Task::Branch(branch) => self.branch(text, scope, branch, inner),
            Task::Parts(parts) => self.parts(text, scope, parts),
        }
    }

    /// Whether a kernel copies a value to where it lies.
    fn does_nothing(&self, scope: Scope<'_>, kernel: &Kernel) -> bool {
        let mut homes = kernel.buffers().into_iter().map(|buffer| scope.program.buffers[buffer].home);
        let first = homes.next();
        matches!(kernel, Kernel::Rows(rows) if rows.does_nothing())
            && first != Some(Home::Port)
            && homes.all(|home| Some(home) == first)
    }

    /// Every part by a block of its own, which is a team by itself.
    fn parts(&mut self, text: &mut Text, around: Scope<'_>, parts: &Parts) -> Result<(), Missing> {
        let count: usize = parts.counts.iter().product();
        let outside = std::mem::replace(&mut self.emitted, Emitted::of_threads(0));
        let mut body = Text::default();
        for (number, pointer) in parts.pointers.iter().enumerate() {
            let first = match pointer.first {
                Origin::Buffer(buffer) => self.buffer(around, buffer),
                Origin::Given(number) => self.given(number),
            };
            let steps: String = match (pointer.steps.as_slice(), parts.counts.as_slice()) {
                ([outer, inner], [_, count]) => {
                    format!("(i64)(part / {count}) * {outer}ll + (i64)(part % {count}) * {inner}ll")
                }
                (steps, _) => format!("(i64)part * {}ll", steps.first().unwrap_or(&0)),
            };
            body.line(format!("u8* const part{number} = {first} + {steps};"));
        }
        let outside_parts = std::mem::replace(&mut self.multiprocessors, 1);
        self.steps(&mut body, Scope { program: &parts.program, name: around.name })?;
        self.multiprocessors = outside_parts;
        let inside = std::mem::replace(&mut self.emitted, outside);
        let (shared, scratch) =
            (inside.shared_bytes.next_multiple_of(ALIGNED), inside.scratch_bytes.next_multiple_of(ALIGNED));
        text.block("", |text| {
            if scratch > 0 {
                text.line("u8* const scratch_of_all = scratch;");
            }
            text.block(format!("for (u32 part = team.block; part < {count}; part += team.blocks)"), |text| {
                text.line("const Team team = {0, 1, 0};");
                if parts.shared_bytes > 0 {
                    text.line(format!("u8* const held = (u8*)SHARED + {shared};"));
                }
                if scratch > 0 {
                    text.line(format!("u8* const scratch = scratch_of_all + (u64)part * {scratch}ull;"));
                }
                text.append(body);
            });
        });
        let asked = Emitted {
            threads: count * THREADS,
            shared_bytes: shared + parts.shared_bytes,
            scratch_bytes: count * scratch,
            waits: false,
        };
        self.emitted = self.emitted.and(asked);
        Ok(())
    }

    /// The expression of a buffer's pointer.
    fn buffer(&mut self, scope: Scope<'_>, buffer: usize) -> String {
        match scope.program.buffers[buffer].home {
            Home::Given(number) => self.given(number),
            Home::Room(offset) => {
                if scope.name.is_empty() {
                    self.used.insert(Argument::Room);
                }
                format!("{}room + {offset}ull", scope.name)
            }
            Home::Port => format!("{}b{buffer}", scope.name),
            Home::Part(number) => format!("part{number}"),
            Home::Shared(offset) => format!("held + {offset}ull"),
        }
    }

    fn given(&mut self, number: usize) -> String {
        self.used.insert(Argument::Given(number));
        format!("given{number}")
    }

    fn looped(
        &mut self,
        text: &mut Text,
        around: Scope<'_>,
        looped: &Loop,
        name: &str,
    ) -> Result<(), Missing> {
        let body = Scope { program: &looped.body, name };
        let room = self.buffer(around, looped.room);
        text.try_block("", |text| {
            text.line(format!("u8* const {name}room = {room};"));
            text.line("u64 round = 0;");
            let head = match looped.rounds {
                Rounds::Counted(length) => format!("for (; round < {length}ull; ++round)"),
                Rounds::While(_) => "for (;; ++round)".to_owned(),
            };
            text.try_block(head, |text| {
                self.ports(text, around, looped, name, &looped.inputs, false);
                // What a body updates in place lies where it read it.
                let is_new = |port: &&(usize, Port)| looped.inputs.iter().all(|input| input.0 != port.0);
                let outputs: Vec<(usize, Port)> = looped.outputs.iter().filter(is_new).copied().collect();
                if let Rounds::While(condition) = &looped.rounds {
                    self.condition(text, around, looped, condition, name)?;
                }
                self.ports(text, around, looped, name, &outputs, true);
                self.steps(text, body)
            })?;
            for carried in &looped.carried {
                self.last(text, around, looped, carried);
            }
            Ok(())
        })
    }

    /// Declares where a round reads or writes.
    fn ports(
        &mut self,
        text: &mut Text,
        around: Scope<'_>,
        looped: &Loop,
        name: &str,
        ports: &[(usize, Port)],
        are_written: bool,
    ) {
        for &(buffer, port) in ports {
            let pointer = match port {
                Port::Constant(buffer) => self.buffer(around, buffer),
                Port::Slice { buffer, bytes } => {
                    let place = match looped.rounds {
                        Rounds::Counted(length) if looped.is_reverse => {
                            format!("({} - round)", length.saturating_sub(1))
                        }
                        Rounds::Counted(_) | Rounds::While(_) => "round".to_owned(),
                    };
                    format!("{} + (i64){place} * {bytes}", self.buffer(around, buffer))
                }
                Port::Carried(carried) => {
                    let carried = looped.carried[carried];
                    match are_written {
                        true => self.written(around, looped, carried, "round"),
                        false => self.read(around, looped, carried),
                    }
                }
            };
            text.line(format!("u8* const {name}b{buffer} = {pointer};"));
        }
    }

    /// Leaves the loop if its condition does not hold.
    fn condition(
        &mut self,
        text: &mut Text,
        around: Scope<'_>,
        looped: &Loop,
        condition: &Condition,
        name: &str,
    ) -> Result<(), Missing> {
        let (test, holds) = (format!("{name}test_"), self.buffer(around, condition.holds));
        text.line(format!("u8* const {test}room = {name}room;"));
        for (&tested, &(input, _)) in condition.inputs.iter().zip(&looped.inputs) {
            text.line(format!("u8* const {test}b{tested} = {name}b{input};"));
        }
        text.line(format!("u8* const {test}b{} = {holds};", condition.output));
        self.steps(text, Scope { program: &condition.program, name: &test })?;
        text.line(format!("if (*(volatile u8*)({holds}) == 0) break;"));
        Ok(())
    }

    /// Where a round writes a carried value: in the last one of a loop that counts, the result.
    fn written(&mut self, around: Scope<'_>, looped: &Loop, carried: Carried, round: &str) -> String {
        let [result, spare] = carried.buffers.map(|buffer| self.buffer(around, buffer));
        if result == spare {
            return result;
        }
        let odd = match looped.rounds {
            Rounds::Counted(length) => length % 2,
            Rounds::While(_) => 0,
        };
        format!("({round} % 2 == {odd} ? {spare} : {result})")
    }

    /// Where a round reads it.
    fn read(&mut self, around: Scope<'_>, looped: &Loop, carried: Carried) -> String {
        let (initial, offset) = carried.initial;
        let (initial, written) =
            (self.buffer(around, initial), self.written(around, looped, carried, "(round - 1)"));
        format!("(round == 0 ? {initial} + {offset}ll : {written})")
    }

    /// Copies the last of a carried value to where the result is, if it lies elsewhere.
    fn last(&mut self, text: &mut Text, around: Scope<'_>, looped: &Loop, carried: &Carried) {
        let (last, result) = (self.read(around, looped, *carried), self.buffer(around, carried.buffers[0]));
        text.line(format!("copy_bytes(team, {result}, {last}, {}ull);", carried.bytes));
        self.emitted = self.emitted.and(Emitted::of_threads(carried.bytes.div_ceil(16)));
    }

    fn branch(
        &mut self,
        text: &mut Text,
        around: Scope<'_>,
        branch: &Branch,
        name: &str,
    ) -> Result<(), Missing> {
        let (room, index) = (self.buffer(around, branch.room), self.buffer(around, branch.index));
        let last = branch.programs.len().saturating_sub(1);
        text.try_block("", |text| {
            text.line(format!("u8* const {name}room = {room};"));
            match branch.is_truth {
                true => text.line(format!("const i32 chosen = *(volatile u8*)({index}) != 0 ? 0 : 1;")),
                false => {
                    text.line(format!("const i32 index = *(volatile i32*)({index});"));
                    text.line(format!("const i32 chosen = index < 0 || index > {last} ? {last} : index;"));
                }
            }
            for (number, (program, operands, results)) in branch.programs.iter().enumerate() {
                text.try_block(format!("if (chosen == {number})"), |text| {
                    let ports =
                        operands.iter().zip(&branch.operands).chain(results.iter().zip(&branch.results));
                    for (&inner, &outer) in ports {
                        let pointer = self.buffer(around, outer);
                        text.line(format!("u8* const {name}b{inner} = {pointer};"));
                    }
                    self.steps(text, Scope { program, name })
                })?;
            }
            Ok(())
        })
    }
}
