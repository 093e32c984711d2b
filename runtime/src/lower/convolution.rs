//! Convolutions as those of the kernels.

use choral_ir::op::{BatchingDim, Convolution};
use choral_kernels::product::convolution::{Convolution as Lowered, Window};
use choral_kernels::product::{Dim, Epilogue};

use super::dot::Stored;

/// The convolution of `input` and `kernel` with a dense result of this type.
pub fn convolution(
    op: &Convolution,
    (input, input_number): Stored<'_>,
    (kernel, kernel_number): Stored<'_>,
    (out, number): Stored<'_>,
) -> Lowered {
    let (x, w, y) = (&input.dims, &kernel.dims, &out.dims);
    let members = op.batching_dims.iter().map(|&BatchingDim { input, kernel, output }| {
        let stride = |dim: Option<usize>, dims: &[(usize, isize)]| dim.map_or(0, |dim| dims[dim].1);
        Dim::new(y[output].0, [stride(input, x), stride(kernel, w), y[output].1, 0])
    });
    let images = y[op.output.batch];
    let groups = op.feature_group_count * op.batch_group_count;
    let features = w[op.kernel.batch].0 / groups;
    let taken = w[op.kernel.feature].0;
    // Groups take features or images of the input that follow one another.
    let group = match op.batch_group_count {
        1 => taken as isize * x[op.input.feature].1,
        _ => images.0 as isize * x[op.input.batch].1,
    };
    let by_group =
        [group, features as isize * w[op.kernel.batch].1, features as isize * y[op.output.feature].1, 0];
    let image = Dim::new(images.0, [x[op.input.batch].1, 0, images.1, 0]);
    let window = |at: usize| {
        let [x, w, y] = [x[op.input.spatial[at]], w[op.kernel.spatial[at]], y[op.output.spatial[at]]];
        Window {
            sizes: [x.0, w.0, y.0],
            strides: [x.1, w.1, y.1],
            step: op.strides[at],
            padding: op.padding[at].0 as isize,
            input_dilation: op.lhs_dilation[at],
            kernel_dilation: op.rhs_dilation[at],
            is_reversed: op.reversal[at],
        }
    };
    Lowered {
        numbers: [input_number, kernel_number, number],
        offsets: [input.offset, kernel.offset, out.offset, 0],
        batch: members.chain([image, Dim::new(groups, by_group)]).collect(),
        features: vec![Dim::new(features, [w[op.kernel.batch].1, y[op.output.feature].1, 0])],
        taken: Dim::new(taken, [x[op.input.feature].1, w[op.kernel.feature].1]),
        windows: (0..op.output.spatial.len()).map(window).collect(),
        epilogue: Epilogue::default(),
    }
}
