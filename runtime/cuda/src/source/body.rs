//! Bodies of comparators, folds and scatters: expressions of a few numbers.
//!
//! Must not live here: where the numbers come from.

use choral_kernels::Expression;
use choral_kernels::rows::Kind;

use super::instruction::expression;
use super::number::{in_registers, rounded};
use super::text::Text;
use super::{Missing, Needed};

/// Declares the values of an expression in variables that begin with `name`; its results in registers, rounded to what
/// memory holds.
///
/// # Errors
/// If an instruction has no source on its types.
pub(super) fn results(
    text: &mut Text,
    body: &Expression,
    inputs: &[String],
    name: &str,
    needed: &mut Needed,
) -> Result<Vec<String>, Missing> {
    let mut values: Vec<String> = inputs.to_vec();
    let mut numbers: Vec<_> = body.inputs.iter().map(|number| number.in_registers()).collect();
    for step in &body.steps {
        let Kind::Compute { instruction, operands } = &step.kind else {
            return Err(Missing::of(format!("{:?} in an expression", step.kind)));
        };
        let from = operands.last().map_or(step.number, |&operand| numbers[operand]);
        let operands: Vec<String> = operands.iter().map(|&operand| values[operand].clone()).collect();
        let made = expression(instruction, from, step.number, &operands, needed)?;
        let value = format!("{name}{}", values.len());
        text.line(format!("const {} {value} = {made};", in_registers(step.number)));
        values.push(value);
        numbers.push(step.number);
    }
    Ok(body.results.iter().map(|&(value, number)| rounded(number, &values[value])).collect())
}
