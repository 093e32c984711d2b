//! A function applied to slice after slice.

use std::panic::Location as Caller;
use std::rc::Rc;

use choral_ir::op::Scan;
use choral_ir::{BuildError, Builder, TensorType, Value};

use super::region::{Program, captured, own_type, traced};
use super::{add, changes, holder, results, types, vars};
use crate::front::trace::Trace;
use crate::front::trace::function::IntoOutput;
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Segment, Tree, leaves};

/// `body(carry, x) -> (carry, y)` on slice after slice of the first dimension of `xs`, from `init`
/// on; returns the last carry, and all `y` stacked along a new first dimension: `jax.lax.scan`.
///
/// ```
/// use choral_compiler::{Var, scan, trace};
/// use choral_ir::{DType, TensorType};
/// // The total, and what it was after each element.
/// let totals = |xs: Var| {
///     scan(|total: Var, x| (&total + &x, total + x), xs.full([], 0.0), xs)
/// };
/// let (last, all) = trace(&totals, &TensorType::new([5], DType::F32))?.output;
/// assert_eq!((last.to_string(), all.to_string()), ("tensor<f32>".into(), "tensor<5xf32>".into()));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn scan<C, X, Y, R>(body: impl FnOnce(C::With<Var>, X::With<Var>) -> R, init: C, xs: X) -> R
where
    C: Tree<Var>,
    X: Tree<Var>,
    Y: Tree<Var, With<Var> = Y>,
    R: IntoOutput<Output = (C::With<Var>, Y)>,
{
    let walk = Walk::new("scan", &init, &xs, Caller::caller());
    R::from_output(walk.along(|carry, x| body(carry, x).into_output(), &init, &xs, changes))
}

/// [`scan`] from the last slice to the first; each `y` stands where its slice stood:
/// `jax.lax.scan` with `reverse=True`.
///
/// ```
/// use choral_compiler::{Var, scan_reverse, trace};
/// use choral_ir::{DType, TensorType};
/// // What is still to come, discounted, at each step.
/// let returns = |rewards: Var| {
///     let next = |later: Var, reward: Var| {
///         let value = reward + later * 0.99;
///         (value.clone(), value)
///     };
///     scan_reverse(next, rewards.full([], 0.0), rewards).1
/// };
/// assert_eq!(trace(&returns, &TensorType::new([5], DType::F32))?.output.to_string(), "tensor<5xf32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn scan_reverse<C, X, Y, R>(body: impl FnOnce(C::With<Var>, X::With<Var>) -> R, init: C, xs: X) -> R
where
    C: Tree<Var>,
    X: Tree<Var>,
    Y: Tree<Var, With<Var> = Y>,
    R: IntoOutput<Output = (C::With<Var>, Y)>,
{
    let walk = Walk { is_reverse: true, ..Walk::new("scan_reverse", &init, &xs, Caller::caller()) };
    R::from_output(walk.along(|carry, x| body(carry, x).into_output(), &init, &xs, changes))
}

/// `function` on slice after slice of the first dimension of `xs`, the results stacked:
/// `jax.lax.map`. `vmap` runs all slices at once; this runs them one after another, in the memory of one.
///
/// ```
/// use choral_compiler::trace::control::map;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let norms = |rows: Var| map(|row: Var| (&row * &row).sum(()).sqrt(), rows);
/// let traced = trace(&norms, &TensorType::new([5, 3], DType::F32))?;
/// assert_eq!(traced.output.to_string(), "tensor<5xf32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn map<X, Y, R>(function: impl FnOnce(X::With<Var>) -> R, xs: X) -> R
where
    X: Tree<Var>,
    Y: Tree<Var, With<Var> = Y>,
    R: IntoOutput<Output = Y>,
{
    let walk = Walk::new("map", &(), &xs, Caller::caller());
    let body = |(), x| Ok(((), function(x).into_output()?));
    R::from_output(walk.along(body, &(), &xs, changes).map(|((), ys)| ys))
}

/// `body(carry) -> (carry, y)`, `length` times from `init` on; returns the last carry, and all `y` stacked
/// along a new first dimension: `jax.lax.scan` with `xs=None` and a `length`.
///
/// ```
/// use choral_compiler::trace::control::scan_length;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// // The powers of a number.
/// let powers = |x: Var| {
///     let next = |power: Var| (&power * &x, power);
///     scan_length(next, x.full([], 1.0), 5).1
/// };
/// assert_eq!(trace(&powers, &TensorType::scalar(DType::F32))?.output.to_string(), "tensor<5xf32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn scan_length<C, Y, R>(body: impl FnOnce(C::With<Var>) -> R, init: C, length: usize) -> R
where
    C: Tree<Var>,
    Y: Tree<Var, With<Var> = Y>,
    R: IntoOutput<Output = (C::With<Var>, Y)>,
{
    let walk = Walk { length: Some(length), ..Walk::new("scan_length", &init, &(), Caller::caller()) };
    R::from_output(walk.along(|carry, ()| body(carry).into_output(), &init, &(), changes))
}

