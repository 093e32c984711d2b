//! Folds of windows have the bits of an obvious loop, for every type, shape, layout, box and level.

use choral_kernels::cpu::window::Program;
use choral_kernels::instruction::{Binary, Instruction};
use choral_kernels::window::{Combine, Initial, Window, WindowDim};
use choral_kernels::{Access, Number};

use crate::elements::{access, at, binary, bits_of, elements, indices, reach, run_in_parts, same};
use crate::product::{Buffer, Draws, Scalar, draw, levels};

const OPS: [Binary; 8] = [
    Binary::Add,
    Binary::Multiply,
    Binary::Maximum,
    Binary::Minimum,
    Binary::And,
    Binary::Or,
    Binary::Xor,
    Binary::Subtract,
];

fn op(number: Number, draws: &mut Draws) -> Binary {
    loop {
        let op = draws.one_of(&OPS);
        let of_bits = matches!(op, Binary::And | Binary::Or | Binary::Xor);
        let of_numbers = op == Binary::Subtract;
        if !(of_bits && number.is_float() || of_numbers && number == Number::I1) {
            return op;
        }
    }
}

/// What a fold takes a narrow float back to.
fn combine(number: Number, op: Binary) -> Combine {
    let is_narrow = number.in_registers() != number;
    let narrowing = (is_narrow && op == Binary::Subtract).then_some(Instruction::Round(number));
    Combine { narrowing, ..Combine::of(op) }
}

/// Rounded as the buffer rounds it.
fn rounded(number: Number, value: Scalar) -> Scalar {
    let mut buffer = Buffer::new(number, 1);
    buffer.put(0, value);
    buffer.get(0)
}

/// The definition.
fn expected(window: &Window, buffers: &[Buffer]) -> Buffer {
    let mut out = buffers[1].clone();
    let Instruction::Binary(op) = window.combine.instruction else { panic!("a binary op") };
    let (input, result) = (&window.input.access, &window.result.access);
    let sizes = |access: &Access| access.dims.iter().map(|dim| dim.0).collect::<Vec<_>>();
    let shape: Vec<usize> = window.windows.iter().map(|dim| dim.window).collect();
    let is_backward = is_backward(window, op);
    for index in indices(&sizes(result)) {
        let initial = match &window.initial {
            Initial::Constant(_) => buffers[3].get(0),
            Initial::Load(initial) => buffers[2].get(at(&initial.access, &index)),
        };
        let mut places: Vec<Vec<usize>> = indices(&shape).collect();
        if is_backward {
            places.reverse();
        }
        let mut sofar = initial;
        for place in places {
            let source: Option<Vec<usize>> = (0..index.len())
                .map(|dim| {
                    let along = &window.windows[dim];
                    let place = index[dim] * along.stride + place[dim] * along.window_dilation;
                    let place = usize::try_from(place as isize - along.padding).ok()?;
                    let inside =
                        place % along.base_dilation == 0 && place / along.base_dilation < input.dims[dim].0;
                    inside.then_some(place / along.base_dilation)
                })
                .collect();
            let element = source.map_or(initial, |source| buffers[0].get(at(input, &source)));
            sofar = binary(op, window.number, sofar, element);
            if window.combine.narrowing.is_some() {
                sofar = rounded(window.number, sofar);
            }
        }
        out.put(at(result, &index), sofar);
    }
    out
}

/// Whether windows are taken from their last element to their first: one is as long as its dimension and padded behind
/// alone.
fn is_backward(window: &Window, op: Binary) -> bool {
    let size = |dim: usize| window.input.access.dims[dim].0;
    let spanned = |dim: &usize| window.windows[*dim] != WindowDim::PLAIN;
    let is_whole = |dim: usize| window.windows[dim] == WindowDim { window: size(dim), ..WindowDim::PLAIN };
    let same = (0..window.windows.len()).all(|dim| window.result.access.dims[dim].0 == size(dim));
    let spanned: Vec<usize> = (0..window.windows.len()).filter(spanned).collect();
    op != Binary::Subtract && same && matches!(spanned[..], [dim] if is_whole(dim))
}

