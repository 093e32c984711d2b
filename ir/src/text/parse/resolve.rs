//! What a spelled call means: the op of its name with its attributes, by either form's names.

use std::sync::Arc;

use super::attributes::{Attribute, Attributes};
use super::call::{Call, TARGET, plain};
use super::collective;
use super::control;
use super::scope::Capture;
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
    call.attributes.finish()?;
    Ok(op)
}

/// Ops that have more attributes here, and then choral's own name.
const EXTENDED: [&str; 4] = ["convolution", "dynamic_slice", "dynamic_update_slice", "rng_bit_generator"];

fn named(call: &mut Call<'_>) -> Result<Op, String> {
    let extended = call.name.strip_prefix("choral.").filter(|name| EXTENDED.contains(name));
    // Without a dialect it is the op that another one stands for.
    match plain(call.name).or(extended).unwrap_or(call.name) {
        "compare" => compare(&mut call.attributes).map(Op::from),
        "select" => Ok(Elementwise::Select.into()),
        "clamp" => Ok(Elementwise::Clamp.into()),
        "convert" => Ok(Elementwise::Convert(result(call)?.dtype).into()),
        "reduce_precision" => reduce_precision(&mut call.attributes).map(Op::from),
        "bitcast_convert" => Ok(BitcastConvert { dtype: result(call)?.dtype }.into()),
        "iota" => iota(call).map(Op::from),
        "broadcast_in_dim" => broadcast_in_dim(call).map(Op::from),
        "reshape" => Ok(Reshape { shape: result(call)?.shape }.into()),
        "transpose" => {
            let permutation = call.attributes.sizes(&["dims", "permutation"])?;
            Ok(Transpose { permutation }.into())
        }
        "reverse" => {
            let dims = call.attributes.sizes(&["dims", "dimensions"])?;
            Ok(Reverse { dims }.into())
        }
        "slice" => slice(&mut call.attributes).map(Op::from),
        "pad" => pad(&mut call.attributes).map(Op::from),
        "concatenate" => {
            let dimension = call.attributes.size(&["dim", "dimension"])?;
            Ok(Concatenate { dimension }.into())
        }
        "dot_general" => dot_general(call).map(Op::from),
        "convolution" => convolution(call).map(Op::from),
        "reduce" => {
            let dimensions = call.attributes.sizes(&["dimensions"])?;
            Ok(Reduce { dimensions, body: region(call)?.into() }.into())
        }
        "select_and_scatter" => select_and_scatter(call).map(Op::from),
        "reduce_window" => reduce_window(call).map(Op::from),
        "gather" => gather(&mut call.attributes).map(Op::from),
        "sort" => {
            let dimension = call.attributes.read_or(&["dimension"], -1, Attribute::integer)?;
            let rank = result(call)?.rank() as i64;
            let dimension = usize::try_from(if dimension < 0 { dimension + rank } else { dimension });
            let dimension = dimension.map_err(|_| "the dimension is out of range".to_owned())?;
            let is_stable = call.attributes.flag("is_stable")?;
            Ok(Sort { dimension, is_stable, comparator: region(call)?.into() }.into())
        }
        "map" => {
            let _every_dimension = call.attributes.take(&["dimensions"]);
            Ok(Map { computation: region(call)? }.into())
        }
        "rng_bit_generator" => rng_bit_generator(call).map(Op::from),
        "custom_call" => custom_call(&mut call.attributes).map(Op::from),
        "cholesky" => Ok(Cholesky { lower: call.attributes.flag("lower")? }.into()),
        "triangular_solve" => triangular_solve(&mut call.attributes).map(Op::from),
        "top_k" => Ok(TopK { k: call.attributes.size(&["k"])? }.into()),
        "scatter" => scatter(call).map(Op::from),
        "dynamic_slice" => {
            let dims = call.attributes.read_or(&["batching_dims"], Vec::new(), |dims| {
                dims.items()?.iter().map(size_or_none).collect()
            })?;
            let slice_sizes = call.attributes.sizes(&["sizes", "slice_sizes"])?;
            Ok(DynamicSlice { batching_dims: dims, slice_sizes }.into())
        }
        "dynamic_update_slice" => {
            let batching_dims = call.attributes.sizes_or(&["batching_dims"], Vec::new())?;
            Ok(DynamicUpdateSlice { batching_dims }.into())
        }
        name => elementwise(name),
    }
}

