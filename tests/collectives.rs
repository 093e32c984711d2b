//! Collectives, against what they mean: written out over the stacked values.

use choral::ir::verify;
use choral::prelude::*;
use choral::transform::{Axis, VmapOptions, vmap_graph};
use choral::{Graph, Key};
use insta::assert_snapshot;

const MEMBERS: usize = 4;

/// Random numbers, `[MEMBERS, 3]`.
fn stacked() -> Tensor {
    Tensor::randn([MEMBERS, 3], Key::new(1))
}

fn row(x: &Tensor, member: usize) -> Vec<f32> {
    x.index(member).expect("a member").as_slice::<f32>().expect("floats").to_vec()
}

/// One number per element, computed from the numbers of all members at that element.
fn across(x: &Tensor, combine: impl Fn(&[f32]) -> f32) -> Vec<f32> {
    (0..3).map(|at| combine(&(0..MEMBERS).map(|member| row(x, member)[at]).collect::<Vec<_>>())).collect()
}

#[track_caller]
fn check(got: &Tensor, expected: &[f32]) {
    let got = got.as_slice::<f32>().expect("floats");
    let close = got.len() == expected.len() && got.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-5);
    assert!(close, "got {got:?}, expected {expected:?}");
}

#[test]
fn reductions() -> Result<(), choral::Error> {
    let x = stacked();
    let all = vmap(|x: Var| (x.psum("m"), x.pmean("m"), x.pmax("m"), x.pmin("m")), 0).axis_name("m");
    let (sum, mean, max, min) = all.out_dims(None).call(&x)?;
    check(&sum, &across(&x, |all| all.iter().sum()));
    check(&mean, &across(&x, |all| all.iter().sum::<f32>() / MEMBERS as f32));
    check(&max, &across(&x, |all| all.iter().copied().fold(f32::MIN, f32::max)));
    check(&min, &across(&x, |all| all.iter().copied().fold(f32::MAX, f32::min)));
    Ok(())
}

/// What all members share counts once for each of them.
#[test]
fn shared_values() -> Result<(), choral::Error> {
    let x = stacked();
    let shared = Tensor::from([1.0f32, 2.0, 3.0]);
    let f = |(_, w): (Var, Var)| (w.psum("m"), w.pmax("m"), w.all_gather("m", 0));
    let (sum, max, gathered) = vmap(f, (0, None)).axis_name("m").out_dims(None).call((&x, &shared))?;
    check(&sum, &[4.0, 8.0, 12.0]);
    check(&max, &[1.0, 2.0, 3.0]);
    check(&gathered, &[1.0, 2.0, 3.0].repeat(MEMBERS));
    Ok(())
}

/// Booleans are counted, also those that all members share.
#[test]
fn truth_values_are_counted() -> Result<(), choral::Error> {
    let x = Tensor::from([[true, false], [true, false], [false, false], [true, true]]);
    let f = |(x, w): (Var, Var)| (x.psum("m"), x.pmean("m"), w.psum("m"), w.pmean("m"));
    for device in [Device::Reference, Device::Cpu] {
        let mapped = vmap(f, (0, None)).axis_name("m").out_dims(None).on(device);
        let (count, share, shared_count, shared_share) = mapped.call((&x, &Tensor::from([true, false])))?;
        assert_eq!((count, shared_count), (Tensor::from([3, 1]), Tensor::from([4, 0])));
        assert_eq!((share, shared_share), (Tensor::from([0.75f32, 0.25]), Tensor::from([1.0f32, 0.0])));
    }
    Ok(())
}

/// Sums of 16-bit floats are rounded at their end: 257 along one axis, which `bf16` rounds to 256, times
/// 3 along the other.
#[test]
fn sums_of_halves_are_rounded_once() -> Result<(), choral::Error> {
    let x = Tensor::from_fn([3, 257], |_| 1.0f32).to_dtype(DType::Bf16);
    let one = x.index(0)?.index(0)?;
    let f = |(x, w): (Var, Var)| (x.psum(["a", "b"]), w.psum(["b", "a"]), x.psum("b"), x.pmean(["a", "b"]));
    for device in [Device::Reference, Device::Cpu] {
        let inner = vmap(f, (0, None)).axis_name("b").out_dims(None);
        let mapped = vmap(inner, (0, None)).axis_name("a").out_dims((None, None, 0, None)).on(device);
        let (all, shared, row, mean) = mapped.call((&x, &one))?;
        let values = [all, shared, row.index(2)?, mean].map(|sum| sum.to_dtype(DType::F32).item::<f32>());
        assert_eq!(values.into_iter().collect::<Result<Vec<f32>, _>>()?, [772.0, 772.0, 256.0, 1.0]);
    }
    Ok(())
}

