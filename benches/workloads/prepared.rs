//! Programs ready to be timed: compiled for a device as a user would, checked, and with what they cost.
//!
//! Must not live here: which programs there are, and what is printed of them.

use std::time::{Duration, Instant};

use choral::ir::cost;
use choral::tree::{Walk, leaves};
use choral::{Device, Error, Function, Graph, Tensor, Tree, Var, compile, jit, vmap};

/// A program that is traced, and compiled for no device yet.
pub(crate) struct Uncompiled(Box<dyn FnOnce(Device) -> Result<Prepared, Error>>);

impl Uncompiled {
    /// Compiles, runs and checks it.
    ///
    /// # Errors
    /// Whatever does not compile or run.
    pub(crate) fn on(self, device: Device) -> Result<Prepared, Error> {
        self.0(device)
    }
}

/// A program that is ready to run.
pub(crate) struct Prepared {
    /// Runs it once, as a user does; how long that took.
    pub(crate) time: Box<dyn Fn() -> Result<Duration, Error>>,
    /// As often as this in a row, inputs and results staying on the device: how long that took by the device's clock. `None`
    /// where it has none.
    pub(crate) device_time: Box<dyn Fn(usize) -> Result<Option<Duration>, Error>>,
    pub(crate) costs: Costs,
    /// What is wrong with the results.
    pub(crate) faults: Vec<String>,
}

/// What a program costs apart from the time of a call.
#[derive(Clone, Copy)]
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
/// The bits of the first member have to be those of its run alone, there and on the processor.
///
/// # Errors
/// What does not trace.
pub(crate) fn ensemble<A, B, F>(member: F, (mapped, shared): (A, B)) -> Result<Uncompiled, Error>
where
    A: Tree<Tensor, With<Tensor> = A>,
    B: Tree<Tensor>,
    F: Function<(A::With<Var>, B::With<Var>)>,
{
    let first = mapped.map(&mut Walk::default(), &mut |_, leaf| leaf.index(0).expect("a member"));
    let (traced, trace) = timed(|| jit(member).trace((&first, &shared)));
    let member = traced?.graph;
    let first = [tensors(&first), tensors(&shared)].concat();
    let args = (tensors(&mapped), tensors(&shared));
    Ok(Uncompiled(Box::new(move |device| {
        let alone = |device| Ok::<_, Error>(compile(&member, device)?.run(&first)?);
        let mut expected = vec![(Device::Cpu, alone(Device::Cpu)?)];
        if device != Device::Cpu {
            expected.push((device, alone(device)?));
        }
        let program = vmap(member, (0, None)).on(device);
        let (traced, vmap) = timed(|| program.trace(&args));
        let graph = traced?.graph;
        let arguments = [args.0.clone(), args.1.clone()].concat();
        let mut prepared = prepare(
            &graph,
            device,
            move || program.call(&args),
            arguments,
            |results| {
                expected.iter().filter_map(|(device, alone)| other_member(results, alone, *device)).collect()
            },
        )?;
        prepared.costs.vmap = vmap;
        prepared.costs.trace = trace;
        Ok(prepared)
    })))
}

/// How the first member is not what it is alone on this device.
fn other_member(results: &[Tensor], alone: &[Tensor], device: Device) -> Option<String> {
    let is_same = |(all, one): (&Tensor, &Tensor)| all.index(0).is_ok_and(|member| member.bit_eq(one));
    let at = results.iter().zip(alone).position(|pair| !is_same(pair))?;
    Some(format!("member 0 of result {at} is not what the member gives alone on {device}"))
}

/// A program without members.
///
/// # Errors
/// What does not trace.
pub(crate) fn single<A, F>(function: F, args: A) -> Result<Uncompiled, Error>
where
    A: Tree<Tensor>,
    F: Function<A::With<Var>>,
{
    let (traced, trace) = timed(|| jit(function).trace(&args));
    let graph = traced?.graph;
    let inputs = tensors(&args);
    Ok(Uncompiled(Box::new(move |device| {
        let (program, arguments) = (jit(graph.clone()).on(device), inputs.clone());
        let mut prepared = prepare(&graph, device, move || program.call(&inputs), arguments, |_| Vec::new())?;
        prepared.costs.trace = trace;
        Ok(prepared)
    })))
}

/// A program by its graph, what calls it, and its arguments; `check` says what is wrong with its results.
/// Their numbers have to be finite.
fn prepare(
    graph: &Graph,
    device: Device,
    call: impl Fn() -> Result<Vec<Tensor>, Error> + 'static,
    arguments: Vec<Tensor>,
    check: impl FnOnce(&[Tensor]) -> Vec<String>,
) -> Result<Prepared, Error> {
    let (executable, compile) = timed(|| compile(graph, device));
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
    let faults = not_finite(&results).into_iter().chain(check(&results)).collect();
    let time = move || {
        let (results, time) = timed(&call);
        results.map(|_| time)
    };
    let device_time = move |runs| Ok(executable.device_time(&arguments, runs)?);
    Ok(Prepared { time: Box::new(time), device_time: Box::new(device_time), costs, faults })
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
