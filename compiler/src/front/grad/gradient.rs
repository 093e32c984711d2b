//! Gradients of scalars.

use std::panic::Location as Caller;

use super::Results;
use super::by::{Argument, By};
use super::returns::{Alone, Returns, WithAux};
use super::subject::traced;
use crate::front::error::Error;
use crate::front::trace::function::Function;
use crate::front::trace::var::Var;
use crate::front::tree::{Tree, Walk};
use crate::transform::differentiate::value_and_grad_graph_of;

/// A function that returns the gradient of another; made by [`grad`].
#[derive(Debug, Clone)]
pub struct Grad<F, B = Argument<0>, R = Alone> {
    of: ValueAndGrad<F, B, R>,
}

/// A function that returns what another does, and its gradient; made by [`value_and_grad`].
#[derive(Debug, Clone)]
pub struct ValueAndGrad<F, B = Argument<0>, R = Alone> {
    what: &'static str,
    function: F,
    by: B,
    returns: R,
}

/// The gradient of a function of one scalar, as `jax.grad` and `torch.func.grad`.
///
/// It is taken by the first argument, whose structure it has, unless [`Grad::by`] says otherwise. A closure of one
/// value has one argument; a tuple holds several.
///
/// ```
/// use choral_compiler::grad::grad;
/// use choral_compiler::{State, Var, trace, vmap};
/// use choral_ir::{DType, TensorType};
/// let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
/// let loss = |(params, x, y): (State<Var>, Var, Var)| {
///     let error = x.matmul(&params["weight"]) - y;
///     (&error * &error).sum(())
/// };
/// let params = State::from([("weight".to_owned(), f32(&[3]))]);
/// // A gradient for each of five samples.
/// let gradients = vmap(grad(loss), (None, 0, 0));
/// let traced = trace(&gradients, &(params, f32(&[5, 3]), f32(&[5])))?;
/// assert_eq!(traced.output["weight"], f32(&[5, 3]));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn grad<F>(function: F) -> Grad<F> {
    Grad { of: ValueAndGrad { what: "grad", ..value_and_grad(function) } }
}

/// The value of a function of one scalar, and its gradient; see [`grad`].
///
/// ```
/// use choral_compiler::grad::value_and_grad;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// // What the function returns beside its loss comes out, too.
/// let loss = |(w, x): (Var, Var)| {
///     let predictions = x.matmul(&w);
///     (predictions.mean(()), predictions)
/// };
/// let args = (TensorType::new([3], DType::F32), TensorType::new([5, 3], DType::F32));
/// let traced = trace(&value_and_grad(loss).has_aux(), &args)?;
/// let ((loss, predictions), gradient) = traced.output;
/// assert_eq!((loss.rank(), predictions.shape, gradient.shape), (0, vec![5], vec![3]));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn value_and_grad<F>(function: F) -> ValueAndGrad<F> {
    ValueAndGrad { what: "value_and_grad", function, by: Argument, returns: Alone }
}

impl<F, B, R> Grad<F, B, R> {
    /// Differentiates by other arguments, or by some leaves of one: see [`Argument`].
    #[must_use]
    pub fn by<C>(self, by: C) -> Grad<F, C, R> {
        Grad { of: self.of.by(by) }
    }
}

impl<F, B> Grad<F, B, Alone> {
    /// The function returns a pair, `(scalar, others)`: then this returns `(gradient, others)`.
    #[must_use]
    pub fn has_aux(self) -> Grad<F, B, WithAux> {
        Grad { of: self.of.has_aux() }
    }
}

impl<F, B, R> ValueAndGrad<F, B, R> {
    /// Differentiates by other arguments, or by some leaves of one: see [`Argument`].
    #[must_use]
    pub fn by<C>(self, by: C) -> ValueAndGrad<F, C, R> {
        let ValueAndGrad { what, function, by: _, returns } = self;
        ValueAndGrad { what, function, by, returns }
    }
}

impl<F, B> ValueAndGrad<F, B, Alone> {
    /// The function returns a pair, `(scalar, others)`: then this returns `((scalar, others), gradient)`.
    #[must_use]
    pub fn has_aux(self) -> ValueAndGrad<F, B, WithAux> {
        let ValueAndGrad { what, function, by, returns: Alone } = self;
        ValueAndGrad { what, function, by, returns: WithAux }
    }
}

impl<A, F, B, R> Function<A> for ValueAndGrad<F, B, R>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
    B: By<A::With<Var>>,
    R: Returns<Results<F, A>>,
{
    type Output = (Results<F, A>, B::Gradient);

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let subject = traced(self.what, &self.function, &args, Caller::caller())?;
        let own = args.map(&mut Walk::default(), &mut |_, var: &Var| var.clone());
        let selected = self.by.selected(&own).map_err(|error| subject.refused(error))?;
        subject.check_selected(&selected)?;
        let scalar = subject.scalar(R::is_main)?;
        let graph = value_and_grad_graph_of(&subject.graph, &selected, &[scalar])
            .map_err(|error| subject.refused(error))?;
        let mut values = subject.inline(&graph, &[])?;
        let gradients = values.split_off(values.len() - selected.len());
        Ok((subject.results(&values)?, self.by.gradient(&own, &mut gradients.into_iter())))
    }
}

impl<A, F, B, R> Function<A> for Grad<F, B, R>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
    B: By<A::With<Var>>,
    R: Returns<Results<F, A>>,
{
    type Output = R::Beside<B::Gradient>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let (results, gradient) = self.of.apply(args)?;
        Ok(R::beside(gradient, results))
    }
}