/// A value from around the mapped function is one that all members share.
#[test]
fn captured_values() -> Result<(), choral::Error> {
    let outer = |(x, w): (Var, Var)| vmap(move |x: Var| x + w.psum("m"), 0).axis_name("m").apply(x);
    let x = stacked();
    let sum = jit(outer).call((&x, &Tensor::from([1.0f32, 0.0, -1.0])))?;
    for member in 0..MEMBERS {
        let expected: Vec<f32> = row(&x, member).iter().zip([4.0, 0.0, -4.0]).map(|(x, w)| x + w).collect();
        check(&sum.index(member)?, &expected);
    }
    Ok(())
}

#[test]
fn gathers_and_places() -> Result<(), choral::Error> {
    let x = stacked();
    let f = |x: Var| (x.axis_index("m"), x.all_gather("m", 0), x.all_gather("m", -1));
    let (places, first, last) = vmap(f, 0).axis_name("m").out_dims((0, None, None)).call(&x)?;
    assert_eq!(places.as_slice::<i32>()?, [0, 1, 2, 3]);
    assert!(first.bit_eq(&x));
    let columns: Vec<f32> = (0..3)
        .flat_map(|at| (0..MEMBERS).map(move |member| (member, at)))
        .map(|(member, at)| row(&x, member)[at])
        .collect();
    check(&last, &columns);
    Ok(())
}

/// A ring, and pairs that leave members out.
#[test]
fn permutations() -> Result<(), choral::Error> {
    let x = stacked();
    let ring: Vec<(usize, usize)> = (0..MEMBERS).map(|member| (member, (member + 1) % MEMBERS)).collect();
    let turned = vmap(move |x: Var| x.ppermute("m", &ring), 0).axis_name("m").call(&x)?;
    let some = vmap(|x: Var| x.ppermute("m", &[(0, 2), (3, 1)]), 0).axis_name("m").call(&x)?;
    for member in 0..MEMBERS {
        check(&turned.index((member + 1) % MEMBERS)?, &row(&x, member));
    }
    for (member, sender) in [None, Some(3), Some(0), None].into_iter().enumerate() {
        check(&some.index(member)?, &sender.map_or(vec![0.0; 3], |sender| row(&x, sender)));
    }
    Ok(())
}

/// The last member is `MEMBERS - 1`, whoever sends and whoever is sent to.
#[test]
fn permutations_end_with_the_last_member() -> Result<(), choral::Error> {
    let x = stacked();
    let last = vmap(|x: Var| x.ppermute("m", &[(0, MEMBERS - 1)]), 0).axis_name("m").call(&x)?;
    check(&last.index(MEMBERS - 1)?, &row(&x, 0));
    for pair in [(0, MEMBERS), (MEMBERS, 0)] {
        let one = vmap(move |x: Var| x.ppermute("m", &[pair]), 0).axis_name("m").call(&x);
        let two = vmap(vmap(move |x: Var| x.ppermute(["m", "n"], &[pair]), 0).axis_name("n"), 0);
        let two = two.axis_name("m").call(Tensor::randn([2, MEMBERS / 2, 3], Key::new(1)));
        for told in [one, two].map(|result| result.expect_err("no such member").to_string()) {
            assert!(
                told.contains(&format!("{} -> {} names a member outside ax", pair.0, pair.1)),
                "{told}"
            );
        }
    }
    Ok(())
}

#[test]
fn exchanges() -> Result<(), choral::Error> {
    let x = Tensor::randn([MEMBERS, 2, MEMBERS], Key::new(2));
    let exchanged = vmap(|x: Var| x.all_to_all("m", 1, 0), 0).axis_name("m").call(&x)?;
    let values = x.as_slice::<f32>()?;
    // Member j holds, for every member i and row r, what i had in row r and column j.
    let expected: Vec<f32> = (0..MEMBERS)
        .flat_map(|j| (0..MEMBERS).flat_map(move |i| (0..2).map(move |r| (i * 2 + r) * MEMBERS + j)))
        .map(|place| values[place])
        .collect();
    assert_eq!(exchanged.shape(), [MEMBERS, MEMBERS, 2]);
    check(&exchanged, &expected);
    Ok(())
}

