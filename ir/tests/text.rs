//! The text of graphs: how each op family prints, and that what is printed reads back.

use choral_ir::element::{bf16, f16};
use choral_ir::op::{
    BatchingDim, Binary, Compare, ComparisonDirection, ComparisonType, Concatenate, Convolution, DotGeneral,
    Elementwise, Gather, Iota, Layout, Pad, Reduce, ReduceWindow, Reverse, Slice, Unary,
};
use choral_ir::{BuildError, Builder, DType, Element, Graph, NamedAxis, Reducer, Tensor, TensorType, Value};

fn f32s(shape: impl Into<Vec<usize>>) -> TensorType {
    TensorType::new(shape, DType::F32)
}

/// Prints, snapshots and reads back.
#[track_caller]
fn check(name: &str, graph: &Graph) {
    let text = graph.to_text();
    insta::assert_snapshot!(name, text);
    let read = Graph::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read, *graph, "{text}");
    assert_eq!(read.to_text(), text);
}

/// A graph of everything that `body` makes.
fn graph(body: impl FnOnce(&mut Builder) -> Result<Vec<Value>, BuildError>) -> Graph {
    let mut builder = Builder::new("main");
    let outputs = body(&mut builder).unwrap();
    builder.finish(&outputs)
}

fn axis(name: &str, dim: usize) -> Vec<NamedAxis> {
    vec![NamedAxis { name: name.into(), dim }]
}

fn contraction(batching: [&[usize]; 2], contracting: [&[usize]; 2]) -> DotGeneral {
    DotGeneral {
        lhs_batching: batching[0].to_vec(),
        rhs_batching: batching[1].to_vec(),
        lhs_contracting: contracting[0].to_vec(),
        rhs_contracting: contracting[1].to_vec(),
        dtype: DType::F32,
    }
}

#[test]
fn ensemble_of_perceptrons() {
    let graph = graph(|b| {
        let w1 = b.input("fc1.weight", f32s([10, 128, 784]));
        let b1 = b.input("fc1.bias", f32s([10, 128]));
        let w2 = b.input("2.weight", f32s([10, 10, 128]));
        let x = b.input("x", f32s([32, 784]));
        b.describe(Some("fc1".to_owned()), None);
        let y = b.push(contraction([&[], &[]], [&[2], &[1]]), &[w1, x])?;
        let y = b.transpose(y, vec![0, 2, 1])?;
        let bias = b.broadcast_in_dim(b1, [10, 32, 128], vec![0, 2])?;
        let y = b.binary(Binary::Add, y, bias)?;
        b.describe(None, None);
        let zero = b.full(0.0, DType::F32, [10, 32, 128]);
        let y = b.binary(Binary::Maximum, y, zero)?;
        let y = b.push(contraction([&[0], &[0]], [&[2], &[2]]), &[y, w2])?;
        let flat = b.reshape(y, [320, 10])?;
        Ok(vec![y, flat])
    });
    let inputs = vec![axis("members", 0), axis("members", 0), axis("members", 0), vec![]];
    check("ensemble_of_perceptrons", &graph.with_axes(inputs, vec![axis("members", 0), vec![]]));
}

#[test]
fn nested_axes() {
    let graph = graph(|b| {
        let x = b.input("x", f32s([3, 5, 7]));
        let y = b.input("y", f32s([3, 5, 7]));
        let sum = b.binary(Binary::Add, x, y)?;
        let moved = b.transpose(sum, vec![2, 1, 0])?;
        let zero = b.full(0.0, DType::F32, []);
        Ok(vec![b.reduce(moved, zero, vec![0], Binary::Add)?])
    });
    let both = vec![NamedAxis { name: "members".into(), dim: 0 }, NamedAxis { name: "batch".into(), dim: 1 }];
    let result =
        vec![NamedAxis { name: "batch".into(), dim: 0 }, NamedAxis { name: "members".into(), dim: 1 }];
    check("nested_axes", &graph.with_axes(vec![both, axis("batch", 1)], vec![result]));
}

#[test]
fn elementwise() {
    let graph = graph(|b| {
        let x = b.input("x", f32s([4]));
        let n = b.input("n", TensorType::new([4], DType::I32));
        let mut results = Vec::new();
        for op in Unary::ALL {
            results.push(b.unary(*op, if op.class().contains(DType::F32) { x } else { n })?);
        }
        for op in Binary::ALL {
            let value = if op.class().contains(DType::F32) { x } else { n };
            results.push(b.binary(*op, value, value)?);
        }
        let less = b.compare(ComparisonDirection::Lt, x, x)?;
        let compare_type = ComparisonType::TotalOrder;
        results.push(b.push(Compare { direction: ComparisonDirection::Ge, compare_type }, &[x, x])?);
        results.push(b.select(less, x, x)?);
        results.push(b.push(Elementwise::Clamp, &[x, x, x])?);
        results.push(b.convert(x, DType::Ui8)?);
        Ok(results)
    });
    check("elementwise", &graph);
}

