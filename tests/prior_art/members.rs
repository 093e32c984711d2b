//! What members have of their own, and where other systems let one meet another's; axes by name.

use choral::prelude::*;
use choral::transform::{Axis, VmapOptions, vmap_graph};
use choral::{Graph, runtime};
use insta::assert_snapshot;

use crate::{TestResult, message, numbers};

/// Maps a program over these of its inputs and runs it.
fn run_mapped(graph: &Graph, in_dims: &[Option<usize>], inputs: &[Tensor], members: usize) -> Vec<Tensor> {
    let out_dims = vec![Some(0); graph.outputs().len()];
    let batching = VmapOptions::new(Axis::new("members", members), in_dims, out_dims);
    let mapped = vmap_graph(graph, &batching).expect("a mapped program");
    runtime::evaluate(&mapped, inputs).expect("a run")
}

/// JAX draws for all members from the first one's key (its `rbg` generator).
#[test]
fn random_bits_are_not_the_first_keys_for_all() {
    let program = Graph::parse(
        "func.func @main(%state: tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui32>) {
           %next, %bits = stablehlo.rng_bit_generator %state, algorithm = PHILOX : (tensor<2xui64>) -> (tensor<2xui64>, tensor<3xui32>)
           return %next, %bits : tensor<2xui64>, tensor<3xui32>
         }",
    )
    .expect("a program");
    let states = Tensor::from([[1u64, 2], [3, 4], [1, 2]]);
    let together = run_mapped(&program, &[Some(0)], std::slice::from_ref(&states), 3);
    for member in 0..3 {
        let alone = runtime::evaluate(&program, &[states.index(member).expect("a state")]).expect("a run");
        for (together, alone) in together.iter().zip(&alone) {
            assert!(together.index(member).expect("a member").bit_eq(alone));
        }
    }
    let bits = |member| together[1].index(member).expect("a member");
    assert!(bits(0).bit_eq(&bits(2)) && !bits(0).bit_eq(&bits(1)));
}

#[test]
fn each_member_draws_from_its_own_key() -> TestResult {
    let keys: [Key; 3] = Key::new(5).split();
    let drop = |(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5));
    let x = Tensor::full([32], 1.0f32);
    let together = vmap(drop, (None, 0)).call((&x, &Tensor::stack(&keys.map(Tensor::from))?))?;
    for (member, key) in keys.into_iter().enumerate() {
        assert!(together.index(member)?.bit_eq(&jit(drop).call((&x, &Tensor::from(key)))?));
    }
    assert!(!together.index(0)?.bit_eq(&together.index(1)?));
    Ok(())
}

/// Tables of members as one flat table would let an index walk into the next member's rows.
#[test]
fn an_index_out_of_bounds_meets_no_other_members_rows() -> TestResult {
    let tables = numbers(&[3, 4, 2]);
    let indices = Tensor::from([[0i64, 4, 100], [3, -1, 7], [-100, 2, 5]]);
    let look_up = |(table, indices): (Var, Var)| table.take_rows(&indices);
    let alone = |member: usize, indices: Tensor| jit(look_up).call((&tables.index(member)?, &indices));
    let together = vmap(look_up, 0).call((&tables, &indices))?;
    let with_one_row_of_indices = vmap(look_up, (0, None)).call((&tables, &indices.index(0)?))?;
    for member in 0..3 {
        assert!(together.index(member)?.bit_eq(&alone(member, indices.index(member)?)?));
        assert!(with_one_row_of_indices.index(member)?.bit_eq(&alone(member, indices.index(0)?)?));
    }
    Ok(())
}

/// The groups of a kernel and the members are two things, though both keep channels apart.
#[test]
fn grouped_convolutions_have_kernels_of_each_members_own() -> TestResult {
    let conv = |(x, weight): (Var, Var)| {
        Conv1d { weight, bias: None, stride: [1], padding: [1], dilation: [1], groups: 2 }.forward(&x)
    };
    let (x, kernels) = (numbers(&[3, 2, 4, 6]), numbers(&[3, 6, 2, 3]));
    let both = vmap(conv, 0).call((&x, &kernels))?;
    let shared_input = vmap(conv, (None, 0)).call((&x.index(0)?, &kernels))?;
    let close = |got: Tensor, expected: Tensor| {
        assert_eq!(got.shape(), expected.shape());
        let pairs = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
        assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() < 1e-5));
    };
    for member in 0..3 {
        let kernel = kernels.index(member)?;
        close(both.index(member)?, jit(conv).call((&x.index(member)?, &kernel))?);
        close(shared_input.index(member)?, jit(conv).call((&x.index(0)?, &kernel))?);
    }
    Ok(())
}

