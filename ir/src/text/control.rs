//! How branches, loops and bodies spell themselves: what they read from outside goes by its name there.

use super::ops::{array, block, commas};
use super::print::{Call, results};
use crate::Graph;
use crate::op::{Case, ControlOp, If, Map, Scan, While};

/// The right-hand side of an op's line.
pub(super) fn spell(op: &ControlOp, call: &Call<'_>) -> String {
    match op {
        ControlOp::If(If { true_branch, false_branch }) => {
            branches(op.name(), &[true_branch, false_branch], call)
        }
        ControlOp::Case(Case { branches: all }) => {
            branches(op.name(), &all.iter().map(|branch| &**branch).collect::<Vec<_>>(), call)
        }
        ControlOp::While(op) => while_loop(op, call),
        ControlOp::Scan(op) => scan(op, call),
        ControlOp::Map(op) => map(op, call),
        ControlOp::OptimizationBarrier => {
            let types = commas(&call.results);
            format!("stablehlo.optimization_barrier {} : {types}", call.arguments())
        }
    }
}

/// `"stablehlo.case"(%i) ({..}, {..}) : (tensor<i32>) -> T`: the branches name what they read.
fn branches(name: &str, branches: &[&Graph], call: &Call<'_>) -> String {
    let (outer, margin) = (call.printer, call.printer.margin());
    let (index, captured) = (&call.names[0], &call.names[1..]);
    let captured: Vec<String> = captured.iter().map(|name| name.trim_start_matches('%').to_owned()).collect();
    let branch = |graph: &&Graph| {
        let region = outer.region(graph, &captured);
        format!("{{\n{}{margin}}}", region.body("stablehlo.return"))
    };
    let branches = branches.iter().map(branch).collect::<Vec<_>>().join(", ");
    format!("\"{name}\"({index}) ({branches}) : ({}) -> {}", call.operands[0], results(&call.results))
}

/// `stablehlo.while(%i = %zero) : T cond {..} do {..}`.
fn while_loop(While { cond, body }: &While, call: &Call<'_>) -> String {
    let (outer, margin) = (call.printer, call.printer.margin());
    let names = outer.arguments_of(body);
    let carried = names.iter().zip(&call.names).map(|(name, operand)| format!("%{name} = {operand}"));
    let region = |graph| outer.region(graph, &names).body("stablehlo.return");
    format!(
        "stablehlo.while({}) : {}\n{margin}cond {{\n{}{margin}}} do {{\n{}{margin}}}",
        carried.collect::<Vec<_>>().join(", "),
        commas(&call.operands),
        region(cond),
        region(body),
    )
}

/// `chlo.scan(%x) inits(%start) dimension=0 {^bb0(..): ..} : (A, B) -> (C, D)`.
fn scan(Scan { dimension, is_reverse, inputs, body }: &Scan, call: &Call<'_>) -> String {
    let (inputs, inits) = call.names.split_at(*inputs);
    let reverse = if *is_reverse { " is_reverse=true" } else { "" };
    format!(
        "chlo.scan({}) inits({}) dimension={dimension}{reverse} {} : {}",
        inputs.join(", "),
        inits.join(", "),
        block(body, call.printer),
        call.signature(),
    )
}

fn map(Map { computation }: &Map, call: &Call<'_>) -> String {
    let dimensions = array(&(0..call.results[0].rank()).collect::<Vec<_>>());
    format!(
        "\"stablehlo.map\"({}) <{{dimensions = {dimensions}}}> ({}) : {}",
        call.arguments(),
        block(computation, call.printer),
        call.signature(),
    )
}
