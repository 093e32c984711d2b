//! One layer in all sizes: members, batches and widths.

use crate::Workload;
use crate::ensembles::per_member;
use choral::Var;

/// Members, batch and width where one of the others is swept.
const MEMBERS: usize = 16;
const BATCH: usize = 32;
const WIDTH: usize = 64;

pub(crate) fn workloads() -> Vec<Workload> {
    let members = powers(1, 4096).map(|members| ("members", [members, BATCH, WIDTH]));
    let batches = powers(1, 1024).map(|batch| ("batch", [MEMBERS, batch, WIDTH]));
    // One member: the widest layer has 64 MiB of weights.
    let widths = powers(8, 4096).map(|width| ("width", [1, BATCH, width]));
    let layer = |(swept, sizes): (&str, [usize; 3])| {
        let [members, batch, width] = sizes;
        let name = format!("{swept}_{members}x{batch}x{width}");
        Workload::new(name, move || per_member(members, &[width, width], batch, Var::relu))
    };
    members.chain(batches).chain(widths).map(layer).collect()
}

/// The powers of two between two of them.
fn powers(from: usize, to: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(from), |size| Some(size * 2)).take_while(move |&size| size <= to)
}
