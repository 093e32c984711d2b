//! Rows of the ops whose places are values.

use choral::ir::op::{Binary, ComparisonDirection, DynamicSlice, DynamicUpdateSlice, Gather, Scatter};
use choral::ir::{BuildError, Builder, Class, DType, Element, Graph, Tensor, TensorType, Value, with_dtype};

use super::Draft;
use super::fold::HALVES;

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
        let (starts, indices_are_sorted) = self.starts(&op, &TensorType::new(starts, dtype));
        self.push(Gather { indices_are_sorted, ..op }, &[operand, starts])
    }

    /// Indices, and whether it is promised that they ascend: a single one does, and constants can.
    fn starts(&mut self, op: &Gather, ty: &TensorType) -> (Value, bool) {
        let others = ty.shape.iter().enumerate().filter(|(dim, _)| *dim != op.index_vector_dim);
        let is_one = others.map(|(_, size)| size).product::<usize>() <= 1;
        let can_ascend = is_one || op.operand_batching_dims.is_empty();
        if !can_ascend || !self.choices.once_in(3) {
            return (self.operand(ty), false);
        }
        let starts = if is_one { self.operand(ty) } else { self.ascending(ty, op.index_vector_dim) };
        (starts, true)
    }

    /// Indices one after another, each with equal components.
    fn ascending(&mut self, ty: &TensorType, index_vector_dim: usize) -> Value {
        let within: usize = ty.shape.iter().skip(index_vector_dim + 1).product();
        let components = ty.shape.get(index_vector_dim).copied().unwrap_or(1);
        let number = |at: usize| (at / (components * within) * within + at % within) as f64;
        let starts = with_dtype!(ty.dtype, T => {
            Tensor::from_fn(ty.shape.as_slice(), |at| <T as Element>::from_f64(number(at)))
        });
        self.builder.constant(starts)
    }

    /// One to three inputs, or many 16-bit floats into few places.
    pub(crate) fn scatter(&mut self) -> Results {
        if self.choices.once_in(6) {
            return self.scatter_of_halves();
        }
        let input = self.any(Class::Number, 1);
        let shape = self.ty(input).shape;
        let (op, indices, update) = self.scattered(&shape);
        let mut inputs = vec![input];
        for _ in 0..self.choices.pick(&[0, 0, 0, 1, 2]) {
            let dtype = self.choices.dtype(Class::Number);
            inputs.push(self.operand(&TensorType::new(shape.clone(), dtype)));
        }
        let types = self.types(&inputs);
        let body = scatter_body(self.choices.below(4), &types)?.into();
        let dtype = self.choices.dtype(Class::Integer);
        let indices = self.operand(&TensorType::new(indices, dtype));
        let updates: Vec<Value> =
            types.iter().map(|ty| self.operand(&ty.with_shape(update.clone()))).collect();
        self.push(Scatter { body, ..op }, &[inputs, vec![indices], updates].concat())
    }

    fn scatter_of_halves(&mut self) -> Results {
        let (dtype, places) = (self.choices.pick(&HALVES), self.choices.size());
        let updates = TensorType::new([self.choices.pick(&[300, 1500])], dtype);
        let indices = TensorType::new([updates.shape[0], 1], DType::I32);
        let op = Scatter {
            update_window_dims: Vec::new(),
            inserted_window_dims: vec![0],
            input_batching_dims: Vec::new(),
            scatter_indices_batching_dims: Vec::new(),
            scatter_dims_to_operand_dims: vec![0],
            index_vector_dim: 1,
            body: Graph::reducer(self.choices.pick(&[Binary::Add, Binary::Multiply]), dtype)?.into(),
        };
        let input = self.operand(&updates.with_shape([places]));
        let (indices, updates) = (self.fresh(indices), self.fresh(updates));
        self.push(op, &[input, indices, updates])
    }

    /// A scatter into inputs of a shape, without its body, and the shapes of its indices and updates.
    fn scattered(&mut self, shape: &[usize]) -> (Scatter, Vec<usize>, Vec<usize>) {
        let parts = self.parts(shape);
        let indexed = self.indexed(shape.len(), &parts.batching);
        let count = parts.batching.len() + self.choices.below(3);
        let places = self.choices.permutation(count);
        let mut scattered = self.choices.shape(count);
        parts.batching.iter().zip(&places).for_each(|(&dim, &place)| scattered[place] = shape[dim]);
        let index_vector_dim = self.choices.below(count + 1);
        let mut indices = scattered.clone();
        indices.insert(index_vector_dim, indexed.len());
        let update_window_dims = self.choices.places(parts.kept.len(), count + parts.kept.len());
        let mut windows = parts.kept.iter().map(|&dim| parts.slice_sizes[dim]);
        let mut beside = scattered.into_iter();
        let update: Vec<usize> = (0..count + parts.kept.len())
            .filter_map(|dim| if update_window_dims.contains(&dim) { windows.next() } else { beside.next() })
            .collect();
        let past = |&place: &usize| place + usize::from(place >= index_vector_dim);
        let op = Scatter {
            update_window_dims,
            inserted_window_dims: parts.collapsed,
            scatter_indices_batching_dims: places[..parts.batching.len()].iter().map(past).collect(),
            input_batching_dims: parts.batching,
            scatter_dims_to_operand_dims: indexed,
            index_vector_dim,
            body: Builder::new("reducer").finish(&[]).into(),
        };
        (op, indices, update)
    }

    pub(crate) fn dynamic_slice(&mut self) -> Results {
        let operand = self.any(Class::Any, 0);
        let (slice_sizes, starts) = self.slices(&self.ty(operand).shape, &[]);
        self.push(DynamicSlice { batching_dims: Vec::new(), slice_sizes }, &[vec![operand], starts].concat())
    }

    /// The operand's first dimension is batching, or only the starts have one.
    pub(crate) fn dynamic_slice_with_batching_dims(&mut self) -> Results {
        let operand = self.any(Class::Any, 2);
        let shape = self.ty(operand).shape;
        let own = self.choices.once_in(2).then_some(0);
        let batch = if own.is_some() { shape[0] } else { self.choices.size() };
        let sliced = if own.is_some() { &shape[1..] } else { &shape[..] };
        let (slice_sizes, starts) = self.slices(sliced, &[batch]);
        self.push(DynamicSlice { batching_dims: vec![own], slice_sizes }, &[vec![operand], starts].concat())
    }

    pub(crate) fn dynamic_update_slice(&mut self) -> Results {
        self.updated(0)
    }

    /// Up to two batching dimensions, wherever they lie in the operand.
    pub(crate) fn dynamic_update_slice_with_batching_dims(&mut self) -> Results {
        let count = 1 + self.choices.below(2);
        self.updated(count)
    }

    fn updated(&mut self, count: usize) -> Results {
        let operand = self.any(Class::Any, if count == 0 { 0 } else { count + 1 });
        let TensorType { shape, dtype } = self.ty(operand);
        let mut sliced: Vec<usize> = (0..shape.len()).collect();
        let batching_dims: Vec<usize> =
            (0..count).map(|_| sliced.remove(self.choices.below(sliced.len()))).collect();
        let of = |dims: &[usize]| dims.iter().map(|&dim| shape[dim]).collect::<Vec<_>>();
        let (batch, rest) = (of(&batching_dims), of(&sliced));
        let (sizes, starts) = self.slices(&rest, &batch);
        let update = self.operand(&TensorType::new([batch, sizes].concat(), dtype));
        self.push(DynamicUpdateSlice { batching_dims }, &[vec![operand, update], starts].concat())
    }

    /// Sizes that fit a shape, and starts for each dimension.
    fn slices(&mut self, shape: &[usize], batch: &[usize]) -> (Vec<usize>, Vec<Value>) {
        let sizes = shape.iter().map(|&size| size - self.choices.below(size + 1)).collect();
        let start = TensorType::new(batch, self.choices.dtype(Class::Integer));
        let starts = shape.iter().map(|_| self.operand(&start)).collect();
        (sizes, starts)
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

/// Updates write over, are added, win if greater, or win together if the first one is greater.
fn scatter_body(way: usize, types: &[TensorType]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("reducer");
    let mut inputs = |name: &str| -> Vec<Value> {
        types.iter().map(|ty| builder.input(name, TensorType::scalar(ty.dtype))).collect()
    };
    let (sofar, given) = (inputs("sofar"), inputs("given"));
    let mut folded = |(&old, &new): (&Value, &Value)| match way {
        0 => Ok(new),
        1 => builder.binary(Binary::Add, old, new),
        2 => builder.binary(Binary::Maximum, old, new),
        _ => {
            let stays = builder.compare(ComparisonDirection::Ge, sofar[0], given[0])?;
            builder.select(stays, old, new)
        }
    };
    let outputs = sofar.iter().zip(&given).map(&mut folded).collect::<Result<Vec<_>, _>>()?;
    Ok(builder.finish(&outputs))
}
