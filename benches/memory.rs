//! Promised memory beside measured memory: what `Executable::peak_bytes` says of ten programs, and how far a
//! process that runs each of them grows.
//!
//! `cargo bench --bench memory` prints a table, and fails where a promise is broken or is more than a twentieth
//! too high. Every program runs in a process of its own, small once and then large, so that what a process takes
//! anyway is there before. Linux alone tells how large a process was.

use std::fs;
use std::process::{Command, ExitCode};

use choral::ir::{Element, with_dtype};
use choral::runtime::Executable;
use choral::{Device, Graph, Tensor, TensorType};

/// The text of a program whose values are this many times as large as the smallest ones.
type Generator = fn(usize) -> String;

const PROGRAMS: [(&str, Generator); 10] = [
    ("wide perceptron", perceptron),
    ("convolutional network", convolutions),
    ("attention", attention),
    ("elementwise chain", chain),
    ("reshapes", reshapes),
    ("embedding", embedding),
    ("sort", sort),
    ("scan", scan),
    ("bf16 product", product_of_halves),
    ("concatenation", concatenation),
];

/// How much larger programs are when they are measured.
const SCALE: usize = 64;

/// A promise is at least what was measured, and at most this many times as much.
const MOST: f64 = 1.05;

fn main() -> ExitCode {
    let named = |name: &String| PROGRAMS.iter().find(|(known, _)| known == name);
    if let Some((_, generate)) = std::env::args().nth(1).as_ref().and_then(named) {
        let (promised, measured) = measure(*generate);
        println!("{promised} {measured}");
        return ExitCode::SUCCESS;
    }
    println!("{:<24}{:>12}{:>12}{:>8}", "program", "promised MB", "measured MB", "ratio");
    let kept = PROGRAMS.map(|(name, _)| {
        let (promised, measured) = in_a_process_of_its_own(name);
        let ratio = promised / measured;
        let kept = (1.0..=MOST).contains(&ratio);
        let mark = if kept { "" } else { "  !" };
        println!("{name:<24}{:>12.1}{:>12.1}{ratio:>8.3}{mark}", promised / 1e6, measured / 1e6);
        kept
    });
    if kept.into_iter().all(|kept| kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn in_a_process_of_its_own(name: &str) -> (f64, f64) {
    let this = std::env::current_exe().expect("this program has a path");
    let output = Command::new(this).arg(name).output().expect("it starts again");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [promised, measured] = numbers[..] else {
        panic!("{name}: {text}{}", String::from_utf8_lossy(&output.stderr))
    };
    (promised, measured)
}

/// Bytes that a program promises to take, and by which the process grows.
fn measure(generate: Generator) -> (usize, usize) {
    run(&generate(1));
    let before = status("VmRSS");
    let (graph, inputs) = prepared(&generate(SCALE));
    let executable = Executable::compile(&graph, Device::Cpu).expect("a program that fits");
    // What was the most so far is forgotten.
    fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let results = executable.run(&inputs).expect("results");
    let measured = status("VmHWM").saturating_sub(before);
    drop(results);
    (executable.peak_bytes(), measured)
}

fn run(text: &str) {
    let (graph, inputs) = prepared(text);
    let executable = Executable::compile(&graph, Device::Cpu).expect("a program that fits");
    executable.run(&inputs).expect("results");
}

fn prepared(text: &str) -> (Graph, Vec<Tensor>) {
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let inputs = graph.input_types().iter().map(numbers).collect();
    (graph, inputs)
}

/// Small numbers in no order, and nothing beside them.
fn numbers(ty: &TensorType) -> Tensor {
    let number = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) % 97;
    with_dtype!(ty.dtype, T => Tensor::from_fn(ty.shape.as_slice(), |at| T::from_f64(number(at) as f64)))
}

/// A line of `/proc/self/status`, in bytes.
fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the line");
    let kilobytes = line.trim_start_matches(':').trim().trim_end_matches("kB").trim();
    kilobytes.parse::<usize>().expect("a number") * 1024
}

/// A function of these arguments and results.
fn function(arguments: &[(&str, &str)], lines: &str, results: &[(&str, &str)]) -> String {
    let listed = |list: &[(&str, &str)], separator: &str| {
        list.iter().map(|(name, ty)| format!("{name}{separator}{ty}")).collect::<Vec<_>>().join(", ")
    };
    let (names, types): (Vec<&str>, Vec<&str>) = results.iter().copied().unzip();
    let (names, types) = (names.join(", "), types.join(", "));
    format!(
        "func.func @main({}) -> ({types}) {{\n{lines}\nreturn {names} : {types}\n}}",
        listed(arguments, ": ")
    )
}

