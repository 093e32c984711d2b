//! Kernels of windows: a thread folds the window of a result.
//!
//! Must not live here: folds that take one step for each result ([`super::running`]), and which elements lie under a
//! window ([`super::spans`]).

use choral_kernels::window::{Combine, Window};
use choral_kernels::{Level, Number};

use super::instruction::expression;
use super::number::{in_registers, store};
use super::places::{Indices, counter};
use super::running::Running;
use super::spans::{Spans, start};
use super::text::Text;
use super::{Emitted, Missing, Needed};

/// Writes the body of the function of a kernel.
///
/// # Errors
/// If an instruction has no source on the type.
pub(super) fn window(text: &mut Text, window: &Window, needed: &mut Needed) -> Result<Emitted, Missing> {
    let sizes: Vec<usize> = window.result.access.dims.iter().map(|(size, _)| *size).collect();
    let count: usize = sizes.iter().product();
    if count == 0 {
        return Ok(Emitted::of_threads(0));
    }
    let running = choral_kernels::cpu::window::running(window, Level::Portable);
    if let Some(along) = running.map_err(|missing| Missing::of(missing.instruction))? {
        return Running::of(window, along).emit(text, needed);
    }
    let Window { number, combine, input, initial, result, windows } = window;
    let (registers, ty) = (in_registers(*number), counter(count));
    let spans = Spans {
        windows,
        sizes: (0..windows.len()).map(|dim| window.sizes(dim)).collect(),
        is_backward: window.is_backward(),
    };
    text.try_block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
        let indices = Indices::declare(text, "i", "at", &sizes);
        text.line(format!("const {registers} initial = {};", start(*number, initial, &indices)));
        text.line(format!("{registers} sofar = initial;"));
        spans.each(text, &indices, |text, under| {
            let element = under.element(*number, input, "initial");
            text.line(format!("const {registers} element = {element};"));
            text.line(format!("sofar = {};", combined(combine, *number, "sofar", "element", needed)?));
            Ok(())
        })?;
        let place = indices.place(result.access.offset, &result.access.dims);
        text.line(store(*number, &format!("b{}", result.buffer), &place, "sofar"));
        Ok(())
    })?;
    Ok(Emitted::of_threads(count))
}

/// A fold so far with one element more, or with what another fold has of the elements that follow.
///
/// # Errors
/// If the instruction has no source on the type.
pub(super) fn combined(
    combine: &Combine,
    number: Number,
    sofar: &str,
    element: &str,
    needed: &mut Needed,
) -> Result<String, Missing> {
    let number = number.in_registers();
    let operands = [sofar.to_owned(), element.to_owned()];
    let joined = expression(&combine.instruction, number, number, &operands, needed)?;
    match &combine.narrowing {
        None => Ok(joined),
        Some(narrowing) => expression(narrowing, number, number, &[format!("({joined})")], needed),
    }
}
