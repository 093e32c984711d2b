//! What running an op takes besides its operands and results: copies in another order or type, tables of
//! places, lists of scalars.
//!
//! The numbers follow the code of [`crate::ops`], whose buffers are named at each. They
//! are upper bounds, close where buffers are large (`tests/memory`). Must not live here: which values are
//! alive ([`crate::plan`]).

use choral_ir::op::{ControlOp, DotGeneral, Elementwise, IndexOp, Map, ShapeOp, SortOp, Unary, WindowOp};
use choral_ir::{DType, Fold, Op, Reducer, TensorType};

/// What a tensor of one element takes: two allocations, its type, its shape's.
const SCALAR: usize = 200;
/// A place in a tensor, and the widest element.
const WORD: usize = 8;
/// A place or none.
const OPTION: usize = 16;
/// A list on the heap.
const LIST: usize = 64;

pub(crate) fn total(bytes: impl IntoIterator<Item = usize>) -> usize {
    bytes.into_iter().fold(0, usize::saturating_add)
}

/// Bytes besides operands and results of an op's definition in [`crate::ops`].
pub(crate) fn of_definition(op: &Op, operands: &[&TensorType], results: &[TensorType]) -> usize {
    let accumulators = if op.accumulating().is_some() { accumulators(operands, results) } else { 0 };
    of_family(op, operands, results).saturating_add(accumulators)
}

/// Operands and results of 16-bit floats in the type that they accumulate in; the largest passes through
/// `f64`.
fn accumulators(operands: &[&TensorType], results: &[TensorType]) -> usize {
    let halves = || {
        let types = operands.iter().copied().chain(results);
        types.filter(|ty| ty.dtype.accumulator() != ty.dtype)
    };
    let copies = total(halves().map(|ty| ty.with_dtype(ty.dtype.accumulator()).bytes()));
    copies.saturating_add(halves().map(wide).max().unwrap_or_default())
}

fn of_family(op: &Op, operands: &[&TensorType], results: &[TensorType]) -> usize {
    let given = || total(operands.iter().map(|ty| wide(ty)));
    let made = || total(results.iter().map(wide));
    match op {
        // Through f64.
        Op::Elementwise(Elementwise::Unary(Unary::IsFinite) | Elementwise::ReducePrecision(_)) => given(),
        Op::Elementwise(_) => 0,
        // Bits as words, before and after.
        Op::Shape(ShapeOp::BitcastConvert(_)) => given().saturating_add(made()),
        Op::Shape(_) => 0,
        // Operands in the type of the result, or through f64; and the terms of one sum.
        Op::Dot(op) => total([converted(operands, results), depth(op, operands[0]) * 2 * OPTION]),
        Op::Convolution(_) => {
            total([converted(operands, results), elements(operands[1]).saturating_mul(2 * OPTION)])
        }
        Op::Reduce(op) => folded(&op.body, operands, results),
        Op::Window(op) => window(op, operands, results),
        Op::Index(op) => index(op, operands),
        Op::Sort(op) => sort(op, operands),
        // In f64.
        Op::Linalg(_) => given(),
        Op::Control(op) => control(op, operands, results),
        // Words of 64 bits, twice, and those of 32 bits that they are made of.
        Op::Random(_) => made().saturating_mul(3),
        Op::Collective(_) | Op::Custom(_) => 0,
    }
}

fn elements(ty: &TensorType) -> usize {
    ty.len()
}

/// The elements as words.
fn wide(ty: &TensorType) -> usize {
    ty.len().saturating_mul(WORD)
}

fn depth(op: &DotGeneral, lhs: &TensorType) -> usize {
    op.lhs_contracting.iter().fold(1usize, |depth, &dim| depth.saturating_mul(lhs.shape[dim]))
}

/// Operands copied to be multiplied: as `f64` for halves, which pass through it in any case where types
/// differ.
fn converted(operands: &[&TensorType], results: &[TensorType]) -> usize {
    let dtype = results[0].dtype;
    let is_half = matches!(dtype, DType::F16 | DType::Bf16);
    let copies = operands.iter().filter(|ty| is_half || ty.dtype != dtype);
    total(copies.map(|ty| wide(ty).saturating_add(if is_half { 0 } else { ty.with_dtype(dtype).bytes() })))
}

