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

/// What all members share stays outside of the loop over chunks.
#[test]
fn shared_values_are_computed_once() -> Result<(), choral::Error> {
    let traced = vmap(shared_square, (0, None)).chunk_size(4).trace(types(10))?;
    assert_snapshot!(traced.graph);
    Ok(())
}

#[test]
fn memory_is_bounded() -> Result<(), choral::Error> {
    // Each member needs a matrix of 64 by 64 on the way.
    let outer = |x: Var| (x.unsqueeze(0) * x.unsqueeze(1)).sin().sum(());
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
