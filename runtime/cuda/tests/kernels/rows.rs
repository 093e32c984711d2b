//! Kernels of rows: places side by side, aligned and not; rows of all lengths, few and many.

use choral_kernels::functions::Function;
use choral_kernels::instruction::{Binary, Instruction};
use choral_kernels::rows::{Fold, Kind, Rows, Step, Store};
use choral_kernels::{Access, Kernel, Number};

use super::bits::{narrowed, numbers, widened};
use super::{UNWRITTEN, run};

fn load(buffer: usize, access: Access, number: Number) -> Step {
    Step { kind: Kind::Load { buffer, access, number }, number: number.in_registers() }
}

fn compute(op: Binary, operands: [usize; 2]) -> Step {
    Step {
        kind: Kind::Compute { instruction: Instruction::Binary(op), operands: operands.to_vec() },
        number: Number::F32,
    }
}

fn fold(fold: Fold, operand: usize) -> Step {
    Step { kind: Kind::Fold { fold, operand }, number: Number::F32 }
}

fn access(sizes: &[usize], strides: &[isize]) -> Access {
    Access { offset: 0, dims: sizes.iter().copied().zip(strides.iter().copied()).collect() }
}

/// The sum x y + x, with y of any access, in rounds if that is asked for.
fn check_elementwise(
    sizes: &[usize],
    [x, y, out]: [Number; 3],
    of_y: Access,
    rounds: Option<(usize, usize)>,
) {
    let (count, step) = rounds.unwrap_or((1, 0));
    let dense = Access::dense(sizes);
    let rows = Rows {
        folded: sizes.to_vec(),
        steps: vec![
            load(0, dense.clone(), x),
            load(1, of_y.clone(), y),
            compute(Binary::Multiply, [0, 1]),
            compute(Binary::Add, [2, 0]),
        ],
        stores: vec![Store::apart(3, 2, dense.clone(), out)],
        ..Rows::default()
    };
    let all = dense.len() + step * count;
    let mut buffers = vec![numbers(x, all, 1), numbers(y, all, 2)];
    buffers.push(vec![UNWRITTEN; all * out.bytes()]);
    let further = rounds.map(|(count, step)| (count, (step * out.bytes()) as isize));
    let Some(got) = run(Kernel::Rows(rows), &buffers, further) else { return };
    let mut expected = buffers[2].clone();
    for round in 0..count {
        for at in 0..dense.len() {
            let place = choral_kernels::access::place(&of_y.dims, at) + of_y.offset;
            let left = widened(x, &buffers[0], round * step + at) as f32;
            let right = widened(y, &buffers[1], round * step + place as usize) as f32;
            let to = (round * step + at) * out.bytes();
            expected[to..][..out.bytes()].copy_from_slice(&narrowed(out, left * right + left));
        }
    }
    assert!(got[2] == expected, "{sizes:?} of {x} and {y} to {out}, {of_y:?}, {rounds:?}");
}

#[test]
fn places_side_by_side_come_together() {
    use Number::{Bf16, F16, F32};
    for count in [1, 3, 4, 1000, 1003, 1028] {
        check_elementwise(&[count], [F32; 3], Access::dense(&[count]), None);
        check_elementwise(&[count], [Bf16, F32, Bf16], Access::dense(&[count]), None);
    }
    check_elementwise(&[9, 64], [F32; 3], access(&[9, 64], &[0, 1]), None);
    check_elementwise(&[9, 64], [F32, F16, F32], access(&[9, 64], &[1, 0]), None);
    check_elementwise(&[9, 66], [F32; 3], access(&[9, 66], &[0, 1]), None);
    check_elementwise(&[8, 16], [F32; 3], access(&[8, 16], &[1, 8]), None);
    let shifted = Access { offset: 2, ..access(&[8, 12], &[10, 1]) };
    check_elementwise(&[8, 12], [F32; 3], shifted, None);
}

#[test]
fn slices_are_not_aligned() {
    check_elementwise(&[300], [Number::F32; 3], Access::dense(&[300]), Some((6, 1)));
    check_elementwise(&[300], [Number::F16; 3], Access::dense(&[300]), Some((9, 1)));
}

/// The fold of the elements of a row, in the order of the engine.
fn folded(values: &[f32], identity: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut kept: Vec<[f32; 32]> = Vec::new();
    for (block, elements) in values.chunks(2048).enumerate() {
        let mut lanes = [identity; 32];
        elements.iter().enumerate().for_each(|(at, &value)| lanes[at % 32] = join(lanes[at % 32], value));
        let merged = |kept: &mut Vec<[f32; 32]>, newer: [f32; 32]| {
            let older = kept.pop().unwrap();
            std::array::from_fn(|lane| join(older[lane], newer[lane]))
        };
        for _ in 0..block.trailing_ones() {
            lanes = merged(&mut kept, lanes);
        }
        kept.push(lanes);
    }
    let mut lanes = kept.pop().unwrap_or([identity; 32]);
    while let Some(older) = kept.pop() {
        lanes = std::array::from_fn(|lane| join(older[lane], lanes[lane]));
    }
    for distance in [16, 8, 4, 2, 1] {
        for lane in 0..distance {
            lanes[lane] = join(lanes[lane], lanes[lane + distance]);
        }
    }
    lanes[0]
}

