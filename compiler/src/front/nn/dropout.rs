//! Dropout.

use super::Forward;
use crate::Module;
use crate::front::trace::var::Var;

/// In training mode, zeroes each element with probability `p` and scales the others by
/// `1 / (1 - p)`, as `torch.nn.Dropout`; otherwise passes its input on.
///
/// The draws come from the key in scope; see [`with_key`](crate::with_key).
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct Dropout {
    pub p: f64,
    pub training: bool,
}

impl Dropout {
    /// A layer in training mode, as in PyTorch.
    pub fn new(p: f64) -> Self {
        Dropout { p, training: true }
    }
}

impl Forward for Dropout {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        if self.training { input.dropout(self.p) } else { input.clone() }
    }
}
