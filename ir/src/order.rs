//! Comparators as data: the order that the body of a `sort` stands for, computed once, when it is made
//! or read.
//!
//! Passes and kernels match on an [`Order`]; the body stands beside it as it was spelled, for text, JSON
//! and orders without a name. Must not live here: sorting.
#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::graph::{NodeKind, Value};
use crate::op::{Binary, Compare, ComparisonDirection, ComparisonType, Elementwise};
use crate::{Graph, Op, Tensor};

/// What a comparator says of two places, by their first operand's elements `left` and `right`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// What one comparison of `left` with `right` says.
    Compared(Compare),
    /// Whether `left` comes strictly before `right` among floats in order: zeros are equal, and every NaN
    /// is greater than all numbers and equal to every other.
    NanGreatest {
        /// Whether greater ones come first.
        descending: bool,
    },
    /// Whatever the body says.
    Body,
}

/// The comparator of `sort`, and what `select_and_scatter` selects by; and the order that it is.
///
/// In JSON it is its body.
///
/// ```
/// use choral_ir::op::{Compare, ComparisonDirection::Gt, ComparisonType::Natural};
/// use choral_ir::{Builder, Comparator, DType, Order, TensorType};
/// let mut body = Builder::new("comparator");
/// let [left, right] = ["left", "right"].map(|name| body.input(name, TensorType::scalar(DType::F32)));
/// let is_greater = body.compare(Gt, left, right)?;
/// let greater_first = Comparator::from(body.finish(&[is_greater]));
/// assert_eq!(greater_first.order(), Order::Compared(Compare { direction: Gt, compare_type: Natural }));
/// # Ok::<(), choral_ir::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Arc<Graph>", into = "Arc<Graph>")]
pub struct Comparator {
    order: Order,
    body: Arc<Graph>,
}

impl From<Arc<Graph>> for Comparator {
    fn from(body: Arc<Graph>) -> Comparator {
        Comparator { order: order(&body).unwrap_or(Order::Body), body }
    }
}

impl From<Graph> for Comparator {
    fn from(body: Graph) -> Comparator {
        Arc::new(body).into()
    }
}

impl From<Comparator> for Arc<Graph> {
    fn from(comparator: Comparator) -> Arc<Graph> {
        comparator.body
    }
}

impl Comparator {
    /// What it says.
    pub const fn order(&self) -> Order {
        self.order
    }

    /// The body: `(left, right, ..) -> i1`.
    pub fn graph(&self) -> &Graph {
        &self.body
    }
}

/// The order that a body is, by what its result is computed from; `None` for one without a name.
fn order(body: &Graph) -> Option<Order> {
    let [left, right, ..] = body.inputs() else { return None };
    let [result] = body.outputs() else { return None };
    let (body, [left, right]) = (Terms(body), [left.value, right.value]);
    let by = |lesser, greater| body.is_nan_greatest(result.value, lesser, greater);
    match (by(left, right), by(right, left)) {
        (true, _) => Some(Order::NanGreatest { descending: false }),
        (false, true) => Some(Order::NanGreatest { descending: true }),
        (false, false) => body.compared(result.value, left, right).map(Order::Compared),
    }
}

/// A body, read from its results back.
struct Terms<'a>(&'a Graph);

