//! Products as rows times columns: the shape that tiles are of, the same for all products that one loop makes.
//!
//! Dimensions of the batch in which one operand is repeated are rows or columns of the other. Must not live here: tiles.

use choral_kernels::Number;
use choral_kernels::product::{Compute, Dim, Epilogue, Product};

use super::each::Each;

/// A dimension of all products.
#[derive(Debug, Clone)]
pub(super) struct Along<const N: usize> {
    pub(super) size: Each,
    pub(super) strides: [Each; N],
}

/// Products of one shape, but for sizes and strides. Left is the operand that rows move in, right the one that columns
/// move in.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    /// Of left and right.
    pub(super) numbers: [Number; 2],
    pub(super) out: Number,
    pub(super) compute: Compute,
    pub(super) epilogue: Epilogue,
    /// Whether left is rhs.
    pub(super) is_turned: bool,
    /// First places of left, right, result and addend.
    pub(super) offsets: [Each; 4],
    /// Distances in left, right, result and addend.
    pub(super) batch: Vec<Along<4>>,
    /// Distances in left, result and addend.
    pub(super) rows: Vec<Along<3>>,
    /// Distances in right, result and addend.
    pub(super) columns: Vec<Along<3>>,
    /// Distances in left and right, in the order of the sum.
    pub(super) terms: Vec<Along<2>>,
    /// Members, rows, columns and terms of each product.
    pub(super) extents: Vec<[usize; 4]>,
    /// The type of distances.
    pub(super) place: &'static str,
}

/// Rows of a product, at most, that are the shorter side of its tiles whatever the result's order.
const FEW: usize = 16;

/// The same list of dimensions of each product.
type Lists<const N: usize> = Vec<Vec<Dim<N>>>;

/// Whether products can be made by one loop: they differ in sizes and strides alone.
pub(super) fn are_alike(one: &Product, other: &Product) -> bool {
    let of = |product: &Product| {
        let lists = [product.batch.len(), product.m.len(), product.n.len(), product.k.len()];
        (product.lhs, product.rhs, product.out, product.epilogue, lists)
    };
    of(one) == of(other)
}

impl Sides {
    /// Of products that are [alike](are_alike), of which none is empty. If they `may_turn`, rows may be those of rhs.
    pub(super) fn of(products: &[&Product], may_turn: bool) -> Sides {
        let first = products[0];
        let mut batch: Lists<4> = products.iter().map(|product| product.batch.clone()).collect();
        let mut m: Lists<3> = products.iter().map(|product| product.m.clone()).collect();
        let mut n: Lists<3> = products.iter().map(|product| product.n.clone()).collect();
        take(&mut batch, &mut m, 0, 1);
        take(&mut batch, &mut n, 1, 0);
        let size = |lists: &Lists<3>| lists.iter().map(|dims| size(dims)).max().unwrap_or(1);
        let is_dense = |lists: &Lists<3>| innermost(lists).is_some_and(|stride| stride == 1);
        let [few, many] = [size(&m).min(size(&n)), size(&m).max(size(&n))];
        let is_turned = may_turn
            && match few <= FEW && few < many {
                true => size(&n) < size(&m),
                false => is_dense(&m) && !is_dense(&n),
            };
        let turned = |dim: &Dim<4>| {
            let [left, right, out, addend] = dim.strides;
            Dim::new(dim.size, if is_turned { [right, left, out, addend] } else { dim.strides })
        };
        let swap = |[left, right]: [isize; 2]| if is_turned { [right, left] } else { [left, right] };
        let batch: Lists<4> = batch.iter().map(|dims| dims.iter().map(turned).collect()).collect();
        let terms = |product: &&Product| {
            product.k.iter().map(|dim| Dim::new(dim.size, swap(dim.strides))).collect::<Vec<_>>()
        };
        let terms: Lists<2> = products.iter().map(terms).collect();
        let (rows, columns) = if is_turned { (n, m) } else { (m, n) };
        let extents = (0..products.len())
            .map(|at| [size_of(&batch[at]), size_of(&rows[at]), size_of(&columns[at]), size_of(&terms[at])])
            .collect();
        let place = if products.iter().all(|product| is_short(product)) { "i32" } else { "i64" };
        let offset = |at: usize, name: &str| {
            let operand = if at < 2 && is_turned { 1 - at } else { at };
            let values = products.iter().map(|product| product.offsets[operand]).collect();
            Each::new(format!("{name}_first"), place, values)
        };
        Sides {
            numbers: if is_turned { [first.rhs, first.lhs] } else { [first.lhs, first.rhs] },
            out: first.out,
            compute: first.compute(),
            epilogue: first.epilogue,
            is_turned,
            offsets: [offset(0, "left"), offset(1, "right"), offset(2, "out"), offset(3, "addend")],
            batch: named("member", place, batch),
            rows: named("row", place, rows),
            columns: named("column", place, columns),
            terms: named("term", place, terms),
            extents,
            place,
        }
    }

