//! What a graph costs: arithmetic operations and memory, counted from types and attributes alone.
//!
//! | op | counts |
//! |---|---|
//! | elementwise, `map` | 1 per result element; the body's cost per element |
//! | `dot_general`, `convolution` | 2 per product of elements; none with padding or between dilated elements |
//! | reductions, windows, `scatter` | the body's cost per element that is folded |
//! | `while`, `if`, `case` | each region once: how often it runs depends on values |
//! | `scan` | the body's cost per round |
//! | everything else | nothing: moving, indexing, sorting, drawing bits, factorisations |
//!
//! Memory is what is alive at once, if every value has a place of its own until its last reader, but for
//! reshapes: they are their operand.
//!
//! Must not live here: how long anything takes, and what a device does with memory.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use crate::graph::Node;
use crate::op::convolution::Line;
use crate::op::{
    ControlOp, Convolution, DotGeneral, IndexOp, Map, Reduce, ReduceWindow, Scan, SelectAndScatter, ShapeOp,
    WindowOp,
};
use crate::{Graph, NodeId, NodeKind, Op, TensorType};

/// Arithmetic operations of one run of the graph, of any element type; stops counting at the largest `u64`.
///
/// ```
/// use choral_ir::{Graph, cost};
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<4x3xf32>, %w: tensor<3x5xf32>) -> tensor<4x5xf32> {
///       %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
///         : (tensor<4x3xf32>, tensor<3x5xf32>) -> tensor<4x5xf32>
///       %z = stablehlo.tanh %y : tensor<4x5xf32>
///       return %z : tensor<4x5xf32>
///     }")?;
/// assert_eq!(cost::flops(&graph), 2 * 4 * 3 * 5 + 4 * 5);
/// # Ok::<(), choral_ir::text::ParseError>(())
/// ```
pub fn flops(graph: &Graph) -> u64 {
    count(graph, ARITHMETIC)
}

/// Multiply-adds of one run of the graph: the products of `dot_general` and `convolution` alone.
///
/// ```
/// use choral_ir::{Graph, cost};
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<4x3xf32>, %w: tensor<3x5xf32>) -> tensor<4x5xf32> {
///       %y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0]
///         : (tensor<4x3xf32>, tensor<3x5xf32>) -> tensor<4x5xf32>
///       %z = stablehlo.tanh %y : tensor<4x5xf32>
///       return %z : tensor<4x5xf32>
///     }")?;
/// assert_eq!(cost::multiply_adds(&graph), 4 * 3 * 5);
/// # Ok::<(), choral_ir::text::ParseError>(())
/// ```
pub fn multiply_adds(graph: &Graph) -> u64 {
    count(graph, PRODUCTS)
}

/// What is counted for an element that an elementwise op makes, and for a product that is added up.
#[derive(Debug, Clone, Copy)]
struct Weights {
    element: u64,
    product: u64,
}

const ARITHMETIC: Weights = Weights { element: 1, product: 2 };
const PRODUCTS: Weights = Weights { element: 0, product: 1 };

fn count(graph: &Graph, weights: Weights) -> u64 {
    graph.nodes().map(|(id, _)| count_node(graph, id, weights)).fold(0, u64::saturating_add)
}

fn count_node(graph: &Graph, id: NodeId, weights: Weights) -> u64 {
    let node = graph.node(id);
    match &node.kind {
        NodeKind::Input | NodeKind::Constant(_) => 0,
        NodeKind::Op(op) => {
            let operands: Vec<&TensorType> =
                graph.operands(id).into_iter().map(|value| graph.ty(value)).collect();
            of_op(op, &operands, &node.types, weights)
        }
    }
}

/// As [`multiply_adds`], of one node of the graph.
pub fn multiply_adds_of(graph: &Graph, id: NodeId) -> u64 {
    count_node(graph, id, PRODUCTS)
}

/// Bytes of the values that one op of the graph makes; none for inputs and constants.
pub fn bytes_of(graph: &Graph, id: NodeId) -> u64 {
    let node = graph.node(id);
    match &node.kind {
        NodeKind::Input | NodeKind::Constant(_) => 0,
        NodeKind::Op(_) => bytes(node),
    }
}

/// Bytes of all values that are alive at once, at the fullest moment of a run: inputs and constants
/// throughout, every other value until its last reader; of ops with regions, those of the largest. A
/// reshape is its operand under another shape.
///
/// ```
/// use choral_ir::{Graph, cost};
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<10xf32>) -> tensor<10xf32> {
///       %y = stablehlo.tanh %x : tensor<10xf32>
///       %z = stablehlo.sine %y : tensor<10xf32>
///       return %z : tensor<10xf32>
///     }")?;
/// assert_eq!(cost::peak_bytes(&graph), 3 * 40);
/// # Ok::<(), choral_ir::text::ParseError>(())
/// ```
pub fn peak_bytes(graph: &Graph) -> u64 {
    let places = places(graph);
    let mut last_read: Vec<usize> = (0..graph.len()).collect();
    for (id, _) in graph.nodes() {
        graph.operands(id).iter().for_each(|value| last_read[places[value.node().index()]] = id.index());
    }
    graph.outputs().iter().for_each(|port| last_read[places[port.value.node().index()]] = graph.len());
    let mut ending: Vec<u64> = vec![0; graph.len() + 1];
    let (mut alive, mut peak) = (0u64, 0);
    for (id, node) in graph.nodes() {
        let mut inside = 0;
        match &node.kind {
            NodeKind::Input | NodeKind::Constant(_) => {}
            NodeKind::Op(op) => {
                let end = &mut ending[last_read[id.index()]];
                *end = end.saturating_add(bytes(node));
                inside = op.regions().into_iter().map(peak_bytes).max().unwrap_or_default();
            }
        }
        alive = alive.saturating_add(bytes(node));
        peak = peak.max(alive.saturating_add(inside));
        alive = alive.saturating_sub(ending[id.index()]);
    }
    peak
}

/// For every node the one that made its values: its own, or that of a reshape's operand.
fn places(graph: &Graph) -> Vec<usize> {
    let mut places: Vec<usize> = (0..graph.len()).collect();
    for (id, _) in graph.nodes().filter(|(_, node)| is_reshape(node)) {
        graph.operands(id).iter().for_each(|value| places[id.index()] = places[value.node().index()]);
    }
    places
}

fn is_reshape(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Op(Op::Shape(ShapeOp::Reshape(_))))
}

