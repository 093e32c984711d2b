//! One of several functions, chosen by a value.

use std::panic::Location as Caller;
use std::rc::Rc;
use std::sync::Arc;

use choral_ir::op::{Case, If};
use choral_ir::{BuildError, DType, Graph, Op, TensorType};

use super::region::{Program, Region, captured, own_type, traced};
use super::{differences, holder, push, results, types, vars};
use crate::front::trace::Trace;
use crate::front::trace::function::IntoOutput;
use crate::front::trace::var::Var;
use crate::front::tree::Tree;

/// `on_true(operands)` where the predicate (a scalar `i1`) holds, else `on_false(operands)`:
/// `jax.lax.cond`.
///
/// The branch that is not taken does not run. Under `vmap`, with a per-member predicate,
/// both run, and each member takes the results of its own branch; nothing else of the other branch shows.
///
/// ```
/// use choral_compiler::{Var, cond, trace};
/// use choral_ir::{DType, TensorType};
/// let distance = |x: Var| cond(&x.ge(0.0), |x| x.sqrt(), |x| -x, x);
/// let traced = trace(&distance, &TensorType::new([], DType::F32))?;
/// assert_eq!(traced.output.to_string(), "tensor<f32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn cond<A, O, R>(
    predicate: &Var,
    on_true: impl FnOnce(A::With<Var>) -> R,
    on_false: impl FnOnce(A::With<Var>) -> R,
    operands: A,
) -> R
where
    A: Tree<Var>,
    O: Tree<Var, With<Var> = O>,
    R: IntoOutput<Output = O>,
{
    let choice = Choice::new("cond", predicate, &operands, Caller::caller());
    let predicate = choice.predicate(predicate);
    let op = |regions: &[Arc<Graph>]| {
        If { true_branch: regions[0].clone(), false_branch: regions[1].clone() }.into()
    };
    let names = ["the true branch".to_owned(), "the false branch".to_owned()];
    let both = || {
        let on_true = choice.branch(&operands, on_true)?;
        Ok((on_true, choice.branch(&operands, on_false)?))
    };
    R::from_output(
        both().map(|(on_true, on_false)| choice.between(&predicate, on_true, &[on_false], &names, op)),
    )
}

/// The branch of this number applied to the operands: `jax.lax.switch`. The index is a scalar of
/// any integer type; one out of range counts as the nearest that is in range.
///
/// ```
/// use choral_compiler::{Var, switch, trace};
/// use choral_ir::{DType, TensorType};
/// let activation = |(kind, x): (Var, Var)| {
///     switch(&kind, [&|x: Var| x.relu(), &|x| x.tanh(), &|x| x.sin()], x)
/// };
/// let args = (TensorType::scalar(DType::I32), TensorType::new([3], DType::F32));
/// assert_eq!(trace(&activation, &args)?.output.to_string(), "tensor<3xf32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn switch<A, O, R, const N: usize>(
    index: &Var,
    branches: [&dyn Fn(A::With<Var>) -> R; N],
    operands: A,
) -> R
where
    A: Tree<Var>,
    O: Tree<Var, With<Var> = O>,
    R: IntoOutput<Output = O>,
{
    const { assert!(N > 0, "a switch needs at least one branch") };
    let choice = Choice::new("switch", index, &operands, Caller::caller());
    let index = choice.index(index, N);
    let names: Vec<String> = (0..N).map(|number| format!("branch {number}")).collect();
    let all = || {
        let first = choice.branch(&operands, branches[0])?;
        let others = branches[1..].iter().map(|branch| choice.branch(&operands, branch));
        Ok((first, others.collect::<Result<Vec<_>, _>>()?))
    };
    let op = |regions: &[Arc<Graph>]| Case { branches: regions.to_vec() }.into();
    R::from_output(all().map(|(first, others)| choice.between(&index, first, &others, &names, op)))
}