    /// All numbers that may differ.
    pub(super) fn all(&self) -> Vec<&Each> {
        fn of<const N: usize>(dims: &[Along<N>]) -> impl Iterator<Item = &Each> {
            dims.iter().flat_map(|dim| [&dim.size].into_iter().chain(&dim.strides))
        }
        let lists = of(&self.batch).chain(of(&self.rows)).chain(of(&self.columns)).chain(of(&self.terms));
        self.offsets.iter().chain(lists).collect()
    }
}

fn size<const N: usize>(dims: &[Dim<N>]) -> usize {
    size_of(dims)
}

fn size_of<const N: usize>(dims: &[Dim<N>]) -> usize {
    dims.iter().map(|dim| dim.size).product()
}

/// The distance in the result between neighbours of a side, if there are any.
fn innermost(lists: &Lists<3>) -> Option<isize> {
    lists[0].iter().rev().find(|dim| dim.size > 1).map(|dim| dim.strides[1])
}

/// Whether all distances, and all sums of them, are small.
fn is_short(product: &Product) -> bool {
    fn reach<const N: usize>(dims: &[Dim<N>], at: usize) -> usize {
        dims.iter()
            .map(|dim| dim.strides[at].unsigned_abs().saturating_mul(dim.size))
            .fold(0, usize::saturating_add)
    }
    let Product { batch, m, n, k, offsets, .. } = product;
    let reaches = [
        [reach(batch, 0), reach(m, 0), reach(k, 0)],
        [reach(batch, 1), reach(n, 0), reach(k, 1)],
        [reach(batch, 2), reach(m, 1), reach(n, 1)],
        [reach(batch, 3), reach(m, 2), reach(n, 2)],
    ];
    let mut all = reaches.iter().zip(offsets);
    all.all(|(reach, offset)| {
        reach.iter().fold(offset.unsigned_abs(), |all, &one| all.saturating_add(one)) < 1 << 30
    })
}

/// Moves dimensions in which the other operand is repeated from the batch to a side, and orders the side so that
/// neighbours in the result are innermost.
fn take(batch: &mut Lists<4>, side: &mut Lists<3>, operand: usize, other: usize) {
    let dims = batch[0].len();
    let is_taken: Vec<bool> =
        (0..dims).map(|dim| batch.iter().all(|dims| dims[dim].strides[other] == 0)).collect();
    for (batch, side) in batch.iter_mut().zip(side.iter_mut()) {
        let taken = batch
            .iter()
            .zip(&is_taken)
            .filter(|(_, is_taken)| **is_taken)
            .map(|(dim, _)| Dim::new(dim.size, [dim.strides[operand], dim.strides[2], dim.strides[3]]));
        let taken: Vec<Dim<3>> = taken.collect();
        side.splice(0..0, taken);
        let kept = batch.iter().zip(&is_taken).filter(|(_, is_taken)| !**is_taken).map(|(dim, _)| *dim);
        *batch = kept.collect();
    }
    // The order of the first product's is that of all.
    let mut order: Vec<usize> = (0..side[0].len()).collect();
    order.sort_by_key(|&dim| std::cmp::Reverse(side[0][dim].strides[1].unsigned_abs()));
    for dims in side {
        *dims = order.iter().map(|&dim| dims[dim]).collect();
    }
}

/// Dimensions with names, as few of them as all products allow.
fn named<const N: usize>(name: &str, place: &'static str, lists: Lists<N>) -> Vec<Along<N>> {
    let lists = joined(lists);
    let along = |dim: usize| Along {
        size: Each::sizes(format!("{name}{dim}_size"), lists.iter().map(|dims| dims[dim].size)),
        strides: std::array::from_fn(|at| {
            let strides = lists.iter().map(|dims| dims[dim].strides[at]).collect();
            Each::new(format!("{name}{dim}_step{at}"), place, strides)
        }),
    };
    (0..lists[0].len()).map(along).collect()
}

/// Without dimensions of size 1, and with neighbours joined where one stride spans both.
fn joined<const N: usize>(mut lists: Lists<N>) -> Lists<N> {
    for dim in (0..lists[0].len()).rev() {
        let spans = |dims: &Vec<Dim<N>>| {
            let (outer, inner) = (dims[dim], dims[dim + 1]);
            (0..N).all(|at| outer.strides[at] == inner.strides[at] * inner.size as isize)
        };
        if lists.iter().all(|dims| dims[dim].size == 1) {
            lists.iter_mut().for_each(|dims| {
                dims.remove(dim);
            });
        } else if dim + 1 < lists[0].len() && lists.iter().all(spans) {
            lists.iter_mut().for_each(|dims| {
                let outer = dims.remove(dim);
                dims[dim].size *= outer.size;
            });
        }
    }
    lists
}
