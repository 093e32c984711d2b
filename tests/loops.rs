//! Loops that members end for themselves: what they carry, what stays one value for all, and what
//! members see of each other in them.

use choral::Error;
use choral::prelude::*;
use choral::transform::rewrite::counted_loops;
use insta::assert_snapshot;

type TestResult = Result<(), Error>;

/// The values of a tensor of `f32`.
fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.as_slice::<f32>().expect("a tensor of f32").to_vec()
}

/// Members outside a branch give their own values where it exchanges them, along whichever axis:
/// a loop in the branch changes nothing.
#[test]
fn a_branch_that_sums_along_an_outer_axis_runs_on_everyones_own_values() -> TestResult {
    let x = Tensor::from([[3.0f32, 1.0], [2.0, 5.0]]);
    let branch = |through_a_loop: bool| {
        move |x: Var| {
            let same = |x: Var| fori_loop(0, 1, |_, x: Var| x + 0.0, x);
            let sum = move |x: Var| if through_a_loop { same(x).psum("a") } else { x.psum("a") };
            cond(&x.gt(2.0), sum, |x| x, &x)
        }
    };
    for through_a_loop in [false, true] {
        let inner = vmap(branch(through_a_loop), 0).axis_name("b");
        let got = vmap(inner, 0).axis_name("a").call(&x)?;
        assert_eq!(values(&got), [5.0, 1.0, 2.0, 6.0]);
        let inner = vmap(branch(through_a_loop), 0).axis_name("a");
        let swapped = vmap(inner, 1).out_dims(1).axis_name("b").call(&x)?;
        assert_eq!(values(&swapped), [5.0, 1.0, 2.0, 6.0]);
    }
    Ok(())
}

/// Members that have ended a loop give what they ended with to sums along an outer axis.
#[test]
fn a_loop_that_sums_along_an_outer_axis_goes_on_with_everyones_last_values() -> TestResult {
    let (x, n) = (Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]), Tensor::from([[1, 2], [2, 1]]));
    let f = |(x, n): (Var, Var)| {
        let up = |y: Var| fori_loop(0, 1, |_, y: Var| y + 1.0, y);
        fori_loop(0, n, move |_, x: Var| &x * 0.0 + up(x).psum("a"), x)
    };
    let inner = vmap(f, (0, 0)).axis_name("b");
    let got = vmap(inner, (0, 0)).axis_name("a").call((&x, &n))?;
    assert_eq!(values(&got), [6.0, 18.0, 14.0, 8.0]);
    Ok(())
}

/// What a loop changes for all members alike stays one value, however long each of them runs.
#[test]
fn a_counter_stays_a_scalar_where_members_end_for_themselves() -> TestResult {
    let powers = |(n, w): (Var, Var)| {
        let (sum, power) = fori_loop(
            0,
            n,
            |_, (sum, power): (Var, Var)| (sum + power.sum(()), power.matmul(&w)),
            (w.sum(()) * 0.0, w.clone()),
        );
        (sum, power)
    };
    let (n, w) = (Tensor::from([3, 0, 2]), Tensor::from([[1.0f32, 1.0], [0.0, 2.0]]));
    let program = vmap(powers, (0, None));
    let graph = program.trace((&n, &w))?.graph.to_text();
    assert!(graph.contains("(tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>"), "{graph}");
    for device in [Device::Reference, Device::Cpu] {
        let (sums, powers_of) = vmap(powers, (0, None)).on(device).call((&n, &w))?;
        for (member, rounds) in [3, 0, 2].into_iter().enumerate() {
            let (sum, power) = jit(powers).on(device).call((&Tensor::scalar(rounds), &w))?;
            assert!(sums.index(member)?.bit_eq(&sum) && powers_of.index(member)?.bit_eq(&power), "{rounds}");
        }
    }
    Ok(())
}

/// However many values a loop carries, members that have ended keep all of them.
#[test]
fn members_that_have_ended_keep_every_value() -> TestResult {
    let count_up = |(n, x): (Var, Var)| -> Vec<Var> {
        let carried: Vec<Var> = (0..6).map(|step| &x + f64::from(step)).collect();
        fori_loop(0, n, |_, carried: Vec<Var>| carried.iter().map(|x| x * 2.0 + 1.0).collect(), carried)
    };
    let (n, x) = (Tensor::from([0, 3, 1]), Tensor::from([1.0f32, 2.0, 3.0]));
    let together = vmap(count_up, 0).call((&n, &x))?;
    for (member, rounds) in [0, 3, 1].into_iter().enumerate() {
        let alone = jit(count_up).call((&Tensor::scalar(rounds), &x.index(member)?))?;
        for (together, alone) in together.iter().zip(&alone) {
            assert_eq!(together.index(member)?, *alone, "{rounds} rounds");
        }
    }
    Ok(())
}

