//! Which loop runs an instruction.

use super::binary::binary;
use super::compare::compare;
use super::convert::{convert, convert_to_odd, order_key, round, wrap};
use super::fused::multiply_add;
use super::moves::copy;
use super::select::select;
use super::streams::numbers;
use super::unary::unary;
use super::{Arguments, Form, Loop};
use crate::functions;
use crate::instruction::Instruction;
use crate::{Level, Number};

/// The forms of operands that a loop can take: which of them may be scalars.
pub fn takes_scalars(instruction: &Instruction) -> Form {
    match instruction {
        Instruction::Binary(_) | Instruction::Compare(_) | Instruction::MultiplyAdd => [true; 3],
        Instruction::Select => [false, true, true],
        Instruction::Constant(_)
        | Instruction::Unary(_)
        | Instruction::Function(_)
        | Instruction::FunctionOfTwo(_)
        | Instruction::Convert
        | Instruction::ConvertToOdd
        | Instruction::Round(_)
        | Instruction::ReducePrecision { .. }
        | Instruction::Wrap(_)
        | Instruction::OrderKey
        | Instruction::Call1(_)
        | Instruction::Call2(_) => [false; 3],
    }
}

/// The loop of an instruction with operands of type `from` and a result of type `to`, and what it is handed beside
/// its operands. `None` if there is no such instruction on the types, or nothing to run (constants).
pub fn choose(
    instruction: &Instruction,
    from: Number,
    to: Number,
    form: Form,
    level: Level,
) -> Option<(Loop, u64)> {
    let chosen = match instruction {
        Instruction::Constant(_) => None,
        Instruction::Unary(op) => unary(*op, from, level),
        Instruction::Function(function) => {
            return match from {
                Number::F32 => Some((function1::<f32>, function.unary::<f32>(level) as usize as u64)),
                Number::F64 => Some((function1::<f64>, function.unary::<f64>(level) as usize as u64)),
                _ => None,
            };
        }
        Instruction::FunctionOfTwo(function) => {
            return match from {
                Number::F32 => Some((function2::<f32>, function.binary::<f32>(level) as usize as u64)),
                Number::F64 => Some((function2::<f64>, function.binary::<f64>(level) as usize as u64)),
                _ => None,
            };
        }
        Instruction::Binary(op) => binary(*op, from, level),
        Instruction::Compare(op) => compare(*op, from, level),
        Instruction::Select => Some(select(to.bytes(), form, level)),
        Instruction::MultiplyAdd => multiply_add(from, level),
        Instruction::Convert => {
            convert(from, to, level).or_else(|| (from.bytes() == to.bytes()).then(|| copy(to.bytes())))
        }
        Instruction::ConvertToOdd => convert_to_odd(from, to, level),
        Instruction::Round(number) => round(*number, level),
        Instruction::Wrap(bits) => wrap(*bits, from, level),
        Instruction::OrderKey => order_key(from, level),
        Instruction::ReducePrecision { exponent, mantissa } => {
            let extra = u64::from(*exponent) << 32 | u64::from(*mantissa);
            return match from {
                Number::F32 => Some((reduce_precision::<f32>, extra)),
                Number::F64 => Some((reduce_precision::<f64>, extra)),
                _ => None,
            };
        }
        Instruction::Call1(call) => {
            return match from {
                Number::F32 => Some((call1::<f32>, call.single as usize as u64)),
                Number::F64 => Some((call1::<f64>, call.double as usize as u64)),
                _ => None,
            };
        }
        Instruction::Call2(call) => {
            return match from {
                Number::F32 => Some((call2::<f32>, call.single as usize as u64)),
                Number::F64 => Some((call2::<f64>, call.double as usize as u64)),
                _ => None,
            };
        }
    };
    chosen.map(|run| (run, numbers(form)))
}

/// Runs a function over the tile.
unsafe fn function1<T>(arguments: &Arguments) {
    // SAFETY: `choose` hands over a loop of this type, and the caller keeps the contract of `Loop`.
    unsafe {
        let run: functions::Unary<T> = std::mem::transmute(arguments.extra as usize);
        run(arguments.operands[0].cast(), arguments.out.cast(), arguments.length);
    }
}

/// Runs a function of two operands over the tiles.
unsafe fn function2<T>(arguments: &Arguments) {
    // SAFETY: `choose` hands over a loop of this type, and the caller keeps the contract of `Loop`.
    unsafe {
        let run: functions::Binary<T> = std::mem::transmute(arguments.extra as usize);
        let [left, right, _] = arguments.operands;
        run(left.cast(), right.cast(), arguments.out.cast(), arguments.length);
    }
}

/// Calls a function for every element.
unsafe fn call1<T: Copy>(arguments: &Arguments) {
    // SAFETY: `choose` hands over a function of this type, and the caller keeps the contract of `Loop`.
    unsafe {
        let function: fn(T) -> T = std::mem::transmute(arguments.extra as usize);
        arguments.results::<T>().iter_mut().zip(arguments.tile::<T>(0)).for_each(|(r, &x)| *r = function(x));
    }
}

/// Calls a function for every pair of elements.
unsafe fn call2<T: Copy>(arguments: &Arguments) {
    // SAFETY: `choose` hands over a function of this type, and the caller keeps the contract of `Loop`.
    unsafe {
        let function: fn(T, T) -> T = std::mem::transmute(arguments.extra as usize);
        let pairs = arguments.tile::<T>(0).iter().zip(arguments.tile::<T>(1));
        arguments.results::<T>().iter_mut().zip(pairs).for_each(|(r, (&x, &y))| *r = function(x, y));
    }
}

unsafe fn reduce_precision<T: Copy + Into<f64> + FromF64>(arguments: &Arguments) {
    let (exponent, mantissa) = ((arguments.extra >> 32) as u32, arguments.extra as u32);
    // SAFETY: the caller keeps the contract of `Loop` for this type.
    let (results, tile) = unsafe { (arguments.results::<T>(), arguments.tile::<T>(0)) };
    results.iter_mut().zip(tile).for_each(|(r, &x)| *r = T::from_f64(rounded(exponent, mantissa, x.into())));
}

/// A float that a wider one stands for exactly.
trait FromF64 {
    fn from_f64(x: f64) -> Self;
}

impl FromF64 for f32 {
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
}

impl FromF64 for f64 {
    fn from_f64(x: f64) -> f64 {
        x
    }
}

/// The value nearest to `x`, halves to even, among floats with so many bits of exponent and mantissa: too large
/// becomes infinite, and what would be subnormal becomes zero.
pub fn rounded(exponent: u32, mantissa: u32, x: f64) -> f64 {
    if !x.is_finite() {
        // Without a mantissa there is no NaN.
        return if x.is_nan() && mantissa == 0 { f64::INFINITY } else { x };
    }
    let dropped = 52u32.saturating_sub(mantissa);
    let bits = x.to_bits();
    let half = (1u64 << dropped) >> 1;
    let odd = bits >> dropped & 1;
    let up = if dropped == 0 { 0 } else { half - 1 + odd };
    let nearest = f64::from_bits((bits + up) >> dropped << dropped);
    let bias = (1i64 << (exponent.min(11) - 1)) - 1;
    let size = (nearest.to_bits() >> 52 & 0x7FF) as i64 - 1023;
    if size > bias {
        f64::INFINITY.copysign(x)
    } else if size < 1 - bias {
        0f64.copysign(x)
    } else {
        nearest
    }
}
