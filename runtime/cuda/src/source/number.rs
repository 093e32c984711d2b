//! Number types and numbers in CUDA C++.
//!
//! Must not live here: what is computed with them ([`super::instruction`]).

use choral_kernels::Number;

/// The type of a number in memory; 16-bit floats are their bits.
pub(super) const fn in_memory(number: Number) -> &'static str {
    match number {
        Number::I1 | Number::U8 => "u8",
        Number::I8 => "i8",
        Number::I16 => "i16",
        Number::I32 => "i32",
        Number::I64 => "i64",
        Number::U16 | Number::F16 | Number::Bf16 => "u16",
        Number::U32 => "u32",
        Number::U64 => "u64",
        Number::F32 => "float",
        Number::F64 => "double",
    }
}

/// The type of a number in registers.
pub(super) const fn in_registers(number: Number) -> &'static str {
    in_memory(number.in_registers())
}

/// The unsigned integer with as many bits as a number has in registers.
pub(super) const fn bits(number: Number) -> &'static str {
    match number.in_registers().bytes() {
        1 => "u8",
        2 => "u16",
        4 => "u32",
        _ => "u64",
    }
}

/// The signed integer with as many bits as a number has in registers.
pub(super) const fn signed(number: Number) -> &'static str {
    match number.in_registers().bytes() {
        1 => "i8",
        2 => "i16",
        4 => "i32",
        _ => "i64",
    }
}

/// A number in registers from its form in memory.
pub(super) fn widened(number: Number, value: &str) -> String {
    match number {
        Number::F16 => format!("of_f16({value})"),
        Number::Bf16 => format!("of_bf16({value})"),
        _ => value.to_owned(),
    }
}

/// The form in memory of a number in registers.
pub(super) fn narrowed(number: Number, value: &str) -> String {
    match number {
        Number::F16 => format!("to_f16({value})"),
        Number::Bf16 => format!("to_bf16({value})"),
        _ => value.to_owned(),
    }
}

/// A number in registers as memory would give it back.
pub(super) fn rounded(number: Number, value: &str) -> String {
    match number {
        Number::F16 | Number::Bf16 => widened(number, &narrowed(number, value)),
        _ => value.to_owned(),
    }
}

/// A number by its bits in registers.
pub(super) fn literal(number: Number, bits: u64) -> String {
    match number.in_registers() {
        Number::F32 => float(f32::from_bits(bits as u32)),
        Number::F64 => double(f64::from_bits(bits)),
        Number::I8 => format!("((i8){})", bits as u8 as i8),
        Number::I16 => format!("((i16){})", bits as u16 as i16),
        // The least one has no literal of its own.
        Number::I32 => format!("((i32)0x{:x}u)", bits as u32),
        Number::I64 => format!("((i64)0x{bits:x}ull)"),
        Number::I1 | Number::U8 => format!("((u8){})", bits as u8),
        Number::U16 => format!("((u16){})", bits as u16),
        Number::U32 => format!("0x{:x}u", bits as u32),
        Number::U64 | Number::F16 | Number::Bf16 => format!("0x{bits:x}ull"),
    }
}

/// An `f32`: as a decimal that reads as the same number, where there is one.
pub(super) fn float(value: f32) -> String {
    match value.is_finite() {
        true => format!("{value:?}f"),
        false => format!("__uint_as_float(0x{:x}u)", value.to_bits()),
    }
}

/// As [`float`], an `f64`.
pub(super) fn double(value: f64) -> String {
    match value.is_finite() {
        true => format!("{value:?}"),
        false => format!("__longlong_as_double(0x{:x}ll)", value.to_bits()),
    }
}

/// An element of a buffer in registers.
pub(super) fn load(number: Number, pointer: &str, place: &str) -> String {
    widened(number, &format!("((const {}*){pointer})[{place}]", in_memory(number)))
}

/// The statement that puts a number from registers into a buffer.
pub(super) fn store(number: Number, pointer: &str, place: &str, value: &str) -> String {
    format!("(({}*){pointer})[{place}] = {};", in_memory(number), narrowed(number, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_read() {
        assert_eq!(literal(Number::F32, u64::from(0.1f32.to_bits())), "0.1f");
        assert_eq!(literal(Number::F32, u64::from((-0.0f32).to_bits())), "-0.0f");
        assert_eq!(literal(Number::F32, u64::from(1e30f32.to_bits())), "1e30f");
        assert_eq!(
            literal(Number::F64, f64::INFINITY.to_bits()),
            "__longlong_as_double(0x7ff0000000000000ll)"
        );
        assert_eq!(literal(Number::I32, u64::from(i32::MIN as u32)), "((i32)0x80000000u)");
        assert_eq!(literal(Number::I8, 0xff), "((i8)-1)");
        assert_eq!(literal(Number::Bf16, u64::from(1.5f32.to_bits())), "1.5f");
    }
}
