//! Methods of [`Var`] that combine all members: `psum`, `pmean`, `pmax` and `pmin`.

use std::panic::Location as Caller;
use std::sync::Arc;

use choral_ir::op::{AllReduce, Reduction};

use super::{AxisNames, members};
use crate::front::trace::record_one;
use crate::front::trace::var::Var;

impl Var {
    /// The sum over all members along one axis or several; the same for each of them, of this value's
    /// shape. Booleans are counted, in `i32`; `f16` and `bf16` are summed in `f32` and rounded once.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// // Each member's share of the total.
    /// let shares = vmap(|x: Var| &x / x.psum("member"), 0).axis_name("member");
    /// let traced = trace(&shares, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn psum(&self, axes: impl AxisNames) -> Var {
        self.counted().all_reduce("psum", &axes.names(), Reduction::Sum)
    }

    /// The mean over all members along one axis or several, of this value's shape and of element types as
    /// in [`Var::mean`].
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// // Each member's deviation from the mean of all.
    /// let centred = vmap(|x: Var| &x - x.pmean("member"), 0).axis_name("member");
    /// let traced = trace(&centred, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn pmean(&self, axes: impl AxisNames) -> Var {
        let names = axes.names();
        let Some(bound) = self.bound("pmean", &names) else { return self.stand_in() };
        let Some((x, dtype)) = self.averaged("pmean") else { return self.stand_in() };
        (x.all_reduce("pmean", &names, Reduction::Sum) / members(&bound) as f64).to(dtype)
    }

    /// The greatest of all members along one axis or several, elementwise, of this value's shape. A
    /// fault for what holds neither integers nor floats.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let best = vmap(|score: Var| score.pmax("member"), 0).axis_name("member").out_dims(None);
    /// let traced = trace(&best, &TensorType::new([5], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::scalar(DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn pmax(&self, axes: impl AxisNames) -> Var {
        self.all_reduce("pmax", &axes.names(), Reduction::Max)
    }

    /// The least of all members along one axis or several, elementwise, of this value's shape. A
    /// fault for what holds neither integers nor floats.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let above = vmap(|x: Var| &x - x.pmin("member"), 0).axis_name("member");
    /// let traced = trace(&above, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn pmin(&self, axes: impl AxisNames) -> Var {
        self.all_reduce("pmin", &axes.names(), Reduction::Min)
    }

    #[track_caller]
    fn all_reduce(&self, name: &str, axes: &[&str], reduction: Reduction) -> Var {
        let Some(bound) = self.bound(name, axes) else { return self.stand_in() };
        let axes = bound.iter().map(|axis| Arc::clone(&axis.name)).collect();
        record_one(AllReduce { axes, reduction }, &[self], Caller::caller())
    }
}
