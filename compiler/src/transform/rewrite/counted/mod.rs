//! Loops that count from a constant to a constant, as scans: how JAX lowers `scan` and `fori_loop`, read
//! back. A scan says how long it is, which values it only reads, and what it walks along, which
//! differentiation needs, and a `while` does not tell.
//!
//! Lives here: what counts, and the scan that replaces the loop; `role.rs` says what each carried value
//! becomes.

mod role;

use choral_ir::op::{Binary, Compare, ComparisonDirection, ControlOp, Elementwise, While};
use choral_ir::{BuildError, Builder, DType, Graph, NodeKind, Op, Tensor, TensorType, Value};

use self::role::{Role, walk};
use super::{dead_code, rebuilt};

/// The graph with every `while` that counts from a constant to a constant written as a `scan`, in regions,
/// too: values that its body returns unchanged become constants, slices at the counter inputs, and
/// updates at the counter outputs.
///
/// ```
/// use choral_compiler::transform::rewrite::counted_loops;
/// use choral_ir::Graph;
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<f32>) -> tensor<f32> {
///       %zero = stablehlo.constant dense<0> : tensor<i32>
///       %last:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<f32>
///       cond {
///         %end = stablehlo.constant dense<5> : tensor<i32>
///         %more = stablehlo.compare LT, %i, %end : (tensor<i32>, tensor<i32>) -> tensor<i1>
///         stablehlo.return %more : tensor<i1>
///       } do {
///         %one = stablehlo.constant dense<1> : tensor<i32>
///         %next = stablehlo.add %i, %one : tensor<i32>
///         %twice = stablehlo.add %y, %y : tensor<f32>
///         stablehlo.return %next, %twice : tensor<i32>, tensor<f32>
///       }
///       return %last#1 : tensor<f32>
///     }")?;
/// assert!(counted_loops(&graph)?.to_text().contains("chlo.scan() inits(%x) dimension=0 length=5"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Never for a verified graph.
pub fn counted_loops(graph: &Graph) -> Result<Graph, BuildError> {
    let raised = rebuilt(graph, |builder, id, operands| match &graph.node(id).kind {
        NodeKind::Op(op) => {
            let op = op.map_regions(counted_loops)?;
            let scan = match &op {
                Op::Control(ControlOp::While(op)) => counted(builder, op, operands)?,
                _ => None,
            };
            scan.map_or_else(|| builder.push_all(op, operands), Ok)
        }
        NodeKind::Input | NodeKind::Constant(_) => builder.copy(graph.node(id), operands),
    })?;
    dead_code(&raised)
}

/// The results of the scan that does what a loop does, if the loop counts.
pub(super) fn counted(
    builder: &mut Builder,
    op: &While,
    operands: &[Value],
) -> Result<Option<Vec<Value>>, BuildError> {
    let known: Vec<Option<i64>> = operands.iter().map(|&operand| integer(builder.graph(), operand)).collect();
    let count = count(op, &known);
    count.map(|count| as_scan(builder, &op.body, count, operands)).transpose()
}

/// How a loop counts.
#[derive(Debug, Clone, Copy)]
struct Count {
    /// Number of the carried value that counts.
    counter: usize,
    start: i64,
    step: i64,
    rounds: usize,
}

/// How the loop counts, if it does; `known` are its operands that are constants.
fn count(op: &While, known: &[Option<i64>]) -> Option<Count> {
    let (counter, end) = bound(&op.cond, |input| handed_on(&op.body, input).then(|| known[input]).flatten())?;
    let (start, step) = (known[counter]?, step(&op.body, counter)?);
    let distance = i128::from(end) - i128::from(start);
    let rounds =
        usize::try_from((distance + i128::from(step) - 1).div_euclid(i128::from(step)).max(0)).ok()?;
    // A counter that wraps round goes on for longer.
    let last = i128::from(start) + i128::from(step) * rounds as i128;
    let ty = op.body.ty(op.body.inputs()[counter].value);
    let fits = ty.dtype.holds(last) && DType::I64.holds(last);
    fits.then_some(Count { counter, start, step, rounds })
}

/// The input that the condition counts by, and the number that it stays below.
fn bound(cond: &Graph, known: impl Fn(usize) -> Option<i64>) -> Option<(usize, i64)> {
    let output = cond.outputs()[0].value;
    let NodeKind::Op(Op::Elementwise(Elementwise::Compare(Compare { direction, .. }))) =
        cond.node(output.node()).kind
    else {
        return None;
    };
    let &[left, right] = cond.operands(output.node()).as_slice() else { return None };
    let number = |value: Value| integer(cond, value).or_else(|| known(input(cond, value)?));
    let below = |counter: Value, end: Value, more: i64| {
        Some((input(cond, counter)?, number(end)?.checked_add(more)?))
    };
    match direction {
        ComparisonDirection::Lt => below(left, right, 0),
        ComparisonDirection::Le => below(left, right, 1),
        ComparisonDirection::Gt => below(right, left, 0),
        ComparisonDirection::Ge => below(right, left, 1),
        ComparisonDirection::Eq | ComparisonDirection::Ne => None,
    }
}

/// What the body adds to the counter in each round, if that is a positive constant.
fn step(body: &Graph, counter: usize) -> Option<i64> {
    let (now, next) = (body.inputs()[counter].value, body.outputs()[counter].value);
    let NodeKind::Op(Op::Elementwise(Elementwise::Binary(Binary::Add))) = body.node(next.node()).kind else {
        return None;
    };
    let step = match *body.operands(next.node()).as_slice() {
        [left, right] if left == now => integer(body, right),
        [left, right] if right == now => integer(body, left),
        _ => None,
    };
    step.filter(|&step| step > 0)
}

/// Whether a body returns the carried value of this number unchanged.
fn handed_on(body: &Graph, at: usize) -> bool {
    body.outputs()[at].value == body.inputs()[at].value
}

/// Which input of the graph a value is.
fn input(graph: &Graph, value: Value) -> Option<usize> {
    graph.inputs().iter().position(|port| port.value == value)
}

/// The integer that a value is in every run.
fn integer(graph: &Graph, value: Value) -> Option<i64> {
    let NodeKind::Constant(tensor) = &graph.node(value.node()).kind else { return None };
    let dtype = graph.ty(value).dtype;
    let number = (tensor.len() == 1 && dtype.is_integer()).then(|| tensor.to_dtype(DType::I64))?;
    // What is greater has become the greatest.
    number.as_slice::<i64>().ok()?.first().copied().filter(|&number| number != i64::MAX)
}

/// The scan that does what the loop over `body` does, its results those of the loop.
fn as_scan(
    builder: &mut Builder,
    body: &Graph,
    count: Count,
    operands: &[Value],
) -> Result<Vec<Value>, BuildError> {
    let mut walk = walk(body, count);
    let mut made = walk.push(builder, body, count, operands)?;
    // A running sum of halves has an accumulator of its own, which the loop has not.
    let is_fold = |value: &Value| match &builder.graph().node(value.node()).kind {
        NodeKind::Op(op) => op.accumulating().is_some(),
        NodeKind::Input | NodeKind::Constant(_) => false,
    };
    if made.first().is_some_and(is_fold) {
        walk = walk.standing();
        made = walk.push(builder, body, count, operands)?;
    }
    let mut results = operands.to_vec();
    results[count.counter] = ended(builder, count, &body.input_types()[count.counter]);
    for (at, value) in walk.all(Role::Output).chain(walk.all(Role::Carried)).zip(made) {
        results[at] = value;
    }
    Ok(results)
}

/// The counter after the last round.
fn ended(builder: &mut Builder, count: Count, ty: &TensorType) -> Value {
    let last = count.start + count.step * count.rounds as i64;
    builder.constant(Tensor::scalar(last).to_dtype(ty.dtype))
}
