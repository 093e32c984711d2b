//! How each op spells itself, family by family: StableHLO's pretty form where it has one.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use super::call::Call;
use super::control;
use super::lists::{array, list, pairs};
use crate::Op;
use crate::op::{
    AllGather, AllReduce, AllToAll, AxisIndex, BatchingDim, BitcastConvert, BroadcastInDim, Cholesky,
    CollectiveOp, Compare, ComparisonType, Concatenate, Convolution, Custom, DotGeneral, DynamicSlice,
    DynamicUpdateSlice, Elementwise, Gather, IndexOp, Iota, Layout, LinalgOp, MemberKey, Pad, Permute,
    Reduce, ReducePrecision, ReduceWindow, Reshape, Reverse, RngBitGenerator, Scatter, SelectAndScatter,
    ShapeOp, Slice, Sort, SortOp, TopK, Transpose, TriangularSolve, WindowOp,
};

/// The right-hand side of an op's line.
pub(super) fn spell(op: &Op, call: &Call<'_>) -> String {
    match op {
        Op::Elementwise(op) => elementwise(op, call),
        Op::Shape(op) => shape(op, call),
        Op::Dot(op) => dot(op, call),
        Op::Convolution(op) => convolution(op, call),
        Op::Reduce(op) => reduce(op, call),
        Op::Window(WindowOp::ReduceWindow(op)) => reduce_window(op, call),
        Op::Window(WindowOp::SelectAndScatter(op)) => select_and_scatter(op, call),
        Op::Index(IndexOp::Gather(op)) => gather(op, call),
        Op::Linalg(LinalgOp::Cholesky(Cholesky { lower })) => {
            format!("stablehlo.cholesky {}, lower = {lower} : {}", call.arguments(), call.results[0])
        }
        Op::Linalg(LinalgOp::TriangularSolve(op)) => triangular_solve(op, call),
        Op::Control(op) => control::spell(op, call),
        Op::Random(op) => rng_bit_generator(op, call),
        Op::Collective(op) => collective(op, call),
        Op::Custom(op) => custom(op, call),
        Op::Sort(SortOp::Sort(op)) => sort(op, call),
        Op::Sort(SortOp::TopK(TopK { k })) => {
            format!("chlo.top_k({}, k = {k}) : {}", call.arguments(), one_result(call))
        }
        Op::Index(IndexOp::Scatter(op)) => scatter(op, call),
        Op::Index(IndexOp::DynamicSlice(op)) => dynamic_slice(op, call),
        Op::Index(op @ IndexOp::DynamicUpdateSlice(DynamicUpdateSlice { batching_dims })) => {
            let batching = match batching_dims.as_slice() {
                [] => String::new(),
                dims => format!(", batching_dims = {}", list(dims)),
            };
            format!("{} {}{batching} : {}", op.name(), call.arguments(), call.signature())
        }
    }
}

fn elementwise(op: &Elementwise, call: &Call<'_>) -> String {
    let (name, arguments, result) = (op.name(), call.arguments(), call.results[0]);
    // The dialect spells its signatures out.
    let is_stablehlo = name.starts_with("stablehlo.");
    match op {
        Elementwise::Unary(_) if !is_stablehlo => {
            format!("{name} {arguments} : {} -> {result}", call.operands[0])
        }
        Elementwise::Binary(_) if !is_stablehlo => {
            format!("{name} {arguments} : {result}, {result} -> {result}")
        }
        Elementwise::Unary(op) if op.is_predicate() => format!("{name} {arguments} : {}", call.signature()),
        Elementwise::Unary(_) | Elementwise::Binary(_) => format!("{name} {arguments} : {result}"),
        Elementwise::Compare(op) => compare(op, call),
        Elementwise::Select => format!("{name} {arguments} : {}, {result}", call.operands[0]),
        Elementwise::Clamp => format!("{name} {arguments} : {result}"),
        Elementwise::Convert(_) => format!("{name} {arguments} : {}", call.signature()),
        Elementwise::ReducePrecision(ReducePrecision { exponent_bits, mantissa_bits }) => {
            format!("{name} {arguments}, format = e{exponent_bits}m{mantissa_bits} : {result}")
        }
    }
}

