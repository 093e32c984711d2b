//! ANI.

mod ani;

use ani::molecule::Molecule;
use ani::potential::Potential;
use choral::prelude::*;

/// The folder of the project, which holds `examples/data`.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let potential = Potential::load()?;
    for path in std::env::args().skip(1) {
        let m = Molecule::read(path.as_ref())?;
        println!("{}", potential.energies(&m)?);
        let places = Tensor::stack(&[m.coordinates.clone()])?;
        println!("{}", potential.energies_at(&m.elements, &places)?);
    }
    Ok(())
}
