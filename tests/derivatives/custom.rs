//! Functions and ops with rules of their own: their rules are used, alone, under `vmap`, in loops, and twice.

use choral::ir::op::{Binary, Custom, CustomOp, Transposed};
use choral::ir::{BuildError, Builder, Value};
use choral::prelude::*;
use choral::transform::{Axis, VmapOptions, jvp_graph, vjp_graph, vmap_graph};
use insta::assert_snapshot;

use super::{check, numbers, run, traced};

fn f64s(shape: impl Into<Vec<usize>>) -> TensorType {
    TensorType::new(shape, DType::F64)
}

/// Results of a graph on numbers, each as a tensor of one dimension, or a scalar for one number.
fn results<const N: usize>(graph: &Graph, inputs: [&[f64]; N]) -> Vec<Vec<f64>> {
    let shaped =
        |(ty, numbers): (TensorType, &[f64])| Tensor::new(ty.shape, numbers.to_vec()).expect("a tensor");
    let inputs: Vec<Tensor> = graph.input_types().into_iter().zip(inputs).map(shaped).collect();
    run(graph, &inputs).iter().map(Tensor::to_f64_vec).collect()
}

/// The graph for three members, mapped inputs along their first dimension.
fn mapped(graph: &Graph, in_dims: &[Option<usize>]) -> Graph {
    let out_dims = vec![Some(0); graph.outputs().len()];
    vmap_graph(graph, &VmapOptions::new(Axis::new("m", 3), in_dims.to_vec(), out_dims))
        .expect("a mapped graph")
}

/// A square whose rule says that it grows ten times as fast.
fn steep() -> impl Function<Var, Output = Var> {
    custom_jvp(|x: Var| &x * &x, |x: Var, tangent: Var| (&x * &x, tangent * x * 20.0))
}

#[test]
fn a_rule_for_tangents() {
    let graph = traced(&steep(), &f64s([]));
    assert_eq!(results(&jvp_graph(&graph, &[0]).expect("tangents"), [&[3.0], &[1.0]]), [[9.0], [60.0]]);
    assert_eq!(results(&vjp_graph(&graph, &[0]).expect("cotangents"), [&[3.0], &[1.0]]), [[9.0], [60.0]]);
    // The rule itself is differentiated by its ops.
    let grad = vjp_graph(&graph, &[0]).expect("cotangents");
    let twice = vjp_graph(&grad, &[0]).expect("second derivatives");
    assert_eq!(results(&twice, [&[3.0], &[1.0], &[0.0], &[1.0]])[2], [20.0]);
    let members = mapped(&graph, &[Some(0)]);
    let of_members = results(&vjp_graph(&members, &[0]).expect("cotangents"), [&[1.0, 2.0, 3.0], &[1.0; 3]]);
    assert_eq!(of_members, [[1.0, 4.0, 9.0], [20.0, 40.0, 60.0]]);
    // Alone it is what the function says.
    assert_eq!(results(&graph, [&[3.0]]), [[9.0]]);
    assert!(
        !choral::trace::function::trace(&steep(), &f64s([]))
            .expect("a program")
            .graph
            .to_text()
            .contains("custom")
    );
}

/// A product whose second factor gets a cotangent of at most 1.
fn clipped() -> impl Function<(Var, Var), Output = Var> {
    custom_vjp(
        |(x, w): (Var, Var)| x * w,
        |(x, w): (Var, Var)| (&x * &w, (x, w)),
        |(x, w): (Var, Var), cotangent: Var| (&cotangent * w, (cotangent * x).clamp(-1.0, 1.0)),
    )
}

#[test]
fn a_rule_for_cotangents() {
    let graph = traced(&clipped(), &(f64s([]), f64s([])));
    let vjp = vjp_graph(&graph, &[0, 1]).expect("cotangents");
    assert_eq!(results(&vjp, [&[3.0], &[5.0], &[1.0]]), [[15.0], [5.0], [1.0]]);
    assert_eq!(results(&vjp, [&[0.5], &[5.0], &[1.0]]), [[2.5], [5.0], [0.5]]);
    // By one of them alone.
    let vjp = vjp_graph(&graph, &[1]).expect("cotangents");
    assert_eq!(results(&vjp, [&[3.0], &[5.0], &[1.0]]), [[15.0], [1.0]]);
    // Its rule is differentiated by its ops.
    let twice = vjp_graph(&vjp, &[0]).expect("second derivatives");
    assert_eq!(results(&twice, [&[0.5], &[5.0], &[1.0], &[0.0], &[1.0]])[2], [1.0]);
}

