//! What tests of texts share.

use choral_ir::Graph;

/// What the parser says of a text that it must refuse.
#[track_caller]
pub(crate) fn fault(text: &str) -> String {
    match Graph::parse(text) {
        Err(error) => format!("{error}\n"),
        Ok(graph) => panic!("expected a fault, read\n{graph}"),
    }
}
