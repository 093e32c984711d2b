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
    /// Where its elements lie in their buffer, in the dimensions of the product's result.
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
        let may_more = matches!(ty.dtype, DType::F32 | DType::F64) && ty.bytes() <= memory::total();
        if !rest.is_empty() && !may_more {
            return None;
        }
        let result = product.result(0);
        let Source::Made(_, out) = sources.get(result) else { return None };
        let sums = Epilogue { result, out: out.clone(), addend: None, relu: false };
        rest.iter().try_fold(sums, |epilogue, &id| epilogue.with(graph, sources, product, id))
    }

    /// With an op more.
    fn with(self, graph: &Graph, sources: &Sources, product: NodeId, id: NodeId) -> Option<Epilogue> {
        let NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))) = &graph.node(id).kind else {
            return None;
        };
        let operands = [graph.operands(id)[0], graph.operands(id)[1]];
        let [before, other] = [operands, [operands[1], operands[0]]].into_iter().find(
            |[before, _]| matches!(sources.get(*before), Source::Made(made, _) if *made == self.result),
        )?;
        let Source::Made(_, access) = sources.get(before) else { return None };
        let result = id.result(0);
        match (op, sources.get(other)) {
            (Binary::Add, Source::Made(_, addend)) if self.addend.is_none() && !self.relu => {
                let order = order(&self.out, access)?;
                let along = |whole: &Access| Access {
                    offset: whole.offset,
                    dims: order
                        .iter()
                        .map(|&(size, at)| (size, at.map_or(0, |at| whole.dims[at].1)))
                        .collect(),
                };
                let (out, addend) = (along(&Access::dense(&graph.ty(result).shape)), along(addend));
                may_add(graph, product, &addend.dims).then_some(Epilogue {
                    result,
                    out,
                    addend: Some((other, addend)),
                    ..self
                })
            }
            (Binary::Maximum, Source::Splat(0)) if !self.relu => {
                let own = Access::dense(&graph.ty(self.result).shape);
                let is_in_place = squeezed(access) == squeezed(&own) && access.offset == 0;
                is_in_place.then_some(Epilogue { result, relu: true, ..self })
            }
            _ => None,
        }
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

/// The dimensions of an access of another size than 1.
fn squeezed(access: &Access) -> Vec<Dim> {
    access.dims.iter().copied().filter(|&(size, _)| size != 1).collect()
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
