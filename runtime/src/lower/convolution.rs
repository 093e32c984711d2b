//! Convolutions as those of the kernels.

use choral_ir::op::{BatchingDim, Convolution};
use choral_kernels::product::Dim;
use choral_kernels::product::convolution::{Convolution as Lowered, Window};

use super::dot::{Stored, Target};

/// The convolution of `input` and `kernel`; what is added to it does not move with places.
pub fn convolution(
    op: &Convolution,
    (input, input_number): Stored<'_>,
    (kernel, kernel_number): Stored<'_>,
    target: Target<'_>,
) -> Lowered {
    let (out, number) = target.out;
    let (x, w, y) = (&input.dims, &kernel.dims, &out.dims);
    let members = op.batching_dims.iter().map(|&BatchingDim { input, kernel, output }| {
        let stride = |dim: Option<usize>, dims: &[(usize, isize)]| dim.map_or(0, |dim| dims[dim].1);
        let addend = target.addend_stride(output);
        Dim::new(y[output].0, [stride(input, x), stride(kernel, w), y[output].1, addend])
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
    let addend = target.addend_stride(op.output.feature);
    let [kernel_by_group, out_by_group, addend_by_group] =
        [w[op.kernel.batch].1, y[op.output.feature].1, addend].map(|stride| features as isize * stride);
    let by_group = [group, kernel_by_group, out_by_group, addend_by_group];
    let image = [x[op.input.batch].1, 0, images.1, target.addend_stride(op.output.batch)];
    let image = Dim::new(images.0, image);
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
        offsets: [input.offset, kernel.offset, out.offset, target.addend_offset()],
        batch: members.chain([image, Dim::new(groups, by_group)]).collect(),
        features: vec![Dim::new(features, [w[op.kernel.batch].1, y[op.output.feature].1, addend])],
        taken: Dim::new(taken, [x[op.input.feature].1, w[op.kernel.feature].1]),
        windows: (0..op.output.spatial.len()).map(window).collect(),
        epilogue: target.epilogue(),
    }
}
