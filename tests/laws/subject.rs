//! What a law is checked on, and the search for a program that breaks it.

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use choral::runtime::{Executable, Setting};
use choral::{Device, Graph, Tensor};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::choices::Choices;
use crate::generate::{self, ROWS, Row};
use crate::inputs::{self, Values};
use crate::reduce::{Failure, smallest};

/// A generated program.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) graph: Graph,
    /// Whether it was made of one row.
    pub(crate) is_one_op: bool,
    values: Values,
    /// What decides the inputs.
    seed: u64,
}

/// What must hold of a subject; further choices are the law's own.
pub(crate) type Law = fn(&Subject, &mut Choices) -> Result<(), String>;

/// As [`Law`], with what a search keeps.
type Check<'a> = dyn Fn(&Subject, &mut Choices) -> Result<(), String> + 'a;

impl Subject {
    /// A program of the row's op, or of several.
    fn draw(row: Option<&Row>, choices: &mut Choices) -> Subject {
        let graph = match row {
            Some(row) => generate::one_op(row, choices),
            None => generate::program(choices),
        };
        let values = match row {
            Some(_) => {
                choices.pick(&[Values::Small, Values::Rough, Values::Wild, Values::Small, Values::Rough])
            }
            None => choices.pick(&[Values::Small, Values::Rough]),
        };
        Subject { graph, is_one_op: row.is_some(), values, seed: u64::from(choices.any()) }
    }

    /// Another program, which is run on the same kind of inputs.
    pub(crate) fn with(&self, graph: &Graph) -> Subject {
        Subject { graph: graph.clone(), ..*self }
    }

    /// How the program breaks the law under one of a few series of choices, if it does.
    fn broken(mut self, law: &Check<'_>) -> Option<String> {
        (0..20).find_map(|series| {
            self.seed += series;
            let checked = AssertUnwindSafe(|| law(&self, &mut Choices::of_series(series)));
            catch_unwind(checked).unwrap_or_else(|_| Err("panics; see above".to_owned())).err()
        })
    }

    /// A graph, and what a law runs it on.
    pub(crate) fn shown(&self, graph: &Graph) -> String {
        let line = |(at, input): (usize, Tensor)| format!("input {at}: {input}\n");
        let inputs: String = self.inputs(graph).into_iter().enumerate().map(line).collect();
        format!("{graph}{inputs}")
    }

    /// Inputs for this program, or for it mapped.
    pub(crate) fn inputs(&self, graph: &Graph) -> Vec<Tensor> {
        inputs::tensors(graph, self.seed, self.values)
    }
}

/// The outputs, which must be of the declared types; the inputs must stay as they are.
pub(crate) fn run(graph: &Graph, device: Device, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    run_with(graph, device, &Setting::default(), inputs)
}

/// As [`run`], with these threads and this instruction set.
pub(crate) fn run_with(
    graph: &Graph,
    device: Device,
    setting: &Setting,
    inputs: &[Tensor],
) -> Result<Vec<Tensor>, String> {
    let before: Vec<Vec<u8>> = inputs.iter().map(|tensor| tensor.storage().to_le_bytes()).collect();
    let executable = Executable::compile_with(graph, device, setting).map_err(|error| error.to_string())?;
    let outputs = executable.run(inputs).map_err(|error| format!("{device:?} fails: {error}"))?;
    let types: Vec<_> = outputs.iter().map(|tensor| tensor.ty().clone()).collect();
    if types != graph.output_types() {
        return Err(format!("{device:?} returns {types:?}, declared are {:?}", graph.output_types()));
    }
    if inputs.iter().zip(before).any(|(tensor, before)| tensor.storage().to_le_bytes() != before) {
        return Err(format!("{device:?} writes over its inputs"));
    }
    Ok(outputs)
}

/// The outputs of a session's second run, on inputs that it is given.
pub(crate) fn run_on_given(
    graph: &Graph,
    setting: &Setting,
    inputs: impl Fn() -> Vec<Tensor>,
) -> Result<Vec<Tensor>, String> {
    let executable =
        Executable::compile_with(graph, Device::Cpu, setting).map_err(|error| error.to_string())?;
    let mut session = executable.session().map_err(|error| error.to_string())?;
    let mut outputs = Vec::new();
    for _ in 0..2 {
        session.run_into(inputs(), &mut outputs).map_err(|error| error.to_string())?;
    }
    Ok(outputs)
}

