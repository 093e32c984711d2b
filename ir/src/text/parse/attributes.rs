//! Attributes by name, and what an op may make of each: integers, sizes, flags, keywords.
//!
//! An attribute of the wrong kind is an error that names it.

use crate::Tensor;

/// The value of an attribute, as far as ops need to tell values apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Attribute<'a> {
    /// An integer.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A keyword, a symbol, a text, or a number that is no integer.
    Word(&'a str),
    /// `[...]` or `array<...>`.
    List(Vec<Attribute<'a>>),
    /// `{...}` or `#stablehlo.gather<...>`.
    Record(Attributes<'a>),
    /// `dense<...>`, with the number of its elements.
    Dense(Tensor, usize),
    /// A form that no op takes, or a faulty one, with what is wrong. It was skipped.
    Unread(String),
}

/// Attributes by name; each op takes those that it knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Attributes<'a> {
    /// Those that the op's meaning depends on, if it has one of this name.
    inherent: Vec<(&'a str, Attribute<'a>)>,
    /// Those of the dictionary in braces: an op's own in older texts, and notes of any kind.
    discardable: Vec<(&'a str, Attribute<'a>)>,
}

/// Attributes that change no value.
const HINTS: [&str; 6] =
    ["precision", "precision_config", "algorithm", "unique_indices", "result_accuracy", "indices_are_sorted"];

/// A literal of one element for all is a list of at most this many.
const REPEATED: usize = 1 << 16;

impl<'a> Attributes<'a> {
    pub(super) fn of(inherent: Vec<(&'a str, Attribute<'a>)>) -> Attributes<'a> {
        Attributes { inherent, discardable: Vec::new() }
    }

    pub(super) fn push(&mut self, name: &'a str, value: Attribute<'a>) {
        self.inherent.push((name, value));
    }

    /// Adds attributes that the op must know.
    pub(super) fn extend(&mut self, other: Attributes<'a>) {
        self.inherent.extend(other.inherent);
    }

    /// Adds attributes that count where the op knows them, and are skipped elsewhere.
    pub(super) fn attach(&mut self, other: Attributes<'a>) {
        self.discardable.extend(other.inherent);
    }

    /// Takes the attribute of one of these names, if there is one, with its name.
    fn take_named(&mut self, names: &[&str]) -> Option<(&'a str, Attribute<'a>)> {
        [&mut self.inherent, &mut self.discardable].into_iter().find_map(|entries| {
            let position = entries.iter().position(|(name, _)| names.contains(name))?;
            Some(entries.remove(position))
        })
    }

    /// Takes the attribute of one of these names, if there is one.
    pub(super) fn take(&mut self, names: &[&str]) -> Option<Attribute<'a>> {
        self.take_named(names).map(|(_, value)| value)
    }

    /// Takes what the reading makes of the attribute of one of these names, if there is one.
    fn read_if<T>(
        &mut self,
        names: &[&str],
        read: impl Fn(&Attribute<'a>) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some((name, value)) = self.take_named(names) else { return Ok(None) };
        read(&value).map(Some).map_err(|message| format!("`{name}`: {message}"))
    }

    /// Takes what the reading makes of the attribute of one of these names.
    pub(super) fn read<T>(
        &mut self,
        names: &[&str],
        read: impl Fn(&Attribute<'a>) -> Result<T, String>,
    ) -> Result<T, String> {
        self.read_if(names, read)?.ok_or_else(|| format!("expected the attribute `{}`", names[0]))
    }

    /// As [`Attributes::read`]; `default` if there is no such attribute.
    pub(super) fn read_or<T>(
        &mut self,
        names: &[&str],
        default: T,
        read: impl Fn(&Attribute<'a>) -> Result<T, String>,
    ) -> Result<T, String> {
        Ok(self.read_if(names, read)?.unwrap_or(default))
    }

    pub(super) fn integers(&mut self, names: &[&str]) -> Result<Vec<i64>, String> {
        self.read(names, Attribute::integers)
    }

    pub(super) fn sizes(&mut self, names: &[&str]) -> Result<Vec<usize>, String> {
        self.read(names, Attribute::sizes)
    }

    pub(super) fn sizes_or(&mut self, names: &[&str], default: Vec<usize>) -> Result<Vec<usize>, String> {
        self.read_or(names, default, Attribute::sizes)
    }

    pub(super) fn size(&mut self, names: &[&str]) -> Result<usize, String> {
        self.read(names, Attribute::size)
    }

    pub(super) fn size_or(&mut self, names: &[&str], default: usize) -> Result<usize, String> {
        self.read_or(names, default, Attribute::size)
    }

    pub(super) fn word(&mut self, names: &[&str]) -> Result<&'a str, String> {
        self.read(names, Attribute::word)
    }

    /// Whether a flag is set; without the attribute it is not.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, String> {
        self.read_or(&[name], false, Attribute::boolean)
    }

    /// `[[low, high], ..]` in any nesting; this many pairs of zeros without the attribute.
    pub(super) fn pairs_or(&mut self, names: &[&str], count: usize) -> Result<Vec<(i64, i64)>, String> {
        self.read_or(names, vec![(0, 0); count], |value| {
            let integers = value.integers()?;
            let (pairs, rest) = integers.as_chunks::<2>();
            match rest {
                [] => Ok(pairs.iter().map(|[low, high]| (*low, *high)).collect()),
                _ => Err(format!("expected pairs of integers, found {} integers", integers.len())),
            }
        })
    }

    /// Takes a record; its attributes, none if it is absent.
    pub(super) fn record(&mut self, names: &[&str]) -> Result<Attributes<'a>, String> {
        self.read_or(names, Attributes::default(), |value| match value {
            Attribute::Record(record) => Ok(record.clone()),
            other => Err(format!("expected named attributes, found {}", other.kind())),
        })
    }

    /// The attribute of this name, as a keyword.
    pub(super) fn peek_word(&self, wanted: &str) -> Option<&'a str> {
        let mut entries = self.inherent.iter().chain(&self.discardable);
        entries.find(|(name, _)| *name == wanted).and_then(|(_, value)| value.word().ok())
    }

    /// Fails if an attribute is left that no op took and that could matter.
    pub(super) fn finish(&self) -> Result<(), String> {
        let matters = |name: &&str| !HINTS.contains(name) && !name.contains('.');
        match self.inherent.iter().map(|(name, _)| *name).find(matters) {
            Some(name) => Err(format!("expected attributes of this op, found `{name}`")),
            None => Ok(()),
        }
    }
}

