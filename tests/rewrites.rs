//! Every rewrite of the optimiser on programs to read: `tests/rewrites/*.mlir` hold what each makes of what,
//! and what it leaves alone because bits would change.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use choral::ir::{Element, with_dtype, with_storage};
use choral::runtime::evaluate;
use choral::transform::rewrite::{Rewrite, dead_code};
use choral::{Device, Graph, Key, Tensor, TensorType};

use crate::ROOT;

/// One program, and what a rewrite makes of it; `None` if it stays.
struct Example {
    rewrite: String,
    before: Graph,
    after: Option<Graph>,
}

fn examples() -> Vec<Example> {
    let mut paths: Vec<_> = fs::read_dir(Path::new(ROOT).join("tests/rewrites"))
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    paths.iter().flat_map(|path| of_file(&fs::read_to_string(path).expect("a text"))).collect()
}

/// Examples begin with a line `// rewrite: NAME` or `// stays: NAME`.
fn of_file(text: &str) -> Vec<Example> {
    let sections = text.split("\n// rewrite: ").flat_map(|part| {
        let mut parts = part.split("\n// stays: ");
        let rewritten = parts.next().map(|text| (text, true));
        rewritten.into_iter().chain(parts.map(|text| (text, false)))
    });
    sections.skip(1).map(|(text, is_rewritten)| example(text, is_rewritten)).collect()
}

fn example(text: &str, is_rewritten: bool) -> Example {
    let (name, functions) = text.split_once('\n').expect("a name");
    let (before, after) = match functions.split_once("func.func @after") {
        Some((before, after)) => (before, Some(format!("func.func @after{after}"))),
        None => (functions, None),
    };
    assert_eq!(after.is_some(), is_rewritten, "{name}: what is rewritten has an @after\n{functions}");
    let parse = |text: &str| Graph::parse(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    Example { rewrite: name.trim().to_owned(), before: parse(before), after: after.as_deref().map(parse) }
}

fn worked_out(graph: &Graph) -> Option<Vec<Tensor>> {
    evaluate(graph, &[]).ok()
}

fn rewrite(name: &str) -> &'static Rewrite {
    Rewrite::all().find(|rewrite| rewrite.name == name).unwrap_or_else(|| panic!("no rewrite {name}"))
}

#[test]
fn every_rewrite_makes_what_its_examples_say() {
    let mut failures = Vec::new();
    for Example { rewrite: name, before, after } in examples() {
        let got = rewrite(&name).apply(&before, Some(worked_out)).expect("a graph");
        let expected = after.unwrap_or_else(|| dead_code(&before).expect("a graph"));
        if got != expected {
            failures.push(format!("{name} makes of\n{before}\n{got}\nand not\n{expected}"));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

/// Values that tell apart what is nearly the same: zeros of both signs, infinities, limits, subnormals.
fn values(ty: &TensorType, seed: u64) -> Tensor {
    const EDGES: [f64; 14] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -2.5,
        3.0,
        1e-40,
        -1e-42,
        1e30,
        -1e30,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    let drawn = Tensor::randn([ty.len()], Key::new(seed)).to_f64_vec();
    let value = |at: usize| match (seed as usize + at * 7) % 3 {
        0 => EDGES[(seed as usize + at) % EDGES.len()],
        _ => drawn[at] * 8.0,
    };
    with_dtype!(ty.dtype, T => Tensor::from_fn(ty.shape.as_slice(), |at| <T as Element>::from_f64(value(at))))
}

/// The bits of all elements; of NaN none, whose sign and payload are free.
fn bits(tensor: &Tensor) -> Vec<Option<u64>> {
    with_storage!(tensor.storage(), values => {
        values.iter().map(|value| (!value.to_f64().is_nan()).then(|| value.to_bits64())).collect()
    })
}

#[test]
fn what_is_rewritten_gives_the_same_bits() {
    for Example { rewrite, before, after } in examples() {
        let Some(after) = after else { continue };
        for seed in 0..40 {
            let types = before.input_types().into_iter().zip(seed..);
            let inputs: Vec<Tensor> = types.map(|(ty, seed)| values(&ty, seed * 31)).collect();
            let run = |graph: &Graph| evaluate(graph, &inputs).expect("results");
            let (got, expected) = (run(&after), run(&before));
            let same = got
                .iter()
                .zip(&expected)
                .all(|(got, expected)| got.ty() == expected.ty() && bits(got) == bits(expected));
            assert!(
                same,
                "{rewrite} makes of\n{before}{after}on {inputs:?}\n{got:?}\nin place of {expected:?}"
            );
        }
    }
}

#[test]
fn every_rewrite_has_an_example_and_another_name() {
    let shown: BTreeSet<String> = examples()
        .into_iter()
        .filter(|example| example.after.is_some())
        .map(|example| example.rewrite)
        .collect();
    let names: Vec<String> = Rewrite::all().map(|rewrite| rewrite.name.to_owned()).collect();
    let different: BTreeSet<String> = names.iter().cloned().collect();
    assert_eq!(different.len(), names.len(), "two rewrites of one name");
    assert_eq!(shown, different, "rewrites in tests/rewrites, and those of the optimiser");
    for rewrite in Rewrite::all() {
        assert!(rewrite.says.contains("->"), "{} does not say what it makes of what", rewrite.name);
    }
}

/// The weights of a recurrent cell are put together once, and its products with the inputs are one.
#[test]
fn a_recurrent_network_keeps_only_its_own_product_in_the_loop() {
    let text = fs::read_to_string(Path::new(ROOT).join("tests/rewrites/loops.mlir")).expect("a text");
    let cell = "// rewrite: products_over_all_steps\n";
    let before = text.split(cell).nth(1).expect("the example").split("func.func @after").next();
    let graph = Graph::parse(before.expect("a program")).expect("a graph");
    let (optimised, rewrites) = choral::optimised(&graph).expect("a graph");
    assert_eq!(rewrites.count("products_over_all_steps"), 1, "{optimised}");
    let inputs: Vec<Tensor> = graph.input_types().iter().map(|ty| values(ty, 0)).collect();
    let results = choral::compile(&graph, Device::Cpu).expect("a program").run(&inputs).expect("results");
    assert_eq!(results[0].ty(), &graph.output_types()[0]);
}

/// Inputs, their names, and the lines of the user's program stay.
#[test]
fn names_and_lines_stay() {
    let text = "func.func @main(%x: tensor<3xf32>, %unused: tensor<2xf32>) -> tensor<3xf32> {
      %one = stablehlo.constant dense<1.0> : tensor<3xf32>
      %same = stablehlo.multiply %x, %one : tensor<3xf32>
      %sine = stablehlo.sine %same : tensor<3xf32>
      return %sine : tensor<3xf32>
    }";
    let graph = Graph::parse(text).expect("a graph").in_file("model.mlir");
    let (optimised, _) = choral::optimised(&graph).expect("a graph");
    assert_eq!(optimised.input_types(), graph.input_types());
    let (_, sine) = optimised.nodes().last().expect("a node");
    let line = sine.location.as_ref().map(ToString::to_string);
    assert_eq!((sine.name.as_str(), line.as_deref()), ("sine", Some("model.mlir:4:15")));
}
