//! What an ensemble has made so far: traced members, and the programs over all of them.
//!
//! Lives here: when a member is traced again, and when a program is compiled again. Must not live here:
//! what holders of an ensemble call.

use std::any::Any;
use std::panic::Location as Caller;
use std::sync::Arc;

use choral_compiler::front::vmap::trace_member;
use choral_compiler::transform::rewrite::expand;
use choral_compiler::transform::vmap::{Axis, Chunks, VmapOptions, exchanges, members_at_a_time, vmap_graph};
use choral_compiler::tree::{Typed, Walk, add_leaves};
use choral_compiler::{Function, Module, Tree};
use choral_ir::{Graph, Tensor, TensorType};
use choral_runtime::cuda::Error as GpuError;
use choral_runtime::{Device, DeviceInput, DeviceTensor, Executable};

use super::spread::Slices;
use super::{Arguments, ArgumentsOf, Code, Ensemble, FunctionalModule, Types, TypesOf, same_graph};
use crate::cache::{Cache, Key};
use crate::compile::compile_with;
use crate::error::{CompilerError, Error, RuntimeError, Who};
use crate::inputs::with_list;
use crate::on_device::OnDevice;
use crate::program::on;

/// The structure `O` of one member's results, and the results of all as tensors `T`.
pub(super) type Results<O, T> = Result<(Arc<O>, Vec<T>), Error>;

/// One member, traced, with results of structure `O`.
pub(super) struct Traced<O> {
    pub(super) graph: Arc<Graph>,
    pub(super) output: Arc<O>,
    /// Number of members that the program over it computes.
    pub(super) rows: usize,
    /// Whether it was traced for this number of members alone.
    pub(super) is_for_rows: bool,
}

/// What runs on inputs of one kind.
struct Prepared<O> {
    /// The structure of one member's results.
    output: Arc<O>,
    /// The graph of one member.
    graph: Arc<Graph>,
    executable: Arc<Executable>,
    /// How many rows it computes.
    rows: usize,
}

/// The structure of a member's results on an input `X` with leaves `T`.
type TypesOn<M, T, X> = TypesOf<M, <X as Tree<T>>::With<TensorType>>;

/// The name of the member axis: what collectives name.
const AXIS: &str = "members";

/// The graph that a model leaves for one type of input.
type Trace<M> = Arc<dyn Fn(&Code<M>) -> Result<Graph, Error> + Send + Sync>;

/// One member, traced for one type of input.
pub(super) struct Member<M: Tree<Tensor>> {
    graph: Arc<Graph>,
    /// The structure of its results.
    output: Arc<dyn Any + Send + Sync>,
    trace: Trace<M>,
    /// Number of members that it was traced for, if it exchanges values with them: then the program
    /// is for exactly this many.
    among: Option<usize>,
}

/// What was made so far.
pub(super) struct Made<M: Tree<Tensor>> {
    pub(super) members: Cache<Arc<Member<M>>>,
    pub(super) programs: Cache<Arc<Executable>>,
    pub(super) slices: Slices,
}

impl<M: Tree<Tensor>> Default for Made<M> {
    fn default() -> Self {
        Made { members: Cache::default(), programs: Cache::default(), slices: Slices::default() }
    }
}

impl<M: Tree<Tensor>> Made<M> {
    /// Nothing, with room for so many of each.
    pub(super) fn of(bound: usize) -> Self {
        Made { members: Cache::of(bound), programs: Cache::of(bound), slices: Slices::default() }
    }

    /// Nothing, with room for as much.
    pub(super) fn emptied(&self) -> Self {
        Made { members: self.members.emptied(), programs: self.programs.emptied(), slices: Slices::default() }
    }
}

