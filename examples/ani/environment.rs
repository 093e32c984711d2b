//! Atomic environment vectors: what the networks see of the surroundings of each atom.
//!
//! Symmetry functions of distances and angles, which do not change as the molecule is moved, turned or mirrored, or as
//! atoms of one element trade places. The formulas are those of Smith, Isayev and Roitberg (2017), the constants
//! TorchANI's. Every atom meets every other in dense arrays; a mask leaves out what is not a pair, so that what is written is
//! smooth wherever no two atoms are at one place.

use std::f64::consts::PI;

use choral::prelude::*;
use choral::state::{StateError, file};

use super::molecule::Element;
use super::path;

/// What the symmetry functions are made with; distances in angstrom, angles in radians.
#[derive(Debug, Clone)]
pub(crate) struct Constants {
    /// Beyond these distances nothing is seen.
    radial_cutoff: f64,
    angular_cutoff: f64,
    /// How narrow the functions are.
    radial_eta: f64,
    angular_eta: f64,
    zeta: f64,
    /// Where they have their maximum.
    radial_shifts: Tensor,
    angular_shifts: Tensor,
    angles: Tensor,
}

impl Constants {
    /// The constants of ANI-1x.
    ///
    /// # Errors
    /// If their file cannot be read.
    pub(crate) fn load() -> Result<Constants, StateError> {
        let file = file::read(path("aev_constants.safetensors"))?;
        let number = |name: &str| file[name].to_f64_vec()[0];
        let shifts = |name: &str| file[name].clone();
        Ok(Constants {
            radial_cutoff: number("Rcr"),
            angular_cutoff: number("Rca"),
            radial_eta: number("EtaR"),
            angular_eta: number("EtaA"),
            zeta: number("Zeta"),
            radial_shifts: shifts("ShfR"),
            angular_shifts: shifts("ShfA"),
            angles: shifts("ShfZ"),
        })
    }

    /// The environment vectors of atoms of these elements at `coordinates`, `[atoms, 3]` to `[atoms, 384]`.
    pub(crate) fn environments(&self, elements: &[Element], coordinates: &Var) -> Var {
        let pairs = Pairs::of(coordinates);
        let radial = self.radial(elements, &pairs);
        let angular = self.angular(elements, &pairs);
        radial.cat(&[&angular], -1)
    }

    /// Which elements are how far away, `[atoms, 4 * 16]`.
    fn radial(&self, elements: &[Element], pairs: &Pairs) -> Var {
        let distance = pairs.distance.unsqueeze(-1);
        let shifts = beside(&distance, &self.radial_shifts);
        let peaks = ((distance - shifts).square() * -self.radial_eta).exp() * 0.25;
        let terms = peaks * pairs.fading(self.radial_cutoff).unsqueeze(-1);
        let is_element = Tensor::from_fn([elements.len(), Element::ALL.len()], |at| {
            let (atom, element) = (at / Element::ALL.len(), at % Element::ALL.len());
            f32::from(elements[atom] == Element::ALL[element])
        });
        einsum("ijr,je->ier", &[&terms, &beside(&terms, &is_element)]).flatten(1, -1)
    }

    /// Which pairs of elements are seen at which angle and how far away, `[atoms, 10 * 4 * 8]`.
    fn angular(&self, elements: &[Element], pairs: &Pairs) -> Var {
        let (there, back) = (pairs.distance.unsqueeze(2), pairs.distance.unsqueeze(1));
        let product = einsum("ijx,ikx->ijk", &[&pairs.displacement, &pairs.displacement]);
        let cosine = product / (&there * &back);
        // Away from 1 and -1, where the slope of the angle is infinite.
        let angle = (cosine * 0.95).acos().unsqueeze(-1);
        let turned = (&angle - beside(&angle, &self.angles)).cos();
        let directions = ((turned + 1.0) * 0.5).pow(self.zeta) * 2.0;

        let middle = ((there + back) * 0.5).unsqueeze(-1);
        let shifts = beside(&middle, &self.angular_shifts);
        let peaks = ((middle - shifts).square() * -self.angular_eta).exp();
        let fading = pairs.fading(self.angular_cutoff);
        let both = (fading.unsqueeze(2) * fading.unsqueeze(1)).unsqueeze(-1);

        let is_pair = beside(&directions, &pairs_of_elements(elements));
        let terms = (peaks * both).unsqueeze(-1) * directions.unsqueeze(-2);
        einsum("ijkaz,jkp->ipaz", &[&terms, &is_pair]).flatten(1, -1)
    }
}

/// Every atom beside every other, and beside itself.
struct Pairs {
    /// From the first atom to the second, `[atoms, atoms, 3]`.
    displacement: Var,
    /// Its length, `[atoms, atoms]`; 1 from an atom to itself, since the root has no slope at 0.
    distance: Var,
    /// Whether they are two atoms.
    are_two: Var,
}

impl Pairs {
    fn of(coordinates: &Var) -> Pairs {
        let displacement = coordinates.unsqueeze(0) - coordinates.unsqueeze(1);
        let atoms = coordinates.size(0);
        let are_two = coordinates.constant(&Tensor::from_fn([atoms, atoms], |at| at / atoms != at % atoms));
        let distance = displacement.square().sum(-1).where_(&are_two, 1.0).sqrt();
        Pairs { displacement, distance, are_two }
    }

    /// From 1 at distance 0 smoothly to 0 at the cut-off, and 0 from an atom to itself.
    fn fading(&self, cutoff: f64) -> Var {
        let wave = (&self.distance * (PI / cutoff)).cos() * 0.5 + 0.5;
        wave.where_(&self.distance.lt(cutoff).logical_and(&self.are_two), 0.0)
    }
}

/// Whether two atoms, each pair of them counted once, are of a pair of elements: `[atoms, atoms, 10]`, the pairs in the order HH,
/// HC, HN, HO, CC, ..
fn pairs_of_elements(elements: &[Element]) -> Tensor {
    let firsts = Element::ALL.into_iter().enumerate();
    let pairs: Vec<[Element; 2]> = firsts
        .flat_map(|(at, first)| Element::ALL[at..].iter().map(move |second| [first, *second]))
        .collect();
    Tensor::from_fn([elements.len(), elements.len(), pairs.len()], |at| {
        let (atoms, pair) = (at / pairs.len(), at % pairs.len());
        let (first, second) = (atoms / elements.len(), atoms % elements.len());
        let mut found = [elements[first], elements[second]];
        found.sort();
        f32::from(first < second && found == pairs[pair])
    })
}

/// A constant in the element type of a value.
fn beside(value: &Var, constant: &Tensor) -> Var {
    value.constant(constant).to(value.dtype())
}
