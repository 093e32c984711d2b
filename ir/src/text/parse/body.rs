//! Bodies: line after line joins the graph at hand, up to the one that returns.

use super::call::{self, Call};
use super::error::Fault;
use super::lexer::Kind;
use super::meaning;
use super::parser::Parser;
use super::scope::Region;
use super::statement::Line;
use super::types::spell;
use crate::graph::Value;

/// As [`Body`](super::parser::Body).
pub(super) fn read<'a>(parser: &mut Parser<'a>) -> Result<Vec<Value>, Fault> {
    let outermost = parser.functions.frames.len();
    loop {
        if !parser.returns() {
            parser.statement()?;
            continue;
        }
        let outputs = parser.returned()?;
        if parser.functions.frames.len() == outermost {
            return Ok(outputs);
        }
        parser.leave(outputs)?;
    }
}

impl<'a> Parser<'a> {
    /// A check, or an op whose results join the graph.
    fn statement(&mut self) -> Result<(), Fault> {
        if self.is_check() {
            return self.check();
        }
        let names = self.result_names()?;
        let at = self.at();
        let location = self.location(at);
        self.graphs.here.builder.describe(None, Some(location));
        let results = match self.right_hand_side()? {
            Line::Constant(tensor, ty) => {
                vec![meaning::push_constant(&mut self.graphs.here.builder, &tensor, &ty)]
            }
            Line::Op(call) => self.push(at, call)?,
            Line::Function(call) => {
                self.skip_location()?;
                return self.enter(at, call, names);
            }
        };
        self.skip_location()?;
        self.name_results(names, results)
    }

    fn push(&mut self, at: usize, mut call: Call<'a>) -> Result<Vec<Value>, Fault> {
        self.check_operands(at, &call)?;
        let functions = call::computations(&mut call).map_err(|message| self.error(at, message))?;
        for function in functions {
            let graph = self.function_as_graph(at, function)?;
            call.regions.push(Region { graph, captures: Vec::new() });
        }
        let declared = call.signature.results.clone();
        let results = meaning::build(&mut self.graphs.here.builder, call);
        let results = results.map_err(|message| self.error(at, message))?;
        self.check_results(at, &results, &declared)?;
        Ok(results)
    }

    fn check_operands(&self, at: usize, call: &Call<'a>) -> Result<(), Fault> {
        let Some(declared) = &call.signature.operands else { return Ok(()) };
        let types = self.graphs.types(&call.operands);
        if *declared == types {
            return Ok(());
        }
        let (declared, types) = (spell(declared), spell(&types));
        Err(self.error(at, format!("{}: declared to take {declared}, found {types}", call.name)))
    }

    fn returns(&self) -> bool {
        const RETURNS: [&str; 5] = ["return", "func.return", "stablehlo.return", "mhlo.return", "sdy.return"];
        matches!(self.peek(), Kind::Word(name) | Kind::Text(name) if RETURNS.contains(&name))
    }

    /// `return %x, %y : T, U`, `"stablehlo.return"(%x) : (T) -> ()`.
    fn returned(&mut self) -> Result<Vec<Value>, Fault> {
        self.advance();
        let parenthesized = self.eat('(');
        let mut outputs = Vec::new();
        while let Kind::Value(_) = self.peek() {
            outputs.push(self.operand()?);
            self.eat(',');
        }
        if parenthesized {
            self.expect(')')?;
        }
        if self.eat('{') {
            self.record('}')?;
        }
        if self.eat(':') {
            self.signature()?;
        }
        self.skip_location()?;
        Ok(outputs)
    }
}
