//! Pooling layers: no parameters.

use super::checks::Checks;
use super::{Forward, Sizes};
use crate::Module;
use crate::front::trace::var::Var;

macro_rules! pooling {
    ($Pool:ident $Pool1d:ident $Pool2d:ident $method:ident, $what:literal) => {
        #[doc = concat!($what, " of each window over the last dimension, as `torch.nn.", stringify!($Pool1d), "`.")]
        pub type $Pool1d = $Pool<1>;

        #[doc = concat!($what, " of each window over the last two dimensions, as `torch.nn.", stringify!($Pool2d), "`.")]
        pub type $Pool2d = $Pool<2>;

        #[doc = concat!($what, " of each window over the last `D` dimensions.")]
        #[derive(Module, Clone, Debug)]
        #[allow(missing_docs)]
        pub struct $Pool<const D: usize> {
            pub kernel_size: [usize; D],
            pub stride: [usize; D],
            pub padding: [usize; D],
        }

        impl<const D: usize> $Pool<D> {
            /// Windows side by side, without padding.
            pub fn new(kernel_size: impl Sizes<D>) -> Self {
                let kernel_size = kernel_size.sizes();
                $Pool { kernel_size, stride: kernel_size, padding: [0; D] }
            }

            /// The step of the window.
            #[must_use]
            pub fn stride(self, stride: impl Sizes<D>) -> Self {
                $Pool { stride: stride.sizes(), ..self }
            }

            /// Elements added on both sides of the input.
            #[must_use]
            pub fn padding(self, padding: impl Sizes<D>) -> Self {
                $Pool { padding: padding.sizes(), ..self }
            }
        }

        impl<const D: usize> Forward for $Pool<D> {
            type Output = Var;

            #[track_caller]
            fn forward(&mut self, input: &Var) -> Var {
                let checks = Checks::without_parameters(format!(concat!(stringify!($Pool), "{}d"), D), input);
                if !checks.rank(D + 1..=D + 2, &format!("rank {} or {}", D + 1, D + 2)) {
                    return input.stand_in();
                }
                input.$method(&self.kernel_size, &self.stride, &self.padding)
            }
        }
    };
}
pooling!(MaxPool MaxPool1d MaxPool2d max_pool, "The greatest element");
pooling!(AvgPool AvgPool1d AvgPool2d avg_pool, "The mean (padding counts as zeros)");

/// Windows that part the last dimension into a given number of means, as `torch.nn.AdaptiveAvgPool1d`.
pub type AdaptiveAvgPool1d = AdaptiveAvgPool<1>;

/// Windows that part the last two dimensions into a given number of means, as `torch.nn.AdaptiveAvgPool2d`.
pub type AdaptiveAvgPool2d = AdaptiveAvgPool<2>;

/// Windows that part the last `D` dimensions into a given number of means.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct AdaptiveAvgPool<const D: usize> {
    pub output_size: [usize; D],
}

impl<const D: usize> AdaptiveAvgPool<D> {
    /// As many windows as `output_size` says; 1 is the mean of all.
    pub fn new(output_size: impl Sizes<D>) -> Self {
        AdaptiveAvgPool { output_size: output_size.sizes() }
    }
}

impl<const D: usize> Forward for AdaptiveAvgPool<D> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        let checks = Checks::without_parameters(format!("AdaptiveAvgPool{D}d"), input);
        if !checks.rank(D + 1..=D + 2, &format!("rank {} or {}", D + 1, D + 2)) {
            return input.stand_in();
        }
        input.adaptive_avg_pool(&self.output_size)
    }
}
