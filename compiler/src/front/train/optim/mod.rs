//! Optimisers: trees of hyperparameters that make of parameters, gradients and a state new parameters and a new state.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | what an optimiser is, and its state |
//! | `walk.rs` | a rule for one parameter made a step of a whole tree, and what does not fit |
//! | `sgd.rs`, `adam.rs`, `rmsprop.rs`, `lion.rs` | rules for one parameter |
//! | `clip.rs` | gradients clipped |

mod adam;
mod clip;
mod lion;
mod rmsprop;
mod sgd;
mod walk;

use std::panic::Location as Caller;

use choral_ir::{DType, Tensor};
use indexmap::IndexMap;

use crate::Module;
use crate::front::nn::Constant;
use crate::front::state::{Module as Tensors, State};
use crate::front::trace::operators::Operand;
use crate::front::trace::var::Var;
use crate::front::tree::{Kind, Tree, Typed, leaves};

pub use adam::{Adam, AdamW};
pub use clip::{clip_grad_norm, clip_grad_value};
pub use lion::Lion;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

/// What an optimiser remembers: the number of steps so far, and for each parameter some tensors of its shape, by the
/// names that `torch.optim` gives them.
///
/// Of parameters in `f16` and `bf16` they are `f32`. A tree like all others: stacked it is the state of all members,
/// and files name its leaves `slots.exp_avg.fc1.weight`.
#[derive(Module, Clone, Debug)]
pub struct OptimiserState<T> {
    /// How many steps were made, `i64`.
    pub step: T,
    /// Tensors by what they are, then by the parameter's name.
    pub slots: IndexMap<String, IndexMap<String, T>>,
}

/// An optimiser: a tree whose leaves are its hyperparameters, scalars.
///
/// With `Tensor` leaves its numbers are constants of a program. As an argument with `Var` leaves they are values, so
/// that members have each their own: stack them and map over them. What makes another program, such as Nesterov's
/// momentum, is a setting. Parameters are all leaves of a tree but buffers, which optimisers leave alone.
///
/// ```
/// use choral_compiler::nn::{Forward, Linear};
/// use choral_compiler::train::optim::{Adam, Optimiser, OptimiserState};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, Key, Tensor};
/// let adam = Adam::new(1e-3);
/// let model = Linear::init(3, 1, Key::new(0));
/// let state = adam.init(&model);
///
/// // The gradients of the mean square of what a layer gives, by hand.
/// let gradients = |model: &Linear<Var>, x: &Var| {
///     let slope = model.clone().forward(x) * (2.0 / x.size(0) as f64);
///     Linear { weight: slope.transpose(0, 1).matmul(x), bias: Some(slope.sum(0)) }
/// };
/// let step = |(model, state, adam, x): (Linear<Var>, OptimiserState<Var>, Adam<Var>, Var)| {
///     adam.update(&model, &gradients(&model, &x), &state)
/// };
/// let traced = trace(&step, &(&model, &state, &adam, &Tensor::randn([8, 3], Key::new(1))))?;
/// assert_eq!(traced.output.0.weight, *model.weight.ty());
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// One of your own says what it remembers and what it does to one parameter:
///
/// ```
/// use choral_compiler::train::optim::{Hyperparameter, Optimiser, Rule, Scalars};
/// use choral_compiler::{Module, Tree, Var};
///
/// /// Steps of one size against the sign of the gradient.
/// #[derive(Module, Clone)]
/// struct SignDescent<T> {
///     lr: T,
/// }
///
/// impl<T: Hyperparameter> Optimiser for SignDescent<T> {
///     fn name(&self) -> &'static str {
///         "SignDescent"
///     }
///     fn slots(&self) -> Vec<&'static str> {
///         Vec::new()
///     }
///     fn rule(&self, scalars: &Scalars) -> Rule {
///         let lr = scalars.narrow(&scalars.read("lr", &self.lr));
///         Box::new(move |parameter, gradient, _| (parameter - gradient.sign() * &lr, Vec::new()))
///     }
/// }
/// # extern crate choral_compiler as choral;
/// ```
pub trait Optimiser {
    /// What errors and printed graphs call it.
    fn name(&self) -> &'static str;

    /// What it remembers of each parameter, by name.
    fn slots(&self) -> Vec<&'static str>;

    /// What a step does to one parameter. Scalars of the step are worked out here, once for all parameters of a type.
    #[track_caller]
    fn rule(&self, scalars: &Scalars) -> Rule;

    /// The state before the first step. Of a stacked ensemble it is that of `vmap(|params| adam.init(&params), 0)`.
    #[track_caller]
    fn init<T: Constant + Typed>(&self, params: &impl Tree<T>) -> OptimiserState<T> {
        let trained = leaves(params).into_iter().filter(|(path, _)| path.kind() == Kind::Parameter);
        let zeros: State<T> = trained
            .map(|(path, leaf)| {
                let ty = leaf.tensor_type();
                (path.state_name(), T::full(&ty.shape, 0.0, ty.dtype.accumulator()))
            })
            .collect();
        let slots = self.slots().into_iter().map(|slot| (slot.to_owned(), zeros.clone())).collect();
        OptimiserState { step: T::full(&[], 0.0, DType::I64), slots }
    }

    /// The parameters and the state after a step.
    ///
    /// Gradients are matched with parameters by name: a tree like `params`, or the part of it that is trained. What
    /// does not fit becomes an error of the trace, with the line of the call.
    #[track_caller]
    fn update<P: Tensors<Var>>(
        &self,
        params: &P,
        gradients: &impl Tree<Var>,
        state: &OptimiserState<Var>,
    ) -> (P, OptimiserState<Var>) {
        walk::update(self, params, gradients, state, Caller::caller())
    }
}

/// A leaf that hyperparameters can be: a tensor, which is a constant of the program, or a traced value.
pub trait Hyperparameter: Operand {}

impl<X: Operand> Hyperparameter for X {}

/// What a step does to one parameter: of the parameter, its gradient and its slots, all of one float type, it makes the
/// new parameter and the new slots.
pub type Rule = Box<dyn Fn(&Var, &Var, &[Var]) -> (Var, Vec<Var>)>;

/// What an optimiser works the scalars of a step out from: in `f64`, since of bias corrections `f32` keeps too little.
pub struct Scalars {
    optimiser: &'static str,
    step: Var,
    dtype: DType,
}

impl Scalars {
    /// A hyperparameter, in `f64`; a fault at the user's line unless it is a scalar.
    #[track_caller]
    pub fn read(&self, name: &str, hyperparameter: &impl Operand) -> Var {
        let number = hyperparameter.beside(&self.step);
        if number.value.is_some() && (number.rank() > 0 || !number.dtype().is_float()) {
            self.step.fault(format!(
                "{}: {name} must be a float scalar, got {}; where members have each their own, map over it: \
                 vmap(step, 0)",
                self.optimiser,
                number.ty()
            ));
            return self.step.stand_in();
        }
        number.to(DType::F64)
    }

    /// The number of this step, 1 for the first, in `f64`.
    pub fn step(&self) -> Var {
        self.step.clone()
    }

    /// A number in the type that the rule's parameters have.
    #[track_caller]
    pub fn narrow(&self, number: &Var) -> Var {
        number.to(self.dtype)
    }
}

/// A hyperparameter that does not change.
fn hyperparameter(number: f64) -> Tensor {
    Tensor::scalar(number)
}