/// Bytes of the values that a node makes.
fn bytes(node: &Node) -> u64 {
    if is_reshape(node) {
        return 0;
    }
    node.types.iter().map(|ty| ty.bytes() as u64).fold(0, u64::saturating_add)
}

fn of_op(op: &Op, operands: &[&TensorType], results: &[TensorType], weights: Weights) -> u64 {
    match op {
        Op::Elementwise(_) => product([weights.element, elements(&results[0])]),
        Op::Dot(op) => product([weights.product, dot(op, operands[0], &results[0])]),
        Op::Convolution(op) => {
            product([weights.product, convolution(op, [operands[0], operands[1]], &results[0])])
        }
        Op::Reduce(Reduce { dimensions: _, body }) => {
            product([elements(operands[0]), count(body.graph(), weights)])
        }
        Op::Window(WindowOp::ReduceWindow(op)) => reduce_window(op, &results[0], weights),
        Op::Window(WindowOp::SelectAndScatter(op)) => select_and_scatter(op, operands[1], weights),
        Op::Index(op) => index(op, operands, weights),
        Op::Control(op) => control(op, results, weights),
        Op::Shape(_) | Op::Sort(_) | Op::Linalg(_) | Op::Random(_) | Op::Collective(_) => 0,
        Op::Custom(op) => op.op().body().map_or(0, |body| count(body, weights)),
    }
}

