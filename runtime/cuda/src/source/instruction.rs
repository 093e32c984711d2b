//! Scalar instructions as expressions of CUDA C++.
//!
//! Must not live here: the functions of floats ([`super::functions`]), and what the expressions are put into.

use choral_kernels::Number;
use choral_kernels::instruction::{Binary, Comparison, Instruction, Unary};

use super::number::{bits, in_registers, literal, signed};
use super::{Missing, Needed};

/// The expression of an instruction on values in registers: `from` is the type of its operands (of its last one, if they
/// differ), `to` that of its result.
///
/// # Errors
/// If there is no such instruction on these types.
pub(super) fn expression(
    instruction: &Instruction,
    from: Number,
    to: Number,
    operands: &[String],
    needed: &mut Needed,
) -> Result<String, Missing> {
    let missing = || Missing::instruction(instruction, from, to);
    let float = matches!(from, Number::F32 | Number::F64);
    let operand = |place: usize| operands.get(place).or(operands.first()).cloned().unwrap_or_default();
    let (x, y, z) = (operand(0), operand(1), operand(2));
    Ok(match instruction {
        Instruction::Constant(bits) => literal(to, *bits),
        Instruction::Unary(op) if !float => unary(*op, from, &x),
        Instruction::Binary(op) => match float {
            true => float_binary(*op, &x, &y).ok_or_else(missing)?,
            false => integer_binary(*op, from, &x, &y),
        },
        Instruction::Compare(op) => {
            let sign = match op {
                Comparison::Equal => "==",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
            };
            format!("(u8)({x} {sign} {y})")
        }
        Instruction::Select => format!("{x} ? {y} : {z}"),
        Instruction::MultiplyAdd => match from {
            Number::F32 => format!("fmaf({x}, {y}, {z})"),
            Number::F64 => format!("fma({x}, {y}, {z})"),
            _ => wrapped(from, format!("({0}){x} * ({0}){y} + ({0}){z}", wide(from))),
        },
        Instruction::Convert => convert(from, to, &x),
        Instruction::ConvertToOdd => match (from, to) {
            (Number::F64, Number::F32) => format!("float_to_odd({x})"),
            (Number::U64, Number::F64) => format!("size_to_odd({x})"),
            (Number::I64, Number::F64) => format!("whole_to_odd({x})"),
            _ => return Err(missing()),
        },
        Instruction::Round(Number::F16) => format!("of_f16(to_f16({x}))"),
        Instruction::Round(Number::Bf16) => format!("of_bf16(to_bf16({x}))"),
        Instruction::ReducePrecision { exponent, mantissa } if float => {
            format!("({})reduced_precision({exponent}, {mantissa}, {x})", in_registers(to))
        }
        Instruction::Wrap(bits) => match from {
            Number::I8 => format!("(i8)((i8)((u32){x} << {0}) >> {0})", 8 - bits),
            _ => format!("(u8)({x} & {})", (1u32 << bits) - 1),
        },
        Instruction::OrderKey if float => format!("order_key({x})"),
        Instruction::Function(function) if float => {
            format!("{}({x})", needed.function(*function, from))
        }
        Instruction::FunctionOfTwo(function) if float => {
            format!("{}({x}, {y})", needed.function_of_two(*function, from))
        }
        Instruction::Call1(call) if float => {
            format!("{}({x})", needed.called(call.name, from).ok_or_else(missing)?)
        }
        Instruction::Call2(call) if float => {
            format!("{}({x}, {y})", needed.called(call.name, from).ok_or_else(missing)?)
        }
        Instruction::Unary(_)
        | Instruction::Round(_)
        | Instruction::ReducePrecision { .. }
        | Instruction::OrderKey
        | Instruction::Function(_)
        | Instruction::FunctionOfTwo(_)
        | Instruction::Call1(_)
        | Instruction::Call2(_) => return Err(missing()),
    })
}

