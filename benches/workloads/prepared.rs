//! Programs ready to be timed: compiled as a user would, checked, and with what they cost.
//!
//! Must not live here: which programs there are, and what is printed of them.

use std::time::{Duration, Instant};

use choral::error::CompilerError;
use choral::ir::cost;
use choral::tree::{Walk, leaves};
use choral::{Device, Error, Function, Graph, Tensor, Tree, Var, compile, jit, vmap};

/// A program that is ready to run.
pub(crate) struct Prepared {
    /// Runs it once; how long that took.
    pub(crate) time: Box<dyn Fn() -> Result<Duration, Error>>,
    pub(crate) costs: Costs,
}

/// What a program costs apart from the time of a call.
pub(crate) struct Costs {
    /// Floating-point operations of a call.
    pub(crate) flops: u64,
    /// Bytes of arguments and results: the least that a call reads and writes.
    pub(crate) bytes: usize,
    /// What a run takes at its fullest moment, as the executable says.
    pub(crate) peak_bytes: usize,
    /// From a function, or the text of one member, to a graph.
    pub(crate) trace: Duration,
    /// From the graph of one member to that of all; nothing for programs without members.
    pub(crate) vmap: Duration,
    /// From a graph to an executable.
    pub(crate) compile: Duration,
}

/// A function of one member, mapped over the first dimension of the first argument; members share the second.
/// The bits of the first member have to be those of its run alone.
///
/// # Errors
/// Whatever does not trace, compile or run; what is wrong with the results.
pub(crate) fn ensemble<A, B, F>(member: F, (mapped, shared): (A, B)) -> Result<Prepared, Error>
where
    A: Tree<Tensor, With<Tensor> = A>,
    B: Tree<Tensor>,
    F: Function<(A::With<Var>, B::With<Var>)>,
{
    let first = mapped.map(&mut Walk::default(), &mut |_, leaf| leaf.index(0).expect("a member"));
    let (traced, trace) = timed(|| jit(member).trace((&first, &shared)));
    let member = traced?.graph;
    let alone = compile(&member, Device::Cpu)?.run(&[tensors(&first), tensors(&shared)].concat())?;
    let program = vmap(member, (0, None));
    let args = (tensors(&mapped), tensors(&shared));
    let (traced, vmap) = timed(|| program.trace(&args));
    let graph = traced?.graph;
    let call = move || program.call(&args);
    let prepared = prepare(&graph, call, [tensors(&mapped), tensors(&shared)].concat(), |results| {
        let is_same = |(all, one): (&Tensor, &Tensor)| all.index(0).is_ok_and(|member| member.bit_eq(one));
        let differs = results.iter().zip(&alone).position(|pair| !is_same(pair));
        differs.map(|at| format!("member 0 of result {at} is not what the member gives alone"))
    })?;
    Ok(Prepared { costs: Costs { trace, vmap, ..prepared.costs }, ..prepared })
}

/// A program without members.
///
/// # Errors
/// Whatever does not trace, compile or run; what is wrong with the results.
pub(crate) fn single<A, F>(function: F, args: A) -> Result<Prepared, Error>
where
    A: Tree<Tensor>,
    F: Function<A::With<Var>>,
{
    let (traced, trace) = timed(|| jit(function).trace(&args));
    let graph = traced?.graph;
    let (program, inputs) = (jit(graph.clone()), tensors(&args));
    let call = move || program.call(&inputs);
    let prepared = prepare(&graph, call, tensors(&args), |_| None)?;
    Ok(Prepared { costs: Costs { trace, ..prepared.costs }, ..prepared })
}

/// A program by its graph, what calls it, and its arguments; `check` says what is wrong with its results.
/// Their numbers have to be finite.
fn prepare(
    graph: &Graph,
    call: impl Fn() -> Result<Vec<Tensor>, Error> + 'static,
    arguments: Vec<Tensor>,
    check: impl Fn(&[Tensor]) -> Option<String>,
) -> Result<Prepared, Error> {
    let (executable, compile) = timed(|| compile(graph, Device::Cpu));
    let executable = executable?;
    let results = call()?;
    let bytes = arguments.iter().chain(&results).map(|tensor| tensor.ty().bytes()).sum();
    let costs = Costs {
        flops: cost::flops(executable.graph()),
        bytes,
        peak_bytes: executable.peak_bytes(),
        trace: Duration::ZERO,
        vmap: Duration::ZERO,
        compile,
    };
    if let Some(fault) = not_finite(&results).or_else(|| check(&results)) {
        return Err(CompilerError::Message(fault).into());
    }
    let time = move || {
        let (results, time) = timed(&call);
        results.map(|_| time)
    };
    Ok(Prepared { time: Box::new(time), costs })
}

/// What a function gives, and how long it took.
fn timed<R>(function: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = function();
    (result, start.elapsed())
}

fn tensors(tree: &impl Tree<Tensor>) -> Vec<Tensor> {
    leaves(tree).into_iter().map(|(_, tensor)| tensor).collect()
}

fn not_finite(results: &[Tensor]) -> Option<String> {
    let is_finite = |result: &Tensor| result.to_f64_vec().iter().all(|value| value.is_finite());
    let at = results.iter().position(|result| !is_finite(result))?;
    Some(format!("result {at} holds numbers that are not finite"))
}
