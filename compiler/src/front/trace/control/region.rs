//! Functions as regions: traced, then put on the inputs that their op gives them.

use std::panic::Location as Caller;
use std::rc::Rc;

use choral_ir::{BuildError, Builder, Graph, NodeKind, Tensor, TensorType, Value};

use crate::front::trace::function::apply_in_trace;
use crate::front::trace::var::Var;
use crate::front::trace::{Recording, Trace};
use crate::front::tree::{Path, Tree};
use crate::transform::rewrite;

/// A function that has been traced.
pub(super) struct Region<O> {
    /// What it returned; its values are the function's own.
    pub(super) output: O,
    /// What it computes from its arguments and then its captures; `None` after a fault.
    pub(super) program: Option<Program>,
}

/// The graph of a function, and the values from around it that its last inputs stand for.
pub(super) struct Program {
    graph: Graph,
    captures: Vec<Var>,
}

/// Traces `function` on arguments like `args`, whose types `ty` may change; faults go to the holder.
pub(super) fn traced<A: Tree<Var>, O: Tree<Var>, E>(
    holder: &Rc<Trace>,
    name: &str,
    args: &A,
    ty: impl Fn(&Path, &Var) -> TensorType,
    function: impl FnOnce(A::With<Var>) -> Result<O, E>,
    at: &Caller<'_>,
) -> Result<Region<O>, E> {
    let (recording, applied) = apply_in_trace(name, args, at, ty, function);
    let Recording { builder, faults, captures, axes: _ } = recording;
    let whole = faults.is_empty();
    holder.report(faults);
    let (output, values) = applied?;
    let captures: Vec<Var> = captures.into_iter().map(|(outer, _)| outer).collect();
    let graph = match values.map(|values| rewrite::dead_code(&builder.finish(&values))).transpose() {
        Ok(graph) => graph,
        Err(error) => {
            holder.fault(error.to_string(), at);
            None
        }
    };
    let program = graph.filter(|_| whole).map(|graph| Program { graph, captures });
    Ok(Region { output, program })
}

/// The type that a value has.
pub(super) fn own_type(_: &Path, var: &Var) -> TensorType {
    var.ty().clone()
}

/// What all of these programs capture, each value once; constants of one element are not among
/// them, as every region makes its own.
pub(super) fn captured(programs: &[&Program]) -> Vec<Var> {
    let mut all: Vec<Var> = Vec::new();
    for var in programs.iter().flat_map(|program| &program.captures) {
        if constant(var).is_none() && !all.iter().any(|known| known.is(var)) {
            all.push(var.clone());
        }
    }
    all
}

impl Program {
    /// The region whose inputs are the function's arguments, then all that is `captured`; with
    /// `hands_on` it returns the latter after its own results.
    pub(super) fn on(&self, captured: &[Var], hands_on: bool) -> Result<Graph, BuildError> {
        let mut builder = Builder::new(self.graph.name());
        let count = self.graph.inputs().len() - self.captures.len();
        let mut inputs: Vec<Value> = Vec::with_capacity(self.graph.inputs().len());
        for (port, ty) in self.graph.inputs().iter().zip(self.graph.input_types()).take(count) {
            inputs.push(builder.input(self.graph.node(port.value.node()).name.clone(), ty));
        }
        let outer: Vec<Value> =
            captured.iter().map(|var| builder.input(name_of(var), var.ty().clone())).collect();
        for var in &self.captures {
            inputs.push(source(&mut builder, var, captured, &outer)?);
        }
        let mut outputs = builder.inline(&self.graph, &inputs)?;
        if hands_on {
            outputs.extend(outer);
        }
        Ok(builder.finish(&outputs))
    }
}

/// What stands for a captured value inside the region.
fn source(builder: &mut Builder, var: &Var, captured: &[Var], outer: &[Value]) -> Result<Value, BuildError> {
    if let Some(tensor) = constant(var) {
        return Ok(builder.splat(tensor, var.shape()));
    }
    let missing = || BuildError::inconsistency("region", "a captured value was not passed to it");
    captured.iter().position(|known| known.is(var)).map(|at| outer[at]).ok_or_else(missing)
}

/// The element that fills a value, if it is such a constant.
fn constant(var: &Var) -> Option<Tensor> {
    let value = var.known()?;
    var.trace.look(value, |node| match &node.kind {
        NodeKind::Constant(tensor) if tensor.shape().is_empty() => Some(tensor.clone()),
        NodeKind::Constant(_) | NodeKind::Input | NodeKind::Op(_) => None,
    })
}

fn name_of(var: &Var) -> String {
    var.known().map(|value| var.trace.name_of(value)).unwrap_or_default()
}
