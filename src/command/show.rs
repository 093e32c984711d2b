//! `choral show`: a program in another form.

use std::io::{self, Write};

use choral::ir::check::Program;
use choral::runtime::cuda_source_with;
use choral::state::file;
use choral::transform::export;
use choral::{Device, Graph, Precision, Setting};

use super::arguments::{Form, Show, Transforms};
use super::mapping::Mapping;
use super::program::Source;
use super::{Error, Outcome, complain, device, picture};

/// Writes the transformed program to standard output or a file.
pub(super) fn show(arguments: &Show) -> Result<Outcome, Error> {
    let source = Source::open(&arguments.program)?;
    let written = match arguments.form {
        // Functions may stand one after another in a text; the other forms hold one.
        Form::Text | Form::Optimised | Form::Plan | Form::Cuda | Form::Ptx | Form::Stablehlo => {
            let each = source.programs.into_iter().map(|program| write(program, arguments));
            each.collect::<Result<Vec<_>, Error>>()?.join("\n")
        }
        Form::Json | Form::Dot | Form::Svg | Form::Explain => write(source.only("this form")?, arguments)?,
    };
    match &arguments.output {
        Some(path) => file::replace(path, written).map_err(choral::Error::from)?,
        None => io::stdout().write_all(written.as_bytes())?,
    }
    Ok(Outcome::Fine)
}

fn write(program: Program, arguments: &Show) -> Result<String, Error> {
    let mapping = mapping(&program, &arguments.transforms)?;
    let graph = |program| Ok::<_, Error>(mapping.apply(program)?.graph);
    match arguments.form {
        Form::Text => Ok(graph(program)?.to_text()),
        Form::Optimised => Ok(choral::optimised(&graph(device::with_scans(program)?)?)?.0.to_text()),
        Form::Plan => plan(&graph(device::with_scans(program)?)?, arguments.device),
        Form::Cuda => cuda(&graph(device::with_scans(program)?)?, arguments.products.precision),
        Form::Ptx => ptx(&graph(device::with_scans(program)?)?),
        Form::Stablehlo => stablehlo(&graph(program)?),
        Form::Json => match graph(program)?.to_json() {
            Ok(json) => Ok(json + "\n"),
            Err(error) => Err(Error::message(error.to_string())),
        },
        Form::Dot => Ok(graph(program)?.to_dot()),
        Form::Svg => Ok(picture::svg(&graph(program)?)),
        Form::Explain => explanation(&mapping, program),
    }
}

fn mapping<'a>(program: &Program, transforms: &'a Transforms) -> Result<Mapping<'a>, Error> {
    let mut mapping = Mapping::of(transforms, &program.graph)?;
    if let Some(size) = mapping.assume() {
        complain(
            "note",
            &format_args!("the number of members is not given; showing {size} (set it with --axis-size N)"),
        );
    }
    if let checks @ 1.. = program.checks.len() {
        let name = program.graph.name();
        complain(
            "note",
            &format!(
                "the values that the checks of @{name} compare are shown as {} extra results",
                2 * checks
            ),
        );
    }
    Ok(mapping)
}

/// A table for each `--vmap`.
fn explanation(mapping: &Mapping<'_>, program: Program) -> Result<String, Error> {
    let tables: Vec<String> = mapping.explain(program)?.iter().map(ToString::to_string).collect();
    match tables.is_empty() {
        true => Err(Error::message("there is nothing to explain; add --vmap IN[->OUT]")),
        false => Ok(tables.join("\n")),
    }
}

/// The kernels that run it on a device.
fn plan(graph: &Graph, device: Device) -> Result<String, Error> {
    match device {
        Device::Cuda(_) => {
            let plan = choral::runtime::cuda_plan(&choral::optimised(graph)?.0);
            Ok(plan.map_err(choral::Error::from)?)
        }
        Device::Cpu | Device::Reference => {
            let executable = choral::compile(graph, Device::Cpu)?;
            Ok(executable.plan().map(ToString::to_string).unwrap_or_default())
        }
    }
}

/// The source of its kernels for a GPU.
fn cuda(graph: &Graph, precision: Precision) -> Result<String, Error> {
    let setting = Setting::default().precision(precision);
    Ok(cuda_source_with(&choral::optimised(graph)?.0, &setting).map_err(choral::Error::from)?)
}

/// What NVIDIA's compiler makes of it.
fn ptx(graph: &Graph) -> Result<String, Error> {
    Ok(choral::runtime::ptx(&choral::optimised(graph)?.0).map_err(choral::Error::from)?)
}

/// Plain StableHLO: choral's extensions as StableHLO's own ops.
fn stablehlo(graph: &Graph) -> Result<String, Error> {
    let plain = export(graph).map_err(|error| Error::message(error.to_string()))?;
    Ok(plain.to_text())
}
