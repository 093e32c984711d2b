//! Where named axes lie inside of a graph: for each value, the dimension of every axis that the inputs name.
//!
//! A graph stores the axes of its boundary alone; what lies between is found here, so that texts from
//! elsewhere and rewritten graphs tell it, too. Each axis is followed once through each value, in regions
//! as around them. `tests/laws` holds what is found against what the members do.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use crate::graph::{NamedAxis, Node, NodeId, NodeKind, Value};
use crate::op::{ControlOp, Scan, follow};
use crate::{Graph, Op};

/// Where the named axes of a function's inputs lie in its values, or in those of a region of it.
#[derive(Debug, Clone)]
pub struct Axes<'g> {
    whole: Rc<Whole<'g>>,
    room: usize,
}

/// A graph with all that is inside of it, and where each axis lies.
#[derive(Debug)]
struct Whole<'g> {
    rooms: Vec<Room<'g>>,
    axes: Vec<(Arc<str>, Places)>,
}

/// The dimension of one axis in each value that is known to have it, by room.
type Places = HashMap<(usize, Value), usize>;

/// A graph, and where it stands: the function, or a region.
#[derive(Debug)]
struct Room<'g> {
    graph: &'g Graph,
    /// The room around it, and the op there.
    around: Option<(usize, NodeId)>,
    /// The rooms of each op's regions.
    within: HashMap<NodeId, Vec<usize>>,
}

impl Graph {
    /// Where the named axes of the inputs lie in every value: what the comments in the text say.
    ///
    /// ```
    /// use choral_ir::Graph;
    /// let graph = Graph::parse("
    ///     func.func @main(%x: tensor<5x2xf32> {choral.axes = \"members@0\"}) -> tensor<2x5xf32> {
    ///       %y = stablehlo.transpose %x, dims = [1, 0] : (tensor<5x2xf32>) -> tensor<2x5xf32>
    ///       return %y : tensor<2x5xf32>
    ///     }")?;
    /// let of_output = graph.axes().of(graph.outputs()[0].value);
    /// assert_eq!(of_output[0].to_string(), "members@1");
    /// # Ok::<(), choral_ir::text::ParseError>(())
    /// ```
    pub fn axes(&self) -> Axes<'_> {
        let rooms = rooms(self);
        let ports = self.inputs();
        let mut names: Vec<_> = ports.iter().flat_map(|port| &port.axes).map(|axis| &axis.name).collect();
        names.sort_unstable();
        names.dedup();
        let axes = names.into_iter().map(|name| (Arc::clone(name), places(&rooms, name))).collect();
        Axes { whole: Rc::new(Whole { rooms, axes }), room: 0 }
    }
}

impl Axes<'_> {
    /// The axes of a value of this graph, by dimension.
    pub fn of(&self, value: Value) -> Vec<NamedAxis> {
        let axis = |(name, places): &(Arc<str>, Places)| {
            places.get(&(self.room, value)).map(|&dim| NamedAxis { name: Arc::clone(name), dim })
        };
        let mut axes: Vec<NamedAxis> = self.whole.axes.iter().filter_map(axis).collect();
        axes.sort_by_key(|axis| axis.dim);
        axes
    }

    /// The same inside of each region of a branch or loop; none for other ops, whose regions hold scalars.
    pub fn within(&self, op: NodeId) -> Vec<Self> {
        let rooms = self.whole.rooms[self.room].within.get(&op).into_iter().flatten();
        rooms.map(|&room| Axes { whole: Rc::clone(&self.whole), room }).collect()
    }
}

/// The graph, and the regions of its branches and loops, at any depth.
fn rooms(graph: &Graph) -> Vec<Room<'_>> {
    let mut rooms = vec![Room { graph, around: None, within: HashMap::new() }];
    let mut at = 0;
    while let Some(&Room { graph, .. }) = rooms.get(at) {
        for (id, node) in graph.nodes() {
            for graph in regions(node) {
                let new = rooms.len();
                rooms[at].within.entry(id).or_default().push(new);
                rooms.push(Room { graph, around: Some((at, id)), within: HashMap::new() });
            }
        }
        at += 1;
    }
    rooms
}

/// The regions of a branch or loop.
fn regions(node: &Node) -> Vec<&Graph> {
    match &node.kind {
        NodeKind::Op(Op::Control(ControlOp::Map(_))) => Vec::new(),
        NodeKind::Op(Op::Control(op)) => op.regions(),
        NodeKind::Op(_) | NodeKind::Input | NodeKind::Constant(_) => Vec::new(),
    }
}

