//! One line: results, an op in its pretty or generic form, and its types.
//!
//! Both forms end as a [`Call`]; what a call means is decided in [`super::resolve`].

use super::ParseError;
use super::attribute::{Attribute, Attributes};
use super::cursor::Parser;
use super::dense;
use super::function::spell;
use super::lexer::Kind;
use super::refusal;
use super::resolve;
use super::scope::Region;
use crate::graph::Value;
use crate::op::{Binary, ControlOp, Elementwise};
use crate::{BuildError, Builder, Graph, Op, Tensor, TensorType};

/// An op as the text spells it.
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) operands: Vec<Value>,
    pub(super) attributes: Attributes<'a>,
    pub(super) regions: Vec<Region>,
    pub(super) signature: Signature,
}

/// The types after the colon.
#[derive(Default)]
pub(super) struct Signature {
    /// Types of the operands, if the form writes them.
    pub(super) operands: Option<Vec<TensorType>>,
    /// Types of the results.
    pub(super) results: Vec<TensorType>,
}

impl<'a> Parser<'a> {
    /// `%a, %b = op ..`, `%a:2 = op ..`.
    pub(super) fn statement(&mut self) -> Result<(), ParseError> {
        if self.is_check() {
            return self.check();
        }
        let at = self.at();
        let names = self.result_names()?;
        let known = self.block.builder.graph().len();
        let location = self.location(self.at());
        self.block.builder.describe(None, Some(location));
        let values = self.right_hand_side()?;
        self.skip_location()?;
        let count = names.iter().map(|(_, _, count)| count).sum::<usize>();
        if count != values.len() {
            return Err(self.error(at, format!("expected {} results, found names for {count}", values.len())));
        }
        // A number is the lack of a name: the op gives one. A call may hand back an older value.
        if let (Some((_, name, _)), Some(&value)) = (names.first(), values.first())
            && name.parse::<u64>().is_err()
            && value.node().index() >= known
        {
            self.block.builder.rename(value, *name);
        }
        let mut values = values.into_iter();
        for (at, name, count) in names {
            self.define(at, name, values.by_ref().take(count).collect())?;
        }
        Ok(())
    }

    /// Place, name and number of values of each name left of the `=`.
    fn result_names(&mut self) -> Result<Vec<(usize, &'a str, usize)>, ParseError> {
        let name = |parser: &mut Self| {
            let (at, name) = (parser.at(), parser.value_name()?);
            if !parser.eat(':') {
                return Ok((at, name, 1));
            }
            let Kind::Number(count) = parser.advance() else {
                return Err(parser.unexpected("a number of results"));
            };
            Ok((at, name, count.parse().map_err(|_| parser.error(at, "expected a number of results"))?))
        };
        self.until('=', name)
    }

    fn right_hand_side(&mut self) -> Result<Vec<Value>, ParseError> {
        let at = self.at();
        let op = self.advance();
        if let Kind::Word(name) | Kind::Text(name) = op
            && let Some(reason) = refusal::of_op(name)
        {
            return Err(self.error(at, reason));
        }
        match op {
            Kind::Word("call" | "func.call") => self.call_of_function(at),
            Kind::Word("stablehlo.constant" | "chlo.constant") => self.constant(),
            Kind::Word(name @ "stablehlo.reduce") => {
                let call = self.reduce(name)?;
                self.push(at, call)
            }
            Kind::Word(name @ "stablehlo.while") => {
                let call = self.while_loop(name)?;
                self.push(at, call)
            }
            Kind::Word(name @ "chlo.scan") => {
                let call = self.scan(name)?;
                self.push(at, call)
            }
            Kind::Word(name @ "stablehlo.custom_call") => {
                let call = self.custom_call(name)?;
                self.push(at, call)
            }
            Kind::Word(name) => {
                let call = self.pretty(name)?;
                self.push(at, call)
            }
            Kind::Text(name) => {
                let call = self.generic(name)?;
                self.push(at, call)
            }
            _ => {
                self.position -= 1;
                Err(self.unexpected("an op"))
            }
        }
    }

