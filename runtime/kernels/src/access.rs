//! Accesses: which elements of a buffer a kernel reads or writes, by offset and strides.
//!
//! Must not live here: buffers themselves, and what is done with the elements.

/// A size and a stride, in elements: 0 repeats, negative runs backward.
pub type Dim = (usize, isize);

/// Elements of a buffer: an offset, and a size and a stride for every dimension, the outermost first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// Where the element at index 0 lies.
    pub offset: isize,
    /// Size and stride of each dimension.
    pub dims: Vec<Dim>,
}

/// Elements of one of a plan's buffers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Elements {
    /// The buffer, by its place in the table of a plan.
    pub buffer: usize,
    /// Where the elements lie.
    pub access: Access,
}

/// Equally spaced elements: where the first lies, how many there are, and how far apart they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Of the first element, from the access' offset.
    pub first: isize,
    /// Number of elements.
    pub length: usize,
    /// Distance between them.
    pub stride: isize,
}

impl Access {
    /// All elements in row-major order.
    pub fn dense(shape: &[usize]) -> Access {
        let mut dims: Vec<Dim> = shape.iter().map(|&size| (size, 0)).collect();
        let mut stride = 1;
        for dim in dims.iter_mut().rev() {
            dim.1 = stride;
            stride *= dim.0 as isize;
        }
        Access { offset: 0, dims }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        size(&self.dims)
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the elements lie one after another.
    pub fn is_dense(&self) -> bool {
        matches!(collapsed(&self.dims).as_slice(), [] | [(_, 1)])
    }
}

/// Number of elements of dimensions.
pub fn size(dims: &[Dim]) -> usize {
    dims.iter().fold(1, |all: usize, &(size, _)| all.saturating_mul(size))
}

/// The dimensions with neighbours joined where one stride spans both, and without those of size 1.
pub fn collapsed(dims: &[Dim]) -> Vec<Dim> {
    let mut joined: Vec<Dim> = Vec::with_capacity(dims.len());
    for &(size, stride) in dims.iter().filter(|(size, _)| *size != 1) {
        match joined.last_mut() {
            Some((outer, outer_stride)) if *outer_stride == stride * size as isize => {
                (*outer, *outer_stride) = (*outer * size, stride);
            }
            Some(_) | None => joined.push((size, stride)),
        }
    }
    joined
}

/// Where the element at a place in row-major order lies.
pub fn place(dims: &[Dim], mut at: usize) -> isize {
    let mut place = 0;
    for &(size, stride) in dims.iter().rev() {
        place += (at % size) as isize * stride;
        at /= size;
    }
    place
}

/// Calls `run` for every run of the innermost dimension, of elements number `start` to `start + length` in
/// row-major order.
#[inline]
pub fn runs(dims: &[Dim], start: usize, length: usize, mut run: impl FnMut(Run)) {
    let Some((&(inner, stride), outer)) = dims.split_last() else {
        if length > 0 {
            run(Run { first: 0, length, stride: 0 });
        }
        return;
    };
    if length == 0 {
        return;
    }
    let (mut line, mut at, mut left) = (start / inner, start % inner, length);
    if let [(_, step)] = outer {
        // The usual case, without divisions.
        while left > 0 {
            let length = left.min(inner - at);
            run(Run { first: line as isize * step + at as isize * stride, length, stride });
            (line, at, left) = (line + 1, 0, left - length);
        }
        return;
    }
    while left > 0 {
        let length = left.min(inner - at);
        run(Run { first: place(outer, line) + at as isize * stride, length, stride });
        (line, at, left) = (line + 1, 0, left - length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_with_one_stride_are_one_dimension() {
        assert_eq!(collapsed(&[(2, 12), (1, 7), (3, 4), (4, 1)]), [(24, 1)]);
        assert_eq!(collapsed(&[(2, 0), (3, 0)]), [(6, 0)]);
        assert_eq!(collapsed(&[(2, 1), (3, 2)]), [(2, 1), (3, 2)]);
        assert!(collapsed(&[(1, 5)]).is_empty());
    }

    #[test]
    fn runs_visit_every_element_in_order() {
        let dims = [(2, 100), (3, -10), (4, 1)];
        let mut seen = Vec::new();
        runs(&dims, 3, 18, |run| {
            seen.extend((0..run.length).map(|at| run.first + at as isize * run.stride));
        });
        let expected: Vec<isize> = (3..21).map(|at| place(&dims, at)).collect();
        assert_eq!(seen, expected);
    }
}
