//! RMSprop.

use choral_ir::Tensor;

use super::sgd::{decayed, read};
use super::{Hyperparameter, Optimiser, Rule, Scalars, hyperparameter};
use crate::Module;

/// Gradients divided by the root of the mean of their squares (Hinton, 2012): `torch.optim.RMSprop`.
///
/// ```
/// use choral_compiler::train::optim::{Optimiser, RmsProp};
/// let rmsprop = RmsProp::new(1e-2).momentum(0.9).centered();
/// assert_eq!(rmsprop.slots(), ["square_avg", "momentum_buffer", "grad_avg"]);
/// ```
#[derive(Module, Clone, Debug)]
pub struct RmsProp<T> {
    /// The learning rate.
    pub lr: T,
    /// How much of the means stays at a step.
    pub alpha: T,
    /// What is added to the root.
    pub eps: T,
    /// How much of the last step goes into the next; `None` remembers nothing.
    pub momentum: Option<T>,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: Option<T>,
    /// Whether the root is that of the variance of gradients, which counts as no less than 0.
    pub centered: bool,
}

impl RmsProp<Tensor> {
    /// PyTorch's defaults with this learning rate: alpha 0.99, eps 1e-8, and nothing else.
    pub fn new(lr: f64) -> Self {
        let [lr, alpha, eps] = [lr, 0.99, 1e-8].map(hyperparameter);
        RmsProp { lr, alpha, eps, momentum: None, weight_decay: None, centered: false }
    }

    /// The same with another mean.
    #[must_use]
    pub fn alpha(self, alpha: f64) -> Self {
        RmsProp { alpha: hyperparameter(alpha), ..self }
    }

    /// The same with another `eps`.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        RmsProp { eps: hyperparameter(eps), ..self }
    }

    /// The same with momentum.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        RmsProp { momentum: Some(hyperparameter(momentum)), ..self }
    }

    /// The same with weight decay.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        RmsProp { weight_decay: Some(hyperparameter(weight_decay)), ..self }
    }
}

impl<T> RmsProp<T> {
    /// The same with the variance of gradients.
    #[must_use]
    pub fn centered(self) -> Self {
        RmsProp { centered: true, ..self }
    }
}

impl<T: Hyperparameter> Optimiser for RmsProp<T> {
    fn name(&self) -> &'static str {
        "RmsProp"
    }

    fn slots(&self) -> Vec<&'static str> {
        let momentum = self.momentum.iter().map(|_| "momentum_buffer");
        let mean = self.centered.then_some("grad_avg");
        ["square_avg"].into_iter().chain(momentum).chain(mean).collect()
    }

    #[track_caller]
    fn rule(&self, scalars: &Scalars) -> Rule {
        let [lr, alpha, eps] = [("lr", &self.lr), ("alpha", &self.alpha), ("eps", &self.eps)]
            .map(|(name, value)| scalars.read(name, value));
        let [lr, kept, fresh, eps] =
            [lr, alpha.clone(), 1.0 - alpha, eps].map(|number| scalars.narrow(&number));
        let momentum = read(scalars, "momentum", self.momentum.as_ref());
        let decay = read(scalars, "weight_decay", self.weight_decay.as_ref());
        let centered = self.centered;
        Box::new(move |parameter, gradient, slots| {
            let gradient = decayed(gradient, parameter, decay.as_ref());
            let square = &slots[0] * &kept + &gradient * &gradient * &fresh;
            let mean = slots.last().filter(|_| centered).map(|mean| mean + (&gradient - mean) * &fresh);
            let variance = match &mean {
                None => square.clone(),
                Some(mean) => (&square - mean * mean).maximum(0.0),
            };
            let step = gradient / (variance.sqrt() + &eps);
            let step = match &momentum {
                None => step,
                Some(momentum) => &slots[1] * momentum + step,
            };
            let new = parameter - &step * &lr;
            let buffer = momentum.is_some().then_some(step);
            (new, [square].into_iter().chain(buffer).chain(mean).collect())
        })
    }
}
