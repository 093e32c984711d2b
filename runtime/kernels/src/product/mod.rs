//! What a matrix product is: sizes, strides and element types of a contraction.
//!
//! `out[b, m, n] = sum over k of lhs[b, m, k] * rhs[b, k, n]`, where each of `b`, `m`, `n` and `k` is a
//! list of dimensions. The order of operations is a function of the extent of `k` alone ([`order`]). Must
//! not live here: loops; they are in [`crate::cpu::product`].

pub mod convolution;
pub mod order;
pub mod shape;
pub mod space;

use crate::Number;

/// An extent, and the distance in elements from one index to the next in each of `N` operands. A distance
/// of 0 repeats an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dim<const N: usize> {
    /// The extent.
    pub size: usize,
    /// Distances, in elements.
    pub strides: [isize; N],
}

impl<const N: usize> Dim<N> {
    /// A dimension of an extent and its distances.
    pub const fn new(size: usize, strides: [isize; N]) -> Dim<N> {
        Dim { size, strides }
    }
}

/// A contraction of two operands. Lists of dimensions are outermost first and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Product {
    /// Element type of the left operand.
    pub lhs: Number,
    /// Element type of the right operand.
    pub rhs: Number,
    /// Element type of the result, and of the addend.
    pub out: Number,
    /// Where the first elements of lhs, rhs, out and addend lie, in elements.
    pub offsets: [isize; 4],
    /// Dimensions of the result in which both operands may move: distances in lhs, rhs, out and addend.
    pub batch: Vec<Dim<4>>,
    /// Dimensions of lhs and the result alone: distances in lhs, out and addend.
    pub m: Vec<Dim<3>>,
    /// Dimensions of rhs and the result alone: distances in rhs, out and addend.
    pub n: Vec<Dim<3>>,
    /// Dimensions that are summed over: distances in lhs and rhs.
    pub k: Vec<Dim<2>>,
    /// What is done to a sum before it is stored.
    pub epilogue: Epilogue,
}

/// An operand of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operand {
    /// The left one.
    Lhs,
    /// The right one.
    Rhs,
}

/// What is done to a sum, in the result's type, before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Epilogue {
    /// An element of the addend is added: a bias. It may move with `m` or with `n`, not with both.
    pub add: bool,
    /// Then whatever is below zero becomes +0.0; a NaN stays one.
    pub relu: bool,
}

/// Why a product has no loops here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsupported {
    /// The operand's elements do not widen to those that the result is computed in: convert them first.
    Operand(Number, Number),
    /// An epilogue on elements that are rounded or narrowed when they are stored.
    Epilogue(Number),
    /// An addend that moves with `m` and with `n`.
    Addend,
    /// Two elements of the result lie at one place.
    Overlap,
}

impl std::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unsupported::Operand(operand, out) => {
                write!(
                    f,
                    "elements {operand:?} do not widen to what {out:?} is computed in; convert them first"
                )
            }
            Unsupported::Epilogue(out) => {
                write!(f, "an epilogue on {out:?}, which is rounded when it is stored")
            }
            Unsupported::Addend => write!(f, "an addend that moves with the rows and with the columns"),
            Unsupported::Overlap => write!(f, "two elements of the result lie at one place"),
        }
    }
}

impl std::error::Error for Unsupported {}

/// The element type that sums are made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compute {
    /// Binary32: results of 16 bits are rounded once, at the end.
    F32,
    /// Binary64.
    F64,
    /// 16 bits, wrapping; narrower results are cut out of them.
    I16,
    /// 32 bits, wrapping.
    I32,
    /// 64 bits, wrapping.
    I64,
    /// `or` of `and`s.
    Truth,
}

impl Compute {
    /// What results of an element type are computed in.
    pub const fn of(out: Number) -> Compute {
        match out {
            Number::I1 => Compute::Truth,
            Number::I8 | Number::U8 | Number::I16 | Number::U16 => Compute::I16,
            Number::I32 | Number::U32 => Compute::I32,
            Number::I64 | Number::U64 => Compute::I64,
            Number::F16 | Number::Bf16 | Number::F32 => Compute::F32,
            Number::F64 => Compute::F64,
        }
    }

    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Compute::Truth => 1,
            Compute::I16 => 2,
            Compute::F32 | Compute::I32 => 4,
            Compute::F64 | Compute::I64 => 8,
        }
    }

    /// Whether elements widen to these without loss.
    pub const fn takes(self, operand: Number) -> bool {
        match operand {
            Number::I1 => !matches!(self, Compute::F32 | Compute::F64),
            Number::I8 | Number::U8 | Number::I16 | Number::U16 => {
                matches!(self, Compute::I16 | Compute::I32 | Compute::I64)
            }
            Number::I32 | Number::U32 => matches!(self, Compute::I32 | Compute::I64),
            Number::I64 | Number::U64 => matches!(self, Compute::I64),
            Number::F16 | Number::Bf16 | Number::F32 => matches!(self, Compute::F32 | Compute::F64),
            Number::F64 => matches!(self, Compute::F64),
        }
    }

    /// Whether the order of a sum is part of its result.
    pub const fn is_float(self) -> bool {
        matches!(self, Compute::F32 | Compute::F64)
    }

    /// Whether elements of a buffer are these, bit for bit.
    pub const fn is(self, number: Number) -> bool {
        self.takes(number) && self.bytes() == number.bytes() && !matches!(number, Number::F16 | Number::Bf16)
    }
}

