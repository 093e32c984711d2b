//! So many members at a time: the same results, also for no members and for what all share.

use choral::prelude::*;
use insta::assert_snapshot;

use super::{TestResult, message, numbers};

/// A per-member result and a shared one.
fn own_and_shared((x, w): (Var, Var)) -> (Var, Var) {
    (w.matmul(&x).tanh(), w.exp())
}

#[test]
fn chunks_of_no_members_are_an_error() {
    let none = || vmap(|x: Var| x.exp(), 0).chunk_size(0);
    let told = message(none().call(&numbers(&[4, 3])));
    assert_snapshot!(told, @"chunk_size: expected at least one member at a time, got 0");
    assert_eq!(message(none().memory_limit(1 << 20).call(&numbers(&[4, 3]))), told);
}

#[test]
fn no_members_need_no_chunk() -> TestResult {
    let (x, w) = (numbers(&[0, 3]), numbers(&[2, 3]));
    for chunk in [1, 4] {
        let (own, shared) = vmap(own_and_shared, (0, None)).chunk_size(chunk).call((&x, &w))?;
        assert_eq!((own.shape(), shared.shape()), (&[0, 2][..], &[0, 2, 3][..]));
    }
    Ok(())
}

#[test]
fn a_shared_result_comes_out_of_chunks_once() -> TestResult {
    let (x, w) = (numbers(&[5, 3]), numbers(&[2, 3]));
    let whole = vmap(own_and_shared, (0, None)).out_dims((0, None)).on(Device::Reference);
    let (own, shared) = whole.call((&x, &w))?;
    assert_eq!(shared.shape(), [2, 3]);
    for chunk in [1, 2, 5, 9] {
        let chunked = vmap(own_and_shared, (0, None)).out_dims((0, None)).chunk_size(chunk);
        let (own_in_chunks, shared_in_chunks) = chunked.on(Device::Reference).call((&x, &w))?;
        assert!(own_in_chunks.bit_eq(&own) && shared_in_chunks.bit_eq(&shared), "{chunk} at a time");
    }
    Ok(())
}

/// What a loop counts for all members is theirs together, though its other results are not.
#[test]
fn a_shared_result_of_a_loop_comes_out_of_chunks_once() -> TestResult {
    let doubled = |x: Var| {
        let rounds = x.full([], 0.0);
        fori_loop(0, 3, |_, (n, x): (Var, Var)| (n + 1.0, &x + &x), (rounds, x))
    };
    let x = numbers(&[5, 3]);
    let program = || vmap(doubled, 0).out_dims((None, 0)).on(Device::Reference);
    let (rounds, whole) = program().call(&x)?;
    assert_eq!(rounds, Tensor::scalar(3.0f32));
    for chunk in [1, 2, 5, 9] {
        let (rounds_in_chunks, in_chunks) = program().chunk_size(chunk).call(&x)?;
        assert!(rounds_in_chunks.bit_eq(&rounds) && in_chunks.bit_eq(&whole), "{chunk} at a time");
    }
    Ok(())
}

#[test]
fn a_result_that_differs_between_chunks_is_not_everyones() {
    let (x, w) = (numbers(&[5, 3]), numbers(&[2, 3]));
    let chunked = vmap(own_and_shared, (0, None)).out_dims(None).chunk_size(2);
    assert_snapshot!(message(chunked.call((&x, &w))), @"out_dims.0 is None, but this result has a member dimension; give it an integer, or reduce the members inside the function");
}

#[test]
fn chunks_are_put_together_where_out_dims_say() -> TestResult {
    let x = numbers(&[2, 5, 3]);
    for out_dim in [0, 1, 2, -1, -3] {
        let whole = vmap(|x: Var| x.sin(), 1).out_dims(out_dim).call(&x)?;
        for chunk in [1, 2, 3, 5, 8] {
            let chunked = vmap(|x: Var| x.sin(), 1).out_dims(out_dim).chunk_size(chunk).call(&x)?;
            assert!(chunked.bit_eq(&whole), "{chunk} at a time, members at {out_dim}");
        }
    }
    Ok(())
}

#[test]
fn what_a_member_draws_does_not_depend_on_the_chunk() -> TestResult {
    let keys: [Key; 5] = Key::new(1).split();
    let keys = Tensor::stack(&keys.map(Tensor::from))?;
    let drop = |(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5));
    let x = Tensor::full([16], 1.0f32);
    let whole = vmap(drop, (None, 0)).call((&x, &keys))?;
    for chunk in [1, 2, 3] {
        assert!(vmap(drop, (None, 0)).chunk_size(chunk).call((&x, &keys))?.bit_eq(&whole));
    }
    Ok(())
}
