//! Constant folding: what depends on constants alone is worked out once, by whoever the compiler was
//! handed for it.
//!
//! All rows hold for every element type: the result is the one that a run would give.

use choral_ir::op::Elementwise;
use choral_ir::{Builder, Op, Tensor, TensorType, Value, cost};

use super::{Rewrite, table};
use crate::transform::rewrite::optimise::site::{After, Site};

pub(super) const TABLE: &[Rewrite] = table! {
    "elementwise_of_constants": "an elementwise op on one element everywhere -> one element everywhere",
        elementwise_of_constants;
    "op_of_constants": "an op on small constants -> its result",
        op_of_constants;
};

/// The most elements of a folded constant.
const ELEMENTS: usize = 4096;

/// The most arithmetic that folding one op takes.
const ARITHMETIC: u64 = 1 << 16;

/// The most elements of constants that are put together: they replace those that they are made of.
const JOINED: usize = 1 << 26;

fn elementwise_of_constants(site: &Site<'_>) -> Option<After> {
    site.this::<Elementwise>()?;
    let operands: Vec<(Tensor, TensorType)> =
        site.operands.iter().map(|&value| scalar(site, value)).collect::<Option<_>>()?;
    let result = worked_out(site, &operands)?.remove(0);
    Some(After::Constant(result, site.result()?))
}

fn scalar(site: &Site<'_>, value: Value) -> Option<(Tensor, TensorType)> {
    site.splat(value).map(|tensor| (tensor.clone(), tensor.ty().clone()))
}

fn op_of_constants(site: &Site<'_>) -> Option<After> {
    let types: Vec<&TensorType> = site.operands.iter().map(|&value| site.ty(value)).collect();
    let results = choral_ir::op::infer(site.op, &types).ok()?;
    let most = most_elements(site.op)?;
    let is_small = results.iter().chain(types.iter().copied()).map(TensorType::len).sum::<usize>() <= most;
    if !is_small || types.is_empty() {
        return None;
    }
    let dense = |&value: &Value| Some((site.constant(value)?.clone(), site.ty(value).clone()));
    let operands: Vec<(Tensor, TensorType)> = site.operands.iter().map(dense).collect::<Option<_>>()?;
    let made = worked_out(site, &operands)?.into_iter().zip(results);
    Some(After::Each(made.map(|(tensor, ty)| After::Constant(tensor, ty)).collect()))
}

/// How many elements folding may take of an op. Loops may never end, and what users define is theirs.
fn most_elements(op: &Op) -> Option<usize> {
    match op {
        Op::Shape(choral_ir::op::ShapeOp::Concatenate(_)) => Some(JOINED),
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Random(_) => Some(ELEMENTS),
        Op::Control(_) | Op::Collective(_) | Op::Custom(_) => None,
    }
}

/// The op's results on constants, each of which fills its type.
fn worked_out(site: &Site<'_>, operands: &[(Tensor, TensorType)]) -> Option<Vec<Tensor>> {
    let evaluate = site.evaluate?;
    let mut builder = Builder::new("constant");
    let operands: Vec<Value> =
        operands.iter().map(|(tensor, ty)| builder.literal(tensor.clone(), ty.clone())).collect();
    let results = builder.push_all(site.op.clone(), &operands).ok()?;
    let graph = builder.finish(&results);
    (cost::flops(&graph) <= ARITHMETIC).then(|| evaluate(&graph))?
}
