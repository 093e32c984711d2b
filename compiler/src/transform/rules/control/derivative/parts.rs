//! The known and the linear part of a region, and what the linear one reads.
//!
//! Must not live here: how the parts of an op's regions become ops (`branches.rs`, `scan/`).

use choral_ir::op::ShapeOp;
use choral_ir::{BuildError, Graph, NodeId, NodeKind, Op, Value};

use crate::transform::differentiate::split::Linearity;
use crate::transform::rewrite;

/// A region of which every op is known or linear, cut in two.
pub(super) struct Parts {
    region: Graph,
    linearity: Linearity,
    /// Which outputs the linear part returns.
    linear_outputs: Vec<bool>,
    /// Known nodes that the linear part makes again, because that costs less than to keep them.
    made_again: Vec<bool>,
    /// The known values that the linear part reads, each once.
    residuals: Vec<Value>,
}

impl Parts {
    /// The parts of a region in which every op is known or linear; `linear_outputs` names at least the outputs that
    /// are linear.
    pub(super) fn of(region: Graph, linear: &[bool], linear_outputs: &[bool]) -> Parts {
        let linearity = Linearity::of(&region, linear);
        let made_again = vec![false; region.len()];
        let linear_outputs = linear_outputs.to_vec();
        let mut parts = Parts { region, linearity, linear_outputs, made_again, residuals: Vec::new() };
        parts.find_residuals();
        parts
    }

    fn find_residuals(&mut self) {
        let mut reads: Vec<Value> = Vec::new();
        for (id, _) in self.region.nodes() {
            if self.linearity.makes_linear(&self.region, id) {
                reads.extend(self.region.operands(id));
            }
        }
        let returned = self.region.outputs().iter().zip(&self.linear_outputs);
        reads.extend(returned.filter(|(_, linear)| **linear).map(|(port, _)| port.value));
        reads.reverse();
        while let Some(value) = reads.pop() {
            if self.linearity.is_linear(value) || self.residuals.contains(&value) {
                continue;
            }
            if is_cheap(&self.region, value.node()) {
                self.made_again[value.node().index()] = true;
                reads.extend(self.region.operands(value.node()).into_iter().rev());
            } else {
                self.residuals.push(value);
            }
        }
    }

    pub(super) fn region(&self) -> &Graph {
        &self.region
    }

    /// The known values that the linear part reads.
    pub(super) fn residuals(&self) -> &[Value] {
        &self.residuals
    }

    /// The number of the region's input that a value is.
    pub(super) fn input(&self, value: Value) -> Option<usize> {
        self.region.inputs().iter().position(|port| port.value == value)
    }

    /// The outputs that the linear part does not return.
    pub(super) fn known_outputs(&self) -> Vec<Value> {
        let outputs = self.region.outputs().iter().zip(&self.linear_outputs);
        outputs.filter(|(_, linear)| !**linear).map(|(port, _)| port.value).collect()
    }

    /// The known part: it takes the known inputs, and returns these known values.
    pub(super) fn known(&self, returned: &[Value]) -> Result<Graph, BuildError> {
        let is_known = |id: NodeId| !self.linearity.makes_linear(&self.region, id);
        rewrite::dead_code(&rewrite::part(&self.region, &[], is_known, returned)?)
    }

    /// The linear part: it takes the linear inputs, then the [residuals](Parts::residuals), and returns the outputs
    /// that it should.
    pub(super) fn linear(&self) -> Result<Graph, BuildError> {
        let is_here =
            |id: NodeId| self.linearity.makes_linear(&self.region, id) || self.made_again[id.index()];
        let outputs = self.region.outputs().iter().zip(&self.linear_outputs);
        let returned: Vec<Value> =
            outputs.filter(|(_, linear)| **linear).map(|(port, _)| port.value).collect();
        rewrite::dead_code(&rewrite::part(&self.region, &self.residuals, is_here, &returned)?)
    }
}

/// Whether a node costs nothing to make again: numbers, and what repeats its operand.
fn is_cheap(region: &Graph, id: NodeId) -> bool {
    match &region.node(id).kind {
        NodeKind::Constant(_) | NodeKind::Op(Op::Shape(ShapeOp::Iota(_) | ShapeOp::BroadcastInDim(_))) => {
            true
        }
        NodeKind::Input | NodeKind::Op(_) => false,
    }
}
