//! Values that count as constants, as `jax.lax.stop_gradient` and PyTorch's `detach`.

use std::panic::Location as Caller;

use choral_ir::Builder;
use choral_ir::op::Custom;

use super::derived::{Derived, Rule};
use crate::front::trace::record_one;
use crate::front::trace::var::Var;
use crate::front::tree::{Tree, Walk};

impl Var {
    /// The same value, which derivatives take for a constant: it has no tangent, and nothing comes back through it.
    ///
    /// ```
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// // Rounds; derivatives go past the rounding.
    /// let straight_through = |x: Var| &x + (x.round() - &x).stop_gradient();
    /// let traced = trace(&straight_through, &TensorType::new([3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn stop_gradient(&self) -> Var {
        if !self.dtype().is_float() {
            return self.clone();
        }
        let mut builder = Builder::new("stop_gradient");
        let x = builder.input("x", self.ty().clone());
        let op = Derived { body: builder.finish(&[x]).into(), rule: Rule::Stop };
        record_one(Custom::new(op), &[self], Caller::caller())
    }
}

/// A structure of the same values, which derivatives take for constants: see [`Var::stop_gradient`].
///
/// ```
/// use choral_compiler::custom::stop_gradient;
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let distance = |(x, target): (Var, Var)| (x - stop_gradient(target)).sum(());
/// let args = (TensorType::new([3], DType::F32), TensorType::new([3], DType::F32));
/// assert_eq!(trace(&distance, &args)?.output, TensorType::scalar(DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
pub fn stop_gradient<X: Tree<Var>>(tree: X) -> X::With<Var> {
    tree.map(&mut Walk::default(), &mut |_, var| var.stop_gradient())
}
