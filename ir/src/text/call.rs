//! An op on its way to text: what its spelling is made of. Its regions are text already.

use crate::TensorType;

/// What an op needs to know of its place in order to spell itself.
pub(super) struct Call<'a> {
    /// Names of the operands.
    pub(super) names: Vec<String>,
    /// Types of the operands.
    pub(super) operands: Vec<&'a TensorType>,
    /// Types of the results.
    pub(super) results: Vec<&'a TensorType>,
    /// The op's regions, in order.
    pub(super) regions: Vec<Region>,
    /// The spaces before the op's line.
    pub(super) margin: String,
}

/// A region as text.
pub(super) struct Region {
    /// Names of the inputs.
    pub(super) names: Vec<String>,
    /// The inputs as they are declared: name, type and axes.
    pub(super) arguments: Vec<String>,
    /// Every line but the inputs', the last one returns.
    pub(super) lines: String,
}

impl Call<'_> {
    /// `%a, %b`.
    pub(super) fn arguments(&self) -> String {
        self.names.join(", ")
    }

    /// `(A, B) -> C`, or `(A, B) -> (C, D)`.
    pub(super) fn signature(&self) -> String {
        format!("({}) -> {}", list(&self.operands), results(&self.results))
    }

    /// The lines of a region in braces.
    pub(super) fn braces(&self, region: &Region) -> String {
        format!("{{\n{}{}}}", region.lines, self.margin)
    }

    /// A region in braces, its first inputs declared by `^bb0`.
    pub(super) fn block(&self, region: &Region, declared: usize) -> String {
        let arguments = region.arguments[..declared].join(", ");
        format!("{{\n{0}^bb0({arguments}):\n{1}{0}}}", self.margin, region.lines)
    }

    /// Every region as a block that declares all of its inputs.
    pub(super) fn blocks(&self) -> String {
        let block = |region: &Region| self.block(region, region.arguments.len());
        self.regions.iter().map(block).collect::<Vec<_>>().join(", ")
    }
}

/// `C`, or `(C, D)`.
pub(super) fn results(types: &[&TensorType]) -> String {
    if types.len() == 1 { list(types) } else { format!("({})", list(types)) }
}

/// `A, B`.
pub(super) fn list(types: &[&TensorType]) -> String {
    types.iter().map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ")
}
