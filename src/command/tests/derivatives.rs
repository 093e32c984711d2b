//! `--grad` and `--jvp`: alone, mapped, and in each other.

use choral::Tensor;
use insta::assert_snapshot;

use super::{Folder, fine, text};

/// A program with a check, which holds before and after it is differentiated.
const CHECKED: &str = "
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = stablehlo.multiply %x, %x : tensor<2xf32>
  check.expect_eq_const %y, dense<[1.0, 4.0]> : tensor<2xf32>
  return %y : tensor<2xf32>
}
";

#[test]
fn gradients_are_results() {
    let folder = Folder::new("gradients_are_results");
    let one = "run perceptron.mlir --inputs one.safetensors --grad 1,0";
    // Each result of two, a product and its sum, counts for every weight and number once.
    let expected =
        "0: tensor<3xf32> [0.0, 4.0, 8.0]\n1: tensor<2x3xf32> [[0.0, 20.0, 200.0], [0.0, 20.0, 200.0]]\n";
    assert_eq!(fine(folder.choral(one)), expected);
}

/// The order of the command line is that of application: a gradient for each member, or the one of all.
#[test]
fn transforms_apply_in_their_order() {
    let folder = Folder::new("transforms_apply_in_their_order");
    let run = "run perceptron.mlir --inputs two.safetensors";
    let each = "0: tensor<2x2x3xf32> [[[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]], [[0.0, 20.0, 200.0], [0.0, 20.0, 200.0]]]\n";
    assert_eq!(fine(folder.choral(&format!("{run} --grad 0 --vmap _,0"))), each);
    let all = "0: tensor<2x3xf32> [[2.0, 22.0, 202.0], [2.0, 22.0, 202.0]]\n";
    assert_eq!(fine(folder.choral(&format!("{run} --vmap _,0 --grad 0"))), all);
    assert_eq!(fine(folder.choral(&format!("{run} --grad 0 --vmap _,0 --chunk-size 1"))), each);
    assert_eq!(fine(folder.choral(&format!("{run} --vmap _,0 --chunk-size 1 --grad 0"))), all);
}

#[test]
fn tangents_come_after_results() {
    let folder = Folder::new("tangents_come_after_results");
    let w = Tensor::from([[1.0f32, 2.0, 3.0], [-1.0, 0.0, 1.0]]);
    let (x, xs) = (Tensor::from([1.0f32, 1.0, 1.0]), Tensor::from([[1.0f32, 1.0, 1.0], [0.0, 10.0, 100.0]]));
    folder.tensors("jvp.safetensors", [&w, &x, &x]);
    let expected =
        "0: tensor<2xf32> [6.0, 0.0]\n1: tensor<f32> 6.0\n2: tensor<2xf32> [6.0, 0.0]\n3: tensor<f32> 6.0\n";
    assert_eq!(fine(folder.choral("run perceptron.mlir --inputs jvp.safetensors --jvp 1")), expected);
    // Along several directions at once.
    folder.tensors("directions.safetensors", [&w, &x, &xs]);
    let run = "run perceptron.mlir --inputs directions.safetensors --jvp 1 --vmap _,_,0->_,_,0,0";
    let expected = "0: tensor<2xf32> [6.0, 0.0]\n1: tensor<f32> 6.0\n2: tensor<2x2xf32> [[6.0, 0.0], [320.0, 100.0]]\n3: tensor<2xf32> [6.0, 420.0]\n";
    assert_eq!(fine(folder.choral(run)), expected);
    // The same by mapping first; the tangents are of the mapped arguments.
    folder.tensors("members.safetensors", [&w, &xs, &xs]);
    let run = "run perceptron.mlir --inputs members.safetensors --vmap _,0 --jvp 1";
    let expected = "0: tensor<2x2xf32> [[6.0, 0.0], [320.0, 100.0]]\n1: tensor<2xf32> [6.0, 420.0]\n2: tensor<2x2xf32> [[6.0, 0.0], [320.0, 100.0]]\n3: tensor<2xf32> [6.0, 420.0]\n";
    assert_eq!(fine(folder.choral(run)), expected);
}

#[test]
fn checks_stay_checks() {
    let folder = Folder::new("checks_stay_checks");
    folder.write("checked.mlir", CHECKED);
    let x = Tensor::from([1.0f32, 2.0]);
    folder.tensors("x.safetensors", [&x]);
    let expected = "0: tensor<2xf32> [2.0, 4.0]\nthe check holds\n";
    assert_eq!(fine(folder.choral("run checked.mlir --inputs x.safetensors --grad 0")), expected);
    folder.tensors("along.safetensors", [&x, &x]);
    let expected = "0: tensor<2xf32> [2.0, 4.0]\n1: tensor<2xf32> [2.0, 4.0]\nthe check holds\n";
    let run = "run checked.mlir --inputs along.safetensors --grad 0 --jvp 0";
    assert_eq!(fine(folder.choral(run)), expected);
}

#[test]
fn differentiated_programs_are_shown_and_timed() {
    let folder = Folder::new("differentiated_programs_are_shown_and_timed");
    assert_snapshot!(
        folder.screen(&[
            "show perceptron.mlir --grad 0 --vmap _,0 --axis-size 5",
            "show perceptron.mlir --jvp 1",
        ])
    );
    let timed = folder.choral("bench perceptron.mlir --grad 0 --vmap _,0 --axis-size 5 --seconds 0");
    assert!(text(&timed.stdout).contains("median_us"), "{}", text(&timed.stderr));
}

#[test]
fn derivatives_that_are_not_there() {
    let folder = Folder::new("derivatives_that_are_not_there");
    folder.write(
        "count.mlir",
        "
func.func @main(%n: tensor<2xi32>, %x: tensor<2xf32>) -> tensor<2xi32> {
  return %n : tensor<2xi32>
}
",
    );
    let (w, xs) = (Tensor::from_fn([2, 3], |_| 1.0f32), |members| Tensor::from_fn([members, 3], |_| 1.0f32));
    folder.tensors("uneven.safetensors", [&w, &xs(2), &xs(4)]);
    assert_snapshot!(folder.screen(&[
        "run perceptron.mlir --inputs uneven.safetensors --vmap _,0 --jvp 1",
        "run perceptron.mlir --inputs one.safetensors --grad 2",
        "run perceptron.mlir --inputs one.safetensors --grad 0,0",
        "run perceptron.mlir --inputs one.safetensors --grad x",
        "show count.mlir --grad 0",
        "show count.mlir --jvp 1",
        "run perceptron.mlir --inputs one.safetensors --jvp 1",
        "show perceptron.mlir --grad 0 --as explain",
    ]));
}
