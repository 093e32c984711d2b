//! Elementwise ops as instructions.

use choral_ir::DType;
use choral_ir::op::{
    Binary, Compare, ComparisonDirection, ComparisonType, Elementwise, ReducePrecision, Unary,
};
use choral_kernels::functions::Function;
use choral_kernels::instruction::{Binary as B, Comparison, Instruction, Unary as U};
use choral_kernels::rows::{Kind, Step};
use choral_kernels::{Number, Rows};

use super::{functions, number};

/// Steps of a kernel, and how more of them are made.
pub trait Steps {
    /// Appends a step; returns its number.
    fn step(&mut self, kind: Kind, number: Number) -> usize;

    /// A computation.
    fn compute(&mut self, instruction: Instruction, operands: &[usize], number: Number) -> usize {
        self.step(Kind::Compute { instruction, operands: operands.to_vec() }, number)
    }

    /// A number by its bits in registers.
    fn constant(&mut self, bits: u64, number: Number) -> usize {
        self.compute(Instruction::Constant(bits), &[], number)
    }

    /// A result brought to the values of its element type.
    fn settled(&mut self, value: usize, dtype: DType) -> usize {
        let number = number::of(dtype).in_registers();
        number::settling(dtype).map_or(value, |instruction| self.compute(instruction, &[value], number))
    }
}

impl Steps for Rows {
    fn step(&mut self, kind: Kind, number: Number) -> usize {
        self.steps.push(Step { kind, number });
        self.steps.len() - 1
    }
}

/// Appends the steps of an op on these values, of element type `from`; returns the result's.
pub fn lower(steps: &mut impl Steps, op: &Elementwise, operands: &[usize], from: DType) -> usize {
    match op {
        Elementwise::Unary(op) => unary(steps, *op, operands[0], from),
        Elementwise::Binary(op) => binary(steps, *op, [operands[0], operands[1]], from),
        Elementwise::Compare(op) => compare(steps, op, [operands[0], operands[1]], from),
        Elementwise::Select => steps.compute(Instruction::Select, operands, number::of(from).in_registers()),
        Elementwise::Clamp => {
            let above = binary(steps, Binary::Maximum, [operands[1], operands[0]], from);
            binary(steps, Binary::Minimum, [above, operands[2]], from)
        }
        Elementwise::Convert(to) => convert(steps, operands[0], from, *to),
        Elementwise::ReducePrecision(ReducePrecision { exponent_bits, mantissa_bits }) => {
            let instruction =
                Instruction::ReducePrecision { exponent: *exponent_bits, mantissa: *mantissa_bits };
            steps.compute(instruction, operands, number::of(from).in_registers())
        }
    }
}

fn unary(steps: &mut impl Steps, op: Unary, x: usize, dtype: DType) -> usize {
    let number = number::of(dtype).in_registers();
    if op.is_predicate() {
        return class(steps, op, x, number);
    }
    let instruction = match (op, functions::unary(op)) {
        (Unary::Not, _) if dtype == DType::I1 => return negation(steps, x),
        (Unary::CountLeadingZeros | Unary::Popcnt, _) => return count_bits(steps, op, x, dtype),
        (Unary::Square, _) => Instruction::Binary(B::Multiply),
        (Unary::Not, _) => Instruction::Unary(U::Not),
        (_, Some(function)) if dtype.is_float() => function,
        (Unary::Abs, _) => Instruction::Unary(U::Abs),
        (Unary::Negate, _) => Instruction::Unary(U::Negate),
        (Unary::Sign, _) => Instruction::Unary(U::Sign),
        // The type rules know no other op on integers.
        (_, _) => return x,
    };
    let operands: &[usize] = if op == Unary::Square { &[x, x] } else { &[x] };
    let result = steps.compute(instruction, operands, number);
    // What changes or tells a sign, or rounds to an integer, is a value of every float type.
    let is_settled = matches!(
        op,
        Unary::Abs
            | Unary::Ceil
            | Unary::Floor
            | Unary::Negate
            | Unary::RoundNearestAfz
            | Unary::RoundNearestEven
            | Unary::Sign
    );
    if is_settled && dtype.is_float() { result } else { steps.settled(result, dtype) }
}

