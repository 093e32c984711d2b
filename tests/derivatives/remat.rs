//! Functions that are computed again on the way back: the same bits, and less that is kept.

use choral::ir::op::{ControlOp, Scan};
use choral::ir::{NodeKind, Op};
use choral::prelude::*;
use choral::transform::rewrite::expand;
use choral::transform::{Axis, VmapOptions, vjp_graph, vmap_graph};

use super::{check, draws, member_of, numbers, run, traced};

fn f64s(shape: impl Into<Vec<usize>>) -> TensorType {
    TensorType::new(shape, DType::F64)
}

fn block(x: Var) -> Var {
    (x.sin() * &x).exp().tanh()
}

fn barriers(graph: &Graph) -> usize {
    graph.to_text().matches("stablehlo.optimization_barrier").count()
}

/// The scans of a graph, with what each returns.
fn scans(graph: &Graph) -> Vec<(Scan, Vec<TensorType>)> {
    let scan = |node: &choral::ir::graph::Node| match &node.kind {
        NodeKind::Op(Op::Control(ControlOp::Scan(op))) => Some((op.clone(), node.types.clone())),
        NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => None,
    };
    graph.nodes().filter_map(|(_, node)| scan(node)).collect()
}

fn vjp(graph: &Graph) -> Graph {
    let all: Vec<usize> = (0..graph.inputs().len()).collect();
    expand(&vjp_graph(graph, &all).expect("cotangents")).expect("a graph")
}

#[track_caller]
fn same_bits(one: &Graph, other: &Graph) {
    let inputs = draws(&one.input_types(), 5);
    for (one, other) in run(one, &inputs).iter().zip(run(other, &inputs)) {
        assert!(one.bit_eq(&other), "{one}, {other}");
    }
}

/// Two blocks: the second one is computed again from what the first gave, behind a barrier.
#[test]
fn the_same_bits_from_less() {
    let kept = traced(&|x: Var| block(block(x)), &f64s([3]));
    let again = traced(&|x: Var| remat(block).apply(remat(block).apply(x)?), &f64s([3]));
    same_bits(&kept, &expand(&again).expect("a graph"));
    same_bits(&vjp(&kept), &vjp(&again));
    assert_eq!((barriers(&vjp(&kept)), barriers(&vjp(&again))), (0, 2));
    // Nothing but the operand of each block crosses its barrier.
    let exponentials = |graph: &Graph| graph.to_text().matches("stablehlo.exponential").count();
    assert_eq!((exponentials(&vjp(&kept)), exponentials(&vjp(&again))), (2, 4));
    check(&expand(&again).expect("a graph").to_text());
    check(&vjp(&again).to_text());
}

/// The optimiser leaves what is computed again where it is.
#[test]
fn optimised_programs_compute_it_again() {
    let again = vjp(&traced(&|x: Var| remat(block).apply(x), &f64s([3])));
    let (optimised, _) = choral::optimised(&again).expect("a program");
    assert_eq!(optimised.to_text().matches("stablehlo.exponential").count(), 2);
    same_bits(&again, &optimised);
}

/// What is captured is read again, too, and gets its cotangent.
#[test]
fn captured_values() {
    let f = |(x, w): (Var, Var)| remat(|x: Var| block(x * &w)).apply(x);
    let plain = |(x, w): (Var, Var)| block(x * w);
    let args = (f64s([3]), f64s([3]));
    same_bits(&vjp(&traced(&plain, &args)), &vjp(&traced(&f, &args)));
}

