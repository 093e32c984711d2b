//! Texts of other programs: usual spellings that the printer does not write, and faults.

use crate::texts::fault;
use choral_ir::{DType, Extreme, Fold, Graph, NodeKind, Op, Storage, Tensor};

/// The first text means what the second means.
#[track_caller]
fn check_same(spelled: &str, canonical: &str) {
    let spelled = Graph::parse(spelled).unwrap_or_else(|error| panic!("{error}"));
    let canonical = Graph::parse(canonical).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(spelled, canonical, "\n{spelled}\n{canonical}");
}

/// One op of one argument.
fn unary(line: &str, result: &str) -> String {
    format!("func.func @main(%x: tensor<2x3xf32>) -> {result} {{\n  %y = {line}\n  return %y : {result}\n}}")
}

#[test]
fn jax_module() {
    let text = r#"
        #loc1 = loc("x")
        module @jit_f attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
          func.func public @main(%arg0: tensor<2x3xf32> {mhlo.layout_mode = "default"} loc("x"),
              %arg1: tensor<3xf32>) -> (tensor<2xf32> {jax.result_info = "result"}) {
            %0 = stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32> loc(#loc1)
            %1 = call @relu(%0) : (tensor<2xf32>) -> tensor<2xf32>
            return %1 : tensor<2xf32>
          } loc(#loc1)
          func.func private @relu(%arg0: tensor<2xf32>) -> tensor<2xf32> {
            %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
            %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<2xf32>
            %1 = stablehlo.maximum %arg0, %0 : tensor<2xf32>
            return %1 : tensor<2xf32>
          }
        }"#;
    insta::assert_snapshot!(Graph::parse(text).unwrap());
}

#[test]
fn generic_forms() {
    let pairs = [
        (
            r#""stablehlo.tanh"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>"#,
            "stablehlo.tanh %x : tensor<2x3xf32>",
            "tensor<2x3xf32>",
        ),
        (
            r#""stablehlo.add"(%x, %x) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>"#,
            "stablehlo.add %x, %x : tensor<2x3xf32>",
            "tensor<2x3xf32>",
        ),
        (
            r#""stablehlo.constant"() <{value = dense<1.0> : tensor<2xf32>}> : () -> tensor<2xf32>"#,
            "stablehlo.constant dense<0x3F800000> : tensor<2xf32>",
            "tensor<2xf32>",
        ),
        (
            r#""chlo.constant_like"(%x) <{value = 1.5 : f32}> : (tensor<2x3xf32>) -> tensor<2x3xf32>"#,
            "chlo.constant dense<1.5> : tensor<2x3xf32>",
            "tensor<2x3xf32>",
        ),
        (
            r#""stablehlo.compare"(%x, %x) <{comparison_direction = #stablehlo<comparison_direction LT>, compare_type = #stablehlo<comparison_type TOTALORDER>}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>"#,
            "stablehlo.compare LT, %x, %x, TOTALORDER : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>",
            "tensor<2x3xi1>",
        ),
        (
            r#""stablehlo.transpose"(%x) {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>"#,
            "stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>",
            "tensor<3x2xf32>",
        ),
        (
            r#""stablehlo.slice"(%x) <{start_indices = array<i64: 0, 1>, limit_indices = array<i64: 2, 3>, strides = array<i64: 1, 1>}> : (tensor<2x3xf32>) -> tensor<2x2xf32>"#,
            "stablehlo.slice %x [0:2, 1:3] : (tensor<2x3xf32>) -> tensor<2x2xf32>",
            "tensor<2x2xf32>",
        ),
        (
            r#""stablehlo.dot_general"(%x, %x) <{dot_dimension_numbers = #stablehlo.dot<lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [1]>, precision_config = [#stablehlo<precision DEFAULT>, #stablehlo<precision DEFAULT>]}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>"#,
            "stablehlo.dot_general %x, %x, contracting_dims = [1] x [1] : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>",
            "tensor<2x2xf32>",
        ),
    ];
    for (generic, pretty, result) in pairs {
        check_same(&unary(generic, result), &unary(pretty, result));
    }
}

#[test]
fn generic_reduce() {
    let main = |line: &str| {
        format!(
            "func.func @main(%x: tensor<2x3xf32>, %zero: tensor<f32>) -> tensor<2xf32> {{
               %y = {line}
               return %y : tensor<2xf32>
             }}"
        )
    };
    let types = "(tensor<2x3xf32>, tensor<f32>) -> tensor<2xf32>";
    let generic = main(&format!(
        r#""stablehlo.reduce"(%x, %zero) <{{dimensions = array<i64: 1>}}> ({{
             ^bb0(%a: tensor<f32>, %b: tensor<f32>):
               %sum = stablehlo.add %a, %b : tensor<f32>
               "stablehlo.return"(%sum) : (tensor<f32>) -> ()
           }}) : {types}"#
    ));
    let pretty = main(&format!(
        "stablehlo.reduce(%x init: %zero) applies stablehlo.add across dimensions = [1] : {types}"
    ));
    check_same(&generic, &pretty);
}

