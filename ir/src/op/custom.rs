//! User-defined ops, from outside this crate: a type rule, an evaluation, and rules for the transforms.
//!
//! Of all ops these alone know the builder, as they bring their batching rule along.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TypeError;
use crate::{BuildError, Builder, Graph, Tensor, TensorType, Value};

/// What a user-defined op must provide. In text it is `stablehlo.custom_call @name`.
///
/// (C1) the operands satisfy [`CustomOp::infer`].
///
/// ```
/// use choral_ir::op::{Custom, CustomOp, Unary};
/// use choral_ir::{BuildError, Builder, Tensor, TensorType, Value};
///
/// /// A tensor's elements, each doubled, by code that choral does not know.
/// #[derive(Debug)]
/// struct Twice;
///
/// impl CustomOp for Twice {
///     fn name(&self) -> &'static str {
///         "example.twice"
///     }
///     fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
///         Ok(vec![operands[0].clone()])
///     }
///     fn evaluate(&self, operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
///         let doubled = operands[0].to_f64_vec().into_iter().map(|x| 2.0 * x).collect();
///         let doubled = Tensor::new(operands[0].shape(), doubled).map_err(|error| error.to_string())?;
///         Ok(vec![doubled.to_dtype(operands[0].dtype())])
///     }
///     fn batch(
///         &self,
///         builder: &mut Builder,
///         _members: usize,
///         operands: &[(Value, Option<usize>)],
///     ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
///         let (value, dim) = operands[0];
///         Ok(vec![(builder.push(Custom::new(Twice), &[value])?, dim)])
///     }
/// }
///
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([3], choral_ir::DType::F32));
/// let y = builder.push(Custom::new(Twice), &[x])?;
/// assert!(builder.finish(&[y]).to_text().contains("stablehlo.custom_call @example.twice(%x)"));
/// # Ok::<(), BuildError>(())
/// ```
pub trait CustomOp: fmt::Debug + Send + Sync {
    /// What it is called: a prefix of its own, a dot, and a name.
    fn name(&self) -> &'static str;

    /// Attributes as one text, from which [`register`]ed ops are read back. It tells the op from all others of
    /// its name, together with what it [is made of](CustomOp::made_of).
    fn attributes(&self) -> String {
        String::new()
    }

    /// The types of the results.
    ///
    /// # Errors
    /// What does not fit, in a sentence.
    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String>;

    /// The results on operands that fit.
    ///
    /// # Errors
    /// What goes wrong, in a sentence.
    fn evaluate(&self, operands: &[Tensor]) -> Result<Vec<Tensor>, String>;