/// In a loop nothing of the block is stacked but the carry, from which it starts.
#[test]
fn in_a_loop() {
    let f = |is_remat: bool| {
        move |(xs, w): (Var, Var)| {
            let step = |(h, x): (Var, Var)| (block(h * &w) + x).sin();
            let next = |h: Var, x: Var| {
                let h = if is_remat { remat(step).apply((h, x)) } else { Ok(step((h, x))) };
                h.map(|h| (h.clone(), h))
            };
            scan(next, w.full([], 0.5), xs)
        }
    };
    let args = (f64s([9]), f64s([]));
    let (kept, again) = (vjp(&traced(&f(false), &args)), vjp(&traced(&f(true), &args)));
    same_bits(&kept, &again);
    let stacked = |graph: &Graph| scans(graph)[0].0.outputs();
    // The result of each round, and what the round started from.
    assert_eq!(stacked(&again), 2);
    assert!(stacked(&kept) > 4, "{kept}");
}

/// A scan that keeps a few carries: the same values for every length, and cotangents that differ by rounding at most.
#[test]
fn a_scan_that_keeps_a_few_carries() {
    let next = |h: Var, x: Var| {
        let h = block(h) + x;
        (h.clone(), h.cos())
    };
    let kept = |(h, xs): (Var, Var)| scan(next, h, xs);
    let again = |(h, xs): (Var, Var)| scan_remat(next, h, xs);
    for length in [0, 1, 2, 3, 4, 7, 9, 16, 23] {
        let args = (f64s([2]), f64s([length, 2]));
        let (kept, again) = (traced(&kept, &args), traced(&again, &args));
        same_bits(&kept, &expand(&again).expect("a graph"));
        let (kept, again) = (vjp(&kept), vjp(&again));
        let inputs = draws(&kept.input_types(), 5);
        for (kept, again) in run(&kept, &inputs).iter().zip(run(&again, &inputs)) {
            let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * (1.0 + x.abs());
            assert!(numbers(kept).iter().zip(numbers(&again)).all(close), "{kept}, {again} at {length}");
        }
    }
    // Of 100 rounds, ten carries.
    let args = (f64s([2]), f64s([100, 2]));
    let (op, types) = scans(&vjp(&traced(&again, &args))).remove(0);
    let stacked: Vec<&[usize]> = types[..op.outputs()].iter().map(|ty| ty.shape.as_slice()).collect();
    assert_eq!(stacked, [&[10, 10, 2][..], &[10, 2]]);
}

/// Members are computed again together.
#[test]
fn members() {
    let graph =
        traced(&|(x, w): (Var, Var)| remat(|(x, w)| block(x * w)).apply((x, w)), &(f64s([3]), f64s([3])));
    let options = VmapOptions::new(Axis::new("m", 2), [Some(0), None], [Some(0)]);
    let mapped = vmap_graph(&graph, &options).expect("a mapped graph");
    let plain = vmap_graph(&expand(&graph).expect("a graph"), &options).expect("a mapped graph");
    same_bits(&vjp(&plain), &vjp(&mapped));
    assert_eq!(barriers(&vjp(&mapped)), 1);
}

/// Blocks along the axis of the members are as if they were not wrapped once that is bound.
#[test]
fn blocks_along_the_axis() {
    let axis = Axis::new("m", 4);
    let graph = member_of(&|x: Var| remat(|x: Var| block(x.psum("m"))).apply(x), &f64s([2]), &axis);
    let options = VmapOptions::new(axis, [Some(0)], [Some(0)]);
    let mapped = vmap_graph(&graph, &options).expect("a mapped graph");
    assert!(!mapped.to_text().contains("choral.remat"), "{mapped}");
    let first = vmap_graph(
        &vjp_graph(&graph, &[0]).expect("cotangents"),
        &VmapOptions { in_dims: vec![Some(0); 2], out_dims: vec![Some(0); 2], ..options },
    );
    let inputs = draws(&vjp(&mapped).input_types(), 5);
    let (then, first) = (run(&vjp(&mapped), &inputs), run(&first.expect("a mapped graph"), &inputs));
    let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * (1.0 + x.abs());
    assert!(numbers(&then[1]).iter().zip(numbers(&first[1])).all(close), "{then:?}, {first:?}");
}
