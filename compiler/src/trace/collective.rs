//! Methods of [`Var`] that reach across members, inside a function that `vmap` maps: `jax.lax`'s
//! `axis_index`, `psum`, `pmean`, `pmax`, `pmin`, `all_gather`, `ppermute` and `all_to_all`.
//!
//! Lives here: the methods, and which axes are in scope. What becomes of the ops is decided by the
//! `vmap` that binds their axis.

use std::cell::RefCell;
use std::panic::Location as Caller;
use std::rc::Rc;
use std::sync::Arc;

use choral_ir::op::{AllGather, AllReduce, AllToAll, AxisIndex, Permute, Randomness, Reduction};
use choral_ir::{Op, TensorType};

use super::var::Var;
use super::{Trace, depth, trace_at, trace_of};

/// An axis that a mapped function under way may name.
#[derive(Debug, Clone)]
struct Bound {
    name: Arc<str>,
    size: usize,
    /// What its members draw from a key that they share.
    randomness: Randomness,
    /// Depth of the trace of the mapped function.
    depth: usize,
}

thread_local! {
    /// The axes of the mapped functions being traced, innermost last.
    static AXES: RefCell<Vec<Bound>> = const { RefCell::new(Vec::new()) };
}

/// Puts an axis in scope for the next trace, until dropped.
pub(crate) fn bind(name: &Arc<str>, size: usize, randomness: Randomness) -> impl Drop + use<> {
    let bound = Bound { name: Arc::clone(name), size, randomness, depth: depth() + 1 };
    AXES.with(|axes| axes.borrow_mut().push(bound));
    Unbind
}

struct Unbind;

impl Drop for Unbind {
    fn drop(&mut self) {
        AXES.with(|axes| axes.borrow_mut().pop());
    }
}

/// The innermost axis of this name.
fn find(name: &str) -> Option<Bound> {
    AXES.with(|axes| axes.borrow().iter().rev().find(|axis| &*axis.name == name).cloned())
}

/// Every axis in scope, innermost first: its name, the number of axes of this name inside it, and
/// what its members draw from a key that they share.
pub(crate) fn modes() -> Vec<(Arc<str>, usize, Randomness)> {
    let axes: Vec<Bound> = AXES.with(|axes| axes.borrow().iter().rev().cloned().collect());
    let level = |at: usize| axes[..at].iter().filter(|inner| inner.name == axes[at].name).count();
    (0..axes.len()).map(|at| (Arc::clone(&axes[at].name), level(at), axes[at].randomness)).collect()
}

/// The names of one or several axes.
pub trait AxisNames {
    /// The names, in order.
    fn names(&self) -> Vec<&str>;
}

impl AxisNames for &str {
    fn names(&self) -> Vec<&str> {
        vec![self]
    }
}

impl<const N: usize> AxisNames for [&str; N] {
    fn names(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl AxisNames for &[&str] {
    fn names(&self) -> Vec<&str> {
        self.to_vec()
    }
}

impl Var {
    /// The number of this member along an axis, as `i32`; the value itself is not read.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let numbered = vmap(|x: Var| x.axis_index("member"), 0).axis_name("member");
    /// let traced = trace(&numbered, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5], DType::I32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn axis_index(&self, axis: &str) -> Var {
        let Some(bound) = self.bound("axis_index", &[axis]) else { return self.stand_in() };
        let op = AxisIndex { axis: axis.into() };
        self.record_along(op.into(), &[], &bound, Caller::caller())
    }

    /// The sum over all members along one axis or several; the same for each of them.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// // What sets each member apart from the mean of all.
    /// let centred = vmap(|x: Var| &x - x.pmean("member"), 0).axis_name("member");
    /// let traced = trace(&centred, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn psum(&self, axes: impl AxisNames) -> Var {
        self.all_reduce("psum", &axes.names(), Reduction::Sum)
    }

    /// The mean over all members along one axis or several.
    #[track_caller]
    #[must_use]
    pub fn pmean(&self, axes: impl AxisNames) -> Var {
        let names = axes.names();
        let Some(bound) = self.bound("pmean", &names) else { return self.stand_in() };
        if !self.can_be_averaged("pmean") {
            return self.stand_in();
        }
        let members: usize = bound.iter().map(|axis| axis.size).product();
        self.all_reduce("pmean", &names, Reduction::Sum) / members as f64
    }

