//! The ANI-1x ensemble against TorchANI: environment vectors, energies and forces of seven molecules; and what is said of
//! molecules that are none.

use choral::prelude::*;
use choral::state::file;

use crate::ani::environment::Constants;
use crate::ani::molecule::{Molecule, of_data};
use crate::ani::path;
use crate::ani::potential::{Potential, mean_and_deviation};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn expected() -> Result<State<Tensor>, choral::Error> {
    Ok(file::read(path("expected.safetensors"))?)
}

#[track_caller]
fn assert_close(name: &str, got: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(got.ty(), expected.ty(), "{name}");
    let pairs = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
    let worst = pairs.map(|(got, expected)| (got - expected).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance, "{name}: differs by {worst}, allowed are {tolerance}");
}

#[test]
fn environment_vectors_are_those_of_torchani() -> TestResult {
    let (expected, constants) = (expected()?, Constants::load()?);
    let molecules = of_data()?;
    assert_eq!(molecules.len(), 7);
    for (name, molecule) in molecules {
        let vectors = jit(|coordinates: Var| constants.environments(&molecule.elements, &coordinates));
        for device in [Device::Cpu, Device::Reference] {
            assert_close(
                &name,
                &vectors.call(&molecule.coordinates)?,
                &expected[&format!("{name}.aev")],
                1e-5,
            );
        }
    }
    Ok(())
}

#[test]
fn energies_are_those_of_torchani() -> TestResult {
    let (expected, potential) = (expected()?, Potential::load()?);
    for (name, molecule) in of_data()? {
        let of_networks = jit(potential.network_energies(&molecule.elements));
        let of_networks = of_networks.call((&molecule.coordinates, &potential.params))?;
        assert_close(&name, &of_networks, &expected[&format!("{name}.network_energies")], 1e-5);
        let energies = potential.energies(&molecule)?;
        assert_close(&name, &energies, &expected[&format!("{name}.total_energies")], 1e-5);
    }
    Ok(())
}

#[test]
fn forces_are_those_of_torchani() -> TestResult {
    let (expected, potential) = (expected()?, Potential::load()?);
    for (name, molecule) in of_data()? {
        let forces = potential.forces(&molecule)?;
        assert_close(&name, &forces, &expected[&format!("{name}.forces_of_mean")], 1e-4);
    }
    Ok(())
}