#[test]
fn bytes_in_hexadecimal() {
    check_same(
        &unary(r#"stablehlo.constant dense<"0x0000803F00000040"> : tensor<2xf32>"#, "tensor<2xf32>"),
        &unary("stablehlo.constant dense<[1.0, 2.0]> : tensor<2xf32>", "tensor<2xf32>"),
    );
}

#[test]
fn scalar_predicate_is_repeated() {
    let text = "func.func @main(%p: tensor<i1>, %x: tensor<2xf32>) -> tensor<2xf32> {
        %y = stablehlo.select %p, %x, %x : tensor<i1>, tensor<2xf32>
        return %y : tensor<2xf32>
    }";
    insta::assert_snapshot!(Graph::parse(text).unwrap());
}

/// What StableHLO has and choral does not support is refused by name.
#[test]
fn refusals() {
    let ty = "tensor<2x3xf32>";
    let refusals = [
        fault("func.func @main(%x: tensor<2xcomplex<f32>>) -> () { return }"),
        fault("func.func @main(%x: tensor<?x2xf32>) -> () { return }"),
        fault("func.func @main(%x: tensor<2x!quant.uniform<i8:f32, 0.5>>) -> () { return }"),
        fault("func.func @main(%x: tensor<2xf8E4M3FN>) -> () { return }"),
        fault("func.func @main(%x: !stablehlo.token) -> () { return }"),
        fault(&unary(
            "stablehlo.fft %x, type = RFFT, length = [3] : (tensor<2x3xf32>) -> tensor<2x2xcomplex<f32>>",
            ty,
        )),
        fault(&unary(
            "stablehlo.dynamic_reshape %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
            ty,
        )),
        fault(&unary("stablehlo.custom_call @solve(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>", ty)),
        fault(&unary(r#""stablehlo.all_gather"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32>"#, ty)),
        fault(&unary("stablehlo.after_all : !stablehlo.token", ty)),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

/// What regions read from around them.
#[test]
fn captures() {
    let text = r#"
        func.func @main(%n: tensor<i32>, %x: tensor<2xf32>, %p: tensor<i1>) -> (tensor<2xf32>, tensor<2xf32>) {
          %zero = stablehlo.constant dense<0> : tensor<i32>
          %pair:2 = stablehlo.optimization_barrier %x, %x : tensor<2xf32>, tensor<2xf32>
          %0:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<2xf32>
            cond {
              %below = stablehlo.compare LT, %i, %n : (tensor<i32>, tensor<i32>) -> tensor<i1>
              stablehlo.return %below : tensor<i1>
            } do {
              %one = stablehlo.constant dense<1> : tensor<i32>
              %next = stablehlo.add %i, %one : tensor<i32>
              %z = "stablehlo.if"(%p) ({
                %sum = stablehlo.add %y, %pair#1 : tensor<2xf32>
                stablehlo.return %sum : tensor<2xf32>
              }, {
                stablehlo.return %y : tensor<2xf32>
              }) : (tensor<i1>) -> tensor<2xf32>
              stablehlo.return %next, %z : tensor<i32>, tensor<2xf32>
            }
          return %0#1, %pair#0 : tensor<2xf32>, tensor<2xf32>
        }"#;
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(Graph::parse(&graph.to_text()).unwrap(), graph);
    insta::assert_snapshot!(graph);
}

#[test]
fn generic_loops() {
    let line = |body: &str| {
        format!(
            "func.func @main(%x: tensor<f32>) -> tensor<f32> {{\n %y = {body}\n return %y : tensor<f32> }}"
        )
    };
    let small = "%c = stablehlo.constant dense<9.0> : tensor<f32>
        %p = stablehlo.compare LT, %a, %c : (tensor<f32>, tensor<f32>) -> tensor<i1>
        stablehlo.return %p : tensor<i1>";
    let twice = "%d = stablehlo.add %a, %a : tensor<f32>\n stablehlo.return %d : tensor<f32>";
    let pretty = format!("stablehlo.while(%a = %x) : tensor<f32> cond {{ {small} }} do {{ {twice} }}");
    let generic = format!(
        "\"stablehlo.while\"(%x) ({{\n^bb0(%a: tensor<f32>): {small} }}, {{\n^bb0(%a: tensor<f32>): {twice} }}) : (tensor<f32>) -> tensor<f32>"
    );
    check_same(&line(&generic), &line(&pretty));
}

#[test]
fn faults() {
    let ty = "tensor<2x3xf32>";
    let faults = [
        fault(""),
        fault("func.func @main() {"),
        fault("func.func @main(%x: tensor<?xf32>) -> () { return }"),
        fault("func.func @main(%x: tensor<99999999999x99999999999xf32>) -> () { return }"),
        fault("func.func @main(%x: tensor<f32>, %x: tensor<f32>) -> () { return }"),
        fault("func.func @main(%x: tensor<f32> {choral.axes = \"members@0\"}) -> () { return }"),
        fault("func.func @f() -> () { return }\nfunc.func @f() -> () { return }"),
        fault("func.func @f() -> () {\n %a:0 = call @g() : () -> ()\n return }"),
        fault("func.func @f() -> () {\n %a:0 = call @f() : () -> ()\n return }"),
        fault(&unary("stablehlo.tanh %x, : ", ty)),
        fault(&unary("stablehlo.tanh %z : tensor<2x3xf32>", ty)),
        fault(&unary("stablehlo.hyperbolic %x : tensor<2x3xf32>", ty)),
        fault(&unary("stablehlo.tanh %x : tensor<3xf32>", ty)),
        fault(&unary("stablehlo.tanh %x, speed = 3 : tensor<2x3xf32>", ty)),
        fault(&unary("stablehlo.transpose %x : (tensor<2x3xf32>) -> tensor<3x2xf32>", ty)),
        fault(&unary("stablehlo.transpose %x, dims = [0, -1] : (tensor<2x3xf32>) -> tensor<3x2xf32>", ty)),
        fault(&unary("stablehlo.constant dense<[1, 2.5]> : tensor<2xi32>", ty)),
        fault(&unary("stablehlo.constant dense<[[1, 2], [3]]> : tensor<2x2xi32>", ty)),
        fault(&unary("stablehlo.constant dense<300> : tensor<i8>", ty)),
        fault(&unary("stablehlo.not %x : tensor<2x3xf32>", ty)),
        fault(&unary("stablehlo.tanh %x & : tensor<2x3xf32>", ty)),
        fault(
            "func.func @main(%x: tensor<2xf32>, %y: tensor<f32>) -> tensor<2xf32> {
  %z = \"stablehlo.map\"(%x) ({
  ^bb0(%a: tensor<f32>):
    %b = stablehlo.add %a, %y : tensor<f32>
    stablehlo.return %b : tensor<f32>
  }) : (tensor<2xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}",
        ),
        fault(
            "func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %z = stablehlo.while(%y = %x) : tensor<f32> cond {
    stablehlo.return %y : tensor<f32>
  } do {
    stablehlo.return %y : tensor<f32>
  }
  return %z : tensor<f32>
}",
        ),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

/// Whatever is cut from a text, the answer is a graph or an error, never a panic.
#[test]
fn cut_texts_do_not_panic() {
    let text = unary(
        "stablehlo.pad %x, %x, low = [1, -1], high = [0, 2], interior = [1, 0] : (tensor<2x3xf32>, tensor<f32>) -> tensor<4x4xf32>",
        "tensor<4x4xf32>",
    );
    for end in 0..text.len() {
        let _ = Graph::parse(&text[..end]);
        let _ = Graph::parse(&text[end..]);
    }
}

/// Deep nesting is refused before the stack is at stake.
#[test]
fn deep_nesting_is_refused() {
    let list = format!("func.func @main() {{ %x = stablehlo.constant dense<{}", "[".repeat(200_000));
    assert!(Graph::parse(&list).unwrap_err().to_string().contains("nested at most"));
    let regions = "\"stablehlo.sort\"() ({ ".repeat(100_000);
    assert!(Graph::parse(&format!("func.func @main() {{ {regions}")).is_err());
    // Regions nest through calls, too.
    let branch = |index: usize| {
        let next = index + 1;
        format!(
            "func.func private @f{index}(%p: tensor<i1>) {{ \"stablehlo.if\"(%p) ({{ func.call @f{next}(%p) : (tensor<i1>) -> () stablehlo.return }}, {{ stablehlo.return }}) : (tensor<i1>) -> () return }}\n"
        )
    };
    let calls: String = (0..2_000).map(branch).collect();
    assert!(Graph::parse(&calls).unwrap_err().to_string().contains("regions nested at most"));
}

/// Functions that call the next one twice stand for more ops than fit any memory.
#[test]
fn calls_without_bound_are_refused() {
    let ty = "tensor<f32>";
    let mut text = String::new();
    for level in 0..38 {
        let next = level + 1;
        text += &format!(
            "func.func @f{level}(%x: {ty}) -> {ty} {{
  %y = call @f{next}(%x) : ({ty}) -> {ty}
  %z = call @f{next}(%y) : ({ty}) -> {ty}
  return %z : {ty}
}}
"
        );
    }
    text +=
        &format!("func.func @f38(%x: {ty}) -> {ty} {{\n %y = stablehlo.tanh %x : {ty}\n return %y : {ty} }}");
    insta::assert_snapshot!(fault(&text));
}

