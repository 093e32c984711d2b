//! Gathers and scatters: windows that begin where indices say.
//!
//! Must not live here: what indices mean ([`choral_kernels::moves`]).

use choral_kernels::Number;
use choral_kernels::instruction::Instruction;
use choral_kernels::moves::{Beyond, Combine, Gather, Scatter, Start};

use super::instruction::expression;
use super::number::{in_memory, in_registers, load, rounded, store};
use super::places::{Indices, counter};
use super::text::Text;
use super::{Emitted, Missing, Needed, body};

/// Windows up to which each element of the array looks through all of them: nothing is copied first, and nobody waits.
const FEW: usize = 64;

/// Writes the body of the function of a gather: a thread for each element.
pub(super) fn gather(text: &mut Text, gather: &Gather) -> Emitted {
    let Gather { windows, window, starts, number, from, out } = gather;
    let sizes = [windows.as_slice(), window].concat();
    let count: usize = sizes.iter().product();
    // Moved as they are.
    let moved = Number::of_bytes(number.bytes());
    let ty = counter(count);
    text.block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
        let indices = Indices::declare(text, "i", "at", &sizes);
        let (which, _) = indices.split(windows.len());
        let mut place = indices.place(from.access.offset, &from.access.dims);
        for (at, start) in starts.iter().enumerate() {
            let raw = raw_start(start, &which);
            text.line(format!("const i64 s{at} = clamped({raw}, {});", start.last));
            let stride = from.access.dims[windows.len() + start.dim].1;
            place = format!("{place} + s{at} * {stride}");
        }
        let element = load(moved, &format!("b{}", from.buffer), &place);
        let to = indices.place(out.access.offset, &out.access.dims);
        text.line(store(moved, &format!("b{}", out.buffer), &to, &element));
    });
    Emitted::of_threads(count)
}

fn raw_start(start: &Start, which: &Indices) -> String {
    let place = which.place(start.place.access.offset, &start.place.access.dims);
    load(start.number, &format!("b{}", start.place.buffer), &place)
}

/// Writes the body of the function of a scatter. Where windows are few, or may overlap within each other, a thread for each
/// element of the array takes the updates that are its; otherwise the array is copied, and then a thread for each place of a
/// window goes through all windows in their order: no two of these ever meet.
///
/// # Errors
/// If an instruction of its body has no source.
pub(super) fn scatter(text: &mut Text, scatter: &Scatter, needed: &mut Needed) -> Result<Emitted, Missing> {
    let windows: usize = scatter.windows.iter().map(|dim| dim.size).product();
    let may_meet = scatter
        .starts
        .iter()
        .map(|start| start.dim)
        .chain(scatter.windows.iter().filter_map(|dim| dim.along));
    let may_meet = may_meet.into_iter().any(|dim| scatter.window[dim] > 1);
    let emitter = Scattering { scatter, windows };
    if windows <= FEW || may_meet { emitter.by_element(text, needed) } else { emitter.by_place(text, needed) }
}

struct Scattering<'a> {
    scatter: &'a Scatter,
    windows: usize,
}

