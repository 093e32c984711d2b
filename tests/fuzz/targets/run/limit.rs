//! How much a program may take to be run: bytes, and steps of the interpreter.

use choral_ir::op::{ControlOp, IndexOp, Scan, SortOp, WindowOp};
use choral_ir::{Graph, NodeKind, Op, TensorType};

/// Most bytes of a run.
pub const BYTES: usize = 32 << 20;

/// Most steps of a run: elements that are looked at, and ops of regions for each that runs them.
pub const WORK: u64 = 400_000;

/// Steps of a run, at most.
pub fn work(graph: &Graph) -> u64 {
    sum(graph.nodes().map(|(id, node)| {
        let operands: Vec<&TensorType> =
            graph.operands(id).into_iter().map(|value| graph.ty(value)).collect();
        let looked_at = sum(operands.iter().copied().chain(&node.types).map(elements));
        match &node.kind {
            NodeKind::Input | NodeKind::Constant(_) => looked_at,
            NodeKind::Op(op) => looked_at.max(1).saturating_mul(each(op, &operands)),
        }
    }))
}

/// Steps for each element that an op looks at.
fn each(op: &Op, operands: &[&TensorType]) -> u64 {
    let regions = || sum(op.regions().into_iter().map(work)).saturating_add(1);
    match op {
        Op::Convolution(_) => elements(operands[1]),
        Op::Dot(op) => product(op.lhs_contracting.iter().map(|&dim| operands[0].shape[dim])),
        Op::Window(WindowOp::ReduceWindow(op)) => {
            product(op.window_dimensions.iter().copied()).saturating_mul(regions())
        }
        Op::Window(WindowOp::SelectAndScatter(op)) => {
            product(op.window_dimensions.iter().copied()).saturating_mul(regions())
        }
        // Nobody knows how often.
        Op::Control(ControlOp::While(_)) => u64::MAX,
        Op::Control(ControlOp::Scan(Scan { length, .. })) => (*length as u64).saturating_mul(regions()),
        Op::Sort(SortOp::Sort(_)) => regions().saturating_mul(20),
        Op::Linalg(_) => operands[0].shape.last().map_or(1, |&size| size as u64),
        Op::Reduce(_)
        | Op::Index(IndexOp::Scatter(_))
        | Op::Control(
            ControlOp::If(_) | ControlOp::Case(_) | ControlOp::Map(_) | ControlOp::OptimizationBarrier,
        ) => regions(),
        Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Index(IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_))
        | Op::Sort(SortOp::TopK(_))
        | Op::Random(_)
        | Op::Collective(_)
        | Op::Custom(_) => 1,
    }
}

fn elements(ty: &TensorType) -> u64 {
    ty.len() as u64
}

fn sum(steps: impl IntoIterator<Item = u64>) -> u64 {
    steps.into_iter().fold(0, u64::saturating_add)
}

fn product(sizes: impl IntoIterator<Item = usize>) -> u64 {
    sizes.into_iter().fold(1, |all, size| all.saturating_mul(size as u64).max(1))
}
