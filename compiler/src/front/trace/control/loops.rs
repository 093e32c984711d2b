//! A function repeated on its own results.

use std::convert::Infallible;
use std::panic::Location as Caller;
use std::rc::Rc;

use choral_ir::op::While;
use choral_ir::{DType, Tensor, TensorType};

use super::region::{Program, captured, own_type, traced};
use super::scan::{Walk, as_it_is};
use super::{changes, holder, push, results, types, vars};
use crate::front::trace::Trace;
use crate::front::trace::function::IntoOutput;
use crate::front::trace::var::Var;
use crate::front::tree::Tree;

/// Repeats `body` on its own results, starting from `init`, while `cond` (a scalar `i1`) holds for
/// them: `jax.lax.while_loop`.
///
/// Under `vmap` every member runs its own number of rounds; the loop ends with the last of them.
///
/// ```
/// use choral_compiler::{Var, trace, while_loop};
/// use choral_ir::{DType, TensorType};
/// // How often a number can be halved until it is at most one.
/// let halvings = |x: Var| {
///     let none = x.full([], 0.0);
///     while_loop(|(x, _)| x.gt(1.0), |(x, count)| (x / 2.0, count + 1.0), (x, none)).1
/// };
/// let traced = trace(&halvings, &TensorType::new([], DType::F32))?;
/// assert_eq!(traced.output.to_string(), "tensor<f32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn while_loop<X, R>(
    cond: impl FnOnce(X::With<Var>) -> Var,
    body: impl FnOnce(X::With<Var>) -> R,
    init: X,
) -> R
where
    X: Tree<Var>,
    R: IntoOutput<Output = X::With<Var>>,
{
    let loop_ = Loop { name: "while_loop", holder: holder(&vars(&init)), at: Caller::caller() };
    R::from_output(loop_.repeat(cond, |carry| body(carry).into_output(), &init, changes))
}

/// `body(i, carry)` for every `i` from `lower` up to but not including `upper`, each on the carry
/// that the last one returned: `jax.lax.fori_loop`.
///
/// The bounds are numbers, or integer scalars of one type. Between two numbers it is a [`scan`](super::scan)
/// of that length; under `vmap` values may be per-member.
///
/// ```
/// use choral_compiler::{Var, fori_loop, trace};
/// use choral_ir::{DType, TensorType};
/// let power = |(x, n): (Var, Var)| fori_loop(0, n, |_, product| product * &x, x.full([], 1.0));
/// let args = (TensorType::scalar(DType::F32), TensorType::scalar(DType::I32));
/// assert_eq!(trace(&power, &args)?.output.to_string(), "tensor<f32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn fori_loop<X, R>(
    lower: impl Into<Bound>,
    upper: impl Into<Bound>,
    body: impl FnOnce(Var, X::With<Var>) -> R,
    init: X,
) -> R
where
    X: Tree<Var>,
    R: IntoOutput<Output = X::With<Var>>,
{
    let (lower, upper) = (lower.into(), upper.into());
    let values = [lower.values(), upper.values(), vars(&init)].concat();
    let loop_ = Loop { name: "fori_loop", holder: holder(&values), at: Caller::caller() };
    let length = lower.rounds_to(&upper);
    let (lower, upper) = loop_.bounds(&lower, &upper);
    let init = (lower, &init);
    let next = |index: Var, carry| Ok((&index + 1, body(index, carry).into_output()?));
    let changes = |(_, given): &(Var, &X), (_, returned): &_| changes(*given, returned);
    let last = match length {
        Some(length) => {
            let Loop { name, holder, at } = loop_;
            let walk = Walk { name, is_reverse: false, length: Some(length), add: as_it_is, holder, at };
            walk.along(|(index, carry), ()| Ok((next(index, carry)?, ())), &init, &(), changes)
                .map(|(last, ())| last)
        }
        None => {
            loop_.repeat(|(index, _)| index.lt(&upper), |(index, carry)| next(index, carry), &init, changes)
        }
    };
    R::from_output(last.map(|(_, carry)| carry))
}

/// Where a loop over numbers starts or ends.
#[derive(Debug, Clone)]
pub enum Bound {
    /// The same in every run.
    Number(i64),
    /// A scalar of an integer type.
    Value(Var),
}

impl From<i32> for Bound {
    fn from(number: i32) -> Bound {
        Bound::Number(number.into())
    }
}

impl From<i64> for Bound {
    fn from(number: i64) -> Bound {
        Bound::Number(number)
    }
}

