//! `vmap` of `vmap`: which axis an op means, in branches and loops too.

use choral::Error;
use choral::prelude::*;
use insta::assert_snapshot;

type TestResult = Result<(), Error>;

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.as_slice::<f32>().expect("a tensor of f32").to_vec()
}

#[test]
fn a_loop_asks_for_the_numbers_along_both_axes() -> TestResult {
    let numbered = |x: Var| {
        let number = |axis: &str| x.axis_index(axis).to(DType::F32);
        fori_loop(0, 2, |_, sum: Var| sum + number("inner") * 10.0 + number("outer") * 100.0, x.clone())
    };
    let x = Tensor::full([2, 3], 0.0f32);
    for chunk in [1, 2, 3] {
        let inner = vmap(numbered, 0).axis_name("inner").chunk_size(chunk);
        let numbers = vmap(inner, 0).axis_name("outer").call(&x)?;
        assert_eq!(values(&numbers), [0.0, 20.0, 40.0, 200.0, 220.0, 240.0]);
    }
    Ok(())
}

/// Axes of one name are told apart by their level, the innermost first.
#[test]
fn draws_in_a_loop_differ_along_both_axes_of_one_name() -> TestResult {
    let drop = |(x, key): (Var, Var)| fori_loop(0, 1, |_, x: Var| with_key(&key, || x.dropout(0.5)), x);
    let key = Key::new(1);
    let inner = vmap(drop, (0, None)).randomness(Randomness::Different);
    let outer = vmap(inner, (0, None)).randomness(Randomness::Different);
    let masks = outer.call((&Tensor::full([2, 3, 64], 1.0f32), &Tensor::from(key)))?;
    for at in 0..2 {
        for within in 0..3 {
            let key = key.fold_in(within).fold_in(at);
            let alone = jit(drop).call((&Tensor::full([64], 1.0f32), &Tensor::from(key)))?;
            assert!(
                masks.index(at as usize)?.index(within as usize)?.bit_eq(&alone),
                "member {within} of {at}"
            );
        }
    }
    Ok(())
}

/// A sum names the innermost axis of its name.
#[test]
fn a_sum_means_the_innermost_axis_of_its_name() -> TestResult {
    let x = Tensor::from([[1.0f32, 2.0], [10.0, 20.0]]);
    let sums = vmap(vmap(|x: Var| x.psum("members"), 0), 0).call(&x)?;
    assert_eq!(values(&sums), [3.0, 3.0, 30.0, 30.0]);
    Ok(())
}

#[test]
fn the_greatest_of_negative_numbers_is_negative() -> TestResult {
    let greatest = vmap(|x: Var| x.pmax("members"), 0).out_dims(None);
    assert_eq!(greatest.call(&Tensor::from([-3.0f32, -1.0, -2.0]))?.item::<f32>()?, -1.0);
    assert_eq!(greatest.call(&Tensor::from([i32::MIN, -7]))?.item::<i32>()?, -7);
    let least = vmap(|x: Var| x.pmin("members"), 0).out_dims(None);
    assert_eq!(least.call(&Tensor::from([3.0f32, 1.0, 2.0]))?.item::<f32>()?, 1.0);
    assert_eq!(least.call(&Tensor::from([i32::MAX, 7]))?.item::<i32>()?, 7);
    Ok(())
}

/// In a loop and in a branch as outside them.
#[test]
fn members_that_meet_do_not_come_in_chunks() {
    let x = Tensor::from([1.0f32, 2.0, 3.0]);
    let in_a_loop = |x: Var| fori_loop(0, 2, |_, x: Var| x.psum("members"), x);
    let in_a_branch = |x: Var| cond(&x.gt(0.0), |x| x.psum("members"), |x| x, x);
    let told = [
        vmap(in_a_loop, 0).chunk_size(2).call(&x).expect_err("a loop").to_string(),
        vmap(in_a_branch, 0).memory_limit(8).call(&x).expect_err("a branch").to_string(),
    ];
    assert_snapshot!(told.join("\n\n"));
}

/// Members of members from keys in two dimensions.
#[test]
fn an_ensemble_of_ensembles_is_initialised_in_one_program() -> TestResult {
    let keys: Vec<Key> = Key::new(3).split_n(6);
    let rows = Tensor::from(keys.clone()).reshape([2, 3, 2])?;
    let init = |key: Var| Linear::init(4, 2, key);
    let all = vmap(vmap(init, 0), 0).call(&rows)?;
    assert_eq!(all.weight.shape(), [2, 3, 2, 4]);
    for (at, key) in keys.into_iter().enumerate() {
        let alone: Linear<Tensor> = Linear::init(4, 2, key);
        assert!(all.weight.index(at / 3)?.index(at % 3)?.bit_eq(&alone.weight), "member {at}");
    }
    Ok(())
}

/// The value that is asked may be shared: the number is that along the axis anyway.
#[test]
fn the_number_along_an_axis_by_way_of_a_value_from_around_it() -> TestResult {
    let f = |(x, ys): (Var, Var)| {
        let inner =
            |y: Var| y + x.axis_index("inner").to(DType::F32) + x.axis_index("outer").to(DType::F32) * 10.0;
        vmap(inner, 0).axis_name("inner").apply(ys)
    };
    let (x, ys) = (Tensor::from([0.0f32, 0.0]), Tensor::full([3], 100.0f32));
    let numbers = vmap(f, (0, None)).axis_name("outer").call((&x, &ys))?;
    assert_eq!(values(&numbers), [100.0, 101.0, 102.0, 110.0, 111.0, 112.0]);
    Ok(())
}
