//! Cholesky factors and triangular solves, in `f64` and rounded once.
//!
//! Must not live here: what is computed ([`choral_kernels::linalg`]).

use choral_kernels::Number;
use choral_kernels::access::Elements;
use choral_kernels::linalg::{Cholesky, TriangularSolve};

use super::number::{in_registers, load, store};
use super::places::{Indices, counter};
use super::text::Text;
use super::{Emitted, THREADS};

/// Writes the body of the function of a factorisation: a block for each matrix, column after column, with a thread for each
/// row of a column.
pub(super) fn cholesky(text: &mut Text, kernel: &Cholesky) -> Emitted {
    let Cholesky { number, matrix, result } = kernel;
    let (batch, size) = sizes(matrix);
    let count: usize = batch.iter().product();
    text.block(format!("for ({} which = team.block; which < {count}; which += team.blocks)", counter(count)), |text| {
        let which = Indices::declare(text, "i", "which", &batch);
        text.line(format!("double* const factor = (double*)scratch + (u64)which * {};", size * size));
        text.block(format!("for (u32 column = 0; column < {size}; ++column)"), |text| {
            text.line("__syncthreads();");
            text.block(format!("for (u32 row = column + threadIdx.x; row < {size}; row += {THREADS})"), |text| {
                text.line("double sum = -0.0;");
                text.line(format!(
                    "for (u32 at = 0; at < column; ++at) sum = sum + factor[row * {size} + at] * factor[column * {size} + at];"
                ));
                let element = element(*number, matrix, &which, ("row", "column"));
                text.line(format!("factor[row * {size} + column] = {element} - sum;"));
            });
            text.line("__syncthreads();");
            text.line(format!("const double diagonal = sqrt(factor[column * {size} + column]);"));
            text.line("__syncthreads();");
            text.block(format!("for (u32 row = column + threadIdx.x; row < {size}; row += {THREADS})"), |text| {
                text.line(format!("double& element = factor[row * {size} + column];"));
                text.line("element = row == column ? diagonal : element / diagonal;");
            });
        });
        text.line("__syncthreads();");
        text.block(format!("for (u32 at = threadIdx.x; at < {}; at += {THREADS})", size * size), |text| {
            text.line(format!("const u32 row = at / {size}, column = at % {size};"));
            let value = rounded(*number, "(column <= row ? factor[at] : 0.0)");
            text.line(put(*number, result, &which, ("row", "column"), &value));
        });
    });
    Emitted::of_threads(count * THREADS).working_in(count * size * size * size_of::<f64>())
}

/// Writes the body of the function of a solve: a thread for each column of each right-hand side.
pub(super) fn triangular_solve(text: &mut Text, kernel: &TriangularSolve) -> Emitted {
    let TriangularSolve { number, lower, unit_diagonal, matrix, right, result } = kernel;
    let (batch, size) = sizes(matrix);
    let others = right.access.dims[right.access.dims.len() - 1].0;
    let count = batch.iter().product::<usize>() * others;
    text.block(
        format!("for ({} at = team.thread(); at < {count}; at += team.threads())", counter(count)),
        |text| {
            let which = Indices::declare(text, "i", &format!("(at / {others})"), &batch);
            text.line(format!("const u32 column = at % {others};"));
            // Neighbouring threads have neighbouring numbers.
            let known = |row: &str| format!("((double*)scratch)[(u64){row} * {count} + at]");
            text.block(format!("for (u32 step = 0; step < {size}; ++step)"), |text| {
                let row = |step: &str| {
                    if *lower { step.to_owned() } else { format!("({} - {step})", size.saturating_sub(1)) }
                };
                text.line(format!("const u32 row = {};", row("step")));
                text.line("double sum = -0.0;");
                text.block("for (u32 before = 0; before < step; ++before)", |text| {
                    text.line(format!("const u32 other = {};", row("before")));
                    let element = element(*number, matrix, &which, ("row", "other"));
                    text.line(format!("sum = sum + {element} * {};", known("other")));
                });
                let right = element(*number, right, &which, ("row", "column"));
                let diagonal = match unit_diagonal {
                    true => "1.0".to_owned(),
                    false => element(*number, matrix, &which, ("row", "row")),
                };
                text.line(format!("const double solved = ({right} - sum) / {diagonal};"));
                text.line(format!("{} = solved;", known("row")));
                let value = rounded(*number, "solved");
                text.line(put(*number, result, &which, ("row", "column"), &value));
            });
        },
    );
    Emitted::of_threads(count).working_in(count * size * size_of::<f64>())
}

/// The batch's sizes, and that of its matrices.
fn sizes(matrix: &Elements) -> (Vec<usize>, usize) {
    let dims = &matrix.access.dims;
    let batch = dims[..dims.len() - 2].iter().map(|&(size, _)| size).collect();
    (batch, dims[dims.len() - 1].0)
}

/// A number in registers from `f64`, from which memory rounds as if it were rounded once.
fn rounded(number: Number, value: &str) -> String {
    match number {
        Number::F16 | Number::Bf16 => format!("float_to_odd({value})"),
        _ => format!("({}){value}", in_registers(number)),
    }
}

fn place(elements: &Elements, which: &Indices, (row, column): (&str, &str)) -> String {
    let access = &elements.access;
    let (batch, last) = access.dims.split_at(access.dims.len() - 2);
    let own = which.place(access.offset, batch);
    format!("{own} + (i64){row} * {} + (i64){column} * {}", last[0].1, last[1].1)
}

fn element(number: Number, elements: &Elements, which: &Indices, at: (&str, &str)) -> String {
    format!("(double){}", load(number, &format!("b{}", elements.buffer), &place(elements, which, at)))
}

fn put(number: Number, elements: &Elements, which: &Indices, at: (&str, &str), value: &str) -> String {
    store(number, &format!("b{}", elements.buffer), &place(elements, which, at), value)
}