/// Each member's cotangent is clipped, whoever is mapped, and what they share gets the sum.
#[test]
fn a_rule_for_cotangents_of_members() {
    let graph = traced(&clipped(), &(f64s([]), f64s([])));
    let both = vjp_graph(&mapped(&graph, &[Some(0), Some(0)]), &[0, 1]).expect("cotangents");
    let (x, w, ones) = (&[3.0, 0.5, -2.0][..], &[5.0, 6.0, 7.0][..], &[1.0; 3][..]);
    assert_eq!(results(&both, [x, w, ones])[1..], [w.to_vec(), vec![1.0, 0.5, -1.0]]);
    let shared = vjp_graph(&mapped(&graph, &[Some(0), None]), &[0, 1]).expect("cotangents");
    assert_eq!(results(&shared, [x, &[5.0], ones])[1..], [vec![5.0; 3], vec![0.5]]);
    let shared = vjp_graph(&mapped(&graph, &[None, Some(0)]), &[0, 1]).expect("cotangents");
    assert_eq!(results(&shared, [&[3.0], w, ones])[1..], [vec![18.0], vec![1.0; 3]]);
}

/// In the rounds of a loop, and in a branch.
#[test]
fn rules_in_loops_and_branches() {
    let f = |(xs, w): (Var, Var)| {
        let next = |sum: Var, x: Var| {
            let product = clipped().apply((x, w.clone())).expect("a product");
            (sum + cond(&product.gt(0.0), |x| steep().apply(x), Ok, &product).expect("a branch"), product)
        };
        scan(next, w.full([], 0.0), xs)
    };
    let graph = traced(&f, &(f64s([2]), f64s([])));
    let vjp = vjp_graph(&graph, &[0, 1]).expect("cotangents");
    // Cotangents of the products are 20 * 3 * 2 and 1; the weight gets 1 of the first and -1 of the second.
    let found = results(&vjp, [&[3.0, -1.0], &[2.0], &[1.0], &[0.0; 2]]);
    assert_eq!(found[2..], [vec![240.0, 2.0], vec![0.0]]);
}

#[test]
fn a_rule_for_cotangents_gives_no_tangents() {
    let graph = traced(&clipped(), &(f64s([]), f64s([])));
    let jvp = jvp_graph(&graph, &[0]).expect("a graph");
    let one = Tensor::scalar(1.0f64);
    let program = choral::compile(&jvp, Device::Reference).expect("a program");
    let error = program.run(&[one.clone(), one.clone(), one]).expect_err("no tangents");
    assert_snapshot!(error, @"choral.custom_vjp.tangents: a custom_vjp says how cotangents go back, and not how tangents go forward; use grad or vjp, or give the function a custom_jvp");
}

#[test]
fn what_counts_as_a_constant() {
    let graph = traced(&|x: Var| (&x * x.stop_gradient(), stop_gradient((x, 3)).0), &f64s([]));
    let vjp = vjp_graph(&graph, &[0]).expect("cotangents");
    assert_eq!(results(&vjp, [&[3.0], &[1.0], &[1.0]]), [[9.0], [3.0], [3.0]]);
    // It stays one in what is differentiated again: by x, the gradient x is constant, too.
    let twice = vjp_graph(&vjp, &[0]).expect("second derivatives");
    assert_eq!(results(&twice, [&[3.0], &[1.0], &[1.0], &[0.0], &[0.0], &[1.0]])[3], [0.0]);
    let members = vjp_graph(&mapped(&graph, &[Some(0)]), &[0]).expect("cotangents");
    assert_eq!(results(&members, [&[1.0, 2.0, 3.0], &[1.0; 3], &[1.0; 3]])[2], [1.0, 2.0, 3.0]);
}

/// A function that only has a batching rule is differentiated by its ops, or by those of the rule.
#[test]
fn a_function_with_a_batching_rule() {
    let f = || {
        custom_vmap(
            |(x, y): (Var, Var)| x.sin() * y,
            |_: usize, mapped: &[bool], (x, y): (Var, Var)| (x.sin() * y, vec![mapped.contains(&true)]),
        )
    };
    let graph = traced(&f(), &(f64s([3]), f64s([3])));
    let written_out = choral::transform::rewrite::expand(&graph).expect("a graph");
    let (vjp, expected) = (vjp_graph(&graph, &[0, 1]), vjp_graph(&written_out, &[0, 1]));
    assert_eq!(vjp.expect("cotangents"), expected.expect("cotangents"));
    check(&mapped(&graph, &[Some(0), Some(0)]).to_text());
}

/// Traced twice, a function with rules is one op; with other rules it is another, though its body is the same.
#[test]
fn ops_are_their_graphs() {
    let scaled = |factor: f64| {
        let back = move |(), cotangent: Var| cotangent * factor;
        traced(&custom_vjp(|x: Var| x.exp(), |x: Var| (x.exp(), ()), back), &f64s([]))
    };
    assert_eq!(scaled(2.0), scaled(2.0));
    assert_ne!(scaled(2.0), scaled(3.0));
    let both = |x: Var| {
        let [twice, thrice] =
            [2.0, 3.0].map(|factor| custom_vjp(|x: Var| x, |x: Var| (x, ()), move |(), ct: Var| ct * factor));
        Ok::<_, choral_compiler::Error>(twice.apply(x.clone())? + thrice.apply(x)?)
    };
    let vjp = vjp_graph(&traced(&both, &f64s([])), &[0]).expect("cotangents");
    assert_eq!(results(&vjp, [&[1.0], &[1.0]]), [[2.0], [5.0]]);
    // So models with such functions are members of one ensemble.
    assert_eq!(traced(&|x: Var| remat(|x: Var| x.exp()).apply(x), &f64s([])), {
        traced(&|x: Var| remat(|x: Var| x.exp()).apply(x), &f64s([]))
    });
}

