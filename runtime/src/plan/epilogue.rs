//! What products do to a sum before they store it: a bias that is added, and a rectifier.
//!
//! Such ops are members of the product's unit. Must not live here: how kernels of products do it (`choral_kernels`).

use choral_ir::graph::Value;
use choral_ir::op::{Binary, DotGeneral, Elementwise};
use choral_ir::{DType, Graph, NodeId, NodeKind, Op, memory};
use choral_kernels::Access;
use choral_kernels::access::Dim;

use super::value::{Source, Sources};

/// Where a product's sums go, and what is done to them.
#[derive(Debug, Clone)]
pub(super) struct Epilogue {
    /// The value that is stored.
    pub result: Value,
    /// Where its elements lie in their dense buffer, in the dimensions of the product's result.
    pub out: Access,
    /// What is added, in the same dimensions.
    pub addend: Option<(Value, Access)>,
    pub relu: bool,
}

impl Epilogue {
    /// That of a product and what follows it; `None` if one of these is more than a product can do.
    pub(super) fn of(graph: &Graph, sources: &Sources, members: &[NodeId]) -> Option<Epilogue> {
        let (&product, rest) = members.split_first()?;
        let ty = &graph.node(product).types[0];
        // What no memory holds has no kernel, and nothing to do after it.
        if !rest.is_empty() && ty.bytes() > memory::total() {
            return None;
        }
        let dense = Access::dense(&ty.shape);
        let mut epilogue = Epilogue { result: product.result(0), out: dense, addend: None, relu: false };
        for &id in rest {
            let NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))) = &graph.node(id).kind else {
                return None;
            };
            let operands = graph.operands(id);
            let is_before = |value: &&Value| matches!(sources.get(**value), Source::Made(made, _) if *made == epilogue.result);
            let (before, other) = match operands.iter().position(|value| is_before(&value))? {
                0 => (operands[0], operands[1]),
                _ => (operands[1], operands[0]),
            };
            let is_float = matches!(ty.dtype, DType::F32 | DType::F64);
            match (op, sources.get(before), sources.get(other)) {
                (Binary::Add, Source::Made(_, access), Source::Made(_, addend))
                    if is_float && rest[0] == id =>
                {
                    let shape = &graph.node(id).types[0].shape;
                    let order = order(&epilogue.out, access)?;
                    let picked = |whole: &Access| Access {
                        offset: whole.offset,
                        dims: order
                            .iter()
                            .map(|&(size, at)| (size, at.map_or(0, |at| whole.dims[at].1)))
                            .collect(),
                    };
                    let addend = picked(addend);
                    if !may_add(graph, product, &addend.dims) {
                        return None;
                    }
                    epilogue.out = picked(&Access::dense(shape));
                    epilogue.addend = Some((other, addend));
                }
                (Binary::Maximum, Source::Made(_, access), Source::Splat(0))
                    if is_float && !epilogue.relu =>
                {
                    let before = &graph.ty(epilogue.result).shape;
                    let shape = &graph.node(id).types[0].shape;
                    if shape != before || *access != Access::dense(shape) {
                        return None;
                    }
                    epilogue.relu = true;
                }
                _ => return None,
            }
            epilogue.result = id.result(0);
        }
        Some(epilogue)
    }
}

/// For each dimension of a dense value its size, and which dimension of an access reads along it, if that reads every
/// element once and in a place of its own.
fn order(dense: &Access, access: &Access) -> Option<Vec<(usize, Option<usize>)>> {
    let place = |dim: &Dim| match *dim {
        (1, _) => Some((1, None)),
        (size, _) => Some((size, Some(access.dims.iter().position(|other| other == dim)?))),
    };
    let order: Vec<(usize, Option<usize>)> = dense.dims.iter().map(place).collect::<Option<_>>()?;
    (access.offset == 0 && access.len() == dense.len() && !access.is_empty()).then_some(order)
}

/// Whether a product can add what lies so in the dimensions of its result: it may move with rows or with columns.
fn may_add(graph: &Graph, product: NodeId, addend: &[Dim]) -> bool {
    let moves = |dims: &[usize]| dims.iter().any(|&dim| addend[dim].0 > 1 && addend[dim].1 != 0);
    match &graph.node(product).kind {
        NodeKind::Op(Op::Dot(op)) => {
            let [rows, columns] = rows_and_columns(graph, product, op);
            !(moves(&rows) && moves(&columns))
        }
        NodeKind::Op(Op::Convolution(op)) => !moves(&op.output.spatial),
        NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => false,
    }
}

/// The dimensions of a contraction's result that are those of the left operand alone, and those of the right one.
fn rows_and_columns(graph: &Graph, id: NodeId, op: &DotGeneral) -> [Vec<usize>; 2] {
    let lhs = graph.ty(graph.operands(id)[0]).rank();
    let (batch, rank) = (op.lhs_batching.len(), graph.node(id).types[0].rank());
    let columns = lhs - op.lhs_contracting.len();
    [(batch..columns).collect(), (columns..rank).collect()]
}
