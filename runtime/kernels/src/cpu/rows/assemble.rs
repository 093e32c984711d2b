//! From the steps of a kernel to codes: which stage and space each value belongs to, and what runs there.
//!
//! A stage is a pass over the tiles of a unit; a fold ends one, and what reads its result belongs to a later one. A value of
//! an earlier stage stays in its register where a tile has its rows as a whole; otherwise what was read is read
//! again, and what was computed lies in a register for the whole row.

use std::collections::HashMap;

use super::code::{Code, FoldPart, Place, Program, Slot};
use super::fuse::{self, Fused};
use super::geometry::{Geometry, Memory, TILE};
use super::registers::{Register, aligned};
use super::stages::{Space, Stages, is_of_rows};
use crate::cpu::machine::choose::{choose, takes_scalars};
use crate::cpu::machine::streams::{self, COPIES};
use crate::cpu::machine::{Form, convert, fold, moves};
use crate::rows::{Kind, Store};
use crate::{Access, Instruction, Level, Number, Rows};

/// Where a code goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Before,
    Tile,
    After,
}

/// An instruction that no loop runs on its types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLoop {
    /// The instruction, and its types.
    pub instruction: String,
}

pub(super) struct Assembler<'a> {
    pub(super) rows: &'a Rows,
    pub(super) level: Level,
    pub(super) geometry: Geometry,
    spaces: Vec<Space>,
    /// Of values of the full space the stage that makes them; of others the first stage that may read them.
    pub(super) stages: Vec<usize>,
    is_wide: Vec<bool>,
    /// What computes a value together with what it is computed of, and the values that are part of others so.
    fused: Vec<Option<Fused>>,
    is_gone: Vec<bool>,
    pub(super) codes: Vec<(usize, Section, Code)>,
    pub(super) slots: Vec<Place>,
    /// The register of each slot that has one.
    pub(super) registers: Vec<(Slot, Register)>,
    pub(super) memories: Vec<Memory>,
    /// The bits of constants, and how many bytes they have.
    pub(super) constants: Vec<(u64, usize)>,
    /// Bytes of registers for whole rows.
    pub(super) wide: usize,
    /// Slots of values of each step: in the full space by stage.
    full: HashMap<(usize, usize), Slot>,
    row: HashMap<usize, Slot>,
    /// Slots with copies of values that are one number for a tile.
    copies: HashMap<usize, Slot>,
    /// Stores whose value is computed where it goes.
    stored: Vec<usize>,
}

impl Program {
    /// Assembles a kernel for a level.
    ///
    /// # Errors
    /// If no loop runs an instruction on its types.
    pub fn assemble(rows: &Rows, level: Level) -> Result<Program, NoLoop> {
        Program::of_tiles(rows, level, TILE)
    }

    /// As [`Program::assemble`], with tiles of about so many elements.
    ///
    /// # Errors
    /// As [`Program::assemble`].
    pub fn of_tiles(rows: &Rows, level: Level, tile: usize) -> Result<Program, NoLoop> {
        let rows = rows.clone().normalised().with_rows().side_by_side();
        let mut assembler = Assembler::new(&rows, level, Geometry::of(&rows, tile));
        assembler.emit()?;
        Ok(assembler.finish())
    }
}

