//! Tracing: a function of [`Var`]s runs once and leaves a graph behind.
//!
//! Nothing here panics: an op whose operands do not fit records a fault with the line of the
//! user's call and returns a stand-in, and the whole trace ends in one error. Nested traces
//! may use the values of outer ones; these become further inputs ("captures").

mod activation;
pub mod attention;
pub mod collective;
mod comparison;
pub mod control;
pub mod convolution;
mod cumulative;
pub mod einsum;
pub mod function;
mod index;
mod linalg;
pub mod operators;
pub mod random;
pub mod reduce;
mod shape;
mod sort;
pub mod var;

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location as Caller;
use std::rc::{Rc, Weak};

use choral_ir::graph::Node;
use choral_ir::{BuildError, Builder, Location, NamedAxis, NodeKind, Op, TensorType, Value};

use crate::front::error::TraceFault;
use crate::front::tree::UNNAMED;
use var::Var;

thread_local! {
    /// The user's lines that started the traces in progress on this thread, innermost last.
    static ORIGINS: RefCell<Vec<Location>> = const { RefCell::new(Vec::new()) };
    /// These traces.
    static TRACES: RefCell<Vec<Weak<Trace>>> = const { RefCell::new(Vec::new()) };
}

/// The user's line behind a call: where it stands in this crate itself (a layer run by a
/// transform), the line that asked for the trace.
pub(crate) fn user_location(at: &Caller<'_>) -> Location {
    let here = file!().trim_end_matches("mod.rs").trim_end_matches(['/', '\\']).trim_end_matches("trace");
    let here = here.trim_end_matches(['/', '\\']).trim_end_matches("front");
    let origin = ORIGINS.with(|origins| origins.borrow().last().cloned());
    origin.filter(|_| at.file().starts_with(here)).unwrap_or_else(|| at.into())
}

/// One trace in progress: the graph so far and what was noticed on the way.
pub(crate) struct Trace {
    /// Number of traces in progress when it started, itself included.
    depth: usize,
    state: RefCell<State>,
}

struct State {
    builder: Builder,
    faults: Vec<TraceFault>,
    captures: Vec<(Var, Value)>,
    scopes: Vec<Scope>,
    axes: HashMap<Value, Vec<NamedAxis>>,
}

impl State {
    fn scoped_name(&self, name: &str) -> String {
        match self.scopes.last() {
            Some(scope) if !scope.name.is_empty() => format!("{}.{name}", scope.name),
            Some(_) | None => name.to_owned(),
        }
    }

    /// The user's line behind a call: the one that called the layer being run, if there is one.
    fn location(&self, at: &Caller<'_>) -> Location {
        self.scopes.first().map_or_else(|| user_location(at), |scope| scope.location.clone())
    }
}

/// The name of the layer being run, and where the user called it.
struct Scope {
    name: String,
    location: Location,
}

/// What a trace leaves behind.
pub(crate) struct Recording {
    pub(crate) builder: Builder,
    pub(crate) faults: Vec<TraceFault>,
    pub(crate) captures: Vec<(Var, Value)>,
    /// Axes that mapped functions inside gave to values.
    pub(crate) axes: HashMap<Value, Vec<NamedAxis>>,
}

impl Trace {
    /// A trace, in progress until it is ended or the function that it traces panics.
    pub(crate) fn start(name: &str, at: &Caller<'_>) -> (Rc<Trace>, UnderWay) {
        let outer = trace_at(depth());
        let origin = outer.map_or_else(|| user_location(at), |outer| outer.state.borrow().location(at));
        let depth = ORIGINS.with(|origins| {
            origins.borrow_mut().push(origin);
            origins.borrow().len()
        });
        let trace = Trace::at_depth(depth, name);
        TRACES.with(|traces| traces.borrow_mut().push(Rc::downgrade(&trace)));
        (trace, UnderWay { outer: depth - 1 })
    }

    /// A trace that holds no value and is never read.
    fn detached() -> Rc<Trace> {
        Trace::at_depth(0, "detached")
    }

    fn at_depth(depth: usize, name: &str) -> Rc<Trace> {
        let state = State {
            builder: Builder::new(name),
            faults: Vec::new(),
            captures: Vec::new(),
            scopes: Vec::new(),
            axes: HashMap::new(),
        };
        Rc::new(Trace { depth, state: RefCell::new(state) })
    }

