//! From characters to tokens; comments and white space end here.
//!
//! Every text of brackets, names and numbers has tokens, whatever dialect it is of: what they mean, and
//! what choral does not support, is decided where they are read.

use super::error::Fault;

/// A token and the place of its first byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) at: usize,
    pub(super) end: usize,
}

/// What a token is; names come without their sigil.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind<'a> {
    /// `stablehlo.add`, `dims`, `true`.
    Word(&'a str),
    /// `%name`.
    Value(&'a str),
    /// `@name`.
    Symbol(&'a str),
    /// `#stablehlo.gather`, or the `#1` of `%pair#1`.
    Hash(&'a str),
    /// `!stablehlo.token`, `!alias`.
    Bang(&'a str),
    /// `^bb0`.
    Block(&'a str),
    /// `12`, `-0.5e3`, `0x7F`.
    Number(&'a str),
    /// Characters in quotes.
    Text(&'a str),
    /// `2xf32`, which stood within `tensor<..>`.
    Tensor(&'a str),
    /// `->`.
    Arrow,
    /// `{-#`, with which a section of resources begins.
    Resources,
    /// Any other character.
    Mark(char),
    /// The end of the text.
    End,
}

/// All tokens, the last one [`Kind::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blank(source, at);
        let (kind, length) = token(source, at)?;
        let is_end = kind == Kind::End;
        tokens.push(Token { kind, at, end: at + length });
        if is_end {
            return Ok(tokens);
        }
        at += length;
    }
}

fn skip_blank(source: &str, mut at: usize) -> usize {
    loop {
        let rest = &source[at..];
        at += rest.len() - rest.trim_start().len();
        if !source[at..].starts_with("//") {
            return at;
        }
        at += source[at..].find('\n').unwrap_or(source.len() - at);
    }
}

fn token(source: &str, at: usize) -> Result<(Kind<'_>, usize), Fault> {
    let rest = &source[at..];
    let Some(first) = rest.chars().next() else { return Ok((Kind::End, 0)) };
    Ok(match first {
        '%' => sigil(rest, Kind::Value),
        '#' => sigil(rest, Kind::Hash),
        '!' => sigil(rest, Kind::Bang),
        '^' => sigil(rest, Kind::Block),
        '@' if rest[1..].starts_with('"') => {
            let (name, length) = quoted(source, at + 1)?;
            (Kind::Symbol(name), length + 1)
        }
        '@' => sigil(rest, Kind::Symbol),
        '"' => {
            let (text, length) = quoted(source, at)?;
            (Kind::Text(text), length)
        }
        '{' if rest.starts_with("{-#") => (Kind::Resources, 3),
        '-' if rest.starts_with("->") => (Kind::Arrow, 2),
        '-' | '0'..='9' => number(rest),
        _ if first.is_ascii_alphabetic() || first == '_' => word(source, at)?,
        _ => (Kind::Mark(first), first.len_utf8()),
    })
}

/// Length of the longest prefix of such characters.
fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$')
}

/// A name after its sigil; the sigil alone is a mark.
fn sigil<'a>(rest: &'a str, kind: impl Fn(&'a str) -> Kind<'a>) -> (Kind<'a>, usize) {
    let name = &rest[1..];
    match span(name, |c| is_name(c) || c == '-') {
        0 => (Kind::Mark(char::from(rest.as_bytes()[0])), 1),
        length => (kind(&name[..length]), length + 1),
    }
}

fn quoted(source: &str, at: usize) -> Result<(&str, usize), Fault> {
    let body = &source[at + 1..];
    let mut escaped = false;
    let is_end = |&(_, c): &(usize, char)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    match body.char_indices().find(is_end) {
        Some((length, _)) => Ok((&body[..length], length + 2)),
        None => Err(Fault::expected(at, "a closing `\"`", "the end of the text")),
    }
}

/// A number; a `-` without one is a mark.
fn number(rest: &str) -> (Kind<'_>, usize) {
    let sign = usize::from(rest.starts_with('-'));
    let digits = |from: usize| span(&rest[from..], |c| c.is_ascii_digit());
    if rest[sign..].starts_with("0x") {
        let length = sign + 2 + span(&rest[sign + 2..], |c| c.is_ascii_hexdigit());
        return (Kind::Number(&rest[..length]), length);
    }
    let mut length = sign + digits(sign);
    if length == sign {
        return (Kind::Mark('-'), 1);
    }
    if rest[length..].starts_with('.') {
        length += 1 + digits(length + 1);
    }
    if rest[length..].starts_with(['e', 'E']) {
        let signed = usize::from(rest[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + signed);
        length += if exponent > 0 { 1 + signed + exponent } else { 0 };
    }
    (Kind::Number(&rest[..length]), length)
}

fn word(source: &str, at: usize) -> Result<(Kind<'_>, usize), Fault> {
    let rest = &source[at..];
    let length = span(rest, is_name);
    if &rest[..length] != "tensor" || !rest[length..].starts_with('<') {
        return Ok((Kind::Word(&rest[..length]), length));
    }
    let inner = &rest[length + 1..];
    match closing(inner) {
        Some(end) => Ok((Kind::Tensor(&inner[..end]), length + 1 + end + 1)),
        None => Err(Fault::expected(at, "a type", "`tensor<` without `>`")),
    }
}

/// The place of the `>` that ends a type; types in types have their own.
fn closing(inner: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in inner.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if depth == 0 => return Some(at),
            '>' => depth -= 1,
            _ => {}
        }
    }
    None
}
