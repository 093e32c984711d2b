//! `--vmap IN[->OUT]`: what may be written, and what it means for a program.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use choral::TensorType;
use choral::ir::normalise_dim;

use super::Error;
use super::expected::Expected;

/// One `--vmap IN[->OUT]`, as it was written.
#[derive(Debug, Clone)]
pub(super) struct Vmap {
    text: String,
    arguments: Vec<Option<i64>>,
    results: Vec<Option<i64>>,
}

impl FromStr for Vmap {
    type Err = String;

    fn from_str(text: &str) -> Result<Vmap, String> {
        let (arguments, results) = text.split_once("->").unwrap_or((text, "0"));
        Ok(Vmap { text: text.to_owned(), arguments: entries(arguments)?, results: entries(results)? })
    }
}

fn entries(list: &str) -> Result<Vec<Option<i64>>, String> {
    list.split(',').map(|entry| dim(entry.trim())).collect()
}

fn dim(entry: &str) -> Result<Option<i64>, String> {
    if entry == "_" {
        return Ok(None);
    }
    let wrong = |_| format!("expected an integer or _, found '{entry}'; written like 0,_,-1 or 0,_->1");
    entry.parse().map(Some).map_err(wrong)
}

impl Vmap {
    pub(super) fn wrong(&self, message: impl fmt::Display) -> Error {
        Error::message(format!("--vmap {}: {message}", self.text))
    }

    pub(super) fn disagreement(&self, sizes: &BTreeMap<usize, Vec<String>>) -> Error {
        let lines = sizes.iter().map(|(size, places)| format!("\n  {size} in {}", places.join("; ")));
        self.wrong(format!("the inputs disagree about the number of members:{}", lines.collect::<String>()))
    }

    /// Where each argument holds the members.
    pub(super) fn in_dims(&self, arguments: &[Expected]) -> Result<Vec<Option<usize>>, Error> {
        let listed = || arguments.iter().map(|argument| format!("%{}: {argument}", argument.name)).collect();
        let entries = self.one_each("argument", &self.arguments, arguments.len(), listed)?;
        let place = |(position, (entry, argument)): (usize, (Option<i64>, &Expected))| match entry {
            None => Ok(None),
            Some(dim) => {
                let value = format!("argument {position} (%{}: {argument})", argument.name);
                self.in_range(dim, argument.shape.len(), &value).map(Some)
            }
        };
        entries.into_iter().zip(arguments).enumerate().map(place).collect()
    }

    /// Where each result is to hold the members.
    pub(super) fn out_dims(&self, results: &[TensorType]) -> Result<Vec<Option<i64>>, Error> {
        let listed = || results.iter().map(TensorType::to_string).collect();
        let entries = self.one_each("result", &self.results, results.len(), listed)?;
        for (position, (entry, ty)) in entries.iter().zip(results).enumerate() {
            if let Some(dim) = entry {
                self.in_range(*dim, ty.rank(), &format!("result {position} ({ty})"))?;
            }
        }
        Ok(entries)
    }

    fn one_each(
        &self,
        what: &str,
        entries: &[Option<i64>],
        count: usize,
        listed: impl Fn() -> Vec<String>,
    ) -> Result<Vec<Option<i64>>, Error> {
        match entries {
            [all] => Ok(vec![*all; count]),
            each if each.len() == count => Ok(each.to_vec()),
            other => Err(self.wrong(format!(
                "{} entries, but the program has {count} {what}{}: {}",
                other.len(),
                if count == 1 { "" } else { "s" },
                listed().join(", ")
            ))),
        }
    }

    /// A dimension of a value that has one more than `rank`.
    fn in_range(&self, dim: i64, rank: usize, value: &str) -> Result<usize, Error> {
        let dims = rank + 1;
        normalise_dim(dim, dims).ok_or_else(|| {
            self.wrong(format!("{value} has rank {dims} once mapped, so {dim} must lie in -{dims}..{dims}"))
        })
    }
}
