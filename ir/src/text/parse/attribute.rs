//! Attributes as a text spells them: `dims = [0, 2]`, `<{slice_sizes = array<i64: 1>}>`,
//! `#stablehlo.gather<...>`. What an op makes of them is decided in [`super::attributes`].

use super::attributes::{Attribute, Attributes};
use super::cursor::{Cursor, Lists, NESTING};
use super::error::Fault;
use super::lexer::Kind;

/// How many tokens aliases may stand for: those that name others twice grow without bound.
const ALIASED: usize = 4_000_000;

impl<'a> Cursor<'a> {
    /// A value of an attribute; without the type that may follow after a colon.
    pub(super) fn attribute(&mut self) -> Result<Attribute<'a>, Fault> {
        if self.nested == NESTING {
            let message = format!("expected attributes nested at most {NESTING} deep");
            return Err(self.error(self.at(), message));
        }
        self.nested += 1;
        let attribute = self.attribute_of_any_depth();
        self.nested -= 1;
        attribute
    }

    fn attribute_of_any_depth(&mut self) -> Result<Attribute<'a>, Fault> {
        let start = self.position;
        match self.advance() {
            Kind::Number(literal) => Ok(literal.parse().map_or(Attribute::Word(literal), Attribute::Integer)),
            Kind::Word("true") => Ok(Attribute::Boolean(true)),
            Kind::Word("false") => Ok(Attribute::Boolean(false)),
            Kind::Word("array") => self.array(),
            Kind::Word(form @ ("dense" | "dense_resource")) => {
                let (tensor, ty) = self.literal(form)?;
                Ok(Attribute::Dense(tensor, ty.len()))
            }
            Kind::Word(word) | Kind::Text(word) | Kind::Symbol(word) | Kind::Bang(word) => {
                Ok(Attribute::Word(word))
            }
            Kind::Tensor(_) => Ok(Attribute::Word("tensor")),
            Kind::Mark('?') => Ok(Attribute::Word("?")),
            Kind::Mark('[') => self.until(']', Cursor::entry_value).map(Attribute::List),
            Kind::Mark('{') => self.record('}').map(Attribute::Record),
            Kind::Mark('<') => self.record('>').map(Attribute::Record),
            Kind::Hash(name) => self.named_attribute(name),
            Kind::Value(_) | Kind::Block(_) | Kind::Arrow | Kind::Resources | Kind::Mark(_) | Kind::End => {
                self.position = start;
                Err(self.unexpected("the value of an attribute"))
            }
        }
    }

    /// `array<i64: 1, 2>` or `array<i64>`, its `array` taken.
    fn array(&mut self) -> Result<Attribute<'a>, Fault> {
        self.expect('<')?;
        self.word("the element type of the array")?;
        if !self.eat(':') {
            self.expect('>')?;
            return Ok(Attribute::List(Vec::new()));
        }
        self.until('>', Cursor::attribute).map(Attribute::List)
    }

    /// `name = value, ..` up to the closing mark; a name alone is a flag.
    pub(super) fn record(&mut self, close: char) -> Result<Attributes<'a>, Fault> {
        let entries = self.until(close, |cursor| {
            let (Kind::Word(name) | Kind::Text(name)) = cursor.peek() else {
                return Err(cursor.unexpected("the name of an attribute"));
            };
            cursor.advance();
            let value = if cursor.eat('=') { cursor.entry_value()? } else { Attribute::Boolean(true) };
            Ok((name, value))
        })?;
        Ok(Attributes::of(entries))
    }

    /// The value of an entry of a record or list, with its type if it has one. What cannot be read is
    /// skipped: it is a fault for an op that asks for it alone.
    fn entry_value(&mut self) -> Result<Attribute<'a>, Fault> {
        const END: &str = "the end of an attribute";
        let start = self.position;
        let value = self.linked().and_then(|value| {
            if self.eat(':') {
                self.pass_over(END)?;
            }
            match self.peek() {
                Kind::Mark(',' | ']' | '}' | '>') => Ok(value),
                _ => Err(self.unexpected(END)),
            }
        });
        value.or_else(|fault| {
            self.position = start;
            self.pass_over("the value of an attribute")?;
            Ok(Attribute::Unread(fault.message))
        })
    }

    /// A value, or several that belong together: `[0] x [1]`, `[b, f]x[o, i]->[b, f]`.
    pub(super) fn linked(&mut self) -> Result<Attribute<'a>, Fault> {
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

    /// An alias, or `#stablehlo.gather<a = 1>`, `#stablehlo<comparison_direction LT>`,
    /// `#stablehlo.conv<[..]x[..]->[..]>`.
    fn named_attribute(&mut self, name: &'a str) -> Result<Attribute<'a>, Fault> {
        if let Some(&definition) = self.survey.attributes.get(name) {
            return self.alias(name, definition);
        }
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

    /// What an alias stands for.
    fn alias(&mut self, name: &'a str, definition: usize) -> Result<Attribute<'a>, Fault> {
        let back = std::mem::replace(&mut self.position, definition);
        let value = if self.aliased > ALIASED {
            Err(self
                .error(self.at(), format!("the aliases of this text stand for more than {ALIASED} tokens")))
        } else if self.open_aliases.insert(name) {
            let value = self.linked();
            self.open_aliases.remove(name);
            value
        } else {
            Err(self.error(self.at(), format!("#{name} stands for itself")))
        };
        self.aliased += self.position.saturating_sub(definition) + 1;
        self.position = back;
        value
    }
}
