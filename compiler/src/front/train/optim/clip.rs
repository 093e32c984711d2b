//! Gradients clipped, by their norm or one by one.

use choral_ir::DType;

use crate::front::state::Module;
use crate::front::trace::operators::Operand;
use crate::front::trace::var::Var;
use crate::front::tree::{Path, Walk, leaves};

/// What `torch.nn.utils.clip_grad_norm_` adds to the norm.
const EPS: f64 = 1e-6;

/// The gradients scaled so that the Euclidean norm of all of them together is `max_norm` at most, and the norm before
/// that: `torch.nn.utils.clip_grad_norm_`. Leaves that are no floats stay as they are.
///
/// The norm is `f32`, or `f64` if a gradient is. As in PyTorch an infinite gradient becomes NaN, and all others 0.
///
/// ```
/// use choral_compiler::train::optim::clip_grad_norm;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let gradients = (TensorType::new([3, 2], DType::F32), TensorType::new([3], DType::F32));
/// let clipped = |gradients: (Var, Var)| clip_grad_norm(&gradients, 1.0);
/// let (clipped, norm) = trace(&clipped, &gradients)?.output;
/// assert_eq!((clipped, norm), (gradients, TensorType::scalar(DType::F32)));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn clip_grad_norm<G: Module<Var>>(gradients: &G, max_norm: impl Operand) -> (G, Var) {
    let floats: Vec<Var> =
        leaves(gradients).into_iter().map(|(_, var)| var).filter(|var| var.dtype().is_float()).collect();
    let dtype = if floats.iter().any(|var| var.dtype() == DType::F64) { DType::F64 } else { DType::F32 };
    let squares = floats.iter().map(|var| {
        let wide = var.widened();
        (&wide * &wide).sum(()).to(dtype)
    });
    let Some(sum) = squares.reduce(|sum, square| sum + square) else {
        let message = "clip_grad_norm: there are no gradients; give it a tree with floats";
        return (every_float(gradients, Var::clone), Var::faulty(message.to_owned()));
    };
    let norm = sum.sqrt().renamed("grad_norm");
    let scale = (max_norm.beside(&norm).to(dtype) / (&norm + EPS)).minimum(1.0);
    let clipped = every_float(gradients, |var| {
        let wide = var.widened();
        (&wide * scale.to(wide.dtype())).to(var.dtype())
    });
    (clipped, norm)
}

/// The gradients limited to `[-clip_value, clip_value]`: `torch.nn.utils.clip_grad_value_`. Leaves that are no floats
/// stay as they are.
#[track_caller]
#[must_use]
pub fn clip_grad_value<G: Module<Var>>(gradients: &G, clip_value: impl Operand) -> G {
    every_float(gradients, |var| {
        let limit = clip_value.beside(var).to(var.dtype());
        var.clamp(-&limit, limit)
    })
}

/// The tree with every float replaced.
#[track_caller]
fn every_float<G: Module<Var>>(gradients: &G, replaced: impl Fn(&Var) -> Var) -> G {
    gradients.map(&mut Walk::default(), &mut |_: &Path, var: &Var| {
        if var.dtype().is_float() { replaced(var) } else { var.clone() }
    })
}
