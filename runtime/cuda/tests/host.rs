//! The driver's side as programs use it, on the stand-ins: tensors that stay on a device, copies, what is kept on disk, and
//! what fails.
//!
//! Each test runs in a process of its own, for its settings and its failures.

mod kept;
mod lost;
mod room;
mod tensors;

use choral_ir::{Builder, DType, Graph, Tensor, TensorType, op::Binary};
use choral_runtime::{Device, Executable, Setting};

use crate::stand_in::{child, is_loaded};

/// Runs a test, which is ignored otherwise, with these settings; what it printed. First on a device that does its work at
/// once, then on one that does it when somebody waits for it, and not before.
fn on_stand_in(test: &str, settings: &[(&str, &str)]) -> String {
    if !is_loaded() {
        return String::new();
    }
    let run = |is_late: &str| {
        let settings = [&[("CHORAL_CACHE", ""), ("CHORAL_STAND_IN_LATE", is_late)], settings].concat();
        let (is_well, printed) = child(&format!("host::{test}"), &settings);
        assert!(is_well, "CHORAL_STAND_IN_LATE={is_late}: {printed}");
        printed
    };
    run("0") + &run("1")
}

/// The first stand-in.
fn gpu() -> Device {
    assert!(is_loaded());
    Device::cuda(0).unwrap()
}

/// One step of a state: `state * factor + x`, and the number of the state's elements for `x`.
fn step(size: usize) -> Graph {
    let mut builder = Builder::new("main");
    let ty = TensorType::new([size], DType::F32);
    let [state, x, factor] = ["state", "x", "factor"].map(|name| builder.input(name, ty.clone()));
    let scaled = builder.binary(Binary::Multiply, state, factor).unwrap();
    let next = builder.binary(Binary::Add, scaled, x).unwrap();
    builder.finish(&[next])
}

fn compiled(size: usize, device: Device) -> Executable {
    let donating = Setting::default().donating([0]);
    Executable::compile_with(&step(size), device, &donating).unwrap()
}

fn numbers(size: usize, by: f32) -> Tensor {
    Tensor::from_fn([size], |at| (at % 1000) as f32 * by)
}
