//! From codes to a program: registers in the frame, and codes in their stages.

use super::assemble::{Assembler, Section};
use super::code::{Code, Constant, FoldPart, Place, Program, Slot, Stage};
use super::registers::{self, LINE, Register, aligned};

impl Assembler<'_> {
    /// Puts registers into the frame, and codes into their stages.
    pub(super) fn finish(mut self) -> Program {
        self.codes.sort_by_key(|&(stage, section, _)| (stage, section as u8));
        let (starts, ends) = self.times();
        let mut register_of: Vec<Option<usize>> = vec![None; self.slots.len()];
        let mut registers: Vec<Register> = Vec::with_capacity(self.registers.len());
        for &(slot, register) in &self.registers {
            register_of[slot as usize] = Some(registers.len());
            registers.push(register);
        }
        for (at, (stage, section, code)) in self.codes.iter().enumerate() {
            // What a pass over tiles finds from outside of it stays until its end.
            let end = if *section == Section::Tile { ends[*stage] } else { at };
            for slot in code.slots() {
                let Some(register) = register_of[slot as usize].map(|at| &mut registers[at]) else {
                    continue;
                };
                register.first = register.first.min(at);
                let is_inside = *section == Section::Tile && register.first >= starts[*stage];
                register.last = register.last.max(if is_inside { at } else { end });
            }
            if let Code::Fold { part: FoldPart::Tile, state, out, .. } = code {
                for slot in [state, out] {
                    let Some(register) = register_of[*slot as usize].map(|at| &mut registers[at]) else {
                        continue;
                    };
                    register.first = register.first.min(starts[*stage]);
                    register.last = register.last.max(ends[*stage]);
                }
            }
        }
        let table = aligned(self.slots.len() * size_of::<*mut u8>());
        let (offsets, end) = registers::place(&registers, table);
        for (&(slot, _), offset) in self.registers.iter().zip(offsets) {
            self.slots[slot as usize] = Place::Frame(offset);
        }
        for place in &mut self.slots {
            if let Place::Wide(offset, _) = place {
                *offset += end;
            }
        }
        let frame = (end + self.wide).next_multiple_of(LINE);
        let last = self.stages.iter().copied().max().unwrap_or(0);
        let mut stages = vec![Stage::default(); last + 1];
        let mut rest = Vec::new();
        for (stage, section, code) in self.codes {
            match (stages.get_mut(stage), section) {
                (None, _) => rest.push(code),
                (Some(stage), Section::Before) => stage.before.push(code),
                (Some(stage), Section::Tile) => stage.tile.push(code),
                (Some(stage), Section::After) => stage.after.push(code),
            }
        }
        Program {
            geometry: self.geometry,
            stages,
            last: rest,
            slots: self.slots,
            memories: self.memories,
            constants: self.constants.into_iter().map(Constant::new).collect(),
            frame,
        }
    }

    /// The positions of the first and the last code that runs on the tiles of each stage.
    fn times(&self) -> (Vec<usize>, Vec<usize>) {
        let stages = self.codes.iter().map(|(stage, ..)| stage + 1).max().unwrap_or(0);
        let (mut starts, mut ends) = (vec![usize::MAX; stages], vec![0; stages]);
        for (at, (stage, section, _)) in self.codes.iter().enumerate() {
            if *section == Section::Tile {
                starts[*stage] = starts[*stage].min(at);
                ends[*stage] = ends[*stage].max(at);
            }
        }
        (starts, ends)
    }
}

impl Code {
    /// The slots that it reads or writes elements of.
    fn slots(&self) -> Vec<Slot> {
        match *self {
            Code::Point { .. } | Code::PointWide { .. } => Vec::new(),
            Code::Run { out, operands: [x, y, z], .. } => vec![out, x, y, z],
            Code::Gather { out, .. } => vec![out],
            Code::Scatter { from, .. } => vec![from],
            Code::Copies { out, from, .. } | Code::Expand { out, from, .. } => vec![out, from],
            Code::Fold { out, from, state, .. } => vec![out, from, state],
        }
    }
}