/// A truth value's opposite.
fn negation(steps: &mut impl Steps, x: usize) -> usize {
    let one = steps.constant(1, Number::I1);
    steps.compute(Instruction::Binary(B::Xor), &[x, one], Number::I1)
}

/// Bits of an integer, of which a narrow one has fewer than the byte that it lies in.
fn count_bits(steps: &mut impl Steps, op: Unary, x: usize, dtype: DType) -> usize {
    let number = number::of(dtype);
    let missing = 8 * number.bytes() - dtype.bits();
    let x = if missing == 0 {
        x
    } else {
        let mask = steps.constant((1 << dtype.bits()) - 1, number);
        steps.compute(Instruction::Binary(B::And), &[x, mask], number)
    };
    if op == Unary::Popcnt {
        let count = steps.compute(Instruction::Unary(U::Popcnt), &[x], number);
        return steps.settled(count, dtype);
    }
    let count = steps.compute(Instruction::Unary(U::CountLeadingZeros), &[x], number);
    if missing == 0 {
        return count;
    }
    let missing = steps.constant(missing as u64, number);
    let count = steps.compute(Instruction::Binary(B::Subtract), &[count, missing], number);
    steps.settled(count, dtype)
}

/// Whether a float is finite, or infinite.
fn class(steps: &mut impl Steps, op: Unary, x: usize, number: Number) -> usize {
    let infinite = |sign: f64| {
        if number == Number::F64 {
            (sign * f64::INFINITY).to_bits()
        } else {
            u64::from((sign as f32 * f32::INFINITY).to_bits())
        }
    };
    let sign = if op == Unary::IsNegInf { -1.0 } else { 1.0 };
    let limit = steps.constant(infinite(sign), number);
    let has_sign = matches!(op, Unary::IsNegInf | Unary::IsPosInf);
    let x = if has_sign { x } else { steps.compute(Instruction::Function(Function::Abs), &[x], number) };
    let comparison = if op == Unary::IsFinite { Comparison::Less } else { Comparison::Equal };
    steps.compute(Instruction::Compare(comparison), &[x, limit], Number::I1)
}

fn binary(steps: &mut impl Steps, op: Binary, operands: [usize; 2], dtype: DType) -> usize {
    let number = number::of(dtype).in_registers();
    if dtype.is_float()
        && let Some(function) = functions::binary(op, dtype)
    {
        let result = steps.compute(function, &operands, number);
        return steps.settled(result, dtype);
    }
    let Some(instruction) = instruction(op) else { return operands[0] };
    if dtype.is_narrow() {
        return narrow_binary(steps, instruction, operands, dtype);
    }
    let result = steps.compute(Instruction::Binary(instruction), &operands, number);
    // The greater and the lesser are operands, and so values of the type.
    let is_operand = matches!(op, Binary::Maximum | Binary::Minimum);
    if is_operand { result } else { steps.settled(result, dtype) }
}

/// The instruction that an op is on integers, and on floats where no function is called.
pub fn instruction(op: Binary) -> Option<B> {
    match op {
        Binary::Add => Some(B::Add),
        Binary::And => Some(B::And),
        Binary::Divide => Some(B::Divide),
        Binary::Maximum => Some(B::Maximum),
        Binary::Minimum => Some(B::Minimum),
        Binary::Mulhi => Some(B::Mulhi),
        Binary::Multiply => Some(B::Multiply),
        Binary::Or => Some(B::Or),
        Binary::Power => Some(B::Power),
        Binary::Remainder => Some(B::Remainder),
        Binary::ShiftLeft => Some(B::ShiftLeft),
        Binary::ShiftRightArithmetic => Some(B::ShiftRightArithmetic),
        Binary::ShiftRightLogical => Some(B::ShiftRightLogical),
        Binary::Subtract => Some(B::Subtract),
        Binary::Xor => Some(B::Xor),
        Binary::Atan2 | Binary::NextAfter | Binary::Polygamma | Binary::Zeta => None,
    }
}

