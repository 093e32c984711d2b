//! Methods of [`Var`] for collectives, inside a function that `vmap` maps, in `jax.lax`'s
//! names: reductions (`psum` and its kin) and exchanges (`all_gather` and its kin).
//!
//! Lives here: which axes are in scope, and how they are named. What becomes of the ops is decided
//! by the `vmap` that binds their axis.

mod exchange;
mod reduce;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use choral_ir::op::Randomness;

use super::var::Var;

/// An axis that the function being mapped may name.
#[derive(Debug, Clone)]
struct Bound {
    name: Arc<str>,
    size: usize,
    /// What its members draw from a shared key.
    randomness: Randomness,
    /// Whether the function has asked for the size, so that its trace is for so many members.
    size_is_read: Rc<Cell<bool>>,
}

thread_local! {
    /// The axes of the mapped functions being traced, innermost last.
    static AXES: RefCell<Vec<Bound>> = const { RefCell::new(Vec::new()) };
}

/// Puts an axis in scope for the next trace, until dropped.
pub(crate) fn bind(name: &Arc<str>, size: usize, randomness: Randomness) -> Binding {
    let size_is_read = Rc::default();
    let bound = Bound { name: Arc::clone(name), size, randomness, size_is_read: Rc::clone(&size_is_read) };
    AXES.with(|axes| axes.borrow_mut().push(bound));
    Binding { size_is_read }
}

/// An axis in scope.
pub(crate) struct Binding {
    size_is_read: Rc<Cell<bool>>,
}

impl Binding {
    /// Whether the function traced meanwhile has asked for the size of the axis.
    pub(crate) fn size_is_read(&self) -> bool {
        self.size_is_read.get()
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        AXES.with(|axes| axes.borrow_mut().pop());
    }
}

/// The innermost axis of this name.
fn find(name: &str) -> Option<Bound> {
    AXES.with(|axes| axes.borrow().iter().rev().find(|axis| &*axis.name == name).cloned())
}

/// Every axis in scope, innermost first: its name, the number of axes of this name inside it, and
/// what its members draw from a shared key.
pub(crate) fn modes() -> Vec<(Arc<str>, usize, Randomness)> {
    let axes: Vec<Bound> = AXES.with(|axes| axes.borrow().iter().rev().cloned().collect());
    let level = |at: usize| axes[..at].iter().filter(|inner| inner.name == axes[at].name).count();
    (0..axes.len()).map(|at| (Arc::clone(&axes[at].name), level(at), axes[at].randomness)).collect()
}

/// The names of one axis or several. Several count as one axis of all their members, row-major in
/// the order given: members that are next to each other differ along the last.
///
/// ```
/// use choral_compiler::trace::collective::AxisNames;
/// assert_eq!("members".names(), ["members"]);
/// assert_eq!(["groups", "members"].names(), ["groups", "members"]);
/// ```
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
    /// The axes of these names; a fault if there is none, if one is not in scope, or if one is named twice.
    #[track_caller]
    fn bound(&self, op: &str, names: &[&str]) -> Option<Vec<Bound>> {
        let mut bound = Vec::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            let Some(axis) = find(name) else {
                let known = AXES
                    .with(|axes| axes.borrow().iter().map(|axis| axis.name.to_string()).collect::<Vec<_>>());
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                self.fault(format!("{op}: no vmap binds the axis `{name}`; axes in scope: {known}"));
                return None;
            };
            if names[..at].contains(name) {
                self.fault(format!("{op}: the axis `{name}` is named twice"));
                return None;
            }
            bound.push(axis);
        }
        if bound.is_empty() {
            self.fault(format!("{op}: expected the name of an axis, got none"));
            return None;
        }
        Some(bound)
    }
}

/// Number of members along all of these axes together.
fn members(axes: &[Bound]) -> usize {
    axes.iter().fold(1, |members, axis| members.saturating_mul(axis.size))
}
