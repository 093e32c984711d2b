//! Kernels as text.
//!
//! `b3` is buffer 3, read or written in order; `b3+6[4:16 8:1]` are 4 x 8 elements of it from place 6 on, 16 and 1 apart.
//! `v2` is the value of step 2 of a kernel of rows, whose folded dimensions stand in brackets.

use std::fmt::{self, Display, Formatter};

use crate::access::{Access, Elements};
use crate::instruction::Instruction;
use crate::kernel::{Kernel, Pack, Products};
use crate::moves::{Gather, Scatter};
use crate::number::Number;
use crate::product::{Operand, Product};
use crate::rows::{Kind, Rows};
use crate::window::Initial;

impl Display for Access {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.offset != 0 {
            write!(f, "+{}", self.offset)?;
        }
        let dims = crate::access::collapsed(&self.dims);
        if let [] | [(_, 1)] = dims.as_slice() {
            return Ok(());
        }
        let dims: Vec<String> = dims.iter().map(|(size, stride)| format!("{size}:{stride}")).collect();
        write!(f, "[{}]", dims.join(" "))
    }
}

impl Display for Elements {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "b{}{}", self.buffer, self.access)
    }
}

impl Display for Initial {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Initial::Constant(bits) => write!(f, "{bits:#x}"),
            Initial::Load(elements) => elements.fmt(f),
        }
    }
}

/// A kernel on one line, but for kernels of rows: a line for the space, and one for each step.
impl Display for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        match self {
            Kernel::Rows(rows) => show_rows(rows, f),
            Kernel::Products(products) => show_products(products, f),
            Kernel::Pack(Pack { operand, from, to, strips, .. }) => {
                write!(f, " {operand:?} b{from} -> b{to}")?;
                if strips.count > 1 { write!(f, ", {} strips", strips.count) } else { Ok(()) }
            }
            Kernel::Window(kernel) => {
                let windows: Vec<String> = kernel.windows.iter().map(|dim| dim.window.to_string()).collect();
                let combine = kernel.combine.instruction;
                let (windows, initial) = (windows.join("x"), &kernel.initial);
                write!(f, " {windows} {combine} {} from {initial} -> {}", kernel.input, kernel.result)
            }
            Kernel::Extreme(kernel) => {
                let [value, place] = &kernel.results;
                write!(f, " {:?} {} -> {value}, {place}", kernel.search, kernel.values)
            }
            Kernel::Fold(kernel) => {
                let windows: Vec<usize> = kernel.windows.iter().map(|dim| dim.window).collect();
                write!(f, " {} by {} steps", sizes(&windows), kernel.body.steps.len())?;
                kernel
                    .operands
                    .iter()
                    .try_for_each(|of| write!(f, ", {} from {} -> {}", of.input, of.initial, of.result))
            }
            Kernel::SelectAndScatter(kernel) => {
                write!(f, " {}, {} -> {}", kernel.operand, kernel.source, kernel.result)
            }
            Kernel::Gather(Gather { windows, window, from, out, .. }) => {
                let count: usize = windows.iter().product();
                write!(f, " {count} windows {} of b{} -> {out}", sizes(window), from.buffer)
            }
            Kernel::Scatter(Scatter { members, windows, window, operands, .. }) => {
                let count: usize =
                    windows.iter().map(|dim| dim.size).chain(members.iter().copied()).product();
                write!(f, " {count} windows {}", sizes(window))?;
                operands.iter().try_for_each(|array| {
                    write!(f, ", {} into {} -> b{}", array.updates, array.input, array.out)
                })
            }
            Kernel::Sort(kernel) => {
                let rows: usize = kernel.rows.iter().product();
                write!(f, " {rows} rows of {}", kernel.length)?;
                kernel
                    .operands
                    .iter()
                    .try_for_each(|operand| write!(f, ", {} -> {}", operand.from, operand.out))
            }
            Kernel::Cholesky(kernel) => write!(f, " {} -> {}", kernel.matrix, kernel.result),
            Kernel::TriangularSolve(kernel) => {
                write!(f, " {}, {} -> {}", kernel.matrix, kernel.right, kernel.result)
            }
            Kernel::Random(kernel) => {
                write!(f, " {:?} {} -> {}, {}", kernel.algorithm, kernel.state, kernel.next, kernel.bits)
            }
        }
    }
}

fn sizes(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join("x")
}

