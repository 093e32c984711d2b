//! Transforms on the command line, in their order: which dimension of each argument holds the members, how many
//! members there are, and which arguments a derivative is by, resolved and applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use choral::ir::check::Program;
use choral::transform::explain::{Explanation, explain};
use choral::transform::vmap::{DimsError, asks_for_numbers, exchanges};
use choral::transform::{Axis, Chunks, VmapError, VmapOptions, vmap_graph};
use choral::{Graph, Tensor, ir};

use super::Error;
use super::arguments::{Step, Transforms};
use super::derivative::Derivative;
use super::expected::Expected;
use super::vmap::Vmap;

/// The number of members to show or time if none is given.
const ASSUMED: usize = 2;

/// The transforms of a command line, resolved for one program.
#[derive(Debug)]
pub(super) struct Mapping<'a> {
    /// The innermost first.
    steps: Vec<Resolved<'a>>,
    /// What the transformed program takes.
    pub(super) arguments: Vec<Expected>,
}

#[derive(Debug)]
enum Resolved<'a> {
    Level(Level<'a>),
    Derivative(&'a Derivative),
}

#[derive(Debug)]
struct Level<'a> {
    vmap: &'a Vmap,
    /// Where each argument holds the members, once this level is applied.
    dims: Vec<Option<usize>>,
    size: Option<usize>,
    name: Option<&'a str>,
    chunks: Chunks,
}

impl<'a> Mapping<'a> {
    /// Resolves the entries against the arguments of a graph.
    pub(super) fn of(transforms: &'a Transforms, graph: &Graph) -> Result<Mapping<'a>, Error> {
        let named =
            graph.inputs().iter().map(|port| (&graph.node(port.value.node()).name, graph.ty(port.value)));
        let mut mapping = Mapping {
            steps: Vec::new(),
            arguments: named.map(|(name, ty)| Expected::of(name, ty)).collect(),
        };
        let Transforms { steps, axis_size, axis_name, chunk_size } = transforms;
        let count = steps.iter().filter(|step| matches!(step, Step::Vmap(_))).count();
        let sizes = one_each("--axis-size", axis_size, count)?;
        let chunk_sizes = one_each("--chunk-size", chunk_size, count)?;
        let names = names(axis_name, count)?;
        let mut settings = sizes.into_iter().zip(chunk_sizes).zip(names);
        for step in steps {
            match step {
                Step::Vmap(vmap) => {
                    // There is one for each: they are counted above.
                    let Some(((size, chunk_size), name)) = settings.next() else { continue };
                    let dims = vmap.in_dims(&mapping.arguments)?;
                    let chunks = Chunks { size: chunk_size, memory_limit: None };
                    for (argument, at) in mapping.arguments.iter_mut().zip(&dims) {
                        at.iter().for_each(|&at| argument.shape.insert(at, size));
                    }
                    mapping.steps.push(Resolved::Level(Level { vmap, dims, size, name, chunks }));
                }
                Step::Derivative(derivative) => {
                    derivative.expect(&mut mapping.arguments)?;
                    mapping.steps.push(Resolved::Derivative(derivative));
                }
            }
        }
        Ok(mapping)
    }

    /// Learns the numbers of members from arguments that the program takes.
    pub(super) fn learn(&mut self, given: &[Tensor]) -> Result<(), Error> {
        let mut shapes: Vec<Vec<usize>> = given.iter().map(|tensor| tensor.shape().to_vec()).collect();
        for step in self.steps.iter_mut().rev() {
            match step {
                Resolved::Level(level) => level.learn(given, &mut shapes)?,
                Resolved::Derivative(derivative) => derivative.learn(&mut shapes)?,
            }
        }
        Ok(())
    }

    /// Sets a number of members where none is given, and returns it.
    pub(super) fn assume(&mut self) -> Option<usize> {
        let mut assumed = None;
        for step in &mut self.steps {
            let Resolved::Level(level) = step else { continue };
            if level.size.is_none() && level.dims.iter().any(Option::is_some) {
                level.size = Some(ASSUMED);
                assumed = level.size;
            }
        }
        assumed
    }

    /// The program after every transform.
    pub(super) fn apply(&self, program: Program) -> Result<Program, Error> {
        self.steps.iter().try_fold(program, |program, step| step.apply(program))
    }

    /// What each `--vmap` does to the program, the innermost first.
    pub(super) fn explain(&self, mut program: Program) -> Result<Vec<Explanation>, Error> {
        let mut explanations = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            if let Resolved::Level(level) = step {
                let explanation = explain(&program.graph, &level.options(&program)?);
                explanations.push(explanation.map_err(|error| level.vmap.wrong(explained(&error)))?);
            }
            program = step.apply(program)?;
        }
        Ok(explanations)
    }
}

