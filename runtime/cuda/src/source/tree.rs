//! Folds in the order that every device follows ([`choral_kernels::cpu::machine::fold`]), by the threads of a row.
//!
//! Must not live here: what the elements are.

use choral_kernels::Number;
use choral_kernels::cpu::machine::fold::BLOCK;
pub(super) use choral_kernels::cpu::machine::fold::LANES;
use choral_kernels::instruction::{Binary, Instruction};
use choral_kernels::rows::Fold;

use super::instruction::expression;
use super::number::{in_registers, literal, signed};
use super::text::Text;
use super::{Missing, Needed, THREADS};

/// A fold along a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tree {
    pub(super) fold: Fold,
    /// The numbers of its value and of what it folds.
    pub(super) value: usize,
    pub(super) operand: usize,
    /// Its type.
    pub(super) number: Number,
}

/// Which threads fold a row of so many elements.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// One, of a row no longer than the lanes.
    Thread { length: usize },
    /// A warp, with a lane of the tree each.
    Warp { length: usize },
    /// All warps of a block, of 32 rows side by side: a thread of each warp for a row, with a few lanes of the tree.
    Columns { length: usize },
}

/// Lanes that each thread of a block has, of rows side by side.
const OF_A_WARP: usize = LANES * LANES / THREADS;

impl Way {
    pub(super) fn length(self) -> usize {
        match self {
            Way::Thread { length } | Way::Warp { length } | Way::Columns { length } => length,
        }
    }

    /// Bytes of shared memory: all lanes of 32 rows, of the widest numbers.
    pub(super) fn shared_bytes(self) -> usize {
        match self {
            Way::Thread { .. } | Way::Warp { .. } => 0,
            Way::Columns { .. } => LANES * LANES * 8,
        }
    }

    /// Lanes of the tree that a thread has.
    fn lanes(self) -> usize {
        match self {
            Way::Thread { length } => length.next_power_of_two().max(2),
            Way::Warp { .. } => 1,
            Way::Columns { .. } => OF_A_WARP,
        }
    }

    /// The first of them.
    fn first_lane(self) -> String {
        match self {
            Way::Thread { .. } => "0".to_owned(),
            Way::Warp { .. } => "team.lane()".to_owned(),
            Way::Columns { .. } => format!("threadIdx.x / {LANES} * {OF_A_WARP}"),
        }
    }

    /// Goes along a row, where `element` declares the values of the element `along`, and declares the values of all trees.
    ///
    /// # Errors
    /// That of `element`.
    pub(super) fn fold(
        self,
        text: &mut Text,
        trees: &[Tree],
        mut element: impl FnMut(&mut Text) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        let length = self.length();
        for tree in trees {
            text.line(format!("{} v{};", in_registers(tree.number), tree.value));
        }
        text.try_block("", |text| {
            let blocks = length.div_ceil(BLOCK);
            for tree in trees {
                let (ty, value, lanes) = (in_registers(tree.number), tree.value, self.dimension());
                text.line(format!("{ty} a{value}{lanes};"));
                if blocks > 1 {
                    text.line(format!("{ty} kept{value}[{}]{lanes};", blocks.ilog2() + 1));
                }
            }
            if blocks <= 1 {
                self.block(text, trees, ("", &length.to_string()), &mut element)?;
            } else {
                text.try_block(format!("for (u32 block = 0; block < {blocks}; ++block)"), |text| {
                    text.line(format!("const u32 start = block * {BLOCK};"));
                    text.line(format!(
                        "const u32 end = start + {BLOCK} < {length} ? start + {BLOCK} : {length};"
                    ));
                    self.block(text, trees, ("start + ", "end"), &mut element)?;
                    self.keep(text, trees)
                })?;
                self.join_kept(text, trees, blocks)?;
            }
            trees.iter().try_for_each(|tree| self.halve(text, tree))
        })
    }

    /// Folds the elements of the block number `block` of a row into a thread's lanes, and puts them where `place` says.
    ///
    /// # Errors
    /// That of `element`.
    pub(super) fn fold_block(
        self,
        text: &mut Text,
        trees: &[Tree],
        place: impl Fn(&Tree) -> String,
        mut element: impl FnMut(&mut Text) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        let length = self.length();
        for tree in trees {
            text.line(format!("{} a{}{};", in_registers(tree.number), tree.value, self.dimension()));
        }
        text.line(format!("const u32 start = block * {BLOCK};"));
        text.line(format!("const u32 end = start + {BLOCK} < {length} ? start + {BLOCK} : {length};"));
        self.block(text, trees, ("start + ", "end"), &mut element)?;
        self.each_lane(text, |text| {
            trees.iter().for_each(|tree| text.line(format!("{} = {};", place(tree), self.own(tree))));
            Ok(())
        })
    }

