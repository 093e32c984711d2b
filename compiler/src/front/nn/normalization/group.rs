//! Normalisation over groups of channels, of each element of a batch by itself.

use super::standardised;
use crate::Module;
use crate::front::nn::checks::Checks;
use crate::front::nn::init::constant;
use crate::front::nn::{Constant, Forward, layer};
use crate::front::trace::var::Var;

/// Normalisation over groups of channels, dimension 1, and all that follows (Wu and He, 2018), as
/// `torch.nn.GroupNorm`.
///
/// `weight` and `bias` are `[num_channels]`; `num_groups` divides it.
///
/// ```
/// use choral_compiler::nn::GroupNorm;
/// use choral_ir::Tensor;
/// let norm = GroupNorm::<Tensor>::init(2, 6);
/// assert_eq!((norm.weight.unwrap().shape(), norm.num_groups, norm.eps), (&[6][..], 2, 1e-5));
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct GroupNorm<T> {
    pub weight: Option<T>,
    pub bias: Option<T>,
    pub num_groups: usize,
    pub num_channels: usize,
    pub eps: f64,
}

impl<T: Constant> GroupNorm<T> {
    /// A layer with PyTorch's defaults: eps 1e-5, weight 1, bias 0.
    #[track_caller]
    pub fn init(num_groups: usize, num_channels: usize) -> Self {
        let [weight, bias] = [1.0, 0.0].map(|value| Some(constant(&[num_channels], value)));
        GroupNorm { weight, bias, num_groups, num_channels, eps: 1e-5 }
    }
}

impl<T> GroupNorm<T> {
    /// The same layer without weight and bias.
    #[must_use]
    pub fn without_affine(self) -> Self {
        GroupNorm { weight: None, bias: None, ..self }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        GroupNorm { eps, ..self }
    }
}

impl Forward for GroupNorm<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if !self.accepts(input) {
            return input.stand_in();
        }
        let affine = Affine { weight: self.weight.as_ref(), bias: self.bias.as_ref(), dim: 1 };
        affine.layer("group_norm", input, |x| {
            let groups = [x.shape()[0] as i64, self.num_groups as i64, -1];
            let shape: Vec<i64> = x.shape().iter().map(|&size| size as i64).collect();
            standardised(&x.reshape(groups), &[2], self.eps).reshape(shape)
        })
    }
}

impl GroupNorm<Var> {
    #[track_caller]
    fn accepts(&self, input: &Var) -> bool {
        let checks = Checks::of_optional("GroupNorm", self.weight.as_ref(), input);
        let (groups, channels) = (self.num_groups, self.num_channels);
        checks.rank(2..=usize::MAX, "rank 2 or more, a batch with channels")
            && checks.shapes(&[channels], [("weight", self.weight.as_ref()), ("bias", self.bias.as_ref())])
            && checks.ensure(groups > 0 && channels % groups == 0, || {
                format!("{channels} channels cannot form {groups} groups of one size")
            })
            && checks.channels(1, channels)
    }
}

/// `torch.nn.InstanceNorm1d`: `[N, C, L]` or `[C, L]`.
pub type InstanceNorm1d<T> = InstanceNorm<T, 1>;

/// `torch.nn.InstanceNorm2d`: `[N, C, H, W]` or `[C, H, W]`.
pub type InstanceNorm2d<T> = InstanceNorm<T, 2>;

/// Normalisation of every channel of every element of a batch over `D` spatial dimensions (Ulyanov et al., 2016),
/// without running statistics, as is PyTorch's default.
///
/// `weight` and `bias`, where they are there, are `[num_features]`.
///
/// ```
/// use choral_compiler::nn::InstanceNorm2d;
/// use choral_ir::Tensor;
/// let norm = InstanceNorm2d::<Tensor>::init(6);
/// assert!(norm.weight.is_none());
/// assert_eq!(norm.with_affine().bias.unwrap().shape(), [6]);
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct InstanceNorm<T, const D: usize> {
    pub weight: Option<T>,
    pub bias: Option<T>,
    pub num_features: usize,
    pub eps: f64,
}

impl<T, const D: usize> InstanceNorm<T, D> {
    /// A layer with PyTorch's defaults: eps 1e-5, neither weight nor bias.
    pub fn init(num_features: usize) -> Self {
        InstanceNorm { weight: None, bias: None, num_features, eps: 1e-5 }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        InstanceNorm { eps, ..self }
    }
}

impl<T: Constant, const D: usize> InstanceNorm<T, D> {
    /// The same layer with weight 1 and bias 0.
    #[track_caller]
    #[must_use]
    pub fn with_affine(self) -> Self {
        let [weight, bias] = [1.0, 0.0].map(|value| Some(constant(&[self.num_features], value)));
        InstanceNorm { weight, bias, ..self }
    }
}

impl<const D: usize> Forward for InstanceNorm<Var, D> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if !self.accepts(input) {
            return input.stand_in();
        }
        let spatial: Vec<i64> = (1..=D as i64).map(|axis| -axis).collect();
        let (weight, bias) = (self.weight.as_ref(), self.bias.as_ref());
        let affine = Affine { weight, bias, dim: input.rank() - D - 1 };
        affine.layer("instance_norm", input, |x| standardised(x, &spatial, self.eps))
    }
}

impl<const D: usize> InstanceNorm<Var, D> {
    #[track_caller]
    fn accepts(&self, input: &Var) -> bool {
        let features = self.num_features;
        let checks = Checks::of_optional(format!("InstanceNorm{D}d"), self.weight.as_ref(), input);
        checks.rank(D + 1..=D + 2, &format!("rank {} or {}", D + 1, D + 2))
            && checks.shapes(&[features], [("weight", self.weight.as_ref()), ("bias", self.bias.as_ref())])
            && checks.channels(input.rank() - D - 1, features)
            && checks.ensure(input.shape()[input.rank() - D..].iter().product::<usize>() > 1, || {
                format!("the variance needs more than 1 value per channel, got {}", input.ty())
            })
    }
}

/// What comes after a normalisation: a weight and a bias for each channel, where the layer has them.
struct Affine<'a> {
    weight: Option<&'a Var>,
    bias: Option<&'a Var>,
    /// The dimension of the channels.
    dim: usize,
}

impl Affine<'_> {
    /// Normalises an input and scales it, under the name of the layer; `otherwise` without parameters, which
    /// would know it.
    #[track_caller]
    fn layer(&self, otherwise: &str, input: &Var, normalise: impl FnOnce(&Var) -> Var) -> Var {
        let ops = || {
            let normal = normalise(&input.widened());
            let along = |parameter: &Var| parameter.widened().along(&normal, &[self.dim]);
            let scaled = self.weight.iter().fold(normal.clone(), |x, weight| x * along(weight));
            self.bias.iter().fold(scaled, |x, bias| x + along(bias)).to(input.dtype())
        };
        match self.weight {
            Some(weight) => layer(weight, input, ops),
            None => input.scope_here(otherwise, |_| ops()),
        }
    }
}