/// Three layers with weights far larger than their inputs.
fn perceptron(scale: usize) -> String {
    let (batch, hidden) = (8 * scale, 512 * scale.isqrt());
    let [x, w, bias] =
        [[batch, hidden], [hidden, hidden], [1, hidden]].map(|[a, b]| format!("tensor<{a}x{b}xf32>"));
    let layer = |input: &str, at: usize| {
        format!(
            "%dot{at} = stablehlo.dot_general {input}, %w{at}, contracting_dims = [1] x [0] : ({x}, {w}) -> {x}
             %b{at} = stablehlo.broadcast_in_dim %bias, dims = [0, 1] : ({bias}) -> {x}
             %sum{at} = stablehlo.add %dot{at}, %b{at} : {x}
             %h{at} = stablehlo.tanh %sum{at} : {x}\n"
        )
    };
    let lines = [layer("%x", 0), layer("%h0", 1), layer("%h1", 2)].concat();
    function(&[("%x", &x), ("%w0", &w), ("%w1", &w), ("%w2", &w), ("%bias", &bias)], &lines, &[("%h2", &x)])
}

/// Two convolutions of images whose channels grow, and pooling.
fn convolutions(scale: usize) -> String {
    let size = 16 * scale.isqrt();
    let image = |channels: usize, size: usize| format!("tensor<8x{channels}x{size}x{size}xf32>");
    let (x, y, z, pooled) = (image(8, size), image(16, size), image(32, size), image(32, size / 2));
    let (first, second) = ("tensor<16x8x3x3xf32>", "tensor<32x16x3x3xf32>");
    let convolution = |result: &str, operands: &str, types: &str| {
        format!(
            "{result} = stablehlo.convolution({operands}) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], \
             window = {{pad = [[1, 1], [1, 1]]}} {{batch_group_count = 1 : i64, feature_group_count = 1 : i64}} : \
             {types}\n"
        )
    };
    let lines = [
        convolution("%y", "%x, %first", &format!("({x}, {first}) -> {y}")),
        format!("%a = stablehlo.tanh %y : {y}\n"),
        convolution("%z", "%a, %second", &format!("({y}, {second}) -> {z}")),
        format!(
            "%zero = stablehlo.constant dense<0.0> : tensor<f32>
             %pooled = \"stablehlo.reduce_window\"(%z, %zero) ({{
             ^bb0(%l: tensor<f32>, %r: tensor<f32>):
               %sum = stablehlo.maximum %l, %r : tensor<f32>
               stablehlo.return %sum : tensor<f32>
             }}) {{window_dimensions = array<i64: 1, 1, 2, 2>, window_strides = array<i64: 1, 1, 2, 2>}}
               : ({z}, tensor<f32>) -> {pooled}"
        ),
    ];
    function(&[("%x", &x), ("%first", first), ("%second", second)], &lines.concat(), &[("%pooled", &pooled)])
}

/// Scores of all pairs of places, their softmax, and the mean of values by it.
fn attention(scale: usize) -> String {
    let length = 128 * scale.isqrt();
    let (x, scores, line) = (
        format!("tensor<8x{length}x64xf32>"),
        format!("tensor<8x{length}x{length}xf32>"),
        format!("tensor<8x{length}xf32>"),
    );
    let lines = format!(
        "%scores = stablehlo.dot_general %q, %k, batching_dims = [0] x [0], contracting_dims = [2] x [2] : ({x}, {x}) -> {scores}
         %least = stablehlo.constant dense<0xFF800000> : tensor<f32>
         %zero = stablehlo.constant dense<0.0> : tensor<f32>
         %most = stablehlo.reduce(%scores init: %least) applies stablehlo.maximum across dimensions = [2] : ({scores}, tensor<f32>) -> {line}
         %most_of = stablehlo.broadcast_in_dim %most, dims = [0, 1] : ({line}) -> {scores}
         %below = stablehlo.subtract %scores, %most_of : {scores}
         %exp = stablehlo.exponential %below : {scores}
         %sum = stablehlo.reduce(%exp init: %zero) applies stablehlo.add across dimensions = [2] : ({scores}, tensor<f32>) -> {line}
         %sum_of = stablehlo.broadcast_in_dim %sum, dims = [0, 1] : ({line}) -> {scores}
         %softmax = stablehlo.divide %exp, %sum_of : {scores}
         %mean = stablehlo.dot_general %softmax, %v, batching_dims = [0] x [0], contracting_dims = [2] x [1] : ({scores}, {x}) -> {x}"
    );
    function(&[("%q", &x), ("%k", &x), ("%v", &x)], &lines, &[("%mean", &x)])
}

/// Ops that write over one buffer, and one that reads an earlier value again.
fn chain(scale: usize) -> String {
    let ty = format!("tensor<{}xf32>", (1 << 18) * scale);
    let lines = format!(
        "%a = stablehlo.tanh %x : {ty}
         %b = stablehlo.sine %a : {ty}
         %c = stablehlo.negate %b : {ty}
         %d = stablehlo.multiply %c, %a : {ty}
         %e = stablehlo.add %d, %x : {ty}"
    );
    function(&[("%x", &ty)], &lines, &[("%e", &ty)])
}