/// Over two axes at once, and the inner one alone; the order of binding does not matter.
#[test]
fn nested_axes() -> Result<(), choral::Error> {
    let x = Tensor::randn([2, 5], Key::new(3));
    let both = |x: Var| (x.psum(["a", "b"]), x.psum("b"), x.axis_index("a"));
    let inner = vmap(both, 0).axis_name("b");
    let (all, rows, places) = vmap(inner, 0).axis_name("a").call(&x)?;
    let values = x.as_slice::<f32>()?;
    check(&all, &[values.iter().sum::<f32>(); 10]);
    let row = |a: usize| values[a * 5..a * 5 + 5].iter().sum::<f32>();
    check(&rows, &[[row(0); 5], [row(1); 5]].concat());
    assert_eq!(places.as_slice::<i32>()?, [[0; 5], [1; 5]].concat());

    let outer_first =
        vmap(vmap(|x: Var| (&x - x.pmean("a"), x.pmax("b")), 0).axis_name("b"), 0).axis_name("a");
    let inner_first =
        vmap(vmap(|x: Var| (&x - x.pmean("a"), x.pmax("b")), 0).axis_name("a"), 1).axis_name("b");
    let (centred, max) = outer_first.call(&x)?;
    let (other, other_max) = inner_first.out_dims(1).call(&x)?;
    check(&other, centred.as_slice()?);
    check(&other_max, max.as_slice()?);
    Ok(())
}

fn bind(text: &str, name: &str) -> Result<Graph, choral::error::VmapError> {
    let graph = Graph::parse(text).expect("a program");
    let (in_dims, out_dims) = (vec![Some(0); graph.inputs().len()], vec![Some(0); graph.outputs().len()]);
    vmap_graph(&graph, &VmapOptions::new(Axis::new(name, MEMBERS), in_dims, out_dims))
}

