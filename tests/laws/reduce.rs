//! Programs that break a law, made smaller for as long as they break it.
//!
//! A step keeps one output, cuts off what makes an op's results, leaves an op out, or puts what a
//! branch or a loop holds in its place; also within branches and loops. Every step leaves fewer ops
//! or fewer outputs, so the search ends.

use std::collections::{HashMap, HashSet};

use choral::ir::op::{Case, ControlOp, If, Scan, While};
use choral::ir::{BuildError, Builder, NodeId, NodeKind, Op, TensorType, Value, interpret};
use choral::transform::rewrite::dead_code;
use choral::{Graph, Tensor};

/// A program that breaks a law, and what the law says of it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) graph: Graph,
    pub(crate) reason: String,
}

/// The smallest program that the steps lead to; `broken` says of a program how it breaks the law.
pub(crate) fn smallest(mut failure: Failure, broken: impl Fn(&Graph) -> Option<String>) -> Failure {
    let still_failing = |graph: Graph| broken(&graph).map(|reason| Failure { graph, reason });
    while let Some(smaller) = smaller(&failure.graph).into_iter().find_map(still_failing) {
        failure = smaller;
    }
    failure
}

/// The programs that are one step smaller, those that lack most first.
fn smaller(graph: &Graph) -> Vec<Graph> {
    let new_input = |builder: &mut Builder, ty: TensorType| builder.input("cut", ty);
    let steps = with_one_output(graph).into_iter().chain(with_fewer_ops(graph, &HashSet::new(), &new_input));
    steps.filter_map(|graph| without_what_is_not_read(&graph).ok()).collect()
}

/// The programs that return one value alone: an output of several, or what an op makes on the way.
fn with_one_output(graph: &Graph) -> Vec<Graph> {
    let outputs = outputs(graph);
    // Of one op, only a later result: else two could take turns without end.
    let is_less = |value: &Value| {
        outputs.iter().all(|output| output.node() != value.node() || output.result() < value.result())
    };
    let results = |(id, _): (NodeId, &Op)| (0..graph.node(id).types.len()).map(move |at| id.result(at));
    let results = ops(graph).into_iter().flat_map(results).filter(is_less);
    let several = if outputs.len() > 1 { outputs.as_slice() } else { &[] };
    let only = |value: Value| {
        rebuilt(graph, &[value], |builder, id, operands| builder.copy(graph.node(id), operands))
    };
    several.iter().copied().chain(results).filter_map(only).collect()
}

/// Makes a value of a type in place of an op's result.
type StandIn<'a> = &'a dyn Fn(&mut Builder, TensorType) -> Value;

/// The programs in which one op is not there, or holds less; those in `fixed` stay.
fn with_fewer_ops(graph: &Graph, fixed: &HashSet<NodeId>, stand_in: StandIn) -> Vec<Graph> {
    let ops = ops(graph);
    let free = || ops.iter().filter(|(id, _)| !fixed.contains(id));
    let cut = free().filter_map(|&(id, _)| cut_off(graph, id, stand_in));
    let left_out = free().flat_map(|&(id, _)| left_out(graph, id));
    let unfolded = free().flat_map(|&(id, op)| unfolded(graph, id, op));
    let emptied = ops.iter().flat_map(|&(id, op)| with_less_inside(graph, id, op));
    cut.chain(left_out).chain(unfolded).chain(emptied).collect()
}

/// The ops, the last one first.
fn ops(graph: &Graph) -> Vec<(NodeId, &Op)> {
    let ops = graph.nodes().rev().filter_map(|(id, node)| match &node.kind {
        NodeKind::Op(op) => Some((id, op)),
        NodeKind::Input | NodeKind::Constant(_) => None,
    });
    ops.collect()
}

/// The program with other values for an op's results.
fn cut_off(graph: &Graph, id: NodeId, stand_in: StandIn) -> Option<Graph> {
    let types = &graph.node(id).types;
    replaced(graph, id, |builder, _| Ok(types.iter().map(|ty| stand_in(builder, ty.clone())).collect()))
}

