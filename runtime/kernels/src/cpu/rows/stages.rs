//! Which pass over a unit's tiles makes each value, and for which places.
//!
//! Must not live here: what runs in a pass (`assemble`).

use crate::rows::Kind;
use crate::{Access, Instruction, Rows};

/// Whether a value has an element for each place or for each row, or is one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    Constant,
    Row,
    Full,
}

/// The space and the stage of every value.
pub(super) struct Stages {
    pub spaces: Vec<Space>,
    /// Of values of the full space the stage that makes them; of others the first stage that may read them.
    pub stages: Vec<usize>,
}

impl Stages {
    pub(super) fn of(rows: &Rows) -> Stages {
        let mut spaces = Vec::with_capacity(rows.steps.len());
        let mut stages: Vec<usize> = Vec::with_capacity(rows.steps.len());
        for step in &rows.steps {
            let (space, stage) = match &step.kind {
                Kind::Load { access, .. } if is_of_rows(rows, access) => (Space::Row, 0),
                Kind::Load { .. } => (Space::Full, 0),
                Kind::Compute { instruction: Instruction::Constant(_), .. } => (Space::Constant, 0),
                Kind::Compute { operands, .. } => {
                    // What is computed of constants alone is a value of rows.
                    let space = operands.iter().map(|&at| spaces[at]).max().unwrap_or(Space::Row);
                    let stage = operands.iter().map(|&at| stages[at]).max().unwrap_or(0);
                    (space.max(Space::Row), stage)
                }
                Kind::Fold { operand, .. } => (Space::Row, stages[*operand] + 1),
            };
            spaces.push(space);
            stages.push(stage);
        }
        Stages { spaces, stages }
    }

    /// What is computed in one stage and read in another.
    pub(super) fn read_later(&self, rows: &Rows) -> Vec<bool> {
        let mut read = vec![false; rows.steps.len()];
        for (at, step) in rows.steps.iter().enumerate() {
            let (operands, stage) = match &step.kind {
                Kind::Load { .. } => continue,
                Kind::Compute { operands, .. } => (operands.as_slice(), self.stages[at]),
                Kind::Fold { operand, .. } => (std::slice::from_ref(operand), self.stages[*operand]),
            };
            for &operand in operands {
                let is_computed = matches!(rows.steps[operand].kind, Kind::Compute { .. });
                let is_full = self.spaces[operand] == Space::Full && self.spaces[at] >= Space::Row;
                read[operand] |= is_computed && is_full && self.stages[operand] < stage;
            }
        }
        read
    }
}

/// Whether an access reads the same along the folded dimensions.
pub(super) fn is_of_rows(rows: &Rows, access: &Access) -> bool {
    let folded = &access.dims[rows.outer.len()..][..rows.folded.len()];
    folded.iter().all(|&(size, stride)| stride == 0 || size == 1)
}