impl From<usize> for Bound {
    fn from(number: usize) -> Bound {
        Bound::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Var> for Bound {
    fn from(value: Var) -> Bound {
        Bound::Value(value)
    }
}

impl From<&Var> for Bound {
    fn from(value: &Var) -> Bound {
        Bound::Value(value.clone())
    }
}

impl Bound {
    fn values(&self) -> Vec<Var> {
        match self {
            Bound::Number(_) => Vec::new(),
            Bound::Value(value) => vec![value.clone()],
        }
    }

    /// How many rounds there are up to another bound, if both are numbers.
    fn rounds_to(&self, upper: &Bound) -> Option<usize> {
        match (self, upper) {
            (Bound::Number(lower), Bound::Number(upper)) => {
                Some(usize::try_from(upper.saturating_sub(*lower)).unwrap_or(0))
            }
            (Bound::Number(_) | Bound::Value(_), Bound::Number(_) | Bound::Value(_)) => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Bound::Number(number) => number.to_string(),
            Bound::Value(value) => value.ty().to_string(),
        }
    }
}

/// The one type of two bounds: numbers take the other's, or `i32`; `None` if they do not match.
fn type_of_bounds(lower: &Bound, upper: &Bound) -> Option<TensorType> {
    let ty = match (lower, upper) {
        (Bound::Value(lower), Bound::Value(upper)) => {
            (lower.ty() == upper.ty()).then(|| lower.ty().clone())?
        }
        (Bound::Value(value), Bound::Number(number)) | (Bound::Number(number), Bound::Value(value)) => {
            value.dtype().holds(*number).then(|| value.ty().clone())?
        }
        (Bound::Number(lower), Bound::Number(upper)) => {
            let narrow = DType::I32.holds(*lower) && DType::I32.holds(*upper);
            TensorType::scalar(if narrow { DType::I32 } else { DType::I64 })
        }
    };
    (ty.rank() == 0 && ty.dtype.is_integer()).then_some(ty)
}

struct Loop<'a> {
    name: &'static str,
    holder: Rc<Trace>,
    at: &'a Caller<'a>,
}

impl Loop<'_> {
    fn fault(&self, message: String) {
        self.holder.fault(format!("{}: {message}", self.name), self.at);
    }

    /// Both bounds as values of one type; stand-ins and a fault if they do not match.
    fn bounds(&self, lower: &Bound, upper: &Bound) -> (Var, Var) {
        let Some(ty) = type_of_bounds(lower, upper) else {
            self.fault(format!(
                "the bounds must be integer scalars of one type, got {} and {}",
                lower.describe(),
                upper.describe()
            ));
            let none = || Var::new(&self.holder, None, TensorType::scalar(DType::I32));
            return (none(), none());
        };
        let value = |bound: &Bound| match bound {
            Bound::Number(number) => {
                let number = Tensor::scalar(*number).to_dtype(ty.dtype);
                let value = self.holder.build("constant", self.at, |builder| Ok(builder.constant(number)));
                Var::new(&self.holder, value, ty.clone())
            }
            Bound::Value(value) => value.clone(),
        };
        (value(lower), value(upper))
    }

    /// Repeats `body` on its own results while `cond` holds; `changes` says where a body returns another
    /// structure than it is given.
    fn repeat<X: Tree<Var>, E>(
        &self,
        cond: impl FnOnce(X::With<Var>) -> Var,
        body: impl FnOnce(X::With<Var>) -> Result<X::With<Var>, E>,
        init: &X,
        changes: impl Fn(&X, &X::With<Var>) -> String,
    ) -> Result<X::With<Var>, E> {
        let cond = |carry| Ok::<Var, Infallible>(cond(carry));
        let Ok(cond) = traced(&self.holder, "cond", init, own_type, cond, self.at);
        let body = traced(&self.holder, "body", init, own_type, body, self.at)?;
        let decides = self.decides(&cond.output);
        let changes = changes(init, &body.output);
        if !changes.is_empty() {
            self.fault(format!("the body must return a carry like the one that it takes{changes}"));
        }
        let carried = vars(init);
        let programs = cond.program.zip(body.program).filter(|_| decides && changes.is_empty());
        let made = programs.and_then(|(cond, body)| self.record(&cond, &body, &carried));
        let made = made.map(|all| all[..carried.len()].to_vec());
        Ok(results(&self.holder, init, types(&carried), made).unwrap_or(body.output))
    }

    /// Whether a value can decide if there is another round.
    fn decides(&self, condition: &Var) -> bool {
        let expected = TensorType::scalar(DType::I1);
        let decides = *condition.ty() == expected;
        if !decides && condition.value.is_some() {
            self.fault(format!("the condition must return {expected}, got {}", condition.ty()));
        }
        decides
    }

    fn record(&self, cond: &Program, body: &Program, carried: &[Var]) -> Option<Vec<Var>> {
        let captured = captured(&[cond, body]);
        let regions = cond.on(&captured, false).and_then(|cond| Ok((cond, body.on(&captured, true)?)));
        let op = regions.map(|(cond, body)| While { cond: cond.into(), body: body.into() }.into());
        push(&self.holder, op, &[carried, &captured].concat(), self.at)
    }
}
