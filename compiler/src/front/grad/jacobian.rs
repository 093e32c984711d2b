//! Jacobians and Hessians: products with every direction of the standard basis at once, as `vmap` makes them.

use std::panic::Location as Caller;

use super::Results;
use super::by::{Argument, By};
use super::nested::Nested;
use super::returns::{Alone, Returns, WithAux};
use super::subject::traced;
use crate::front::error::Error;
use crate::front::trace::function::Function;
use crate::front::trace::var::Var;
use crate::front::tree::{Tree, Walk};
use crate::transform::differentiate::{Basis, jacobian_graph};
use crate::transform::vmap::Chunks;

/// A function that returns the Jacobian of another; made by [`jacfwd`] and [`jacrev`].
#[derive(Debug, Clone)]
pub struct Jacobian<F, B = Argument<0>, R = Alone> {
    basis: Basis,
    function: F,
    by: B,
    returns: R,
    chunks: Chunks,
}

/// The Jacobian of a function, a column at a time: for more results than numbers to differentiate by.
///
/// For each result, the structure of what is differentiated by, each tensor with the result's dimensions before its
/// own, as in JAX.
///
/// ```
/// use choral_compiler::grad::jacfwd;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
/// let layer = |(x, w): (Var, Var)| w.matmul(&x).tanh();
/// let traced = trace(&jacfwd(layer), &(f32(&[3]), f32(&[5, 3])))?;
/// assert_eq!(traced.output, f32(&[5, 3]));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn jacfwd<F>(function: F) -> Jacobian<F> {
    jacobian(Basis::Inputs, function)
}

/// The Jacobian of a function, a row at a time: for fewer results than numbers to differentiate by. See [`jacfwd`].
pub fn jacrev<F>(function: F) -> Jacobian<F> {
    jacobian(Basis::Outputs, function)
}

fn jacobian<F>(basis: Basis, function: F) -> Jacobian<F> {
    Jacobian { basis, function, by: Argument, returns: Alone, chunks: Chunks::default() }
}

impl<F, B, R> Jacobian<F, B, R> {
    /// Differentiates by other arguments, or by some leaves of one: see [`Argument`].
    #[must_use]
    pub fn by<C>(self, by: C) -> Jacobian<F, C, R> {
        let Jacobian { basis, function, by: _, returns, chunks } = self;
        Jacobian { basis, function, by, returns, chunks }
    }

    /// Works out this many columns or rows at a time: the same numbers in less memory.
    #[must_use]
    pub fn chunk_size(self, directions: usize) -> Self {
        Jacobian { chunks: Chunks { size: Some(directions), ..self.chunks }, ..self }
    }
}

impl<F, B> Jacobian<F, B, Alone> {
    /// The function returns a pair, `(results, others)`: then this returns `(Jacobian, others)`.
    #[must_use]
    pub fn has_aux(self) -> Jacobian<F, B, WithAux> {
        let Jacobian { basis, function, by, returns: Alone, chunks } = self;
        Jacobian { basis, function, by, returns: WithAux, chunks }
    }
}

impl<A, F, B, R> Function<A> for Jacobian<F, B, R>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
    B: By<A::With<Var>>,
    R: Returns<Results<F, A>>,
    R::Main: Nested<B::Gradient>,
{
    type Output = R::Beside<<R::Main as Nested<B::Gradient>>::Of>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let what = match self.basis {
            Basis::Inputs => "jacfwd",
            Basis::Outputs => "jacrev",
        };
        let subject = traced(what, &self.function, &args, Caller::caller())?;
        let own = args.map(&mut Walk::default(), &mut |_, var: &Var| var.clone());
        let selected = self.by.selected(&own).map_err(|error| subject.refused(error))?;
        subject.check_selected(&selected)?;
        let main = subject.main_results(R::is_main);
        subject.check_floats(&main, ".has_aux()")?;
        let graph = jacobian_graph(&subject.graph, &selected, &main, self.basis, self.chunks)
            .map_err(|error| subject.refused(error))?;
        let mut values = subject.inline(&graph, &[])?;
        let blocks = values.split_off(values.len() - main.len() * selected.len());
        let results = subject.results(&values)?;
        let mut blocks = blocks.into_iter();
        let nested = R::main(&results).nested(&mut || self.by.gradient(&own, &mut blocks));
        Ok(R::beside(nested, results))
    }
}

/// A function that returns the Hessian of another; made by [`hessian`].
#[derive(Debug, Clone)]
pub struct Hessian<F, B = Argument<0>, R = Alone>(Jacobian<Jacobian<F, B, R>, B, R>);

/// The second derivatives of a function, forward over reverse: the dimensions of a result, then twice those of what is
/// differentiated by.
///
/// ```
/// use choral_compiler::grad::hessian;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
/// let traced = trace(&hessian(|x: Var| x.exp().sum(())), &f32(&[3]))?;
/// assert_eq!(traced.output, f32(&[3, 3]));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn hessian<F>(function: F) -> Hessian<F> {
    Hessian(jacfwd(jacrev(function)))
}

impl<F, B, R> Hessian<F, B, R> {
    /// Differentiates by other arguments, or by some leaves of one: see [`Argument`].
    #[must_use]
    pub fn by<C: Clone>(self, by: C) -> Hessian<F, C, R> {
        Hessian(self.0.with(|jacobian| jacobian.by(by.clone())).by(by))
    }

    /// Works out this many columns at a time: the same numbers in less memory.
    #[must_use]
    pub fn chunk_size(self, directions: usize) -> Self {
        Hessian(self.0.chunk_size(directions))
    }
}

impl<F, B> Hessian<F, B, Alone> {
    /// The function returns a pair, `(results, others)`: then this returns `(Hessian, others)`.
    #[must_use]
    pub fn has_aux(self) -> Hessian<F, B, WithAux> {
        Hessian(self.0.with(Jacobian::has_aux).has_aux())
    }
}

impl<F, B, R> Jacobian<F, B, R> {
    /// The Jacobian of another function.
    fn with<G>(self, change: impl FnOnce(F) -> G) -> Jacobian<G, B, R> {
        let Jacobian { basis, function, by, returns, chunks } = self;
        Jacobian { basis, function: change(function), by, returns, chunks }
    }
}

impl<A, F, B, R> Function<A> for Hessian<F, B, R>
where
    Jacobian<Jacobian<F, B, R>, B, R>: Function<A>,
{
    type Output = <Jacobian<Jacobian<F, B, R>, B, R> as Function<A>>::Output;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        self.0.apply(args)
    }
}