/// So many loops in one another, each of which adds up what the next computes; its count and the sum
/// are carried.
fn nest(depth: usize) -> Graph {
    use choral::ir::op::{Binary, ComparisonDirection, While};
    use choral::ir::{Builder, Value};
    let scalar = |dtype| TensorType::new([], dtype);
    let inputs = |builder: &mut Builder| -> [Value; 2] {
        [builder.input("count", scalar(DType::I32)), builder.input("sum", scalar(DType::F32))]
    };
    let mut innermost = Builder::new("body");
    let [count, sum] = inputs(&mut innermost);
    let sum = innermost.binary(Binary::Add, sum, sum).expect("a sum");
    let innermost = innermost.finish(&[count, sum]);
    (0..depth).fold(innermost, |inner: Graph, _| {
        let mut cond = Builder::new("cond");
        let [count, _] = inputs(&mut cond);
        let limit = cond.full(1.0, DType::I32, []);
        let more = cond.compare(ComparisonDirection::Lt, count, limit).expect("a comparison");
        let cond = cond.finish(&[more]);
        let mut body = Builder::new("body");
        let [count, sum] = inputs(&mut body);
        let zero = body.full(0.0, DType::I32, []);
        let sum = body.inline(&inner, &[zero, sum]).expect("the loop inside")[1];
        let one = body.full(1.0, DType::I32, []);
        let count = body.binary(Binary::Add, count, one).expect("a count");
        let body = body.finish(&[count, sum]);
        let mut outer = Builder::new("main");
        let [count, sum] = inputs(&mut outer);
        let results = outer.push_all(While { cond: cond.into(), body: body.into() }, &[count, sum]);
        outer.finish(&results.expect("a loop"))
    })
}

/// The time of mapping does not double with each level: forty would never end.
#[test]
fn deep_nests_of_loops_are_mapped_at_once() -> TestResult {
    let program = vmap(nest(40), (None, 0));
    let args = (Tensor::from(0), Tensor::from([1.0f32, 3.0]));
    assert_eq!(values(&program.call(&args)?[1]), [2.0, 6.0]);
    let explanation = program.explain(&args)?;
    assert_eq!(explanation.mapped.flops, explanation.single.flops + 1); // one sum for each member
    Ok(())
}

/// What JAX makes of `scan`, from either end, and of `fori_loop`: each is a scan again, its inputs and
/// outputs those of the function.
#[test]
fn loops_by_jax_are_scans_again() {
    let text = include_str!("files/jax_loops.mlir");
    let graph = Graph::parse(text).expect("a program");
    let raised = counted_loops(&graph).expect("scans");
    assert_snapshot!(raised);
    let inputs: Vec<Tensor> = graph
        .input_types()
        .iter()
        .zip(1..)
        .map(|(ty, key)| Tensor::randn(ty.shape.as_slice(), Key::new(key)))
        .collect();
    let run = |graph: &Graph| choral::runtime::evaluate(graph, &inputs).expect("results");
    for (got, expected) in run(&raised).iter().zip(run(&graph)) {
        assert!(got.bit_eq(&expected));
    }
}

