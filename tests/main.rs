//! What crosses crates: one subject in each module. The laws over generated programs (`laws`) and the command
//! (`command`) are binaries of their own.

use std::path::Path;

mod allocations;
mod backpropagation;
mod checkpoints;
mod chunks;
mod close;
mod collectives;
mod collectives_several;
mod conformance;
mod control;
mod cuda;
mod custom;
mod derivatives;
mod dims;
mod ensembles;
mod errors;
mod explain;
mod files;
mod foreign;
mod golden;
mod gpus;
mod graphs;
mod initialisers;
mod ir;
mod kept;
mod layers;
mod loops;
mod losses;
mod memory;
mod methods;
mod molecules;
mod nested;
mod optimisers;
mod panics;
mod parts;
mod populations;
mod prior_art;
mod random;
mod refusals;
mod rewrites;
mod schedules;
mod sources;
mod tidy;
mod torch;
mod training;

#[path = "../examples/ani/mod.rs"]
mod ani;
#[path = "../examples/digits/mod.rs"]
mod digits;

/// The folder of the project.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// As [`ROOT`], or, where tests were carried to another machine, the folder that they are started in.
fn root() -> &'static Path {
    let built_in = Path::new(ROOT);
    if built_in.is_dir() { built_in } else { Path::new(".") }
}
