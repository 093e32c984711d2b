//! Rows of the ops that order elements.

use choral::ir::op::{ComparisonDirection, Sort, TopK};
use choral::ir::{BuildError, Builder, Class, Graph, TensorType, Value};

use super::Draft;

type Results = Result<Vec<Value>, BuildError>;

impl Draft {
    /// One or two operands, ordered by the first; falling or rising. Equal places keep their order
    /// whether or not that is demanded, so that results are determined.
    pub(crate) fn sort(&mut self) -> Results {
        let key = self.any(Class::Any, 1);
        let ty = self.ty(key);
        let dimension = self.choices.below(ty.rank());
        let mut operands = vec![key];
        if self.choices.once_in(2) {
            let dtype = self.choices.dtype(Class::Any);
            operands.push(self.operand(&ty.with_dtype(dtype)));
        }
        let types = self.types(&operands);
        let direction = self.choices.pick(&[ComparisonDirection::Lt, ComparisonDirection::Gt]);
        let comparator = comparator(direction, &types)?.into();
        let is_stable = !self.choices.once_in(4);
        self.push(Sort { dimension, is_stable, comparator }, &operands)
    }

    pub(crate) fn top_k(&mut self) -> Results {
        let x = self.any(Class::Number, 1);
        let size = self.ty(x).shape.last().copied().unwrap_or_default();
        let k = self.choices.below(size + 1);
        self.push(TopK { k }, &[x])
    }
}

/// Compares the first of the operands.
fn comparator(direction: ComparisonDirection, types: &[TensorType]) -> Result<Graph, BuildError> {
    let mut builder = Builder::new("comparator");
    let pairs: Vec<Value> = types
        .iter()
        .flat_map(|ty| ["left", "right"].map(|name| (name, TensorType::scalar(ty.dtype))))
        .map(|(name, ty)| builder.input(name, ty))
        .collect();
    let before = builder.compare(direction, pairs[0], pairs[1])?;
    Ok(builder.finish(&[before]))
}
