//! Attention with several heads, and what its places may see.

use choral_ir::{DType, TensorType};

use super::checks::Checks;
use super::init::{constant, xavier};
use super::{Constant, Forward, Linear, RandomKey, scoped};
use crate::Module;
use crate::front::trace::attention::Attention;
use crate::front::trace::var::Var;

/// Attention with several heads (Vaswani et al., 2017), as `torch.nn.MultiheadAttention`: of queries
/// `[L, N, E]`, keys `[S, N, kdim]` and values `[S, N, vdim]` it is `[L, N, E]`, with the batch `N` first if
/// [`batch_first`](Self::batch_first) says so, and without it for a single sequence.
///
/// It gives its output alone; [`attend`](Self::attend) also gives the weights of every head.
///
/// ```
/// use choral_compiler::nn::{AttentionMasks, Forward, MultiheadAttention};
/// use choral_compiler::{Module, Var, trace};
/// use choral_ir::{DType, Key, TensorType};
/// let attention = MultiheadAttention::init(8, 2, Key::new(0)).batch_first();
/// let names: Vec<String> = attention.state_dict().into_keys().collect();
/// assert_eq!(names, ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]);
///
/// let causal = |(mut attention, x): (MultiheadAttention<Var>, Var)| {
///     let masks = AttentionMasks { is_causal: true, ..AttentionMasks::default() };
///     attention.forward(&(x.clone(), x.clone(), x, masks))
/// };
/// # let types = choral_compiler::tree::Tree::map(&attention, &mut Default::default(), &mut |_, leaf| leaf.ty().clone());
/// # let attention = types;
/// let x = TensorType::new([3, 5, 8], DType::F32);
/// assert_eq!(trace(&causal, &(attention, x.clone()))?.output, x);
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct MultiheadAttention<T> {
    #[module(flatten)]
    pub in_proj: InProjection<T>,
    /// The biases of the three projections, `[3 E]`.
    pub in_proj_bias: Option<T>,
    pub out_proj: Linear<T>,
    pub num_heads: usize,
    /// The probability with which a weight becomes 0 in training.
    pub dropout: f64,
    pub batch_first: bool,
    pub training: bool,
}

/// What queries, keys and values are multiplied by.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub enum InProjection<T> {
    /// One matrix above the other, `[3 E, E]`: keys and values have the size of queries.
    Joint { in_proj_weight: T },
    /// `[E, E]`, `[E, kdim]` and `[E, vdim]`.
    Separate { q_proj_weight: T, k_proj_weight: T, v_proj_weight: T },
}

/// What the places of sequences may see of each other, as PyTorch's layers take it: among booleans, `true`
/// hides; numbers are added to the scores. The default hides nothing.
#[derive(Module, Clone, Debug)]
pub struct AttentionMasks<T> {
    /// Of each query and key, `[L, S]`; also of each sequence and head, `[N heads, L, S]`.
    pub attn_mask: Option<T>,
    /// Of the keys of each sequence, `[N, S]`, or `[S]` without a batch.
    pub key_padding_mask: Option<T>,
    /// Whether keys after a query are hidden from it.
    pub is_causal: bool,
}

impl<T> Default for AttentionMasks<T> {
    fn default() -> Self {
        AttentionMasks { attn_mask: None, key_padding_mask: None, is_causal: false }
    }
}

