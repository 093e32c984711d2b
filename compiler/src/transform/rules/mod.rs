//! Batching rules: how each op carries one more dimension, the member dimension.
//!
//! One file per op family. A rule is called when an operand is mapped, or when the op is, or holds, a
//! collective along the axis, and returns where the member dimension lies in the results; [`crate::transform::lane`] is what it builds with. Must not live
//! here: the walk over the graph ([`crate::transform::walk`]), and anything that depends on more than one
//! op. Rules of ops with regions call the walk, which calls rules: that circle is the recursion into
//! regions, and the only one of the crate.
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

use choral_ir::op::ControlOp;
use choral_ir::{BuildError, Graph, Op, TypeError, Value};

use crate::transform::between::any_in;
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