/// The programs with an operand of an op in place of its only result.
fn left_out(graph: &Graph, id: NodeId) -> Vec<Graph> {
    let [ty] = graph.node(id).types.as_slice() else { return Vec::new() };
    let operands = graph.operands(id);
    let fitting = operands.iter().enumerate().filter(|(_, value)| graph.ty(**value) == ty);
    fitting.filter_map(|(at, _)| replaced(graph, id, |_, operands| Ok(vec![operands[at]]))).collect()
}

/// The programs with a branch, or one round of a loop, in place of the op that holds it.
fn unfolded(graph: &Graph, id: NodeId, op: &Op) -> Vec<Graph> {
    let (regions, taken) = match op {
        Op::Control(ControlOp::If(_) | ControlOp::Case(_)) => (op.regions(), 1),
        Op::Control(ControlOp::While(While { cond: _, body })) => (vec![&**body], 0),
        _ => (Vec::new(), 0),
    };
    let inlined = |region| {
        replaced(graph, id, |builder: &mut Builder, operands: &[Value]| {
            builder.inline(region, &operands[taken..])
        })
    };
    regions.into_iter().filter_map(inlined).collect()
}

/// The programs in which one of an op's regions is smaller. Regions keep their inputs, so that
/// zeros stand in for what is cut off.
fn with_less_inside(graph: &Graph, id: NodeId, op: &Op) -> Vec<Graph> {
    let zeros =
        |builder: &mut Builder, ty: TensorType| builder.splat(Tensor::scalar_of(ty.dtype, 0.0), ty.shape);
    let mut found = Vec::new();
    for (place, region) in op.regions().into_iter().enumerate() {
        let Some(fixed) = fixed_ops(op, place) else { continue };
        for smaller in with_fewer_ops(region, &fixed, &zeros) {
            let Ok(smaller) = dead_code(&smaller) else { continue };
            found.extend(with_region(graph, id, op, place, &smaller));
        }
    }
    found
}

/// What has to stay in a region: a loop's condition, and what counts its rounds, for it to end.
fn fixed_ops(op: &Op, place: usize) -> Option<HashSet<NodeId>> {
    match op {
        Op::Control(
            ControlOp::If(If { .. }) | ControlOp::Case(Case { .. }) | ControlOp::Scan(Scan { .. }),
        ) => Some(HashSet::new()),
        Op::Control(ControlOp::While(While { cond: _, body })) if place == 1 => {
            Some(behind(body, body.outputs()[0].value))
        }
        _ => None,
    }
}

/// The nodes that a value depends on.
fn behind(graph: &Graph, value: Value) -> HashSet<NodeId> {
    let mut found = HashSet::from([value.node()]);
    for (id, _) in graph.nodes().rev() {
        if found.contains(&id) {
            found.extend(graph.operands(id).into_iter().map(Value::node));
        }
    }
    found
}

fn with_region(graph: &Graph, id: NodeId, op: &Op, place: usize, region: &Graph) -> Option<Graph> {
    let mut places = 0..;
    let replace = |old: &Graph| {
        let new = if places.next() == Some(place) { region } else { old };
        Ok::<Graph, BuildError>(new.clone())
    };
    let op = op.map_regions(replace).ok()?;
    replaced(graph, id, |builder, operands| builder.push_all(op.clone(), operands))
}

type Results = Result<Vec<Value>, BuildError>;

/// The graph with another way to make the results of one node, if what reads them allows it.
fn replaced(graph: &Graph, at: NodeId, by: impl Fn(&mut Builder, &[Value]) -> Results) -> Option<Graph> {
    rebuilt(graph, &outputs(graph), |builder, id, operands| {
        if id == at { by(builder, operands) } else { builder.copy(graph.node(id), operands) }
    })
}

