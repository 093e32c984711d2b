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

/// Sums over members of what they share: as often as there are members, also where the element type
/// cannot hold their number.
#[test]
fn shared_values_are_summed_as_often_as_there_are_members() -> TestResult {
    let sum_of = |ty: &str, shared: Tensor, members: usize| -> Result<Tensor, Error> {
        let text = format!(
            "func.func @main(%x: tensor<{ty}>) -> tensor<{ty}> {{
               %sum = choral.psum %x, axes = [\"members\"] : tensor<{ty}>
               return %sum : tensor<{ty}>
             }}"
        );
        let sum = Graph::parse(&text).expect("a program");
        let (own, all) = (Tensor::stack(&vec![shared.clone(); members.max(1)])?, members);
        let together = vmap(sum.clone(), None).axis_size(all).out_dims(None).call((&shared,))?.remove(0);
        if members > 0 && !shared.dtype().is_float() {
            let of_each = vmap(sum, 0).out_dims(None).call((&own,))?.remove(0);
            assert!(of_each.bit_eq(&together), "{together} is not {of_each}");
        }
        Ok(together)
    };
    assert_eq!(sum_of("i8", Tensor::scalar(1i8), 300)?.item::<i8>()?, 44);
    assert_eq!(sum_of("ui8", Tensor::scalar(1u8), 300)?.item::<u8>()?, 44);
    assert_eq!(sum_of("i32", Tensor::scalar(-2i32), 7)?.item::<i32>()?, -14);
    let halves = sum_of("f16", Tensor::scalar(1e-4f32).to_dtype(DType::F16), 70_000)?;
    assert!((halves.to_f64_vec()[0] - 7.0).abs() < 0.01, "{halves}");
    assert_eq!(sum_of("f32", Tensor::scalar(f32::INFINITY), 0)?.item::<f32>()?, 0.0);
    Ok(())
}

/// A program made for a different number of members.
#[test]
fn ops_between_members_for_another_number_of_them() {
    let gather = "%y = choral.all_gather %x, axis = \"members\", size = 5, dimension = 0 : (tensor<3xf32>) -> tensor<5x3xf32>
                  return %y : tensor<5x3xf32>";
    let exchange = "%y = choral.all_to_all %x, axis = \"members\", size = 3, split_dimension = 0, concat_dimension = 0 : (tensor<3xf32>) -> tensor<3xf32>
                    return %y : tensor<3xf32>";
    let told = [("5x3", gather), ("3", exchange)].map(|(shape, body)| {
        let text = format!("func.func @main(%x: tensor<3xf32>) -> tensor<{shape}xf32> {{\n{body}\n}}");
        let graph = Graph::parse(&text).expect("a program");
        vmap(graph, 0).call((&numbers(&[4, 3]),)).expect_err("another size").to_string()
    });
    assert_snapshot!(told.join("\n\n"), @"
    choral.all_gather: it was traced for 5 members along members, but there are 4 (size)
      operand 0: %x : tensor<4x3xf32>
      at 2:6 of the text
      at tests/graphs.rs:128:24

    choral.all_to_all: it was traced for 3 members along members, but there are 4 (size)
      operand 0: %x : tensor<4x3xf32>
      at 2:6 of the text
      at tests/graphs.rs:128:24
    ");
}

/// In the body of `map`, which runs for each element.
#[test]
fn elements_know_the_number_of_their_member() -> TestResult {
    let text = "func.func @main(%x: tensor<4xi32>) -> tensor<4xi32> {
      %y = \"stablehlo.map\"(%x) ({
      ^bb0(%element: tensor<i32>):
        %number = choral.axis_index axis = \"members\" : tensor<i32>
        %sum = stablehlo.add %element, %number : tensor<i32>
        stablehlo.return %sum : tensor<i32>
      }) {dimensions = array<i64: 0>} : (tensor<4xi32>) -> tensor<4xi32>
      return %y : tensor<4xi32>
    }";
    let x = Tensor::from([[0, 0, 0, 0], [5, 6, 7, 8], [1, 1, 1, 1]]);
    for chunk in [1, 2, 3] {
        let graph = Graph::parse(text).expect("a program");
        let numbered = vmap(graph, 0).chunk_size(chunk).call((&x,))?.remove(0);
        assert_eq!(numbered.as_slice::<i32>()?, [0, 0, 0, 0, 6, 7, 8, 9, 3, 3, 3, 3]);
    }
    Ok(())
}

