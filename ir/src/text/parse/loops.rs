//! The pretty forms of loops.

use super::attributes::{Attribute, Attributes};
use super::call::Call;
use super::cursor::Lists;
use super::error::Fault;
use super::lexer::Kind;
use super::parser::Parser;
use super::types::Signature;
use crate::graph::Value;

impl<'a> Parser<'a> {
    /// `(%i = %zero, %x = %start) : T, U cond {..} do {..}`.
    pub(super) fn while_loop(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        self.expect('(')?;
        let carried = self.until(')', |parser| {
            let declared = (parser.at(), parser.value_name()?);
            parser.expect('=')?;
            Ok((declared, parser.operand()?))
        })?;
        let results = if self.eat(':') { self.types_alone()? } else { Vec::new() };
        let mut attributes = Attributes::default();
        if self.eat_word("attributes") {
            self.expect('{')?;
            attributes.attach(self.record('}')?);
        }
        let operands: Vec<Value> = carried.iter().map(|(_, value)| *value).collect();
        let types = self.graphs.types(&operands);
        let arguments: Vec<_> =
            carried.iter().zip(types).map(|(((at, name), _), ty)| (*at, *name, ty)).collect();
        self.expect_word("cond")?;
        self.expect('{')?;
        let cond = self.region_of(&arguments)?;
        self.expect_word("do")?;
        self.expect('{')?;
        let body = self.region_of(&arguments)?;
        let signature = Signature { operands: None, results };
        Ok(Call { name, operands, attributes, regions: vec![cond, body], signature })
    }

    /// `(%x) inits(%start) dimension=0 is_reverse=true { ^bb0(..): .. } : (A, B) -> (C, D)`.
    pub(super) fn scan(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        self.expect('(')?;
        let mut operands = self.until(')', Parser::operand)?;
        let mut attributes = Attributes::default();
        let inputs = operands.len();
        self.expect_word("inits")?;
        self.expect('(')?;
        operands.extend(self.until(')', Parser::operand)?);
        let counts = [inputs, operands.len() - inputs].map(|count| Attribute::Integer(count as i64));
        attributes.push("operandSegmentSizes", Attribute::List(counts.into()));
        loop {
            match (self.peek(), self.peek_second()) {
                (Kind::Word(key), Kind::Mark('=')) => {
                    self.position += 2;
                    attributes.push(key, self.attribute()?);
                    if self.eat(':') {
                        self.pass_over_group("the type of an attribute")?;
                    }
                }
                (Kind::Word("attributes"), _) => {
                    self.advance();
                    self.expect('{')?;
                    attributes.attach(self.record('}')?);
                }
                _ => break,
            }
            self.eat(',');
        }
        self.expect('{')?;
        let body = self.region()?;
        self.expect(':')?;
        let signature = self.signature()?;
        Ok(Call { name, operands, attributes, regions: vec![body], signature })
    }
}
