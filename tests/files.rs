//! File tests: every program of `tests/files` under the transforms in its first line.
//!
//! The line reads `// test: vmap(in = [0, none]) | vmap(in = [none, 1])`, the innermost first. A
//! snapshot shows the program after each transform, and each is run: it must give what the program
//! before it gives for one member after another.

use choral::ir::random::Key;
use choral::runtime::evaluate;
use choral::transform::{Axis, VmapOptions, vmap_graph};
use choral::{DType, Graph, Tensor, TensorType};
use insta::{assert_snapshot, glob};

/// Number of members in every test.
const MEMBERS: usize = 3;

#[test]
fn files() {
    glob!("files/**/*.mlir", |path| {
        let text = std::fs::read_to_string(path).expect("a readable file");
        let mut graph = Graph::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut stages = Vec::new();
        for (level, in_dims) in transforms(&text).into_iter().enumerate() {
            let batched = batch(&graph, &in_dims, level);
            choral::ir::verify(&batched).expect("a batched graph that verifies");
            assert_each_member(&graph, &batched, &in_dims);
            stages.push(batched.to_text());
            graph = batched;
        }
        assert_snapshot!(stages.join("\n"));
    });
}

/// The mapped dimension of each input, for every transform of the first line.
fn transforms(text: &str) -> Vec<Vec<Option<i64>>> {
    let first = text.lines().next().unwrap_or_default();
    let stack = first.strip_prefix("// test: ").expect("a first line `// test: <transforms>`");
    let dims = |transform: &str| {
        let inner = transform.trim().strip_prefix("vmap(in = [").and_then(|rest| rest.strip_suffix("])"));
        let inner = inner.unwrap_or_else(|| panic!("expected vmap(in = [..]), got {transform}"));
        inner
            .split(", ")
            .map(|dim| (dim != "none").then(|| dim.parse().expect("a dimension or none")))
            .collect()
    };
    stack.split('|').map(dims).collect()
}

/// The dimensions counted from the start, given the inputs' types without members.
fn from_start(graph: &Graph, in_dims: &[Option<i64>]) -> Vec<Option<usize>> {
    let types = graph.input_types();
    let at = |(dim, ty): (&Option<i64>, &TensorType)| {
        dim.map(|dim| if dim < 0 { (ty.rank() as i64 + 1 + dim) as usize } else { dim as usize })
    };
    in_dims.iter().zip(&types).map(at).collect()
}

fn batch(graph: &Graph, in_dims: &[Option<i64>], level: usize) -> Graph {
    let axis = Axis::new(["members", "samples"][level], MEMBERS);
    let out_dims = vec![Some(0); graph.outputs().len()];
    let batching = VmapOptions::new(axis, from_start(graph, in_dims), out_dims);
    vmap_graph(graph, &batching).expect("a graph to batch")
}

/// Small numbers of a type, different for every input.
fn numbers(ty: &TensorType, seed: u64) -> Tensor {
    let drawn = Tensor::randn(ty.shape.clone(), Key::new(seed)).to_f64_vec();
    let scale = if ty.dtype == DType::F32 { 1.0 } else { 4.0 };
    Tensor::from_fn(ty.shape.clone(), |place| (drawn[place].abs() * scale + 0.1) as f32).to_dtype(ty.dtype)
}

/// Checks the batched program against the single one, member by member.
fn assert_each_member(single: &Graph, batched: &Graph, in_dims: &[Option<i64>]) {
    let in_dims = from_start(single, in_dims);
    let types = single.input_types();
    let members: Vec<Vec<Tensor>> = (0..MEMBERS)
        .map(|member| {
            let seed = |input: usize| (if in_dims[input].is_some() { member + 1 } else { 0 }) * 100 + input;
            types.iter().enumerate().map(|(input, ty)| numbers(ty, seed(input) as u64)).collect()
        })
        .collect();
    let stacked: Vec<Tensor> = (0..types.len())
        .map(|input| match in_dims[input] {
            Some(dim) => stack(members.iter().map(|inputs| inputs[input].clone()).collect(), dim),
            None => members[0][input].clone(),
        })
        .collect();
    let together = evaluate(batched, &stacked).expect("a batched run");
    for (member, inputs) in members.iter().enumerate() {
        let alone = evaluate(single, inputs).expect("a single run");
        for (together, alone) in together.iter().zip(&alone) {
            let together = together.index(member).expect("a member");
            assert!(together.bit_eq(alone), "member {member}: {together:?} instead of {alone:?}\n{batched}");
        }
    }
}

/// Tensors stacked along dimension `dim` of the result.
fn stack(tensors: Vec<Tensor>, dim: usize) -> Tensor {
    let first = Tensor::stack(&tensors).expect("tensors of one type");
    let moved = |x: choral::Var| {
        let mut order: Vec<i64> = (1..x.rank() as i64).collect();
        order.insert(dim, 0);
        x.permute(order)
    };
    choral::jit(moved).call(&first).expect("a transpose")
}
