//! The source of a whole program, and what is launched of it.
//!
//! Must not live here: the functions of kernels, and what stands between them in loops and branches ([`super::control`]).

use std::collections::{BTreeSet, HashMap};

use choral_kernels::Kernel;

use super::control::Flow;
use super::text::Text;
use super::{Emitted, Missing, Needed, THREADS};
use crate::library_product::Call;
use crate::program::{Program, Task};

/// The source of a program: one translation unit, and the launches that run it, in order.
#[derive(Debug, Clone)]
pub struct Unit {
    /// CUDA C++, without any include.
    pub source: String,
    /// What runs, one after another.
    pub work: Vec<Work>,
    /// Bytes of memory that kernels work in, one after another.
    pub scratch_bytes: usize,
}

/// What runs at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A launch of a function of the source.
    Launch(Launch),
    /// A product that cuBLASLt does.
    Product(Box<Call>),
}

/// A launch of a `__global__` function, whose parameters are all pointers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The function.
    pub name: String,
    /// What it is given.
    pub arguments: Vec<Argument>,
    /// Whether its blocks wait for each other: all have to run at the same time.
    pub is_cooperative: bool,
    /// How many threads have something to do.
    pub threads: usize,
    /// Bytes of shared memory of a block.
    pub shared_bytes: usize,
}

/// A pointer that a launch is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    /// To the program's room.
    Room,
    /// To memory that kernels work in.
    Scratch,
    /// To what blocks count their arrivals in: 16 bytes, which were 0 at first.
    Arrivals,
    /// The one of this number, as [`Home::Given`](crate::program::Home::Given) counts them.
    Given(usize),
}

impl Unit {
    /// The source of a program.
    ///
    /// ```
    /// use choral_cuda::program::{Buffer, Home, Program, Step, Task};
    /// use choral_cuda::source::Unit;
    /// use choral_kernels::instruction::{Binary, Instruction};
    /// use choral_kernels::rows::{Kind, Rows, Step as Value, Store};
    /// use choral_kernels::{Access, Kernel, Number};
    /// let dense = Access::dense(&[1000]);
    /// let load = Kind::Load { buffer: 0, access: dense.clone(), number: Number::F32 };
    /// let twice = Kind::Compute { instruction: Instruction::Binary(Binary::Add), operands: vec![0, 0] };
    /// let rows = Rows {
    ///     folded: vec![1000],
    ///     steps: [load, twice].map(|kind| Value { kind, number: Number::F32 }).to_vec(),
    ///     stores: vec![Store::apart(1, 1, dense, Number::F32)],
    ///     ..Rows::default()
    /// };
    /// let step = Step { comment: "%twice".to_owned(), note: String::new(), task: Task::Kernel(Box::new(Kernel::Rows(rows))) };
    /// let buffers = [0, 1].map(|number| Buffer { home: Home::Given(number), bytes: 4000 });
    /// let program = Program { buffers: buffers.to_vec(), room: 0, steps: vec![step] };
    /// let unit = Unit::of(&program)?;
    /// assert!(unit.source.contains("const float v1 = v0 + v0;"));
    /// assert_eq!(unit.work.len(), 1);
    /// # Ok::<(), choral_cuda::source::Missing>(())
    /// ```
    ///
    /// # Errors
    /// If a kernel or an instruction has no source.
    pub fn of(program: &Program) -> Result<Unit, Missing> {
        Unit::with_library(program, |_| false)
    }

