//! What a spelled call means: the op of its name with its attributes, by either form's names.

use std::sync::Arc;

use super::attribute::{Attribute, Attributes};
use super::collective;
use super::control;
use super::scope::Capture;
use super::statement::Call;
use crate::op::custom;
use crate::op::{
    BatchingDim, Binary, BitcastConvert, BroadcastInDim, Cholesky, Compare, ComparisonDirection,
    ComparisonType, Concatenate, Convolution, Custom, DotGeneral, DynamicSlice, DynamicUpdateSlice,
    Elementwise, Gather, Iota, Layout, Map, Pad, Reduce, ReducePrecision, ReduceWindow, Reshape, Reverse,
    RngAlgorithm, RngBitGenerator, Scatter, SelectAndScatter, Slice, Sort, TopK, Transpose, TriangularSolve,
    Unary,
};
use crate::{Graph, Op, TensorType};

/// The op, with every attribute accounted for.
pub(super) fn op(call: &mut Call<'_>) -> Result<Op, String> {
    let op = match (control::op(call)?, collective::op(call)?) {
        (Some(op), _) | (None, Some(op)) => op,
        (None, None) => named(call)?,
    };
    match call.attributes.unknown() {
        Some(name) => Err(format!("expected attributes of this op, found `{name}`")),
        None => Ok(op),
    }
}

fn named(call: &mut Call<'_>) -> Result<Op, String> {
    match call.name {
        "stablehlo.compare" => compare(&mut call.attributes).map(Op::from),
        "stablehlo.select" => Ok(Elementwise::Select.into()),
        "stablehlo.clamp" => Ok(Elementwise::Clamp.into()),
        "stablehlo.convert" => Ok(Elementwise::Convert(result(call)?.dtype).into()),
        "stablehlo.reduce_precision" => reduce_precision(&mut call.attributes).map(Op::from),
        "stablehlo.bitcast_convert" => Ok(BitcastConvert { dtype: result(call)?.dtype }.into()),
        "stablehlo.iota" => iota(call).map(Op::from),
        "stablehlo.broadcast_in_dim" => broadcast_in_dim(call).map(Op::from),
        "stablehlo.reshape" => Ok(Reshape { shape: result(call)?.shape }.into()),
        "stablehlo.transpose" => {
            let permutation = call.attributes.require(&["dims", "permutation"])?.sizes()?;
            Ok(Transpose { permutation }.into())
        }
        "stablehlo.reverse" => {
            let dims = call.attributes.require(&["dims", "dimensions"])?.sizes()?;
            Ok(Reverse { dims }.into())
        }
        "stablehlo.slice" => slice(&mut call.attributes).map(Op::from),
        "stablehlo.pad" => pad(&mut call.attributes).map(Op::from),
        "stablehlo.concatenate" => {
            let dimension = call.attributes.require(&["dim", "dimension"])?.size()?;
            Ok(Concatenate { dimension }.into())
        }
        "stablehlo.dot_general" => dot_general(call).map(Op::from),
        "stablehlo.convolution" | "choral.convolution" => convolution(call).map(Op::from),
        "stablehlo.reduce" => {
            let dimensions = call.attributes.require(&["dimensions"])?.sizes()?;
            Ok(Reduce { dimensions, body: region(call)? }.into())
        }
        "stablehlo.select_and_scatter" => select_and_scatter(call).map(Op::from),
        "stablehlo.reduce_window" => reduce_window(call).map(Op::from),
        "stablehlo.gather" => gather(&mut call.attributes).map(Op::from),
        "stablehlo.sort" => {
            let dimension = call
                .attributes
                .take(&["dimension"])
                .map_or(Ok(-1), |dim| dim.integers().map(|dims| dims[0]))?;
            let rank = result(call)?.rank() as i64;
            let dimension = usize::try_from(if dimension < 0 { dimension + rank } else { dimension });
            let dimension = dimension.map_err(|_| "the dimension is out of range".to_owned())?;
            let is_stable = call.attributes.take(&["is_stable"]) == Some(Attribute::Boolean(true));
            Ok(Sort { dimension, is_stable, comparator: region(call)? }.into())
        }
        "stablehlo.map" => {
            let _every_dimension = call.attributes.take(&["dimensions"]);
            Ok(Map { computation: region(call)? }.into())
        }
        "stablehlo.rng_bit_generator" | "choral.rng_bit_generator" => rng_bit_generator(call).map(Op::from),
        "stablehlo.custom_call" => custom_call(&mut call.attributes).map(Op::from),
        "stablehlo.cholesky" => Ok(Cholesky { lower: flag(&mut call.attributes, "lower") }.into()),
        "stablehlo.triangular_solve" => triangular_solve(&mut call.attributes).map(Op::from),
        "chlo.top_k" => Ok(TopK { k: call.attributes.require(&["k"])?.size()? }.into()),
        "stablehlo.scatter" => scatter(call).map(Op::from),
        "stablehlo.dynamic_slice" | "choral.dynamic_slice" => {
            let batching = call.attributes.take(&["batching_dims"]);
            let dims =
                batching.map_or(Ok(Vec::new()), |dims| dims.items()?.iter().map(size_or_none).collect());
            let slice_sizes = call.attributes.require(&["sizes", "slice_sizes"])?.sizes()?;
            Ok(DynamicSlice { batching_dims: dims?, slice_sizes }.into())
        }
        "stablehlo.dynamic_update_slice" | "choral.dynamic_update_slice" => {
            let batching = call.attributes.take(&["batching_dims"]);
            let batching_dims = batching.map_or(Ok(0), |count| count.size())?;
            Ok(DynamicUpdateSlice { batching_dims }.into())
        }
        // As older exporters spell it.
        "chlo.tan" => Ok(Unary::Tan.into()),
        name => unary_or_binary(name),
    }
}

