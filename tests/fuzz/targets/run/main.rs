//! A valid program with other attributes, types and sizes is refused, or runs on both devices: without a
//! panic, in memory that was planned, to results of the types that were promised.
//!
//! An input is a program's text, a zero byte, and bytes that choose what is changed; the fuzzer changes
//! those alone. The program is built anew by the builder, so that types follow from what is changed, and is
//! not run where that would take long.

#![no_main]

mod change;
mod limit;

use choral_ir::check::Program;
use choral_ir::{Element, Graph, Tensor, TensorType, verify, with_dtype};
use choral_runtime::{Device, Executable};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

use change::Choices;

fuzz_target!(|data: &[u8]| {
    let Some((text, choices)) = parts(data) else { return };
    let Ok(Program { graph, .. }) = Program::parse(text) else { return };
    let mut choices = Choices::of(choices);
    let Some(graph) = change::changed(&graph, &mut choices) else { return };
    if let Err(error) = verify(&graph) {
        panic!("the builder made what the verifier refuses: {error}\n{}", graph.to_text());
    }
    let printed = graph.to_text();
    match Graph::parse(&printed) {
        Ok(again) => assert_eq!(again, graph, "{printed}"),
        Err(error) => panic!("{error}\n{printed}"),
    }
    run(&graph, &mut choices);
});

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    let text = data[..size].iter().position(|&byte| byte == 0).unwrap_or(size);
    let start = text + 1;
    if start + 4 > most {
        return size;
    }
    if text == size {
        data[text] = 0;
        data[start..start + 4].copy_from_slice(&seed.to_le_bytes());
        return start + 4;
    }
    start + fuzzer_mutate(&mut data[start..], size - start, most - start)
});

/// The program and the bytes after it.
fn parts(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|&byte| byte == 0)?;
    Some((std::str::from_utf8(&data[..end]).ok()?, &data[end + 1..]))
}

/// Runs a graph on both devices, where that takes little time and memory.
fn run(graph: &Graph, choices: &mut Choices) {
    let executables = [Device::Reference, Device::Cpu].map(|device| Executable::compile(graph, device));
    let [Ok(reference), Ok(cpu)] = executables else { return };
    let bytes = reference.peak_bytes().max(cpu.peak_bytes());
    if bytes > limit::BYTES || limit::work(graph) > limit::WORK {
        return;
    }
    let inputs: Vec<Tensor> = graph.input_types().iter().map(|ty| input(ty, choices)).collect();
    let results = [reference, cpu].map(|executable| executable.run(&inputs));
    match results {
        [Ok(expected), Ok(got)] => {
            let types = |tensors: &[Tensor]| -> Vec<TensorType> {
                tensors.iter().map(|tensor| tensor.ty().clone()).collect()
            };
            assert_eq!([types(&expected), types(&got)], [graph.output_types(), graph.output_types()]);
            expected.iter().chain(&got).for_each(|tensor| drop(tensor.to_string()));
        }
        [Err(_), Err(_)] => {}
        [Ok(_), Err(error)] | [Err(error), Ok(_)] => panic!("one device alone: {error}\n{}", graph.to_text()),
    }
}

/// Elements that are small, large or negative, as indices and numbers may be.
fn input(ty: &TensorType, choices: &mut Choices) -> Tensor {
    const ELEMENTS: [f64; 8] = [0.0, 1.0, -1.0, 2.0, 0.5, 5.0, 3e9, -1e30];
    let first = choices.next();
    with_dtype!(ty.dtype, T => {
        Tensor::from_fn(ty.shape.as_slice(), |at| T::from_f64(ELEMENTS[(first + at * 3) % ELEMENTS.len()]))
    })
}
