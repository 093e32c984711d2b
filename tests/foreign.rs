//! Programs that others exported, against the values that they gave: PyTorch/XLA's of layers, and small ones
//! whose results can be computed by hand.

use std::fs;
use std::path::{Path, PathBuf};

use choral::runtime::Executable;
use choral::state::file;
use choral::{DType, Device, Graph, Tensor};

use crate::ROOT;
use crate::close::{difference, numbered};

const DEVICES: [Device; 2] = [Device::Reference, Device::Cpu];

/// What a program gives on a device.
#[track_caller]
fn run(text: &str, inputs: &[Tensor], device: Device) -> Vec<Tensor> {
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(Graph::parse(&graph.to_text()).unwrap_or_else(|error| panic!("{error}")), graph);
    let compiled = Executable::compile(&graph, device).unwrap_or_else(|error| panic!("{error}"));
    compiled.run(inputs).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a program on every device and compares its results.
#[track_caller]
fn check(text: &str, inputs: &[Tensor], expected: &[Tensor]) {
    for device in DEVICES {
        let results = run(text, inputs, device);
        assert_eq!(results.len(), expected.len());
        for (at, (got, expected)) in results.iter().zip(expected).enumerate() {
            // Sums of large numbers leave small differences.
            let largest = expected
                .to_f64_vec()
                .into_iter()
                .filter(|x| x.is_finite())
                .fold(1.0, |a, b| f64::max(a, b.abs()));
            if let Some(difference) = difference(got, expected, 1e-5, 1e-6 * largest) {
                panic!("{device:?}, result {at}: {difference}\n{got}\n{text}");
            }
        }
    }
}

/// Layers as PyTorch/XLA exports them (`tests/pytorch/export.py`), in evaluation and in training.
#[test]
fn layers_of_pytorch() {
    let folder = Path::new(ROOT).join("tests/pytorch");
    let paths = fs::read_dir(folder).expect("a folder of programs").flatten().map(|entry| entry.path());
    let programs: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|is| is == "mlir")).collect();
    assert_eq!(programs.len(), 18);
    for path in programs {
        let text = fs::read_to_string(&path).expect("a readable program");
        let tensors = file::read(path.with_extension("safetensors")).expect("its tensors");
        check(&text, &numbered(&tensors, "in."), &numbered(&tensors, "out."));
    }
}

#[test]
fn products_by_letters() {
    let main = |config: &str, operands: &str, types: &str, result: &str| {
        let op = if operands.contains(',') { "einsum" } else { "unary_einsum" };
        let arguments: Vec<String> =
            operands.split(", ").zip(types.split(", ")).map(|(name, ty)| format!("{name}: {ty}")).collect();
        format!(
            "func.func @main({}) -> {result} {{
               %0 = \"stablehlo.{op}\"({operands}) <{{einsum_config = \"{config}\"}}> : ({types}) -> {result}
               return %0 : {result}
             }}",
            arguments.join(", ")
        )
    };
    let (a, b) =
        (Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]), Tensor::from([10.0f32, 100.0, 1000.0]));
    let square = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    let (ta, tb, ts) = ("tensor<2x3xf32>", "tensor<3xf32>", "tensor<2x2xf32>");
    let both = |config: &str, result: &str| main(config, "%a, %b", &format!("{ta}, {tb}"), result);
    let inputs = [a.clone(), b.clone()];
    check(&both("ij,j->i", "tensor<2xf32>"), &inputs, &[Tensor::from([3210.0f32, 6540.0])]);
    check(&both("ij,k->k", tb), &inputs, &[Tensor::from([210.0f32, 2100.0, 21000.0])]);
    check(
        &both("...j,j->j...", "tensor<3x2xf32>"),
        &inputs,
        &[Tensor::from([[10.0f32, 40.0], [200.0, 500.0], [3000.0, 6000.0]])],
    );
    let one = |config: &str, result: &str| main(config, "%s", ts, result);
    let squares = [square];
    check(&one("ii->i", "tensor<2xf32>"), &squares, &[Tensor::from([1.0f32, 4.0])]);
    check(&one("ii->", "tensor<f32>"), &squares, &[Tensor::from(5.0f32)]);
    check(&one("i...->...i", ts), &squares, &[Tensor::from([[1.0f32, 3.0], [2.0, 4.0]])]);
    check(&one("ij->j", "tensor<2xf32>"), &squares, &[Tensor::from([4.0f32, 6.0])]);
}