/// What the branches of one op have in common.
struct Choice<'a> {
    name: &'static str,
    holder: Rc<Trace>,
    operands: Vec<Var>,
    at: &'a Caller<'a>,
}

impl<'a> Choice<'a> {
    fn new(name: &'static str, decides: &Var, operands: &impl Tree<Var>, at: &'a Caller<'a>) -> Choice<'a> {
        let holder = holder(std::slice::from_ref(decides));
        Choice { name, holder, operands: vars(operands), at }
    }

    fn predicate(&self, predicate: &Var) -> Var {
        let expected = TensorType::scalar(DType::I1);
        if *predicate.ty() == expected {
            return predicate.clone();
        }
        self.fault_about(predicate, format!("the predicate must be {expected}, got {}", predicate.ty()))
    }

    /// The index as an `i32` that is in range.
    fn index(&self, index: &Var, branches: usize) -> Var {
        let dtype = index.dtype();
        if index.rank() != 0 || !dtype.is_integer() {
            let message = format!("the index must be a scalar of an integer type, got {}", index.ty());
            return self.fault_about(index, message);
        }
        // Narrow types may not reach the last branch's number, and wide ones may go beyond `i32`.
        let index = if dtype.bits() < DType::I32.bits() { index.to(DType::I32) } else { index.clone() };
        index.clamp(0, (branches - 1) as f64).to(DType::I32)
    }

    /// A stand-in for a value, with a fault unless it is a stand-in already.
    fn fault_about(&self, var: &Var, message: String) -> Var {
        if var.value.is_some() {
            self.holder.fault(format!("{}: {message}", self.name), self.at);
        }
        var.stand_in()
    }

    fn branch<A: Tree<Var>, R: IntoOutput>(
        &self,
        operands: &A,
        function: impl FnOnce(A::With<Var>) -> R,
    ) -> Result<Region<R::Output>, R::Failure> {
        let function = |args| function(args).into_output();
        traced(&self.holder, "branch", operands, own_type, function, self.at)
    }

    /// The results of the branch that `decides` chooses.
    fn between<O: Tree<Var, With<Var> = O>>(
        &self,
        decides: &Var,
        first: Region<O>,
        others: &[Region<O>],
        names: &[String],
        op: impl Fn(&[Arc<Graph>]) -> Op,
    ) -> O {
        let agree = self.agree(&first, others, names);
        let programs = std::iter::once(&first).chain(others).map(|region| region.program.as_ref());
        let programs = programs.collect::<Option<Vec<_>>>().filter(|_| agree);
        let made = programs.and_then(|programs| self.record(decides, &programs, op));
        results(&self.holder, &first.output, types(&vars(&first.output)), made).unwrap_or(first.output)
    }

    /// Whether all branches return what the first one does; a fault if not.
    fn agree<O: Tree<Var>>(&self, first: &Region<O>, others: &[Region<O>], names: &[String]) -> bool {
        let differ = |(other, name): (&Region<O>, &String)| {
            differences("result", (&names[0], &first.output), (name, &other.output))
        };
        let lines: String = others.iter().zip(&names[1..]).map(differ).collect();
        if !lines.is_empty() {
            let message = format!("{}: all branches must return the same types{lines}", self.name);
            self.holder.fault(message, self.at);
        }
        lines.is_empty()
    }

    fn record(
        &self,
        decides: &Var,
        programs: &[&Program],
        op: impl Fn(&[Arc<Graph>]) -> Op,
    ) -> Option<Vec<Var>> {
        let captured = captured(programs);
        let region = |program: &&Program| program.on(&captured, false).map(Arc::new);
        let regions: Result<Vec<Arc<Graph>>, BuildError> = programs.iter().map(region).collect();
        let operands = [std::slice::from_ref(decides), &self.operands, &captured].concat();
        push(&self.holder, regions.map(|regions| op(&regions)), &operands, self.at)
    }
}
