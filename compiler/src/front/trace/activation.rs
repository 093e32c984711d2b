//! Activation functions of [`Var`], in the names of `torch.nn.functional`.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::panic::Location as Caller;

use choral_ir::op::Binary;

use super::operators::elementwise_as;
use super::reduce::Axes;
use super::var::Var;
use crate::front::custom::custom_jvp;
use crate::front::trace::function::Function;

/// Below this, `sigmoid(x)` and `erfc(-x)` are 0 in every type, and `x` times them, too: -infinity is cut off.
const LOWEST: f64 = -1e4;

impl Var {
    /// `max(x, 0)`.
    #[track_caller]
    #[must_use]
    pub fn relu(&self) -> Var {
        let zero = self.full(Vec::new(), 0.0);
        elementwise_as("relu", Binary::Maximum.into(), &[self, &zero], Caller::caller())
    }

    /// `x Phi(x)` with the normal distribution function by the error function (Hendrycks and Gimpel, 2016), exact
    /// where that is small.
    #[track_caller]
    #[must_use]
    pub fn gelu(&self) -> Var {
        self.scope_here("gelu", |x| x.maximum(LOWEST) * 0.5 * (x * -FRAC_1_SQRT_2).erfc())
    }

    /// [`Var::gelu`] with the normal distribution function by a hyperbolic tangent:
    /// PyTorch's `approximate="tanh"`.
    #[track_caller]
    #[must_use]
    pub fn gelu_tanh(&self) -> Var {
        self.scope_here("gelu_tanh", |x| {
            let inner = (x + x * x * x * 0.044_715) * (FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
            x.maximum(LOWEST) * 0.5 * (inner.tanh() + 1.0)
        })
    }

    /// `x sigmoid(x)`, also called swish.
    #[track_caller]
    #[must_use]
    pub fn silu(&self) -> Var {
        self.scope_here("silu", |x| x.maximum(LOWEST) * x.sigmoid())
    }

    /// `log(1 + e^x)`, without overflow.
    #[track_caller]
    #[must_use]
    pub fn softplus(&self) -> Var {
        self.scope_here("softplus", |x| {
            let value = |x: &Var| x.maximum(0.0) + (-x.abs()).exp().log1p();
            // Smooth at 0, where its parts are not.
            let smooth = custom_jvp(
                move |x: Var| value(&x),
                move |x: Var, tangent: Var| (value(&x), tangent * x.sigmoid()),
            );
            smooth.apply(x.clone()).unwrap_or_else(|_| x.stand_in())
        })
    }

    /// `log(sigmoid(x))`, without overflow.
    #[track_caller]
    #[must_use]
    pub fn log_sigmoid(&self) -> Var {
        self.scope_here("log_sigmoid", |x| -(-x).softplus())
    }

    /// `x tanh(softplus(x))` (Misra, 2019).
    #[track_caller]
    #[must_use]
    pub fn mish(&self) -> Var {
        self.scope_here("mish", |x| x.maximum(LOWEST) * x.softplus().tanh())
    }

    /// `x / (1 + |x|)`.
    #[track_caller]
    #[must_use]
    pub fn softsign(&self) -> Var {
        self.scope_here("softsign", |x| x / (x.abs() + 1.0))
    }

    /// `x` limited to `[0, 6]`.
    #[track_caller]
    #[must_use]
    pub fn relu6(&self) -> Var {
        self.clamp(0.0, 6.0).renamed("relu6")
    }

    /// `sigmoid` in straight lines: 0 up to -3, 1 from 3 on (Howard et al., 2019).
    #[track_caller]
    #[must_use]
    pub fn hardsigmoid(&self) -> Var {
        self.scope_here("hardsigmoid", |x| (x + 3.0).relu6() / 6.0)
    }

    /// `x hardsigmoid(x)`.
    #[track_caller]
    #[must_use]
    pub fn hardswish(&self) -> Var {
        // Below -3 the other factor is 0, also of -infinity.
        self.scope_here("hardswish", |x| x.maximum(-3.0) * x.hardsigmoid())
    }

    /// `x`, where negative times `slope`.
    #[track_caller]
    #[must_use]
    pub fn leaky_relu(&self, slope: f64) -> Var {
        self.scope_here("leaky_relu", |x| x.where_(&x.gt(0.0), x * slope))
    }

    /// `x`, where negative times `weight`: one number, or one for each channel, dimension 1 (He et al., 2015).
    #[track_caller]
    #[must_use]
    pub fn prelu(&self, weight: &Var) -> Var {
        let fits =
            weight.rank() == 1 && (weight.shape() == [1] || self.shape().get(1) == weight.shape().first());
        if !fits {
            let message = "prelu: expected one weight, or one for each channel in dimension 1 of";
            self.fault(format!("{message} {}, got {}", self.ty(), weight.ty()));
            return self.stand_in();
        }
        self.scope_here("prelu", |x| {
            let scaled = if weight.shape() == [1] { x * weight } else { x * weight.along(x, &[1]) };
            x.where_(&x.gt(0.0), scaled)
        })
    }

    /// `x`, where negative `alpha (e^x - 1)`.
    #[track_caller]
    #[must_use]
    pub fn elu(&self, alpha: f64) -> Var {
        self.scope_here("elu", |x| x.where_(&x.gt(0.0), x.minimum(0.0).expm1() * alpha))
    }

    /// `x`, where negative `alpha (e^(x / alpha) - 1)` (Barron, 2017).
    #[track_caller]
    #[must_use]
    pub fn celu(&self, alpha: f64) -> Var {
        self.scope_here("celu", |x| x.where_(&x.gt(0.0), (x.minimum(0.0) / alpha).expm1() * alpha))
    }

    /// [`Var::elu`], scaled so that activations keep mean 0 and variance 1 from layer to layer (Klambauer et al.,
    /// 2017).
    #[track_caller]
    #[must_use]
    pub fn selu(&self) -> Var {
        const ALPHA: f64 = 1.673_263_242_354_377_2;
        const SCALE: f64 = 1.050_700_987_355_480_5;
        self.scope_here("selu", |x| x.elu(ALPHA) * SCALE)
    }

    /// The first half along `dim` times the sigmoid of the second (Dauphin et al., 2016).
    #[track_caller]
    #[must_use]
    pub fn glu(&self, dim: i64) -> Var {
        let Some(at) = self.dim(dim) else { return self.stand_in() };
        let half = self.shape()[at] / 2;
        if self.shape()[at] != 2 * half {
            self.fault(format!("glu: dimension {dim} of {} has no two halves", self.ty()));
            return self.stand_in();
        }
        self.scope_here("glu", |x| x.narrow(dim, 0, half) * x.narrow(dim, half, half).sigmoid())
    }

    /// The greatest elements, to shift by: results do not depend on the shift, so it counts as a constant of
    /// derivatives.
    #[track_caller]
    pub(super) fn greatest(&self, axes: impl Axes) -> Var {
        self.amax(axes).stop_gradient()
    }

    /// `e^x` over `dim`, scaled to sum 1. As in PyTorch and JAX it is NaN throughout where one element is
    /// NaN or +infinite, or all are -infinite; `f16` and `bf16` are computed in `f32` and rounded once.
    #[track_caller]
    #[must_use]
    pub fn softmax(&self, dim: i64) -> Var {
        if self.dim(dim).is_none() {
            return self.stand_in();
        }
        self.scope_here("softmax", |x| {
            let wide = x.widened();
            let exponentials = (&wide - wide.greatest(dim).keep_dims(x, &[dim])).exp();
            let sum = exponentials.sum(dim).keep_dims(x, &[dim]);
            (exponentials / sum).to(x.dtype())
        })
    }

    /// The logarithm of [`Var::softmax`], without overflow; NaN where that is.
    #[track_caller]
    #[must_use]
    pub fn log_softmax(&self, dim: i64) -> Var {
        if self.dim(dim).is_none() {
            return self.stand_in();
        }
        self.scope_here("log_softmax", |x| {
            let wide = x.widened();
            let shifted = &wide - wide.greatest(dim).keep_dims(x, &[dim]);
            let sum = shifted.exp().sum(dim).keep_dims(x, &[dim]);
            (shifted - sum.log()).to(x.dtype())
        })
    }

    /// `log(sum(e^x))` over the dimensions, without overflow: -infinity for no elements and where all are
    /// -infinite, +infinity where one is, NaN where one is NaN. `f16` and `bf16` are computed in `f32`
    /// and rounded once.
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let x = TensorType::new([2, 3, 4], DType::F32);
    /// let traced = trace(&|x: Var| x.logsumexp([0, -1]), &x)?;
    /// assert_eq!(traced.output, TensorType::new([3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn logsumexp(&self, axes: impl Axes) -> Var {
        let axes = axes.axes(self.rank());
        if self.dims(&axes).is_none() {
            return self.stand_in();
        }
        self.scope_here("logsumexp", |x| {
            let wide = x.widened();
            let greatest = wide.greatest(axes.as_slice());
            // The distance of an infinity from itself would be NaN.
            let shift = greatest.where_(&greatest.isfinite(), 0.0);
            let exponentials = (&wide - shift.keep_dims(x, &axes)).exp();
            (exponentials.sum(axes.as_slice()).log() + shift).to(x.dtype())
        })
    }
}
