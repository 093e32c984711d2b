//! Kernels in strips: along which dimensions a kernel is made of parts that know nothing of each other, the kernel
//! of one part, and the dimensions along which many kernels are cut together.
//!
//! Must not live here: which kernels run in strips, and on which threads.

mod compact;
mod elements;
mod search;

use crate::access::Dim;
use crate::kernel::{Kernel, Products};
use crate::product::{Operand, Product};
use crate::rows::{Buffer, Kind, Rows};
use crate::{Access, Number};
pub use compact::Compact;
pub use search::{Found, Part, Place, search};

/// How a kernel may be cut.
#[derive(Debug, Clone, Default)]
pub struct Cuts {
    /// Sizes of the dimensions along which it may.
    pub sizes: Vec<usize>,
    /// What it reads and writes.
    pub uses: Vec<Use>,
}

/// Bytes of a buffer that a kernel reads or writes.
#[derive(Debug, Clone)]
pub struct Use {
    /// The buffer.
    pub buffer: Buffer,
    /// Whether they are written.
    pub is_written: bool,
    /// Bytes of an element.
    pub bytes: usize,
    /// Where the element at index 0 lies.
    pub offset: isize,
    /// Of each dimension its size, and bytes from one index to the next: those along which the kernel may be cut, then
    /// all others.
    pub dims: Vec<Dim>,
    /// Of an operand of a product that is packed ahead, which one it is. The bytes are those of what was packed:
    /// each strip has an operand of its own.
    pub packed: Option<Operand>,
}

impl Use {
    fn of(buffer: Buffer, is_written: bool, number: Number, offset: isize, dims: Vec<Dim>) -> Use {
        let bytes = number.bytes();
        let in_bytes = |elements: isize| elements * bytes as isize;
        let dims = dims.into_iter().map(|(size, stride)| (size, in_bytes(stride))).collect();
        Use { buffer, is_written, bytes, offset: in_bytes(offset), dims, packed: None }
    }

    /// Bytes from one of so many strips along a dimension to the next.
    pub fn step(&self, dim: usize, count: usize) -> isize {
        let (size, bytes) = self.dims[dim];
        bytes * (size / count) as isize
    }

    /// The first byte after all of them.
    pub fn end(&self) -> isize {
        let ends = self.dims.iter().map(|&(size, bytes)| (bytes * size.saturating_sub(1) as isize).max(0));
        self.offset + ends.sum::<isize>() + self.bytes as isize
    }

    /// Whether each of so many strips along a dimension keeps to bytes that are its own by where they lie: to one
    /// interval of the length of a step, or to intervals that come again after those of all strips.
    pub fn keeps_apart(&self, dim: usize, count: usize) -> bool {
        let step = self.step(dim, count);
        let all = step.saturating_mul(count as isize);
        if all <= 0 {
            return false;
        }
        let first = self.offset.rem_euclid(all);
        let (mut low, mut high) = (first, first);
        for (at, &(size, bytes)) in self.dims.iter().enumerate() {
            let size = if at == dim { size / count } else { size };
            if at != dim && bytes % all == 0 {
                continue;
            }
            let end = bytes.saturating_mul(size.saturating_sub(1) as isize);
            (low, high) = (low.saturating_add(end.min(0)), high.saturating_add(end.max(0)));
        }
        low >= 0 && high.saturating_add(self.bytes as isize) <= step
    }
}

impl Cuts {
    /// The cuts of a kernel. It has no dimensions if there are none along which its parts know nothing of each other; of
    /// some kinds of kernels it is not known here what they read: `None`.
    pub fn of(kernel: &Kernel) -> Option<Cuts> {
        match kernel {
            Kernel::Rows(rows) => Some(of_rows(rows)),
            Kernel::Products(products) => Some(of_products(products)),
            Kernel::Window(_)
            | Kernel::Extreme(_)
            | Kernel::Gather(_)
            | Kernel::Sort(_)
            | Kernel::Cholesky(_)
            | Kernel::TriangularSolve(_) => elements::cuts(kernel),
            Kernel::Pack(_)
            | Kernel::Fold(_)
            | Kernel::Scatter(_)
            | Kernel::SelectAndScatter(_)
            | Kernel::Random(_) => None,
        }
    }
}