impl Terms<'_> {
    /// What makes a value; a body that was just read may not have it.
    fn kind(&self, value: Value) -> Option<&NodeKind> {
        self.0.find_type(value).map(|_| &self.0.node(value.node()).kind)
    }

    /// The elementwise op that makes a value, and its operands.
    fn elementwise<const N: usize>(&self, value: Value) -> Option<(&Elementwise, [Value; N])> {
        match self.kind(value)? {
            NodeKind::Op(Op::Elementwise(op)) => Some((op, self.0.operands(value.node()).try_into().ok()?)),
            NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => None,
        }
    }

    fn constant(&self, value: Value) -> Option<&Tensor> {
        match self.kind(value)? {
            NodeKind::Constant(tensor) => Some(tensor),
            NodeKind::Op(_) | NodeKind::Input => None,
        }
    }

    fn comparison(&self, value: Value) -> Option<(Compare, [Value; 2])> {
        let (&Elementwise::Compare(compare), operands) = self.elementwise(value)? else { return None };
        Some((compare, operands))
    }

    /// The comparison of `left` with `right` that a value is.
    fn compared(&self, value: Value, left: Value, right: Value) -> Option<Compare> {
        match self.comparison(value)? {
            (compare, operands) if operands == [left, right] => Some(compare),
            (compare, operands) if operands == [right, left] => Some(turned(compare)),
            (_, _) => None,
        }
    }

    fn is_compared(&self, value: Value, direction: ComparisonDirection, [left, right]: [Value; 2]) -> bool {
        let natural = Compare { direction, compare_type: ComparisonType::Natural };
        self.compared(value, left, right) == Some(natural)
    }

    fn is_both(&self, value: Value, op: Binary, are: impl Fn(Value, Value) -> bool) -> bool {
        match self.elementwise(value) {
            Some((Elementwise::Binary(is), [left, right])) => *is == op && are(left, right),
            Some((_, _)) | None => false,
        }
    }

    /// `lesser < greater`, or `greater` is NaN and `lesser` is not; or, as JAX writes it, the total order
    /// of both with one zero and one NaN.
    fn is_nan_greatest(&self, value: Value, lesser: Value, greater: Value) -> bool {
        use ComparisonDirection::{Eq, Lt, Ne};
        let is_last = |value| {
            self.is_both(value, Binary::And, |left, right| {
                self.is_compared(left, Ne, [greater; 2]) && self.is_compared(right, Eq, [lesser; 2])
            })
        };
        self.is_both(value, Binary::Or, |left, right| {
            self.is_compared(left, Lt, [lesser, greater]) && is_last(right)
        }) || self.is_total_order(value, lesser, greater)
    }

    fn is_total_order(&self, value: Value, lesser: Value, greater: Value) -> bool {
        let total = Compare { direction: ComparisonDirection::Lt, compare_type: ComparisonType::TotalOrder };
        self.comparison(value).is_some_and(|(compare, operands)| {
            compare == total && operands.map(|operand| self.unified(operand)) == [Some(lesser), Some(greater)]
        })
    }

    /// The value of which this is `select(x != x, NaN, select(x == 0, 0, x))`.
    fn unified(&self, value: Value) -> Option<Value> {
        use ComparisonDirection::{Eq, Ne};
        let [is_nan, nan, number] = self.selected(value)?;
        let [is_zero, zero, x] = self.selected(number)?;
        let (_, [_, other_zero]) = self.comparison(is_zero)?;
        let holds = self.is_compared(is_nan, Ne, [x; 2])
            && self.is_compared(is_zero, Eq, [x, other_zero])
            && [zero, other_zero].into_iter().all(|zero| self.constant(zero).is_some_and(is_zero_scalar))
            && self.constant(nan).is_some_and(is_greatest_nan);
        holds.then_some(x)
    }

    fn selected(&self, value: Value) -> Option<[Value; 3]> {
        let (Elementwise::Select, operands) = self.elementwise(value)? else { return None };
        Some(operands)
    }
}

/// The comparison that says the same of `right` with `left`.
fn turned(Compare { direction, compare_type }: Compare) -> Compare {
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    let direction = match direction {
        Eq | Ne => direction,
        Ge => Le,
        Gt => Lt,
        Le => Ge,
        Lt => Gt,
    };
    Compare { direction, compare_type }
}

fn is_zero_scalar(tensor: &Tensor) -> bool {
    tensor.to_f64_vec() == [0.0]
}

/// Whether it is NaN without its sign, which is the greatest in the total order.
fn is_greatest_nan(tensor: &Tensor) -> bool {
    let is_negative = tensor.storage().to_le_bytes().last().is_some_and(|byte| byte & 0x80 != 0);
    matches!(tensor.to_f64_vec().as_slice(), [x] if x.is_nan()) && !is_negative
}

#[cfg(test)]
mod tests {
    use super::*;
    use ComparisonDirection::{Eq, Ge, Gt, Le, Lt, Ne};
    use ComparisonType::{Natural, TotalOrder};

