//! The place in the tokens, and the small steps that all of the grammar is made of.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::error::Fault;
use super::function::Header;
use super::inline::Frame;
use super::lexer::{Kind, Token, tokens};
use super::scope::Block;
use super::survey::Survey;
use crate::{Location, Tensor, TensorType};

/// A text on its way to a graph.
pub(super) struct Parser<'a> {
    pub(super) source: &'a str,
    /// Where the lines of the text start.
    lines: Vec<usize>,
    /// What locations call the text, which has no name.
    file: Arc<str>,
    tokens: Vec<Token<'a>>,
    pub(super) position: usize,
    /// Where the text declares its names.
    pub(super) survey: Survey<'a>,
    /// The graph being read.
    pub(super) block: Block<'a>,
    /// The graphs around it, outermost first.
    pub(super) outer: Vec<Block<'a>>,
    /// Functions that are being put in place of calls, outermost first.
    pub(super) frames: Vec<Frame<'a>>,
    /// Functions being read.
    pub(super) calling: HashSet<&'a str>,
    /// Functions that were read, as they stand or in place of a call.
    pub(super) visited: HashSet<&'a str>,
    /// Headers of called functions.
    pub(super) headers: HashMap<&'a str, Rc<Header<'a>>>,
    /// Literals of called functions by their first token, and the token after each.
    pub(super) literals: HashMap<usize, (Tensor, TensorType, usize)>,
    /// Regions being read.
    bodies: usize,
    /// Ops that the functions read so far stand for, at most.
    pub(super) counted: usize,
    /// Attributes being read, through aliases too.
    pub(super) nested: usize,
    /// Aliases of attributes being read.
    pub(super) open_aliases: HashSet<&'a str>,
    /// Tokens that were read through aliases so far.
    pub(super) aliased: usize,
}

/// How deep brackets may nest. The parser is recursive: without a bound a long text of brackets
/// could exhaust the stack.
pub(super) const NESTING: usize = 128;

/// How deep regions may nest, counted through calls.
const BODIES: usize = 40;

