//! `vmap` as a pass: a graph of one member becomes the graph of all.
//!
//! The pass walks the graph once. What depends on no mapped value is copied as it is, so that
//! it is computed once for all members; every other op goes to the batching rule of its family
//! (`transform::rules`). The result is a graph of the same IR.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the pass: dimensions checked, the walk run, results put in place |
//! | `options.rs`, `error.rs` | the options of a mapping, and its errors |
//! | `chunk.rs` | one chunk of members at a time |
//! | `numbers.rs` | member numbers passed into branches and loops |
//!
//! Must not live here: rules, the walk (`transform::walk`), and functions of `Var`s.

mod chunk;
mod error;
pub(crate) mod numbers;
mod options;

use std::sync::Arc;

use choral_ir::graph::Port;
use choral_ir::{Graph, NamedAxis, TensorType, normalise_dim};

pub use error::{DimsError, SizeGroup, VmapError};
pub use options::{Axis, Chunks, MemoryLimit, VmapOptions};

use crate::transform::between::{any_in, is_exchanging};
use crate::transform::lane::{Lane, MappedBuilder, shift};
use crate::transform::rewrite;
use crate::transform::walk;

/// Rewrites a graph to carry a member dimension.
///
/// ```
/// use choral_compiler::transform::vmap::{Axis, VmapOptions, vmap_graph};
/// use choral_ir::Graph;
/// let text = "func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
///   %y = stablehlo.tanh %x : tensor<3xf32>
///   return %y : tensor<3xf32>
/// }";
/// let graph = Graph::parse(text).expect("a program");
/// let mapped = vmap_graph(&graph, &VmapOptions::new(Axis::new("members", 5), [Some(1)], [Some(0)]))?;
/// assert_eq!(mapped.input_types()[0].shape, [3, 5]);
/// assert_eq!(mapped.output_types()[0].shape, [5, 3]);
/// # Ok::<(), choral_compiler::transform::vmap::VmapError>(())
/// ```
///
/// # Errors
/// If there is not one dimension for each input and output; if one is out of range, or `None` for an
/// output that is mapped; if the axis has a name that text cannot spell. In chunks also if they hold
/// no members, for a limit that one member exceeds, and for collectives, which need all of
/// them at once.
pub fn vmap_graph(graph: &Graph, options: &VmapOptions) -> Result<Graph, VmapError> {
    mapped(graph, options, members_at_a_time(graph, options)?)
}

/// How many members [`vmap_graph`] maps at a time; `None` if all at once.
///
/// # Errors
/// As [`vmap_graph`].
pub fn members_at_a_time(graph: &Graph, options: &VmapOptions) -> Result<Option<usize>, VmapError> {
    let Chunks { size, memory_limit } = options.chunks;
    let members = options.axis.size;
    if size == Some(0) {
        return Err(DimsError::ChunkSize.into());
    }
    let is_piece = |chunk: &usize| *chunk < members;
    let Some(MemoryLimit { bytes: limit, needs }) = memory_limit else { return Ok(size.filter(is_piece)) };
    let needs = |chunk: usize| {
        let graph = mapped(graph, options, Some(chunk))?;
        Ok::<_, VmapError>(needs(&rewrite::expand(&graph)?))
    };
    let most = size.unwrap_or(members).min(members).max(1);
    let mut least = needs(most)?;
    if least <= limit {
        return Ok(Some(most).filter(is_piece));
    }
    // Many small chunks cost memory themselves: one member at a time is not always the least.
    let mut fits = 1;
    loop {
        if fits >= most {
            return Err(DimsError::MemoryLimit { limit, least }.into());
        }
        let bytes = needs(fits)?;
        if bytes <= limit {
            break;
        }
        least = least.min(bytes);
        fits = fits.saturating_mul(2);
    }
    let mut exceeds = most;
    while exceeds - fits > 1 {
        let chunk = fits.midpoint(exceeds);
        if needs(chunk)? <= limit { fits = chunk } else { exceeds = chunk }
    }
    Ok(Some(fits))
}