impl Resolved<'_> {
    fn apply(&self, program: Program) -> Result<Program, Error> {
        match self {
            Resolved::Level(level) => level.apply(program),
            Resolved::Derivative(derivative) => derivative.apply(program),
        }
    }
}

/// A number for each `--vmap`, as far as the command line says it.
fn one_each(flag: &str, given: &[u32], vmaps: usize) -> Result<Vec<Option<usize>>, Error> {
    let numbers: Vec<Option<usize>> = given.iter().map(|&number| Some(number as usize)).collect();
    match numbers.as_slice() {
        [] => Ok(vec![None; vmaps]),
        [number] => Ok(vec![*number; vmaps]),
        each if each.len() == vmaps => Ok(each.to_vec()),
        other => Err(Error::message(format!(
            "{flag} is given {} times for {vmaps} --vmap; give it once, or once for each",
            other.len()
        ))),
    }
}

/// A name for each `--vmap`, if the command line gives them.
fn names(given: &[String], vmaps: usize) -> Result<Vec<Option<&str>>, Error> {
    match given {
        [] => Ok(vec![None; vmaps]),
        each if each.len() == vmaps => Ok(each.iter().map(|name| Some(name.as_str())).collect()),
        other => Err(Error::message(format!(
            "--axis-name is given {} times for {vmaps} --vmap; give it once for each",
            other.len()
        ))),
    }
}

impl Level<'_> {
    /// Learns the number of members, and leaves the shapes of one member's arguments.
    fn learn(&mut self, given: &[Tensor], shapes: &mut [Vec<usize>]) -> Result<(), Error> {
        let mut sizes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (position, (shape, at)) in shapes.iter_mut().zip(&self.dims).enumerate() {
            if let Some(at) = at {
                let place = format!("dimension {at} of input {position}, {}", given[position].ty());
                sizes.entry(shape.remove(*at)).or_default().push(place);
            }
        }
        if sizes.len() > 1 {
            return Err(self.vmap.disagreement(&sizes));
        }
        self.size = self.size.or(sizes.into_keys().next());
        Ok(())
    }

    /// The members of this level in a graph without them.
    fn axis(&self, graph: &Graph) -> Result<Axis, Error> {
        let size = self.size.ok_or_else(|| {
            self.vmap.wrong(
                "no argument is mapped, so the number of members is unknown; map an argument, or set --axis-size N",
            )
        })?;
        Ok(Axis { name: self.name.map_or_else(|| unused_axis(graph), Arc::from), size })
    }

    /// How this level maps a program.
    fn options(&self, Program { graph, results, checks: _ }: &Program) -> Result<VmapOptions, Error> {
        let types = graph.output_types();
        let mut out_dims = self.vmap.out_dims(&types[..*results])?;
        // A check compares member by member: both sides hold all of them in one place.
        out_dims.resize(types.len(), Some(0));
        let output_names = (0..types.len()).map(|at| format!(".{at}")).collect();
        let (axis, in_dims) = (self.axis(graph)?, self.dims.clone());
        Ok(VmapOptions { axis, in_dims, out_dims, output_names, chunks: self.chunks })
    }

    fn apply(&self, program: Program) -> Result<Program, Error> {
        let options = self.options(&program)?;
        let Program { graph, results, checks } = program;
        let graph = vmap_graph(&graph, &options).map_err(|error| self.vmap.wrong(explained(&error)))?;
        ir::verify(&graph).map_err(|error| self.vmap.wrong(error))?;
        Ok(Program { graph, results, checks })
    }
}

/// The error in the words of the command line.
fn explained(error: &VmapError) -> String {
    match error {
        VmapError::Dims(DimsError::Unbatched { path }) => {
            let result = path.trim_start_matches('.');
            format!("result {result} differs between members: give it a dimension instead of _")
        }
        other => other.to_string(),
    }
}

/// The first of `batch`, `batch1`, `batch2`, ... that names no axis of the graph, and that no collective names.
fn unused_axis(graph: &Graph) -> Arc<str> {
    let ports = || graph.inputs().iter().chain(graph.outputs());
    let used = |name: &str| {
        let axis = Arc::from(name);
        ports().any(|port| port.axes.iter().any(|axis| *axis.name == *name))
            || exchanges(graph, &axis)
            || asks_for_numbers(graph, &axis)
    };
    let mut name = "batch".to_owned();
    let mut next = 1;
    while used(&name) {
        name = format!("batch{next}");
        next += 1;
    }
    name.into()
}
