//! Products in the terms of cuBLASLt, and which products it can do: a rule about types, dimensions and strides alone.
//!
//! cuBLASLt computes `D = op(A) op(B)` of matrices whose columns lie one after another, for a batch of them at equal
//! distances, and can add a bias that moves along D's rows and then cut off what is below zero. Must not live here: the
//! library (`cublaslt`).

use std::fmt;

use choral_kernels::kernel::Products;
use choral_kernels::product::{Dim, Operand, Product, space};
use choral_kernels::{Kernel, Number};

use crate::program::{Home, Program};
use crate::source::Argument;

/// The multiply-adds that a call of the library is worth. It is a launch of its own and takes some microseconds, in which
/// our kernels do about so many; not measured yet.
pub const WORTH: usize = 1 << 20;

/// What addresses are aligned to: all memory of a GPU, and the start of a bias, without which the library refuses it.
const OF_MEMORY: usize = 256;
const OF_BIAS: usize = 16;

/// A product as cuBLASLt computes it: `d[i, j] = sum over t of op(a)[i, t] * op(b)[t, j]`, for each of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matmul {
    /// Rows of D.
    pub rows: usize,
    /// Columns of D.
    pub columns: usize,
    /// Terms of each sum.
    pub terms: usize,
    /// How many there are.
    pub batch: usize,
    /// The left matrix.
    pub a: Matrix,
    /// The right matrix.
    pub b: Matrix,
    /// The result.
    pub d: Matrix,
    /// The operand of the product that A is; B is the other one.
    pub a_is: Operand,
    /// Whether a bias is added, an element for each row of D: how many elements further on that of the next of the batch lies.
    pub bias: Option<usize>,
    /// Whether what is below zero becomes zero.
    pub relu: bool,
}

/// A matrix in memory, column by column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// Element type.
    pub number: Number,
    /// Whether it is its transpose that lies in memory.
    pub is_transposed: bool,
    /// Elements from one column in memory to the next.
    pub leading: usize,
    /// Elements from one of the batch to the next.
    pub batch_stride: usize,
}

/// The extent of a dimension, and the distance from one index to the next.
type Extent = (usize, isize);

impl Matmul {
    /// A product in these terms; `None` if it is none that the library does: of other types, of nothing, with dimensions
    /// that are not a matrix's each, or with an addend that is no bias. These stay with our kernels.
    ///
    /// ```
    /// use choral_cuda::library_product::Matmul;
    /// use choral_kernels::Number;
    /// use choral_kernels::product::{Dim, Epilogue, Operand, Product};
    /// // Rows side by side: the library sees the transposed of all, and the right operand first.
    /// let product = Product {
    ///     lhs: Number::F32,
    ///     rhs: Number::F32,
    ///     out: Number::F32,
    ///     offsets: [0; 4],
    ///     batch: vec![],
    ///     m: vec![Dim::new(2, [3, 4, 0])],
    ///     n: vec![Dim::new(4, [1, 1, 0])],
    ///     k: vec![Dim::new(3, [1, 4])],
    ///     epilogue: Epilogue::default(),
    /// };
    /// let matmul = Matmul::of(&product).ok_or("the library does it")?;
    /// assert_eq!((matmul.rows, matmul.columns, matmul.a_is), (4, 2, Operand::Rhs));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn of(product: &Product) -> Option<Matmul> {
        if !has_types(product) || product.sizes().contains(&0) {
            return None;
        }
        let terms = match ordered(&product.k, 0).as_slice() {
            [] => Dim::new(1, [0; 2]),
            [one] => *one,
            [_, _, ..] => return None,
        };
        let [batch, m, n] = sorted_by_operand(product);
        // Of several dimensions one is the matrix's, and the others go to the batch.
        let choices = |dims: &[Dim<4>]| match dims.len() {
            0 => vec![None],
            count => (0..count).map(Some).collect(),
        };
        let mut best: Option<Matmul> = None;
        for row in choices(&m) {
            for column in choices(&n) {
                let others = |dims: &[Dim<4>], own: Option<usize>| {
                    let is_other = |&(at, _): &(usize, &Dim<4>)| Some(at) != own;
                    dims.iter().enumerate().filter(is_other).map(|(_, dim)| *dim).collect::<Vec<_>>()
                };
                let all = [batch.clone(), others(&m, row), others(&n, column)].concat();
                let one = match ordered(&all, 2).as_slice() {
                    [] => Dim::new(1, [0; 4]),
                    [one] => *one,
                    [_, _, ..] => continue,
                };
                let own = |dims: &[Dim<4>], at: Option<usize>| at.map_or(Dim::new(1, [0; 4]), |at| dims[at]);
                let shape = Shape { batch: one, m: own(&m, row), n: own(&n, column), terms };
                let made = [true, false].into_iter().find_map(|is_turned| shape.matmul(product, is_turned));
                let is_better = |made: &Matmul| best.as_ref().is_none_or(|best| made.batch < best.batch);
                if let Some(made) = made.filter(is_better) {
                    best = Some(made);
                }
            }
        }
        best
    }

    /// The product of a kernel that is a single one.
    pub fn of_kernel(kernel: &Kernel) -> Option<Matmul> {
        match kernel {
            Kernel::Products(Products { products, packed: None, .. }) => match products.as_slice() {
                [product] => Matmul::of(product),
                [] | [_, _, ..] => None,
            },
            _ => None,
        }
    }

    /// How many multiply-adds it is.
    pub fn multiply_adds(&self) -> usize {
        [self.rows, self.columns, self.terms].into_iter().fold(self.batch, usize::saturating_mul)
    }
}