impl<T: Constant> MultiheadAttention<T> {
    /// A layer with PyTorch's initial distributions and defaults: with biases, without dropout, the batch in
    /// dimension 1, in training mode.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(embed_dim: usize, num_heads: usize, key: K) -> Self {
        let [in_proj, out_proj] = key.split();
        let in_proj_weight = xavier([embed_dim.saturating_mul(3), embed_dim], &in_proj);
        Self::with(InProjection::Joint { in_proj_weight }, embed_dim, num_heads, out_proj)
    }

    /// A layer whose keys and values have sizes of their own.
    #[track_caller]
    pub fn init_with_sizes<K: RandomKey<Leaf = T>>(
        embed_dim: usize,
        (kdim, vdim): (usize, usize),
        num_heads: usize,
        key: K,
    ) -> Self {
        let [queries, keys, values, out_proj] = key.split();
        let in_proj = InProjection::Separate {
            q_proj_weight: xavier([embed_dim, embed_dim], &queries),
            k_proj_weight: xavier([embed_dim, kdim], &keys),
            v_proj_weight: xavier([embed_dim, vdim], &values),
        };
        Self::with(in_proj, embed_dim, num_heads, out_proj)
    }

    #[track_caller]
    fn with<K: RandomKey<Leaf = T>>(
        in_proj: InProjection<T>,
        embed_dim: usize,
        num_heads: usize,
        out_proj: K,
    ) -> Self {
        MultiheadAttention {
            in_proj,
            in_proj_bias: Some(constant(&[embed_dim.saturating_mul(3)], 0.0)),
            out_proj: Linear {
                bias: Some(constant(&[embed_dim], 0.0)),
                ..Linear::init(embed_dim, embed_dim, out_proj)
            },
            num_heads,
            dropout: 0.0,
            batch_first: false,
            training: true,
        }
    }
}

impl<T> MultiheadAttention<T> {
    /// The same layer without biases.
    #[must_use]
    pub fn without_bias(self) -> Self {
        MultiheadAttention { in_proj_bias: None, out_proj: self.out_proj.without_bias(), ..self }
    }

    /// The same layer with the batch in dimension 0.
    #[must_use]
    pub fn batch_first(self) -> Self {
        MultiheadAttention { batch_first: true, ..self }
    }

    /// The probability with which a weight becomes 0 in training.
    #[must_use]
    pub fn dropout(self, dropout: f64) -> Self {
        MultiheadAttention { dropout, ..self }
    }
}

/// Queries, keys and values.
impl Forward<(Var, Var, Var)> for MultiheadAttention<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, (query, key, value): &(Var, Var, Var)) -> Var {
        self.attend([query, key, value], &AttentionMasks::default()).0
    }
}

/// Queries, keys and values, and what is hidden.
impl Forward<(Var, Var, Var, AttentionMasks<Var>)> for MultiheadAttention<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, (query, key, value, masks): &(Var, Var, Var, AttentionMasks<Var>)) -> Var {
        self.attend([query, key, value], masks).0
    }
}

impl MultiheadAttention<Var> {
    /// The output for queries, keys and values, and the weights of every head, `[N, heads, L, S]`, or
    /// `[heads, L, S]` without a batch. PyTorch's averaged weights are their `mean(-3)`.
    #[track_caller]
    pub fn attend(&mut self, inputs: [&Var; 3], masks: &AttentionMasks<Var>) -> (Var, Var) {
        if !self.accepts(inputs, masks) {
            // What follows may name dimensions of the weights.
            let weights = TensorType::new([1; 4], inputs[0].dtype());
            return (inputs[0].stand_in(), Var::new(&inputs[0].trace, None, weights));
        }
        let (output, weights) = scoped(self.anchor(), inputs[0], || {
            let [queries, keys, values] = self.projected(inputs).map(|x| self.heads(&x));
            let (queries, keys) = (queries.renamed("queries"), keys.renamed("keys"));
            let values = values.renamed("values");
            let mask = masks.joint(self.num_heads, &queries);
            let dropout = if self.training { self.dropout } else { 0.0 };
            let settings =
                Attention { mask: mask.as_ref(), is_causal: masks.is_causal, dropout, scale: None };
            let weights = queries.attention_weights(&keys, settings);
            (self.joined(&weights.matmul(&values)), weights)
        });
        (self.out_proj.forward(&output), weights)
    }

    /// The parameter that knows the layer's name.
    fn anchor(&self) -> &Var {
        match &self.in_proj {
            InProjection::Joint { in_proj_weight } => in_proj_weight,
            InProjection::Separate { q_proj_weight, .. } => q_proj_weight,
        }
    }

    fn embed_dim(&self) -> usize {
        self.out_proj.weight.shape().first().copied().unwrap_or_default()
    }

