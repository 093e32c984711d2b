//! Cuts of kernels whose accesses begin with the dimensions along which they may be cut: members of windows, rows that
//! are ordered, matrices of a batch.
//!
//! Must not live here: rows and products, whose dimensions have places of their own.

use super::{Cuts, Use};
use crate::Number;
use crate::access::{Access, Elements};
use crate::extreme::Places;
use crate::kernel::Kernel;
use crate::moves::Start;
use crate::window::Initial;

/// A kernel as the elements that it touches.
struct Touching<'a> {
    /// The dimensions along which it may be cut.
    dims: Vec<usize>,
    /// Where it says their sizes beside its accesses.
    sizes: Option<&'a mut Vec<usize>>,
    touched: Vec<Touched<'a>>,
}

/// Elements that a kernel reads or writes.
struct Touched<'a> {
    buffer: usize,
    access: &'a mut Access,
    number: Number,
    is_written: bool,
    /// How many elements further on along each dimension it may begin, where indices say.
    moves: Vec<(usize, usize)>,
}

/// The cuts of such a kernel.
pub(super) fn cuts(kernel: &Kernel) -> Option<Cuts> {
    let mut kernel = kernel.clone();
    let Touching { dims, touched, .. } = touching(&mut kernel)?;
    let sizes = touched.first().map(|first| dims.iter().map(|&at| first.access.dims[at].0).collect())?;
    let uses = touched.iter().map(|Touched { buffer, access, number, is_written, moves }| {
        let mut all = access.dims.clone();
        moves.iter().for_each(|&(at, further)| all[at].0 += further);
        let others = (0..all.len()).filter(|at| !dims.contains(at));
        let all = dims.iter().copied().chain(others).map(|at| all[at]).collect();
        Use::of(*buffer, *is_written, *number, access.offset, all)
    });
    Some(Cuts { sizes, uses: uses.collect() })
}

/// Makes such a kernel the first of so many strips.
pub(super) fn strip(kernel: &mut Kernel, dim: usize, count: usize) {
    let Some(Touching { dims, sizes, touched }) = touching(kernel) else { return };
    let at = dims[dim];
    touched.into_iter().for_each(|touched| touched.access.dims[at].0 /= count);
    if let Some(sizes) = sizes {
        sizes[at] /= count;
    }
}

/// Every access of such a kernel, with its buffer and its numbers.
pub(super) fn each_access(kernel: &mut Kernel, mut change: impl FnMut(usize, &mut Access, Number)) {
    let touched = touching(kernel).map(|touching| touching.touched).unwrap_or_default();
    touched.into_iter().for_each(|touched| change(touched.buffer, touched.access, touched.number));
}

impl<'a> Touched<'a> {
    fn read(elements: &'a mut Elements, number: Number) -> Touched<'a> {
        let Elements { buffer, access } = elements;
        Touched { buffer: *buffer, access, number, is_written: false, moves: Vec::new() }
    }

    fn written(elements: &'a mut Elements, number: Number) -> Touched<'a> {
        Touched { is_written: true, ..Touched::read(elements, number) }
    }
}

fn loaded(initial: &mut Initial, number: Number) -> Option<Touched<'_>> {
    match initial {
        Initial::Constant(_) => None,
        Initial::Load(elements) => Some(Touched::read(elements, number)),
    }
}

fn starts(starts: &mut [Start]) -> impl Iterator<Item = Touched<'_>> {
    starts.iter_mut().map(|start| Touched::read(&mut start.place, start.number))
}

fn touching(kernel: &mut Kernel) -> Option<Touching<'_>> {
    match kernel {
        Kernel::Window(kernel) => {
            let number = kernel.number;
            let is_plain = |at: &usize| {
                let [input, result] = kernel.sizes(*at);
                kernel.windows[*at].is_plain() && input == result
            };
            let dims = (0..kernel.windows.len()).filter(is_plain).collect();
            let ends =
                [Touched::read(&mut kernel.input, number), Touched::written(&mut kernel.result, number)];
            let touched = ends.into_iter().chain(loaded(&mut kernel.initial, number)).collect();
            Some(Touching { dims, sizes: None, touched })
        }
        Kernel::Extreme(kernel) => {
            let (value, place) = (kernel.value, kernel.place);
            let mut touched = vec![Touched::read(&mut kernel.values, value)];
            if let Places::Load(elements) = &mut kernel.places {
                touched.push(Touched::read(elements, place));
            }
            for (initial, number) in kernel.initial.iter_mut().zip([value, place]) {
                touched.extend(loaded(initial, number));
            }
            for (result, number) in kernel.results.iter_mut().zip([value, place]) {
                touched.push(Touched::written(result, number));
            }
            Some(Touching { dims: (0..kernel.kept).collect(), sizes: None, touched })
        }
        Kernel::Gather(kernel) => {
            let windows = kernel.windows.len();
            let moves = kernel.starts.iter().map(|start| (windows + start.dim, start.last)).collect();
            let from = Touched { moves, ..Touched::read(&mut kernel.from, kernel.number) };
            let out = Touched::written(&mut kernel.out, kernel.number);
            let touched = [from, out].into_iter().chain(starts(&mut kernel.starts)).collect();
            Some(Touching { dims: (0..windows).collect(), sizes: Some(&mut kernel.windows), touched })
        }
        Kernel::Sort(kernel) => {
            let dims = (0..kernel.rows.len()).collect();
            let operands = kernel.operands.iter_mut().flat_map(|operand| {
                let number = operand.number;
                [Touched::read(&mut operand.from, number), Touched::written(&mut operand.out, number)]
            });
            let mut touched: Vec<Touched<'_>> = operands.collect();
            if let Some(places) = &mut kernel.places {
                touched.push(Touched::written(places, Number::I32));
            }
            Some(Touching { dims, sizes: Some(&mut kernel.rows), touched })
        }
        Kernel::Cholesky(kernel) => {
            let number = kernel.number;
            let dims = (0..kernel.matrix.access.dims.len().saturating_sub(2)).collect();
            let touched =
                vec![Touched::read(&mut kernel.matrix, number), Touched::written(&mut kernel.result, number)];
            Some(Touching { dims, sizes: None, touched })
        }
        Kernel::TriangularSolve(kernel) => {
            let number = kernel.number;
            let dims = (0..kernel.matrix.access.dims.len().saturating_sub(2)).collect();
            let touched = vec![
                Touched::read(&mut kernel.matrix, number),
                Touched::read(&mut kernel.right, number),
                Touched::written(&mut kernel.result, number),
            ];
            Some(Touching { dims, sizes: None, touched })
        }
        Kernel::Rows(_)
        | Kernel::Products(_)
        | Kernel::Pack(_)
        | Kernel::Fold(_)
        | Kernel::SelectAndScatter(_)
        | Kernel::Scatter(_)
        | Kernel::Random(_) => None,
    }
}