/// As a comment in the source says it.
impl fmt::Display for Matmul {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Matmul { rows, columns, terms, batch, a, b, bias, relu, .. } = self;
        let transposed = |matrix: &Matrix| if matrix.is_transposed { " transposed" } else { "" };
        let (left, right) = (transposed(a), transposed(b));
        write!(f, "{rows}x{terms}{left} * {terms}x{columns}{right} of {}, columns first", a.number)?;
        if *batch > 1 {
            write!(f, ", {batch} times")?;
        }
        f.write_str(if bias.is_some() { ", bias" } else { "" })?;
        f.write_str(if *relu { ", relu" } else { "" })
    }
}

/// Whether the library has products of such types, with sums in `f32`, or in `f64` of `f64`.
fn has_types(product: &Product) -> bool {
    use Number::{Bf16, F16, F32, F64};
    product.lhs == product.rhs
        && matches!(
            (product.lhs, product.out),
            (F32 | F16 | Bf16, F32) | (F64, F64) | (F16, F16) | (Bf16, Bf16)
        )
}

/// Dimensions in which both operands move (or none), those of the left one alone, and those of the right one alone, with
/// distances in lhs, rhs, result and addend.
fn sorted_by_operand(product: &Product) -> [Vec<Dim<4>>; 3] {
    let m = product.m.iter().map(|dim| {
        let [lhs, out, addend] = dim.strides;
        Dim::new(dim.size, [lhs, 0, out, addend])
    });
    let n = product.n.iter().map(|dim| {
        let [rhs, out, addend] = dim.strides;
        Dim::new(dim.size, [0, rhs, out, addend])
    });
    let mut sorted = [Vec::new(), Vec::new(), Vec::new()];
    for dim in product.batch.iter().copied().chain(m).chain(n) {
        let place = match dim.strides {
            [0, 0, ..] => 0,
            [_, 0, ..] => 1,
            [0, _, ..] => 2,
            [_, _, ..] => 0,
        };
        sorted[place].push(dim);
    }
    sorted.map(|dims| ordered(&dims, 2))
}