/// JAX's `argmax` is known for what it is.
#[test]
fn argmax_is_recognised() {
    let text = "
        func.func @main(%x: tensor<2x3xf32>) -> tensor<2xi32> {
          %0 = stablehlo.iota dim = 1 : tensor<2x3xi32>
          %cst = stablehlo.constant dense<0xFF800000> : tensor<f32>
          %c = stablehlo.constant dense<0> : tensor<i32>
          %1:2 = stablehlo.reduce(%x init: %cst), (%0 init: %c) across dimensions = [1] : (tensor<2x3xf32>, tensor<2x3xi32>, tensor<f32>, tensor<i32>) -> (tensor<2xf32>, tensor<2xi32>)
           reducer(%arg1: tensor<f32>, %arg3: tensor<f32>) (%arg2: tensor<i32>, %arg4: tensor<i32>)  {
            %2 = stablehlo.compare GT, %arg1, %arg3, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
            %3 = stablehlo.compare NE, %arg1, %arg1, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
            %4 = stablehlo.or %2, %3 : tensor<i1>
            %5 = stablehlo.compare EQ, %arg1, %arg3, FLOAT : (tensor<f32>, tensor<f32>) -> tensor<i1>
            %6 = stablehlo.compare LT, %arg2, %arg4, SIGNED : (tensor<i32>, tensor<i32>) -> tensor<i1>
            %7 = stablehlo.and %5, %6 : tensor<i1>
            %8 = stablehlo.or %4, %7 : tensor<i1>
            %9 = stablehlo.select %4, %arg1, %arg3 : tensor<i1>, tensor<f32>
            %10 = stablehlo.select %8, %arg2, %arg4 : tensor<i1>, tensor<i32>
            stablehlo.return %9, %10 : tensor<f32>, tensor<i32>
          }
          return %1#1 : tensor<2xi32>
        }";
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let bodies = graph.nodes().filter_map(|(_, node)| match &node.kind {
        NodeKind::Op(Op::Reduce(op)) => Some(op.body.fold()),
        _ => None,
    });
    assert_eq!(bodies.collect::<Vec<_>>(), [Fold::Extreme(Extreme::Greatest)]);
}

