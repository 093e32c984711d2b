//! Contractions as matrix products of the `gemm` crates.

use choral_ir::op::{DotGeneral, dot::free};
use choral_ir::{Element, Storage, Tensor, TensorType};
use gemm_common::Parallelism;

use super::view::View;
use crate::ops::places::strides;

/// Products of fewer elements than this do not justify another thread.
const PARALLEL: usize = 1 << 20;

/// A matrix within a buffer: where it starts, and the distances between rows and columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix {
    pub(super) offset: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// The elements of the result; `None` if there is no product for the element types.
pub fn evaluate(op: &DotGeneral, lhs: &Tensor, rhs: &Tensor, ty: &TensorType) -> Option<Storage> {
    match (lhs.storage(), rhs.storage(), ty.dtype) {
        (Storage::F32(left), Storage::F32(right), choral_ir::DType::F32) => {
            Some(f32::store(contract(op, (left, lhs.shape()), (right, rhs.shape()), ty.len())))
        }
        (Storage::F64(left), Storage::F64(right), choral_ir::DType::F64) => {
            Some(f64::store(contract(op, (left, lhs.shape()), (right, rhs.shape()), ty.len())))
        }
        (_, _, _) => None,
    }
}

/// Type and dimensions of an operand.
type Side<'a, T> = (&'a [T], &'a [usize]);

fn contract<T: Real>(op: &DotGeneral, lhs: Side<'_, T>, rhs: Side<'_, T>, length: usize) -> Vec<T> {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype: _ } = op;
    let left = Grouped::of(lhs, lhs_batching, lhs_contracting);
    let right = Grouped::of(rhs, rhs_batching, rhs_contracting);
    let (rows, columns, depth) = (left.free.0, right.free.0, left.contracted.0);
    let mut result = vec![T::zero(); length];
    if rows * columns * depth == 0 {
        return result;
    }
    for (product, out) in result.chunks_exact_mut(rows * columns).enumerate() {
        let a = Matrix { offset: left.batch[product], row: left.free.1, column: left.contracted.1 };
        let b = Matrix { offset: right.batch[product], row: right.contracted.1, column: right.free.1 };
        multiply((rows, columns, depth), (&left.values, a), (&right.values, b), out);
    }
    result
}

/// An operand as matrices side by side: start of each, then size and stride of the free and the
/// contracted dimensions taken together.
struct Grouped<'a, T: Clone> {
    values: std::borrow::Cow<'a, [T]>,
    batch: Vec<usize>,
    free: (usize, usize),
    contracted: (usize, usize),
}

impl<'a, T: Copy> Grouped<'a, T> {
    fn of((values, shape): Side<'a, T>, batching: &[usize], contracting: &[usize]) -> Grouped<'a, T> {
        let free = free(shape.len(), batching, contracting);
        let steps = strides(shape);
        let sizes = |dims: &[usize]| -> Vec<usize> { dims.iter().map(|&dim| shape[dim]).collect() };
        let batch = View::strided(batching.iter().map(|&dim| (shape[dim], steps[dim])));
        match (joined(shape, &steps, &free), joined(shape, &steps, contracting)) {
            (Some(free), Some(contracted)) => {
                Grouped { values: values.into(), batch: batch.places(), free, contracted }
            }
            (None, _) | (_, None) => {
                // No one stride spans a group: the elements are copied into the order that has one.
                let order: Vec<usize> = [batching, &free, contracting].concat();
                let view = View::strided(order.iter().map(|&dim| (shape[dim], steps[dim])));
                let (rows, depth) = (sizes(&free).iter().product(), sizes(contracting).iter().product());
                let batches: usize = sizes(batching).iter().product();
                let batch = (0..batches).map(|at| at * rows * depth).collect();
                Grouped {
                    values: view.read(values).into(),
                    batch,
                    free: (rows, depth),
                    contracted: (depth, 1),
                }
            }
        }
    }
}

/// Size and stride of several dimensions taken as one, if one stride spans them.
fn joined(shape: &[usize], steps: &[usize], dims: &[usize]) -> Option<(usize, usize)> {
    let mut whole: Option<(usize, usize)> = None;
    for &dim in dims.iter().filter(|&&dim| shape[dim] != 1) {
        whole = match whole {
            None => Some((shape[dim], steps[dim])),
            Some((size, stride)) if stride == steps[dim] * shape[dim] => {
                Some((size * shape[dim], steps[dim]))
            }
            Some(_) => return None,
        };
    }
    Some(whole.unwrap_or((1, 1)))
}

/// What the `gemm` crates call: sizes; the result, its strides from column to column and from row to row, and
/// whether it is added to; both operands likewise; factors; which are conjugated; and who takes part.
type Kernel<T> = unsafe fn(
    usize,
    usize,
    usize,
    *mut T,
    isize,
    isize,
    bool,
    *const T,
    isize,
    isize,
    *const T,
    isize,
    isize,
    T,
    T,
    bool,
    bool,
    bool,
    Parallelism,
);

/// The floats that have a kernel.
pub(super) trait Real: Copy + Send + Sync + num_traits::Float + 'static {
    /// The fastest kernel of this processor.
    fn kernel() -> Kernel<Self>;
}

impl Real for f32 {
    fn kernel() -> Kernel<f32> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Real for f64 {
    fn kernel() -> Kernel<f64> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// Writes the product of a `rows` x `depth` and a `depth` x `columns` matrix to `out`, row by row.
///
/// Kernels write column by column, so they are asked for the transposed product.
pub(super) fn multiply<T: Real>(
    (rows, columns, depth): (usize, usize, usize),
    (left, a): (&[T], Matrix),
    (right, b): (&[T], Matrix),
    out: &mut [T],
) {
    let reach = |matrix: Matrix, rows: usize, columns: usize| {
        matrix.offset + (rows - 1) * matrix.row + (columns - 1) * matrix.column
    };
    assert!(rows > 0 && columns > 0 && depth > 0 && out.len() == rows * columns);
    assert!(reach(a, rows, depth) < left.len() && reach(b, depth, columns) < right.len());
    let parallelism =
        if rows * columns * depth < PARALLEL { Parallelism::None } else { Parallelism::Rayon(0) };
    // SAFETY: the asserts above hold every element that the strides reach within its slice; `out`
    // is exclusive and exactly rows * columns long.
    unsafe {
        T::kernel()(
            columns,
            rows,
            depth,
            out.as_mut_ptr(),
            columns as isize,
            1,
            false,
            right.as_ptr().add(b.offset),
            b.row as isize,
            b.column as isize,
            left.as_ptr().add(a.offset),
            a.row as isize,
            a.column as isize,
            T::zero(),
            T::one(),
            false,
            false,
            false,
            parallelism,
        );
    }
}
