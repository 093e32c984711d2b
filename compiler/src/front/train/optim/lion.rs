//! Lion.

use choral_ir::Tensor;

use super::{Hyperparameter, Optimiser, Rule, Scalars, hyperparameter};
use crate::Module;
use crate::front::trace::var::Var;

/// Steps of one size by the sign of a mean of gradients (Chen et al., 2023): `optax.lion`.
///
/// ```
/// use choral_compiler::train::optim::{Lion, Optimiser};
/// let lion = Lion::new(1e-4).weight_decay(0.1);
/// assert_eq!(lion.slots(), ["exp_avg"]);
/// ```
#[derive(Module, Clone, Debug)]
pub struct Lion<T> {
    /// The learning rate.
    pub lr: T,
    /// How much of the mean goes into the sign, beside the gradient.
    pub beta1: T,
    /// How much of the mean stays at a step.
    pub beta2: T,
    /// How much smaller parameters become at a step, in units of the learning rate.
    pub weight_decay: T,
}

impl Lion<Tensor> {
    /// Optax's defaults with this learning rate: betas 0.9 and 0.99, weight decay 1e-3.
    pub fn new(lr: f64) -> Self {
        let [lr, beta1, beta2, weight_decay] = [lr, 0.9, 0.99, 1e-3].map(hyperparameter);
        Lion { lr, beta1, beta2, weight_decay }
    }

    /// The same with other means.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        Lion { beta1: hyperparameter(beta1), beta2: hyperparameter(beta2), ..self }
    }

    /// The same with another weight decay.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Lion { weight_decay: hyperparameter(weight_decay), ..self }
    }
}

impl<T: Hyperparameter> Optimiser for Lion<T> {
    fn name(&self) -> &'static str {
        "Lion"
    }

    fn slots(&self) -> Vec<&'static str> {
        vec!["exp_avg"]
    }

    #[track_caller]
    fn rule(&self, scalars: &Scalars) -> Rule {
        let [lr, beta1, beta2, decay] = [
            ("lr", &self.lr),
            ("beta1", &self.beta1),
            ("beta2", &self.beta2),
            ("weight_decay", &self.weight_decay),
        ]
        .map(|(name, value)| scalars.read(name, value));
        let [kept1, fresh1, kept2, fresh2, decay, lr] =
            [beta1.clone(), 1.0 - beta1, beta2.clone(), 1.0 - beta2, decay, lr]
                .map(|number| scalars.narrow(&number));
        Box::new(move |parameter, gradient, slots| {
            let mean = |kept: &Var, fresh: &Var| &slots[0] * kept + gradient * fresh;
            let direction = mean(&kept1, &fresh1).sign() + parameter * &decay;
            (parameter - direction * &lr, vec![mean(&kept2, &fresh2)])
        })
    }
}
