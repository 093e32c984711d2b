//! Methods of [`Var`] that return the member number, and pass values between members:
//! `axis_size`, `axis_index`, `all_gather`, `ppermute` and `all_to_all`.
//!
//! Along several axes they are made of the ops along each. A `vmap` leaves what is gathered as one
//! shared value, so gathering from all and picking one costs no more than sending.

use std::collections::HashMap;
use std::panic::Location as Caller;
use std::sync::Arc;

use choral_ir::op::{AllGather, AllToAll, AxisIndex, Binary, Permute};
use choral_ir::{BuildError, Builder, DType, Tensor, TensorType, Value};

use super::{AxisNames, Bound, members};
use crate::front::trace::var::Var;
use crate::front::trace::{record_one, record_with, trace_of};

impl Var {
    /// Number of members along one axis or several, known while tracing; the value itself is not read.
    /// 1 after a fault.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let f = vmap(|x: Var| x.full([x.axis_size("member")], 0.0), 0).axis_name("member");
    /// let traced = trace(&f, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 5], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn axis_size(&self, axes: impl AxisNames) -> usize {
        let bound = self.bound("axis_size", &axes.names()).unwrap_or_default();
        bound.iter().for_each(|axis| axis.size_is_read.set(true));
        members(&bound)
    }

    /// The number of this member along one axis or several, a scalar `i32`; the value itself is not
    /// read. Along `["a", "b"]` it is the number along `a`, times the size of `b`, plus the number
    /// along `b`.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let numbered = vmap(|x: Var| x.axis_index("member"), 0).axis_name("member");
    /// let traced = trace(&numbered, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5], DType::I32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn axis_index(&self, axes: impl AxisNames) -> Var {
        let bound = self.bound("axis_index", &axes.names());
        let (Some(bound), Some(trace)) = (bound, trace_of(&[self])) else { return self.stand_in() };
        let index = |builder: &mut Builder| combined_index(builder, &bound);
        let value = trace.build("axis_index", Caller::caller(), index);
        Var::new(&trace, value, TensorType::scalar(DType::I32))
    }

    /// All members' values along one new dimension (negative counts from the end of the result), which
    /// has a slice for each member along one axis or all of several.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// // How near each member is to every other.
    /// let f = vmap(|x: Var| x.all_gather("member", 0).matmul(&x), 0).axis_name("member");
    /// let traced = trace(&f, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 5], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn all_gather(&self, axes: impl AxisNames, dim: i64) -> Var {
        let Some(bound) = self.bound("all_gather", &axes.names()) else { return self.stand_in() };
        let Some(dimension) = choral_ir::normalise_dim(dim, self.rank() + 1) else {
            self.fault(format!("all_gather: a new dimension {dim} is out of range for {}", self.ty()));
            return self.stand_in();
        };
        self.gathered(&bound, dimension)
    }

    /// The value of another member, of this value's shape: `pairs` of `(from, to)`, numbered as
    /// [`Var::axis_index`] does; zeros for a member that receives nothing. A fault for a member that does
    /// not exist, sends twice, or receives twice.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let ring: Vec<(usize, usize)> = (0..5).map(|from| (from, (from + 1) % 5)).collect();
    /// let turned = vmap(move |x: Var| x.ppermute("member", &ring), 0).axis_name("member");
    /// let traced = trace(&turned, &TensorType::new([5, 3], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn ppermute(&self, axes: impl AxisNames, pairs: &[(usize, usize)]) -> Var {
        let names = axes.names();
        let Some(bound) = self.bound("ppermute", &names) else { return self.stand_in() };
        if let [axis] = bound.as_slice() {
            let op = Permute { axis: Arc::clone(&axis.name), pairs: pairs.to_vec() };
            return record_one(op, &[self], Caller::caller());
        }
        if let Some(fault) = misfit(pairs, &names, members(&bound)) {
            self.fault(format!("ppermute: {fault}"));
            return self.stand_in();
        }
        let senders: HashMap<usize, usize> = pairs.iter().map(|&(from, to)| (to, from)).collect();
        let shape = [members(&bound)];
        // A member that receives nothing gets zeros, whatever `source` says.
        let sender = Tensor::try_from_fn(shape, |to| senders.get(&to).copied().unwrap_or_default() as i32);
        let is_sent = Tensor::try_from_fn(shape, |to| senders.contains_key(&to));
        let (sender, is_sent) = match (sender, is_sent) {
            (Ok(sender), Ok(is_sent)) => (sender, is_sent),
            (Err(error), _) | (_, Err(error)) => {
                self.fault(format!("ppermute: {error}"));
                return self.stand_in();
            }
        };
        self.scope_here("ppermute", |x| {
            let number = x.axis_index(names.as_slice());
            let sender = x.constant(&sender).slice_of(&number);
            let is_sent = x.constant(&is_sent);
            x.gathered(&bound, 0).slice_of(&sender).where_(&is_sent.slice_of(&number), 0.0)
        })
    }

    /// Member `j` gets slice `j` of dimension `split` of every member, along a new dimension
    /// `concat` of the result; members are numbered as [`Var::axis_index`] does. A fault unless
    /// dimension `split` has a slice for each member.
    ///
    /// ```
    /// use choral_compiler::{Var, trace, vmap};
    /// use choral_ir::{DType, TensorType};
    /// let exchanged = vmap(|x: Var| x.all_to_all("member", 1, 0), 0).axis_name("member");
    /// let traced = trace(&exchanged, &TensorType::new([5, 3, 5], DType::F32))?;
    /// assert_eq!(traced.output, TensorType::new([5, 5, 3], DType::F32));
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn all_to_all(&self, axes: impl AxisNames, split: i64, concat: i64) -> Var {
        let names = axes.names();
        let Some(bound) = self.bound("all_to_all", &names) else { return self.stand_in() };
        let (Some(split), Some(concat)) = (self.dim(split), self.dim(concat)) else {
            return self.stand_in();
        };
        if let [Bound { name, size, .. }] = bound.as_slice() {
            let axis = Arc::clone(name);
            let op = AllToAll { axis, size: *size, split_dimension: split, concat_dimension: concat };
            return record_one(op, &[self], Caller::caller());
        }
        let (members, ty) = (members(&bound), self.ty());
        if self.shape()[split] != members {
            let along = names.join(", ");
            let needs = format!("needs a slice for each of the {members} members along {along}");
            self.fault(format!("all_to_all: dimension {split} of {ty} {needs}"));
            return self.stand_in();
        }
        self.scope_here("all_to_all", |x| {
            let others = (0..x.rank()).filter(|&dim| dim != split);
            let dims: Vec<i64> = std::iter::once(split).chain(others).map(|dim| dim as i64).collect();
            let slices = x.permute(dims).gathered(&bound, concat + 1);
            slices.slice_of(&x.axis_index(names.as_slice()))
        })
    }

    /// All members' values along one new dimension.
    #[track_caller]
    fn gathered(&self, axes: &[Bound], dimension: usize) -> Var {
        let mut shape = self.shape().to_vec();
        shape.insert(dimension, members(axes));
        record_with("all_gather", &[self], Caller::caller(), |builder, values| {
            // What is gathered last stands first, and so runs slowest.
            let value = axes.iter().rev().try_fold(values[0], |value, axis| {
                let (axis, size) = (Arc::clone(&axis.name), axis.size);
                builder.push(AllGather { axis, size, dimension }, &[value])
            })?;
            if axes.len() == 1 { Ok(value) } else { builder.reshape(value, shape) }
        })
    }

    /// The slice of the first dimension at a scalar.
    #[track_caller]
    fn slice_of(&self, number: &Var) -> Var {
        match self.shape().first() {
            // An earlier fault says why.
            _ if self.value.is_none() => self.stand_in(),
            // With zero members nothing asks for a slice, and there is none.
            Some(0) => self.full(&self.shape()[1..], 0.0),
            Some(_) | None => self.take_rows(number),
        }
    }
}

