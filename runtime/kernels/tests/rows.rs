//! Kernels of rows against obvious loops: pairs of instructions, rotations, values of rows, and short rows.

use choral_kernels::access::Dim;
use choral_kernels::cpu::rows::Program;
use choral_kernels::instruction::Binary;
use choral_kernels::memory::Block;
use choral_kernels::rows::{Fold, Kind, Step, Store};
use choral_kernels::{Access, Instruction, Level, Number, Rows};

/// Members, and elements of each: no multiples of the elements of a block.
const SIZES: [usize; 2] = [3, 77];

/// What a test's operand is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operand {
    Whole,
    OfMembers,
    Constant,
}

/// Numbers of 32 bits, with zeros of both signs, NaN, infinity, and integers of any size.
fn numbers(number: Number, seed: u32) -> Vec<u32> {
    let mixed = |at: u32| (at ^ seed).wrapping_mul(0x9e37_79b9) ^ (at.wrapping_mul(0x85eb_ca6b) >> 13);
    let special = [0.0, -0.0, f32::NAN, f32::INFINITY, 1.5, -2.5];
    let float = |at: u32| match at % 11 {
        0 => special[(mixed(at) >> 8) as usize % special.len()],
        _ => (mixed(at) as i32 >> 12) as f32 / 4096.0,
    };
    (0..SIZES.iter().product::<usize>() as u32)
        .map(|at| if number == Number::F32 { float(at).to_bits() } else { mixed(at) })
        .collect()
}

/// The bits; of every NaN the same.
fn plain(number: Number, bits: u32) -> u32 {
    let is_nan = number == Number::F32 && f32::from_bits(bits).is_nan();
    if is_nan { f32::NAN.to_bits() } else { bits }
}

fn obvious(op: Binary, number: Number, x: u32, y: u32) -> u32 {
    let (a, b) = (f32::from_bits(x), f32::from_bits(y));
    // Bits of floats are in order, but that negative ones are in reverse.
    let order = |x: u32| (x as i32) ^ (((x as i32) >> 31) as u32 >> 1) as i32;
    let float = |value: f32| value.to_bits();
    match (op, number) {
        (Binary::Add, Number::F32) => float(a + b),
        (Binary::Subtract, Number::F32) => float(a - b),
        (Binary::Multiply, Number::F32) => float(a * b),
        (Binary::Maximum | Binary::Minimum, Number::F32) if a.is_nan() || b.is_nan() => float(f32::NAN),
        (Binary::Maximum, Number::F32) => std::cmp::max_by_key(x, y, |&x| order(x)),
        (Binary::Minimum, Number::F32) => std::cmp::min_by_key(x, y, |&x| order(x)),
        (Binary::Add, _) => x.wrapping_add(y),
        (Binary::Subtract, _) => x.wrapping_sub(y),
        (Binary::Multiply, _) => x.wrapping_mul(y),
        (Binary::And, _) => x & y,
        (Binary::Or, _) => x | y,
        (Binary::Xor, _) => x ^ y,
        (Binary::ShiftLeft, _) => x.checked_shl(y).unwrap_or(0),
        (Binary::ShiftRightLogical, _) => x.checked_shr(y).unwrap_or(0),
        (Binary::Maximum, Number::I32) => (x as i32).max(y as i32) as u32,
        (Binary::Minimum, Number::I32) => (x as i32).min(y as i32) as u32,
        (Binary::Maximum, _) => x.max(y),
        (Binary::Minimum, _) => x.min(y),
        (op, number) => unreachable!("{op:?} of {number}"),
    }
}

fn ops(number: Number) -> Vec<Binary> {
    use Binary::{Add, And, Maximum, Minimum, Multiply, Or, ShiftLeft, ShiftRightLogical, Subtract, Xor};
    let all = [Add, Subtract, Multiply, Maximum, Minimum, And, Or, Xor, ShiftLeft, ShiftRightLogical];
    all[..if number == Number::F32 { 5 } else { all.len() }].to_vec()
}