    /// Declares the values of all trees from the lanes of all blocks, which lie where `place` says.
    ///
    /// # Errors
    /// If an instruction has no source on its types.
    pub(super) fn fold_lanes(
        self,
        text: &mut Text,
        trees: &[Tree],
        place: impl Fn(&Tree) -> String,
    ) -> Result<(), Missing> {
        let blocks = self.length().div_ceil(BLOCK);
        for tree in trees {
            text.line(format!("{} v{};", in_registers(tree.number), tree.value));
        }
        text.try_block("", |text| {
            for tree in trees {
                let (ty, value, lanes) = (in_registers(tree.number), tree.value, self.dimension());
                text.line(format!("{ty} a{value}{lanes}, kept{value}[{}]{lanes};", blocks.ilog2() + 1));
            }
            text.try_block(format!("for (u32 block = 0; block < {blocks}; ++block)"), |text| {
                self.each_lane(text, |text| {
                    trees.iter().for_each(|tree| text.line(format!("{} = {};", self.own(tree), place(tree))));
                    Ok(())
                })?;
                self.keep(text, trees)
            })?;
            self.join_kept(text, trees, blocks)?;
            trees.iter().try_for_each(|tree| self.halve(text, tree))
        })
    }

    /// The place of a thread's lane among the lanes of all threads of a group of rows, of which there are so many.
    pub(super) fn lane_of_group(self) -> (String, usize) {
        match self {
            Way::Thread { .. } => ("0".to_owned(), 1),
            Way::Warp { .. } => ("team.lane()".to_owned(), LANES),
            Way::Columns { .. } => (format!("lane * {THREADS} + threadIdx.x"), LANES * LANES),
        }
    }

    /// Folds the elements of a block from one place to another.
    fn block(
        self,
        text: &mut Text,
        trees: &[Tree],
        (start, end): (&str, &str),
        element: &mut dyn FnMut(&mut Text) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        if !trees.is_empty() {
            self.each_lane(text, |text| {
                trees.iter().for_each(|tree| text.line(format!("{} = {};", self.own(tree), tree.identity())));
                Ok(())
            })?;
        }
        let mut at_place = |text: &mut Text| {
            element(text)?;
            for tree in trees {
                let own = self.own(tree);
                text.line(format!("{own} = {};", tree.join(&own, &format!("v{}", tree.operand))?));
            }
            Ok(())
        };
        let first = self.first_lane();
        if self.lanes() == 1 {
            let head = format!("for (u32 along = {start}{first}; along < {end}; along += {LANES})");
            return text.try_block(head, at_place);
        }
        text.try_block(format!("for (u32 first = {start}{first}; first < {end}; first += {LANES})"), |text| {
            self.each_lane(text, |text| {
                text.line("const u32 along = first + lane;");
                text.try_block(format!("if (along < {end})"), &mut at_place)
            })
        })
    }

    /// The dimension of an array of a thread's lanes.
    fn dimension(self) -> String {
        if self.lanes() == 1 { String::new() } else { format!("[{}]", self.lanes()) }
    }

    /// An element of such an array.
    fn of_lane(self) -> &'static str {
        if self.lanes() == 1 { "" } else { "[lane]" }
    }

    fn own(self, tree: &Tree) -> String {
        format!("a{}{}", tree.value, self.of_lane())
    }

    fn kept(self, tree: &Tree) -> String {
        format!("kept{}[depth]{}", tree.value, self.of_lane())
    }

    /// Statements for each lane of a thread.
    fn each_lane(
        self,
        text: &mut Text,
        within: impl FnOnce(&mut Text) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        if self.lanes() == 1 { within(text) } else { each(text, self.lanes(), within) }
    }

    /// Keeps the lanes of a block: like the digits of a binary counter, it merges with what is kept.
    fn keep(self, text: &mut Text, trees: &[Tree]) -> Result<(), Missing> {
        text.line("u32 depth = __popc(block);");
        text.try_block("for (u32 ones = block; ones & 1; ones >>= 1)", |text| {
            text.line("--depth;");
            self.merge(text, trees)
        })?;
        self.each_lane(text, |text| {
            trees.iter().for_each(|tree| text.line(format!("{} = {};", self.kept(tree), self.own(tree))));
            Ok(())
        })
    }

    /// Merges all that is kept, from the newest to the oldest.
    fn join_kept(self, text: &mut Text, trees: &[Tree], blocks: usize) -> Result<(), Missing> {
        text.line(format!("u32 depth = {};", blocks.count_ones() - 1));
        self.each_lane(text, |text| {
            trees.iter().for_each(|tree| text.line(format!("{} = {};", self.own(tree), self.kept(tree))));
            Ok(())
        })?;
        text.try_block("while (depth > 0)", |text| {
            text.line("--depth;");
            self.merge(text, trees)
        })
    }

    fn merge(self, text: &mut Text, trees: &[Tree]) -> Result<(), Missing> {
        self.each_lane(text, |text| {
            for tree in trees {
                text.line(format!("{} = {};", self.own(tree), tree.join(&self.kept(tree), &self.own(tree))?));
            }
            Ok(())
        })
    }

    /// Lanes to one, which all threads of the row have then.
    fn halve(self, text: &mut Text, tree: &Tree) -> Result<(), Missing> {
        let (value, ty) = (tree.value, in_registers(tree.number));
        match self {
            Way::Thread { .. } => {
                halve_array(text, tree, &format!("a{value}"), self.lanes())?;
                text.line(format!("v{value} = a{value}[0];"));
            }
            Way::Warp { .. } => {
                let own = self.own(tree);
                // All lanes shuffle, before any of them may branch.
                text.line(format!("{ty} other{value};"));
                for distance in [16, 8, 4, 2, 1] {
                    let sent = shuffled(tree.number, &own);
                    text.line(format!(
                        "other{value} = ({ty})__shfl_down_sync(0xffffffffu, {sent}, {distance});"
                    ));
                    text.line(format!("{own} = {};", tree.join(&own, &format!("other{value}"))?));
                }
                let sent = shuffled(tree.number, &own);
                text.line(format!("v{value} = ({ty})__shfl_sync(0xffffffffu, {sent}, 0);"));
            }
            Way::Columns { .. } => {
                text.line("__syncthreads();");
                let place = |lane: &str| format!("(({ty}*)SHARED)[{lane} * {LANES} + threadIdx.x % {LANES}]");
                self.each_lane(text, |text| {
                    let lane = format!("({} + lane)", self.first_lane());
                    text.line(format!("{} = a{value}[lane];", place(&lane)));
                    Ok(())
                })?;
                text.line("__syncthreads();");
                text.line(format!("{ty} all{value}[{LANES}];"));
                each(text, LANES, |text| {
                    text.line(format!("all{value}[lane] = {};", place("lane")));
                    Ok(())
                })?;
                halve_array(text, tree, &format!("all{value}"), LANES)?;
                text.line(format!("v{value} = all{value}[0];"));
            }
        }
        Ok(())
    }
}

