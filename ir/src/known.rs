//! Regions that are known by what they compute: folds with one op, and searches for an extreme.
//!
//! Lives here: making them, and recognising them in graphs by others, so that they run fast.

use std::cmp::Ordering;

use crate::graph::{NodeKind, Value};
use crate::op::{Binary, ComparisonDirection, Elementwise};
use crate::{BuildError, Builder, DType, Graph, Op, TensorType};

/// What a search is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The greatest element: `argmax`.
    Greatest,
    /// The least element: `argmin`.
    Least,
}

impl Extreme {
    /// How a better element compares with the others.
    pub const fn order(self) -> Ordering {
        match self {
            Extreme::Greatest => Ordering::Greater,
            Extreme::Least => Ordering::Less,
        }
    }

    const fn direction(self) -> ComparisonDirection {
        match self {
            Extreme::Greatest => ComparisonDirection::Gt,
            Extreme::Least => ComparisonDirection::Lt,
        }
    }
}

impl Graph {
    /// The region that folds two scalars with one binary op.
    ///
    /// # Errors
    /// If the op does not take the element type.
    pub fn reducer(op: Binary, dtype: DType) -> Result<Graph, BuildError> {
        let mut builder = Builder::new("reducer");
        let lhs = builder.input("lhs", TensorType::scalar(dtype));
        let rhs = builder.input("rhs", TensorType::scalar(dtype));
        let result = builder.binary(op, lhs, rhs)?;
        Ok(builder.finish(&[result]))
    }

    /// The region that keeps the second of two scalars: what overwriting folds with.
    pub fn second(dtype: DType) -> Graph {
        let mut builder = Builder::new("reducer");
        builder.input("lhs", TensorType::scalar(dtype));
        let rhs = builder.input("rhs", TensorType::scalar(dtype));
        builder.finish(&[rhs])
    }

    /// The binary op, if the graph is [`Graph::reducer`] of one.
    pub fn as_reducer(&self) -> Option<Binary> {
        let (id, node) = self.nodes().next_back()?;
        let NodeKind::Op(Op::Elementwise(Elementwise::Binary(op))) = node.kind else { return None };
        let inputs: Vec<Value> = self.inputs.iter().map(|port| port.value).collect();
        let outputs: Vec<Value> = self.outputs.iter().map(|port| port.value).collect();
        let matches =
            self.len() == 3 && inputs.len() == 2 && self.operands(id) == inputs && outputs == [id.result(0)];
        matches.then_some(op)
    }

    /// The region of `argmax` and `argmin` as JAX writes it: `(value, place, other, other_place)`,
    /// where NaN comes before all, and of equal values the lower place.
    ///
    /// # Errors
    /// If values or places of these types have no order.
    pub fn extreme(extreme: Extreme, values: DType, places: DType) -> Result<Graph, BuildError> {
        use ComparisonDirection::{Eq, Lt, Ne};
        let mut builder = Builder::new("reducer");
        let mut input = |name: &str, dtype| builder.input(name, TensorType::scalar(dtype));
        let (value, place) = (input("value", values), input("place", places));
        let (other, other_place) = (input("other", values), input("other_place", places));
        let wins = builder.compare(extreme.direction(), value, other)?;
        let is_nan = builder.compare(Ne, value, value)?;
        let stays = builder.binary(Binary::Or, wins, is_nan)?;
        let is_equal = builder.compare(Eq, value, other)?;
        let is_lower = builder.compare(Lt, place, other_place)?;
        let is_first = builder.binary(Binary::And, is_equal, is_lower)?;
        let place_stays = builder.binary(Binary::Or, stays, is_first)?;
        let value = builder.select(stays, value, other)?;
        let place = builder.select(place_stays, place, other_place)?;
        Ok(builder.finish(&[value, place]))
    }

    /// Which extreme the graph finds, if it is [`Graph::extreme`] of one.
    pub fn as_extreme(&self) -> Option<Extreme> {
        const NODES: usize = 13;
        let [values, places, _, _] = self.inputs() else { return None };
        let (values, places) = (self.ty(values.value).dtype, self.ty(places.value).dtype);
        let is_it =
            |extreme: &Extreme| Graph::extreme(*extreme, values, places).is_ok_and(|graph| graph == *self);
        if self.len() == NODES { [Extreme::Greatest, Extreme::Least].into_iter().find(is_it) } else { None }
    }
}
