//! Searches give the value and the place of an obvious fold, for every type, shape, layout, tile and level.

use choral_kernels::Number;
use choral_kernels::access::Elements;
use choral_kernels::cpu::extreme::Program;
use choral_kernels::extreme::{Extreme, Places, Search};
use choral_kernels::window::Initial;

use crate::elements::{access, at, bits_of, elements, indices, less, reach, run_in_parts, same};
use crate::product::{Buffer, Draws, Scalar, draw, levels};

fn is_nan(x: Scalar) -> bool {
    matches!(x, Scalar::Single(x) if x.is_nan()) || matches!(x, Scalar::Double(x) if x.is_nan())
}

/// The better of two pairs, as the body of the op says it.
fn better(extreme: &Extreme, sofar: [Scalar; 2], next: [Scalar; 2]) -> [Scalar; 2] {
    let wins = match extreme.search {
        Search::Greatest => less(extreme.value, next[0], sofar[0]),
        Search::Least => less(extreme.value, sofar[0], next[0]),
    };
    let stays = wins || is_nan(sofar[0]);
    let is_equal = sofar[0] == next[0];
    let place_stays = stays || is_equal && less(extreme.place, sofar[1], next[1]);
    [if stays { sofar[0] } else { next[0] }, if place_stays { sofar[1] } else { next[1] }]
}

fn scalar(number: Number, index: usize) -> Scalar {
    match number {
        Number::F16 | Number::Bf16 | Number::F32 => Scalar::Single(index as f32),
        Number::F64 => Scalar::Double(index as f64),
        _ => Scalar::Integer(index as i64),
    }
}

fn initial(start: &Initial, constant: Scalar, buffer: &Buffer, index: &[usize]) -> Scalar {
    match start {
        Initial::Constant(_) => constant,
        Initial::Load(elements) => buffer.get(at(&elements.access, index)),
    }
}

/// The definition. Buffers are values, places, initial values and places, and results.
fn expected(extreme: &Extreme, constants: [Scalar; 2], buffers: &[Buffer]) -> [Buffer; 2] {
    let sizes: Vec<usize> = extreme.values.access.dims.iter().map(|dim| dim.0).collect();
    let (kept, folded) = sizes.split_at(extreme.kept);
    let mut out = [buffers[4].clone(), buffers[5].clone()];
    for index in indices(kept) {
        let mut best = [0, 1]
            .map(|role: usize| initial(&extreme.initial[role], constants[role], &buffers[2 + role], &index));
        for element in indices(folded) {
            let index = [index.clone(), element.clone()].concat();
            let place = match &extreme.places {
                Places::Along(dim) => scalar(extreme.place, element[*dim]),
                Places::Load(places) => buffers[1].get(at(&places.access, &index)),
            };
            best = better(extreme, best, [buffers[0].get(at(&extreme.values.access, &index)), place]);
        }
        for role in 0..2 {
            out[role].put(at(&extreme.results[role].access, &index), best[role]);
        }
    }
    out
}

fn check(extreme: &Extreme, constants: [Scalar; 2], special: bool, draws: &mut Draws) {
    let drawn = |number: Number, elements: &Elements, draws: &mut Draws| {
        let mut buffer = Buffer::new(number, reach(&elements.access));
        for place in 0..reach(&elements.access) {
            let value = match draws.below(4) {
                0 if special && number.is_float() => float(number, draws.one_of(&[0.0, -0.0, f32::NAN, 1.0])),
                1 => scalar(number, draws.below(2)),
                _ => draw(number, draws),
            };
            buffer.put(place, value);
        }
        buffer
    };
    let start = |role: usize, draws: &mut Draws| match &extreme.initial[role] {
        Initial::Load(elements) => drawn([extreme.value, extreme.place][role], elements, draws),
        Initial::Constant(_) => Buffer::new(Number::U8, 1),
    };
    let buffers = vec![
        drawn(extreme.value, &extreme.values, draws),
        match &extreme.places {
            Places::Load(places) => drawn(extreme.place, places, draws),
            Places::Along(_) => Buffer::new(Number::U8, 1),
        },
        start(0, draws),
        start(1, draws),
        Buffer::new(extreme.value, reach(&extreme.results[0].access)),
        Buffer::new(extreme.place, reach(&extreme.results[1].access)),
    ];
    let right = expected(extreme, constants, &buffers);
    for level in levels() {
        for tile in [1, 5, 64, 1024] {
            let program = Program::of_tiles(extreme, level, tile).unwrap();
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
            for role in 0..2 {
                same(&buffers[4 + role], &right[role], &extreme.results[role].access, extreme);
            }
        }
    }
}

fn float(number: Number, value: f32) -> Scalar {
    if number == Number::F64 { Scalar::Double(value.into()) } else { Scalar::Single(value) }
}

fn of(numbers: [Number; 2], kept: &[usize], folded: &[usize], special: bool, draws: &mut Draws) {
    let [value, place] = numbers;
    let sizes = [kept, folded].concat();
    let largest = folded.iter().max().copied().unwrap_or(0);
    let fits = place != Number::I1 || largest <= 2;
    let places = match draws.below(3) {
        1.. if !folded.is_empty() && fits => Places::Along(draws.below(folded.len())),
        _ => Places::Load(elements(1, &access(&sizes, false, draws))),
    };
    let constants = [value, place].map(|number| {
        let mut buffer = Buffer::new(number, 1);
        buffer.put(0, draw(number, draws));
        buffer.get(0)
    });
    let initial = [0, 1].map(|role: usize| match draws.below(3) {
        0 => Initial::Load(elements(2 + role, &access(kept, false, draws))),
        _ => Initial::Constant(bits_of(numbers[role], constants[role])),
    });
    let extreme = Extreme {
        search: draws.one_of(&[Search::Greatest, Search::Least]),
        value,
        place,
        values: elements(0, &access(&sizes, false, draws)),
        kept: kept.len(),
        places,
        initial,
        results: [elements(4, &access(kept, true, draws)), elements(5, &access(kept, true, draws))],
    };
    check(&extreme, constants, special, draws);
}

#[test]
fn extremes_of_every_type() {
    let mut draws = Draws(11);
    for value in Number::ALL {
        for place in Number::ALL {
            for _ in 0..8 {
                let mut shape = || -> Vec<usize> {
                    (0..draws.below(3)).map(|_| draws.one_of(&[0, 1, 2, 3, 7, 20])).collect()
                };
                let (kept, folded) = (shape(), shape());
                of([value, place], &kept, &folded, true, &mut draws);
            }
        }
    }
}

#[test]
fn extremes_of_long_rows() {
    let mut draws = Draws(12);
    for value in Number::ALL {
        for _ in 0..12 {
            let place = draws.one_of(&[Number::I32, Number::I64, Number::U16]);
            let special = draws.below(2) == 0;
            let (kept, folded) = (draws.one_of(&[0, 1, 3]), draws.one_of(&[64, 65, 200, 1500]));
            of([value, place], &[kept], &[folded], special, &mut draws);
        }
    }
}
