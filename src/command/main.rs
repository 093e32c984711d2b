//! The `choral` command: what each subcommand does, and what a shell gets back. See `choral --help`.
//!
//! | module | holds |
//! |---|---|
//! | `arguments` | the words of the command line |
//! | `program` | programs from files and standard input |
//! | `vmap`, `derivative` | `--vmap`, `--grad` and `--jvp` as they are written |
//! | `mapping`, `expected` | how a program is transformed; what it then takes |
//! | `inputs` | arguments from safetensors, or random ones |
//! | `run`, `show`, `bench`, `check` | the subcommands |
//! | `device` | where programs run, and which devices there are |
//! | `picture` | graphs as SVG |
//!
//! Must not live here: anything that a user of the library would need.
#![forbid(unsafe_code)]

mod arguments;
mod bench;
mod check;
mod derivative;
mod device;
mod expected;
mod inputs;
mod mapping;
mod picture;
mod program;
mod run;
mod show;
mod vmap;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Task};

/// The outcome of a command that no error stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fine,
    /// A check of the program did not hold.
    CheckFailed,
    /// Some programs are invalid, and each was reported.
    Invalid,
}

/// What stops a command.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Message(String),
    #[error(transparent)]
    Choral(#[from] choral::Error),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    fn message(text: impl Into<String>) -> Error {
        Error::Message(text.into())
    }
}

/// Reads the command line, and does what it says.
fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to standard output, mistakes to standard error. If that fails there is nowhere to
            // report it.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match perform(arguments.task) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::FAILURE,
        Ok(Outcome::Invalid) => ExitCode::from(2),
        // The reader closed the pipe, as `head` does.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain("error", &error);
            ExitCode::from(2)
        }
    }
}

fn perform(task: Task) -> Result<Outcome, Error> {
    match task {
        Task::Run(arguments) => run::run(&arguments),
        Task::Show(arguments) => show::show(&arguments),
        Task::Bench(arguments) => bench::bench(&arguments),
        Task::Check(arguments) => check::check(&arguments),
        Task::Devices => device::list(),
        Task::Completions { shell } => completions(shell),
    }
}

/// A line on standard error; if that is closed, it is lost.
fn complain(kind: &str, message: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{kind}: {message}");
}

fn completions(shell: clap_complete::Shell) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "choral", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Outcome::Fine)
}
