//! Strided views of dense tensors: what transposes, broadcasts, slices and reversals read.

use choral_ir::op::{BroadcastInDim, Reverse, ShapeOp, Slice, Transpose};
use choral_ir::{Element, Storage, Tensor, with_storage};

use crate::ops::places::strides;

/// Where the elements of a result lie in its operand: an offset, and per result dimension a size
/// and a stride.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    offset: isize,
    dims: Vec<(usize, isize)>,
}

impl View {
    /// A view of every element in order.
    pub fn dense(shape: &[usize]) -> View {
        View { offset: 0, dims: shape.iter().copied().zip(steps(shape)).collect() }
    }

    /// A view from the first element on, with a size and a stride per dimension.
    pub fn strided(dims: impl Iterator<Item = (usize, usize)>) -> View {
        View { offset: 0, dims: dims.map(|(size, stride)| (size, stride as isize)).collect() }
    }

    /// Where each element lies, in the order of the result.
    pub fn places(&self) -> Vec<usize> {
        let mut places = Vec::new();
        self.runs(|first, length, stride| {
            places.extend((0..length).map(|at| first.wrapping_add_signed(at as isize * stride)));
        });
        places
    }

    /// The view that an op is, of an operand of this shape; `None` if it is more than a view.
    pub fn of(op: &ShapeOp, operand: &[usize]) -> Option<View> {
        match op {
            ShapeOp::BroadcastInDim(op) => Some(broadcast_in_dim(op, operand)),
            ShapeOp::Transpose(op) => Some(transpose(op, operand)),
            ShapeOp::Reverse(op) => Some(reverse(op, operand)),
            ShapeOp::Slice(op) => Some(slice(op, operand)),
            ShapeOp::BitcastConvert(_)
            | ShapeOp::Iota(_)
            | ShapeOp::Reshape(_)
            | ShapeOp::Pad(_)
            | ShapeOp::Concatenate(_) => None,
        }
    }

    /// The view with neighbouring dimensions joined where one stride spans both, and dimensions of
    /// size 1 left out.
    fn collapsed(&self) -> View {
        let mut dims: Vec<(usize, isize)> = Vec::new();
        for &(size, stride) in self.dims.iter().filter(|(size, _)| *size != 1) {
            match dims.last_mut() {
                Some((outer, outer_stride)) if *outer_stride == stride * size as isize => {
                    (*outer, *outer_stride) = (*outer * size, stride);
                }
                Some(_) | None => dims.push((size, stride)),
            }
        }
        View { offset: self.offset, dims }
    }

    /// Calls `run(first, length, stride)` for every run of the innermost dimension, in the order
    /// of the result.
    pub fn runs(&self, mut run: impl FnMut(usize, usize, isize)) {
        let View { offset, mut dims } = self.collapsed();
        if dims.iter().any(|&(size, _)| size == 0) {
            return;
        }
        let (length, stride) = dims.pop().unwrap_or((1, 1));
        let mut index = vec![0; dims.len()];
        let mut at = offset;
        loop {
            run(at as usize, length, stride);
            let Some(dim) = (0..dims.len()).rev().find(|&dim| index[dim] + 1 < dims[dim].0) else { return };
            for inner in dim + 1..dims.len() {
                at -= index[inner] as isize * dims[inner].1;
                index[inner] = 0;
            }
            index[dim] += 1;
            at += dims[dim].1;
        }
    }

    /// The elements in the order of the result.
    pub fn read<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let mut result = Vec::with_capacity(self.dims.iter().map(|(size, _)| size).product());
        self.runs(|first, length, stride| match stride {
            1 => result.extend_from_slice(&values[first..first + length]),
            0 => result.resize(result.len() + length, values[first]),
            stride => {
                result.extend((0..length).map(|at| values[first.wrapping_add_signed(at as isize * stride)]))
            }
        });
        result
    }
}

/// The elements of a tensor that a view reads.
pub fn copy(view: &View, operand: &Tensor) -> Storage {
    with_storage!(operand.storage(), values => Element::store(view.read(values)))
}

fn steps(shape: &[usize]) -> Vec<isize> {
    strides(shape).into_iter().map(|stride| stride as isize).collect()
}

fn broadcast_in_dim(BroadcastInDim { shape, dims }: &BroadcastInDim, operand: &[usize]) -> View {
    let mut result: Vec<(usize, isize)> = shape.iter().map(|&size| (size, 0)).collect();
    for ((&dim, &size), step) in dims.iter().zip(operand).zip(steps(operand)) {
        result[dim].1 = if size == 1 { 0 } else { step };
    }
    View { offset: 0, dims: result }
}

fn transpose(Transpose { permutation }: &Transpose, operand: &[usize]) -> View {
    let steps = steps(operand);
    View { offset: 0, dims: permutation.iter().map(|&dim| (operand[dim], steps[dim])).collect() }
}

fn reverse(Reverse { dims }: &Reverse, operand: &[usize]) -> View {
    let mut view = View::dense(operand);
    for &dim in dims {
        let (size, stride) = view.dims[dim];
        view.offset += size.saturating_sub(1) as isize * stride;
        view.dims[dim].1 = -stride;
    }
    view
}

fn slice(Slice { start, limit, strides }: &Slice, operand: &[usize]) -> View {
    let mut view = View::dense(operand);
    for dim in 0..operand.len() {
        let step = view.dims[dim].1;
        view.offset += start[dim] as isize * step;
        // A stride beyond the end takes one element, as one to the end does.
        let stride = strides[dim].min(operand[dim].max(1));
        view.dims[dim] = ((limit[dim] - start[dim]).div_ceil(stride), step * stride as isize);
    }
    view
}
