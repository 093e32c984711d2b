//! The table of vectors.

use choral_ir::{Key, Tensor};

use super::{Forward, layer};
use crate::Module;
use crate::trace::var::Var;

/// Rows of a table by index, as `torch.nn.Embedding`: integers `[..]` go to `[.., embedding_dim]`.
///
/// `weight` is `[num_embeddings, embedding_dim]`. An index beyond the table takes its last row.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct Embedding<T> {
    pub weight: T,
}

impl Embedding<Tensor> {
    /// A table of standard normal draws, as in PyTorch.
    pub fn init(num_embeddings: usize, embedding_dim: usize, key: Key) -> Self {
        Embedding { weight: Tensor::randn([num_embeddings, embedding_dim], key) }
    }
}

impl Forward for Embedding<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        layer(&self.weight, input, || self.weight.take_rows(input))
    }
}
