//! One line as it is spelled: the names of its results, and an op in its pretty or generic form with its types.
//!
//! Both forms end as a [`Call`]; what becomes of a line is decided in [`super::body`].

use super::attributes::{Attribute, Attributes};
use super::call::{self, Call, TARGET, plain};
use super::cursor::Lists;
use super::error::Fault;
use super::lexer::Kind;
use super::parser::Parser;
use super::refusal;
use super::scope::{Names, Region};
use super::types::Signature;
use crate::graph::Value;
use crate::op::Binary;
use crate::{Graph, Tensor, TensorType};

/// What stands right of the `=`.
pub(super) enum Line<'a> {
    Constant(Tensor, TensorType),
    Op(Call<'a>),
    /// A function whose body is to be read next.
    Function(FunctionCall<'a>),
}

/// A call of a function, read up to its end.
pub(super) struct FunctionCall<'a> {
    pub(super) function: &'a str,
    pub(super) operands: Vec<Value>,
    pub(super) results: Vec<TensorType>,
}

impl<'a> Parser<'a> {
    /// `%a, %b =`, `%a:2 =`, or nothing.
    pub(super) fn result_names(&mut self) -> Result<Names<'a>, Fault> {
        let (at, known) = (self.at(), self.graphs.here.builder.graph().len());
        let name = |parser: &mut Self| {
            let (at, name) = (parser.at(), parser.value_name()?);
            if !parser.eat(':') {
                return Ok((at, name, 1));
            }
            let Kind::Number(count) = parser.peek() else {
                return Err(parser.unexpected("a number of results"));
            };
            let count = count.parse().map_err(|_| parser.unexpected("a number of results"))?;
            parser.advance();
            Ok((at, name, count))
        };
        let names = match self.peek() {
            Kind::Value(_) => self.until('=', name)?,
            _ => Vec::new(),
        };
        Ok(Names { at, names, known })
    }

    /// What stands right of the `=`.
    pub(super) fn right_hand_side(&mut self) -> Result<Line<'a>, Fault> {
        let at = self.at();
        let (Kind::Word(name) | Kind::Text(name)) = self.peek() else {
            return Err(self.unexpected("an op"));
        };
        if name != "call" && !name.contains('.') {
            return Err(self.unexpected("an op"));
        }
        if let Some(reason) = refusal::of_op(name) {
            return Err(self.error(at, reason));
        }
        let is_generic = matches!(self.advance(), Kind::Text(_));
        let mut call = match (name, plain(name)) {
            _ if is_generic => self.generic(name)?,
            ("call" | "func.call", _) => return self.call_of_function().map(Line::Function),
            (_, Some("constant")) => return self.constant().map(|(tensor, ty)| Line::Constant(tensor, ty)),
            (_, Some("reduce")) => self.reduce(name)?,
            (_, Some("while")) => self.while_loop(name)?,
            (_, Some("scan")) => self.scan(name)?,
            (_, Some("custom_call")) => self.custom_call(name)?,
            ("sdy.manual_computation", _) => self.manual_computation(name)?,
            _ if name.starts_with("sdy.") => self.annotation(name)?,
            _ => self.pretty(name)?,
        };
        let function = call::called_function(&mut call).map_err(|message| self.error(at, message))?;
        Ok(match function {
            Some(function) => {
                let Call { operands, signature: Signature { operands: _, results }, .. } = call;
                Line::Function(FunctionCall { function, operands, results })
            }
            None => Line::Op(call),
        })
    }

    /// `@name(%x, %y) {backend_config = ".."} : (A, B) -> C`.
    fn custom_call(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        let target = self.symbol()?;
        let mut call = self.pretty(name)?;
        call.attributes.push(TARGET, Attribute::Word(target));
        Ok(call)
    }

    /// A literal. A function that is called again has read it already.
    fn constant(&mut self) -> Result<(Tensor, TensorType), Fault> {
        let start = self.position;
        let Some((tensor, ty, end)) = self.functions.literals.get(&start).cloned() else {
            return self.constant_at(start);
        };
        self.position = end;
        Ok((tensor, ty))
    }

    fn constant_at(&mut self, start: usize) -> Result<(Tensor, TensorType), Fault> {
        if self.eat('{') {
            self.record('}')?;
        }
        let Kind::Word(form @ ("dense" | "dense_resource")) = self.peek() else {
            return Err(self.unexpected("`dense`"));
        };
        self.advance();
        let (tensor, ty) = self.literal(form)?;
        if !self.functions.frames.is_empty() {
            let end = self.position;
            self.functions.literals.insert(start, (tensor.clone(), ty.clone(), end));
        }
        Ok((tensor, ty))
    }

    fn call_of_function(&mut self) -> Result<FunctionCall<'a>, Fault> {
        let function = self.symbol()?;
        self.expect('(')?;
        let operands = self.until(')', Parser::operand)?;
        if self.eat('{') {
            self.record('}')?;
        }
        self.expect(':')?;
        let results = self.signature()?.results;
        Ok(FunctionCall { function, operands, results })
    }

    /// Operands, `name = value` pairs and keywords in any order up to the colon, then types.
    fn pretty(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        let (mut operands, mut attributes) = (Vec::new(), Attributes::default());
        loop {
            match (self.peek(), self.peek_second()) {
                (Kind::Mark(':'), _) => break,
                (Kind::Value(_), _) => operands.push(self.operand()?),
                (Kind::Mark('('), _) => {
                    self.advance();
                    // An attribute may stand among the operands: `chlo.top_k(%x, k = 2)`.
                    self.until(')', |parser| match (parser.peek(), parser.peek_second()) {
                        (Kind::Word(key), Kind::Mark('=')) => {
                            parser.position += 2;
                            attributes.push(key, parser.linked()?);
                            Ok(())
                        }
                        (_, _) => parser.operand().map(|operand| operands.push(operand)),
                    })?;
                }
                (Kind::Mark('['), _) => self.ranges(&mut attributes)?,
                (Kind::Mark('{'), _) => {
                    self.advance();
                    attributes.attach(self.record('}')?);
                }
                (Kind::Word(key), Kind::Mark('=')) => {
                    self.position += 2;
                    attributes.push(key, self.linked()?);
                }
                (Kind::Word(keyword) | Kind::Text(keyword), _) => {
                    self.advance();
                    attributes.push("keyword", Attribute::Word(keyword));
                }
                _ => return Err(self.unexpected("an operand, an attribute or `:`")),
            }
            self.eat(',');
        }
        self.expect(':')?;
        let signature = match plain(name) {
            Some("optimization_barrier") => Signature { operands: None, results: self.types_alone()? },
            _ => self.signature()?,
        };
        Ok(Call { name, operands, attributes, regions: Vec::new(), signature })
    }

    /// `[0:4:2, 1:3]` of a slice, as three lists.
    fn ranges(&mut self, attributes: &mut Attributes<'a>) -> Result<(), Fault> {
        self.expect('[')?;
        let ranges = self.until(']', |parser| {
            let start = parser.attribute()?;
            parser.expect(':')?;
            let limit = parser.attribute()?;
            let stride = if parser.eat(':') { parser.attribute()? } else { Attribute::Integer(1) };
            Ok([start, limit, stride])
        })?;
        for (position, name) in ["start_indices", "limit_indices", "strides"].into_iter().enumerate() {
            let column = ranges.iter().map(|range| range[position].clone()).collect();
            attributes.push(name, Attribute::List(column));
        }
        Ok(())
    }

    /// `(%x init: %zero) applies stablehlo.add across dimensions = [0] : ..`, or with a region at the end.
    fn reduce(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        let (mut inputs, mut inits) = (Vec::new(), Vec::new());
        while self.eat('(') {
            inputs.push(self.operand()?);
            self.expect_word("init")?;
            self.expect(':')?;
            inits.push(self.operand()?);
            self.expect(')')?;
            self.eat(',');
        }
        let applied = if self.eat_word("applies") { Some(self.reducing_op()?) } else { None };
        self.expect_word("across")?;
        let mut attributes = Attributes::default();
        self.expect_word("dimensions")?;
        self.expect('=')?;
        attributes.push("dimensions", self.attribute()?);
        if self.eat('{') {
            attributes.attach(self.record('}')?);
        }
        self.expect(':')?;
        let (at, signature) = (self.at(), self.signature()?);
        let region = match (applied, inputs.first()) {
            (Some(op), Some(&input)) => {
                let graph = Graph::reducer(op, self.graphs.here.builder.graph().ty(input).dtype);
                let graph = graph.map_err(|error| self.error(at, error.message()))?;
                Region { graph, captures: Vec::new() }
            }
            (Some(_) | None, _) => {
                self.expect_word("reducer")?;
                self.reducer()?
            }
        };
        Ok(Call { name, operands: [inputs, inits].concat(), attributes, regions: vec![region], signature })
    }

    fn reducing_op(&mut self) -> Result<Binary, Fault> {
        let op = match self.peek() {
            Kind::Word(name) => Binary::ALL.iter().copied().find(|op| plain(op.name()) == plain(name)),
            _ => None,
        };
        let op = op.ok_or_else(|| self.unexpected("an op of two operands"))?;
        self.advance();
        Ok(op)
    }

    /// `"op"(%a, %b) <{..}> ({..}) {..} : (A, B) -> C`, its name taken.
    pub(super) fn generic(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        self.expect('(')?;
        let operands = self.until(')', Parser::operand)?;
        let mut attributes = self.properties()?;
        let mut regions = Vec::new();
        if self.eat('(') {
            regions = self.until(')', |parser| {
                parser.expect('{')?;
                parser.region()
            })?;
        }
        if self.eat('{') {
            attributes.attach(self.record('}')?);
        }
        self.expect(':')?;
        let signature = self.signature()?;
        Ok(Call { name, operands, attributes, regions, signature })
    }
}
