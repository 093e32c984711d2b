//! Convolutions: strides, padding, holes, reversal, groups and members.

use choral::Graph;
use choral::ir::NodeKind;
use choral::transform::vjp_graph;

use super::check;

struct Row {
    name: &'static str,
    input: &'static str,
    kernel: &'static str,
    result: &'static str,
    batching: &'static str,
    layout: &'static str,
    window: &'static str,
    /// Of features and of the batch.
    groups: (usize, usize),
}

const PROGRAMS: [Row; 22] = [
    Row {
        name: "strides and padding",
        input: "2x3x7xf64",
        kernel: "4x3x3xf64",
        result: "2x4x4xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [2], pad = [[1, 2]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "places that no window reaches",
        input: "2x3x8xf64",
        kernel: "4x3x3xf64",
        result: "2x4x3xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [3], pad = [[0, 1]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "padding that removes",
        input: "1x2x9xf64",
        kernel: "3x2x2xf64",
        result: "1x3x3xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [2], pad = [[-2, -1]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "padding that removes on one side and adds on the other",
        input: "1x2x7xf64",
        kernel: "3x2x3xf64",
        result: "1x3x7xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [1], pad = [[-1, 3]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "holes in the input",
        input: "2x2x4xf64",
        kernel: "3x2x3xf64",
        result: "2x3x6xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [2], pad = [[2, 1]], lhs_dilate = [3], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "holes in the kernel",
        input: "2x2x9xf64",
        kernel: "3x2x3xf64",
        result: "2x3x3xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [2], pad = [[1, 0]], lhs_dilate = [1], rhs_dilate = [2]",
        groups: (1, 1),
    },
    Row {
        name: "holes in both, backwards",
        input: "2x2x5xf64",
        kernel: "3x2x2xf64",
        result: "2x3x4xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [3], pad = [[2, 3]], lhs_dilate = [2], rhs_dilate = [3], reverse = [true]",
        groups: (1, 1),
    },
    Row {
        name: "two dimensions, channels last",
        input: "2x5x6x3xf64",
        kernel: "3x2x3x4xf64",
        result: "2x2x6x4xf64",
        batching: "",
        layout: "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]",
        window: "stride = [2, 1], pad = [[1, 0], [0, 2]], lhs_dilate = [1, 1], rhs_dilate = [1, 2], reverse = [false, true]",
        groups: (1, 1),
    },
    Row {
        name: "a layout in no order",
        input: "3x5x2x6xf64",
        kernel: "2x4x3x3xf64",
        result: "6x2x4x4xf64",
        batching: "",
        layout: "[f, 0, b, 1]x[1, o, 0, i]->[1, b, 0, f]",
        window: "stride = [1, 2], pad = [[0, 1], [1, 1]], lhs_dilate = [1, 2], rhs_dilate = [1, 1]",
        groups: (1, 1),
    },
    Row {
        name: "groups of features",
        input: "2x6x5xf64",
        kernel: "4x3x2xf64",
        result: "2x4x3xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [2], pad = [[1, 1]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (2, 1),
    },
    Row {
        name: "groups of features, channels last",
        input: "2x5x4x6xf64",
        kernel: "2x3x2x9xf64",
        result: "2x5x3x9xf64",
        batching: "",
        layout: "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]",
        window: "stride = [1, 1], pad = [[1, 0], [0, 1]], lhs_dilate = [1, 1], rhs_dilate = [1, 1]",
        groups: (3, 1),
    },
    Row {
        name: "each feature by itself",
        input: "2x3x5xf64",
        kernel: "6x1x3xf64",
        result: "2x6x5xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [1], pad = [[1, 1]], lhs_dilate = [1], rhs_dilate = [1], reverse = [true]",
        groups: (3, 1),
    },
    Row {
        name: "groups of the batch",
        input: "6x2x5xf64",
        kernel: "4x2x2xf64",
        result: "3x4x3xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [2], pad = [[1, 1]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 2),
    },
    Row {
        name: "groups of the batch, channels last",
        input: "6x5x2xf64",
        kernel: "3x2x6xf64",
        result: "5x2x6xf64",
        batching: "",
        layout: "[b, 0, f]x[0, i, o]->[0, b, f]",
        window: "stride = [2], pad = [[2, 1]], lhs_dilate = [2], rhs_dilate = [1]",
        groups: (1, 3),
    },
    Row {
        name: "no spatial dimensions",
        input: "2x3xf64",
        kernel: "4x3xf64",
        result: "2x4xf64",
        batching: "",
        layout: "[b, f]x[o, i]->[b, f]",
        window: "stride = [], pad = [], lhs_dilate = [], rhs_dilate = []",
        groups: (1, 1),
    },
    Row {
        name: "no windows",
        input: "2x3x2xf64",
        kernel: "4x3x3xf64",
        result: "2x4x0xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [1], pad = [[0, 0]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "a kernel as large as the input",
        input: "2x3x4xf64",
        kernel: "5x3x4xf64",
        result: "2x5x1xf64",
        batching: "",
        layout: "[b, f, 0]x[o, i, 0]->[b, f, 0]",
        window: "stride = [1], pad = [[0, 0]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "own inputs and kernels",
        input: "5x2x3x6xf64",
        kernel: "5x4x3x3xf64",
        result: "5x2x4x3xf64",
        batching: "[[0, 0, 0]]",
        layout: "[?, b, f, 0]x[?, o, i, 0]->[?, b, f, 0]",
        window: "stride = [2], pad = [[1, 1]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "own inputs, one kernel",
        input: "2x5x3x6xf64",
        kernel: "4x3x3xf64",
        result: "2x5x4x3xf64",
        batching: "[[1, none, 1]]",
        layout: "[b, ?, f, 0]x[o, i, 0]->[b, ?, f, 0]",
        window: "stride = [2], pad = [[1, 0]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (1, 1),
    },
    Row {
        name: "one input, own kernels",
        input: "2x3x6xf64",
        kernel: "4x5x3x3xf64",
        result: "2x5x4x3xf64",
        batching: "[[none, 1, 1]]",
        layout: "[b, f, 0]x[o, ?, i, 0]->[b, ?, f, 0]",
        window: "stride = [1], pad = [[0, 1]], lhs_dilate = [1], rhs_dilate = [2]",
        groups: (1, 1),
    },
    Row {
        name: "two kinds of members, in groups of features",
        input: "3x2x4x6xf64",
        kernel: "2x5x4x2xf64",
        result: "2x3x5x4x4xf64",
        batching: "[[0, none, 1], [none, 1, 2]]",
        layout: "[?, b, f, 0]x[0, ?, o, i]->[b, ?, ?, f, 0]",
        window: "stride = [2], pad = [[1, 2]], lhs_dilate = [1], rhs_dilate = [1]",
        groups: (2, 1),
    },
    Row {
        name: "members and groups of the batch",
        input: "3x4x2x6xf64",
        kernel: "3x2x2x4xf64",
        result: "2x3x11x4xf64",
        batching: "[[0, 0, 1]]",
        layout: "[?, b, f, 0]x[?, 0, i, o]->[b, ?, 0, f]",
        window: "stride = [1], pad = [[1, 0]], lhs_dilate = [2], rhs_dilate = [1], reverse = [true]",
        groups: (1, 2),
    },
];

