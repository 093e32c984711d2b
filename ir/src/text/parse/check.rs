//! Checks: lines that compare a value with another, or with a literal.

use super::attributes::{Attribute, Attributes};
use super::cursor::Lists;
use super::error::{Fault, line_at};
use super::lexer::Kind;
use super::meaning::push_constant;
use super::parser::Parser;
use crate::check::{Check, Closeness};
use crate::graph::Value;

/// `expect_almost_eq` as a custom call.
const CUSTOM_CALL_TOLERANCE: f64 = 1e-3;
/// `check.expect_almost_eq` and `check.expect_almost_eq_const`, where the line names none.
const TOLERANCE: f64 = 1e-4;
/// `expect_close`, where the line names none.
const ULPS: i64 = 3;

impl<'a> Parser<'a> {
    /// Whether the line at hand is a check.
    pub(super) fn is_check(&self) -> bool {
        match (self.peek(), self.peek_second()) {
            (Kind::Word("stablehlo.custom_call"), Kind::Symbol(target)) => target.starts_with("check."),
            (Kind::Word(name), _) => name.starts_with("check."),
            _ => false,
        }
    }

    /// `check.expect_eq_const %x, dense<..> : T`, or `stablehlo.custom_call @check.expect_eq(%x, %y) {..} : ..`.
    pub(super) fn check(&mut self) -> Result<(), Fault> {
        let at = self.at();
        let Kind::Word(mut name) = self.advance() else { return Err(self.unexpected("a check")) };
        let custom_call = name == "stablehlo.custom_call";
        if custom_call {
            name = self.symbol()?;
        }
        let mut values = Vec::new();
        let mut attributes = Attributes::default();
        loop {
            match self.peek() {
                Kind::Mark(':') => break,
                Kind::Value(_) => values.push(self.operand()?),
                Kind::Word("dense") => {
                    self.advance();
                    // The literal reads its own type.
                    let (tensor, ty) = self.literal("dense")?;
                    values.push(push_constant(&mut self.graphs.here.builder, &tensor, &ty));
                    break;
                }
                Kind::Mark('(') => {
                    self.advance();
                    values.extend(self.until(')', Parser::operand)?);
                }
                Kind::Mark('{') => {
                    self.advance();
                    attributes.extend(self.record('}')?);
                }
                Kind::Word(key) => {
                    self.advance();
                    self.expect('=')?;
                    attributes.push(key, self.attribute()?);
                }
                _ => return Err(self.unexpected("an operand, an attribute or `:`")),
            }
            self.eat(',');
        }
        if self.eat('{') {
            attributes.extend(self.record('}')?);
        }
        if self.eat(':') {
            self.check_signature()?;
        }
        if self.eat('{') {
            attributes.extend(self.record('}')?);
        }
        self.skip_location()?;
        let pair =
            <[Value; 2]>::try_from(values).map_err(|_| self.error(at, "expected two values to compare"))?;
        let kind =
            closeness(name, custom_call, &mut attributes).map_err(|message| self.error(at, message))?;
        let line = line_at(self.source, at);
        self.graphs.here.checks.push((Check { kind, line }, pair));
        Ok(())
    }

    /// `(A, B) -> ()`, or types alone.
    fn check_signature(&mut self) -> Result<(), Fault> {
        if !self.eat('(') {
            self.ty()?;
            while self.eat(',') {
                self.ty()?;
            }
            return Ok(());
        }
        self.until(')', |parser| parser.ty())?;
        if self.eat_arrow() {
            self.expect('(')?;
            self.until(')', |parser| parser.ty())?;
        }
        Ok(())
    }
}

fn closeness(name: &str, custom_call: bool, attributes: &mut Attributes<'_>) -> Result<Closeness, String> {
    match name {
        "check.expect_eq" | "check.expect_eq_const" => Ok(Closeness::Equal),
        "check.expect_almost_eq" | "check.expect_almost_eq_const" => {
            let default = if custom_call { CUSTOM_CALL_TOLERANCE } else { TOLERANCE };
            let tolerance = attributes.take(&["tolerance"]).map_or(Ok(default), number)?;
            Ok(Closeness::Within(tolerance))
        }
        "check.expect_close" => {
            let ulps = attributes.take(&["max_ulp_difference"]).map_or(Ok(ULPS), |value| value.integer())?;
            Ok(Closeness::Ulps(
                u64::try_from(ulps).map_err(|_| "expected a number of units, found a negative one")?,
            ))
        }
        other => Err(format!("expected a check such as check.expect_eq, found {other}")),
    }
}

fn number(value: Attribute<'_>) -> Result<f64, String> {
    match value {
        // The lexer takes whole numbers alone for numbers.
        Attribute::Word(word) => word.parse().map_err(|_| format!("expected a number, found `{word}`")),
        other => other.integer().map(|value| value as f64),
    }
}
