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
        let vectors = |coordinates: Var| constants.environments(&molecule.elements, &coordinates);
        for device in [Device::Cpu, Device::Reference] {
            let vectors = jit(vectors).on(device).call(&molecule.coordinates)?;
            assert_close(&name, &vectors, &expected[&format!("{name}.aev")], 1e-5);
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

/// What the data's page says of water, and of water with a stretched bond.
#[test]
fn members_disagree_where_nothing_was_learned() -> TestResult {
    let potential = Potential::load()?;
    let of = |wanted: &str| -> Result<f64, Box<dyn std::error::Error>> {
        let (_, molecule) =
            of_data()?.into_iter().find(|(name, _)| name == wanted).ok_or("no such molecule")?;
        Ok(mean_and_deviation(&potential.energies(&molecule)?.to_f64_vec()).1)
    };
    assert_eq!(format!("{:.1} {:.1}", of("water")?, of("stretched_water")?), "0.3 3.9");
    Ok(())
}

#[test]
fn many_places_of_a_molecule_give_the_energies_of_each() -> TestResult {
    let potential = Potential::load()?;
    let molecules = of_data()?;
    let waters: Vec<&Molecule> =
        molecules.iter().filter(|(name, _)| name.ends_with("water")).map(|(_, molecule)| molecule).collect();
    let places: Vec<Tensor> = waters.iter().map(|water| water.coordinates.clone()).collect();
    let together = potential.energies_at(&waters[0].elements, &Tensor::stack(&places)?)?;
    for (at, water) in waters.iter().enumerate() {
        assert!(together.index(at)?.bit_eq(&potential.energies(water)?), "place {at}");
    }
    Ok(())
}

#[test]
fn a_file_is_read_as_it_is_meant() -> TestResult {
    let water = Molecule::parse("3\nwater\nO 0 0 0.12\n H\t0.0 0.76 -4.7e-1 0.3\nH 0.0 -0.76 -0.47\n\n")?;
    let symbols: Vec<&str> = water.elements.iter().map(|element| element.symbol()).collect();
    assert_eq!(symbols, ["O", "H", "H"]);
    let expected = [[0.0f32, 0.0, 0.12], [0.0, 0.76, -0.47], [0.0, -0.76, -0.47]];
    assert!(water.coordinates.bit_eq(&Tensor::from(expected)));
    Ok(())
}

#[test]
fn faults_of_files_say_where_and_what_was_expected() {
    let of = |text: &str| Molecule::parse(text).err().map(|fault| fault.to_string()).unwrap_or_default();
    let cases = [
        ("", "line 1: expected the number of atoms, 1 or more, got the end of the file"),
        ("O 0 0 0", "line 1: expected the number of atoms, 1 or more, got \"O 0 0 0\""),
        ("0\n\n", "line 1: expected the number of atoms, 1 or more, got \"0\""),
        ("2\n\nO 0 0 0\n", "line 4: expected atom 2 of 2 as in \"O 0.0 0.0 0.1\", got the end of the file"),
        ("1\n\nO 0 0\n", "line 3: expected atom 1 of 1 as in \"O 0.0 0.0 0.1\", got \"O 0 0\""),
        ("1\n\nS 0 0 0\n", "line 3: expected an element that ANI-1x knows (H, C, N or O), got \"S\""),
        ("1\n\nO 0 zero 0\n", "line 3: expected a coordinate in angstrom, got \"zero\""),
        ("1\n\nO 0 nan 0\n", "line 3: expected a coordinate in angstrom, got \"nan\""),
        (
            "1\n\nO 0 0 0\nH 0 0 1\n",
            "line 4: expected the end of the file after the last atom, got \"H 0 0 1\"",
        ),
        (
            "3\n\nO 0 0 0\nH 0 0 1\nC 0 0 1\n",
            "atoms 2 (H) and 3 (C) are at the same place, expected at least 0.01 angstrom between them",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(of(text), expected, "of {text:?}");
    }
    let missing = Molecule::read("no/such.xyz".as_ref()).err().map(|fault| fault.to_string());
    assert!(missing.is_some_and(|fault| fault.starts_with("no/such.xyz: ")));
}
