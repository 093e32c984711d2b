//! Lists of dimensions as one index space: extents, offsets of flat indices, and fewer dimensions for the
//! same.
//!
//! Must not live here: what the strides are strides of.

use super::Dim;

/// The number of indices.
pub fn size<const N: usize>(dims: &[Dim<N>]) -> usize {
    dims.iter().map(|dim| dim.size).product()
}

/// The least and the greatest offset in an operand.
pub fn span<const N: usize>(dims: &[Dim<N>], operand: usize) -> (isize, isize) {
    dims.iter().filter(|dim| dim.size > 0).fold((0, 0), |(low, high), dim| {
        let last = dim.strides[operand] * (dim.size as isize - 1);
        (low + last.min(0), high + last.max(0))
    })
}

/// The same offsets from fewer dimensions: without those of extent 1, neighbours merged where one stride
/// spans both.
pub fn collapsed<const N: usize>(dims: &[Dim<N>]) -> Vec<Dim<N>> {
    let mut kept: Vec<Dim<N>> = Vec::new();
    for &dim in dims.iter().filter(|dim| dim.size != 1) {
        match kept.last_mut() {
            Some(outer) if spans(outer, &dim) => {
                *outer = Dim { size: outer.size * dim.size, strides: dim.strides };
            }
            Some(_) | None => kept.push(dim),
        }
    }
    kept
}

fn spans<const N: usize>(outer: &Dim<N>, inner: &Dim<N>) -> bool {
    (0..N).all(|operand| outer.strides[operand] == inner.strides[operand] * inner.size as isize)
}

/// The offsets at a flat index, row-major.
pub fn offsets<const N: usize>(dims: &[Dim<N>], mut flat: usize) -> [isize; N] {
    let mut offsets = [0; N];
    for (position, dim) in dims.iter().enumerate().rev() {
        let at = if position == 0 { flat } else { flat % dim.size };
        if position > 0 {
            flat /= dim.size;
        }
        (0..N).for_each(|operand| offsets[operand] += dim.strides[operand] * at as isize);
    }
    offsets
}

/// Writes the offsets in an operand at consecutive flat indices from `start` on.
pub fn fill<const N: usize>(dims: &[Dim<N>], operand: usize, start: usize, into: &mut [isize]) {
    let Some((inner, outer)) = dims.split_last() else { return into.fill(0) };
    let (mut row, mut at) = (start / inner.size.max(1), start % inner.size.max(1));
    let mut rest = into;
    while !rest.is_empty() {
        let length = rest.len().min(inner.size - at);
        let (run, behind) = rest.split_at_mut(length);
        let base = offsets(outer, row)[operand];
        let along = |step: usize| base + inner.strides[operand] * (at + step) as isize;
        run.iter_mut().enumerate().for_each(|(step, offset)| *offset = along(step));
        (rest, row, at) = (behind, row + 1, 0);
    }
}

/// Whether an operand's elements are side by side in every group of `width` consecutive indices from a
/// multiple of `width` on, whole groups and the last one.
pub fn is_dense<const N: usize>(dims: &[Dim<N>], operand: usize, width: usize) -> bool {
    let single: Vec<Dim<1>> = dims.iter().map(|dim| Dim::new(dim.size, [dim.strides[operand]])).collect();
    match collapsed(&single).as_slice() {
        [] => true,
        [dim] => dim.strides[0] == 1,
        [.., dim] => dim.strides[0] == 1 && dim.size.is_multiple_of(width),
    }
}
