//! The optimiser: the same values from fewer and cheaper ops, to the bit.
//!
//! A round builds the graph anew, op by op. Each op is offered to the rewrites of its family, which look at
//! what was built for its operands; what a rewrite puts in its place goes the same way, so that one round
//! carries a value through as many rewrites as it takes. Rounds follow until none fires: a graph with
//! a thousand times the ops takes a thousand times as long. Regions are optimised with their graph.
//!
//! | file | holds |
//! |---|---|
//! | `tables/` | the rewrites by name, one table for each subject |
//! | `site.rs`, `number.rs` | what a rewrite sees, and what it answers; constants by what they do |
//! | `rewriter.rs` | what builds a graph through the tables |
//! | `regions.rs`, `join.rs` | bodies cut in two; products of one operand |
//!
//! **What keeps bits.** Every element of a result is made by the same operations on the same elements, in the
//! same order, or by ones that are known to give the same. NaN stays NaN; its sign and payload are no part
//! of the promise. A fold whose body has a name keeps it, and one whose body has none gets none: the name
//! decides the order in which it adds.
//!
//! **What is left to who runs the graph.** A transpose of a product's result, products whose weights are
//! inputs (joining them would copy the weights at every call), broadcasts of batching dimensions, and all
//! that depends on how much a device can keep at hand.

mod join;
mod number;
mod regions;
mod rewriter;
mod site;
mod tables;

use std::collections::BTreeMap;
use std::fmt;

use choral_ir::{BuildError, Graph, Tensor, Value};

use self::rewriter::{LoopSite, Rewriter};
use self::site::{After, Site};

/// Works out a graph without inputs; `None` if that fails, which leaves the graph to the run.
pub type Evaluate = fn(&Graph) -> Option<Vec<Tensor>>;

/// The most rounds: each but the last has changed something.
const ROUNDS: usize = 32;

/// The graph that does the same, to the bit, in fewer and cheaper ops.
///
/// It has the same inputs and outputs. `evaluate` folds constants; without it they stay.
///
/// ```
/// use choral_compiler::transform::rewrite::optimise;
/// use choral_ir::Graph;
/// let graph = Graph::parse("
///     func.func @main(%x: tensor<2x3xf32>, %w: tensor<4x3xf32>) -> tensor<2x4xf32> {
///       %one = stablehlo.constant dense<1.0> : tensor<2x3xf32>
///       %y = stablehlo.multiply %x, %one : tensor<2x3xf32>
///       %t = stablehlo.transpose %w, dims = [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
///       %z = stablehlo.dot_general %y, %t, contracting_dims = [1] x [0]
///         : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
///       return %z : tensor<2x4xf32>
///     }")?;
/// let (optimised, rewrites) = optimise(&graph, None)?;
/// assert_eq!(optimised.len(), 3);
/// assert_eq!(rewrites.to_string(), "1 multiply_by_one\n1 product_of_transpose\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Never for a verified graph.
pub fn optimise(graph: &Graph, evaluate: Option<Evaluate>) -> Result<(Graph, Rewrites), BuildError> {
    let mut cx = Context { evaluate, fired: Rewrites::default(), only: None };
    let mut graph = graph.clone();
    for _ in 0..ROUNDS {
        let before = cx.fired.total();
        graph = rewriter::round(&graph, &mut cx, &|_| false)?;
        if cx.fired.total() == before {
            break;
        }
    }
    debug_assert_eq!(choral_ir::verify(&graph).map_err(|error| error.to_string()), Ok(()));
    Ok((graph, cx.fired))
}

/// How often each rewrite fired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrites {
    by_name: BTreeMap<&'static str, usize>,
}

impl Rewrites {
    /// How often a rewrite fired.
    pub fn count(&self, name: &str) -> usize {
        self.by_name.get(name).copied().unwrap_or_default()
    }

    /// How often all of them fired.
    pub fn total(&self) -> usize {
        self.by_name.values().sum()
    }

    /// The rewrites that fired, by name, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.by_name.iter().map(|(&name, &count)| (name, count))
    }

    fn add(&mut self, name: &'static str, times: usize) {
        if times > 0 {
            *self.by_name.entry(name).or_default() += times;
        }
    }
}

/// A line for each rewrite that fired.
impl fmt::Display for Rewrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, count)| writeln!(f, "{count} {name}"))
    }
}

/// One rewrite: a pattern, and what does the same.
#[derive(Debug)]
pub struct Rewrite {
    /// What it is called.
    pub name: &'static str,
    /// What it does, as `before -> after`, and for which element types.
    pub says: &'static str,
    rule: Rule,
}

/// What stands for the results of an op, if a rewrite applies.
type Found = Result<Option<Vec<Value>>, BuildError>;

/// How a rewrite finds its pattern.
#[derive(Debug)]
enum Rule {
    /// In one op and what made its operands.
    Term(fn(&Site<'_>) -> Option<After>),
    /// In an op that holds regions.
    Loop(fn(&mut Rewriter<'_>, &LoopSite<'_>) -> Found),
    /// In a whole graph.
    Graph,
}

impl Rewrite {
    /// Every rewrite.
    pub fn all() -> impl Iterator<Item = &'static Rewrite> {
        tables::TABLES.into_iter().flatten()
    }

    /// The graph after one round of this rewrite alone, and of dead code, which most leave behind.
    ///
    /// # Errors
    /// Never for a verified graph.
    pub fn apply(&'static self, graph: &Graph, evaluate: Option<Evaluate>) -> Result<Graph, BuildError> {
        let mut cx = Context { evaluate, fired: Rewrites::default(), only: Some(self.name) };
        rewriter::round(graph, &mut cx, &|_| false)
    }
}

/// What all rounds share.
#[derive(Debug)]
struct Context {
    evaluate: Option<Evaluate>,
    fired: Rewrites,
    /// The only rewrite that may fire.
    only: Option<&'static str>,
}

impl Context {
    fn allows(&self, name: &str) -> bool {
        self.only.is_none_or(|only| only == name)
    }
}
