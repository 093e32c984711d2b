//! What a law is checked on, and the search for a program that breaks it.

use choral::ir::NodeKind;
use choral::ir::Op;
use choral::runtime::Executable;
use choral::{Device, Graph, Tensor};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::choices::Choices;
use crate::compare::{close, equal};
use crate::generate::{self, Kind, ROWS, Row};
use crate::inputs::{self, Values};

/// A generated program.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) graph: Graph,
    /// Whether all devices agree to the bit.
    exact: bool,
    values: Values,
    seed: u64,
}

/// What must hold of a subject; further choices are the law's own.
pub(crate) type Law = fn(&Subject, &mut Choices) -> Result<(), String>;

impl Subject {
    /// A program of the row's op, or of several.
    fn draw(row: Option<&Row>, choices: &mut Choices) -> Subject {
        let graph = match row {
            Some(row) => generate::one_op(row, choices),
            None => generate::program(choices),
        };
        let exact = row.is_some_and(|row| row.kind != Kind::Sums);
        let wild = row.is_some() && choices.once_in(5) && !multiplies(&graph);
        let values = if wild { Values::Wild } else { Values::Small };
        Subject { graph, exact, values, seed: u64::from(choices.any()) }
    }

    /// Inputs for this program, or for it mapped.
    pub(crate) fn inputs(&self, graph: &Graph) -> Vec<Tensor> {
        inputs::tensors(graph, self.seed, self.values)
    }

    /// Whether a device's results are those of the reference.
    pub(crate) fn same_on_devices(&self, got: &[Tensor], expected: &[Tensor]) -> Result<(), String> {
        let same = if self.exact { equal } else { close };
        got.iter().zip(expected).try_for_each(|(got, expected)| same(got, expected))
    }
}

/// Whether the program sums products: of infinities and padding, devices make different NaN.
fn multiplies(graph: &Graph) -> bool {
    graph.nodes().any(|(_, node)| match &node.kind {
        NodeKind::Op(Op::Dot(_) | Op::Convolution(_)) => true,
        NodeKind::Op(op) => op.regions().into_iter().any(multiplies),
        NodeKind::Input | NodeKind::Constant(_) => false,
    })
}

/// The outputs, which must be of the declared types; the inputs must stay as they are.
pub(crate) fn run(graph: &Graph, device: Device, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    let before: Vec<Vec<u8>> = inputs.iter().map(|tensor| tensor.storage().to_le_bytes()).collect();
    let executable = Executable::compile(graph, device).map_err(|error| error.to_string())?;
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

/// How hard to search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Programs per op.
    pub(crate) per_row: u32,
    /// Programs of several ops.
    pub(crate) programs: u32,
    seed: RngSeed,
}

impl Effort {
    /// The same programs at every run.
    pub(crate) const fn fixed(per_row: u32, programs: u32) -> Effort {
        Effort { per_row, programs, seed: RngSeed::Fixed(2026) }
    }

    /// Other programs at every run, `times` as many.
    pub(crate) fn random(self, times: u32) -> Effort {
        Effort { per_row: self.per_row * times, programs: self.programs * times, seed: RngSeed::Random }
    }
}

/// Searches every row, then random programs, for one that breaks the law; fails with the smallest
/// program found for each.
#[track_caller]
pub(crate) fn holds(law: Law, effort: Effort) {
    let rows = ROWS.iter().map(|row| search(Some(row), law, effort.per_row, effort.seed));
    let failures: Vec<String> =
        rows.chain([search(None, law, effort.programs, effort.seed)]).filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{} failures\n\n{}", failures.len(), failures.join("\n"));
}

fn search(row: Option<&Row>, law: Law, cases: u32, rng_seed: RngSeed) -> Result<(), String> {
    let config =
        Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 4096, ..Config::default() };
    let check = |draws: Vec<u32>| {
        let mut choices = Choices::new(&draws);
        let subject = Subject::draw(row, &mut choices);
        law(&subject, &mut choices).map_err(TestCaseError::fail)
    };
    TestRunner::new(config).run(&vec(any::<u32>(), 0..160), check).map_err(|error| match error {
        TestError::Fail(reason, draws) => describe(row, &draws, reason.message()),
        TestError::Abort(reason) => reason.message().to_owned(),
    })
}

/// The program that breaks the law, and the draws that make it again.
fn describe(row: Option<&Row>, draws: &[u32], reason: &str) -> String {
    let name = row.map_or("random program", |row| row.name);
    let subject = Subject::draw(row, &mut Choices::new(draws));
    let values = subject.values;
    let inputs = subject.inputs(&subject.graph);
    format!(
        "== {name}\n{}inputs of one member ({values:?}): {inputs:?}\n{reason}\ndraws: {draws:?}\n",
        subject.graph
    )
}