impl<M: Module<Tensor> + Clone> Ensemble<M> {
    /// The structure of one member's results, and the results of all.
    #[track_caller]
    pub(super) fn results<X: Tree<Tensor>>(&self, input: &X) -> Results<Types<M, X>, Tensor>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        if !self.others.is_empty() {
            let (output, results) = self.results_of_parts(input, |tensor: Tensor| tensor.into())?;
            let whole = |parts: Vec<DeviceTensor>| {
                let parts = parts.iter().map(DeviceTensor::to_tensor).collect::<Result<Vec<_>, _>>()?;
                first(&Tensor::joined(&parts)?, self.len())
            };
            return Ok((output, results.into_iter().map(whole).collect::<Result<_, Error>>()?));
        }
        let Prepared { output, graph, executable, rows } = self.prepared(input)?;
        let mut results = with_list(|inputs| {
            self.each_of_state(rows, |tensor| inputs.push(tensor))?;
            add_leaves(input, inputs);
            executable.run(inputs).map_err(|cause| self.too_many(cause.into(), &graph, rows, self.device))
        })?;
        for result in &mut results {
            *result = first(result, self.len())?;
        }
        Ok((output, results))
    }

    /// As [`Ensemble::results`], with results that stay on the device.
    #[track_caller]
    pub(super) fn results_on_device<X: Tree<OnDevice>>(
        &self,
        input: &X,
    ) -> Results<TypesOf<M, X::With<TensorType>>, OnDevice>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<ArgumentsOf<X::With<TensorType>>>,
        TypesOf<M, X::With<TensorType>>: Send + Sync + 'static,
    {
        if !self.others.is_empty() {
            let (output, results) = self.results_of_parts(input, |input: OnDevice| input.into())?;
            let whole = |parts: Vec<DeviceTensor>| {
                Ok(OnDevice::from(DeviceTensor::joined(&parts)?.first(self.len())?))
            };
            return Ok((output, results.into_iter().map(whole).collect::<Result<_, Error>>()?));
        }
        let Prepared { output, graph, executable, rows } = self.prepared(input)?;
        let mut inputs = Vec::new();
        self.each_of_state(rows, |tensor| inputs.push(DeviceInput::from(tensor)))?;
        let mut own = Vec::new();
        add_leaves(input, &mut own);
        inputs.extend(own.into_iter().map(DeviceInput::from));
        let results = executable.run_on_device(inputs);
        let results = results.map_err(|cause| self.too_many(cause.into(), &graph, rows, self.device))?;
        let results = results.iter().map(|result| Ok(result.first(self.len())?.into()));
        Ok((output, results.collect::<Result<_, Error>>()?))
    }

    /// What runs on an input like this one.
    #[track_caller]
    fn prepared<T: Typed, X: Tree<T>>(&self, input: &X) -> Result<Prepared<TypesOn<M, T, X>>, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<ArgumentsOf<X::With<TensorType>>>,
        TypesOf<M, X::With<TensorType>>: Send + Sync + 'static,
    {
        let key = key::<M, T, X>(input);
        let Traced { graph, output, rows, is_for_rows: _ } = self.traced(input, &key)?;
        let executable = self.program(&graph, key, rows, self.device);
        let executable = executable.map_err(|cause| self.too_many(cause, &graph, rows, self.device))?;
        Ok(Prepared { output, graph, executable, rows })
    }

    /// The error that memory runs out, with how many members at a time would fit; any other as it is.
    pub(super) fn too_many(&self, cause: Error, graph: &Graph, rows: usize, device: Device) -> Error {
        let Error::Runtime(cause) = cause else { return cause };
        let is_memory =
            matches!(cause, RuntimeError::Memory { .. } | RuntimeError::Gpu(GpuError::Memory { .. }));
        let mut options = self.options(graph, rows);
        let members = options.chunks.size.unwrap_or(rows).min(rows);
        if !is_memory || members == 1 {
            return cause.into();
        }
        let bytes = device.free_bytes().unwrap_or(0);
        options.chunks = Chunks { size: Some(members), memory_limit: Some(on(device, bytes as u64)) };
        let fits = members_at_a_time(graph, &options).ok().flatten();
        Error::Members { cause: Box::new(cause), members, fits }
    }

    /// The first rows of each tensor of the state.
    fn each_of_state(&self, rows: usize, mut take: impl FnMut(Tensor)) -> Result<(), Error> {
        for (name, tensor) in self.state.params().iter().chain(self.state.buffers()) {
            take(if self.is_shared(name) { tensor.clone() } else { first(tensor, rows)? });
        }
        Ok(())
    }

    /// The structure of one member's results, and its graph, traced on first use.
    #[track_caller]
    pub(super) fn traced<T: Typed, X: Tree<T>>(
        &self,
        input: &X,
        key: &Key,
    ) -> Result<Traced<TypesOn<M, T, X>>, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<ArgumentsOf<X::With<TensorType>>>,
        TypesOf<M, X::With<TensorType>>: Send + Sync + 'static,
    {
        let rows = |among: Option<usize>| among.unwrap_or(self.state.capacity());
        let fits = |member: &Arc<Member<M>>| member.among.is_none_or(|members| members == self.len());
        if let Some(member) = self.made.members.get(key).filter(fits)
            && let Ok(output) = Arc::clone(&member.output).downcast()
        {
            let (rows, is_for_rows) = (rows(member.among), member.among.is_some());
            return Ok(Traced { graph: Arc::clone(&member.graph), output, rows, is_for_rows });
        }
        let (params, buffers) = self.state.member_types();
        let types = input.map(&mut Walk::default(), &mut |_, leaf: &T| leaf.tensor_type());
        let arguments = (params, buffers, types);
        let (axis, randomness) = (self.axis(self.len()), self.randomness);
        let (traced, size_is_read) = trace_member(self.state.function(), &arguments, &axis, randomness)?;
        let (graph, output) = (Arc::new(traced.graph), Arc::new(traced.output));
        let among = (size_is_read || exchanges(&graph, &axis.name)).then_some(self.len());
        let trace: Trace<M> =
            Arc::new(move |code| Ok(trace_member(code, &arguments, &axis, randomness)?.0.graph));
        let member = Member {
            graph: Arc::clone(&graph),
            output: Arc::clone(&output) as Arc<dyn Any + Send + Sync>,
            trace,
            among,
        };
        self.made.members.insert(key, Arc::new(member));
        Ok(Traced { graph, output, rows: rows(among), is_for_rows: among.is_some() })
    }

    /// The executable over the members of one graph, made on first use for so many rows and what they share.
    pub(super) fn program(
        &self,
        graph: &Graph,
        mut key: Key,
        rows: usize,
        device: Device,
    ) -> Result<Arc<Executable>, Error> {
        key.add(format_args!("{rows} {device}"));
        self.state.shared().for_each(|name| key.add(format_args!("{name}")));
        if let Some(executable) = self.made.programs.get(&key) {
            return Ok(executable);
        }
        let mapped = vmap_graph(graph, &self.options(graph, rows))?;
        let mapped = expand(&mapped).map_err(CompilerError::from)?;
        let executable = Arc::new(compile_with(&mapped, device, &self.setting.clone().unwrap_or_default())?);
        self.made.programs.insert(&key, Arc::clone(&executable));
        Ok(executable)
    }

    /// How a member's graph is mapped over this many members.
    pub(super) fn options(&self, graph: &Graph, rows: usize) -> VmapOptions {
        let of_state = self.state.params().keys().chain(self.state.buffers().keys());
        let mut in_dims: Vec<Option<usize>> =
            of_state.map(|name| (!self.is_shared(name)).then_some(0)).collect();
        in_dims.resize(graph.inputs().len(), None);
        let out_dims = vec![Some(0); graph.outputs().len()];
        VmapOptions { chunks: self.chunks, ..VmapOptions::new(self.axis(rows), in_dims, out_dims) }
    }

    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.state.shared().any(|shared| shared == name)
    }

    pub(super) fn axis(&self, size: usize) -> Axis {
        Axis { name: AXIS.into(), size }
    }

    /// Fails if a newcomer's graph differs from that of the members.
    #[track_caller]
    pub(super) fn computes_the_same(&self, model: &M) -> Result<(), Error> {
        let at = Caller::caller();
        // Differences in settings and state have better messages, and come first.
        self.state.check_model(model)?;
        let code = FunctionalModule::new(model);
        for member in self.made.members.values() {
            let graph = (member.trace)(&code)?;
            same_graph(&member.graph, &graph, Who::Newcomer)
                .map_err(|error| CompilerError::from(error).at(at.into()))?;
        }
        Ok(())
    }
}

/// What the programs for an input are known by.
pub(super) fn key<M: Tree<Tensor>, T: Typed, X: Tree<T>>(input: &X) -> Key
where
    X::With<TensorType>: 'static,
    Code<M>: Function<ArgumentsOf<X::With<TensorType>>>,
    TypesOf<M, X::With<TensorType>>: 'static,
{
    Key::of::<T, X, TypesOf<M, X::With<TensorType>>>(input)
}

/// The first rows of a stacked tensor.
fn first(tensor: &Tensor, rows: usize) -> Result<Tensor, Error> {
    match tensor.shape().first() {
        Some(&all) if all > rows => Ok(tensor.take(&(0..rows).collect::<Vec<_>>())?),
        Some(_) | None => Ok(tensor.clone()),
    }
}