    /// The results for all members, and the dimension that holds the members in each; `None` for
    /// a shared result. At least one operand has a member dimension.
    ///
    /// # Errors
    /// Those of the builder.
    fn batch(
        &self,
        builder: &mut Builder,
        members: usize,
        operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError>;

    /// The results and their tangents, for operands and theirs: the rule of `jax.custom_jvp`. `None` stands
    /// for a tangent of zeros; a tangent has the type of its value. The rule must be linear in the tangents.
    ///
    /// Asked only of an op that [has a derivative](CustomOp::has_derivative) of its own.
    ///
    /// # Errors
    /// Those of the builder; unless the op brings the rule, that it is not differentiable.
    fn jvp(
        &self,
        builder: &mut Builder,
        operands: &[(Value, Option<Value>)],
    ) -> Result<Vec<(Value, Option<Value>)>, BuildError> {
        let values: Vec<Value> = operands.iter().map(|(value, _)| *value).collect();
        Err(no_rule(self.name(), "jvp", "differentiable", builder, &values))
    }

    /// The cotangents of the [linear](Transposed::Linear) operands, one for each operand in order, for
    /// those of the results: the op as a linear function of these operands, turned round. `None` stands
    /// for a cotangent of zeros, and for that of an operand that is not linear.
    ///
    /// Asked only of an op that [has a derivative](CustomOp::has_derivative) of its own.
    ///
    /// # Errors
    /// Those of the builder; unless the op brings the rule, that it cannot be transposed.
    fn transpose(
        &self,
        builder: &mut Builder,
        operands: &[Transposed],
        cotangents: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, BuildError> {
        let known = |operand: &Transposed| match operand {
            Transposed::Known(value) => Some(*value),
            Transposed::Linear(_) => None,
        };
        let given: Vec<Value> =
            operands.iter().filter_map(known).chain(cotangents.iter().copied().flatten()).collect();
        Err(no_rule(self.name(), "transpose", "transposable", builder, &given))
    }

    /// The same computation in other ops, used instead of [`CustomOp::evaluate`]. Where it holds collectives, the
    /// `vmap` that binds their axis takes it instead of [`CustomOp::batch`], which does not know the axis.
    fn body(&self) -> Option<&Graph> {
        None
    }

    /// What the op is made of, by which ops of one name and with the same attributes are told apart: they are
    /// equal if these graphs are. `None` for an op that is made of code, which equals itself alone; so it is with a
    /// body, unless the op says otherwise.
    fn made_of(&self) -> Option<Vec<&Graph>> {
        self.body().is_none().then(Vec::new)
    }

    /// Whether [`CustomOp::jvp`] and [`CustomOp::transpose`] say how to differentiate the op, and not its
    /// [`body`](CustomOp::body); they do if there is no body.
    fn has_derivative(&self) -> bool {
        self.body().is_none()
    }
}

/// An operand of an op that is transposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transposed {
    /// What the op is a linear function of; its value is not there.
    Linear(TensorType),
    /// What the op only reads.
    Known(Value),
}

/// Refuses an op that lacks a rule.
fn no_rule(name: &'static str, rule: &str, what: &str, builder: &Builder, operands: &[Value]) -> BuildError {
    let message = format!("the op is not {what}: it brings neither the rule `{rule}` nor a body");
    builder.refusal_of(name, operands, TypeError { message, constraint: "rule" })
}

/// A user-defined op.
#[derive(Debug, Clone)]
pub struct Custom(Arc<dyn CustomOp>);

impl Custom {
    /// The op in a graph.
    pub fn new(op: impl CustomOp + 'static) -> Custom {
        Custom(Arc::new(op))
    }

    /// The user's definition.
    pub fn op(&self) -> &dyn CustomOp {
        &*self.0
    }
}

/// Two ops are equal if their names, their attributes and what they are made of are.
impl PartialEq for Custom {
    fn eq(&self, other: &Custom) -> bool {
        let made_of_the_same = || match (self.0.made_of(), other.0.made_of()) {
            (Some(own), Some(others)) => own == others,
            (Some(_) | None, Some(_) | None) => false,
        };
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.name() == other.0.name()
                && self.0.attributes() == other.0.attributes()
                && made_of_the_same())
    }
}

impl Eq for Custom {}

impl Hash for Custom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().hash(state);
    }
}

impl From<Custom> for crate::Op {
    fn from(op: Custom) -> crate::Op {
        crate::Op::Custom(op)
    }
}

/// Makes an op from its attributes.
type Make = Arc<dyn Fn(&str) -> Result<Custom, String> + Send + Sync>;

/// The ops that text and JSON may name.
static REGISTERED: RwLock<Option<HashMap<String, Make>>> = RwLock::new(None);

/// Lets text and JSON name an op; `make` gets its attributes.
pub fn register(name: &str, make: impl Fn(&str) -> Result<Custom, String> + Send + Sync + 'static) {
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    registered.get_or_insert_default().insert(name.to_owned(), Arc::new(make));
}

/// Whether an op of this name is registered.
pub(crate) fn is_registered(name: &str) -> bool {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    registered.as_ref().is_some_and(|ops| ops.contains_key(name))
}

/// The registered op of this name, with these attributes.
pub(crate) fn registered(name: &str, attributes: &str) -> Result<Custom, String> {
    let make = {
        let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
        registered.as_ref().and_then(|ops| ops.get(name).cloned())
    };
    match make {
        Some(make) => make(attributes),
        None => {
            Err(format!("@{name}: the text does not hold its code; register an op of this name to run it"))
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Form {
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    attributes: String,
}

impl Serialize for Custom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Form { name: self.0.name().to_owned(), attributes: self.0.attributes() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Custom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Custom, D::Error> {
        let Form { name, attributes } = Form::deserialize(deserializer)?;
        registered(&name, &attributes).map_err(D::Error::custom)
    }
}

/// Type rule of the family: the op's own.
pub fn infer(op: &Custom, operands: &[&TensorType]) -> Result<Vec<TensorType>, TypeError> {
    op.0.infer(operands).map_err(|message| TypeError { message, constraint: "C1" })
}
