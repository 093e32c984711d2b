//! Export: the same program without choral's extensions, as XLA and other tools read it.
//!
//! | extension | becomes |
//! |---|---|
//! | `convolution` with batching dimensions | groups, or more batch or features (`convolution.rs`) |
//! | dynamic slices with batching dimensions | a gather, or a scatter that overwrites (`index.rs`) |
//! | an initial value for each result element | a loop over the elements that are folded (`fold.rs`) |
//! | the inverse error function of random draws | `erf_inv`, which XLA approximates in this way |
//! | `scan` | a `while` that takes slices and writes outputs (`scan.rs`) |
//! | a fold of `f16` or `bf16` that accumulates in `f32` | conversions around a fold of `f32` |
//! | `rng_bit_generator` with batching dimensions | a loop over the states (`random.rs`) |
//! | named axes | nothing |

mod convolution;
mod fold;
mod index;
mod random;
mod scan;

use choral_ir::op::{ControlOp, Elementwise, IndexOp, Unary, WindowOp};
use choral_ir::{BuildError, Builder, DType, Graph, NodeKind, Op, Value};

use crate::transform::rewrite::{common_subexpressions, dead_code, rebuilt};

/// The graph in StableHLO's own ops alone.
///
/// ```
/// use choral_compiler::transform::export;
/// use choral_ir::Graph;
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<4xf32>, %start: tensor<f32>) -> tensor<4xf32> {
///       %sums:2 = chlo.scan(%x) inits(%start) dimension=0 {
///       ^bb0(%element: tensor<f32>, %sum: tensor<f32>):
///         %next = stablehlo.add %sum, %element : tensor<f32>
///         stablehlo.return %next, %next : tensor<f32>, tensor<f32>
///       } : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)
///       return %sums#0 : tensor<4xf32>
///     }")?;
/// assert!(export(&graph)?.to_text().contains("stablehlo.while"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Never for a verified graph.
pub fn export(graph: &Graph) -> Result<Graph, BuildError> {
    let written = rebuilt(graph, |builder, id, operands| {
        let node = graph.node(id);
        match &node.kind {
            NodeKind::Op(op) => {
                let dtypes = node.types.iter().map(|ty| ty.dtype);
                in_accumulators(builder, op, operands, dtypes)
            }
            NodeKind::Input | NodeKind::Constant(_) => builder.copy(node, operands),
        }
    })?;
    let unnamed = vec![Vec::new(); graph.inputs().len()];
    let written = written.with_axes(unnamed, vec![Vec::new(); graph.outputs().len()]);
    common_subexpressions(&dead_code(&written)?)
}

/// As [`plain`], of an op whose regions are not plain yet. Compilers differ in how they accumulate 16-bit
/// floats, so the export writes it out.
fn in_accumulators(
    builder: &mut Builder,
    op: &Op,
    operands: &[Value],
    dtypes: impl Iterator<Item = DType>,
) -> Result<Vec<Value>, BuildError> {
    let Some(wide) = op.accumulating() else {
        return plain(builder, op.map_regions(export)?, operands);
    };
    let mut accumulators = Vec::with_capacity(operands.len());
    for &operand in operands {
        let dtype = builder.graph().ty(operand).dtype.accumulator();
        accumulators.push(builder.as_dtype(operand, dtype)?);
    }
    let results = plain(builder, wide.map_regions(export)?, &accumulators)?;
    results.into_iter().zip(dtypes).map(|(result, dtype)| builder.as_dtype(result, dtype)).collect()
}

/// The op's results by StableHLO's ops; its regions are plain already.
fn plain(builder: &mut Builder, op: Op, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let inits = |count: usize| {
        let is_scalar = |&value: &Value| builder.graph().ty(value).rank() == 0;
        operands[operands.len() - count..].iter().all(is_scalar)
    };
    match op {
        Op::Elementwise(Elementwise::Unary(Unary::ErfInvOfDraws)) => {
            builder.push_all(Unary::ErfInv, operands)
        }
        Op::Convolution(op) => Ok(vec![convolution::plain(builder, *op, operands)?]),
        Op::Reduce(op) if !inits(operands.len() / 2) => fold::reduce(builder, &op, operands),
        Op::Window(WindowOp::ReduceWindow(op)) if !inits(operands.len() / 2) => {
            fold::reduce_window(builder, &op, operands)
        }
        Op::Window(WindowOp::SelectAndScatter(op)) if !inits(1) => {
            Ok(vec![fold::select_and_scatter(builder, &op, operands)?])
        }
        Op::Index(IndexOp::DynamicSlice(op)) if !op.batching_dims.is_empty() => {
            Ok(vec![index::dynamic_slice(builder, &op, operands)?])
        }
        Op::Index(IndexOp::DynamicUpdateSlice(op)) if !op.batching_dims.is_empty() => {
            Ok(vec![index::dynamic_update_slice(builder, &op, operands)?])
        }
        Op::Control(ControlOp::Scan(op)) => scan::plain(builder, &op, operands),
        Op::Random(op) if op.batching_dims > 0 => random::plain(builder, &op, operands[0]),
        Op::Custom(op) => match op.op().body() {
            Some(body) => builder.inline(&export(body)?, operands),
            None => builder.push_all(op, operands),
        },
        op @ (Op::Elementwise(_)
        | Op::Shape(_)
        | Op::Dot(_)
        | Op::Reduce(_)
        | Op::Window(_)
        | Op::Index(_)
        | Op::Sort(_)
        | Op::Linalg(_)
        | Op::Control(_)
        | Op::Random(_)
        | Op::Collective(_)) => builder.push_all(op, operands),
    }
}
