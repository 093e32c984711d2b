//! The options of a mapping, as data.

use std::sync::Arc;

use choral_ir::{Graph, cost};

/// The member axis of a graph: its name, and the number of members.
#[derive(Debug, Clone)]
pub struct Axis {
    /// What it is called in printed graphs.
    pub name: Arc<str>,
    /// Number of members.
    pub size: usize,
}

impl Axis {
    /// This many members, and their name.
    pub fn new(name: &str, size: usize) -> Axis {
        Axis { name: name.into(), size }
    }
}

/// How many members at a time: all at once, unless you say otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chunks {
    /// At most this many, the `chunk_size` of `torch.func.vmap`.
    pub size: Option<usize>,
    /// As many as fit in this many bytes.
    pub memory_limit: Option<MemoryLimit>,
}

/// A bound on the memory that a mapped program takes.
#[derive(Debug, Clone, Copy)]
pub struct MemoryLimit {
    /// At most this many bytes.
    pub bytes: u64,
    /// What a run of a graph takes.
    pub needs: fn(&Graph) -> u64,
}

impl MemoryLimit {
    /// This many bytes, by [`cost::peak_bytes`]: a device may take more for itself.
    pub fn of_values(bytes: u64) -> MemoryLimit {
        MemoryLimit { bytes, needs: cost::peak_bytes }
    }
}

/// How a graph is mapped.
#[derive(Debug, Clone)]
pub struct VmapOptions {
    /// The members.
    pub axis: Axis,
    /// Where each input has them; `None` if it is shared.
    pub in_dims: Vec<Option<usize>>,
    /// Where each output should have them (negative counts from the end); `None` if it is shared.
    pub out_dims: Vec<Option<i64>>,
    /// What errors call the outputs, as `.0`; nothing where there are none.
    pub output_names: Vec<String>,
    /// How many members at a time.
    pub chunks: Chunks,
}

impl VmapOptions {
    /// All members at once.
    pub fn new(
        axis: Axis,
        in_dims: impl Into<Vec<Option<usize>>>,
        out_dims: impl Into<Vec<Option<i64>>>,
    ) -> VmapOptions {
        let (in_dims, out_dims) = (in_dims.into(), out_dims.into());
        VmapOptions { axis, in_dims, out_dims, output_names: Vec::new(), chunks: Chunks::default() }
    }
}