    /// `@name(%x, %y) {backend_config = ".."} : (A, B) -> C`.
    fn custom_call(&mut self, name: &'a str) -> Result<Call<'a>, ParseError> {
        let target = self.symbol()?;
        let mut call = self.pretty(name)?;
        call.attributes.push("call_target_name", Attribute::Word(target));
        Ok(call)
    }

    fn constant(&mut self) -> Result<Vec<Value>, ParseError> {
        if self.eat('{') {
            self.record('}')?;
        }
        self.expect_word("dense")?;
        let (tensor, ty) = self.dense()?;
        Ok(vec![push_constant(&mut self.block.builder, &tensor, &ty)])
    }

    fn call_of_function(&mut self, at: usize) -> Result<Vec<Value>, ParseError> {
        let name = self.symbol()?;
        self.expect('(')?;
        let operands = self.until(')', Parser::operand)?;
        self.expect(':')?;
        let signature = self.signature()?;
        let results = self.inline(at, name, &operands)?;
        self.check_results(at, &results, &signature)?;
        Ok(results)
    }

    /// Operands, `name = value` pairs and keywords in any order up to the colon, then types.
    fn pretty(&mut self, name: &'a str) -> Result<Call<'a>, ParseError> {
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
                    attributes.extend(self.record('}')?);
                }
                (Kind::Word(key), Kind::Mark('=')) => {
                    self.position += 2;
                    attributes.push(key, self.linked()?);
                }
                (Kind::Word(keyword), _) => {
                    self.advance();
                    attributes.push("keyword", Attribute::Word(keyword));
                }
                _ => return Err(self.unexpected("an operand, an attribute or `:`")),
            }
            self.eat(',');
        }
        self.expect(':')?;
        let signature = match name {
            "stablehlo.optimization_barrier" => Signature { operands: None, results: self.types_alone()? },
            _ => self.signature()?,
        };
        Ok(Call { name, operands, attributes, regions: Vec::new(), signature })
    }

    /// `[0:4:2, 1:3]` of a slice, as three lists.
    fn ranges(&mut self, attributes: &mut Attributes<'a>) -> Result<(), ParseError> {
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
    fn reduce(&mut self, name: &'a str) -> Result<Call<'a>, ParseError> {
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
            attributes.extend(self.record('}')?);
        }
        self.expect(':')?;
        let (at, signature) = (self.at(), self.signature()?);
        let region = match (applied, inputs.first()) {
            (Some(op), Some(&input)) => {
                let graph = Graph::reducer(op, self.block.builder.graph().ty(input).dtype);
                let graph = graph.map_err(|error| self.refused(at, error))?;
                Region { graph, captures: Vec::new() }
            }
            (Some(_) | None, _) => {
                self.expect_word("reducer")?;
                self.reducer()?
            }
        };
        Ok(Call { name, operands: [inputs, inits].concat(), attributes, regions: vec![region], signature })
    }

    fn reducing_op(&mut self) -> Result<Binary, ParseError> {
        let op = match self.peek() {
            Kind::Word(name) => Binary::ALL.iter().copied().find(|op| op.name() == name),
            _ => None,
        };
        let op = op.ok_or_else(|| self.unexpected("an op of two operands"))?;
        self.advance();
        Ok(op)
    }

    /// `"op"(%a, %b) <{..}> ({..}) {..} : (A, B) -> C`.
    fn generic(&mut self, name: &'a str) -> Result<Call<'a>, ParseError> {
        self.expect('(')?;
        let operands = self.until(')', Parser::operand)?;
        let mut attributes = Attributes::default();
        if self.eat('<') {
            self.expect('{')?;
            attributes.extend(self.record('}')?);
            self.expect('>')?;
        }
        let mut regions = Vec::new();
        if self.eat('(') {
            regions = self.until(')', |parser| {
                parser.expect('{')?;
                parser.region()
            })?;
        }
        if self.eat('{') {
            attributes.extend(self.record('}')?);
        }
        self.expect(':')?;
        let signature = self.signature()?;
        Ok(Call { name, operands, attributes, regions, signature })
    }

    /// `(A, B) -> C`, `(A) -> (B, C)`, `A -> B`, or types alone, the last of which is the result's.
    pub(super) fn signature(&mut self) -> Result<Signature, ParseError> {
        let operands = if self.eat('(') { self.until(')', Parser::ty)? } else { self.types_alone()? };
        if !self.eat_arrow() {
            return Ok(Signature { operands: None, results: operands.last().cloned().into_iter().collect() });
        }
        let results = if self.eat('(') { self.until(')', Parser::ty)? } else { vec![self.ty()?] };
        Ok(Signature { operands: Some(operands), results })
    }

    /// `A, B`.
    pub(super) fn types_alone(&mut self) -> Result<Vec<TensorType>, ParseError> {
        let mut types = vec![self.ty()?];
        while self.eat(',') {
            types.push(self.ty()?);
        }
        Ok(types)
    }

    fn push(&mut self, at: usize, mut call: Call<'a>) -> Result<Vec<Value>, ParseError> {
        if let Some(constant) = constant(&mut call) {
            let (tensor, ty) = constant.map_err(|message| self.error(at, message))?;
            return Ok(vec![push_constant(&mut self.block.builder, &tensor, &ty)]);
        }
        self.check_operands(at, &call)?;
        let operands = call.operands.len();
        let op =
            resolve::op(&mut call).map_err(|message| self.error(at, format!("{}: {message}", call.name)))?;
        let carried = if is_loop(&op) { call.operands.len() - operands } else { 0 };
        let operands =
            spread(&mut self.block.builder, &op, &call).map_err(|error| self.refused(at, error))?;
        let results = self.block.builder.push_all(op, &operands);
        let mut results = results.map_err(|error| self.refused(at, error))?;
        // What a loop only reads is carried, but not among the results of the text.
        results.truncate(results.len() - carried);
        self.check_results(at, &results, &call.signature)?;
        Ok(results)
    }

    /// The error that an op does not fit, at its place.
    pub(super) fn refused(&self, at: usize, error: BuildError) -> ParseError {
        self.error(at, BuildError { location: None, ..error }.to_string())
    }

    fn check_operands(&self, at: usize, call: &Call<'a>) -> Result<(), ParseError> {
        let Some(declared) = &call.signature.operands else { return Ok(()) };
        let types = self.types(&call.operands);
        if *declared == types {
            return Ok(());
        }
        let (declared, types) = (spell(declared), spell(&types));
        Err(self.error(at, format!("{}: declared to take {declared}, found {types}", call.name)))
    }

    fn check_results(&self, at: usize, results: &[Value], signature: &Signature) -> Result<(), ParseError> {
        let types = self.types(results);
        if types == signature.results {
            return Ok(());
        }
        let (declared, types) = (spell(&signature.results), spell(&types));
        Err(self.error(at, format!("declared to make {declared}, but makes {types}")))
    }
}

/// The constant that a call in generic form stands for, if it stands for one.
fn constant(call: &mut Call<'_>) -> Option<Result<(Tensor, TensorType), String>> {
    if !["stablehlo.constant", "chlo.constant", "chlo.constant_like"].contains(&call.name) {
        return None;
    }
    let ty = call.signature.results.first()?.clone();
    let literal = match call.attributes.take(&["value"]) {
        Some(Attribute::Dense(tensor, _)) => return Some(Ok((tensor, ty))),
        Some(Attribute::Integer(value)) => Some(value.to_string()),
        Some(Attribute::Word(word)) => Some(word.to_owned()),
        Some(Attribute::Boolean(value)) => Some(value.to_string()),
        Some(Attribute::List(_) | Attribute::Record(_)) | None => None,
    };
    let tensor = literal.and_then(|literal| dense::scalar(ty.dtype, &literal));
    Some(
        tensor
            .map(|tensor| (tensor, ty))
            .ok_or_else(|| "expected the attribute `value` with a literal".to_owned()),
    )
}

fn is_loop(op: &Op) -> bool {
    matches!(op, Op::Control(ControlOp::While(_) | ControlOp::Scan(_)))
}

/// StableHLO lets the predicate of `select` and the bounds of `clamp` be scalars; here they are repeated.
fn spread(builder: &mut Builder, op: &Op, call: &Call<'_>) -> Result<Vec<Value>, BuildError> {
    let takes_scalars = matches!(op, Op::Elementwise(Elementwise::Select | Elementwise::Clamp));
    let shape = call.signature.results.first().map(|ty| ty.shape.clone()).unwrap_or_default();
    let mut operands = Vec::with_capacity(call.operands.len());
    for &value in &call.operands {
        let scalar = builder.graph().ty(value).rank() == 0;
        let repeat = takes_scalars && scalar && !shape.is_empty();
        operands.push(if repeat { builder.broadcast_in_dim(value, shape.clone(), vec![])? } else { value });
    }
    Ok(operands)
}

/// Adds a constant; a scalar of a larger type stands for all elements.
pub(super) fn push_constant(builder: &mut Builder, tensor: &Tensor, ty: &TensorType) -> Value {
    if tensor.ty() == ty {
        builder.constant(tensor.clone())
    } else {
        builder.splat(tensor.clone(), ty.shape.clone())
    }
}