/// The op of a row of a table.
fn elementwise(name: &str) -> Result<Op, String> {
    let is_it = |row: &str| row == name || plain(row) == Some(name);
    let unary = Unary::ALL.iter().find(|op| is_it(op.name())).map(|&op| op.into());
    let binary = || Binary::ALL.iter().find(|op| is_it(op.name())).map(|&op| op.into());
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

fn compare(attributes: &mut Attributes<'_>) -> Result<Compare, String> {
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    let name = attributes.word(&["comparison_direction", "keyword"])?;
    let direction = [Eq, Ne, Ge, Gt, Le, Lt].into_iter().find(|direction| direction.name() == name);
    let direction = direction.ok_or_else(|| format!("expected a direction such as LT, found `{name}`"))?;
    let order = attributes.read_or(&["compare_type", "keyword"], None, |order| order.word().map(Some))?;
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
    let format = attributes.read_or(&["format"], None, |format| format.word().map(Some))?;
    let (exponent_bits, mantissa_bits) = match format {
        Some(word) => {
            let parts = word.strip_prefix('e').and_then(|rest| rest.split_once('m'));
            let parts =
                parts.and_then(|(exponent, mantissa)| Some((exponent.parse().ok()?, mantissa.parse().ok()?)));
            parts.ok_or_else(|| format!("expected a format such as e8m7, found `{word}`"))?
        }
        None => (bits(attributes.size(&["exponent_bits"])?)?, bits(attributes.size(&["mantissa_bits"])?)?),
    };
    Ok(Elementwise::ReducePrecision(ReducePrecision { exponent_bits, mantissa_bits }))
}

fn iota(call: &mut Call<'_>) -> Result<Iota, String> {
    let TensorType { shape, dtype } = result(call)?;
    let dimension = call.attributes.size(&["dim", "iota_dimension"])?;
    Ok(Iota { shape, dtype, dimension })
}

fn broadcast_in_dim(call: &mut Call<'_>) -> Result<BroadcastInDim, String> {
    let dims = call.attributes.sizes(&["dims", "broadcast_dimensions"])?;
    Ok(BroadcastInDim { shape: result(call)?.shape, dims })
}

fn slice(attributes: &mut Attributes<'_>) -> Result<Slice, String> {
    Ok(Slice {
        start: attributes.sizes(&["start_indices"])?,
        limit: attributes.sizes(&["limit_indices"])?,
        strides: attributes.sizes(&["strides"])?,
    })
}

fn pad(attributes: &mut Attributes<'_>) -> Result<Pad, String> {
    Ok(Pad {
        low: attributes.integers(&["low", "edge_padding_low"])?,
        high: attributes.integers(&["high", "edge_padding_high"])?,
        interior: attributes.sizes(&["interior", "interior_padding"])?,
    })
}

fn dot_general(call: &mut Call<'_>) -> Result<DotGeneral, String> {
    let dtype = result(call)?.dtype;
    let attributes = &mut call.attributes;
    let [lhs_batching, rhs_batching] = sides(attributes, "batching_dims")?;
    let [lhs_contracting, rhs_contracting] = sides(attributes, "contracting_dims")?;
    let mut generic = attributes.record(&["dot_dimension_numbers"])?;
    let mut either = |pretty: Vec<usize>, name: &str| generic.sizes_or(&[name], pretty);
    let op = DotGeneral {
        lhs_batching: either(lhs_batching, "lhs_batching_dimensions")?,
        rhs_batching: either(rhs_batching, "rhs_batching_dimensions")?,
        lhs_contracting: either(lhs_contracting, "lhs_contracting_dimensions")?,
        rhs_contracting: either(rhs_contracting, "rhs_contracting_dimensions")?,
        dtype,
    };
    generic.finish()?;
    Ok(op)
}

/// `[0] x [1]`; two empty lists if the attribute is absent.
fn sides(attributes: &mut Attributes<'_>, name: &str) -> Result<[Vec<usize>; 2], String> {
    attributes.read_or(&[name], [Vec::new(), Vec::new()], |value| match value.items()? {
        [lhs, rhs] => Ok([lhs.sizes()?, rhs.sizes()?]),
        _ => Err("expected two lists: [..] x [..]".to_owned()),
    })
}

fn convolution(call: &mut Call<'_>) -> Result<Convolution, String> {
    let dtype = result(call)?.dtype;
    let attributes = &mut call.attributes;
    let batching_dims = batching_dims(attributes)?;
    let [input, kernel, output] = attributes.read(&["dim_numbers", "dimension_numbers"], layouts)?;
    let window = attributes.record(&["window"])?;
    attributes.extend(window);
    let ones = vec![1; output.spatial.len()];
    let none = vec![false; ones.len()];
    let reversal = attributes.read_or(&["reverse", "window_reversal"], none, Attribute::booleans)?;
    Ok(Convolution {
        batching_dims,
        input,
        kernel,
        strides: attributes.sizes_or(&["stride", "window_strides"], ones.clone())?,
        padding: attributes.pairs_or(&["pad", "padding"], ones.len())?,
        lhs_dilation: attributes.sizes_or(&["lhs_dilate", "lhs_dilation"], ones.clone())?,
        rhs_dilation: attributes.sizes_or(&["rhs_dilate", "rhs_dilation"], ones)?,
        reversal,
        feature_group_count: attributes.size(&["feature_group_count"])?,
        batch_group_count: attributes.size(&["batch_group_count"])?,
        output,
        dtype,
    })
}

/// `[[input, kernel, output], ..]`, with `none` for a shared operand.
fn batching_dims(attributes: &mut Attributes<'_>) -> Result<Vec<BatchingDim>, String> {
    let entry = |entry: &Attribute<'_>| match entry.items()? {
        [input, kernel, output] => Ok(BatchingDim {
            input: size_or_none(input)?,
            kernel: size_or_none(kernel)?,
            output: output.size()?,
        }),
        _ => Err("expected entries [input, kernel, output]".to_owned()),
    };
    attributes.read_or(&["batching_dims"], Vec::new(), |value| value.items()?.iter().map(entry).collect())
}

