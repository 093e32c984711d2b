//! Ops without a kernel: what runs them is their definition, on tensors. These are user-defined ops, and what
//! [legalisation](crate::legal) leaves.

use choral_ir::graph::Value;
use choral_ir::{NodeId, Op, Tensor, TensorType};
use choral_kernels::Access;
use choral_kernels::cpu::machine::moves;
use choral_kernels::memory::Pointers;

use super::build::Building;
use super::results::elements;
use super::value::{Source, is_dense};
use super::{Buffer, Home, Plan};
use crate::error::Error;
use crate::lower::number;
use crate::ops::{self, bodies};

/// An op that runs on tensors.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub op: Op,
    /// Plans of the bodies that its definition has run.
    pub bodies: Vec<Plan>,
    pub operands: Vec<Operand>,
    /// The buffers of its results.
    pub results: Vec<usize>,
    pub types: Vec<TensorType>,
}

/// Where an operand is found, and its type.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub ty: TensorType,
    pub from: From,
}

#[derive(Debug, Clone)]
pub(super) enum From {
    /// Every element is this number.
    Splat(Tensor),
    /// All of a buffer, in order.
    Whole(usize),
    /// What an access reads of a buffer.
    Part(usize, Access),
}

impl Host {
    pub(super) fn of(building: &mut Building<'_>, op: &Op, id: NodeId) -> Host {
        let graph = building.graph;
        let operands = graph.operands(id).into_iter().map(|value| operand(building, value)).collect();
        let setting = building.setting.clone().donating([]);
        let bodies = bodies(op).into_iter().map(|body| Plan::of(body, &setting)).collect();
        let results = building.held(id);
        Host { op: op.clone(), bodies, operands, results, types: graph.node(id).types.clone() }
    }

    /// Whether its results are those of a body.
    pub(super) fn hands_on(&self) -> bool {
        matches!(self.op, Op::Custom(_)) && !self.bodies.is_empty()
    }

    /// Whether an operand is read from this buffer.
    pub(super) fn reads(&self, buffer: usize) -> bool {
        self.operands.iter().any(|operand| operand.reads(buffer))
    }

    /// The results on operands as tensors.
    ///
    /// # Errors
    /// Those of user-defined ops; the one of a tensor that does not hold what its type says.
    pub(super) fn run(&self, operands: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        ops::evaluate(&self.op, operands, &self.types, &|body, inputs| self.bodies[body].run(inputs))
    }
}

fn operand(building: &mut Building<'_>, value: Value) -> Operand {
    let ty = building.graph.ty(value).clone();
    let from = match building.sources.get(value).clone() {
        Source::Splat(bits) => From::Splat(splat(bits, &ty)),
        Source::Made(made, access) => {
            let buffer = building.buffer(made);
            match is_dense(&access, &ty) && building.graph.ty(made).len() == ty.len() {
                true => From::Whole(buffer),
                false => From::Part(buffer, access),
            }
        }
        Source::Counting(dtype, access) => From::Part(building.counting(dtype, &access), access),
    };
    Operand { ty, from }
}

/// The scalar of these bits in registers.
pub(super) fn splat(bits: u64, ty: &TensorType) -> Tensor {
    let in_registers = number::of(ty.dtype).in_registers();
    match in_registers == number::of(ty.dtype) {
        true => Tensor::scalar_of_bits(ty.dtype, bits),
        false => Tensor::scalar_of(ty.dtype, f64::from(f32::from_bits(bits as u32))),
    }
}

impl Operand {
    /// Whether it is read from this buffer.
    pub(super) fn reads(&self, from: usize) -> bool {
        match &self.from {
            From::Splat(_) => false,
            From::Whole(buffer) | From::Part(buffer, _) => *buffer == from,
        }
    }

    /// Whether its tensor is made for the op.
    pub(super) fn is_copied(&self, buffers: &[Buffer]) -> bool {
        match &self.from {
            From::Splat(_) | From::Part(..) => true,
            From::Whole(buffer) => {
                matches!(buffers[*buffer].home, Home::Arena(_) | Home::Output | Home::Packed(_))
            }
        }
    }

    /// The operand as a tensor. `held` are the tensors behind buffers, `buffers` all of these.
    ///
    /// # Errors
    /// That of a tensor that does not hold what its type says.
    pub(super) fn tensor(
        &self,
        held: &mut dyn FnMut(usize) -> Option<Tensor>,
        pointers: &Pointers,
    ) -> Result<Tensor, Error> {
        match &self.from {
            From::Splat(scalar) => ops::shape::filled(scalar, &self.ty),
            From::Whole(buffer) => {
                if let Some(tensor) = held(*buffer) {
                    return Ok(tensor.reshape(self.ty.shape.as_slice())?);
                }
                let access = Access::dense(&self.ty.shape);
                self.read(*buffer, &access, pointers)
            }
            From::Part(buffer, access) => self.read(*buffer, access, pointers),
        }
    }

    fn read(&self, buffer: usize, access: &Access, pointers: &Pointers) -> Result<Tensor, Error> {
        let pointer = pointers.as_slice()[buffer].cast_const();
        let mut tensor = Tensor::try_zeros(self.ty.clone())?;
        if let Some(out) = elements(&mut tensor) {
            let (bytes, length) = (self.ty.dtype.bytes(), self.ty.len());
            // SAFETY: the buffer holds an element of its type wherever the access has one, and nothing writes them now;
            // the tensor is new, and has room for all.
            unsafe { moves::gather_all(bytes, out, pointer, access, length) };
        }
        Ok(tensor)
    }
}
