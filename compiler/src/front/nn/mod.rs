//! Layers, with PyTorch's defaults, initial distributions, parameter layouts and state names.
//!
//! A layer is a plain struct over its leaf type: `Linear<Tensor>` holds numbers, `Linear<Var>` is
//! the same layer inside a trace and computes. Must not live here: functions without state, which
//! are methods of [`Var`].

mod activation;
mod attention;
mod checks;
mod convolution;
mod dropout;
mod embedding;
mod init;
mod linear;
mod normalization;
mod pooling;
mod recurrent;
mod sequential;
mod transformer;

use std::panic::Location as Caller;

pub use activation::{
    Approximate, CELU, ELU, GELU, GLU, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid, LogSoftmax,
    Mish, PReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid, Softmax, Softplus, Softsign, Tanh,
};
pub use attention::{AttentionMasks, InProjection, MultiheadAttention};
pub use convolution::{Conv, Conv1d, Conv2d, ConvTranspose, ConvTranspose1d, ConvTranspose2d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use init::{Constant, RandomKey};
pub use linear::Linear;
pub use normalization::{
    BatchNorm, BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm, InstanceNorm1d, InstanceNorm2d, LayerNorm,
    RMSNorm,
};
pub use pooling::{
    AdaptiveAvgPool, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool, AvgPool1d, AvgPool2d, MaxPool, MaxPool1d,
    MaxPool2d,
};
pub use recurrent::{
    Cell, Elman, GRU, GRUCell, GatedUnit, Kind, LSTM, LSTMCell, LongShortTerm, RNN, RNNCell, Recurrence,
    Recurrent,
};
pub use sequential::{Flatten, Identity};
pub use transformer::{Activation, TransformerEncoder, TransformerEncoderLayer};

use crate::front::trace::var::Var;
use crate::front::trace::{trace_of, within};
use crate::front::tree::Tree;

/// What a module computes: implemented for the module inside a trace, `Cnn<Var>`.
///
/// The module is taken by `&mut` because layers may change state: batch normalisation in training
/// mode puts new running statistics into its buffers.
///
/// ```
/// use choral_compiler::nn::{Forward, Linear};
/// use choral_compiler::{Module, Var};
///
/// #[derive(Module, Clone)]
/// struct Mlp<T> {
///     fc1: Linear<T>,
///     fc2: Linear<T>,
/// }
///
/// impl Forward for Mlp<Var> {
///     type Output = Var;
///     fn forward(&mut self, input: &Var) -> Var {
///         let hidden = self.fc1.forward(input).relu();
///         self.fc2.forward(&hidden)
///     }
/// }
/// # extern crate choral_compiler as choral;
/// ```
pub trait Forward<Input = Var> {
    /// What it returns.
    type Output: Tree<Var>;

    /// The outputs for one batch of inputs.
    fn forward(&mut self, input: &Input) -> Self::Output;
}

/// A size for every spatial dimension: one number for all of them, or an array.
pub trait Sizes<const D: usize> {
    /// The size of each dimension.
    fn sizes(self) -> [usize; D];
}

impl<const D: usize> Sizes<D> for usize {
    fn sizes(self) -> [usize; D] {
        [self; D]
    }
}

impl<const D: usize> Sizes<D> for [usize; D] {
    fn sizes(self) -> [usize; D] {
        self
    }
}

/// Runs a layer's ops under the name of the module that `parameter` belongs to, located at the
/// line that called the layer; the result takes the module's name.
#[track_caller]
fn layer(parameter: &Var, input: &Var, forward: impl FnOnce() -> Var) -> Var {
    let name = parameter.module_name();
    let result = scoped(parameter, input, forward);
    if name.is_empty() { result } else { result.named(&name) }
}

/// As [`layer`], for several results, which keep their names.
#[track_caller]
fn scoped<R>(parameter: &Var, input: &Var, forward: impl FnOnce() -> R) -> R {
    let Some(trace) = trace_of(&[parameter, input]) else { return forward() };
    within(&trace, &parameter.module_name(), Caller::caller(), forward)
}
