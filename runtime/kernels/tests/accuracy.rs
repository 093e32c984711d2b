//! Every function against its true value.
//!
//! In `f32` that is what the standard library (`libm` for the error function) has in `f64`, at numbers of all sizes
//! and, in the ignored run, at all numbers. In `f64` it is the list of values worked out to 100 digits that the
//! runtime's functions are held to.

use choral_kernels::Level;
use choral_kernels::functions::{Float, Function, FunctionOfTwo, Real};

/// Units in the last place that a result may be away from the true value.
const ALLOWED: f64 = 2.0;

const VALUES: &str = include_str!("../../tests/data/functions.txt");

/// The functions that are exact: they need no list of true values.
const EXACT: [Function; 7] = [
    Function::Abs,
    Function::Ceil,
    Function::Floor,
    Function::Negate,
    Function::RoundNearestAfz,
    Function::RoundNearestEven,
    Function::Sign,
];

/// The functions that are held to their true values.
fn accurate() -> impl Iterator<Item = Function> {
    Function::ALL.iter().copied().filter(|&function| function != Function::ErfInvOfDraws)
}

/// A function of the standard library in `f64`.
fn truth(function: Function, x: f64) -> f64 {
    match function {
        Function::Abs => x.abs(),
        Function::Acos => x.acos(),
        Function::Acosh => x.acosh(),
        Function::Asin => x.asin(),
        Function::Asinh => libm::asinh(x),
        Function::Atan => x.atan(),
        Function::Atanh => libm::atanh(x),
        Function::Cbrt => x.cbrt(),
        Function::Ceil => x.ceil(),
        Function::Cosine => x.cos(),
        Function::Cosh => x.cosh(),
        Function::Erf => libm::erf(x),
        Function::Erfc => libm::erfc(x),
        Function::ErfInvOfDraws => unreachable!("held to the bits of an approximation"),
        Function::Exponential => x.exp(),
        Function::ExponentialMinusOne => x.exp_m1(),
        Function::Floor => x.floor(),
        Function::Log => x.ln(),
        Function::LogPlusOne => x.ln_1p(),
        Function::Logistic => 1.0 / (1.0 + (-x).exp()),
        Function::Negate => -x,
        Function::RoundNearestAfz => x.round(),
        Function::RoundNearestEven => x.round_ties_even(),
        Function::Rsqrt => 1.0 / x.sqrt(),
        Function::Sign => {
            if x == 0.0 || x.is_nan() {
                x
            } else {
                x.signum()
            }
        }
        Function::Sine => x.sin(),
        Function::Sinh => x.sinh(),
        Function::Sqrt => x.sqrt(),
        Function::Square => x * x,
        Function::Tan => x.tan(),
        Function::Tanh => x.tanh(),
    }
}

fn truth_of_two(function: FunctionOfTwo, x: f64, y: f64) -> f64 {
    match function {
        FunctionOfTwo::Atan2 => x.atan2(y),
        FunctionOfTwo::Maximum if x == 0.0 && y == 0.0 => {
            if x.is_sign_positive() {
                x
            } else {
                y
            }
        }
        FunctionOfTwo::Minimum if x == 0.0 && y == 0.0 => {
            if x.is_sign_negative() {
                x
            } else {
                y
            }
        }
        FunctionOfTwo::Maximum | FunctionOfTwo::Minimum if x.is_nan() || y.is_nan() => f64::NAN,
        FunctionOfTwo::Maximum => x.max(y),
        FunctionOfTwo::Minimum => x.min(y),
        // Of NaN that signals, too.
        FunctionOfTwo::Power => {
            if x == 1.0 || y == 0.0 {
                1.0
            } else {
                x.powf(y)
            }
        }
        FunctionOfTwo::Remainder => x % y,
    }
}

