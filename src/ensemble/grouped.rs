//! Models whose structure differs, as ensembles side by side.

use std::fmt;
use std::panic::Location as Caller;

use choral_compiler::tree::rebuild;
use choral_compiler::{Function, Module, Tree};
use choral_ir::{Tensor, TensorType};
use choral_runtime::{Device, Setting};

use super::{Arguments, Code, Ensemble, Group, Outputs, Types, group_by_structure, other_structure};
use crate::error::{CompilerError, EnsembleError, Error};

/// Models of one Rust type whose structure differs: another width, another activation. Those of
/// one structure are an [`Ensemble`]; a call runs all of them.
///
/// ```
/// use choral::ensemble::EnsembleGroups;
/// use choral::prelude::*;
///
/// #[derive(Module, Clone)]
/// struct Mlp<T> {
///     fc1: Linear<T>,
///     fc2: Linear<T>,
///     activation: &'static str,
/// }
///
/// impl Forward for Mlp<Var> {
///     type Output = Var;
///     fn forward(&mut self, x: &Var) -> Var {
///         let hidden = self.fc1.forward(x);
///         let hidden = if self.activation == "relu" { hidden.relu() } else { hidden.tanh() };
///         self.fc2.forward(&hidden)
///     }
/// }
///
/// let model = |(seed, width, activation): (u64, usize, &'static str)| {
///     let [fc1, fc2] = Key::new(seed).split();
///     Mlp { fc1: Linear::init(4, width, fc1), fc2: Linear::init(width, 2, fc2), activation }
/// };
/// let models = [(0, 16, "relu"), (1, 8, "tanh"), (2, 16, "relu")].map(model);
/// let ensemble = EnsembleGroups::new(&models)?;
/// assert_eq!(ensemble.groups().count(), 2);
/// let outputs = ensemble.call(&Tensor::randn([10, 4], Key::new(9)))?;
/// assert_eq!(outputs.len(), 3); // in the models' order
/// # Ok::<(), choral::Error>(())
/// ```
pub struct EnsembleGroups<M: Tree<Tensor>> {
    groups: Vec<(Group, Ensemble<M>)>,
}

impl<M: Module<Tensor> + Clone> EnsembleGroups<M> {
    /// The models, grouped by settings and by names and types of their state.
    ///
    /// # Errors
    /// If there is no model.
    #[track_caller]
    pub fn new(models: &[M]) -> Result<Self, Error> {
        if models.is_empty() {
            return Err(CompilerError::from(EnsembleError::Empty).at(Caller::caller().into()).into());
        }
        let ensemble = |group: Group| {
            let members: Vec<M> = group.members.iter().map(|&member| models[member].clone()).collect();
            Ensemble::new(&members).map(|ensemble| (group, ensemble))
        };
        let groups = group_by_structure(models).into_iter().map(ensemble).collect::<Result<_, _>>()?;
        Ok(EnsembleGroups { groups })
    }

    /// The same ensemble on another device.
    #[must_use]
    pub fn on(self, device: Device) -> Self {
        EnsembleGroups {
            groups: self.groups.into_iter().map(|(group, all)| (group, all.on(device))).collect(),
        }
    }

    /// The same ensemble with these threads, this instruction set at most, and this precision.
    #[must_use]
    pub fn setting(self, setting: &Setting) -> Self {
        EnsembleGroups {
            groups: self.groups.into_iter().map(|(group, all)| (group, all.setting(setting))).collect(),
        }
    }

    /// Which models run together, and what distinguishes them from the others.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(group, _)| group)
    }

    /// Each model's results on a shared input, in the models' order.
    ///
    /// # Errors
    /// As [`Ensemble::call`]; also if members of different groups would exchange values (`pmean`,
    /// `axis_index`, ..).
    #[track_caller]
    pub fn call<X: Tree<Tensor>>(&self, input: &X) -> Result<Vec<Outputs<M, X>>, Error>
    where
        X::With<TensorType>: Send + Sync + 'static,
        Code<M>: Function<Arguments<X>>,
        Types<M, X>: Send + Sync + 'static,
    {
        let mut all = Vec::new();
        for (group, ensemble) in &self.groups {
            if self.groups.len() > 1 && ensemble.members_meet(input)? {
                return Err(CompilerError::from(EnsembleError::Groups { groups: self.groups.len() }).into());
            }
            let (output, results) = ensemble.results(input)?;
            for (place, &member) in group.members.iter().enumerate() {
                let own = results.iter().map(|result| result.index(place)).collect::<Result<Vec<_>, _>>()?;
                all.push((member, rebuild(&*output, &own).ok_or_else(other_structure)?));
            }
        }
        all.sort_by_key(|(member, _)| *member);
        Ok(all.into_iter().map(|(_, output)| output).collect())
    }
}

impl<M: Tree<Tensor>> fmt::Debug for EnsembleGroups<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.groups.iter().map(|(group, _)| group)).finish()
    }
}
