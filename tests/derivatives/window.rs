//! Windowed folds: sums, extremes, products and bodies without a name, at every stride, padding and dilation; and
//! what is selected and scattered.

use choral::Graph;
use choral::transform::vjp_graph;

use super::check;

#[derive(Clone, Copy)]
struct Window {
    name: &'static str,
    input: &'static str,
    result: &'static str,
    sizes: &'static str,
    strides: &'static str,
    /// Distances between elements of the operand.
    holes: &'static str,
    /// Distances between elements of a window.
    gaps: &'static str,
    padding: &'static str,
}

const WINDOWS: [Window; 13] = [
    Window {
        name: "windows side by side",
        input: "2x6xf64",
        result: "2x2xf64",
        sizes: "1, 3",
        strides: "1, 3",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[0, 0], [0, 0]]",
    },
    Window {
        name: "windows that overlap",
        input: "3x7xf64",
        result: "2x3xf64",
        sizes: "2, 3",
        strides: "1, 2",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[0, 0], [0, 0]]",
    },
    Window {
        name: "padding",
        input: "4x5xf64",
        result: "2x3xf64",
        sizes: "2, 3",
        strides: "2, 2",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[1, 0], [1, 2]]",
    },
    Window {
        name: "padding that removes",
        input: "7x6xf64",
        result: "3x2xf64",
        sizes: "2, 3",
        strides: "1, 2",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[-1, -2], [-1, 1]]",
    },
    Window {
        name: "windows of padding alone",
        input: "3x4xf64",
        result: "3x5xf64",
        sizes: "1, 2",
        strides: "1, 2",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[0, 0], [4, 3]]",
    },
    Window {
        name: "holes in the operand",
        input: "3x4xf64",
        result: "3x9xf64",
        sizes: "2, 3",
        strides: "2, 1",
        holes: "2, 3",
        gaps: "1, 1",
        padding: "[[1, 0], [0, 1]]",
    },
    Window {
        name: "gaps in windows",
        input: "7x9xf64",
        result: "5x7xf64",
        sizes: "2, 3",
        strides: "1, 1",
        holes: "1, 1",
        gaps: "3, 2",
        padding: "[[0, 1], [1, 1]]",
    },
    Window {
        name: "gaps in windows, in steps",
        input: "8x9xf64",
        result: "3x4xf64",
        sizes: "2, 3",
        strides: "3, 2",
        holes: "1, 1",
        gaps: "3, 2",
        padding: "[[0, 2], [2, 1]]",
    },
    Window {
        name: "holes and gaps",
        input: "4x5xf64",
        result: "3x8xf64",
        sizes: "3, 2",
        strides: "2, 1",
        holes: "2, 2",
        gaps: "2, 3",
        padding: "[[2, 1], [-1, 3]]",
    },
    Window {
        name: "elements that no window reaches",
        input: "2x8xf64",
        result: "2x3xf64",
        sizes: "1, 2",
        strides: "1, 3",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[0, 0], [0, 0]]",
    },
    Window {
        name: "no windows",
        input: "2x2xf64",
        result: "2x0xf64",
        sizes: "1, 3",
        strides: "1, 1",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[0, 0], [0, 0]]",
    },
    Window {
        name: "running",
        input: "2x5xf64",
        result: "2x5xf64",
        sizes: "1, 5",
        strides: "1, 1",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[0, 0], [4, 0]]",
    },
    Window {
        name: "running from the end",
        input: "6x3xf64",
        result: "6x3xf64",
        sizes: "6, 1",
        strides: "1, 1",
        holes: "1, 1",
        gaps: "1, 1",
        padding: "[[0, 5], [0, 0]]",
    },
];

/// A fold of these windows by a body of `%a` and `%b` that makes `%c`, from `init` on.
fn program(window: &Window, body: &str, init: &str) -> String {
    let Window { name, input, result, sizes, strides, holes, gaps, padding } = window;
    let rank = sizes.split(',').count();
    format!(
        "// {name}
         func.func @main(%x: tensor<{input}>, %given: tensor<f64>, %each: tensor<{result}>) -> tensor<{result}> {{
           %one = stablehlo.constant dense<1.0> : tensor<f64>
           %zero = stablehlo.constant dense<0.0> : tensor<f64>
           %least = stablehlo.constant dense<0xFFF0000000000000> : tensor<f64>
           %greatest = stablehlo.constant dense<0x7FF0000000000000> : tensor<f64>
           %y = \"stablehlo.reduce_window\"(%x, {init}) <{{base_dilations = array<i64: {holes}>, padding = dense<{padding}> : tensor<{rank}x2xi64>, window_dilations = array<i64: {gaps}>, window_dimensions = array<i64: {sizes}>, window_strides = array<i64: {strides}>}}> ({{
           ^bb0(%a: tensor<f64>, %b: tensor<f64>):
             {body}
             stablehlo.return %c : tensor<f64>
           }}) : (tensor<{input}>, {start}) -> tensor<{result}>
           return %y : tensor<{result}>
         }}",
        start = if init == "%each" { format!("tensor<{result}>") } else { "tensor<f64>".to_owned() }
    )
}

