//! The bodies that ops hold, and how a definition has them run: by whoever evaluates the op.

use choral_ir::op::{IndexOp, SortOp, WindowOp};
use choral_ir::{Fold, Graph, Op, Order, Tensor};

use crate::error::Error;

/// The results of an op's body of this number, as [`bodies`] counts them, on these inputs.
pub type RunBody<'a> = dyn Fn(usize, &[Tensor]) -> Result<Vec<Tensor>, Error> + 'a;

/// The bodies that an op's definition has run: its regions, where folds and orders with a name need none,
/// and what a user-defined op stands for.
pub fn bodies(op: &Op) -> Vec<&Graph> {
    match op {
        Op::Reduce(op) if op.body.binary().is_some() => Vec::new(),
        Op::Window(WindowOp::ReduceWindow(op)) if op.body.binary().is_some() => Vec::new(),
        Op::Index(IndexOp::Scatter(op)) if matches!(op.body.fold(), Fold::Binary(_) | Fold::Second) => {
            Vec::new()
        }
        Op::Sort(SortOp::Sort(op)) if op.comparator.order() != Order::Body => Vec::new(),
        Op::Custom(op) => op.op().body().into_iter().collect(),
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Convolution(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Random(_)
        | Op::Collective(_) => op.regions(),
    }
}
