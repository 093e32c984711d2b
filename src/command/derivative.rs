//! `--grad ARGS` and `--jvp ARGS`: what may be written, and what it makes of a program.

use std::fmt;
use std::str::FromStr;

use choral::error::DifferentiationError;
use choral::ir::check::Program;
use choral::ir::{BuildError, Builder};
use choral::transform::differentiate::{jvp_graph_of, value_and_grad_graph_of};
use choral::transform::rewrite;
use choral::{Graph, TensorType, ir};

use super::Error;
use super::expected::Expected;

/// One `--grad ARGS` or `--jvp ARGS`.
#[derive(Debug, Clone)]
pub(super) struct Derivative {
    pub(super) way: Way,
    /// Which arguments it is by.
    pub(super) arguments: Vec<usize>,
}

/// Which derivative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Grad,
    Jvp,
}

/// Arguments by their numbers: `0`, or `0,2`.
#[derive(Debug, Clone)]
pub(super) struct Numbers(pub(super) Vec<usize>);

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Numbers, String> {
        let number = |entry: &str| {
            let wrong =
                |_| format!("expected the number of an argument, found '{entry}'; written like 0 or 0,2");
            entry.trim().parse().map_err(wrong)
        };
        Ok(Numbers(text.split(',').map(number).collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Derivative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.way {
            Way::Grad => "grad",
            Way::Jvp => "jvp",
        };
        let arguments: Vec<String> = self.arguments.iter().map(usize::to_string).collect();
        write!(f, "--{name} {}", arguments.join(","))
    }
}

impl Derivative {
    fn wrong(&self, message: impl fmt::Display) -> Error {
        Error::message(format!("{self}: {message}"))
    }

    /// What the program takes once it is differentiated, if `arguments` are what it took before.
    pub(super) fn expect(&self, arguments: &mut Vec<Expected>) -> Result<(), Error> {
        let count = arguments.len();
        for &at in &self.arguments {
            let argument = arguments.get(at).filter(|_| at < count).cloned();
            let argument = argument.ok_or_else(|| self.wrong(DifferentiationError::NoInput { at, count }))?;
            if !argument.dtype.is_float() {
                return Err(self.wrong(format!(
                    "argument {at} (%{}: {argument}) holds no floats, and has no derivative; leave it out",
                    argument.name
                )));
            }
            if self.way == Way::Jvp {
                arguments.push(Expected { name: format!("{}.tangent", argument.name), ..argument });
            }
        }
        Ok(())
    }

    /// Leaves the shapes of the arguments that the program took before.
    pub(super) fn learn(&self, shapes: &mut Vec<Vec<usize>>) -> Result<(), Error> {
        if self.way == Way::Grad || shapes.is_empty() {
            return Ok(());
        }
        let tangents = shapes.split_off(shapes.len() - self.arguments.len());
        for (&at, tangent) in self.arguments.iter().zip(tangents) {
            if shapes[at] != tangent {
                let shape = &shapes[at];
                return Err(
                    self.wrong(format!("argument {at} has shape {shape:?}, but its tangent {tangent:?}"))
                );
            }
        }
        Ok(())
    }

    /// The differentiated program; what its checks compare stays as it is.
    pub(super) fn apply(&self, program: Program) -> Result<Program, Error> {
        let Program { graph, results, checks } = program;
        let types = graph.output_types();
        let floats: Vec<usize> = (0..results).filter(|&at| types[at].dtype.is_float()).collect();
        if floats.is_empty() {
            let types = types[..results].iter().map(TensorType::to_string).collect::<Vec<_>>().join(", ");
            return Err(self.wrong(DifferentiationError::NoFloats { types }));
        }
        let differentiated = match self.way {
            Way::Grad => value_and_grad_graph_of(&graph, &self.arguments, &floats),
            Way::Jvp => jvp_graph_of(&graph, &self.arguments, &floats),
        };
        let differentiated = differentiated.map_err(|error| self.wrong(error))?;
        let all = differentiated.outputs().len();
        let kept = match self.way {
            Way::Grad => 0..0,
            Way::Jvp => 0..results,
        };
        let compared = results..types.len();
        let results = kept.len() + all - types.len();
        let order: Vec<usize> = kept.chain(types.len()..all).chain(compared).collect();
        let graph = returning(&differentiated, &order).map_err(|error| self.wrong(error))?;
        ir::verify(&graph).map_err(|error| self.wrong(error))?;
        Ok(Program { graph, results, checks })
    }
}

/// The graph with these of its outputs, in this order.
fn returning(graph: &Graph, order: &[usize]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new(graph.name());
    let mut inputs = Vec::with_capacity(graph.inputs().len());
    for (port, ty) in graph.inputs().iter().zip(graph.input_types()) {
        let node = graph.node(port.value.node());
        builder.describe(None, node.location.clone());
        inputs.push(builder.input(node.name.clone(), ty));
    }
    let outputs = builder.inline(graph, &inputs)?;
    let chosen: Vec<_> = order.iter().map(|&at| outputs[at]).collect();
    let axes = |port: &ir::graph::Port| port.axes.clone();
    let of_inputs = graph.inputs().iter().map(axes).collect();
    let of_outputs = order.iter().map(|&at| axes(&graph.outputs()[at])).collect();
    rewrite::dead_code(&builder.finish(&chosen).with_axes(of_inputs, of_outputs))
}
