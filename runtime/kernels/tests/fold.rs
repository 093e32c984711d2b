//! Folds by bodies have the bits of an obvious loop, for every type, shape, layout, number of lanes and level.

use choral_kernels::cpu::fold::Program;
use choral_kernels::fold::{Fold, Folded};
use choral_kernels::instruction::{Binary, Instruction};
use choral_kernels::rows::{Kind, Step};
use choral_kernels::window::{Initial, WindowDim};
use choral_kernels::{Access, Expression, Level, Number};

use crate::elements::{access, at, binary, elements, indices, reach, run_in_parts};
use crate::product::{Buffer, Draws, levels};

const NUMBERS: [Number; 5] = [Number::I8, Number::I32, Number::U64, Number::F32, Number::F64];

/// `(y_sofar, x_sofar - x + y)`, of which both results need both accumulators, or `(x_sofar - x + y, y_sofar - x)`.
fn body(number: Number, crosses: bool) -> Expression {
    let compute = |op, operands| {
        let kind = Kind::Compute { instruction: Instruction::Binary(op), operands };
        Step { kind, number: number.in_registers() }
    };
    let steps = vec![
        compute(Binary::Subtract, vec![0, 2]),
        compute(Binary::Add, vec![4, 3]),
        compute(Binary::Subtract, vec![1, 2]),
    ];
    let results = if crosses { [1, 5] } else { [5, 6] };
    let results = results.map(|result| (result, number)).to_vec();
    Expression { inputs: vec![number; 4], steps, results }
}

/// A fold of buffers 0 and 1 to 2 and 3, from initial values in 4 and 5.
fn fold(draws: &mut Draws) -> Fold {
    let number = draws.one_of(&NUMBERS);
    let rank = draws.below(4);
    let mut sizes = [Vec::new(), Vec::new()];
    let mut windows = Vec::new();
    for at in 0..rank {
        let mut dim = WindowDim {
            window: 1 + draws.below(3),
            stride: 1 + draws.below(2),
            base_dilation: 1 + draws.below(2),
            window_dilation: 1 + draws.below(2),
            padding: draws.below(4) as isize - 1,
        };
        let mut size = [draws.below(7), draws.below(6)];
        match draws.below(4) {
            0 => (dim, size[1]) = (WindowDim::PLAIN, size[0]),
            1 if at == 0 && draws.below(3) == 0 => {
                size = [600, 1];
                dim = WindowDim { window: size[0], ..WindowDim::PLAIN };
            }
            1 => (dim, size[1]) = (WindowDim { window: size[0], ..WindowDim::PLAIN }, 1),
            _ => {}
        }
        windows.push(dim);
        sizes.iter_mut().zip(size).for_each(|(sizes, size)| sizes.push(size));
    }
    let is_dense = draws.below(2) == 0;
    let mut layout = |sizes: &[usize], is_written| match is_dense {
        true => Access::dense(sizes),
        false => access(sizes, is_written, draws),
    };
    let operand = |place: usize| Folded {
        number,
        input: elements(place, &layout(&sizes[0], false)),
        initial: Initial::Load(elements(4 + place, &layout(&sizes[1], false))),
        result: elements(2 + place, &layout(&sizes[1], true)),
    };
    Fold { operands: [0, 1].map(operand).to_vec(), windows, body: body(number, draws.below(2) == 0) }
}

