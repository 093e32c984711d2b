//! The CUDA text of the functions of floats has the bits of the loops on this processor, where `g++` compiles it.
//!
//! No GPU runs here: what is proved is the text. That a GPU's arithmetic is IEEE's is for a test on one.
#![allow(clippy::unwrap_used)]

use std::fmt::{Debug, Write};
use std::path::Path;
use std::process::Command;

use choral_cuda::source::functions::{self, Defined};
use choral_ir::element::{bf16, f16};
use choral_ir::op::Binary;
use choral_kernels::functions::{Coefficients, Float, Function, FunctionOfTwo, Real};
use choral_kernels::{Level, Number};
use choral_runtime::ops::scalar::Scalar;
use choral_runtime::special::wide::{Double, Wide};
use choral_runtime::special::{bessel, double, error_function, gamma, single, zeta};
use libloading::Library;

/// Numbers for each function, and for each called one, which take long.
const MANY: usize = 300_000;
const FEW: usize = 4_000;

type Loop<T> = unsafe extern "C" fn(left: *const T, right: *const T, results: *mut T, length: usize);

/// Random bits (Vigna's splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A float whose bits the test makes and compares.
trait Bits: Float + Debug + Default {
    const NUMBER: Number;
    fn from(bits: u64) -> Self;
    /// The bits; of every NaN the same, since its sign and payload are nobody's promise.
    fn bits(self) -> u64;
    /// Numbers at which something begins or ends.
    fn edges() -> Vec<Self>;
}

macro_rules! bits {
    ($($Float:ident $Bits:ident $NUMBER:ident),*) => {$(
        impl Bits for $Float {
            const NUMBER: Number = Number::$NUMBER;

            fn from(bits: u64) -> $Float {
                $Float::from_bits(bits as $Bits)
            }

            fn bits(self) -> u64 {
                u64::from(if $Float::is_nan(self) { $Float::NAN } else { self }.to_bits())
            }

            fn edges() -> Vec<$Float> {
                let about = [
                    0.5, 0.625, 1.0, 1.5, 2.0, 2.5, 3.0, 8.0, 24.0, 30.0, std::f64::consts::PI, 0.414_213_57, 1e-9, 1e-18,
                    std::f64::consts::FRAC_1_SQRT_2, 4_194_304.0, -2.457, -2.747, -3.143, 1.4616, -0.504, 1e15, 1e300,
                ];
                let own = [
                    <$Float as Real>::LEAST, <$Float as Real>::EXPONENTIAL_START, <$Float as Real>::EXPONENTIAL_END,
                    <$Float as Real>::HYPERBOLIC_END, <$Float as Real>::SATURATED, <$Float as Real>::ERF_END,
                    <$Float as Real>::ERFC_END, <$Float as Real>::TURNS_END, <$Float as Coefficients>::ERF_NEAR[0],
                ];
                let mut edges = vec![
                    0.0, $Float::from_bits(1), $Float::MAX, $Float::INFINITY, $Float::NAN, 1e10, 1e-10, 1e30, 1e-30,
                    $Float::EPSILON, $Float::MIN_POSITIVE * $Float::EPSILON, <$Float as Real>::SHIFTER,
                ];
                for edge in own.into_iter().chain(about.map(|wide| wide as $Float)) {
                    // Neighbours on both sides.
                    edges.extend((0..9).map(|step| $Float::from_bits((edge.to_bits() + step).wrapping_sub(4))));
                }
                let negative: Vec<$Float> = edges.iter().map(|&edge| -edge).collect();
                edges.extend(negative);
                edges
            }
        }
    )*};
}
bits!(f32 u32 F32, f64 u64 F64);

/// The edges, then numbers with random bits, of about 1 and of about 100, and integers.
fn numbers<T: Bits>(count: usize, seed: u64) -> Vec<T> {
    let mut state = seed;
    let edges = T::edges();
    let mut number = |at: usize| {
        let bits = random(&mut state);
        match at % 8 {
            0 => edges[bits as usize % edges.len()],
            1..3 => T::of((bits as i64 as f64) * 2f64.powi(-60)),
            3 => T::of((bits as i64 as f64) * 2f64.powi(-56)),
            4 => T::of((bits as i64 >> 58) as f64),
            _ => T::from(bits),
        }
    };
    let random: Vec<T> = (0..count).map(&mut number).collect();
    T::edges().into_iter().chain(random).collect()
}

