//! Derivatives: against differences, against each other, at kinks, and as users call them.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the check of a program: tangents against central differences, cotangents against tangents |
//! | `convolution.rs`, `window.rs`, `folds.rs`, `sort.rs`, `linalg.rs` | programs of each family of ops |
//! | `elementwise.rs` | every elementwise op, and values at kinks and ties |
//! | `control.rs` | branches and loops |
//! | `index.rs` | gathers, scatters and dynamic slices |
//! | `layers.rs` | layers of networks |
//! | `front.rs` | gradients, Jacobians and products as functions, in each other and in `vmap` |
//! | `errors.rs` | what users read when something does not fit |
//! | `custom.rs` | functions and ops with rules of their own |
//! | `remat.rs` | functions that are computed again on the way back |
//! | `collectives.rs` | what members compute of each other's values |

mod collectives;
mod control;
mod convolution;
mod custom;
mod elementwise;
mod errors;
mod folds;
mod front;
mod index;
mod layers;
mod linalg;
mod remat;
mod sort;
mod window;

use choral::prelude::*;
use choral::runtime::evaluate;
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
    evaluate(graph, inputs).unwrap_or_else(|error| panic!("{error}\n{graph}"))
}

fn numbers(tensor: &Tensor) -> &[f64] {
    tensor.as_slice::<f64>().expect("a tensor of f64")
}

/// The tensors that hold floats.
fn floats(tensors: &[Tensor]) -> Vec<Tensor> {
    tensors.iter().filter(|tensor| tensor.dtype().is_float()).cloned().collect()
}

/// The types that are of floats.
fn float_types(types: Vec<TensorType>) -> Vec<TensorType> {
    types.into_iter().filter(|ty| ty.dtype.is_float()).collect()
}

/// The sum of products of the elements of two lists of tensors, and of their sizes.
fn dot(lefts: &[Tensor], rights: &[Tensor]) -> (f64, f64) {
    let pairs = lefts.iter().zip(rights).flat_map(|(left, right)| numbers(left).iter().zip(numbers(right)));
    pairs.fold((0.0, 0.0), |(sum, size), (left, right)| (sum + left * right, size + (left * right).abs()))
}

fn draws(types: &[TensorType], seed: u64) -> Vec<Tensor> {
    let draw =
        |(ty, key): (&TensorType, u64)| Tensor::randn(ty.shape.clone(), Key::new(key)).to_dtype(DType::F64);
    types.iter().zip(seed..).map(draw).collect()
}

/// The inputs, moved by `step` along tangents.
fn moved(inputs: &[Tensor], tangents: &[Tensor], step: f64) -> Vec<Tensor> {
    let one = |(input, tangent): (&Tensor, &Tensor)| {
        let (start, along) = (numbers(input), numbers(tangent));
        Tensor::from_fn(input.shape(), |at| start[at] + step * along[at])
    };
    inputs.iter().zip(tangents).map(one).collect()
}

/// Checks the derivatives of a program of `f64`: its tangents against central differences, that cotangents belong to
/// them, `<vjp(c), t> = <c, jvp(t)>`, and the same of the program that computes the cotangents.
///
/// # Panics
/// If they do not.
pub(crate) fn check(text: &str) {
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    check_at(text, &draws(&graph.input_types(), 0));
}

/// As [`check`], at a place.
pub(crate) fn check_at(text: &str, inputs: &[Tensor]) {
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let vjp = check_once(&graph, inputs).unwrap_or_else(|fault| panic!("{fault}, of\n{graph}"));
    let cotangents = draws(&float_types(graph.output_types()), 200);
    if let Err(fault) = check_once(&vjp, &[inputs, &cotangents].concat()) {
        panic!("in second derivatives {fault}, of\n{vjp}");
    }
}

/// The graph that also computes cotangents, if it and the one with tangents are right.
fn check_once(graph: &Graph, inputs: &[Tensor]) -> Result<Graph, String> {
    let all: Vec<usize> = (0..graph.inputs().len()).collect();
    let tangents = draws(&graph.input_types(), 100);
    let jvp = jvp_graph(graph, &all).map_err(|error| error.to_string())?;
    let (outputs, of_floats) = (graph.output_types(), float_types(graph.output_types()));
    if jvp.output_types() != [outputs.as_slice(), &of_floats].concat() {
        return Err(format!("jvp returns {:?}", jvp.output_types()));
    }
    let results = run(&jvp, &[inputs, &tangents].concat());
    let (values, along) = results.split_at(outputs.len());
    if values.iter().zip(run(graph, inputs)).any(|(value, expected)| !value.bit_eq(&expected)) {
        return Err("jvp computes other results".to_owned());
    }
    let shifted = |step| floats(&run(graph, &moved(inputs, &tangents, step)));
    for ((tangent, above), below) in along.iter().zip(shifted(STEP)).zip(shifted(-STEP)) {
        for ((tangent, above), below) in numbers(tangent).iter().zip(numbers(&above)).zip(numbers(&below)) {
            // An infinity that stays has no difference.
            let difference = if above == below { 0.0 } else { (above - below) / (2.0 * STEP) };
            let is_near = (tangent - difference).abs() < 1e-6 * (1.0 + difference.abs());
            if !is_near {
                return Err(format!("a tangent is {tangent}, but {difference} by differences"));
            }
        }
    }
    let cotangents = draws(&of_floats, 300);
    let vjp = vjp_graph(graph, &all).map_err(|error| error.to_string())?;
    if vjp.output_types() != [outputs.as_slice(), &graph.input_types()].concat() {
        return Err(format!("vjp returns {:?}", vjp.output_types()));
    }
    let results = run(&vjp, &[inputs, &cotangents].concat());
    let (forward, size) = dot(&cotangents, along);
    let (back, _) = dot(&results[outputs.len()..], &tangents);
    let is_near = (forward - back).abs() <= 1e-10 * (1.0 + size);
    if is_near { Ok(vjp) } else { Err(format!("<c, jvp(t)> is {forward}, but <vjp(c), t> {back}")) }
}