/// A loop that ends with a wrapped counter, by a value that differs from run to run, or that leaps over
/// rows is no walk along them.
#[test]
fn loops_that_do_not_count_stay() {
    let text = |start: i32, step: i32, limit: &str| {
        format!(
            "func.func @main(%x: tensor<4xf32>, %end: tensor<i8>) -> tensor<f32> {{
               %start = stablehlo.constant dense<{start}> : tensor<i8>
               %zero = stablehlo.constant dense<0.0> : tensor<f32>
               %limit = stablehlo.constant dense<4> : tensor<i8>
               %last:2 = stablehlo.while(%i = %start, %sum = %zero) : tensor<i8>, tensor<f32>
               cond {{
                 %more = stablehlo.compare LT, %i, {limit} : (tensor<i8>, tensor<i8>) -> tensor<i1>
                 stablehlo.return %more : tensor<i1>
               }} do {{
                 %slice = stablehlo.dynamic_slice %x, %i, sizes = [1] : (tensor<4xf32>, tensor<i8>) -> tensor<1xf32>
                 %element = stablehlo.reshape %slice : (tensor<1xf32>) -> tensor<f32>
                 %next_sum = stablehlo.add %sum, %element : tensor<f32>
                 %step = stablehlo.constant dense<{step}> : tensor<i8>
                 %next = stablehlo.add %i, %step : tensor<i8>
                 stablehlo.return %next, %next_sum : tensor<i8>, tensor<f32>
               }}
               return %last#1 : tensor<f32>
             }}"
        )
    };
    let raised = |start, step, limit| {
        let graph = Graph::parse(&text(start, step, limit)).expect("a program");
        counted_loops(&graph).expect("a graph").to_text()
    };
    assert!(raised(0, 1, "%limit").contains("chlo.scan(%x)"));
    assert!(raised(1, 1, "%limit").contains("chlo.scan() inits(%start"), "{}", raised(1, 1, "%limit"));
    assert!(raised(0, 2, "%limit").contains("length=2"));
    for (start, step, limit) in [(0, 1, "%end"), (0, 0, "%limit"), (3, 127, "%limit"), (0, -1, "%limit")] {
        assert!(raised(start, step, limit).contains("stablehlo.while"), "{start}, {step}, {limit}");
    }
}

/// A loop over halves rounds in each round; a scan that were just their running sum would not.
#[test]
fn a_loop_that_sums_halves_rounds_as_it_did() {
    let text = "func.func @main(%x: tensor<4xf16>, %unread: tensor<7xf16>) -> tensor<f16> {
        %zero = stablehlo.constant dense<0> : tensor<i32>
        %start = stablehlo.constant dense<2048.0> : tensor<f16>
        %last:4 = stablehlo.while(%i = %zero, %xs = %x, %u = %unread, %sum = %start) : tensor<i32>, tensor<4xf16>, tensor<7xf16>, tensor<f16>
        cond {
          %end = stablehlo.constant dense<4> : tensor<i32>
          %more = stablehlo.compare LT, %i, %end : (tensor<i32>, tensor<i32>) -> tensor<i1>
          stablehlo.return %more : tensor<i1>
        } do {
          %slice = stablehlo.dynamic_slice %xs, %i, sizes = [1] : (tensor<4xf16>, tensor<i32>) -> tensor<1xf16>
          %element = stablehlo.reshape %slice : (tensor<1xf16>) -> tensor<f16>
          %next_sum = stablehlo.add %sum, %element : tensor<f16>
          %one = stablehlo.constant dense<1> : tensor<i32>
          %next = stablehlo.add %i, %one : tensor<i32>
          stablehlo.return %next, %xs, %u, %next_sum : tensor<i32>, tensor<4xf16>, tensor<7xf16>, tensor<f16>
        }
        return %last#3 : tensor<f16>
      }";
    let graph = Graph::parse(text).expect("a program");
    let raised = counted_loops(&graph).expect("scans");
    assert!(raised.to_text().contains("length=4"), "{raised}");
    let inputs = [4, 7].map(|size| Tensor::full([size], 1.0f32).to_dtype(DType::F16));
    for graph in [graph, raised] {
        let results = choral::runtime::evaluate(&graph, &inputs).expect("a result");
        assert_eq!(results[0].to_f64_vec(), [2048.0]); // 2052 if it did not round
    }
}

/// What a counter ends with is exact where floats no longer tell integers apart.
#[test]
fn a_large_counter_ends_where_it_did() {
    let text = "func.func @main() -> tensor<ui64> {
        %start = stablehlo.constant dense<9007199254740990> : tensor<ui64>
        %last = stablehlo.while(%i = %start) : tensor<ui64>
        cond {
          %end = stablehlo.constant dense<9007199254740991> : tensor<ui64>
          %more = stablehlo.compare LT, %i, %end : (tensor<ui64>, tensor<ui64>) -> tensor<i1>
          stablehlo.return %more : tensor<i1>
        } do {
          %three = stablehlo.constant dense<3> : tensor<ui64>
          %next = stablehlo.add %i, %three : tensor<ui64>
          stablehlo.return %next : tensor<ui64>
        }
        return %last : tensor<ui64>
      }";
    let graph = Graph::parse(text).expect("a program");
    let raised = counted_loops(&graph).expect("scans");
    assert!(!raised.to_text().contains("stablehlo.while"), "{raised}");
    for graph in [graph, raised] {
        let results = choral::runtime::evaluate(&graph, &[]).expect("a result");
        assert_eq!(results[0].item::<u64>().expect("a number"), 9007199254740993);
    }
}
