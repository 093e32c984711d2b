//! Convolutions as matrix products: the elements under each window become a column.

use std::borrow::Cow;

use choral_ir::op::{BatchingDim, Convolution, Layout};
use choral_ir::{Element, Storage, Tensor, TensorType};
use rayon::prelude::*;

use super::dot::{Matrix, Real, multiply};
use super::view::View;
use crate::ops::convolution::inside;
use crate::ops::places::{indices, place, strides};

/// The elements of the result; `None` for element types without a product, for batch groups, which only
/// derivatives need, and for planes whose places 32 bits do not count.
pub fn evaluate(op: &Convolution, input: &Tensor, kernel: &Tensor, ty: &TensorType) -> Option<Storage> {
    let plane: usize = op.input.spatial.iter().map(|&dim| input.shape()[dim]).product();
    if op.batch_group_count != 1 || u32::try_from(plane).is_err() {
        return None;
    }
    let shapes = (input.shape(), kernel.shape(), ty.shape.as_slice());
    match (input.storage(), kernel.storage(), ty.dtype) {
        (Storage::F32(input), Storage::F32(kernel), choral_ir::DType::F32) => {
            Some(f32::store(convolve(op, input, kernel, shapes)))
        }
        (Storage::F64(input), Storage::F64(kernel), choral_ir::DType::F64) => {
            Some(f64::store(convolve(op, input, kernel, shapes)))
        }
        (_, _, _) => None,
    }
}

type Shapes<'a> = (&'a [usize], &'a [usize], &'a [usize]);

fn convolve<T: Real>(
    op: &Convolution,
    input: &[T],
    kernel: &[T],
    (input_shape, kernel_shape, shape): Shapes<'_>,
) -> Vec<T> {
    let batching = |side: fn(&BatchingDim) -> Option<usize>| {
        op.batching_dims.iter().filter_map(side).collect::<Vec<_>>()
    };
    let (inputs_at, kernels_at) = (batching(|dim| dim.input), batching(|dim| dim.kernel));
    let outputs_at = batching(|dim| Some(dim.output));
    let input = permuted(input, input_shape, &images_first(&inputs_at, &op.input));
    let kernel = permuted(kernel, kernel_shape, &kernels_first(&kernels_at, &op.kernel));
    let windows = windows(op, input_shape, kernel_shape, shape);
    let members: Vec<usize> = outputs_at.iter().map(|&dim| shape[dim]).collect();
    let sizes = Sizes::of(op, input_shape, kernel_shape, shape);
    let (sizes, inputs, kernels) = sizes.joined(members_of(op, &members, input_shape, kernel_shape));
    let mut result = vec![T::zero(); shape.iter().product()];
    let taken = input.len() / shape[op.output.batch].max(1);
    if !result.is_empty() && sizes.depth() > 0 {
        result.par_chunks_exact_mut(sizes.out_image() * inputs.len()).enumerate().for_each_init(
            || (vec![T::zero(); sizes.columns()], vec![T::zero(); sizes.plane + 1]),
            |(columns, padded), (image, out)| {
                let input = &input[image * taken..][..taken];
                let mut filled = None;
                for (member, out) in out.chunks_exact_mut(sizes.out_image()).enumerate() {
                    if filled != Some(inputs[member]) {
                        filled = Some(inputs[member]);
                        let input = &input[inputs[member] * sizes.in_image()..][..sizes.in_image()];
                        fill_columns(&sizes, &windows, input, padded, columns);
                    }
                    let kernel = &kernel[kernels[member] * sizes.kernel()..][..sizes.kernel()];
                    multiply_groups(&sizes, kernel, columns, out);
                }
            },
        );
    }
    restored(result, shape, &outputs_at, &op.output)
}

/// The extents of one image's convolution.
struct Sizes {
    groups: usize,
    /// Input and output features of one group.
    taken: usize,
    made: usize,
    /// Elements of an input plane, of a window and of an output plane.
    plane: usize,
    window: usize,
    places: usize,
}

impl Sizes {
    fn of(op: &Convolution, input: &[usize], kernel: &[usize], output: &[usize]) -> Sizes {
        let spatial =
            |shape: &[usize], layout: &Layout| layout.spatial.iter().map(|&dim| shape[dim]).product();
        Sizes {
            groups: op.feature_group_count,
            taken: kernel[op.kernel.feature],
            made: kernel[op.kernel.batch] / op.feature_group_count,
            plane: spatial(input, &op.input),
            window: spatial(kernel, &op.kernel),
            places: spatial(output, &op.output),
        }
    }

    /// Members that share one input are more output features of one convolution. Takes and gives
    /// the extents, and for every member which input and which kernel is its own.
    fn joined(self, (inputs, kernels): (Vec<usize>, Vec<usize>)) -> (Sizes, Vec<usize>, Vec<usize>) {
        let one_input = inputs.iter().all(|&input| input == 0);
        let all_kernels = kernels.iter().copied().eq(0..kernels.len());
        if self.groups == 1 && one_input && all_kernels && !kernels.is_empty() {
            (Sizes { made: self.made * kernels.len(), ..self }, vec![0], vec![0])
        } else {
            (self, inputs, kernels)
        }
    }

    fn columns(&self) -> usize {
        self.groups * self.depth() * self.places
    }