#[test]
fn shape() {
    let graph = graph(|b| {
        let x = b.input("x", f32s([4, 3]));
        let zero = b.full(0.0, DType::F32, []);
        Ok(vec![
            b.push(Iota { shape: vec![2, 5], dtype: DType::I32, dimension: 1 }, &[])?,
            b.broadcast_in_dim(x, [4, 2, 3], vec![0, 2])?,
            b.reshape(x, [12])?,
            b.transpose(x, vec![1, 0])?,
            b.push(Reverse { dims: vec![0] }, &[x])?,
            b.push(Slice { start: vec![0, 1], limit: vec![4, 3], strides: vec![2, 1] }, &[x])?,
            b.push(Pad { low: vec![1, -1], high: vec![0, 2], interior: vec![1, 0] }, &[x, zero])?,
            b.push(Concatenate { dimension: 0 }, &[x, x])?,
        ])
    });
    check("shape", &graph);
}

fn convolution(batching_dims: Vec<BatchingDim>) -> Convolution {
    let shift = batching_dims.len();
    let layout = || Layout::channels_first(2).map(|dim| dim + shift);
    Convolution {
        batching_dims,
        input: layout(),
        kernel: layout(),
        output: layout(),
        strides: vec![2, 1],
        padding: vec![(1, 1), (0, -1)],
        lhs_dilation: vec![1, 1],
        rhs_dilation: vec![1, 2],
        reversal: vec![false, true],
        feature_group_count: 2,
        batch_group_count: 1,
        dtype: DType::F32,
    }
}

#[test]
fn contractions() {
    let graph = graph(|b| {
        let x = b.input("x", f32s([1, 4, 9, 9]));
        let w = b.input("w", f32s([6, 2, 3, 3]));
        let conv = b.push(convolution(vec![]), &[x, w])?;
        let mut plain = convolution(vec![]);
        plain.strides = vec![1, 1];
        plain.padding = vec![(0, 0); 2];
        plain.rhs_dilation = vec![1, 1];
        plain.reversal = vec![false; 2];
        let plain = b.push(plain, &[x, w])?;
        let members = b.input("members", f32s([5, 6, 2, 3, 3]));
        let mut batched = convolution(vec![BatchingDim { input: None, kernel: Some(0), output: 0 }]);
        batched.input = Layout::channels_first(2);
        let batched = b.push(batched, &[x, members])?;
        let pairs = vec![BatchingDim { input: Some(0), kernel: Some(0), output: 0 }];
        let xs = b.broadcast_in_dim(x, [5, 1, 4, 9, 9], vec![1, 2, 3, 4])?;
        let paired = b.push(convolution(pairs), &[xs, members])?;
        let outer = b.push(contraction([&[], &[]], [&[], &[]]), &[x, x])?;
        Ok(vec![conv, plain, batched, paired, outer])
    });
    // Arguments print first: an input after ops moves, so only the text is a fixed point.
    let moved = Graph::parse(&graph.to_text()).unwrap();
    check("contractions", &moved);
}

/// Greatest element and its index, two results folded together.
fn argmax_region() -> Reducer {
    graph(|b| {
        let best = b.input("best", f32s([]));
        let place = b.input("place", TensorType::scalar(DType::I32));
        let x = b.input("x", f32s([]));
        let index = b.input("index", TensorType::scalar(DType::I32));
        let greater = b.compare(ComparisonDirection::Gt, x, best)?;
        Ok(vec![b.select(greater, x, best)?, b.select(greater, index, place)?])
    })
    .into()
}

#[test]
fn reductions() {
    let graph = graph(|b| {
        let x = b.input("x", f32s([4, 6]));
        let least = b.full(f64::NEG_INFINITY, DType::F32, []);
        let first = b.full(0.0, DType::I32, []);
        let rows = b.reduce(x, least, vec![1], Binary::Maximum)?;
        let index = b.push(Iota { shape: vec![4, 6], dtype: DType::I32, dimension: 1 }, &[])?;
        let both = Reduce { dimensions: vec![1], body: argmax_region() };
        let both = b.push_all(both, &[x, index, least, first])?;
        let window = ReduceWindow {
            window_dimensions: vec![2, 2],
            window_strides: vec![2, 2],
            base_dilations: vec![1, 1],
            window_dilations: vec![1, 2],
            padding: vec![(0, 0), (1, 0)],
            body: Graph::reducer(Binary::Maximum, DType::F32)?.into(),
        };
        let pooled = b.push(window, &[x, least])?;
        Ok(vec![rows, both[1], both[0], pooled])
    });
    let axes = vec![axis("members", 0), axis("members", 0), axis("members", 0), vec![]];
    check("reductions", &graph.with_axes(vec![axis("members", 0)], axes));
}

