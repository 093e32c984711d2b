//! The place in the tokens, and the small steps that all of the grammar is made of.

use std::collections::HashMap;
use std::sync::Arc;

use super::ParseError;
use super::lexer::{Kind, Token, tokens};
use super::scope::Block;
use crate::check::Program;
use crate::{Location, TensorType};

/// A text on its way to a graph.
pub(super) struct Parser<'a> {
    pub(super) source: &'a str,
    /// Where the lines of the text start.
    lines: Vec<usize>,
    /// What locations call the text, which has no name.
    file: Arc<str>,
    tokens: Vec<Token<'a>>,
    pub(super) position: usize,
    /// The token at which each function starts.
    pub(super) starts: HashMap<&'a str, usize>,
    /// Functions already read, and the place after each.
    pub(super) functions: HashMap<&'a str, (Program, usize)>,
    /// The graph being read.
    pub(super) block: Block<'a>,
    /// The graphs around it, outermost first.
    pub(super) outer: Vec<Block<'a>>,
    /// Functions being read, outermost first.
    pub(super) calling: Vec<&'a str>,
    /// Functions and regions being read.
    bodies: usize,
    /// Ops that calls have put in place so far.
    pub(super) inlined: usize,
}

/// How deep brackets may nest. The parser is recursive: without a bound a long text of brackets
/// could exhaust the stack.
const NESTING: usize = 128;

/// How deep functions and regions may nest, counted together through calls.
const BODIES: usize = 40;

fn check_nesting(source: &str, tokens: &[Token<'_>]) -> Result<(), ParseError> {
    let mut depth = 0usize;
    for token in tokens {
        match token.kind {
            Kind::Mark('(' | '[' | '{' | '<') => depth += 1,
            Kind::Mark(')' | ']' | '}' | '>') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING {
            let message = format!("expected at most {NESTING} brackets within each other");
            return Err(ParseError::new(source, token.at, message));
        }
    }
    Ok(())
}

/// Where functions start; of two with one name, the first counts.
fn function_starts<'a>(tokens: &[Token<'a>]) -> HashMap<&'a str, usize> {
    let mut starts = HashMap::new();
    for (index, header) in tokens.windows(3).enumerate() {
        let symbol = header.iter().find_map(|token| match token.kind {
            Kind::Symbol(symbol) => Some(symbol),
            _ => None,
        });
        if let (Kind::Word("func.func"), Some(symbol)) = (&header[0].kind, symbol) {
            starts.entry(symbol).or_insert(index);
        }
    }
    starts
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str) -> Result<Parser<'a>, ParseError> {
        let tokens = tokens(source)?;
        check_nesting(source, &tokens)?;
        Ok(Parser {
            source,
            lines: std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect(),
            file: Arc::from(""),
            starts: function_starts(&tokens),
            tokens,
            position: 0,
            functions: HashMap::new(),
            block: Block::function(""),
            outer: Vec::new(),
            calling: Vec::new(),
            bodies: 0,
            inlined: 0,
        })
    }

    /// Reads a function or region within the one at hand.
    pub(super) fn deeper<R>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<R, ParseError>,
    ) -> Result<R, ParseError> {
        if self.bodies == BODIES {
            let message = format!("expected at most {BODIES} functions and regions within each other");
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
        self.token(0).kind.clone()
    }

    /// The token after it.
    pub(super) fn peek_second(&self) -> Kind<'a> {
        self.token(1).kind.clone()
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
    pub(super) fn unexpected(&self, expected: &str) -> ParseError {
        let token = self.token(0);
        let found = match token.kind {
            Kind::End => "the end of the text".to_owned(),
            _ => format!("`{}`", &self.source[token.at..token.end]),
        };
        ParseError::expected(self.source, token.at, expected, &found)
    }

    /// An error at a place that was passed already.
    pub(super) fn error(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::new(self.source, at, message.into())
    }

    pub(super) fn eat(&mut self, mark: char) -> bool {
        let found = self.token(0).kind == Kind::Mark(mark);
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<(), ParseError> {
        if self.eat(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.token(0).kind == Kind::Word(word);
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    pub(super) fn eat_arrow(&mut self) -> bool {
        let found = self.token(0).kind == Kind::Arrow;
        self.position += usize::from(found);
        found
    }

    pub(super) fn word(&mut self, expected: &str) -> Result<&'a str, ParseError> {
        let Kind::Word(word) = self.peek() else { return Err(self.unexpected(expected)) };
        self.position += 1;
        Ok(word)
    }

    pub(super) fn symbol(&mut self) -> Result<&'a str, ParseError> {
        let Kind::Symbol(name) = self.peek() else { return Err(self.unexpected("a function's `@name`")) };
        self.position += 1;
        Ok(name)
    }

    /// A value's name, without its `%`.
    pub(super) fn value_name(&mut self) -> Result<&'a str, ParseError> {
        let Kind::Value(name) = self.peek() else { return Err(self.unexpected("a value's `%name`")) };
        self.position += 1;
        Ok(name)
    }

    pub(super) fn ty(&mut self) -> Result<TensorType, ParseError> {
        let Kind::Type(ty) = self.peek() else { return Err(self.unexpected("a tensor type")) };
        self.position += 1;
        Ok(ty)
    }

    /// Items between commas up to the closing mark, which is taken too.
    pub(super) fn until<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
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
    pub(super) fn skip_location(&mut self) -> Result<(), ParseError> {
        if !self.eat_word("loc") {
            return Ok(());
        }
        self.expect('(')?;
        let mut depth = 1;
        while depth > 0 {
            match self.advance() {
                Kind::Mark('(') => depth += 1,
                Kind::Mark(')') => depth -= 1,
                Kind::End => return Err(self.unexpected("`)`")),
                _ => {}
            }
        }
        Ok(())
    }
}
