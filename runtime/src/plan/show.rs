//! A plan as text: its buffers, then its steps in order.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use super::control::{Branch, Loop, Port};
use super::host::From;
use super::{Buffer, Home, KeptPack, Plan, Task};
use crate::memory::scratch::total;

/// Kernels in the order in which they run, and where every buffer lies.
///
/// ```
/// use choral_ir::{Builder, DType, TensorType, op::Binary};
/// use choral_runtime::{Device, Executable};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([2], DType::F32));
/// let sum = builder.binary(Binary::Add, x, x)?;
/// let executable = Executable::compile(&builder.finish(&[sum]), Device::Cpu)?;
/// let plan = executable.plan().expect("the processor runs plans").to_string();
/// assert!(plan.contains("rows 2, 2 places"), "{plan}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ((bytes, alive), (frame, threads)) = (self.arena, self.frame);
        let plural = if threads == 1 { "" } else { "s" };
        writeln!(
            f,
            "arena of {bytes} bytes, {alive} alive at once; {threads} thread{plural} with {frame} bytes"
        )?;
        self.buffers.iter().enumerate().try_for_each(|(at, buffer)| writeln!(f, "b{at} {buffer}"))?;
        for KeptPack { runnable, .. } in &self.packs {
            writeln!(f, "{}, kept", runnable.kernel)?;
        }
        for step in &self.steps {
            let text = match &step.task {
                Task::Kernel(runnable) => {
                    let threads = match step.task.threads(self.pool.threads()) {
                        0 | 1 => String::new(),
                        threads => format!(", {threads} threads"),
                    };
                    let text = runnable.kernel.to_string();
                    match text.split_once('\n') {
                        Some((first, rest)) => format!("{first}{threads}\n{rest}"),
                        None => text + &threads,
                    }
                }
                Task::Branch(branch) => branch.to_string(),
                Task::Loop(looped) => looped.to_string(),
                Task::Host(host) => {
                    let operands = host.operands.iter().map(|operand| match &operand.from {
                        From::Splat(_) => "splat".to_owned(),
                        From::Whole(buffer) => format!("b{buffer}"),
                        From::Part(buffer, access) => format!("b{buffer}{access}"),
                    });
                    let operands: Vec<String> = operands.collect();
                    let results: Vec<String> =
                        host.results.iter().map(|result| format!("b{result}")).collect();
                    format!("host {} {} -> {}", host.op.name(), operands.join(", "), results.join(", "))
                }
            };
            let (first, rest) =
                text.split_once('\n').map_or((text.as_str(), None), |(first, rest)| (first, Some(rest)));
            writeln!(f, "%{} = {first}, {} bytes", step.label.name, self.traffic(&step.task))?;
            rest.into_iter().try_for_each(|rest| writeln!(f, "{rest}"))?;
        }
        let outputs: Vec<String> = self.outputs.iter().map(|output| format!("b{}", output.buffer)).collect();
        writeln!(f, "return {}", outputs.join(", "))
    }
}

impl Plan {
    /// Bytes of all that a step reads and writes.
    fn traffic(&self, task: &Task) -> usize {
        let mut buffers = BTreeSet::new();
        task.buffers(&mut |buffer| buffers.extend([buffer]));
        total(buffers.into_iter().map(|buffer| self.buffers[buffer].ty.bytes()))
    }
}

/// What the value is called, what it is, and where it lies.
impl Display for Buffer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Buffer { name, ty, home } = self;
        write!(f, "{name}: {ty}, {} bytes, ", ty.bytes())?;
        match home {
            Home::Input(input) => write!(f, "input {input}"),
            Home::Constant(_) => write!(f, "constant"),
            Home::Arena(offset) => write!(f, "arena at {offset}"),
            Home::Output => write!(f, "result"),
            Home::Held => write!(f, "tensor"),
            Home::Packed(_) => write!(f, "kept"),
        }
    }
}

impl Display for Branch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "branch by b{}, {} -> {}", self.index, list(&self.operands), list(&self.results))?;
        self.plans.iter().try_for_each(|plan| indented("case", plan, f))
    }
}

impl Display for Loop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.cond {
            Some(_) => write!(f, "while")?,
            None => {
                write!(f, "scan {} rounds{}", self.length, if self.is_reverse { " in reverse" } else { "" })?
            }
        }
        if let Some(strips) = self.strips() {
            write!(f, " in {} strips", strips.count)?;
        }
        let port = |port: &Port| match *port {
            Port::Slice { buffer, bytes } => format!("b{buffer} by {bytes} bytes"),
            Port::Carried(carried) => {
                let [initial, result, spare] = self.carried[carried].buffers();
                format!("b{initial} then b{result} and b{spare}")
            }
            Port::Constant(buffer) => format!("b{buffer}"),
        };
        let ports = |ports: &[Port]| ports.iter().map(port).collect::<Vec<_>>().join(", ");
        write!(f, ", {} -> {}", ports(&self.inputs), ports(&self.outputs))?;
        self.cond.iter().try_for_each(|cond| indented("cond", &cond.plan, f))?;
        indented("body", &self.body, f)
    }
}

fn list(buffers: &[usize]) -> String {
    buffers.iter().map(|buffer| format!("b{buffer}")).collect::<Vec<_>>().join(", ")
}

/// A plan inside of another, which it follows on lines of its own.
fn indented(name: &str, plan: &Plan, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "\n  {name}:")?;
    plan.to_string().lines().try_for_each(|line| write!(f, "\n    {line}"))
}
