//! User-defined ops, and functions that carry their own batching rule.

use choral::ir::op::custom::register;
use choral::ir::op::{Custom, CustomOp, Reverse, Transposed};
use choral::ir::{BuildError, Builder, Element, Value};
use choral::prelude::*;
use choral::runtime::Executable;
use choral::transform::{Axis, VmapOptions, vmap_graph};
use choral::{Graph, custom_vmap};
use insta::assert_snapshot;

/// Running sums along a dimension, by code that choral does not know.
#[derive(Debug, Clone, Copy)]
struct RunningSum {
    dim: usize,
}

const NAME: &str = "test.running_sum";

impl CustomOp for RunningSum {
    fn name(&self) -> &'static str {
        NAME
    }

    fn attributes(&self) -> String {
        format!("dim=\"{}\"", self.dim)
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
        match operands {
            [x] if self.dim < x.rank() && x.dtype == DType::F32 => Ok(vec![(*x).clone()]),
            other => Err(format!("expected floats with a dimension {}, got {other:?}", self.dim)),
        }
    }

    fn evaluate(&self, operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let shape = operands[0].shape();
        let (size, width) = (shape[self.dim], shape[self.dim + 1..].iter().product::<usize>());
        let mut values = operands[0].as_slice::<f32>().map_err(|error| error.to_string())?.to_vec();
        for block in values.chunks_exact_mut((size * width).max(1)) {
            for at in width..size * width {
                block[at] += block[at - width];
            }
        }
        Tensor::from_storage(shape, f32::store(values))
            .map(|sum| vec![sum])
            .map_err(|error| error.to_string())
    }

    fn batch(
        &self,
        builder: &mut Builder,
        _members: usize,
        operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
        let (value, at) = operands[0];
        let dim = self.dim + usize::from(at.is_some_and(|at| at <= self.dim));
        Ok(vec![(builder.push(Custom::new(RunningSum { dim }), &[value])?, at)])
    }

    fn jvp(
        &self,
        builder: &mut Builder,
        operands: &[(Value, Option<Value>)],
    ) -> Result<Vec<(Value, Option<Value>)>, BuildError> {
        let (value, tangent) = operands[0];
        let mut sum = |value| builder.push(Custom::new(*self), &[value]);
        Ok(vec![(sum(value)?, tangent.map(sum).transpose()?)])
    }

    /// Each element reaches the sums from its place on.
    fn transpose(
        &self,
        builder: &mut Builder,
        _operands: &[Transposed],
        cotangents: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, BuildError> {
        let Some(cotangent) = cotangents[0] else { return Ok(vec![None]) };
        let reverse = Reverse { dims: vec![self.dim] };
        let from_the_end = builder.push(reverse.clone(), &[cotangent])?;
        let sums = builder.push(Custom::new(*self), &[from_the_end])?;
        Ok(vec![Some(builder.push(reverse, &[sums])?)])
    }
}

fn make(attributes: &str) -> Result<Custom, String> {
    let dim = attributes.strip_prefix("dim=\"").and_then(|rest| rest.strip_suffix('"'));
    let dim = dim.and_then(|dim| dim.parse().ok()).ok_or(format!("no dimension in {attributes:?}"))?;
    Ok(Custom::new(RunningSum { dim }))
}

fn sums() -> Graph {
    register(NAME, make);
    let text = r#"
        func.func @main(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
          %sum = stablehlo.custom_call @test.running_sum(%x) {backend_config = "dim=\"1\""} : (tensor<4x3xf32>) -> tensor<4x3xf32>
          %y = stablehlo.negate %sum : tensor<4x3xf32>
          return %y : tensor<4x3xf32>
        }"#;
    Graph::parse(text).expect("a program")
}

fn run(graph: &Graph, x: &Tensor, device: Device) -> Tensor {
    let executable = Executable::compile(graph, device).expect("a program that compiles");
    executable.run(std::slice::from_ref(x)).expect("a program that runs").remove(0)
}

#[test]
fn an_op_of_ones_own() {
    let graph = sums();
    assert_eq!(Graph::parse(&graph.to_text()).expect("its text"), graph);
    assert_eq!(graph.to_json().and_then(|json| Graph::from_json(&json)).expect("its JSON"), graph);
    for dim in 0..3 {
        let batching = VmapOptions::new(Axis::new("members", 2), [Some(dim)], [Some(0)]);
        let mapped = vmap_graph(&graph, &batching).expect("a mapped graph");
        let shape = mapped.input_types()[0].shape.clone();
        let x = Tensor::randn(shape, Key::new(dim as u64));
        let member = |at: usize| jit(move |x: Var| x.select(dim as i64, at)).call(&x).expect("a member");
        for device in [Device::Reference, Device::Cpu] {
            let together = run(&mapped, &x, device);
            for at in 0..2 {
                let alone = run(&graph, &member(at), device);
                assert!(together.index(at).expect("a member").bit_eq(&alone), "{mapped}");
            }
        }
    }
}

