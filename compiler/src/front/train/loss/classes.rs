//! Losses of class labels: the cross-entropy, and the likelihood that it is made of.

use choral_ir::DType;

use super::{Reduction, alike, ensure, floats};
use crate::front::trace::operators::Operand;
use crate::front::trace::var::Var;

/// A label that counts for nothing, unless options say otherwise: PyTorch's.
const IGNORED: i64 = -100;

/// Options of [`cross_entropy`].
pub struct CrossEntropy {
    labels: NllLoss,
    label_smoothing: Option<Box<dyn Operand>>,
}

impl From<Reduction> for CrossEntropy {
    fn from(reduction: Reduction) -> Self {
        CrossEntropy { labels: reduction.into(), label_smoothing: None }
    }
}

impl Default for CrossEntropy {
    fn default() -> Self {
        Reduction::default().into()
    }
}

impl CrossEntropy {
    /// A weight for each class, `[classes]`.
    #[must_use]
    pub fn weight(self, weight: &Var) -> Self {
        CrossEntropy { labels: self.labels.weight(weight), ..self }
    }

    /// The label that counts for nothing; -100 unless you say otherwise.
    #[must_use]
    pub fn ignore_index(self, label: i64) -> Self {
        CrossEntropy { labels: self.labels.ignore_index(label), ..self }
    }

    /// How much of the target is spread over all classes (Szegedy et al., 2016): a number from 0 to 1, or a scalar, as
    /// of a hyperparameter that members have each their own of.
    #[must_use]
    pub fn label_smoothing(self, smoothing: impl Operand + 'static) -> Self {
        CrossEntropy { label_smoothing: Some(Box::new(smoothing)), ..self }
    }

    /// How the losses of samples become the loss.
    #[must_use]
    pub fn reduction(self, reduction: Reduction) -> Self {
        CrossEntropy { labels: self.labels.reduction(reduction), ..self }
    }

    /// The smoothing as a scalar of the type of `wide`; `None` without any.
    #[track_caller]
    fn smoothing(&self, wide: &Var) -> Option<Var> {
        let smoothing = self.label_smoothing.as_deref().filter(|smoothing| smoothing.number() != Some(0.0));
        smoothing.map(|smoothing| smoothing.beside(wide).to(wide.dtype()))
    }
}

/// Options of [`nll_loss`].
#[derive(Debug, Clone)]
pub struct NllLoss {
    weight: Option<Var>,
    ignore_index: i64,
    reduction: Reduction,
}

impl From<Reduction> for NllLoss {
    fn from(reduction: Reduction) -> Self {
        NllLoss { weight: None, ignore_index: IGNORED, reduction }
    }
}

impl Default for NllLoss {
    fn default() -> Self {
        Reduction::default().into()
    }
}

impl NllLoss {
    /// A weight for each class, `[classes]`.
    #[must_use]
    pub fn weight(self, weight: &Var) -> Self {
        NllLoss { weight: Some(weight.clone()), ..self }
    }

    /// The label that counts for nothing; -100 unless you say otherwise.
    #[must_use]
    pub fn ignore_index(self, label: i64) -> Self {
        NllLoss { ignore_index: label, ..self }
    }

    /// How the losses of samples become the loss.
    #[must_use]
    pub fn reduction(self, reduction: Reduction) -> Self {
        NllLoss { reduction, ..self }
    }

    /// The weight of each class along its dimension of `wide`.
    #[track_caller]
    fn weights(&self, wide: &Var, dim: usize) -> Option<Var> {
        self.weight.as_ref().map(|weight| weight.to(wide.dtype()).along(wide, &[dim]))
    }

    /// Whether the weights fit the classes.
    #[track_caller]
    fn accepts_weight(&self, name: &str, input: &Var, dim: usize) -> bool {
        let Some(weight) = &self.weight else { return true };
        let classes = input.shape()[dim];
        ensure(name, &[input, weight], weight.shape() == [classes], || {
            format!("expected a weight for each of {classes} classes, [{classes}], got {}", weight.ty())
        })
    }

    /// The loss of labels under the logarithms of probabilities.
    #[track_caller]
    fn of(&self, input: &Var, wide: &Var, labels: &Var, dim: usize, smoothing: Option<Var>) -> Var {
        let classes = wide.shape()[dim];
        let weights = self.weights(wide, dim);
        let each = weights.iter().fold(-wide, |each, weight| each * weight);
        // Indices as short as can be: logarithms have as many.
        let dtype = if i32::try_from(classes).is_ok() { DType::I32 } else { DType::I64 };
        let is_label = wide.iota(dim, dtype).eq(labels.to(dtype).unsqueeze(dim as i64));
        let of_label = |x: &Var| x.where_(&is_label, 0.0).sum(dim as i64);
        let losses = match smoothing {
            None => of_label(&each),
            Some(smoothing) => {
                let spread = each.sum(dim as i64) * (&smoothing / classes as f64);
                of_label(&each) * (1.0 - smoothing) + spread
            }
        };
        let is_class = labels.ge(0).logical_and(labels.lt(classes as f64));
        let counts = labels.ne(self.ignore_index as f64);
        let losses = losses.where_(&is_class, f64::NAN).where_(&counts, 0.0);
        self.reduction.weighted(&losses, input, |losses| {
            let weights =
                weights.map_or_else(|| wide.full(labels.shape(), 1.0), |weights| of_label(&weights));
            losses.sum(()) / weights.where_(&counts, 0.0).sum(())
        })
    }
}

