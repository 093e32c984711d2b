//! Elements and constants as MLIR writes them: `0.1`, `0x7F800000`, `dense<[[1, 2]]>`.
//!
//! Every literal reads back to the same bits.

use crate::element::{Element, bf16, f16, i2, i4, u2, u4};
use crate::{DType, Storage, Tensor, TensorType};

/// Lists nest up to this deep; the parser takes no more than [`NESTING`](super::parse) brackets.
const LISTS: usize = 64;

/// A constant of type `ty`: a single element for a splat, nested lists otherwise, bytes where they would
/// nest too deep. More than `limit` elements are left out.
pub(super) fn dense(tensor: &Tensor, ty: &TensorType, limit: Option<usize>) -> String {
    if limit.is_some_and(|limit| tensor.len() > limit) {
        return "dense<...>".to_owned();
    }
    let elements = elements(tensor.storage());
    if tensor.ty() != ty || ty.rank() == 0 {
        return format!("dense<{}>", elements.concat());
    }
    if ty.is_empty() {
        return "dense<>".to_owned();
    }
    if ty.rank() > LISTS {
        let bytes = tensor.storage().to_le_bytes();
        return format!(
            "dense<\"0x{}\">",
            bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>()
        );
    }
    let mut body = String::new();
    nest(&mut body, &elements, tensor.shape());
    format!("dense<{body}>")
}

/// The elements in nested lists, with the brackets that open and close between two.
fn nest(body: &mut String, elements: &[String], shape: &[usize]) {
    for (place, element) in elements.iter().enumerate() {
        // So many dimensions begin at this place.
        let (mut rest, mut lists) = (place, 0);
        while lists < shape.len() && rest.is_multiple_of(shape[shape.len() - 1 - lists]) {
            rest /= shape[shape.len() - 1 - lists];
            lists += 1;
        }
        if place > 0 {
            body.push_str(&"]".repeat(lists));
            body.push_str(", ");
        }
        body.push_str(&"[".repeat(lists));
        body.push_str(element);
    }
    body.push_str(&"]".repeat(shape.len()));
}

fn elements(storage: &Storage) -> Vec<String> {
    match storage {
        Storage::I1(values) => values.iter().map(bool::to_string).collect(),
        Storage::I2(values) => values.iter().map(i2::to_string).collect(),
        Storage::I4(values) => values.iter().map(i4::to_string).collect(),
        Storage::I8(values) => values.iter().map(i8::to_string).collect(),
        Storage::I16(values) => values.iter().map(i16::to_string).collect(),
        Storage::I32(values) => values.iter().map(i32::to_string).collect(),
        Storage::I64(values) => values.iter().map(i64::to_string).collect(),
        Storage::Ui2(values) => values.iter().map(u2::to_string).collect(),
        Storage::Ui4(values) => values.iter().map(u4::to_string).collect(),
        Storage::Ui8(values) => values.iter().map(u8::to_string).collect(),
        Storage::Ui16(values) => values.iter().map(u16::to_string).collect(),
        Storage::Ui32(values) => values.iter().map(u32::to_string).collect(),
        Storage::Ui64(values) => values.iter().map(u64::to_string).collect(),
        Storage::F16(values) => values.iter().map(|&value| float(value, shortest_half::<f16>)).collect(),
        Storage::Bf16(values) => values.iter().map(|&value| float(value, shortest_half::<bf16>)).collect(),
        Storage::F32(values) => {
            values.iter().map(|&value| float(value, |value| format!("{value:?}"))).collect()
        }
        Storage::F64(values) => {
            values.iter().map(|&value| float(value, |value| format!("{value:?}"))).collect()
        }
    }
}

/// A float by the fewest digits that read back the same; infinities and NaN by their bits.
fn float<T: Element>(value: T, shortest: impl Fn(T) -> String) -> String {
    if value.to_f64().is_finite() { with_point(shortest(value)) } else { bits(value) }
}

fn bits<T: Element>(value: T) -> String {
    format!("0x{:0width$X}", value.to_bits64(), width = T::DTYPE.bytes() * 2)
}

/// MLIR wants a point before an exponent.
fn with_point(digits: String) -> String {
    match digits.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        Some(_) | None => digits,
    }
}

/// Five significant digits tell all `f16` apart, four all `bf16`.
fn shortest_half<T: Element>(value: T) -> String {
    let digits = |precision: usize| format!("{:.precision$e}", value.to_f64()).parse::<f64>().ok();
    let reads_back = |candidate: &f64| T::from_f64(*candidate).to_bits64() == value.to_bits64();
    let candidate = (0..5).filter_map(digits).find(reads_back);
    format!("{:?}", candidate.unwrap_or(value.to_f64()))
}

/// The bits of the element that a literal of `dtype` names, if it names one.
pub(super) fn element_bits(dtype: DType, literal: &str) -> Option<u64> {
    match dtype {
        DType::I1 => boolean_bits(literal),
        DType::F16 => float_bits(dtype, literal, |value| <f16 as Element>::from_f64(value).to_bits64()),
        DType::Bf16 => float_bits(dtype, literal, |value| <bf16 as Element>::from_f64(value).to_bits64()),
        // Rounding once, not by way of f64.
        DType::F32 if !literal.starts_with("0x") => Some(literal.parse::<f32>().ok()?.to_bits64()),
        DType::F32 => float_bits(dtype, literal, |value| (value as f32).to_bits64()),
        DType::F64 => float_bits(dtype, literal, f64::to_bits64),
        DType::I2 | DType::I4 | DType::I8 | DType::I16 | DType::I32 | DType::I64 => {
            integer_bits(dtype, literal)
        }
        DType::Ui2 | DType::Ui4 | DType::Ui8 | DType::Ui16 | DType::Ui32 | DType::Ui64 => {
            integer_bits(dtype, literal)
        }
    }
}

/// `-1` has the one bit set, too.
fn boolean_bits(literal: &str) -> Option<u64> {
    match literal {
        "true" | "1" | "-1" | "0x1" => Some(1),
        "false" | "0" | "0x0" => Some(0),
        _ => None,
    }
}

fn float_bits(dtype: DType, literal: &str, round: impl Fn(f64) -> u64) -> Option<u64> {
    match literal.strip_prefix("0x") {
        Some(digits) => {
            let bits = u64::from_str_radix(digits, 16).ok()?;
            (dtype.bits() == 64 || bits >> dtype.bits() == 0).then_some(bits)
        }
        None => literal.parse().ok().map(round),
    }
}

/// A literal above the greatest integer of a signed type names the bits of the unsigned one, as MLIR
/// reads it: `255` and `0xFF` are -1 of `i8`.
fn integer_bits(dtype: DType, literal: &str) -> Option<u64> {
    let (sign, magnitude) = literal.strip_prefix('-').map_or((1, literal), |rest| (-1, rest));
    let magnitude = match magnitude.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => magnitude.parse::<i128>().ok()?,
    };
    let least = if dtype.is_signed_integer() { -(1i128 << (dtype.bits() - 1)) } else { 0 };
    let value = sign * magnitude;
    (least..1i128 << dtype.bits()).contains(&value).then_some(value as u64)
}
