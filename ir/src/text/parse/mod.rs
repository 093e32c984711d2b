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
        let program = Program::parse(text)?;
        match program.checks.first() {
            None => Ok(program.graph),
            Some(check) => Err(ParseError::in_line(text, check.line, "a graph cannot hold checks")),
        }
    }
}

impl Program {
    /// The program of a StableHLO text: as [`Graph::parse`], with the checks of the function.
    ///
    /// # Errors
    /// The first fault, with its line and column.
    pub fn parse(text: &str) -> Result<Program, ParseError> {
        let mut functions = functions(text, Wanted::Entry)?;
        let main = functions.iter().position(|(_, program)| program.graph.name() == MAIN).unwrap_or(0);
        Ok(functions.swap_remove(main).1)
    }

    /// What a StableHLO text runs: its function `@main`, or its only public one that no other calls; if it
    /// has several, every public one without arguments, in order.
    ///
    /// ```
    /// use choral_ir::check::Program;
    /// let programs = Program::parse_all("
    ///     func.func @one() -> tensor<f32> {
    ///       %x = stablehlo.constant dense<1.0> : tensor<f32>
    ///       return %x : tensor<f32>
    ///     }
    ///     func.func @two() -> tensor<f32> {
    ///       %x = stablehlo.constant dense<2.0> : tensor<f32>
    ///       return %x : tensor<f32>
    ///     }")?;
    /// let names: Vec<&str> = programs.iter().map(|program| program.graph.name()).collect();
    /// assert_eq!(names, ["one", "two"]);
    /// # Ok::<(), choral_ir::text::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// The first fault, with its line and column; also if there is nothing to run.
    pub fn parse_all(text: &str) -> Result<Vec<Program>, ParseError> {
        let mut functions = functions(text, Wanted::Public)?;
        if let Some(main) = functions.iter().position(|(_, program)| program.graph.name() == MAIN) {
            return Ok(vec![functions.swap_remove(main).1]);
        }
        runnable(functions).ok_or_else(|| {
            ParseError::in_line(text, 1, "expected a function `@main`, or functions without arguments")
        })
    }
}

fn functions(text: &str, wanted: Wanted) -> Result<Vec<(bool, Program)>, ParseError> {
    let functions = Parser::new(text, body::read).and_then(|mut parser| parser.module(wanted));
    functions.map_err(|fault| fault.in_text(text))
}

/// What runs of functions of which none is `@main`, if anything does.
fn runnable(functions: Vec<(bool, Program)>) -> Option<Vec<Program>> {
    let public = functions.into_iter().filter(|(is_private, _)| !*is_private);
    let mut public: Vec<Program> = public.map(|(_, program)| program).collect();
    if public.len() > 1 {
        public.retain(|program| program.graph.inputs().is_empty());
    }
    (!public.is_empty()).then_some(public)
}

/// As [`Graph::parse`].
impl std::str::FromStr for Graph {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Graph, ParseError> {
        Graph::parse(text)
    }
}