/// The graph of all members, `chunk` of them at a time.
fn mapped(graph: &Graph, options: &VmapOptions, chunk: Option<usize>) -> Result<Graph, VmapError> {
    let VmapOptions { axis, in_dims, out_dims, output_names, chunks: _ } = options;
    if !is_name(&axis.name) {
        return Err(DimsError::AxisName { name: axis.name.to_string() }.into());
    }
    check_places(graph, in_dims, out_dims)?;
    let is_along = |body: &Graph| any_in(body, &|op| op.axes().contains(&axis.name));
    let written_out = rewrite::expand_where(graph, &is_along)?;
    let graph = &*numbers::out_of_regions(&written_out, &axis.name)?;
    let mut cx = MappedBuilder::new(graph.name(), axis.size, Arc::clone(&axis.name));
    let inputs = walk::inputs(&mut cx, graph, in_dims);
    let lanes = match chunk.filter(|&chunk| chunk < axis.size) {
        Some(chunk) => chunk::outputs(&mut cx, graph, &inputs, chunk)?,
        None => walk::outputs(&mut cx, graph, &inputs)?,
    };
    let mut places = Vec::with_capacity(lanes.len());
    let mut errors = Vec::new();
    for (at, (&lane, &dim)) in lanes.iter().zip(out_dims).enumerate() {
        let path = output_names.get(at).map_or("", String::as_str);
        out_place(&cx, lane, dim, path).map_or_else(|error| errors.push(error), |at| places.push(at));
    }
    DimsError::none_of(errors)?;
    let mut outputs = Vec::with_capacity(lanes.len());
    for (lane, at) in lanes.into_iter().zip(&places) {
        outputs.push(at.map_or(Ok(lane.value()), |at| cx.at(lane, at))?);
    }
    let out_axes = graph.outputs().iter().zip(places).map(|(port, at)| outer_axes(port, axis, at)).collect();
    let in_axes =
        graph.inputs().iter().zip(in_dims).map(|(port, &dim)| outer_axes(port, axis, dim)).collect();
    Ok(walk::finished(cx.builder, &outputs)?.with_axes(in_axes, out_axes))
}

/// Fails unless there is a dimension for each input and output, and those of inputs are there.
fn check_places(graph: &Graph, in_dims: &[Option<usize>], out_dims: &[Option<i64>]) -> Result<(), DimsError> {
    let counts = [
        ("in_dims", graph.inputs().len(), in_dims.len()),
        ("out_dims", graph.outputs().len(), out_dims.len()),
    ];
    let miscounted = |&(what, expected, got): &(&'static str, usize, usize)| {
        (expected != got).then_some(DimsError::Count { what, expected, got })
    };
    DimsError::none_of(counts.iter().filter_map(miscounted).collect())?;
    let misplaced = |(port, dim): (&Port, &Option<usize>)| {
        let (node, ty) = (graph.node(port.value.node()), graph.ty(port.value));
        let dim = dim.filter(|&dim| dim > ty.rank())?;
        let fits = format!("which has {} dimensions once mapped", ty.rank() + 1);
        let path = format!(" of %{}", node.name);
        Some(DimsError::Range { what: "in_dims", path, dim: dim as i64, ty: ty.to_string(), fits })
    };
    DimsError::none_of(graph.inputs().iter().zip(in_dims).filter_map(misplaced).collect())
}

/// Whether members of the graph exchange values along the axis, so all of them must run at once.
pub fn exchanges(graph: &Graph, axis: &Arc<str>) -> bool {
    is_exchanging(graph, axis)
}

/// Whether the graph asks for member numbers along the axis, or draws by them.
pub fn asks_for_numbers(graph: &Graph, axis: &Arc<str>) -> bool {
    numbers::is_asked_in(graph, axis)
}

/// Whether text can spell a name: `members@0` says where an axis lies, and a space sets two apart.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Where a result has the members; `None` if it is shared.
fn out_place(
    cx: &MappedBuilder,
    lane: Lane,
    dim: Option<i64>,
    path: &str,
) -> Result<Option<usize>, DimsError> {
    let Some(dim) = dim else {
        return match lane {
            Lane::Shared(_) => Ok(None),
            Lane::Mapped(..) => Err(DimsError::Unbatched { path: path.to_string() }),
        };
    };
    let mut ty = cx.ty(lane.value()).clone();
    if lane.dim().is_none() {
        ty.shape.insert(0, cx.size);
    }
    in_range("out_dims", path, dim, &ty).map(Some)
}

/// The named axes of a port once the member dimension lies at `at`.
fn outer_axes(port: &Port, axis: &Axis, at: Option<usize>) -> Vec<NamedAxis> {
    let Some(at) = at else { return port.axes.clone() };
    let moved =
        port.axes.iter().map(|inner| NamedAxis { name: inner.name.clone(), dim: shift(&[inner.dim], at)[0] });
    std::iter::once(NamedAxis { name: axis.name.clone(), dim: at }).chain(moved).collect()
}

/// A dimension of a value (negative counts from the end) as an index; `path` is what errors call the value.
pub(crate) fn in_range(
    what: &'static str,
    path: &str,
    dim: i64,
    ty: &TensorType,
) -> Result<usize, DimsError> {
    normalise_dim(dim, ty.rank()).ok_or_else(|| {
        let fits = match ty.rank() {
            0 => "which has no dimensions; use None".to_owned(),
            rank => format!("so it must lie in -{rank}..{rank}"),
        };
        DimsError::Range { what, path: path.to_owned(), dim, ty: ty.to_string(), fits }
    })
}
