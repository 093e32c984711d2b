//! How much memory a run needs, and refusing one that the machine has no room for.
//!
//! Lives here: the fullest moment of a run and its errors; that of the interpreter, which keeps every
//! value; and what each op takes for itself while it runs ([`scratch`]). Must not live here: what a plan
//! keeps ([`crate::plan`]).

pub(crate) mod scratch;

use choral_ir::memory::{self, OutOfMemory};
use choral_ir::op::{ControlOp, ShapeOp};
use choral_ir::{DType, Graph, Location, NodeId, NodeKind, Op, TensorType};

use crate::error::Error;
use crate::ops::bodies;
use scratch::total;

/// Less than this is not asked for before a run: a system that lacks it has failed already.
const ASKED: usize = 1 << 26;

/// An allocator rounds large buffers up to pages, and keeps some of what is given back: measured
/// (`benches/memory.rs`), at most one part in this many.
const KEPT: usize = 64;

/// Less than this is part of what every process has.
const LARGE: usize = 1 << 20;

/// The fullest moment of a run.
#[derive(Debug, Clone)]
pub(crate) struct Peak {
    /// Bytes that are needed then.
    pub(crate) bytes: usize,
    /// The value that takes most to be made, and the bytes of that.
    value: Label,
    largest: usize,
}

/// What a value is called, its type, and the user's line.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) name: String,
    pub(crate) ty: TensorType,
    pub(crate) location: Option<Location>,
}

impl Label {
    pub(crate) fn of(graph: &Graph, id: NodeId) -> Label {
        let node = graph.node(id);
        let ty = node.types.first().cloned().unwrap_or(TensorType::scalar(DType::I1));
        Label { name: node.name.clone(), ty, location: node.location.clone() }
    }

    /// The error that memory cannot hold this value beside all others.
    pub(crate) fn refusal(&self, cause: OutOfMemory) -> Error {
        let Label { name, ty, location } = self.clone();
        Error::Memory { name, ty, cause, location }
    }
}

impl Peak {
    /// Before anything is made.
    pub(crate) fn none(name: &str) -> Peak {
        let value = Label { name: name.to_owned(), ty: TensorType::scalar(DType::I1), location: None };
        Peak { bytes: 0, value, largest: 0 }
    }

    /// With so many bytes that are held throughout.
    pub(crate) fn beside(self, held: usize) -> Peak {
        Peak { bytes: self.bytes.saturating_add(held), ..self }
    }

    /// With what an allocator takes besides the buffers that it returns.
    pub(crate) fn with_what_the_allocator_keeps(self) -> Peak {
        let kept = if self.bytes < LARGE { 0 } else { self.bytes / KEPT };
        Peak { bytes: self.bytes.saturating_add(kept), ..self }
    }

    /// A value of this many bytes is made in addition to the live ones.
    pub(crate) fn raise(&mut self, alive: usize, needs: usize, value: &Label) {
        self.bytes = self.bytes.max(alive.saturating_add(needs));
        if needs >= self.largest {
            (self.value, self.largest) = (value.clone(), needs);
        }
    }

    /// Fails if the machine has less memory in all.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let cause = OutOfMemory { needed: self.bytes, total: memory::total() };
        if cause.needed > cause.total { Err(self.value.refusal(cause)) } else { Ok(()) }
    }

    /// Asks for what a run takes besides its inputs, which the caller holds.
    pub(crate) fn ask(&self, inputs: &[TensorType]) -> Result<(), Error> {
        let bytes = self.bytes.saturating_sub(total(inputs.iter().map(TensorType::bytes)));
        if bytes < ASKED { Ok(()) } else { memory::ask(bytes).map_err(|cause| self.value.refusal(cause)) }
    }
}

/// The fullest moment of the interpreter, which keeps every value, and splats at their full type.
pub(crate) fn of_interpreter(graph: &Graph) -> Peak {
    let mut peak = Peak::none(graph.name());
    let mut kept = 0usize;
    for (id, node) in graph.nodes() {
        let (made, inside) = match &node.kind {
            NodeKind::Input | NodeKind::Constant(_) => (node.types[0].bytes(), 0),
            NodeKind::Op(Op::Shape(ShapeOp::Reshape(_)) | Op::Control(ControlOp::OptimizationBarrier)) => {
                (0, 0)
            }
            NodeKind::Op(op) => {
                let operands: Vec<&TensorType> =
                    graph.operands(id).into_iter().map(|value| graph.ty(value)).collect();
                let inside = bodies(op).into_iter().map(|body| of_interpreter(body).bytes);
                let inside = inside.max().unwrap_or(0);
                let scratch = scratch::of_definition(op, &operands, &node.types);
                (total(node.types.iter().map(TensorType::bytes)), inside.saturating_add(scratch))
            }
        };
        peak.raise(kept, made.saturating_add(inside), &Label::of(graph, id));
        kept = kept.saturating_add(made);
    }
    peak
}