/// On integers of fewer bits than a byte: what looks at bits sees their own alone.
fn narrow_binary(steps: &mut impl Steps, op: B, [x, y]: [usize; 2], dtype: DType) -> usize {
    let number = number::of(dtype);
    let result = if op == B::ShiftRightLogical {
        let mask = steps.constant((1 << dtype.bits()) - 1, number);
        let x = steps.compute(Instruction::Binary(B::And), &[x, mask], number);
        steps.compute(Instruction::Binary(op), &[x, y], number)
    } else if op == B::Mulhi {
        let wide = if number == Number::I8 { Number::I16 } else { Number::U16 };
        let [x, y] = [x, y].map(|value| steps.compute(Instruction::Convert, &[value], wide));
        let product = steps.compute(Instruction::Binary(B::Multiply), &[x, y], wide);
        let distance = steps.constant(dtype.bits() as u64, wide);
        let high = steps.compute(Instruction::Binary(B::ShiftRightArithmetic), &[product, distance], wide);
        steps.compute(Instruction::Convert, &[high], number)
    } else {
        steps.compute(Instruction::Binary(op), &[x, y], number)
    };
    steps.settled(result, dtype)
}

fn compare(steps: &mut impl Steps, op: &Compare, [x, y]: [usize; 2], dtype: DType) -> usize {
    let mut number = number::of(dtype).in_registers();
    let (mut x, mut y) = (x, y);
    if op.compare_type == ComparisonType::TotalOrder && dtype.is_float() {
        number = if number == Number::F64 { Number::I64 } else { Number::I32 };
        [x, y] = [x, y].map(|value| steps.compute(Instruction::OrderKey, &[value], number));
    }
    let (comparison, operands, is_negated) = match op.direction {
        ComparisonDirection::Eq => (Comparison::Equal, [x, y], false),
        ComparisonDirection::Ne => (Comparison::Equal, [x, y], true),
        ComparisonDirection::Lt => (Comparison::Less, [x, y], false),
        ComparisonDirection::Gt => (Comparison::Less, [y, x], false),
        ComparisonDirection::Le => (Comparison::LessOrEqual, [x, y], false),
        ComparisonDirection::Ge => (Comparison::LessOrEqual, [y, x], false),
    };
    let holds = steps.compute(Instruction::Compare(comparison), &operands, Number::I1);
    if is_negated { negation(steps, holds) } else { holds }
}

/// A value in another element type. What takes two roundings takes the first to odd.
pub fn convert(steps: &mut impl Steps, x: usize, from: DType, to: DType) -> usize {
    let (start, end) = (number::of(from).in_registers(), number::of(to).in_registers());
    if from == to {
        return x;
    }
    if from.is_float() && to.is_narrow() {
        return saturated(steps, x, start, to);
    }
    let mut x = x;
    let mut number = start;
    if matches!(to, DType::F16 | DType::Bf16)
        && !matches!(start, Number::F32 | Number::I1)
        && start.bytes() >= 4
    {
        if start != Number::F64 {
            let instruction =
                if start.bytes() == 8 { Instruction::ConvertToOdd } else { Instruction::Convert };
            x = steps.compute(instruction, &[x], Number::F64);
        }
        x = steps.compute(Instruction::ConvertToOdd, &[x], Number::F32);
        number = Number::F32;
    }
    if number != end {
        x = steps.compute(Instruction::Convert, &[x], end);
    }
    steps.settled(x, to)
}

/// A float as an integer narrower than a byte, at its limits if it is beyond.
fn saturated(steps: &mut impl Steps, x: usize, float: Number, to: DType) -> usize {
    let number = number::of(to);
    let is_signed = number == Number::I8;
    let top = 1i8 << (to.bits() - usize::from(is_signed));
    let (least, greatest) = (if is_signed { -top } else { 0 }, top - 1);
    let wide = steps.compute(Instruction::Convert, &[x], Number::I32);
    debug_assert!(float.is_float());
    let [least, greatest] = [least, greatest]
        .map(|limit| steps.constant(u64::from(i32::from(limit).cast_unsigned()), Number::I32));
    let above = steps.compute(Instruction::Binary(B::Maximum), &[wide, least], Number::I32);
    let within = steps.compute(Instruction::Binary(B::Minimum), &[above, greatest], Number::I32);
    steps.compute(Instruction::Convert, &[within], number)
}