/// [`scan`] under another name, added to the graph by a function.
#[track_caller]
pub(crate) fn scan_added_by<C, X, Y, R>(
    add: AddScan,
    name: &'static str,
    body: impl FnOnce(C::With<Var>, X::With<Var>) -> R,
    init: C,
    xs: X,
) -> R
where
    C: Tree<Var>,
    X: Tree<Var>,
    Y: Tree<Var, With<Var> = Y>,
    R: IntoOutput<Output = (C::With<Var>, Y)>,
{
    let walk = Walk { add, ..Walk::new(name, &init, &xs, Caller::caller()) };
    R::from_output(walk.along(|carry, x| body(carry, x).into_output(), &init, &xs, changes))
}

/// Adds a scan of these operands to a graph, and returns its results.
type AddScan = fn(&mut Builder, Scan, &[Value]) -> Result<Vec<Value>, BuildError>;

/// Adds the op itself.
pub(super) fn as_it_is(
    builder: &mut Builder,
    op: Scan,
    operands: &[Value],
) -> Result<Vec<Value>, BuildError> {
    builder.push_all(op, operands)
}

/// A scan being built.
pub(super) struct Walk<'a> {
    pub(super) name: &'static str,
    pub(super) is_reverse: bool,
    /// Number of rounds, without inputs to scan along.
    pub(super) length: Option<usize>,
    pub(super) add: AddScan,
    pub(super) holder: Rc<Trace>,
    pub(super) at: &'a Caller<'a>,
}

impl<'a> Walk<'a> {
    fn new(name: &'static str, init: &impl Tree<Var>, xs: &impl Tree<Var>, at: &'a Caller<'a>) -> Walk<'a> {
        let holder = holder(&[vars(xs), vars(init)].concat());
        Walk { name, is_reverse: false, length: None, add: as_it_is, holder, at }
    }

    fn fault(&self, message: String) {
        self.holder.fault(format!("{}: {message}", self.name), self.at);
    }

    /// `body` on carry after carry and slice after slice; `changes` says where it returns another carry
    /// than it is given.
    pub(super) fn along<C: Tree<Var>, X: Tree<Var>, Y: Tree<Var, With<Var> = Y>, E>(
        &self,
        body: impl FnOnce(C::With<Var>, X::With<Var>) -> Result<(C::With<Var>, Y), E>,
        init: &C,
        xs: &X,
        changes: impl Fn(&C, &C::With<Var>) -> String,
    ) -> Result<(C::With<Var>, Y), E> {
        let length = self.length.or_else(|| self.length_of(xs));
        let body = |(x, carry)| body(carry, x).map(|(carry, y)| (y, carry));
        let region = traced(&self.holder, "body", &(xs, init), slice_type, body, self.at)?;
        let (y, carry) = region.output;
        let changes = changes(init, &carry);
        if !changes.is_empty() {
            self.fault(format!("the body must return a carry like the one that it takes{changes}"));
        }
        let (slices, carried) = (vars(&y), vars(init));
        let program = region.program.filter(|_| changes.is_empty()).zip(length);
        let made = program.and_then(|(program, length)| self.record(&program, length, &vars(xs), &carried));
        let count = slices.len();
        let stacked = types(&slices).into_iter().map(|ty| stacked(ty, length.unwrap_or_default())).collect();
        let (ys, last) = match made {
            Some(made) => (Some(made[..count].to_vec()), Some(made[count..count + carried.len()].to_vec())),
            None => (None, None),
        };
        let last = results(&self.holder, init, types(&carried), last).unwrap_or(carry);
        Ok((last, results(&self.holder, &y, stacked, ys).unwrap_or(y)))
    }

    /// The common length of all `xs`; a fault if they have none.
    fn length_of(&self, xs: &impl Tree<Var>) -> Option<usize> {
        let all = leaves(xs);
        let Some((_, first)) = all.first() else {
            self.fault(
                "xs has no leaves to scan along; use scan_length to give the number of rounds".to_owned(),
            );
            return None;
        };
        let length = first.shape().first().copied();
        if length.is_some() && all.iter().all(|(_, var)| var.shape().first().copied() == length) {
            return length;
        }
        let lines: String = all.iter().map(|(path, var)| format!("\n  xs{path}: {}", var.ty())).collect();
        self.fault(format!("the first dimensions of all xs must have one size{lines}"));
        None
    }

    fn record(&self, body: &Program, length: usize, taken: &[Var], carried: &[Var]) -> Option<Vec<Var>> {
        let captured = captured(&[body]);
        let (is_reverse, inputs) = (self.is_reverse, taken.len());
        let operands = [taken, carried, &captured].concat();
        add(&self.holder, "scan", &operands, self.at, |builder, operands| {
            let (carried, body) = (carried.len(), body.on(&captured, false)?.into());
            (self.add)(builder, Scan { dimension: 0, is_reverse, length, inputs, carried, body }, operands)
        })
    }
}

/// The type of an argument of the body: of a slice in the first part, its own in the second.
fn slice_type(path: &Path, var: &Var) -> TensorType {
    let mut ty = own_type(path, var);
    if path.segments().first() == Some(&Segment::Index(0)) && ty.rank() > 0 {
        ty.shape.remove(0);
    }
    ty
}

fn stacked(mut ty: TensorType, length: usize) -> TensorType {
    ty.shape.insert(0, length);
    ty
}
