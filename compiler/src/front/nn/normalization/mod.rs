//! Normalisation layers: by statistics of the batch (`batch`), of groups of channels (`group`), and of the
//! last dimensions (`layer`).

mod batch;
mod group;
mod layer;

pub use batch::{BatchNorm, BatchNorm1d, BatchNorm2d};
pub use group::{GroupNorm, InstanceNorm, InstanceNorm1d, InstanceNorm2d};
pub use layer::{LayerNorm, RMSNorm};

use crate::front::trace::var::Var;

/// Every element less the mean over the axes, divided by the square root of the variance there and `eps`.
fn standardised(x: &Var, axes: &[i64], eps: f64) -> Var {
    let mean = x.mean(axes).keep_dims(x, axes);
    let distance = x - mean;
    let var = (&distance * &distance).mean(axes).keep_dims(x, axes);
    distance * (var + eps).rsqrt()
}
