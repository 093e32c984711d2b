//! Folds of several operands, or by bodies of several ops.

use choral_ir::op::{Reduce, ReduceWindow};
use choral_kernels::access::{Dim, Elements};
use choral_kernels::fold::{Fold, Folded};
use choral_kernels::window::{Initial, WindowDim};

use super::expression::expression;
use super::window::windows;

/// A fold of whole dimensions; `None` if its body is more than elementwise ops.
pub fn reduce(op: &Reduce, operands: Vec<Folded>) -> Option<Fold> {
    let shape: Vec<usize> = operands.first()?.input.access.dims.iter().map(|&(size, _)| size).collect();
    let is_folded = |dim: usize| op.dimensions.contains(&dim);
    let window = |(dim, &size): (usize, &usize)| match is_folded(dim) {
        true => WindowDim { window: size, ..WindowDim::PLAIN },
        false => WindowDim::PLAIN,
    };
    let windows = shape.iter().enumerate().map(window).collect();
    let with_all = |mut elements: Elements| {
        let mut kept = std::mem::take(&mut elements.access.dims).into_iter();
        let dim = |dim| if is_folded(dim) { Some((1, 0)) } else { kept.next() };
        elements.access.dims = (0..shape.len()).map_while(dim).collect::<Vec<Dim>>();
        elements
    };
    let operand = |operand: Folded| Folded {
        initial: match operand.initial {
            Initial::Load(elements) => Initial::Load(with_all(elements)),
            constant @ Initial::Constant(_) => constant,
        },
        result: with_all(operand.result),
        ..operand
    };
    let operands = operands.into_iter().map(operand).collect();
    Some(Fold { operands, windows, body: expression(op.body.graph())? })
}

/// A fold of windows; `None` if its body is more than elementwise ops.
pub fn reduce_window(op: &ReduceWindow, operands: Vec<Folded>) -> Option<Fold> {
    Some(Fold { operands, windows: windows(op), body: expression(op.body.graph())? })
}