fn halve_array(text: &mut Text, tree: &Tree, lanes: &str, count: usize) -> Result<(), Missing> {
    let mut width = count / 2;
    while width > 0 {
        each(text, width, |text| {
            let (left, right) = (format!("{lanes}[lane]"), format!("{lanes}[lane + {width}]"));
            text.line(format!("{left} = {};", tree.join(&left, &right)?));
            Ok(())
        })?;
        width /= 2;
    }
    Ok(())
}

/// Numbers narrower than what shuffles take, in an `int`.
pub(super) fn shuffled(number: Number, value: &str) -> String {
    if number.bytes() < 4 { format!("(i32){value}") } else { value.to_owned() }
}

/// Statements for each element of an array that lies in registers.
fn each(
    text: &mut Text,
    lanes: usize,
    within: impl FnOnce(&mut Text) -> Result<(), Missing>,
) -> Result<(), Missing> {
    text.line("#pragma unroll");
    text.try_block(format!("for (u32 lane = 0; lane < {lanes}; ++lane)"), within)
}

impl Tree {
    fn op(&self) -> Binary {
        match self.fold {
            Fold::Sum => Binary::Add,
            Fold::Product => Binary::Multiply,
            Fold::Maximum => Binary::Maximum,
            Fold::Minimum => Binary::Minimum,
            Fold::And => Binary::And,
            Fold::Or => Binary::Or,
            Fold::Xor => Binary::Xor,
        }
    }

    /// The older one and the newer one in one.
    fn join(&self, older: &str, newer: &str) -> Result<String, Missing> {
        let operands = [older.to_owned(), newer.to_owned()];
        // No fold needs a function.
        expression(
            &Instruction::Binary(self.op()),
            self.number,
            self.number,
            &operands,
            &mut Needed::default(),
        )
    }

    /// What changes nothing.
    fn identity(&self) -> String {
        let number = self.number;
        let is_signed = matches!(number, Number::I8 | Number::I16 | Number::I32 | Number::I64);
        let all =
            || format!("({}){}", in_registers(number), if number == Number::I1 { "1" } else { "~0ull" });
        let least = || format!("({})((u64)1 << {})", signed(number), 8 * number.bytes() - 1);
        let most = || format!("({})(((u64)1 << {}) - 1)", signed(number), 8 * number.bytes() - 1);
        let float = |single: f32, double: f64| match number {
            Number::F32 => Some(literal(number, u64::from(single.to_bits()))),
            Number::F64 => Some(literal(number, double.to_bits())),
            _ => None,
        };
        let zero = format!("({})0", in_registers(number));
        match self.fold {
            // A sum that starts at -0.0 keeps the sign of a zero.
            Fold::Sum => float(-0.0, -0.0).unwrap_or(zero),
            Fold::Product => float(1.0, 1.0).unwrap_or_else(|| format!("({})1", in_registers(number))),
            Fold::Maximum => float(f32::NEG_INFINITY, f64::NEG_INFINITY)
                .unwrap_or_else(|| if is_signed { least() } else { zero }),
            Fold::Minimum => {
                float(f32::INFINITY, f64::INFINITY).unwrap_or_else(|| if is_signed { most() } else { all() })
            }
            Fold::And => all(),
            Fold::Or | Fold::Xor => zero,
        }
    }
}