fn elements(ty: &TensorType) -> u64 {
    ty.len() as u64
}

fn product(factors: impl IntoIterator<Item = u64>) -> u64 {
    factors.into_iter().fold(1, u64::saturating_mul)
}

fn sizes(sizes: &[usize]) -> u64 {
    product(sizes.iter().map(|&size| size as u64))
}

/// Products of elements.
fn dot(op: &DotGeneral, lhs: &TensorType, result: &TensorType) -> u64 {
    let depth = op.lhs_contracting.iter().map(|&dim| lhs.shape[dim] as u64);
    product([elements(result), product(depth)])
}

/// Products of elements.
fn convolution(op: &Convolution, [input, kernel]: [&TensorType; 2], result: &TensorType) -> u64 {
    let spatial = &op.output.spatial;
    let taps = (0..spatial.len()).map(|at| meetings(op.line(at, input, kernel), result.shape[spatial[at]]));
    let others = (0..result.rank()).filter(|dim| !spatial.contains(dim)).map(|dim| result.shape[dim] as u64);
    product([kernel.shape[op.kernel.feature] as u64, product(taps), product(others)])
}

/// Along one spatial dimension: how often, over all windows, a kernel element meets an input element.
fn meetings(line: Line, windows: usize) -> u64 {
    (0..line.window).map(|tap| met_by(line, tap, windows)).fold(0, u64::saturating_add)
}

/// In how many of the windows element `tap` of the kernel lies on an element of the input.
fn met_by(line: Line, tap: usize, windows: usize) -> u64 {
    let (gap, stride) = (line.dilation as i128, line.stride as i128);
    // Where it lies in window 0, counted from the input's first element.
    let first = tap as i128 * line.window_dilation as i128 - i128::from(line.padding.0);
    let last = (line.size as i128 - 1) * gap;
    let from = (-first).max(0).unsigned_abs().div_ceil(stride.unsigned_abs()) as i128;
    let until = (last - first).div_euclid(stride).min(windows as i128 - 1);
    // Windows that lie on elements, not between them, come at regular distances.
    let period = gap / gcd(gap, stride);
    let on_element = |window: &i128| (window * stride + first) % gap == 0;
    let hit = (from..=until).take(period as usize).find(on_element);
    hit.map_or(0, |hit| ((until - hit) / period + 1) as u64)
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn reduce_window(op: &ReduceWindow, result: &TensorType, weights: Weights) -> u64 {
    product([elements(result), sizes(&op.window_dimensions), count(op.body.graph(), weights)])
}

fn select_and_scatter(op: &SelectAndScatter, source: &TensorType, weights: Weights) -> u64 {
    let selecting = product([sizes(&op.window_dimensions), count(op.select.graph(), weights)]);
    product([elements(source), selecting.saturating_add(count(op.scatter.graph(), weights))])
}

fn index(op: &IndexOp, operands: &[&TensorType], weights: Weights) -> u64 {
    match op {
        IndexOp::Scatter(op) => {
            product([operands.last().map_or(0, |update| elements(update)), count(op.body.graph(), weights)])
        }
        IndexOp::Gather(_) | IndexOp::DynamicSlice(_) | IndexOp::DynamicUpdateSlice(_) => 0,
    }
}

fn control(op: &ControlOp, results: &[TensorType], weights: Weights) -> u64 {
    match op {
        ControlOp::If(_) | ControlOp::Case(_) | ControlOp::While(_) | ControlOp::OptimizationBarrier => {
            op.regions().into_iter().map(|region| count(region, weights)).fold(0, u64::saturating_add)
        }
        ControlOp::Scan(Scan { length, body, .. }) => product([*length as u64, count(body, weights)]),
        ControlOp::Map(Map { computation }) => product([elements(&results[0]), count(computation, weights)]),
    }
}
