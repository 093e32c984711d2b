//! One way to map a program: which inputs carry members, where, and how many there are.

use choral::error::{DimsError, VmapError};
use choral::ir::{Element, with_storage};
use choral::{Graph, Tensor, TensorType};
use choral_compiler::transform::vmap::{Axis, Chunks, VmapOptions, vmap_graph};

use crate::choices::Choices;

/// Dimensions of inputs and outputs that hold the members.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) in_dims: Vec<Option<usize>>,
    pub(crate) out_dims: Vec<Option<i64>>,
    pub(crate) members: usize,
}

impl Mapping {
    /// Inputs whose bit is set in `subset` are mapped, each at a dimension of its own.
    pub(crate) fn draw(graph: &Graph, subset: usize, members: usize, choices: &mut Choices) -> Mapping {
        let mut in_dim =
            |(at, ty): (usize, &TensorType)| (subset >> at & 1 == 1).then(|| choices.below(ty.rank() + 1));
        let in_dims = graph.input_types().iter().enumerate().map(&mut in_dim).collect();
        let mut out_dim = |ty: &TensorType| {
            let rank = ty.rank() as i64 + 1;
            Some(if choices.once_in(2) { choices.below(2 * rank as usize) as i64 - rank } else { 0 })
        };
        let out_dims = graph.output_types().iter().map(&mut out_dim).collect();
        Mapping { in_dims, out_dims, members }
    }

    /// Inputs whose bit is set in `subset` are mapped; members come first everywhere.
    pub(crate) fn at_front(graph: &Graph, subset: usize, members: usize) -> Mapping {
        let in_dims = (0..graph.inputs().len()).map(|at| (subset >> at & 1 == 1).then_some(0)).collect();
        Mapping { in_dims, out_dims: vec![Some(0); graph.outputs().len()], members }
    }

    /// The same way, but this output is asked for once, which is right if all members share it.
    pub(crate) fn with_one(&self, output: usize) -> Mapping {
        let mut mapping = self.clone();
        mapping.out_dims[output] = None;
        mapping
    }

    /// The graph of all members.
    pub(crate) fn apply(&self, graph: &Graph, axis: &str) -> Result<Graph, String> {
        self.batched(graph, axis, None).map_err(|error| format!("{self:?}: vmap fails: {error}"))
    }

    /// The graph of all members, this many at a time.
    pub(crate) fn apply_in_chunks(&self, graph: &Graph, chunk: usize) -> Result<Graph, String> {
        self.batched(graph, "members", Some(chunk))
            .map_err(|error| format!("{self:?}: vmap in chunks of {chunk} fails: {error}"))
    }

    /// The graph of all members; `None` if an output that is asked for once differs between them.
    pub(crate) fn apply_to_shared(
        &self,
        graph: &Graph,
        chunk: Option<usize>,
    ) -> Result<Option<Graph>, String> {
        match self.batched(graph, "members", chunk) {
            Ok(graph) => Ok(Some(graph)),
            Err(VmapError::Dims(DimsError::Unbatched { .. })) => Ok(None),
            Err(error) => Err(format!("{self:?}: vmap in chunks of {chunk:?} fails: {error}")),
        }
    }

    fn batched(&self, graph: &Graph, axis: &str, chunk: Option<usize>) -> Result<Graph, VmapError> {
        let axis = Axis::new(axis, self.members);
        let at_once = VmapOptions::new(axis, self.in_dims.as_slice(), self.out_dims.as_slice());
        let chunks = Chunks { size: chunk, ..Chunks::default() };
        vmap_graph(graph, &VmapOptions { chunks, ..at_once })
    }

    /// Types of one member's outputs with the member dimension put in.
    pub(crate) fn output_types(&self, graph: &Graph) -> Vec<TensorType> {
        let mut types = graph.output_types();
        for (ty, dim) in types.iter_mut().zip(self.out_dims(graph)) {
            dim.into_iter().for_each(|dim| ty.shape.insert(dim, self.members));
        }
        types
    }

    /// The inputs of one member.
    pub(crate) fn member_inputs(&self, inputs: &[Tensor], member: usize) -> Vec<Tensor> {
        inputs.iter().zip(&self.in_dims).map(|(tensor, dim)| of_member(tensor, *dim, member)).collect()
    }

    /// The outputs of one member of `graph`.
    pub(crate) fn member_outputs(&self, graph: &Graph, outputs: &[Tensor], member: usize) -> Vec<Tensor> {
        outputs.iter().zip(self.out_dims(graph)).map(|(tensor, dim)| of_member(tensor, dim, member)).collect()
    }

    /// The output dimensions, counted from the front.
    fn out_dims(&self, graph: &Graph) -> Vec<Option<usize>> {
        let counted = |(dim, ty): (&Option<i64>, TensorType)| {
            dim.map(|dim| dim.rem_euclid(ty.rank() as i64 + 1) as usize)
        };
        self.out_dims.iter().zip(graph.output_types()).map(counted).collect()
    }
}

/// What one member has of a tensor: its slice, or all where the members share it.
fn of_member(tensor: &Tensor, dim: Option<usize>, member: usize) -> Tensor {
    dim.map_or_else(|| tensor.clone(), |dim| slice(tensor, dim, member))
}

/// The slice at `index` of dimension `dim`, without that dimension.
fn slice(tensor: &Tensor, dim: usize, index: usize) -> Tensor {
    let (size, mut shape) = (tensor.shape()[dim], tensor.shape().to_vec());
    shape.remove(dim);
    let inner: usize = shape[dim..].iter().product();
    let data = with_storage!(tensor.storage(), values => {
        let outer = values.chunks_exact((size * inner).max(1));
        Element::store(outer.flat_map(|chunk| chunk[index * inner..][..inner].to_vec()).collect())
    });
    Tensor::from_storage(shape, data).expect("as many elements as the slice has")
}
