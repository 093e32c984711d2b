//! Attributes: `dims = [0, 2]`, `<{slice_sizes = array<i64: 1>}>`, `#stablehlo.gather<...>`.

use super::ParseError;
use super::cursor::Parser;
use super::lexer::Kind;
use crate::Tensor;

/// The value of an attribute, as far as ops need to tell values apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Attribute<'a> {
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A keyword, a symbol or a text.
    Word(&'a str),
    /// `[...]` or `array<...>`.
    List(Vec<Attribute<'a>>),
    /// `{...}` or `#stablehlo.gather<...>`.
    Record(Attributes<'a>),
    /// `dense<...>`, with the number of its elements.
    Dense(Tensor, usize),
}

/// Attributes by name; each op takes those that it knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Attributes<'a> {
    entries: Vec<(&'a str, Attribute<'a>)>,
}

/// Attributes that change no value.
const HINTS: [&str; 6] =
    ["precision", "precision_config", "algorithm", "unique_indices", "result_accuracy", "indices_are_sorted"];

impl<'a> Attributes<'a> {
    pub(super) fn push(&mut self, name: &'a str, value: Attribute<'a>) {
        self.entries.push((name, value));
    }

    pub(super) fn extend(&mut self, other: Attributes<'a>) {
        self.entries.extend(other.entries);
    }

    /// Takes the attribute of one of these names, if there is one.
    pub(super) fn take(&mut self, names: &[&str]) -> Option<Attribute<'a>> {
        let position = self.entries.iter().position(|(name, _)| names.contains(name))?;
        Some(self.entries.remove(position).1)
    }

    /// Takes the attribute of one of these names.
    pub(super) fn require(&mut self, names: &[&str]) -> Result<Attribute<'a>, String> {
        self.take(names).ok_or_else(|| format!("expected the attribute `{}`", names[0]))
    }

    /// Takes a record; its attributes, none if it is absent.
    pub(super) fn record(&mut self, names: &[&str]) -> Result<Attributes<'a>, String> {
        match self.take(names) {
            Some(Attribute::Record(record)) => Ok(record),
            None => Ok(Attributes::default()),
            Some(other) => Err(format!("`{}` must hold named attributes, found {other:?}", names[0])),
        }
    }

    /// The first attribute that no op took and that could matter.
    pub(super) fn unknown(&self) -> Option<&'a str> {
        let matters = |name: &&str| !HINTS.contains(name) && !name.contains('.');
        self.entries.iter().map(|(name, _)| *name).find(matters)
    }
}

