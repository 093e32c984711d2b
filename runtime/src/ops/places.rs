//! Multi-dimensional indices and where their elements lie in row-major order.

/// Distance between neighbours along each dimension of a row-major tensor.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for dim in (1..shape.len()).rev() {
        strides[dim - 1] = strides[dim] * shape[dim];
    }
    strides
}

/// Place of the element at `index`.
pub fn place(shape: &[usize], index: &[usize]) -> usize {
    shape.iter().zip(index).fold(0, |place, (&size, &at)| place * size + at)
}

/// Every index of a shape, in row-major order; of a scalar, the empty one.
pub fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let (shape, count) = (shape.to_vec(), shape.iter().product::<usize>());
    (0..count).map(move |place| unravel(&shape, place))
}

/// Index of the element at `place`.
pub fn unravel(shape: &[usize], mut place: usize) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (at, &size) in index.iter_mut().zip(shape).rev() {
        *at = place % size;
        place /= size;
    }
    index
}

/// The entries of `index` at `dims`.
pub fn chosen(index: &[usize], dims: &[usize]) -> Vec<usize> {
    dims.iter().map(|&dim| index[dim]).collect()
}