/// Other compilers may add 16-bit floats in their own type: an export says that ours are added in `f32`,
/// also where a fold becomes a loop.
#[test]
fn folds_of_halves_are_exported_as_folds_of_f32() -> TestResult {
    let text = "func.func @main(%x: tensor<300xf16>, %start: tensor<f16>) -> (tensor<f16>, tensor<300xf16>) {
      %sum = stablehlo.reduce(%x init: %start) applies stablehlo.add across dimensions = [0] : (tensor<300xf16>, tensor<f16>) -> tensor<f16>
      %sums:2 = chlo.scan(%x) inits(%start) dimension=0 {
      ^bb0(%element: tensor<f16>, %sofar: tensor<f16>):
        %next = stablehlo.add %sofar, %element : tensor<f16>
        stablehlo.return %next, %next : tensor<f16>, tensor<f16>
      } : (tensor<300xf16>, tensor<f16>) -> (tensor<300xf16>, tensor<f16>)
      return %sum, %sums#0 : tensor<f16>, tensor<300xf16>
    }";
    let sums = Graph::parse(text).expect("a program");
    let x = Tensor::from_fn([300], |_| 1.0f32).to_dtype(DType::F16);
    let starts = Tensor::from([0.0f32, 4000.0]).to_dtype(DType::F16);
    let mapped = vmap(sums, (None, 0)).trace((&x, &starts))?.graph;
    let exported = choral::transform::export(&mapped).expect("plain ops");
    assert!(!exported.to_text().contains("stablehlo.add %sofar, %element : tensor<2xf16>"), "{exported}");
    for graph in [mapped, exported] {
        let results = jit(graph).call((&x, &starts))?;
        assert_eq!(results[0].to_f64_vec(), [300.0, 4300.0]);
        assert_eq!(results[1].index(1)?.to_f64_vec()[299], 4300.0);
    }
    Ok(())
}

/// A fold that starts from each member's own value is exported as a loop, in row-major order however
/// its dimensions are listed.
#[test]
fn folds_are_exported_in_their_order() -> TestResult {
    let text = "func.func @main(%x: tensor<2x3xi32>, %start: tensor<i32>) -> tensor<i32> {
      %digits = stablehlo.reduce(%x init: %start) across dimensions = [1, 0] : (tensor<2x3xi32>, tensor<i32>) -> tensor<i32>
       reducer(%sofar: tensor<i32>, %digit: tensor<i32>) {
        %ten = stablehlo.constant dense<10> : tensor<i32>
        %tens = stablehlo.multiply %sofar, %ten : tensor<i32>
        %sum = stablehlo.add %tens, %digit : tensor<i32>
        stablehlo.return %sum : tensor<i32>
      }
      return %digits : tensor<i32>
    }";
    let fold = Graph::parse(text).expect("a program");
    let (x, starts) = (Tensor::from([[1, 2, 3], [4, 5, 6]]), Tensor::from([0, 7]));
    let mapped = vmap(fold, (None, 0)).trace((&x, &starts))?.graph;
    let exported = choral::transform::export(&mapped).expect("plain ops");
    assert!(exported.to_text().contains("stablehlo.while"), "{exported}");
    for graph in [mapped, exported] {
        assert_eq!(jit(graph).call((&x, &starts))?[0].as_slice::<i32>()?, [123456, 7123456]);
    }
    Ok(())
}
