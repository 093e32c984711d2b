//! Control flow inside programs, as in `jax.lax`: [`cond`], [`switch`], [`while_loop`],
//! [`fori_loop`], [`scan`] and [`map`], over structures of values.
//!
//! Each function is traced once and becomes a region of one op. It may
//! capture values: these become operands of a branch, constants of a scan, and values
//! that a `while` carries unchanged. It may return a `Result`; the construct then returns one too.
//!
//! Under `vmap` predicates and conditions may be per-member: each member takes the results of its own
//! branch, and runs its own number of rounds.

mod branches;
mod loops;
mod region;
mod scan;

use std::panic::Location as Caller;
use std::rc::Rc;

use choral_ir::{BuildError, Builder, Op, TensorType, Value};
use indexmap::IndexMap;

use super::var::Var;
use super::{Trace, trace_of};
use crate::front::tree::{Tree, leaves, rebuild, settings};

pub use branches::{cond, switch};
pub use loops::{Bound, fori_loop, while_loop};
pub(crate) use scan::scan_added_by;
pub use scan::{map, scan, scan_length, scan_reverse};

/// The trace that holds the op; without any value, one that is never read.
fn holder(operands: &[Var]) -> Rc<Trace> {
    trace_of(&operands.iter().collect::<Vec<_>>()).unwrap_or_else(Trace::detached)
}

fn vars(tree: &impl Tree<Var>) -> Vec<Var> {
    leaves(tree).into_iter().map(|(_, var)| var).collect()
}

fn types(vars: &[Var]) -> Vec<TensorType> {
    vars.iter().map(|var| var.ty().clone()).collect()
}

/// The tree with the results of an op for leaves; stand-ins of these types if there is no op.
fn results<O: Tree<Var>>(
    trace: &Rc<Trace>,
    like: &O,
    types: Vec<TensorType>,
    made: Option<Vec<Var>>,
) -> Option<O::With<Var>> {
    let stand_ins = || types.into_iter().map(|ty| Var::new(trace, None, ty)).collect();
    rebuild(like, &made.unwrap_or_else(stand_ins))
}

/// Adds an op to a trace; a fault if it could not be made.
fn push(
    trace: &Rc<Trace>,
    op: Result<Op, BuildError>,
    operands: &[Var],
    at: &Caller<'_>,
) -> Option<Vec<Var>> {
    let name = op.as_ref().map_or("control", Op::short_name);
    add(trace, name, operands, at, |builder, values| builder.push_all(op?, values))
}

/// Adds to a trace what `make` makes of operands; a fault if it could not be made.
fn add(
    trace: &Rc<Trace>,
    name: &str,
    operands: &[Var],
    at: &Caller<'_>,
    make: impl FnOnce(&mut Builder, &[Value]) -> Result<Vec<Value>, BuildError>,
) -> Option<Vec<Var>> {
    let values = trace.lift_all(operands, at)?;
    let results = trace.build(name, at, |builder| {
        let results = make(builder, &values)?.into_iter();
        Ok(results.map(|value| (value, builder.graph().ty(value).clone())).collect::<Vec<_>>())
    })?;
    Some(results.into_iter().map(|(value, ty)| Var::new(trace, Some(value), ty)).collect())
}

/// What each place of a tree holds, as text.
fn contents(tree: &impl Tree<Var>) -> IndexMap<String, String> {
    let leaves = leaves(tree).into_iter().map(|(path, var)| (path.to_string(), var.ty().to_string()));
    leaves.chain(settings(tree).into_iter().map(|(path, value)| (path.to_string(), value))).collect()
}

/// How a body changes the structure of its carry.
fn changes<A: Tree<Var>, B: Tree<Var>>(given: &A, returned: &B) -> String {
    differences("carry", ("given", given), ("returned", returned))
}

/// Where two trees differ, one line each, the trees called by these names; nothing if they agree.
fn differences<A: Tree<Var>, B: Tree<Var>>(
    what: &str,
    (left_name, left): (&str, &A),
    (right_name, right): (&str, &B),
) -> String {
    let (left, right) = (contents(left), contents(right));
    let absent = || "nothing".to_owned();
    let places = left.keys().chain(right.keys().filter(|place| !left.contains_key(*place)));
    let line = |place: &String| {
        let (here, there) = (left.get(place), right.get(place));
        let line = || {
            let here = here.cloned().unwrap_or_else(absent);
            let there = there.cloned().unwrap_or_else(absent);
            format!("\n  {what}{place}: {left_name} {here}, {right_name} {there}")
        };
        (here != there).then(line)
    };
    let lines: String = places.filter_map(line).collect();
    if lines.is_empty() && !left.keys().eq(right.keys()) {
        return format!("\n  {what}: the same keys in another order");
    }
    lines
}
