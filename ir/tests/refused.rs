//! What choral does not support in texts of other programs, and attributes that their op does not
//! expect: each is refused by name, with its place.

use crate::texts::fault;

/// A function `@main` of one line, in `%x: tensor<2x3xf32>`.
fn line(line: &str, result: &str) -> String {
    format!("func.func @main(%x: tensor<2x3xf32>) -> {result} {{\n  %y = {line}\n  return %y : {result}\n}}")
}

const SQUARE: &str = "tensor<2x3xf32>";

/// What an op's own attributes say matters: a name that it does not know, or another kind of value.
#[test]
fn attributes_of_another_kind() {
    let sort = |attributes: &str| {
        format!(
            "\"stablehlo.sort\"(%x) ({{
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = stablehlo.compare LT, %a, %b : (tensor<f32>, tensor<f32>) -> tensor<i1>
    stablehlo.return %c : tensor<i1>
  }}) {{{attributes}}} : (tensor<2x3xf32>) -> tensor<2x3xf32>"
        )
    };
    let gather = |numbers: &str| {
        format!(
            "\"stablehlo.gather\"(%x, %x) <{{dimension_numbers = #stablehlo.gather<{numbers}>, slice_sizes = array<i64: 1, 1>}}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>"
        )
    };
    let lines = [
        sort("dimension = array<i64>"),
        sort("dimension = array<i64: 0, 1>"),
        sort("dimension = \"first\""),
        sort("dimension = dense<1.5> : tensor<f32>"),
        sort("dimension = 1 : i64, is_stable = [1, 2]"),
        sort("dimension = 1 : i64, is_stable = dense<[true, false]> : tensor<2xi1>"),
        sort("dimension = true"),
        "stablehlo.tanh %x, speed = 3 : tensor<2x3xf32>".to_owned(),
        "\"stablehlo.tanh\"(%x) <{speed = 3 : i64}> : (tensor<2x3xf32>) -> tensor<2x3xf32>".to_owned(),
        "stablehlo.transpose %x, dims = {a = 1} : (tensor<2x3xf32>) -> tensor<3x2xf32>".to_owned(),
        "\"stablehlo.transpose\"(%x) <{permutation = dense<0> : tensor<1000000000000xi64>}> : (tensor<2x3xf32>) -> tensor<3x2xf32>".to_owned(),
        "\"stablehlo.transpose\"(%x) <{permutation = dense<[1, 2.5]> : tensor<2xi64>}> : (tensor<2x3xf32>) -> tensor<3x2xf32>".to_owned(),
        "stablehlo.dot_general %x, %x, contracting_dims = [1] : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>".to_owned(),
        "\"stablehlo.dot_general\"(%x, %x) <{dot_dimension_numbers = [1]}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>".to_owned(),
        gather("offset_dims = [0], offset_dimz = [1]"),
        gather("offset_dims = #stablehlo<dims X>"),
        "stablehlo.compare 3, %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>".to_owned(),
        "\"stablehlo.compare\"(%x, %x) <{comparison_direction = [1]}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>".to_owned(),
        "\"stablehlo.cholesky\"(%x) <{lower = 7}> : (tensor<2x3xf32>) -> tensor<2x3xf32>".to_owned(),
        "\"stablehlo.constant\"() <{value = dense<[1, 2]> : tensor<3xi32>}> : () -> tensor<2x3xf32>".to_owned(),
        "chlo.top_k(%x, k = [1, 2]) : tensor<2x3xf32> -> (tensor<2x1xf32>, tensor<2x1xi32>)".to_owned(),
        "\"stablehlo.convolution\"(%x, %x) <{dimension_numbers = 3, feature_group_count = 1 : i64, batch_group_count = 1 : i64}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>".to_owned(),
        "choral.ppermute %x, axis = \"members\", pairs = [[0, 1], [2]] : tensor<2x3xf32>".to_owned(),
    ];
    let faults: Vec<String> = lines.iter().map(|text| fault(&line(text, SQUARE))).collect();
    insta::assert_snapshot!(faults.join("\n"));
}

