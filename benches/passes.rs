//! Parsing, mapping and every rewrite of large programs: the time is linear in the number of ops.
//!
//! `cargo bench --bench passes` prints, for each kind of program and each size, the time of all passes
//! one after another, of the optimiser, and of `vmap` over nested loops by their depth.

mod programs;

use std::hint::black_box;

use choral::Graph;
use choral::transform::{Axis, VmapOptions, export, rewrite, vmap_graph};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use programs::{KINDS, SIZES, header};

fn map(graph: &Graph) -> Graph {
    let options = VmapOptions::new(Axis::new("members", 5), [Some(0)], [Some(0)]);
    vmap_graph(graph, &options).expect("a mapped graph")
}

/// From text to text again, mapped and by StableHLO's own ops.
fn all(text: &str) -> String {
    let mapped = map(&Graph::parse(text).expect("a graph"));
    let clean = rewrite::common_subexpressions(&rewrite::dead_code(&mapped).expect("a graph"));
    export(&clean.expect("a graph")).expect("a plain graph").to_text()
}

/// Loops nested this deep.
fn nested_loops(depth: usize) -> String {
    let inside = (0..depth).rev().fold(add(depth), |inside, level| looped(level, &inside));
    format!("{}{inside}  return %y0 : tensor<8x8xf32>\n}}\n", header("main", "public").replace("arg0", "x0"))
}

/// What the innermost loop does.
fn add(level: usize) -> String {
    format!("%y{level} = stablehlo.add %x{level}, %x{level} : tensor<8x8xf32>\n")
}

/// A loop of three rounds that makes `%y0` of `%x0` at level 0, around what makes `%y1` of `%x1`.
fn looped(level: usize, inside: &str) -> String {
    let inner = level + 1;
    format!(
        r#"%zero{level} = stablehlo.constant dense<0> : tensor<i32>
  %y{level}, %n{level} = stablehlo.while(%x{inner} = %x{level}, %i{level} = %zero{level}) : tensor<8x8xf32>, tensor<i32>
   cond {{
    %limit = stablehlo.constant dense<3> : tensor<i32>
    %again = stablehlo.compare LT, %i{level}, %limit : (tensor<i32>, tensor<i32>) -> tensor<i1>
    stablehlo.return %again : tensor<i1>
  }} do {{
    {inside}
    %one = stablehlo.constant dense<1> : tensor<i32>
    %next = stablehlo.add %i{level}, %one : tensor<i32>
    stablehlo.return %y{inner}, %next : tensor<8x8xf32>, tensor<i32>
  }}
"#
    )
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
    let mut group = criterion.benchmark_group("optimise");
    group.sample_size(10);
    for (name, program) in KINDS {
        for ops in SIZES {
            let graph = map(&Graph::parse(&program(ops)).expect("a graph"));
            group.throughput(Throughput::Elements(ops as u64));
            let id = BenchmarkId::new(name, ops);
            let optimised = |graph: &Graph| choral::optimised(graph).expect("a graph");
            group.bench_with_input(id, &graph, |bencher, graph| bencher.iter(|| optimised(black_box(graph))));
        }
    }
    group.finish();
    let mut group = criterion.benchmark_group("nested_loops");
    for depth in [8, 16, 32] {
        let graph = Graph::parse(&nested_loops(depth)).expect("a graph");
        let id = BenchmarkId::from_parameter(depth);
        group.bench_with_input(id, &graph, |bencher, graph| bencher.iter(|| map(black_box(graph))));
    }
}

criterion_group!(benches, passes);
criterion_main!(benches);
