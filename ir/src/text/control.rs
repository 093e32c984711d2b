//! How branches, loops and bodies spell themselves: what they read from outside goes by its name there.

use super::ops::{array, block, commas};
use super::print::{Call, results};
use crate::Graph;
use crate::op::{Case, ControlOp, If, Map, Scan, While};

/// The right-hand side of an op's line.
pub(super) fn spell<'a>(op: &'a ControlOp, call: &Call<'a>) -> String {
    match op {
        ControlOp::If(If { true_branch, false_branch }) => branches(op, &[true_branch, false_branch], call),
        ControlOp::Case(Case { branches: all }) => {
            branches(op, &all.iter().map(|branch| &**branch).collect::<Vec<_>>(), call)
        }
        ControlOp::While(While { cond, body }) => while_loop(op, cond, body, call),
        // `chlo.scan(%x) inits(%start) dimension=0 {^bb0(..): ..} : (A, B) -> (C, D)`.
        ControlOp::Scan(Scan { dimension, is_reverse, inputs, body }) => {
            let reverse = if *is_reverse { " is_reverse=true" } else { "" };
            let body = block(&call.region(op, body, &[]), call.printer);
            let (inputs, inits) = call.names.split_at(*inputs);
            let (inputs, inits) = (inputs.join(", "), inits.join(", "));
            let signature = call.signature();
            format!("chlo.scan({inputs}) inits({inits}) dimension={dimension}{reverse} {body} : {signature}")
        }
        ControlOp::Map(op) => map(op, call),
        ControlOp::OptimizationBarrier => {
            let types = commas(&call.results);
            format!("stablehlo.optimization_barrier {} : {types}", call.arguments())
        }
    }
}

/// `"stablehlo.case"(%i) ({..}, {..}) : (tensor<i32>) -> T`: the branches name what they read.
fn branches<'a>(op: &ControlOp, branches: &[&'a Graph], call: &Call<'a>) -> String {
    let (name, margin) = (op.name(), call.printer.margin());
    let (index, captured) = (&call.names[0], &call.names[1..]);
    let captured: Vec<String> = captured.iter().map(|name| name.trim_start_matches('%').to_owned()).collect();
    let branch = |graph: &&'a Graph| {
        let region = call.region(op, graph, &captured);
        format!("{{\n{}{margin}}}", region.body("stablehlo.return"))
    };
    let branches = branches.iter().map(branch).collect::<Vec<_>>().join(", ");
    format!("\"{name}\"({index}) ({branches}) : ({}) -> {}", call.operands[0], results(&call.results))
}

/// `stablehlo.while(%i = %zero) : T cond {..} do {..}`.
fn while_loop<'a>(op: &ControlOp, cond: &'a Graph, body: &'a Graph, call: &Call<'a>) -> String {
    let (outer, margin) = (call.printer, call.printer.margin());
    let names = outer.arguments_of(body);
    let carried = names.iter().zip(&call.names).map(|(name, operand)| format!("%{name} = {operand}"));
    let region = |graph: &'a Graph| call.region(op, graph, &names).body("stablehlo.return");
    format!(
        "stablehlo.while({}) : {}\n{margin}cond {{\n{}{margin}}} do {{\n{}{margin}}}",
        carried.collect::<Vec<_>>().join(", "),
        commas(&call.operands),
        region(cond),
        region(body),
    )
}

fn map<'a>(Map { computation }: &'a Map, call: &Call<'a>) -> String {
    let dimensions = array(&(0..call.results[0].rank()).collect::<Vec<_>>());
    format!(
        "\"stablehlo.map\"({}) <{{dimensions = {dimensions}}}> ({}) : {}",
        call.arguments(),
        block(&call.body(computation), call.printer),
        call.signature(),
    )
}
