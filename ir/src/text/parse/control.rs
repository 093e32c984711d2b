//! Branches and loops: what their regions read from outside as operands.

use std::sync::Arc;

use super::call::{Call, plain};
use super::scope::{Capture, Region};
use crate::op::{Case, ControlOp, If, Scan, While};
use crate::region::{Given, with_inputs};
use crate::{BuildError, Graph, Op, TensorType};

/// The op of a call, if it is of this family. What its regions read from outside joins the operands.
pub(super) fn op(call: &mut Call<'_>) -> Result<Option<Op>, String> {
    let op = match plain(call.name).unwrap_or_default() {
        "if" => {
            let [true_branch, false_branch] = adopted(call, [false, false])?;
            If { true_branch, false_branch }.into()
        }
        "case" => {
            let carries = vec![false; call.regions.len()];
            Case { branches: adopt(call, &carries)? }.into()
        }
        "while" => {
            let [cond, body] = adopted(call, [false, true])?;
            While { cond, body }.into()
        }
        "scan" => scan(call)?.into(),
        "optimization_barrier" => ControlOp::OptimizationBarrier.into(),
        _ => return Ok(None),
    };
    Ok(Some(op))
}

fn scan(call: &mut Call<'_>) -> Result<Scan, String> {
    let dimension = call.attributes.size(&["dimension", "scan_dimension"])?;
    let is_reverse = call.attributes.flag("is_reverse")?;
    let _hint = call.attributes.take(&["is_associative"]);
    let _lengths = call.attributes.take(&["resultSegmentSizes"]);
    let counts = call.attributes.sizes(&["operandSegmentSizes"])?;
    let &[inputs, carried] = counts.as_slice() else {
        return Err(
            "expected the numbers of inputs and of initial values in `operandSegmentSizes`".to_owned()
        );
    };
    let length = match call.signature.operands.as_deref() {
        // An input without the dimension is for the type rule to refuse.
        Some([input, ..]) if inputs > 0 => input.shape.get(dimension).copied().unwrap_or_default(),
        _ => call.attributes.size(&["length"])?,
    };
    let [body] = adopted(call, [false])?;
    Ok(Scan { dimension, is_reverse, length, inputs, carried, body })
}

/// As [`adopt`], for an op of this many regions.
fn adopted<const N: usize>(call: &mut Call<'_>, carries: [bool; N]) -> Result<[Arc<Graph>; N], String> {
    let regions = adopt(call, &carries)?;
    <[_; N]>::try_from(regions).map_err(|_| format!("expected {N} regions"))
}

/// The regions, with all that one of them reads from outside as last inputs of each; the call's
/// operands follow. The regions that `carries` names hand it on.
fn adopt(call: &mut Call<'_>, carries: &[bool]) -> Result<Vec<Arc<Graph>>, String> {
    let regions = std::mem::take(&mut call.regions);
    if regions.len() != carries.len() {
        return Err(format!("expected {} regions, found {}", carries.len(), regions.len()));
    }
    let mut captured: Vec<Capture> = Vec::new();
    for capture in regions.iter().flat_map(|region| &region.captures) {
        if captured.iter().all(|other| other.outer != capture.outer) {
            captured.push(capture.clone());
        }
    }
    call.operands.extend(captured.iter().map(|capture| capture.outer));
    let widen = |(region, &carries)| widened(region, &captured, carries).map(Arc::new);
    regions.iter().zip(carries).map(widen).collect()
}

/// The region on its arguments and everything in `captured`.
fn widened(region: &Region, captured: &[Capture], carries: bool) -> Result<Graph, String> {
    let graph = &region.graph;
    let arguments = graph.inputs().len() - region.captures.len();
    let argument = |at: usize| {
        let value = graph.inputs()[at].value;
        (graph.node(value.node()).name.clone(), graph.ty(value).clone())
    };
    let mut inputs: Vec<(String, TensorType)> = (0..arguments).map(argument).collect();
    inputs.extend(captured.iter().map(|capture| (capture.name.clone(), capture.ty.clone())));
    let place = |own: &Capture| {
        let place = captured.iter().position(|other| other.outer == own.outer);
        place.ok_or_else(|| format!("%{} is read by a region and was not handed to it", own.name))
    };
    let mut given: Vec<Given> = (0..arguments).map(Given::Input).collect();
    for own in &region.captures {
        given.push(Given::Input(arguments + place(own)?));
    }
    let handed_on = if carries { arguments..inputs.len() } else { 0..0 };
    with_inputs(graph, &inputs, &given, handed_on).map_err(BuildError::message)
}
