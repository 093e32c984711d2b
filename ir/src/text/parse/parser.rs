//! The parser's state: a place in the text, the graphs being built, and the functions that are open.
//!
//! A region is read here, and what a region holds is lines, as what a line holds may be regions: reading comes
//! back to itself through [`Body`] alone, which is told to the parser as it starts.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::cursor::{Cursor, Lists};
use super::error::Fault;
use super::header::{Argument, Header};
use super::lexer::Kind;
use super::scope::{Block, Graphs, Names, Region, Scope};
use super::types::spell;
use crate::graph::Value;
use crate::{Tensor, TensorType};

/// A text on its way to graphs.
pub(super) struct Parser<'a> {
    cursor: Cursor<'a>,
    pub(super) graphs: Graphs<'a>,
    pub(super) functions: Functions<'a>,
    read_body: Body<'a>,
    /// Regions being read.
    depth: usize,
}

/// Reads lines up to the one that returns, and gives the values that it returns.
pub(super) type Body<'a> = fn(&mut Parser<'a>) -> Result<Vec<Value>, Fault>;

/// The functions of the text, as far as they were read.
#[derive(Default)]
pub(super) struct Functions<'a> {
    /// Those that are being put in place of calls, outermost first.
    pub(super) frames: Vec<Frame<'a>>,
    /// Those being read.
    pub(super) calling: HashSet<&'a str>,
    /// Those that were read, as they stand or in place of a call.
    pub(super) visited: HashSet<&'a str>,
    /// Headers of called functions.
    pub(super) headers: HashMap<&'a str, Rc<Header<'a>>>,
    /// Literals of called functions by their first token, and the token after each.
    pub(super) literals: HashMap<usize, (Tensor, TensorType, usize)>,
    /// Ops that the functions read so far stand for, at most.
    pub(super) counted: usize,
}

/// A function being read for a call, and what is left of its caller.
pub(super) struct Frame<'a> {
    pub(super) header: Rc<Header<'a>>,
    /// Where it is called.
    pub(super) called_at: usize,
    /// What the caller calls the results.
    pub(super) names: Names<'a>,
    /// The types that the call gives its results.
    pub(super) results: Vec<TensorType>,
    /// What names stand for in the caller.
    pub(super) scope: Scope<'a>,
    /// The token after the call.
    pub(super) back: usize,
}

/// How deep regions may nest, counted through calls.
const BODIES: usize = 40;

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str, read_body: Body<'a>) -> Result<Parser<'a>, Fault> {
        let (cursor, graphs) = (Cursor::new(source)?, Graphs::new());
        Ok(Parser { cursor, graphs, functions: Functions::default(), read_body, depth: 0 })
    }

    /// Makes a name stand for values.
    pub(super) fn define(&mut self, at: usize, name: &'a str, values: Vec<Value>) -> Result<(), Fault> {
        match self.graphs.define(name, values) {
            true => Ok(()),
            false => Err(self.error(at, format!("expected a new name, found %{name} once more"))),
        }
    }

    /// Makes the names of a line stand for its results.
    pub(super) fn name_results(&mut self, names: Names<'a>, values: Vec<Value>) -> Result<(), Fault> {
        let Names { at, names, known } = names;
        let count = names.iter().fold(0, |sum: usize, (_, _, count)| sum.saturating_add(*count));
        if count != values.len() {
            return Err(self.error(at, format!("expected {} results, found names for {count}", values.len())));
        }
        // A number is not a name: the op gives one. A call may return an older value.
        if let (Some((_, name, _)), Some(&value)) = (names.first(), values.first())
            && name.parse::<u64>().is_err()
            && value.node().index() >= known
        {
            self.graphs.here.builder.rename(value, *name);
        }
        let mut values = values.into_iter();
        for (at, name, count) in names {
            self.define(at, name, values.by_ref().take(count).collect())?;
        }
        Ok(())
    }

    /// Fails unless a line makes what it is declared to.
    pub(super) fn check_results(
        &self,
        at: usize,
        results: &[Value],
        declared: &[TensorType],
    ) -> Result<(), Fault> {
        let types = self.graphs.types(results);
        if types == declared {
            return Ok(());
        }
        let (declared, types) = (spell(declared), spell(&types));
        Err(self.error(at, format!("declared to make {declared}, but makes {types}")))
    }

    /// Adds an input to the current graph.
    pub(super) fn input(&mut self, (at, name, ty): &Argument<'a>) -> Result<(), Fault> {
        let value = self.graphs.here.builder.input(*name, ty.clone());
        self.define(*at, name, vec![value])
    }

    /// `%x` or `%pair#1`.
    pub(super) fn operand(&mut self) -> Result<Value, Fault> {
        let at = self.at();
        let name = self.value_name()?;
        let result = match self.peek() {
            Kind::Hash(number) => number.parse().ok(),
            _ => Some(0),
        };
        if let Kind::Hash(_) = self.peek() {
            self.advance();
        }
        result.and_then(|result| self.graphs.find(name, result)).ok_or_else(|| {
            let found = &self.source[at..self.end_of_last()];
            self.error(at, format!("expected a value defined above, found {found}"))
        })
    }

    /// `({ ^bb0(%x: T): .. stablehlo.return %y : T })`, its `{` taken; `}` is taken too.
    pub(super) fn region(&mut self) -> Result<Region, Fault> {
        let arguments = self.block_arguments()?;
        self.region_of(&arguments)
    }

    /// The long form of `reduce` declares accumulator and element of each input side by side.
    pub(super) fn reducer(&mut self) -> Result<Region, Fault> {
        let mut pairs = Vec::new();
        while self.eat('(') {
            let pair = self.cursor.until(')', Cursor::block_argument)?;
            pairs.push(<[_; 2]>::try_from(pair).map_err(|_| self.unexpected("two arguments per input"))?);
        }
        let side = |side: usize| pairs.iter().map(move |pair| pair[side].clone());
        let arguments: Vec<Argument<'a>> = side(0).chain(side(1)).collect();
        self.expect('{')?;
        self.region_of(&arguments)
    }

    /// A region on these arguments, its `{` taken; `}` is taken too.
    pub(super) fn region_of(&mut self, arguments: &[Argument<'a>]) -> Result<Region, Fault> {
        let at = self.at();
        self.deeper(|parser| {
            parser.graphs.open(Block::region());
            arguments.iter().try_for_each(|argument| parser.input(argument))?;
            let outputs = parser.body()?;
            parser.expect('}')?;
            let block = parser.graphs.close();
            if !block.checks.is_empty() {
                return Err(parser.error(at, "expected checks in functions alone, found one in a region"));
            }
            Ok(Region { graph: block.builder.finish(&outputs), captures: block.captures })
        })
    }

    /// The lines of a function or region.
    pub(super) fn body(&mut self) -> Result<Vec<Value>, Fault> {
        (self.read_body)(self)
    }

    /// Reads a region within the function or region at hand.
    pub(super) fn deeper<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R, Fault>) -> Result<R, Fault> {
        if self.depth == BODIES {
            let message = format!("expected regions nested at most {BODIES} deep");
            return Err(self.error(self.at(), message));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}

/// Most of reading is the cursor's.
impl<'a> Deref for Parser<'a> {
    type Target = Cursor<'a>;

    fn deref(&self) -> &Cursor<'a> {
        &self.cursor
    }
}

impl DerefMut for Parser<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cursor
    }
}

impl<'a> AsMut<Cursor<'a>> for Parser<'a> {
    fn as_mut(&mut self) -> &mut Cursor<'a> {
        &mut self.cursor
    }
}

impl<'a> Lists<'a> for Parser<'a> {}
