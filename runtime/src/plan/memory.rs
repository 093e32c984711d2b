//! How much memory a run needs, by adding up what the plan keeps at each step.
//!
//! Inputs and constants stay for the whole run: the caller and the plan hold them. Every other value
//! lives from the step that makes it to its last reader. Must not live here: what is kept, and when
//! it goes ([`Plan`]).

use choral_ir::op::Elementwise;
use choral_ir::{DType, Graph, Op, TensorType};

use super::{Plan, Step};

impl Plan {
    /// Bytes of inputs of these types, constants and intermediate values at the fullest step.
    pub(crate) fn peak_bytes(&self, inputs: &[TensorType]) -> usize {
        total(inputs.iter().map(bytes)).saturating_add(self.working_bytes())
    }

    /// As [`Plan::peak_bytes`], without the inputs.
    fn working_bytes(&self) -> usize {
        let constants = total(self.constants.iter().map(|(_, tensor)| bytes(tensor.ty())));
        let mut sizes = vec![0; self.slots];
        let (mut live, mut peak) = (0usize, 0);
        for step in &self.steps {
            let made = if step.writes_over(&sizes) { 0 } else { total(step.types.iter().map(bytes)) };
            let inside = step.regions.iter().map(Plan::working_bytes).max().unwrap_or_default();
            peak = peak.max(live.saturating_add(made).saturating_add(inside));
            for (slot, ty) in step.results.iter().zip(&step.types) {
                sizes[*slot] = bytes(ty);
                live = live.saturating_add(bytes(ty));
            }
            for source in step.sources.iter().filter(|source| source.last) {
                live = live.saturating_sub(std::mem::take(&mut sizes[source.slot]));
            }
        }
        constants.saturating_add(peak)
    }
}

impl Step {
    /// Whether the result takes the place of the first operand, as in the loops of
    /// [`elementwise`](crate::cpu::elementwise): float operands make float results there.
    fn writes_over(&self, sizes: &[usize]) -> bool {
        let loops = matches!(&self.op, Op::Elementwise(Elementwise::Unary(_) | Elementwise::Binary(_)));
        let float = matches!(self.types.first(), Some(ty) if matches!(ty.dtype, DType::F32 | DType::F64));
        let given_away =
            |source: &super::Source| source.last && source.view.is_none() && sizes[source.slot] > 0;
        loops && float && self.sources.first().is_some_and(given_away)
    }
}

/// Bytes of every value of a graph, as the interpreter keeps them; of regions, those of the largest.
pub(crate) fn of_all_values(graph: &Graph) -> usize {
    let values = graph.nodes().flat_map(|(_, node)| node.types.iter().map(bytes));
    let regions = graph.nodes().filter_map(|(_, node)| match &node.kind {
        choral_ir::NodeKind::Op(op) => op.regions().into_iter().map(of_all_values).max(),
        choral_ir::NodeKind::Input | choral_ir::NodeKind::Constant(_) => None,
    });
    total(values).saturating_add(regions.max().unwrap_or_default())
}

fn bytes(ty: &TensorType) -> usize {
    ty.len().saturating_mul(ty.dtype.bytes())
}

fn total(bytes: impl Iterator<Item = usize>) -> usize {
    bytes.fold(0, usize::saturating_add)
}