fn program(row: &Row) -> String {
    let Row { name, input, kernel, result, batching, layout, window, groups: (features, batch) } = row;
    let (op, batching) = match batching.is_empty() {
        true => ("stablehlo.convolution", String::new()),
        false => ("choral.convolution", format!("batching_dims = {batching}, ")),
    };
    format!(
        "// {name}
         func.func @main(%x: tensor<{input}>, %w: tensor<{kernel}>) -> tensor<{result}> {{
           %y = {op}(%x, %w) {batching}dim_numbers = {layout}, window = {{{window}}} {{batch_group_count = {batch} : i64, feature_group_count = {features} : i64}} : (tensor<{input}>, tensor<{kernel}>) -> tensor<{result}>
           return %y : tensor<{result}>
         }}"
    )
}

#[test]
fn convolutions_are_linear_in_input_and_kernel() {
    for row in &PROGRAMS {
        check(&program(row));
    }
}

/// Names of the ops of a graph, but for reshapes.
fn ops(graph: &Graph) -> Vec<&'static str> {
    let name = |kind: &NodeKind| match kind {
        NodeKind::Op(op) if op.short_name() != "reshape" => Some(op.short_name()),
        NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => None,
    };
    graph.nodes().filter_map(|(_, node)| name(&node.kind)).collect()
}

/// The cotangents of input and kernel are one convolution each; a kernel that was read backwards is turned around.
#[test]
fn a_cotangent_is_one_convolution() {
    for row in PROGRAMS.iter().filter(|row| row.name != "no windows") {
        let graph = Graph::parse(&program(row)).unwrap_or_else(|error| panic!("{error}"));
        let vjp = vjp_graph(&graph, &[0, 1]).unwrap_or_else(|error| panic!("{error}"));
        let mut expected = vec!["conv"; 3];
        if row.window.contains("reverse") {
            expected.insert(2, "reverse");
        }
        let mut made = ops(&vjp);
        made.sort_unstable();
        expected.sort_unstable();
        assert_eq!(made, expected, "{}", row.name);
    }
}
