//! The traced value: what a user's function sees instead of a tensor.

use std::fmt;
use std::panic::Location as Caller;
use std::rc::Rc;

use choral_ir::{Builder, DType, Tensor, TensorType, Value};

use super::{Trace, depth, trace_at, trace_of, within};
use crate::front::tree::{Typed, leaf_types};

/// A tensor that is not computed yet: a value of the graph being traced.
///
/// Operators and methods carry PyTorch's names and numpy's broadcasting. None of them panics: an
/// operand that does not fit becomes an error of the trace, with the line of the call.
///
/// ```
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([2, 3], DType::F32);
/// let traced = trace(&|x: Var| (&x * 2.0).sum(-1), &x)?;
/// assert_eq!(traced.graph.output_types()[0].to_string(), "tensor<2xf32>");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[derive(Clone)]
pub struct Var {
    pub(crate) trace: Rc<Trace>,
    /// `None` for a stand-in after an error.
    pub(crate) value: Option<Value>,
    ty: TensorType,
}

impl fmt::Debug for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Var({})", self.ty)
    }
}

leaf_types!(Var);

impl Typed for Var {
    fn tensor_type(&self) -> TensorType {
        self.ty().clone()
    }
}

impl Var {
    pub(crate) fn new(trace: &Rc<Trace>, value: Option<Value>, ty: TensorType) -> Var {
        Var { trace: Rc::clone(trace), value, ty }
    }

    /// Element type and shape.
    pub fn ty(&self) -> &TensorType {
        &self.ty
    }

    /// Size of every dimension.
    pub fn shape(&self) -> &[usize] {
        &self.ty.shape
    }

    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.ty.rank()
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.ty.dtype
    }

    /// Size of a dimension; negative counts from the end.
    #[track_caller]
    pub fn size(&self, dim: i64) -> usize {
        self.dim(dim).map_or(1, |dim| self.shape()[dim])
    }

    /// The index of a dimension that may count from the end; a fault if there is none.
    #[track_caller]
    pub(crate) fn dim(&self, dim: i64) -> Option<usize> {
        let found = choral_ir::normalise_dim(dim, self.rank());
        if found.is_none() {
            let rank = self.rank();
            let range =
                if rank == 0 { "has none".to_owned() } else { format!("takes -{rank} to {}", rank - 1) };
            self.fault(format!("dimension {dim} is out of range: {} {range}", self.ty));
        }
        found
    }

    /// The indices of dimensions that may count from the end; a fault if one is not there.
    #[track_caller]
    pub(crate) fn dims(&self, dims: &[i64]) -> Option<Vec<usize>> {
        let mut found = Vec::with_capacity(dims.len());
        for &dim in dims {
            found.push(self.dim(dim)?);
        }
        Some(found)
    }

    /// Whether both are the same value of the same trace.
    pub(crate) fn is(&self, other: &Var) -> bool {
        Rc::ptr_eq(&self.trace, &other.trace) && self.value == other.value
    }

    /// Records a fault at the caller's line.
    #[track_caller]
    pub(crate) fn fault(&self, message: String) {
        self.trace.fault(message, Caller::caller());
    }

    /// A stand-in for a value that could not be made.
    pub(crate) fn stand_in(&self) -> Var {
        Var { value: None, ..self.clone() }
    }

    /// The same value under another name in the printed graph.
    #[must_use]
    pub fn named(self, name: &str) -> Var {
        let at = Caller::caller();
        if let Some(value) = self.known() {
            let rename = |builder: &mut Builder| {
                builder.rename(value, name);
                Ok(())
            };
            self.trace.build(name, at, rename);
        }
        self
    }

    /// The same value under another name within the current layer.
    pub(crate) fn renamed(self, name: &str) -> Var {
        if let Some(value) = self.known() {
            self.trace.rename_within_scope(value, name);
        }
        self
    }

    /// Runs `ops` on this value with their names under `name`, and names the result so.
    #[track_caller]
    pub(crate) fn scope_here(&self, name: &str, ops: impl FnOnce(&Var) -> Var) -> Var {
        let Some(trace) = trace_of(&[self]) else { return ops(self) };
        let full = trace.scoped_name(name);
        let result = within(&trace, &full, Caller::caller(), || ops(self));
        result.renamed(name)
    }

    /// A constant in the same program.
    #[track_caller]
    pub fn constant(&self, tensor: &Tensor) -> Var {
        self.make_constant(tensor.ty().clone(), |builder| builder.constant(tensor.clone()))
    }

    /// A tensor of `shape`, of this value's element type, whose every element is `value`: rounded to
    /// nearest among floats, an error where an integer type does not hold it.
    #[track_caller]
    pub fn full(&self, shape: impl Into<Vec<usize>>, value: f64) -> Var {
        let (shape, dtype) = (shape.into(), self.dtype());
        if let Some((least, greatest)) = dtype.limits()
            && (value.fract() != 0.0 || !(least..=greatest).contains(&(value as i128)))
        {
            self.fault(format!(
                "{value} cannot be a constant of element type {dtype}, which holds whole numbers from {least} to \
                 {greatest}; convert the other operand first, as in x.to(DType::F32)"
            ));
        }
        let ty = TensorType::new(shape.clone(), dtype);
        self.make_constant(ty, |builder| builder.full(value, dtype, shape))
    }

    /// A constant of the innermost trace in progress, every element nearest to `value`.
    #[track_caller]
    pub(crate) fn anywhere(ty: TensorType, value: f64) -> Var {
        // Outside all traces nothing reads it, and each use of it is reported.
        let trace = trace_at(depth()).unwrap_or_else(Trace::detached);
        let make = |builder: &mut Builder| Ok(builder.full(value, ty.dtype, ty.shape.clone()));
        let made = trace.build("constant", Caller::caller(), make);
        Var::new(&trace, made, ty)
    }

    /// A stand-in where no operand exists to make it from; the fault goes to the innermost trace.
    #[track_caller]
    pub(crate) fn faulty(message: String) -> Var {
        let trace = trace_at(depth()).unwrap_or_else(Trace::detached);
        trace.fault(message, Caller::caller());
        Var::new(&trace, None, TensorType::scalar(DType::F32))
    }

    #[track_caller]
    pub(super) fn make_constant(&self, ty: TensorType, make: impl FnOnce(&mut Builder) -> Value) -> Var {
        let Some(trace) = trace_of(&[self]) else { return self.stand_in() };
        let value = trace.build("constant", Caller::caller(), |builder| Ok(make(builder)));
        Var::new(&trace, value, ty)
    }

    /// The value in its trace; `None` for a stand-in, and once the trace has ended.
    pub(crate) fn known(&self) -> Option<Value> {
        self.value.filter(|_| self.trace.is_under_way())
    }

    /// The state-dict name of the module that a parameter belongs to: its own name but for the last part.
    pub(crate) fn module_name(&self) -> String {
        let name = self.known().map(|value| self.trace.name_of(value)).unwrap_or_default();
        name.rsplit_once('.').map(|(module, _)| module.to_owned()).unwrap_or_default()
    }
}
