//! Every rewrite by its name, in one table for each subject; which tables concern an op.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

mod arithmetic;
mod branches;
mod broadcasts;
mod constants;
mod logic;
mod loops;
mod places;
mod products;
mod stacks;
mod views;

use choral_ir::Op;

use super::{Found, Rewrite, Rule};

/// A table of rules that look at one op and what made its operands.
macro_rules! table {
    ($($name:literal: $says:literal, $rule:expr;)*) => {
        &[$(Rewrite { name: $name, says: $says, rule: $crate::transform::rewrite::optimise::Rule::Term($rule) }),*]
    };
}
use table;

/// All rewrites.
pub(super) const TABLES: [&[Rewrite]; 11] = [
    constants::TABLE,
    arithmetic::TABLE,
    logic::TABLE,
    views::TABLE,
    places::TABLE,
    broadcasts::TABLE,
    products::TABLE,
    stacks::TABLE,
    branches::TABLE,
    loops::TABLE,
    OF_GRAPHS,
];

/// What looks at more than one op.
const OF_GRAPHS: &[Rewrite] = &[
    Rewrite {
        name: JOINED,
        says: "x . v, x . w -> x . [v, w] and slices of it, of constants v and w, or what a loop only reads",
        rule: Rule::Graph,
    },
    Rewrite { name: SHARED, says: "ops that give the same values -> one", rule: Rule::Graph },
    Rewrite { name: DEAD, says: "ops that no output depends on -> none", rule: Rule::Graph },
];

pub(super) const JOINED: &str = "products_of_one_operand";
pub(super) const SHARED: &str = "common_subexpressions";
pub(super) const DEAD: &str = "dead_code";

/// The tables with rules for an op, in the order in which they are tried.
pub(super) const fn of(op: &Op) -> &'static [&'static [Rewrite]] {
    match op {
        Op::Elementwise(_) => {
            &[constants::TABLE, arithmetic::TABLE, logic::TABLE, broadcasts::TABLE, stacks::TABLE]
        }
        Op::Shape(_) => &[views::TABLE, places::TABLE, logic::TABLE, constants::TABLE],
        Op::Dot(_) => &[constants::TABLE, products::TABLE, broadcasts::TABLE],
        Op::Index(_) => &[places::TABLE, constants::TABLE],
        Op::Control(_) => &[branches::TABLE, loops::TABLE],
        Op::Reduce(_) => &[constants::TABLE, stacks::TABLE],
        Op::Convolution(_) | Op::Window(_) | Op::Sort(_) | Op::Linalg(_) | Op::Random(_) => {
            &[constants::TABLE]
        }
        Op::Collective(_) | Op::Custom(_) => &[],
    }
}
