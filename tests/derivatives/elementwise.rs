//! Every elementwise op at points away from kinks, and values at kinks and ties.

use choral::ir::op::{Binary, Unary};
use choral::transform::grad_graph;
use choral::{Device, Graph, Tensor};

use super::check_at;

/// Where a function of one operand is checked; `None` for one that takes no floats or gives none.
fn points(op: Unary) -> Option<[f64; 4]> {
    Some(match op {
        Unary::Acos | Unary::Asin | Unary::Atanh | Unary::ErfInv => [-0.9, -0.3, 0.1, 0.7],
        Unary::Acosh => [1.1, 1.5, 3.0, 40.0],
        Unary::Log | Unary::Rsqrt | Unary::Sqrt => [0.1, 0.7, 2.0, 30.0],
        Unary::LogPlusOne => [-0.7, -0.01, 0.3, 20.0],
        Unary::Digamma | Unary::Lgamma => [-1.6, 0.4, 1.7, 8.0],
        Unary::BesselI1e => [-9.5, -0.3, 1.0, 12.0],
        Unary::Cbrt => [-8.0, -0.3, 0.2, 5.0],
        Unary::Abs
        | Unary::Asinh
        | Unary::Atan
        | Unary::Ceil
        | Unary::Cosh
        | Unary::Cosine
        | Unary::Erf
        | Unary::Erfc
        | Unary::Exponential
        | Unary::ExponentialMinusOne
        | Unary::Floor
        | Unary::Logistic
        | Unary::Negate
        | Unary::RoundNearestAfz
        | Unary::RoundNearestEven
        | Unary::Sign
        | Unary::Sine
        | Unary::Sinh
        | Unary::Square
        | Unary::Tan
        | Unary::Tanh => [-2.3, -0.4, 0.3, 1.2],
        // In single precision, of which differences say little.
        Unary::ErfInvOfDraws
        | Unary::CountLeadingZeros
        | Unary::IsFinite
        | Unary::IsInf
        | Unary::IsNegInf
        | Unary::IsPosInf
        | Unary::Not
        | Unary::Popcnt => return None,
    })
}

/// How an op of one operand is spelled.
fn unary(op: Unary, ty: &str) -> String {
    let signature = if op.name().starts_with("chlo.") { format!("{ty} -> {ty}") } else { ty.to_owned() };
    format!("{} %x : {signature}", op.name())
}

#[test]
fn functions_of_one_operand() {
    for &op in Unary::ALL {
        let Some(points) = points(op) else { continue };
        let text = format!(
            "func.func @main(%x: tensor<4xf64>) -> tensor<4xf64> {{
               %y = {}
               return %y : tensor<4xf64>
             }}",
            unary(op, "tensor<4xf64>")
        );
        check_at(&text, &[Tensor::from(points)]);
    }
}

/// As [`points`], of two operands, and whether the first one has a derivative.
fn pairs(op: Binary) -> Option<([f64; 4], [f64; 4], bool)> {
    Some(match op {
        Binary::Add
        | Binary::Atan2
        | Binary::Divide
        | Binary::Maximum
        | Binary::Minimum
        | Binary::Multiply
        | Binary::Remainder
        | Binary::Subtract => ([-2.3, -0.4, 5.3, 1.2], [0.7, -1.3, 2.0, -0.35], true),
        Binary::Power => ([0.3, 1.2, 2.0, 4.0], [-1.5, 2.0, 0.5, 3.0], true),
        Binary::Polygamma => ([0.0, 1.0, 2.0, 3.0], [0.4, 1.2, 3.0, 6.0], false),
        Binary::Zeta => ([1.5, 2.0, 3.5, 6.0], [0.4, 1.2, 3.0, 6.0], false),
        Binary::NextAfter
        | Binary::And
        | Binary::Mulhi
        | Binary::Or
        | Binary::ShiftLeft
        | Binary::ShiftRightArithmetic
        | Binary::ShiftRightLogical
        | Binary::Xor => return None,
    })
}

#[test]
fn functions_of_two_operands() {
    for &op in Binary::ALL {
        let Some((lhs, rhs, both)) = pairs(op) else { continue };
        let signature = match op.name().starts_with("chlo.") {
            true => "tensor<4xf64>, tensor<4xf64> -> tensor<4xf64>",
            false => "tensor<4xf64>",
        };
        let name = op.name();
        if both {
            let text = format!(
                "func.func @main(%x: tensor<4xf64>, %y: tensor<4xf64>) -> tensor<4xf64> {{
                   %z = {name} %x, %y : {signature}
                   return %z : tensor<4xf64>
                 }}"
            );
            check_at(&text, &[Tensor::from(lhs), Tensor::from(rhs)]);
        } else {
            let text = format!(
                "func.func @main(%y: tensor<4xf64>) -> tensor<4xf64> {{
                   %x = stablehlo.constant dense<{lhs:?}> : tensor<4xf64>
                   %z = {name} %x, %y : {signature}
                   return %z : tensor<4xf64>
                 }}"
            );
            check_at(&text, &[Tensor::from(rhs)]);
        }
    }
}

#[test]
fn choices_and_limits() {
    let (x, y, z) = ([-2.3, -0.4, 5.3, 1.2], [-1.0, -0.6, 0.3, 1.5], [0.5, 0.7, 2.0, 3.0]);
    for line in [
        "%w = stablehlo.clamp %y, %x, %z : tensor<4xf64>",
        "%c = stablehlo.compare LT, %x, %z : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xi1>
         %w = stablehlo.select %c, %y, %x : tensor<4xi1>, tensor<4xf64>",
    ] {
        let text = format!(
            "func.func @main(%x: tensor<4xf64>, %y: tensor<4xf64>, %z: tensor<4xf64>) -> tensor<4xf64> {{
               {line}
               return %w : tensor<4xf64>
             }}"
        );
        check_at(&text, &[x, y, z].map(Tensor::from));
    }
}

