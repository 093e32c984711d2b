//! Strips of a buffer that lie together: a buffer of the first strip alone, without the places of the others between.
//!
//! Must not live here: which buffers have strips ([`super::search`]).

use super::Use;
use super::elements::each_access;
use crate::access::Access;
use crate::kernel::{Kernel, Products};
use crate::product::Product;
use crate::rows::{Buffer, Kind};

/// Where the elements of the first of so many strips lie once those of the others, each so many bytes after the one before,
/// are left out.
#[derive(Debug, Clone, Copy)]
pub struct Compact {
    /// Bytes from one strip to the next.
    pub step: isize,
    /// How many there are.
    pub count: usize,
}

impl Compact {
    /// All strips.
    fn period(self) -> isize {
        self.step * self.count as isize
    }

    /// A distance in units of so many bytes.
    fn distance(self, distance: isize, bytes: usize) -> isize {
        match distance * bytes as isize % self.period() {
            0 => distance / self.count as isize,
            _ => distance,
        }
    }

    /// Where something begins, in units of so many bytes.
    fn offset(self, offset: isize, bytes: usize) -> isize {
        let bytes = bytes as isize;
        let (turns, rest) =
            ((offset * bytes).div_euclid(self.period()), (offset * bytes).rem_euclid(self.period()));
        (turns * self.step + rest) / bytes
    }

    fn access(self, access: &mut Access, bytes: usize) {
        access.offset = self.offset(access.offset, bytes);
        access.dims.iter_mut().for_each(|dim| dim.1 = self.distance(dim.1, bytes));
    }

    /// What a kernel does on the buffer of the first strip.
    pub fn kernel(self, kernel: &mut Kernel, buffer: Buffer) {
        match kernel {
            Kernel::Rows(rows) => {
                for step in &mut rows.steps {
                    if let Kind::Load { buffer: of, access, number } = &mut step.kind
                        && *of == buffer
                    {
                        self.access(access, number.bytes());
                    }
                }
                for store in rows.stores.iter_mut().filter(|store| store.buffer == buffer) {
                    self.access(&mut store.access, store.number.bytes());
                }
            }
            Kernel::Products(products) => self.products(products, buffer),
            kernel => each_access(kernel, |of, access, number| {
                if of == buffer {
                    self.access(access, number.bytes());
                }
            }),
        }
    }

    fn products(self, kernel: &mut Products, buffer: Buffer) {
        let Products { products, lhs, rhs, out, addend, .. } = kernel;
        let buffers = [Some(*lhs), Some(*rhs), Some(*out), *addend];
        for product in products {
            let Product { lhs, rhs, out, offsets, batch, m, n, k, .. } = product;
            let bytes = [*lhs, *rhs, *out, *out].map(|number| number.bytes());
            for at in (0..buffers.len()).filter(|&at| buffers[at] == Some(buffer)) {
                let moved = |stride: &mut isize| *stride = self.distance(*stride, bytes[at]);
                offsets[at] = self.offset(offsets[at], bytes[at]);
                batch.iter_mut().for_each(|dim| moved(&mut dim.strides[at]));
                // Of lhs and rhs their own dimensions; of both, then, the result's and the addend's.
                let own = at.saturating_sub(1);
                if at != 1 {
                    m.iter_mut().for_each(|dim| moved(&mut dim.strides[own]));
                }
                if at != 0 {
                    n.iter_mut().for_each(|dim| moved(&mut dim.strides[own]));
                }
                if at < 2 {
                    k.iter_mut().for_each(|dim| moved(&mut dim.strides[at]));
                }
            }
        }
    }

    /// What is read or written there.
    pub fn used(self, used: &mut Use) {
        used.offset = self.offset(used.offset, 1);
        used.dims.iter_mut().for_each(|dim| dim.1 = self.distance(dim.1, 1));
    }
}
