//! Convolution layers.

use super::checks::Checks;
use super::{Forward, RandomKey, Sizes, init, layer};
use crate::Module;
use crate::front::trace::convolution::Windows;
use crate::front::trace::var::Var;

/// `torch.nn.Conv1d`: `[N, in, L]` to `[N, out, L']`.
pub type Conv1d<T> = Conv<T, 1>;

/// `torch.nn.Conv2d`: `[N, in, H, W]` to `[N, out, H', W']`.
pub type Conv2d<T> = Conv<T, 2>;

/// Convolution over `D` spatial dimensions (a cross-correlation, as everywhere in deep learning).
///
/// `weight` is `[out_channels, in_channels / groups, kernel..]`, `bias` `[out_channels]`.
///
/// ```
/// use choral_compiler::nn::Conv2d;
/// use choral_ir::Key;
/// let layer = Conv2d::init(1, 8, 3, Key::new(0)).padding(1).stride([2, 1]);
/// assert_eq!(layer.weight.shape(), [8, 1, 3, 3]);
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct Conv<T, const D: usize> {
    pub weight: T,
    pub bias: Option<T>,
    pub stride: [usize; D],
    pub padding: [usize; D],
    pub dilation: [usize; D],
    pub groups: usize,
}

impl<T, const D: usize> Conv<T, D> {
    /// A layer with PyTorch's initial distribution and defaults: stride and dilation 1, no padding.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(
        in_channels: usize,
        out_channels: usize,
        kernel: impl Sizes<D>,
        key: K,
    ) -> Self {
        Self::init_grouped(in_channels, out_channels, kernel, 1, key)
    }

    /// A layer whose channels form `groups` that are convolved separately; `groups` divides both channel
    /// counts.
    #[track_caller]
    pub fn init_grouped<K: RandomKey<Leaf = T>>(
        in_channels: usize,
        out_channels: usize,
        kernel: impl Sizes<D>,
        groups: usize,
        key: K,
    ) -> Self {
        let kernel = kernel.sizes();
        let shape = [&[out_channels, in_channels / groups.max(1)], kernel.as_slice()].concat();
        let fan_in = shape[1..].iter().fold(1, |all: usize, &size| all.saturating_mul(size));
        let [weight, bias] = key.split();
        Conv {
            weight: init::by_fan_in(&shape, fan_in, &weight),
            bias: Some(init::by_fan_in(&[out_channels], fan_in, &bias)),
            stride: [1; D],
            padding: [0; D],
            dilation: [1; D],
            groups,
        }
    }

    /// The same layer without the bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Conv { bias: None, ..self }
    }

    /// The step of the window.
    #[must_use]
    pub fn stride(self, stride: impl Sizes<D>) -> Self {
        Conv { stride: stride.sizes(), ..self }
    }

    /// Zeros added on both sides of the input.
    #[must_use]
    pub fn padding(self, padding: impl Sizes<D>) -> Self {
        Conv { padding: padding.sizes(), ..self }
    }

    /// The distance between the elements of the kernel.
    #[must_use]
    pub fn dilation(self, dilation: impl Sizes<D>) -> Self {
        Conv { dilation: dilation.sizes(), ..self }
    }
}

impl<const D: usize> Forward for Conv<Var, D> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if !self.accepts(input) {
            return input.stand_in();
        }
        let Conv { weight, bias, stride, padding, dilation, groups } = self;
        layer(weight, input, || {
            let windows = Windows { stride, padding, dilation };
            let result = input.conv(weight, windows, *groups);
            bias.iter().fold(result, |sum, bias| &sum + bias.along(&sum, &[1]))
        })
    }
}

impl<const D: usize> Conv<Var, D> {
    /// Whether input and state fit together; channels and groups are the convolution's own to check.
    #[track_caller]
    fn accepts(&self, input: &Var) -> bool {
        let checks = Checks::of(format!("Conv{D}d"), &self.weight, input);
        let weight = self.weight.shape();
        checks.rank(D + 2..=D + 2, &format!("rank {}, a batch with channels", D + 2))
            && checks.ensure(weight.len() == D + 2, || {
                format!("weight must have rank {}, got {}", D + 2, self.weight.ty())
            })
            && checks.shapes(&weight[..1], [("bias", self.bias.as_ref())])
    }
}

/// `torch.nn.ConvTranspose1d`: `[N, in, L]` to `[N, out, L']`.
pub type ConvTranspose1d<T> = ConvTranspose<T, 1>;