/// The cross-entropy between the softmax of `input` and a target: `torch.nn.functional.cross_entropy`.
///
/// `input` holds logits, `[classes]`, `[batch, classes]` or `[batch, classes, ..]`. The target is labels, integers of
/// the input's shape without the classes, or probabilities, floats of the input's shape. A label that is no class and
/// not ignored makes its loss NaN.
///
/// ```
/// use choral_compiler::train::loss::{CrossEntropy, Reduction, cross_entropy};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let args = (TensorType::new([8, 10], DType::F32), TensorType::new([8], DType::I64));
/// let loss = |(logits, labels): (Var, Var)| cross_entropy(&logits, &labels, Reduction::Mean);
/// assert_eq!(trace(&loss, &args)?.output, TensorType::scalar(DType::F32));
/// let smoothed = |(logits, labels): (Var, Var)| {
///     cross_entropy(&logits, &labels, CrossEntropy::default().label_smoothing(0.1))
/// };
/// assert_eq!(trace(&smoothed, &args)?.output, TensorType::scalar(DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn cross_entropy(input: &Var, target: &Var, options: impl Into<CrossEntropy>) -> Var {
    const NAME: &str = "cross_entropy";
    let options = options.into();
    let dim = usize::from(input.rank() > 1);
    let is_probability = target.dtype().is_float() && target.rank() == input.rank();
    let fits = if is_probability {
        has_classes(NAME, input) && alike(NAME, input, target)
    } else {
        accepts_labels(NAME, input, target, dim)
    };
    if !fits || !options.labels.accepts_weight(NAME, input, dim) || !accepts_smoothing(input, &options) {
        return input.stand_in();
    }
    input.scope_here(NAME, |input| {
        let wide = input.widened();
        let smoothing = options.smoothing(&wide);
        let logarithms = wide.log_softmax(dim as i64);
        if !is_probability {
            return options.labels.of(input, &logarithms, target, dim, smoothing);
        }
        let classes = wide.shape()[dim] as f64;
        let target = target.widened();
        let target =
            smoothing.map_or(target.clone(), |smoothing| &target * (1.0 - &smoothing) + smoothing / classes);
        let each = -(&logarithms * target);
        let each = options.labels.weights(&wide, dim).iter().fold(each, |each, weight| each * weight);
        options.labels.reduction.of(&each.sum(dim as i64), input)
    })
}

/// The negative logarithm of the probability of labels: `torch.nn.functional.nll_loss`.
///
/// `input` holds logarithms of probabilities, as [`Var::log_softmax`] gives them; shapes and labels are those of
/// [`cross_entropy`].
///
/// ```
/// use choral_compiler::train::loss::{NllLoss, Reduction, nll_loss};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let args = (TensorType::new([8, 10], DType::F32), TensorType::new([8], DType::I32));
/// let loss = |(input, labels): (Var, Var)| nll_loss(&input, &labels, NllLoss::default().ignore_index(0));
/// assert_eq!(trace(&loss, &args)?.output, TensorType::scalar(DType::F32));
/// let each = |(input, labels): (Var, Var)| nll_loss(&input, &labels, Reduction::None);
/// assert_eq!(trace(&each, &args)?.output, TensorType::new([8], DType::F32));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[track_caller]
#[must_use]
pub fn nll_loss(input: &Var, target: &Var, options: impl Into<NllLoss>) -> Var {
    const NAME: &str = "nll_loss";
    let options = options.into();
    let dim = usize::from(input.rank() > 1);
    if !accepts_labels(NAME, input, target, dim) || !options.accepts_weight(NAME, input, dim) {
        return input.stand_in();
    }
    input.scope_here(NAME, |input| options.of(input, &input.widened(), target, dim, None))
}

/// Whether the input has a dimension of classes, and holds floats.
#[track_caller]
fn has_classes(name: &str, input: &Var) -> bool {
    floats(name, input)
        && ensure(name, &[input], input.rank() > 0, || {
            format!(
                "expected an input [classes], [batch, classes] or [batch, classes, ..], got {}",
                input.ty()
            )
        })
}

#[track_caller]
fn accepts_labels(name: &str, input: &Var, labels: &Var, dim: usize) -> bool {
    if !has_classes(name, input) {
        return false;
    }
    let mut expected = input.shape().to_vec();
    expected.remove(dim);
    let shown = format!("labels of shape {expected:?} for an input {}", input.ty());
    let vars = [input, labels];
    ensure(name, &vars, labels.shape() == expected, || {
        format!(
            "expected {shown}, got {}; probabilities of classes are floats of the input's shape",
            labels.ty()
        )
    }) && ensure(name, &vars, labels.dtype().is_integer(), || {
        format!("labels must be integers, got {}; convert them first: labels.to(DType::I32)", labels.ty())
    })
}

/// Whether the smoothing is a scalar, and, if it is a number, one between 0 and 1.
#[track_caller]
fn accepts_smoothing(input: &Var, options: &CrossEntropy) -> bool {
    let Some(smoothing) = options.label_smoothing.as_deref() else { return true };
    let shown = match smoothing.number() {
        Some(number) if (0.0..=1.0).contains(&number) => return true,
        Some(number) => number.to_string(),
        None => match smoothing.beside(input) {
            scalar if scalar.rank() == 0 && scalar.dtype().is_float() => return true,
            other => other.ty().to_string(),
        },
    };
    ensure("cross_entropy", &[input], false, || {
        format!("label_smoothing must be a scalar between 0 and 1, got {shown}")
    })
}