    /// Ends the trace; to use values of it later is a fault.
    pub(crate) fn end(&self, under_way: UnderWay) -> Recording {
        drop(under_way);
        let mut state = self.state.borrow_mut();
        let builder = std::mem::replace(&mut state.builder, Builder::new("ended"));
        let (faults, captures) = (std::mem::take(&mut state.faults), std::mem::take(&mut state.captures));
        Recording { builder, faults, captures, axes: std::mem::take(&mut state.axes) }
    }

    pub(crate) fn input(self: &Rc<Self>, name: &str, ty: TensorType) -> Var {
        let value = self.state.borrow_mut().builder.input(name, ty.clone());
        Var::new(self, Some(value), ty)
    }

    pub(crate) fn fault(&self, message: String, at: &Caller<'_>) {
        let mut state = self.state.borrow_mut();
        let location = state.location(at);
        state.faults.push(TraceFault { message, location });
    }

    /// Takes over the faults of a trace inside.
    fn report(&self, faults: Vec<TraceFault>) {
        self.state.borrow_mut().faults.extend(faults);
    }

    /// Runs `build` on the builder, described by scope and caller; a failure becomes a fault.
    pub(crate) fn build<R>(
        &self,
        name: &str,
        at: &Caller<'_>,
        build: impl FnOnce(&mut Builder) -> Result<R, BuildError>,
    ) -> Option<R> {
        let mut state = self.state.borrow_mut();
        let (location, name) = (state.location(at), state.scoped_name(name));
        state.builder.describe(Some(name), Some(location.clone()));
        let result = build(&mut state.builder);
        match result {
            Ok(result) => Some(result),
            Err(error) => {
                let message = error.message();
                state.faults.push(TraceFault { message, location });
                None
            }
        }
    }

    /// The value of `var` in this trace: its own, or an input that stands for an outer one.
    fn lift(self: &Rc<Self>, var: &Var, at: &Caller<'_>) -> Option<Value> {
        let value = var.value?;
        if !var.trace.is_under_way() {
            let message =
                format!("a {} is used outside the function that made it; return it from there", var.ty());
            self.fault(message, at);
            return None;
        }
        if Rc::ptr_eq(self, &var.trace) {
            return Some(value);
        }
        let mut state = self.state.borrow_mut();
        let known = state.captures.iter().find(|(outer, _)| outer.is(var)).map(|(_, inner)| *inner);
        Some(known.unwrap_or_else(|| {
            let inner = state.builder.input("captured", var.ty().clone());
            state.captures.push((var.clone(), inner));
            inner
        }))
    }

    /// The values of several in this trace; `None` if one of them could not be made.
    fn lift_all<'a>(
        self: &Rc<Self>,
        vars: impl IntoIterator<Item = &'a Var>,
        at: &Caller<'_>,
    ) -> Option<Vec<Value>> {
        vars.into_iter().map(|var| self.lift(var, at)).collect()
    }

    /// Whether the function that it traces has not returned yet.
    fn is_under_way(self: &Rc<Self>) -> bool {
        trace_at(self.depth).is_some_and(|trace| Rc::ptr_eq(self, &trace))
    }

    /// Remembers the axes that a mapped function has at its boundary.
    fn remember_axes(&self, axes: impl Iterator<Item = (Value, Vec<NamedAxis>)>) {
        self.state.borrow_mut().axes.extend(axes.filter(|(_, axes)| !axes.is_empty()));
    }

    /// The name of the node that makes `value`.
    fn name_of(&self, value: Value) -> String {
        self.look(value, |node| node.name.clone())
    }

    /// Looks at the node that makes `value`.
    fn look<R>(&self, value: Value, look: impl FnOnce(&Node) -> R) -> R {
        look(self.state.borrow().builder.graph().node(value.node()))
    }

    /// Gives an argument that has no name of its own the one that it has inside a function.
    fn name_argument(&self, value: Value, name: &str) {
        let mut state = self.state.borrow_mut();
        let node = state.builder.graph().node(value.node());
        if matches!(node.kind, NodeKind::Input) && node.name.starts_with(UNNAMED) {
            state.builder.rename(value, name);
        }
    }

    /// `name` under the name of the layer being run.
    fn scoped_name(&self, name: &str) -> String {
        self.state.borrow().scoped_name(name)
    }

    fn rename_within_scope(&self, value: Value, name: &str) {
        let mut state = self.state.borrow_mut();
        let name = state.scoped_name(name);
        state.builder.rename(value, name);
    }

    fn enter(&self, name: String, at: &Caller<'_>) {
        self.state.borrow_mut().scopes.push(Scope { name, location: user_location(at) });
    }

    fn leave(&self) {
        self.state.borrow_mut().scopes.pop();
    }
}