impl<'a> Assembler<'a> {
    fn new(rows: &'a Rows, level: Level, geometry: Geometry) -> Assembler<'a> {
        let stages = Stages::of(rows);
        let (fused, is_gone) = fuse::fuse(rows, level, &stages);
        let is_wide =
            if geometry.has_whole_rows() { vec![false; rows.steps.len()] } else { stages.read_later(rows) };
        let Stages { spaces, stages } = stages;
        Assembler {
            rows,
            level,
            geometry,
            is_wide,
            spaces,
            stages,
            fused,
            is_gone,
            codes: Vec::new(),
            slots: Vec::new(),
            registers: Vec::new(),
            memories: Vec::new(),
            constants: Vec::new(),
            wide: 0,
            full: HashMap::new(),
            row: HashMap::new(),
            copies: HashMap::new(),
            stored: Vec::new(),
        }
    }

    /// All codes, stage by stage.
    fn emit(&mut self) -> Result<(), NoLoop> {
        let last = self.stages.iter().copied().max().unwrap_or(0);
        for stage in 0..=last {
            self.emit_rows(stage)?;
            for at in 0..self.rows.steps.len() {
                if self.spaces[at] == Space::Full
                    && !self.is_gone[at]
                    && self.stages[at] == stage
                    && matches!(self.rows.steps[at].kind, Kind::Compute { .. })
                {
                    self.compute(at, stage)?;
                }
                if let Kind::Fold { operand, .. } = self.rows.steps[at].kind
                    && self.stages[operand] == stage
                {
                    self.fold(at, stage)?;
                }
            }
            for (at, store) in self.rows.stores.iter().enumerate() {
                let is_now = !self.is_store_of_rows(store) && self.stages[store.value] == stage;
                if is_now && !self.stored.contains(&at) {
                    self.store(store, stage)?;
                }
            }
        }
        self.emit_rows(last + 1)?;
        for store in &self.rows.stores {
            if self.is_store_of_rows(store) {
                self.store_rows(store)?;
            }
        }
        Ok(())
    }

    /// What is computed of rows before a stage.
    fn emit_rows(&mut self, stage: usize) -> Result<(), NoLoop> {
        for at in 0..self.rows.steps.len() {
            if self.spaces[at] != Space::Row || self.stages[at] != stage {
                continue;
            }
            match &self.rows.steps[at].kind {
                Kind::Load { buffer, access, number } => {
                    let memory = self.memory(*buffer, access, *number, true);
                    let slot = self.load(memory, *number, (stage, Section::Before))?;
                    self.row.insert(at, slot);
                }
                Kind::Compute { .. } => self.compute_rows(at, stage)?,
                Kind::Fold { .. } => {}
            }
        }
        Ok(())
    }

    fn code(&mut self, (stage, section): (usize, Section), code: Code) {
        self.codes.push((stage, section, code));
    }

    fn slot(&mut self, place: Place) -> Slot {
        self.slots.push(place);
        (self.slots.len() - 1) as Slot
    }

    /// A register for elements of so many bytes.
    fn register(&mut self, bytes: usize, section: Section) -> Slot {
        let elements =
            if section == Section::Tile { self.geometry.elements() } else { self.geometry.of_rows() };
        self.bytes(bytes * elements)
    }

    fn bytes(&mut self, bytes: usize) -> Slot {
        let slot = self.slot(Place::Frame(0));
        self.registers.push((slot, Register { bytes, first: usize::MAX, last: 0 }));
        slot
    }

    fn memory(&mut self, buffer: usize, access: &Access, number: Number, of_rows: bool) -> usize {
        let access = (buffer, access, number.bytes());
        self.memories.push(Memory::new(self.rows, &self.geometry, access, of_rows));
        self.memories.len() - 1
    }

    /// A slot with the tile's elements of a memory, in a type of registers.
    fn load(&mut self, memory: usize, number: Number, at: (usize, Section)) -> Result<Slot, NoLoop> {
        let mut slot = if self.memories[memory].is_contiguous {
            let slot = self.slot(Place::Memory(memory));
            self.code(at, Code::Point { slot, memory });
            slot
        } else {
            let out = self.register(number.bytes(), at.1);
            self.code(at, Code::Gather { memory, out });
            out
        };
        if let Some(run) = convert::widen(number, self.level) {
            let out = self.register(number.in_registers().bytes(), at.1);
            self.code(at, Code::Run { run, out, operands: [slot; 3], extra: 0 });
            slot = out;
        }
        Ok(slot)
    }

    fn constant(&mut self, bits: u64, bytes: usize) -> Slot {
        let at = self.constants.iter().position(|&other| other == (bits, bytes)).unwrap_or_else(|| {
            self.constants.push((bits, bytes));
            self.constants.len() - 1
        });
        let known = self.slots.iter().position(|place| *place == Place::Constant(at));
        known.map_or_else(|| self.slot(Place::Constant(at)), |slot| slot as Slot)
    }

    /// A slot with copies of a value that is one number for a tile.
    fn copies(&mut self, at: usize, from: Slot, stage: usize) -> Slot {
        if let Some(&slot) = self.copies.get(&at) {
            return slot;
        }
        let bytes = self.rows.steps[at].number.bytes();
        let out = self.bytes(bytes * COPIES);
        self.code((stage, Section::Before), Code::Copies { out, from, bytes });
        self.copies.insert(at, out);
        out
    }

    /// The slot of a value of the full space in a stage.
    fn full(&mut self, at: usize, stage: usize) -> Result<Slot, NoLoop> {
        if let Some(&slot) = self.full.get(&(at, stage)) {
            return Ok(slot);
        }
        let kept = self.geometry.has_whole_rows().then(|| (0..stage).find_map(|s| self.full.get(&(at, s))));
        let slot = match (&self.rows.steps[at].kind, kept.flatten()) {
            (_, Some(&slot)) => slot,
            (Kind::Load { buffer, access, number }, None) => {
                let memory = self.memory(*buffer, access, *number, false);
                self.load(memory, *number, (stage, Section::Tile))?
            }
            // What is not read again and not kept lies in a register for the whole row.
            (Kind::Compute { .. } | Kind::Fold { .. }, None) => {
                let slot = self.full[&(at, self.stages[at])];
                self.code((stage, Section::Tile), Code::PointWide { slot });
                slot
            }
        };
        self.full.insert((at, stage), slot);
        Ok(slot)
    }

    /// The slot of an operand in the full space, and whether it is a scalar there.
    fn operand(&mut self, at: usize, stage: usize, may_be_scalar: bool) -> Result<(Slot, bool), NoLoop> {
        let bytes = self.rows.steps[at].number.bytes();
        let slot = match self.spaces[at] {
            Space::Full => return Ok((self.full(at, stage)?, false)),
            Space::Constant => self.value_of_rows(at),
            Space::Row => {
                let from = self.value_of_rows(at);
                if !self.geometry.is_scalar_of_row() {
                    return Ok((self.expanded(at, from, stage, bytes), false));
                }
                from
            }
        };
        if may_be_scalar {
            let is_constant = self.spaces[at] == Space::Constant;
            return Ok((if is_constant { slot } else { self.copies(at, slot, stage) }, true));
        }
        Ok((self.filled(slot, bytes, (stage, Section::Tile)), false))
    }

    fn expanded(&mut self, at: usize, from: Slot, stage: usize, bytes: usize) -> Slot {
        if let Some(&slot) = self.full.get(&(at, stage)) {
            return slot;
        }
        let out = self.register(bytes, Section::Tile);
        self.code((stage, Section::Tile), Code::Expand { out, from, bytes });
        self.full.insert((at, stage), out);
        out
    }

    fn filled(&mut self, from: Slot, bytes: usize, at: (usize, Section)) -> Slot {
        let out = self.register(bytes, at.1);
        self.code(at, Code::Run { run: moves::fill(bytes), out, operands: [from; 3], extra: 0 });
        out
    }

    /// The slot of a value of rows, or of a constant.
    fn value_of_rows(&mut self, at: usize) -> Slot {
        match &self.rows.steps[at].kind {
            Kind::Compute { instruction: Instruction::Constant(bits), .. } => {
                self.constant(*bits, self.rows.steps[at].number.bytes())
            }
            Kind::Load { .. } | Kind::Compute { .. } | Kind::Fold { .. } => self.row[&at],
        }
    }

    fn compute(&mut self, at: usize, stage: usize) -> Result<(), NoLoop> {
        let rows = self.rows;
        let Kind::Compute { instruction, operands } = &rows.steps[at].kind else { return Ok(()) };
        let fused = self.fused[at].take();
        let (operands, scalars) = match &fused {
            Some(fused) => (&fused.operands, [true; 3]),
            None => (operands, takes_scalars(instruction)),
        };
        let has_tile = operands.iter().any(|&operand| self.spaces[operand] == Space::Full);
        let slots: Vec<(Slot, bool)> = operands
            .iter()
            .zip(scalars)
            .map(|(&operand, may)| self.operand(operand, stage, may && has_tile))
            .collect::<Result<_, _>>()?;
        let number = self.rows.steps[at].number;
        let out = if self.is_wide[at] {
            let row = self.geometry.sizes[1] * self.geometry.tile[2] * number.bytes();
            let slot = self.slot(Place::Wide(self.wide, number.bytes()));
            self.wide += aligned(row);
            self.code((stage, Section::Tile), Code::PointWide { slot });
            slot
        } else if let Some(memory) = self.destination(at) {
            let slot = self.slot(Place::Memory(memory));
            self.code((stage, Section::Tile), Code::Point { slot, memory });
            slot
        } else {
            self.register(number.bytes(), Section::Tile)
        };
        match fused {
            Some(fused) => {
                let extra = fused.extra.unwrap_or_else(|| streams::numbers(form(&slots)));
                let operands = padded(&slots, out);
                self.code((stage, Section::Tile), Code::Run { run: fused.run, out, operands, extra });
            }
            None => self.run(at, &slots, out, (stage, Section::Tile))?,
        }
        self.full.insert((at, stage), out);
        Ok(())
    }

    /// Where a value of the full space can be computed right away: where it is stored as it is in registers, by tiles in
    /// one piece, and nothing lies that is read.
    fn destination(&mut self, at: usize) -> Option<usize> {
        let rows = self.rows;
        let is_plain = |store: &Store| {
            store.value == at && !store.is_in_place && convert::narrow(store.number, self.level).is_none()
        };
        let (number, store) = rows.stores.iter().enumerate().find(|(_, store)| is_plain(store))?;
        let memory = self.memory(store.buffer, &store.access, store.number, false);
        if !self.memories[memory].is_contiguous {
            self.memories.pop();
            return None;
        }
        self.stored.push(number);
        Some(memory)
    }

    fn compute_rows(&mut self, at: usize, stage: usize) -> Result<(), NoLoop> {
        let Kind::Compute { instruction, operands } = &self.rows.steps[at].kind else { return Ok(()) };
        let section = (stage, Section::Before);
        let is_scalar = |at: &usize| self.spaces[*at] == Space::Constant;
        let has_tile = operands.iter().any(|operand| !is_scalar(operand));
        let scalars = takes_scalars(instruction);
        let mut slots = Vec::with_capacity(operands.len());
        for (place, &operand) in operands.iter().enumerate() {
            let (slot, is_constant) = (self.value_of_rows(operand), self.spaces[operand] == Space::Constant);
            slots.push(match is_constant {
                false => (slot, false),
                true if scalars[place] && has_tile => (slot, true),
                true => (self.filled(slot, self.rows.steps[operand].number.bytes(), section), false),
            });
        }
        let out = self.register(self.rows.steps[at].number.bytes(), Section::Before);
        self.run(at, &slots, out, section)?;
        self.row.insert(at, out);
        Ok(())
    }

    /// The type of a computation's operands: of a selection, the first is a truth value.
    fn operand_number(&self, at: usize) -> Number {
        let step = &self.rows.steps[at];
        let last = match &step.kind {
            Kind::Compute { operands, .. } => operands.last(),
            Kind::Fold { operand, .. } => Some(operand),
            Kind::Load { .. } => None,
        };
        last.map_or(step.number, |&operand| self.rows.steps[operand].number)
    }

    /// The code of a computation.
    fn run(
        &mut self,
        at: usize,
        slots: &[(Slot, bool)],
        out: Slot,
        section: (usize, Section),
    ) -> Result<(), NoLoop> {
        let Kind::Compute { instruction, .. } = &self.rows.steps[at].kind else { return Ok(()) };
        let to = self.rows.steps[at].number;
        let from = self.operand_number(at);
        let Some((run, extra)) = choose(instruction, from, to, form(slots), self.level) else {
            return Err(NoLoop { instruction: format!("{instruction:?} of {from} to {to}") });
        };
        let operands = padded(slots, out);
        self.code(section, Code::Run { run, out, operands, extra });
        Ok(())
    }

    fn fold(&mut self, at: usize, stage: usize) -> Result<(), NoLoop> {
        let Kind::Fold { fold: kind, operand } = self.rows.steps[at].kind else { return Ok(()) };
        let number = self.rows.steps[at].number;
        let Some(loops) = fold::fold(kind, number, self.level) else {
            return Err(NoLoop { instruction: format!("{kind:?} of {number}") });
        };
        let (from, _) = self.operand(operand, stage, false)?;
        let (bytes, [_, _, inner]) = (number.bytes(), self.geometry.tile);
        let out = self.register(bytes, Section::After);
        let state = self.bytes(fold::state_bytes(bytes, inner, self.geometry.sizes[1]));
        let part = FoldPart::Tile;
        if self.geometry.has_whole_rows() {
            self.code((stage, Section::Tile), Code::Fold { run: loops.whole, part, out, from, state });
        } else {
            self.code((stage, Section::Tile), Code::Fold { run: loops.feed, part, out, from, state });
            let part = FoldPart::Row;
            self.code((stage, Section::After), Code::Fold { run: loops.finish, part, out, from: out, state });
        }
        self.row.insert(at, out);
        Ok(())
    }

    /// Whether a store writes one element for each row.
    fn is_store_of_rows(&self, store: &Store) -> bool {
        self.spaces[store.value] != Space::Full && is_of_rows(self.rows, &store.access)
    }

    fn store(&mut self, store: &Store, stage: usize) -> Result<(), NoLoop> {
        let (from, _) = self.operand(store.value, stage, false)?;
        self.write(store, from, (stage, Section::Tile), false)
    }

    fn store_rows(&mut self, store: &Store) -> Result<(), NoLoop> {
        let section = (self.stages.iter().copied().max().unwrap_or(0) + 1, Section::Before);
        let mut from = self.value_of_rows(store.value);
        if self.spaces[store.value] == Space::Constant {
            from = self.filled(from, self.rows.steps[store.value].number.bytes(), section);
        }
        self.write(store, from, section, true)
    }

    fn write(
        &mut self,
        store: &Store,
        mut from: Slot,
        section: (usize, Section),
        of_rows: bool,
    ) -> Result<(), NoLoop> {
        let bytes = store.number.bytes();
        let memory = self.memory(store.buffer, &store.access, store.number, of_rows);
        let narrow = convert::narrow(store.number, self.level);
        if self.memories[memory].is_contiguous {
            let out = self.slot(Place::Memory(memory));
            self.code(section, Code::Point { slot: out, memory });
            let run = narrow.unwrap_or_else(|| moves::copy(bytes));
            self.code(section, Code::Run { run, out, operands: [from; 3], extra: 0 });
            return Ok(());
        }
        if let Some(run) = narrow {
            let out = self.register(bytes, section.1);
            self.code(section, Code::Run { run, out, operands: [from; 3], extra: 0 });
            from = out;
        }
        self.code(section, Code::Scatter { memory, from });
        Ok(())
    }
}

/// Which operands are scalars.
fn form(slots: &[(Slot, bool)]) -> Form {
    std::array::from_fn(|place| slots.get(place).is_some_and(|&(_, is_scalar)| is_scalar))
}

/// The slots of operands, and for those that an instruction lacks any slot.
fn padded(slots: &[(Slot, bool)], out: Slot) -> [Slot; 3] {
    let first = slots.first().map_or(out, |&(slot, _)| slot);
    std::array::from_fn(|place| slots.get(place).map_or(first, |&(slot, _)| slot))
}
