//! Where the values, places and results of a search lie.

use std::cmp::Reverse;

use crate::access::{Dim, Elements, collapsed, place};
use crate::cpu::machine::convert::{narrow, widen};
use crate::cpu::machine::moves::{gather, scatter, with_width};
use crate::cpu::machine::{Arguments, Loop};
use crate::extreme::{Extreme, Places};
use crate::window::Initial;
use crate::{Access, Level, Number};

/// Elements of a buffer: those that stay, the nearest values innermost, and those that are folded.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub buffer: usize,
    pub offset: isize,
    pub kept: Vec<Dim>,
    pub folded: Vec<Dim>,
    pub number: Numbers,
}

/// How numbers of a type are brought into registers and back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub bytes: usize,
    /// Bytes in registers.
    pub wide: usize,
    pub widen: Option<Loop>,
    pub narrow: Option<Loop>,
}

/// A pair to start from.
#[derive(Debug, Clone)]
pub(super) enum Start {
    Constant(u64),
    Load(Operand),
}

/// What stands for where an element is.
#[derive(Debug, Clone)]
pub(super) enum PlacesOf {
    /// The index of a dimension: the product of the sizes of those behind, and its size.
    Along {
        behind: usize,
        size: usize,
    },
    Load(Operand),
}

/// All that a search reads and writes.
#[derive(Debug, Clone)]
pub(super) struct Operands {
    /// Number of results.
    pub count: usize,
    pub values: Operand,
    pub places: PlacesOf,
    pub numbers: [Numbers; 2],
    pub initial: [Start; 2],
    pub results: [Operand; 2],
}

impl Numbers {
    fn of(number: Number, level: Level) -> Numbers {
        Numbers {
            bytes: number.bytes(),
            wide: number.in_registers().bytes(),
            widen: widen(number, level),
            narrow: narrow(number, level),
        }
    }

    /// Brings a tile into registers.
    ///
    /// # Safety
    /// `from` and `out` are tiles of so many numbers that do not overlap.
    pub(super) unsafe fn load(&self, from: *const u8, out: *mut u8, length: usize) {
        // SAFETY: the caller's contract.
        unsafe {
            match self.widen {
                Some(widen) => widen(&Arguments { out, operands: [from; 3], length, extra: 0 }),
                None => std::ptr::copy_nonoverlapping(from, out, self.bytes * length),
            }
        }
    }
}

impl Operands {
    pub(super) fn of(extreme: &Extreme, level: Level) -> Operands {
        let kept = extreme.kept;
        let dims = &extreme.values.access.dims;
        let mut order: Vec<usize> = (0..kept).collect();
        order.sort_by_key(|&dim| (dims[dim].0 != 1, Reverse(dims[dim].1.unsigned_abs())));
        let numbers = [extreme.value, extreme.place].map(|number| Numbers::of(number, level));
        let operand = |elements: &Elements, number: usize| {
            let Access { offset, dims } = &elements.access;
            let ordered: Vec<Dim> = order.iter().map(|&dim| dims[dim]).collect();
            Operand {
                buffer: elements.buffer,
                offset: *offset,
                kept: collapsed(&ordered),
                folded: collapsed(&dims[kept..]),
                number: numbers[number],
            }
        };
        let start = |number: usize| match &extreme.initial[number] {
            Initial::Constant(bits) => Start::Constant(*bits),
            Initial::Load(elements) => Start::Load(operand(elements, number)),
        };
        let places = match &extreme.places {
            Places::Load(elements) => PlacesOf::Load(operand(elements, 1)),
            Places::Along(dim) => {
                let behind = dims[kept + dim + 1..].iter().map(|(size, _)| size).product();
                PlacesOf::Along { behind, size: dims[kept + dim].0 }
            }
        };
        Operands {
            count: dims[..kept].iter().map(|(size, _)| size).product(),
            values: operand(&extreme.values, 0),
            places,
            numbers,
            initial: [start(0), start(1)],
            results: [operand(&extreme.results[0], 0), operand(&extreme.results[1], 1)],
        }
    }
}

impl PlacesOf {
    /// Whether every element has a greater place than all before.
    pub(super) fn ascend(&self, elements: usize) -> bool {
        matches!(self, PlacesOf::Along { behind: 1, size } if *size == elements)
    }
}

impl Operand {
    /// Where result number `at` has its first element.
    pub(super) fn at(&self, buffers: &[*mut u8], at: usize) -> *mut u8 {
        let place = self.offset + place(&self.kept, at);
        buffers[self.buffer].wrapping_offset(place * self.number.bytes as isize)
    }

    /// Whether what stays lies in order, one element after another.
    pub(super) fn is_dense(&self) -> bool {
        matches!(self.kept.as_slice(), [] | [(_, 1)])
    }

    /// Reads, of element number `element` of the folded dimensions, those of results `start` to `start + length`.
    ///
    /// # Safety
    /// The elements are readable, and `out` has room for as many.
    pub(super) unsafe fn gather(
        &self,
        buffers: &[*mut u8],
        element: usize,
        [start, length]: [usize; 2],
        out: *mut u8,
    ) {
        let offset = self.offset + place(&self.folded, element);
        let from = buffers[self.buffer].wrapping_offset(offset * self.number.bytes as isize);
        // SAFETY: the caller's contract.
        with_width!(self.number.bytes, T => unsafe {
            gather(out.cast::<T>(), from.cast::<T>(), &self.kept, start, length)
        });
    }

    /// Writes results `start` to `start + length`.
    ///
    /// # Safety
    /// The results are writable, and `from` holds as many.
    pub(super) unsafe fn scatter(&self, buffers: &[*mut u8], [start, length]: [usize; 2], from: *const u8) {
        let out = buffers[self.buffer].wrapping_offset(self.offset * self.number.bytes as isize);
        // SAFETY: the caller's contract.
        with_width!(self.number.bytes, T => unsafe {
            scatter(out.cast::<T>(), from.cast::<T>(), &self.kept, start, length)
        });
    }
}
