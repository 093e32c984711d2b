//! The row of `gather`.

use choral::ir::op::Gather;
use choral::ir::{BuildError, Class, TensorType, Value};

use super::Draft;

type Results = Result<Vec<Value>, BuildError>;

/// Which dimensions of the operand play which part.
#[derive(Default)]
struct Parts {
    kept: Vec<usize>,
    collapsed: Vec<usize>,
    batching: Vec<usize>,
    slice_sizes: Vec<usize>,
}

impl Draft {
    pub(crate) fn gather(&mut self) -> Results {
        let operand = self.any(Class::Any, 1);
        let shape = self.ty(operand).shape;
        let parts = self.parts(&shape);
        let indexed = self.indexed(shape.len(), &parts.batching);
        // Dimensions of the indices: batching ones and others in some order, then the components.
        let count = parts.batching.len() + self.choices.below(3);
        let places = self.choices.permutation(count);
        let mut starts = self.choices.shape(count);
        parts.batching.iter().zip(&places).for_each(|(&dim, &place)| starts[place] = shape[dim]);
        let unwritten = indexed.len() == 1 && self.choices.once_in(2);
        let index_vector_dim = if unwritten { count } else { self.choices.below(count + 1) };
        let past = |&place: &usize| place + usize::from(!unwritten && place >= index_vector_dim);
        if !unwritten {
            starts.insert(index_vector_dim, indexed.len());
        }
        let op = Gather {
            offset_dims: self.choices.places(parts.kept.len(), count + parts.kept.len()),
            collapsed_slice_dims: parts.collapsed,
            start_indices_batching_dims: places[..parts.batching.len()].iter().map(past).collect(),
            operand_batching_dims: parts.batching,
            start_index_map: indexed,
            index_vector_dim,
            slice_sizes: parts.slice_sizes,
            indices_are_sorted: false,
        };
        let dtype = self.choices.dtype(Class::Integer);
        let starts = self.operand(&TensorType::new(starts, dtype));
        self.push(op, &[operand, starts])
    }

    fn parts(&mut self, shape: &[usize]) -> Parts {
        let mut parts = Parts::default();
        for (dim, &size) in shape.iter().enumerate() {
            let (part, slice) = match self.choices.below(3) {
                1 if size > 0 => (&mut parts.collapsed, 1),
                2 => (&mut parts.batching, size.min(1)),
                _ => (&mut parts.kept, size - self.choices.below(size + 1)),
            };
            part.push(dim);
            parts.slice_sizes.push(slice);
        }
        parts
    }

    /// The operand dimension of each index component: some of those that are not batching.
    fn indexed(&mut self, rank: usize, batching: &[usize]) -> Vec<usize> {
        let mut dims = self.choices.permutation(rank);
        dims.retain(|dim| !batching.contains(dim));
        let count = dims.len() - self.choices.below(dims.len() + 1);
        dims.truncate(count);
        dims
    }
}
