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

use choral::Graph;
use choral::prelude::*;

const PROGRAM: &str = include_str!("imported/kepler.mlir");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let one = Graph::parse(PROGRAM)?;
    let mean = Tensor::from_fn([6], |at| at as f32 * std::f32::consts::PI / 5.0);
    let eccentricity = Tensor::from([0.05f32, 0.3, 0.6, 0.95]);

    let along_orbit = vmap(one, (0, None)).axis_name("anomaly");
    let all = vmap(along_orbit, (None, 0)).axis_name("orbit");
    let results = all.call((&mean, &eccentricity))?;
    let (eccentric, rounds) = (&results[0], &results[1]);

    println!("{} from a program for one orbit and one anomaly", eccentric.ty());
    for (orbit, e) in eccentricity.as_slice::<f32>()?.iter().enumerate() {
        let solved = eccentric.index(orbit)?;
        let equation = |(x, m): (&f32, &f32)| (x - e * x.sin() - m).abs();
        let off =
            solved.as_slice::<f32>()?.iter().zip(mean.as_slice::<f32>()?).map(equation).fold(0.0, f32::max);
        let rounds = rounds.index(orbit)?;
        println!("  e = {e:4.2}: rounds {:?}, off by at most {off:.0e}", rounds.as_slice::<i32>()?);
    }
    Ok(())
}
