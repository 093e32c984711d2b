//! What each value that a counted loop carries is to a scan, and the scan's body.

use choral_ir::op::{Binary, DynamicSlice, DynamicUpdateSlice, Elementwise, IndexOp, Scan};
use choral_ir::{BuildError, Builder, Graph, NodeId, NodeKind, Op, TensorType, Value, interpret};

use super::super::dead_code;
use super::{Count, handed_on, integer};

/// What a value that a loop carries is to a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The counter, which only slices and updates read.
    Counter,
    /// Read in each round as the slice at the counter.
    Input,
    /// Written in each round as the slice at the counter, and never read.
    Output,
    /// Changed in any other way.
    Carried,
    /// Returned unchanged.
    Constant,
}

/// The role of each carried value, and how the scan walks along its inputs and outputs.
pub(super) struct Walk {
    pub(super) roles: Vec<Role>,
    pub(super) dimension: usize,
    pub(super) is_reverse: bool,
}

/// A slice of extent one that a body reads or writes at the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    dimension: usize,
    is_reverse: bool,
}

impl Walk {
    /// The carried values of this role.
    pub(super) fn all(&self, role: Role) -> impl Iterator<Item = usize> {
        (0..self.roles.len()).filter(move |&at| self.roles[at] == role)
    }

    /// The same loop as a scan that walks along nothing: it slices and updates as the loop does.
    pub(super) fn standing(&self) -> Walk {
        let role = |role: &Role| match role {
            Role::Input | Role::Constant => Role::Constant,
            Role::Output | Role::Carried | Role::Counter => Role::Carried,
        };
        Walk { roles: self.roles.iter().map(role).collect(), dimension: 0, is_reverse: false }
    }
}

/// What each carried value is. All inputs and outputs are walked along one dimension in one direction:
/// that of the first; others stay constants and carried.
pub(super) fn walk(body: &Graph, count: Count) -> Walk {
    let places: Vec<Option<Place>> = (0..body.inputs().len()).map(|at| place(body, count, at)).collect();
    let first = places.iter().flatten().next().copied();
    let role = |at: usize| match (handed_on(body, at), places[at].is_some() && places[at] == first) {
        (true, true) => Role::Input,
        (true, false) => Role::Constant,
        (false, true) => Role::Output,
        (false, false) => Role::Carried,
    };
    let mut roles: Vec<Role> = (0..places.len()).map(role).collect();
    if !is_read(body, count, &roles) {
        roles[count.counter] = Role::Counter;
    }
    let Place { dimension, is_reverse } = first.unwrap_or(Place { dimension: 0, is_reverse: false });
    Walk { roles, dimension, is_reverse }
}

/// Where the loop reads or writes a carried value, if it does so slice by slice, and in no other way.
fn place(body: &Graph, count: Count, at: usize) -> Option<Place> {
    let value = body.inputs()[at].value;
    let mut places =
        body.uses(value).map(|(id, operand)| (operand == 0).then(|| slice_at(body, count, id)).flatten());
    let first = places.next()??;
    let is_one = places.all(|place| place == Some(first));
    let mut users = body.uses(value).map(|(id, _)| id);
    let is_written =
        |id: NodeId| matches!(body.node(id).kind, NodeKind::Op(Op::Index(IndexOp::DynamicUpdateSlice(_))));
    let fits = match handed_on(body, at) {
        true => !users.any(is_written) && returns(body, value) == 1,
        false => {
            let written = body.outputs()[at].value;
            let only = users.next()? == written.node() && users.next().is_none();
            only && is_written(written.node())
                && body.uses(written).next().is_none()
                && returns(body, written) == 1
        }
    };
    (is_one && fits).then_some(first)
}

/// How often the body returns a value.
fn returns(body: &Graph, value: Value) -> usize {
    body.outputs().iter().filter(|port| port.value == value).count()
}

/// Where an op takes or writes a slice of its first operand, if that is one step of a walk along all of it.
fn slice_at(body: &Graph, count: Count, id: NodeId) -> Option<Place> {
    let operands = body.operands(id);
    let whole = &body.ty(operands[0]).shape;
    let (sizes, starts) = match &body.node(id).kind {
        NodeKind::Op(Op::Index(IndexOp::DynamicSlice(DynamicSlice { batching_dims, slice_sizes }))) => {
            (batching_dims.is_empty().then_some(slice_sizes)?, &operands[1..])
        }
        NodeKind::Op(Op::Index(IndexOp::DynamicUpdateSlice(DynamicUpdateSlice { batching_dims }))) => {
            (batching_dims.is_empty().then_some(&body.ty(operands[1]).shape)?, &operands[2..])
        }
        NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => return None,
    };
    let walked = |dim: usize| Some((dim, direction(body, count, starts[dim])?));
    let (dimension, is_reverse) = (0..whole.len()).find_map(walked)?;
    let is_whole = |dim: usize| match dim == dimension {
        true => sizes[dim] == 1 && whole[dim] == count.rounds,
        false => sizes[dim] == whole[dim] && integer(body, starts[dim]) == Some(0),
    };
    (0..whole.len()).all(is_whole).then_some(Place { dimension, is_reverse })
}

/// Whether a value is the number of the round from the end (`length - 1 - counter`) or from the start.
fn direction(body: &Graph, count: Count, value: Value) -> Option<bool> {
    if (count.start, count.step) != (0, 1) {
        return None;
    }
    let counter = body.inputs()[count.counter].value;
    if value == counter {
        return Some(false);
    }
    (difference(body, counter, value)? == (count.rounds as i64 - 1, 1)).then_some(true)
}