#[test]
fn faults_of_an_op_of_ones_own() {
    register(NAME, make);
    let refused = |line: &str| {
        let text = format!(
            "func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {{\n  %y = {line} : (tensor<3xf32>) -> tensor<3xf32>\n  return %y : tensor<3xf32>\n}}"
        );
        Graph::parse(&text).expect_err("a fault").to_string()
    };
    let messages = [
        refused(r#"stablehlo.custom_call @test.unknown(%x)"#),
        refused(r#"stablehlo.custom_call @test.running_sum(%x) {backend_config = "dim=\"1\""}"#),
        refused(r#"stablehlo.custom_call @test.running_sum(%x) {backend_config = "size=3"}"#),
    ];
    assert_snapshot!(messages.join("\n"));
}

/// An op whose rule gives the operand, with the members where it says, as often as it says.
#[derive(Debug, Clone, Copy)]
struct Misplaced {
    dim: Option<usize>,
    times: usize,
}

impl CustomOp for Misplaced {
    fn name(&self) -> &'static str {
        "test.misplaced"
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
        Ok(vec![operands[0].clone()])
    }

    fn evaluate(&self, operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
        operands[0].index(0).map(|row| vec![row]).map_err(|error| error.to_string())
    }

    fn batch(
        &self,
        _builder: &mut Builder,
        _members: usize,
        operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
        Ok(vec![(operands[0].0, self.dim); self.times])
    }
}

#[test]
fn results_that_are_not_the_ops() {
    let program = |op: Misplaced| {
        let mut builder = Builder::new("main");
        let x = builder.input("x", TensorType::new([3], DType::F32));
        let y = builder.push(Custom::new(op), &[x]).expect("an op");
        builder.finish(&[y])
    };
    let mapped = |dim, times| {
        let graph = program(Misplaced { dim, times });
        let mapped = vmap_graph(&graph, &VmapOptions::new(Axis::new("members", 5), [Some(0)], [Some(0)]));
        mapped.expect_err("a rule that is wrong").to_string()
    };
    let graph = program(Misplaced { dim: None, times: 1 });
    let alone = Executable::compile(&graph, Device::Reference).expect("a program that compiles");
    let alone = alone.run(&[Tensor::from([1.0f32, 2.0, 3.0])]).expect_err("a result of another type");
    let places = [(Some(9), 1), (Some(1), 1), (None, 1), (Some(0), 0), (Some(0), 2)];
    let told = places.map(|(dim, times)| mapped(dim, times)).join("\n\n");
    assert_snapshot!(format!("{told}\n\n{alone}"));
}

/// Solves `a x = b` for numbers; for many, a rule divides all at once and says so.
#[test]
fn a_function_with_a_rule() -> Result<(), choral::Error> {
    let divided = || {
        custom_vmap(
            |(a, b): (Var, Var)| &b / &a,
            |members: usize, mapped: &[bool], (a, b): (Var, Var)| {
                assert_eq!((members, mapped), (4, &[true, false][..]));
                // Recognisable: the rule's own way.
                ((1.0 / (-&a) * b) * -1.0, vec![true])
            },
        )
    };
    let (a, b) = (Tensor::from([1.0f32, 2.0, 4.0, 8.0]), Tensor::scalar(3.0f32));
    let mapped = vmap(divided(), (0, None));
    assert_eq!(mapped.call((&a, &b))?.as_slice::<f32>()?, [3.0, 1.5, 0.75, 0.375]);
    assert_snapshot!(mapped.trace((&a, &b))?.graph);
    // Alone it is what the function says.
    let alone = jit(divided());
    assert_eq!(alone.call((&Tensor::scalar(2.0f32), &b))?.item::<f32>()?, 1.5);
    assert!(!alone.trace((&Tensor::scalar(2.0f32), &b))?.graph.to_text().contains("custom_call"));
    Ok(())
}

#[test]
fn faults_of_a_rule() {
    let x = Tensor::from([1.0f32, 2.0]);
    let silent = custom_vmap(|x: Var| x.exp(), |_: usize, _: &[bool], x: Var| (x.exp(), Vec::new()));
    assert_snapshot!(vmap(silent, 0).call(&x).expect_err("a rule that says too little"));
    type Rule = fn(Var) -> (Vec<Var>, Vec<bool>);
    let rules: [Rule; 5] = [
        |x| (vec![x.exp()], vec![false]),
        |x| (vec![x.exp().transpose(0, 1)], vec![true]),
        |x| (vec![x.gt(0.0)], vec![true]),
        |x| (vec![x.sum(())], vec![true]),
        |x| (vec![x.exp(), x], vec![true, true]),
    ];
    let x = Tensor::randn([5, 3], Key::new(0));
    let told = rules.map(|rule| {
        let wrong = custom_vmap(|x: Var| vec![x.exp()], move |_: usize, _: &[bool], x: Var| rule(x));
        vmap(wrong, 0).call(&x).expect_err("a rule that gives something else").to_string()
    });
    assert_snapshot!("results_that_are_not_the_functions", told.join("\n\n"));
    let along = custom_vmap(|x: Var| x.psum("members"), |_: usize, _: &[bool], x: Var| (x, vec![true]));
    assert_snapshot!(vmap(along, 0).call(&x).expect_err("an axis that the rule does not know"), @"
    custom_vmap: the function is along an axis of a vmap around it, of which its rule cannot know; compute outside it what depends on the axis (its index, sums, draws by members)
      at tests/custom.rs:240:17
    ");
}

/// Whichever arguments are mapped, of members or of members of members, all at once or in chunks.
#[test]
fn a_rule_is_used_however_its_function_is_mapped() -> Result<(), choral::Error> {
    let divided = || {
        custom_vmap(
            |(a, b): (Var, Var)| &b / &a,
            |_members: usize, mapped: &[bool], (a, b): (Var, Var)| (b / a, vec![mapped.contains(&true)]),
        )
    };
    let (a, b) = (Tensor::randn([3, 4], Key::new(0)), Tensor::randn([3, 4], Key::new(1)));
    let plain = |(a, b): (Var, Var)| b / a;
    let (row_a, row_b) = (a.index(0)?, b.index(0)?);
    for (in_dims, args) in [((0, 0), (&a, &b)), ((-1, -1), (&a, &b))] {
        let expected = vmap(plain, in_dims).call(args)?;
        assert!(vmap(divided(), in_dims).call(args)?.bit_eq(&expected), "{in_dims:?}");
        assert!(vmap(divided(), in_dims).chunk_size(2).call(args)?.bit_eq(&expected), "{in_dims:?}");
        let last = vmap(plain, in_dims).out_dims(1).call(args)?;
        assert!(vmap(divided(), in_dims).out_dims(1).call(args)?.bit_eq(&last), "{in_dims:?}");
    }
    let one = Tensor::scalar(2.0f32);
    for (in_dims, args) in [((Some(0), None), (&row_a, &one)), ((None, Some(0)), (&one, &row_b))] {
        let expected = vmap(plain, in_dims).call(args)?;
        assert!(vmap(divided(), in_dims).call(args)?.bit_eq(&expected), "{in_dims:?}");
    }
    let nested = vmap(vmap(divided(), (0, None)), (None, 0)).call((&row_a, &row_b))?;
    assert!(nested.bit_eq(&vmap(vmap(plain, (0, None)), (None, 0)).call((&row_a, &row_b))?));
    Ok(())
}

/// A rule may find that all members have the same.
#[test]
fn a_rule_may_give_what_all_members_share() -> Result<(), choral::Error> {
    let sizes = custom_vmap(
        |x: Var| x.full([], 3.0),
        |_members: usize, _mapped: &[bool], x: Var| (x.full([], 3.0), vec![false]),
    );
    let x = Tensor::randn([5, 3], Key::new(0));
    assert_eq!(vmap(sizes, 0).out_dims(None).call(&x)?, Tensor::scalar(3.0f32));
    Ok(())
}

/// A user-defined op brings its own rules: the transposed running sum of one-hot vectors counts the places.
#[test]
fn rules_of_derivatives_are_the_ops_own() {
    let ty = TensorType::new([3], DType::F32);
    let mut builder = Builder::new("main");
    let [x, tangent] = ["x", "tangent"].map(|name| builder.input(name, ty.clone()));
    let op = Custom::new(RunningSum { dim: 0 });
    let with_tangent = op.op().jvp(&mut builder, &[(x, Some(tangent))]).expect("a rule");
    let without = op.op().jvp(&mut builder, &[(x, None)]).expect("a rule");
    assert_eq!(without[0].1, None);
    let (sum, of_tangent) = (with_tangent[0].0, with_tangent[0].1.expect("a tangent"));
    let back = op.op().transpose(&mut builder, &[Transposed::Linear(ty)], &[Some(tangent)]).expect("a rule");
    let graph = builder.finish(&[sum, of_tangent, back[0].expect("a cotangent")]);
    let inputs = [Tensor::from([1.0f32, 2.0, 3.0]), Tensor::from([0.0f32, 1.0, 1.0])];
    let results = choral::runtime::evaluate(&graph, &inputs).expect("results");
    let values: Vec<Vec<f64>> = results.iter().map(Tensor::to_f64_vec).collect();
    assert_eq!(values, [[1.0, 3.0, 6.0], [0.0, 1.0, 2.0], [2.0, 2.0, 1.0]]);
}

#[test]
fn an_op_without_such_a_rule_is_refused_by_name() {
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([3], DType::F32));
    let op = Custom::new(Misplaced { dim: None, times: 1 });
    let jvp = op.op().jvp(&mut builder, &[(x, Some(x))]).expect_err("no rule");
    let transpose =
        op.op().transpose(&mut builder, &[Transposed::Known(x)], &[Some(x)]).expect_err("no rule");
    assert_snapshot!(format!("{jvp}\n{transpose}"));
}
