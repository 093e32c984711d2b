//! From a function of [`Var`]s to a graph.

use std::collections::HashMap;
use std::convert::Infallible;
use std::panic::Location as Caller;
use std::rc::Rc;

use choral_ir::graph::Port;
use choral_ir::{Graph, NamedAxis, TensorType, Value};

use super::var::Var;
use super::{Recording, Trace, depth, trace_at, trace_of, user_location};
use crate::front::error::{Error, TraceError};
use crate::front::tree::{Leaf, Path, Tree, Typed, Walk, leaves};
use crate::transform::rewrite;

/// A function from a tree of values to a tree of values: a closure of one argument (a tuple
/// for several), a graph, the code of a model
/// ([`FunctionalModule`](crate::front::ensemble::FunctionalModule)), or a transformed function.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a traceable function of `{A}`",
    note = "a closure takes one argument, a tuple for several: `|(x, y): (Var, Var)| ..`",
    note = "it returns `Var`s, structures of them, or a `Result` of those whose error is `choral::error::CompilerError`"
)]
pub trait Function<A> {
    /// What it returns.
    type Output: Tree<Var>;

    /// Applies it inside the trace that the arguments belong to.
    ///
    /// # Errors
    /// What a transform finds wrong with its arguments. Ops that do not fit are faults of the
    /// trace and reported by [`trace`].
    fn apply(&self, args: A) -> Result<Self::Output, Error>;
}

/// What a closure may return: a tree, or a `Result` of one.
pub trait IntoOutput {
    /// The tree.
    type Output: Tree<Var>;
    /// The error that it may return instead; [`Infallible`] for a plain tree.
    type Failure: Into<Error>;
    /// As a result.
    ///
    /// # Errors
    /// The closure's own.
    fn into_output(self) -> Result<Self::Output, Self::Failure>;
    /// From a result: what control flow returns in the form in which its closures do.
    fn from_output(output: Result<Self::Output, Self::Failure>) -> Self;
}

impl<R: Tree<Var>> IntoOutput for R {
    type Output = R;
    type Failure = Infallible;
    fn into_output(self) -> Result<R, Infallible> {
        Ok(self)
    }
    fn from_output(output: Result<R, Infallible>) -> R {
        match output {
            Ok(output) => output,
        }
    }
}

impl<R: Tree<Var>> IntoOutput for Result<R, Error> {
    type Output = R;
    type Failure = Error;
    fn into_output(self) -> Result<R, Error> {
        self
    }
    fn from_output(output: Result<R, Error>) -> Result<R, Error> {
        output
    }
}

impl<A, R: IntoOutput, F: Fn(A) -> R> Function<A> for F {
    type Output = R::Output;
    fn apply(&self, args: A) -> Result<R::Output, Error> {
        self(args).into_output().map_err(Into::into)
    }
}

/// A graph is a function of its inputs, given as a tree of as many leaves; it returns its outputs.
///
/// ```
/// use choral_compiler::{trace, vmap};
/// use choral_ir::{DType, Graph, TensorType};
/// let text = "func.func @main(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
///   %0 = stablehlo.add %x, %y : tensor<3xf32>
///   return %0 : tensor<3xf32>
/// }";
/// let add = Graph::parse(text).expect("a program");
/// let args = (TensorType::new([5, 3], DType::F32), TensorType::new([3], DType::F32));
/// let mapped = trace(&vmap(add, (0, None)), &args)?;
/// assert_eq!(mapped.output, [TensorType::new([5, 3], DType::F32)]);
/// # Ok::<(), choral_compiler::Error>(())
/// ```
impl<A: Tree<Var>> Function<A> for Graph {
    type Output = Vec<Var>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Vec<Var>, Error> {
        let at = Caller::caller();
        let arguments = leaves(&args);
        check_arguments(self, &arguments).map_err(|error| error.at(user_location(at)))?;
        let operands: Vec<&Var> = arguments.iter().map(|(_, var)| var).collect();
        let results = match operands.is_empty() {
            true => trace_at(depth()).and_then(|trace| inline_into(&trace, self, &[], at)),
            false => inline(self, &operands, at),
        };
        results.ok_or_else(|| Error::Message("the arguments of a graph could not be made".to_owned()))
    }
}

/// Fails unless the arguments are the inputs of a graph by number and type.
fn check_arguments(graph: &Graph, arguments: &[(Path, Var)]) -> Result<(), Error> {
    let inputs = graph.input_types();
    let name = |at: usize| &graph.node(graph.inputs()[at].value.node()).name;
    if arguments.len() != inputs.len() {
        let names: Vec<String> = (0..inputs.len()).map(|at| format!("%{}", name(at))).collect();
        let (expected, names, got) = (inputs.len(), names.join(", "), arguments.len());
        return Err(Error::Message(format!(
            "the graph has {expected} inputs ({names}), got {got} arguments"
        )));
    }
    let differs = arguments.iter().zip(&inputs).position(|((_, var), input)| var.ty() != input);
    let Some(at) = differs else { return Ok(()) };
    let (path, var) = &arguments[at];
    let (name, expected, got) = (name(at), &inputs[at], var.ty());
    Err(Error::Message(format!("input {at} (%{name}) of the graph is {expected}, but args{path} is {got}")))
}

