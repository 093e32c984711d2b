//! Adam, and its variant that decays weights apart from gradients.

use choral_ir::Tensor;

use super::sgd::{decayed, read};
use super::{Hyperparameter, Optimiser, Rule, Scalars, hyperparameter};
use crate::Module;
use crate::front::trace::var::Var;

/// What Adam remembers; the last with AMSGrad alone.
const SLOTS: [&str; 3] = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];

/// Adam (Kingma and Ba, 2015): `torch.optim.Adam`.
///
/// ```
/// use choral_compiler::train::optim::{Adam, Optimiser};
/// let adam = Adam::new(1e-3).betas(0.9, 0.98).eps(1e-9);
/// assert_eq!(adam.slots(), ["exp_avg", "exp_avg_sq"]);
/// ```
#[derive(Module, Clone, Debug)]
pub struct Adam<T> {
    /// The learning rate.
    pub lr: T,
    /// How much of the mean of gradients stays at a step.
    pub beta1: T,
    /// How much of the mean of squared gradients stays at a step.
    pub beta2: T,
    /// What is added to the root of that mean.
    pub eps: T,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: Option<T>,
    /// Whether the greatest mean of squares so far counts (Reddi et al., 2018).
    pub amsgrad: bool,
}

/// Adam with weight decay of its own (Loshchilov and Hutter, 2019): `torch.optim.AdamW`.
#[derive(Module, Clone, Debug)]
pub struct AdamW<T> {
    /// The learning rate.
    pub lr: T,
    /// How much of the mean of gradients stays at a step.
    pub beta1: T,
    /// How much of the mean of squared gradients stays at a step.
    pub beta2: T,
    /// What is added to the root of that mean.
    pub eps: T,
    /// How much smaller parameters become at a step, in units of the learning rate.
    pub weight_decay: T,
    /// Whether the greatest mean of squares so far counts (Reddi et al., 2018).
    pub amsgrad: bool,
}

impl Adam<Tensor> {
    /// PyTorch's defaults with this learning rate: betas 0.9 and 0.999, eps 1e-8, no weight decay.
    pub fn new(lr: f64) -> Self {
        let [lr, beta1, beta2, eps] = [lr, 0.9, 0.999, 1e-8].map(hyperparameter);
        Adam { lr, beta1, beta2, eps, weight_decay: None, amsgrad: false }
    }

    /// The same with other means.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        Adam { beta1: hyperparameter(beta1), beta2: hyperparameter(beta2), ..self }
    }

    /// The same with another `eps`.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        Adam { eps: hyperparameter(eps), ..self }
    }

    /// The same with weight decay.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Adam { weight_decay: Some(hyperparameter(weight_decay)), ..self }
    }
}

impl<T> Adam<T> {
    /// The same with AMSGrad.
    #[must_use]
    pub fn amsgrad(self) -> Self {
        Adam { amsgrad: true, ..self }
    }
}

impl AdamW<Tensor> {
    /// PyTorch's defaults with this learning rate: betas 0.9 and 0.999, eps 1e-8, weight decay 0.01.
    pub fn new(lr: f64) -> Self {
        let [lr, beta1, beta2, eps, weight_decay] = [lr, 0.9, 0.999, 1e-8, 0.01].map(hyperparameter);
        AdamW { lr, beta1, beta2, eps, weight_decay, amsgrad: false }
    }

    /// The same with other means.
    #[must_use]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        AdamW { beta1: hyperparameter(beta1), beta2: hyperparameter(beta2), ..self }
    }

    /// The same with another `eps`.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        AdamW { eps: hyperparameter(eps), ..self }
    }

    /// The same with another weight decay.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        AdamW { weight_decay: hyperparameter(weight_decay), ..self }
    }
}

impl<T> AdamW<T> {
    /// The same with AMSGrad.
    #[must_use]
    pub fn amsgrad(self) -> Self {
        AdamW { amsgrad: true, ..self }
    }
}

impl<T: Hyperparameter> Optimiser for Adam<T> {
    fn name(&self) -> &'static str {
        "Adam"
    }

    fn slots(&self) -> Vec<&'static str> {
        slots(self.amsgrad)
    }

    #[track_caller]
    fn rule(&self, scalars: &Scalars) -> Rule {
        let means = Means::read(scalars, [&self.lr, &self.beta1, &self.beta2, &self.eps]);
        let decay = read(scalars, "weight_decay", self.weight_decay.as_ref());
        Box::new(move |parameter, gradient, slots| {
            let (step, slots) = means.step(&decayed(gradient, parameter, decay.as_ref()), slots);
            (parameter - step, slots)
        })
    }
}

impl<T: Hyperparameter> Optimiser for AdamW<T> {
    fn name(&self) -> &'static str {
        "AdamW"
    }

    fn slots(&self) -> Vec<&'static str> {
        slots(self.amsgrad)
    }

    #[track_caller]
    fn rule(&self, scalars: &Scalars) -> Rule {
        let means = Means::read(scalars, [&self.lr, &self.beta1, &self.beta2, &self.eps]);
        let [lr, decay] = [("lr", &self.lr), ("weight_decay", &self.weight_decay)]
            .map(|(name, value)| scalars.read(name, value));
        let kept = scalars.narrow(&(1.0 - lr * decay));
        Box::new(move |parameter, gradient, slots| {
            let (step, slots) = means.step(gradient, slots);
            (parameter * &kept - step, slots)
        })
    }
}

fn slots(amsgrad: bool) -> Vec<&'static str> {
    SLOTS[..if amsgrad { 3 } else { 2 }].to_vec()
}

/// The scalars of a step.
struct Means {
    /// How much of the gradient goes into its mean, and of its square into theirs, which keeps so much.
    fresh: Var,
    kept_square: Var,
    fresh_square: Var,
    eps: Var,
    /// The learning rate, and the root of the mean of squares, each corrected for starting at 0.
    rate: Var,
    root: Var,
}

impl Means {
    #[track_caller]
    fn read<T: Hyperparameter>(scalars: &Scalars, [lr, beta1, beta2, eps]: [&T; 4]) -> Means {
        let [lr, beta1, beta2, eps] = [("lr", lr), ("beta1", beta1), ("beta2", beta2), ("eps", eps)]
            .map(|(name, value)| scalars.read(name, value));
        let seen = |beta: &Var| 1.0 - beta.pow(scalars.step());
        let (rate, root) = (lr / seen(&beta1), seen(&beta2).sqrt());
        let [fresh, kept_square, fresh_square, eps, rate, root] =
            [1.0 - beta1, beta2.clone(), 1.0 - beta2, eps, rate, root].map(|number| scalars.narrow(&number));
        Means { fresh, kept_square, fresh_square, eps, rate, root }
    }

    /// How far a parameter goes against this gradient, and its slots after that.
    fn step(&self, gradient: &Var, slots: &[Var]) -> (Var, Vec<Var>) {
        let mean = &slots[0] + (gradient - &slots[0]) * &self.fresh;
        let square = &slots[1] * &self.kept_square + gradient * gradient * &self.fresh_square;
        let greatest = slots.get(2).map(|greatest| greatest.maximum(&square));
        let root = greatest.as_ref().unwrap_or(&square).sqrt() / &self.root;
        let step = &mean / (root + &self.eps) * &self.rate;
        (step, [mean, square].into_iter().chain(greatest).collect())
    }
}