/// Faults of rules name the function's line.
#[test]
fn faults_of_rules() {
    let ty = f64s([2]);
    let mut told = Vec::new();
    let mut refuse = |fault: choral_compiler::Error| told.push(fault.to_string());
    let rule = custom_jvp(|x: Var| x.exp(), |x: Var, tangent: Var| (x.exp(), tangent.sum(())));
    refuse(choral::trace::function::trace(&rule, &ty).expect_err("a tangent of another type"));
    let rule = custom_vjp(|x: Var| x.exp(), |x: Var| (x.sum(()), ()), |(), cotangent: Var| cotangent);
    refuse(choral::trace::function::trace(&rule, &ty).expect_err("results of another type"));
    let rule = custom_vjp(|x: Var| x.exp(), |x: Var| (x.exp(), ()), |(), cotangent: Var| cotangent.sum(()));
    refuse(choral::trace::function::trace(&rule, &ty).expect_err("a cotangent of another type"));
    let captures = |x: Var| custom_jvp(|y: Var| y * &x, |y: Var, tangent: Var| (y, tangent)).apply(x.exp());
    refuse(choral::trace::function::trace(&captures, &ty).expect_err("a captured value"));
    assert_snapshot!(told.join("\n\n"), @"
    custom_jvp: the rule must return the function's results and a tangent of each, [tensor<2xf64>, tensor<2xf64>], got [tensor<2xf64>, tensor<f64>]
      at tests/derivatives/custom.rs:177:16

    custom_vjp: the forward rule must return the function's results, then residuals, [tensor<2xf64>], got [tensor<f64>]
      at tests/derivatives/custom.rs:179:16

    custom_vjp: the backward rule must return a cotangent of each argument, [tensor<2xf64>], got [tensor<f64>]
      at tests/derivatives/custom.rs:181:16

    custom_jvp: the function captures values from outside; pass them as arguments
      at tests/derivatives/custom.rs:183:29
    ");
}

/// Three times its operand, by a rule that returns what it is told to.
#[derive(Debug, Clone, Copy)]
struct Thrice {
    is_right: bool,
}

impl CustomOp for Thrice {
    fn name(&self) -> &'static str {
        "test.thrice"
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
        Ok(vec![operands[0].clone()])
    }

    fn evaluate(&self, operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let thrice = numbers(&operands[0]).iter().map(|x| 3.0 * x).collect();
        Tensor::new(operands[0].shape(), thrice).map(|thrice| vec![thrice]).map_err(|error| error.to_string())
    }

    fn batch(
        &self,
        builder: &mut Builder,
        _members: usize,
        operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
        Ok(vec![(builder.push(Custom::new(*self), &[operands[0].0])?, operands[0].1)])
    }

    fn jvp(
        &self,
        builder: &mut Builder,
        operands: &[(Value, Option<Value>)],
    ) -> Result<Vec<(Value, Option<Value>)>, BuildError> {
        let mut thrice = |value| builder.push(Custom::new(*self), &[value]);
        Ok(vec![(thrice(operands[0].0)?, operands[0].1.map(&mut thrice).transpose()?)])
    }

    fn transpose(
        &self,
        builder: &mut Builder,
        _operands: &[Transposed],
        cotangents: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, BuildError> {
        let Some(cotangent) = cotangents[0] else { return Ok(vec![None]) };
        let thrice = builder.push(Custom::new(*self), &[cotangent])?;
        if self.is_right {
            return Ok(vec![Some(thrice)]);
        }
        let zero = builder.full(0.0, DType::F64, []);
        Ok(vec![Some(builder.reduce(thrice, zero, vec![0], Binary::Add)?)])
    }
}

#[test]
fn ops_of_ones_own() {
    let graph = |is_right| {
        let mut builder = Builder::new("main");
        let x = builder.input("x", f64s([2]));
        let y = builder.push(Custom::new(Thrice { is_right }), &[x]).expect("an op");
        let z = builder.binary(Binary::Multiply, y, y).expect("a square");
        builder.finish(&[z])
    };
    let vjp = vjp_graph(&graph(true), &[0]).expect("cotangents");
    assert_eq!(results(&vjp, [&[1.0, 2.0], &[1.0, 1.0]]), [[9.0, 36.0], [18.0, 36.0]]);
    let jvp = jvp_graph(&graph(true), &[0]).expect("tangents");
    assert_eq!(results(&jvp, [&[1.0, 2.0], &[1.0, 1.0]]), [[9.0, 36.0], [18.0, 36.0]]);
    assert_snapshot!(vjp_graph(&graph(false), &[0]).expect_err("a rule that is wrong"), @"test.thrice: its rule `transpose` must return for each of the operands [tensor<2xf64>] a cotangent of that type, or None; it returns [tensor<f64>] (rule)");
}