/// A traced function: its graph, and the structure of its results.
#[derive(Debug, Clone)]
pub struct Traced<O> {
    /// The program; its inputs are the leaves of the arguments, then the captures.
    pub graph: Graph,
    /// The results, with types instead of values.
    pub output: O,
    /// Values of outer traces that the function used, in the order of the inputs that stand for them.
    pub captures: Vec<Var>,
}

/// The results of `F` on arguments `A`, with types instead of values.
pub type OutputTypes<F, A> = <<F as Function<A>>::Output as Tree<Var>>::With<TensorType>;

/// What tracing `F` on arguments with the structure of `A` gives.
pub type TracedOn<F, T, A> = Traced<OutputTypes<F, <A as Tree<T>>::With<Var>>>;

/// Runs `function` once on stand-ins for `args` (tensors, types or traced values) and returns the
/// graph of what it did. See [`Var`] for an example.
///
/// # Errors
/// Every op whose operands do not fit, with the line of the call; errors of transforms inside.
#[track_caller]
pub fn trace<T, A, F>(function: &F, args: &A) -> Result<TracedOn<F, T, A>, Error>
where
    T: Typed,
    A: Tree<T>,
    F: Function<A::With<Var>>,
{
    let traced = trace_as(function, args, |_, leaf: &T| leaf.tensor_type())?;
    Ok(Traced { graph: rewrite::written_out(traced.graph)?, ..traced })
}

/// Traces `function` on arguments whose leaves have the types that `ty` gives.
#[track_caller]
pub(crate) fn trace_as<T: Leaf, A: Tree<T>, F: Function<A::With<Var>>>(
    function: &F,
    args: &A,
    ty: impl FnMut(&Path, &T) -> TensorType,
) -> Result<TracedOn<F, T, A>, Error> {
    let at = Caller::caller();
    let (recording, applied) = apply_in_trace("main", args, at, ty, |args| function.apply(args));
    let Recording { builder, faults, captures, axes } = recording;
    if !faults.is_empty() {
        return Err(TraceError { faults }.into());
    }
    let (output, values) = applied.map_err(|error| error.at(user_location(at)))?;
    let Some(values) = values else {
        // The fault belongs to an outer trace, which reports it.
        return Err(Error::Message("a result depends on a value that could not be made".to_owned()));
    };
    let graph = rewrite::dead_code(&with_axes(builder.finish(&values), &axes))?;
    let output = output.map(&mut Walk::default(), &mut |_, var| var.ty().clone());
    Ok(Traced { graph, output, captures: captures.into_iter().map(|(outer, _)| outer).collect() })
}

/// What a function returned in a trace, and the values of it there if all could be made.
type Applied<O, E> = Result<(O, Option<Vec<Value>>), E>;

/// Applies `function` in a trace of its own to stand-ins for `args`.
pub(crate) fn apply_in_trace<T: Leaf, A: Tree<T>, O: Tree<Var>, E>(
    name: &str,
    args: &A,
    at: &Caller<'_>,
    mut ty: impl FnMut(&Path, &T) -> TensorType,
    function: impl FnOnce(A::With<Var>) -> Result<O, E>,
) -> (Recording, Applied<O, E>) {
    let (trace, under_way) = Trace::start(name, at);
    let arguments =
        args.map(&mut Walk::default(), &mut |path, leaf| trace.input(&path.input_name(), ty(path, leaf)));
    let applied = function(arguments).map(|output| {
        let results = leaves(&output);
        let values = trace.lift_all(results.iter().map(|(_, var)| var), at);
        (output, values)
    });
    (trace.end(under_way), applied)
}

/// The graph with the axes of the values at its boundary.
fn with_axes(graph: Graph, axes: &HashMap<Value, Vec<NamedAxis>>) -> Graph {
    let of = |port: &Port| axes.get(&port.value).cloned().unwrap_or_default();
    let (inputs, outputs) =
        (graph.inputs().iter().map(of).collect(), graph.outputs().iter().map(of).collect());
    graph.with_axes(inputs, outputs)
}

/// Puts a graph into the trace of `operands` and returns its results as values of that trace.
pub(crate) fn inline(graph: &Graph, operands: &[&Var], at: &Caller<'_>) -> Option<Vec<Var>> {
    inline_into(&trace_of(operands)?, graph, operands, at)
}

fn inline_into(trace: &Rc<Trace>, graph: &Graph, operands: &[&Var], at: &Caller<'_>) -> Option<Vec<Var>> {
    let values = trace.lift_all(operands.iter().copied(), at)?;
    for (port, value) in graph.inputs().iter().zip(&values) {
        trace.name_argument(*value, &graph.node(port.value.node()).name);
    }
    let results = trace.build("call", at, |builder| builder.inline(graph, &values))?;
    let ports = graph.inputs().iter().zip(values).chain(graph.outputs().iter().zip(results.iter().copied()));
    trace.remember_axes(ports.map(|(port, value)| (value, port.axes.clone())));
    let types = graph.output_types();
    Some(results.into_iter().zip(types).map(|(value, ty)| Var::new(trace, Some(value), ty)).collect())
}
