//! Strided views of dense tensors: where the elements of a fold lie.

/// Where the elements of a result lie in its operand: an offset, and per result dimension a size
/// and a stride.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    offset: isize,
    dims: Vec<(usize, isize)>,
}

impl View {
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
    fn runs(&self, mut run: impl FnMut(usize, usize, isize)) {
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
}
