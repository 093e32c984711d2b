//! `choral check`: reads and verifies programs.

use std::io::{self, Write};
use std::path::Path;

use choral::TensorType;
use choral::ir::NodeKind;
use choral::ir::check::Program;

use super::arguments::Check;
use super::program::Source;
use super::{Error, Outcome, complain};

/// Reports whether each file is valid.
pub(super) fn check(arguments: &Check) -> Result<Outcome, Error> {
    let mut outcome = Outcome::Fine;
    for path in &arguments.programs {
        if !is_valid(path)? {
            outcome = Outcome::Invalid;
        }
    }
    Ok(outcome)
}

fn is_valid(path: &Path) -> Result<bool, Error> {
    match Source::open(path) {
        Ok(source) => {
            for program in &source.programs {
                writeln!(io::stdout(), "ok {}: {}", source.name, summary(program))?;
            }
            Ok(true)
        }
        Err(error) => {
            complain("error", &error);
            Ok(false)
        }
    }
}

fn summary(program: &Program) -> String {
    let graph = &program.graph;
    let ops = graph.nodes().filter(|(_, node)| matches!(node.kind, NodeKind::Op(_))).count();
    let takes = types(&graph.input_types());
    let returns = types(&graph.output_types()[..program.results]);
    let checks = match program.checks.len() {
        0 => String::new(),
        count => format!(", {}", counted(count, "check")),
    };
    format!("@{}, {}, {takes} -> {returns}{checks}", graph.name(), counted(ops, "op"))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn types(types: &[TensorType]) -> String {
    format!("({})", types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", "))
}
