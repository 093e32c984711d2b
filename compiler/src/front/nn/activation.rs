//! Activation functions as layers, for chains of layers and for models that keep them as settings.
//!
//! Must not live here: what they compute, which are methods of [`Var`].
#![allow(clippy::upper_case_acronyms)] // PyTorch's names.

use super::checks::Checks;
use super::init::constant;
use super::{Constant, Forward, layer};
use crate::Module;
use crate::front::trace::var::Var;

/// Layers without settings: the name, and the method that they call.
macro_rules! plain {
    ($($Layer:ident $method:ident;)*) => {$(
        #[doc = concat!("[`Var::", stringify!($method), "`], as `torch.nn.", stringify!($Layer), "`.")]
        #[derive(Module, Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $Layer;

        impl Forward for $Layer {
            type Output = Var;

            #[track_caller]
            fn forward(&mut self, input: &Var) -> Var {
                input.$method()
            }
        }
    )*};
}
plain! {
    Hardsigmoid hardsigmoid;
    Hardswish hardswish;
    LogSigmoid log_sigmoid;
    Mish mish;
    ReLU relu;
    ReLU6 relu6;
    SELU selu;
    Sigmoid sigmoid;
    SiLU silu;
    Softsign softsign;
    Tanh tanh;
}

/// Layers with settings, PyTorch's defaults of them, and what they do with an input.
macro_rules! with_settings {
    ($(
        $(#[$doc:meta])*
        $Layer:ident { $($(#[$about:meta])* $setting:ident: $Type:ty = $default:expr),* } |$x:ident| $forward:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Module, Clone, Copy, Debug, PartialEq)]
        pub struct $Layer {
            $($(#[$about])* pub $setting: $Type,)*
        }

        impl Default for $Layer {
            fn default() -> Self {
                $Layer { $($setting: $default),* }
            }
        }

        impl Forward for $Layer {
            type Output = Var;

            #[track_caller]
            fn forward(&mut self, $x: &Var) -> Var {
                let $Layer { $($setting),* } = *self;
                $forward
            }
        }
    )*};
}
with_settings! {
    /// [`Var::celu`], as `torch.nn.CELU`.
    CELU {
        /// The distance of the limit below zero.
        alpha: f64 = 1.0
    } |x| x.celu(alpha);

    /// [`Var::elu`], as `torch.nn.ELU`.
    ELU {
        /// The distance of the limit below zero.
        alpha: f64 = 1.0
    } |x| x.elu(alpha);

    /// [`Var::gelu`] or [`Var::gelu_tanh`], as `torch.nn.GELU`.
    GELU {
        /// How the normal distribution function is computed.
        approximate: Approximate = Approximate::None
    } |x| match approximate {
        Approximate::None => x.gelu(),
        Approximate::Tanh => x.gelu_tanh(),
    };

    /// [`Var::glu`], as `torch.nn.GLU`.
    GLU {
        /// The dimension that is halved.
        dim: i64 = -1
    } |x| x.glu(dim);

    /// Limits every element to an interval, as `torch.nn.Hardtanh`.
    Hardtanh {
        /// Where it begins.
        min_val: f64 = -1.0,
        /// Where it ends.
        max_val: f64 = 1.0
    } |x| x.clamp(min_val, max_val).renamed("hardtanh");

    /// [`Var::leaky_relu`], as `torch.nn.LeakyReLU`.
    LeakyReLU {
        /// The factor of what is negative.
        negative_slope: f64 = 0.01
    } |x| x.leaky_relu(negative_slope);

    /// [`Var::log_softmax`], as `torch.nn.LogSoftmax`; over the last dimension by default.
    LogSoftmax {
        /// The dimension that sums to 1.
        dim: i64 = -1
    } |x| x.log_softmax(dim);

    /// [`Var::softmax`], as `torch.nn.Softmax`; over the last dimension by default.
    Softmax {
        /// The dimension that sums to 1.
        dim: i64 = -1
    } |x| x.softmax(dim);

    /// `log(1 + e^(beta x)) / beta`, as `torch.nn.Softplus`.
    Softplus {
        /// How fast it turns from 0 to `x`.
        beta: f64 = 1.0,
        /// Where `beta x` is greater, the result is `x`.
        threshold: f64 = 20.0
    } |x| x.scope_here("softplus", |x| {
        let scaled = x * beta;
        x.where_(&scaled.gt(threshold), scaled.softplus() / beta)
    });
}

/// How [`GELU`] computes the normal distribution function: PyTorch's `approximate`.
#[derive(Module, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approximate {
    /// By the error function.
    None,
    /// By a hyperbolic tangent.
    Tanh,
}

/// [`Var::prelu`], as `torch.nn.PReLU`: `weight` is `[1]`, or has a number for each channel, dimension 1.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct PReLU<T> {
    pub weight: T,
}

impl<T: Constant> PReLU<T> {
    /// A layer with PyTorch's initial slope, 0.25, for all channels (1 parameter) or for each of them.
    #[track_caller]
    pub fn init(num_parameters: usize) -> Self {
        PReLU { weight: constant(&[num_parameters], 0.25) }
    }
}

impl Forward for PReLU<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        let channels = input.shape().get(1).copied().unwrap_or(1);
        let checks = Checks::of("PReLU", &self.weight, input);
        let fits = checks.ensure([[1], [channels]].iter().any(|shape| self.weight.shape() == shape), || {
            let weight = self.weight.ty();
            format!(
                "weight must have one element, or one for each channel in dimension 1 of {}, got {weight}",
                input.ty()
            )
        });
        if !fits {
            return input.stand_in();
        }
        layer(&self.weight, input, || input.prelu(&self.weight))
    }
}