/// The number that `number - .. - counter - ..` begins with, less those taken from it, and how often the
/// counter is.
fn difference(body: &Graph, counter: Value, value: Value) -> Option<(i64, u32)> {
    let (mut left, mut taken, mut times) = (value, 0i64, 0u32);
    loop {
        if let Some(number) = integer(body, left) {
            return Some((number.checked_sub(taken)?, times));
        }
        let NodeKind::Op(Op::Elementwise(Elementwise::Binary(Binary::Subtract))) =
            body.node(left.node()).kind
        else {
            return None;
        };
        let &[from, right] = body.operands(left.node()).as_slice() else { return None };
        match right == counter {
            true => times += 1,
            false => taken = taken.checked_add(integer(body, right)?)?,
        }
        left = from;
    }
}

/// Whether the scan's body reads the counter: as more than the place of slices.
fn is_read(body: &Graph, count: Count, roles: &[Role]) -> bool {
    let mut needed = vec![false; body.len()];
    for (at, port) in body.outputs().iter().enumerate() {
        needed[port.value.node().index()] |= at != count.counter && roles[at] != Role::Output;
        if roles[at] == Role::Output {
            needed[body.operands(port.value.node())[1].node().index()] = true;
        }
    }
    for (id, _) in body.nodes().rev() {
        if needed[id.index()] && !is_slice(body, roles, id) {
            body.operands(id).iter().for_each(|operand| needed[operand.node().index()] = true);
        }
    }
    needed[body.inputs()[count.counter].value.node().index()]
}

/// Whether a node takes the slice of an input.
fn is_slice(body: &Graph, roles: &[Role], id: NodeId) -> bool {
    let of_input = |operand: &Value| {
        let at = body.inputs().iter().position(|port| port.value == *operand);
        at.is_some_and(|at| roles[at] == Role::Input)
    };
    body.operands(id).first().is_some_and(of_input)
}

impl Walk {
    /// Adds the scan that does what the loop over `body` does.
    pub(super) fn push(
        &self,
        builder: &mut Builder,
        body: &Graph,
        count: Count,
        operands: &[Value],
    ) -> Result<Vec<Value>, BuildError> {
        let op = Scan {
            dimension: self.dimension,
            is_reverse: self.is_reverse,
            length: count.rounds,
            inputs: self.all(Role::Input).count(),
            carried: self.all(Role::Carried).count(),
            body: self.body(body)?.into(),
        };
        let given = |role: Role| self.all(role).map(|at| operands[at]).collect::<Vec<Value>>();
        builder.push_all(op, &[Role::Input, Role::Carried, Role::Constant].map(given).concat())
    }

    /// The body of the scan: `(slice, .., carried, .., constant, ..) -> (output, .., carried, ..)`.
    pub(super) fn body(&self, body: &Graph) -> Result<Graph, BuildError> {
        let mut builder = Builder::new(body.name());
        let inputs = self.inputs(&mut builder, body);
        let mut written: Vec<Option<Value>> = vec![None; self.roles.len()];
        let results = interpret(body, inputs, |id, node, operands| {
            builder.describe(Some(node.name.clone()), node.location.clone());
            if is_slice(body, &self.roles, id) {
                let slice = operands[0].map(|slice| builder.reshape(slice, node.types[0].shape.clone()));
                return Ok(vec![slice.transpose()?]);
            }
            if let Some(at) = self.all(Role::Output).find(|&at| body.outputs()[at].value.node() == id) {
                let update = operands[1].map(|update| without(&mut builder, update, self.dimension));
                written[at] = update.transpose()?;
                return Ok(vec![None]);
            }
            // What reads the counter is read by no part of the scan.
            match operands.into_iter().collect::<Option<Vec<Value>>>() {
                Some(operands) => Ok(builder.copy(node, &operands)?.into_iter().map(Some).collect()),
                None => Ok::<_, BuildError>(vec![None; node.types.len()]),
            }
        })?;
        let outputs = self.all(Role::Output).map(|at| written[at]);
        let returned = outputs.chain(self.all(Role::Carried).map(|at| results[at]));
        let missing =
            || BuildError::inconsistency("counted_loops", "a result of a loop is missing in its scan");
        let returned = returned.map(|value| value.ok_or_else(missing)).collect::<Result<Vec<Value>, _>>()?;
        dead_code(&builder.finish(&returned))
    }

    /// What stands for each of the loop's inputs in the scan's body; nothing for the counter and outputs.
    fn inputs(&self, builder: &mut Builder, body: &Graph) -> Vec<Option<Value>> {
        let mut inputs = vec![None; self.roles.len()];
        for part in [Role::Input, Role::Carried, Role::Constant] {
            for at in self.all(part) {
                let mut ty = body.input_types()[at].clone();
                if part == Role::Input {
                    ty.shape.remove(self.dimension);
                }
                let name = body.node(body.inputs()[at].value.node()).name.clone();
                inputs[at] = Some(builder.input(name, ty));
            }
        }
        inputs
    }
}

/// The one slice that a value is, without the dimension.
fn without(builder: &mut Builder, value: Value, dimension: usize) -> Result<Value, BuildError> {
    let TensorType { mut shape, .. } = builder.graph().ty(value).clone();
    shape.remove(dimension);
    builder.reshape(value, shape)
}