    /// The order of a sort of `f32` with a payload by these lines, which make `%r`.
    fn of_body(lines: &str) -> Order {
        let text = format!(
            "func.func @main(%x: tensor<4xf32>, %i: tensor<4xi64>) -> tensor<4xf32> {{
               %y:2 = \"stablehlo.sort\"(%x, %i) <{{dimension = 0 : i64}}> ({{
               ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<i64>, %d: tensor<i64>):
                 {lines}
                 stablehlo.return %r : tensor<i1>
               }}) : (tensor<4xf32>, tensor<4xi64>) -> (tensor<4xf32>, tensor<4xi64>)
               return %y#0 : tensor<4xf32>
             }}"
        );
        let graph = Graph::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let order = graph.nodes().find_map(|(_, node)| match &node.kind {
            NodeKind::Op(Op::Sort(crate::op::SortOp::Sort(op))) => Some(op.comparator.order()),
            NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => None,
        });
        order.expect("a sort")
    }

    fn compare(result: &str, direction: &str, operands: &str) -> String {
        format!(
            "{result} = stablehlo.compare {direction}, {operands} : (tensor<f32>, tensor<f32>) -> tensor<i1>\n"
        )
    }

    #[test]
    fn one_comparison_in_either_order_of_its_operands() {
        for (name, direction, turned) in
            [("EQ", Eq, Eq), ("NE", Ne, Ne), ("GE", Ge, Le), ("GT", Gt, Lt), ("LE", Le, Ge), ("LT", Lt, Gt)]
        {
            let natural = |direction| Order::Compared(Compare { direction, compare_type: Natural });
            assert_eq!(of_body(&compare("%r", name, "%a, %b")), natural(direction));
            assert_eq!(of_body(&compare("%r", name, "%b, %a")), natural(turned));
        }
        let total = Order::Compared(Compare { direction: Lt, compare_type: TotalOrder });
        assert_eq!(of_body(&compare("%r", "LT", "%a, %b, TOTALORDER")), total);
        assert_eq!(of_body(&compare("%r", "LT", "%a, %a")), Order::Body);
        let by_payload = "%r = stablehlo.compare LT, %c, %d : (tensor<i64>, tensor<i64>) -> tensor<i1>";
        assert_eq!(of_body(by_payload), Order::Body);
    }

    /// `lesser < greater`, or `greater` is NaN and `other` is not.
    fn nan_last(lesser: &str, greater: &str, other: &str) -> String {
        compare("%lt", "LT", &format!("{lesser}, {greater}"))
            + &compare("%nan", "NE", &format!("{greater}, {greater}"))
            + &compare("%number", "EQ", &format!("{other}, {other}"))
            + "%both = stablehlo.and %nan, %number : tensor<i1>
               %r = stablehlo.or %lt, %both : tensor<i1>"
    }

    #[test]
    fn nan_behind_all_numbers() {
        assert_eq!(of_body(&nan_last("%a", "%b", "%a")), Order::NanGreatest { descending: false });
        assert_eq!(of_body(&nan_last("%b", "%a", "%b")), Order::NanGreatest { descending: true });
        assert_eq!(of_body(&nan_last("%a", "%b", "%b")), Order::Body);
    }

    /// As JAX compares keys: one zero and one NaN in the total order.
    fn of_keys(nan: &str, zero: &str, compare_type: &str) -> String {
        let key = |x: &str| {
            compare(&format!("{x}zero"), "EQ", &format!("{x}, %zero"))
                + &format!("{x}one = stablehlo.select {x}zero, %zero, {x} : tensor<i1>, tensor<f32>\n")
                + &compare(&format!("{x}nan"), "NE", &format!("{x}, {x}"))
                + &format!("{x}key = stablehlo.select {x}nan, %nan, {x}one : tensor<i1>, tensor<f32>\n")
        };
        format!("%zero = stablehlo.constant dense<{zero}> : tensor<f32>\n")
            + &format!("%nan = stablehlo.constant dense<{nan}> : tensor<f32>\n")
            + &key("%a")
            + &key("%b")
            + &compare("%r", "LT", &format!("%akey, %bkey{compare_type}"))
    }

    #[test]
    fn the_total_order_with_one_zero_and_one_nan() {
        let ascending = Order::NanGreatest { descending: false };
        assert_eq!(of_body(&of_keys("0x7FC00000", "0.0", ", TOTALORDER")), ascending);
        // A negative NaN is least, other numbers than 0 are not alike, and naturally NaN has no order.
        assert_eq!(of_body(&of_keys("0xFFC00000", "0.0", ", TOTALORDER")), Order::Body);
        assert_eq!(of_body(&of_keys("0x7FC00000", "1.0", ", TOTALORDER")), Order::Body);
        assert_eq!(of_body(&of_keys("0x7FC00000", "0.0", "")), Order::Body);
    }
}
