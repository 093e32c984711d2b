//! Derivatives: against differences, against closed forms, and as users call them.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the check of a program: tangents against central differences, cotangents against tangents |
//! | `index.rs` | gathers, scatters and dynamic slices |
//! | `front.rs` | gradients, Jacobians and products as functions, in each other and in `vmap` |
//! | `errors.rs` | what users read when something does not fit |

mod errors;
mod front;
mod index;

use choral::prelude::*;
use choral::transform::{jvp_graph, vjp_graph};

/// The step of a difference.
const STEP: f64 = 1e-5;

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
pub(crate) fn check(text: &str) {
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
