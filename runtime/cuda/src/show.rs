//! A program as text: its buffers, then its steps in order, with why each runs as it does.
//!
//! Must not live here: source.

use std::fmt::{self, Display, Formatter};

use crate::program::{
    Branch, Buffer, Carried, Home, Loop, Origin, Parts, Pointer, Port, Program, Rounds, Step, Task,
};

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "room of {} bytes", self.room)?;
        self.buffers.iter().enumerate().try_for_each(|(at, buffer)| writeln!(f, "b{at} {buffer}"))?;
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}

impl Display for Buffer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.home {
            Home::Given(number) => write!(f, "given {number}")?,
            Home::Room(offset) => write!(f, "room at {offset}")?,
            Home::Port => write!(f, "port")?,
            Home::Part(number) => write!(f, "pointer {number}")?,
            Home::Shared(offset) => write!(f, "shared memory at {offset}")?,
        }
        write!(f, ", {} bytes", self.bytes)
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.comment)?;
        if !self.note.is_empty() {
            writeln!(f, "  ({})", self.note)?;
        }
        match &self.task {
            Task::Kernel(kernel) => indented(kernel, f),
            Task::Loop(looped) => indented(looped, f),
            Task::Branch(branch) => indented(branch, f),
            Task::Parts(parts) => indented(parts, f),
        }
    }
}

impl Display for Parts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Parts { counts, pointers, shared_bytes, program } = self;
        let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
        writeln!(f, "{} parts, {shared_bytes} bytes of shared memory hold values", counts.join(" x "))?;
        for (number, Pointer { first, steps }) in pointers.iter().enumerate() {
            let first = match first {
                Origin::Buffer(buffer) => format!("b{buffer}"),
                Origin::Given(number) => format!("given {number}"),
            };
            let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
            writeln!(f, "pointer {number}: {first}, by {} bytes", steps.join(" and "))?;
        }
        write!(f, "{program}")
    }
}

impl Display for Loop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let port = |&(buffer, port): &(usize, Port)| {
            let place = match port {
                Port::Slice { buffer, bytes } => format!("b{buffer} by {bytes} bytes"),
                Port::Constant(buffer) => format!("b{buffer}"),
                Port::Carried(carried) => {
                    let Carried { initial: (initial, _), buffers: [result, spare], .. } =
                        self.carried[carried];
                    format!("b{initial} then b{result} and b{spare}")
                }
            };
            format!("b{buffer} = {place}")
        };
        let ports = |ports: &[(usize, Port)]| ports.iter().map(port).collect::<Vec<_>>().join(", ");
        match &self.rounds {
            Rounds::Counted(length) => {
                write!(f, "{length} rounds{}", if self.is_reverse { " in reverse" } else { "" })?;
            }
            Rounds::While(condition) => {
                writeln!(f, "rounds while b{} of:", condition.output)?;
                indented(&condition.program, f)?;
            }
        }
        writeln!(f, ": {} -> {}", ports(&self.inputs), ports(&self.outputs))?;
        indented(&self.body, f)
    }
}

impl Display for Branch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "one of {} by b{}", self.programs.len(), self.index)?;
        self.programs.iter().try_for_each(|(program, _, _)| indented(program, f))
    }
}

/// Text on lines of its own, further in.
fn indented(text: &impl Display, f: &mut Formatter<'_>) -> fmt::Result {
    text.to_string().lines().try_for_each(|line| writeln!(f, "  {line}"))
}
