//! Collectives: the derivatives of members, and of all members at once.

use choral::prelude::*;
use choral::transform::{Axis, VmapOptions, jvp_graph, vjp_graph, vmap_graph};

use super::{check, draws, member_of, numbers, run};

const MEMBERS: usize = 4;

/// The graph of all members, with the members first everywhere.
fn mapped(graph: &Graph, axis: &str) -> Graph {
    let (inputs, outputs) = (graph.inputs().len(), graph.outputs().len());
    let options = VmapOptions::new(Axis::new(axis, MEMBERS), vec![Some(0); inputs], vec![Some(0); outputs]);
    vmap_graph(graph, &options).expect("a mapped graph")
}

#[track_caller]
fn agree(one: &Graph, other: &Graph) {
    let inputs = draws(&one.input_types(), 11);
    for (one, other) in run(one, &inputs).iter().zip(run(other, &inputs)) {
        let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * (1.0 + x.abs());
        let (one, other) = (numbers(one), numbers(&other));
        assert!(one.iter().zip(other).all(close), "{one:?}, {other:?}");
    }
}

/// Derivatives of what members compute of each other's values are derivatives of all that they compute, whichever is
/// taken first, and these are right.
#[track_caller]
fn check_members(member: impl Fn(Var) -> Var) {
    let graph = member_of(&member, &TensorType::new([MEMBERS, 2], DType::F64), &Axis::new("m", MEMBERS));
    let (vjp, jvp) =
        (vjp_graph(&graph, &[0]).expect("cotangents"), jvp_graph(&graph, &[0]).expect("tangents"));
    let all = mapped(&graph, "m");
    check(&all.to_text());
    agree(&mapped(&vjp, "m"), &vjp_graph(&all, &[0]).expect("cotangents"));
    agree(&mapped(&jvp, "m"), &jvp_graph(&all, &[0]).expect("tangents"));
    let twice = vjp_graph(&vjp, &[0, 1]).expect("second derivatives");
    let all_vjp = vjp_graph(&mapped(&vjp, "m"), &[0, 1]).expect("second derivatives");
    agree(&mapped(&twice, "m"), &all_vjp);
}

#[test]
fn sums_and_extremes() {
    check_members(|x| (x.sin().psum("m") * &x).exp());
    check_members(|x| &x - x.pmean("m"));
    check_members(|x| x.pmax("m") * &x);
    check_members(|x| x.sin().pmin("m") * x);
}

#[test]
fn exchanges() {
    check_members(|x| x.sin().all_gather("m", 1).sum(1) * &x);
    check_members(|x| x.sin().all_gather("m", 0).matmul(&x.transpose(0, 1)));
    check_members(|x| x.sin().all_to_all("m", 0, 1).transpose(0, 1) * x);
}

/// Member 2 neither sends nor receives.
#[test]
fn permutations() {
    check_members(|x| x.sin().ppermute("m", &[(0, 1), (1, 3), (3, 0)]) * x);
}

#[test]
fn numbers_of_members() {
    check_members(|x| x.axis_index("m").to(DType::F64) * x.sin());
}

/// Members that share the greatest value share what comes back, too.
#[test]
fn ties_are_shared() {
    let scalar = TensorType::new([], DType::F64);
    let graph = member_of(&|x: Var| x.pmax("m"), &scalar, &Axis::new("m", MEMBERS));
    let vjp = mapped(&vjp_graph(&graph, &[0]).expect("cotangents"), "m");
    let (x, ones) = (Tensor::from([3.0f64, 1.0, 3.0, 2.0]), Tensor::from([1.0f64; MEMBERS]));
    assert_eq!(numbers(&run(&vjp, &[x, ones])[1]), [2.0, 0.0, 2.0, 0.0]);
}

#[test]
fn in_branches_and_loops() {
    check_members(|x| cond(&x.sum(()).psum("m").gt(0.0), |x| x.sin().psum("m"), |x| x.cos(), &x));
    check_members(|x| {
        let next = |sum: Var, row: Var| ((sum * row.psum("m")).sin(), row.exp());
        let (last, all) = scan(next, x.full([2], 1.0), &x);
        last * all
    });
}

/// Along one of two axes, or both.
#[test]
fn along_two_axes() {
    let inner = Axis::new("b", MEMBERS);
    let f = |x: Var| {
        vmap(|x: Var| x.sin().psum(["a", "b"]) * x.psum("b"), 0).axis_name("b").axis_size(inner.size).apply(x)
    };
    let ty = TensorType::new([MEMBERS, 2], DType::F64);
    let graph = member_of(&f, &ty, &Axis::new("a", MEMBERS));
    let vjp = vjp_graph(&graph, &[0]).expect("cotangents");
    let all = mapped(&graph, "a");
    check(&all.to_text());
    agree(&mapped(&vjp, "a"), &vjp_graph(&all, &[0]).expect("cotangents"));
}
