//! The table of vectors.

use super::checks::Checks;
use super::{Forward, RandomKey, layer};
use crate::Module;
use crate::front::trace::var::Var;

/// Rows of a table by index, as `torch.nn.Embedding`: integers `[..]` go to `[.., embedding_dim]`.
///
/// `weight` is `[num_embeddings, embedding_dim]`. An index beyond the table takes its last row.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct Embedding<T> {
    pub weight: T,
}

impl<T> Embedding<T> {
    /// A table of standard normal draws, as in PyTorch.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(num_embeddings: usize, embedding_dim: usize, key: K) -> Self {
        Embedding { weight: key.normal(&[num_embeddings, embedding_dim]) }
    }
}

impl Forward for Embedding<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        let checks = Checks::of("Embedding", &self.weight, input);
        let accepts = checks
            .ensure(self.weight.rank() == 2, || format!("weight must be a matrix, got {}", self.weight.ty()))
            && checks.ensure(input.dtype().is_integer(), || format!("expected integers, got {}", input.ty()));
        if !accepts {
            return input.stand_in();
        }
        layer(&self.weight, input, || self.weight.take_rows(input))
    }
}
