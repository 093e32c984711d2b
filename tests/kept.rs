//! Programs that others have kept, on a GPU or on a stand-in for one: it gives the bits of the processor.
//!
//! `CHORAL_KEPT` is a folder of texts `NAME.mlir` and their arguments, `NAME.safetensors`, named by position.
//! `tests/oracle/run --texts FOLDER` writes those that JAX lowers, single and mapped.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use choral::state::file;
use choral::transform::rewrite::counted_loops;
use choral::{Device, Graph, Tensor};

use crate::conformance::{faults, same};

#[test]
fn kept_programs_on_a_gpu() {
    let Some(folder) = env::var_os("CHORAL_KEPT") else {
        println!("skipped: CHORAL_KEPT names no folder of programs (tests/cuda/run)");
        return;
    };
    let gpu = Device::cuda(0).expect("a GPU, or a stand-in for one");
    let entries = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let mut programs: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|is| is == "mlir")).collect();
    programs.sort();
    assert!(!programs.is_empty(), "no programs");
    let faults = faults(&programs, |path| {
        differs(path, gpu).err().map(|message| format!("{}: {message}", path.display()))
    });
    println!(
        "{} of {} kept programs give the processor's bits",
        programs.len() - faults.len(),
        programs.len()
    );
    assert!(faults.is_empty(), "{} programs do not:\n{}", faults.len(), faults.join("\n"));
}

/// Runs a program on both, three times on the GPU: the third run replays what the second one captured.
fn differs(path: &Path, gpu: Device) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let graph = Graph::parse(&text).map_err(|error| error.to_string())?;
    let graph = counted_loops(&graph).map_err(|error| error.to_string())?;
    let kept = file::read(path.with_extension("safetensors")).map_err(|error| error.to_string())?;
    let inputs: Option<Vec<Tensor>> = (0..kept.len()).map(|at| kept.get(&at.to_string()).cloned()).collect();
    let inputs = inputs.ok_or("arguments are not named by position")?;
    let compiled = |device| choral::compile(&graph, device).map_err(|error| format!("{device}: {error}"));
    let expected = compiled(Device::Cpu)?.run(&inputs).map_err(|error| error.to_string())?;
    let executable = compiled(gpu)?;
    for _ in 0..3 {
        let got = executable.run(&inputs).map_err(|error| format!("{gpu}: {error}"))?;
        if let Some((got, expected)) = got.iter().zip(&expected).find(|(got, expected)| !same(got, expected))
        {
            return Err(format!("{gpu} gives {got}, the processor {expected}"));
        }
    }
    Ok(())
}
