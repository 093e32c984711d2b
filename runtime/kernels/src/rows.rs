//! Kernels of rows: elementwise steps, folds of rows, and what follows on them, in one pass.
//!
//! The heart of a plan: elementwise chains, broadcasts, reductions, softmax, normalisations and log-sum-exp are all
//! lists of steps over one space of elements. Must not live here: how the steps run ([`crate::cpu::rows`]).

use crate::access::Dim;
use crate::instruction::Instruction;
use crate::{Access, Number};

/// A buffer, by its place in the table of a plan.
pub type Buffer = usize;

/// A fold with an instruction that may group its operands as it likes; the order is [one for
/// all](crate::cpu::machine::fold).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Fold {
    Sum,
    Product,
    Maximum,
    Minimum,
    And,
    Or,
    Xor,
}

/// A kernel of rows.
///
/// Its space is `outer x folded x inner`, in row-major order. A value has an element for each place of the space, or, if
/// it is the same along the folded dimensions, for each row.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Sizes of the dimensions before the folded ones.
    pub outer: Vec<usize>,
    /// Sizes of the folded dimensions; of a kernel without folds, of all.
    pub folded: Vec<usize>,
    /// Sizes of the dimensions after them.
    pub inner: Vec<usize>,
    /// Values, each made from earlier ones.
    pub steps: Vec<Step>,
    /// What is written.
    pub stores: Vec<Store>,
}

/// A value of a kernel.
#[derive(Debug, Clone)]
pub struct Step {
    /// How it is made.
    pub kind: Kind,
    /// Its type in registers.
    pub number: Number,
}

impl Step {
    /// What it costs at one place ([`crate::Kernel::cost`]).
    pub(crate) fn cost(&self) -> usize {
        match &self.kind {
            Kind::Compute { instruction, .. } => instruction.cost(),
            Kind::Load { .. } | Kind::Fold { .. } => 1,
        }
    }
}

/// How a value is made. Operands are numbers of steps.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Read from a buffer of numbers of this type, through an access with every dimension of the space.
    Load {
        /// The buffer.
        buffer: Buffer,
        /// Where its elements lie.
        access: Access,
        /// Their type in memory.
        number: Number,
    },
    /// Computed at each place.
    Compute {
        /// What is computed.
        instruction: Instruction,
        /// Of what.
        operands: Vec<usize>,
    },
    /// Folded along the folded dimensions, without an initial value.
    Fold {
        /// By what.
        fold: Fold,
        /// What is folded.
        operand: usize,
    },
}

/// A value written to a buffer.
#[derive(Debug, Clone)]
pub struct Store {
    /// The number of the step.
    pub value: usize,
    /// The buffer.
    pub buffer: Buffer,
    /// Where its elements lie; along folded dimensions a value of rows has one place alone.
    pub access: Access,
    /// Their type in memory.
    pub number: Number,
    /// Whether it lies where something is loaded from, by [the same access](Rows::may_overwrite).
    pub is_in_place: bool,
}

impl Store {
    /// A value written to places that nothing is loaded from.
    pub const fn apart(value: usize, buffer: Buffer, access: Access, number: Number) -> Store {
        Store { value, buffer, access, number, is_in_place: false }
    }
}

/// Elements of a row, at least, for which what is the same along it is worth being kept apart.
const LEAST_ROW: usize = 8;

/// Elements of a row, at most, that fill vectors badly.
const MOST_OF_SHORT: usize = 12;

/// Elements that are worth running side by side, at least: some vectors of them.
pub(crate) const LEAST_BESIDE: usize = 64;

impl Rows {
    /// Whether a store may lie where a buffer lies that is loaded from: each place is read before it is written, and for
    /// nobody else.
    pub fn may_overwrite(&self, read: Buffer, store: &Store) -> bool {
        let of_read = |step: &Step| match &step.kind {
            Kind::Load { buffer, access, number } if *buffer == read => Some((access.clone(), *number)),
            Kind::Load { .. } | Kind::Compute { .. } | Kind::Fold { .. } => None,
        };
        let is_alike = |(access, number): (Access, Number)| {
            access == store.access && number.bytes() == store.number.bytes()
        };
        let is_one_to_one = store.access.dims.iter().all(|&(size, stride)| stride != 0 || size == 1);
        // What is copied elsewhere is read while stores are made.
        let is_copied = self.stores.iter().any(|store| of_read(&self.steps[store.value]).is_some());
        !self.has_folds()
            && is_one_to_one
            && self.steps.iter().filter_map(of_read).all(is_alike)
            && (!is_copied || self.steps.len() == 1 && self.stores.len() == 1)
    }

