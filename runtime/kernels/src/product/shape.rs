//! The shape that loops see: rows, columns, a batch and terms, each of as few dimensions as the strides
//! allow.
//!
//! The side that becomes columns is read and written in vectors. Dimensions of the batch in which one
//! operand is repeated are rows or columns of the other. Must not live here: sizes of tiles.

use super::{Dim, Product, space};
use crate::Number;

/// Where a dimension of a shape comes from: its position in the product's own list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// In `batch`.
    Batch(usize),
    /// In `m`.
    M(usize),
    /// In `n`.
    N(usize),
}

/// A product as rows times columns. Left is the operand that rows move in, right the one that columns move
/// in.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Whether left is rhs.
    pub is_turned: bool,
    /// Element types of left and right.
    pub numbers: [Number; 2],
    /// First places of left, right, result and addend.
    pub offsets: [isize; 4],
    /// Distances in left, right, result and addend.
    pub batch: Vec<Dim<4>>,
    /// Distances in left, result and addend.
    pub rows: Vec<Dim<3>>,
    /// Distances in right, result and addend.
    pub columns: Vec<Dim<3>>,
    /// Distances in left and right, in the order of the sum.
    pub terms: Vec<Dim<2>>,
    /// What batch, rows and columns were, before dimensions were merged.
    pub origins: [Vec<Origin>; 3],
}

/// What packing a panel takes for a term, where multiplying it by a row takes 4.
const PACKING: usize = 24;

type Named<const N: usize> = (Origin, Dim<N>);

impl Shape {
    /// The better of the two shapes of a product, for vectors of `width` columns.
    pub fn of(product: &Product, width: usize) -> Shape {
        let shapes = [Shape::oriented(product, false, width), Shape::oriented(product, true, width)];
        let [plain, turned] = shapes;
        if turned.effort(width) < plain.effort(width) { turned } else { plain }
    }

    fn oriented(product: &Product, is_turned: bool, width: usize) -> Shape {
        let Product { lhs, rhs, out: _, offsets: [left_at, right_at, out, addend], .. } = *product;
        let m = named(&product.m, Origin::M);
        let n = named(&product.n, Origin::N);
        let batch: Vec<Named<4>> = named(&product.batch, Origin::Batch);
        let turn = |dim: Dim<4>| {
            let [left, right, out, addend] = dim.strides;
            Dim::new(dim.size, if is_turned { [right, left, out, addend] } else { dim.strides })
        };
        let mut batch: Vec<Named<4>> = batch.into_iter().map(|(origin, dim)| (origin, turn(dim))).collect();
        let (mut rows, mut columns) = if is_turned { (n, m) } else { (m, n) };
        let can_move = |dim: &Dim<4>, other: &[Named<3>]| {
            dim.strides[3] == 0 || other.iter().all(|(_, dim)| dim.size == 1 || dim.strides[2] == 0)
        };
        take(&mut batch, &mut rows, 0, |dim| dim.strides[1] == 0 && can_move(dim, &columns));
        let size = columns.iter().map(|(_, dim)| dim.size).product::<usize>();
        let is_wasteful = size.is_multiple_of(width) || size.next_multiple_of(width) * 4 > size * 5;
        take(&mut batch, &mut columns, 1, |dim| dim.strides[0] == 0 && is_wasteful && can_move(dim, &rows));
        batch.sort_by_key(|(_, dim)| std::cmp::Reverse(dim.strides[2].unsigned_abs()));
        let swap = |[left, right]: [isize; 2]| if is_turned { [right, left] } else { [left, right] };
        let terms: Vec<Dim<2>> = product.k.iter().map(|dim| Dim::new(dim.size, swap(dim.strides))).collect();
        let [left, right] = swap([left_at, right_at]);
        Shape {
            is_turned,
            numbers: if is_turned { [rhs, lhs] } else { [lhs, rhs] },
            offsets: [left, right, out, addend],
            origins: [origins(&batch), origins(&rows), origins(&columns)],
            batch: merged(&batch),
            rows: merged(&rows),
            columns: merged(&columns),
            terms: space::collapsed(&terms),
        }
    }

    /// About what a term takes: multiplying panels by rows, a fourth more where the last panel's sums are no
    /// whole vectors, half as much again where none are; and packing the panels.
    fn effort(&self, width: usize) -> usize {
        let panels = space::size(&self.columns).div_ceil(width);
        let rows = space::size(&self.rows);
        let tiles = match rows {
            1 => panels.next_multiple_of(4),
            2 => 2 * panels.next_multiple_of(2),
            _ => (rows - rows % 6 + [0, 1, 2, 4, 4, 6][rows % 6]) * panels,
        };
        let multiplied = match space::is_dense(&self.columns, 1, width) {
            true if space::size(&self.columns).is_multiple_of(width) => 4,
            true => 5,
            false => 6,
        };
        space::size(&self.batch) * (tiles * multiplied + PACKING * panels)
    }
}

fn named<const N: usize>(dims: &[Dim<N>], origin: fn(usize) -> Origin) -> Vec<Named<N>> {
    dims.iter().enumerate().map(|(position, &dim)| (origin(position), dim)).collect()
}

fn origins<const N: usize>(dims: &[Named<N>]) -> Vec<Origin> {
    dims.iter().map(|(origin, _)| *origin).collect()
}

fn merged<const N: usize>(dims: &[Named<N>]) -> Vec<Dim<N>> {
    space::collapsed(&dims.iter().map(|(_, dim)| *dim).collect::<Vec<_>>())
}

/// Moves dimensions from the batch to a side, and orders the side so that neighbours in the result are
/// innermost.
fn take(
    batch: &mut Vec<Named<4>>,
    side: &mut Vec<Named<3>>,
    operand: usize,
    is_taken: impl Fn(&Dim<4>) -> bool,
) {
    let (taken, kept): (Vec<_>, Vec<_>) = batch.drain(..).partition(|(_, dim)| is_taken(dim));
    *batch = kept;
    let without_other = |(origin, dim): Named<4>| {
        (origin, Dim::new(dim.size, [dim.strides[operand], dim.strides[2], dim.strides[3]]))
    };
    side.splice(0..0, taken.into_iter().map(without_other));
    side.sort_by_key(|(_, dim)| std::cmp::Reverse(dim.strides[1].unsigned_abs()));
}