/// `2`, or `none`.
fn size_or_none(dim: &Attribute<'_>) -> Result<Option<usize>, String> {
    match dim {
        Attribute::Word("none") => Ok(None),
        other => other.size().map(Some),
    }
}

/// `[b, f, 0]x[o, i, 0]->[b, f, 0]`.
fn layouts(value: &Attribute<'_>) -> Result<[Layout; 3], String> {
    match value.items()? {
        [input, kernel, output] => Ok([layout(input)?, layout(kernel)?, layout(output)?]),
        _ => Err("expected three lists: [..]x[..]->[..]".to_owned()),
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
    let body = region(call)?.into();
    let attributes = &mut call.attributes;
    let window_dimensions = attributes.sizes(&["window_dimensions"])?;
    let ones = vec![1; window_dimensions.len()];
    Ok(ReduceWindow {
        window_strides: attributes.sizes_or(&["window_strides"], ones.clone())?,
        base_dilations: attributes.sizes_or(&["base_dilations"], ones.clone())?,
        window_dilations: attributes.sizes_or(&["window_dilations"], ones)?,
        padding: attributes.pairs_or(&["padding"], window_dimensions.len())?,
        window_dimensions,
        body,
    })
}

fn gather(attributes: &mut Attributes<'_>) -> Result<Gather, String> {
    let mut numbers = attributes.record(&["dimension_numbers"])?;
    let mut dims = |name: &str| numbers.sizes_or(&[name], Vec::new());
    let op = Gather {
        offset_dims: dims("offset_dims")?,
        collapsed_slice_dims: dims("collapsed_slice_dims")?,
        operand_batching_dims: dims("operand_batching_dims")?,
        start_indices_batching_dims: dims("start_indices_batching_dims")?,
        start_index_map: dims("start_index_map")?,
        index_vector_dim: numbers.size_or(&["index_vector_dim"], 0)?,
        slice_sizes: attributes.sizes(&["slice_sizes"])?,
        indices_are_sorted: attributes.flag("indices_are_sorted")?,
    };
    numbers.finish()?;
    Ok(op)
}

fn scatter(call: &mut Call<'_>) -> Result<Scatter, String> {
    let mut numbers = call.attributes.record(&["scatter_dimension_numbers"])?;
    let mut dims = |name: &str| numbers.sizes_or(&[name], Vec::new());
    let op = Scatter {
        update_window_dims: dims("update_window_dims")?,
        inserted_window_dims: dims("inserted_window_dims")?,
        input_batching_dims: dims("input_batching_dims")?,
        scatter_indices_batching_dims: dims("scatter_indices_batching_dims")?,
        scatter_dims_to_operand_dims: dims("scatter_dims_to_operand_dims")?,
        index_vector_dim: numbers.size_or(&["index_vector_dim"], 0)?,
        body: region(call)?.into(),
    };
    numbers.finish()?;
    Ok(op)
}

fn custom_call(attributes: &mut Attributes<'_>) -> Result<Custom, String> {
    let name = attributes.word(&[TARGET])?;
    if !custom::is_registered(name) {
        return Err("the text does not hold its code; register an op of this name to run it".to_owned());
    }
    let config = attributes.read_or(&["backend_config"], "", Attribute::word)?;
    const HINTS: [&str; 5] =
        ["api_version", "has_side_effect", "operand_layouts", "output_operand_aliases", "result_layouts"];
    for hint in HINTS {
        let _changes_no_value = attributes.take(&[hint]);
    }
    custom::registered(name, &config.replace("\\\"", "\"").replace("\\\\", "\\"))
}

fn rng_bit_generator(call: &mut Call<'_>) -> Result<RngBitGenerator, String> {
    let word = call.attributes.word(&["algorithm", "rng_algorithm"])?;
    let algorithm = RngAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == word);
    let algorithm =
        algorithm.ok_or_else(|| format!("expected DEFAULT, THREE_FRY or PHILOX, found `{word}`"))?;
    let batching_dims = call.attributes.size_or(&["batching_dims"], 0)?;
    let TensorType { shape, dtype } = call.signature.results.get(1).cloned().ok_or("expected two results")?;
    let shape = shape.get(batching_dims..).ok_or("expected bits that have the batching dimensions")?.to_vec();
    Ok(RngBitGenerator { algorithm, batching_dims, shape, dtype })
}

