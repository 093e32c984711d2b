//! The dialect of shardings: notes about devices, which change no value.

use super::attributes::Attributes;
use super::call::Call;
use super::cursor::Lists;
use super::error::Fault;
use super::lexer::Kind;
use super::parser::Parser;
use super::types::Signature;

impl<'a> Parser<'a> {
    /// `sdy.sharding_constraint %x <@mesh, [{"x"}, {}]> : T`: what stands behind the operands is passed over.
    pub(super) fn annotation(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        let operands = vec![self.operand()?];
        while self.peek() != Kind::Mark(':') {
            self.pass_over_group("`:`")?;
        }
        self.expect(':')?;
        let ty = self.ty()?;
        let results = if name == "sdy.sharding_group" { Vec::new() } else { vec![ty.clone()] };
        let signature = Signature { operands: Some(vec![ty]), results };
        Ok(Call { name, operands, attributes: Attributes::default(), regions: Vec::new(), signature })
    }

    /// `(%x) in_shardings=[..] out_shardings=[..] manual_axes={"x"} (%a: T) {..} : (T) -> T`.
    pub(super) fn manual_computation(&mut self, name: &'a str) -> Result<Call<'a>, Fault> {
        self.expect('(')?;
        let operands = self.until(')', Parser::operand)?;
        while let Kind::Word(_) = self.peek() {
            self.advance();
            self.expect('=')?;
            self.pass_over_group("a sharding")?;
        }
        self.expect('(')?;
        let arguments = self.until(')', |parser| parser.block_argument())?;
        self.expect('{')?;
        let regions = vec![self.region_of(&arguments)?];
        self.expect(':')?;
        let signature = self.signature()?;
        Ok(Call { name, operands, attributes: Attributes::default(), regions, signature })
    }
}
