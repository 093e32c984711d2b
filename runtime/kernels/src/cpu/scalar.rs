//! Expressions on a few numbers at a time: what comparators and bodies of scatters run.
//!
//! The loops are those of the [vector machine](super::machine), on registers of a few elements in a frame. Must not
//! live here: where the numbers come from.

use super::machine::choose::choose;
use super::machine::moves::{self, with_width};
use super::machine::{Arguments, Loop, convert};
use super::rows::NoLoop;
use crate::expression::Expression;
use crate::instruction::Instruction;
use crate::rows::Kind;
use crate::{Level, Number};

/// Bytes that an element of a register takes, at most.
const ELEMENT: usize = 8;

/// A step of a compiled expression: a loop, and offsets of registers in the frame.
#[derive(Debug, Clone, Copy)]
struct Code {
    run: Loop,
    out: usize,
    operands: [usize; 3],
    extra: u64,
}

/// An input or a result: its register, and that of its elements as they are in memory, with the loop in between if
/// that is another one.
#[derive(Debug, Clone, Copy)]
struct Port {
    bytes: usize,
    register: usize,
    memory: usize,
    convert: Option<Loop>,
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct Scalars {
    lanes: usize,
    constants: Vec<(usize, Number, u64)>,
    inputs: Vec<Port>,
    codes: Vec<Code>,
    results: Vec<Port>,
    frame: usize,
}

impl Scalars {
    /// An expression compiled for a level, on up to `lanes` numbers at a time.
    ///
    /// # Errors
    /// If no loop runs an instruction on its types; for a step that does not compute.
    pub fn compile(expression: &Expression, lanes: usize, level: Level) -> Result<Scalars, NoLoop> {
        let bytes = (lanes.max(1) * ELEMENT).next_multiple_of(64);
        let values = expression.inputs.len() + expression.steps.len();
        let mut scalars = Scalars {
            lanes,
            constants: Vec::new(),
            inputs: Vec::with_capacity(expression.inputs.len()),
            codes: Vec::with_capacity(expression.steps.len()),
            results: Vec::with_capacity(expression.results.len()),
            frame: values * bytes,
        };
        let mut numbers = Vec::with_capacity(values);
        for &number in &expression.inputs {
            let port = scalars.port(number, numbers.len() * bytes, convert::widen(number, level), bytes);
            scalars.inputs.push(port);
            numbers.push(number.in_registers());
        }
        for step in &expression.steps {
            let out = numbers.len() * bytes;
            match &step.kind {
                Kind::Compute { instruction: Instruction::Constant(bits), .. } => {
                    scalars.constants.push((out, step.number, *bits));
                }
                Kind::Compute { instruction, operands } => {
                    let from = operands.last().map_or(step.number, |&operand| numbers[operand]);
                    let Some((run, extra)) = choose(instruction, from, step.number, [false; 3], level) else {
                        return Err(NoLoop {
                            instruction: format!("{instruction:?} of {from} to {}", step.number),
                        });
                    };
                    let operand = |place: usize| operands.get(place).or(operands.first()).copied();
                    let operands = std::array::from_fn(|place| operand(place).unwrap_or(0) * bytes);
                    scalars.codes.push(Code { run, out, operands, extra });
                }
                Kind::Load { .. } | Kind::Fold { .. } => {
                    return Err(NoLoop { instruction: format!("{:?} in an expression", step.kind) });
                }
            }
            numbers.push(step.number);
        }
        for &(value, number) in &expression.results {
            let port = scalars.port(number, value * bytes, convert::narrow(number, level), bytes);
            scalars.results.push(port);
        }
        Ok(scalars)
    }

    /// A port, with a register for elements in memory if they are converted.
    fn port(&mut self, number: Number, register: usize, convert: Option<Loop>, bytes: usize) -> Port {
        let memory = if convert.is_some() { self.frame } else { register };
        self.frame += if convert.is_some() { bytes } else { 0 };
        Port { bytes: number.bytes(), register, memory, convert }
    }

    /// Bytes of a frame: each thread that runs the expression has one of its own.
    pub fn frame_bytes(&self) -> usize {
        self.frame
    }

    /// Makes a frame ready: puts the constants into it.
    ///
    /// # Safety
    /// The frame has [`Scalars::frame_bytes`] bytes, aligned to 64, for this thread alone.
    pub unsafe fn begin(&self, frame: *mut u8) {
        for (offset, number, bits) in &self.constants {
            with_width!(number.bytes(), T => {
                // SAFETY: the register lies in the frame, with room for a number for each lane.
                let register = unsafe {
                    std::slice::from_raw_parts_mut(frame.add(*offset).cast::<T>(), self.lanes)
                };
                register.fill(*bits as T);
            });
        }
    }

