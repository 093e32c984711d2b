//! What GPUs alone do, on one or on a stand-in; and the CUDA source of every program at hand, through NVIDIA's own compiler.
//!
//! The compiler needs no GPU: `tests/cuda/run` fetches it, and says so. Without it, and without a GPU, tests say so and pass.
//!
//! The programs are StableHLO's own tests, where they are beside the project, and those of `tests/files`, each also
//! differentiated if it has inputs.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use choral::ir::check::Program;
use choral::prelude::{Ensemble, Key};
use choral::runtime::cuda::compile::{compile_anew, ptx};
use choral::runtime::cuda_source;
use choral::transform::vjp_graph;
use choral::{Device, Graph, Precision, Setting, Tensor};

use crate::ROOT;
use crate::digits::{Mlp, checkpoints, test_set};

/// The compute capabilities that all programs are compiled for, and those that every tenth one is.
const ALWAYS: [(i32, i32); 1] = [(9, 0)];
const SOMETIMES: [(i32, i32); 3] = [(7, 5), (8, 0), (10, 0)];

fn sources() -> Vec<(String, String)> {
    let folders = ["../shared/conformance/testdata", "../shared/conformance/interpret", "tests/files"];
    let files = folders.iter().filter_map(|folder| fs::read_dir(Path::new(ROOT).join(folder)).ok());
    let mut paths: Vec<PathBuf> =
        files.flat_map(|entries| entries.flatten().map(|entry| entry.path())).collect();
    paths.sort();
    let mut known = HashSet::new();
    let mut sources = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "mlir")) {
        let text = fs::read_to_string(path).expect("a readable program");
        let graph: Graph = Program::parse(&text).expect("a program").graph;
        for (what, graph) in [("", Some(graph.clone())), (" differentiated", gradients(&graph))] {
            let Some(graph) = graph else { continue };
            let source = cuda_source(&graph).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if known.insert(source.clone()) {
                sources.push((format!("{}{what}", path.display()), source));
            }
        }
    }
    sources
}

/// The program of cotangents of all inputs that hold floats; `None` if it cannot be differentiated.
fn gradients(graph: &Graph) -> Option<Graph> {
    let types = graph.input_types();
    let floats: Vec<usize> = (0..types.len()).filter(|&at| types[at].dtype.is_float()).collect();
    vjp_graph(graph, &floats).ok().filter(|_| !floats.is_empty())
}

/// What is wrong with the machine code of a source: it is refused, or registers are spilled.
fn fault(name: &str, source: &str, capability: (i32, i32)) -> Option<String> {
    match compile_anew(source, capability) {
        Err(error) => Some(format!("{name} for {capability:?}: {error}")),
        Ok(compiled) => {
            let spills =
                |line: &&str| line.contains("spill stores") && !line.contains(" 0 bytes spill stores");
            let line = compiled.log.lines().find(spills)?;
            Some(format!("{name} for {capability:?}: {}", line.trim()))
        }
    }
}

