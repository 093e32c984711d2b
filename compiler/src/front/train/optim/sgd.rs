//! Stochastic gradient descent.

use choral_ir::Tensor;

use super::{Hyperparameter, Optimiser, Rule, Scalars, hyperparameter};
use crate::Module;
use crate::front::trace::var::Var;

/// Stochastic gradient descent with momentum: `torch.optim.SGD`.
///
/// ```
/// use choral_compiler::train::optim::{Optimiser, Sgd};
/// let sgd = Sgd::new(0.1).momentum(0.9).nesterov();
/// assert_eq!(sgd.slots(), ["momentum_buffer"]);
/// ```
#[derive(Module, Clone, Debug)]
pub struct Sgd<T> {
    /// The learning rate.
    pub lr: T,
    /// How much of the last step goes into the next; `None` remembers nothing.
    pub momentum: Option<T>,
    /// How much less of the gradient goes into the momentum, from the second step on.
    pub dampening: T,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: Option<T>,
    /// Whether the gradient is that at the place where the momentum leads (Sutskever et al., 2013).
    pub nesterov: bool,
}

impl Sgd<Tensor> {
    /// Plain gradient descent with this learning rate.
    pub fn new(lr: f64) -> Self {
        Sgd {
            lr: hyperparameter(lr),
            momentum: None,
            dampening: hyperparameter(0.0),
            weight_decay: None,
            nesterov: false,
        }
    }

    /// The same with momentum.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        Sgd { momentum: Some(hyperparameter(momentum)), ..self }
    }

    /// The same with dampened momentum.
    #[must_use]
    pub fn dampening(self, dampening: f64) -> Self {
        Sgd { dampening: hyperparameter(dampening), ..self }
    }

    /// The same with weight decay.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Sgd { weight_decay: Some(hyperparameter(weight_decay)), ..self }
    }
}

impl<T> Sgd<T> {
    /// The same with Nesterov's momentum.
    #[must_use]
    pub fn nesterov(self) -> Self {
        Sgd { nesterov: true, ..self }
    }
}

impl<T: Hyperparameter> Optimiser for Sgd<T> {
    fn name(&self) -> &'static str {
        "Sgd"
    }

    fn slots(&self) -> Vec<&'static str> {
        self.momentum.iter().map(|_| "momentum_buffer").collect()
    }

    #[track_caller]
    fn rule(&self, scalars: &Scalars) -> Rule {
        let lr = scalars.narrow(&scalars.read("lr", &self.lr));
        let decay = read(scalars, "weight_decay", self.weight_decay.as_ref());
        let momentum = read(scalars, "momentum", self.momentum.as_ref());
        // The first gradient becomes the momentum as it is.
        let fresh = 1.0 - scalars.read("dampening", &self.dampening);
        let fresh = scalars.narrow(&fresh.where_(&scalars.step().gt(1), 1.0));
        let nesterov = self.nesterov;
        Box::new(move |parameter, gradient, slots| {
            let gradient = decayed(gradient, parameter, decay.as_ref());
            let (Some(momentum), [buffer]) = (&momentum, slots) else {
                return (parameter - gradient * &lr, Vec::new());
            };
            let buffer = buffer * momentum + &gradient * &fresh;
            let direction = if nesterov { gradient + &buffer * momentum } else { buffer.clone() };
            (parameter - direction * &lr, vec![buffer])
        })
    }
}

/// A hyperparameter that may be missing, in the type that the parameters have.
#[track_caller]
pub(super) fn read<T: Hyperparameter>(scalars: &Scalars, name: &str, value: Option<&T>) -> Option<Var> {
    value.map(|value| scalars.narrow(&scalars.read(name, value)))
}

/// The gradient with so much of the parameter added.
pub(super) fn decayed(gradient: &Var, parameter: &Var, decay: Option<&Var>) -> Var {
    decay.map_or_else(|| gradient.clone(), |decay| gradient + parameter * decay)
}
