//! Modules, functions and regions. Functions that are called become part of their callers.

use super::ParseError;
use super::attribute::{Attribute, Attributes};
use super::cursor::Parser;
use super::lexer::Kind;
use super::scope::{Argument, Block, Region};
use crate::check::{Check, Program};
use crate::graph::{NamedAxis, Value};
use crate::text::axes;
use crate::{TensorType, verify};

/// How many ops calls may put in place: functions that call others twice grow without bound.
const INLINED: usize = 1_000_000;

/// A result type as a function's header declares it.
type Declared = (TensorType, Vec<NamedAxis>);

impl<'a> Parser<'a> {
    /// The whole text: its functions in order, with whether others may call them by name.
    pub(super) fn module(&mut self) -> Result<Vec<(bool, Program)>, ParseError> {
        let mut names = Vec::new();
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Kind::Word("module") => {
                    self.module_header()?;
                    depth += 1;
                }
                Kind::Word("func.func") => {
                    let public = self.peek_second() != Kind::Word("private");
                    names.push((public, self.next_function()?));
                }
                Kind::Hash(_) => self.alias()?,
                Kind::Mark('}') if depth > 0 => {
                    self.advance();
                    depth -= 1;
                    self.skip_location()?;
                }
                Kind::End if depth == 0 => break,
                _ => return Err(self.unexpected("`func.func` or `module`")),
            }
        }
        let functions = names
            .into_iter()
            .filter_map(|(public, name)| self.functions.remove(name).map(|(program, _)| (public, program)));
        let functions: Vec<_> = functions.collect();
        if functions.is_empty() { Err(self.unexpected("`func.func`")) } else { Ok(functions) }
    }

    fn module_header(&mut self) -> Result<(), ParseError> {
        self.advance();
        if let Kind::Symbol(_) = self.peek() {
            self.advance();
        }
        if self.eat_word("attributes") {
            self.expect('{')?;
            self.record('}')?;
        }
        self.expect('{')
    }

    /// `#loc1 = loc(...)`.
    fn alias(&mut self) -> Result<(), ParseError> {
        self.advance();
        self.expect('=')?;
        self.skip_location()
    }

    fn next_function(&mut self) -> Result<&'a str, ParseError> {
        let (at, start) = (self.at(), self.position);
        let name = self.function_name()?;
        if self.starts.get(name).is_some_and(|&first| first != start) {
            return Err(self.error(at, format!("expected a new name, found @{name} once more")));
        }
        self.position = start;
        self.function_at(name, start)?;
        Ok(name)
    }

    fn function_name(&mut self) -> Result<&'a str, ParseError> {
        self.expect_word("func.func")?;
        let _ = self.eat_word("public") || self.eat_word("private");
        self.symbol()
    }

    /// Reads the function at a token, unless it was read already, and goes on after it.
    fn function_at(&mut self, name: &'a str, start: usize) -> Result<(), ParseError> {
        self.position = start;
        if let Some((_, end)) = self.functions.get(name) {
            self.position = *end;
            return Ok(());
        }
        if self.calling.contains(&name) {
            return Err(self.error(self.at(), format!("@{name} calls itself")));
        }
        self.calling.push(name);
        let outer = std::mem::replace(&mut self.block, Block::function(name));
        self.outer.push(outer);
        let program = self.deeper(Parser::function)?;
        self.block = self.outer.pop().unwrap_or_else(|| Block::function(""));
        self.calling.pop();
        self.functions.insert(name, (program, self.position));
        Ok(())
    }

    fn function(&mut self) -> Result<Program, ParseError> {
        let at = self.at();
        let name = self.function_name()?;
        self.expect('(')?;
        let input_axes = self.until(')', Parser::argument)?;
        let declared = self.declared_results()?;
        if self.eat_word("attributes") {
            self.expect('{')?;
            self.record('}')?;
        }
        self.expect('{')?;
        let outputs = self.body()?;
        self.expect('}')?;
        self.skip_location()?;
        let returned = self.types(&outputs);
        let types: Vec<_> = declared.iter().map(|(ty, _)| ty.clone()).collect();
        if returned != types {
            let (types, returned) = (spell(&types), spell(&returned));
            return Err(
                self.error(at, format!("@{name} is declared to return {types}, but returns {returned}"))
            );
        }
        let block = std::mem::replace(&mut self.block, Block::function(""));
        let (checks, pairs): (Vec<Check>, Vec<[Value; 2]>) = block.checks.into_iter().unzip();
        let results = outputs.len();
        let mut output_axes: Vec<_> = declared.into_iter().map(|(_, axes)| axes).collect();
        output_axes.resize(results + 2 * checks.len(), Vec::new());
        let graph = block.builder.finish(&[outputs, pairs.concat()].concat());
        let graph = graph.with_axes(input_axes, output_axes);
        verify(&graph).map_err(|error| self.error(at, error.to_string()))?;
        Ok(Program { graph, results, checks })
    }

    /// `%x: tensor<2xf32> {attributes}`.
    fn argument(&mut self) -> Result<Vec<NamedAxis>, ParseError> {
        let argument = self.declared()?;
        self.input(&argument)?;
        let axes = self.boundary_axes()?;
        self.skip_location()?;
        Ok(axes)
    }

    /// `%x: tensor<2xf32>`.
    fn declared(&mut self) -> Result<Argument<'a>, ParseError> {
        let (at, name) = (self.at(), self.value_name()?);
        self.expect(':')?;
        Ok((at, name, self.ty()?))
    }

    /// Adds an input to the graph at hand.
    pub(super) fn input(&mut self, (at, name, ty): &Argument<'a>) -> Result<(), ParseError> {
        let value = self.block.builder.input(*name, ty.clone());
        self.define(*at, name, vec![value])
    }

    fn declared_results(&mut self) -> Result<Vec<Declared>, ParseError> {
        if !self.eat_arrow() {
            return Ok(Vec::new());
        }
        if !self.eat('(') {
            return Ok(vec![(self.ty()?, Vec::new())]);
        }
        self.until(')', |parser| Ok((parser.ty()?, parser.boundary_axes()?)))
    }

    fn boundary_axes(&mut self) -> Result<Vec<NamedAxis>, ParseError> {
        let at = self.at();
        let mut attributes = if self.eat('{') { self.record('}')? } else { Attributes::default() };
        match attributes.take(&["choral.axes"]) {
            None => Ok(Vec::new()),
            Some(Attribute::Word(text)) => axes::read(text).ok_or_else(|| {
                self.error(at, format!("expected axes such as \"members@0\", found \"{text}\""))
            }),
            Some(_) => Err(self.error(at, "expected axes such as \"members@0\"")),
        }
    }

    /// `({ ^bb0(%x: T): .. stablehlo.return %y : T })`, its `{` taken; `}` is taken too.
    pub(super) fn region(&mut self) -> Result<Region, ParseError> {
        let mut arguments = Vec::new();
        if let Kind::Block(_) = self.peek() {
            self.advance();
            if self.eat('(') {
                arguments = self.until(')', |parser| {
                    let argument = parser.declared()?;
                    parser.boundary_axes()?;
                    parser.skip_location()?;
                    Ok(argument)
                })?;
            }
            self.expect(':')?;
        }
        self.region_of(&arguments)
    }

    /// The long form of `reduce` declares accumulator and element of each input side by side.
    pub(super) fn reducer(&mut self) -> Result<Region, ParseError> {
        let mut pairs = Vec::new();
        while self.eat('(') {
            let pair = self.until(')', |parser| {
                let declared = parser.declared()?;
                parser.skip_location()?;
                Ok(declared)
            })?;
            pairs.push(<[_; 2]>::try_from(pair).map_err(|_| self.unexpected("two arguments per input"))?);
        }
        let side = |side: usize| pairs.iter().map(move |pair| pair[side].clone());
        let arguments: Vec<Argument<'a>> = side(0).chain(side(1)).collect();
        self.expect('{')?;
        self.region_of(&arguments)
    }

    /// Lines up to the one that returns; the values that it returns.
    pub(super) fn body(&mut self) -> Result<Vec<Value>, ParseError> {
        while !matches!(self.peek(), Kind::Word("return" | "func.return" | "stablehlo.return")) {
            if let Kind::Text("stablehlo.return") = self.peek() {
                break;
            }
            self.statement()?;
        }
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
        if self.eat(':') {
            self.signature()?;
        }
        self.skip_location()?;
        Ok(outputs)
    }

    /// The results of a called function, whose nodes become nodes of this block.
    pub(super) fn inline(
        &mut self,
        at: usize,
        name: &'a str,
        operands: &[Value],
    ) -> Result<Vec<Value>, ParseError> {
        let Some(&start) = self.starts.get(name) else {
            return Err(self.error(at, format!("expected a function of this text, found @{name}")));
        };
        let back = self.position;
        self.function_at(name, start)?;
        self.position = back;
        let (Program { graph: callee, results, checks }, _) = &self.functions[name];
        let types = self.types(operands);
        if types != callee.input_types() {
            let message = format!("@{name} takes {}, got {}", spell(&callee.input_types()), spell(&types));
            return Err(self.error(at, message));
        }
        self.inlined += callee.len();
        if self.inlined > INLINED {
            let message = format!("the calls of this text stand for more than {INLINED} ops");
            return Err(ParseError::new(self.source, at, message));
        }
        let inlined = self.block.builder.inline(callee, operands);
        let mut values = inlined.map_err(|error| self.refused(at, error))?;
        let compared = values.split_off(*results);
        let pairs = compared.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        self.block.checks.extend(checks.iter().cloned().zip(pairs));
        Ok(values)
    }
}

/// `(A, B)`.
pub(super) fn spell(types: &[TensorType]) -> String {
    format!("({})", types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", "))
}