    /// The source of a program without the products that are the library's, of those that it can do. What runs within loops
    /// and branches is always the source's: a launch runs all their rounds.
    ///
    /// # Errors
    /// As [`Unit::of`].
    pub fn with_library(
        program: &Program,
        mut is_the_librarys: impl FnMut(&Call) -> bool,
    ) -> Result<Unit, Missing> {
        let mut functions = Functions::default();
        let mut globals = Text::default();
        let (mut work, mut scratch_bytes) = (Vec::new(), 0);
        for (number, step) in program.steps.iter().enumerate() {
            if let Task::Kernel(kernel) = &step.task
                && let Some(call) = Call::of(program, kernel).filter(&mut is_the_librarys)
            {
                globals.line(format!("// {}", step.comment));
                globals.line(format!("// cuBLASLt: {}\n", call.matmul));
                work.push(Work::Product(Box::new(call)));
                continue;
            }
            let mut flow = Flow::new(&mut functions);
            let mut body = Text::default();
            flow.step(&mut body, program, step)?;
            let (emitted, used) = flow.finish();
            if emitted.threads == 0 {
                continue;
            }
            let is_cooperative = emitted.waits;
            let name = format!("step_{number}");
            let mut arguments: Vec<Argument> = used.into_iter().collect();
            if emitted.scratch_bytes > 0 {
                arguments.push(Argument::Scratch);
            }
            if is_cooperative {
                arguments.push(Argument::Arrivals);
            }
            let parameters: Vec<String> = arguments.iter().map(Argument::parameter).collect();
            globals.line(format!("// {}", step.comment));
            globals.block(
                // So few registers that two blocks run on a multiprocessor: one works while the other waits for memory.
                format!(
                    "extern \"C\" __global__ void __launch_bounds__({THREADS}, 2) {name}({})",
                    parameters.join(", ")
                ),
                |text| {
                    let arrivals = if is_cooperative { "arrivals" } else { "0" };
                    text.line(format!("const Team team = {{blockIdx.x, gridDim.x, {arrivals}}};"));
                    text.append(body);
                },
            );
            let Emitted { threads, shared_bytes, scratch_bytes: bytes, .. } = emitted;
            scratch_bytes = bytes.max(scratch_bytes);
            let launch = Launch { name, arguments, is_cooperative, threads, shared_bytes };
            work.push(Work::Launch(launch));
        }
        let source = [
            include_str!("prelude.cu"),
            include_str!("team.cu"),
            &functions.needed.into_source(),
            &functions.source,
            &globals.into_string(),
        ];
        Ok(Unit { source: source.join("\n"), work, scratch_bytes })
    }
}

impl Argument {
    /// The parameter of a `__global__` function.
    fn parameter(&self) -> String {
        match self {
            Argument::Room => "u8* room".to_owned(),
            Argument::Scratch => "u8* scratch".to_owned(),
            Argument::Arrivals => "u64* arrivals".to_owned(),
            Argument::Given(number) => format!("u8* given{number}"),
        }
    }
}

/// The functions of kernels; those that are alike are one.
#[derive(Debug, Default)]
pub(super) struct Functions {
    source: String,
    needed: Needed,
    /// Names and what they ask, by parameters and body.
    known: HashMap<String, (String, Emitted)>,
}

impl Functions {
    /// The name of a kernel's function for a team on so many multiprocessors, the buffers that it is called with in order, and what it asks of a launch; `None` of a
    /// kernel that makes nothing.
    pub(super) fn of(
        &mut self,
        kernel: &Kernel,
        multiprocessors: usize,
    ) -> Result<Option<(String, Vec<usize>, Emitted)>, Missing> {
        let buffers: BTreeSet<usize> = kernel.buffers().into_iter().collect();
        let buffers: Vec<usize> = buffers.into_iter().collect();
        let mut body = Text::default();
        let emitted = super::kernel(&mut body, kernel, multiprocessors, &mut self.needed)?;
        if emitted.threads == 0 || buffers.is_empty() {
            return Ok(None);
        }
        let mut parameters: Vec<String> = buffers.iter().map(|buffer| format!("u8* b{buffer}")).collect();
        if emitted.scratch_bytes > 0 {
            parameters.push("u8* scratch".to_owned());
        }
        let parameters = parameters.join(", ");
        let body = body.into_string();
        let key = format!("{parameters}\n{body}");
        if let Some((name, emitted)) = self.known.get(&key) {
            return Ok(Some((name.clone(), buffers, *emitted)));
        }
        let name = format!("{}_{}", kernel.name(), self.known.len());
        let mut text = Text::default();
        text.block(format!("static __device__ void {name}(const Team& team, {parameters})"), |text| {
            body.lines().for_each(|line| text.line(line));
        });
        self.source.push_str(&text.into_string());
        self.source.push('\n');
        self.known.insert(key, (name.clone(), emitted));
        Ok(Some((name, buffers, emitted)))
    }
}