fn triangular_solve(attributes: &mut Attributes<'_>) -> Result<TriangularSolve, String> {
    let transpose_a = match attributes.read_or(&["transpose_a"], "NO_TRANSPOSE", Attribute::word)? {
        "NO_TRANSPOSE" => false,
        // Of real numbers the adjoint is the transpose.
        "TRANSPOSE" | "ADJOINT" => true,
        other => return Err(format!("expected NO_TRANSPOSE, TRANSPOSE or ADJOINT, found `{other}`")),
    };
    Ok(TriangularSolve {
        left_side: attributes.flag("left_side")?,
        lower: attributes.flag("lower")?,
        unit_diagonal: attributes.flag("unit_diagonal")?,
        transpose_a,
    })
}

fn select_and_scatter(call: &mut Call<'_>) -> Result<SelectAndScatter, String> {
    // The regions stand in this order; the last is taken first.
    let (scatter, select) = (region(call)?, region(call)?);
    let attributes = &mut call.attributes;
    let window_dimensions = attributes.sizes(&["window_dimensions"])?;
    let ones = vec![1; window_dimensions.len()];
    Ok(SelectAndScatter {
        window_strides: attributes.sizes_or(&["window_strides"], ones)?,
        padding: attributes.pairs_or(&["padding"], window_dimensions.len())?,
        window_dimensions,
        select: select.into(),
        scatter: scatter.into(),
    })
}