impl<'a> Attribute<'a> {
    /// Every integer in it, lists within lists in order.
    pub(super) fn integers(&self) -> Result<Vec<i64>, String> {
        match self {
            Attribute::Integer(value) => Ok(vec![*value]),
            Attribute::List(items) => {
                Ok(items.iter().map(Attribute::integers).collect::<Result<Vec<_>, _>>()?.concat())
            }
            Attribute::Dense(tensor, count) => {
                let values = dense_integers(tensor).ok_or_else(|| self.not("integers"))?;
                repeated(values, *count)
            }
            Attribute::Boolean(_) | Attribute::Word(_) | Attribute::Record(_) | Attribute::Unread(_) => {
                Err(self.not("integers"))
            }
        }
    }

    /// Every integer in it, none of them negative.
    pub(super) fn sizes(&self) -> Result<Vec<usize>, String> {
        let size = |value: i64| usize::try_from(value).map_err(|_| format!("expected a size, found {value}"));
        self.integers()?.into_iter().map(size).collect()
    }

    /// The only integer in it.
    pub(super) fn integer(&self) -> Result<i64, String> {
        match self.integers()?.as_slice() {
            [integer] => Ok(*integer),
            integers => Err(format!("expected one integer, found {}", integers.len())),
        }
    }

    /// The only integer in it, not negative.
    pub(super) fn size(&self) -> Result<usize, String> {
        let integer = self.integer()?;
        usize::try_from(integer).map_err(|_| format!("expected a size, found {integer}"))
    }

    /// `true` or `false`; 1 or 0.
    pub(super) fn boolean(&self) -> Result<bool, String> {
        match self.booleans()?.as_slice() {
            [flag] => Ok(*flag),
            flags => Err(format!("expected true or false, found {} of them", flags.len())),
        }
    }

    /// Every flag in it, lists within lists in order.
    pub(super) fn booleans(&self) -> Result<Vec<bool>, String> {
        match self {
            Attribute::Boolean(flag) => Ok(vec![*flag]),
            Attribute::Integer(value @ (0 | 1)) => Ok(vec![*value == 1]),
            Attribute::List(items) => {
                Ok(items.iter().map(Attribute::booleans).collect::<Result<Vec<_>, _>>()?.concat())
            }
            Attribute::Dense(tensor, count) => {
                let flags = tensor.as_slice::<bool>().map_err(|_| self.not("true or false"))?;
                repeated(flags.to_vec(), *count)
            }
            Attribute::Integer(_) | Attribute::Word(_) | Attribute::Record(_) | Attribute::Unread(_) => {
                Err(self.not("true or false"))
            }
        }
    }

    /// The word that it is.
    pub(super) fn word(&self) -> Result<&'a str, String> {
        match self {
            Attribute::Word(word) => Ok(word),
            other => Err(other.not("a keyword")),
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Result<&[Attribute<'a>], String> {
        match self {
            Attribute::List(items) => Ok(items),
            other => Err(other.not("a list")),
        }
    }

    /// The error that something else was expected.
    pub(super) fn not(&self, expected: &str) -> String {
        format!("expected {expected}, found {}", self.kind())
    }

    /// What it is, in words.
    fn kind(&self) -> String {
        match self {
            Attribute::Integer(value) => value.to_string(),
            Attribute::Boolean(value) => value.to_string(),
            Attribute::Word(word) => format!("`{word}`"),
            Attribute::List(items) => format!("a list of {}", items.len()),
            Attribute::Record(_) => "named attributes".to_owned(),
            Attribute::Dense(tensor, _) => format!("a literal of {}", tensor.dtype()),
            Attribute::Unread(fault) => format!("what cannot be read: {fault}"),
        }
    }
}

/// The elements of a literal of integers, exactly; of unsigned ones above the greatest `i64` none.
fn dense_integers(tensor: &Tensor) -> Option<Vec<i64>> {
    let (dtype, width) = (tensor.dtype(), tensor.dtype().bits() as u32);
    if !dtype.is_integer() {
        return None;
    }
    let integer = |bits: u64| match dtype.is_signed_integer() {
        true => Some((bits << (64 - width)) as i64 >> (64 - width)),
        false => i64::try_from(bits).ok(),
    };
    tensor.storage().bits().into_iter().map(integer).collect()
}

/// The elements of a literal, where one may stand for all of `count`.
fn repeated<T: Clone>(values: Vec<T>, count: usize) -> Result<Vec<T>, String> {
    match values.as_slice() {
        [value] if count <= REPEATED => Ok(vec![value.clone(); count]),
        _ if values.len() == count => Ok(values),
        _ => Err(format!("expected at most {REPEATED} elements, found {count}")),
    }
}