/// Pairs of numbers: for many, every edge with every edge; and random ones.
fn pairs<T: Bits>(count: usize, seed: u64) -> (Vec<T>, Vec<T>) {
    let edges = T::edges();
    let some: Vec<T> = edges.into_iter().step_by(if count == MANY { 1 } else { 11 }).collect();
    let each = some.iter().flat_map(|&x| some.iter().map(move |&y| (x, y)));
    let random = numbers::<T>(count, seed).into_iter().zip(numbers::<T>(count, !seed));
    // One place further, so that kinds of numbers meet others.
    let further = numbers::<T>(count, seed).into_iter().skip(1).zip(numbers::<T>(count, !seed));
    each.chain(random).chain(further).unzip()
}

/// The program under test, and what is to be called in it.
struct Program {
    source: String,
}

impl Program {
    /// All definitions, each with a loop that the test can call by its name.
    fn everything() -> Program {
        let mut source = include_str!("functions/built_ins.h").to_owned() + functions::PRELUDE;
        for number in [Number::F32, Number::F64] {
            let one = Function::ALL.iter().map(|&function| functions::definition(function, number));
            let two =
                FunctionOfTwo::ALL.iter().map(|&function| functions::definition_of_two(function, number));
            for Defined { source: definition, .. } in one.chain(two) {
                source += &definition;
            }
        }
        let mut texts: Vec<&str> = Vec::new();
        for called in CALLED.iter().filter_map(|name| functions::called(name)) {
            for text in called.texts.iter().filter(|text| !texts.contains(text)).collect::<Vec<_>>() {
                texts.push(text);
                source += text;
            }
        }
        let mut program = Program { source };
        for number in [Number::F32, Number::F64] {
            for &function in Function::ALL {
                program.expose(&functions::definition(function, number).name, number, 1);
            }
            for &function in FunctionOfTwo::ALL {
                program.expose(&functions::definition_of_two(function, number).name, number, 2);
            }
        }
        for (name, call) in FORMULAS {
            program.expose_call(call, name, Number::F64);
        }
        program.source += REST;
        for (name, number) in DOUBLES {
            let quotient = "special::Double(fabs(x[at])) / special::Double(fabs(y[at]))";
            program.expose_call(&number.replace("Q", &format!("({quotient})")), name, Number::F64);
        }
        let mut exposed = Vec::new();
        for name in CALLED {
            let called = functions::called(name).unwrap();
            for (function, number) in [(called.single, Number::F32), (called.double, Number::F64)] {
                if !exposed.contains(&function) {
                    program.expose(function, number, operands(name));
                    exposed.push(function);
                }
            }
        }
        program
    }

    fn expose(&mut self, name: &str, number: Number, operands: usize) {
        let call = if operands == 1 { format!("{name}(x[at])") } else { format!("{name}(x[at], y[at])") };
        self.expose_call(&call, name, number);
    }

    /// A loop with this name that works out `call` for each place.
    fn expose_call(&mut self, call: &str, name: &str, number: Number) {
        let (kind, name_of_loop) = (if number == Number::F64 { "double" } else { "float" }, loop_of(name));
        writeln!(
            self.source,
            "extern \"C\" void {name_of_loop}(const {kind} *x, const {kind} *y, {kind} *results, unsigned long length) {{\n    \
             for (unsigned long at = 0; at < length; at++) results[at] = {call};\n}}"
        )
        .unwrap();
    }

    /// The program for this processor; `None` without a compiler.
    fn compiled(&self) -> Option<Library> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (source, library) = (folder.join("functions.cpp"), folder.join("libfunctions.so"));
        std::fs::write(&source, &self.source).unwrap();
        let mut compiler = Command::new("g++");
        compiler.args([
            "-std=c++17",
            "-O1",
            "-ffp-contract=off",
            "-fno-builtin",
            "-shared",
            "-fPIC",
            "-Wall",
            "-Wno-unused-function",
        ]);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("fma") {
            compiler.arg("-mfma");
        }
        let Ok(told) = compiler.arg(&source).arg("-o").arg(&library).output() else {
            println!("there is no g++ here: nothing is compared");
            return None;
        };
        let said = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success() && said.is_empty(), "{said}");
        // SAFETY: it was just built, and does nothing when it is loaded.
        Some(unsafe { Library::new(&library) }.unwrap())
    }
}

fn loop_of(name: &str) -> String {
    format!("run_{}", name.replace("::", "_of_"))
}

