//! The text of a graph: StableHLO, as MLIR tools read it.
//!
//! Values carry the user's names, so that a change of the graph changes few lines. Named axes stand
//! at the boundary as `{choral.axes = "members@0"}`; inside, comments say where they are ([`crate::axes`]).
//! Choral's extensions carry the prefix `choral.`. Must not live here: type rules (the parser builds
//! through [`Builder`](crate::Builder)) and transforms.

mod axes;
mod call;
mod control;
mod lists;
mod literal;
mod names;
mod ops;
mod parse;
mod print;

use std::fmt;

pub use parse::ParseError;

use crate::Graph;

/// Constants with more elements than this are left out of a summary.
const SUMMARY_ELEMENTS: usize = 16;

impl Graph {
    /// The graph as StableHLO text.
    ///
    /// ```
    /// use choral_ir::{Builder, DType, TensorType, op::Binary};
    /// let mut builder = Builder::new("main");
    /// let x = builder.input("x", TensorType::new([2], DType::F32));
    /// let y = builder.binary(Binary::Add, x, x)?;
    /// let text = "\
    /// func.func public @main(
    ///     %x: tensor<2xf32>) -> (tensor<2xf32>) {
    ///   %add = stablehlo.add %x, %x : tensor<2xf32>
    ///   return %add : tensor<2xf32>
    /// }
    /// ";
    /// assert_eq!(builder.finish(&[y]).to_text(), text);
    /// # Ok::<(), choral_ir::BuildError>(())
    /// ```
    pub fn to_text(&self) -> String {
        print::function(self, None)
    }

    /// The text with long constants left out, for reading only.
    pub fn to_summary(&self) -> String {
        print::function(self, Some(SUMMARY_ELEMENTS))
    }
}

/// As [`Graph::to_text`].
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}
