//! Molecules: the elements that ANI-1x knows, and `.xyz` files.

use std::path::Path;

use choral::prelude::*;
use choral::state::file;

use super::path;

/// Atoms that are nearer to each other than this, in angstrom, are at the same place.
const SAME_PLACE: f64 = 0.01;

/// An element that ANI-1x was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    H,
    C,
    N,
    O,
}

impl Element {
    /// All of them, in the order of the data's numbers.
    pub(crate) const ALL: [Element; 4] = [Element::H, Element::C, Element::N, Element::O];

    /// As chemists write it.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Element::H => "H",
            Element::C => "C",
            Element::N => "N",
            Element::O => "O",
        }
    }

    /// The energy of the atom by itself, in hartree.
    pub(crate) fn self_energy(self) -> f64 {
        match self {
            Element::H => -0.600_952_98,
            Element::C => -38.083_161_24,
            Element::N => -54.707_757_7,
            Element::O => -75.194_463_56,
        }
    }
}

/// Atoms and where they are.
#[derive(Debug, Clone)]
pub(crate) struct Molecule {
    pub(crate) elements: Vec<Element>,
    /// In angstrom, `[atoms, 3]`.
    pub(crate) coordinates: Tensor,
}

/// What is wrong with the text of an `.xyz` file, or with a molecule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl Molecule {
    /// Atoms at these coordinates, `[atoms, 3]`.
    ///
    /// # Errors
    /// If two of them are at the same place.
    pub(crate) fn new(elements: Vec<Element>, coordinates: Tensor) -> Result<Molecule, Fault> {
        let places = coordinates.to_f64_vec();
        let places: Vec<&[f64]> = places.chunks(3).collect();
        for (second, there) in places.iter().enumerate() {
            let distance =
                |here: &[f64]| here.iter().zip(*there).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            if let Some(first) = places[..second].iter().position(|here| distance(here) < SAME_PLACE) {
                let symbol = |at: usize| elements[at].symbol();
                return Err(Fault(format!(
                    "atoms {} ({}) and {} ({}) are at the same place, expected at least {SAME_PLACE} angstrom between them",
                    first + 1,
                    symbol(first),
                    second + 1,
                    symbol(second),
                )));
            }
        }
        Ok(Molecule { elements, coordinates })
    }

    /// The molecule of a file.
    ///
    /// # Errors
    /// If the file cannot be read; as [`Molecule::parse`].
    pub(crate) fn read(path: &Path) -> Result<Molecule, Fault> {
        let within = |message: &dyn std::fmt::Display| Fault(format!("{}: {message}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| within(&error))?;
        Molecule::parse(&text).map_err(|fault| within(&fault))
    }

    /// The molecule of an `.xyz` file: the number of atoms, a comment, and a line for each atom with its element and its
    /// coordinates in angstrom. What follows the coordinates is not read.
    ///
    /// # Errors
    /// What was expected in which line; if two atoms are at the same place.
    pub(crate) fn parse(text: &str) -> Result<Molecule, Fault> {
        let expected = |line: usize, expected: &str, got: Option<&str>| {
            let got = got.map_or("the end of the file".to_owned(), |got| format!("\"{}\"", got.trim()));
            Fault(format!("line {line}: expected {expected}, got {got}"))
        };
        let lines: Vec<&str> = text.lines().collect();
        let header = lines.first().copied();
        let count = header.and_then(|line| line.trim().parse().ok()).filter(|count| *count > 0);
        let count: usize = count.ok_or_else(|| expected(1, "the number of atoms, 1 or more", header))?;

        let (mut elements, mut coordinates) = (Vec::new(), Vec::new());
        for at in 0..count {
            // Behind the number of atoms and the comment; lines count from 1.
            let (line, text) = (at.saturating_add(3), lines.get(at.saturating_add(2)).copied());
            let columns: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
            let [symbol, x, y, z, ..] = columns.as_slice() else {
                let atom = format!("atom {} of {count} as in \"O 0.0 0.0 0.1\"", at + 1);
                return Err(expected(line, &atom, text));
            };
            let known = Element::ALL.into_iter().find(|element| element.symbol() == *symbol);
            elements.push(known.ok_or_else(|| {
                expected(line, "an element that ANI-1x knows (H, C, N or O)", Some(symbol))
            })?);
            for number in [x, y, z] {
                let coordinate = number.parse().ok().filter(|coordinate: &f32| coordinate.is_finite());
                coordinates.push(
                    coordinate.ok_or_else(|| expected(line, "a coordinate in angstrom", Some(number)))?,
                );
            }
        }
        let behind = lines.iter().enumerate().skip(count + 2).find(|(_, line)| !line.trim().is_empty());
        if let Some((at, line)) = behind {
            return Err(expected(at + 1, "the end of the file after the last atom", Some(line)));
        }
        let coordinates = Tensor::new([count, 3], coordinates).map_err(|error| Fault(error.to_string()))?;
        Molecule::new(elements, coordinates)
    }
}

/// The molecules of the data by name.
///
/// # Errors
/// If their file cannot be read.
pub(crate) fn of_data() -> Result<Vec<(String, Molecule)>, Box<dyn std::error::Error>> {
    let file = file::read(path("expected.safetensors"))?;
    let names = file.keys().filter_map(|name| name.strip_suffix(".species"));
    let molecule = |name: &str| {
        let numbers = file[&format!("{name}.species")].to_f64_vec();
        let elements = numbers.into_iter().map(|number| Element::ALL[number as usize]).collect();
        let molecule = Molecule::new(elements, file[&format!("{name}.coordinates")].clone())?;
        Ok((name.to_owned(), molecule))
    };
    names.map(molecule).collect()
}