    fn in_image(&self) -> usize {
        self.groups * self.taken * self.plane
    }

    fn kernel(&self) -> usize {
        self.groups * self.made * self.depth()
    }

    fn depth(&self) -> usize {
        self.taken * self.window
    }

    fn out_image(&self) -> usize {
        self.groups * self.made * self.places
    }
}

/// Puts the elements under each window into a column: rows are input features by window elements.
fn fill_columns<T: Real>(sizes: &Sizes, windows: &[u32], input: &[T], padded: &mut [T], columns: &mut [T]) {
    let rows = columns.chunks_exact_mut(sizes.window * sizes.places);
    for (rows, plane) in rows.zip(input.chunks_exact(sizes.plane.max(1))) {
        padded[..sizes.plane].copy_from_slice(plane);
        rows.iter_mut().zip(windows).for_each(|(element, &place)| *element = padded[place as usize]);
    }
}

fn multiply_groups<T: Real>(sizes: &Sizes, kernel: &[T], columns: &[T], out: &mut [T]) {
    let product = (sizes.made, sizes.places, sizes.depth());
    for (group, out) in out.chunks_exact_mut(sizes.made * sizes.places).enumerate() {
        let weights = Matrix { offset: group * sizes.made * sizes.depth(), row: sizes.depth(), column: 1 };
        let columns_at =
            Matrix { offset: group * sizes.depth() * sizes.places, row: sizes.places, column: 1 };
        multiply(product, (kernel, weights), (columns, columns_at), out);
    }
}

/// For every window element, then every output place: the place in an input plane under it, or
/// just behind the plane in the padding and between dilated elements.
fn windows(op: &Convolution, input: &[usize], kernel: &[usize], output: &[usize]) -> Vec<u32> {
    let sizes = |shape: &[usize], layout: &Layout| -> Vec<usize> {
        layout.spatial.iter().map(|&dim| shape[dim]).collect()
    };
    let (plane, window, places) =
        (sizes(input, &op.input), sizes(kernel, &op.kernel), sizes(output, &op.output));
    let under = |at: &[usize], out: &[usize]| -> Option<u32> {
        let along = |dim: usize| {
            let element = if op.reversal[dim] { window[dim] - 1 - at[dim] } else { at[dim] };
            let start = out[dim] * op.strides[dim] + element * op.rhs_dilation[dim];
            inside(start as i64 - op.padding[dim].0, op.lhs_dilation[dim], plane[dim])
        };
        let source: Vec<usize> = (0..plane.len()).map(along).collect::<Option<_>>()?;
        Some(place(&plane, &source) as u32)
    };
    let outside = plane.iter().product::<usize>() as u32;
    let places: Vec<Vec<usize>> = indices(&places).collect();
    indices(&window)
        .flat_map(|at| places.iter().map(|out| under(&at, out).unwrap_or(outside)).collect::<Vec<_>>())
        .collect()
}

/// For every member, which of the inputs and which of the kernels is its own.
fn members_of(
    op: &Convolution,
    members: &[usize],
    input: &[usize],
    kernel: &[usize],
) -> (Vec<usize>, Vec<usize>) {
    let own = |shape: &[usize], side: fn(&BatchingDim) -> Option<usize>| -> Vec<usize> {
        let dims: Vec<Option<usize>> = op.batching_dims.iter().map(side).collect();
        let sizes: Vec<usize> = dims.iter().flatten().map(|&dim| shape[dim]).collect();
        let mut steps = strides(&sizes).into_iter();
        let steps: Vec<usize> = dims.iter().map(|dim| dim.and_then(|_| steps.next()).unwrap_or(0)).collect();
        indices(members).map(|at| at.iter().zip(&steps).map(|(at, step)| at * step).sum()).collect()
    };
    (own(input, |dim| dim.input), own(kernel, |dim| dim.kernel))
}

/// Dimensions of an input or result in the order batch, batching, feature, spatial.
fn images_first(batching: &[usize], layout: &Layout) -> Vec<usize> {
    [&[layout.batch], batching, &[layout.feature], &layout.spatial].concat()
}

/// Dimensions of a kernel in the order batching, output feature, input feature, spatial.
fn kernels_first(batching: &[usize], layout: &Layout) -> Vec<usize> {
    [batching, &[layout.batch, layout.feature], &layout.spatial].concat()
}

/// Elements whose dimensions are in the order of [`images_first`], in the layout's own.
fn restored<T: Copy>(values: Vec<T>, shape: &[usize], batching: &[usize], layout: &Layout) -> Vec<T> {
    let order = images_first(batching, layout);
    let sizes: Vec<usize> = order.iter().map(|&dim| shape[dim]).collect();
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(at, &dim)| back[dim] = at);
    match permuted(&values, &sizes, &back) {
        Cow::Borrowed(_) => values,
        Cow::Owned(permuted) => permuted,
    }
}

/// The elements with their dimensions in another order.
fn permuted<'a, T: Copy>(values: &'a [T], shape: &[usize], order: &[usize]) -> Cow<'a, [T]> {
    if order.iter().copied().eq(0..order.len()) {
        return values.into();
    }
    let steps = strides(shape);
    View::strided(order.iter().map(|&dim| (shape[dim], steps[dim]))).read(values).into()
}