/// How far a result lies from the true value, `value + rest` last places of `f64`, in last places of a type with so
/// many digits and these exponents: of the least normal number, and of the first power of 2 beyond the greatest.
fn error<T: Float>(got: T, value: f64, rest: f64) -> f64 {
    let got = got.wide();
    if got.is_nan() || value.is_nan() {
        return if got.is_nan() && value.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // Zero has a sign where it is exact or underflows.
    if value == 0.0 && got == 0.0 && got.is_sign_negative() != value.is_sign_negative() {
        return f64::INFINITY;
    }
    if got == value && rest == 0.0 {
        return 0.0;
    }
    let (least, beyond) = if T::DIGITS == <f64 as Real>::DIGITS { (-1022, 1024) } else { (-126, 128) };
    let exponent = if value == 0.0 { i32::MIN } else { libm::ilogb(value) };
    let place = |digits: i32, least: i32| exponent.clamp(least, beyond - 1) - digits + 1;
    let (own, fine) = (place(T::DIGITS, least), place(<f64 as Real>::DIGITS, -1022));
    // Infinity stands for the power of 2 beyond the greatest number.
    let limit = libm::ldexp(1.0, beyond - own);
    let units =
        |x: f64| if x.is_infinite() { limit.copysign(x) } else { libm::ldexp(x, -own).clamp(-limit, limit) };
    let rest = if units(value).abs() == limit { 0.0 } else { libm::ldexp(rest, fine - own) };
    (units(got) - units(value) - rest).abs()
}

/// The worst error so far and where it is.
#[derive(Debug, Default)]
struct Worst {
    error: f64,
    place: String,
}

impl Worst {
    fn record(&mut self, error: f64, place: impl FnOnce() -> String) {
        if error > self.error {
            *self = Worst { error, place: place() };
        }
    }
}

/// The worst errors of functions, as a table that fails if one is too great.
#[derive(Debug, Default)]
struct Table {
    failures: Vec<String>,
}

impl Table {
    fn add(&mut self, name: &str, worst: &Worst) {
        let line = format!("{name:32} {:8.3} at {}", worst.error, worst.place);
        println!("{line}");
        if worst.error > ALLOWED {
            self.failures.push(line);
        }
    }

    fn check(self) {
        assert!(
            self.failures.is_empty(),
            "{} units in the last place\n{}",
            ALLOWED,
            self.failures.join("\n")
        );
    }
}

/// A function in `f32` at the numbers with these bits.
fn sweep(function: Function, patterns: impl Iterator<Item = u32>) -> Worst {
    let mut worst = Worst::default();
    let mut patterns = patterns.peekable();
    let mut given = Vec::new();
    while patterns.peek().is_some() {
        given.clear();
        given.extend(patterns.by_ref().take(1024).map(f32::from_bits));
        let mut results = given.clone();
        function.apply(Level::best(), &mut results);
        for (&x, &got) in given.iter().zip(&results) {
            let value = truth(function, f64::from(x));
            // What is the nearest number is off by half a unit at most, and takes no time.
            if got.to_bits() != (value as f32).to_bits() {
                worst.record(error(got, value, 0.0), || format!("{x:e}: {got:e}"));
            }
        }
    }
    worst
}

/// Bit patterns of all exponents, some way apart, that differ in every bit; with the neighbours of edges.
fn dense() -> impl Iterator<Item = u32> {
    let edges = [0, 1, 0x0080_0000, 0x3f00_0000, 0x3f80_0000, 0x7f80_0000, 0x7fc0_0000, 0x4780_0000];
    let near = edges
        .into_iter()
        .flat_map(|bits: u32| (0..200).map(move |at| bits.wrapping_sub(100).wrapping_add(at)));
    let both = near.flat_map(|bits| [bits, bits ^ (1 << 31)]);
    both.chain((0..1 << 17).map(|at: u32| at.wrapping_mul((1 << 15) + 1)))
}

#[test]
fn functions_of_f32() {
    let mut table = Table::default();
    for function in accurate() {
        table.add(&format!("{function:?}"), &sweep(function, dense()));
    }
    table.check();
}

/// The functions that `CHORAL_FUNCTIONS` names, or every function.
#[test]
#[ignore = "minutes for each function; in release"]
fn functions_of_every_f32() {
    let named = std::env::var("CHORAL_FUNCTIONS").ok();
    let is_named = |function: &Function| {
        named.as_ref().is_none_or(|named| named.split(',').any(|name| name == format!("{function:?}")))
    };
    let mut table = Table::default();
    for function in accurate().filter(is_named) {
        table.add(&format!("{function:?}"), &sweep(function, 0..=u32::MAX));
    }
    table.check();
}

#[test]
fn functions_of_two_f32() {
    let mut table = Table::default();
    for &function in FunctionOfTwo::ALL {
        let side: Vec<f32> = dense().step_by(127).map(f32::from_bits).collect();
        // Sizes for which powers are neither 0 nor infinite, too.
        let moderate = side.iter().map(|x| x.abs().powf(0.1).copysign(*x));
        let side: Vec<f32> = side.iter().copied().chain(moderate).collect();
        let mut worst = Worst::default();
        for &x in &side {
            let mut results = vec![x; side.len()];
            function.apply(Level::best(), &mut results, &side);
            for (&y, &got) in side.iter().zip(&results) {
                let value = truth_of_two(function, f64::from(x), f64::from(y));
                worst.record(error(got, value, 0.0), || format!("{x:e}, {y:e}: {got:e}"));
            }
        }
        table.add(&format!("{function:?}"), &worst);
    }
    table.check();
}

/// The name of an op's function.
fn named(op: &str) -> String {
    let (_, name) = op.split_once('.').unwrap();
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// A line of the file: arguments, the result, and how far the true value lies from it.
fn point(line: &str) -> (Vec<f64>, f64, f64) {
    let words: Vec<&str> = line.split(' ').collect();
    let (rest, numbers) = words.split_last().unwrap();
    let bits = |word: &&str| u64::from_str_radix(word, 16).map_or(f64::NAN, f64::from_bits);
    let (value, arguments) = numbers.split_last().unwrap();
    (arguments.iter().map(bits).collect(), bits(value), rest.parse::<f64>().unwrap() / 256.0)
}

/// The worst error of a function at the points of the file that a type holds; `None` if it has none.
fn known<T: Float>(name: &str, apply: impl Fn(&[T]) -> T) -> Option<Worst> {
    let mut lines = VALUES.lines().skip_while(|line| !line.contains('.') || named(line) != name);
    lines.next()?;
    let mut worst = Worst::default();
    for line in lines.take_while(|line| !line.contains('.')) {
        let (wide, value, rest) = point(line);
        let numbers: Vec<T> = wide.iter().map(|&x| T::of(x)).collect();
        if numbers.iter().zip(&wide).all(|(x, y)| x.wide() == *y || y.is_nan()) {
            worst.record(error(apply(&numbers), value, rest), || format!("{wide:?}"));
        }
    }
    Some(worst)
}

fn known_values<T: Float>() {
    let mut table = Table::default();
    for function in accurate() {
        let name = format!("{function:?}");
        match known::<T>(&name, |x| function.of(x[0])) {
            Some(worst) => table.add(&name, &worst),
            None => assert!(EXACT.contains(&function), "{name} has no true values"),
        }
    }
    for function in [FunctionOfTwo::Atan2, FunctionOfTwo::Power, FunctionOfTwo::Remainder] {
        let name = format!("{function:?}");
        table.add(&name, &known::<T>(&name, |x| function.of(x[0], x[1])).unwrap());
    }
    table.check();
}

#[test]
fn known_values_of_f32() {
    known_values::<f32>();
}

#[test]
fn known_values_of_f64() {
    known_values::<f64>();
}
