//! Where the user's program asked for something.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Path of the file; empty for a text without a name.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.file {
            "" => write!(f, "{}:{} of the text", self.line, self.column),
            file => write!(f, "{file}:{}:{}", self.line, self.column),
        }
    }
}

impl From<&std::panic::Location<'_>> for Location {
    fn from(at: &std::panic::Location<'_>) -> Location {
        Location { file: at.file().into(), line: at.line(), column: at.column() }
    }
}