impl Scattering<'_> {
    fn by_element(&self, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
        let Scatter { members, shape, window, operands, out, .. } = self.scatter;
        let sizes = [members.as_slice(), shape].concat();
        let count: usize = sizes.iter().product();
        let ty = counter(count);
        text.try_block(
            format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"),
            |text| {
                let indices = Indices::declare(text, "i", "at", &sizes);
                let (member, own) = indices.split(members.len());
                for (number, array) in operands.iter().enumerate() {
                    let input = load(
                        array.number,
                        &format!("b{}", array.input.buffer),
                        &indices.place(array.input.access.offset, &array.input.access.dims),
                    );
                    text.line(format!("{} a{number} = {input};", in_registers(array.number)));
                }
                text.try_block(self.each_window(), |text| {
                    let which = self.declare_window(text);
                    let inside = self.declare_starts(text, &member, &which);
                    let mut holds = inside;
                    for (dim, &size) in window.iter().enumerate() {
                        text.line(format!(
                            "const i64 e{dim} = (i64){} - {};",
                            own.name(dim),
                            self.begin(dim, &which)
                        ));
                        holds.push(format!("e{dim} >= 0 && e{dim} < {size}"));
                    }
                    text.try_block(format!("if ({})", joined(&holds)), |text| {
                        let names: Vec<String> = (0..window.len()).map(|dim| format!("e{dim}")).collect();
                        let within = Indices::named(&names, window);
                        self.combine(text, &member.and(&which).and(&within), "a", needed)
                    })
                })?;
                for (number, array) in operands.iter().enumerate() {
                    let place = indices.place(out.offset, &out.dims);
                    text.line(store(array.number, &format!("b{}", array.out), &place, &format!("a{number}")));
                }
                Ok(())
            },
        )?;
        Ok(Emitted::of_threads(count))
    }

    fn by_place(&self, text: &mut Text, needed: &mut Needed) -> Result<Emitted, Missing> {
        let Scatter { members, shape, window, operands, out, .. } = self.scatter;
        let sizes = [members.as_slice(), shape].concat();
        let count: usize = sizes.iter().product();
        let ty = counter(count);
        text.block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
            let indices = Indices::declare(text, "i", "at", &sizes);
            for array in operands {
                let moved = Number::of_bytes(array.number.bytes());
                let input = indices.place(array.input.access.offset, &array.input.access.dims);
                let element = load(moved, &format!("b{}", array.input.buffer), &input);
                let to = indices.place(out.offset, &out.dims);
                text.line(store(moved, &format!("b{}", array.out), &to, &element));
            }
        });
        text.line("team.wait();");
        let sizes = [members.as_slice(), window].concat();
        let places: usize = sizes.iter().product();
        let ty = counter(places);
        text.try_block(
            format!("for ({ty} at = team.thread(); at < {places}; at += team.threads())"),
            |text| {
                let indices = Indices::declare(text, "i", "at", &sizes);
                let (member, within) = indices.split(members.len());
                text.try_block(self.each_window(), |text| {
                    let which = self.declare_window(text);
                    let holds = self.declare_starts(text, &member, &which);
                    text.try_block(format!("if ({})", joined(&holds)), |text| {
                        let place = member.place(out.offset, &out.dims[..members.len()]);
                        let mut terms = vec![place];
                        for (dim, &(_, stride)) in out.dims[members.len()..].iter().enumerate() {
                            terms.push(format!(
                                "({} + (i64){}) * {stride}",
                                self.begin(dim, &which),
                                within.name(dim)
                            ));
                        }
                        text.line(format!("const i64 to = {};", terms.join(" + ")));
                        for (number, array) in operands.iter().enumerate() {
                            let sofar = load(array.number, &format!("b{}", array.out), "to");
                            text.line(format!("{} a{number} = {sofar};", in_registers(array.number)));
                        }
                        self.combine(text, &member.and(&which).and(&within), "a", needed)?;
                        for (number, array) in operands.iter().enumerate() {
                            text.line(store(
                                array.number,
                                &format!("b{}", array.out),
                                "to",
                                &format!("a{number}"),
                            ));
                        }
                        Ok(())
                    })
                })
            },
        )?;
        Ok(Emitted::of_threads(count).waiting())
    }

    fn each_window(&self) -> String {
        format!("for (u32 number = 0; number < {}; ++number)", self.windows)
    }

    fn declare_window(&self, text: &mut Text) -> Indices {
        let sizes: Vec<usize> = self.scatter.windows.iter().map(|dim| dim.size).collect();
        Indices::declare(text, "w", "number", &sizes)
    }

    /// Declares where a window begins; the conditions under which it lies within the array.
    fn declare_starts(&self, text: &mut Text, member: &Indices, which: &Indices) -> Vec<String> {
        let numbering = member.and(which);
        let mut holds = Vec::new();
        for (at, start) in self.scatter.starts.iter().enumerate() {
            let raw = raw_start(start, &numbering);
            match self.scatter.beyond {
                Beyond::Clamped => text.line(format!("const i64 s{at} = clamped({raw}, {});", start.last)),
                Beyond::Dropped => {
                    text.line(format!("const {} raw{at} = {raw};", in_memory(start.number)));
                    text.line(format!("const i64 s{at} = (i64)raw{at};"));
                    holds.push(format!("raw{at} >= 0 && (u64)raw{at} <= {}ull", start.last));
                }
            }
        }
        holds
    }

    /// Where a window begins along a dimension of the array.
    fn begin(&self, dim: usize, which: &Indices) -> String {
        let starts = self.scatter.starts.iter().enumerate().filter(|(_, start)| start.dim == dim);
        let along =
            self.scatter.windows.iter().enumerate().filter(|(_, numbering)| numbering.along == Some(dim));
        let terms: Vec<String> = starts
            .map(|(at, _)| format!("s{at}"))
            .chain(along.map(|(at, _)| format!("(i64){}", which.name(at))))
            .collect();
        if terms.is_empty() { "(i64)0".to_owned() } else { format!("({})", terms.join(" + ")) }
    }

    /// Combines elements, in variables that begin with `name`, with their updates.
    fn combine(&self, text: &mut Text, at: &Indices, name: &str, needed: &mut Needed) -> Result<(), Missing> {
        let Scatter { operands, combine, .. } = self.scatter;
        for (number, array) in operands.iter().enumerate() {
            let place = at.place(array.updates.access.offset, &array.updates.access.dims);
            let update = load(array.number, &format!("b{}", array.updates.buffer), &place);
            text.line(format!("const {} u{number} = {update};", in_registers(array.number)));
        }
        match combine {
            Combine::Overwrite => text.line(format!("{name}0 = u0;")),
            Combine::Binary(op) => {
                let number = operands[0].number;
                let registers = number.in_registers();
                let both = [format!("{name}0"), "u0".to_owned()];
                let made = expression(&Instruction::Binary(*op), registers, registers, &both, needed)?;
                text.line(format!("{name}0 = {};", rounded(number, &made)));
            }
            Combine::Body(body) => {
                let sofar = (0..operands.len()).map(|number| format!("{name}{number}"));
                let inputs: Vec<String> =
                    sofar.chain((0..operands.len()).map(|number| format!("u{number}"))).collect();
                let results = body::results(text, body, &inputs, "x", needed)?;
                for (number, (result, array)) in results.iter().zip(operands).enumerate() {
                    text.line(format!("const {} y{number} = {result};", in_registers(array.number)));
                }
                (0..results.len()).for_each(|number| text.line(format!("{name}{number} = y{number};")));
            }
        }
        Ok(())
    }
}

/// All of these.
fn joined(conditions: &[String]) -> String {
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" && ") }
}