impl<'a> Parser<'a> {
    /// A value of an attribute; without the type that may follow after a colon.
    pub(super) fn attribute(&mut self) -> Result<Attribute<'a>, ParseError> {
        match self.advance() {
            Kind::Number(literal) => Ok(literal.parse().map_or(Attribute::Word(literal), Attribute::Integer)),
            Kind::Word("true") => Ok(Attribute::Boolean(true)),
            Kind::Word("false") => Ok(Attribute::Boolean(false)),
            Kind::Word("array") => self.array(),
            Kind::Word("dense") => self.dense().map(|(tensor, ty)| Attribute::Dense(tensor, ty.len())),
            Kind::Word(word) | Kind::Text(word) | Kind::Symbol(word) => Ok(Attribute::Word(word)),
            Kind::Mark('?') => Ok(Attribute::Word("?")),
            Kind::Mark('[') => self.until(']', Parser::attribute).map(Attribute::List),
            Kind::Mark('{') => self.record('}').map(Attribute::Record),
            Kind::Hash(name) => self.dialect_attribute(name),
            Kind::Type(_) => Ok(Attribute::Word("tensor")),
            Kind::Value(_) | Kind::Block(_) | Kind::Arrow | Kind::Mark(_) | Kind::End => {
                self.position -= 1;
                Err(self.unexpected("the value of an attribute"))
            }
        }
    }

    /// `array<i64: 1, 2>` or `array<i64>`, its `array` taken.
    fn array(&mut self) -> Result<Attribute<'a>, ParseError> {
        self.expect('<')?;
        self.word("the element type of the array")?;
        if !self.eat(':') {
            self.expect('>')?;
            return Ok(Attribute::List(Vec::new()));
        }
        self.until('>', Parser::attribute).map(Attribute::List)
    }

    /// `name = value, ..` up to the closing mark; a name alone is a flag.
    pub(super) fn record(&mut self, close: char) -> Result<Attributes<'a>, ParseError> {
        let entries = self.until(close, |parser| {
            let (Kind::Word(name) | Kind::Text(name)) = parser.peek() else {
                return Err(parser.unexpected("the name of an attribute"));
            };
            parser.advance();
            let value = if parser.eat('=') { parser.linked()? } else { Attribute::Boolean(true) };
            if parser.eat(':') {
                parser.advance();
            }
            Ok((name, value))
        })?;
        Ok(Attributes { entries })
    }

    /// A value, or several that belong together: `[0] x [1]`, `[b, f]x[o, i]->[b, f]`.
    pub(super) fn linked(&mut self) -> Result<Attribute<'a>, ParseError> {
        let first = self.attribute()?;
        if !self.eat_word("x") {
            return Ok(first);
        }
        let mut parts = vec![first, self.attribute()?];
        if self.eat_arrow() {
            parts.push(self.attribute()?);
        }
        Ok(Attribute::List(parts))
    }

    /// `#stablehlo.gather<a = 1>`, `#stablehlo<comparison_direction LT>`, `#stablehlo.conv<[..]x[..]->[..]>`.
    fn dialect_attribute(&mut self, name: &'a str) -> Result<Attribute<'a>, ParseError> {
        if !self.eat('<') {
            return Ok(Attribute::Word(name));
        }
        if self.peek_second() == Kind::Mark('=') {
            return self.record('>').map(Attribute::Record);
        }
        let mut value = self.linked()?;
        if let Kind::Word(word) = self.peek() {
            self.advance();
            value = Attribute::Word(word);
        }
        self.expect('>')?;
        Ok(value)
    }
}

impl<'a> Attribute<'a> {
    /// Every integer in it, lists within lists in order.
    pub(super) fn integers(&self) -> Result<Vec<i64>, String> {
        match self {
            Attribute::Integer(value) => Ok(vec![*value]),
            Attribute::Boolean(value) => Ok(vec![i64::from(*value)]),
            Attribute::List(items) => {
                Ok(items.iter().map(Attribute::integers).collect::<Result<Vec<_>, _>>()?.concat())
            }
            Attribute::Dense(tensor, count) => {
                let values = tensor.to_f64_vec();
                let values = if values.len() == 1 { vec![values[0]; *count] } else { values };
                Ok(values.into_iter().map(|value| value as i64).collect())
            }
            Attribute::Word(_) | Attribute::Record(_) => Err(format!("expected integers, found {self:?}")),
        }
    }

    /// Every integer in it, none of them negative.
    pub(super) fn sizes(&self) -> Result<Vec<usize>, String> {
        let size = |value: i64| usize::try_from(value).map_err(|_| format!("expected a size, found {value}"));
        self.integers()?.into_iter().map(size).collect()
    }

    /// The only integer in it, not negative.
    pub(super) fn size(&self) -> Result<usize, String> {
        match self.sizes()?.as_slice() {
            [size] => Ok(*size),
            sizes => Err(format!("expected one integer, found {}", sizes.len())),
        }
    }

    /// The word that it is.
    pub(super) fn word(&self) -> Result<&'a str, String> {
        match self {
            Attribute::Word(word) => Ok(word),
            other => Err(format!("expected a keyword, found {other:?}")),
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Result<&[Attribute<'a>], String> {
        match self {
            Attribute::List(items) => Ok(items),
            other => Err(format!("expected a list, found {other:?}")),
        }
    }
}