fn step(number: Number, kind: Kind) -> Step {
    Step { kind, number }
}

fn binary(number: Number, op: Binary, operands: [usize; 2]) -> Step {
    step(number, Kind::Compute { instruction: Instruction::Binary(op), operands: operands.to_vec() })
}

fn constant(number: Number, bits: u32) -> Step {
    step(number, Kind::Compute { instruction: Instruction::Constant(u64::from(bits)), operands: Vec::new() })
}

fn access(dims: &[Dim]) -> Access {
    Access { offset: 0, dims: dims.to_vec() }
}

fn dense() -> Access {
    access(&[(SIZES[0], SIZES[1] as isize), (SIZES[1], 1)])
}

/// What a kernel writes to its last buffer, of one more number than there are, at every level and in tiles of so many
/// elements.
fn run(rows: &Rows, inputs: &[Vec<u32>], length: usize, check: impl Fn(&[u32], &str)) {
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        for tile in [16, 100, 1024] {
            let program = Program::of_tiles(rows, level, tile).unwrap();
            let frame = Block::new(program.frame_bytes()).unwrap();
            let (mut inputs, mut out) = (inputs.to_vec(), vec![0x5a5a_5a5a; length + 1]);
            let mut buffers: Vec<*mut u8> =
                inputs.iter_mut().map(|input| input.as_mut_ptr().cast()).collect();
            buffers.push(out.as_mut_ptr().cast());
            // SAFETY: buffers and frame are as large as the kernel says, and the processor has the level.
            unsafe { program.run(&buffers, 0..program.units(), frame.pointer()) };
            assert_eq!(out.pop(), Some(0x5a5a_5a5a), "what lies behind is not touched");
            check(&out, &format!("{} in tiles of {tile}", level.name()));
        }
    }
}

/// `outer` of `inner` of two operands and of a third one, or the other way round.
fn pair(number: Number, inner: Binary, outer: Binary, is_second: bool, kinds: [Operand; 3]) {
    let inputs: Vec<Vec<u32>> = (0..3).map(|seed| numbers(number, seed)).collect();
    let load = |buffer: usize| match kinds[buffer] {
        Operand::Whole => step(number, Kind::Load { buffer, access: dense(), number }),
        Operand::OfMembers => {
            let access = access(&[(SIZES[0], 5), (SIZES[1], 0)]);
            step(number, Kind::Load { buffer, access, number })
        }
        Operand::Constant => constant(number, inputs[buffer][7]),
    };
    let last = if is_second { [2, 3] } else { [3, 2] };
    let steps = vec![load(0), load(1), load(2), binary(number, inner, [0, 1]), binary(number, outer, last)];
    let stores = vec![Store::apart(4, 3, dense(), number)];
    let rows = Rows { folded: SIZES.to_vec(), steps, stores, ..Rows::default() };
    let of = |buffer: usize, at: usize| match kinds[buffer] {
        Operand::Whole => inputs[buffer][at],
        Operand::OfMembers => inputs[buffer][at / SIZES[1] * 5],
        Operand::Constant => inputs[buffer][7],
    };
    run(&rows, &inputs, SIZES.iter().product(), |out, how| {
        for (at, &got) in out.iter().enumerate() {
            let first = obvious(inner, number, of(0, at), of(1, at));
            let (x, y) = if is_second { (of(2, at), first) } else { (first, of(2, at)) };
            let expected = obvious(outer, number, x, y);
            let what =
                || format!("{outer:?} of {inner:?} of {number}, {kinds:?}, {is_second}, {how}, at {at}");
            assert_eq!(plain(number, got), plain(number, expected), "{}", what());
        }
    });
}