/// Not implemented in JAX.
#[test]
fn a_reduction_starts_from_each_members_own_value() {
    let program = |op: &str| {
        let text = format!(
            "func.func @main(%x: tensor<2x3xf32>, %start: tensor<f32>) -> tensor<2xf32> {{
               %y = stablehlo.reduce(%x init: %start) applies stablehlo.{op} across dimensions = [1] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>
               return %y : tensor<2xf32>
             }}"
        );
        Graph::parse(&text).expect("a program")
    };
    let x = Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let starts = Tensor::from([0.0f32, 10.0]);
    let run = |op| run_mapped(&program(op), &[None, Some(0)], &[x.clone(), starts.clone()], 2).remove(0);
    assert_eq!(run("add").as_slice::<f32>().expect("floats"), [6.0, 15.0, 16.0, 25.0]);
    assert_eq!(run("maximum").as_slice::<f32>().expect("floats"), [3.0, 6.0, 10.0, 10.0]);
}

/// Not implemented in JAX either.
#[test]
fn windows_start_from_each_members_own_value() {
    let program = Graph::parse(
        "func.func @main(%x: tensor<4xf32>, %start: tensor<f32>) -> tensor<2xf32> {
           %y = \"stablehlo.reduce_window\"(%x, %start) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
           ^bb0(%lhs: tensor<f32>, %rhs: tensor<f32>):
             %sum = stablehlo.add %lhs, %rhs : tensor<f32>
             stablehlo.return %sum : tensor<f32>
           }) : (tensor<4xf32>, tensor<f32>) -> tensor<2xf32>
           return %y : tensor<2xf32>
         }",
    )
    .expect("a program");
    let (x, starts) = (Tensor::from([1.0f32, 2.0, 3.0, 4.0]), Tensor::from([0.0f32, 10.0]));
    let sums = run_mapped(&program, &[None, Some(0)], &[x, starts], 2).remove(0);
    assert_eq!(sums.as_slice::<f32>().expect("floats"), [3.0, 7.0, 13.0, 17.0]);
}

/// How often a number can be halved before it is below 1.
fn halvings(x: Var) -> Var {
    let rounds = x.full([], 0.0);
    while_loop(|(x, _)| x.ge(1.0), |(x, rounds)| (x / 2.0, rounds + 1.0), (x, rounds)).1
}

/// Members of one axis taken for those of another would go unnoticed (jax#2960).
#[test]
fn nested_axes_of_one_size_are_told_apart() -> TestResult {
    let x = Tensor::from([[1.0f32, 2.0, 4.0], [8.0, 16.0, 0.5], [3.0, 5.0, 100.0]]);
    let expected = [1.0f32, 2.0, 3.0, 4.0, 5.0, 0.0, 2.0, 3.0, 7.0];
    assert_eq!(vmap(vmap(halvings, 0), 0).call(&x)?.as_slice::<f32>()?, expected);
    let shares = |x: Var| (&x - x.psum("inner"), &x - x.psum("outer"));
    let nested = vmap(vmap(shares, 0).axis_name("inner"), 0).axis_name("outer");
    let (inner, outer) = nested.call(&Tensor::from([[1.0f32, 2.0], [10.0, 20.0]]))?;
    assert_eq!(inner.as_slice::<f32>()?, [-2.0, -1.0, -20.0, -10.0]);
    assert_eq!(outer.as_slice::<f32>()?, [-10.0, -20.0, -1.0, -2.0]);
    Ok(())
}

