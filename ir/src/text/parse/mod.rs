//! The parser: StableHLO text to a verified graph.
//!
//! Reads what the printer writes, the usual pretty and generic spelling of the same ops, in modules of
//! several functions too, and what other exporters write. The way: characters, tokens ([`lexer`]), calls
//! ([`statement`]), their meaning ([`meaning`]), which is one op ([`resolve`]) or several ([`expand`]), the
//! [`Builder`](crate::Builder). One token of look-ahead is enough; what stands elsewhere in the text is
//! found beforehand ([`survey`]).

mod attribute;
mod attributes;
mod body;
mod call;
mod check;
mod collective;
mod control;
mod cursor;
mod dense;
mod error;
mod expand;
mod function;
mod header;
mod inline;
mod lexer;
mod loops;
mod meaning;
mod module;
mod parser;
mod refusal;
mod resolve;
mod scope;
mod sharding;
mod statement;
mod survey;
mod types;

pub use error::ParseError;

use module::Wanted;
use parser::Parser;
use survey::MAIN;

use crate::Graph;
use crate::check::Program;

impl Graph {
    /// The graph of a StableHLO text: its function `@main`, or its first one.
    ///
    /// ```
    /// use choral_ir::Graph;
    /// let graph = Graph::parse("
    ///     func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    ///       %y = stablehlo.tanh %x : tensor<2xf32>
    ///       return %y : tensor<2xf32>
    ///     }")?;
    /// assert_eq!(Graph::parse(&graph.to_text())?, graph);
    /// # Ok::<(), choral_ir::text::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// The first fault, with its line and column. Checks in the text are a fault too;
    /// [`Program::parse`] reads them.
    pub fn parse(text: &str) -> Result<Graph, ParseError> {
        let program = program(text)?;
        match program.checks.first() {
            None => Ok(program.graph),
            Some(check) => Err(ParseError::in_line(text, check.line, "a graph cannot hold checks")),
        }
    }
}

/// As [`Program::parse`].
pub(crate) fn program(text: &str) -> Result<Program, ParseError> {
    let mut functions = functions(text, Wanted::Entry)?;
    let main = functions.iter().position(|(_, program)| program.graph.name() == MAIN).unwrap_or(0);
    Ok(functions.swap_remove(main).1)
}

fn functions(text: &str, wanted: Wanted) -> Result<Vec<(bool, Program)>, ParseError> {
    let functions = Parser::new(text, body::read).and_then(|mut parser| parser.module(wanted));
    functions.map_err(|fault| fault.in_text(text))
}

/// As [`Program::parse_all`].
pub(crate) fn programs(text: &str) -> Result<Vec<Program>, ParseError> {
    let mut functions = functions(text, Wanted::Public)?;
    if let Some(main) = functions.iter().position(|(_, program)| program.graph.name() == MAIN) {
        return Ok(vec![functions.swap_remove(main).1]);
    }
    let mut public: Vec<Program> =
        functions.into_iter().filter(|(is_private, _)| !*is_private).map(|(_, program)| program).collect();
    if public.len() > 1 {
        public.retain(|program| program.graph.inputs().is_empty());
    }
    match public.is_empty() {
        true => {
            Err(ParseError::in_line(text, 1, "expected a function `@main`, or functions without arguments"))
        }
        false => Ok(public),
    }
}

/// As [`Graph::parse`].
impl std::str::FromStr for Graph {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Graph, ParseError> {
        Graph::parse(text)
    }
}
