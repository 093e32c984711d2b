//! How branches, loops and bodies spell themselves: outer values appear under their names.

use super::call::{Call, list, results};
use super::lists::array;
use crate::op::{Case, ControlOp, If, Map, Scan, While};

/// The right-hand side of an op's line.
pub(super) fn spell(op: &ControlOp, call: &Call<'_>) -> String {
    match op {
        ControlOp::If(If { true_branch: _, false_branch: _ }) | ControlOp::Case(Case { branches: _ }) => {
            branches(op.name(), call)
        }
        ControlOp::While(While { cond: _, body: _ }) => while_loop(call),
        ControlOp::Scan(op) => scan(op, call),
        ControlOp::Map(Map { computation: _ }) => map(call),
        ControlOp::OptimizationBarrier => {
            format!("stablehlo.optimization_barrier {} : {}", call.arguments(), list(&call.results))
        }
    }
}

/// `"stablehlo.case"(%i) ({..}, {..}) : (tensor<i32>) -> T`: the branches name what they read.
fn branches(name: &str, call: &Call<'_>) -> String {
    let branches = call.regions.iter().map(|branch| call.braces(branch)).collect::<Vec<_>>().join(", ");
    let (index, ty, results) = (&call.names[0], call.operands[0], results(&call.results));
    format!("\"{name}\"({index}) ({branches}) : ({ty}) -> {results}")
}

/// `stablehlo.while(%i = %zero) : T cond {..} do {..}`.
fn while_loop(call: &Call<'_>) -> String {
    let (cond, body) = (&call.regions[0], &call.regions[1]);
    let carried = cond.names.iter().zip(&call.names).map(|(name, operand)| format!("{name} = {operand}"));
    format!(
        "stablehlo.while({}) : {}\n{}cond {} do {}",
        carried.collect::<Vec<_>>().join(", "),
        list(&call.operands),
        call.margin,
        call.braces(cond),
        call.braces(body),
    )
}

/// `chlo.scan(%x) inits(%start) dimension=0 {^bb0(..): ..} : (A, B) -> (C, D)`. The length is written if
/// no input has it.
fn scan(op: &Scan, call: &Call<'_>) -> String {
    let Scan { dimension, is_reverse, length, inputs, carried, body: _ } = op;
    let length = if *inputs == 0 { format!(" length={length}") } else { String::new() };
    let reverse = if *is_reverse { " is_reverse=true" } else { "" };
    let (names, operands) = (&call.names[..inputs + carried], &call.operands[..inputs + carried]);
    let (taken, inits) = (names[..*inputs].join(", "), names[*inputs..].join(", "));
    let body = call.block(&call.regions[0], inputs + carried);
    let (operands, results) = (list(operands), results(&call.results));
    format!(
        "chlo.scan({taken}) inits({inits}) dimension={dimension}{length}{reverse} {body} : ({operands}) -> {results}"
    )
}

fn map(call: &Call<'_>) -> String {
    let dimensions = array(&(0..call.results[0].rank()).collect::<Vec<_>>());
    let (arguments, body, signature) = (call.arguments(), call.blocks(), call.signature());
    format!("\"stablehlo.map\"({arguments}) <{{dimensions = {dimensions}}}> ({body}) : {signature}")
}
