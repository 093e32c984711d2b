//! Programs of any size, as text: what the benchmarks of the parser and of the passes read.

use std::fmt::Write;

/// The text of a program of this many ops.
pub(crate) type Generator = fn(usize) -> String;

/// Numbers of ops.
pub(crate) const SIZES: [usize; 4] = [1_250, 2_500, 5_000, 10_000];

/// Every kind of program, by name.
pub(crate) const KINDS: [(&str, Generator); 6] = [
    ("straight", straight),
    ("calls", calls),
    ("regions", regions),
    ("constants", constants),
    ("siblings", siblings),
    ("branches", branches),
];

/// Ops of a function that is called once.
const FUNCTION: usize = 10;

/// Ops of a loop, those of its regions included.
const LOOP: usize = 6;

/// One function of elementwise ops, products and transposes.
fn straight(ops: usize) -> String {
    let mut text = header("main", "public");
    body(&mut text, ops);
    text
}

/// As many ops in functions of ten, each called once.
fn calls(ops: usize) -> String {
    let mut text = header("main", "public");
    let count = ops / FUNCTION;
    for index in 0..count {
        let before = value(index);
        let _ = writeln!(
            text,
            "  %{index} = call @part{index}(%{before}) : (tensor<8x8xf32>) -> tensor<8x8xf32>"
        );
    }
    close(&mut text, count);
    for index in 0..count {
        text += &header(&format!("part{index}"), "private");
        body(&mut text, FUNCTION);
    }
    text
}

/// Loops that read values around them, with reductions inside whose regions are written out.
fn regions(ops: usize) -> String {
    let mut text = header("main", "public");
    text += "  %zero = stablehlo.constant dense<0.0> : tensor<f32>\n";
    let count = ops / LOOP;
    for index in 0..count {
        let before = value(index);
        let _ = writeln!(
            text,
            r#"  %{index} = stablehlo.while(%x = %{before}) : tensor<8x8xf32>
   cond {{
    %again = stablehlo.constant dense<false> : tensor<i1>
    stablehlo.return %again : tensor<i1>
  }} do {{
    %shifted = stablehlo.add %x, %arg0 : tensor<8x8xf32>
    %sum = "stablehlo.reduce"(%shifted, %zero) <{{dimensions = array<i64: 1>}}> ({{
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %c = stablehlo.add %a, %b : tensor<f32>
      stablehlo.return %c : tensor<f32>
    }}) : (tensor<8x8xf32>, tensor<f32>) -> tensor<8xf32>
    %next = stablehlo.broadcast_in_dim %sum, dims = [0] : (tensor<8xf32>) -> tensor<8x8xf32>
    stablehlo.return %next : tensor<8x8xf32>
  }}"#
        );
    }
    close(&mut text, count);
    text
}

/// Constants that all differ, added up.
fn constants(ops: usize) -> String {
    let mut text = header("main", "public");
    let count = ops / 3;
    for index in 0..count {
        let before = value(index);
        let _ = writeln!(
            text,
            "  %c{index} = stablehlo.constant dense<{index}.0> : tensor<8x8xf32>\n  \
             %d{index} = stablehlo.constant dense<-{index}.5> : tensor<f32>\n  \
             %{index} = stablehlo.add %{before}, %c{index} : tensor<8x8xf32>"
        );
    }
    close(&mut text, count);
    text
}

/// Ops that read one value, and differ in an attribute alone.
fn siblings(ops: usize) -> String {
    let mut text = header("main", "public");
    let count = ops / 2;
    for index in 0..count {
        let before = value(index);
        let (exponent, mantissa) = (1 + index % 8, index / 8 % 4096);
        let _ = writeln!(
            text,
            "  %r{index} = stablehlo.reduce_precision %arg0, format = e{exponent}m{mantissa} : tensor<8x8xf32>\n  \
             %{index} = stablehlo.add %{before}, %r{index} : tensor<8x8xf32>"
        );
    }
    close(&mut text, count);
    text
}

/// Branches that read values from around them.
fn branches(ops: usize) -> String {
    let mut text = header("main", "public");
    text += "  %yes = stablehlo.constant dense<true> : tensor<i1>\n";
    let count = ops / 3;
    for index in 0..count {
        let before = value(index);
        let _ = writeln!(
            text,
            r#"  %{index} = "stablehlo.if"(%yes) ({{
    %x = stablehlo.tanh %{before} : tensor<8x8xf32>
    stablehlo.return %x : tensor<8x8xf32>
  }}, {{
    %x = stablehlo.add %{before}, %arg0 : tensor<8x8xf32>
    stablehlo.return %x : tensor<8x8xf32>
  }}) : (tensor<i1>) -> tensor<8x8xf32>"#
        );
    }
    close(&mut text, count);
    text
}

pub(crate) fn header(name: &str, visibility: &str) -> String {
    format!("func.func {visibility} @{name}(%arg0: tensor<8x8xf32>) -> tensor<8x8xf32> {{\n")
}

/// Name of the value before the op at `index`.
fn value(index: usize) -> String {
    index.checked_sub(1).map_or_else(|| "arg0".to_owned(), |before| before.to_string())
}

fn body(text: &mut String, ops: usize) {
    for index in 0..ops {
        let operand = value(index);
        let line = match index % 4 {
            0 => format!("stablehlo.tanh %{operand} : tensor<8x8xf32>"),
            1 => format!("stablehlo.add %{operand}, %arg0 : tensor<8x8xf32>"),
            2 => format!(
                "stablehlo.dot_general %{operand}, %arg0, contracting_dims = [1] x [0] : \
                 (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>"
            ),
            _ => format!(
                "stablehlo.transpose %{operand}, dims = [1, 0] : (tensor<8x8xf32>) -> tensor<8x8xf32>"
            ),
        };
        let _ = writeln!(text, "  %{index} = {line}");
    }
    close(text, ops);
}

fn close(text: &mut String, ops: usize) {
    let _ = writeln!(text, "  return %{} : tensor<8x8xf32>\n}}", value(ops));
}