#[test]
fn nvidias_compiler_takes_all_sources() {
    if env::var_os("CHORAL_NVRTC").is_none() {
        println!("skipped: run tests/cuda/run, which fetches NVIDIA's compiler");
        return;
    }
    let sources = sources();
    let (next, faults) = (Mutex::new(sources.iter().enumerate()), Mutex::new(Vec::new()));
    let compiled = Mutex::new(0);
    let work = || {
        loop {
            let Some((number, (name, source))) = next.lock().expect("a lock").next() else { return };
            let sometimes: &[(i32, i32)] = if number % 10 == 0 { &SOMETIMES } else { &[] };
            for &capability in ALWAYS.iter().chain(sometimes) {
                faults.lock().expect("a lock").extend(fault(name, source, capability));
                *compiled.lock().expect("a lock") += 1;
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    println!("{} sources, {} machine codes", sources.len(), compiled.into_inner().expect("a lock"));
    let faults = faults.into_inner().expect("a lock");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let ptx = ptx(&sources[0].1).expect("PTX");
    assert!(ptx.contains(".target sm_75") && ptx.contains(".entry step_0"), "{ptx}");
}

/// Two loops in launches of three and of four blocks, whose rounds read what other blocks have written: each has to wait for
/// all of its own. On a GPU, or a stand-in for one.
#[test]
fn launches_of_several_sizes_wait_for_all_of_their_blocks() {
    let Ok(gpu) = Device::cuda(0) else {
        println!("skipped: no GPU, and no stand-in (tests/cuda/run)");
        return;
    };
    let looped = |name: &str, size: usize| {
        format!(
            "%{name}:2 = stablehlo.while(%i{name} = %zero, %c{name} = %{name}_start) : tensor<i32>, tensor<{size}xf32>
             cond {{
               %go = stablehlo.compare LT, %i{name}, %rounds : (tensor<i32>, tensor<i32>) -> tensor<i1>
               stablehlo.return %go : tensor<i1>
             }} do {{
               %next = stablehlo.add %i{name}, %one : tensor<i32>
               %back = stablehlo.reverse %c{name}, dims = [0] : tensor<{size}xf32>
               %sum = stablehlo.add %c{name}, %back : tensor<{size}xf32>
               %less = stablehlo.subtract %sum, %{name}_start : tensor<{size}xf32>
               stablehlo.return %next, %less : tensor<i32>, tensor<{size}xf32>
             }}"
        )
    };
    let (few, many) = (3 * 256, 4 * 256);
    let graph = Graph::parse(&format!(
        "func.func @main(%a_start: tensor<{few}xf32>, %b_start: tensor<{many}xf32>) -> (tensor<{few}xf32>, tensor<{many}xf32>) {{
           %zero = stablehlo.constant dense<0> : tensor<i32>
           %one = stablehlo.constant dense<1> : tensor<i32>
           %rounds = stablehlo.constant dense<7> : tensor<i32>
           {}
           {}
           return %a#1, %b#1 : tensor<{few}xf32>, tensor<{many}xf32>
         }}",
        looped("a", few),
        looped("b", many)
    ))
    .expect("a program");
    let inputs = [few, many].map(|size| Tensor::from_fn([size], |at| at as f32));
    let run = |device| choral::compile(&graph, device).expect("an executable");
    let (expected, executable) = (run(Device::Reference).run(&inputs).expect("results"), run(gpu));
    for _ in 0..4 {
        assert_eq!(executable.run(&inputs).expect("results"), expected);
    }
}

/// The digits by products of cuBLASLt, which are rounded: near the exact ones, with the same predictions. On a GPU, or a
/// stand-in for one.
#[test]
fn fast_digits_are_near_exact_ones() {
    let Ok(gpu) = Device::cuda(0) else {
        println!("skipped: no GPU, and no stand-in (tests/cuda/run)");
        return;
    };
    let models = checkpoints("mlp", &Mlp::init(Key::new(0))).expect("checkpoints");
    let (images, _) = test_set().expect("images");
    let logits = |device, precision| {
        let setting = Setting::default().precision(precision);
        let ensemble = Ensemble::new(&models).expect("an ensemble").on(device).setting(&setting);
        ensemble.call(&images).expect("logits")
    };
    let (exact, fast) = (logits(Device::Cpu, Precision::Exact), logits(gpu, Precision::Fast));
    assert!(logits(Device::Cpu, Precision::Fast).bit_eq(&exact), "a processor is always exact");
    assert!(!fast.bit_eq(&exact), "products are the library's");
    let pairs = fast.to_f64_vec().into_iter().zip(exact.to_f64_vec());
    let worst = pairs.map(|(fast, exact)| (fast - exact).abs()).fold(0.0, f64::max);
    println!("logits of digits differ by {worst:.1e}");
    assert!(worst < 0.05, "logits differ by {worst}");
}
