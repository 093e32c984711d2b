//! Rows of the elementwise ops.

use choral::ir::op::{
    Binary, Compare, ComparisonDirection, ComparisonType, Elementwise, ReducePrecision, Unary,
};
use choral::ir::{BuildError, Class, DType, Value};

use super::Draft;

type Results = Result<Vec<Value>, BuildError>;

const DIRECTIONS: [ComparisonDirection; 6] = [
    ComparisonDirection::Eq,
    ComparisonDirection::Ne,
    ComparisonDirection::Ge,
    ComparisonDirection::Gt,
    ComparisonDirection::Le,
    ComparisonDirection::Lt,
];

impl Draft {
    pub(crate) fn unary(&mut self, op: Unary) -> Results {
        let x = self.any(op.class(), 0);
        self.push(op, &[x])
    }

    pub(crate) fn binary(&mut self, op: Binary) -> Results {
        let x = self.any(op.class(), 0);
        let y = self.operand(&self.ty(x));
        self.push(op, &[x, y])
    }

    pub(crate) fn compare(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let y = self.operand(&self.ty(x));
        let total = self.ty(x).dtype.is_float() && self.choices.once_in(2);
        let compare_type = if total { ComparisonType::TotalOrder } else { ComparisonType::Natural };
        let direction = self.choices.pick(&DIRECTIONS);
        self.push(Compare { direction, compare_type }, &[x, y])
    }

    pub(crate) fn select(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let y = self.operand(&self.ty(x));
        let pred = self.operand_or_scalar(&self.ty(x).with_dtype(DType::I1))?;
        self.push(Elementwise::Select, &[pred, x, y])
    }

    pub(crate) fn clamp(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let (min, max) = (self.operand_or_scalar(&self.ty(x))?, self.operand_or_scalar(&self.ty(x))?);
        self.push(Elementwise::Clamp, &[min, x, max])
    }

    pub(crate) fn convert(&mut self) -> Results {
        let x = self.any(Class::Any, 0);
        let dtype = self.choices.dtype(Class::Any);
        self.push(Elementwise::Convert(dtype), &[x])
    }

    pub(crate) fn reduce_precision(&mut self) -> Results {
        let x = self.any(Class::Float, 0);
        let op = ReducePrecision {
            exponent_bits: self.choices.pick(&[8, 5, 4, 2, 1]),
            mantissa_bits: self.choices.pick(&[7, 10, 3, 23, 0]),
        };
        self.push(Elementwise::ReducePrecision(op), &[x])
    }
}