/// As few dimensions as there can be, the widest distance in an operand first.
fn ordered<const N: usize>(dims: &[Dim<N>], operand: usize) -> Vec<Dim<N>> {
    let mut dims: Vec<Dim<N>> = dims.iter().filter(|dim| dim.size != 1).copied().collect();
    dims.sort_by_key(|dim| std::cmp::Reverse(dim.strides[operand]));
    space::collapsed(&dims)
}

/// A dimension each.
#[derive(Debug, Clone, Copy)]
struct Shape {
    batch: Dim<4>,
    m: Dim<4>,
    n: Dim<4>,
    terms: Dim<2>,
}

impl Shape {
    /// As the library has it, if it does: with rows of D along `m`, or turned, along `n`.
    fn matmul(&self, product: &Product, is_turned: bool) -> Option<Matmul> {
        let Shape { batch, m, n, terms } = self;
        // The places of A and B among the operands, and the dimensions that are rows and columns.
        let (a, b, rows, columns) = if is_turned { (1, 0, n, m) } else { (0, 1, m, n) };
        let extent = |dim: &Dim<4>, operand: usize| (dim.size, dim.strides[operand]);
        let of_terms = |operand: usize| (terms.size, terms.strides[operand]);
        let matrix = |number: Number, operand: usize, (is_transposed, leading): (bool, usize)| {
            let batch_stride = usize::try_from(batch.strides[operand]).ok()?;
            Some(Matrix { number, is_transposed, leading, batch_stride })
        };
        let bias = match product.epilogue.add {
            false => None,
            true => Some(self.bias(rows, columns)?),
        };
        let is_small = |size: &usize| i32::try_from(*size).is_ok();
        if ![rows.size, columns.size, terms.size, batch.size].iter().all(is_small) {
            return None;
        }
        let d = (false, leading(extent(rows, 2), extent(columns, 2))?);
        Some(Matmul {
            rows: rows.size,
            columns: columns.size,
            terms: terms.size,
            batch: batch.size,
            a: matrix(product.lhs, a, layout(extent(rows, a), of_terms(a))?)?,
            b: matrix(product.rhs, b, layout(of_terms(b), extent(columns, b))?)?,
            d: matrix(product.out, 2, d)?,
            a_is: if is_turned { Operand::Rhs } else { Operand::Lhs },
            bias,
            relu: product.epilogue.relu,
        })
    }

    /// The distance between biases of the batch, if the addend is one: it moves along rows, and along columns stays.
    fn bias(&self, rows: &Dim<4>, columns: &Dim<4>) -> Option<usize> {
        let stride = |dim: &Dim<4>| if dim.size == 1 { None } else { Some(dim.strides[3]) };
        let is_bias = stride(rows).is_none_or(|stride| stride == 1)
            && stride(columns).is_none_or(|stride| stride == 0)
            && self.batch.strides[3] >= 0;
        is_bias.then_some(self.batch.strides[3] as usize)
    }
}

/// Whether a matrix of so many rows and columns lies transposed in memory, and the distance between its columns there.
fn layout(rows: Extent, columns: Extent) -> Option<(bool, usize)> {
    // A dimension that the matrix does not have is no reason to call another one its own.
    let has_columns_first = rows.0 == 1 && columns.0 > 1 && columns.1 == 1;
    let plain = leading(rows, columns).filter(|_| !has_columns_first).map(|leading| (false, leading));
    plain.or_else(|| leading(columns, rows).map(|leading| (true, leading)))
}

/// The distance between columns whose elements lie side by side, and which do not overlap.
fn leading((rows, between_rows): Extent, (columns, between_columns): Extent) -> Option<usize> {
    if rows > 1 && between_rows != 1 {
        return None;
    }
    if columns == 1 {
        return Some(rows);
    }
    usize::try_from(between_columns).ok().filter(|&leading| leading >= rows)
}

/// A call of the library: a product, and where its matrices lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The product.
    pub matmul: Matmul,
    /// Where A begins.
    pub a: Place,
    /// Where B begins.
    pub b: Place,
    /// Where D begins.
    pub d: Place,
    /// Where the bias begins, of a product that adds one.
    pub bias: Option<Place>,
}

