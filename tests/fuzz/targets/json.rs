//! Any JSON text is a graph or an error; a graph is written to text that reads back to an equal one,
//! and prints as a program.

#![no_main]

use choral_ir::Graph;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(graph) = Graph::from_json(text) else { return };
    let written = graph.to_json().expect("a graph that was read can be written");
    match Graph::from_json(&written) {
        Ok(again) => assert_eq!(again, graph, "{written}"),
        Err(error) => panic!("{error}\n{written}"),
    }
    let printed = graph.to_text();
    match Graph::parse(&printed) {
        Ok(again) => assert_eq!(again, graph, "{printed}"),
        Err(error) => panic!("{error}\n{printed}"),
    }
});