/// A product of the type that it is declared to have.
#[test]
fn products_of_halves_in_f32() {
    let text = r#"
        func.func @main(%a: tensor<1x2xbf16>, %b: tensor<2x1xbf16>) -> tensor<1x1xf32> {
          %0 = "stablehlo.einsum"(%a, %b) <{einsum_config = "ij,jk->ik"}> : (tensor<1x2xbf16>, tensor<2x1xbf16>) -> tensor<1x1xf32>
          return %0 : tensor<1x1xf32>
        }"#;
    let halves = |tensor: Tensor| tensor.to_dtype(DType::Bf16);
    let inputs = [halves(Tensor::from([[256.0f32, 1.0]])), halves(Tensor::from([[1.0f32], [1.0]]))];
    check(text, &inputs, &[Tensor::from([[257.0f32]])]);
}

/// In `f16` neither the number of elements nor their sum is finite, and this epsilon is 0.
#[test]
fn batch_norms_of_halves() {
    let (x, one) = ("tensor<2x1x200x200xf16>", "tensor<1xf16>");
    let settings = "<{epsilon = 1.0e-8 : f32, feature_index = 1 : i64}>";
    let text = format!(
        r#"func.func @main(%x: {x}, %s: {one}, %o: {one}, %g: {x}) -> ({x}, {one}, {one}, {x}, {one}, {one}) {{
          %0:3 = "stablehlo.batch_norm_training"(%x, %s, %o) {settings} : ({x}, {one}, {one}) -> ({x}, {one}, {one})
          %1:3 = "stablehlo.batch_norm_grad"(%x, %s, %0#1, %0#2, %g) {settings} : ({x}, {one}, {one}, {one}, {x}) -> ({x}, {one}, {one})
          return %0#0, %0#1, %0#2, %1#0, %1#1, %1#2 : {x}, {one}, {one}, {x}, {one}, {one}
        }}"#
    );
    let whole = |value: fn(usize) -> f32| Tensor::from_fn([2, 1, 200, 200], value).to_dtype(DType::F16);
    let number = |value: f32| Tensor::from([value]).to_dtype(DType::F16);
    let inputs = [whole(|at| [0.5, 1.5][at % 2]), number(1.0), number(0.0), whole(|_| 10.0)];
    let statistics = [whole(|at| [-1.0, 1.0][at % 2]), number(1.0), number(0.25)];
    let gradients = [whole(|_| 0.0), number(0.0), number(f32::INFINITY)];
    check(&text, &inputs, &[statistics, gradients].concat());
}

#[test]
fn selections() {
    let text = r#"
        func.func @main(%x: tensor<2x3xf32>, %i: tensor<2xi32>, %n: tensor<4xi8>, %p: tensor<3xi1>)
            -> (tensor<2x2xf32>, tensor<2x2xi32>, tensor<2xi8>, tensor<2xi1>, tensor<2xi32>, tensor<2x2xf32>, tensor<2xf32>) {
          %0:2 = stablehlo.custom_call @mhlo.topk(%x) {mhlo.attributes = {k = 2 : i64, largest = false}, mhlo.version = 1 : i64} : (tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xi32>)
          %1:2 = "mhlo.topk"(%n) <{k = 2 : i64, largest = false}> : (tensor<4xi8>) -> (tensor<2xi8>, tensor<2xi32>)
          %2:2 = chlo.top_k(%p, k = 2) : tensor<3xi1> -> (tensor<2xi1>, tensor<2xi32>)
          %3 = "stablehlo.torch_index_select"(%x, %i) <{dim = 1 : i64, batch_dims = 0 : i64}> : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<2x2xf32>
          %4 = "stablehlo.torch_index_select"(%x, %i) <{dim = -1 : i64, batch_dims = 1 : i64}> : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<2xf32>
          return %0#0, %0#1, %1#0, %2#0, %2#1, %3, %4 : tensor<2x2xf32>, tensor<2x2xi32>, tensor<2xi8>, tensor<2xi1>, tensor<2xi32>, tensor<2x2xf32>, tensor<2xf32>
        }"#;
    let inputs = [
        Tensor::from([[3.0f32, -1.0, 2.0], [0.0, f32::NAN, -0.0]]),
        Tensor::from([2, 0]),
        Tensor::from([5i8, -128, 127, -128]),
        Tensor::from([false, true, false]),
    ];
    let expected = [
        Tensor::from([[-1.0f32, 2.0], [-0.0, 0.0]]),
        Tensor::from([[1, 2], [2, 0]]),
        Tensor::from([-128i8, -128]),
        Tensor::from([true, false]),
        Tensor::from([1, 0]),
        Tensor::from([[2.0f32, 3.0], [-0.0, 0.0]]),
        Tensor::from([2.0f32, 0.0]),
    ];
    check(text, &inputs, &expected);
}

