//! One line: results, an op in its pretty or generic form, and its types.
//!
//! Both forms end as a [`Call`]; what a call means is decided in [`super::meaning`].

use super::attribute::Attribute;
use super::attributes::Attributes;
use super::cursor::Parser;
use super::error::Fault;
use super::function::spell;
use super::inline::FunctionCall;
use super::lexer::Kind;
use super::meaning;
use super::refusal;
use super::resolve::plain;
use super::scope::Region;
use crate::graph::Value;
use crate::op::Binary;
use crate::{Graph, Tensor, TensorType};

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

/// What a line calls its results.
pub(super) struct Names<'a> {
    at: usize,
    /// Place, name and number of values of each name.
    names: Vec<(usize, &'a str, usize)>,
    /// How many nodes the graph had before.
    known: usize,
}

/// What stands right of the `=`.
enum Line<'a> {
    Values(Vec<Value>),
    /// A function whose body is to be read next.
    Call(FunctionCall<'a>),
}

impl<'a> Parser<'a> {
    /// `%a, %b = op ..`, `%a:2 = op ..`, or an op without results.
    pub(super) fn statement(&mut self) -> Result<(), Fault> {
        if self.is_check() {
            return self.check();
        }
        let names = self.result_names()?;
        let location = self.location(self.at());
        self.block.builder.describe(None, Some(location));
        let line = self.right_hand_side()?;
        self.skip_location()?;
        match line {
            Line::Values(values) => self.name_results(names, values),
            Line::Call(call) => self.enter(call, names),
        }
    }

    fn result_names(&mut self) -> Result<Names<'a>, Fault> {
        let (at, known) = (self.at(), self.block.builder.graph().len());
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

    /// Makes the names of a line stand for its results.
    pub(super) fn name_results(&mut self, names: Names<'a>, values: Vec<Value>) -> Result<(), Fault> {
        let Names { at, names, known } = names;
        let count = names.iter().fold(0, |sum: usize, (_, _, count)| sum.saturating_add(*count));
        if count != values.len() {
            return Err(self.error(at, format!("expected {} results, found names for {count}", values.len())));
        }
        // A number is not a name: the op gives one. A call may return an older value.
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

    fn right_hand_side(&mut self) -> Result<Line<'a>, Fault> {
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
        match (name, plain(name)) {
            ("call" | "func.call", _) if !is_generic => return self.call_of_function(at).map(Line::Call),
            (_, Some("constant")) if !is_generic => return self.constant().map(Line::Values),
            _ => {}
        }
        let mut call = match (name, plain(name)) {
            _ if is_generic => self.generic(name)?,
            (_, Some("reduce")) => self.reduce(name)?,
            (_, Some("while")) => self.while_loop(name)?,
            (_, Some("scan")) => self.scan(name)?,
            (_, Some("custom_call")) => self.custom_call(name)?,
            ("sdy.manual_computation", _) => self.manual_computation(name)?,
            _ if name.starts_with("sdy.") => self.annotation(name)?,
            _ => self.pretty(name)?,
        };
        if let Some(function) =
            meaning::called_function(&mut call).map_err(|message| self.error(at, message))?
        {
            let Call { operands, signature, .. } = call;
            return Ok(Line::Call(FunctionCall { at, function, operands, signature }));
        }
        self.push(at, call).map(Line::Values)
    }

    /// `@name(%x, %y) {backend_config = ".."} : (A, B) -> C`.
    fn custom_call(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        let target = self.symbol()?;
        let mut call = self.pretty(name)?;
        call.attributes.push(meaning::TARGET, Attribute::Word(target));
        Ok(call)
    }

    /// A literal. A function that is called again has read it already.
    fn constant(&mut self) -> Result<Vec<Value>, Fault> {
        let start = self.position;
        let (tensor, ty) = match self.literals.get(&start) {
            Some((tensor, ty, end)) => {
                self.position = *end;
                (tensor.clone(), ty.clone())
            }
            None => self.constant_at(start)?,
        };
        Ok(vec![meaning::push_constant(&mut self.block.builder, &tensor, &ty)])
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
        if !self.frames.is_empty() {
            self.literals.insert(start, (tensor.clone(), ty.clone(), self.position));
        }
        Ok((tensor, ty))
    }

    fn call_of_function(&mut self, at: usize) -> Result<FunctionCall<'a>, Fault> {
        let function = self.symbol()?;
        self.expect('(')?;
        let operands = self.until(')', Parser::operand)?;
        if self.eat('{') {
            self.record('}')?;
        }
        self.expect(':')?;
        let signature = self.signature()?;
        Ok(FunctionCall { at, function, operands, signature })
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
                let graph = Graph::reducer(op, self.block.builder.graph().ty(input).dtype);
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

    /// `(A, B) -> C`, `(A) -> (B, C)`, `A -> B`, or types alone, the last of which is the result's.
    pub(super) fn signature(&mut self) -> Result<Signature, Fault> {
        let operands = if self.eat('(') { self.until(')', Parser::ty)? } else { self.types_alone()? };
        if !self.eat_arrow() {
            return Ok(Signature { operands: None, results: operands.last().cloned().into_iter().collect() });
        }
        let results = if self.eat('(') { self.until(')', Parser::ty)? } else { vec![self.ty()?] };
        Ok(Signature { operands: Some(operands), results })
    }

    fn push(&mut self, at: usize, mut call: Call<'a>) -> Result<Vec<Value>, Fault> {
        self.check_operands(at, &call)?;
        let functions = meaning::computations(&mut call).map_err(|message| self.error(at, message))?;
        for function in functions {
            let graph = self.function_as_graph(at, function)?;
            call.regions.push(Region { graph, captures: Vec::new() });
        }
        let declared = call.signature.results.clone();
        let results = meaning::build(&mut self.block.builder, call);
        let results = results.map_err(|message| self.error(at, message))?;
        self.check_results(at, &results, &declared)?;
        Ok(results)
    }

    fn check_operands(&self, at: usize, call: &Call<'a>) -> Result<(), Fault> {
        let Some(declared) = &call.signature.operands else { return Ok(()) };
        let types = self.types(&call.operands);
        if *declared == types {
            return Ok(());
        }
        let (declared, types) = (spell(declared), spell(&types));
        Err(self.error(at, format!("{}: declared to take {declared}, found {types}", call.name)))
    }

    /// Fails unless a line makes what it is declared to.
    pub(super) fn check_results(
        &self,
        at: usize,
        results: &[Value],
        declared: &[TensorType],
    ) -> Result<(), Fault> {
        let types = self.types(results);
        if types == declared {
            return Ok(());
        }
        let (declared, types) = (spell(declared), spell(&types));
        Err(self.error(at, format!("declared to make {declared}, but makes {types}")))
    }
}
