//! The ensemble: eight networks for each element, energies, and forces.

use std::collections::BTreeMap;

use choral::ensemble::Code;
use choral::error::CompilerError;
use choral::nn::CELU;
use choral::prelude::*;

use super::environment::Constants;
use super::molecule::{Element, Molecule};
use super::path;

/// How many members the ensemble has.
pub(crate) const MEMBERS: usize = 8;

/// How many kcal/mol a hartree is.
pub(crate) const KCAL_PER_MOL: f64 = 627.509_474;

/// How long an environment vector is.
const WIDTH: usize = 384;

/// The network of one element.
type Atomic<T> = (Linear<T>, CELU, Linear<T>, CELU, Linear<T>, CELU, Linear<T>);

fn atomic([first, second, third]: [usize; 3], key: Key) -> Atomic<Tensor> {
    let celu = CELU { alpha: 0.1 };
    let [key0, key2, key4, key6] = key.split();
    (
        Linear::init(WIDTH, first, key0),
        celu,
        Linear::init(first, second, key2),
        celu,
        Linear::init(second, third, key4),
        celu,
        Linear::init(third, 1, key6),
    )
}

/// One member: a network for each element, by its symbol.
#[derive(Module, Clone)]
pub(crate) struct Networks<T> {
    elements: BTreeMap<String, Atomic<T>>,
}

impl Networks<Tensor> {
    fn init(key: Key) -> Self {
        let sizes = |element: Element| match element {
            Element::H => [160, 128, 96],
            Element::C => [144, 112, 96],
            Element::N | Element::O => [128, 112, 96],
        };
        let of = |(element, key): (Element, Key)| (element.symbol().to_owned(), atomic(sizes(element), key));
        let keys: [Key; Element::ALL.len()] = key.split();
        Networks { elements: Element::ALL.into_iter().zip(keys).map(of).collect() }
    }
}

/// From the environment vectors of the atoms of each element to the energy of the molecule.
impl Forward<BTreeMap<String, Var>> for Networks<Var> {
    type Output = Var;

    fn forward(&mut self, environments: &BTreeMap<String, Var>) -> Var {
        let mut of = |(element, vectors): (&String, &Var)| {
            let network = self.elements.get_mut(element).expect("a network for each element");
            network.forward(vectors).sum(())
        };
        environments.iter().map(&mut of).reduce(|sum, energy| sum + energy).expect("a molecule has atoms")
    }
}

/// The ensemble, its parameters stacked.
pub(crate) struct Potential {
    code: Code<Networks<Tensor>>,
    pub(crate) params: State<Tensor>,
    constants: Constants,
}

impl Potential {
    /// The eight members of ANI-1x.
    ///
    /// # Errors
    /// If their files cannot be read.
    pub(crate) fn load() -> Result<Potential, choral::Error> {
        let architecture = Networks::init(Key::new(0));
        let load = |member: usize| -> Result<Networks<Tensor>, choral::Error> {
            let mut networks = architecture.clone();
            networks.elements.load(path(&format!("member_{member}.safetensors")))?;
            Ok(networks)
        };
        let members = (0..MEMBERS).map(load).collect::<Result<Vec<_>, _>>()?;
        let (code, params, _) = combine_state_for_ensemble(&members)?;
        Ok(Potential { code, params, constants: Constants::load()? })
    }

    /// A function from coordinates, `[atoms, 3]`, and parameters to what the networks of each member make of atoms of
    /// these elements, `[members]` in hartree.
    pub(crate) fn network_energies(
        &self,
        elements: &[Element],
    ) -> impl Fn((Var, State<Var>)) -> Result<Var, CompilerError> + use<> {
        let (code, constants, elements) = (self.code.clone(), self.constants.clone(), elements.to_vec());
        move |(coordinates, params)| {
            let vectors = constants.environments(&elements, &coordinates);
            let environments = by_element(&elements, &vectors);
            // The environments are shared: they are computed once for all members.
            vmap(code.clone(), (0, 0, None)).apply((params, State::<Var>::new(), environments))
        }
    }

    /// The energy of each member, self-energies of the atoms included, `f64[members]` in hartree.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn energies(&self, molecule: &Molecule) -> Result<Tensor, choral::Error> {
        let energies = with_self_energies(&molecule.elements, self.network_energies(&molecule.elements));
        jit(energies).call((&molecule.coordinates, &self.params))
    }

    /// The force on each atom, `[atoms, 3]` in hartree per angstrom: how steeply the members' mean energy falls.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn forces(&self, molecule: &Molecule) -> Result<Tensor, choral::Error> {
        let energies = self.network_energies(&molecule.elements);
        let slope = grad(move |args| Ok::<Var, CompilerError>(energies(args)?.mean(())));
        let forces = move |args: (Var, State<Var>)| Ok::<Var, CompilerError>(-slope.apply(args)?);
        jit(forces).call((&molecule.coordinates, &self.params))
    }

    /// The energies at many places of the same atoms, `[places, atoms, 3]`: `f64[places, members]`.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn energies_at(&self, elements: &[Element], places: &Tensor) -> Result<Tensor, choral::Error> {
        let energies = with_self_energies(elements, self.network_energies(elements));
        vmap(energies, (0, None)).call((places, &self.params))
    }
}

/// A function of energies, to which the energies of the atoms by themselves are added.
fn with_self_energies<A>(
    elements: &[Element],
    energies: impl Fn(A) -> Result<Var, CompilerError>,
) -> impl Fn(A) -> Result<Var, CompilerError> {
    let of_atoms: f64 = elements.iter().map(|element| element.self_energy()).sum();
    move |args| Ok(energies(args)?.to(DType::F64) + of_atoms)
}

/// The rows of the atoms of each element.
fn by_element(elements: &[Element], vectors: &Var) -> BTreeMap<String, Var> {
    let mut atoms: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for (atom, element) in (0..).zip(elements) {
        atoms.entry(element.symbol().to_owned()).or_default().push(atom);
    }
    let rows = |atoms: Vec<i32>| {
        let indices = Tensor::from_fn([atoms.len()], |at| atoms[at]);
        vectors.take_rows(&vectors.constant(&indices))
    };
    atoms.into_iter().map(|(element, atoms)| (element, rows(atoms))).collect()
}

/// The mean of the members' energies in hartree, and their standard deviation in kcal/mol.
pub(crate) fn mean_and_deviation(energies: &[f64]) -> (f64, f64) {
    let count = energies.len() as f64;
    let mean = energies.iter().sum::<f64>() / count;
    let variance = energies.iter().map(|energy| (energy - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt() * KCAL_PER_MOL)
}
