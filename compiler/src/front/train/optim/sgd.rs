//! Stochastic gradient descent.

use super::{Hyperparameter, Optimiser, Rule, Scalars, hyperparameter};
use crate::Module;
use crate::front::trace::var::Var;
use choral_ir::Tensor;

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
        let lr = scalars.read("lr", &self.lr);
        let decay = self.weight_decay.as_ref().map(|decay| scalars.read("weight_decay", decay));
        let momentum = self.momentum.as_ref().map(|momentum| scalars.read("momentum", momentum));
        // The first gradient becomes the momentum as it is.
        let fresh = scalars
            .read("dampening", &self.dampening)
            .map(|dampening| (1.0 - dampening).where_(&scalars.step().0.gt(1), 1.0));
        let nesterov = self.nesterov;
        Box::new(move |parameter, gradient, slots| {
            let gradient = decayed(gradient, parameter, decay.as_ref());
            let (Some(momentum), [buffer]) = (&momentum, slots) else {
                return (parameter - gradient * lr.of(parameter), Vec::new());
            };
            let momentum = momentum.of(parameter);
            let buffer = buffer * &momentum + &gradient * fresh.of(parameter);
            let direction = if nesterov { gradient + &buffer * momentum } else { buffer.clone() };
            (parameter - direction * lr.of(parameter), vec![buffer])
        })
    }
}

/// The gradient with so much of the parameter added.
pub(super) fn decayed(gradient: &Var, parameter: &Var, decay: Option<&super::Scalar>) -> Var {
    decay.map_or_else(|| gradient.clone(), |decay| gradient + parameter * decay.of(parameter))
}
