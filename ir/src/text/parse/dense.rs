//! `dense<...> : tensor<...>` and `dense_resource<...>`: constants, exact to the bit.

use super::cursor::{Cursor, Lists};
use super::error::Fault;
use super::lexer::Kind;
use crate::text::literal::element_bits;
use crate::{DType, Storage, Tensor, TensorType};

/// The elements of a literal before its type is known.
enum Body<'a> {
    /// `dense<>`.
    Nothing,
    /// `dense<"0x...">`: bytes in hexadecimal digits.
    Bytes(&'a str),
    /// Bytes of a resource, behind their alignment.
    Resource(&'a str),
    /// One element for all.
    Splat(&'a str),
    /// Nested lists of this shape.
    Nested(Vec<&'a str>, Vec<usize>),
}

impl<'a> Cursor<'a> {
    /// A literal whose `dense` or `dense_resource` was taken, and its type; a scalar where one element
    /// stands for all.
    pub(super) fn literal(&mut self, form: &str) -> Result<(Tensor, TensorType), Fault> {
        self.expect('<')?;
        let at = self.at();
        let body = if form == "dense_resource" { self.resource()? } else { self.dense_body()? };
        self.expect('>')?;
        self.expect(':')?;
        let ty = self.literal_type()?;
        let tensor = constant(body, &ty).map_err(|message| self.error(at, message))?;
        Ok((tensor, ty))
    }

    /// The bytes of a resource, by its name.
    fn resource(&mut self) -> Result<Body<'a>, Fault> {
        let (Kind::Word(name) | Kind::Text(name)) = self.peek() else {
            return Err(self.unexpected("the name of a resource"));
        };
        let Some(digits) = self.survey.resources.get(name) else {
            let message = format!("{name}: the bytes of this resource are not in the text");
            return Err(self.error(self.at(), message));
        };
        let body = Body::Resource(digits);
        self.advance();
        Ok(body)
    }

    fn dense_body(&mut self) -> Result<Body<'a>, Fault> {
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

    fn element(&mut self, elements: &mut Vec<&'a str>) -> Result<(), Fault> {
        match self.peek() {
            Kind::Number(literal) | Kind::Word(literal) => elements.push(literal),
            _ => return Err(self.unexpected("an element or `[`")),
        }
        self.position += 1;
        Ok(())
    }

    /// An element or a list of them; returns its shape.
    fn nested(&mut self, elements: &mut Vec<&'a str>) -> Result<Vec<usize>, Fault> {
        if !self.eat('[') {
            self.element(elements)?;
            return Ok(Vec::new());
        }
        let at = self.at();
        let shapes = self.until(']', |cursor| cursor.nested(elements))?;
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
        Body::Bytes(digits) => from_digits(digits, 0, ty),
        Body::Resource(digits) => from_digits(digits, ALIGNMENT, ty),
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
    let storage = Storage::from_bits(ty.dtype, &bits);
    Tensor::from_storage(ty.shape.clone(), storage).map_err(|error| error.to_string())
}

/// The scalar that a literal names, if it names one of this type.
pub(super) fn scalar(dtype: DType, literal: &str) -> Option<Tensor> {
    tensor(&[literal], &TensorType::scalar(dtype)).ok()
}

/// A resource begins with its alignment, as four bytes.
const ALIGNMENT: usize = 4;

/// What the bytes of hexadecimal digits stand for, without this many at the start.
fn from_digits(digits: &str, skipped: usize, ty: &TensorType) -> Result<Tensor, String> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8; 2]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    let (pairs, rest) = digits.strip_prefix("0x").unwrap_or("?").as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    let bytes = bytes.filter(|_| rest.is_empty());
    let bytes = bytes.as_deref().and_then(|bytes| bytes.get(skipped..));
    bytes
        .and_then(|bytes| from_bytes(bytes, ty))
        .ok_or_else(|| format!("expected hexadecimal bytes of elements of {ty}"))
}

/// The bytes of all elements in little-endian order, or those of one element for all.
fn from_bytes(bytes: &[u8], ty: &TensorType) -> Option<Tensor> {
    // Older MLIR packs eight booleans into a byte, from the lowest bit on.
    let is_packed = ty.dtype == DType::I1 && ty.len() > 8 && bytes.len() == ty.len().div_ceil(8);
    let unpacked: Vec<u8>;
    let bytes = if is_packed {
        unpacked = (0..ty.len()).map(|at| bytes[at / 8] >> (at % 8) & 1).collect();
        unpacked.as_slice()
    } else {
        bytes
    };
    let storage = Storage::from_le_bytes(ty.dtype, bytes)?;
    let shape = if storage.len() == 1 && ty.len() != 1 { Vec::new() } else { ty.shape.clone() };
    Tensor::from_storage(shape, storage).ok()
}
