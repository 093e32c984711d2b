//! Transforms on the command line: which dimension of each argument holds the members, and how many
//! members there are, resolved and applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use choral::ir::check::Program;
use choral::transform::explain::{Explanation, explain};
use choral::transform::vmap::{DimsError, asks_for_numbers, exchanges};
use choral::transform::{Axis, Chunks, VmapError, VmapOptions, vmap_graph};
use choral::{Graph, Tensor, ir};

use super::Error;
use super::arguments::Transforms;
use super::expected::Expected;
use super::vmap::Vmap;

/// The number of members to show or time if none is given.
const ASSUMED: usize = 2;

/// The transforms of a command line, resolved for one program.
#[derive(Debug)]
pub(super) struct Mapping<'a> {
    /// The innermost first.
    levels: Vec<Level<'a>>,
    /// What the transformed program takes.
    pub(super) arguments: Vec<Expected>,
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
            levels: Vec::new(),
            arguments: named.map(|(name, ty)| Expected::of(name, ty)).collect(),
        };
        let Transforms { vmap: vmaps, axis_size, axis_name, chunk_size } = transforms;
        let sizes = one_each("--axis-size", axis_size, vmaps)?;
        let chunk_sizes = one_each("--chunk-size", chunk_size, vmaps)?;
        let names = names(axis_name, vmaps)?;
        for (((vmap, size), chunk_size), name) in vmaps.iter().zip(sizes).zip(chunk_sizes).zip(names) {
            let dims = vmap.in_dims(&mapping.arguments)?;
            let chunks = Chunks { size: chunk_size, memory_limit: None };
            for (argument, at) in mapping.arguments.iter_mut().zip(&dims) {
                at.iter().for_each(|&at| argument.shape.insert(at, size));
            }
            mapping.levels.push(Level { vmap, dims, size, name, chunks });
        }
        Ok(mapping)
    }

    /// Learns the numbers of members from arguments that the program takes.
    pub(super) fn learn(&mut self, given: &[Tensor]) -> Result<(), Error> {
        let mut shapes: Vec<Vec<usize>> = given.iter().map(|tensor| tensor.shape().to_vec()).collect();
        for level in self.levels.iter_mut().rev() {
            let mut sizes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
            for (position, (shape, at)) in shapes.iter_mut().zip(&level.dims).enumerate() {
                if let Some(at) = at {
                    let place = format!("dimension {at} of input {position}, {}", given[position].ty());
                    sizes.entry(shape.remove(*at)).or_default().push(place);
                }
            }
            if sizes.len() > 1 {
                return Err(level.vmap.disagreement(&sizes));
            }
            level.size = level.size.or(sizes.into_keys().next());
        }
        Ok(())
    }

    /// Sets a number of members where none is given, and returns it.
    pub(super) fn assume(&mut self) -> Option<usize> {
        let unknown = |level: &&mut Level<'_>| level.size.is_none() && level.dims.iter().any(Option::is_some);
        let mut assumed = None;
        for level in self.levels.iter_mut().filter(unknown) {
            level.size = Some(ASSUMED);
            assumed = level.size;
        }
        assumed
    }

    /// The program after every transform.
    pub(super) fn apply(&self, program: Program) -> Result<Program, Error> {
        self.levels.iter().try_fold(program, |program, level| level.apply(program))
    }

    /// What each transform does to the program, the innermost first.
    pub(super) fn explain(&self, mut program: Program) -> Result<Vec<Explanation>, Error> {
        let mut explanations = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let explanation = explain(&program.graph, &level.options(&program)?);
            explanations.push(explanation.map_err(|error| level.vmap.wrong(explained(&error)))?);
            program = level.apply(program)?;
        }
        Ok(explanations)
    }
}

/// A number for each `--vmap`, as far as the command line says it.
fn one_each(flag: &str, given: &[u32], vmaps: &[Vmap]) -> Result<Vec<Option<usize>>, Error> {
    let numbers: Vec<Option<usize>> = given.iter().map(|&number| Some(number as usize)).collect();
    match numbers.as_slice() {
        [] => Ok(vec![None; vmaps.len()]),
        [number] => Ok(vec![*number; vmaps.len()]),
        each if each.len() == vmaps.len() => Ok(each.to_vec()),
        other => Err(Error::message(format!(
            "{flag} is given {} times for {} --vmap; give it once, or once for each",
            other.len(),
            vmaps.len()
        ))),
    }
}

/// A name for each `--vmap`, if the command line gives them.
fn names<'a>(given: &'a [String], vmaps: &[Vmap]) -> Result<Vec<Option<&'a str>>, Error> {
    match given {
        [] => Ok(vec![None; vmaps.len()]),
        each if each.len() == vmaps.len() => Ok(each.iter().map(|name| Some(name.as_str())).collect()),
        other => Err(Error::message(format!(
            "--axis-name is given {} times for {} --vmap; give it once for each",
            other.len(),
            vmaps.len()
        ))),
    }
}

impl Level<'_> {
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