fn unary_or_binary(name: &str) -> Result<Op, String> {
    let unary = Unary::ALL.iter().find(|op| op.name() == name).map(|&op| op.into());
    let binary = || Binary::ALL.iter().find(|op| op.name() == name).map(|&op| op.into());
    unary.or_else(binary).ok_or_else(|| "expected an op that this program knows".to_owned())
}

fn result(call: &Call<'_>) -> Result<TensorType, String> {
    call.signature.results.first().cloned().ok_or_else(|| "expected a result type".to_owned())
}

fn region(call: &mut Call<'_>) -> Result<Arc<Graph>, String> {
    let region = call.regions.pop().ok_or("expected a region")?;
    match region.captures.first() {
        None => Ok(Arc::new(region.graph)),
        Some(Capture { outer: _, name, ty: _ }) => {
            Err(format!("its region can read constants of one element from outside, but not %{name}"))
        }
    }
}

fn sizes_or(
    attributes: &mut Attributes<'_>,
    names: &[&str],
    default: Vec<usize>,
) -> Result<Vec<usize>, String> {
    attributes.take(names).map_or(Ok(default), |value| value.sizes())
}

/// `[[low, high], ..]` in any nesting.
fn pairs_or(
    attributes: &mut Attributes<'_>,
    names: &[&str],
    count: usize,
) -> Result<Vec<(i64, i64)>, String> {
    let Some(value) = attributes.take(names) else { return Ok(vec![(0, 0); count]) };
    Ok(value.integers()?.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

fn compare(attributes: &mut Attributes<'_>) -> Result<Compare, String> {
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    let name = attributes.require(&["comparison_direction", "keyword"])?.word()?;
    let direction = [Eq, Ne, Ge, Gt, Le, Lt].into_iter().find(|direction| direction.name() == name);
    let direction = direction.ok_or_else(|| format!("expected a direction such as LT, found `{name}`"))?;
    let order = attributes.take(&["compare_type", "keyword"]).map(|order| order.word()).transpose()?;
    let compare_type = match order {
        Some("TOTALORDER") => ComparisonType::TotalOrder,
        Some("FLOAT" | "SIGNED" | "UNSIGNED" | "NOTYPE") | None => ComparisonType::Natural,
        Some(other) => {
            return Err(format!("expected FLOAT, SIGNED, UNSIGNED or TOTALORDER, found `{other}`"));
        }
    };
    Ok(Compare { direction, compare_type })
}

/// `format = e8m7`, or a count of bits for each part.
fn reduce_precision(attributes: &mut Attributes<'_>) -> Result<Elementwise, String> {
    let bits = |size: usize| u32::try_from(size).map_err(|_| format!("{size} bits are too many"));
    let (exponent_bits, mantissa_bits) = match attributes.take(&["format"]) {
        Some(format) => {
            let word = format.word()?;
            let parts = word.strip_prefix('e').and_then(|rest| rest.split_once('m'));
            let parts =
                parts.and_then(|(exponent, mantissa)| Some((exponent.parse().ok()?, mantissa.parse().ok()?)));
            parts.ok_or_else(|| format!("expected a format such as e8m7, found `{word}`"))?
        }
        None => (
            bits(attributes.require(&["exponent_bits"])?.size()?)?,
            bits(attributes.require(&["mantissa_bits"])?.size()?)?,
        ),
    };
    Ok(Elementwise::ReducePrecision(ReducePrecision { exponent_bits, mantissa_bits }))
}

fn iota(call: &mut Call<'_>) -> Result<Iota, String> {
    let TensorType { shape, dtype } = result(call)?;
    let dimension = call.attributes.require(&["dim", "iota_dimension"])?.size()?;
    Ok(Iota { shape, dtype, dimension })
}

fn broadcast_in_dim(call: &mut Call<'_>) -> Result<BroadcastInDim, String> {
    let dims = call.attributes.require(&["dims", "broadcast_dimensions"])?.sizes()?;
    Ok(BroadcastInDim { shape: result(call)?.shape, dims })
}

fn slice(attributes: &mut Attributes<'_>) -> Result<Slice, String> {
    Ok(Slice {
        start: attributes.require(&["start_indices"])?.sizes()?,
        limit: attributes.require(&["limit_indices"])?.sizes()?,
        strides: attributes.require(&["strides"])?.sizes()?,
    })
}

fn pad(attributes: &mut Attributes<'_>) -> Result<Pad, String> {
    Ok(Pad {
        low: attributes.require(&["low", "edge_padding_low"])?.integers()?,
        high: attributes.require(&["high", "edge_padding_high"])?.integers()?,
        interior: attributes.require(&["interior", "interior_padding"])?.sizes()?,
    })
}

fn dot_general(call: &mut Call<'_>) -> Result<DotGeneral, String> {
    let dtype = result(call)?.dtype;
    let attributes = &mut call.attributes;
    let [lhs_batching, rhs_batching] = sides(attributes, "batching_dims")?;
    let [lhs_contracting, rhs_contracting] = sides(attributes, "contracting_dims")?;
    let mut generic = attributes.record(&["dot_dimension_numbers"])?;
    let mut either = |pretty: Vec<usize>, name: &str| sizes_or(&mut generic, &[name], pretty);
    Ok(DotGeneral {
        lhs_batching: either(lhs_batching, "lhs_batching_dimensions")?,
        rhs_batching: either(rhs_batching, "rhs_batching_dimensions")?,
        lhs_contracting: either(lhs_contracting, "lhs_contracting_dimensions")?,
        rhs_contracting: either(rhs_contracting, "rhs_contracting_dimensions")?,
        dtype,
    })
}

/// `[0] x [1]`; two empty lists if the attribute is absent.
fn sides(attributes: &mut Attributes<'_>, name: &str) -> Result<[Vec<usize>; 2], String> {
    let Some(value) = attributes.take(&[name]) else { return Ok([Vec::new(), Vec::new()]) };
    match value.items()? {
        [lhs, rhs] => Ok([lhs.sizes()?, rhs.sizes()?]),
        _ => Err(format!("`{name}` needs two lists: [..] x [..]")),
    }
}

fn convolution(call: &mut Call<'_>) -> Result<Convolution, String> {
    let dtype = result(call)?.dtype;
    let attributes = &mut call.attributes;
    let batching_dims = batching_dims(attributes)?;
    let layouts = attributes.require(&["dim_numbers", "dimension_numbers"])?;
    let [input, kernel, output] = layouts.items()? else {
        return Err("`dim_numbers` needs three lists: [..]x[..]->[..]".to_owned());
    };
    let output = layout(output)?;
    let window = attributes.record(&["window"])?;
    attributes.extend(window);
    let ones = vec![1; output.spatial.len()];
    let reversal = sizes_or(attributes, &["reverse", "window_reversal"], vec![0; ones.len()])?;
    Ok(Convolution {
        batching_dims,
        input: layout(input)?,
        kernel: layout(kernel)?,
        strides: sizes_or(attributes, &["stride", "window_strides"], ones.clone())?,
        padding: pairs_or(attributes, &["pad", "padding"], ones.len())?,
        lhs_dilation: sizes_or(attributes, &["lhs_dilate", "lhs_dilation"], ones.clone())?,
        rhs_dilation: sizes_or(attributes, &["rhs_dilate", "rhs_dilation"], ones)?,
        reversal: reversal.into_iter().map(|reversed| reversed != 0).collect(),
        feature_group_count: attributes.require(&["feature_group_count"])?.size()?,
        batch_group_count: attributes.require(&["batch_group_count"])?.size()?,
        output,
        dtype,
    })
}

/// `[[input, kernel, output], ..]`, with `none` where all share the operand.
fn batching_dims(attributes: &mut Attributes<'_>) -> Result<Vec<BatchingDim>, String> {
    let Some(value) = attributes.take(&["batching_dims"]) else { return Ok(Vec::new()) };
    let entry = |entry: &Attribute<'_>| match entry.items()? {
        [input, kernel, output] => Ok(BatchingDim {
            input: size_or_none(input)?,
            kernel: size_or_none(kernel)?,
            output: output.size()?,
        }),
        _ => Err("`batching_dims` needs entries [input, kernel, output]".to_owned()),
    };
    value.items()?.iter().map(entry).collect()
}

/// `2`, or `none`.
fn size_or_none(dim: &Attribute<'_>) -> Result<Option<usize>, String> {
    match dim {
        Attribute::Word("none") => Ok(None),
        other => other.size().map(Some),
    }
}

/// `[b, f, 0, 1]`, or `[o, i, 0, 1]` of a kernel.
fn layout(parts: &Attribute<'_>) -> Result<Layout, String> {
    let parts = parts.items()?;
    let find = |part: Attribute<'_>| parts.iter().position(|other| *other == part);
    let named = |names: [&'static str; 2]| {
        let dim = names.into_iter().find_map(|name| find(Attribute::Word(name)));
        dim.ok_or_else(|| format!("expected a dimension `{}` or `{}` in the layout", names[0], names[1]))
    };
    let (batch, feature) = (named(["b", "o"])?, named(["f", "i"])?);
    let spatial = (0..).map_while(|position| find(Attribute::Integer(position))).collect();
    Ok(Layout { batch, feature, spatial })
}

fn reduce_window(call: &mut Call<'_>) -> Result<ReduceWindow, String> {
    let body = region(call)?;
    let attributes = &mut call.attributes;
    let window_dimensions = attributes.require(&["window_dimensions"])?.sizes()?;
    let ones = vec![1; window_dimensions.len()];
    Ok(ReduceWindow {
        window_strides: sizes_or(attributes, &["window_strides"], ones.clone())?,
        base_dilations: sizes_or(attributes, &["base_dilations"], ones.clone())?,
        window_dilations: sizes_or(attributes, &["window_dilations"], ones)?,
        padding: pairs_or(attributes, &["padding"], window_dimensions.len())?,
        window_dimensions,
        body,
    })
}

fn gather(attributes: &mut Attributes<'_>) -> Result<Gather, String> {
    let mut numbers = attributes.record(&["dimension_numbers"])?;
    let mut dims = |name: &str| sizes_or(&mut numbers, &[name], Vec::new());
    let sorted = attributes.take(&["indices_are_sorted"]);
    Ok(Gather {
        offset_dims: dims("offset_dims")?,
        collapsed_slice_dims: dims("collapsed_slice_dims")?,
        operand_batching_dims: dims("operand_batching_dims")?,
        start_indices_batching_dims: dims("start_indices_batching_dims")?,
        start_index_map: dims("start_index_map")?,
        index_vector_dim: numbers.take(&["index_vector_dim"]).map_or(Ok(0), |dim| dim.size())?,
        slice_sizes: attributes.require(&["slice_sizes"])?.sizes()?,
        indices_are_sorted: sorted == Some(Attribute::Boolean(true)),
    })
}

fn scatter(call: &mut Call<'_>) -> Result<Scatter, String> {
    let mut numbers = call.attributes.record(&["scatter_dimension_numbers"])?;
    let mut dims = |name: &str| sizes_or(&mut numbers, &[name], Vec::new());
    Ok(Scatter {
        update_window_dims: dims("update_window_dims")?,
        inserted_window_dims: dims("inserted_window_dims")?,
        input_batching_dims: dims("input_batching_dims")?,
        scatter_indices_batching_dims: dims("scatter_indices_batching_dims")?,
        scatter_dims_to_operand_dims: dims("scatter_dims_to_operand_dims")?,
        index_vector_dim: numbers.take(&["index_vector_dim"]).map_or(Ok(0), |dim| dim.size())?,
        body: region(call)?,
    })
}

fn custom_call(attributes: &mut Attributes<'_>) -> Result<Custom, String> {
    let name = attributes.require(&["call_target_name"])?.word()?;
    let config = attributes.take(&["backend_config"]).map_or(Ok(""), |config| config.word())?;
    for hint in ["api_version", "has_side_effect", "called_computations", "operand_layouts", "result_layouts"]
    {
        let _changes_no_value = attributes.take(&[hint]);
    }
    custom::registered(name, &config.replace("\\\"", "\"").replace("\\\\", "\\"))
}

fn rng_bit_generator(call: &mut Call<'_>) -> Result<RngBitGenerator, String> {
    let word = call.attributes.require(&["algorithm", "rng_algorithm"])?.word()?;
    let algorithm = RngAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == word);
    let algorithm =
        algorithm.ok_or_else(|| format!("expected DEFAULT, THREE_FRY or PHILOX, found `{word}`"))?;
    let batching_dims = call.attributes.take(&["batching_dims"]).map_or(Ok(0), |count| count.size())?;
    let TensorType { shape, dtype } = call.signature.results.get(1).cloned().ok_or("expected two results")?;
    let shape = shape.get(batching_dims..).ok_or("expected bits that have the batching dimensions")?.to_vec();
    Ok(RngBitGenerator { algorithm, batching_dims, shape, dtype })
}

