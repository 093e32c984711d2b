//! Devices by name, and what a GPU would run.

use insta::assert_snapshot;

use super::{Folder, fine, text};

#[test]
fn programs_run_with_inputs() {
    let folder = Folder::new("programs_run_with_inputs");
    let expected = "0: tensor<2xf32> [320.0, 100.0]\n1: tensor<f32> 420.0\n";
    for device in ["reference", "cpu"] {
        let words = format!("run perceptron.mlir --inputs one.safetensors --device {device}");
        assert_eq!(fine(folder.choral(&words)), expected);
    }
}

/// Whether there is a GPU, the test cannot know: so it names a folder without libraries, and a GPU that nobody has.
#[test]
fn gpus_that_are_not_there_are_refused() {
    let folder = Folder::new("gpus_that_are_not_there_are_refused");
    let output = folder.choral("run perceptron.mlir --inputs one.safetensors --device cuda:4096");
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("the NVIDIA driver") || message.contains("there is no GPU 4096"), "{message}");
    let listed = fine(folder.choral("devices"));
    assert!(listed.starts_with("cpu: ") && listed.lines().count() > 1, "{listed}");
}

#[test]
fn a_processor_is_exact_however_fast_it_is_asked_to_be() {
    let folder = Folder::new("a_processor_is_exact_however_fast_it_is_asked_to_be");
    let run =
        |words: &str| fine(folder.choral(&format!("run perceptron.mlir --inputs one.safetensors{words}")));
    assert_eq!(run(" --precision fast"), run(""));
    let output = folder.choral("run perceptron.mlir --inputs one.safetensors --precision quick");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected `exact` or `fast`, found `quick`"));
}

/// Where NVIDIA's compiler is found; elsewhere it is named, and so is what brings it.
#[test]
fn ptx_is_shown_where_the_compiler_is() {
    let folder = Folder::new("ptx_is_shown_where_the_compiler_is");
    let output = folder.choral("show perceptron.mlir --as ptx");
    let (shown, message) = (text(&output.stdout), text(&output.stderr));
    match output.status.success() {
        true => assert!(shown.contains(".target sm_75") && shown.contains(".entry step_0"), "{shown}"),
        false => assert!(
            message.contains("NVRTC gives no PTX") || message.contains("pip install nvidia-cuda-nvrtc"),
            "{message}"
        ),
    }
}

/// Without what every program begins with.
#[test]
fn cuda_source_is_shown_without_a_gpu() {
    let folder = Folder::new("cuda_source_is_shown_without_a_gpu");
    let source = |words: &str| {
        let all = fine(folder.choral(words));
        all.rsplit_once("#endif\n")
            .map(|(_, own)| own.trim().to_owned())
            .expect("what every program begins with")
    };
    let one = source("show perceptron.mlir --as cuda");
    assert_snapshot!(format!(
        "{one}\n\n// 3 members\n{}",
        source("show perceptron.mlir --as cuda --vmap _,0 --axis-size 3")
    ));
}
