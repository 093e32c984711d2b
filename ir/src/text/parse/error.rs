//! Why a text is no graph, and where.

use std::fmt;

/// A fault of a text, with the line that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
    /// The line itself.
    pub source_line: String,
}

/// A fault on its way out of the parser: where it is, as a byte of the text, and what it is. The line
/// is looked up once, for the fault that the caller sees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn expected(at: usize, expected: &str, found: &str) -> Fault {
        Fault { at, message: format!("expected {expected}, found {found}") }
    }

    /// The fault as the caller sees it.
    pub(super) fn in_text(self, source: &str) -> ParseError {
        let before = &source[..self.at.min(source.len())];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ParseError {
            line: line_at(source, self.at),
            column: before[start..].chars().count() + 1,
            message: self.message,
            source_line: source[start..].lines().next().unwrap_or_default().to_owned(),
        }
    }
}

/// The line, from 1, that a byte of the text is in.
pub(super) fn line_at(source: &str, at: usize) -> usize {
    source[..at.min(source.len())].matches('\n').count() + 1
}

impl ParseError {
    /// The fault at the start of a line, counted from 1.
    pub(super) fn in_line(source: &str, line: usize, message: &str) -> ParseError {
        let at = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
        Fault { at, message: message.to_owned() }.in_text(source)
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ParseError { line, column, message, source_line } = self;
        write!(f, "{line}:{column}: {message}\n  | {source_line}\n  | {:>column$}", "^")
    }
}
