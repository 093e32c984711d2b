//! Every elementwise function against its true value, in every float type.
//!
//! `data/functions.txt` holds true values at edges and at random arguments, computed to 100 digits by
//! `data/functions.py`. They prove the functions in `f64`. The ignored sweeps then prove the narrower
//! types by the functions in `f64`: all values of `f16` and `bf16`, and a million of `f32`.

use std::collections::BTreeMap;
use std::fmt::Write;

use choral_ir::Class;
use choral_ir::element::{bf16, f16};
use choral_ir::op::{Binary, Unary};
use choral_kernels::{Level, functions as kernels};
use choral_runtime::ops::scalar::Scalar;

/// Units in the last place that a result may be away from the true value.
const ALLOWED: f64 = 2.0;

const VALUES: &str = include_str!("data/functions.txt");

/// A function of one or two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Function {
    One(usize),
    Two(usize),
}

impl Function {
    fn named(name: &str) -> Option<Function> {
        let one = Unary::ALL.iter().position(|op| op.name() == name).map(Function::One);
        one.or_else(|| Binary::ALL.iter().position(|op| op.name() == name).map(Function::Two))
    }

    fn name(self) -> &'static str {
        match self {
            Function::One(at) => Unary::ALL[at].name(),
            Function::Two(at) => Binary::ALL[at].name(),
        }
    }

    fn apply<T: Scalar>(self, arguments: &[T]) -> T {
        match self {
            Function::One(at) => T::unary(Unary::ALL[at], arguments[0]),
            Function::Two(at) => T::binary(Binary::ALL[at], arguments[0], arguments[1]),
        }
    }
}

/// A float type's grid.
trait Format: Scalar {
    /// Bits of the mantissa with the one that is not stored.
    const PRECISION: i32;
    /// The exponent of the least normal number, and that of the first power of 2 beyond the greatest.
    const EXPONENTS: (i32, i32);
}

macro_rules! formats {
    ($($Float:ident $digits:literal $least:literal $beyond:literal;)*) => {$(
        impl Format for $Float {
            const PRECISION: i32 = $digits;
            const EXPONENTS: (i32, i32) = ($least, $beyond);
        }
    )*};
}
formats! {
    f16 11 -14 16;
    bf16 8 -126 128;
    f32 24 -126 128;
    f64 53 -1022 1024;
}