    /// The greatest of all members, elementwise.
    #[track_caller]
    #[must_use]
    pub fn pmax(&self, axes: impl AxisNames) -> Var {
        self.all_reduce("pmax", &axes.names(), Reduction::Max)
    }

    /// The least of all members, elementwise.
    #[track_caller]
    #[must_use]
    pub fn pmin(&self, axes: impl AxisNames) -> Var {
        self.all_reduce("pmin", &axes.names(), Reduction::Min)
    }

    /// All members' values along a new dimension (negative counts from the end of the result).
    #[track_caller]
    #[must_use]
    pub fn all_gather(&self, axis: &str, dim: i64) -> Var {
        let Some(bound) = self.bound("all_gather", &[axis]) else { return self.stand_in() };
        let Some(dimension) = crate::dims::normalise(dim, self.rank() + 1) else {
            self.fault(format!("all_gather: a new dimension {dim} is out of range for {}", self.ty()));
            return self.stand_in();
        };
        let op = AllGather { axis: axis.into(), size: bound[0].size, dimension };
        self.record_along(op.into(), &[self], &bound, Caller::caller())
    }

    /// The value of another member: `pairs` of `(from, to)`; zeros where none is sent to.
    #[track_caller]
    #[must_use]
    pub fn ppermute(&self, axis: &str, pairs: &[(usize, usize)]) -> Var {
        let Some(bound) = self.bound("ppermute", &[axis]) else { return self.stand_in() };
        let op = Permute { axis: axis.into(), pairs: pairs.to_vec() };
        self.record_along(op.into(), &[self], &bound, Caller::caller())
    }

    /// Member `j` gets slice `j` of dimension `split` of every member, along a new dimension
    /// `concat` of the result.
    #[track_caller]
    #[must_use]
    pub fn all_to_all(&self, axis: &str, split: i64, concat: i64) -> Var {
        let Some(bound) = self.bound("all_to_all", &[axis]) else { return self.stand_in() };
        let (Some(split_dimension), Some(concat_dimension)) = (self.dim(split), self.dim(concat)) else {
            return self.stand_in();
        };
        let op = AllToAll { axis: axis.into(), size: bound[0].size, split_dimension, concat_dimension };
        self.record_along(op.into(), &[self], &bound, Caller::caller())
    }

    #[track_caller]
    fn all_reduce(&self, name: &str, axes: &[&str], reduction: Reduction) -> Var {
        let Some(bound) = self.bound(name, axes) else { return self.stand_in() };
        let op = AllReduce { axes: axes.iter().map(|&axis| axis.into()).collect(), reduction };
        self.record_along(op.into(), &[self], &bound, Caller::caller())
    }

    /// The axes of these names; a fault if one is not in scope.
    #[track_caller]
    fn bound(&self, op: &str, names: &[&str]) -> Option<Vec<Bound>> {
        let mut bound = Vec::with_capacity(names.len());
        for name in names {
            let Some(axis) = find(name) else {
                let known = AXES
                    .with(|axes| axes.borrow().iter().map(|axis| axis.name.to_string()).collect::<Vec<_>>());
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                self.fault(format!("{op}: no vmap binds the axis `{name}`; axes in scope: {known}"));
                return None;
            };
            bound.push(axis);
        }
        if bound.is_empty() {
            self.fault(format!("{op}: expected the name of an axis, got none"));
            return None;
        }
        Some(bound)
    }

    /// Records an op between members in the trace of the function that is mapped, also where the
    /// operand comes from around it.
    fn record_along(&self, op: Op, operands: &[&Var], axes: &[Bound], at: &Caller<'_>) -> Var {
        let mapped = axes.iter().map(|axis| axis.depth).max().and_then(trace_at);
        let Some(trace) = trace_of(&[self]).into_iter().chain(mapped).max_by_key(|trace| trace.depth) else {
            return self.stand_in();
        };
        let result = push(&trace, &op, operands, at);
        match result {
            Some((value, ty)) => Var::new(&trace, Some(value), ty),
            None => Var::new(&trace, None, self.ty().clone()),
        }
    }
}

fn push(
    trace: &Rc<Trace>,
    op: &Op,
    operands: &[&Var],
    at: &Caller<'_>,
) -> Option<(choral_ir::Value, TensorType)> {
    let values = trace.lift_all(operands.iter().copied(), at)?;
    let name = op.name().trim_start_matches("choral.");
    trace.build(name, at, |builder| {
        let value = builder.push(op.clone(), &values)?;
        Ok((value, builder.graph().ty(value).clone()))
    })
}
