//! Folds by a body of several operands: a thread folds the window of a result, in order.
//!
//! Must not live here: which elements lie under a window ([`super::spans`]), and the body itself ([`super::body`]).

use choral_kernels::fold::Fold;

use super::body::results;
use super::number::{in_registers, store};
use super::places::{Indices, counter};
use super::spans::{Spans, start};
use super::text::Text;
use super::{Emitted, Missing, Needed};

/// Writes the body of the function of a kernel.
///
/// # Errors
/// If an instruction of the body has no source on its types.
pub(super) fn fold(text: &mut Text, fold: &Fold, needed: &mut Needed) -> Result<Emitted, Missing> {
    let spans = Spans {
        windows: &fold.windows,
        sizes: (0..fold.windows.len()).map(|dim| fold.sizes(dim)).collect(),
        is_backward: false,
    };
    let sizes: Vec<usize> = spans.sizes.iter().map(|[_, count]| *count).collect();
    let count: usize = sizes.iter().product();
    if count == 0 {
        return Ok(Emitted::of_threads(0));
    }
    let ty = counter(count);
    let names = |first: &'static str| (0..fold.operands.len()).map(move |at| format!("{first}{at}"));
    let inputs: Vec<String> = names("sofar").chain(names("element")).collect();
    text.try_block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
        let indices = Indices::declare(text, "i", "at", &sizes);
        for (number, operand) in fold.operands.iter().enumerate() {
            let registers = in_registers(operand.number);
            let initial = start(operand.number, &operand.initial, &indices);
            text.line(format!("const {registers} initial{number} = {initial};"));
            text.line(format!("{registers} sofar{number} = initial{number};"));
        }
        spans.each(text, &indices, |text, under| {
            for (number, operand) in fold.operands.iter().enumerate() {
                let element = under.element(operand.number, &operand.input, &format!("initial{number}"));
                text.line(format!("const {} element{number} = {element};", in_registers(operand.number)));
            }
            let made = results(text, &fold.body, &inputs, "v", needed)?;
            // All results are made of what all accumulators were before.
            for (number, (operand, made)) in fold.operands.iter().zip(made).enumerate() {
                text.line(format!("const {} next{number} = {made};", in_registers(operand.number)));
            }
            (0..fold.operands.len()).for_each(|number| text.line(format!("sofar{number} = next{number};")));
            Ok(())
        })?;
        for (number, operand) in fold.operands.iter().enumerate() {
            let place = indices.place(operand.result.access.offset, &operand.result.access.dims);
            let buffer = format!("b{}", operand.result.buffer);
            text.line(store(operand.number, &buffer, &place, &format!("sofar{number}")));
        }
        Ok(())
    })?;
    Ok(Emitted::of_threads(count))
}