    /// The three projections; one product where a sequence attends to itself.
    fn projected(&self, inputs: [&Var; 3]) -> [Var; 3] {
        let size = self.embed_dim();
        let part = |all: &Var, dim: i64, at: usize| all.narrow(dim, at * size, size);
        let weights = match &self.in_proj {
            InProjection::Joint { in_proj_weight } if inputs[1..].iter().all(|input| input.is(inputs[0])) => {
                let all = inputs[0].linear(in_proj_weight, self.in_proj_bias.as_ref());
                return [0, 1, 2].map(|at| part(&all, -1, at));
            }
            InProjection::Joint { in_proj_weight } => [0, 1, 2].map(|at| part(in_proj_weight, 0, at)),
            InProjection::Separate { q_proj_weight, k_proj_weight, v_proj_weight } => {
                [q_proj_weight, k_proj_weight, v_proj_weight].map(Clone::clone)
            }
        };
        [0, 1, 2].map(|at| {
            let bias = self.in_proj_bias.as_ref().map(|bias| part(bias, 0, at));
            inputs[at].linear(&weights[at], bias.as_ref())
        })
    }

    /// `[N, heads, L, E / heads]` from `[L, N, E]` or `[N, L, E]`; without `N` from `[L, E]`.
    fn heads(&self, x: &Var) -> Var {
        let of_head = [self.num_heads, self.embed_dim() / self.num_heads];
        let sizes = x.shape().iter().take(x.rank() - 1).chain(&of_head);
        let apart = x.reshape(sizes.map(|&size| size as i64).collect::<Vec<_>>());
        apart.permute(match (x.rank(), self.batch_first) {
            (2, _) => &[1, 0, 2][..],
            (_, true) => &[0, 2, 1, 3],
            (_, false) => &[1, 2, 0, 3],
        })
    }

    /// The way back.
    fn joined(&self, heads: &Var) -> Var {
        let apart = heads.permute(match (heads.rank(), self.batch_first) {
            (3, _) => &[1, 0, 2][..],
            (_, true) => &[0, 2, 1, 3],
            (_, false) => &[2, 0, 1, 3],
        });
        apart.flatten(-2, -1)
    }

    /// The sizes of a query, a key and a value.
    fn input_sizes(&self) -> [usize; 3] {
        let columns = |weight: &Var| weight.shape().get(1).copied().unwrap_or_default();
        match &self.in_proj {
            InProjection::Joint { in_proj_weight } => [columns(in_proj_weight); 3],
            InProjection::Separate { q_proj_weight, k_proj_weight, v_proj_weight } => {
                [q_proj_weight, k_proj_weight, v_proj_weight].map(columns)
            }
        }
    }

    /// The number of sequences, if there is a batch of them, and of places in each.
    fn extent(&self, input: &Var) -> (Option<usize>, usize) {
        match (input.shape(), self.batch_first) {
            (&[batch, places, _], true) | (&[places, batch, _], false) => (Some(batch), places),
            (shape, _) => (None, shape[0]),
        }
    }

    #[track_caller]
    fn accepts(&self, inputs: [&Var; 3], masks: &AttentionMasks<Var>) -> bool {
        let checks = Checks::of("MultiheadAttention", self.anchor(), inputs[0]);
        let is_sequence = |input: &&Var| (2..=3).contains(&input.rank());
        // A stand-in comes from an earlier fault.
        inputs.iter().all(|input| input.value.is_some())
            && self.parameters_fit(&checks)
            && checks.ensure(inputs.iter().all(is_sequence) && self.inputs_fit(inputs), || {
                let batch = if self.batch_first { "[N, L, size]" } else { "[L, N, size]" };
                let [query, key, value] = inputs.map(Var::ty);
                format!(
                    "expected queries, keys and values {batch} or [L, size] of sizes {:?}, keys and values of as \
                     many places, got {query}, {key} and {value}",
                    self.input_sizes()
                )
            })
            && masks.fit(&checks, self.num_heads, self.extent(inputs[0]), self.extent(inputs[1]).1)
    }

