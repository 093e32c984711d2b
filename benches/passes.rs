//! Parsing, mapping and every rewrite of large programs: the time is linear in the number of ops.
//!
//! `cargo bench --bench passes` prints, for each kind of program and each size, the time of all passes
//! one after another, and of `vmap` over nested loops by their depth.

mod programs;

use std::hint::black_box;

use choral::Graph;
use choral::transform::{Axis, Batching, batch_graph, rewrite};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use programs::{KINDS, SIZES, nested_loops};

fn map(graph: &Graph) -> Graph {
    let batching = Batching::new(Axis::new("members", 5), [Some(0)], [Some(0)]);
    batch_graph(graph, &batching).expect("a mapped graph")
}

/// From text to text again, mapped and by StableHLO's own ops.
fn all(text: &str) -> String {
    let mapped = map(&Graph::parse(text).expect("a graph"));
    let clean = rewrite::common_subexpressions(&rewrite::dead_code(&mapped).expect("a graph"));
    rewrite::export(&clean.expect("a graph")).expect("a plain graph").to_text()
}

fn passes(criterion: &mut Criterion) {
    for (name, program) in KINDS {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        for ops in SIZES {
            let text = program(ops);
            group.throughput(Throughput::Elements(ops as u64));
            let id = BenchmarkId::from_parameter(ops);
            group.bench_with_input(id, &text, |bencher, text| bencher.iter(|| all(black_box(text))));
        }
        group.finish();
    }
    let mut group = criterion.benchmark_group("nested_loops");
    for depth in [8, 16, 32] {
        let graph = Graph::parse(&nested_loops(depth)).expect("a graph");
        let id = BenchmarkId::from_parameter(depth);
        group.bench_with_input(id, &graph, |bencher, graph| bencher.iter(|| map(black_box(graph))));
    }
}

criterion_group!(benches, passes);
criterion_main!(benches);
