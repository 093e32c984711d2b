//! Functions that are computed again on the way back, as `jax.checkpoint`: less memory for more work.

use std::panic::Location as Caller;

use choral_ir::op::{Concatenate, Custom, Scan, Slice};
use choral_ir::{BuildError, Builder, Graph, TensorType, Value};

use super::Results;
use super::derived::{Derived, Rule};
use crate::front::error::Error;
use crate::front::trace::control::scan_added_by;
use crate::front::trace::function::{self, Function, IntoOutput, Traced};
use crate::front::trace::record;
use crate::front::trace::var::Var;
use crate::front::tree::{Tree, leaves, rebuild};

/// A function that is computed again on the way back; made by [`remat`].
#[derive(Debug, Clone)]
pub struct Remat<F> {
    function: F,
}

/// `function`, of which nothing but the arguments is kept for the way back: there it is computed again, with the same
/// bits. Inside a `vmap`, a function along its axis (dropout, sums over members) is kept as if it were not wrapped.
///
/// ```
/// use choral_compiler::custom::remat;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let block = remat(|x: Var| x.sin().exp().tanh());
/// let traced = trace(&block, &TensorType::new([3], DType::F32))?;
/// assert_eq!(traced.output, TensorType::new([3], DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn remat<F>(function: F) -> Remat<F> {
    Remat { function }
}

impl<A, F> Function<A> for Remat<F>
where
    A: Tree<Var>,
    F: Function<A::With<Var>>,
{
    type Output = Results<F, A>;

    #[track_caller]
    fn apply(&self, args: A) -> Result<Self::Output, Error> {
        let at = Caller::caller();
        let Traced { graph, output, captures } =
            function::trace_as(&self.function, &args, |_, var: &Var| var.ty().clone())?;
        let arguments = leaves(&args);
        let operands: Vec<&Var> = arguments.iter().map(|(_, var)| var).chain(&captures).collect();
        let results = record(again(graph).into(), &operands, at);
        rebuild(&output, &results)
            .ok_or_else(|| Error::Message("remat: a function needs an argument".to_owned()))
    }
}

/// A graph as an op that is computed again.
fn again(graph: Graph) -> Custom {
    Custom::new(Derived { body: graph.into(), rule: Rule::Remat })
}

/// [`scan`](crate::scan), of which only every so many-th carry is kept for the way back: about the square root of
/// the length of them, and as many rounds between two are computed again at a time. Running folds of 16-bit floats are
/// rounded at each carry that is kept.
///
/// ```
/// use choral_compiler::custom::scan_remat;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let state = |xs: Var| {
///     scan_remat(|state: Var, x: Var| ((&state * 0.9 + x).tanh(), state), xs.full([], 0.0), xs)
/// };
/// let (last, all) = trace(&state, &TensorType::new([100], DType::F32))?.output;
/// assert_eq!((last.to_string(), all.to_string()), ("tensor<f32>".into(), "tensor<100xf32>".into()));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn scan_remat<C, X, Y, R>(body: impl FnOnce(C::With<Var>, X::With<Var>) -> R, init: C, xs: X) -> R
where
    C: Tree<Var>,
    X: Tree<Var>,
    Y: Tree<Var, With<Var> = Y>,
    R: IntoOutput<Output = (C::With<Var>, Y)>,
{
    scan_added_by(in_blocks, "scan_remat", body, init, xs)
}

/// The results of a scan along the first dimension, by a scan over blocks of rounds, each computed again on the way
/// back, and the rounds that are left.
fn in_blocks(builder: &mut Builder, op: Scan, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let rounds = op.length.isqrt();
    if rounds < 2 {
        return builder.push_all(op, operands);
    }
    let (blocks, rest) = (op.length / rounds, op.length % rounds);
    let (xs, others) = operands.split_at(op.inputs);
    let constants = &others[op.carried..];
    let mut walked = Vec::with_capacity(xs.len());
    for &x in xs {
        let part = rows(builder, x, 0, blocks * rounds)?;
        let shape = [&[blocks, rounds], &builder.graph().ty(x).shape[1..]].concat();
        walked.push(builder.reshape(part, shape)?);
    }
    let of_blocks = {
        let types: Vec<TensorType> =
            walked.iter().chain(others).map(|&value| builder.graph().ty(value).clone()).collect();
        let outer = Scan { length: blocks, ..op.clone() };
        let slice =
            |(at, ty): (usize, &TensorType)| if at < op.inputs { outer.slice(ty) } else { ty.clone() };
        let types: Vec<TensorType> = types.iter().enumerate().map(slice).collect();
        Scan {
            body: on(&types, "block", |builder, values| {
                builder.push_all(block(&op, rounds, &types)?, values)
            })?
            .into(),
            ..outer
        }
    };
    let mut results = builder.push_all(of_blocks, &[&walked, others].concat())?;
    let outputs = op.outputs();
    for result in &mut results[..outputs] {
        let shape = builder.graph().ty(*result).shape.clone();
        *result = builder.reshape(*result, [&[blocks * rounds], &shape[2..]].concat())?;
    }
    if rest == 0 {
        return Ok(results);
    }
    let mut given = Vec::with_capacity(operands.len());
    for &x in xs {
        given.push(rows(builder, x, blocks * rounds, op.length)?);
    }
    given.extend(&results[outputs..]);
    given.extend(constants);
    let types: Vec<TensorType> = given.iter().map(|&value| builder.graph().ty(value).clone()).collect();
    let last = builder.push_all(block(&op, rest, &types)?, &given)?;
    for (result, &last) in results[..outputs].iter_mut().zip(&last) {
        *result = builder.push(Concatenate { dimension: 0 }, &[*result, last])?;
    }
    results.splice(outputs.., last[outputs..].iter().copied());
    Ok(results)
}

/// So many rounds of a scan, on operands of these types, computed again on the way back.
fn block(op: &Scan, rounds: usize, types: &[TensorType]) -> Result<Custom, BuildError> {
    let op = Scan { length: rounds, ..op.clone() };
    Ok(again(on(types, "rounds", |builder, values| builder.push_all(op, values))?))
}

/// A graph of inputs of these types.
fn on(
    types: &[TensorType],
    name: &str,
    fill: impl FnOnce(&mut Builder, &[Value]) -> Result<Vec<Value>, BuildError>,
) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(name);
    let inputs: Vec<Value> = types.iter().map(|ty| builder.input("x", ty.clone())).collect();
    let outputs = fill(&mut builder, &inputs)?;
    Ok(builder.finish(&outputs))
}

/// The slices of the first dimension from one to another.
fn rows(builder: &mut Builder, value: Value, from: usize, to: usize) -> Result<Value, BuildError> {
    let shape = builder.graph().ty(value).shape.clone();
    if (from, to) == (0, shape[0]) {
        return Ok(value);
    }
    let mut op = Slice { start: vec![0; shape.len()], limit: shape.clone(), strides: vec![1; shape.len()] };
    (op.start[0], op.limit[0]) = (from, to);
    builder.push(op, &[value])
}