fn flag(attributes: &mut Attributes<'_>, name: &str) -> bool {
    attributes.take(&[name]) == Some(Attribute::Boolean(true))
}

fn triangular_solve(attributes: &mut Attributes<'_>) -> Result<TriangularSolve, String> {
    let transpose_a = match attributes.take(&["transpose_a"]).map(|value| value.word().map(str::to_owned)) {
        None => false,
        Some(word) => match word?.as_str() {
            "NO_TRANSPOSE" => false,
            // Of real numbers the adjoint is the transpose.
            "TRANSPOSE" | "ADJOINT" => true,
            other => return Err(format!("expected NO_TRANSPOSE, TRANSPOSE or ADJOINT, found `{other}`")),
        },
    };
    Ok(TriangularSolve {
        left_side: flag(attributes, "left_side"),
        lower: flag(attributes, "lower"),
        unit_diagonal: flag(attributes, "unit_diagonal"),
        transpose_a,
    })
}

fn select_and_scatter(call: &mut Call<'_>) -> Result<SelectAndScatter, String> {
    // The regions stand in this order; the last is taken first.
    let (scatter, select) = (region(call)?, region(call)?);
    let attributes = &mut call.attributes;
    let window_dimensions = attributes.require(&["window_dimensions"])?.sizes()?;
    let ones = vec![1; window_dimensions.len()];
    Ok(SelectAndScatter {
        window_strides: sizes_or(attributes, &["window_strides"], ones)?,
        padding: pairs_or(attributes, &["padding"], window_dimensions.len())?,
        window_dimensions,
        select,
        scatter,
    })
}
