//! Which computations run as one loop with what they are computed of.
//!
//! A value that is read once, by a computation in the same pass, need not lie in a register of its own. Must not live
//! here: the loops ([`super::super::machine::pairs`]).

use super::stages::{Space, Stages};
use crate::cpu::machine::Loop;
use crate::cpu::machine::pairs::{self, Pair};
use crate::instruction::Binary;
use crate::rows::Kind;
use crate::{Instruction, Level, Number, Rows};

/// A computation and those that it runs as one with.
#[derive(Debug, Clone)]
pub(super) struct Fused {
    /// The loop.
    pub run: Loop,
    /// The values that it reads.
    pub operands: Vec<usize>,
    /// What the loop is handed beside its operands; `None` for what says which of these are numbers.
    pub extra: Option<u64>,
}

/// What runs as one loop, by the step whose value it makes.
pub(super) struct Fusing<'a> {
    rows: &'a Rows,
    level: Level,
    stages: &'a Stages,
    /// How often each value is read.
    uses: Vec<usize>,
    found: Vec<Option<Fused>>,
    /// Whether a value has become part of what reads it.
    is_gone: Vec<bool>,
}

/// Of every step the loop that makes it together with earlier ones, and whether it has become part of a later one.
pub(super) fn fuse(rows: &Rows, level: Level, stages: &Stages) -> (Vec<Option<Fused>>, Vec<bool>) {
    let count = rows.steps.len();
    let mut fusing = Fusing {
        rows,
        level,
        stages,
        uses: uses(rows),
        found: vec![None; count],
        is_gone: vec![false; count],
    };
    (0..count).for_each(|at| fusing.step(at));
    (fusing.found, fusing.is_gone)
}

fn uses(rows: &Rows) -> Vec<usize> {
    let mut uses = vec![0; rows.steps.len()];
    for step in &rows.steps {
        match &step.kind {
            Kind::Load { .. } => {}
            Kind::Compute { operands, .. } => operands.iter().for_each(|&operand| uses[operand] += 1),
            Kind::Fold { operand, .. } => uses[*operand] += 1,
        }
    }
    rows.stores.iter().for_each(|store| uses[store.value] += 1);
    uses
}

impl Fusing<'_> {
    fn step(&mut self, at: usize) {
        if self.stages.spaces[at] != Space::Full {
            return;
        }
        let Some((outer, [x, y])) = self.binary(at) else { return };
        let fused = self.rotation(at, outer, [x, y]).or_else(|| {
            let pair = |inner, other, is_second| self.pair(at, outer, [inner, other], is_second);
            pair(x, y, false).or_else(|| pair(y, x, true))
        });
        if let Some((fused, gone)) = fused {
            gone.into_iter().for_each(|gone| self.is_gone[gone] = true);
            self.found[at] = Some(fused);
        }
    }

    /// A step of two operands.
    fn binary(&self, at: usize) -> Option<(Binary, [usize; 2])> {
        match &self.rows.steps[at].kind {
            Kind::Compute { instruction: Instruction::Binary(op), operands } => {
                Some((*op, operands.as_slice().try_into().ok()?))
            }
            Kind::Load { .. } | Kind::Compute { .. } | Kind::Fold { .. } => None,
        }
    }

    /// A step of two operands that step `reader` alone reads, in the same pass.
    fn inner(&self, at: usize, reader: usize) -> Option<(Binary, [usize; 2])> {
        let is_free = self.uses[at] == 1
            && self.stages.spaces[at] == Space::Full
            && self.stages.stages[at] == self.stages.stages[reader]
            && self.found[at].is_none();
        self.binary(at).filter(|_| is_free)
    }

    /// A step of the result of another one.
    fn pair(
        &self,
        at: usize,
        outer: Binary,
        [first, other]: [usize; 2],
        is_second: bool,
    ) -> Option<(Fused, Vec<usize>)> {
        let (inner, [x, y]) = self.inner(first, at)?;
        let run = pairs::pair(Pair { inner, outer, is_second }, self.rows.steps[at].number, self.level)?;
        Some((Fused { run, operands: vec![x, y, other], extra: None }, vec![first]))
    }

    /// Shifts to the left and to the right that make a rotation, or the exclusive or of one.
    fn rotation(&self, at: usize, op: Binary, operands @ [x, y]: [usize; 2]) -> Option<(Fused, Vec<usize>)> {
        if !matches!(self.rows.steps[at].number, Number::I32 | Number::U32) {
            return None;
        }
        let of = |with_xor, operands, distance| Fused {
            run: pairs::rotate(with_xor, self.level),
            operands,
            extra: Some(u64::from(distance)),
        };
        match op {
            Binary::Or => {
                let (turned, distance) = self.shifts(at, operands)?;
                Some((of(false, vec![turned], distance), operands.to_vec()))
            }
            Binary::Xor => {
                let both = [(x, y), (y, x)];
                both.into_iter().filter(|&(_, other)| self.stages.spaces[other] == Space::Full).find_map(
                    |(or, other)| {
                        let Fused { operands, extra, .. } = self.alone(or, at)?.clone();
                        Some((of(true, vec![operands[0], other], extra? as u32), vec![or]))
                    },
                )
            }
            _ => None,
        }
    }

    /// A rotation that step `reader` alone reads, in the same pass.
    fn alone(&self, at: usize, reader: usize) -> Option<&Fused> {
        let is_or = matches!(self.binary(at), Some((Binary::Or, _)));
        let is_free = self.uses[at] == 1 && self.stages.stages[at] == self.stages.stages[reader];
        self.found[at].as_ref().filter(|_| is_or && is_free)
    }

    /// What two shifts, which step `reader` alone reads, rotate, and by how much to the left.
    fn shifts(&self, reader: usize, operands: [usize; 2]) -> Option<(usize, u32)> {
        let shifts = operands.map(|operand| self.inner(operand, reader));
        let [Some((first, [x, left])), Some((second, [y, right]))] = shifts else { return None };
        let (left, right) = (self.constant(left)?, self.constant(right)?);
        let distance = match (first, second) {
            (Binary::ShiftLeft, Binary::ShiftRightLogical) => left,
            (Binary::ShiftRightLogical, Binary::ShiftLeft) => right,
            _ => return None,
        };
        (x == y && self.stages.spaces[x] == Space::Full && left.checked_add(right) == Some(u32::BITS))
            .then_some((x, distance))
    }

    /// The bits of a constant.
    fn constant(&self, at: usize) -> Option<u32> {
        match self.rows.steps[at].kind {
            Kind::Compute { instruction: Instruction::Constant(bits), .. } => Some(bits as u32),
            Kind::Load { .. } | Kind::Compute { .. } | Kind::Fold { .. } => None,
        }
    }
}
