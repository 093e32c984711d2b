//! StableHLO's own test programs, where they are at hand: each runs, and its checks must pass.
//!
//! The programs stay outside the project. Without them the test says so and passes. Every one must
//! pass on every device, where the processor has a kernel for each of its ops, and its text and JSON must be read back as the same graph; but for one that
//! expects less than we give.

use std::fmt::Debug;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use choral::ir::check::Program;
use choral::runtime::Executable;
use choral::runtime::plan::Plan;
use choral::{Device, Graph, Tensor};

use crate::root;

/// Two updates of `f16` to one place, which nearly cancel: it expects 0.109375, which is what comes of
/// rounding after each. Ours accumulate in `f32`, and give the true sum, 0.1103515625.
const ROUNDS_EVERY_UPDATE: &str = "scatter_add_float16_3_5_4_float16_3_2_4.mlir";

fn programs() -> Vec<PathBuf> {
    let folder = root().join("../shared/conformance");
    let mut found: Vec<PathBuf> = ["testdata", "interpret"]
        .iter()
        .filter_map(|part| fs::read_dir(folder.join(part)).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "mlir"))
        .collect();
    found.sort();
    found
}

/// Where programs run: on a GPU, too, if there is one, or a stand-in (`tests/cuda/run`).
fn devices() -> Vec<Device> {
    [Device::Reference, Device::Cpu].into_iter().chain(Device::cuda(0)).collect()
}

/// Runs the checks of a program on every device; all give the same bits, but for the sign and the payload of NaN.
fn checks_hold(program: &Program) -> Result<(), String> {
    let mut expected: Option<Vec<Tensor>> = None;
    for device in devices() {
        let compiled = Executable::compile(&program.graph, device);
        let compiled = compiled.map_err(|error| format!("{device:?}: {error}"))?;
        let slow = compiled.plan().map(Plan::host_ops).unwrap_or_default();
        if !slow.is_empty() {
            return Err(format!("no kernel runs {slow:?}"));
        }
        let outputs = compiled.run(&[]).map_err(|error| format!("{device:?}: {error}"))?;
        if let Some(failure) = program.failures(&outputs).first() {
            return Err(format!("{device:?}: {failure}"));
        }
        let expected = expected.get_or_insert_with(|| outputs.clone());
        if let Some((got, expected)) =
            outputs.iter().zip(expected).find(|(got, expected)| !same(got, expected))
        {
            return Err(format!("{device:?}: {got} is not {expected}"));
        }
    }
    Ok(())
}

/// Whether bits are the same, any NaN being any other.
pub(crate) fn same(got: &Tensor, expected: &Tensor) -> bool {
    let numbers =
        |tensor: &Tensor| tensor.to_f64_vec().into_iter().map(|x| (!x.is_nan()).then_some(x.to_bits()));
    got.bit_eq(expected) || expected.dtype().is_float() && numbers(got).eq(numbers(expected))
}

fn is_read_back(graph: &Graph) -> Result<(), String> {
    let text = graph.to_text();
    let parsed = Graph::parse(&text).map_err(|error| format!("its text: {error}"))?;
    let json = graph.to_json().and_then(|json| Graph::from_json(&json));
    let json = json.map_err(|error| format!("its JSON: {error}"))?;
    match (parsed == *graph && parsed.to_text() == text, json == *graph) {
        (true, true) => Ok(()),
        (false, _) => Err("its text is read back as another graph".to_owned()),
        (true, false) => Err("its JSON is read back as another graph".to_owned()),
    }
}

fn outcome(text: &str) -> Result<(), String> {
    let program = Program::parse(text).map_err(|error| error.to_string())?;
    checks_hold(&program)?;
    is_read_back(&program.graph)
}

/// What is wrong with a program, if anything is.
fn fault(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).expect("a readable program");
    if path.ends_with(ROUNDS_EVERY_UPDATE) {
        let message = outcome(&text).expect_err("another sum");
        assert!(message.contains("is 0.1103515625, expected 0.109375"), "{message}");
        return None;
    }
    outcome(&text).err().map(|message| format!("{}: {message}", path.display()))
}

/// What is wrong with each of many, which share the machine's processors: a GPU's compiler takes longer than the rest.
pub(crate) fn faults<T: Sync + Debug>(all: &[T], fault: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let (next, faults) = (Mutex::new(all.iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(one) = next.lock().expect("a lock").next() else { return };
            let found = catch_unwind(AssertUnwindSafe(|| fault(one)));
            let found = found.unwrap_or_else(|_| Some(format!("{one:?}: panics; see above")));
            faults.lock().expect("a lock").extend(found);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    faults.into_inner().expect("a lock")
}

#[test]
fn stablehlo_programs() {
    let programs = programs();
    if programs.is_empty() {
        println!("skipped: no StableHLO test programs beside the project");
        return;
    }
    let faults = faults(&programs, |path| fault(path));
    let devices: Vec<String> = devices().iter().map(ToString::to_string).collect();
    let right = programs.len() - faults.len();
    println!("{right} of {} programs pass on {}", programs.len(), devices.join(", "));
    assert!(faults.is_empty(), "{} programs fail:\n{}", faults.len(), faults.join("\n"));
}
