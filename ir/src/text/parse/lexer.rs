//! From characters to tokens; comments and white space end here.

use super::ParseError;
use super::refusal;
use crate::{DType, TensorType};

/// A token and the place of its first byte.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) at: usize,
    pub(super) end: usize,
}

/// What a token is; names come without their sigil.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind<'a> {
    /// `stablehlo.add`, `dims`, `true`.
    Word(&'a str),
    /// `%name`.
    Value(&'a str),
    /// `@name`.
    Symbol(&'a str),
    /// `#stablehlo.gather`, or the `#1` of `%pair#1`.
    Hash(&'a str),
    /// `^bb0`.
    Block(&'a str),
    /// `12`, `-0.5e3`, `0x7F`.
    Number(&'a str),
    /// Characters in quotes.
    Text(&'a str),
    /// `tensor<2xf32>`.
    Type(TensorType),
    /// `->`.
    Arrow,
    /// One of `( ) [ ] { } < > , : = ?`.
    Mark(char),
    /// The end of the text.
    End,
}

/// All tokens, the last one [`Kind::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, ParseError> {
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

fn token(source: &str, at: usize) -> Result<(Kind<'_>, usize), ParseError> {
    let rest = &source[at..];
    let Some(first) = rest.chars().next() else { return Ok((Kind::End, 0)) };
    match first {
        '%' => sigil(source, at, Kind::Value),
        '#' => sigil(source, at, Kind::Hash),
        '^' => sigil(source, at, Kind::Block),
        '@' if rest[1..].starts_with('"') => {
            let (name, length) = quoted(source, at + 1)?;
            Ok((Kind::Symbol(name), length + 1))
        }
        '@' => sigil(source, at, Kind::Symbol),
        '"' => quoted(source, at).map(|(text, length)| (Kind::Text(text), length)),
        '-' if rest.starts_with("->") => Ok((Kind::Arrow, 2)),
        '-' | '0'..='9' => number(source, at),
        '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | ',' | ':' | '=' | '?' => Ok((Kind::Mark(first), 1)),
        '!' => {
            let name = &rest[..1 + span(&rest[1..], is_name)];
            let message = format!("`{name}`: choral leaves out tokens, and types other than tensors");
            Err(ParseError::new(source, at, message))
        }
        _ if first.is_ascii_alphabetic() || first == '_' => word(source, at),
        _ => Err(ParseError::expected(source, at, "StableHLO text", &format!("`{first}`"))),
    }
}

/// Length of the longest prefix of such characters.
fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$')
}

fn sigil<'a>(
    source: &'a str,
    at: usize,
    kind: impl Fn(&'a str) -> Kind<'a>,
) -> Result<(Kind<'a>, usize), ParseError> {
    let name = &source[at + 1..];
    let length = span(name, |c| is_name(c) || c == '-');
    if length == 0 {
        let sigil = &source[at..=at];
        return Err(ParseError::expected(source, at, "a name", &format!("`{sigil}` alone")));
    }
    Ok((kind(&name[..length]), length + 1))
}

fn quoted(source: &str, at: usize) -> Result<(&str, usize), ParseError> {
    let body = &source[at + 1..];
    let mut escaped = false;
    let is_end = |&(_, c): &(usize, char)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    };
    match body.char_indices().find(is_end) {
        Some((length, _)) => Ok((&body[..length], length + 2)),
        None => Err(ParseError::expected(source, at, "a closing `\"`", "the end of the text")),
    }
}

fn number(source: &str, at: usize) -> Result<(Kind<'_>, usize), ParseError> {
    let rest = &source[at..];
    let sign = usize::from(rest.starts_with('-'));
    let digits = |from: usize| span(&rest[from..], |c| c.is_ascii_digit());
    if rest[sign..].starts_with("0x") {
        let length = sign + 2 + span(&rest[sign + 2..], |c| c.is_ascii_hexdigit());
        return Ok((Kind::Number(&rest[..length]), length));
    }
    let mut length = sign + digits(sign);
    if length == sign {
        return Err(ParseError::expected(source, at, "a number", "`-` alone"));
    }
    if rest[length..].starts_with('.') {
        length += 1 + digits(length + 1);
    }
    if rest[length..].starts_with(['e', 'E']) {
        let signed = usize::from(rest[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + signed);
        length += if exponent > 0 { 1 + signed + exponent } else { 0 };
    }
    Ok((Kind::Number(&rest[..length]), length))
}

fn word(source: &str, at: usize) -> Result<(Kind<'_>, usize), ParseError> {
    let rest = &source[at..];
    let length = span(rest, is_name);
    if &rest[..length] != "tensor" || !rest[length..].starts_with('<') {
        return Ok((Kind::Word(&rest[..length]), length));
    }
    let inner = &rest[length + 1..];
    let Some(end) = closing(inner) else {
        return Err(ParseError::expected(source, at, "a type", "`tensor<` without `>`"));
    };
    match tensor_type(&inner[..end]) {
        Some(ty) => Ok((Kind::Type(ty), length + 1 + end + 1)),
        None => {
            let spelling = inner[..end].lines().next().unwrap_or_default();
            let found = format!("`tensor<{spelling}>`");
            if let Some(reason) = refusal::of_type(spelling) {
                return Err(ParseError::new(source, at, format!("{found}: {reason}")));
            }
            Err(ParseError::expected(source, at, "a type of static shape that fits the machine", &found))
        }
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

/// `2x3xf32`; `None` also where the number of bytes overflows.
fn tensor_type(text: &str) -> Option<TensorType> {
    let (sizes, dtype) = match text.rsplit_once('x') {
        Some((sizes, dtype)) => {
            (sizes.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>().ok()?, dtype)
        }
        None => (Vec::new(), text),
    };
    let dtype = DType::from_name(dtype.trim())?;
    Some(TensorType::new(sizes, dtype)).filter(TensorType::is_addressable)
}
