//! Rows of `dot_general` and `convolution`.

use choral::ir::op::{BatchingDim, Convolution, DotGeneral, Layout};
use choral::ir::{BuildError, Class, DType, TensorType, Value};

use super::Draft;

type Results = Result<Vec<Value>, BuildError>;

impl Draft {
    /// Every dimension of `lhs` is free, contracting or batching; `rhs` is made to fit.
    pub(crate) fn dot_general(&mut self) -> Results {
        let lhs = self.any(Class::Number, 0);
        let ty = self.ty(lhs);
        let mut paired: Vec<Vec<usize>> = vec![Vec::new(); 2];
        for dim in self.choices.permutation(ty.rank()) {
            match self.choices.below(3) {
                0 => {}
                part => paired[part - 1].push(dim),
            }
        }
        let (lhs_contracting, lhs_batching) = (paired[0].clone(), paired[1].clone());
        let named = [lhs_contracting.as_slice(), &lhs_batching].concat();
        let rank = named.len() + self.choices.below(3);
        let places = self.choices.permutation(rank);
        let mut shape = self.choices.shape(rank);
        named.iter().zip(&places).for_each(|(&dim, &place)| shape[place] = ty.shape[dim]);
        let rhs = self.operand(&ty.with_shape(shape));
        let rhs_contracting = places[..lhs_contracting.len()].to_vec();
        let rhs_batching = places[lhs_contracting.len()..named.len()].to_vec();
        let dtype = self.wider(ty.dtype);
        let op = DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype };
        self.push(op, &[lhs, rhs])
    }

    /// The element type of a sum of products: the operands', at times a wider one.
    fn wider(&mut self, dtype: DType) -> DType {
        let wider = match dtype {
            DType::F16 | DType::Bf16 => DType::F32,
            DType::F32 => DType::F64,
            DType::I8 | DType::Ui8 => DType::I32,
            other => other,
        };
        if self.choices.once_in(4) { wider } else { dtype }
    }

    pub(crate) fn convolution(&mut self) -> Results {
        self.convolve(0)
    }

    pub(crate) fn convolution_with_batching_dims(&mut self) -> Results {
        let count = 1 + self.choices.below(2);
        self.convolve(count)
    }

    fn convolve(&mut self, batching: usize) -> Results {
        let spatial = self.choices.pick(&[1, 2, 1, 0]);
        let sides: Vec<(bool, bool)> =
            (0..batching).map(|_| self.choices.pick(&[(true, true), (true, false), (false, true)])).collect();
        let mut sides_of = |side: fn(&(bool, bool)) -> bool| {
            let own = sides.iter().filter(|&at| side(at)).count();
            self.choices.permutation(own + 2 + spatial)
        };
        let (input, kernel, output) = (sides_of(|side| side.0), sides_of(|side| side.1), sides_of(|_| true));
        let op = Convolution {
            batching_dims: batching_dims(&sides, [&input, &kernel, &output].map(|dims| &dims[2 + spatial..])),
            input: layout(&input, spatial),
            kernel: layout(&kernel, spatial),
            output: layout(&output, spatial),
            ..self.window(spatial)
        };
        let dtype = self.choices.dtype(Class::Number);
        let (input, kernel) = self.shapes(&op, input.len(), kernel.len());
        let op = Convolution { dtype: self.wider(dtype), ..op };
        let input = self.operand(&TensorType::new(input, dtype));
        let kernel = self.operand(&TensorType::new(kernel, dtype));
        self.push(op, &[input, kernel])
    }

    /// A convolution with everything but its layouts.
    fn window(&mut self, spatial: usize) -> Convolution {
        let groups = self.choices.pick(&[(1, 1), (2, 1), (1, 2), (1, 1), (3, 1)]);
        let choices = &mut self.choices;
        Convolution {
            batching_dims: Vec::new(),
            input: Layout::channels_first(spatial),
            kernel: Layout::channels_first(spatial),
            output: Layout::channels_first(spatial),
            strides: (0..spatial).map(|_| 1 + choices.below(2)).collect(),
            padding: (0..spatial).map(|_| (choices.between(-1, 2), choices.between(-1, 2))).collect(),
            lhs_dilation: (0..spatial).map(|_| 1 + choices.below(2)).collect(),
            rhs_dilation: (0..spatial).map(|_| 1 + choices.below(2)).collect(),
            reversal: (0..spatial).map(|_| choices.once_in(2)).collect(),
            feature_group_count: groups.0,
            batch_group_count: groups.1,
            dtype: DType::F32,
        }
    }

    /// Shapes of input and kernel that fit the layouts and groups.
    fn shapes(&mut self, op: &Convolution, input: usize, kernel: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut left, mut right) = (vec![0; input], vec![0; kernel]);
        for dim in &op.batching_dims {
            let size = self.choices.size();
            dim.input.iter().for_each(|&at| left[at] = size);
            dim.kernel.iter().for_each(|&at| right[at] = size);
        }
        let taken = self.choices.pick(&[1, 2, 3, 1, 2, 0]);
        left[op.input.batch] = op.batch_group_count * self.choices.pick(&[1, 2, 1, 2, 0]);
        left[op.input.feature] = op.feature_group_count * taken;
        right[op.kernel.feature] = taken;
        let groups = op.feature_group_count * op.batch_group_count;
        right[op.kernel.batch] = groups * self.choices.pick(&[1, 2, 1, 2, 0]);
        for (&input, &kernel) in op.input.spatial.iter().zip(&op.kernel.spatial) {
            left[input] = self.choices.pick(&[3, 4, 2, 1, 3, 4, 0]);
            right[kernel] = self.choices.pick(&[2, 1, 3, 2, 1, 3, 2, 0]);
        }
        (left, right)
    }
}

/// Dimensions in some order: batch, feature, spatial, then those of independent convolutions.
fn layout(dims: &[usize], spatial: usize) -> Layout {
    Layout { batch: dims[0], feature: dims[1], spatial: dims[2..2 + spatial].to_vec() }
}

fn batching_dims(sides: &[(bool, bool)], [input, kernel, output]: [&[usize]; 3]) -> Vec<BatchingDim> {
    let (mut input, mut kernel) = (input.iter().copied(), kernel.iter().copied());
    let dim = |(&(own_input, own_kernel), &output): (&(bool, bool), &usize)| BatchingDim {
        input: own_input.then(|| input.next()).flatten(),
        kernel: own_kernel.then(|| kernel.next()).flatten(),
        output,
    };
    sides.iter().zip(output).map(dim).collect()
}