/// Every op in text, bound by its own axis and carried along by another.
#[test]
fn programs() {
    let text = "
        func.func @main(%x: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x4x2xf32>, tensor<4x2xf32>, tensor<2x4xf32>, tensor<i32>) {
          %sum = choral.psum %x, axes = [\"members\", \"others\"] : tensor<4x2xf32>
          %all = choral.all_gather %x, axis = \"members\", size = 4, dimension = 1 : (tensor<4x2xf32>) -> tensor<4x4x2xf32>
          %next = choral.ppermute %x, axis = \"members\", pairs = [[0, 1], [1, 0]] : tensor<4x2xf32>
          %exchanged = choral.all_to_all %x, axis = \"members\", size = 4, split_dimension = 0, concat_dimension = 1 : (tensor<4x2xf32>) -> tensor<2x4xf32>
          %place = choral.axis_index axis = \"members\" : tensor<i32>
          return %sum, %all, %next, %exchanged, %place : tensor<4x2xf32>, tensor<4x4x2xf32>, tensor<4x2xf32>, tensor<2x4xf32>, tensor<i32>
        }";
    let graph = Graph::parse(text).expect("a program");
    assert_eq!(Graph::parse(&graph.to_text()).expect("its text"), graph);
    let (carried, bound) = (bind(text, "batch").expect("a graph"), bind(text, "members").expect("a graph"));
    for graph in [&carried, &bound] {
        verify(graph).expect("a valid graph");
        assert_eq!(&Graph::parse(&graph.to_text()).expect("its text"), graph);
    }
    assert_snapshot!(format!("{carried}\n{bound}"));
}

/// The op behind draws without an explicit key; `tests/random.rs` draws from it.
#[test]
fn member_keys() {
    let text = "
        func.func @main(%key: tensor<2xui32>) -> tensor<2xui32> {
          %inner = choral.member_key %key, axis = \"members\", level = 0, randomness = \"same\" : tensor<2xui32>
          %outer = choral.member_key %inner, axis = \"members\", level = 1, randomness = \"different\" : tensor<2xui32>
          return %outer : tensor<2xui32>
        }";
    let graph = Graph::parse(text).expect("a program");
    assert_eq!(Graph::parse(&graph.to_text()).expect("its text"), graph);
    // The inner axis leaves the outer one's key to it.
    let axis = Axis::new("members", 2);
    let once = vmap_graph(&graph, &VmapOptions::new(axis.clone(), [None], [None])).expect("the inner axis");
    assert_snapshot!(once, @r#"
    func.func public @main(
        %key: tensor<2xui32>) -> (tensor<2xui32>) {
      %outer = choral.member_key %key, axis = "members", level = 0, randomness = "different" : tensor<2xui32>
      return %outer : tensor<2xui32>
    }
    "#);
    let twice = vmap_graph(&once, &VmapOptions::new(axis, [None], [Some(0)])).expect("the outer axis");
    let key = Key::new(3);
    let executable = choral::runtime::Executable::compile(&twice, Device::Cpu).expect("nothing left to bind");
    let keys = executable.run(&[key.into()]).expect("two keys").remove(0);
    assert!(keys.bit_eq(&vec![key.fold_in(0), key.fold_in(1)].into()));
    let unknown = Graph::parse(&text.replace("same", "random")).expect_err("no such mode").to_string();
    assert!(unknown.contains("expected error, same or different as randomness, got random"), "{unknown}");
}

/// The axis is bound in regions too.
#[test]
fn in_a_loop() {
    let text = "
        func.func @main(%x: tensor<f32>) -> tensor<f32> {
          %zero = stablehlo.constant dense<0> : tensor<i32>
          %r:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<f32>
           cond {
            %n = stablehlo.constant dense<3> : tensor<i32>
            %more = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
            stablehlo.return %more : tensor<i1>
          } do {
            %one = stablehlo.constant dense<1> : tensor<i32>
            %next = stablehlo.add %i, %one : tensor<i32>
            %sum = choral.psum %y, axes = [\"members\"] : tensor<f32>
            stablehlo.return %next, %sum : tensor<i32>, tensor<f32>
          }
          return %r#1 : tensor<f32>
        }";
    let graph = bind(text, "members").expect("a graph");
    let x = Tensor::from([1.0f32, 2.0, 3.0, 4.0]);
    let result = choral::runtime::evaluate(&graph, &[x]).expect("a run");
    // The sum of all, then four times that, twice.
    check(&result[0], &[160.0; MEMBERS]);
}

/// In a branch that each member takes for itself, all give their own, whether it holds a loop or not.
#[test]
fn in_a_branch() {
    let plain = |x: Var| cond(&x.gt(2.0), |x: Var| x.psum("members"), |x| x, x);
    let looping = |x: Var| {
        let summed = |x: Var| fori_loop(0, x.to(DType::I32), |_, x: Var| x + 1.0, x).psum("members");
        cond(&x.gt(2.0), summed, |x| x, x)
    };
    let x = Tensor::from([1.0f32, 2.0, 3.0, 4.0]);
    check(&vmap(plain, 0).call(&x).expect("a run"), &[1.0, 2.0, 10.0, 10.0]);
    check(&vmap(looping, 0).call(&x).expect("a run"), &[1.0, 2.0, 20.0, 20.0]);
}

/// The op behind draws, handed the number of the member that asks.
#[test]
fn member_keys_by_number() {
    let text = "
        func.func @main(%key: tensor<3x2xui32>, %number: tensor<3xi32>) -> tensor<3x2xui32> {
          %keys = choral.member_key %key, %number, axis = \"members\", level = 0, randomness = \"different\" : (tensor<3x2xui32>, tensor<3xi32>) -> tensor<3x2xui32>
          return %keys : tensor<3x2xui32>
        }";
    let graph = Graph::parse(text).expect("a program");
    assert_eq!(Graph::parse(&graph.to_text()).expect("its text"), graph);
    let others = VmapOptions::new(Axis::new("others", 2), [None, Some(1)], [Some(0)]);
    let carried = vmap_graph(&graph, &others).expect("carried along");
    assert_snapshot!(carried, @r#"
    func.func public @main(
        %key: tensor<3x2xui32>,
        %number: tensor<3x2xi32> {choral.axes = "others@1"}) -> (tensor<2x3x2xui32> {choral.axes = "others@0"}) {
      %key.broadcast = stablehlo.broadcast_in_dim %key, dims = [1, 2] : (tensor<3x2xui32>) -> tensor<2x3x2xui32>
      %number.transpose = stablehlo.transpose %number, dims = [1, 0] : (tensor<3x2xi32>) -> tensor<2x3xi32>  // others@0
      %keys = choral.member_key %key.broadcast, %number.transpose, axis = "members", level = 0, randomness = "different" : (tensor<2x3x2xui32>, tensor<2x3xi32>) -> tensor<2x3x2xui32>
      return %keys : tensor<2x3x2xui32>
    }
    "#);
    // The keys are mapped by then: each is its member's own.
    let members = VmapOptions::new(Axis::new("members", 4), [None, Some(0)], [Some(0)]);
    let shared = vmap_graph(&carried, &members).expect("bound");
    verify(&shared).expect("a valid graph");
    assert_eq!(Graph::parse(&shared.to_text()).expect("its text"), shared);
    let numbers = Tensor::from_fn([4, 3, 2], |at| at as i32);
    let key = Key::new(3);
    let keys = Tensor::stack(&vec![Tensor::from(key); 3]).expect("keys");
    let executable =
        choral::runtime::Executable::compile(&shared, Device::Cpu).expect("nothing left to bind");
    let keys = executable.run(&[keys, numbers]).expect("keys of all").remove(0);
    // Along members, others and the three: the numbers are members by three by others.
    let expected: Vec<Tensor> =
        (0..24).map(|at| key.fold_in(at / 6 * 6 + at % 3 * 2 + at / 3 % 2).into()).collect();
    let expected = Tensor::stack(&expected).expect("keys");
    assert_eq!(keys.as_slice::<u32>().expect("words"), expected.as_slice::<u32>().expect("words"));
    let wrong = text.replace("tensor<3xi32>", "tensor<2xi32>");
    assert_snapshot!(Graph::parse(&wrong).expect_err("two numbers for three keys"), @r#"
    3:19: choral.member_key: expected member numbers, i32 with the leading dimensions of tensor<3x2xui32>, got tensor<2xi32> (C2)
      operand 0: %key : tensor<3x2xui32>
      operand 1: %number : tensor<2xi32>
      |           %keys = choral.member_key %key, %number, axis = "members", level = 0, randomness = "different" : (tensor<3x2xui32>, tensor<2xi32>) -> tensor<3x2xui32>
      |                   ^
    "#);
}

/// A body of scalars runs on elements, and meets no members.
#[test]
fn in_a_body_of_scalars() {
    let text = "
        func.func @main(%x: tensor<3xf32>) -> tensor<f32> {
          %zero = stablehlo.constant dense<0.0> : tensor<f32>
          %r = stablehlo.reduce(%x init: %zero) across dimensions = [0] : (tensor<3xf32>, tensor<f32>) -> tensor<f32>
           reducer(%a: tensor<f32>, %b: tensor<f32>) {
            %sum = stablehlo.add %a, %b : tensor<f32>
            %of_all = choral.psum %sum, axes = [\"members\"] : tensor<f32>
            stablehlo.return %of_all : tensor<f32>
           }
          return %r : tensor<f32>
        }";
    assert_snapshot!(bind(text, "members").expect_err("no members"), @"
    stablehlo.reduce: its body combines elements, and cannot hold an op along the axis `members`; compute outside it what differs between members (axis)
      operand 0: %x : tensor<4x3xf32>
      operand 1: %zero : tensor<f32>
      at 4:16 of the text
    ");
    assert!(bind(text, "others").is_ok());
}

#[test]
fn faults() {
    let x = stacked();
    let mut messages = Vec::new();
    let nowhere = jit(|x: Var| x.psum("nowhere")).call(&x);
    messages.push(nowhere.expect_err("no axis").to_string());
    let again = vmap(|x: Var| x.pmean(["members", "members"]), 0).call(&x);
    messages.push(again.expect_err("one axis").to_string());
    let misspelled = vmap(|x: Var| x.pmean("member"), 0).call(&x);
    messages.push(misspelled.expect_err("no axis").to_string());
    let far = vmap(|x: Var| x.ppermute("members", &[(0, 9)]), 0).call(&x);
    messages.push(far.expect_err("no member").to_string());
    let twice = vmap(|x: Var| x.ppermute("members", &[(0, 1), (2, 1)]), 0).call(&x);
    messages.push(twice.expect_err("two senders").to_string());
    let uneven = vmap(|x: Var| x.all_to_all("members", 0, 0), 0).call(&x);
    messages.push(uneven.expect_err("three slices").to_string());
    let spaced = vmap(|x: Var| x.psum("a b"), 0).axis_name("a b").call(&x);
    messages.push(spaced.expect_err("no name").to_string());
    let unbound = Graph::parse(
        "func.func @main(%x: tensor<f32>) -> tensor<f32> {
           %y = choral.psum %x, axes = [\"m\"] : tensor<f32>
           return %y : tensor<f32>
         }",
    );
    let unbound = choral::runtime::Executable::compile(&unbound.expect("a program"), Device::Cpu);
    messages.push(unbound.expect_err("no axis").to_string());
    assert_snapshot!(messages.join("\n\n"));
}