/// What a loop of the library gives for each place.
fn results<T: Bits>(library: &Library, name: &str, left: &[T], right: &[T]) -> Vec<T> {
    let mut results = vec![T::default(); left.len()];
    // SAFETY: `expose` gave the loop this signature, and the slices are as long.
    unsafe {
        let run = library.get::<Loop<T>>(loop_of(name).as_bytes()).unwrap();
        run(left.as_ptr(), right.as_ptr(), results.as_mut_ptr(), left.len());
    }
    results
}

/// The first differences, and how many there are.
fn compare<T: Bits>(
    name: &str,
    left: &[T],
    right: &[T],
    got: &[T],
    expected: &[T],
    failures: &mut Vec<String>,
) {
    let differs = |at: &usize| got[*at].bits() != expected[*at].bits();
    let different: Vec<usize> = (0..got.len()).filter(differs).collect();
    if let Some(&at) = different.first() {
        failures.push(format!(
            "{name}({:?}, {:?}) is {:?}, not {:?}, and so on in {} of {}",
            left[at],
            right[at],
            got[at],
            expected[at],
            different.len(),
            got.len()
        ));
    }
}

/// All functions that have definitions.
fn defined<T: Bits>(library: &Library, failures: &mut Vec<String>) {
    for (seed, &function) in Function::ALL.iter().enumerate() {
        let name = functions::definition(function, T::NUMBER).name;
        let given = numbers::<T>(MANY, seed as u64);
        let mut expected = given.clone();
        function.apply(Level::best(), &mut expected);
        compare(&name, &given, &given, &results(library, &name, &given, &given), &expected, failures);
    }
    for (seed, &function) in FunctionOfTwo::ALL.iter().enumerate() {
        let name = functions::definition_of_two(function, T::NUMBER).name;
        let (left, right) = pairs::<T>(MANY, seed as u64);
        let mut expected = left.clone();
        function.apply(Level::best(), &mut expected, &right);
        compare(&name, &left, &right, &results(library, &name, &left, &right), &expected, failures);
    }
}

/// The names that plans call functions by.
const CALLED: [&str; 9] = [
    "BesselI1e",
    "Digamma",
    "ErfInv",
    "Lgamma",
    "NextAfter",
    "NextAfterOfBf16",
    "NextAfterOfF16",
    "Polygamma",
    "Zeta",
];

fn operands(name: &str) -> usize {
    if matches!(name, "BesselI1e" | "Digamma" | "ErfInv" | "Lgamma") { 1 } else { 2 }
}

/// Formulas in `f64`, whose last digits are gone when they are rounded to `f32`.
const FORMULAS: [(&str, &str); 5] = [
    ("lgamma", "special::lgamma<double>(x[at])"),
    ("digamma", "special::digamma<double>(x[at])"),
    ("bessel_i1e", "special::bessel_i1e<double>(x[at])"),
    ("erf_inv", "special::erf_inv(x[at], false)"),
    ("zeta", "special::zeta<double>(x[at], y[at])"),
];

/// What doubled numbers hold beyond `double`.
const REST: &str = "static __device__ double rest(special::Double x) { return special::value(x - special::Double(special::value(x))); }\n";

/// Operations on doubled numbers, `Q` being a quotient.
const DOUBLES: [(&str, &str); 5] = [
    ("doubled_quotient", "rest(Q)"),
    ("doubled_square", "rest(Q * Q + special::Double(1.0))"),
    ("doubled_root", "rest(special::root(Q))"),
    ("doubled_exponential", "rest(special::exponential(Q))"),
    ("doubled_logarithm", "rest(special::logarithm(Q))"),
];