/// Both operands have the members in one place, and each level at one size.
#[test]
fn in_dims_of_nested_levels_count_what_is_left() -> TestResult {
    let (x, y) = (numbers(&[2, 2, 2]), numbers(&[2, 2, 2]));
    let inner = vmap(|(x, y): (Var, Var)| x.matmul(&y), (1, 0));
    let together = vmap(inner, (0, 2)).on(Device::Reference).call((&x, &y))?;
    let (x, y) = (x.as_slice::<f32>()?.to_vec(), y.as_slice::<f32>()?.to_vec());
    let at = |values: &[f32], i: usize, j: usize, k: usize| values[4 * i + 2 * j + k];
    for (outer, inner) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let dot: f32 = (0..2).map(|k| at(&x, outer, k, inner) * at(&y, inner, k, outer)).sum();
        assert!((together.index(outer)?.as_slice::<f32>()?[inner] - dot).abs() < 1e-6);
    }
    Ok(())
}

#[test]
fn an_axis_that_no_vmap_binds_is_told_with_the_line_and_the_axes_in_scope() {
    let line = line!() + 1;
    let centred = |x: Var| &x - x.pmean("member");
    let nested = vmap(vmap(centred, 0).axis_name("inner"), 0).axis_name("outer");
    let message = message(nested.call(&numbers(&[2, 3])));
    // The line changes with this file.
    let message = message.replace(&format!("{}:{line}:", file!()), "members.rs:(the line):");
    assert_snapshot!(message, @"
    pmean: no vmap binds the axis `member`; axes in scope: outer, inner
      at members.rs:(the line):35
    ");
}

#[test]
fn an_axis_outside_of_any_vmap_is_an_error() {
    let line = line!() + 1;
    let message = message(jit(|x: Var| x.psum("members")).call(&numbers(&[3])));
    let message = message.replace(&format!("{}:{line}:", file!()), "members.rs:(the line):");
    assert_snapshot!(message, @"
    psum: no vmap binds the axis `members`; axes in scope: none
      at members.rs:(the line):42
    ");
}

/// A shape that does not fit inside is told as one member has it, with the line.
#[test]
fn a_fault_inside_is_told_with_the_types_of_one_member() {
    let (x, w) = (numbers(&[5, 4]), numbers(&[2, 3]));
    let line = line!() + 1;
    let message = message(vmap(|(x, w): (Var, Var)| w.matmul(&x), (0, None)).call((&x, &w)));
    let message = message.replace(&format!("{}:{line}:", file!()), "members.rs:(the line):");
    assert_snapshot!(message, @"
    stablehlo.dot_general: contracting dimension 1 of lhs tensor<2x3xf32> has size 3, but dimension 0 of rhs tensor<4xf32> has size 4 (C9)
      operand 0: %arg1 : tensor<2x3xf32>
      operand 1: %arg0 : tensor<4xf32>
      at members.rs:(the line):55
    ");
}

/// What depends on the outer members alone is computed once for each of them, whatever the inner ones.
#[test]
fn the_inner_level_repeats_nothing_of_the_outer() -> TestResult {
    let both = |(x, w): (Var, Var)| x * w.exp();
    let inner = vmap(both, (0, None));
    let text = vmap(inner, (None, 0)).trace((&numbers(&[7, 3]), &numbers(&[5, 3])))?.graph.to_text();
    let exponential = text.lines().find(|line| line.contains("stablehlo.exponential")).expect("the op");
    assert!(exponential.contains("tensor<5x3xf32>"), "{exponential}");
    Ok(())
}

/// What the rule of an op takes as it is, is not repeated: starts, table and matrix are shared here.
#[test]
fn shared_operands_are_not_repeated() -> TestResult {
    let rows = |(table, places): (Var, Var)| table.take_rows(&places);
    let places = Tensor::from([[0, 1], [2, 0], [1, 1]]);
    let product = |(w, x): (Var, Var)| w.matmul(&x);
    let (w, x) = (numbers(&[4, 3]), numbers(&[5, 3]));
    for text in [
        vmap(rows, (None, 0)).trace((&numbers(&[3, 4]), &places))?.graph.to_text(),
        vmap(product, (None, 0)).trace((&w, &x))?.graph.to_text(),
        vmap(product, (0, None)).trace((&numbers(&[5, 4, 3]), &numbers(&[3])))?.graph.to_text(),
    ] {
        assert!(!text.contains("broadcast_in_dim"), "{text}");
    }
    Ok(())
}