/// How many multiply-adds, and how many bytes from memory, are as long as a step of an element.
pub(crate) const OF_A_STEP: usize = 16;
const BYTES_OF_A_STEP: usize = 8;

impl Product {
    /// The element type that sums are made in.
    pub fn compute(&self) -> Compute {
        Compute::of(self.out)
    }

    /// The extents of `batch`, `m`, `n` and `k`.
    pub fn sizes(&self) -> [usize; 4] {
        [space::size(&self.batch), space::size(&self.m), space::size(&self.n), space::size(&self.k)]
    }

    /// What it costs, about ([`crate::Kernel::cost`]): its multiply-adds, or the bytes from the first to the last of each
    /// operand and of the result. Few multiply-adds wait for what they read and write.
    pub fn cost(&self) -> usize {
        let multiply_adds = self.sizes().into_iter().fold(1, usize::saturating_mul);
        let numbers = [self.lhs, self.rhs, self.out];
        let bytes = self.reach().into_iter().zip(numbers).map(|(reach, number)| {
            let elements = reach.map_or(0, |(first, last)| first.abs_diff(last) + 1);
            elements.saturating_mul(number.bytes())
        });
        (multiply_adds / OF_A_STEP).max(bytes.fold(0, usize::saturating_add) / BYTES_OF_A_STEP)
    }

    /// The first and the last place in lhs, rhs, out and addend that is read or written, in elements; `None`
    /// for what is not touched at all.
    pub fn reach(&self) -> [Option<(isize, isize)>; 4] {
        let [batch, m, n, k] = self.sizes();
        let (read, written) = (batch * m * n * k > 0, batch * m * n > 0);
        let span = |operand: usize, m: Option<usize>, n: Option<usize>, k: Option<usize>| {
            let spans = [
                Some(space::span(&self.batch, operand)),
                m.map(|role| space::span(&self.m, role)),
                n.map(|role| space::span(&self.n, role)),
                k.map(|role| space::span(&self.k, role)),
            ];
            let start = (self.offsets[operand], self.offsets[operand]);
            spans.into_iter().flatten().fold(start, |(low, high), span| (low + span.0, high + span.1))
        };
        [
            read.then(|| span(0, Some(0), None, Some(0))),
            read.then(|| span(1, None, Some(0), Some(1))),
            written.then(|| span(2, Some(1), Some(1), None)),
            (written && self.epilogue.add).then(|| span(3, Some(2), Some(2), None)),
        ]
    }

    /// Checks that there are loops for it.
    ///
    /// # Errors
    /// If element types do not widen, if the epilogue has no place, or if elements of the result overlap.
    pub fn check(&self) -> Result<(), Unsupported> {
        let compute = self.compute();
        for operand in [self.lhs, self.rhs] {
            if !compute.takes(operand) {
                return Err(Unsupported::Operand(operand, self.out));
            }
        }
        if self.epilogue != Epilogue::default() && !(compute.is_float() && compute.is(self.out)) {
            return Err(Unsupported::Epilogue(self.out));
        }
        let moves = |dims: &[Dim<3>]| dims.iter().any(|dim| dim.size > 1 && dim.strides[2] != 0);
        if self.epilogue.add && moves(&self.m) && moves(&self.n) {
            return Err(Unsupported::Addend);
        }
        if self.overlaps() { Err(Unsupported::Overlap) } else { Ok(()) }
    }

    /// Whether no order of the result's dimensions nests them. Of nothing, nothing overlaps.
    fn overlaps(&self) -> bool {
        let [batch, m, n, _] = self.sizes();
        if batch * m * n == 0 {
            return false;
        }
        let batch = self.batch.iter().map(|dim| (dim.strides[2].unsigned_abs(), dim.size));
        let free = self.m.iter().chain(&self.n).map(|dim| (dim.strides[1].unsigned_abs(), dim.size));
        let mut dims: Vec<(usize, usize)> = batch.chain(free).filter(|dim| dim.1 > 1).collect();
        dims.sort_unstable();
        let mut reach = 0;
        dims.into_iter().any(|(stride, size)| {
            let overlaps = stride <= reach;
            reach += stride * (size - 1);
            overlaps
        })
    }
}
