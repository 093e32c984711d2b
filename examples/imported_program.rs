//! A program without its source: text that JAX lowered, mapped and run.
//!
//! `examples/imported/kepler.mlir` solves Kepler's equation `E - e sin E = M` for one mean anomaly
//! `M` and one eccentricity `e` by Newton's method, in a loop that ends when `E` is close enough.
//! It was written for one orbit. Here it becomes a program for many anomalies of many orbits, each
//! of which takes as many rounds as it needs.
//!
//! ```text
//! cargo run --release --example imported_program
//! ```

use choral::runtime::Executable;
use choral::transform::{Axis, batch_graph};
use choral::{Device, Graph, Path, Tensor};

const PROGRAM: &str = include_str!("imported/kepler.mlir");

/// The graph over one more axis, for the inputs that `in_dims` names.
fn mapped(
    graph: &Graph,
    name: &str,
    size: usize,
    in_dims: [Option<usize>; 2],
) -> Result<Graph, choral::Error> {
    let axis = Axis { name: name.into(), size };
    let results = graph.outputs().len();
    Ok(batch_graph(graph, &in_dims, &vec![Some(0); results], &vec![Path::default(); results], &axis)?)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let one = Graph::parse(PROGRAM)?;
    let (anomalies, orbits) = (6, 4);
    let along_orbit = mapped(&one, "anomaly", anomalies, [Some(0), None])?;
    let all = mapped(&along_orbit, "orbit", orbits, [None, Some(0)])?;

    let mean = Tensor::from_fn([anomalies], |at| at as f32 * std::f32::consts::PI / 5.0);
    let eccentricity = Tensor::from_fn([orbits], |at| [0.05f32, 0.3, 0.6, 0.95][at]);
    let results = Executable::compile(&all, Device::Cpu)?.run(&[mean.clone(), eccentricity.clone()])?;
    let (eccentric, rounds) = (&results[0], &results[1]);

    println!("{} by {} from a program for one: {}", orbits, anomalies, eccentric.ty());
    for orbit in 0..orbits {
        let e = eccentricity.index(orbit)?.item::<f32>()?;
        let solved = eccentric.index(orbit)?;
        let off = solved
            .as_slice::<f32>()?
            .iter()
            .zip(mean.as_slice::<f32>()?)
            .map(|(x, m)| (x - e * x.sin() - m).abs());
        let off = off.fold(0.0, f32::max);
        println!(
            "  e = {e:4.2}: rounds {:?}, off by at most {off:.0e}",
            rounds.index(orbit)?.as_slice::<i32>()?
        );
    }
    Ok(())
}
