//! Energies and forces of molecules by the eight networks of ANI-1x as one program, and how sure they are of them.
//!
//! The members were trained on the same quantum-chemical energies. Where they agree the energy is known; where they differ,
//! the molecule is unlike what they learned from. Forces are the gradient of the members' mean through `vmap` and the
//! environment vectors of all atoms.
//!
//! `cargo run --release --example ani_energies` (`-- FILE.xyz ..` for molecules of your own)

mod ani;
mod plots;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use ani::molecule::{Molecule, of_data};
use ani::potential::{KCAL_PER_MOL, MEMBERS, Potential, mean_and_deviation};
use choral::prelude::*;
use plots::curves::{self, Curve, Labels, Place};
use textplots::{Chart, Plot, Shape};

/// The folder of the project, which holds `examples/data`.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Members that differ by more, in kcal/mol and by the root of the number of atoms, are not to be trusted: the limit of
/// J. S. Smith et al.: "Less is more: Sampling chemical space with active learning", J. Chem. Phys. 148, 241733 (2018).
const UNSURE: f64 = 0.23;

/// How many lengths of the bond are tried.
const LENGTHS: usize = 61;

type AnyError = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ani_energies: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), AnyError> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let read = |file: &String| -> Result<_, AnyError> {
        let path = Path::new(file);
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, Molecule::read(path)?))
    };
    let molecules =
        if files.is_empty() { of_data()? } else { files.iter().map(read).collect::<Result<_, _>>()? };
    let potential = Potential::load()?;
    let started = Instant::now();
    table(&potential, &molecules)?;
    if files.is_empty() {
        let (_, water) = molecules.iter().find(|(name, _)| name == "water").ok_or("the data lack water")?;
        stretch(&potential, water)?;
    } else {
        molecules.iter().try_for_each(|(name, molecule)| forces(&potential, name, molecule))?;
    }
    println!("{:.2?}, compilation included", started.elapsed());
    Ok(())
}

/// Prints the members' energies of each molecule, and whether they agree.
fn table(potential: &Potential, molecules: &[(String, Molecule)]) -> Result<(), AnyError> {
    println!(
        "ANI-1x, {MEMBERS} members: energies in hartree, deviations in kcal/mol, forces in kcal/mol per angstrom"
    );
    println!(
        "{:<18}{:>6}{:>13}{:>9}{:>14}{:>9}    members beside their mean",
        "", "atoms", "energy", "std", "/ root atoms", "force"
    );
    for (name, molecule) in molecules {
        let energies = potential.energies(molecule)?.to_f64_vec();
        let (mean, deviation) = mean_and_deviation(&energies);
        let atoms = molecule.elements.len();
        let by_atoms = deviation / (atoms as f64).sqrt();
        let forces = potential.forces(molecule)?.to_f64_vec();
        let length = |force: &[f64]| force.iter().map(|part| part * part).sum::<f64>().sqrt();
        let greatest = forces.chunks(3).map(length).fold(0.0, f64::max) * KCAL_PER_MOL;
        let members: String =
            energies.iter().map(|energy| format!("{:8.2}", (energy - mean) * KCAL_PER_MOL)).collect();
        let verdict = if by_atoms > UNSURE { "  unsure" } else { "" };
        println!(
            "{name:<18}{atoms:>6}{mean:>13.5}{deviation:>9.2}{by_atoms:>14.2}{greatest:>9.1}{members}{verdict}"
        );
    }
    println!();
    Ok(())
}

/// Prints the force on each atom.
fn forces(potential: &Potential, name: &str, molecule: &Molecule) -> Result<(), AnyError> {
    println!("{name}: forces in hartree per angstrom");
    let forces = potential.forces(molecule)?.to_f64_vec();
    for (element, force) in molecule.elements.iter().zip(forces.chunks(3)) {
        println!("  {:<2}{:>12.6}{:>12.6}{:>12.6}", element.symbol(), force[0], force[1], force[2]);
    }
    println!();
    Ok(())
}

/// Draws the energy of water as one of its hydrogen atoms is pulled away, all lengths of the bond in one program.
fn stretch(potential: &Potential, water: &Molecule) -> Result<(), AnyError> {
    let atoms = water.coordinates.to_f64_vec();
    let (oxygen, hydrogen) = (&atoms[..3], &atoms[3..6]);
    let bond: Vec<f64> = hydrogen.iter().zip(oxygen).map(|(to, from)| to - from).collect();
    let usual = bond.iter().map(|part| part * part).sum::<f64>().sqrt();
    let lengths: Vec<f64> = (0..LENGTHS).map(|at| 0.75 + 1.5 * at as f64 / (LENGTHS - 1) as f64).collect();
    let places = Tensor::from_fn([LENGTHS, water.elements.len(), 3], |at| {
        let (length, coordinate) = (lengths[at / atoms.len()], at % atoms.len());
        let is_pulled = (3..6).contains(&coordinate);
        let pulled = |part: usize| oxygen[part] + bond[part] / usual * length;
        (if is_pulled { pulled(coordinate - 3) } else { atoms[coordinate] }) as f32
    });
    let started = Instant::now();
    let energies = potential.energies_at(&water.elements, &places)?.to_f64_vec();
    let time = started.elapsed();

    let spreads: Vec<(f64, f64)> = energies.chunks(MEMBERS).map(mean_and_deviation).collect();
    let lowest = spreads.iter().map(|(mean, _)| *mean).fold(f64::INFINITY, f64::min);
    let above = |mean: f64| (mean - lowest) * KCAL_PER_MOL;
    let place = |(length, (mean, deviation)): (&f64, &(f64, f64))| Place {
        x: *length,
        middle: above(*mean),
        band: (above(*mean) - 2.0 * deviation, above(*mean) + 2.0 * deviation),
    };
    let places: Vec<Place> = lengths.iter().zip(&spreads).map(place).collect();
    println!(
        "water, one O-H bond from {:.2} to {:.2} angstrom: energy above the lowest in kcal/mol, two standard deviations around it",
        lengths[0],
        lengths[LENGTHS - 1]
    );
    let points = |of: fn(&Place) -> f64| -> Vec<(f32, f32)> {
        places.iter().map(|place| (place.x as f32, of(place) as f32)).collect()
    };
    let (middle, low, high) =
        (points(|place| place.middle), points(|place| place.band.0), points(|place| place.band.1));
    Chart::new(120, 60, lengths[0] as f32, lengths[LENGTHS - 1] as f32)
        .lineplot(&Shape::Lines(&middle))
        .lineplot(&Shape::Points(&low))
        .lineplot(&Shape::Points(&high))
        .nice();
    let labels = Labels {
        title: "Water with a stretched bond, by eight ANI-1x networks",
        x: "O-H distance (angstrom)",
        y: "energy (kcal/mol)",
    };
    let curve = Curve { name: "mean, two standard deviations".to_owned(), places };
    let picture = curves::draw("ani_energies", labels, &[curve])?;
    println!("{}: {} energies in {time:.2?}", picture.display(), LENGTHS * MEMBERS);
    Ok(())
}
