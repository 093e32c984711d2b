//! `dense<...> : tensor<...>`: constants, exact to the bit.

use super::ParseError;
use super::cursor::Parser;
use super::lexer::Kind;
use crate::text::literal::element_bits;
use crate::{DType, Element, Storage, Tensor, TensorType, with_dtype};

/// The elements of a literal before its type is known.
enum Body<'a> {
    /// `dense<>`.
    Nothing,
    /// `dense<"0x...">`: bytes in hexadecimal digits.
    Bytes(&'a str),
    /// One element for all.
    Splat(&'a str),
    /// Nested lists of this shape.
    Nested(Vec<&'a str>, Vec<usize>),
}

impl<'a> Parser<'a> {
    /// A literal whose `dense` was taken, and its type; a scalar where one element stands for all.
    pub(super) fn dense(&mut self) -> Result<(Tensor, TensorType), ParseError> {
        self.expect('<')?;
        let at = self.at();
        let body = self.dense_body()?;
        self.expect('>')?;
        self.expect(':')?;
        let ty = self.ty()?;
        let tensor = constant(body, &ty).map_err(|message| self.error(at, message))?;
        Ok((tensor, ty))
    }

    fn dense_body(&mut self) -> Result<Body<'a>, ParseError> {
        if self.peek() == Kind::Mark('>') {
            return Ok(Body::Nothing);
        }
        if let Kind::Text(text) = self.peek() {
            self.advance();
            return Ok(Body::Bytes(text));
        }
        let mut elements = Vec::new();
        if self.peek() != Kind::Mark('[') {
            self.element(&mut elements)?;
            return Ok(Body::Splat(elements[0]));
        }
        let shape = self.nested(&mut elements)?;
        Ok(Body::Nested(elements, shape))
    }

    fn element(&mut self, elements: &mut Vec<&'a str>) -> Result<(), ParseError> {
        match self.peek() {
            Kind::Number(literal) | Kind::Word(literal) => elements.push(literal),
            _ => return Err(self.unexpected("an element or `[`")),
        }
        self.position += 1;
        Ok(())
    }

    /// An element or a list of them; returns its shape.
    fn nested(&mut self, elements: &mut Vec<&'a str>) -> Result<Vec<usize>, ParseError> {
        if !self.eat('[') {
            self.element(elements)?;
            return Ok(Vec::new());
        }
        let at = self.at();
        let shapes = self.until(']', |parser| parser.nested(elements))?;
        let inner = shapes.first().cloned().unwrap_or_default();
        if shapes.iter().any(|shape| *shape != inner) {
            return Err(self.error(at, "the lists in this list differ in length"));
        }
        Ok([&[shapes.len()], inner.as_slice()].concat())
    }
}

fn constant(body: Body<'_>, ty: &TensorType) -> Result<Tensor, String> {
    match body {
        Body::Nothing if ty.is_empty() => Ok(Tensor::zeros(ty.clone())),
        Body::Nothing => Err(format!("expected elements of {ty}, found none")),
        Body::Splat(literal) => tensor(&[literal], &TensorType::scalar(ty.dtype)),
        Body::Bytes(digits) => from_bytes(digits, ty),
        Body::Nested(literals, shape) if shape == ty.shape => tensor(&literals, ty),
        Body::Nested(_, shape) => Err(format!("expected elements of {ty}, found a list of shape {shape:?}")),
    }
}

fn tensor(literals: &[&str], ty: &TensorType) -> Result<Tensor, String> {
    let bits = |literal: &&str| {
        element_bits(ty.dtype, literal)
            .ok_or_else(|| format!("expected an element of type {}, found `{literal}`", ty.dtype))
    };
    let bits = literals.iter().map(bits).collect::<Result<Vec<_>, _>>()?;
    let storage = store(ty.dtype, &bits);
    Tensor::from_storage(ty.shape.clone(), storage).map_err(|error| error.to_string())
}

/// The scalar that a literal names, if it names one of this type.
pub(super) fn scalar(dtype: DType, literal: &str) -> Option<Tensor> {
    tensor(&[literal], &TensorType::scalar(dtype)).ok()
}

fn store(dtype: DType, bits: &[u64]) -> Storage {
    with_dtype!(dtype, T => T::store(bits.iter().map(|&bits| T::from_bits64(bits)).collect()))
}

/// The bytes of all elements in little-endian order, or those of one element for all.
fn from_bytes(digits: &str, ty: &TensorType) -> Result<Tensor, String> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let expected = || format!("expected hexadecimal bytes of elements of {ty}");
    let hex = digits.strip_prefix("0x").ok_or_else(expected)?.as_bytes();
    let bytes: Option<Vec<u8>> = hex.chunks(2).map(pair).collect();
    let storage = bytes.and_then(|bytes| Storage::from_le_bytes(ty.dtype, &bytes));
    let storage = storage.ok_or_else(expected)?;
    let shape = if storage.len() == 1 && ty.len() != 1 { Vec::new() } else { ty.shape.clone() };
    Tensor::from_storage(shape, storage).map_err(|error| error.to_string())
}
