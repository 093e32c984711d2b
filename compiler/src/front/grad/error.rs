//! What differentiation refuses at the call.

use std::fmt;

use choral_ir::TensorType;

/// Why a function cannot be differentiated as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum GradError {
    #[error(
        "{what}: got {ty} for args{path}, but only floats have derivatives; convert it first, or differentiate by other \
         arguments or leaves: .by(Argument::<N>), .by(Argument::<N>.parameters())"
    )]
    Argument { what: &'static str, path: String, ty: TensorType },
    #[error(
        "{what}: got {ty} for primals{path}, but only floats have derivatives; convert it first, or let the function capture \
         it"
    )]
    Primal { what: &'static str, path: String, ty: TensorType },
    #[error("there is no argument {argument}.{name} to differentiate by; its leaves are {}", .names.join(", "))]
    Unknown { argument: usize, name: String, names: Vec<String> },
    #[error("{what}: there is nothing to differentiate by: no leaf of the arguments is selected")]
    Nothing { what: &'static str },
    #[error(
        "{what}: expected a function of one scalar, got {got}; reduce it (`.sum(())`, `.mean(())`), or use vjp or jacrev \
         for a result of more numbers"
    )]
    NotScalar { what: &'static str, got: TensorType },
    #[error(
        "{what}: expected a function of one scalar, got {}; return others beside it, as (loss, others), and say \
         .has_aux()",
        results(.got)
    )]
    NotOne { what: &'static str, got: Vec<String> },
    #[error(
        "{what}: result{path} is {ty}, but only floats have derivatives; convert it, or return it beside the others, as \
         (results, others), and use {instead}"
    )]
    Result { what: &'static str, path: String, ty: TensorType, instead: &'static str },
    #[error(
        "{what}: the {given} have other parts than the {}\n  expected: {}\n  got: {}",
        .given.of(),
        list(.expected),
        list(.got)
    )]
    Structure { what: &'static str, given: Given, expected: Vec<String>, got: Vec<String> },
    #[error(
        "{what}: got {got} for {given}{path}, expected {expected}, as in the {}; shape and element type must be the same",
        .given.of()
    )]
    Type { what: &'static str, given: Given, path: String, expected: TensorType, got: TensorType },
}

/// What a product with a Jacobian is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// Changes of the primals.
    Tangents,
    /// What counts of the results.
    Cotangents,
}

impl Given {
    /// What they have to be like.
    const fn of(self) -> &'static str {
        match self {
            Given::Tangents => "primals",
            Given::Cotangents => "results",
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Given::Tangents => "tangents",
            Given::Cotangents => "cotangents",
        })
    }
}

fn results(got: &[String]) -> String {
    if got.is_empty() { "no result".to_owned() } else { format!("{} results: {}", got.len(), got.join(", ")) }
}

fn list(paths: &[String]) -> String {
    if paths.is_empty() { "none".to_owned() } else { paths.join(", ") }
}
