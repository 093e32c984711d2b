//! Parsing and verifying StableHLO text: the time is linear in the number of ops.
//!
//! `cargo bench --bench parse` prints, for programs of growing size, the time and the ops per second,
//! which stay the same where the time is linear.

use std::fmt::Write;
use std::hint::black_box;

use choral::Graph;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// The text of a program of so many ops.
type Generator = fn(usize) -> String;

/// Numbers of ops.
const SIZES: [usize; 4] = [1_250, 2_500, 5_000, 10_000];

/// Ops of a function that is called once.
const FUNCTION: usize = 10;

/// Ops of a loop, those of its regions included.
const LOOP: usize = 6;

/// One function of elementwise ops, products and transposes.
fn straight(ops: usize) -> String {
    let mut text = header("main", "public");
    body(&mut text, ops);
    text
}

/// As many ops in functions of ten, each called once.
fn calls(ops: usize) -> String {
    let mut text = header("main", "public");
    let count = ops / FUNCTION;
    for index in 0..count {
        let before = value(index);
        let _ = writeln!(
            text,
            "  %{index} = call @part{index}(%{before}) : (tensor<8x8xf32>) -> tensor<8x8xf32>"
        );
    }
    close(&mut text, count);
    for index in 0..count {
        text += &header(&format!("part{index}"), "private");
        body(&mut text, FUNCTION);
    }
    text
}

/// Loops that read values around them, with reductions inside whose regions are written out.
fn regions(ops: usize) -> String {
    let mut text = header("main", "public");
    text += "  %zero = stablehlo.constant dense<0.0> : tensor<f32>\n";
    let count = ops / LOOP;
    for index in 0..count {
        let before = value(index);
        let _ = writeln!(
            text,
            r#"  %{index} = stablehlo.while(%x = %{before}) : tensor<8x8xf32>
   cond {{
    %again = stablehlo.constant dense<false> : tensor<i1>
    stablehlo.return %again : tensor<i1>
  }} do {{
    %shifted = stablehlo.add %x, %arg0 : tensor<8x8xf32>
    %sum = "stablehlo.reduce"(%shifted, %zero) <{{dimensions = array<i64: 1>}}> ({{
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %c = stablehlo.add %a, %b : tensor<f32>
      stablehlo.return %c : tensor<f32>
    }}) : (tensor<8x8xf32>, tensor<f32>) -> tensor<8xf32>
    %next = stablehlo.broadcast_in_dim %sum, dims = [0] : (tensor<8xf32>) -> tensor<8x8xf32>
    stablehlo.return %next : tensor<8x8xf32>
  }}"#
        );
    }
    close(&mut text, count);
    text
}

fn header(name: &str, visibility: &str) -> String {
    format!("func.func {visibility} @{name}(%arg0: tensor<8x8xf32>) -> tensor<8x8xf32> {{\n")
}

/// Name of the value before the op at `index`.
fn value(index: usize) -> String {
    index.checked_sub(1).map_or_else(|| "arg0".to_owned(), |before| before.to_string())
}

fn body(text: &mut String, ops: usize) {
    for index in 0..ops {
        let operand = value(index);
        let line = match index % 4 {
            0 => format!("stablehlo.tanh %{operand} : tensor<8x8xf32>"),
            1 => format!("stablehlo.add %{operand}, %arg0 : tensor<8x8xf32>"),
            2 => format!(
                "stablehlo.dot_general %{operand}, %arg0, contracting_dims = [1] x [0] : \
                 (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>"
            ),
            _ => format!(
                "stablehlo.transpose %{operand}, dims = [1, 0] : (tensor<8x8xf32>) -> tensor<8x8xf32>"
            ),
        };
        let _ = writeln!(text, "  %{index} = {line}");
    }
    close(text, ops);
}

fn close(text: &mut String, ops: usize) {
    let _ = writeln!(text, "  return %{} : tensor<8x8xf32>\n}}", value(ops));
}

fn parse(criterion: &mut Criterion) {
    let programs: [(&str, Generator); 3] = [("straight", straight), ("calls", calls), ("regions", regions)];
    for (name, program) in programs {
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
