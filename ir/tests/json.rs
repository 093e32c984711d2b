//! The JSON form: exact to the bit, and what is read is checked.

use choral_ir::op::ComparisonDirection::{Eq, Lt, Ne};
use choral_ir::op::{Binary, Sort, Unary};
use choral_ir::{Builder, DType, Graph, NodeKind, Tensor, TensorType, with_dtype};

/// A graph of one constant.
fn constant(tensor: Tensor) -> Graph {
    let mut builder = Builder::new("main");
    let value = builder.constant(tensor);
    builder.finish(&[value])
}

/// The only constant of a graph.
fn tensor(graph: &Graph) -> Tensor {
    let node = graph.nodes().next().unwrap().1;
    let NodeKind::Constant(tensor) = &node.kind else { panic!("expected a constant, got {:?}", node.kind) };
    tensor.clone()
}

fn sum() -> Graph {
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([2], DType::F32));
    let y = builder.unary(Unary::Negate, x).unwrap();
    let sum = builder.binary(Binary::Add, x, y).unwrap();
    builder.finish(&[sum])
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let message = Graph::from_json(text).unwrap_err().to_string();
    assert!(message.contains(expected), "expected an error about {expected:?}, got {message:?}");
}

#[test]
fn every_bit_of_every_type_survives() {
    for dtype in DType::ALL {
        // Bit patterns that include NaN payloads, infinities and signed zeros.
        let patterns =
            [0u64, 1, 0x7FC0_0001, 0xFF80_0000, 0x8000_0000, 0x7FF8_0000_0000_0123, u64::MAX, 0x7E01];
        let written = with_dtype!(dtype, T => {
            let values: Vec<T> = patterns.iter().map(|&bits| choral_ir::Element::from_bits64(bits)).collect();
            Tensor::new([patterns.len()], values).unwrap()
        });
        let graph = constant(written.clone());
        let read = Graph::from_json(&graph.to_json().unwrap()).unwrap();
        assert!(tensor(&read).bit_eq(&written), "{dtype}");
    }
}

#[test]
fn names_and_axes_survive() {
    let axes = |dim| vec![choral_ir::NamedAxis { name: "members".into(), dim }];
    let graph = sum().with_axes(vec![axes(0)], vec![axes(0)]);
    let read = Graph::from_json(&graph.to_json().unwrap()).unwrap();
    assert_eq!(read.to_text(), graph.to_text());
}

#[test]
fn another_version_is_refused_by_number() {
    refused(r#"{ "choral": 7, "graph": { "of": "another form" } }"#, "version 7");
}

#[test]
fn other_texts_are_refused() {
    refused("", "not a graph in JSON form");
    refused("[1, 2]", "not a graph in JSON form");
    refused(r#"{ "choral": 2 }"#, "missing field `graph`");
    let text = sum().to_json().unwrap();
    refused(&text[..text.len() / 2], "not a graph in JSON form");
}

/// Graphs that no builder makes.
#[test]
fn broken_graphs_are_refused() {
    let text = sum().to_json().unwrap();
    let swapped = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        text.replace(from, to)
    };
    refused(&swapped("\"node\": 1", "\"node\": 2"), "before it is defined");
    refused(&swapped("\"node\": 1", "\"node\": 9"), "before it is defined");
    refused(&swapped("\"result\": 0", "\"result\": 3"), "result");
    refused(&swapped("\"f32\"", "\"f99\""), "unknown variant");
}

/// A declared type that the op does not have.
#[test]
fn wrong_types_are_refused() {
    let text = sum().to_json().unwrap();
    let place = text.rfind("\"dtype\": \"f32\"").unwrap();
    let broken =
        format!("{}\"dtype\": \"f64\"{}", &text[..place], &text[place + "\"dtype\": \"f32\"".len()..]);
    refused(&broken, "the graph is not valid");
}

/// A shape of more elements than any memory holds, over the bytes of one.
#[test]
fn a_constant_of_boundless_shape_is_refused() {
    let text = constant(Tensor::new([1, 1], vec![1.0f32]).unwrap()).to_json().unwrap();
    let huge = usize::MAX / 2;
    let text: String = text.split_whitespace().collect();
    assert!(text.contains("\"shape\":[1,1]"), "{text}");
    refused(&text.replace("\"shape\":[1,1]", &format!("\"shape\":[{huge},{huge}]")), "elements");
}

/// Folds and orders are computed while a text is read, before it is verified: also of bodies that are
/// none.
#[test]
fn bodies_that_are_none_are_refused() {
    let mut body = Builder::new("comparator");
    let [left, right] = ["left", "right"].map(|name| body.input(name, TensorType::scalar(DType::F32)));
    let [lt, nan, number] = [(Lt, left, right), (Ne, right, right), (Eq, left, left)]
        .map(|(direction, left, right)| body.compare(direction, left, right).unwrap());
    let last = body.binary(Binary::And, nan, number).unwrap();
    let before = body.binary(Binary::Or, lt, last).unwrap();
    let comparator = body.finish(&[before]).into();
    let mut builder = Builder::new("main");
    let x = builder.input("x", TensorType::new([4], DType::F32));
    let sorted = builder.push(Sort { dimension: 0, is_stable: true, comparator }, &[x]).unwrap();
    let halves = builder.convert(sorted, DType::Bf16).unwrap();
    let zero = builder.full(0.0, DType::Bf16, []);
    let sum = builder.reduce(halves, zero, vec![0], Binary::Add).unwrap();
    let text = builder.finish(&[sum]).to_json().unwrap();
    let number = |line: &str| line.trim().starts_with("\"node\":") || line.trim().starts_with("\"result\":");
    let lines: Vec<&str> = text.lines().collect();
    let numbers: Vec<usize> = (0..lines.len()).filter(|&at| number(lines[at])).collect();
    assert!(numbers.len() > 40, "operands, inputs and outputs of three graphs");
    for at in numbers {
        let mut changed: Vec<String> = lines.iter().map(|line| line.to_string()).collect();
        let (name, rest) = changed[at].split_once(':').unwrap();
        let comma = if rest.ends_with(',') { "," } else { "" };
        changed[at] = format!("{name}: 99{comma}");
        assert!(Graph::from_json(&changed.join("\n")).is_err(), "{}", changed[at]);
    }
}
