//! Texts that other programs export: MLIR's own forms, ops of former versions, custom calls, notes about
//! devices. What they mean is checked by the text of the same graph in our own form, or by values in
//! `tests/foreign.rs`; what they do not mean here is refused by name.

use crate::texts::fault;
use choral_ir::check::Program;
use choral_ir::op::Op;
use choral_ir::{Graph, NodeKind};

#[track_caller]
fn parse(text: &str) -> Graph {
    Graph::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The first text means what the second means.
#[track_caller]
fn check_same(spelled: &str, canonical: &str) {
    let (spelled, canonical) = (parse(spelled), parse(canonical));
    assert_eq!(spelled, canonical, "\n{spelled}\n{canonical}");
}

/// A function `@main` of one line, in `%x: tensor<2x3xf32>`.
fn line(line: &str, result: &str) -> String {
    format!("func.func @main(%x: tensor<2x3xf32>) -> {result} {{\n  %y = {line}\n  return %y : {result}\n}}")
}

/// A function `@main` that returns one literal.
fn literal(literal: &str, ty: &str) -> String {
    format!(
        "func.func @main() -> {ty} {{\n  %c = stablehlo.constant {literal} : {ty}\n  return %c : {ty}\n}}"
    )
}

const SQUARE: &str = "tensor<2x3xf32>";

/// Attributes that are about something else are passed over, whatever they hold.
#[test]
fn notes_are_passed_over() {
    let plain = line("stablehlo.tanh %x : tensor<2x3xf32>", SQUARE);
    let notes = [
        r#"result_layout = dense<[0, 1]> : tensor<2xindex>, xla_shape = "f32[3,5]{0,1}""#,
        r#"a.b = {c = [#d.e<balanced <()> [{}] "text > ]">, 1 : i64], f}, g.h = affine_map<(d0, d1) -> (d0 + d1)>"#,
        "a.set = affine_set<(d0) : (d0 - 1 >= 0, d0 == 3)>, a.type = !quant.uniform<i8:f32, 0.5>",
        "a.floats = dense<1.0> : tensor<2xf8E4M3FN>, a.function = (tensor<2xf32>, i32) -> (f80), a.unit",
        "a.location = loc(fused<\"x\">[\"a\":1:2, callsite(\"b\" at \"c\"(\"d\":3:4))]), a.symbol = @a::@b",
        "sdy.sharding = #sdy.sharding_per_value<[<@mesh, [{\"x\"}, {}]>]>, a.bytes = dense_resource<nowhere> : tensor<2xf32>",
        "mhlo.frontend_attributes = {fingerprint_before_lhs = \"x\"}, a.vector = vector<4xf32>, a.list = []",
        "unknown = 1.5e-3 : f32, a.wide = 12345678901234567890 : ui64, \"a.quoted\" = true",
    ];
    for note in notes {
        check_same(&line(&format!("stablehlo.tanh %x {{{note}}} : tensor<2x3xf32>"), SQUARE), &plain);
        let generic = format!("\"stablehlo.tanh\"(%x) {{{note}}} : (tensor<2x3xf32>) -> tensor<2x3xf32>");
        check_same(&line(&generic, SQUARE), &plain);
        let module = format!("module @m attributes {{{note}}} {{\n{plain}\n}}");
        check_same(&module, &plain);
    }
}

#[test]
fn generic_modules() {
    let pretty = "module @m {
      func.func public @main(%a: tensor<3xf32>) -> tensor<3xf32> {
        %0 = call @twice(%a) : (tensor<3xf32>) -> tensor<3xf32>
        call @nothing() : () -> ()
        return %0 : tensor<3xf32>
      }
      func.func private @twice(%a: tensor<3xf32>) -> tensor<3xf32> {
        %0 = stablehlo.add %a, %a : tensor<3xf32>
        return %0 : tensor<3xf32>
      }
      func.func private @nothing() { return }
    }";
    let function = |head: &str, body: &str, tail: &str| {
        format!("\"func.func\"(){head} ({{\n{body}\n}}){tail} : () -> ()\n")
    };
    let add = "^bb0(%a: tensor<3xf32>):
        %0 = \"stablehlo.add\"(%a, %a) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
        \"func.return\"(%0) : (tensor<3xf32>) -> ()";
    let call = "^bb0(%a: tensor<3xf32>):
        %0 = \"func.call\"(%a) <{callee = @twice}> : (tensor<3xf32>) -> tensor<3xf32>
        \"func.call\"() {callee = @nothing} : () -> ()
        \"func.return\"(%0) : (tensor<3xf32>) -> ()";
    let ty = "function_type = (tensor<3xf32>) -> tensor<3xf32>";
    // Properties before the body, as MLIR writes them today, or attributes behind it, as it did.
    let forms = [
        [
            function(&format!(" <{{{ty}, sym_name = \"main\", sym_visibility = \"public\"}}>"), call, ""),
            function(
                &format!(" <{{{ty}, sym_name = \"twice\", sym_visibility = \"private\"}}>"),
                add,
                " {a.b = 1}",
            ),
            function(
                " <{function_type = () -> (), sym_name = \"nothing\", sym_visibility = \"private\"}>",
                "\"func.return\"() : () -> ()",
                "",
            ),
        ],
        [
            function("", call, &format!(" {{{ty}, sym_name = \"main\"}}")),
            function("", add, &format!(" {{{ty}, sym_name = \"twice\", sym_visibility = \"private\"}}")),
            function(
                "",
                "\"func.return\"() : () -> ()",
                " {function_type = () -> (), sym_name = \"nothing\"}",
            ),
        ],
    ];
    for functions in forms {
        let module = |head: &str, tail: &str| {
            format!(
                "\"builtin.module\"(){head} ({{\n{}}}){tail} : () -> () loc(#loc)\n#loc = loc(unknown)",
                functions.concat()
            )
        };
        check_same(&module(" <{sym_name = \"m\"}>", ""), pretty);
        check_same(&module("", " {mhlo.num_partitions = 1 : i32, sym_name = \"m\"}"), pretty);
    }
}

