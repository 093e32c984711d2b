//! Rows of the ops that move, repeat and select elements by place.

use choral::ir::op::{
    BitcastConvert, BroadcastInDim, Concatenate, Iota, Pad, Reshape, Reverse, Slice, Transpose,
};
use choral::ir::{BuildError, Class, TensorType, Value};

use super::Draft;

type Results = Result<Vec<Value>, BuildError>;

impl Draft {
    pub(crate) fn iota(&mut self) -> Results {
        let rank = self.choices.rank().max(1);
        let shape = self.choices.shape(rank);
        let dtype = self.choices.dtype(Class::Number);
        let dimension = self.choices.below(rank);
        self.push(Iota { shape, dtype, dimension }, &[])
    }

    pub(crate) fn bitcast_convert(&mut self) -> Results {
        let dtype = self.choices.dtype(Class::Any);
        let from = self.choices.dtype(Class::Any);
        let rank = self.choices.rank();
        let mut shape = self.choices.shape(rank);
        if from.bits() < dtype.bits() {
            shape.push(dtype.bits() / from.bits());
        }
        let x = self.operand(&TensorType::new(shape, from));
        self.push(BitcastConvert { dtype }, &[x])
    }

    pub(crate) fn broadcast_in_dim(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let operand = self.ty(x).shape;
        let rank = operand.len() + self.choices.below(3);
        let mut dims = self.choices.permutation(rank);
        dims.truncate(operand.len());
        let mut shape = self.choices.shape(rank);
        for (&dim, &size) in dims.iter().zip(&operand) {
            if size != 1 {
                shape[dim] = size;
            }
        }
        self.push(BroadcastInDim { shape, dims }, &[x])
    }

    /// Up to four steps, each of which joins two dimensions, splits one, or puts in one of size 1.
    pub(crate) fn reshape(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let mut shape = self.ty(x).shape;
        for _ in 0..self.choices.below(5) {
            match self.choices.below(3) {
                0 => shape.insert(self.choices.below(shape.len() + 1), 1),
                1 if shape.len() > 1 => {
                    let at = self.choices.below(shape.len() - 1);
                    shape[at] *= shape.remove(at + 1);
                }
                2 if !shape.is_empty() => {
                    let at = self.choices.below(shape.len());
                    let factors: Vec<usize> =
                        (1..=4).filter(|&factor| shape[at].is_multiple_of(factor)).collect();
                    let factor = self.choices.pick(&factors);
                    shape[at] /= factor;
                    shape.insert(at + self.choices.below(2), factor);
                }
                _ => {}
            }
        }
        self.push(Reshape { shape }, &[x])
    }

    pub(crate) fn transpose(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let permutation = self.choices.permutation(self.ty(x).rank());
        self.push(Transpose { permutation }, &[x])
    }

    pub(crate) fn reverse(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let dims = self.choices.subset(self.ty(x).rank());
        self.push(Reverse { dims }, &[x])
    }

    pub(crate) fn slice(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let (mut start, mut limit, mut strides) = (Vec::new(), Vec::new(), Vec::new());
        for size in self.ty(x).shape {
            start.push(self.choices.below(size + 1));
            limit.push(size - self.choices.below(size - start[start.len() - 1] + 1));
            strides.push(1 + self.choices.below(3));
        }
        self.push(Slice { start, limit, strides }, &[x])
    }

    pub(crate) fn pad(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let value = self.scalar(self.ty(x).dtype);
        let (mut low, mut high, mut interior) = (Vec::new(), Vec::new(), Vec::new());
        for size in self.ty(x).shape {
            let gap = self.choices.below(3);
            let room = (size + size.saturating_sub(1) * gap) as i64;
            low.push(self.choices.between(-room.min(2), 2));
            let left = room + low[low.len() - 1];
            high.push(self.choices.between(-left.min(2), 2));
            interior.push(gap);
        }
        self.push(Pad { low, high, interior }, &[x, value])
    }

    pub(crate) fn concatenate(&mut self) -> Results {
        let x = self.any(Class::Any, 1);
        let dimension = self.choices.below(self.ty(x).rank());
        let mut operands = vec![x];
        for _ in 0..self.choices.below(3) {
            let mut ty = self.ty(x);
            ty.shape[dimension] = self.choices.size();
            operands.push(self.operand(&ty));
        }
        self.push(Concatenate { dimension }, &operands)
    }
}