/// Where one axis lies. Every value is visited at most once, however deep regions nest.
fn places(rooms: &[Room<'_>], name: &str) -> Places {
    let mut places = Places::new();
    let mut next = VecDeque::new();
    for port in rooms[0].graph.inputs() {
        let axis = port.axes.iter().find(|axis| &*axis.name == name);
        next.extend(axis.map(|axis| (0, port.value, axis.dim)));
    }
    while let Some((room, value, dim)) = next.pop_front() {
        let exists = dim < rooms[room].graph.ty(value).rank();
        if exists && !places.contains_key(&(room, value)) {
            places.insert((room, value), dim);
            onward(rooms, room, value, dim, |room, value, dim| next.push_back((room, value, dim)));
        }
    }
    places
}

/// Tells `reach` of every value that has the axis because this one has it.
fn onward(
    rooms: &[Room<'_>],
    at: usize,
    value: Value,
    dim: usize,
    mut reach: impl FnMut(usize, Value, usize),
) {
    let graph = rooms[at].graph;
    for (id, operand) in graph.uses(value) {
        match &graph.node(id).kind {
            NodeKind::Op(Op::Control(op)) => {
                from_operand(op, operand, dim).arrive(rooms, (at, id), &mut reach);
            }
            NodeKind::Op(op) => {
                let operands = graph.operands(id);
                let types: Vec<_> = operands.iter().map(|&value| graph.ty(value)).collect();
                if let Some(dim) = follow(op, &types, operand, dim) {
                    (0..graph.node(id).types.len()).for_each(|result| reach(at, id.result(result), dim));
                }
            }
            NodeKind::Input | NodeKind::Constant(_) => {}
        }
    }
    let Some((outer, id)) = rooms[at].around else { return };
    let NodeKind::Op(Op::Control(op)) = &rooms[outer].graph.node(id).kind else { return };
    let ports = graph.outputs().iter().enumerate();
    for (output, _) in ports.filter(|(_, port)| port.value == value) {
        from_output(op, output, dim).arrive(rooms, (outer, id), &mut reach);
    }
}

/// Where a dimension goes at the border of an op's regions: number and dimension of the value.
#[derive(Default)]
struct Onward {
    /// Into every region, as this input.
    input: Option<(usize, usize)>,
    /// Out of the op, as this result.
    result: Option<(usize, usize)>,
}

impl Onward {
    /// Tells `reach` of the values, for an op in a room.
    fn arrive(
        self,
        rooms: &[Room<'_>],
        (at, id): (usize, NodeId),
        reach: &mut impl FnMut(usize, Value, usize),
    ) {
        if let Some((result, dim)) = self.result {
            reach(at, id.result(result), dim);
        }
        let Some((input, dim)) = self.input else { return };
        for &region in rooms[at].within.get(&id).into_iter().flatten() {
            reach(region, rooms[region].graph.inputs()[input].value, dim);
        }
    }
}

/// Where a dimension of an operand goes.
fn from_operand(op: &ControlOp, operand: usize, dim: usize) -> Onward {
    let here = Some((operand, dim));
    match op {
        // The first operand chooses.
        ControlOp::If(_) | ControlOp::Case(_) => Onward { input: Some((operand - 1, dim)), result: None },
        ControlOp::While(_) => Onward { input: here, result: here },
        ControlOp::Scan(Scan { dimension, inputs, .. }) if operand < *inputs => {
            let slice = (dim != *dimension).then(|| (operand, dim - usize::from(dim > *dimension)));
            Onward { input: slice, result: None }
        }
        ControlOp::Scan(op) if operand < op.inputs + op.carried => {
            Onward { input: here, result: Some((op.outputs() + operand - op.inputs, dim)) }
        }
        // A constant.
        ControlOp::Scan(_) => Onward { input: here, result: None },
        ControlOp::Map(_) => Onward { input: None, result: Some((0, dim)) },
        ControlOp::OptimizationBarrier => Onward { input: None, result: here },
    }
}

/// Where a dimension of a region's output goes.
fn from_output(op: &ControlOp, output: usize, dim: usize) -> Onward {
    let here = Some((output, dim));
    match op {
        ControlOp::If(_) | ControlOp::Case(_) => Onward { input: None, result: here },
        ControlOp::While(_) => Onward { input: here, result: here },
        ControlOp::Scan(op) if output < op.outputs() => {
            Onward { input: None, result: Some((output, dim + usize::from(dim >= op.dimension))) }
        }
        ControlOp::Scan(op) => Onward { input: Some((op.inputs + output - op.outputs(), dim)), result: here },
        ControlOp::Map(_) | ControlOp::OptimizationBarrier => Onward::default(),
    }
}
