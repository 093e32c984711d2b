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

impl ParseError {
    /// The fault at a byte of the text.
    pub(super) fn new(source: &str, at: usize, message: String) -> ParseError {
        let before = &source[..at.min(source.len())];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ParseError {
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            message,
            source_line: source[start..].lines().next().unwrap_or_default().to_owned(),
        }
    }

    /// The fault at the start of a line, counted from 1.
    pub(super) fn in_line(source: &str, line: usize, message: &str) -> ParseError {
        let at = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
        ParseError::new(source, at, message.to_owned())
    }

    pub(super) fn expected(source: &str, at: usize, expected: &str, found: &str) -> ParseError {
        ParseError::new(source, at, format!("expected {expected}, found {found}"))
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ParseError { line, column, message, source_line } = self;
        write!(f, "{line}:{column}: {message}\n  | {source_line}\n  | {:>column$}", "^")
    }
}