/// The places of one fold; where the body is more than one op, every result element as a tensor.
fn folded(body: &Reducer, operands: &[&TensorType], results: &[TensorType]) -> usize {
    let places = elements(operands[0]).checked_div(elements(&results[0])).unwrap_or_default();
    let scalars = match body.fold() {
        Fold::Binary(_) => 0,
        Fold::Extreme(_) | Fold::Second | Fold::Body => {
            total(results.iter().map(|ty| elements(ty).saturating_mul(SCALAR)))
        }
    };
    total([places.saturating_mul(OPTION), scalars])
}

fn window(op: &WindowOp, operands: &[&TensorType], results: &[TensorType]) -> usize {
    match op {
        WindowOp::ReduceWindow(op) => {
            let window = op.window_dimensions.iter().fold(1, |all: usize, &size| all.saturating_mul(size));
            // Leading dimensions that no window spans share one table of places.
            let leading = (0..op.window_dimensions.len())
                .take_while(|&dim| {
                    op.window_dimensions[dim] == 1 && results[0].shape[dim] == operands[0].shape[dim]
                })
                .count();
            let in_plane = |ty: &TensorType| -> usize { ty.with_shape(&ty.shape[leading..]).len() };
            let (plane, places) = (in_plane(operands[0]), in_plane(&results[0]));
            let table = window.saturating_mul(places).saturating_mul(size_of::<u32>());
            let planes = plane
                .saturating_mul(WORD)
                .saturating_mul(std::thread::available_parallelism().map_or(1, usize::from));
            total([folded(&op.body, operands, results), table, places.saturating_mul(LIST), planes])
        }
        // The result element by element, each a tensor, and the initial value repeated.
        WindowOp::SelectAndScatter(_) => {
            total([elements(operands[0]).saturating_mul(SCALAR), operands[0].bytes()])
        }
    }
}

fn index(op: &IndexOp, operands: &[&TensorType]) -> usize {
    match op {
        IndexOp::Gather(_) => wide(operands[1]),
        IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_) => 0,
        IndexOp::Scatter(op) => {
            let count = operands.len() / 2;
            let places = elements(operands[count + 1]).saturating_mul(OPTION);
            let is_simple = matches!(op.body.fold(), Fold::Binary(_) | Fold::Second);
            let inputs = operands[..count].iter().map(|ty| elements(ty).saturating_mul(SCALAR));
            total([wide(operands[count]), places, if is_simple { 0 } else { total(inputs) }])
        }
    }
}

fn sort(op: &SortOp, operands: &[&TensorType]) -> usize {
    let count = elements(operands[0]);
    let along = |dim: usize| operands[0].shape[dim].max(1);
    match op {
        // Every line as a list of places; then one line being merged, or where each element comes from.
        SortOp::Sort(op) => {
            let line = along(op.dimension);
            let merged = count.max(line.saturating_mul(2));
            total([
                count.saturating_mul(WORD),
                merged.saturating_mul(WORD),
                (count / line).saturating_mul(LIST),
            ])
        }
        // Every line's places keep their room; the sort takes half a line more.
        SortOp::TopK(op) => {
            let line = operands[0].shape.last().copied().unwrap_or(1).max(1);
            let taken = (count / line).saturating_mul(op.k);
            total([count.saturating_mul(WORD), taken.saturating_mul(2 * WORD), line.saturating_mul(WORD)])
                .saturating_add((count / line).saturating_mul(LIST))
        }
    }
}

/// What loops and maps keep besides their regions' values.
fn control(op: &ControlOp, operands: &[&TensorType], results: &[TensorType]) -> usize {
    match op {
        // The slices of the inputs and of the results, which are stacked at the end.
        ControlOp::Scan(op) => {
            let taken = operands[..op.inputs].iter().map(|ty| op.slice(ty).bytes());
            let tensors = op.length.saturating_mul(SCALAR);
            let kept = results[..op.outputs()].iter().map(|ty| ty.bytes().saturating_add(tensors));
            total(taken.chain(kept))
        }
        ControlOp::Map(Map { computation: _ }) => elements(&results[0]).saturating_mul(SCALAR),
        ControlOp::If(_) | ControlOp::Case(_) | ControlOp::While(_) | ControlOp::OptimizationBarrier => 0,
    }
}