#[test]
fn gathers() {
    let graph = graph(|b| {
        let table = b.input("table", f32s([3, 10, 4]));
        let ids = b.input("ids", TensorType::new([3, 5], DType::I32));
        let gather = Gather {
            offset_dims: vec![2],
            collapsed_slice_dims: vec![1],
            operand_batching_dims: vec![0],
            start_indices_batching_dims: vec![0],
            start_index_map: vec![1],
            index_vector_dim: 2,
            slice_sizes: vec![1, 1, 4],
            indices_are_sorted: true,
        };
        Ok(vec![b.push(gather, &[table, ids])?])
    });
    let members = axis("members", 0);
    check("gathers", &graph.with_axes(vec![members.clone(), members.clone()], vec![members]));
}

#[test]
fn constants() {
    let graph = graph(|b| {
        let floats = [0.1f32, -0.0, 1.0, 1e-7, 1.5e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let tensors = [
            Tensor::from(floats),
            Tensor::from([0.1f64, 1e-300, f64::MIN_POSITIVE]),
            Tensor::from([f16::from_f64(0.1), f16::MIN_POSITIVE_SUBNORMAL, f16::MAX, f16::NAN]),
            Tensor::from([bf16::from_f64(0.1), bf16::MAX, bf16::INFINITY]),
            Tensor::from([[true, false], [false, true]]),
            Tensor::from([i64::MIN, i64::MAX]),
            Tensor::from([u64::MAX, 0]),
            Tensor::from([[1i8], [-128]]),
            Tensor::from([7u32]),
            Tensor::scalar(3u16),
            Tensor::zeros(f32s([0, 3])),
        ];
        let mut values: Vec<Value> = tensors.into_iter().map(|tensor| b.constant(tensor)).collect();
        values.push(b.full(0.0, DType::F32, [64, 10]));
        values.push(b.full(f64::NEG_INFINITY, DType::F32, [2]));
        values.push(b.full(1.0, DType::I1, [2]));
        Ok(values)
    });
    check("constants", &graph);
}

#[test]
fn names() {
    let graph = graph(|b| {
        let mut names = vec![];
        for name in ["0.weight", "x", "x", "x_1", "", "a b-c", "$y", "naïve"] {
            names.push(b.input(name, f32s([])));
        }
        let y = b.binary(Binary::Add, names[0], names[1])?;
        b.rename(y, "x");
        Ok(vec![y])
    });
    check("names", &graph);
}

#[test]
fn summary_leaves_long_constants_out() {
    let graph = graph(|b| Ok(vec![b.constant(Tensor::zeros(f32s([100])))]));
    insta::assert_snapshot!("summary", graph.to_summary());
}

#[test]
fn picture() {
    let graph = graph(|b| {
        let x = b.input("x", f32s([2]));
        let one = b.full(1.0, DType::F32, [2]);
        b.describe(Some("fc1".to_owned()), None);
        Ok(vec![b.binary(Binary::Subtract, x, one)?])
    });
    insta::assert_snapshot!("picture", graph.to_dot());
}

fn reads_back<T: Element>(bits: impl Iterator<Item = u64>) {
    let values: Vec<T> = bits.map(T::from_bits64).collect();
    let tensor = Tensor::new([values.len()], values).unwrap();
    let graph = graph(|b| Ok(vec![b.constant(tensor)]));
    let text = graph.to_text();
    assert!(Graph::parse(&text).unwrap() == graph, "{} constants do not read back", T::DTYPE);
}

#[test]
fn every_half_reads_back() {
    reads_back::<f16>(0..1 << 16);
    reads_back::<bf16>(0..1 << 16);
}

#[test]
fn many_floats_read_back() {
    let scatter = |index: u64| index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    reads_back::<f32>((0..50_000).map(scatter));
    reads_back::<f64>((0..50_000).map(scatter));
}

/// Each loop hands its values to the next one in the other order, so that the axis comes to the second value
/// from a round before. The time of printing does not double with each level: thirty would never end.
#[test]
fn deep_nests_of_loops_are_printed_at_once() {
    const SQUARES: &str = "tensor<3xf32>, tensor<3xf32>";
    let nest = (0..30).rev().fold(
        "%r30:2 = stablehlo.optimization_barrier %b30, %a30".to_owned(),
        |inner, level| {
            let next = level + 1;
            let colon = if next == 30 { format!(" : {SQUARES}") } else { String::new() };
            format!(
                "%r{level}:2 = stablehlo.while(%a{next} = %b{level}, %b{next} = %a{level}) : {SQUARES}
             cond {{
               %go = stablehlo.constant dense<false> : tensor<i1>
               stablehlo.return %go : tensor<i1>
             }} do {{
               {inner}{colon}
               stablehlo.return %r{next}#0, %r{next}#1 : {SQUARES}
             }}"
            )
        },
    );
    let text = format!(
        "func.func @main(%a0: tensor<3xf32> {{choral.axes = \"members@0\"}}, %b0: tensor<3xf32>) -> ({SQUARES}) {{
           {nest}
           return %r0#0, %r0#1 : {SQUARES}
         }}"
    );
    let graph = Graph::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let printed = graph.to_text();
    assert_eq!(printed.matches("// members@0\n").count(), 31, "{printed}");
    assert_eq!(Graph::parse(&printed).unwrap_or_else(|error| panic!("{error}")), graph);
}