fn check_nesting(tokens: &[Token<'_>]) -> Result<(), Fault> {
    let mut depth = 0usize;
    for token in tokens {
        match token.kind {
            Kind::Mark('(' | '[' | '{' | '<') => depth += 1,
            Kind::Mark(')' | ']' | '}' | '>') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING {
            let message = format!("expected brackets nested at most {NESTING} deep");
            return Err(Fault { at: token.at, message });
        }
    }
    Ok(())
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str) -> Result<Parser<'a>, Fault> {
        let tokens = tokens(source)?;
        check_nesting(&tokens)?;
        Ok(Parser {
            source,
            lines: std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect(),
            file: Arc::from(""),
            survey: Survey::of(&tokens),
            tokens,
            position: 0,
            block: Block::function(""),
            outer: Vec::new(),
            frames: Vec::new(),
            calling: HashSet::new(),
            visited: HashSet::new(),
            headers: HashMap::new(),
            literals: HashMap::new(),
            bodies: 0,
            counted: 0,
            nested: 0,
            open_aliases: HashSet::new(),
            aliased: 0,
        })
    }

    /// Reads a region within the function or region at hand.
    pub(super) fn deeper<R>(&mut self, read: impl FnOnce(&mut Self) -> Result<R, Fault>) -> Result<R, Fault> {
        if self.bodies == BODIES {
            let message = format!("expected regions nested at most {BODIES} deep");
            return Err(self.error(self.at(), message));
        }
        self.bodies += 1;
        let result = read(self);
        self.bodies -= 1;
        result
    }

    fn token(&self, ahead: usize) -> &Token<'a> {
        &self.tokens[(self.position + ahead).min(self.tokens.len() - 1)]
    }

    /// The token at hand.
    pub(super) fn peek(&self) -> Kind<'a> {
        self.token(0).kind
    }

    /// The token after it.
    pub(super) fn peek_second(&self) -> Kind<'a> {
        self.token(1).kind
    }

    /// The token of this number.
    pub(super) fn kind_at(&self, index: usize) -> Kind<'a> {
        self.tokens.get(index).map_or(Kind::End, |token| token.kind)
    }

    /// Whether the token at hand and the next one touch.
    pub(super) fn touches_next(&self) -> bool {
        self.token(0).end == self.token(1).at
    }

    /// Byte at which the token at hand starts.
    pub(super) fn at(&self) -> usize {
        self.token(0).at
    }

    /// Byte after the last token taken.
    pub(super) fn end_of_last(&self) -> usize {
        self.tokens[self.position.saturating_sub(1).min(self.tokens.len() - 1)].end
    }

    /// Takes the token at hand.
    pub(super) fn advance(&mut self) -> Kind<'a> {
        let kind = self.peek();
        self.position += 1;
        kind
    }

    /// The line and column of a byte.
    pub(super) fn location(&self, at: usize) -> Location {
        let line = self.lines.partition_point(|&start| start <= at);
        let start = self.lines[line - 1];
        let column = self.source[start..at].chars().count() + 1;
        Location { file: Arc::clone(&self.file), line: line as u32, column: column as u32 }
    }

    /// The error that something else was expected in place of the token at hand.
    pub(super) fn unexpected(&self, expected: &str) -> Fault {
        let token = self.token(0);
        let found = match token.kind {
            Kind::End => "the end of the text".to_owned(),
            _ => format!("`{}`", &self.source[token.at..token.end]),
        };
        Fault::expected(token.at, expected, &found)
    }

    /// An error at a place that was passed already.
    pub(super) fn error(&self, at: usize, message: impl Into<String>) -> Fault {
        Fault { at, message: message.into() }
    }

    pub(super) fn eat(&mut self, mark: char) -> bool {
        let found = self.token(0).kind == Kind::Mark(mark);
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<(), Fault> {
        if self.eat(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.token(0).kind == Kind::Word(word);
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), Fault> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    pub(super) fn eat_arrow(&mut self) -> bool {
        let found = self.token(0).kind == Kind::Arrow;
        self.position += usize::from(found);
        found
    }

    pub(super) fn word(&mut self, expected: &str) -> Result<&'a str, Fault> {
        let Kind::Word(word) = self.peek() else { return Err(self.unexpected(expected)) };
        self.position += 1;
        Ok(word)
    }

    pub(super) fn symbol(&mut self) -> Result<&'a str, Fault> {
        let Kind::Symbol(name) = self.peek() else { return Err(self.unexpected("a function's `@name`")) };
        self.position += 1;
        Ok(name)
    }

    /// A value's name, without its `%`.
    pub(super) fn value_name(&mut self) -> Result<&'a str, Fault> {
        let Kind::Value(name) = self.peek() else { return Err(self.unexpected("a value's `%name`")) };
        self.position += 1;
        Ok(name)
    }

    /// Items between commas up to the closing mark, which is taken too.
    pub(super) fn until<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut items = Vec::new();
        while !self.eat(close) {
            if !items.is_empty() && !self.eat(',') {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// Passes over a trailing `loc(...)`.
    pub(super) fn skip_location(&mut self) -> Result<(), Fault> {
        if !self.eat_word("loc") {
            return Ok(());
        }
        match self.peek() {
            Kind::Mark('(') => self.pass_over_group("`)`").map(|_| ()),
            _ => Err(self.unexpected("`(`")),
        }
    }

    /// Passes over a token, or over brackets and what stands between them. Returns the token.
    pub(super) fn pass_over_group(&mut self, expected: &str) -> Result<Kind<'a>, Fault> {
        let first = self.peek();
        let close = match first {
            Kind::Mark('(') => ')',
            Kind::Mark('[') => ']',
            Kind::Mark('{') => '}',
            Kind::Mark('<') => '>',
            Kind::End => return Err(self.unexpected(expected)),
            _ => {
                self.advance();
                return Ok(first);
            }
        };
        self.advance();
        while !self.eat(close) {
            self.pass_over(&format!("`{close}`"))?;
            self.eat(',');
        }
        Ok(first)
    }

    /// Passes over whatever stands up to the comma or the bracket that ends it.
    pub(super) fn pass_over(&mut self, expected: &str) -> Result<(), Fault> {
        let (start, mut depth) = (self.position, 0usize);
        loop {
            match self.peek() {
                Kind::End => return Err(self.unexpected(expected)),
                // `<=` and `>=` of an affine set.
                Kind::Mark('<' | '>') if self.peek_second() == Kind::Mark('=') && self.touches_next() => {}
                Kind::Mark('(' | '[' | '{' | '<') => depth += 1,
                Kind::Mark(')' | ']' | '}' | '>' | ',') if depth == 0 => break,
                Kind::Mark(')' | ']' | '}' | '>') => depth -= 1,
                _ => {}
            }
            self.advance();
        }
        if self.position == start { Err(self.unexpected(expected)) } else { Ok(()) }
    }
}