/// Element types and types that choral does not support.
#[test]
fn types_that_are_left_out() {
    let elements = [
        "f8E4M3FN",
        "f8E5M2",
        "f4E2M1FN",
        "f6E3M2FN",
        "f80",
        "f128",
        "tf32",
        "i128",
        "i3",
        "ui128",
        "si32",
        "index",
        "complex<f32>",
        "!quant.uniform<i8:f32, 0.5>",
        "vector<4xf32>",
    ];
    let types = [
        "tensor<?x2xf32>",
        "tensor<*xf32>",
        "tensor<2xf32, #stablehlo.bounds<3>>",
        "tensor<99999999999x99999999999xf32>",
        "!stablehlo.token",
        "!quant.uniform<i8:f32, 0.5>",
        "!made.up",
        "tuple<tensor<f32>>",
        "vector<4xf32>",
        "f32",
        "index",
        "i128",
        "complex<f32>",
    ];
    let elements = elements.iter().map(|element| format!("tensor<2x{element}>"));
    let types = elements.chain(types.iter().map(|ty| (*ty).to_owned()));
    let faults: Vec<String> =
        types.map(|ty| fault(&format!("func.func @main(%x: {ty}) -> () {{ return }}"))).collect();
    insta::assert_snapshot!(faults.join("\n"));
}

/// Custom calls, ops and parts of several devices that have no meaning here.
#[test]
fn calls_that_are_refused() {
    let call = |target: &str, rest: &str| {
        line(
            &format!("stablehlo.custom_call @{target}(%x) {{{rest}}} : (tensor<2x3xf32>) -> tensor<2x3xf32>"),
            SQUARE,
        )
    };
    let layouts = "operand_layouts = [dense<[0, 1]> : tensor<2xindex>], result_layouts = [dense<[0, 1]> : tensor<2xindex>]";
    let faults = [
        fault(&call("Qr", layouts)),
        fault(&call("lapack_sgetrf_ffi", layouts)),
        fault(&call("xla_ffi_python_cpu_callback", "mhlo.backend_config = {index = 0 : ui64}")),
        fault(&call("mhlo.unheard_of", "mhlo.attributes = {}")),
        fault(&call("stablehlo.dynamic_reshape", "")),
        fault(&call("lapack_spotrf_ffi", "mhlo.backend_config = {uplo = 76 : ui8}")),
        fault(&call("lapack_spotrf_ffi", &layouts.replace("[0, 1]", "[1, 0]"))),
        fault(&call("lapack_spotrf_ffi", &format!("mhlo.backend_config = {{uplo = 65 : ui8}}, {layouts}"))),
        fault(&call("ApproxTopK", "mhlo.backend_config = {reduction_dim = 1}")),
        fault(&call("ApproxTopK", "called_computations = [@nowhere]")),
        fault(&line(
            "stablehlo.custom_call @SPMDFullToShardShape(%x) : (tensor<2x3xf32>) -> tensor<1x3xf32>",
            "tensor<1x3xf32>",
        )),
        fault(&line(
            "stablehlo.einsum %x, %x, config = \"ij,jk->ik\" : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "\"stablehlo.einsum\"(%x) <{einsum_config = \"ij,jk->ik\"}> : (tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "\"stablehlo.unary_einsum\"(%x) <{einsum_config = \"ijk->ik\"}> : (tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "\"stablehlo.unary_einsum\"(%x) <{einsum_config = \"ii->i\"}> : (tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "\"stablehlo.unary_einsum\"(%x) <{einsum_config = \"ij->ik\"}> : (tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "\"stablehlo.batch_norm_inference\"(%x, %x, %x, %x, %x) <{epsilon = 1.0e-5 : f32, feature_index = 1 : i64}> : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "\"stablehlo.torch_index_select\"(%x, %x) <{dim = 2 : i64, batch_dims = 0 : i64}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "chlo.broadcast_add %x, %x {broadcast_dimensions = array<i64: 7, 8, 9>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line("\"stablehlo.all_reduce\"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>", SQUARE)),
        fault(&line(
            "sdy.all_gather [{}, {\"x\"}] %x out_sharding=<@mesh, [{}, {}]> : tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line(
            "chlo.ragged_dot %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
            SQUARE,
        )),
        fault(&line("arith.addf %x, %x : tensor<2x3xf32>", SQUARE)),
        fault(&line("add %x, %x : tensor<2x3xf32>", SQUARE)),
        fault(
            "func.func @main(%x: tensor<f32>) {\n  stablehlo.custom_call @debug(%x) {has_side_effect = true} : (tensor<f32>) -> ()\n  return\n}",
        ),
        fault("func.func @main(%x: tensor<f32>) {\n  cf.br ^bb1\n^bb1:\n  return\n}"),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}
