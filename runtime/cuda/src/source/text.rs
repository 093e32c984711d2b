//! Source text: lines, indented as braces say.
//!
//! Must not live here: what the lines say.

use std::fmt::Display;

/// Lines of source.
#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    lines: String,
    depth: usize,
}

impl Text {
    /// A line.
    pub(super) fn line(&mut self, line: impl Display) {
        self.lines.push_str(&"    ".repeat(self.depth));
        self.lines.push_str(&line.to_string());
        self.lines.push('\n');
    }

    /// A block: `head {`, the lines that `within` adds, and `}`.
    pub(super) fn block(&mut self, head: impl Display, within: impl FnOnce(&mut Text)) {
        self.open(head);
        within(self);
        self.close();
    }

    /// As [`Text::block`], of lines that there may be none of.
    ///
    /// # Errors
    /// That of `within`.
    pub(super) fn try_block<E>(
        &mut self,
        head: impl Display,
        within: impl FnOnce(&mut Text) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(head);
        within(self)?;
        self.close();
        Ok(())
    }

    fn open(&mut self, head: impl Display) {
        let head = head.to_string();
        self.line(if head.is_empty() { "{".to_owned() } else { format!("{head} {{") });
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }

    /// Other lines, as deep as this one is.
    pub(super) fn append(&mut self, other: Text) {
        other.lines.lines().for_each(|line| self.line(line));
    }

    /// All lines.
    pub(super) fn into_string(self) -> String {
        self.lines
    }
}
