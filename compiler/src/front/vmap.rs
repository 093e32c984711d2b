//! `vmap`: a function of one member becomes a function of all.
//!
//! Lives here: what users call, and how `in_dims` and `out_dims` become dimensions of inputs
//! and results. The pass over graphs is [`crate::transform::vmap`].

use std::collections::BTreeMap;
use std::panic::Location as Caller;
use std::sync::Arc;

use choral_ir::TensorType;

use crate::front::dims::{Dims, IntoDims};
use crate::front::error::{DimsError, Error, SizeGroup};
use crate::front::trace::collective;
use crate::front::trace::function::{self, Function, OutputTypes, Traced, TracedOn};
use crate::front::trace::random::implicit::Randomness;
use crate::front::trace::user_location;
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Tree, Typed, leaves, rebuild};
use crate::transform::explain::{Explanation, explain};
use crate::transform::vmap::{Axis, Chunks, MemoryLimit, VmapOptions, in_range, vmap_graph};

/// A function mapped over a member dimension; made by [`vmap`].
#[derive(Debug, Clone)]
pub struct Vmap<F> {
    function: F,
    in_dims: Dims,
    out_dims: Dims,
    axis_size: Option<usize>,
    axis_name: Arc<str>,
    chunks: Chunks,
    randomness: Randomness,
}

/// Maps `function` over a dimension of its arguments, as `torch.vmap` and `jax.vmap` do.
///
/// `in_dims` says which dimension of each argument holds the members: an integer (negative counts
/// from the end), `None` for a shared argument, or a structure of these. The members come
/// first in the results unless [`Vmap::out_dims`] says otherwise.
///
/// ```
/// use choral_compiler::{Var, trace, vmap};
/// use choral_ir::{DType, TensorType};
/// let dot = |(x, y): (Var, Var)| (x * y).sum(-1);
/// let args = (TensorType::new([5, 3], DType::F32), TensorType::new([3], DType::F32));
/// let traced = trace(&vmap(dot, (0, None)), &args)?;
/// assert_eq!(traced.output, TensorType::new([5], DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn vmap<F>(function: F, in_dims: impl IntoDims) -> Vmap<F> {
    let (in_dims, out_dims) = (in_dims.into_dims(), Dims::All(Some(0)));
    Vmap {
        function,
        in_dims,
        out_dims,
        axis_size: None,
        axis_name: "members".into(),
        chunks: Chunks::default(),
        randomness: Randomness::default(),
    }
}

impl<F> Vmap<F> {
    /// Where the members lie in each result; `None` for a shared result.
    #[must_use]
    pub fn out_dims(mut self, out_dims: impl IntoDims) -> Self {
        self.out_dims = out_dims.into_dims();
        self
    }

    /// Number of members; needed only when no argument is mapped.
    #[must_use]
    pub fn axis_size(mut self, size: usize) -> Self {
        self.axis_size = Some(size);
        self
    }

    /// The name of the member axis in printed graphs, and by collectives such as
    /// [`Var::psum`]: letters, digits, `_`, `.` and `-`.
    #[must_use]
    pub fn axis_name(mut self, name: &str) -> Self {
        self.axis_name = name.into();
        self
    }

    /// Runs this many members at a time: the same results in bounded memory. Shared values are
    /// still computed once.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let norms = vmap(|x: Var| (&x * &x).sum(-1), 0).chunk_size(64);
    /// let traced = trace(&norms, &TensorType::new([1000, 3], DType::F32))?;
    /// assert!(traced.graph.to_text().contains("chlo.scan"));
    /// assert_eq!(traced.output, TensorType::new([1000], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[must_use]
    pub fn chunk_size(mut self, members: usize) -> Self {
        self.chunks.size = Some(members);
        self
    }

    /// Runs as many members at a time as fit in this many bytes, inputs and results included, by
    /// [`choral_ir::cost::peak_bytes`].
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Self {
        self.memory_limit_of(MemoryLimit::of_values(bytes))
    }

    /// As [`Vmap::memory_limit`], with the memory that a device says a run takes.
    #[must_use]
    pub fn memory_limit_of(mut self, limit: MemoryLimit) -> Self {
        self.chunks.memory_limit = Some(limit);
        self
    }

    /// What members draw where a layer draws implicitly (dropout) from a shared key: an
    /// error unless you say otherwise, as in `torch.func`. Keys that may differ between members (mapped
    /// ones, and keys that a branch or a loop may make per-member), and draws from keys that the function
    /// names ([`crate::front::trace::random`]), are unaffected.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap, with_key};
    /// use choral_compiler::trace::random::implicit::Randomness;
    /// use choral_ir::{DType, TensorType};
    /// let forward = |(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5));
    /// let args = (TensorType::new([5, 3], DType::F32), TensorType::new([2], DType::Ui32));
    /// let masks = vmap(forward, (0, None));
    /// assert!(trace(&masks.clone(), &args).is_err());
    /// assert!(trace(&masks.randomness(Randomness::Different), &args).is_ok());
    /// ```
    #[must_use]
    pub fn randomness(mut self, randomness: Randomness) -> Self {
        self.randomness = randomness;
        self
    }
}

