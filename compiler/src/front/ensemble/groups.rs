//! Models of one Rust type, grouped by structure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use choral_ir::Tensor;

use super::checks::settings_by_name;
use crate::front::state::Module;

/// Models of one structure among others: the same settings, and the same names and types of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Which models these are, in their order.
    pub members: Vec<usize>,
    /// What distinguishes the group from the others: settings by name, tensors by their type. Empty if there
    /// is no other group.
    pub features: Vec<(String, String)>,
}

/// The members, and what distinguishes them from others:
/// `members 0, 2: activation = "relu", fc.weight = tensor<8x4xf32>`.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<String> = self.members.iter().map(usize::to_string).collect();
        let plural = if members.len() == 1 { "" } else { "s" };
        write!(f, "member{plural} {}", members.join(", "))?;
        let features: Vec<String> =
            self.features.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        if features.is_empty() { Ok(()) } else { write!(f, ": {}", features.join(", ")) }
    }
}

/// Settings and types of state by name.
type Structure = BTreeMap<String, String>;

fn structure(model: &impl Module<Tensor>) -> Structure {
    let types = model.state_dict().into_iter().map(|(name, tensor)| (name, tensor.ty().to_string()));
    settings_by_name(model).into_iter().chain(types).collect()
}

/// The models in groups of one structure, in the order in which each first occurs.
///
/// ```
/// use choral_compiler::ensemble::group_by_structure;
/// use choral_compiler::nn::Linear;
/// use choral_ir::Key;
/// let widths = [4, 8, 4];
/// let models: Vec<_> = widths.iter().map(|&width| Linear::init(width, 2, Key::new(0))).collect();
/// let groups = group_by_structure(&models);
/// assert_eq!(groups[0].to_string(), "members 0, 2: weight = tensor<2x4xf32>");
/// assert_eq!(groups[1].to_string(), "member 1: weight = tensor<2x8xf32>");
/// ```
pub fn group_by_structure<M: Module<Tensor>>(models: &[M]) -> Vec<Group> {
    let mut found: Vec<(Structure, Vec<usize>)> = Vec::new();
    for (member, model) in models.iter().enumerate() {
        let structure = structure(model);
        match found.iter_mut().find(|(known, _)| *known == structure) {
            Some((_, members)) => members.push(member),
            None => found.push((structure, vec![member])),
        }
    }
    let names: BTreeSet<&String> = found.iter().flat_map(|(structure, _)| structure.keys()).collect();
    let differs =
        |name: &&&String| found.iter().any(|(structure, _)| structure.get(**name) != found[0].0.get(**name));
    let telling: Vec<&String> = names.iter().filter(differs).copied().collect();
    let features = |structure: &Structure| {
        let feature = |name: &&String| Some(((*name).clone(), structure.get(*name)?.clone()));
        telling.iter().filter_map(feature).collect()
    };
    found
        .iter()
        .map(|(structure, members)| Group { members: members.clone(), features: features(structure) })
        .collect()
}