/// Of each row the greatest element, the sum of what all lack of it, and their products with that sum; and a number of the
/// row that no fold is needed for.
fn check_folds(outer: usize, length: usize, inner: usize) {
    let sizes = [outer, length, inner];
    let steps = [length * inner, inner, 1].map(|stride| stride as isize);
    let of_row = access(&sizes, &[inner as isize, 0, 1]);
    let all = access(&sizes, &steps);
    let f32 = Number::F32;
    let rows = Rows {
        outer: vec![outer],
        folded: vec![length],
        inner: vec![inner],
        steps: vec![
            load(0, all.clone(), f32),
            load(1, of_row.clone(), f32),
            fold(Fold::Maximum, 0),
            compute(Binary::Subtract, [0, 2]),
            fold(Fold::Sum, 3),
            compute(Binary::Multiply, [3, 4]),
            compute(Binary::Add, [4, 2]),
            compute(Binary::Add, [1, 1]),
        ],
        stores: vec![
            Store::apart(5, 2, all, f32),
            Store::apart(6, 3, of_row.clone(), f32),
            Store::apart(2, 4, of_row.clone(), f32),
            Store::apart(7, 5, of_row, f32),
        ],
    };
    let (count, of_rows) = (outer * length * inner, outer * inner);
    let mut buffers = vec![numbers(f32, count, 3), numbers(f32, of_rows, 4)];
    buffers.extend([count, of_rows, of_rows, of_rows].map(|count| vec![UNWRITTEN; count * 4]));
    let Some(got) = run(Kernel::Rows(rows), &buffers, None) else { return };
    let mut expected = buffers.clone();
    for row in 0..of_rows {
        let place = |along: usize| (row / inner * length + along) * inner + row % inner;
        let element = |along: usize| widened(f32, &buffers[0], place(along)) as f32;
        let values: Vec<f32> = (0..length).map(element).collect();
        let greatest =
            folded(
                &values,
                f32::NEG_INFINITY,
                |x, y| if x > y || x == y && x.is_sign_positive() { x } else { y },
            );
        let lacks: Vec<f32> = values.iter().map(|value| value - greatest).collect();
        let sum = folded(&lacks, -0.0, |x, y| x + y);
        let mut put = |buffer: usize, at: usize, value: f32| {
            expected[buffer][at * 4..][..4].copy_from_slice(&value.to_le_bytes());
        };
        lacks.iter().enumerate().for_each(|(along, lack)| put(2, place(along), lack * sum));
        put(3, row, sum + greatest);
        put(4, row, greatest);
        let other = widened(f32, &buffers[1], row) as f32;
        put(5, row, other + other);
    }
    for buffer in 0..buffers.len() {
        assert!(got[buffer] == expected[buffer], "buffer {buffer} of {outer} x {length} x {inner}");
    }
}

#[test]
fn rows_of_all_lengths_fold_in_order() {
    for length in [1, 5, 8, 9, 31, 33, 100, 2048, 2049, 6145] {
        check_folds(3, length, 1);
    }
    for length in [7, 40, 5000] {
        check_folds(2, length, 37);
    }
    check_folds(1100, 40, 1);
}

#[test]
fn blocks_of_long_rows_fold_at_once() {
    for length in [8192, 8193, 2048 * 7 + 5, 2048 * 13] {
        check_folds(2, length, 1);
    }
    check_folds(1, 6145, 5);
    check_folds(2, 9000, 40);
}

/// The sum of exponentials of a row, and their shares of it.
fn check_shares(rows: usize, length: usize) {
    let (all, of_row) = (Access::dense(&[rows, length]), access(&[rows, length], &[1, 0]));
    let f32 = Number::F32;
    let exponential =
        Kind::Compute { instruction: Instruction::Function(Function::Exponential), operands: vec![0] };
    let kernel = Rows {
        outer: vec![rows],
        folded: vec![length],
        steps: vec![
            load(0, all.clone(), f32),
            Step { kind: exponential, number: f32 },
            fold(Fold::Sum, 1),
            compute(Binary::Divide, [1, 2]),
        ],
        stores: vec![Store::apart(3, 1, all, f32), Store::apart(2, 2, of_row, f32)],
        ..Rows::default()
    };
    let mut buffers = vec![numbers(f32, rows * length, 5)];
    buffers.extend([rows * length, rows].map(|count| vec![UNWRITTEN; count * 4]));
    let Some(got) = run(Kernel::Rows(kernel), &buffers, None) else { return };
    for row in 0..rows {
        let element = |along: usize| widened(f32, &buffers[0], row * length + along) as f32;
        let powers: Vec<f32> = (0..length).map(|along| Function::Exponential.of(element(along))).collect();
        let sum = folded(&powers, -0.0, |x, y| x + y);
        assert_eq!(got[2][row * 4..][..4], sum.to_le_bytes(), "the sum of row {row} of {length}");
        for (along, power) in powers.iter().enumerate() {
            let got = &got[1][(row * length + along) * 4..][..4];
            assert_eq!(got, (power / sum).to_le_bytes(), "element {along} of {length}");
        }
    }
}

#[test]
fn functions_wait_for_folds() {
    for length in [5, 33, 500, 1100, 9000] {
        check_shares(3, length);
    }
}
