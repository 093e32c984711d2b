//! Calls: the body of a called function replaces each call.
//!
//! No call within a function goes deeper into this program's own stack: what is left of the caller waits
//! in a frame, so that chains of calls may be of any length.

use std::rc::Rc;

use super::cursor::Parser;
use super::error::Fault;
use super::function::{Header, spell};
use super::lexer::Kind;
use super::scope::Scope;
use super::statement::{Names, Signature};
use super::survey::Function;
use crate::check::Program;
use crate::graph::Value;
use crate::{Graph, TensorType};

/// How many ops calls may add to those of the text: functions that call others twice grow without bound.
const INLINED: usize = 4_000_000;

/// A function being read for a call, and what is left of its caller.
pub(super) struct Frame<'a> {
    header: Rc<Header<'a>>,
    /// Where it is called.
    called_at: usize,
    /// What the caller calls the results.
    names: Names<'a>,
    /// The types that the call gives its results.
    results: Vec<TensorType>,
    /// What names stand for in the caller.
    scope: Scope<'a>,
    /// The token after the call.
    back: usize,
}

/// A call of a function, read up to its end.
pub(super) struct FunctionCall<'a> {
    pub(super) at: usize,
    pub(super) function: &'a str,
    pub(super) operands: Vec<Value>,
    pub(super) signature: Signature,
}

impl<'a> Parser<'a> {
    /// Lines up to the one that returns; the values that it returns.
    pub(super) fn body(&mut self) -> Result<Vec<Value>, Fault> {
        let outermost = self.frames.len();
        loop {
            if !self.returns() {
                self.statement()?;
                continue;
            }
            let outputs = self.returned()?;
            if self.frames.len() == outermost {
                return Ok(outputs);
            }
            self.leave(outputs)?;
        }
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

    /// Continues in the body of a called function.
    pub(super) fn enter(&mut self, call: FunctionCall<'a>, names: Names<'a>) -> Result<(), Fault> {
        let FunctionCall { at, function: name, operands, signature } = call;
        let back = self.position;
        let header = self.header_of(at, name)?;
        let (types, expected) = (self.types(&operands), header.types());
        if types != expected {
            let message = format!("@{name} takes {}, got {}", spell(&expected), spell(&types));
            return Err(self.error(at, message));
        }
        self.calling.insert(name);
        self.visited.insert(name);
        let scope = std::mem::take(&mut self.block.scope);
        for ((at, name, _), operand) in header.arguments.iter().zip(operands) {
            self.define(*at, name, vec![operand])?;
        }
        let results = signature.results;
        self.frames.push(Frame { header, called_at: at, names, results, scope, back });
        Ok(())
    }

    /// The header of a called function, which is read once, and continues after it.
    fn header_of(&mut self, at: usize, name: &'a str) -> Result<Rc<Header<'a>>, Fault> {
        let function = self.called(at, name)?;
        if let Some(header) = self.headers.get(name) {
            self.position = header.body;
            return Ok(Rc::clone(header));
        }
        self.position = function.start;
        let header = self.header(function)?;
        let header =
            header.ok_or_else(|| self.error(at, format!("@{name}: the text does not hold its code")))?;
        let header = Rc::new(header);
        self.headers.insert(name, Rc::clone(&header));
        Ok(header)
    }

    /// The function of this name, if it can be called here.
    fn called(&self, at: usize, name: &'a str) -> Result<Function<'a>, Fault> {
        let function = self.survey.function(name);
        let function = function
            .ok_or_else(|| self.error(at, format!("expected a function of this text, found @{name}")))?;
        if self.calling.contains(name) {
            return Err(self.error(at, format!("@{name} calls itself, which choral does not support")));
        }
        Ok(function)
    }

    /// Continues after the call whose function has returned.
    fn leave(&mut self, outputs: Vec<Value>) -> Result<(), Fault> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let Frame { header, called_at, names, results, scope, back } = frame;
        self.end_of_function(&header)?;
        self.check_returned(&header, &outputs)?;
        self.calling.remove(header.name);
        self.block.scope = scope;
        self.position = back;
        self.check_results(called_at, &outputs, &results)?;
        self.name_results(names, outputs)
    }

    /// Counts what a function stands for that is read as it stands.
    pub(super) fn count(&mut self, function: Function<'a>) -> Result<(), Fault> {
        self.counted = self.counted.saturating_add(self.survey.size(function.name));
        if self.counted <= self.survey.ops + INLINED {
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
