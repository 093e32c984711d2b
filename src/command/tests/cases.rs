//! Folders of cases beside the project: programs by other hands, and what XLA gave for them.

#[path = "../../../tests/close.rs"]
mod close;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use choral::state::file;

use close::{difference, numbered};

/// The command on a program of a folder of cases.
fn command(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_choral"));
    command.args(arguments).current_dir(folder).output().expect("a run of the command")
}

/// Why a case fails on a device, if it does.
fn failure(case: &Path, device: &str) -> Option<String> {
    let meta = fs::read_to_string(case.join("meta.json")).expect("a description");
    let meta: serde_json::Value = serde_json::from_str(&meta).expect("a description in JSON");
    let transforms: Vec<&str> =
        meta["transforms"].as_array().expect("a list").iter().filter_map(|word| word.as_str()).collect();
    let (rtol, atol) = (meta["rtol"].as_f64().expect("a number"), meta["atol"].as_f64().expect("a number"));
    let name = case.file_name().expect("a name").to_string_lossy();
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("case-{name}-{device}.safetensors"));
    let output = output.to_str().expect("a path of characters");
    let fixed =
        ["run", "program.mlir", "--inputs", "inputs.safetensors", "--device", device, "--output", output];
    let done = command(case, &[&fixed, transforms.as_slice()].concat());
    if !done.status.success() {
        return Some(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    let got = numbered(&file::read(output).expect("results"), "");
    let expected = numbered(&file::read(case.join("expected.safetensors")).expect("expected results"), "");
    if got.len() != expected.len() {
        return Some(format!("expected {} results, got {}", expected.len(), got.len()));
    }
    got.iter().zip(&expected).find_map(|(got, expected)| difference(got, expected, rtol, atol))
}

/// Every folder of cases gives what XLA gave, on both devices; what must be refused ends with status 2 and
/// the place.
#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: no cases beside the project");
        return;
    };
    let mut failures = Vec::new();
    for case in entries.flatten().map(|entry| entry.path()).filter(|path| path.join("meta.json").exists()) {
        for device in ["reference", "cpu"] {
            let reason = failure(&case, device);
            failures.extend(reason.map(|reason| format!("{} on {device}: {reason}", case.display())));
        }
    }
    let refused =
        fs::read_dir(folder.join("refused")).into_iter().flatten().flatten().map(|entry| entry.path());
    for program in refused.filter(|path| path.extension().is_some_and(|is| is == "mlir")) {
        let name = program.to_str().expect("a path of characters");
        let done = command(&folder, &["run", name]);
        let message = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.code() != Some(2) || !message.contains(".mlir:") {
            failures.push(format!("{name} ends with {:?}: {message}", done.status.code()));
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}