/// The unsigned type that sums and products of integers wrap in: at least as wide as `unsigned`, in which C++ computes.
const fn wide(number: Number) -> &'static str {
    match number.bytes() {
        8 => "u64",
        _ => "u32",
    }
}

fn wrapped(number: Number, expression: String) -> String {
    format!("({})({expression})", in_registers(number))
}

fn unary(op: Unary, number: Number, x: &str) -> String {
    let (own, bits, width) = (in_registers(number), bits(number), 8 * number.bytes());
    match op {
        Unary::Abs => format!("({own})({x} < 0 ? ({bits})0 - ({bits}){x} : ({bits}){x})"),
        Unary::Negate => format!("({own})(({0})0 - ({0}){x})", wide(number)),
        Unary::Not => format!("({own})~{x}"),
        Unary::CountLeadingZeros if width == 64 => format!("({own})__clzll((i64){x})"),
        Unary::CountLeadingZeros => format!("({own})(__clz((i32)(u32)({bits}){x}) - {})", 32 - width),
        Unary::Popcnt => format!("({own})__popcll((u64)({bits}){x})"),
        Unary::Sign => format!("({own})(({x} > 0) - ({x} < 0))"),
    }
}

fn float_binary(op: Binary, x: &str, y: &str) -> Option<String> {
    match op {
        Binary::Add => Some(format!("{x} + {y}")),
        Binary::Subtract => Some(format!("{x} - {y}")),
        Binary::Multiply => Some(format!("{x} * {y}")),
        Binary::Divide => Some(format!("{x} / {y}")),
        Binary::Maximum => Some(format!("upper({x}, {y})")),
        Binary::Minimum => Some(format!("lower({x}, {y})")),
        Binary::And
        | Binary::Mulhi
        | Binary::Or
        | Binary::Power
        | Binary::Remainder
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Xor => None,
    }
}

fn integer_binary(op: Binary, number: Number, x: &str, y: &str) -> String {
    let (own, bits, is_truth) = (in_registers(number), bits(number), number == Number::I1);
    let in_wide = |sign: &str| wrapped(number, format!("({0}){x} {sign} ({0}){y}", wide(number)));
    match op {
        Binary::Add | Binary::Maximum if is_truth => in_wide("|"),
        Binary::Multiply | Binary::Minimum if is_truth => in_wide("&"),
        Binary::Add => in_wide("+"),
        Binary::Subtract => in_wide("-"),
        Binary::Multiply => in_wide("*"),
        Binary::And => in_wide("&"),
        Binary::Or => in_wide("|"),
        Binary::Xor => in_wide("^"),
        Binary::Divide => format!("quotient<{own}>({x}, {y})"),
        Binary::Remainder => format!("rest<{own}>({x}, {y})"),
        Binary::Maximum => format!("({x} > {y} ? {x} : {y})"),
        Binary::Minimum => format!("({x} < {y} ? {x} : {y})"),
        Binary::Mulhi => format!("high_half({x}, {y})"),
        Binary::Power => format!("integer_power<{own}, {bits}>({x}, {y})"),
        Binary::ShiftLeft => format!("({own})shifted_left<{bits}>({x}, {y})"),
        Binary::ShiftRightLogical => format!("({own})shifted_right<{bits}>({x}, {y})"),
        Binary::ShiftRightArithmetic => {
            format!("({own})shifted_with_sign<{0}, {bits}>(({0}){x}, ({bits}){y})", signed(number))
        }
    }
}

/// Integers wrap; floats to integers saturate.
fn convert(from: Number, to: Number, x: &str) -> String {
    let own = in_registers(to);
    let is_float = |number: Number| matches!(number, Number::F32 | Number::F64);
    match (is_float(from), to) {
        (true, Number::I1) => format!("(u8)({x} != 0)"),
        (false, Number::I1) => format!("(u8)({x} != 0)"),
        (true, _) if !is_float(to) => format!("saturated<{own}>({x})"),
        (_, _) => format!("({own}){x}"),
    }
}
