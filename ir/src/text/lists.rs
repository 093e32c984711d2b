//! Lists of numbers and names as attributes write them.

use std::fmt::Display;

/// `[1, 2]`.
pub(super) fn list<T: Display>(entries: &[T]) -> String {
    format!("[{}]", commas(entries))
}

fn commas<T: Display>(entries: &[T]) -> String {
    entries.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// `array<i64: 1, 2>`.
pub(super) fn array<T: Display>(entries: &[T]) -> String {
    if entries.is_empty() { "array<i64>".to_owned() } else { format!("array<i64: {}>", commas(entries)) }
}

/// `[[0, 1], [2, 3]]`.
pub(super) fn pairs(entries: &[(i64, i64)]) -> String {
    list(&entries.iter().map(|(low, high)| format!("[{low}, {high}]")).collect::<Vec<_>>())
}
