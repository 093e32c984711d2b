//! Factors and solutions have the bits of an obvious loop, for every float, shape, layout and level.

use choral_kernels::Number;
use choral_kernels::access::Elements;
use choral_kernels::cpu::linalg::Program;
use choral_kernels::linalg::{Cholesky, TriangularSolve};
use half::{bf16, f16};

use crate::elements::{access, at, elements, indices, reach, run_in_parts, same};
use crate::product::{Buffer, Draws, Scalar, levels};

const FLOATS: [Number; 4] = [Number::F16, Number::Bf16, Number::F32, Number::F64];

fn double(value: Scalar) -> f64 {
    match value {
        Scalar::Single(value) => value.into(),
        Scalar::Double(value) => value,
        Scalar::Integer(_) => panic!("{value:?} is no float"),
    }
}

/// Rounded once.
fn rounded(number: Number, value: f64) -> Scalar {
    match number {
        Number::F16 => Scalar::Single(f16::from_f64(value).to_f32()),
        Number::Bf16 => Scalar::Single(bf16::from_f64(value).to_f32()),
        Number::F32 => Scalar::Single(value as f32),
        _ => Scalar::Double(value),
    }
}

fn place(elements: &Elements, batch: &[usize], row: usize, column: usize) -> usize {
    at(&elements.access, &[batch, &[row, column]].concat())
}

fn factor(kernel: &Cholesky, batch: &[usize], size: usize, buffers: &mut [Buffer]) {
    let mut l = vec![vec![0.0; size]; size];
    for row in 0..size {
        for column in 0..=row {
            let products: f64 = (0..column).fold(-0.0, |sum, k| sum + l[row][k] * l[column][k]);
            let rest = double(buffers[0].get(place(&kernel.matrix, batch, row, column))) - products;
            l[row][column] = if row == column { rest.sqrt() } else { rest / l[column][column] };
        }
    }
    for (row, line) in l.iter().enumerate() {
        for (column, &value) in line.iter().enumerate() {
            buffers[1].put(place(&kernel.result, batch, row, column), rounded(kernel.number, value));
        }
    }
}

fn solve(kernel: &TriangularSolve, batch: &[usize], [size, others]: [usize; 2], buffers: &mut [Buffer]) {
    let rows: Vec<usize> = if kernel.lower { (0..size).collect() } else { (0..size).rev().collect() };
    for other in 0..others {
        let mut x = vec![0.0; size];
        for (known, &row) in rows.iter().enumerate() {
            let a = |column| double(buffers[0].get(place(&kernel.matrix, batch, row, column)));
            let products: f64 = rows[..known].iter().fold(-0.0, |sum, &k| sum + a(k) * x[k]);
            let rest = double(buffers[1].get(place(&kernel.right, batch, row, other))) - products;
            x[row] = rest / if kernel.unit_diagonal { 1.0 } else { a(row) };
        }
        for (row, &x) in x.iter().enumerate() {
            buffers[2].put(place(&kernel.result, batch, row, other), rounded(kernel.number, x));
        }
    }
}

fn run(program: &Program, buffers: &mut [Buffer], draws: &mut Draws) {
    run_in_parts((program.units(), program.frame_bytes()), buffers, draws, |buffers, units, frame| {
        // SAFETY: the buffers reach as far as the accesses.
        unsafe { program.run(buffers, units, frame) }
    });
}

fn batch(draws: &mut Draws) -> Vec<usize> {
    (0..draws.below(3)).map(|_| draws.one_of(&[0, 1, 2, 5, 9])).collect()
}

#[test]
fn factors_of_batches() {
    let mut draws = Draws(41);
    for number in FLOATS {
        for round in 0..40 {
            let (batch, size) = (batch(&mut draws), draws.one_of(&[0, 1, 2, 3, 8, 17]));
            let sizes = [batch.clone(), vec![size, size]].concat();
            let kernel = Cholesky {
                number,
                matrix: elements(0, &access(&sizes, false, &mut draws)),
                result: elements(1, &access(&sizes, true, &mut draws)),
            };
            let reached = [&kernel.matrix, &kernel.result].map(|elements| reach(&elements.access));
            let mut buffers =
                vec![Buffer::drawn(number, reached[0], &mut draws), Buffer::new(number, reached[1])];
            for batch in indices(&batch) {
                // Most matrices are positive definite.
                for row in (0..size).filter(|_| round % 8 > 0) {
                    let heavy = rounded(number, size as f64 + row as f64 / 7.0);
                    buffers[0].put(place(&kernel.matrix, &batch, row, row), heavy);
                }
            }
            let mut right = buffers.clone();
            indices(&batch).for_each(|batch| factor(&kernel, &batch, size, &mut right));
            for level in levels() {
                let mut buffers = buffers.clone();
                run(&Program::cholesky(&kernel, level).unwrap(), &mut buffers, &mut draws);
                same(&buffers[1], &right[1], &kernel.result.access, &kernel);
            }
        }
    }
}

#[test]
fn solutions_of_batches() {
    let mut draws = Draws(42);
    for number in FLOATS {
        for _ in 0..40 {
            let batch = batch(&mut draws);
            let (size, others) = (draws.one_of(&[0, 1, 2, 3, 8, 17]), draws.one_of(&[0, 1, 1, 2, 9]));
            let square = [batch.clone(), vec![size, size]].concat();
            let sides = [batch.clone(), vec![size, others]].concat();
            let kernel = TriangularSolve {
                number,
                lower: draws.below(2) == 0,
                unit_diagonal: draws.below(2) == 0,
                matrix: elements(0, &access(&square, false, &mut draws)),
                right: elements(1, &access(&sides, false, &mut draws)),
                result: elements(2, &access(&sides, true, &mut draws)),
            };
            let buffers = vec![
                Buffer::drawn(number, reach(&kernel.matrix.access), &mut draws),
                Buffer::drawn(number, reach(&kernel.right.access), &mut draws),
                Buffer::new(number, reach(&kernel.result.access)),
            ];
            let mut right = buffers.clone();
            indices(&batch).for_each(|batch| solve(&kernel, &batch, [size, others], &mut right));
            for level in levels() {
                let mut buffers = buffers.clone();
                run(&Program::triangular_solve(&kernel, level).unwrap(), &mut buffers, &mut draws);
                same(&buffers[2], &right[2], &kernel.result.access, &kernel);
            }
        }
    }
}

#[test]
fn linear_algebra_is_of_floats() {
    let elements = Elements { buffer: 0, access: choral_kernels::Access::dense(&[2, 2]) };
    let kernel = Cholesky { number: Number::I32, matrix: elements.clone(), result: elements };
    let error = Program::cholesky(&kernel, choral_kernels::Level::Portable).unwrap_err();
    assert_eq!(error.instruction, "linear algebra of i32, rank 2");
}
