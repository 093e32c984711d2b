//! StableHLO's own test programs, where they are at hand: each runs, and its checks must pass.
//!
//! The programs stay outside the project. Without them the test says so and passes. Those that
//! need ops that choral does not have yet are counted and named; every other one must pass, on
//! every device.

use std::fs;
use std::path::{Path, PathBuf};

use choral::Device;
use choral::ir::check::Program;
use choral::runtime::Executable;

/// What choral does not have yet: a program with one of these in its text is counted, not run.
const NOT_YET: [&str; 9] = [
    "stablehlo.while",
    "stablehlo.case",
    "\"stablehlo.if\"",
    "stablehlo.optimization_barrier",
    "chlo.scan",
    "xi2>",
    "xi4>",
    "xui2>",
    "xui4>",
];

/// What became of a program.
enum Outcome {
    Passed,
    /// It needs what choral does not have; the message says what.
    Missing(String),
    Failed(String),
}

fn programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance");
    let mut found: Vec<PathBuf> = ["testdata", "interpret"]
        .iter()
        .filter_map(|part| fs::read_dir(folder.join(part)).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "mlir"))
        .collect();
    found.sort();
    found
}

fn outcome(text: &str) -> Outcome {
    if let Some(missing) = NOT_YET.iter().find(|missing| text.contains(**missing)) {
        return Outcome::Missing((*missing).to_owned());
    }
    let program = match Program::parse(text) {
        Ok(program) => program,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    for device in [Device::Reference, Device::Cpu] {
        let outputs = Executable::compile(&program.graph, device).and_then(|compiled| compiled.run(&[]));
        let failures = match outputs {
            Ok(outputs) => program.failures(&outputs),
            Err(error) => vec![error.to_string()],
        };
        if let Some(failure) = failures.first() {
            return Outcome::Failed(format!("{device:?}: {failure}"));
        }
    }
    Outcome::Passed
}

#[test]
fn stablehlo_programs() {
    let programs = programs();
    if programs.is_empty() {
        println!("skipped: no StableHLO test programs beside the project");
        return;
    }
    let (mut passed, mut missing, mut failed) = (0, Vec::new(), Vec::new());
    for path in &programs {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = fs::read_to_string(path).expect("a readable program");
        match outcome(&text) {
            Outcome::Passed => passed += 1,
            Outcome::Missing(message) => missing.push(format!("{name}: {message}")),
            Outcome::Failed(message) => failed.push(format!("{name}: {message}")),
        }
    }
    println!("{passed} of {} programs pass; {} need missing ops:", programs.len(), missing.len());
    missing.iter().for_each(|line| println!("  {line}"));
    assert!(failed.is_empty(), "{} programs fail:\n{}", failed.len(), failed.join("\n"));
}
