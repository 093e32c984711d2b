//! Attention: values weighed by how much queries and keys agree.
//!
//! Must not live here: projections and heads, which are a layer's
//! ([`MultiheadAttention`](crate::front::nn::MultiheadAttention)).

use choral_ir::DType;

use super::operators::broadcast_shapes;
use super::var::Var;

/// The settings of attention; the default is PyTorch's: no mask, no dropout, scores divided by the root of
/// the size of a query.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attention<'a> {
    /// What each of `L` queries sees of `S` keys, `[.., L, S]`: booleans that say whether it does, or numbers
    /// that are added to the scores.
    pub mask: Option<&'a Var>,
    /// Whether query `l` sees the keys up to `l` alone; with a mask, of these what that shows.
    pub is_causal: bool,
    /// The probability with which a weight becomes 0, by the key in scope ([`with_key`](crate::with_key)).
    pub dropout: f64,
    /// What scores are multiplied by.
    pub scale: Option<f64>,
}

impl Var {
    /// The values weighed for each query (this value), as `torch.nn.functional.scaled_dot_product_attention`:
    /// of queries `[.., L, E]`, keys `[.., S, E]` and values `[.., S, V]` it is `[.., L, V]`. Leading dimensions
    /// are broadcast together. A query whose mask shows it no key gets zeros.
    ///
    /// ```
    /// use choral_compiler::trace::attention::Attention;
    /// use choral_compiler::{Var, trace};
    /// use choral_ir::{DType, TensorType};
    /// let causal = |(q, k, v): (Var, Var, Var)| {
    ///     q.scaled_dot_product_attention(&k, &v, Attention { is_causal: true, ..Attention::default() })
    /// };
    /// let sequence = TensorType::new([2, 8, 5, 16], DType::F32); // batch, heads, places, numbers
    /// let traced = trace(&causal, &(sequence.clone(), sequence.clone(), sequence.clone()))?;
    /// assert_eq!(traced.output, sequence);
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn scaled_dot_product_attention(&self, keys: &Var, values: &Var, settings: Attention<'_>) -> Var {
        let are_known = [self, keys, values].iter().all(|var| var.value.is_some());
        if !are_known || values.rank() < 2 || keys.rank() < 2 || keys.size(-2) != values.size(-2) {
            // A stand-in comes from an earlier fault.
            if are_known {
                let (keys, values) = (keys.ty(), values.ty());
                self.fault(format!(
                    "attention: expected a value for each key, got keys {keys} and values {values}"
                ));
            }
            return self.stand_in();
        }
        self.scope_here("attention", |queries| queries.attention_weights(keys, settings).matmul(values))
    }

    /// How [`Var::scaled_dot_product_attention`] weighs the values for each query, `[.., L, S]`.
    #[track_caller]
    #[must_use]
    pub fn attention_weights(&self, keys: &Var, settings: Attention<'_>) -> Var {
        let Attention { mask, is_causal, dropout, scale } = settings;
        if !self.attends_to(keys, mask) {
            return self.stand_in();
        }
        self.scope_here("weights", |queries| {
            let scale = scale.unwrap_or_else(|| 1.0 / (queries.size(-1) as f64).sqrt());
            let scores = (queries * scale).matmul(&keys.transpose(-1, -2));
            let causal = is_causal.then(|| scores.is_past());
            let (seen, added) = match mask {
                Some(mask) if mask.dtype() == DType::I1 => (Some(mask), None),
                Some(_) | None => (None, mask),
            };
            let seen = seen.into_iter().chain(&causal).fold(None, |all: Option<Var>, seen| {
                Some(all.map_or_else(|| seen.clone(), |all| all.logical_and(seen)))
            });
            let scores = added.iter().fold(scores, |scores, added| scores + added.to(queries.dtype()));
            let hidden = scores.full(Vec::new(), f64::NEG_INFINITY);
            let scores = seen.iter().fold(scores, |scores, seen| scores.where_(seen, &hidden));
            let weights = if mask.is_some() { scores.softmax_of_seen() } else { scores.softmax(-1) };
            weights.dropout(dropout)
        })
    }

    /// Whether queries (this value), keys and mask go together; if not, a fault.
    #[track_caller]
    fn attends_to(&self, keys: &Var, mask: Option<&Var>) -> bool {
        if self.rank() < 2 || keys.rank() < 2 || self.size(-1) != keys.size(-1) {
            let (queries, keys) = (self.ty(), keys.ty());
            self.fault(format!(
                "attention: expected queries [.., L, E] and keys [.., S, E], got {queries} and {keys}"
            ));
            return false;
        }
        let Some(mask) = mask else { return true };
        let scores = [self.size(-2), keys.size(-2)];
        let shape = broadcast_shapes(&[mask.shape(), &scores]);
        let fits = shape.is_some_and(|shape| shape.ends_with(&scores))
            && (mask.dtype().is_float() || mask.dtype() == DType::I1);
        if !fits {
            self.fault(format!(
                "attention: expected a mask of booleans or floats, [.., {}, {}], got {}",
                scores[0],
                scores[1],
                mask.ty()
            ));
        }
        fits
    }

    /// Whether a key comes no later than the query, for scores `[.., L, S]`: `[L, S]`.
    #[track_caller]
    fn is_past(&self) -> Var {
        let places = self.full([self.size(-2), self.size(-1)], 0.0);
        let [query, key] = [0, 1].map(|dim| places.iota(dim, DType::I32));
        query.ge(key)
    }

    /// [`Var::softmax`] over the last dimension, but 0 where all of it is -infinite.
    #[track_caller]
    fn softmax_of_seen(&self) -> Var {
        self.scope_here("softmax", |x| {
            let wide = x.widened();
            let greatest = wide.greatest(-1).keep_dims(x, &[-1]);
            let shift = greatest.where_(&greatest.gt(f64::NEG_INFINITY), 0.0);
            let exponentials = (wide - shift).exp();
            let sum = exponentials.sum(-1).keep_dims(x, &[-1]);
            (exponentials / sum.where_(&sum.ne(0.0), 1.0)).to(x.dtype())
        })
    }
}
