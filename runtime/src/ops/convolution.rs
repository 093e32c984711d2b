//! Convolution by its definition.

use choral_ir::op::{BatchingDim, Convolution, Layout};
use choral_ir::{Tensor, TensorType};

use super::dot::{Term, sums_of_products};
use super::places::{indices, place};
use crate::error::Error;

/// The result of a convolution, in the order of `sums_of_products`: over the kernel's places, row-major,
/// then over input features. What lies in the padding or between dilated elements is no term.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &Convolution, input: &Tensor, kernel: &Tensor, ty: &TensorType) -> Result<Tensor, Error> {
    let mut terms =
        indices(&ty.shape).map(|index| terms(op, input.shape(), kernel.shape(), &ty.shape, &index));
    sums_of_products(input, kernel, ty, &mut terms)
}

/// Places in input and kernel whose products make up the result at `index`, of those inside.
fn terms(
    op: &Convolution,
    input: &[usize],
    kernel: &[usize],
    output: &[usize],
    index: &[usize],
) -> Vec<Term> {
    let (batch, feature) = (index[op.output.batch], index[op.output.feature]);
    let features_taken = kernel[op.kernel.feature];
    let feature_group = feature / (output[op.output.feature] / op.feature_group_count);
    let batch_group = feature / (output[op.output.feature] / op.batch_group_count);
    let window: Vec<usize> = op.kernel.spatial.iter().map(|&dim| kernel[dim]).collect();
    let (mut left, mut right) = (vec![0; input.len()], vec![0; kernel.len()]);
    for BatchingDim { input, kernel, output } in &op.batching_dims {
        input.iter().for_each(|&dim| left[dim] = index[*output]);
        kernel.iter().for_each(|&dim| right[dim] = index[*output]);
    }
    left[op.input.batch] = batch_group * output[op.output.batch] + batch;
    right[op.kernel.batch] = feature;
    let mut terms = Vec::new();
    for at in indices(&window) {
        let Some(source) = source(op, input, &window, index, &at) else { continue };
        put(&mut left, &op.input, &source);
        put(&mut right, &op.kernel, &at);
        for taken in 0..features_taken {
            left[op.input.feature] = feature_group * features_taken + taken;
            right[op.kernel.feature] = taken;
            terms.push((place(input, &left), place(kernel, &right)));
        }
    }
    terms
}

fn put(index: &mut [usize], layout: &Layout, at: &[usize]) {
    layout.spatial.iter().zip(at).for_each(|(&dim, &at)| index[dim] = at);
}

/// Spatial index of the input under kernel element `at` of the window at `index`; `None` in the
/// padding and between dilated elements.
fn source(
    op: &Convolution,
    input: &[usize],
    window: &[usize],
    index: &[usize],
    at: &[usize],
) -> Option<Vec<usize>> {
    let along = |dim: usize| {
        let element = if op.reversal[dim] { window[dim] - 1 - at[dim] } else { at[dim] };
        let start = index[op.output.spatial[dim]] * op.strides[dim] + element * op.rhs_dilation[dim];
        inside(start as i64 - op.padding[dim].0, op.lhs_dilation[dim], input[op.input.spatial[dim]])
    };
    (0..window.len()).map(along).collect()
}

/// Index of the element at `place` of a line of `size` elements that lie `dilation` apart.
pub(crate) fn inside(place: i64, dilation: usize, size: usize) -> Option<usize> {
    let place = usize::try_from(place).ok()?;
    (place.is_multiple_of(dilation) && place / dilation < size).then_some(place / dilation)
}