/// A place in memory that launches are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The memory.
    pub argument: Argument,
    /// Bytes from its start.
    pub bytes: usize,
}

impl Call {
    /// The call that does what a kernel of a program does; `None` if the library does not do it.
    pub fn of(program: &Program, kernel: &Kernel) -> Option<Call> {
        let matmul = Matmul::of_kernel(kernel)?;
        let Kernel::Products(Products { products, lhs, rhs, addend, out, .. }) = kernel else { return None };
        let product = products.first()?;
        let place = |buffer: usize, offset: isize, number: Number| {
            let (argument, start) = match program.buffers[buffer].home {
                Home::Given(number) => (Argument::Given(number), 0),
                Home::Room(start) => (Argument::Room, start),
                Home::Port | Home::Part(_) | Home::Shared(_) => return None,
            };
            let bytes = usize::try_from(offset).ok()?.checked_mul(number.bytes())?;
            Some(Place { argument, bytes: start.checked_add(bytes)? })
        };
        let [in_lhs, in_rhs, in_out, in_addend] = product.offsets;
        let (lhs, rhs) = (place(*lhs, in_lhs, product.lhs)?, place(*rhs, in_rhs, product.rhs)?);
        let (a, b) = if matmul.a_is == Operand::Lhs { (lhs, rhs) } else { (rhs, lhs) };
        let bias = match (matmul.bias, addend) {
            (Some(stride), Some(addend)) => {
                let place = place(*addend, in_addend, product.out)?;
                let is_aligned =
                    place.alignment() >= OF_BIAS && (stride * product.out.bytes()).is_multiple_of(OF_BIAS);
                Some(is_aligned.then_some(place)?)
            }
            (Some(_), None) => return None,
            (None, _) => None,
        };
        Some(Call { matmul, a, b, d: place(*out, in_out, product.out)?, bias })
    }
}

impl Place {
    /// What its address is a multiple of, at least; all memory is aligned to 256 bytes.
    pub fn alignment(self) -> usize {
        1 << (self.bytes | OF_MEMORY).trailing_zeros()
    }
}

#[cfg(test)]
mod tests {
    use choral_kernels::product::Epilogue;

    use super::*;

    /// `out[b, m, n]` of `lhs[b, m, k]` and `rhs[b, k, n]`, all dense.
    fn dense(number: Number, [batch, m, n, k]: [usize; 4]) -> Product {
        let strides = |strides: [usize; 4]| strides.map(|stride| stride as isize);
        Product {
            lhs: number,
            rhs: number,
            out: number,
            offsets: [0; 4],
            batch: vec![Dim::new(batch, strides([m * k, k * n, m * n, 0]))],
            m: vec![Dim::new(m, [k as isize, n as isize, 0])],
            n: vec![Dim::new(n, [1, 1, 0])],
            k: vec![Dim::new(k, [1, n as isize])],
            epilogue: Epilogue::default(),
        }
    }

    fn matrix(is_transposed: bool, leading: usize, batch_stride: usize) -> Matrix {
        Matrix { number: Number::F32, is_transposed, leading, batch_stride }
    }

    #[test]
    fn rows_side_by_side_are_columns_of_the_transposed() {
        let matmul = Matmul::of(&dense(Number::F32, [5, 2, 4, 3])).expect("a product of the library");
        assert_eq!([matmul.rows, matmul.columns, matmul.terms, matmul.batch], [4, 2, 3, 5]);
        assert_eq!((matmul.a, matmul.a_is), (matrix(false, 4, 12), Operand::Rhs));
        assert_eq!((matmul.b, matmul.d), (matrix(false, 3, 6), matrix(false, 4, 8)));
    }