/// All digits of the arithmetic that called functions are written in.
fn arithmetic(library: &Library, failures: &mut Vec<String>) {
    let given = numbers::<f64>(FEW, 1);
    macro_rules! formulas {
        ($($name:literal $formula:expr;)*) => {$(
            let formula: fn(f64) -> f64 = $formula;
            let expected: Vec<f64> = given.iter().map(|&x| formula(x)).collect();
            compare($name, &given, &given, &results(library, $name, &given, &given), &expected, failures);
        )*};
    }
    formulas! {
        "lgamma" gamma::lgamma::<f64>;
        "digamma" gamma::digamma::<f64>;
        "bessel_i1e" bessel::i1e::<f64>;
        "erf_inv" error_function::erf_inv_single;
    }
    let (left, right) = pairs::<f64>(FEW, 2);
    let expected: Vec<f64> = left.iter().zip(&right).map(|(&s, &q)| zeta::zeta::<f64>(s, q)).collect();
    compare("zeta", &left, &right, &results(library, "zeta", &left, &right), &expected, failures);
    // What is not finite is kept from doubled numbers.
    let (left, right): (Vec<f64>, Vec<f64>) = left
        .iter()
        .zip(&right)
        .filter(|(x, y)| (1e-100..1e100).contains(&(*x / *y).abs()) && (1e-100..1e100).contains(&y.abs()))
        .unzip();
    let rest = |x: Double| (x - Double::from(x.value())).value();
    let operations: [fn(Double) -> Double; 5] =
        [|q| q, |q| q * q + Double::from(1.0), Wide::sqrt, Wide::exp, Wide::ln];
    for ((name, _), operation) in DOUBLES.iter().zip(operations) {
        let quotients = left.iter().zip(&right).map(|(x, y)| Double::from(x.abs()) / Double::from(y.abs()));
        let expected: Vec<f64> = quotients.map(|quotient| rest(operation(quotient))).collect();
        compare(name, &left, &right, &results(library, name, &left, &right), &expected, failures);
    }
}

fn called_of_one<T: Bits>(
    library: &Library,
    name: &str,
    function: impl Fn(T) -> T,
    failures: &mut Vec<String>,
) {
    let given = numbers::<T>(FEW, name.len() as u64);
    let expected: Vec<T> = given.iter().map(|&x| function(x)).collect();
    compare(name, &given, &given, &results(library, name, &given, &given), &expected, failures);
}

fn called_of_two<T: Bits>(
    library: &Library,
    name: &str,
    to: impl Fn(T) -> T,
    function: impl Fn(T, T) -> T,
    failures: &mut Vec<String>,
) {
    let (left, right) = pairs::<T>(FEW, name.len() as u64);
    let (left, right): (Vec<T>, Vec<T>) = left.into_iter().zip(right).map(|(x, y)| (to(x), to(y))).unzip();
    let expected: Vec<T> = left.iter().zip(&right).map(|(&x, &y)| function(x, y)).collect();
    compare(name, &left, &right, &results(library, name, &left, &right), &expected, failures);
}

#[test]
fn the_text_has_the_bits_of_the_loops() {
    let Some(library) = Program::everything().compiled() else { return };
    let failures = &mut Vec::new();
    defined::<f32>(&library, failures);
    defined::<f64>(&library, failures);
    arithmetic(&library, failures);
    macro_rules! one {
        ($($Called:literal $function:ident),*) => {$(
            let called = functions::called($Called).unwrap();
            called_of_one(&library, called.single, single::$function, failures);
            called_of_one(&library, called.double, double::$function, failures);
        )*};
    }
    macro_rules! two {
        ($($Called:literal $single:expr, $double:expr, $to:expr;)*) => {$(
            let called = functions::called($Called).unwrap();
            called_of_two::<f32>(&library, called.single, $to, $single, failures);
            called_of_two::<f64>(&library, called.double, |x| x, $double, failures);
        )*};
    }
    fn next<T: Scalar>(x: T, y: T) -> T {
        T::binary(Binary::NextAfter, x, y)
    }
    one!("BesselI1e" bessel_i1e, "Digamma" digamma, "ErfInv" erf_inv, "Lgamma" lgamma);
    two! {
        "Polygamma" single::polygamma, double::polygamma, |x| x;
        "Zeta" single::zeta, double::zeta, |x| x;
        "NextAfter" next, next, |x| x;
        "NextAfterOfBf16" |x, y| next(bf16::from_f32(x), bf16::from_f32(y)).to_f32(), next, |x| bf16::from_f32(x).to_f32();
        "NextAfterOfF16" |x, y| next(f16::from_f32(x), f16::from_f32(y)).to_f32(), next, |x| f16::from_f32(x).to_f32();
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A text tells what it needs, and nothing else of ours.
#[test]
fn texts_bring_what_they_need() {
    for name in CALLED {
        let called = functions::called(name).unwrap();
        let texts = called.texts.concat();
        for number in [Number::F32, Number::F64] {
            for &function in Function::ALL {
                let name_of_function = functions::definition(function, number).name;
                let word = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
                let is_used = texts.split(word).any(|found| found == name_of_function)
                    && !texts.contains(&format!(
                        " {name_of_function}({}",
                        if number == Number::F64 { "double" } else { "float" }
                    ));
                assert_eq!(
                    is_used,
                    called.needs.contains(&(function, number)),
                    "{name} and {name_of_function}"
                );
            }
        }
    }
    assert!(functions::called("Exponential").is_none());
}