    fn parameters_fit(&self, checks: &Checks<'_>) -> bool {
        let (size, heads, sizes) = (self.embed_dim(), self.num_heads, self.input_sizes());
        let in_proj = match &self.in_proj {
            InProjection::Joint { in_proj_weight } => {
                checks.shapes(&[size.saturating_mul(3), size], [("in_proj_weight", Some(in_proj_weight))])
            }
            InProjection::Separate { q_proj_weight, k_proj_weight, v_proj_weight } => {
                checks.shapes(&[size, size], [("q_proj_weight", Some(q_proj_weight))])
                    && checks.shapes(&[size, sizes[1]], [("k_proj_weight", Some(k_proj_weight))])
                    && checks.shapes(&[size, sizes[2]], [("v_proj_weight", Some(v_proj_weight))])
            }
        };
        in_proj
            && checks.shapes(&[size.saturating_mul(3)], [("in_proj_bias", self.in_proj_bias.as_ref())])
            && checks.shapes(&[size, size], [("out_proj.weight", Some(&self.out_proj.weight))])
            && checks.ensure(heads > 0 && size.is_multiple_of(heads), || {
                format!("embed_dim {size} cannot form {heads} heads of one size")
            })
    }

    /// Whether inputs of rank 2 or 3 go together.
    fn inputs_fit(&self, inputs: [&Var; 3]) -> bool {
        let [query, key, value] = inputs.map(|input| self.extent(input));
        let sizes = inputs.map(|input| input.size(-1));
        query.0 == key.0 && key == value && sizes == self.input_sizes()
    }
}

impl AttentionMasks<Var> {
    /// Whether the masks are for these many sequences, queries in each, and keys.
    fn fit(
        &self,
        checks: &Checks<'_>,
        heads: usize,
        (batch, queries): (Option<usize>, usize),
        keys: usize,
    ) -> bool {
        let of_heads = vec![batch.unwrap_or(1).saturating_mul(heads), queries, keys];
        let of_keys: Vec<usize> = batch.into_iter().chain([keys]).collect();
        let fits = |name: &str, mask: Option<&Var>, shapes: &[Vec<usize>]| {
            let Some(mask) = mask else { return true };
            let is_mask = mask.dtype().is_float() || mask.dtype() == DType::I1;
            checks.ensure(is_mask && shapes.iter().any(|shape| mask.shape() == shape), || {
                let shapes: Vec<String> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
                format!("{name} must hold booleans or floats, {}, got {}", shapes.join(" or "), mask.ty())
            })
        };
        fits("attn_mask", self.attn_mask.as_ref(), &[vec![queries, keys], of_heads])
            && fits("key_padding_mask", self.key_padding_mask.as_ref(), &[of_keys])
    }

    /// All that is hidden as the one mask of [`Attention`], for queries `[.., heads, L, E / heads]`.
    fn joint(&self, heads: usize, queries: &Var) -> Option<Var> {
        let has_batch = queries.rank() == 4;
        let of_places = self.attn_mask.as_ref().map(|mask| match (mask.shape(), has_batch) {
            (&[all, rows, columns], true) => {
                mask.reshape([all / heads, heads, rows, columns].map(|size| size as i64))
            }
            _ => mask.clone(),
        });
        let of_keys = self.key_padding_mask.as_ref();
        let of_keys =
            of_keys.map(|mask| if has_batch { mask.unsqueeze(1).unsqueeze(1) } else { mask.clone() });
        let seen = |mask: &Var| if mask.dtype() == DType::I1 { mask.logical_not() } else { mask.clone() };
        let (Some(one), Some(other)) = (&of_places, &of_keys) else {
            return of_places.or(of_keys).as_ref().map(seen);
        };
        if one.dtype() == DType::I1 && other.dtype() == DType::I1 {
            return Some(one.logical_or(other).logical_not());
        }
        let [one, other] = [one, other].map(|mask| added(mask, queries.dtype()));
        Some(one + other)
    }
}

/// A mask as numbers to add: -infinity for `true`.
fn added(mask: &Var, dtype: DType) -> Var {
    match mask.dtype() {
        DType::I1 => {
            let zero = mask.to(dtype).full([], 0.0);
            zero.full([], f64::NEG_INFINITY).where_(mask, zero)
        }
        _ => mask.to(dtype),
    }
}
