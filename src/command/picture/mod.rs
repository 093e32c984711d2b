//! Graphs as SVG: a box per node, a curve per operand, operands above what they feed.
//!
//! Drawn here, because a picture of a thousand nodes should not take minutes: what each box and
//! curve looks like. `layout` says where they lie.

mod layout;

use std::fmt::Write;

use choral::Graph;
use choral::ir::graph::Node;
use choral::ir::{NodeId, NodeKind};

use layout::{Frame, Layout};

/// Width of a character of the font, in pixels.
const CHARACTER: f64 = 7.2;
const LINE: f64 = 16.0;
const PADDING: f64 = 8.0;
/// Longer lines are cut.
const CHARACTERS: usize = 48;

const STYLE: &str = "<style>
text { font: 12px ui-monospace, monospace; text-anchor: middle; }
rect { fill: white; stroke: #57606a; }
.input { fill: #ddf4ff; } .constant { fill: #f6f8fa; stroke-dasharray: 3; } .output { stroke-width: 3; }
path { fill: none; stroke: #8c959f; marker-end: url(#head); }
</style>
<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><polygon points=\"0,0 8,4 0,8\" fill=\"#8c959f\"/></marker></defs>
";

/// The graph as an SVG document.
pub(super) fn svg(graph: &Graph) -> String {
    let labels: Vec<Vec<String>> = graph.nodes().map(|(_, node)| label(node)).collect();
    let sizes = labels.iter().map(|lines| size(lines)).collect();
    let sources: Vec<Vec<usize>> = graph.nodes().map(|(id, _)| sources(graph, id)).collect();
    let layout = layout::layout(sizes, &sources);
    let (width, height) = (layout.width, layout.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n{STYLE}"
    );
    for (at, sources) in sources.iter().enumerate() {
        curves(&mut svg, sources, &layout, at);
    }
    for ((id, node), lines) in graph.nodes().zip(&labels) {
        let is_output = graph.outputs().iter().any(|port| port.value.node() == id);
        draw_box(&mut svg, class(node, is_output), lines, &layout.frames[id.index()]);
    }
    svg + "</svg>\n"
}

fn sources(graph: &Graph, id: NodeId) -> Vec<usize> {
    graph.operands(id).iter().map(|value| value.node().index()).collect()
}

/// Name and op, then the type of each result.
fn label(node: &Node) -> Vec<String> {
    let made_by = match &node.kind {
        NodeKind::Input => "input",
        NodeKind::Constant(_) => "constant",
        NodeKind::Op(op) => op.short_name(),
    };
    let title = if node.name == made_by { node.name.clone() } else { format!("{} = {made_by}", node.name) };
    std::iter::once(title).chain(node.types.iter().map(|ty| ty.to_string())).map(|line| cut(&line)).collect()
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(CHARACTERS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

fn size(lines: &[String]) -> (f64, f64) {
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    (longest as f64 * CHARACTER + 2.0 * PADDING, lines.len() as f64 * LINE + PADDING)
}

fn class(node: &Node, is_output: bool) -> &'static str {
    match (&node.kind, is_output) {
        (NodeKind::Input, false) => "input",
        (NodeKind::Input, true) => "input output",
        (NodeKind::Constant(_), false) => "constant",
        (NodeKind::Constant(_), true) => "constant output",
        (NodeKind::Op(_), false) => "op",
        (NodeKind::Op(_), true) => "op output",
    }
}

/// A curve from each operand past these places; they arrive from left to right in the operands' order.
fn curves(svg: &mut String, sources: &[usize], layout: &Layout, at: usize) {
    let (frames, to) = (&layout.frames, &layout.frames[at]);
    for (position, (&source, route)) in sources.iter().zip(&layout.routes[at]).enumerate() {
        let (mut x, mut y) = (frames[source].at(0.5), frames[source].bottom());
        let mut path = format!("M{x:.1} {y:.1}");
        for place in route.iter().map(|&place| &frames[place]) {
            path += &curve((x, y), (place.x, place.y));
            path += &format!("V{:.1}", place.bottom());
            (x, y) = (place.x, place.bottom());
        }
        let end = to.at(layout::share(position, sources.len()));
        path += &curve((x, y), (end, to.y));
        line(svg, format_args!("<path d=\"{path}\"/>"));
    }
}

/// Downwards, leaving and arriving upright.
fn curve((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    let middle = (y1 + y2) / 2.0;
    format!("C{x1:.1} {middle:.1} {x2:.1} {middle:.1} {x2:.1} {y2:.1}")
}

fn draw_box(svg: &mut String, class: &str, lines: &[String], frame: &Frame) {
    let Frame { x, y, width, height } = frame;
    line(
        svg,
        format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\"/>"
        ),
    );
    for (position, text) in lines.iter().enumerate() {
        let (x, y) = (frame.at(0.5), y + LINE * (position + 1) as f64);
        line(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text)));
    }
}

fn line(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(svg, "{text}");
}

/// Text that XML can hold.
fn escaped(text: &str) -> String {
    let escape = |character: char| match character {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '\u{fffe}' | '\u{ffff}' => "_".to_owned(),
        other if other.is_control() => "_".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}
