//! Windowed ops.

use choral_ir::op::{
    Binary, Compare, ComparisonDirection, ComparisonType, Elementwise, ReduceWindow, SelectAndScatter,
};
use choral_ir::{DType, Order};
use choral_kernels::Expression;
use choral_kernels::access::Elements;
use choral_kernels::instruction::Comparison;
use choral_kernels::rows::Kind;
use choral_kernels::select_and_scatter::{self, Select};
use choral_kernels::window::{self, Combine, Initial, WindowDim};

use super::{elementwise, number};

/// A fold of windows of one input, with results of its element type; `None` if its body is more than one op.
pub fn reduce_window(
    op: &ReduceWindow,
    dtype: DType,
    input: Elements,
    initial: Initial,
    result: Elements,
) -> Option<window::Window> {
    let combine = combine(op, dtype)?;
    Some(window::Window { number: number::of(dtype), combine, input, initial, result, windows: windows(op) })
}

/// The windows of an op.
pub fn windows(op: &ReduceWindow) -> Vec<WindowDim> {
    let dim = |dim: usize| WindowDim {
        window: op.window_dimensions[dim],
        stride: op.window_strides[dim],
        base_dilation: op.base_dilations[dim],
        window_dilation: op.window_dilations[dim],
        padding: op.padding[dim].0 as isize,
    };
    (0..op.window_dimensions.len()).map(dim).collect()
}

/// What folds an element of this type; `None` if it takes more instructions. Accumulators are not rounded.
pub fn combine(op: &ReduceWindow, dtype: DType) -> Option<Combine> {
    let (op, accumulates) = (op.body.binary()?, op.body.accumulates());
    let number = number::of(dtype);
    let mut steps = Expression { inputs: vec![number; 2], ..Expression::default() };
    elementwise::lower(&mut steps, &Elementwise::Binary(op), &[0, 1], dtype);
    let instruction = |at: usize, operands: &[usize]| match &steps.steps[at].kind {
        Kind::Compute { instruction, operands: own } if own == operands => Some(*instruction),
        Kind::Compute { .. } | Kind::Load { .. } | Kind::Fold { .. } => None,
    };
    let narrowing = match steps.steps.len() {
        1 => None,
        2 if accumulates => None,
        2 => Some(instruction(1, &[2])?),
        _ => return None,
    };
    Some(Combine { instruction: instruction(0, &[0, 1])?, narrowing })
}

/// The gradient of a max-pooling, or of one that selects by another comparison; `None` for other bodies.
pub fn select_and_scatter(
    op: &SelectAndScatter,
    dtype: DType,
    [operand, source, result]: [Elements; 3],
    initial: Initial,
) -> Option<select_and_scatter::SelectAndScatter> {
    let select = selects(op, dtype)?;
    let dim = |dim: usize| WindowDim {
        window: op.window_dimensions[dim],
        stride: op.window_strides[dim],
        padding: op.padding[dim].0 as isize,
        ..WindowDim::PLAIN
    };
    Some(select_and_scatter::SelectAndScatter {
        number: number::of(dtype),
        select,
        operand,
        source,
        initial,
        result,
        windows: (0..op.window_dimensions.len()).map(dim).collect(),
    })
}

/// How a window's element is selected, of a gradient of this type that is added up; `None` for other ones.
pub fn selects(op: &SelectAndScatter, dtype: DType) -> Option<Select> {
    let adds = op.scatter.binary() == Some(Binary::Add);
    // Integers of fewer bits than a byte wrap after each sum.
    if !adds || dtype.is_narrow() || dtype == DType::I1 { None } else { select(op.select.order()) }
}

fn select(order: Order) -> Option<Select> {
    let Order::Compared(Compare { direction, compare_type: ComparisonType::Natural }) = order else {
        return None;
    };
    let select = |comparison, is_swapped| Some(Select { comparison, is_swapped });
    match direction {
        ComparisonDirection::Ge => select(Comparison::LessOrEqual, true),
        ComparisonDirection::Gt => select(Comparison::Less, true),
        ComparisonDirection::Le => select(Comparison::LessOrEqual, false),
        ComparisonDirection::Lt => select(Comparison::Less, false),
        ComparisonDirection::Eq | ComparisonDirection::Ne => None,
    }
}