fn compare(Compare { direction, compare_type }: &Compare, call: &Call<'_>) -> String {
    let order = match compare_type {
        ComparisonType::Natural => "",
        ComparisonType::TotalOrder => ", TOTALORDER",
    };
    let (direction, arguments) = (direction.name(), call.arguments());
    format!("stablehlo.compare {direction}, {arguments}{order} : {}", call.signature())
}

fn shape(op: &ShapeOp, call: &Call<'_>) -> String {
    let (name, arguments, signature) = (op.name(), call.arguments(), call.signature());
    match op {
        ShapeOp::Iota(Iota { shape: _, dtype: _, dimension }) => {
            format!("{name} dim = {dimension} : {}", call.results[0])
        }
        ShapeOp::BroadcastInDim(BroadcastInDim { shape: _, dims }) => {
            format!("{name} {arguments}, dims = {} : {signature}", list(dims))
        }
        ShapeOp::BitcastConvert(BitcastConvert { dtype: _ }) => format!("{name} {arguments} : {signature}"),
        ShapeOp::Reshape(Reshape { shape: _ }) => format!("{name} {arguments} : {signature}"),
        ShapeOp::Transpose(Transpose { permutation }) => {
            format!("{name} {arguments}, dims = {} : {signature}", list(permutation))
        }
        ShapeOp::Reverse(Reverse { dims }) => {
            format!("{name} {arguments}, dims = {} : {}", list(dims), call.results[0])
        }
        ShapeOp::Slice(op) => format!("{name} {arguments} {} : {signature}", ranges(op)),
        ShapeOp::Pad(Pad { low, high, interior }) => {
            let (low, high, interior) = (list(low), list(high), list(interior));
            format!("{name} {arguments}, low = {low}, high = {high}, interior = {interior} : {signature}")
        }
        ShapeOp::Concatenate(Concatenate { dimension }) => {
            format!("{name} {arguments}, dim = {dimension} : {signature}")
        }
    }
}

/// `[0:4:2, 0:3]`; a stride of 1 is not written.
fn ranges(Slice { start, limit, strides }: &Slice) -> String {
    let range = |((start, limit), stride): ((&usize, &usize), &usize)| match stride {
        1 => format!("{start}:{limit}"),
        _ => format!("{start}:{limit}:{stride}"),
    };
    list(&start.iter().zip(limit).zip(strides).map(range).collect::<Vec<_>>())
}

fn dot(op: &DotGeneral, call: &Call<'_>) -> String {
    let DotGeneral { lhs_batching, rhs_batching, lhs_contracting, rhs_contracting, dtype: _ } = op;
    let batching = match lhs_batching.len() {
        0 => String::new(),
        _ => format!("batching_dims = {} x {}, ", list(lhs_batching), list(rhs_batching)),
    };
    let contracting = format!("contracting_dims = {} x {}", list(lhs_contracting), list(rhs_contracting));
    format!("stablehlo.dot_general {}, {batching}{contracting} : {}", call.arguments(), call.signature())
}

fn convolution(op: &Convolution, call: &Call<'_>) -> String {
    let Convolution {
        batching_dims,
        input,
        kernel,
        output,
        strides: _,
        padding: _,
        lhs_dilation: _,
        rhs_dilation: _,
        reversal: _,
        feature_group_count,
        batch_group_count,
        dtype: _,
    } = op;
    let batching = match batching_dims.len() {
        0 => String::new(),
        _ => {
            format!(" batching_dims = {},", list(&batching_dims.iter().map(batching_dim).collect::<Vec<_>>()))
        }
    };
    format!(
        "{}({}){batching} dim_numbers = {}x{}->{}, window = {{{}}} \
         {{batch_group_count = {batch_group_count} : i64, feature_group_count = {feature_group_count} : i64}} : {}",
        op.name(),
        call.arguments(),
        layout(input, ["b", "f"], call.operands[0].rank()),
        layout(kernel, ["o", "i"], call.operands[1].rank()),
        layout(output, ["b", "f"], call.results[0].rank()),
        window(op),
        call.signature(),
    )
}