#[test]
fn pairs_of_instructions_have_the_bits_of_both() {
    use Operand::{Constant, OfMembers, Whole};
    let forms = [
        [Whole, Whole, Whole],
        [Whole, Constant, Whole],
        [Whole, Constant, OfMembers],
        [OfMembers, Whole, Constant],
        [OfMembers, Constant, Whole],
    ];
    for number in [Number::F32, Number::U32, Number::I32] {
        let ops = ops(number);
        for (inner, outer) in ops.iter().flat_map(|inner| ops.iter().map(move |outer| (*inner, *outer))) {
            for form in forms {
                [false, true].into_iter().for_each(|second| pair(number, inner, outer, second, form));
            }
        }
    }
}

#[test]
fn shifts_that_rotate() {
    let number = Number::U32;
    let inputs = vec![numbers(number, 1), numbers(number, 2)];
    for distance in [1, 13, 31] {
        for (left, right) in [(distance, 32 - distance), (distance, 31 - distance)] {
            let load = |buffer| step(number, Kind::Load { buffer, access: dense(), number });
            let steps = [
                load(0),
                load(1),
                constant(number, left),
                constant(number, right),
                binary(number, Binary::ShiftRightLogical, [0, 3]),
                binary(number, Binary::ShiftLeft, [0, 2]),
                binary(number, Binary::Or, [4, 5]),
                binary(number, Binary::Xor, [1, 6]),
            ];
            for value in [6, 7] {
                let steps = steps[..=value].to_vec();
                let stores = vec![Store::apart(value, 2, dense(), number)];
                let rows = Rows { folded: SIZES.to_vec(), steps, stores, ..Rows::default() };
                run(&rows, &inputs, SIZES.iter().product(), |out, how| {
                    for (at, &got) in out.iter().enumerate() {
                        let turned = inputs[0][at] << left | inputs[0][at] >> right;
                        let expected = if value == 7 { turned ^ inputs[1][at] } else { turned };
                        assert_eq!(got, expected, "{left} and {right}, {how}, at {at}");
                    }
                });
            }
        }
    }
}

/// Rows of a few elements, less their greatest one, over the sum of that.
#[test]
fn short_rows_fold_as_long_ones_do() {
    let number = Number::F32;
    for count in 1..=17 {
        for outer in [1, 63, 64, 200] {
            let access = access(&[(outer, count as isize), (count, 1)]);
            let steps = vec![
                step(number, Kind::Load { buffer: 0, access: access.clone(), number }),
                step(number, Kind::Fold { fold: Fold::Maximum, operand: 0 }),
                binary(number, Binary::Subtract, [0, 1]),
                step(number, Kind::Fold { fold: Fold::Sum, operand: 2 }),
                binary(number, Binary::Divide, [2, 3]),
            ];
            let stores = vec![Store::apart(4, 1, access, number)];
            let rows = Rows { outer: vec![outer], folded: vec![count], steps, stores, ..Rows::default() };
            let given: Vec<f32> = (0..outer * count).map(|at| (at * 7919 % 1013) as f32 / 7.0).collect();
            let input = given.iter().map(|x| x.to_bits()).collect();
            run(&rows, &[input], outer * count, |out, how| {
                for (row, got) in given.chunks(count).zip(out.chunks(count)) {
                    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let less: Vec<f32> = row.iter().map(|x| x - most).collect();
                    let sum = halved(&less);
                    let expected: Vec<u32> =
                        less.iter().map(|x| plain(number, (x / sum).to_bits())).collect();
                    let got: Vec<u32> = got.iter().map(|&bits| plain(number, bits)).collect();
                    assert_eq!(got, expected, "{count} elements of {outer} rows, {how}");
                }
            });
        }
    }
}

/// The sum of up to 32 numbers in the order of folds: lanes halve.
fn halved(numbers: &[f32]) -> f32 {
    let mut lanes = [-0.0f32; 32];
    lanes.iter_mut().zip(numbers).for_each(|(lane, number)| *lane += number);
    let mut width = numbers.len().next_power_of_two() / 2;
    while width > 0 {
        (0..width).for_each(|at| lanes[at] += lanes[at + width]);
        width /= 2;
    }
    lanes[0]
}
