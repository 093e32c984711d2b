//! Kernels in strips: along which dimensions a kernel is made of parts that know nothing of each other, and the kernel
//! of one part.
//!
//! Must not live here: which kernels run in strips, and on which threads.

use crate::kernel::{Kernel, Products};
use crate::product::{Operand, Product};
use crate::rows::{Buffer, Kind, Rows};
use crate::{Access, Number};

/// How a kernel may be cut.
#[derive(Debug, Clone, Default)]
pub struct Cuts {
    /// Sizes of the dimensions along which it may.
    pub sizes: Vec<usize>,
    /// What it reads and writes.
    pub uses: Vec<Use>,
}

/// Elements of a buffer that a kernel reads or writes.
#[derive(Debug, Clone)]
pub struct Use {
    /// The buffer.
    pub buffer: Buffer,
    /// Whether they are written.
    pub is_written: bool,
    /// Their type in memory.
    pub number: Number,
    /// Elements from one index to the next along each of the kernel's dimensions.
    pub strides: Vec<isize>,
    /// The first and the last element.
    pub reach: (isize, isize),
    /// Of an operand of a product that is packed ahead, which one it is. Strides and reach are those of what was packed:
    /// each strip has an operand of its own.
    pub packed: Option<Operand>,
}

impl Use {
    /// The first and the last element of the first of so many strips along a dimension of this size.
    pub fn reach_of_strip(&self, dim: usize, size: usize, count: usize) -> (isize, isize) {
        let others = self.strides[dim] * (size - size / count) as isize;
        (self.reach.0 - others.min(0), self.reach.1 - others.max(0))
    }
}

impl Cuts {
    /// The cuts of a kernel; none of one that has no such dimension, or of which it is not known here.
    pub fn of(kernel: &Kernel) -> Cuts {
        match kernel {
            Kernel::Rows(rows) => of_rows(rows),
            Kernel::Products(products) => of_products(products),
            Kernel::Pack(_)
            | Kernel::Window(_)
            | Kernel::Extreme(_)
            | Kernel::Fold(_)
            | Kernel::SelectAndScatter(_)
            | Kernel::Gather(_)
            | Kernel::Scatter(_)
            | Kernel::Sort(_)
            | Kernel::Cholesky(_)
            | Kernel::TriangularSolve(_)
            | Kernel::Random(_) => Cuts::default(),
        }
    }
}

/// The first of so many strips along a dimension of a kernel's [`Cuts`], whose size they divide. The others lie further on
/// in every buffer, by the stride times the strip's size.
#[must_use]
pub fn strip(kernel: &Kernel, dim: usize, count: usize) -> Kernel {
    let mut kernel = kernel.clone();
    if let Kernel::Rows(rows) = &mut kernel
        && let Some(at) = cut_places(rows).nth(dim)
    {
        let sizes = rows.outer.iter_mut().chain(&mut rows.folded).chain(&mut rows.inner);
        sizes.skip(at).take(1).for_each(|size| *size /= count);
        rows.accesses_mut().for_each(|access| access.dims[at].0 /= count);
    }
    if let Kernel::Products(products) = &mut kernel {
        let sizes = products.products.iter_mut().flat_map(sizes_mut);
        sizes.skip(dim).take(1).for_each(|size| *size /= count);
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
        let ends = access.dims.iter().map(|&(size, stride)| stride * size.saturating_sub(1) as isize);
        let reach = ends
            .fold((access.offset, access.offset), |(low, high), end| (low + end.min(0), high + end.max(0)));
        let strides = places.iter().map(|&at| access.dims[at].1).collect();
        Use { buffer, is_written, number, strides, reach, packed: None }
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

fn of_products(products: &Products) -> Cuts {
    // Several products of a kernel have dimensions of their own, and a convolution is more than its products.
    let ([product], None) = (products.products.as_slice(), &products.convolution) else {
        return Cuts::default();
    };
    let batch = product.batch.iter().map(|dim| (dim.size, dim.strides));
    let m = product.m.iter().map(|dim| (dim.size, [dim.strides[0], 0, dim.strides[1], dim.strides[2]]));
    let n = product.n.iter().map(|dim| (dim.size, [0, dim.strides[0], dim.strides[1], dim.strides[2]]));
    let (sizes, strides): (Vec<usize>, Vec<[isize; 4]>) = batch.chain(m).chain(n).unzip();
    let reach = product.reach();
    let of = |at: usize, buffer: Buffer, number: Number, packed: Option<Operand>| {
        let strides = strides.iter().map(|strides| strides[at]).collect();
        Some(Use { buffer, is_written: at == 2, number, strides, reach: reach[at]?, packed })
    };
    let operand = |operand: Operand, whole: Buffer| match products.packed {
        Some((packed, buffer)) if packed == operand => (buffer, Some(operand)),
        Some(_) | None => (whole, None),
    };
    let ((lhs, lhs_packed), (rhs, rhs_packed)) =
        (operand(Operand::Lhs, products.lhs), operand(Operand::Rhs, products.rhs));
    let addend = products.addend.and_then(|addend| of(3, addend, product.out, None));
    let uses = [
        of(0, lhs, product.lhs, lhs_packed),
        of(1, rhs, product.rhs, rhs_packed),
        addend,
        of(2, products.out, product.out, None),
    ];
    Cuts { sizes, uses: uses.into_iter().flatten().collect() }
}
