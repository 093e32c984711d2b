//! Gradients of max-pooling have the bits of an obvious loop, for every type, shape, layout and level.

use choral_kernels::cpu::select_and_scatter::Program;
use choral_kernels::instruction::{Binary, Comparison};
use choral_kernels::select_and_scatter::{Select, SelectAndScatter};
use choral_kernels::window::{Initial, WindowDim};
use choral_kernels::{Access, Number};

use crate::elements::{access, at, binary, bits_of, elements, indices, less, reach, run_in_parts, same};
use crate::product::{Buffer, Draws, Scalar, levels};

/// The definition: accumulators of 16-bit floats are single ones.
fn expected(kernel: &SelectAndScatter, constant: Scalar, buffers: &[Buffer]) -> Buffer {
    let sizes: Vec<usize> = kernel.operand.access.dims.iter().map(|dim| dim.0).collect();
    let counts: Vec<usize> = kernel.source.access.dims.iter().map(|dim| dim.0).collect();
    let window: Vec<usize> = kernel.windows.iter().map(|dim| dim.window).collect();
    let number = kernel.number;
    let mut sums: Vec<(Vec<usize>, Scalar)> = indices(&sizes)
        .map(|index| {
            let initial = match &kernel.initial {
                Initial::Constant(_) => constant,
                Initial::Load(initial) => buffers[2].get(at(&initial.access, &index)),
            };
            (index, initial)
        })
        .collect();
    let value = |index: &[usize]| buffers[0].get(at(&kernel.operand.access, index));
    for index in indices(&counts) {
        let mut selected: Option<Vec<usize>> = None;
        for place in indices(&window) {
            let other: Option<Vec<usize>> = (0..sizes.len())
                .map(|dim| {
                    let place = (index[dim] * kernel.windows[dim].stride + place[dim]) as isize;
                    let place = usize::try_from(place - kernel.windows[dim].padding).ok()?;
                    (place < sizes[dim]).then_some(place)
                })
                .collect();
            let Some(other) = other else { continue };
            let stays = selected.as_ref().is_some_and(|selected| {
                let (x, y) = (value(selected), value(&other));
                let (x, y) = if kernel.select.is_swapped { (y, x) } else { (x, y) };
                less(number, x, y) || kernel.select.comparison == Comparison::LessOrEqual && x == y
            });
            selected = if stays { selected } else { Some(other) };
        }
        if let Some(sum) = selected.and_then(|selected| sums.iter_mut().find(|(index, _)| *index == selected))
        {
            sum.1 = binary(Binary::Add, number, sum.1, buffers[1].get(at(&kernel.source.access, &index)));
        }
    }
    let mut out = buffers[3].clone();
    sums.into_iter().for_each(|(index, sum)| out.put(at(&kernel.result.access, &index), sum));
    out
}

fn check(kernel: &SelectAndScatter, constant: Scalar, draws: &mut Draws) {
    let number = kernel.number;
    let mut drawn = |access: &Access| Buffer::drawn(number, reach(access), draws);
    let buffers = vec![
        drawn(&kernel.operand.access),
        drawn(&kernel.source.access),
        match &kernel.initial {
            Initial::Load(initial) => drawn(&initial.access),
            Initial::Constant(_) => Buffer::new(number, 1),
        },
        Buffer::new(number, reach(&kernel.result.access)),
    ];
    let right = expected(kernel, constant, &buffers);
    for level in levels() {
        let program = Program::new(kernel, level);
        let mut buffers = buffers.clone();
        run_in_parts(
            (program.units(), program.frame_bytes()),
            &mut buffers,
            draws,
            |buffers, units, frame| {
                // SAFETY: the buffers reach as far as the accesses.
                unsafe { program.run(buffers, units, frame) }
            },
        );
        same(&buffers[3], &right, &kernel.result.access, kernel);
    }
}

#[test]
fn gradients_of_pooling() {
    let mut draws = Draws(31);
    for number in Number::ALL {
        for _ in 0..60 {
            let rank = draws.below(4);
            let mut sizes: Vec<usize> = (0..rank).map(|_| draws.one_of(&[0, 1, 2, 5, 8])).collect();
            // Rows of more windows than select at once, and some left over.
            if let (Some(size), true) = (sizes.last_mut(), draws.below(2) == 0) {
                *size = 21;
            }
            let mut counts = Vec::new();
            let windows: Vec<WindowDim> = sizes
                .iter()
                .map(|&size| {
                    if draws.below(3) == 0 {
                        counts.push(size);
                        return WindowDim::PLAIN;
                    }
                    let (window, stride) = (1 + draws.below(3), 1 + draws.below(3));
                    let padding = draws.below(5) as isize - 2;
                    let places = size as isize + padding + draws.below(5) as isize - 2 - window as isize;
                    counts.push(if places < 0 { 0 } else { places as usize / stride + 1 });
                    WindowDim { window, stride, padding, ..WindowDim::PLAIN }
                })
                .collect();
            let buffer = Buffer::drawn(number, 1, &mut draws);
            let constant = buffer.get(0);
            let is_dense = draws.below(2) == 0;
            let layout = |sizes: &[usize], is_written, draws: &mut Draws| match is_dense {
                true => Access::dense(sizes),
                false => access(sizes, is_written, draws),
            };
            let kernel = SelectAndScatter {
                number,
                select: Select {
                    comparison: draws.one_of(&[Comparison::Less, Comparison::LessOrEqual]),
                    is_swapped: draws.below(2) == 0,
                },
                operand: elements(0, &layout(&sizes, false, &mut draws)),
                source: elements(1, &layout(&counts, false, &mut draws)),
                initial: match draws.below(2) {
                    0 => Initial::Constant(bits_of(number, constant)),
                    _ => Initial::Load(elements(2, &layout(&sizes, false, &mut draws))),
                },
                result: elements(3, &layout(&sizes, true, &mut draws)),
                windows,
            };
            check(&kernel, constant, &mut draws);
        }
    }
}