    /// Reads an input: `count` elements, `stride` of them apart.
    ///
    /// # Safety
    /// As [`Scalars::run`]; the elements are there, of the input's type and aligned for it.
    pub unsafe fn load(&self, frame: *mut u8, input: usize, from: *const u8, stride: isize, count: usize) {
        let port = &self.inputs[input];
        with_width!(port.bytes, T => {
            // SAFETY: the caller vouches for the elements; the register has room for them.
            unsafe {
                let (register, from) = (frame.add(port.memory).cast::<T>(), from.cast::<T>());
                match count {
                    1 => register.write(from.read()),
                    _ => moves::gather(register, from, &[(count, stride)], 0, count),
                }
            }
        });
        if let Some(run) = port.convert {
            // SAFETY: the registers lie in the frame, and the processor has the level.
            unsafe {
                call(frame, &Code { run, out: port.register, operands: [port.memory; 3], extra: 0 }, count)
            }
        }
    }

    /// Brings elements of an input into registers' type: from where they lie one after another to another place.
    ///
    /// # Safety
    /// As [`Scalars::run`]; there are as many elements, and as much room.
    pub unsafe fn widen(&self, input: usize, from: *const u8, out: *mut u8, count: usize) {
        let port = &self.inputs[input];
        // SAFETY: the caller's contract.
        unsafe {
            match port.convert {
                Some(run) => run(&Arguments { out, operands: [from; 3], length: count, extra: 0 }),
                None => std::ptr::copy_nonoverlapping(from, out, count * port.bytes),
            }
        }
    }

    /// Puts a number in registers' type, as the only element of an input.
    ///
    /// # Safety
    /// As [`Scalars::run`]; a word can be read there that begins with the number.
    pub unsafe fn put(&self, frame: *mut u8, input: usize, from: *const u8) {
        // SAFETY: a register has room for a word.
        unsafe {
            let word = from.cast::<u64>().read_unaligned();
            frame.add(self.inputs[input].register).cast::<u64>().write(word);
        }
    }

    /// Whether results can be handed on to the inputs of the same numbers as they are: registers hold what memory would, and
    /// none of these is read after another was written over.
    pub fn hands_on(&self) -> bool {
        let is_own = |(number, port): (usize, &Port)| {
            let held =
                self.inputs.iter().take(self.results.len()).position(|input| input.register == port.register);
            port.convert.is_none() && held.is_none_or(|input| input == number)
        };
        self.results.iter().enumerate().all(is_own)
    }

    /// Hands results on to the inputs of the same numbers.
    ///
    /// # Safety
    /// As [`Scalars::run`], after it has run; [`Scalars::hands_on`] holds.
    pub unsafe fn hand_on(&self, frame: *mut u8, count: usize) {
        for (result, input) in self.results.iter().zip(&self.inputs) {
            if result.register == input.register {
                continue;
            }
            // SAFETY: registers lie in the frame, apart from each other, and have room for a word.
            unsafe {
                let (from, to) = (frame.add(result.register), frame.add(input.register));
                match count {
                    1 => to.cast::<u64>().write(from.cast::<u64>().read()),
                    _ => std::ptr::copy_nonoverlapping(from, to, count * result.bytes),
                }
            }
        }
    }

    /// Computes the results of `count` elements of each input.
    ///
    /// # Safety
    /// The frame is one that [`Scalars::begin`] made ready, used by nobody else now; there are at most as many elements
    /// as lanes; truth values are 0 or 1; and the processor has the level that the expression was compiled for.
    pub unsafe fn run(&self, frame: *mut u8, count: usize) {
        for code in &self.codes {
            // SAFETY: the registers lie in the frame; the loop was chosen for their types.
            unsafe { call(frame, code, count) }
        }
    }

    /// Writes a result: `count` elements, `stride` of them apart.
    ///
    /// # Safety
    /// As [`Scalars::run`]; the places are there, for this thread alone, and aligned for the result's type.
    pub unsafe fn store(&self, frame: *mut u8, result: usize, to: *mut u8, stride: isize, count: usize) {
        let port = &self.results[result];
        if let Some(run) = port.convert {
            // SAFETY: the registers lie in the frame, and the processor has the level.
            unsafe {
                call(frame, &Code { run, out: port.memory, operands: [port.register; 3], extra: 0 }, count)
            }
        }
        with_width!(port.bytes, T => {
            // SAFETY: the caller vouches for the places; the register holds the elements.
            unsafe {
                let (register, to) = (frame.add(port.memory).cast::<T>(), to.cast::<T>());
                match count {
                    1 => to.write(register.read()),
                    _ => moves::scatter(to, register, &[(count, stride)], 0, count),
                }
            }
        });
    }

    /// A result that is a truth value, of one element.
    ///
    /// # Safety
    /// As [`Scalars::run`], after it has run.
    pub unsafe fn holds(&self, frame: *const u8, result: usize) -> bool {
        // SAFETY: the register lies in the frame and holds a byte.
        unsafe { frame.add(self.results[result].register).read() != 0 }
    }
}

/// Runs a step.
///
/// # Safety
/// As [`Scalars::run`].
unsafe fn call(frame: *mut u8, code: &Code, length: usize) {
    // SAFETY: offsets of registers lie in the frame; those of results and of operands are different ones.
    unsafe {
        let operands = code.operands.map(|operand| frame.add(operand).cast_const());
        (code.run)(&Arguments { out: frame.add(code.out), operands, length, extra: code.extra });
    }
}
