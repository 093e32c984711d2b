//! Any text is a program or an error; a program prints to text that reads back to an equal graph.

#![no_main]

use choral_ir::Graph;
use choral_ir::check::Program;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(Program { graph, .. }) = Program::parse(text) else { return };
    let printed = graph.to_text();
    match Graph::parse(&printed) {
        Ok(again) => assert_eq!(again, graph, "{printed}"),
        Err(error) => panic!("{error}\n{printed}"),
    }
    assert_eq!(Graph::parse(&printed).map(|again| again.to_text()), Ok(printed));
});
