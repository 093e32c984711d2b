//! Products with Jacobians and Hessians, inside a function that is traced: forward, backward, and as linear functions.
//!
//! All arguments of the function are differentiated by; what it should not be is captured:
//! `jvp(&|w: Var| loss(&w, &labels), w, direction)`.

use std::panic::Location as Caller;

use choral_ir::TensorType;

use super::error::Given;
use super::linear::LinearMap;
use super::subject::{Subject, other_number, traced};
use super::{Results, Types};
use crate::front::error::Error;
use crate::front::trace::function::{Function, OutputTypes};
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Segment, Tree, Walk, add_leaves, leaves, rebuild};
use crate::transform::differentiate::{Linearized, grad_graph, jvp_graph_of, linearize_graph};

/// Results of a function, and their tangents.
pub type WithTangents<O> = (O, O);

/// The results of a function, and how they change along `tangents`: the product of its Jacobian with them.
///
/// ```
/// use choral_compiler::grad::jvp;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
/// let along = |(x, v): (Var, Var)| jvp(&|x: Var| x.sin(), x, v);
/// let traced = trace(&along, &(f32(&[3]), f32(&[3])))?;
/// assert_eq!(traced.output, (f32(&[3]), f32(&[3])));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// If a primal or a result holds no floats; if the tangents have other parts, shapes or element types than the
/// primals; for ops that are not differentiable.
#[track_caller]
pub fn jvp<A, F>(function: &F, primals: A, tangents: A) -> Result<WithTangents<Results<F, A>>, Error>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
{
    let subject = traced("jvp", function, &primals, Caller::caller())?;
    let (values, along) = pushed(&subject, &tangents, |_| true)?;
    Ok((subject.results(&values)?, subject.results(&along)?))
}

/// As [`jvp`], of a function that returns a pair, `(results, others)`: the results, their tangents, and the others.
///
/// # Errors
/// As [`jvp`].
#[track_caller]
pub fn jvp_with_aux<A, F, M, X>(function: &F, primals: A, tangents: A) -> Result<TangentsAndAux<M, X>, Error>
where
    A: Tree<Var>,
    F: Function<A::With<Var>, Output = (M, X)>,
    M: Tree<Var>,
    X: Tree<Var>,
{
    let subject = traced("jvp", function, &primals, Caller::caller())?;
    let (values, along) = pushed(&subject, &tangents, is_first)?;
    let (results, aux) = subject.results(&values)?;
    let along = rebuild(&subject.output.0, &along).ok_or_else(|| subject.refused(other_number("jvp")))?;
    Ok((results, along, aux))
}

/// Results `M`, their tangents, and what comes beside, `X`.
pub type TangentsAndAux<M, X> = (Main<M>, Main<M>, Main<X>);

/// Results `M`, the function that pulls cotangents of them back to arguments `A`, and what comes beside, `X`.
pub type PullbackAndAux<M, A, X> = (Main<M>, Pullback<M, A>, Main<X>);

/// Results `M` of a function, as values of the trace around it.
type Main<M> = <<M as Tree<Var>>::With<TensorType> as Tree<TensorType>>::With<Var>;

/// Whether the result belongs to the first part of a pair.
fn is_first(path: &Path) -> bool {
    path.segments().first() == Some(&Segment::Index(0))
}

/// The results, and the tangents of those that `is_main` takes.
fn pushed<O: Tree<TensorType>>(
    subject: &Subject<'_, O>,
    tangents: &impl Tree<Var>,
    is_main: impl Fn(&Path) -> bool,
) -> Result<(Vec<Var>, Vec<Var>), Error> {
    subject.check_primals()?;
    subject.check_tangents(tangents)?;
    let main = subject.main_results(is_main);
    subject.check_floats(&main, "jvp_with_aux")?;
    let mut given = Vec::new();
    add_leaves(tangents, &mut given);
    let inputs: Vec<usize> = (0..given.len()).collect();
    let graph = jvp_graph_of(&subject.graph, &inputs, &main).map_err(|error| subject.refused(error))?;
    let mut values = subject.inline(&graph, &given)?;
    let along = values.split_off(values.len() - main.len());
    Ok((values, along))
}

/// The results of `F`, and the linear function from cotangents of them to those of its arguments `A`.
pub type WithPullback<F, A> =
    (Results<F, A>, LinearMap<OutputTypes<F, <A as Tree<Var>>::With<Var>>, Types<A>>);

/// The results of `F`, and the linear function from tangents of its arguments `A` to those of the results.
pub type WithPushforward<F, A> =
    (Results<F, A>, LinearMap<Types<A>, OutputTypes<F, <A as Tree<Var>>::With<Var>>>);

/// The linear function from cotangents of results `M` to those of arguments `A`.
pub type Pullback<M, A> = LinearMap<<M as Tree<Var>>::With<TensorType>, Types<A>>;

/// The results of a function, and the function that pulls cotangents of them back to cotangents of the arguments:
/// the product of these with the Jacobian. What it needs is computed once, however often it is applied.
///
/// ```
/// use choral_compiler::grad::vjp;
/// use choral_compiler::{Function, Var, trace};
/// use choral_ir::{DType, TensorType};
/// let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
/// let back = |(x, w): (Var, Var)| {
///     let (y, pullback) = vjp(&|w: Var| w.matmul(&x).tanh(), w)?;
///     pullback.apply(y)
/// };
/// let traced = trace(&back, &(f32(&[3]), f32(&[2, 3])))?;
/// assert_eq!(traced.output, f32(&[2, 3]));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// If a primal or a result holds no floats; for ops that are not differentiable.
#[track_caller]
pub fn vjp<A, F>(function: &F, primals: A) -> Result<WithPullback<F, A>, Error>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
{
    let subject = traced("vjp", function, &primals, Caller::caller())?;
    let (values, linear, residuals) = linearized(&subject, |_| true, "vjp_with_aux")?;
    let (results, takes) = (subject.results(&values)?, subject.output);
    Ok((results, pullback(&linear, residuals, takes, &primals)?))
}

