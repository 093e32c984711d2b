//! Modules, functions and regions. Functions that are called become part of their callers.

use std::collections::HashMap;

use super::ParseError;
use super::attribute::{Attribute, Attributes};
use super::cursor::Parser;
use super::lexer::Kind;
use crate::check::{Check, Program};
use crate::graph::{NamedAxis, NodeKind, Value};
use crate::text::axes;
use crate::{BuildError, Builder, Graph, TensorType, verify};

/// A graph being read, and what its names stand for.
pub(super) struct Block<'a> {
    pub(super) builder: Builder,
    pub(super) names: HashMap<&'a str, Vec<Value>>,
    /// Checks of the function, with the value and the expected value.
    pub(super) checks: Vec<(Check, [Value; 2])>,
}

impl Block<'_> {
    fn new(name: &str) -> Self {
        Block { builder: Builder::new(name), names: HashMap::new(), checks: Vec::new() }
    }
}

/// A result type as a function's header declares it.
type Declared = (TensorType, Vec<NamedAxis>);

impl<'a> Parser<'a> {
    /// The whole text; the graph is its function `@main`, or its only function.
    pub(super) fn module(&mut self) -> Result<Program, ParseError> {
        let mut names = Vec::new();
        let mut depth = 0usize;
        loop {
            match self.peek() {
                Kind::Word("module") => {
                    self.module_header()?;
                    depth += 1;
                }
                Kind::Word("func.func") => names.push(self.next_function()?),
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
        let main = names.iter().find(|name| **name == "main").or(names.first());
        let program = main.and_then(|name| self.functions.remove(name));
        program.map(|(program, _)| program).ok_or_else(|| self.unexpected("`func.func`"))
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
        let start = self.position;
        let name = self.function_name()?;
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
        let program = self.deeper(Parser::function)?;
        self.calling.pop();
        self.functions.insert(name, (program, self.position));
        Ok(())
    }

    fn function(&mut self) -> Result<Program, ParseError> {
        let at = self.at();
        let name = self.function_name()?;
        let mut block = Block::new(name);
        self.expect('(')?;
        let input_axes = self.until(')', |parser| parser.argument(&mut block))?;
        let declared = self.declared_results()?;
        if self.eat_word("attributes") {
            self.expect('{')?;
            self.record('}')?;
        }
        self.expect('{')?;
        let outputs = self.body(&mut block)?;
        self.expect('}')?;
        self.skip_location()?;
        let returned: Vec<_> = outputs.iter().map(|&value| block.builder.graph().ty(value).clone()).collect();
        let types: Vec<_> = declared.iter().map(|(ty, _)| ty.clone()).collect();
        if returned != types {
            let (types, returned) = (spell(&types), spell(&returned));
            return Err(
                self.error(at, format!("@{name} is declared to return {types}, but returns {returned}"))
            );
        }
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
    fn argument(&mut self, block: &mut Block<'a>) -> Result<Vec<NamedAxis>, ParseError> {
        let at = self.at();
        let name = self.value_name()?;
        self.expect(':')?;
        let ty = self.ty()?;
        let value = block.builder.input(name, ty);
        self.define(block, at, name, vec![value])?;
        let axes = self.boundary_axes()?;
        self.skip_location()?;
        Ok(axes)
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
    pub(super) fn region(&mut self) -> Result<Graph, ParseError> {
        self.deeper(Parser::region_body)
    }

    fn region_body(&mut self) -> Result<Graph, ParseError> {
        let mut block = Block::new("region");
        if let Kind::Block(_) = self.peek() {
            self.advance();
            if self.eat('(') {
                self.until(')', |parser| parser.argument(&mut block))?;
            }
            self.expect(':')?;
        }
        let outputs = self.body(&mut block)?;
        self.expect('}')?;
        Ok(block.builder.finish(&outputs))
    }

    /// The long form of `reduce` declares accumulator and element of each input side by side.
    pub(super) fn reducer(&mut self) -> Result<Graph, ParseError> {
        let mut pairs = Vec::new();
        while self.eat('(') {
            let pair = self.until(')', |parser| {
                let declared = (parser.at(), parser.value_name()?);
                parser.expect(':')?;
                let ty = parser.ty()?;
                parser.skip_location()?;
                Ok((declared, ty))
            })?;
            pairs.push(<[_; 2]>::try_from(pair).map_err(|_| self.unexpected("two arguments per input"))?);
        }
        let mut block = Block::new("region");
        for side in 0..2 {
            for pair in &pairs {
                let ((at, name), ty) = &pair[side];
                let value = block.builder.input(*name, ty.clone());
                self.define(&mut block, *at, name, vec![value])?;
            }
        }
        self.expect('{')?;
        let outputs = self.body(&mut block)?;
        self.expect('}')?;
        Ok(block.builder.finish(&outputs))
    }

    /// Lines up to the one that returns; the values that it returns.
    fn body(&mut self, block: &mut Block<'a>) -> Result<Vec<Value>, ParseError> {
        while !matches!(self.peek(), Kind::Word("return" | "func.return" | "stablehlo.return")) {
            if let Kind::Text("stablehlo.return") = self.peek() {
                break;
            }
            self.statement(block)?;
        }
        self.advance();
        let parenthesized = self.eat('(');
        let mut outputs = Vec::new();
        while let Kind::Value(_) = self.peek() {
            outputs.push(self.operand(block)?);
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

    /// Makes a name stand for values.
    pub(super) fn define(
        &self,
        block: &mut Block<'a>,
        at: usize,
        name: &'a str,
        values: Vec<Value>,
    ) -> Result<(), ParseError> {
        match block.names.insert(name, values) {
            None => Ok(()),
            Some(_) => Err(self.error(at, format!("expected a new name, found %{name} once more"))),
        }
    }

    /// The results of a called function, whose nodes become nodes of this block.
    pub(super) fn inline(
        &mut self,
        block: &mut Block<'a>,
        at: usize,
        name: &'a str,
        operands: &[Value],
    ) -> Result<Vec<Value>, ParseError> {
        let Some(start) = self.find_function(name) else {
            return Err(self.error(at, format!("expected a function of this text, found @{name}")));
        };
        let back = self.position;
        self.function_at(name, start)?;
        self.position = back;
        let (Program { graph: callee, results, checks }, _) = &self.functions[name];
        let types: Vec<_> = operands.iter().map(|&value| block.builder.graph().ty(value).clone()).collect();
        if types != callee.input_types() {
            let message = format!("@{name} takes {}, got {}", spell(&callee.input_types()), spell(&types));
            return Err(self.error(at, message));
        }
        let mut values = splice(&mut block.builder, callee, operands)
            .map_err(|error| self.error(at, error.to_string()))?;
        let compared = values.split_off(*results);
        let pairs = compared.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        block.checks.extend(checks.iter().cloned().zip(pairs));
        Ok(values)
    }
}

/// `(A, B)`.
pub(super) fn spell(types: &[TensorType]) -> String {
    format!("({})", types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", "))
}

/// Adds the nodes of a graph to another, in order.
fn splice(builder: &mut Builder, callee: &Graph, operands: &[Value]) -> Result<Vec<Value>, BuildError> {
    let mut inputs = operands.iter();
    let mut values: Vec<Vec<Value>> = Vec::with_capacity(callee.len());
    for (id, node) in callee.nodes() {
        let results = match &node.kind {
            NodeKind::Input => inputs.by_ref().take(1).copied().collect(),
            NodeKind::Constant(tensor) => {
                vec![super::statement::push_constant(builder, tensor, &node.types[0])]
            }
            NodeKind::Op(op) => {
                let operands = callee.operands(id);
                let find = |value: &Value| values[value.node().index()][value.result()];
                builder.push_all(op.clone(), &operands.iter().map(find).collect::<Vec<_>>())?
            }
        };
        if !matches!(node.kind, NodeKind::Input) {
            builder.rename(results[0], node.name.clone());
        }
        values.push(results);
    }
    Ok(callee.outputs().iter().map(|port| values[port.value.node().index()][port.value.result()]).collect())
}
