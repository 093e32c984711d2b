//! Parsing and verifying StableHLO text: the time is linear in the number of ops.
//!
//! `cargo bench --bench parse` prints, for programs of growing size, the time and the ops per second,
//! which stay the same where the time is linear.

mod programs;

use std::hint::black_box;

use choral::Graph;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use programs::{KINDS, SIZES};

fn parse(criterion: &mut Criterion) {
    for (name, program) in KINDS {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        for ops in SIZES {
            let text = program(ops);
            group.throughput(Throughput::Elements(ops as u64));
            group.bench_with_input(BenchmarkId::from_parameter(ops), &text, |bencher, text| {
                bencher.iter(|| Graph::parse(black_box(text)).expect("a graph"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, parse);
criterion_main!(benches);