/// The mapped dimension of each leaf, and the number of members.
pub(crate) fn members<T: Typed>(
    in_dims: &Dims,
    axis_size: Option<usize>,
    args: &impl Tree<T>,
) -> Result<(Vec<Option<usize>>, usize), DimsError> {
    let dims = in_dims.resolve("in_dims", args)?;
    let mut resolved = Vec::with_capacity(dims.len());
    let mut errors = Vec::new();
    let mut sizes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    if let Some(size) = axis_size {
        sizes.entry(size).or_default().push("axis_size".to_owned());
    }
    for ((path, leaf), dim) in leaves(args).iter().zip(dims) {
        let Some(dim) = dim else {
            resolved.push(None);
            continue;
        };
        let ty = leaf.tensor_type();
        match in_range("in_dims", &path.to_string(), dim, &ty) {
            Ok(at) => {
                sizes.entry(ty.shape[at]).or_default().push(format!("dimension {at} of args{path} {ty}"));
                resolved.push(Some(at));
            }
            Err(error) => errors.push(error),
        }
    }
    DimsError::none_of(errors)?;
    Ok((resolved, agreed(sizes)?))
}

/// The one size; all of them, the majority first, when they differ.
fn agreed(sizes: BTreeMap<usize, Vec<String>>) -> Result<usize, DimsError> {
    let mut groups: Vec<SizeGroup> =
        sizes.into_iter().map(|(size, arguments)| SizeGroup { size, arguments }).collect();
    match groups.as_slice() {
        [] => Err(DimsError::NothingMapped),
        [group] => Ok(group.size),
        [_, _, ..] => {
            groups.sort_by_key(|group| std::cmp::Reverse(group.arguments.len()));
            Err(DimsError::Sizes { groups })
        }
    }
}

/// The graph of one member of `function`: collectives know the axis, and layers that draw
/// implicitly know what members do with a shared key. [`vmap_graph`]
/// along this axis makes it the graph of all. Beside it, whether the function asked for the number of
/// members ([`Var::axis_size`]): then the graph is for this number alone.
///
/// # Errors
/// As [`trace`](function::trace).
#[track_caller]
pub fn trace_member<T: Typed, A: Tree<T>, F: Function<A::With<Var>>>(
    function: &F,
    args: &A,
    axis: &Axis,
    randomness: Randomness,
) -> Result<(TracedOn<F, T, A>, bool), Error> {
    let bound = collective::bind(&axis.name, axis.size, randomness);
    let traced = function::trace_as(function, args, |_, leaf: &T| leaf.tensor_type())?;
    Ok((traced, bound.size_is_read()))
}

/// The function of one member, traced, and how it is mapped.
struct Single<O> {
    traced: Traced<O>,
    options: VmapOptions,
}

/// What tracing one member of `F` on arguments with the structure of `A` gives.
type SingleOf<F, T, A> = Single<OutputTypes<F, <A as Tree<T>>::With<Var>>>;

impl<F> Vmap<F> {
    #[track_caller]
    fn single<T: Typed, A: Tree<T>>(&self, args: &A) -> Result<SingleOf<F, T, A>, Error>
    where
        F: Function<A::With<Var>>,
    {
        let at = Caller::caller();
        let (mut in_dims, size) = members(&self.in_dims, self.axis_size, args)
            .map_err(|error| Error::from(error).at(user_location(at)))?;
        let mut dims = in_dims.iter();
        let member = |_: &Path, leaf: &T| without(&leaf.tensor_type(), dims.next().copied().flatten());
        let bound = collective::bind(&self.axis_name, size, self.randomness);
        let traced = function::trace_as(&self.function, args, member)?;
        drop(bound);
        in_dims.resize(traced.graph.inputs().len(), None);
        let output_names = leaves(&traced.output).into_iter().map(|(path, _)| path.to_string()).collect();
        let out_dims = self.out_dims.resolve("out_dims", &traced.output);
        let out_dims = out_dims.map_err(|error| Error::from(error).at(user_location(at)))?;
        let axis = Axis { name: Arc::clone(&self.axis_name), size };
        Ok(Single {
            traced,
            options: VmapOptions { axis, in_dims, out_dims, output_names, chunks: self.chunks },
        })
    }

    /// What mapping does to each op of the function on these arguments: tensors, or types alone.
    ///
    /// ```
    /// use choral_compiler::{Var, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let f = |(x, w): (Var, Var)| w.exp().matmul(&x);
    /// let args = (TensorType::new([5, 3], DType::F32), TensorType::new([4, 3], DType::F32));
    /// let explanation = vmap(f, (0, None)).explain(&args)?;
    /// assert_eq!(explanation.ops[0].results, [None]); // the exponential, once for all members
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    ///
    /// # Errors
    /// As tracing the mapped function.
    #[track_caller]
    pub fn explain<T: Typed, A: Tree<T>>(&self, args: &A) -> Result<Explanation, Error>
    where
        F: Function<A::With<Var>>,
    {
        let at = Caller::caller();
        let Single { traced, options } = self.single(args)?;
        explain(&traced.graph, &options).map_err(|error| Error::from(error).at(user_location(at)))
    }
}

/// The results of a mapped `F` on arguments `A`.
type Mapped<F, A> = <OutputTypes<F, <A as Tree<Var>>::With<Var>> as Tree<TensorType>>::With<Var>;

impl<A, F> Function<A> for Vmap<F>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
{
    type Output = Mapped<F, A>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let at = Caller::caller();
        let Single { traced: Traced { graph, output, captures }, options } = self.single(&args)?;
        let mapped =
            vmap_graph(&graph, &options).map_err(|error| Error::from(error).at(user_location(at)))?;
        let arguments = leaves(&args);
        let operands: Vec<&Var> = arguments.iter().map(|(_, var)| var).chain(&captures).collect();
        let missing = || Error::Message("a mapped function needs at least one argument".to_owned());
        let values = function::inline(&mapped, &operands, at).ok_or_else(missing)?;
        rebuild(&output, &values).ok_or_else(missing)
    }
}

/// The type of one member's slice.
fn without(ty: &TensorType, dim: Option<usize>) -> TensorType {
    let mut ty = ty.clone();
    if let Some(dim) = dim {
        ty.shape.remove(dim);
    }
    ty
}