/// The first of so many strips along a dimension of a kernel's [`Cuts`], whose size they divide. The others lie further on
/// in every buffer, by the step of each use.
#[must_use]
pub fn strip(kernel: &Kernel, dim: usize, count: usize) -> Kernel {
    let mut kernel = kernel.clone();
    match &mut kernel {
        Kernel::Rows(rows) => {
            if let Some(at) = cut_places(rows).nth(dim) {
                let sizes = rows.outer.iter_mut().chain(&mut rows.folded).chain(&mut rows.inner);
                sizes.skip(at).take(1).for_each(|size| *size /= count);
                rows.accesses_mut().for_each(|access| access.dims[at].0 /= count);
            }
        }
        Kernel::Products(products) => {
            // The products say all that is to be done.
            products.convolution = None;
            for product in &mut products.products {
                sizes_mut(product).skip(dim).take(1).for_each(|size| *size /= count);
            }
        }
        kernel => elements::strip(kernel, dim, count),
    }
    kernel
}

/// The dimensions of a kernel of rows that it does not fold, by their places among all.
fn cut_places(rows: &Rows) -> impl Iterator<Item = usize> + use<> {
    let (outer, folded) = (rows.outer.len(), rows.folded.len());
    let (has_folds, all) = (rows.has_folds(), outer + folded + rows.inner.len());
    (0..all).filter(move |&at| !has_folds || !(outer..outer + folded).contains(&at))
}

fn of_rows(rows: &Rows) -> Cuts {
    let all = [rows.outer.as_slice(), &rows.folded, &rows.inner].concat();
    let places: Vec<usize> = cut_places(rows).collect();
    let of = |buffer: Buffer, access: &Access, number: Number, is_written: bool| {
        let others = (0..all.len()).filter(|at| !places.contains(at));
        let dims = places.iter().copied().chain(others).map(|at| access.dims[at]).collect();
        Use::of(buffer, is_written, number, access.offset, dims)
    };
    let loads = rows.steps.iter().filter_map(|step| match &step.kind {
        Kind::Load { buffer, access, number } => Some(of(*buffer, access, *number, false)),
        Kind::Compute { .. } | Kind::Fold { .. } => None,
    });
    let stores = rows.stores.iter().map(|store| of(store.buffer, &store.access, store.number, true));
    Cuts { sizes: places.iter().map(|&at| all[at]).collect(), uses: loads.chain(stores).collect() }
}

/// The sizes of the dimensions of a product that it does not sum over.
fn sizes_mut(product: &mut Product) -> impl Iterator<Item = &mut usize> {
    let Product { batch, m, n, .. } = product;
    let batch = batch.iter_mut().map(|dim| &mut dim.size);
    batch.chain(m.iter_mut().map(|dim| &mut dim.size)).chain(n.iter_mut().map(|dim| &mut dim.size))
}