/// Ends the innermost trace when dropped, also when the function that it traces panics.
pub(crate) struct UnderWay {
    /// Number of traces around it.
    outer: usize,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        ORIGINS.with(|origins| origins.borrow_mut().truncate(self.outer));
        TRACES.with(|traces| traces.borrow_mut().truncate(self.outer));
    }
}

/// Leaves the innermost scope when dropped, also when what runs in it panics.
struct InScope<'a>(&'a Trace);

impl Drop for InScope<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Number of traces in progress on this thread.
pub(crate) fn depth() -> usize {
    TRACES.with(|traces| traces.borrow().len())
}

/// The trace in progress at this depth, the outermost being at 1.
pub(crate) fn trace_at(depth: usize) -> Option<Rc<Trace>> {
    TRACES.with(|traces| traces.borrow().get(depth.checked_sub(1)?)?.upgrade())
}

/// Runs `ops` with their names under `name` and located at `at`.
pub(crate) fn within<R>(trace: &Trace, name: &str, at: &Caller<'_>, ops: impl FnOnce() -> R) -> R {
    trace.enter(name.to_owned(), at);
    let _scope = InScope(trace);
    ops()
}

/// The trace that an op on these operands belongs to: the one under way, so that what a branch or
/// a loop computes from values around it is computed there, and not if the branch is not taken.
pub(crate) fn trace_of(operands: &[&Var]) -> Option<Rc<Trace>> {
    trace_at(depth()).or_else(|| operands.first().map(|var| Rc::clone(&var.trace)))
}

/// Records an op and returns its results; a stand-in if it cannot be.
pub(crate) fn record(op: Op, operands: &[&Var], at: &Caller<'_>) -> Vec<Var> {
    let Some(trace) = trace_of(operands) else { return Vec::new() };
    let values = trace.lift_all(operands.iter().copied(), at);
    let built = values.and_then(|values| {
        trace.build(op.short_name(), at, |builder| {
            let results = builder.push_all(op.clone(), &values)?;
            Ok(results
                .into_iter()
                .map(|value| (value, builder.graph().ty(value).clone()))
                .collect::<Vec<_>>())
        })
    });
    match built {
        Some(results) => results.into_iter().map(|(value, ty)| Var::new(&trace, Some(value), ty)).collect(),
        None => operands.iter().take(1).map(|var| Var::new(&trace, None, var.ty().clone())).collect(),
    }
}

/// Records an op of one result.
pub(crate) fn record_one(op: impl Into<Op>, operands: &[&Var], at: &Caller<'_>) -> Var {
    let fallback = operands[0].clone();
    record(op.into(), operands, at).into_iter().next().unwrap_or(fallback)
}

/// Builds several ops on the lifted operands at once; a stand-in if it fails.
pub(crate) fn record_with(
    name: &str,
    operands: &[&Var],
    at: &Caller<'_>,
    build: impl FnOnce(&mut Builder, &[Value]) -> Result<Value, BuildError>,
) -> Var {
    let fallback = operands[0].clone();
    let Some(trace) = trace_of(operands) else { return fallback };
    let values = trace.lift_all(operands.iter().copied(), at);
    let result = values.and_then(|values| {
        trace.build(name, at, |builder| {
            let value = build(builder, &values)?;
            Ok((value, builder.graph().ty(value).clone()))
        })
    });
    match result {
        Some((value, ty)) => Var::new(&trace, Some(value), ty),
        None => Var::new(&trace, None, fallback.ty().clone()),
    }
}