/// `torch.nn.ConvTranspose2d`: `[N, in, H, W]` to `[N, out, H', W']`.
pub type ConvTranspose2d<T> = ConvTranspose<T, 2>;

/// The transpose of a convolution over `D` spatial dimensions: from its output's shape to its input's.
///
/// `weight` is `[in_channels, out_channels / groups, kernel..]`, `bias` `[out_channels]`.
///
/// ```
/// use choral_compiler::nn::ConvTranspose2d;
/// use choral_ir::Key;
/// let layer = ConvTranspose2d::init(8, 1, 3, Key::new(0)).stride(2).padding(1).output_padding(1);
/// assert_eq!(layer.weight.shape(), [8, 1, 3, 3]);
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct ConvTranspose<T, const D: usize> {
    pub weight: T,
    pub bias: Option<T>,
    pub stride: [usize; D],
    pub padding: [usize; D],
    pub output_padding: [usize; D],
    pub dilation: [usize; D],
    pub groups: usize,
}

impl<T, const D: usize> ConvTranspose<T, D> {
    /// A layer with PyTorch's initial distribution and defaults: stride and dilation 1, no padding.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(
        in_channels: usize,
        out_channels: usize,
        kernel: impl Sizes<D>,
        key: K,
    ) -> Self {
        Self::init_grouped(in_channels, out_channels, kernel, 1, key)
    }

    /// A layer whose channels form `groups` that are convolved separately; `groups` divides both channel
    /// counts.
    #[track_caller]
    pub fn init_grouped<K: RandomKey<Leaf = T>>(
        in_channels: usize,
        out_channels: usize,
        kernel: impl Sizes<D>,
        groups: usize,
        key: K,
    ) -> Self {
        let kernel = kernel.sizes();
        let shape = [&[in_channels, out_channels / groups.max(1)], kernel.as_slice()].concat();
        // As in PyTorch, whose count of inputs takes dimension 1 for them.
        let fan_in = shape[1..].iter().fold(1, |all: usize, &size| all.saturating_mul(size));
        let [weight, bias] = key.split();
        ConvTranspose {
            weight: init::by_fan_in(&shape, fan_in, &weight),
            bias: Some(init::by_fan_in(&[out_channels], fan_in, &bias)),
            stride: [1; D],
            padding: [0; D],
            output_padding: [0; D],
            dilation: [1; D],
            groups,
        }
    }

    /// The same layer without the bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        ConvTranspose { bias: None, ..self }
    }

    /// The step of the window over the output.
    #[must_use]
    pub fn stride(self, stride: impl Sizes<D>) -> Self {
        ConvTranspose { stride: stride.sizes(), ..self }
    }

    /// Elements left out on both sides of the output.
    #[must_use]
    pub fn padding(self, padding: impl Sizes<D>) -> Self {
        ConvTranspose { padding: padding.sizes(), ..self }
    }

    /// Elements more at the end of the output: which of the sizes that a stride maps to one it has.
    #[must_use]
    pub fn output_padding(self, output_padding: impl Sizes<D>) -> Self {
        ConvTranspose { output_padding: output_padding.sizes(), ..self }
    }

    /// The distance between the elements of the kernel.
    #[must_use]
    pub fn dilation(self, dilation: impl Sizes<D>) -> Self {
        ConvTranspose { dilation: dilation.sizes(), ..self }
    }
}

impl<const D: usize> Forward for ConvTranspose<Var, D> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if !self.accepts(input) {
            return input.stand_in();
        }
        let ConvTranspose { weight, bias, stride, padding, output_padding, dilation, groups } = self;
        layer(weight, input, || {
            let windows = Windows { stride, padding, dilation };
            let result = input.conv_transpose(weight, windows, output_padding, *groups);
            bias.iter().fold(result, |sum, bias| &sum + bias.along(&sum, &[1]))
        })
    }
}

impl<const D: usize> ConvTranspose<Var, D> {
    /// Whether input and state fit together; channels and groups are the convolution's own to check.
    #[track_caller]
    fn accepts(&self, input: &Var) -> bool {
        let checks = Checks::of(format!("ConvTranspose{D}d"), &self.weight, input);
        let weight = self.weight.shape();
        checks.rank(D + 2..=D + 2, &format!("rank {}, a batch with channels", D + 2))
            && checks.ensure(weight.len() == D + 2, || {
                format!("weight must have rank {}, got {}", D + 2, self.weight.ty())
            })
            && checks.shapes(&[weight[1].saturating_mul(self.groups)], [("bias", self.bias.as_ref())])
    }
}
