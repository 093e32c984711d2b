//! Calls: the body of a called function replaces each call.
//!
//! No call within a function goes deeper into this program's own stack: what is left of the caller waits
//! in a frame, so that chains of calls may be of any length.

use std::rc::Rc;

use super::error::Fault;
use super::header::Header;
use super::parser::{Frame, Parser};
use super::scope::Names;
use super::statement::FunctionCall;
use super::types::spell;
use crate::graph::Value;

impl<'a> Parser<'a> {
    /// Continues in the body of a called function.
    pub(super) fn enter(&mut self, at: usize, call: FunctionCall<'a>, names: Names<'a>) -> Result<(), Fault> {
        let FunctionCall { function: name, operands, results } = call;
        let back = self.position;
        let header = self.header_of(at, name)?;
        let (types, expected) = (self.graphs.types(&operands), header.types());
        if types != expected {
            let message = format!("@{name} takes {}, got {}", spell(&expected), spell(&types));
            return Err(self.error(at, message));
        }
        self.functions.calling.insert(name);
        self.functions.visited.insert(name);
        let scope = std::mem::take(&mut self.graphs.here.scope);
        for ((at, name, _), operand) in header.arguments.iter().zip(operands) {
            self.define(*at, name, vec![operand])?;
        }
        self.functions.frames.push(Frame { header, called_at: at, names, results, scope, back });
        Ok(())
    }

    /// The header of a called function, which is read once, and continues after it.
    fn header_of(&mut self, at: usize, name: &'a str) -> Result<Rc<Header<'a>>, Fault> {
        let function = self.called(at, name)?;
        if let Some(header) = self.functions.headers.get(name).cloned() {
            self.position = header.body;
            return Ok(header);
        }
        self.position = function.start;
        let header = self.header(function)?;
        let header =
            header.ok_or_else(|| self.error(at, format!("@{name}: the text does not hold its code")))?;
        let header = Rc::new(header);
        self.functions.headers.insert(name, Rc::clone(&header));
        Ok(header)
    }

    /// Continues after the call whose function has returned.
    pub(super) fn leave(&mut self, outputs: Vec<Value>) -> Result<(), Fault> {
        let Some(frame) = self.functions.frames.pop() else { return Ok(()) };
        let Frame { header, called_at, names, results, scope, back } = frame;
        self.end_of_function(&header)?;
        self.check_returned(&header, &outputs)?;
        self.functions.calling.remove(header.name);
        self.graphs.here.scope = scope;
        self.position = back;
        self.check_results(called_at, &outputs, &results)?;
        self.name_results(names, outputs)
    }
}
