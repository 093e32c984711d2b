//! Derivatives: against differences, against closed forms, and as users call them.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the check of a program: tangents against central differences, cotangents against tangents |
//! | `control.rs` | branches and loops |
//! | `custom.rs` | functions and ops with rules of their own |
//! | `remat.rs` | functions that are computed again on the way back |
//! | `collectives.rs` | what members compute of each other's values |

mod collectives;
mod control;
mod custom;
mod remat;

use choral::prelude::*;
use choral::transform::{Axis, jvp_graph, vjp_graph};
use choral_compiler::front::vmap::trace_member;

/// The step of a difference.
const STEP: f64 = 1e-5;

/// The graph of a function of one member, as transforms get it: ops with rules of their own are there.
#[track_caller]
fn member_of<A, F>(function: &F, args: &A, axis: &Axis) -> Graph
where
    A: Tree<TensorType>,
    F: Function<A::With<Var>>,
{
    trace_member(function, args, axis, Randomness::default()).expect("a program").0.graph
}

/// As [`member_of`], without members.
#[track_caller]
fn traced<A, F>(function: &F, args: &A) -> Graph
where
    A: Tree<TensorType>,
    F: Function<A::With<Var>>,
{
    member_of(function, args, &Axis::new("none", 1))
}

/// Runs a graph on the interpreter.
fn run(graph: &Graph, inputs: &[Tensor]) -> Vec<Tensor> {
    choral::compile(graph, Device::Reference).expect("a program").run(inputs).expect("results")
}

fn numbers(tensor: &Tensor) -> &[f64] {
    tensor.as_slice::<f64>().expect("a tensor of f64")
}

/// The sum of products of the elements of two lists of tensors.
fn dot(lefts: &[Tensor], rights: &[Tensor]) -> f64 {
    let products = |(left, right)| numbers(left).iter().zip(numbers(right)).map(|(l, r)| l * r).sum::<f64>();
    lefts.iter().zip(rights).map(products).sum()
}

fn draws(types: &[TensorType], seed: u64) -> Vec<Tensor> {
    let draw =
        |(ty, key): (&TensorType, u64)| Tensor::randn(ty.shape.clone(), Key::new(key)).to_dtype(DType::F64);
    types.iter().zip(seed..).map(draw).collect()
}

/// The inputs, moved by `step` along tangents.
fn moved(inputs: &[Tensor], tangents: &[Tensor], step: f64) -> Vec<Tensor> {
    let one = |(input, tangent): (&Tensor, &Tensor)| {
        let (input, tangent) = (numbers(input), numbers(tangent));
        (0..input.len()).map(|at| input[at] + step * tangent[at]).collect::<Vec<f64>>()
    };
    let shaped = |(pair, input): (_, &Tensor)| Tensor::new(input.shape(), one(pair)).expect("a tensor");
    inputs.iter().zip(tangents).zip(inputs).map(shaped).collect()
}

/// Checks the derivatives of a program whose inputs are `f64`: its tangents against central differences, and that
/// cotangents belong to them, `<vjp(c), t> = <c, jvp(t)>`.
///
/// # Panics
/// If they do not.
#[track_caller]
pub fn check(text: &str) {
    let graph = Graph::parse(text).expect("a program");
    let all: Vec<usize> = (0..graph.inputs().len()).collect();
    let (inputs, tangents) = (draws(&graph.input_types(), 0), draws(&graph.input_types(), 100));
    let jvp = jvp_graph(&graph, &all).expect("tangents");
    let results = run(&jvp, &[inputs.as_slice(), &tangents].concat());
    let (values, along) = results.split_at(graph.outputs().len());
    for (value, expected) in values.iter().zip(run(&graph, &inputs)) {
        assert!(value.bit_eq(&expected), "jvp computes other results");
    }
    let above = run(&graph, &moved(&inputs, &tangents, STEP));
    let below = run(&graph, &moved(&inputs, &tangents, -STEP));
    for ((tangent, above), below) in along.iter().zip(&above).zip(&below) {
        for ((tangent, above), below) in numbers(tangent).iter().zip(numbers(above)).zip(numbers(below)) {
            let difference = (above - below) / (2.0 * STEP);
            let allowed = 1e-6 * (1.0 + difference.abs());
            assert!(
                (tangent - difference).abs() < allowed,
                "tangent {tangent}, but {difference} by differences"
            );
        }
    }
    let cotangents = draws(&graph.output_types(), 200);
    let vjp = vjp_graph(&graph, &all).expect("cotangents");
    let results = run(&vjp, &[inputs.as_slice(), &cotangents].concat());
    let (forward, back) = (dot(&cotangents, along), dot(&results[graph.outputs().len()..], &tangents));
    let allowed = 1e-9 * (1.0 + forward.abs());
    assert!((forward - back).abs() < allowed, "<c, jvp(t)> = {forward}, but <vjp(c), t> = {back}");
}