/// JAX's approximate search gives the exact answer, in the order of its comparator.
#[test]
fn approximate_top_k() {
    let text = "
        func.func private @greater(%a: tensor<f32>, %b: tensor<f32>, %i: tensor<i32>, %j: tensor<i32>) -> tensor<i1> {
          %0 = stablehlo.compare GT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
          return %0 : tensor<i1>
        }
        func.func @main(%x: tensor<2x4xf32>) -> (tensor<2x2xf32>, tensor<2x2xi32>) {
          %i = stablehlo.iota dim = 1 : tensor<2x4xi32>
          %c = stablehlo.constant dense<-1> : tensor<i32>
          %f = stablehlo.constant dense<0xFF800000> : tensor<f32>
          %0:2 = stablehlo.custom_call @ApproxTopK(%x, %i, %f, %c) {backend_config = \"\", called_computations = [@greater], mhlo.backend_config = {aggregate_to_topk = true, is_fallback = true, recall_target = 0.949999988 : f32, reduction_dim = 1 : i64, reduction_input_size_override = -1 : i64, top_k = 2 : i64}} : (tensor<2x4xf32>, tensor<2x4xi32>, tensor<f32>, tensor<i32>) -> (tensor<2x2xf32>, tensor<2x2xi32>)
          return %0#0, %0#1 : tensor<2x2xf32>, tensor<2x2xi32>
        }";
    let x = Tensor::from([[1.0f32, 4.0, 2.0, 4.0], [-1.0, -2.0, -3.0, 0.5]]);
    check(text, &[x], &[Tensor::from([[4.0f32, 4.0], [0.5, -1.0]]), Tensor::from([[1, 3], [3, 0]])]);
}

/// `potrf` and `trsm` in both of JAX's forms; `potrf` says which leading minor is not positive.
#[test]
fn linear_algebra() {
    let matrices = "operand_layouts = [dense<[1, 2, 0]> : tensor<3xindex>]";
    let pair = "operand_layouts = [dense<[0, 1]> : tensor<2xindex>, dense<[0, 1]> : tensor<2xindex>]";
    let scalars = |count: usize| "dense<> : tensor<0xindex>, ".repeat(count);
    let text = format!(
        "func.func @main(%a: tensor<3x2x2xf32>, %l: tensor<2x2xf64>, %b: tensor<2x1xf64>)
            -> (tensor<3x2x2xf32>, tensor<3xi32>, tensor<3x2x2xf32>, tensor<2x1xf64>, tensor<2x1xf64>) {{
          %one = stablehlo.constant dense<1> : tensor<i32>
          %zero = stablehlo.constant dense<0> : tensor<i32>
          %two = stablehlo.constant dense<2.0> : tensor<f64>
          %0:2 = stablehlo.custom_call @lapack_spotrf_ffi(%a) {{mhlo.backend_config = {{uplo = 76 : ui8}}, {matrices}}} : (tensor<3x2x2xf32>) -> (tensor<3x2x2xf32>, tensor<3xi32>)
          %1:2 = stablehlo.custom_call @lapack_spotrf(%zero, %one, %one, %a) {{operand_layouts = [{}dense<[1, 2, 0]> : tensor<3xindex>]}} : (tensor<i32>, tensor<i32>, tensor<i32>, tensor<3x2x2xf32>) -> (tensor<3x2x2xf32>, tensor<3xi32>)
          %2 = stablehlo.custom_call @lapack_dtrsm_ffi(%l, %b) {{mhlo.backend_config = {{diag = 78 : ui8, side = 76 : ui8, trans_x = 84 : ui8, uplo = 76 : ui8}}, {pair}}} : (tensor<2x2xf64>, tensor<2x1xf64>) -> tensor<2x1xf64>
          %3 = stablehlo.custom_call @blas_dtrsm(%one, %one, %zero, %one, %one, %one, %one, %two, %l, %b) {{operand_layouts = [{}dense<[0, 1]> : tensor<2xindex>, dense<[0, 1]> : tensor<2xindex>]}} : (tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<i32>, tensor<f64>, tensor<2x2xf64>, tensor<2x1xf64>) -> tensor<2x1xf64>
          return %0#0, %0#1, %1#0, %2, %3 : tensor<3x2x2xf32>, tensor<3xi32>, tensor<3x2x2xf32>, tensor<2x1xf64>, tensor<2x1xf64>
        }}",
        scalars(3),
        scalars(8),
    );
    let three = |matrices: [[f32; 4]; 3]| Tensor::from_fn([3, 2, 2], |at| matrices[at / 4][at % 4]);
    // The first is positive definite; of the second the whole is not, of the third not even its corner.
    let a = three([[4.0, 9.0, 2.0, 5.0], [1.0, 9.0, 2.0, 1.0], [-1.0, 9.0, 0.0, 1.0]]);
    let (l, b) = (Tensor::from([[2.0f64, 7.0], [1.0, 4.0]]), Tensor::from([[2.0f64], [8.0]]));
    let nan = f32::NAN;
    let lower = three([[2.0, 9.0, 1.0, 2.0], [1.0, 9.0, 2.0, nan], [nan, 9.0, nan, nan]]);
    let upper = three([[2.0, 4.5, 2.0, nan], [1.0, 9.0, 2.0, nan], [nan, nan, 0.0, nan]]);
    let expected = [
        lower,
        Tensor::from([0, 2, 1]),
        upper,
        Tensor::from([[0.0f64], [2.0]]),
        Tensor::from([[4.0f64], [12.0]]),
    ];
    check(&text, &[a, l, b], &expected);
}

#[test]
fn implicit_broadcasts() {
    let text = "
        func.func @main(%x: tensor<2x3xf32>, %row: tensor<3xf32>, %column: tensor<2x1xf32>, %two: tensor<2xf32>, %p: tensor<i1>)
            -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x2x3xf32>) {
          %0 = chlo.broadcast_add %x, %row : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
          %1 = chlo.broadcast_multiply %column, %row : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x3xf32>
          %2 = chlo.broadcast_subtract %two, %x {broadcast_dimensions = array<i64: 0>} : (tensor<2xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
          %3 = chlo.broadcast_compare %x, %row {comparison_direction = #chlo<comparison_direction LT>} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xi1>
          %4 = \"chlo.broadcast_select\"(%p, %x, %row) : (tensor<i1>, tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
          %5 = stablehlo.broadcast %x, sizes = [2] : (tensor<2x3xf32>) -> tensor<2x2x3xf32>
          return %0, %1, %2, %3, %4, %5 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x2x3xf32>
        }";
    let x = Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let inputs = [
        x.clone(),
        Tensor::from([2.0f32, 2.0, 4.0]),
        Tensor::from([[1.0f32], [10.0]]),
        Tensor::from([1.0f32, 2.0]),
        Tensor::from(false),
    ];
    let expected = [
        Tensor::from([[3.0f32, 4.0, 7.0], [6.0, 7.0, 10.0]]),
        Tensor::from([[2.0f32, 2.0, 4.0], [20.0, 20.0, 40.0]]),
        Tensor::from([[0.0f32, -1.0, -2.0], [-2.0, -3.0, -4.0]]),
        Tensor::from([[true, false, true], [false, false, false]]),
        Tensor::from([[2.0f32, 2.0, 4.0], [2.0, 2.0, 4.0]]),
        Tensor::stack(&[x.clone(), x]).expect("tensors of one type"),
    ];
    check(text, &inputs, &expected);
}

/// Every byte but 0 is true, in files too.
#[test]
fn truth_in_bytes() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bytes.safetensors");
    let header = r#"{"0":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}}"#;
    let length = u64::try_from(header.len()).expect("a length").to_le_bytes();
    fs::write(&path, [&length, header.as_bytes(), &[0u8, 1, 2, 255]].concat()).expect("a file of tensors");
    let read = numbered(&file::read(path).expect("its tensors"), "");
    assert_eq!(read[0].dtype(), DType::I1);
    assert_eq!(read[0].as_slice::<bool>().expect("booleans"), [false, true, true, true]);
}