fn show_products(kernel: &Products, f: &mut Formatter<'_>) -> fmt::Result {
    let Products { products, convolution: _, lhs, rhs, addend, out, packed } = kernel;
    let total: usize = products.iter().map(|product| product.sizes().iter().product::<usize>()).sum();
    if let [product] = products.as_slice() {
        show_product(product, f)?;
    } else {
        write!(f, " of {} parts", products.len())?;
    }
    let operand = |operand, whole: usize| match *packed {
        Some((of, packed)) if of == operand => format!("packed b{packed}"),
        Some(_) | None => format!("b{whole}"),
    };
    write!(f, " {} * {}", operand(Operand::Lhs, *lhs), operand(Operand::Rhs, *rhs))?;
    if let Some(addend) = addend {
        write!(f, " + b{addend}")?;
    }
    if products.first().is_some_and(|product| product.epilogue.relu) {
        write!(f, ", relu")?;
    }
    write!(f, " -> b{out}, {total} multiply-adds")
}

fn show_product(product: &Product, f: &mut Formatter<'_>) -> fmt::Result {
    let [batch, m, n, k] = product.sizes();
    write!(f, " {batch} of {m}x{k} * {k}x{n} {}", product.lhs)
}

fn show_rows(rows: &Rows, f: &mut Formatter<'_>) -> fmt::Result {
    let total: usize = [&rows.outer, &rows.folded, &rows.inner].into_iter().flatten().product();
    let folded = if rows.has_folds() { format!("[{}]", sizes(&rows.folded)) } else { sizes(&rows.folded) };
    for part in [sizes(&rows.outer), folded, sizes(&rows.inner)].into_iter().filter(|part| !part.is_empty()) {
        write!(f, " {part}")?;
    }
    write!(f, ", {total} places")?;
    for (at, step) in rows.steps.iter().enumerate() {
        write!(f, "\n  v{at} = ")?;
        match &step.kind {
            Kind::Load { buffer, access, number } => write!(f, "load b{buffer}{access} {number}")?,
            Kind::Compute { instruction: Instruction::Constant(bits), .. } => {
                write!(f, "constant {} {}", number_of(*bits, step.number), step.number)?;
            }
            Kind::Compute { instruction, operands } => {
                let operands: Vec<String> = operands.iter().map(|at| format!("v{at}")).collect();
                write!(f, "{instruction} {} {}", operands.join(", "), step.number)?;
            }
            Kind::Fold { fold, operand } => write!(f, "fold {fold:?} v{operand} {}", step.number)?,
        }
    }
    for store in &rows.stores {
        write!(f, "\n  v{} -> b{}{} {}", store.value, store.buffer, store.access, store.number)?;
        if store.is_in_place {
            f.write_str(", in place")?;
        }
    }
    Ok(())
}

/// The number of these bits.
fn number_of(bits: u64, number: Number) -> String {
    match number {
        Number::I1 => (bits != 0).to_string(),
        Number::I8 => (bits as i8).to_string(),
        Number::I16 => (bits as i16).to_string(),
        Number::I32 => (bits as i32).to_string(),
        Number::I64 => (bits as i64).to_string(),
        Number::U8 | Number::U16 | Number::U32 | Number::U64 => bits.to_string(),
        Number::F16 | Number::Bf16 => format!("{bits:#x}"),
        Number::F32 => format!("{:?}", f32::from_bits(bits as u32)),
        Number::F64 => format!("{:?}", f64::from_bits(bits)),
    }
}

impl Display for Instruction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Instruction::Constant(bits) => write!(f, "constant {bits:#x}"),
            Instruction::Unary(op) => write!(f, "{op:?}"),
            Instruction::Function(function) => write!(f, "{function:?}"),
            Instruction::FunctionOfTwo(function) => write!(f, "{function:?}"),
            Instruction::Binary(op) => write!(f, "{op:?}"),
            Instruction::Compare(comparison) => write!(f, "{comparison:?}"),
            Instruction::Select
            | Instruction::MultiplyAdd
            | Instruction::Convert
            | Instruction::ConvertToOdd
            | Instruction::Round(_)
            | Instruction::ReducePrecision { .. }
            | Instruction::Wrap(_)
            | Instruction::OrderKey
            | Instruction::Call1(_)
            | Instruction::Call2(_) => write!(f, "{self:?}"),
        }
    }
}