    #[test]
    fn a_transposed_operand_is_read_where_it_lies() {
        let mut product = dense(Number::F32, [1, 2, 4, 3]);
        // rhs[n, k], as the weights of a layer lie.
        (product.n[0].strides[0], product.k[0].strides[1]) = (3, 1);
        let matmul = Matmul::of(&product).expect("a product of the library");
        assert_eq!((matmul.a, matmul.b), (matrix(true, 3, 0), matrix(false, 3, 0)));
    }

    #[test]
    fn members_with_one_operand_in_common_are_rows_of_one_matrix() {
        let mut product = dense(Number::F32, [5, 2, 4, 3]);
        product.batch[0].strides[1] = 0;
        let matmul = Matmul::of(&product).expect("a product of the library");
        assert_eq!([matmul.rows, matmul.columns, matmul.terms, matmul.batch], [4, 10, 3, 1]);
    }

    #[test]
    fn a_dimension_that_is_no_matrixs_goes_to_the_batch() {
        // out[m, b, n] of lhs[m, k] and rhs[b, k, n]: members of one input side by side.
        let mut product = dense(Number::F32, [1, 2, 4, 3]);
        product.n.insert(0, Dim::new(5, [12, 4, 0]));
        product.m[0].strides[1] = 20;
        let matmul = Matmul::of(&product).expect("a product of the library");
        assert_eq!([matmul.rows, matmul.columns, matmul.terms, matmul.batch], [4, 2, 3, 5]);
        assert_eq!((matmul.b.batch_stride, matmul.d), (0, matrix(false, 20, 4)));
    }

    #[test]
    fn a_bias_moves_along_rows() {
        let mut product = dense(Number::F32, [5, 2, 4, 3]);
        product.epilogue = Epilogue { add: true, relu: true };
        (product.n[0].strides[2], product.batch[0].strides[3]) = (1, 4);
        let matmul = Matmul::of(&product).expect("a product of the library");
        assert_eq!((matmul.bias, matmul.relu), (Some(4), true));
        let mut across = product.clone();
        (across.n[0].strides[2], across.m[0].strides[2]) = (0, 1);
        assert_eq!(Matmul::of(&across), None, "along columns it is no bias");
        product.n[0].strides[2] = 0;
        assert_eq!(Matmul::of(&product), None, "one number for all is no bias");
    }

    #[test]
    fn what_the_library_does_not_do_stays_ours() {
        for number in [Number::I32, Number::I8, Number::I1, Number::U64] {
            assert_eq!(Matmul::of(&dense(number, [1, 2, 4, 3])), None, "{number}");
        }
        for sizes in [[0, 2, 4, 3], [1, 0, 4, 3], [1, 2, 0, 3], [1, 2, 4, 0]] {
            assert_eq!(Matmul::of(&dense(Number::F32, sizes)), None, "nothing");
        }
        let mixed = Product { rhs: Number::F32, ..dense(Number::F16, [1, 2, 4, 3]) };
        assert_eq!(Matmul::of(&mixed), None, "two types");
        let mut stepped = dense(Number::F32, [1, 2, 4, 3]);
        (stepped.m[0].strides[0], stepped.k[0].strides[0]) = (6, 2);
        assert_eq!(Matmul::of(&stepped), None, "no dimension is side by side");
        let mut windows = dense(Number::F32, [1, 2, 4, 3]);
        windows.m[0].strides[0] = 1;
        assert_eq!(Matmul::of(&windows), None, "windows that overlap");
        let mut reversed = dense(Number::F32, [1, 2, 4, 3]);
        (reversed.k[0].strides, reversed.offsets[0]) = ([-1, 4], 2);
        assert_eq!(Matmul::of(&reversed), None, "backwards");
    }

    #[test]
    fn places_are_as_aligned_as_their_distance_from_the_start() {
        let place = |bytes| Place { argument: Argument::Room, bytes };
        assert_eq!([0, 4, 48, 512].map(|bytes| place(bytes).alignment()), [256, 4, 16, 256]);
    }
}