/// The gradients of `%z`, which lines make of the numbers `%x` and `%y`.
fn gradients(lines: &str, x: f64, y: f64) -> [f64; 2] {
    let text = format!(
        "func.func @main(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {{
           %zero = stablehlo.constant dense<0.0> : tensor<f64>
           %one = stablehlo.constant dense<1.0> : tensor<f64>
           {lines}
           return %z : tensor<f64>
         }}"
    );
    let graph = Graph::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let gradient = grad_graph(&graph, &[0, 1]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let program = choral::compile(&gradient, Device::Reference).expect("a program");
    let results = program.run(&[Tensor::from(x), Tensor::from(y)]).expect("gradients");
    [0, 1].map(|at| results[at].item::<f64>().expect("a number"))
}

/// What `jax.grad` gives there (0.4.38), but for `|x|` and `x^0` at 0, whose derivatives are 0 as in PyTorch, and for
/// what a choice leaves out, which is never NaN.
/// `log(e^x + e^y)` without overflow.
const LOGADDEXP: &str = "%m = stablehlo.maximum %x, %y : tensor<f64>
    %d = stablehlo.subtract %x, %y : tensor<f64>
    %a = stablehlo.abs %d : tensor<f64>
    %n = stablehlo.negate %a : tensor<f64>
    %e = stablehlo.exponential %n : tensor<f64>
    %l = stablehlo.log_plus_one %e : tensor<f64>
    %z = stablehlo.add %m, %l : tensor<f64>";

/// `log(e^x + 1)`, with zeros made where they are needed.
const SOFTPLUS: &str = "%again = stablehlo.constant dense<0.0> : tensor<f64>
    %m = stablehlo.maximum %x, %zero : tensor<f64>
    %d = stablehlo.subtract %x, %again : tensor<f64>
    %a = stablehlo.abs %d : tensor<f64>
    %n = stablehlo.negate %a : tensor<f64>
    %e = stablehlo.exponential %n : tensor<f64>
    %l = stablehlo.log_plus_one %e : tensor<f64>
    %z = stablehlo.add %m, %l : tensor<f64>";

#[test]
fn kinks_and_ties() {
    let infinity = f64::INFINITY;
    for (lines, x, y, expected) in [
        ("%z = stablehlo.abs %x : tensor<f64>", 0.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.sign %x : tensor<f64>", 0.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.floor %x : tensor<f64>", 2.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.sqrt %x : tensor<f64>", 0.0, 0.0, [infinity, 0.0]),
        ("%z = stablehlo.cbrt %x : tensor<f64>", 0.0, 0.0, [infinity, 0.0]),
        ("%z = stablehlo.log %x : tensor<f64>", 0.0, 0.0, [infinity, 0.0]),
        ("%z = chlo.bessel_i1e %x : tensor<f64> -> tensor<f64>", 0.0, 0.0, [0.5, 0.0]),
        ("%z = stablehlo.maximum %x, %y : tensor<f64>", 2.0, 2.0, [0.5, 0.5]),
        ("%z = stablehlo.maximum %x, %zero : tensor<f64>", 0.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.minimum %x, %zero : tensor<f64>", 0.0, 0.0, [1.0, 0.0]),
        // Their logarithm of a sum is smooth where they are equal, and where one is zero.
        (LOGADDEXP, 2.0, 2.0, [0.5, 0.5]),
        (SOFTPLUS, 0.0, 0.0, [0.5, 0.0]),
        ("%z = stablehlo.minimum %x, %y : tensor<f64>", 2.0, 2.0, [0.5, 0.5]),
        ("%z = stablehlo.maximum %x, %y : tensor<f64>", 2.0, 3.0, [0.0, 1.0]),
        ("%z = stablehlo.power %x, %y : tensor<f64>", 0.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.power %x, %y : tensor<f64>", 0.0, 2.0, [0.0, 0.0]),
        ("%z = stablehlo.power %x, %zero : tensor<f64>", 3.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.power %x, %one : tensor<f64>", 0.0, 0.0, [1.0, 0.0]),
        ("%z = stablehlo.clamp %zero, %x, %one : tensor<f64>", 0.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.clamp %zero, %x, %one : tensor<f64>", 1.0, 0.0, [0.0, 0.0]),
        ("%z = stablehlo.clamp %zero, %x, %one : tensor<f64>", 0.5, 0.0, [1.0, 0.0]),
        (
            "%is_positive = stablehlo.compare GT, %x, %zero : (tensor<f64>, tensor<f64>) -> tensor<i1>
             %log = stablehlo.log %x : tensor<f64>
             %z = stablehlo.select %is_positive, %log, %zero : tensor<i1>, tensor<f64>",
            0.0,
            0.0,
            [0.0, 0.0],
        ),
        // What is not a number in the branch that is not taken is used more than once there.
        (
            "%is_positive = stablehlo.compare GT, %x, %zero : (tensor<f64>, tensor<f64>) -> tensor<i1>
             %root = stablehlo.sqrt %x : tensor<f64>
             %square = stablehlo.multiply %root, %root : tensor<f64>
             %sum = stablehlo.add %square, %root : tensor<f64>
             %z = stablehlo.select %is_positive, %sum, %zero : tensor<i1>, tensor<f64>",
            -1.0,
            0.0,
            [0.0, 0.0],
        ),
    ] {
        assert_eq!(gradients(lines, x, y), expected, "at {x}, {y} of\n{lines}");
    }
}
