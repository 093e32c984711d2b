//! Types: tensors of static shape, by their spelling or by an alias; all others are refused by name.

use super::cursor::{Cursor, Lists};
use super::error::Fault;
use super::lexer::Kind;
use super::refusal;
use crate::{DType, TensorType};

/// The types after the colon.
#[derive(Default)]
pub(super) struct Signature {
    /// Types of the operands, if the form writes them.
    pub(super) operands: Option<Vec<TensorType>>,
    /// Types of the results.
    pub(super) results: Vec<TensorType>,
}

impl<'a> Cursor<'a> {
    /// The type of a value.
    pub(super) fn ty(&mut self) -> Result<TensorType, Fault> {
        match self.type_token() {
            Kind::Tensor(inner) => self.tensor(inner),
            Kind::Bang(name) => {
                let what = refusal::of_type(name).unwrap_or_else(|| "types other than tensors".to_owned());
                Err(self.error(self.at(), format!("`!{name}`: choral does not support {what}")))
            }
            Kind::Word(name) => Err(match refusal::of_type(name) {
                Some(what) => self.error(self.at(), format!("`{name}`: choral does not support {what}")),
                None => self.unexpected("a tensor type"),
            }),
            _ => Err(self.unexpected("a tensor type")),
        }
    }

    /// As [`Cursor::ty`], for the literals of attributes: places may be of the type `index` there.
    pub(super) fn literal_type(&mut self) -> Result<TensorType, Fault> {
        match self.type_token() {
            Kind::Tensor(inner) if inner.ends_with("index") => {
                self.tensor(&format!("{}i64", inner.trim_end_matches("index")))
            }
            _ => self.ty(),
        }
    }

    /// `A, B`.
    pub(super) fn types_alone(&mut self) -> Result<Vec<TensorType>, Fault> {
        let mut types = vec![self.ty()?];
        while self.eat(',') {
            types.push(self.ty()?);
        }
        Ok(types)
    }

    /// `(A, B) -> C`, `(A) -> (B, C)`, `A -> B`, or types alone, the last of which is the result's.
    pub(super) fn signature(&mut self) -> Result<Signature, Fault> {
        let operands = if self.eat('(') { self.until(')', Cursor::ty)? } else { self.types_alone()? };
        if !self.eat_arrow() {
            return Ok(Signature { operands: None, results: operands.last().cloned().into_iter().collect() });
        }
        let results = if self.eat('(') { self.until(')', Cursor::ty)? } else { vec![self.ty()?] };
        Ok(Signature { operands: Some(operands), results })
    }

    /// The type of what stood within `tensor<..>` at the token at hand, which is taken.
    fn tensor(&mut self, inner: &str) -> Result<TensorType, Fault> {
        let ty = tensor(inner).map_err(|message| self.error(self.at(), message))?;
        self.position += 1;
        Ok(ty)
    }

    /// The token that says what the type at hand is, behind all aliases.
    fn type_token(&self) -> Kind<'a> {
        let mut kind = self.peek();
        // An alias that leads back to itself ends nowhere.
        for _ in 0..=self.survey.types.len() {
            let Kind::Bang(alias) = kind else { break };
            match self.survey.types.get(alias) {
                Some(&definition) => kind = self.kind_at(definition),
                None => break,
            }
        }
        kind
    }
}

/// The type of `2x3xf32`, which stood within `tensor<..>`.
fn tensor(inner: &str) -> Result<TensorType, String> {
    let spelling = inner.lines().next().unwrap_or_default();
    read(inner).ok_or_else(|| match refusal::of_element(spelling) {
        Some(what) => format!("`tensor<{spelling}>`: choral does not support {what}"),
        None => format!("expected a type of static shape that fits the machine, found `tensor<{spelling}>`"),
    })
}

/// `None` also where the number of bytes overflows.
fn read(inner: &str) -> Option<TensorType> {
    let (sizes, dtype) = match inner.rsplit_once('x') {
        Some((sizes, dtype)) => {
            (sizes.split('x').map(|size| size.trim().parse()).collect::<Result<Vec<usize>, _>>().ok()?, dtype)
        }
        None => (Vec::new(), inner),
    };
    let dtype = DType::from_name(dtype.trim())?;
    Some(TensorType::new(sizes, dtype)).filter(TensorType::is_addressable)
}

/// `(A, B)`.
pub(super) fn spell(types: &[TensorType]) -> String {
    format!("({})", types.iter().map(TensorType::to_string).collect::<Vec<_>>().join(", "))
}
