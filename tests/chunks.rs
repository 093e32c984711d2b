//! `vmap` in chunks: what is computed where, how memory is bounded, and what is refused.

use choral::prelude::*;
use choral::runtime::Executable;
use insta::assert_snapshot;

/// A shared matrix is squared once; each member meets the square.
fn shared_square((x, w): (Var, Var)) -> Var {
    let square = w.matmul(&w);
    square.matmul(&x).tanh()
}

fn types(members: usize) -> (TensorType, TensorType) {
    (TensorType::new([members, 8], DType::F32), TensorType::new([8, 8], DType::F32))
}

/// What all members share stays outside the loop over chunks.
#[test]
fn shared_values_are_computed_once() -> Result<(), choral::Error> {
    let traced = vmap(shared_square, (0, None)).chunk_size(4).trace(types(10))?;
    assert_snapshot!(traced.graph);
    Ok(())
}

#[test]
fn memory_is_bounded() -> Result<(), choral::Error> {
    // Each member needs matrices of 64 by 64 on the way.
    let outer = |x: Var| {
        let matrix = (x.unsqueeze(0) * x.unsqueeze(1)).sin();
        matrix.matmul(&matrix).sum(())
    };
    let ty = TensorType::new([256, 64], DType::F32);
    let peak = |limit: Option<u64>| -> Result<usize, choral::Error> {
        let program = vmap(outer, 0);
        let program = limit.into_iter().fold(program, |program, limit| program.memory_limit(limit));
        let traced = program.trace(ty.clone())?;
        Ok(Executable::compile(&traced.graph, Device::Cpu)?.peak_bytes())
    };
    let (whole, bounded) = (peak(None)?, peak(Some(1 << 20))?);
    assert!(whole > 4 << 20, "{whole} bytes at once");
    assert!(bounded <= 1 << 20, "{bounded} bytes in chunks");
    let x = Tensor::randn([256, 64], Key::new(0));
    assert!(vmap(outer, 0).memory_limit(1 << 20).call(&x)?.bit_eq(&vmap(outer, 0).call(&x)?));
    Ok(())
}

/// One more member at a time would be too much.
#[test]
fn a_memory_limit_takes_the_largest_chunk_that_fits() -> Result<(), choral::Error> {
    let outer = |x: Var| {
        let matrix = (x.unsqueeze(0) * x.unsqueeze(1)).sin();
        matrix.matmul(&matrix).sum(())
    };
    let ty = TensorType::new([256, 16], DType::F32);
    let bytes_of = |chunk: usize| -> Result<u64, choral::Error> {
        let traced = vmap(outer, 0).chunk_size(chunk).trace(ty.clone())?;
        Ok(choral::compile(&traced.graph, Device::Cpu)?.peak_bytes() as u64)
    };
    for chunk in [1, 3, 100] {
        let told = vmap(outer, 0).memory_limit(bytes_of(chunk)?).explain(ty.clone())?;
        let taken = told.chunk.expect("fewer members than there are");
        assert!(taken >= chunk && bytes_of(taken)? <= bytes_of(chunk)?, "{taken} at a time");
        assert!(bytes_of(taken + 1)? > bytes_of(chunk)?, "{taken} at a time, and one more would fit");
    }
    let all = vmap(outer, 0).memory_limit(bytes_of(256)?).explain(ty)?;
    assert_eq!(all.chunk, None);
    Ok(())
}

/// No members, fewer members than a chunk, and a chunk for each.
#[test]
fn sizes() -> Result<(), choral::Error> {
    for members in [0, 1, 3, 7] {
        let x = Tensor::randn([members, 8], Key::new(members as u64));
        let w = Tensor::randn([8, 8], Key::new(9));
        let whole = vmap(shared_square, (0, None)).on(Device::Reference).call((&x, &w))?;
        for chunk in [1, 3, 100] {
            let chunked = vmap(shared_square, (0, None)).chunk_size(chunk).on(Device::Reference);
            assert!(chunked.call((&x, &w))?.bit_eq(&whole), "{members} members, {chunk} at a time");
        }
    }
    Ok(())
}

