//! Graphs as functions: traced ones and parsed ones, mapped, and inside of other functions.

use choral::prelude::*;
use choral::{Error, Graph};
use insta::assert_snapshot;

type TestResult = Result<(), Error>;

/// `tanh(w x)`, and the sum of it.
fn layer() -> Graph {
    let text = "
        func.func @main(%w: tensor<4x3xf32>, %x: tensor<3xf32>) -> (tensor<4xf32>, tensor<f32>) {
          %product = stablehlo.dot_general %w, %x, contracting_dims = [1] x [0] : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4xf32>
          %result = stablehlo.tanh %product : tensor<4xf32>
          %zero = stablehlo.constant dense<0.0> : tensor<f32>
          %sum = stablehlo.reduce(%result init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
          return %result, %sum : tensor<4xf32>, tensor<f32>
        }";
    Graph::parse(text).expect("a program")
}

fn numbers(shape: &[usize]) -> Tensor {
    Tensor::randn(shape, Key::new(4))
}

/// With every transform and every option, as any function.
#[test]
fn a_parsed_program_is_mapped() -> TestResult {
    let (w, x) = (numbers(&[5, 4, 3]), numbers(&[3, 2]));
    let mapped = vmap(vmap(layer(), (None, 1)), (0, None)).out_dims((-1, 0)).on(Device::Reference);
    let results = mapped.call((&w, &x))?;
    assert_eq!((results[0].shape(), results[1].shape()), (&[2, 4, 5][..], &[5, 2][..]));
    let column = Tensor::from_fn([3], |row| x.as_slice::<f32>().expect("floats")[2 * row]);
    let alone = jit(layer()).on(Device::Reference).call((&w.index(3)?, &column))?;
    assert_eq!(results[1].index(3)?.index(0)?.item::<f32>()?, alone[1].item::<f32>()?);
    let chunked = vmap(layer(), (0, None)).chunk_size(2).call((&w, &numbers(&[3])))?;
    assert!(chunked[0].bit_eq(&vmap(layer(), (0, None)).call((&w, &numbers(&[3])))?[0]));
    Ok(())
}

#[test]
fn a_traced_graph_is_mapped() -> TestResult {
    let args = (numbers(&[3]), numbers(&[3]));
    let graph = jit(|(x, y): (Var, Var)| (&x * &y).sum(())).trace((&args.0, &args.1))?.graph;
    let rows = numbers(&[5, 3]);
    let products = vmap(graph, [Some(0), None]).call([&rows, &args.1])?;
    assert_eq!(products[0].shape(), [5]);
    Ok(())
}

/// Inside of a function a graph is one of its parts.
#[test]
fn a_graph_is_part_of_a_function() -> TestResult {
    let twice = |(w, x): (Var, Var)| {
        let results = layer().apply((w.clone(), x))?;
        layer().apply((w, results[0].narrow(0, 0, 3))).map(|results| results[1].clone())
    };
    let sums = vmap(twice, (0, None)).call((&numbers(&[5, 4, 3]), &numbers(&[3])))?;
    assert_eq!(sums.shape(), [5]);
    Ok(())
}

#[test]
fn a_graph_without_inputs_is_a_function_of_nothing() -> TestResult {
    let text = "func.func @main() -> tensor<2xf32> {
      %0 = stablehlo.constant dense<[1.0, 2.0]> : tensor<2xf32>
      return %0 : tensor<2xf32>
    }";
    let constant = Graph::parse(text).expect("a program");
    assert_eq!(jit(constant).call(())?[0].as_slice::<f32>()?, [1.0, 2.0]);
    Ok(())
}

#[test]
fn arguments_that_are_not_the_inputs() {
    let told = |error: Result<Vec<Tensor>, Error>| error.expect_err("arguments that do not fit").to_string();
    let few = told(jit(layer()).call((&numbers(&[4, 3]),)));
    assert_snapshot!(few, @"
    the graph has 2 inputs (%w, %x), got 1 arguments
      at tests/graphs.rs:77:33
    ");
    let other = told(vmap(layer(), (0, None)).call((&numbers(&[5, 4, 3]), &numbers(&[4]))));
    assert_snapshot!(other, @"
    input 1 (%x) of the graph is tensor<3xf32>, but args.1 is tensor<4xf32>
      at tests/graphs.rs:82:47
    ");
}
