//! What members must have in common: settings, state, and the graphs that they leave when traced.

use std::collections::{BTreeMap, BTreeSet};

use choral_ir::{Graph, NodeId, Tensor};

use crate::front::error::{EnsembleError, Error, SettingValues, Who};
use crate::front::state::{Module, State};
use crate::front::trace::function;
use crate::front::trace::random::implicit::rehearsed;
use crate::front::trace::var::Var;
use crate::front::tree::{Leaf, Tree, settings};

/// Fails unless the models have the first one's settings and state types.
pub(super) fn same_architecture<'a, M: Module<Tensor> + 'a>(
    models: impl IntoIterator<Item = (Who, &'a M)>,
) -> Result<(), EnsembleError> {
    let models: Vec<(Who, &M)> = models.into_iter().collect();
    same_settings(&models)?;
    let Some(((_, first), others)) = models.split_first() else { return Ok(()) };
    let expected = first.state_dict();
    others.iter().try_for_each(|(who, model)| same_state(&expected, *who, &model.state_dict()))
}

/// The settings of a model by their names.
pub(super) fn settings_by_name<T: Leaf>(model: &impl Tree<T>) -> BTreeMap<String, String> {
    settings(model).into_iter().map(|(path, value)| (path.state_name(), value)).collect()
}

/// Fails with every setting that has more than one value.
fn same_settings<T: Leaf, M: Tree<T>>(models: &[(Who, &M)]) -> Result<(), EnsembleError> {
    let all: Vec<(Who, BTreeMap<String, String>)> =
        models.iter().map(|(who, model)| (*who, settings_by_name(*model))).collect();
    let fields: BTreeSet<&String> = all.iter().flat_map(|(_, settings)| settings.keys()).collect();
    let differing: Vec<SettingValues> = fields
        .into_iter()
        .map(|field| values_of(field, &all))
        .filter(|found| found.values.len() > 1)
        .collect();
    if differing.is_empty() { Ok(()) } else { Err(EnsembleError::Settings(differing)) }
}

/// The values of a setting, each with the models that have it.
fn values_of(field: &str, all: &[(Who, BTreeMap<String, String>)]) -> SettingValues {
    // An optional part is the setting `None` where it is not there, and none where it is.
    let is_optional =
        all.iter().any(|(_, settings)| settings.get(field).is_some_and(|value| value == "None"));
    let otherwise = if is_optional { "present" } else { "absent" };
    let mut values: Vec<(String, Vec<Who>)> = Vec::new();
    for (who, settings) in all {
        let value = settings.get(field).map_or(otherwise, String::as_str);
        match values.iter_mut().find(|(known, _)| known == value) {
            Some((_, models)) => models.push(*who),
            None => values.push((value.to_owned(), vec![*who])),
        }
    }
    SettingValues { field: field.to_owned(), values }
}

fn same_state(expected: &State<Tensor>, who: Who, got: &State<Tensor>) -> Result<(), EnsembleError> {
    let missing: Vec<String> = expected.keys().filter(|name| !got.contains_key(*name)).cloned().collect();
    let unexpected: Vec<String> = got.keys().filter(|name| !expected.contains_key(*name)).cloned().collect();
    if !missing.is_empty() || !unexpected.is_empty() {
        return Err(EnsembleError::Names { who, missing, unexpected });
    }
    match expected.iter().find(|(name, tensor)| got[*name].ty() != tensor.ty()) {
        None => Ok(()),
        Some((name, tensor)) => {
            let (expected, got) = (tensor.ty().clone(), got[name].ty().clone());
            Err(EnsembleError::Type { name: name.clone(), who, expected, got })
        }
    }
}

/// Fails unless every member leaves the graph of the first.
pub(super) fn same_graphs<S, A, O>(
    members: &[S],
    args: &A,
    call: impl Fn(&S, A) -> Result<O, Error>,
) -> Result<(), Error>
where
    A: Tree<Var, With<Var> = A>,
    O: Tree<Var>,
{
    let graph = |member: &S| {
        let traced = rehearsed(|| function::trace(&|args: A| call(member, args), args))?;
        Ok::<_, Error>(traced.graph)
    };
    let Some((first, others)) = members.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Ok(());
    };
    let expected = graph(first)?;
    for (position, other) in others.iter().enumerate() {
        same_graph(&expected, &graph(other)?, Who::Member(position + 1))?;
    }
    Ok(())
}

/// Compares the graph of a model with that of the first member.
///
/// # Errors
/// If they differ, with the op at which they part.
pub fn same_graph(first: &Graph, other: &Graph, who: Who) -> Result<(), EnsembleError> {
    match first.difference(other) {
        None => Ok(()),
        Some(node) => Err(EnsembleError::Graph { who, difference: difference(first, other, node) }),
    }
}

/// The node at which two graphs part, as each of them has it.
fn difference(expected: &Graph, other: &Graph, node: Option<NodeId>) -> String {
    let Some(id) = node else { return "the inputs or results differ".to_owned() };
    let described = |graph: &Graph| match graph.nodes().find(|(at, _)| *at == id) {
        Some((_, node)) => {
            let location =
                node.location.as_ref().map(|location| format!(" at {location}")).unwrap_or_default();
            format!("%{} : {}{location}", node.name, node.types[0])
        }
        None => "nothing more".to_owned(),
    };
    format!("there {}, here {}", described(expected), described(other))
}