/// The environment variable that says after how many seconds a search ends.
const SECONDS: &str = "CHORAL_LAWS_SECONDS";

/// The one that asks for every so manieth row alone, and as many fewer programs of several ops.
const EVERY: &str = "CHORAL_LAWS_EVERY";

/// The number that an environment variable holds.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// How hard to search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Programs per op.
    pub(crate) per_row: u32,
    /// Programs of several ops.
    pub(crate) programs: u32,
    /// Whether there are other programs at every run.
    is_random: bool,
}

/// The environment variable that says which programs a random run makes.
const SEED: &str = "CHORAL_LAWS_SEED";

impl Effort {
    /// The same programs at every run.
    pub(crate) const fn fixed(per_row: u32, programs: u32) -> Effort {
        Effort { per_row, programs, is_random: false }
    }

    /// Other programs at every run, `times` as many.
    pub(crate) const fn random(self, times: u32) -> Effort {
        Effort { per_row: self.per_row * times, programs: self.programs * times, is_random: true }
    }

    /// What decides the programs: with the same seed they are the same.
    fn seed(self) -> u64 {
        if self.is_random { number(SEED).unwrap_or_else(|| RandomState::new().hash_one(SEED)) } else { 2026 }
    }

    /// The command that makes the programs of a test again.
    fn command(self, test: &str, seed: u64) -> String {
        if self.is_random {
            format!("{SEED}={seed} cargo test --release --test laws -- --ignored {test}")
        } else {
            format!("cargo test --test laws -- {test}")
        }
    }
}

/// Searches every row, then random programs, for one that breaks the law; fails with the smallest
/// program found for each. `test` is the name of the test that asks. The machine's processors share the searches;
/// `CHORAL_LAWS_SECONDS` and `CHORAL_LAWS_EVERY` ask for fewer.
#[track_caller]
pub(crate) fn holds(test: &str, law: Law, effort: Effort) {
    let seed = effort.seed();
    let seconds =
        std::env::var(SECONDS).ok().map(|text| text.parse().expect("CHORAL_LAWS_SECONDS is a number"));
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let every = number(EVERY).unwrap_or(1) as usize;
    let rows = ROWS.iter().step_by(every).map(|row| (Some(row), effort.per_row));
    let next = Mutex::new(rows.chain([(None, effort.programs.div_ceil(every as u32))]));
    let (failures, checked) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let work = || {
        loop {
            let Some((row, cases)) = next.lock().expect("a lock").next() else { return };
            let law = |subject: &Subject, choices: &mut Choices| {
                if end.is_some_and(|end| Instant::now() > end) {
                    return Ok(());
                }
                checked.fetch_add(1, Ordering::Relaxed);
                law(subject, choices)
            };
            let found = search(row, &law, cases, seed).err();
            failures.lock().expect("a lock").extend(found);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    if end.is_some() {
        println!("{test}: {} programs in the time that was given", checked.into_inner());
    }
    let failures = failures.into_inner().expect("a lock");
    let command = effort.command(test, seed);
    assert!(failures.is_empty(), "{} failures\n\n{}\n{command}", failures.len(), failures.join("\n"));
}

fn search(row: Option<&Row>, law: &Check<'_>, cases: u32, seed: u64) -> Result<(), String> {
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let check = |draws: Vec<u32>| {
        let mut choices = Choices::new(&draws);
        let subject = Subject::draw(row, &mut choices);
        law(&subject, &mut choices).map_err(TestCaseError::fail)
    };
    TestRunner::new(config).run(&vec(any::<u32>(), 0..160), check).map_err(|error| match error {
        TestError::Fail(reason, draws) => describe(row, law, &draws, reason.message()),
        TestError::Abort(reason) => reason.message().to_owned(),
    })
}

/// The smallest program that breaks the law as these draws do, and how it does.
fn describe(row: Option<&Row>, law: &Check<'_>, draws: &[u32], reason: &str) -> String {
    let subject = Subject::draw(row, &mut Choices::new(draws));
    let failure = Failure { graph: subject.graph.clone(), reason: reason.to_owned() };
    let Failure { graph, reason } = smallest(failure, |graph| subject.with(graph).broken(law));
    let name = row.map_or("random program", |row| row.name);
    format!("== {name} on {:?} values\n{graph}{reason}\n", subject.values)
}
