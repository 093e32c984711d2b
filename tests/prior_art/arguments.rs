//! `in_dims`: their structure, their range, and how many members they say there are.

use std::collections::BTreeMap;

use choral::prelude::*;
use choral::{Error, IntoDims};
use insta::assert_snapshot;

use super::{TestResult, add, add_with, linears, message, numbers};

/// Runs a linear layer that is itself an argument.
fn layer_with(in_dims: impl IntoDims) -> Result<Tensor, Error> {
    let forward = |(mut layer, x): (Linear<Var>, Var)| layer.forward(&x);
    let mut layer = Linear::init(3, 2, Key::new(0));
    layer.weight = numbers(&[5, 2, 3]);
    vmap(forward, in_dims).call((&layer, &numbers(&[4, 3])))
}

fn by_name<const N: usize>(entries: [(&str, Option<i64>); N]) -> BTreeMap<String, Option<i64>> {
    entries.map(|(name, dim)| (name.to_owned(), dim)).into()
}

#[test]
fn fewer_in_dims_than_arguments_are_an_error() {
    let message = message(add_with((0,), &numbers(&[2, 3]), &numbers(&[2, 3])));
    assert_snapshot!(message, @r#"in_dims has entries ["0"], but none for in_dims.1; give each argument an entry, or one integer (or None) for all"#);
}

#[test]
fn more_in_dims_than_arguments_are_an_error() {
    let message = message(add_with((0, 0, None::<i64>), &numbers(&[2, 3]), &numbers(&[2, 3])));
    assert_snapshot!(message, @r#"in_dims has an entry .2, but there is no such part; its parts are ["0", "1"]"#);
}

#[test]
fn in_dims_that_go_deeper_than_the_arguments_are_an_error() {
    let message = message(add_with((0, (0, 0)), &numbers(&[2, 3]), &numbers(&[2, 3])));
    assert_snapshot!(message, @"in_dims has an entry .1.0, but there is no such part; the value has no parts");
}

#[test]
fn a_tuple_of_in_dims_for_a_tensor_by_itself_is_an_error() {
    let message = message(vmap(|x: Var| x.exp(), (0,)).call(&numbers(&[2, 3])));
    assert_snapshot!(message, @"in_dims has an entry .0, but there is no such part; the value has no parts");
}

#[test]
fn a_name_that_in_dims_misspell_is_an_error() {
    let message = message(layer_with((by_name([("wieght", Some(0)), ("bias", None)]), None::<i64>)));
    assert_snapshot!(message, @r#"in_dims has an entry .0.wieght, but there is no such part; its parts are ["weight", "bias"]"#);
}

#[test]
fn a_name_that_in_dims_leave_out_is_an_error() {
    let message = message(layer_with((by_name([("weight", Some(0))]), None::<i64>)));
    assert_snapshot!(message, @r#"in_dims has entries ["weight"], but none for in_dims.0.bias; give each argument an entry, or one integer (or None) for all"#);
}

/// Some fields mapped and some shared, by name; a shorter structure speaks for all below it.
#[test]
fn in_dims_are_a_prefix_of_the_arguments() -> TestResult {
    let some = layer_with((by_name([("weight", Some(0)), ("bias", None)]), None::<i64>))?;
    assert_eq!(some.shape(), [5, 4, 2]);
    let (fmodel, params, buffers) = combine_state_for_ensemble(&linears())?;
    let x = numbers(&[5, 4, 3]);
    assert_eq!(vmap(fmodel.clone(), 0).call((&params, &buffers, &x))?.shape(), [5, 4, 2]);
    assert_eq!(vmap(fmodel, (0, None, 0)).call((&params, &buffers, &x))?.shape(), [5, 4, 2]);
    Ok(())
}

/// JAX takes a list at the top for a tuple, torch.func refuses it.
#[test]
fn in_dims_may_be_a_tuple_a_list_or_an_array() -> TestResult {
    let (x, y) = (numbers(&[2, 3]), numbers(&[2, 3]));
    let expected = add_with(0, &x, &y)?;
    assert!(add_with((0, 0), &x, &y)?.bit_eq(&expected));
    assert!(add_with(vec![0, 0], &x, &y)?.bit_eq(&expected));
    assert!(add_with([Some(0), Some(0)], &x, &y)?.bit_eq(&expected));
    Ok(())
}

/// torch.func stops at a number among the arguments unless its entry is `None`.
#[test]
fn a_number_among_the_arguments_is_every_members() -> TestResult {
    let scaled = |(x, factor): (Var, f64)| x * factor;
    let x = Tensor::from([1.0f32, 2.0]);
    assert_eq!(vmap(scaled, 0).call((&x, 3.0))?.as_slice::<f32>()?, [3.0, 6.0]);
    assert_eq!(vmap(scaled, (0, None)).call((&x, 3.0))?.as_slice::<f32>()?, [3.0, 6.0]);
    Ok(())
}

/// All that is wrong is told at once.
#[test]
fn faults_of_all_arguments_are_told_together() {
    let (x, y) = (numbers(&[2, 3]), numbers(&[4]));
    assert_snapshot!(message(add_with((2, 1), &x, &y)), @"
    in_dims.0 is 2, but the value is tensor<2x3xf32>, so it must lie in -2..2
    in_dims.1 is 1, but the value is tensor<4xf32>, so it must lie in -1..1
    ");
    let names = by_name([("wieght", Some(0)), ("bias", None)]);
    assert_snapshot!(message(layer_with((names, None::<i64>))), @r#"in_dims has an entry .0.wieght, but there is no such part; its parts are ["weight", "bias"]"#);
    let pair = |x: Var| (x.exp(), x.sum(()), x);
    let told = message(vmap(pair, 0).out_dims((2, None, 3)).call(&x));
    assert_snapshot!(told, @"
    out_dims.0 is 2, but the value is tensor<2x3xf32>, so it must lie in -2..2
    out_dims.1 is None, but this result has a member dimension; give it an integer, or reduce the members inside the function
    out_dims.2 is 3, but the value is tensor<2x3xf32>, so it must lie in -2..2
    ");
}

/// As in torch.func; what is left out, such as a layer without a bias, may have an entry.
#[test]
fn a_dimension_of_what_is_no_tensor_is_an_error() -> TestResult {
    let scaled = |(x, factor): (Var, f64)| x * factor;
    let x = Tensor::from([1.0f32, 2.0]);
    let told = message(vmap(scaled, (0, 0)).call((&x, 3.0)));
    assert_snapshot!(told, @"in_dims.1 is 0, but the value there is 3.0, not a tensor; use None");
    let both = |x: Var| (x, 7usize);
    let told = message(vmap(both, 0).out_dims((0, 1)).call(&x));
    assert_snapshot!(told, @"out_dims.1 is 1, but the value there is 7, not a tensor; use None");
    let shifted = |(x, by): (Var, Option<Var>)| by.into_iter().fold(x, |x, by| x + by);
    assert!(vmap(shifted, (0, 0)).call((&x, None::<Tensor>))?.bit_eq(&x));
    Ok(())
}

/// Also one that is the rank, and the farthest there are.
#[test]
fn a_dimension_out_of_range_is_an_error() {
    let x = numbers(&[2, 3]);
    let faults: Vec<String> = [2, 3, -3, i64::MIN, i64::MAX]
        .into_iter()
        .map(|dim| message(vmap(|x: Var| x.exp(), dim).call(&x)))
        .collect();
    assert_snapshot!(faults.join("\n"), @"
    in_dims is 2, but the value is tensor<2x3xf32>, so it must lie in -2..2
    in_dims is 3, but the value is tensor<2x3xf32>, so it must lie in -2..2
    in_dims is -3, but the value is tensor<2x3xf32>, so it must lie in -2..2
    in_dims is -9223372036854775808, but the value is tensor<2x3xf32>, so it must lie in -2..2
    in_dims is 9223372036854775807, but the value is tensor<2x3xf32>, so it must lie in -2..2
    ");
}

#[test]
fn a_dimension_of_a_scalar_is_an_error() {
    let (x, scalar) = (numbers(&[2]), Tensor::scalar(1.0f32));
    let faults = [message(add_with((0, 0), &x, &scalar)), message(add_with(-1, &scalar, &scalar))];
    assert_snapshot!(faults.join("\n"), @"
    in_dims.1 is 0, but the value is tensor<f32>, which has no dimensions; use None
    in_dims.0 is -1, but the value is tensor<f32>, which has no dimensions; use None
    in_dims.1 is -1, but the value is tensor<f32>, which has no dimensions; use None
    ");
}

#[test]
fn a_dimension_out_of_range_is_told_by_the_path_of_its_tensor() {
    let (fmodel, params, buffers) = combine_state_for_ensemble(&linears()).expect("an ensemble");
    let message = message(vmap(fmodel, (-3, 0, None)).call((&params, &buffers, &numbers(&[4, 3]))));
    assert_snapshot!(message, @r#"in_dims.0["bias"] is -3, but the value is tensor<5x2xf32>, so it must lie in -2..2"#);
}

#[test]
fn dimensions_count_from_the_end_if_they_are_negative() -> TestResult {
    let x = numbers(&[2, 3, 4]);
    let flat = |x: Var| x.reshape([-1]);
    for (dim, counted) in [(-1, 2), (-2, 1), (-3, 0)] {
        assert!(vmap(flat, dim).call(&x)?.bit_eq(&vmap(flat, counted).call(&x)?));
    }
    assert_eq!(vmap(flat, -1).call(&x)?.shape(), [4, 6]);
    Ok(())
}

#[test]
fn nothing_mapped_is_an_error() {
    let x = numbers(&[2, 3]);
    let faults = [message(add_with(None, &x, &x)), message(add_with((None, None), &x, &x))];
    assert_snapshot!(faults.join("\n"), @"
    no argument is mapped, so the number of members is unknown; map an argument, or set .axis_size(n)
    no argument is mapped, so the number of members is unknown; map an argument, or set .axis_size(n)
    ");
}

#[test]
fn a_function_without_arguments_is_an_error() {
    assert_snapshot!(message(vmap(|(): ()| (), 0).call(())), @"no argument is mapped, so the number of members is unknown; map an argument, or set .axis_size(n)");
}

#[test]
fn a_function_without_arguments_may_use_values_from_around_it() -> TestResult {
    let copies = |x: Var| vmap(move |(): ()| x.exp(), None).axis_size(2).apply(());
    let copies = jit(copies).call(&Tensor::from([0.0f32]))?;
    assert_eq!((copies.shape(), copies.as_slice::<f32>()?), (&[2, 1][..], &[1.0, 1.0][..]));
    Ok(())
}

/// As in JAX, not as in torch.func: `axis_size` says how many members there are.
#[test]
fn axis_size_is_enough_when_nothing_is_mapped() -> TestResult {
    let x = numbers(&[3]);
    let copies = vmap(|x: Var| x.exp(), None).axis_size(4).call(&x)?;
    let one = jit(|x: Var| x.exp()).call(&x)?;
    assert_eq!(copies.shape(), [4, 3]);
    for member in 0..4 {
        assert!(copies.index(member)?.bit_eq(&one));
    }
    Ok(())
}

/// Every argument by its path and with its shape, the size that most have first. torch.func lists
/// sizes alone.
#[test]
fn sizes_that_differ_are_grouped_with_the_majority_first() {
    let (_, params, _) = combine_state_for_ensemble(&linears()).expect("an ensemble");
    let sum = |(params, x, y, z): (State<Var>, Var, Var, [Var; 2])| {
        params["weight"].sum(())
            + params["bias"].sum(())
            + x.sum(())
            + y.sum(())
            + z[0].sum(())
            + z[1].sum(())
    };
    let in_dims = (0, -1, 0, [Some(1), None]);
    let args = (&params, numbers(&[4, 2]), numbers(&[5]), [numbers(&[7, 2]), numbers(&[9])]);
    let message = message(vmap(sum, in_dims).axis_size(3).call(args));
    assert_snapshot!(message, @r#"
    arguments disagree about the number of members:
      size 5: dimension 0 of args.0["weight"] tensor<5x2x3xf32>, dimension 0 of args.0["bias"] tensor<5x2xf32>, dimension 0 of args.2 tensor<5xf32>
      size 2: dimension 1 of args.1 tensor<4x2xf32>, dimension 1 of args.3.0 tensor<7x2xf32>
      size 3: axis_size
    "#);
}

#[test]
fn an_axis_size_that_no_argument_has_is_an_error() {
    let x = numbers(&[5, 3]);
    let message = message(vmap(add, (0, 1)).axis_size(4).call((&x, &numbers(&[3, 5]))));
    assert_snapshot!(message, @"
    arguments disagree about the number of members:
      size 5: dimension 0 of args.0 tensor<5x3xf32>, dimension 1 of args.1 tensor<3x5xf32>
      size 4: axis_size
    ");
}