/// A constant that a literal spells; what is wrong with it otherwise.
fn constant(dtype: DType, literal: &str) -> Result<Tensor, String> {
    let text = format!(
        "func.func @main() -> tensor<{dtype}> {{\n  \
         %y = stablehlo.constant dense<{literal}> : tensor<{dtype}>\n  \
         return %y : tensor<{dtype}>\n}}"
    );
    let graph = Graph::parse(&text).map_err(|fault| fault.message)?;
    let constants = graph.nodes().find_map(|(_, node)| match &node.kind {
        NodeKind::Constant(tensor) => Some(tensor.clone()),
        NodeKind::Input | NodeKind::Op(_) => None,
    });
    constants.ok_or_else(|| "no constant".to_owned())
}

/// The limits of every integer type are read, and what lies beyond them is refused. As MLIR reads it, a literal
/// above the greatest integer of a signed type names the bits of the unsigned one, so that its limit counts.
#[test]
fn limits_of_integers() {
    let decimal = |value: i128| value.to_string();
    let hexadecimal =
        |value: i128| format!("{}0x{:X}", if value < 0 { "-" } else { "" }, value.unsigned_abs());
    for dtype in DType::ALL.into_iter().filter(|dtype| dtype.is_integer()) {
        let (bits, sign) = (dtype.bits() as u32, u32::from(dtype.is_signed_integer()));
        let (least, most) = (-i128::from(sign) << (bits - 1), (1i128 << bits) - 1);
        for value in [least, least + 1, 0, most >> sign, (most >> sign) + i128::from(sign), most] {
            let bytes = &value.to_le_bytes()[..dtype.bytes()];
            let storage = Storage::from_le_bytes(dtype, bytes).expect("the bytes of one element");
            let expected = Tensor::from_storage([], storage).expect("one element");
            for literal in [decimal(value), hexadecimal(value)] {
                assert_eq!(constant(dtype, &literal), Ok(expected.clone()), "{literal} of {dtype}");
            }
        }
        for value in [least - 1, most + 1, most + 2, 2 * most + 1] {
            for literal in [decimal(value), hexadecimal(value)] {
                let fault = format!("expected an element of type {dtype}, found `{literal}`");
                assert_eq!(constant(dtype, &literal), Err(fault));
            }
        }
    }
}
