//! What stands before a function's or a region's body, and behind it: names, types and axes, in MLIR's pretty
//! and generic forms.

use super::attributes::{Attribute, Attributes};
use super::cursor::{Cursor, Lists};
use super::error::Fault;
use super::lexer::Kind;
use super::survey::Function;
use crate::TensorType;
use crate::graph::NamedAxis;
use crate::text::axes;

/// An argument of a function or region: its place, name and type.
pub(super) type Argument<'a> = (usize, &'a str, TensorType);

/// A type at a function's boundary, with the axes that the text names.
type Declared = (TensorType, Vec<NamedAxis>);

/// A function's header.
pub(super) struct Header<'a> {
    pub(super) name: &'a str,
    /// Where the function is declared.
    pub(super) at: usize,
    /// The first token of its body.
    pub(super) body: usize,
    pub(super) arguments: Vec<Argument<'a>>,
    pub(super) axes: Vec<Vec<NamedAxis>>,
    pub(super) results: Vec<Declared>,
    /// Whether the function was spelled in the generic form.
    pub(super) is_generic: bool,
}

impl Header<'_> {
    pub(super) fn types(&self) -> Vec<TensorType> {
        self.arguments.iter().map(|(_, _, ty)| ty.clone()).collect()
    }

    pub(super) fn result_types(&self) -> Vec<TensorType> {
        self.results.iter().map(|(ty, _)| ty.clone()).collect()
    }
}

impl<'a> Cursor<'a> {
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
        let declared = self.until(')', Cursor::argument)?;
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

    fn declared_results(&mut self) -> Result<Vec<Declared>, Fault> {
        if !self.eat_arrow() {
            return Ok(Vec::new());
        }
        if !self.eat('(') {
            return Ok(vec![(self.ty()?, Vec::new())]);
        }
        self.until(')', |cursor| Ok((cursor.ty()?, cursor.boundary_axes()?)))
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

    /// `^bb0(%x: T):`, if it is there.
    pub(super) fn block_arguments(&mut self) -> Result<Vec<Argument<'a>>, Fault> {
        let Kind::Block(_) = self.peek() else { return Ok(Vec::new()) };
        self.advance();
        let mut arguments = Vec::new();
        if self.eat('(') {
            arguments = self.until(')', Cursor::block_argument)?;
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

    /// `<{..}>`, if it is there.
    pub(super) fn properties(&mut self) -> Result<Attributes<'a>, Fault> {
        if !self.eat('<') {
            return Ok(Attributes::default());
        }
        self.expect('{')?;
        let attributes = self.record('}')?;
        self.expect('>')?;
        Ok(attributes)
    }
}
