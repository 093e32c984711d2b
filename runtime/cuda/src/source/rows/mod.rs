//! Kernels of rows: elementwise steps at each place, folds by the tree of lanes, and what follows on them.
//!
//! | module | holds |
//! |---|---|
//! | `elementwise` | kernels without folds |
//! | `folding` | kernels with folds |
//! | `apart` | those of long rows, whose blocks many warps fold at once |
//!
//! Must not live here: the tree itself ([`super::tree`]).

mod apart;
mod elementwise;
mod folding;

use choral_kernels::instruction::Instruction;
use choral_kernels::rows::{Kind, Rows, Step};

use super::instruction::expression;
use super::number::{in_registers, load};
use super::places::Indices;
use super::text::Text;
use super::{Emitted, Missing, Needed};
use folding::Folding;

/// Writes the body of the function of a kernel, for a team on so many multiprocessors.
///
/// # Errors
/// If an instruction has no source on its types.
pub(super) fn rows(
    text: &mut Text,
    rows: &Rows,
    multiprocessors: usize,
    needed: &mut Needed,
) -> Result<Emitted, Missing> {
    let rows = rows.clone().normalised();
    match rows.has_folds() {
        true => Folding::of(&rows, multiprocessors).emit(text, needed),
        false => elementwise::elementwise(text, &rows, needed),
    }
}

/// Declares the value of a step that does not fold.
fn value(
    text: &mut Text,
    number: usize,
    step: &Step,
    steps: &[Step],
    indices: &Indices,
    needed: &mut Needed,
) -> Result<(), Missing> {
    let made = match &step.kind {
        Kind::Load { buffer, access, number } => {
            load(*number, &format!("b{buffer}"), &indices.place(access.offset, &access.dims))
        }
        Kind::Compute { instruction, operands } => {
            let from = operands.last().map_or(step.number, |&operand| steps[operand].number);
            let names: Vec<String> = operands.iter().map(|operand| format!("v{operand}")).collect();
            expression(instruction, from, step.number, &names, needed)?
        }
        Kind::Fold { .. } => return Ok(()),
    };
    text.line(format!("const {} v{number} = {made};", in_registers(step.number)));
    Ok(())
}

/// Whether a step takes much longer than others.
fn is_function(step: &Step) -> bool {
    let Kind::Compute { instruction, .. } = &step.kind else { return false };
    match instruction {
        Instruction::Function(_)
        | Instruction::FunctionOfTwo(_)
        | Instruction::Call1(_)
        | Instruction::Call2(_) => true,
        Instruction::Constant(_)
        | Instruction::Unary(_)
        | Instruction::Binary(_)
        | Instruction::Compare(_)
        | Instruction::Select
        | Instruction::MultiplyAdd
        | Instruction::Convert
        | Instruction::ConvertToOdd
        | Instruction::Round(_)
        | Instruction::ReducePrecision { .. }
        | Instruction::Wrap(_)
        | Instruction::OrderKey => false,
    }
}
