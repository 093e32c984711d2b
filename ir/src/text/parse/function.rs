//! Functions as they stand: a program, or a graph that an op names as its region.

use super::error::Fault;
use super::header::Header;
use super::lexer::Kind;
use super::parser::Parser;
use super::scope::Block;
use super::survey::Function;
use super::types::spell;
use crate::check::{Check, Program};
use crate::graph::Value;
use crate::{Graph, verify};

/// How many ops calls may add to those of the text: functions that call others twice grow without bound.
const INLINED: usize = 4_000_000;

impl<'a> Parser<'a> {
    /// Reads a function as it stands, unless it has no body, and continues after it.
    pub(super) fn function(&mut self, function: Function<'a>) -> Result<Option<Program>, Fault> {
        self.position = function.start;
        self.count(function)?;
        self.functions.visited.insert(function.name);
        self.functions.calling.insert(function.name);
        self.graphs.open(Block::function(function.name));
        let program = match self.header(function)? {
            Some(header) => Some(self.program(header)?),
            None => {
                self.graphs.close();
                None
            }
        };
        self.functions.calling.remove(function.name);
        Ok(program)
    }

    /// The function after its header.
    fn program(&mut self, header: Header<'a>) -> Result<Program, Fault> {
        header.arguments.iter().try_for_each(|argument| self.input(argument))?;
        let outputs = self.body()?;
        self.end_of_function(&header)?;
        self.check_returned(&header, &outputs)?;
        let block = self.graphs.close();
        let (checks, pairs): (Vec<Check>, Vec<[Value; 2]>) = block.checks.into_iter().unzip();
        let results = outputs.len();
        let mut output_axes: Vec<_> = header.results.into_iter().map(|(_, axes)| axes).collect();
        output_axes.resize(results + 2 * checks.len(), Vec::new());
        let graph = block.builder.finish(&[outputs, pairs.concat()].concat());
        let graph = graph.with_axes(header.axes, output_axes);
        verify(&graph).map_err(|error| self.error(header.at, error.to_string()))?;
        Ok(Program { graph, results, checks })
    }

    pub(super) fn end_of_function(&mut self, header: &Header<'a>) -> Result<(), Fault> {
        self.expect('}')?;
        if header.is_generic && self.peek() != Kind::Mark(')') {
            return Err(self.unexpected("`)`"));
        }
        self.generic_end().map(|_attributes| ())
    }

    /// Fails unless a function returns what it is declared to.
    pub(super) fn check_returned(&self, header: &Header<'a>, outputs: &[Value]) -> Result<(), Fault> {
        let (returned, declared) = (self.graphs.types(outputs), header.result_types());
        if returned == declared {
            return Ok(());
        }
        let (name, declared, returned) = (header.name, spell(&declared), spell(&returned));
        Err(self
            .error(header.at, format!("@{name} is declared to return {declared}, but returns {returned}")))
    }

    /// The function of this name, if it can be called here.
    pub(super) fn called(&self, at: usize, name: &'a str) -> Result<Function<'a>, Fault> {
        let function = self.survey.function(name);
        let function = function
            .ok_or_else(|| self.error(at, format!("expected a function of this text, found @{name}")))?;
        if self.functions.calling.contains(name) {
            return Err(self.error(at, format!("@{name} calls itself, which choral does not support")));
        }
        Ok(function)
    }

    /// Counts what a function stands for that is read as it stands.
    fn count(&mut self, function: Function<'a>) -> Result<(), Fault> {
        self.functions.counted = self.functions.counted.saturating_add(self.survey.size(function.name));
        if self.functions.counted <= self.survey.ops + INLINED {
            return Ok(());
        }
        let message = format!(
            "@{}: its calls stand for more than {INLINED} ops beyond those of the text",
            function.name
        );
        Err(self.error(self.at(), message))
    }

    /// A function as a graph of its own: a comparator that an op names.
    pub(super) fn function_as_graph(&mut self, at: usize, name: &'a str) -> Result<Graph, Fault> {
        let function = self.called(at, name)?;
        let back = self.position;
        let program = self.deeper(|parser| parser.function(function))?;
        self.position = back;
        match program {
            Some(Program { graph, checks, .. }) if checks.is_empty() => Ok(graph),
            Some(_) => Err(self.error(at, format!("@{name}: expected checks in functions that run alone"))),
            None => Err(self.error(at, format!("@{name}: the text does not hold its code"))),
        }
    }
}
