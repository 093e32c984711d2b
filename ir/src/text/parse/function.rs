//! Functions and regions, in MLIR's pretty and generic forms.

use super::attribute::Attribute;
use super::attributes::Attributes;
use super::cursor::Parser;
use super::error::Fault;
use super::lexer::Kind;
use super::scope::{Argument, Block, Region};
use super::survey::Function;
use crate::check::{Check, Program};
use crate::graph::{NamedAxis, Value};
use crate::text::axes;
use crate::{TensorType, verify};

/// A type at a function's boundary, with the axes that the text names.
type Declared = (TensorType, Vec<NamedAxis>);

/// A function's header.
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    /// Where the function is declared.
    at: usize,
    /// The first token of its body.
    pub(super) body: usize,
    pub(super) arguments: Vec<Argument<'a>>,
    axes: Vec<Vec<NamedAxis>>,
    results: Vec<Declared>,
    /// Whether the function was spelled in the generic form.
    is_generic: bool,
}

impl Header<'_> {
    pub(super) fn types(&self) -> Vec<TensorType> {
        self.arguments.iter().map(|(_, _, ty)| ty.clone()).collect()
    }

    fn result_types(&self) -> Vec<TensorType> {
        self.results.iter().map(|(ty, _)| ty.clone()).collect()
    }
}

impl<'a> Parser<'a> {
    /// Reads a function as it stands, unless it has no body, and continues after it.
    pub(super) fn function(&mut self, function: Function<'a>) -> Result<Option<Program>, Fault> {
        self.position = function.start;
        self.count(function)?;
        self.visited.insert(function.name);
        self.calling.insert(function.name);
        let outer = std::mem::replace(&mut self.block, Block::function(function.name));
        self.outer.push(outer);
        let program = match self.header(function)? {
            Some(header) => Some(self.program(header)?),
            None => None,
        };
        self.block = self.outer.pop().unwrap_or_else(|| Block::function(""));
        self.calling.remove(function.name);
        Ok(program)
    }

    /// The function after its header.
    fn program(&mut self, header: Header<'a>) -> Result<Program, Fault> {
        header.arguments.iter().try_for_each(|argument| self.input(argument))?;
        let outputs = self.body()?;
        self.end_of_function(&header)?;
        self.check_returned(&header, &outputs)?;
        let block = std::mem::replace(&mut self.block, Block::function(""));
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
        let (returned, declared) = (self.types(outputs), header.result_types());
        if returned == declared {
            return Ok(());
        }
        let (name, declared, returned) = (header.name, spell(&declared), spell(&returned));
        Err(self
            .error(header.at, format!("@{name} is declared to return {declared}, but returns {returned}")))
    }

    /// The header of the current function; `None` if no body follows.
    pub(super) fn header(&mut self, function: Function<'a>) -> Result<Option<Header<'a>>, Fault> {
        let at = self.at();
        if let Kind::Text(_) = self.peek() {
            return self.generic_function(function).map(Some);
        }
        self.advance();
        if let Kind::Word("public" | "private" | "nested") = self.peek() {
            self.advance();
        }
        let name = self.symbol()?;
        self.expect('(')?;
        let declared = self.until(')', Parser::argument)?;
        let results = self.declared_results()?;
        self.skip_attributes()?;
        if self.peek() != Kind::Mark('{') {
            self.skip_location()?;
            return Ok(None);
        }
        self.advance();
        let mut arguments = Vec::with_capacity(declared.len());
        let mut axes = Vec::with_capacity(declared.len());
        for (argument, argument_axes) in declared {
            arguments.push(argument.ok_or_else(|| self.error(self.at(), "expected arguments with names"))?);
            axes.push(argument_axes);
        }
        Ok(Some(Header { name, at, body: self.position, arguments, axes, results, is_generic: false }))
    }

    /// `"func.func"() <{function_type = (A) -> B, sym_name = "name"}> ({ ^bb0(%x: A):`. What the function
    /// returns may be declared after its body.
    fn generic_function(&mut self, function: Function<'a>) -> Result<Header<'a>, Fault> {
        let at = self.at();
        let Some(types) = function.types else {
            return Err(self.error(at, "expected a function with the attribute `function_type`"));
        };
        let back = std::mem::replace(&mut self.position, types);
        let results = self.signature()?.results;
        self.position = back;
        self.generic_header()?;
        let arguments = self.block_arguments()?;
        let axes = vec![Vec::new(); arguments.len()];
        let results = results.into_iter().map(|ty| (ty, Vec::new())).collect();
        let (name, body) = (function.name, self.position);
        Ok(Header { name, at, body, arguments, axes, results, is_generic: true })
    }

    /// `"op"() <{..}> ({` of an op whose body is read apart; its attributes.
    pub(super) fn generic_header(&mut self) -> Result<Attributes<'a>, Fault> {
        self.advance();
        self.expect('(')?;
        self.expect(')')?;
        let attributes = self.properties()?;
        self.expect('(')?;
        self.expect('{')?;
        Ok(attributes)
    }

    /// What follows the body of a module or function: nothing in the pretty form, `) {..} : () -> ()`
    /// in the generic one, and a location. Returns the attributes.
    pub(super) fn generic_end(&mut self) -> Result<Attributes<'a>, Fault> {
        let mut attributes = Attributes::default();
        if self.eat(')') {
            if self.eat('{') {
                attributes = self.record('}')?;
            }
            self.expect(':')?;
            self.signature()?;
        }
        self.skip_location()?;
        Ok(attributes)
    }