    /// Whether it only writes what it reads, where it lies.
    pub fn does_nothing(&self) -> bool {
        matches!(self.steps.as_slice(), [Step { kind: Kind::Load { .. }, .. }])
            && self.stores.iter().all(|store| store.is_in_place)
    }

    /// Whether a step folds.
    pub fn has_folds(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.kind, Kind::Fold { .. }))
    }

    /// Every buffer that is read or written.
    pub fn buffers(&self) -> impl Iterator<Item = Buffer> {
        let loads = self.steps.iter().filter_map(|step| match &step.kind {
            Kind::Load { buffer, .. } => Some(*buffer),
            Kind::Compute { .. } | Kind::Fold { .. } => None,
        });
        loads.chain(self.stores.iter().map(|store| store.buffer))
    }

    /// Every access, to be changed.
    pub(crate) fn accesses_mut(&mut self) -> impl Iterator<Item = &mut Access> {
        let loads = self.steps.iter_mut().filter_map(|step| match &mut step.kind {
            Kind::Load { access, .. } => Some(access),
            Kind::Compute { .. } | Kind::Fold { .. } => None,
        });
        loads.chain(self.stores.iter_mut().map(|store| &mut store.access))
    }

    /// The same kernel with fewer dimensions: those of size 1 are left out, and neighbours that every access runs
    /// through alike are joined.
    #[must_use]
    pub fn normalised(mut self) -> Rows {
        let groups = [self.outer.len(), self.folded.len(), self.inner.len()];
        let mut sizes = [self.outer.clone(), self.folded.clone(), self.inner.clone()].concat();
        let mut group: Vec<usize> =
            groups.iter().enumerate().flat_map(|(at, &count)| std::iter::repeat_n(at, count)).collect();
        let mut dims: Vec<Vec<Dim>> = self.accesses_mut().map(|access| access.dims.clone()).collect();
        for at in (0..sizes.len()).rev() {
            let joins = at + 1 < sizes.len()
                && group[at] == group[at + 1]
                && dims.iter().all(|dims| dims[at].1 == dims[at + 1].1 * sizes[at + 1] as isize);
            if sizes[at] == 1 {
                dims.iter_mut().for_each(|dims| {
                    dims.remove(at);
                });
                sizes.remove(at);
                group.remove(at);
            } else if joins {
                let size = sizes[at] * sizes[at + 1];
                dims.iter_mut().for_each(|dims| {
                    dims.remove(at);
                    dims[at].0 = size;
                });
                sizes.remove(at);
                sizes[at] = size;
                group.remove(at);
            }
        }
        self.accesses_mut().zip(dims).for_each(|(access, dims)| access.dims = dims);
        let of = |wanted: usize| {
            sizes.iter().zip(&group).filter(|(_, group)| **group == wanted).map(|(&size, _)| size).collect()
        };
        (self.outer, self.folded, self.inner) = (of(0), of(1), of(2));
        self
    }

    /// A kernel that folds rows of a few elements, with its rows side by side: so many of them fold at once as there are
    /// elements in a vector.
    #[must_use]
    pub(crate) fn side_by_side(mut self) -> Rows {
        let is_short = self.folded.iter().product::<usize>() <= MOST_OF_SHORT;
        let beside = self.outer.last().copied().unwrap_or(1);
        if !self.has_folds() || !self.inner.is_empty() || !is_short || beside < LEAST_BESIDE {
            return self;
        }
        let last = self.outer.len() - 1;
        self.outer.pop();
        self.inner.push(beside);
        self.accesses_mut().for_each(|access| access.dims[last..].rotate_left(1));
        self
    }

    /// A kernel without folds, with the dimensions before those along which a value that it reads is the same apart from
    /// these, as if they were folded: such a value, and what is computed of such values alone, is then one number for each
    /// row.
    #[must_use]
    pub(crate) fn with_rows(mut self) -> Rows {
        if self.has_folds() {
            return self;
        }
        let (first, count) = (self.outer.len(), self.folded.len());
        let is_same = |access: &Access, from: usize| {
            access.dims[first + from..][..count - from].iter().all(|dim| dim.1 == 0)
        };
        let is_of_rows = |from: usize| {
            let mut loads = self.steps.iter().filter_map(|step| match &step.kind {
                Kind::Load { access, .. } => Some(access),
                Kind::Compute { .. } | Kind::Fold { .. } => None,
            });
            loads.any(|access| is_same(access, from) && !is_same(access, 0))
        };
        let is_worth_it = |from: usize| self.folded[from..].iter().product::<usize>() >= LEAST_ROW;
        if let Some(from) = (1..count).find(|&from| is_worth_it(from) && is_of_rows(from)) {
            self.outer.extend(self.folded.drain(..from));
        }
        self
    }
}
