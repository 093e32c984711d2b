//! Rules: what each op becomes in a transform.
//!
//! One file per op family, with a folder beside it where there is more. Each family has these rules (`split` is that of control flow alone):
//!
//! | rule | is called when | builds with | returns |
//! |---|---|---|---|
//! | `batch` | an operand is mapped, or the op is, or holds, a collective along the axis | [`crate::transform::lane`] | where the member dimension lies in the results |
//! | `jvp` | an operand has a tangent | [`crate::transform::dual`] | the results and their tangents; what is not known to be zero is linear in the tangents of the operands |
//! | `split` | an operand is linear, before transposition | the builder | the results, and whether each is linear; an op that holds known and linear parts becomes one of each |
//! | `transpose` | the op is linear in operands, and a result has a cotangent | [`crate::transform::dual`] | cotangents of the operands in which it is linear |
//!
//! Must not live here: the walks over graphs ([`crate::transform::walk`], [`crate::transform::differentiate`]), and
//! anything that depends on more than one op. Rules of ops with regions call the walks, which call rules: that circle is
//! the recursion into regions, and the only one of the crate.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

pub(crate) mod collective;
pub(crate) mod control;
pub(crate) mod convolution;
pub(crate) mod custom;
pub(crate) mod dot;
pub(crate) mod elementwise;
pub(crate) mod index;
pub(crate) mod linalg;
pub(crate) mod random;
pub(crate) mod reduce;
pub(crate) mod shape;
pub(crate) mod sort;
pub(crate) mod window;

use choral_ir::op::{ControlOp, Transposed};
use choral_ir::{BuildError, Builder, Graph, Op, TypeError, Value};

use crate::transform::between::any_in;
use crate::transform::dual::{Dual, constants};
use crate::transform::lane::{Lane, MappedBuilder};

/// Refuses a collective along the axis in a body of scalars, which combines elements.
fn no_members_in_bodies(cx: &MappedBuilder, op: &Op, lanes: &[Lane]) -> Result<(), BuildError> {
    let has_regions_of_members = matches!(
        op,
        Op::Control(ControlOp::If(_) | ControlOp::Case(_) | ControlOp::While(_) | ControlOp::Scan(_))
    );
    let is_body_along = |body: &Graph| any_in(body, &|op| op.axes().contains(&cx.axis));
    if has_regions_of_members || !op.regions().into_iter().any(is_body_along) {
        return Ok(());
    }
    let message = format!(
        "its body combines elements, and cannot hold an op along the axis `{}`; compute outside it what differs \
         between members",
        cx.axis
    );
    let operands: Vec<Value> = lanes.iter().map(|lane| lane.value()).collect();
    Err(cx.builder.refusal(op, &operands, TypeError { message, constraint: "axis" }))
}

/// The rule of an op's family.
pub(crate) fn batch(cx: &mut MappedBuilder, op: &Op, lanes: &[Lane]) -> Result<Vec<Lane>, BuildError> {
    no_members_in_bodies(cx, op, lanes)?;
    match op {
        Op::Elementwise(op) => elementwise::batch(cx, op, lanes),
        Op::Shape(op) => shape::batch(cx, op, lanes),
        Op::Dot(op) => dot::batch(cx, op, lanes),
        Op::Convolution(op) => convolution::batch(cx, op, lanes),
        Op::Reduce(op) => reduce::batch(cx, op, lanes),
        Op::Window(op) => window::batch(cx, op, lanes),
        Op::Index(op) => index::batch(cx, op, lanes),
        Op::Sort(op) => sort::batch(cx, op, lanes),
        Op::Linalg(op) => linalg::batch(cx, op, lanes),
        Op::Control(op) => control::batch(cx, op, lanes),
        Op::Random(op) => random::batch(cx, op, lanes),
        Op::Collective(op) => collective::batch(cx, op, lanes),
        Op::Custom(op) => custom::batch(cx, op, lanes),
    }
}

/// The results of an op and their tangents, by the rule of its family.
pub(crate) fn jvp(builder: &mut Builder, op: &Op, duals: &[Dual]) -> Result<Vec<Dual>, BuildError> {
    match op {
        Op::Elementwise(op) => elementwise::jvp(builder, op, duals),
        Op::Shape(op) => shape::jvp(builder, op, duals),
        Op::Dot(op) => dot::jvp(builder, op, duals),
        Op::Convolution(op) => convolution::jvp(builder, op, duals),
        Op::Reduce(op) => reduce::jvp(builder, op, duals),
        Op::Window(op) => window::jvp(builder, op, duals),
        Op::Index(op) => index::jvp(builder, op, duals),
        Op::Sort(op) => sort::jvp(builder, op, duals),
        Op::Linalg(op) => linalg::jvp(builder, op, duals),
        Op::Control(op) => control::jvp(builder, op, duals),
        // Of a state of integers, which has no tangent.
        Op::Random(_) => constants(builder, op, duals),
        Op::Collective(op) => collective::jvp(builder, op, duals),
        Op::Custom(op) => custom::jvp(builder, op, duals),
    }
}

/// The cotangents of the operands in which an op is linear, for those of its results, of which one at least is
/// not zero; by the rule of its family.
pub(crate) fn transpose(
    builder: &mut Builder,
    op: &Op,
    operands: &[Transposed],
    cotangents: &[Option<Value>],
) -> Result<Vec<Option<Value>>, BuildError> {
    match op {
        Op::Elementwise(op) => elementwise::transpose(builder, op, operands, only(cotangents)?),
        Op::Shape(op) => shape::transpose(builder, op, operands, only(cotangents)?),
        Op::Dot(op) => dot::transpose(builder, op, operands, only(cotangents)?),
        Op::Convolution(op) => convolution::transpose(builder, op, operands, only(cotangents)?),
        Op::Reduce(op) => reduce::transpose(builder, op, operands, cotangents),
        Op::Window(op) => window::transpose(builder, op, operands, cotangents),
        Op::Index(op) => index::transpose(builder, op, operands, cotangents),
        Op::Sort(op) => sort::transpose(op),
        Op::Linalg(op) => linalg::transpose(builder, op, operands, only(cotangents)?),
        Op::Control(op) => control::transpose(builder, op, operands, cotangents),
        Op::Random(_) => Ok(vec![None]),
        Op::Collective(op) => collective::transpose(builder, op, operands, cotangents),
        Op::Custom(op) => custom::transpose(builder, op, operands, cotangents),
    }
}

/// The cotangent of an op of one result.
fn only(cotangents: &[Option<Value>]) -> Result<Value, BuildError> {
    let missing = || BuildError::inconsistency("transpose", "a transposed op has no cotangent");
    cotangents.first().copied().flatten().ok_or_else(missing)
}

/// The results of an op of which some operands are linear, and whether each result is. An op that holds both
/// parts that are known and parts that are linear becomes one of each.
pub(crate) fn split(
    builder: &mut Builder,
    op: &Op,
    operands: &[Value],
    linear: &[bool],
) -> Result<Vec<(Value, bool)>, BuildError> {
    match op {
        Op::Control(op) => control::split(builder, op, operands, linear),
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Random(_)
        | Op::Collective(_)
        | Op::Custom(_) => {
            let results = builder.push_all(op.clone(), operands)?;
            Ok(results.into_iter().map(|value| (value, true)).collect())
        }
    }
}