/// What a product reads and writes: dimensions of the batch, of `m` and of `n`, then those that are summed over.
fn of_product(product: &Product, products: &Products) -> Vec<Use> {
    let batch = product.batch.iter().map(|dim| (dim.size, dim.strides));
    let m = product.m.iter().map(|dim| (dim.size, [dim.strides[0], 0, dim.strides[1], dim.strides[2]]));
    let n = product.n.iter().map(|dim| (dim.size, [0, dim.strides[0], dim.strides[1], dim.strides[2]]));
    let k = product.k.iter().map(|dim| (dim.size, [dim.strides[0], dim.strides[1], 0, 0]));
    let dims: Vec<(usize, [isize; 4])> = batch.chain(m).chain(n).chain(k).collect();
    let of = |at: usize, buffer: Buffer, number: Number, packed: Option<Operand>| {
        let dims = dims.iter().map(|&(size, strides)| (size, strides[at])).collect();
        Use { packed, ..Use::of(buffer, at == 2, number, product.offsets[at], dims) }
    };
    let operand = |operand: Operand, whole: Buffer| match products.packed {
        Some((packed, buffer)) if packed == operand => (buffer, Some(operand)),
        Some(_) | None => (whole, None),
    };
    let ((lhs, lhs_packed), (rhs, rhs_packed)) =
        (operand(Operand::Lhs, products.lhs), operand(Operand::Rhs, products.rhs));
    let addend = products.addend.map(|addend| of(3, addend, product.out, None));
    let operands = [
        Some(of(0, lhs, product.lhs, lhs_packed)),
        Some(of(1, rhs, product.rhs, rhs_packed)),
        addend,
        Some(of(2, products.out, product.out, None)),
    ];
    operands.into_iter().flatten().collect()
}

fn of_products(products: &Products) -> Cuts {
    let Some((first, others)) = products.products.split_first() else { return Cuts::default() };
    let sizes = |product: &Product| sizes_mut(&mut product.clone()).map(|size| *size).collect::<Vec<_>>();
    // Several products have their own places; members and features are those of all.
    let shared =
        first.batch.len() + if others.is_empty() { first.m.len() + first.n.len() } else { first.m.len() };
    let are_alike = others.iter().all(|other| {
        (other.batch.len(), other.m.len()) == (first.batch.len(), first.m.len())
            && sizes(other)[..shared] == sizes(first)[..shared]
    });
    let sizes = if are_alike { sizes(first)[..shared].to_vec() } else { Vec::new() };
    let uses = products.products.iter().flat_map(|product| of_product(product, products));
    Cuts { sizes, uses: uses.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(offset: isize, dims: &[Dim]) -> Use {
        Use { buffer: 0, is_written: false, bytes: 4, offset, dims: dims.to_vec(), packed: None }
    }

    #[test]
    fn strips_that_lie_one_after_another_keep_apart() {
        assert!(used(0, &[(6, 64), (16, 4)]).keeps_apart(0, 6));
        assert!(used(0, &[(6, 64), (16, 4)]).keeps_apart(0, 3));
        assert!(used(48, &[(6, 64), (4, 4)]).keeps_apart(0, 6), "a part of each");
        // Backward within a strip.
        assert!(used(60, &[(6, 64), (16, -4)]).keeps_apart(0, 6));
    }

    #[test]
    fn strips_that_come_again_after_all_others_keep_apart() {
        assert!(used(0, &[(6, 64), (10, 384), (16, 4)]).keeps_apart(0, 6));
        assert!(used(384, &[(6, 64), (4, -384), (16, 4)]).keeps_apart(0, 6));
        assert!(!used(0, &[(6, 64), (10, 448), (16, 4)]).keeps_apart(0, 6), "more between them than strips");
    }

    #[test]
    fn strips_that_reach_into_others_do_not() {
        assert!(!used(0, &[(6, 64), (17, 4)]).keeps_apart(0, 6), "windows that overlap");
        assert!(!used(4, &[(6, 64), (16, 4)]).keeps_apart(0, 6), "they begin further on");
        assert!(!used(320, &[(6, -64), (16, 4)]).keeps_apart(0, 6), "the other way round");
        assert!(!used(0, &[(6, 0), (16, 4)]).keeps_apart(0, 6), "all have the same");
    }

    #[test]
    fn strips_without_what_lies_between() {
        let by = Compact { step: 64, count: 6 };
        let mut middle = used(384 + 16, &[(1, 64), (10, 384), (4, 4)]);
        by.used(&mut middle);
        assert_eq!(
            (middle.offset, middle.dims.as_slice()),
            (64 + 16, [(1, 64), (10, 64), (4, 4)].as_slice())
        );
        assert_eq!(middle.end(), 64 + 16 + 9 * 64 + 3 * 4 + 4);
    }
}
