//! A function to be differentiated: traced, with the values that its graph takes and what is wrong with them.

use std::panic::Location as Caller;

use choral_ir::{Graph, TensorType};

use super::error::{Given, GradError};
use crate::front::error::Error;
use crate::front::trace::function::{self, Function, OutputTypes, Traced};
use crate::front::trace::user_location;
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Tree, Typed, leaves, rebuild};

/// A function, traced on arguments of the trace around it.
pub(super) struct Subject<'a, O> {
    /// What asks for a derivative, as errors call it.
    pub(super) what: &'static str,
    pub(super) graph: Graph,
    pub(super) output: O,
    /// The leaves of the arguments, with their paths.
    pub(super) arguments: Vec<(Path, Var)>,
    captures: Vec<Var>,
    at: &'a Caller<'a>,
}

/// A function `F`, traced on arguments `A`.
pub(super) type SubjectOf<'a, F, A> = Subject<'a, OutputTypes<F, <A as Tree<Var>>::With<Var>>>;

/// Traces `function` on arguments like `args`.
pub(super) fn traced<'a, A: Tree<Var>, F: Function<A::With<Var>>>(
    what: &'static str,
    function: &F,
    args: &A,
    at: &'a Caller<'a>,
) -> Result<SubjectOf<'a, F, A>, Error> {
    let Traced { graph, output, captures } =
        function::trace_as(function, args, |_, var: &Var| var.ty().clone())?;
    Ok(Subject { what, graph, output, arguments: leaves(args), captures, at })
}

impl<O> Subject<'_, O> {
    /// The error, at the user's line.
    pub(super) fn refused(&self, error: impl Into<Error>) -> Error {
        error.into().at(user_location(self.at))
    }

    /// Fails unless the arguments' leaves of these numbers are there, and hold floats.
    pub(super) fn check_selected(&self, selected: &[usize]) -> Result<(), Error> {
        if selected.is_empty() {
            return Err(self.refused(GradError::Nothing { what: self.what }));
        }
        self.not_floats(selected.iter().map(|&number| &self.arguments[number]))
            .map_or(Ok(()), |(path, ty)| Err(self.refused(GradError::Argument { what: self.what, path, ty })))
    }

    /// Fails unless every leaf of the arguments holds floats.
    pub(super) fn check_primals(&self) -> Result<(), Error> {
        self.not_floats(&self.arguments)
            .map_or(Ok(()), |(path, ty)| Err(self.refused(GradError::Primal { what: self.what, path, ty })))
    }

    fn not_floats<'b>(
        &self,
        arguments: impl IntoIterator<Item = &'b (Path, Var)>,
    ) -> Option<(String, TensorType)> {
        let first = arguments.into_iter().find(|(_, var)| !var.dtype().is_float());
        first.map(|(path, var)| (path.to_string(), var.ty().clone()))
    }

    /// The results of a graph on the arguments, then the captures, then `more`.
    pub(super) fn inline(&self, graph: &Graph, more: &[Var]) -> Result<Vec<Var>, Error> {
        let own = self.arguments.iter().map(|(_, var)| var);
        let operands: Vec<&Var> = own.chain(&self.captures).chain(more).collect();
        function::inline(graph, &operands, self.at).ok_or_else(|| {
            self.refused(Error::Message(format!("{}: a function needs at least one argument", self.what)))
        })
    }

    /// Fails unless `given` has the parts of the arguments, each of its type.
    pub(super) fn check_tangents(&self, given: &impl Tree<Var>) -> Result<(), Error> {
        let fits = check_given(self.what, Given::Tangents, &self.arguments, given);
        fits.map_err(|error| self.refused(error))
    }
}

impl<O: Tree<TensorType>> Subject<'_, O> {
    /// The numbers of the results that `is_main` takes.
    pub(super) fn main_results(&self, is_main: impl Fn(&Path) -> bool) -> Vec<usize> {
        let results = leaves(&self.output).into_iter().enumerate();
        results.filter(|(_, (path, _))| is_main(path)).map(|(number, _)| number).collect()
    }

    /// The number of the only result that `is_main` takes, a scalar.
    pub(super) fn scalar(&self, is_main: impl Fn(&Path) -> bool) -> Result<usize, Error> {
        let (what, results) = (self.what, leaves(&self.output));
        match self.main_results(is_main).as_slice() {
            &[number] if results[number].1.rank() > 0 => {
                Err(self.refused(GradError::NotScalar { what, got: results[number].1.clone() }))
            }
            &[number] => {
                self.check_floats(&[number], ".has_aux()")?;
                Ok(number)
            }
            several => {
                let got = several.iter().map(|&number| results[number].1.to_string()).collect();
                Err(self.refused(GradError::NotOne { what, got }))
            }
        }
    }

    /// Fails unless the results of these numbers hold floats; says what to use `instead`.
    pub(super) fn check_floats(&self, numbers: &[usize], instead: &'static str) -> Result<(), Error> {
        let results = leaves(&self.output);
        let first = numbers.iter().map(|&number| &results[number]).find(|(_, ty)| !ty.dtype.is_float());
        first.map_or(Ok(()), |(path, ty)| {
            let (path, ty) = (path.to_string(), ty.clone());
            Err(self.refused(GradError::Result { what: self.what, path, ty, instead }))
        })
    }

    /// The results, of which `values` holds the leaves.
    pub(super) fn results(&self, values: &[Var]) -> Result<O::With<Var>, Error> {
        rebuild(&self.output, values).ok_or_else(|| self.refused(other_number(self.what)))
    }
}

/// The error for a number of values that is not a structure's: a bug of ours.
pub(super) fn other_number(what: &str) -> Error {
    Error::Message(format!("{what}: the number of values is not that of the structure; please report this"))
}

/// Fails unless `given` has these parts, each of its type.
pub(super) fn check_given<T: Typed>(
    what: &'static str,
    given: Given,
    expected: &[(Path, T)],
    tree: &impl Tree<Var>,
) -> Result<(), GradError> {
    let got = leaves(tree);
    let paths = |paths: Vec<&Path>| paths.into_iter().map(part).collect::<Vec<String>>();
    let (wanted, there): (Vec<&Path>, Vec<&Path>) =
        (expected.iter().map(|(path, _)| path).collect(), got.iter().map(|(path, _)| path).collect());
    let same_names =
        wanted.iter().map(|path| path.state_name()).eq(there.iter().map(|path| path.state_name()));
    if !same_names {
        return Err(GradError::Structure { what, given, expected: paths(wanted), got: paths(there) });
    }
    for ((path, expected), (_, got)) in expected.iter().zip(&got) {
        let (expected, got) = (expected.tensor_type(), got.ty().clone());
        if expected != got {
            return Err(GradError::Type { what, given, path: path.to_string(), expected, got });
        }
    }
    Ok(())
}

/// A path as lists of parts name it.
fn part(path: &Path) -> String {
    if path.segments().is_empty() { "one tensor".to_owned() } else { path.to_string() }
}
