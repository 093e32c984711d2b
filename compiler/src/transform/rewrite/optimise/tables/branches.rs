//! Branches and loops whose course is known.
//!
//! The ops that run are those that ran before, so all rows hold for every element type.

use std::sync::Arc;

use choral_ir::op::{Case, If, Scan, While};
use choral_ir::{Element, Graph, NodeKind, Tensor, Value};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::number::{Number, bits};
use crate::transform::rewrite::optimise::site::{After, Site};

pub(super) const TABLE: &[Rewrite] = table! {
    "if_of_constant": "a branch that is always taken -> its ops",
        if_of_constant;
    "case_of_constant": "a branch that is always taken -> its ops",
        case_of_constant;
    "branches_of_one_kind": "branches that do the same -> the ops of one",
        branches_of_one_kind;
    "while_that_never_runs": "a loop whose condition is false -> its operands",
        while_that_never_runs;
    "scan_that_never_runs": "a scan of no steps -> its carried values, and outputs without elements",
        scan_that_never_runs;
};

/// The ops of a branch on what it reads.
fn inlined(site: &Site<'_>, branch: &Arc<Graph>) -> Option<After> {
    let operands = site.operands.get(1..)?.iter().map(|&value| After::Value(value)).collect();
    Some(After::Body(Arc::clone(branch), operands))
}

fn if_of_constant(site: &Site<'_>) -> Option<After> {
    let If { true_branch, false_branch } = site.this()?;
    let taken = Number::One.is(site.splat(site.operands[0])?);
    inlined(site, if taken { true_branch } else { false_branch })
}

fn case_of_constant(site: &Site<'_>) -> Option<After> {
    let Case { branches } = site.this()?;
    let index = site.splat(site.operands[0])?.item::<i32>().ok()?;
    let index = usize::try_from(index).unwrap_or(usize::MAX).min(branches.len() - 1);
    inlined(site, &branches[index])
}

fn branches_of_one_kind(site: &Site<'_>) -> Option<After> {
    let (first, others) = match (site.this(), site.this()) {
        (Some(If { true_branch, false_branch }), _) => (true_branch, std::slice::from_ref(false_branch)),
        (None, Some(Case { branches })) => branches.split_first()?,
        (None, None) => return None,
    };
    others.iter().all(|branch| branch == first).then(|| inlined(site, first))?
}

fn while_that_never_runs(site: &Site<'_>) -> Option<After> {
    let While { cond, body: _ } = site.this()?;
    let holds = &cond.node(cond.outputs()[0].value.node()).kind;
    let NodeKind::Constant(tensor) = holds else { return None };
    let never = bits(tensor) == Some(false.to_bits64());
    never.then(|| After::Each(site.operands.iter().map(|&value| After::Value(value)).collect()))
}

fn scan_that_never_runs(site: &Site<'_>) -> Option<After> {
    let scan = site.this::<Scan>().filter(|scan| scan.length == 0)?;
    let outputs = scan.body.output_types().into_iter().take(scan.outputs()).map(|slice| {
        let ty = scan.stack(&slice);
        After::Constant(Tensor::zeros(ty.clone()), ty)
    });
    let carried =
        site.operands[scan.inputs..][..scan.carried].iter().map(|&value: &Value| After::Value(value));
    Some(After::Each(outputs.chain(carried).collect()))
}