/// The definition.
fn expected(fold: &Fold, buffers: &[Buffer]) -> [Buffer; 2] {
    let number = fold.operands[0].number;
    let mut out = [buffers[2].clone(), buffers[3].clone()];
    let counts: Vec<usize> = fold.operands[0].result.access.dims.iter().map(|dim| dim.0).collect();
    let windows: Vec<usize> = fold.windows.iter().map(|dim| dim.window).collect();
    for index in indices(&counts) {
        let first = [0, 1].map(|of: usize| match &fold.operands[of].initial {
            Initial::Load(initial) => buffers[4 + of].get(at(&initial.access, &index)),
            Initial::Constant(_) => panic!("a constant"),
        });
        let mut sofar = first;
        for place in indices(&windows) {
            let source: Option<Vec<usize>> = (0..index.len())
                .map(|dim| {
                    let along = &fold.windows[dim];
                    let place = index[dim] * along.stride + place[dim] * along.window_dilation;
                    let place = usize::try_from(place as isize - along.padding).ok()?;
                    let found = place / along.base_dilation;
                    (place % along.base_dilation == 0 && found < fold.sizes(dim)[0]).then_some(found)
                })
                .collect();
            let element = |of: usize| {
                let input = &fold.operands[of].input.access;
                source.as_ref().map_or(first[of], |source| buffers[of].get(at(input, source)))
            };
            let difference = binary(Binary::Subtract, number, sofar[0], element(0));
            let sum = binary(Binary::Add, number, difference, element(1));
            sofar = match fold.body.results[0].0 {
                1 => [sofar[1], sum],
                _ => [sum, binary(Binary::Subtract, number, sofar[1], element(0))],
            };
        }
        for of in 0..2 {
            out[of].put(at(&fold.operands[of].result.access, &index), sofar[of]);
        }
    }
    out
}

#[test]
fn folds_are_obvious_loops() {
    let mut draws = Draws(7);
    for _ in 0..600 {
        let fold = fold(&mut draws);
        let number = fold.operands[0].number;
        let accesses = |of: &Folded| match &of.initial {
            Initial::Load(initial) => [&of.input, &of.result, initial].map(|place| reach(&place.access)),
            Initial::Constant(_) => [0; 3],
        };
        let reaches: Vec<[usize; 3]> = fold.operands.iter().map(accesses).collect();
        let buffers: Vec<Buffer> =
            (0..6).map(|buffer| Buffer::drawn(number, reaches[buffer % 2][buffer / 2], &mut draws)).collect();
        let right = expected(&fold, &buffers);
        for level in levels() {
            for lanes in [1, 3, 256] {
                let program = Program::of_lanes(&fold, level, lanes).unwrap();
                let mut buffers = buffers.clone();
                let size = (program.units(), program.frame_bytes());
                run_in_parts(size, &mut buffers, &mut draws, |pointers, units, frame| {
                    // SAFETY: the buffers hold what the accesses reach, and the frame has its bytes.
                    unsafe { program.run(pointers, units, frame) }
                });
                for of in 0..2 {
                    assert!(buffers[2 + of].bytes() == right[of].bytes(), "{level:?} {lanes} {fold:?}");
                }
            }
        }
    }
}

/// How long a fold of two operands along rows takes. Tells, and fails at nothing.
#[test]
#[ignore = "a measurement; in release"]
fn nanoseconds_for_an_element_folded() {
    for (rows, length) in [(1, 100_000), (4, 25_000), (16, 6000), (256, 400), (10_000, 10)] {
        let number = Number::F32;
        let operand = |place: usize| Folded {
            number,
            input: elements(place, &Access::dense(&[rows, length])),
            initial: Initial::Constant(0),
            result: elements(2 + place, &Access::dense(&[rows, 1])),
        };
        let windows = vec![WindowDim::PLAIN, WindowDim { window: length, ..WindowDim::PLAIN }];
        let fold = Fold { operands: [0, 1].map(operand).to_vec(), windows, body: body(number, false) };
        let program = Program::new(&fold, Level::best()).unwrap();
        let sizes = [rows * length, rows * length, rows, rows];
        let mut buffers: Vec<Buffer> = sizes.map(|size| Buffer::new(number, size)).into();
        let mut least = f64::INFINITY;
        for _ in 0..10 {
            let start = std::time::Instant::now();
            let size = (program.units(), program.frame_bytes());
            run_in_parts(size, &mut buffers, &mut Draws(1), |pointers, units, frame| {
                // SAFETY: the buffers hold what the accesses reach, and the frame has its bytes.
                unsafe { program.run(pointers, units, frame) }
            });
            least = least.min(start.elapsed().as_secs_f64());
        }
        println!("fold of {rows} x {length}: {:.2} ns", least * 1e9 / (rows * length) as f64);
    }
}