fn check(window: &Window, constant: Option<Scalar>, draws: &mut Draws) {
    let number = window.number;
    let mut buffers = vec![
        Buffer::drawn(number, reach(&window.input.access), draws),
        Buffer::new(number, reach(&window.result.access)),
        match &window.initial {
            Initial::Load(initial) => Buffer::drawn(number, reach(&initial.access), draws),
            Initial::Constant(_) => Buffer::new(number, 1),
        },
        Buffer::new(number, 1),
    ];
    if let Some(constant) = constant {
        buffers[3].put(0, constant);
    }
    let right = expected(window, &buffers);
    for level in levels() {
        for results in [1, 7, 64, 1024] {
            let program = Program::of_boxes(window, level, results).unwrap();
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
            same(&buffers[1], &right, &window.result.access, window);
        }
    }
}

/// What folds start from: a neutral number, another one, or one for each result.
fn initial(number: Number, op: Binary, sizes: &[usize], draws: &mut Draws) -> (Initial, Option<Scalar>) {
    let neutral = f64::from(u8::from(op == Binary::Multiply));
    let scalar = match draws.below(3) {
        0 => {
            let access = access(sizes, false, draws);
            return (Initial::Load(elements(2, &access)), None);
        }
        1 => draw(number, draws),
        _ => match number {
            Number::F16 | Number::Bf16 | Number::F32 => Scalar::Single(neutral as f32),
            Number::F64 => Scalar::Double(neutral),
            _ => Scalar::Integer(neutral as i64),
        },
    };
    let scalar = rounded(number, scalar);
    (Initial::Constant(bits_of(number, scalar)), Some(scalar))
}

fn of(number: Number, sizes: &[usize], windows: Vec<WindowDim>, behind: &[isize], draws: &mut Draws) {
    let counts: Vec<usize> = (0..sizes.len())
        .map(|dim| {
            let at = &windows[dim];
            let dilated = if sizes[dim] == 0 { 0 } else { (sizes[dim] - 1) * at.base_dilation + 1 };
            let places = dilated as isize + at.padding + behind[dim];
            let window = ((at.window - 1) * at.window_dilation + 1) as isize;
            if places < window { 0 } else { (places - window) as usize / at.stride + 1 }
        })
        .collect();
    let op = op(number, draws);
    let (initial, constant) = initial(number, op, &counts, draws);
    let window = Window {
        number,
        combine: combine(number, op),
        input: elements(0, &access(sizes, false, draws)),
        initial,
        result: elements(1, &access(&counts, true, draws)),
        windows,
    };
    check(&window, constant, draws);
}

#[test]
fn windows_of_any_shape() {
    let mut draws = Draws(1);
    for number in Number::ALL {
        for _ in 0..60 {
            let rank = draws.below(4);
            let sizes: Vec<usize> = (0..rank).map(|_| draws.one_of(&[0, 1, 2, 3, 5, 8, 8, 13])).collect();
            let mut behind = Vec::new();
            let mut dim = || {
                if draws.below(3) == 0 {
                    behind.push(0);
                    return WindowDim::PLAIN;
                }
                behind.push(draws.below(6) as isize - 2);
                WindowDim {
                    window: 1 + draws.below(4),
                    stride: 1 + draws.below(3),
                    base_dilation: draws.one_of(&[1, 1, 2, 3]),
                    window_dilation: draws.one_of(&[1, 1, 2]),
                    padding: draws.below(6) as isize - 2,
                }
            };
            let windows = (0..rank).map(|_| dim()).collect();
            of(number, &sizes, windows, &behind, &mut draws);
        }
    }
}

#[test]
fn running_folds() {
    let mut draws = Draws(2);
    for number in Number::ALL {
        for _ in 0..40 {
            let rank = 1 + draws.below(3);
            let axis = draws.below(rank);
            let mut sizes: Vec<usize> = (0..rank).map(|_| draws.one_of(&[1, 2, 3, 5, 20])).collect();
            sizes[axis] = draws.one_of(&[1, 2, 9, 33]);
            let reach = sizes[axis] as isize - 1;
            let padding = draws.one_of(&[0, reach]);
            let mut windows = vec![WindowDim::PLAIN; rank];
            windows[axis] = WindowDim { window: sizes[axis], padding, ..WindowDim::PLAIN };
            let mut behind = vec![0; rank];
            behind[axis] = reach - padding;
            of(number, &sizes, windows, &behind, &mut draws);
        }
    }
}

/// Rows that are longer than what is widened at once.
#[test]
fn long_running_folds() {
    let mut draws = Draws(3);
    for number in [Number::F16, Number::Bf16, Number::F32] {
        for padding in [0, 1199] {
            let row = WindowDim { window: 1200, padding, ..WindowDim::PLAIN };
            of(number, &[3, 1200], vec![WindowDim::PLAIN, row], &[0, 1199 - padding], &mut draws);
        }
    }
}
