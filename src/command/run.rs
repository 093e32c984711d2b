//! `choral run`: results, and whether the checks hold.

use std::io::{self, Write};

use choral::ir::check::Program;
use choral::state::{State, file};
use choral::{Setting, Tensor};

use super::arguments::Run;
use super::mapping::Mapping;
use super::program::Source;
use super::{Error, Outcome, complain, device, inputs};

/// Runs every program of the source.
pub(super) fn run(arguments: &Run) -> Result<Outcome, Error> {
    let source = Source::open(&arguments.program)?;
    if arguments.output.is_some() {
        return run_one(arguments, &source.name.clone(), source.only("--output")?);
    }
    let several = source.programs.len() > 1;
    let mut outcome = Outcome::Fine;
    for program in source.programs {
        if several {
            writeln!(io::stdout(), "@{}", program.graph.name())?;
        }
        if run_one(arguments, &source.name, program)? == Outcome::CheckFailed {
            outcome = Outcome::CheckFailed;
        }
    }
    Ok(outcome)
}

fn run_one(arguments: &Run, source: &str, program: Program) -> Result<Outcome, Error> {
    let mut mapping = Mapping::of(&arguments.transforms, &program.graph)?;
    let given = match &arguments.inputs {
        Some(path) => inputs::read(path, &mapping.arguments)?,
        None => inputs::none(&mapping.arguments)?,
    };
    mapping.learn(&given)?;
    let program = mapping.apply(device::prepared(program, arguments.device)?)?;
    let setting = Setting::default().precision(arguments.products.precision);
    let executable = device::compile(&program, arguments.device, &setting)?;
    let outputs = executable.run(&given).map_err(choral::Error::from)?;
    let results = &outputs[..program.results];
    match &arguments.output {
        Some(path) => file::write(path, &by_position(results)).map_err(choral::Error::from)?,
        None => print(results)?,
    }
    report(source, &program, &outputs)
}

fn by_position(results: &[Tensor]) -> State<Tensor> {
    results.iter().enumerate().map(|(position, tensor)| (position.to_string(), tensor.clone())).collect()
}

fn print(results: &[Tensor]) -> Result<(), Error> {
    for (position, tensor) in results.iter().enumerate() {
        writeln!(io::stdout(), "{position}: {tensor}")?;
    }
    Ok(())
}

/// Says which checks failed, or how many hold.
fn report(source: &str, program: &Program, outputs: &[Tensor]) -> Result<Outcome, Error> {
    let failures = program.failures(outputs);
    for failure in &failures {
        complain("error", &format_args!("{source}: {failure}"));
    }
    if !failures.is_empty() {
        return Ok(Outcome::CheckFailed);
    }
    match program.checks.len() {
        0 => {}
        1 => writeln!(io::stdout(), "the check holds")?,
        count => writeln!(io::stdout(), "all {count} checks hold")?,
    }
    Ok(Outcome::Fine)
}
