//! Named axes in text: an attribute at the boundary, a comment on each line inside.

use crate::axes::Axes;
use crate::graph::{NamedAxis, Node, NodeId, Port};

/// The attribute of a boundary value with these axes, empty without any.
pub(super) fn attribute(port: &Port) -> String {
    if port.axes.is_empty() { String::new() } else { format!(" {{choral.axes = \"{}\"}}", spell(&port.axes)) }
}

fn spell(axes: &[NamedAxis]) -> String {
    axes.iter().map(NamedAxis::to_string).collect::<Vec<_>>().join(" ")
}

/// The axes that `members@0 batch@1` spells, if it spells any.
pub(super) fn read(text: &str) -> Option<Vec<NamedAxis>> {
    let axis = |part: &str| {
        let (name, dim) = part.rsplit_once('@')?;
        Some(NamedAxis { name: name.into(), dim: dim.parse().ok()? })
    };
    text.split_whitespace().map(axis).collect()
}

/// The comment that closes the line of a node, empty where no axis is known. Results that differ are listed
/// one by one.
pub(super) fn comment(axes: &Axes<'_>, id: NodeId, node: &Node) -> String {
    let results = (0..node.types.len()).map(|result| spell(&axes.of(id.result(result))));
    let results: Vec<String> = results.collect();
    let text = match results.as_slice() {
        [first, others @ ..] if others.iter().all(|other| other == first) => first.clone(),
        results => {
            let word = |axes: &String| if axes.is_empty() { "-".to_owned() } else { axes.clone() };
            results.iter().map(word).collect::<Vec<_>>().join(", ")
        }
    };
    if text.is_empty() { text } else { format!("  // {text}") }
}