/// How far a result lies from the true value, `value + rest` last places of `f64`, in last places of the type.
fn error<T: Format>(got: T, value: f64, rest: f64) -> f64 {
    let got = got.to_f64();
    if got.is_nan() || value.is_nan() {
        return if got.is_nan() && value.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // Zero has a sign where it is exact or underflows.
    if value == 0.0 && got == 0.0 && got.is_sign_negative() != value.is_sign_negative() {
        return f64::INFINITY;
    }
    let (least, beyond) = T::EXPONENTS;
    let exponent = if value == 0.0 { i32::MIN } else { libm::ilogb(value) };
    let place = |precision: i32, least: i32| exponent.clamp(least, beyond - 1) - precision + 1;
    let (own, fine) = (place(T::PRECISION, least), place(f64::PRECISION, f64::EXPONENTS.0));
    let scaled = |x: f64, power: i32| x * 2f64.powi(power / 2) * 2f64.powi(power - power / 2);
    // Infinity stands for the power of 2 beyond the greatest number.
    let limit = 2f64.powi(beyond - own);
    let units =
        |x: f64| if x.is_infinite() { limit.copysign(x) } else { scaled(x, -own).clamp(-limit, limit) };
    let rest = if units(value).abs() == limit { 0.0 } else { scaled(rest, fine - own) };
    (units(got) - units(value) - rest).abs()
}

/// The worst errors of each function in one type, and what was too far off.
struct Report {
    dtype: String,
    worst: BTreeMap<Function, (f64, String)>,
    failures: Vec<String>,
}

impl Report {
    fn new<T: Format>() -> Report {
        Report { dtype: T::DTYPE.to_string(), worst: BTreeMap::new(), failures: Vec::new() }
    }

    fn record<T: Format>(&mut self, function: Function, arguments: &[T], value: f64, rest: f64) {
        let got = function.apply(arguments);
        let error = error(got, value, rest);
        let (worst, place) = self.worst.entry(function).or_default();
        if error < *worst {
            return;
        }
        let shown: Vec<String> = arguments.iter().map(|x| format!("{:e}", x.to_f64())).collect();
        let shown = shown.join(", ");
        if error > ALLOWED {
            let name = function.name();
            self.failures.push(format!(
                "{name}({shown}) in {} is {:e}, not {value:e}: {error:.2} units in the last place",
                self.dtype,
                got.to_f64()
            ));
        }
        (*worst, *place) = (error, shown);
    }

    /// The worst error of each function; fails if one is too great.
    fn check(self) {
        let mut text = String::new();
        for (function, (worst, place)) in &self.worst {
            writeln!(text, "{:32} {:5} {worst:8.3} at {place}", function.name(), self.dtype)
                .expect("a string");
        }
        println!("{text}");
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
    }
}

/// A line of the file: arguments, the result, and how far the true value lies from it.
fn point(line: &str) -> Option<(Vec<f64>, f64, f64)> {
    let words: Vec<&str> = line.split(' ').collect();
    let (rest, words) = words.split_last()?;
    let bits = |word: &&str| match *word {
        "nan" => Some(f64::NAN),
        word => u64::from_str_radix(word, 16).ok().map(f64::from_bits),
    };
    let numbers: Option<Vec<f64>> = words.iter().map(bits).collect();
    let (value, arguments) = numbers?.split_last().map(|(value, arguments)| (*value, arguments.to_vec()))?;
    Some((arguments, value, rest.parse::<f64>().ok()? / 256.0))
}

/// All points of the file whose arguments the type holds.
fn known_values<T: Format>() -> Report {
    let mut report = Report::new::<T>();
    let mut function = None;
    for line in VALUES.lines() {
        if line.contains('.') {
            function = Some(Function::named(line).expect(line));
            continue;
        }
        let (numbers, value, rest) = point(line).expect(line);
        let arguments: Vec<T> = numbers.iter().map(|&x| T::from_f64(x)).collect();
        let held = |(x, &y): (&T, &f64)| x.to_f64() == y || y.is_nan();
        if arguments.iter().zip(&numbers).all(held) {
            report.record(function.expect("a name first"), &arguments, value, rest);
        }
    }
    report
}

#[test]
fn functions_of_f16() {
    known_values::<f16>().check();
}

#[test]
fn functions_of_bf16() {
    known_values::<bf16>().check();
}

#[test]
fn functions_of_f32() {
    known_values::<f32>().check();
}

#[test]
fn functions_of_f64() {
    known_values::<f64>().check();
}

/// Arguments of a sweep: `count` bit patterns, the same distance apart, so that every exponent and both signs occur.
fn patterns<T: Format>(count: u64) -> impl Iterator<Item = T> + Clone {
    let all = 1u64 << (8 * T::DTYPE.bytes());
    (0..count).map(move |at| T::from_bits64((u128::from(at) * u128::from(all) / u128::from(count)) as u64))
}

/// All functions of floats, at many arguments, against those in `f64`.
fn sweep<T: Format>(count: u64) {
    let of_floats = |class: Class| class != Class::Integer && class != Class::IntegerOrBoolean;
    let expected = |function: Function, arguments: &[T]| {
        let wide: Vec<f64> = arguments.iter().map(|x| x.to_f64()).collect();
        function.apply(&wide)
    };
    let mut report = Report::new::<T>();
    for (at, op) in Unary::ALL.iter().enumerate() {
        // Predicates give no number, random draws are made with what is XLA's to the bit.
        if of_floats(op.class()) && !op.is_predicate() && *op != Unary::ErfInvOfDraws {
            let function = Function::One(at);
            patterns::<T>(count).for_each(|x| report.record(function, &[x], expected(function, &[x]), 0.0));
        }
    }
    for (at, op) in Binary::ALL.iter().enumerate() {
        // The neighbour is another one in each type.
        if of_floats(op.class()) && *op != Binary::NextAfter {
            let function = Function::Two(at);
            let side = patterns::<T>(count.isqrt());
            for (x, y) in side.clone().flat_map(|x| side.clone().map(move |y| (x, y))) {
                report.record(function, &[x, y], expected(function, &[x, y]), 0.0);
            }
        }
    }
    report.check();
}

#[test]
#[ignore = "a minute long; in release"]
fn sweep_of_f16() {
    sweep::<f16>(1 << 16);
}

#[test]
#[ignore = "a minute long; in release"]
fn sweep_of_bf16() {
    sweep::<bf16>(1 << 16);
}

#[test]
#[ignore = "a minute long; in release"]
fn sweep_of_f32() {
    sweep::<f32>(1_000_000);
}

/// Every function of floats has true values on file, but for those that are exact by their definition.
#[test]
fn every_function_has_true_values() {
    let exact_unary = |op: &&Unary| {
        !op.is_predicate()
            && ![
                Unary::Abs,
                Unary::Ceil,
                Unary::ErfInvOfDraws,
                Unary::Floor,
                Unary::Negate,
                Unary::RoundNearestAfz,
                Unary::RoundNearestEven,
                Unary::Sign,
            ]
            .contains(op)
    };
    let of_floats = |class: Class| matches!(class, Class::Float | Class::Number);
    let unary = Unary::ALL.iter().filter(exact_unary).filter(|op| of_floats(op.class())).map(|op| op.name());
    let binary = [Binary::Atan2, Binary::Polygamma, Binary::Power, Binary::Remainder, Binary::Zeta];
    for name in unary.chain(binary.map(Binary::name)) {
        assert!(VALUES.lines().any(|line| line == name), "{name} has no true values in data/functions.txt");
    }
}

/// Random draws have the same bits where they are made on the host and in a kernel.
#[test]
fn draws_have_the_bits_of_the_host() {
    let patterns = (0..=u32::MAX).step_by(4_001).map(f32::from_bits);
    // What draws are made of: multiples of 2^-23 below 1.
    let draws = (0..1 << 23).step_by(7).map(|at| at as f32 / (1 << 22) as f32 - 1.0);
    let given: Vec<f32> = patterns.chain(draws).chain([1.0, -1.0, 0.0, -0.0]).collect();
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        let mut got = given.clone();
        kernels::Function::ErfInvOfDraws.apply(level, &mut got);
        for (x, got) in given.iter().zip(got) {
            let expected = choral_ir::special::erf_inv(*x);
            let is_same = got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan();
            assert!(is_same, "{x:e} at {}: {got:e}, not {expected:e}", level.name());
        }
    }
}