fn binary(op: &str) -> String {
    format!("%c = stablehlo.{op} %a, %b : tensor<f64>")
}

/// All windows folded so, from each of the initial values on.
fn check_all(body: &str, inits: &[&str]) {
    for window in &WINDOWS {
        for init in inits {
            check(&program(window, body, init));
        }
    }
}

#[test]
fn sums_of_windows() {
    check_all(&binary("add"), &["%zero", "%given", "%each"]);
}

#[test]
fn greatest_elements_of_windows() {
    check_all(&binary("maximum"), &["%least", "%given", "%each"]);
}

#[test]
fn least_elements_of_windows() {
    check_all(&binary("minimum"), &["%greatest", "%zero"]);
}

#[test]
fn products_of_windows() {
    check_all(&binary("multiply"), &["%one", "%given", "%each"]);
}

/// `a + b + a b`, whose neutral element is 0.
#[test]
fn windows_under_a_body_without_a_name() {
    let body = "%sum = stablehlo.add %a, %b : tensor<f64>
             %product = stablehlo.multiply %a, %b : tensor<f64>
             %c = stablehlo.add %sum, %product : tensor<f64>";
    check_all(body, &["%zero", "%each"]);
}

/// What windows without dilations select, and where they scatter a source of their number.
fn scatter(window: &Window, select: &str, init: &str) -> String {
    let Window { name, input, result, sizes, strides, holes: _, gaps: _, padding } = window;
    let rank = sizes.split(',').count();
    let ty = if init == "%each" { format!("tensor<{input}>") } else { "tensor<f64>".to_owned() };
    format!(
        "// {name}
         func.func @main(%x: tensor<{input}>, %source: tensor<{result}>, %given: tensor<f64>, %each: tensor<{input}>) -> tensor<{input}> {{
           %y = \"stablehlo.select_and_scatter\"(%x, %source, {init}) <{{padding = dense<{padding}> : tensor<{rank}x2xi64>, window_dimensions = array<i64: {sizes}>, window_strides = array<i64: {strides}>}}> ({{
           ^bb0(%a: tensor<f64>, %b: tensor<f64>):
             {select}
             stablehlo.return %c : tensor<i1>
           }}, {{
           ^bb0(%a: tensor<f64>, %b: tensor<f64>):
             %c = stablehlo.add %a, %b : tensor<f64>
             stablehlo.return %c : tensor<f64>
           }}) : (tensor<{input}>, tensor<{result}>, {ty}) -> tensor<{input}>
           return %y : tensor<{input}>
         }}"
    )
}

#[test]
fn what_is_scattered_is_linear_in_the_source() {
    let plain = WINDOWS.iter().filter(|window| window.holes == "1, 1" && window.gaps == "1, 1");
    for window in plain {
        for direction in ["GE", "LT"] {
            let select = format!(
                "%c = stablehlo.compare {direction}, %a, %b : (tensor<f64>, tensor<f64>) -> tensor<i1>"
            );
            for init in ["%given", "%each"] {
                check(&scatter(window, &select, init));
            }
        }
    }
}

/// The cotangents of a program's operand, as text.
fn cotangents(text: &str) -> String {
    let graph = Graph::parse(text).unwrap_or_else(|error| panic!("{error}"));
    vjp_graph(&graph, &[0]).unwrap_or_else(|error| panic!("{error}")).to_text()
}

/// Max pooling is scattered back by the op that has a kernel, a running sum is one from the other end, and a running
/// maximum takes as many steps as its length has digits.
#[test]
fn cotangents_of_windows_are_the_cheap_ones() {
    let [pool, running] = ["windows that overlap", "running"]
        .map(|name| WINDOWS.iter().find(|window| window.name == name).expect("windows"));
    let count = |text: &str, op: &str| text.matches(op).count();
    let back = cotangents(&program(pool, &binary("maximum"), "%least"));
    assert_eq!([count(&back, "reduce_window\""), count(&back, "select_and_scatter\"")], [1, 1], "{back}");
    let back = cotangents(&program(running, &binary("add"), "%zero"));
    assert!(back.contains("padding = dense<[[0, 0], [0, 4]]>"), "{back}");
    let back = cotangents(&program(running, &binary("maximum"), "%least"));
    assert_eq!([count(&back, "reduce_window\""), count(&back, "select_and_scatter\"")], [1, 0], "{back}");
    assert_eq!(count(&back, "compare GE"), 3, "{back}");
}