/// Checks that members know their numbers and draw the same, in whatever chunks.
#[track_caller]
fn check_chunks<F>(function: F)
where
    F: Function<(Var, Var), Output = Var> + Clone,
{
    let args = (Tensor::randn([5, 3], Key::new(0)), Tensor::from(Key::new(1)));
    let program = || vmap(function.clone(), (0, None)).randomness(Randomness::Different);
    for device in [Device::Reference, Device::Cpu] {
        let whole = program().on(device).call((&args.0, &args.1)).expect("all at once");
        assert!(!whole.is_empty());
        for chunk in [1, 2, 3, 4] {
            let chunked = program().chunk_size(chunk).on(device).call((&args.0, &args.1)).expect("in chunks");
            assert!(chunked.bit_eq(&whole), "{chunk} at a time on {device:?}: {chunked} for {whole}");
        }
    }
}

fn number(x: &Var) -> Var {
    x.axis_index("members").to(DType::F32)
}

/// In a branch that all members take, and in one that each takes for itself.
#[test]
fn numbers_and_draws_in_branches() {
    check_chunks(|(x, key): (Var, Var)| {
        let flipped = key.sum(()).gt(0.0);
        cond(&flipped, |x: Var| with_key(&key, || x.dropout(0.5)) + number(&x), |x| x, x)
    });
    check_chunks(|(x, key): (Var, Var)| {
        let index = x.sum(()).gt(0.0).to(DType::I32);
        let (scaled, dropped) = (|x: Var| &x * number(&x), |x: Var| with_key(&key, || x.dropout(0.5)));
        switch(&index, [&scaled, &dropped], x)
    });
}

/// In loops of a shared and of a per-member number of rounds, and along slices.
#[test]
fn numbers_and_draws_in_loops() {
    let step = |key: &Var, i: Var, x: Var| with_key(&random::fold_in(key, i), || (x + 1.0).dropout(0.5));
    check_chunks(move |(x, key): (Var, Var)| fori_loop(0, 3, |i, x: Var| step(&key, i, x), x));
    check_chunks(|(x, _): (Var, Var)| {
        let rounds = x.axis_index("members");
        fori_loop(0, rounds, |_, x: Var| &x * 2.0 + number(&x), x)
    });
    check_chunks(move |(x, key): (Var, Var)| {
        let counted = x.constant(&Tensor::from_fn([3], |at| at as i32));
        let (last, sums) = scan(
            |sum: Var, i: Var| {
                let sum = step(&key, i, sum);
                (sum.clone(), sum + number(&x))
            },
            x.clone(),
            counted,
        );
        sums + last
    });
}

/// A branch in a loop in a branch hands the number through.
#[test]
fn numbers_in_nested_regions() {
    let nested = |(x, key): (Var, Var)| {
        let inner = |x: Var| cond(&number(&x).gt(1.0), |x: Var| with_key(&key, || x.dropout(0.5)), |x| -x, x);
        let outer = |x: Var| fori_loop(0, x.axis_index("members"), |_, x| inner(x), x);
        cond(&x.sum(()).gt(0.0), outer, |x| x, x)
    };
    check_chunks(nested);
    let types = (TensorType::new([5, 3], DType::F32), TensorType::new([2], DType::Ui32));
    let program = vmap(nested, (0, None)).randomness(Randomness::Different).chunk_size(2);
    assert!(program.explain(types).is_ok());
}

/// What all members share stays so, also where they come in chunks.
#[test]
fn shared_draws_stay_shared() -> Result<(), choral::Error> {
    let noise = |(x, key): (Var, Var)| (with_key(&key, || key.to(DType::F32).dropout(0.5)), x);
    let args = (Tensor::randn([4, 3], Key::new(0)), Tensor::from(Key::new(1)));
    let program = || vmap(noise, (0, None)).randomness(Randomness::Same).out_dims((None, 0));
    let (whole, _) = program().call((&args.0, &args.1))?;
    let (chunked, _) = program().chunk_size(3).call((&args.0, &args.1))?;
    assert!(chunked.bit_eq(&whole) && chunked.shape() == [2]);
    Ok(())
}

#[test]
fn faults() {
    let x = Tensor::randn([4, 3], Key::new(0));
    let double = |x: Var| &x + &x;
    let mut messages = Vec::new();
    messages.push(vmap(double, 0).chunk_size(0).call(&x).expect_err("no members").to_string());
    messages.push(vmap(double, 0).memory_limit(10).call(&x).expect_err("too little").to_string());
    let centred = |x: Var| &x - x.pmean("members");
    messages.push(vmap(centred, 0).chunk_size(2).call(&x).expect_err("all members").to_string());
    assert_snapshot!(messages.join("\n\n"));
}
