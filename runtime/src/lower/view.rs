//! Shape ops that only say where their operand's elements lie.

use choral_ir::op::{BroadcastInDim, Reverse, ShapeOp, Slice, Transpose};
use choral_kernels::Access;
use choral_kernels::access::{Dim, collapsed};

/// The access that reads an op's result from where its operand's elements lie; `None` if the op is more than that, or
/// the strides cannot say it.
pub fn view(op: &ShapeOp, operand: &Access) -> Option<Access> {
    match op {
        ShapeOp::BroadcastInDim(op) => Some(broadcast_in_dim(op, operand)),
        ShapeOp::Reshape(op) => reshape(&op.shape, operand),
        ShapeOp::Transpose(op) => Some(transpose(op, operand)),
        ShapeOp::Reverse(op) => Some(reverse(op, operand)),
        ShapeOp::Slice(op) => Some(slice(op, operand)),
        ShapeOp::Iota(_) | ShapeOp::BitcastConvert(_) | ShapeOp::Pad(_) | ShapeOp::Concatenate(_) => None,
    }
}

fn broadcast_in_dim(BroadcastInDim { shape, dims }: &BroadcastInDim, operand: &Access) -> Access {
    let mut result: Vec<Dim> = shape.iter().map(|&size| (size, 0)).collect();
    for (&dim, &(size, stride)) in dims.iter().zip(&operand.dims) {
        result[dim].1 = if size == 1 { 0 } else { stride };
    }
    Access { offset: operand.offset, dims: result }
}

fn transpose(Transpose { permutation }: &Transpose, operand: &Access) -> Access {
    Access { offset: operand.offset, dims: permutation.iter().map(|&dim| operand.dims[dim]).collect() }
}

fn reverse(Reverse { dims }: &Reverse, operand: &Access) -> Access {
    let mut result = operand.clone();
    for &dim in dims {
        let (size, stride) = &mut result.dims[dim];
        result.offset += size.saturating_sub(1) as isize * *stride;
        *stride = -*stride;
    }
    result
}

fn slice(Slice { start, limit, strides }: &Slice, operand: &Access) -> Access {
    let mut result = operand.clone();
    for (at, dim) in result.dims.iter_mut().enumerate() {
        let (size, step) = *dim;
        result.offset += start[at] as isize * step;
        // A stride beyond the end takes one element, as one to the end does.
        let stride = strides[at].min(size.max(1));
        *dim = ((limit[at] - start[at]).div_ceil(stride), step * stride as isize);
    }
    result
}

/// The same elements in order under another shape, if strides can say it: each part of the shape must be one run.
pub fn reshape(shape: &[usize], operand: &Access) -> Option<Access> {
    if shape.contains(&0) {
        return Some(Access { offset: operand.offset, dims: shape.iter().map(|&size| (size, 0)).collect() });
    }
    let mut runs = collapsed(&operand.dims).into_iter().rev();
    let mut dims = vec![(1, 0); shape.len()];
    // From the innermost dimension on: what is left of the run, and the stride there.
    let (mut left, mut stride) = (1, 0);
    for (dim, &size) in dims.iter_mut().zip(shape).rev() {
        if size == 1 {
            continue;
        }
        if left == 1 {
            (left, stride) = runs.next()?;
        }
        if left % size != 0 {
            return None;
        }
        *dim = (size, stride);
        (left, stride) = (left / size, stride * size as isize);
    }
    Some(Access { offset: operand.offset, dims })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshapes_of_parts_that_are_runs_are_views() {
        let dense = Access::dense(&[4, 6]);
        assert_eq!(
            reshape(&[2, 2, 1, 6], &dense).map(|access| access.dims),
            Some(Access::dense(&[2, 2, 1, 6]).dims).map(|mut dims| {
                dims[2].1 = 0;
                dims
            })
        );
        let turned = Access { offset: 0, dims: vec![(6, 1), (4, 6)] };
        assert_eq!(reshape(&[24], &turned), None);
        let parts = reshape(&[2, 3, 4], &turned).map(|access| access.dims);
        assert_eq!(parts, Some(vec![(2, 3), (3, 1), (4, 6)]));
        let repeated = Access { offset: 3, dims: vec![(5, 0), (4, 1)] };
        assert_eq!(
            reshape(&[5, 2, 2], &repeated).map(|access| access.dims),
            Some(vec![(5, 0), (2, 2), (2, 1)])
        );
        assert_eq!(reshape(&[20], &repeated), None);
    }
}
