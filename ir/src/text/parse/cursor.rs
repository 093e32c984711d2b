//! The place in the tokens, and the small steps that all of the grammar is made of.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::Fault;
use super::lexer::{Kind, Token, tokens};
use super::survey::Survey;
use crate::Location;

/// A place in a text.
pub(super) struct Cursor<'a> {
    pub(super) source: &'a str,
    /// Where the lines of the text start.
    lines: Vec<usize>,
    /// What locations call the text, which has no name.
    file: Arc<str>,
    tokens: Vec<Token<'a>>,
    pub(super) position: usize,
    /// Where the text declares its names.
    pub(super) survey: Survey<'a>,
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

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a str) -> Result<Cursor<'a>, Fault> {
        let tokens = tokens(source)?;
        check_nesting(&tokens)?;
        Ok(Cursor {
            source,
            lines: std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect(),
            file: Arc::from(""),
            survey: Survey::of(&tokens),
            tokens,
            position: 0,
            nested: 0,
            open_aliases: HashSet::new(),
            aliased: 0,
        })
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

impl<'a> AsMut<Cursor<'a>> for Cursor<'a> {
    fn as_mut(&mut self) -> &mut Cursor<'a> {
        self
    }
}

/// Lists, read by a cursor or by what holds one.
pub(super) trait Lists<'a>: AsMut<Cursor<'a>> {
    /// Items between commas up to the closing mark, which is taken too.
    fn until<T>(
        &mut self,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut items = Vec::new();
        while !self.as_mut().eat(close) {
            if !items.is_empty() && !self.as_mut().eat(',') {
                return Err(self.as_mut().unexpected(&format!("`,` or `{close}`")));
            }
            items.push(item(self)?);
        }
        Ok(items)
    }
}

impl<'a> Lists<'a> for Cursor<'a> {}