#[test]
fn aliases() {
    let aliased = "
        !t = tensor<2x3xf32>
        !same = !t
        #d = array<i64: 1, 0>
        #also = #d
        #loc = loc(\"file\":1:2)
        #map = affine_map<(d0) -> (d0)>
        #literal = dense<[1, 0]> : tensor<2xi64>
        #gather = #stablehlo.gather<offset_dims = [0]>
        func.func @main(%x: !same loc(#loc)) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
          %y = \"stablehlo.transpose\"(%x) <{permutation = #also}> {m.m = #map} : (!t) -> tensor<3x2xf32> loc(#loc)
          %z = \"stablehlo.transpose\"(%x) <{permutation = #literal}> : (!t) -> tensor<3x2xf32>
          return %y, %z : tensor<3x2xf32>, tensor<3x2xf32>
        }";
    let plain = "func.func @main(%x: tensor<2x3xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
          %y = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
          %z = stablehlo.transpose %x, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
          return %y, %z : tensor<3x2xf32>, tensor<3x2xf32>
        }";
    check_same(aliased, plain);
    let transpose = "func.func @main(%x: tensor<2x3xf32>) -> tensor<3x2xf32> {
  %y = \"stablehlo.transpose\"(%x) <{permutation = #a}> : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}";
    // Forty lists of two lists each would be more than any memory.
    let doubled: String = (0..40).map(|at| format!("#a{at} = [#a{}, #a{}]\n", at + 1, at + 1)).collect();
    // Nor may a chain of them exhaust the stack.
    let chained: String = (0..100_000).map(|at| format!("#a{at} = #a{}\n", at + 1)).collect();
    let faults = [
        fault(&format!("#a = [#a0]\n{chained}#a100000 = 1\n{transpose}")),
        fault(&format!("#a = #b\n#b = [#a]\n{transpose}")),
        fault(transpose),
        fault("!t = !u\n!u = !t\nfunc.func @main(%x: !t) -> !t { return %x : !t }"),
        fault(&format!("#a = [#a0]\n{doubled}#a40 = 1\n{transpose}")),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn literals() {
    let pairs = [
        ("dense<[255, 0xFF]>", "dense<[-1, -1]>", "tensor<2xi8>"),
        ("dense<[-128, 128]>", "dense<-128>", "tensor<2xi8>"),
        ("dense<[2147483648, 0xFFFFFFFF]>", "dense<[-2147483648, -1]>", "tensor<2xi32>"),
        ("dense<-0x1>", "dense<-1>", "tensor<i32>"),
        ("dense<[-1, 1, 0]>", "dense<[true, true, false]>", "tensor<3xi1>"),
        ("dense<[0x3C00, 0x7C00]>", "dense<[1.0, 0x7C00]>", "tensor<2xf16>"),
        ("dense<0x3F80>", "dense<1.0>", "tensor<bf16>"),
        ("dense<0x3FF0000000000000>", "dense<1.0>", "tensor<f64>"),
        ("dense<\"0x0102FF00\">", "dense<[true, true, true, false]>", "tensor<4xi1>"),
        ("dense<\"0x02\">", "dense<true>", "tensor<4xi1>"),
        // Older MLIR packs booleans.
        (
            "dense<\"0x0502\">",
            "dense<[true, false, true, false, false, false, false, false, false, true]>",
            "tensor<10xi1>",
        ),
    ];
    for (spelled, canonical, ty) in pairs {
        let (spelled, canonical) = (parse(&literal(spelled, ty)), parse(&literal(canonical, ty)));
        let elements = |graph: &Graph| {
            let constant = graph.nodes().find_map(|(_, node)| match &node.kind {
                NodeKind::Constant(tensor) => Some(tensor.to_f64_vec()),
                NodeKind::Input | NodeKind::Op(_) => None,
            });
            let constant = constant.expect("a constant");
            let count = graph.output_types()[0].len();
            if constant.len() == 1 { vec![constant[0]; count] } else { constant }
        };
        assert_eq!(elements(&spelled), elements(&canonical), "{spelled}");
    }
    let faults = [
        fault(&literal("dense<256>", "tensor<i8>")),
        fault(&literal("dense<-129>", "tensor<i8>")),
        fault(&literal("dense<-1>", "tensor<ui8>")),
        fault(&literal("dense<2>", "tensor<i1>")),
        fault(&literal("dense<0x10000>", "tensor<f16>")),
        fault(&literal("dense<-0x1>", "tensor<f32>")),
        fault(&literal("dense<\"0x010\">", "tensor<2xi1>")),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

#[test]
fn resources() {
    let section = "{-#
  dialect_resources: {
    builtin: {
      weights: \"0x040000000000803F00000040\",
      \"a name\": \"0x040000000102\"
    }
  },
  external_resources: { mlir_reproducer: { verify: \"true\" } }
#-}";
    let main = |form: &str, ty: &str| literal(form, ty);
    check_same(
        &format!("module {{\n{}\n}}\n{section}", main("dense_resource<weights>", "tensor<2xf32>")),
        &main("dense<[1.0, 2.0]>", "tensor<2xf32>"),
    );
    check_same(
        &format!("{}\n{section}", main("dense_resource<\"a name\">", "tensor<2xi1>")),
        &main("dense<[true, true]>", "tensor<2xi1>"),
    );
    let faults = [
        fault(&main("dense_resource<__elided__>", "tensor<2xf32>")),
        fault(&format!("{}\n{section}", main("dense_resource<weights>", "tensor<3xf32>"))),
        fault(&format!("{}\n{{-# dialect_resources: {{", main("dense<1.0>", "tensor<f32>"))),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

/// A chain of functions as `function` writes each of them.
fn chain(length: usize, function: impl Fn(usize) -> String) -> String {
    let ty = "tensor<f32>";
    let last = format!("func.func private @f{length}(%x: {ty}) -> {ty} {{ return %x : {ty} }}\n");
    (0..length).map(function).collect::<String>() + &last
}

/// Chains of calls may be of any length; only what calls itself has no graph.
#[test]
fn chains_of_calls() {
    const LENGTH: usize = 100_000;
    let ty = "tensor<f32>";
    let link = |index: usize| {
        let next = index + 1;
        format!(
            "func.func @f{index}(%x: {ty}) -> {ty} {{ %y = stablehlo.tanh %x : {ty} %z = call @f{next}(%y) : ({ty}) -> {ty} return %z : {ty} }}\n"
        )
    };
    let text = chain(LENGTH, link);
    assert_eq!(parse(&text).len(), LENGTH + 1);
    assert_eq!(Program::parse_all(&text).map(|programs| programs.len()), Ok(1));
    let faults = [
        fault("func.func @main() {\n  call @main() : () -> ()\n  return\n}"),
        fault(
            "func.func @f() {\n  call @g() : () -> ()\n  return\n}\nfunc.func @g() {\n  call @f() : () -> ()\n  return\n}",
        ),
        // Nothing calls these two but they each other.
        fault(
            "func.func @main() { return }\nfunc.func @f() {\n  call @g() : () -> ()\n  return\n}\nfunc.func @g() {\n  call @f() : () -> ()\n  return\n}",
        ),
        fault(
            "func.func @main() {\n  call @elsewhere() : () -> ()\n  return\n}\nfunc.func private @elsewhere()",
        ),
        fault(
            "func.func @main(%x: tensor<f32>) {\n  %y = call @f(%x) : (tensor<f32>) -> tensor<f32>\n  return\n}\nfunc.func @f(%x: tensor<f32>) { return }",
        ),
        fault(
            "func.func @main(%x: tensor<f32>) {\n  call @f(%x) : (tensor<f32>) -> ()\n  return\n}\nfunc.func @f() { return }",
        ),
    ];
    insta::assert_snapshot!(faults.join("\n"));
}

/// A called function reads its own names alone, in regions too; what it is called with it may hand back.
#[test]
fn called_functions_have_their_own_names() {
    let text = "
        func.func @main(%x: tensor<f32>, %n: tensor<i32>) -> (tensor<f32>, tensor<f32>) {
          %zero = stablehlo.constant dense<0> : tensor<i32>
          %0:2 = stablehlo.while(%i = %zero, %a = %x) : tensor<i32>, tensor<f32>
            cond {
              %c = func.call @below(%i, %n) : (tensor<i32>, tensor<i32>) -> tensor<i1>
              stablehlo.return %c : tensor<i1>
            } do {
              %r:2 = func.call @step(%i, %a) : (tensor<i32>, tensor<f32>) -> (tensor<i32>, tensor<f32>)
              stablehlo.return %r#0, %r#1 : tensor<i32>, tensor<f32>
            }
          %same = call @same(%0#1) : (tensor<f32>) -> tensor<f32>
          return %same, %x : tensor<f32>, tensor<f32>
        }
        func.func private @below(%x: tensor<i32>, %y: tensor<i32>) -> tensor<i1> {
          %c = stablehlo.compare LT, %x, %y : (tensor<i32>, tensor<i32>) -> tensor<i1>
          return %c : tensor<i1>
        }
        func.func private @step(%x: tensor<i32>, %y: tensor<f32>) -> (tensor<i32>, tensor<f32>) {
          %one = stablehlo.constant dense<1> : tensor<i32>
          %next = stablehlo.add %x, %one : tensor<i32>
          %p = stablehlo.compare EQ, %x, %one : (tensor<i32>, tensor<i32>) -> tensor<i1>
          %z = \"stablehlo.if\"(%p) ({
            stablehlo.return %y : tensor<f32>
          }, {
            %t = func.call @same(%y) : (tensor<f32>) -> tensor<f32>
            %u = stablehlo.tanh %t : tensor<f32>
            stablehlo.return %u : tensor<f32>
          }) : (tensor<i1>) -> tensor<f32>
          return %next, %z : tensor<i32>, tensor<f32>
        }
        func.func private @same(%x: tensor<f32>) -> tensor<f32> { return %x : tensor<f32> }";
    let graph = parse(text);
    assert_eq!(parse(&graph.to_text()), graph);
    insta::assert_snapshot!(graph);
    let leak = text.replace("%u = stablehlo.tanh %t", "%u = stablehlo.tanh %a");
    assert!(fault(&leak).contains("expected a value defined above, found %a"));
}

/// Ops in the dialect or the spelling of another time.
#[test]
fn ops_by_other_names() {
    let same = [
        ("mhlo.tanh %x : tensor<2x3xf32>", "stablehlo.tanh %x : tensor<2x3xf32>"),
        (
            "\"mhlo.add\"(%x, %x) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>",
            "stablehlo.add %x, %x : tensor<2x3xf32>",
        ),
        ("chlo.tan %x : tensor<2x3xf32> -> tensor<2x3xf32>", "stablehlo.tan %x : tensor<2x3xf32>"),
        ("mhlo.erf %x : tensor<2x3xf32>", "chlo.erf %x : tensor<2x3xf32> -> tensor<2x3xf32>"),
        (
            "stablehlo.custom_call @mhlo.erf(%x) {mhlo.attributes = {}, mhlo.version = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>",
            "chlo.erf %x : tensor<2x3xf32> -> tensor<2x3xf32>",
        ),
        (
            "stablehlo.custom_call @mhlo.asin(%x) {mhlo.attributes = {}} : (tensor<2x3xf32>) -> tensor<2x3xf32>",
            "chlo.asin %x : tensor<2x3xf32> -> tensor<2x3xf32>",
        ),
        (
            "\"stablehlo.custom_call\"(%x) <{call_target_name = \"mhlo.tan\"}> : (tensor<2x3xf32>) -> tensor<2x3xf32>",
            "stablehlo.tan %x : tensor<2x3xf32>",
        ),
        (
            "chlo.conj %x : tensor<2x3xf32> -> tensor<2x3xf32>",
            "stablehlo.optimization_barrier %x : tensor<2x3xf32>",
        ),
    ];
    for (spelled, canonical) in &same[..same.len() - 1] {
        check_same(&line(spelled, SQUARE), &line(canonical, SQUARE));
    }
    let handed_on = [
        "chlo.conj %x : tensor<2x3xf32> -> tensor<2x3xf32>",
        "stablehlo.custom_call @Sharding(%x) {backend_config = \"\", mhlo.sharding = \"{replicated}\"} : (tensor<2x3xf32>) -> tensor<2x3xf32>",
        "stablehlo.custom_call @SPMDFullToShardShape(%x) {mhlo.sharding = \"{manual}\"} : (tensor<2x3xf32>) -> tensor<2x3xf32>",
        "stablehlo.custom_call @annotate_device_placement(%x) {has_side_effect = true, mhlo.frontend_attributes = {_xla_buffer_placement = \"pinned_host\"}} : (tensor<2x3xf32>) -> tensor<2x3xf32>",
        "sdy.sharding_constraint %x <@mesh, [{\"x\"}, {?}]> : tensor<2x3xf32>",
        "sdy.reshard %x <@mesh, [{}, {}]> : tensor<2x3xf32>",
        "sdy.propagation_barrier %x allowed_direction=NONE : tensor<2x3xf32>",
        "\"sdy.sharding_constraint\"(%x) <{sharding = #sdy.sharding<@mesh, [{}, {}]>}> : (tensor<2x3xf32>) -> tensor<2x3xf32>",
        "sdy.manual_computation(%x) in_shardings=[<@mesh, [{\"x\"}, {}]>] out_shardings=[<@mesh, [{\"x\"}, {}]>] manual_axes={\"x\"} (%a: tensor<2x3xf32>) { sdy.return %a : tensor<2x3xf32> } : (tensor<2x3xf32>) -> tensor<2x3xf32>",
    ];
    for spelled in handed_on {
        let graph = parse(&format!("sdy.mesh @mesh = <[\"x\"=1]> {{a.b = 1}}\n{}", line(spelled, SQUARE)));
        assert_eq!(graph.outputs()[0].value, graph.inputs()[0].value, "{graph}");
    }
    let group =
        "func.func @main(%x: tensor<f32>) {\n sdy.sharding_group %x group_id=1 : tensor<f32>\n return }";
    assert_eq!(parse(group).len(), 1);
}

/// A composite op is its decomposition, which stands in the text.
#[test]
fn composites() {
    let text = "
        func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
          %0 = stablehlo.composite \"my.op\" %x {composite_attributes = {a = dense<1> : tensor<i32>, b = {c}}, decomposition = @my.op, version = 1 : i32} : (tensor<2x3xf32>) -> tensor<2x3xf32>
          %1 = \"stablehlo.composite\"(%0) <{decomposition = @my.op, name = \"my.op\"}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
          return %0, %1 : tensor<2x3xf32>, tensor<2x3xf32>
        }
        func.func private @my.op(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
          %0 = stablehlo.tanh %x : tensor<2x3xf32>
          return %0 : tensor<2x3xf32>
        }";
    let plain = "func.func @main(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
          %0 = stablehlo.tanh %x : tensor<2x3xf32>
          %1 = stablehlo.tanh %0 : tensor<2x3xf32>
          return %0, %1 : tensor<2x3xf32>, tensor<2x3xf32>
        }";
    check_same(text, plain);
}

/// A matrix that is factored, with what says whether it could be: a choral op, and what LAPACK adds.
#[test]
fn factors() {
    let text = line(
        "stablehlo.custom_call @lapack_spotrf_ffi(%x) {mhlo.backend_config = {uplo = 76 : ui8}, operand_layouts = [dense<[0, 1]> : tensor<2xindex>]} : (tensor<2x2xf32>) -> (tensor<2x2xf32>, tensor<i32>)",
        "tensor<2x2xf32>",
    );
    let text = text.replace("tensor<2x3xf32>", "tensor<2x2xf32>").replace("%y =", "%y:2 =");
    let graph = parse(&text.replace("return %y :", "return %y#0 :"));
    let factored = graph.nodes().any(|(_, node)| matches!(&node.kind, NodeKind::Op(Op::Linalg(_))));
    assert!(factored, "{graph}");
}

/// Whatever is cut from a text of these forms, the answer is a graph or an error.
#[test]
fn cut_texts_do_not_panic() {
    let texts = [
        "#a = [1, {b = 2}]\n!t = tensor<2x3xf32>\n\"builtin.module\"() <{sym_name = \"m\"}> ({\n\"func.func\"() <{function_type = (!t) -> !t, sym_name = \"main\"}> ({\n^bb0(%x: !t):\n %y = \"stablehlo.tanh\"(%x) {a = #a, b.c = #d.e<f <g>>} : (!t) -> !t loc(\"x\")\n \"func.return\"(%y) : (!t) -> ()\n}) : () -> ()\n}) {a.b} : () -> ()\n{-# dialect_resources: { builtin: { w: \"0x0400\" } } #-}",
        "sdy.mesh @mesh = <[\"x\"=1]>\nfunc.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n %c = stablehlo.constant dense_resource<w> : tensor<2xf32>\n %a = sdy.sharding_constraint %x <@mesh, [{\"x\"}]> : tensor<2xf32>\n %b = stablehlo.composite \"a.b\" %a {decomposition = @f} : (tensor<2xf32>) -> tensor<2xf32>\n call @g() : () -> ()\n return %b : tensor<2xf32>\n}\nfunc.func private @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }\nfunc.func private @g() { return }",
    ];
    for text in texts {
        for end in 0..text.len() {
            let _ = Graph::parse(&text[..end]);
            let _ = Graph::parse(&text[end..]);
            let _ = Graph::parse(&(text[..end].to_owned() + text.get(end + 3..).unwrap_or_default()));
        }
    }
}