    /// `attributes {..}`.
    pub(super) fn skip_attributes(&mut self) -> Result<(), Fault> {
        if self.eat_word("attributes") {
            self.expect('{')?;
            self.record('}')?;
        }
        Ok(())
    }

    /// `%x: tensor<2xf32> {attributes}`; a declaration leaves the name out.
    fn argument(&mut self) -> Result<(Option<Argument<'a>>, Vec<NamedAxis>), Fault> {
        let argument = match self.peek() {
            Kind::Value(_) => Some(self.declared()?),
            _ => {
                self.ty()?;
                None
            }
        };
        let axes = self.boundary_axes()?;
        self.skip_location()?;
        Ok((argument, axes))
    }

    /// `%x: tensor<2xf32>`.
    fn declared(&mut self) -> Result<Argument<'a>, Fault> {
        let (at, name) = (self.at(), self.value_name()?);
        self.expect(':')?;
        Ok((at, name, self.ty()?))
    }

    /// Adds an input to the current graph.
    pub(super) fn input(&mut self, (at, name, ty): &Argument<'a>) -> Result<(), Fault> {
        let value = self.block.builder.input(*name, ty.clone());
        self.define(*at, name, vec![value])
    }

    fn declared_results(&mut self) -> Result<Vec<Declared>, Fault> {
        if !self.eat_arrow() {
            return Ok(Vec::new());
        }
        if !self.eat('(') {
            return Ok(vec![(self.ty()?, Vec::new())]);
        }
        self.until(')', |parser| Ok((parser.ty()?, parser.boundary_axes()?)))
    }

    fn boundary_axes(&mut self) -> Result<Vec<NamedAxis>, Fault> {
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
    pub(super) fn region(&mut self) -> Result<Region, Fault> {
        let arguments = self.block_arguments()?;
        self.region_of(&arguments)
    }

    /// `^bb0(%x: T):`, if it is there.
    fn block_arguments(&mut self) -> Result<Vec<Argument<'a>>, Fault> {
        let Kind::Block(_) = self.peek() else { return Ok(Vec::new()) };
        self.advance();
        let mut arguments = Vec::new();
        if self.eat('(') {
            arguments = self.until(')', Parser::block_argument)?;
        }
        self.expect(':')?;
        Ok(arguments)
    }

    /// `%x: T {attributes} loc(..)`.
    pub(super) fn block_argument(&mut self) -> Result<Argument<'a>, Fault> {
        let argument = self.declared()?;
        self.boundary_axes()?;
        self.skip_location()?;
        Ok(argument)
    }

    /// The long form of `reduce` declares accumulator and element of each input side by side.
    pub(super) fn reducer(&mut self) -> Result<Region, Fault> {
        let mut pairs = Vec::new();
        while self.eat('(') {
            let pair = self.until(')', Parser::block_argument)?;
            pairs.push(<[_; 2]>::try_from(pair).map_err(|_| self.unexpected("two arguments per input"))?);
        }
        let side = |side: usize| pairs.iter().map(move |pair| pair[side].clone());
        let arguments: Vec<Argument<'a>> = side(0).chain(side(1)).collect();
        self.expect('{')?;
        self.region_of(&arguments)
    }
}

/// `(A, B)`.
pub(super) fn spell(types: &[TensorType]) -> String {
    format!("({})", types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", "))
}