/// The graph with these of its values as outputs; `results` makes the results of each node.
pub(crate) fn rebuilt(
    graph: &Graph,
    outputs: &[Value],
    results: impl Fn(&mut Builder, NodeId, &[Value]) -> Results,
) -> Option<Graph> {
    let mut builder = Builder::new(graph.name());
    let inputs = copied_inputs(&mut builder, graph);
    let mut values: HashMap<Value, Value> =
        graph.inputs().iter().map(|port| port.value).zip(inputs).collect();
    for (id, _) in graph.nodes() {
        let operands: Vec<Value> = graph.operands(id).iter().map(|value| values[value]).collect();
        let results = results(&mut builder, id, &operands).ok()?;
        values.extend(results.into_iter().enumerate().map(|(at, value)| (id.result(at), value)));
    }
    let outputs: Vec<Value> = outputs.iter().map(|value| values[value]).collect();
    Some(builder.finish(&outputs))
}

pub(crate) fn outputs(graph: &Graph) -> Vec<Value> {
    graph.outputs().iter().map(|port| port.value).collect()
}

fn copied_inputs(builder: &mut Builder, graph: &Graph) -> Vec<Value> {
    let copy = |value: Value| builder.input(graph.node(value.node()).name.clone(), graph.ty(value).clone());
    graph.inputs().iter().map(|port| port.value).map(copy).collect()
}

/// The graph without inputs and ops that no output depends on; inputs come first, as in text.
fn without_what_is_not_read(graph: &Graph) -> Result<Graph, BuildError> {
    let graph = dead_code(graph)?;
    let operands = graph.nodes().flat_map(|(id, _)| graph.operands(id));
    let read: HashSet<Value> = operands.chain(outputs(&graph)).collect();
    let mut builder = Builder::new(graph.name());
    let mut input =
        |value: Value| builder.input(graph.node(value.node()).name.clone(), graph.ty(value).clone());
    let inputs: Vec<Option<Value>> =
        graph.inputs().iter().map(|port| read.contains(&port.value).then(|| input(port.value))).collect();
    let outputs = interpret(&graph, inputs, |_, node, operands| {
        let operands: Vec<Value> = operands.into_iter().flatten().collect();
        Ok::<_, BuildError>(builder.copy(node, &operands)?.into_iter().map(Some).collect())
    })?;
    Ok(builder.finish(&outputs.into_iter().flatten().collect::<Vec<_>>()))
}

/// A law that programs with a sine break.
#[test]
fn only_what_breaks_the_law_is_left() {
    let text = "
        func.func @main(%x: tensor<2x3xf32>, %y: tensor<3xf32>, %p: tensor<i1>) -> (tensor<2x3xf32>, tensor<3xf32>) {
          %zero = stablehlo.constant dense<0.0> : tensor<f32>
          %sum = stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<2x3xf32>, tensor<f32>) -> tensor<3xf32>
          %b = \"stablehlo.if\"(%p) ({
            %product = stablehlo.multiply %sum, %y : tensor<3xf32>
            %sine = stablehlo.sine %product : tensor<3xf32>
            %twice = stablehlo.add %sine, %sine : tensor<3xf32>
            stablehlo.return %twice : tensor<3xf32>
          }, {
            stablehlo.return %y : tensor<3xf32>
          }) : (tensor<i1>) -> tensor<3xf32>
          %out = stablehlo.negate %b : tensor<3xf32>
          %other = stablehlo.exponential %x : tensor<2x3xf32>
          return %other, %out : tensor<2x3xf32>, tensor<3xf32>
        }";
    let has_sine = |graph: &Graph| graph.to_text().contains("stablehlo.sine").then(|| "sine".to_owned());
    let graph = Graph::parse(text).expect("a program");
    let Failure { graph, reason } = smallest(Failure { graph, reason: String::new() }, has_sine);
    assert_eq!(reason, "sine");
    insta::assert_snapshot!(graph, @"
    func.func public @main(
        %cut: tensor<3xf32>) -> (tensor<3xf32>) {
      %sine = stablehlo.sine %cut : tensor<3xf32>
      return %sine : tensor<3xf32>
    }
    ");
}