/// Values under other shapes, which are no copies, and one transpose, which is.
fn reshapes(scale: usize) -> String {
    let (rows, columns) = (512 * scale.isqrt(), 512 * scale.isqrt());
    let all = rows * columns;
    let lines = format!(
        "%a = stablehlo.reshape %x : (tensor<{rows}x{columns}xf32>) -> tensor<{all}xf32>
         %b = stablehlo.tanh %a : tensor<{all}xf32>
         %c = stablehlo.reshape %b : (tensor<{all}xf32>) -> tensor<{rows}x1x{columns}xf32>
         %d = stablehlo.reshape %c : (tensor<{rows}x1x{columns}xf32>) -> tensor<{rows}x{columns}xf32>
         %e = stablehlo.transpose %d, dims = [1, 0] : (tensor<{rows}x{columns}xf32>) -> tensor<{columns}x{rows}xf32>
         %f = stablehlo.reshape %e : (tensor<{columns}x{rows}xf32>) -> tensor<{all}xf32>
         %g = stablehlo.negate %f : tensor<{all}xf32>
         %h = stablehlo.reshape %g : (tensor<{all}xf32>) -> tensor<{all}x1xf32>"
    );
    let (x, h) = (format!("tensor<{rows}x{columns}xf32>"), format!("tensor<{all}x1xf32>"));
    function(&[("%x", &x)], &lines, &[("%h", &h)])
}

/// Rows of a table.
fn embedding(scale: usize) -> String {
    let (words, places) = (2000 * scale, 1000 * scale);
    let (table, ids, rows) = (
        format!("tensor<{words}x64xf32>"),
        format!("tensor<{places}x1xi32>"),
        format!("tensor<{places}x64xf32>"),
    );
    let lines = format!(
        "%rows = \"stablehlo.gather\"(%table, %ids) <{{dimension_numbers = #stablehlo.gather<offset_dims = [1], \
         collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 1>, indices_are_sorted = false, \
         slice_sizes = array<i64: 1, 64>}}> : ({table}, {ids}) -> {rows}"
    );
    function(&[("%table", &table), ("%ids", &ids)], &lines, &[("%rows", &rows)])
}

/// One long line in order.
fn sort(scale: usize) -> String {
    let ty = format!("tensor<{}xf32>", 4096 * scale);
    let lines = format!(
        "%y = \"stablehlo.sort\"(%x) <{{dimension = 0 : i64, is_stable = true}}> ({{
         ^bb0(%l: tensor<f32>, %r: tensor<f32>):
           %less = stablehlo.compare LT, %l, %r : (tensor<f32>, tensor<f32>) -> tensor<i1>
           stablehlo.return %less : tensor<i1>
         }}) : ({ty}) -> {ty}"
    );
    function(&[("%x", &ty)], &lines, &[("%y", &ty)])
}

/// A carried value, and an output for every slice.
fn scan(scale: usize) -> String {
    let (steps, width) = (32, 8192 * scale);
    let (xs, x) = (format!("tensor<{steps}x{width}xf32>"), format!("tensor<{width}xf32>"));
    let lines = format!(
        "%ys:2 = chlo.scan(%xs) inits(%start) dimension=0 {{
         ^bb0(%x: {x}, %sum: {x}):
           %next = stablehlo.add %sum, %x : {x}
           %out = stablehlo.tanh %next : {x}
           stablehlo.return %out, %next : {x}, {x}
         }} : ({xs}, {x}) -> ({xs}, {x})"
    );
    function(&[("%xs", &xs), ("%start", &x)], &lines, &[("%ys#0", &xs), ("%ys#1", &x)])
}

/// Halves, which are multiplied as wider floats.
fn product_of_halves(scale: usize) -> String {
    let size = 256 * scale.isqrt();
    let (x, w, y) = (
        format!("tensor<{size}x{size}xbf16>"),
        format!("tensor<{size}x8xbf16>"),
        format!("tensor<{size}x8xbf16>"),
    );
    let lines =
        format!("%y = stablehlo.dot_general %x, %w, contracting_dims = [1] x [0] : ({x}, {w}) -> {y}");
    function(&[("%x", &x), ("%w", &w)], &lines, &[("%y", &y)])
}

/// Sixteen values side by side.
fn concatenation(scale: usize) -> String {
    let (part, whole) =
        (format!("tensor<8x{}xf32>", 2048 * scale), format!("tensor<8x{}xf32>", 16 * 2048 * scale));
    let names: Vec<String> = (0..16).map(|at| format!("%x{at}")).collect();
    let arguments: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), part.as_str())).collect();
    let lines = format!(
        "%y = stablehlo.concatenate {}, dim = 1 : ({}) -> {whole}",
        names.join(", "),
        vec![part.as_str(); 16].join(", ")
    );
    function(&arguments, &lines, &[("%y", &whole)])
}