/// As [`vjp`], of a function that returns a pair, `(results, others)`: the results, the function that pulls cotangents
/// of them back, and the others.
///
/// # Errors
/// As [`vjp`].
#[track_caller]
pub fn vjp_with_aux<A, F, M, X>(function: &F, primals: A) -> Result<PullbackAndAux<M, A, X>, Error>
where
    A: Tree<Var>,
    F: Function<A::With<Var>, Output = (M, X)>,
    M: Tree<Var>,
    X: Tree<Var>,
{
    let subject = traced("vjp", function, &primals, Caller::caller())?;
    let (values, linear, residuals) = linearized(&subject, is_first, "vjp_with_aux")?;
    let (results, aux) = subject.results(&values)?;
    let (takes, _) = subject.output;
    Ok((results, pullback(&linear, residuals, takes, &primals)?, aux))
}

/// The results of a function, and the linear function that takes tangents of the arguments to tangents of the results.
/// What it needs is computed once, however often it is applied.
///
/// ```
/// use choral_compiler::grad::linearize;
/// use choral_compiler::{Function, Var, trace};
/// use choral_ir::{DType, TensorType};
/// let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
/// let twice = |(x, v): (Var, Var)| {
///     let (_, along) = linearize(&|x: Var| x.exp(), x)?;
///     Ok::<_, choral_compiler::Error>((along.apply(&v)?, along.apply(v * 2.0)?))
/// };
/// let traced = trace(&twice, &(f32(&[3]), f32(&[3])))?;
/// assert_eq!(traced.graph.to_text().matches("stablehlo.exponential").count(), 1);
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// As [`vjp`].
#[track_caller]
pub fn linearize<A, F>(function: &F, primals: A) -> Result<WithPushforward<F, A>, Error>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
{
    let subject = traced("linearize", function, &primals, Caller::caller())?;
    let (values, linear, residuals) = linearized(&subject, |_| true, "jvp_with_aux")?;
    let results = subject.results(&values)?;
    let (what, given) = ("linearize", Given::Tangents);
    let (graph, takes, returns) = (linear.linear, types(&primals), subject.output);
    Ok((results, LinearMap { what, given, graph, residuals, takes, returns }))
}

/// The results, and the linear part with what it needs of the rest.
fn linearized<O: Tree<TensorType>>(
    subject: &Subject<'_, O>,
    is_main: impl Fn(&Path) -> bool,
    instead: &'static str,
) -> Result<(Vec<Var>, Linearized, Vec<Var>), Error> {
    subject.check_primals()?;
    let main = subject.main_results(is_main);
    subject.check_floats(&main, instead)?;
    let inputs: Vec<usize> = (0..subject.arguments.len()).collect();
    let linear = linearize_graph(&subject.graph, &inputs, &main).map_err(|error| subject.refused(error))?;
    let mut values = subject.inline(&linear.known, &[])?;
    let residuals = values.split_off(leaves(&subject.output).len());
    Ok((values, linear, residuals))
}

/// The transposed linear part, as a function of cotangents.
fn pullback<A: Tree<Var>, O: Tree<TensorType>>(
    linear: &Linearized,
    residuals: Vec<Var>,
    takes: O,
    primals: &A,
) -> Result<LinearMap<O, Types<A>>, Error> {
    let (what, given) = ("vjp", Given::Cotangents);
    let (graph, returns) = (linear.transposed()?, types(primals));
    Ok(LinearMap { what, given, graph, residuals, takes, returns })
}

fn types<A: Tree<Var>>(args: &A) -> Types<A> {
    args.map(&mut Walk::default(), &mut |_, var: &Var| var.ty().clone())
}

/// The product of a scalar function's Hessian with `vectors`: how its gradient changes along them, for the price of
/// a few gradients. Forward over reverse.
///
/// ```
/// use choral_compiler::grad::hvp;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([3], DType::F32);
/// let product = |(x, v): (Var, Var)| hvp(&|x: Var| x.exp().sum(()), x, v);
/// assert_eq!(trace(&product, &(x.clone(), x.clone()))?.output, x);
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// As [`jvp`]; if the function does not return one scalar.
#[track_caller]
pub fn hvp<A, F>(function: &F, primals: A, vectors: A) -> Result<A::With<Var>, Error>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
{
    let subject = traced("hvp", function, &primals, Caller::caller())?;
    subject.check_primals()?;
    subject.check_tangents(&vectors)?;
    subject.scalar(|_| true)?;
    let mut given = Vec::new();
    add_leaves(&vectors, &mut given);
    let all: Vec<usize> = (0..given.len()).collect();
    let gradient = grad_graph(&subject.graph, &all).map_err(|error| subject.refused(error))?;
    let along = jvp_graph_of(&gradient, &all, &all).map_err(|error| subject.refused(error))?;
    let values = subject.inline(&along, &given)?;
    rebuild(&primals, &values[given.len()..]).ok_or_else(|| subject.refused(other_number("hvp")))
}