/// `[input, kernel, output]`, with `none` for a shared operand.
fn batching_dim(BatchingDim { input, kernel, output }: &BatchingDim) -> String {
    format!("[{}, {}, {output}]", or_none(input), or_none(kernel))
}

/// The part of each dimension; `?` for one outside the layout.
fn layout(Layout { batch, feature, spatial }: &Layout, names: [&str; 2], rank: usize) -> String {
    let part = |dim: usize| match spatial.iter().position(|&at| at == dim) {
        Some(position) => position.to_string(),
        None if dim == *batch => names[0].to_owned(),
        None if dim == *feature => names[1].to_owned(),
        None => "?".to_owned(),
    };
    list(&(0..rank).map(part).collect::<Vec<_>>())
}

/// The window attributes that are not the default.
fn window(op: &Convolution) -> String {
    let parts = [
        ("stride", op.strides.iter().any(|&stride| stride != 1), list(&op.strides)),
        ("pad", op.padding.iter().any(|&pad| pad != (0, 0)), pairs(&op.padding)),
        ("lhs_dilate", op.lhs_dilation.iter().any(|&step| step != 1), list(&op.lhs_dilation)),
        ("rhs_dilate", op.rhs_dilation.iter().any(|&step| step != 1), list(&op.rhs_dilation)),
        ("reverse", op.reversal.contains(&true), list(&op.reversal)),
    ];
    let written = parts.into_iter().filter(|(_, differs, _)| *differs);
    written.map(|(name, _, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

fn reduce(Reduce { dimensions, body }: &Reduce, call: &Call<'_>) -> String {
    let (inputs, inits) = call.names.split_at(call.names.len() / 2);
    let folded = inputs.iter().zip(inits).map(|(input, init)| format!("({input} init: {init})"));
    let folded = folded.collect::<Vec<_>>().join(", ");
    let (dimensions, signature) = (list(dimensions), call.signature());
    match body.binary() {
        Some(op) => {
            format!(
                "stablehlo.reduce{folded} applies {} across dimensions = {dimensions} : {signature}",
                op.name()
            )
        }
        None => {
            let reducer = reducer(call);
            format!("stablehlo.reduce{folded} across dimensions = {dimensions} : {signature}\n{reducer}")
        }
    }
}

/// `reducer(%lhs: T, %rhs: T) (..) {..}`: accumulator and element side by side, one pair per input.
fn reducer(call: &Call<'_>) -> String {
    let body = &call.regions[0];
    let (lhs, rhs) = body.arguments.split_at(body.arguments.len() / 2);
    let pairs = lhs.iter().zip(rhs).map(|(lhs, rhs)| format!("({lhs}, {rhs})")).collect::<Vec<_>>();
    format!("{} reducer{} {}", call.margin, pairs.join(" "), call.braces(body))
}

fn reduce_window(op: &ReduceWindow, call: &Call<'_>) -> String {
    let ReduceWindow {
        window_dimensions,
        window_strides,
        base_dilations,
        window_dilations,
        padding,
        body: _,
    } = op;
    format!(
        "\"stablehlo.reduce_window\"({}) <{{base_dilations = {}, padding = {}, \
         window_dilations = {}, window_dimensions = {}, window_strides = {}}}> ({}) : {}",
        call.arguments(),
        array(base_dilations),
        padded(padding),
        array(window_dilations),
        array(window_dimensions),
        array(window_strides),
        call.blocks(),
        call.signature(),
    )
}

fn dynamic_slice(op: &DynamicSlice, call: &Call<'_>) -> String {
    let DynamicSlice { batching_dims, slice_sizes } = op;
    let (arguments, signature, sizes) = (call.arguments(), call.signature(), list(slice_sizes));
    if batching_dims.is_empty() {
        return format!("stablehlo.dynamic_slice {arguments}, sizes = {sizes} : {signature}");
    }
    let batching = list(&batching_dims.iter().map(or_none).collect::<Vec<_>>());
    format!("choral.dynamic_slice {arguments}, batching_dims = {batching}, sizes = {sizes} : {signature}")
}

/// `2`, or `none`.
fn or_none(dim: &Option<usize>) -> String {
    dim.map_or_else(|| "none".to_owned(), |dim| dim.to_string())
}

fn gather(op: &Gather, call: &Call<'_>) -> String {
    format!(
        "\"stablehlo.gather\"({}) <{{dimension_numbers = {}, indices_are_sorted = {}, slice_sizes = {}}}> : {}",
        call.arguments(),
        gather_dimensions(op),
        op.indices_are_sorted,
        array(&op.slice_sizes),
        call.signature(),
    )
}

fn gather_dimensions(op: &Gather) -> String {
    let Gather {
        offset_dims,
        collapsed_slice_dims,
        operand_batching_dims,
        start_indices_batching_dims,
        start_index_map,
        index_vector_dim,
        slice_sizes: _,
        indices_are_sorted: _,
    } = op;
    let numbers = written([
        ("offset_dims", offset_dims),
        ("collapsed_slice_dims", collapsed_slice_dims),
        ("operand_batching_dims", operand_batching_dims),
        ("start_indices_batching_dims", start_indices_batching_dims),
        ("start_index_map", start_index_map),
    ]);
    format!("#stablehlo.gather<{numbers}index_vector_dim = {index_vector_dim}>")
}

fn scatter(op: &Scatter, call: &Call<'_>) -> String {
    let Scatter {
        update_window_dims,
        inserted_window_dims,
        input_batching_dims,
        scatter_indices_batching_dims,
        scatter_dims_to_operand_dims,
        index_vector_dim,
        body: _,
    } = op;
    let numbers = written([
        ("update_window_dims", update_window_dims),
        ("inserted_window_dims", inserted_window_dims),
        ("input_batching_dims", input_batching_dims),
        ("scatter_indices_batching_dims", scatter_indices_batching_dims),
        ("scatter_dims_to_operand_dims", scatter_dims_to_operand_dims),
    ]);
    format!(
        "\"stablehlo.scatter\"({}) <{{scatter_dimension_numbers = #stablehlo.scatter<{numbers}index_vector_dim = {index_vector_dim}>}}> ({}) : {}",
        call.arguments(),
        call.blocks(),
        call.signature(),
    )
}

/// `name = [..], ` of each list that is not empty.
fn written(lists: [(&str, &Vec<usize>); 5]) -> String {
    let written = lists.into_iter().filter(|(_, dims)| !dims.is_empty());
    written.map(|(name, dims)| format!("{name} = {}, ", list(dims))).collect()
}

fn sort(Sort { dimension, is_stable, comparator: _ }: &Sort, call: &Call<'_>) -> String {
    format!(
        "\"stablehlo.sort\"({}) <{{dimension = {dimension} : i64, is_stable = {is_stable}}}> ({}) : {}",
        call.arguments(),
        call.blocks(),
        call.signature(),
    )
}

/// The signature of an op of one operand, without its parentheses.
fn one_result(call: &Call<'_>) -> String {
    let results: Vec<String> = call.results.iter().map(|ty| ty.to_string()).collect();
    format!("{} -> ({})", call.operands[0], results.join(", "))
}

fn triangular_solve(op: &TriangularSolve, call: &Call<'_>) -> String {
    let TriangularSolve { left_side, lower, unit_diagonal, transpose_a } = op;
    let transpose = if *transpose_a { "TRANSPOSE" } else { "NO_TRANSPOSE" };
    format!(
        "\"stablehlo.triangular_solve\"({}) <{{left_side = {left_side}, lower = {lower}, \
         transpose_a = #stablehlo<transpose {transpose}>, unit_diagonal = {unit_diagonal}}}> : {}",
        call.arguments(),
        call.signature(),
    )
}

fn custom(op: &Custom, call: &Call<'_>) -> String {
    let attributes = match op.op().attributes() {
        none if none.is_empty() => String::new(),
        text => format!(" {{backend_config = \"{}\"}}", text.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    let (name, arguments, signature) = (op.op().name(), call.arguments(), call.signature());
    format!("stablehlo.custom_call @{name}({arguments}){attributes} : {signature}")
}

fn collective(op: &CollectiveOp, call: &Call<'_>) -> String {
    let (name, arguments, signature) = (op.name(), call.arguments(), call.signature());
    match op {
        CollectiveOp::AxisIndex(AxisIndex { axis }) => {
            format!("{name} axis = \"{axis}\" : {}", call.results[0])
        }
        CollectiveOp::AllReduce(AllReduce { axes, reduction: _ }) => {
            let axes = list(&axes.iter().map(|axis| format!("\"{axis}\"")).collect::<Vec<_>>());
            format!("{name} {arguments}, axes = {axes} : {}", call.results[0])
        }
        CollectiveOp::AllGather(AllGather { axis, size, dimension }) => {
            format!(
                "{name} {arguments}, axis = \"{axis}\", size = {size}, dimension = {dimension} : {signature}"
            )
        }
        CollectiveOp::Permute(Permute { axis, pairs }) => {
            let pairs = list(&pairs.iter().map(|(from, to)| format!("[{from}, {to}]")).collect::<Vec<_>>());
            format!("{name} {arguments}, axis = \"{axis}\", pairs = {pairs} : {}", call.results[0])
        }
        CollectiveOp::AllToAll(AllToAll { axis, size, split_dimension, concat_dimension }) => format!(
            "{name} {arguments}, axis = \"{axis}\", size = {size}, split_dimension = {split_dimension}, \
             concat_dimension = {concat_dimension} : {signature}"
        ),
        CollectiveOp::MemberKey(MemberKey { axis, level, randomness }) => {
            let randomness = randomness.name();
            let signature = if call.operands.len() > 1 { signature } else { call.results[0].to_string() };
            format!(
                "{name} {arguments}, axis = \"{axis}\", level = {level}, randomness = \"{randomness}\" : {signature}"
            )
        }
    }
}

fn rng_bit_generator(op: &RngBitGenerator, call: &Call<'_>) -> String {
    let RngBitGenerator { algorithm, batching_dims, shape: _, dtype: _ } = op;
    let batching =
        if *batching_dims > 0 { format!(", batching_dims = {batching_dims}") } else { String::new() };
    let (arguments, signature) = (call.arguments(), call.signature());
    format!("{} {arguments}, algorithm = {}{batching} : {signature}", op.name(), algorithm.name())
}

/// `dense<[[0, 1]]> : tensor<1x2xi64>`.
fn padded(padding: &[(i64, i64)]) -> String {
    let entries = if padding.is_empty() { String::new() } else { pairs(padding) };
    format!("dense<{entries}> : tensor<{}x2xi64>", padding.len())
}

fn select_and_scatter(op: &SelectAndScatter, call: &Call<'_>) -> String {
    let SelectAndScatter { window_dimensions, window_strides, padding, select: _, scatter: _ } = op;
    format!(
        "\"stablehlo.select_and_scatter\"({}) <{{padding = {}, window_dimensions = {}, window_strides = {}}}> ({}) : {}",
        call.arguments(),
        padded(padding),
        array(window_dimensions),
        array(window_strides),
        call.blocks(),
        call.signature(),
    )
}