/// The number of this member along the axes, the last running fastest.
fn combined_index(builder: &mut Builder, axes: &[Bound]) -> Result<Value, BuildError> {
    let mut numbers = Vec::with_capacity(axes.len());
    for axis in axes {
        numbers.push(builder.push(AxisIndex { axis: Arc::clone(&axis.name) }, &[])?);
    }
    let mut others = axes.iter().zip(numbers.iter()).skip(1);
    others.try_fold(numbers[0], |index, (axis, &number)| {
        let size = builder.full(axis.size as f64, DType::I32, []);
        let whole = builder.binary(Binary::Multiply, index, size)?;
        builder.binary(Binary::Add, whole, number)
    })
}

/// The first pair that names a member that does not exist, or repeats one of an earlier pair.
fn misfit(pairs: &[(usize, usize)], axes: &[&str], members: usize) -> Option<String> {
    pairs.iter().enumerate().find_map(|(at, (from, to))| {
        if *from.max(to) >= members {
            let axes = axes.join(", ");
            return Some(format!("{from} -> {to} names a member outside axes {axes} of size {members}"));
        }
        let is_twice = pairs[..at].iter().any(|earlier| earlier.0 == *from || earlier.1 == *to);
        is_twice.then(|| format!("{from} -> {to} repeats a member of an earlier pair"))
    })
}
