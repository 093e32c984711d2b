//! `out_dims`, values that all members share, and unusual numbers of members.

use std::cell::Cell;

use choral::prelude::*;
use choral::{Error, IntoDims};
use insta::assert_snapshot;

use super::{TestResult, message, numbers};

/// Runs a function of two results with these dims.
fn two_with(out_dims: impl IntoDims) -> Result<(Tensor, Tensor), Error> {
    let two = |x: Var| (x.exp(), x.sum(()));
    vmap(two, 0).out_dims(out_dims).call(&numbers(&[2, 3]))
}

#[test]
fn fewer_out_dims_than_results_are_an_error() {
    assert_snapshot!(message(two_with((0,))), @r#"out_dims has entries ["0"], but none for out_dims.1; give each argument an entry, or one integer (or None) for all"#);
}

#[test]
fn more_out_dims_than_results_are_an_error() {
    assert_snapshot!(message(two_with((0, 0, 0))), @r#"out_dims has an entry .2, but there is no such part; its parts are ["0", "1"]"#);
}

#[test]
fn a_tuple_of_out_dims_for_one_result_is_an_error() {
    let message = message(vmap(|x: Var| x.exp(), 0).out_dims((0, 0)).call(&numbers(&[2, 3])));
    assert_snapshot!(message, @"out_dims has an entry .0, but there is no such part; the value has no parts");
}

#[test]
fn a_name_that_no_result_has_is_an_error() {
    let function = |x: Var| State::from([("mean".to_owned(), x.mean(())), ("var".to_owned(), x.var((), 0))]);
    let out_dims = State::from([("mean".to_owned(), 0), ("variance".to_owned(), 0)]);
    let message = message(vmap(function, 0).out_dims(out_dims).call(&numbers(&[2, 3])));
    assert_snapshot!(message, @r#"out_dims has an entry .variance, but there is no such part; its parts are ["mean", "var"]"#);
}

#[test]
fn a_result_that_differs_between_members_is_not_everyones() {
    assert_snapshot!(message(two_with((0, None))), @"out_dims.1 is None, but this result has a member dimension; give it an integer, or reduce the members inside the function");
    assert_snapshot!(message(two_with(None)), @"
    out_dims.0 is None, but this result has a member dimension; give it an integer, or reduce the members inside the function
    out_dims.1 is None, but this result has a member dimension; give it an integer, or reduce the members inside the function
    ");
}

/// A raw IndexError in torch.func.
#[test]
fn an_out_dim_out_of_range_is_an_error() {
    let faults: Vec<String> =
        [(2, 0), (-3, 0), (0, 1), (0, -2)].into_iter().map(|dims| message(two_with(dims))).collect();
    assert_snapshot!(faults.join("\n"), @"
    out_dims.0 is 2, but the value is tensor<2x3xf32>, so it must lie in -2..2
    out_dims.0 is -3, but the value is tensor<2x3xf32>, so it must lie in -2..2
    out_dims.1 is 1, but the value is tensor<2xf32>, so it must lie in -1..1
    out_dims.1 is -2, but the value is tensor<2xf32>, so it must lie in -1..1
    ");
}

#[test]
fn out_dims_say_where_the_members_lie() -> TestResult {
    let x = numbers(&[4, 2, 3]);
    let shape = |dim: i64| Ok::<_, Error>(vmap(|x: Var| x.exp(), 0).out_dims(dim).call(&x)?.shape().to_vec());
    assert_eq!(shape(1)?, [2, 4, 3]);
    assert_eq!(shape(2)?, [2, 3, 4]);
    assert_eq!(shape(-1)?, [2, 3, 4]);
    assert_eq!(shape(-3)?, [4, 2, 3]);
    // The same numbers, not only the same shape.
    let transposed = vmap(|x: Var| x, 1).out_dims(0).call(&Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]))?;
    assert_eq!(transposed.as_slice::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
    Ok(())
}

#[test]
fn a_shared_result_is_copied_for_each_member_wherever_out_dims_say() -> TestResult {
    let (x, w) = (numbers(&[4, 2]), numbers(&[3]));
    let function = |(x, w): (Var, Var)| (x.exp(), w.exp());
    let one = jit(|w: Var| w.exp()).call(&w)?;
    let (_, copies) = vmap(function, (0, None)).call((&x, &w))?;
    assert_eq!(copies.shape(), [4, 3]);
    for member in 0..4 {
        assert!(copies.index(member)?.bit_eq(&one));
    }
    let (_, columns) = vmap(function, (0, None)).out_dims((0, 1)).call((&x, &w))?;
    assert_eq!(columns.shape(), [3, 4]);
    let (_, shared) = vmap(function, (0, None)).out_dims((0, None)).call((&x, &w))?;
    assert!(shared.bit_eq(&one));
    Ok(())
}

#[test]
fn a_function_that_ignores_its_input_gives_a_copy_for_each_member() -> TestResult {
    let seven = vmap(|x: Var| x.full([2], 7.0), 0);
    let copies = seven.call(&numbers(&[3, 5]))?;
    assert_eq!(copies.shape(), [3, 2]);
    assert_eq!(copies.as_slice::<f32>()?, [7.0; 6]);
    let shared = seven.out_dims(None).call(&numbers(&[3, 5]))?;
    assert_eq!(shared.as_slice::<f32>()?, [7.0; 2]);
    Ok(())
}

/// What is no tensor passes through, as in Equinox.
#[test]
fn a_result_that_is_no_tensor_is_handed_on() -> TestResult {
    let function = |x: Var| (x.exp(), "how it was made".to_owned(), x.rank());
    let (result, note, rank) = vmap(function, 0).call(&numbers(&[4, 3]))?;
    assert_eq!((result.shape(), note.as_str(), rank), (&[4, 3][..], "how it was made", 1));
    Ok(())
}

#[test]
fn what_a_function_does_besides_happens_once_for_all_members() -> TestResult {
    let runs = Cell::new(0);
    let function = |x: Var| {
        runs.set(runs.get() + 1);
        x.exp()
    };
    vmap(function, 0).trace(&numbers(&[5, 3]))?;
    assert_eq!(runs.get(), 1);
    Ok(())
}

/// A convolution, a product, an extreme and a sum, of an input and two weights.
fn several_ops((x, kernel, w): (Var, Var, Var)) -> (Var, Var, Var, Var) {
    let mut conv = Conv1d { weight: kernel, bias: None, stride: [1], padding: [0], dilation: [1], groups: 1 };
    (conv.forward(&x), x.matmul(&w), x.amax(-1), x.sum(()))
}

fn operands(members: usize) -> (Tensor, Tensor, Tensor) {
    (numbers(&[members, 2, 1, 5]), numbers(&[members, 3, 1, 2]), numbers(&[members, 5, 4]))
}

/// torch.func's fallback refuses, and a convolution is a case of its own in JAX.
#[test]
fn no_members_give_results_without_members() -> TestResult {
    let (x, kernel, w) = operands(0);
    let mapped = vmap(several_ops, 0).call((&x, &kernel, &w))?;
    let shapes = [mapped.0.shape(), mapped.1.shape(), mapped.2.shape(), mapped.3.shape()];
    assert_eq!(shapes, [&[0, 2, 3, 4][..], &[0, 2, 1, 4], &[0, 2, 1], &[0]]);
    let shared_weights = vmap(several_ops, (0, None, None)).out_dims(-1);
    let (conv, ..) = shared_weights.call((&x, &numbers(&[3, 1, 2]), &numbers(&[5, 4])))?;
    assert_eq!(conv.shape(), [2, 3, 4, 0]);
    Ok(())
}

#[test]
fn one_member_gives_what_it_gives_alone() -> TestResult {
    let (x, kernel, w) = operands(1);
    let one = vmap(several_ops, 0).call((&x, &kernel, &w))?;
    let alone = jit(several_ops).call((x.index(0)?, kernel.index(0)?, w.index(0)?))?;
    assert!(one.0.index(0)?.bit_eq(&alone.0));
    assert!(one.1.index(0)?.bit_eq(&alone.1));
    assert!(one.2.index(0)?.bit_eq(&alone.2));
    assert!(one.3.index(0)?.bit_eq(&alone.3));
    Ok(())
}

/// Numbers in the program take the type of what they meet, whatever is mapped.
#[test]
fn element_types_are_those_of_one_member() -> TestResult {
    let function = |(x, y): (Var, Var)| (&x + 1.0, &x * 2.0 + &y, x.sum(()), x.amax(0), x.gt(0.0));
    for dtype in [DType::F16, DType::Bf16, DType::F64, DType::I8, DType::Ui32] {
        let x = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]).to_dtype(dtype);
        let alone = jit(function).trace((&x, &x.index(0)?))?.graph.output_types();
        let mapped = vmap(function, (None, 0)).axis_size(2).trace((&x, &x))?.graph.output_types();
        let dtypes = |types: Vec<TensorType>| types.into_iter().map(|ty| ty.dtype).collect::<Vec<_>>();
        assert_eq!(dtypes(mapped), dtypes(alone));
    }
    Ok(())
}
