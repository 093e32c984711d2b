//! Programs from files and standard input, whichever form they are in.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use choral::Graph;
use choral::ir::check::Program;

use super::Error;

/// A file, and what it runs: one program, or several in order.
#[derive(Debug)]
pub(super) struct Source {
    /// What messages call it.
    pub(super) name: String,
    pub(super) programs: Vec<Program>,
}

impl Source {
    /// Reads and verifies a file; `-` is standard input.
    pub(super) fn open(path: &Path) -> Result<Source, Error> {
        let name = if is_stdin(path) { "<stdin>".to_owned() } else { path.display().to_string() };
        let text = read(path).map_err(|error| Error::message(format!("{name}: {error}")))?;
        let programs = if text.trim_start().starts_with('{') {
            from_json(&name, &text)
        } else {
            from_text(&name, &text)
        };
        Ok(Source { programs: programs?, name })
    }

    /// The program, where only one can be used.
    pub(super) fn only(self, purpose: &str) -> Result<Program, Error> {
        let names: Vec<String> =
            self.programs.iter().map(|program| format!("@{}", program.graph.name())).collect();
        let mut programs = self.programs.into_iter();
        match (programs.next(), programs.next()) {
            (Some(program), None) => Ok(program),
            (Some(_), Some(_)) | (None, _) => Err(Error::message(format!(
                "{}: there is no @main, but {} functions without arguments ({}), and {purpose} takes one",
                self.name,
                names.len(),
                names.join(", ")
            ))),
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if is_stdin(path) {
        io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = fs::read(path)?;
    }
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

fn from_json(name: &str, text: &str) -> Result<Vec<Program>, Error> {
    let graph = Graph::from_json(text).map_err(|error| at(name, ": ", &error))?;
    Ok(vec![Program { results: graph.outputs().len(), graph, checks: Vec::new() }])
}

fn from_text(name: &str, text: &str) -> Result<Vec<Program>, Error> {
    let programs = Program::parse_all(text).map_err(|error| at(name, ":", &error))?;
    let located = |program: Program| Program { graph: program.graph.in_file(name), ..program };
    Ok(programs.into_iter().map(located).collect())
}

fn at(name: &str, separator: &str, error: &dyn fmt::Display) -> Error {
    Error::message(format!("{name}{separator}{error}"))
}
