//! Encoders: attention of a sequence to itself, and a small network for each place.

use super::{AttentionMasks, Constant, Dropout, Forward, LayerNorm, Linear, MultiheadAttention, RandomKey};
use crate::Module;
use crate::front::trace::var::Var;

/// Attention and a network of two linear layers, each with a way around it and a normalisation, as
/// `torch.nn.TransformerEncoderLayer`: `[L, N, d_model]`, or with the batch first, or without one.
///
/// ```
/// use choral_compiler::Module;
/// use choral_compiler::nn::TransformerEncoderLayer;
/// use choral_ir::Key;
/// let layer = TransformerEncoderLayer::init(8, 2, 16, Key::new(0)).batch_first().norm_first();
/// assert_eq!(layer.linear1.weight.shape(), [16, 8]);
/// assert_eq!(layer.state_dict().len(), 12);
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct TransformerEncoderLayer<T> {
    pub self_attn: MultiheadAttention<T>,
    pub linear1: Linear<T>,
    pub linear2: Linear<T>,
    pub norm1: LayerNorm<T>,
    pub norm2: LayerNorm<T>,
    /// PyTorch's `dropout`, `dropout1` and `dropout2`: after the activation, and after attention and network.
    pub dropout: Dropout,
    pub activation: Activation,
    /// Whether normalisations come before attention and network instead of after the sums.
    pub norm_first: bool,
}

/// What stands between the linear layers of a [`TransformerEncoderLayer`].
#[derive(Module, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// [`Var::relu`]
    Relu,
    /// [`Var::gelu`]
    Gelu,
}

impl<T: Constant> TransformerEncoderLayer<T> {
    /// A layer with PyTorch's initial distributions and defaults: dropout 0.1, rectifiers, eps 1e-5, the batch
    /// in dimension 1, normalisation last, in training mode. PyTorch's default of `dim_feedforward` is 2048.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(
        d_model: usize,
        nhead: usize,
        dim_feedforward: usize,
        key: K,
    ) -> Self {
        let [self_attn, linear1, linear2] = key.split();
        TransformerEncoderLayer {
            self_attn: MultiheadAttention::init(d_model, nhead, self_attn).dropout(0.1),
            linear1: Linear::init(d_model, dim_feedforward, linear1),
            linear2: Linear::init(dim_feedforward, d_model, linear2),
            norm1: LayerNorm::init([d_model]),
            norm2: LayerNorm::init([d_model]),
            dropout: Dropout::new(0.1),
            activation: Activation::Relu,
            norm_first: false,
        }
    }
}

impl<T> TransformerEncoderLayer<T> {
    /// The same layer without biases.
    #[must_use]
    pub fn without_bias(self) -> Self {
        TransformerEncoderLayer {
            self_attn: self.self_attn.without_bias(),
            linear1: self.linear1.without_bias(),
            linear2: self.linear2.without_bias(),
            norm1: self.norm1.without_bias(),
            norm2: self.norm2.without_bias(),
            ..self
        }
    }

    /// The same layer with the batch in dimension 0.
    #[must_use]
    pub fn batch_first(self) -> Self {
        TransformerEncoderLayer { self_attn: self.self_attn.batch_first(), ..self }
    }

    /// The same layer with normalisations before attention and network.
    #[must_use]
    pub fn norm_first(self) -> Self {
        TransformerEncoderLayer { norm_first: true, ..self }
    }

    /// What stands between the linear layers.
    #[must_use]
    pub fn activation(self, activation: Activation) -> Self {
        TransformerEncoderLayer { activation, ..self }
    }

    /// The probability with which numbers and weights of attention become 0 in training.
    #[must_use]
    pub fn dropout(self, p: f64) -> Self {
        let dropout = Dropout { p, ..self.dropout };
        TransformerEncoderLayer { self_attn: self.self_attn.dropout(p), dropout, ..self }
    }

    /// What normalisations add to the variance.
    #[must_use]
    pub fn layer_norm_eps(self, eps: f64) -> Self {
        TransformerEncoderLayer { norm1: self.norm1.eps(eps), norm2: self.norm2.eps(eps), ..self }
    }
}

impl Forward for TransformerEncoderLayer<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        self.encode(input, &AttentionMasks::default())
    }
}

/// A sequence, and what is hidden of it.
impl Forward<(Var, AttentionMasks<Var>)> for TransformerEncoderLayer<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, (input, masks): &(Var, AttentionMasks<Var>)) -> Var {
        self.encode(input, masks)
    }
}

impl TransformerEncoderLayer<Var> {
    #[track_caller]
    fn encode(&mut self, input: &Var, masks: &AttentionMasks<Var>) -> Var {
        if self.norm_first {
            let normal = self.norm1.forward(input);
            let sum = input + self.attention(&normal, masks);
            let normal = self.norm2.forward(&sum);
            return sum + self.network(&normal);
        }
        let sum = input + self.attention(input, masks);
        let normal = self.norm1.forward(&sum);
        let sum = &normal + self.network(&normal);
        self.norm2.forward(&sum)
    }

    #[track_caller]
    fn attention(&mut self, input: &Var, masks: &AttentionMasks<Var>) -> Var {
        let (output, _) = self.self_attn.attend([input; 3], masks);
        self.dropout.forward(&output)
    }

    #[track_caller]
    fn network(&mut self, input: &Var) -> Var {
        let hidden = self.linear1.forward(input);
        let hidden = match self.activation {
            Activation::Relu => hidden.relu(),
            Activation::Gelu => hidden.gelu(),
        };
        let hidden = self.dropout.forward(&hidden);
        let output = self.linear2.forward(&hidden);
        self.dropout.forward(&output)
    }
}

/// Encoder layers one after another, as `torch.nn.TransformerEncoder`.
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct TransformerEncoder<T> {
    pub layers: Vec<TransformerEncoderLayer<T>>,
    /// What comes last.
    pub norm: Option<LayerNorm<T>>,
}

impl<T: Clone> TransformerEncoder<T> {
    /// `num_layers` copies of a layer, as in PyTorch; give each numbers of its own with
    /// `TransformerEncoder { layers, norm }`.
    pub fn new(layer: &TransformerEncoderLayer<T>, num_layers: usize) -> Self {
        TransformerEncoder { layers: vec![layer.clone(); num_layers], norm: None }
    }
}

impl<T> TransformerEncoder<T> {
    /// The same encoder with a normalisation at its end.
    #[must_use]
    pub fn norm(self, norm: LayerNorm<T>) -> Self {
        TransformerEncoder { norm: Some(norm), ..self }
    }
}

impl Forward for TransformerEncoder<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        self.encode(input, &AttentionMasks::default())
    }
}

/// A sequence, and what is hidden of it.
impl Forward<(Var, AttentionMasks<Var>)> for TransformerEncoder<Var> {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, (input, masks): &(Var, AttentionMasks<Var>)) -> Var {
        self.encode(input, masks)
    }
}

impl TransformerEncoder<Var> {
    #[track_caller]
    fn encode(&mut self, input: &Var, masks: &AttentionMasks<Var>) -> Var {
        let mut output = input.clone();
        for layer in &mut self.layers {
            output = layer.encode(&output, masks);
        }
        match &mut self.norm {
            Some(norm) => norm.forward(&output),
            None => output,
        }
    }
}
