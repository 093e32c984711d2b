//! Common subexpressions: what gives the same values is computed once.

use std::collections::HashMap;

use choral_ir::graph::Node;
use choral_ir::{BuildError, Graph, NodeKind, Op, Tensor, TensorType, Value};

use super::rebuilt;

/// The graph with ops and constants that give the same values made one; the first keeps its name.
///
/// # Errors
/// Never for a verified graph.
pub fn common_subexpressions(graph: &Graph) -> Result<Graph, BuildError> {
    let mut known: HashMap<Meaning, Vec<Value>> = HashMap::new();
    rebuilt(graph, |builder, id, operands| {
        let node = graph.node(id);
        let Some(meaning) = meaning(node, operands) else { return builder.copy(node, operands) };
        if let Some(results) = known.get(&meaning) {
            return Ok(results.clone());
        }
        let results = builder.copy(node, operands)?;
        known.insert(meaning, results.clone());
        Ok(results)
    })
}

/// What decides the values of a node.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    Op(Op, Vec<Value>),
    /// One element, by its bits, at each place.
    Constant(TensorType, u64),
}

/// `None` for a node that is like no other: constants of several elements are not compared.
fn meaning(node: &Node, operands: &[Value]) -> Option<Meaning> {
    match &node.kind {
        NodeKind::Op(op) => Some(Meaning::Op(op.clone(), operands.to_vec())),
        NodeKind::Constant(tensor) => Meaning::of_constant(tensor, &node.types[0]),
        NodeKind::Input => None,
    }
}

impl Meaning {
    /// That of a scalar which fills a type.
    pub(super) fn of_constant(tensor: &Tensor, ty: &TensorType) -> Option<Meaning> {
        let is_scalar = tensor.shape().is_empty();
        let bits = || tensor.storage().bits()[0];
        is_scalar.then(|| Meaning::Constant(ty.clone(), bits()))
    }
}

#[cfg(test)]
mod tests {
    use choral_ir::{Builder, Tensor};

    use super::*;

    fn constants(tensors: &[Tensor]) -> usize {
        let mut builder = Builder::new("main");
        let values: Vec<Value> = tensors.iter().map(|tensor| builder.constant(tensor.clone())).collect();
        common_subexpressions(&builder.finish(&values)).expect("a graph").len()
    }

    /// Zeros of both signs differ, and so do elements of one value and different types.
    #[test]
    fn constants_are_the_same_if_their_bits_are() {
        use choral_ir::DType::{F32, I2, I8};
        assert_eq!(constants(&[Tensor::from(0.0f32), Tensor::from(-0.0f32), Tensor::from(0.0f32)]), 2);
        assert_eq!(constants(&[Tensor::from(f32::NAN), Tensor::from(f32::NAN)]), 1);
        let of = |dtype, value| Tensor::scalar_of(dtype, value);
        assert_eq!(constants(&[of(I2, 1.0), of(I8, 1.0), of(I2, -1.0), of(I2, 1.0), of(F32, 1.0)]), 4);
        assert_eq!(constants(&[Tensor::from([1, 2]), Tensor::from([1, 2])]), 2);
    }
}
