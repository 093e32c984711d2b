//! ANI-1x, a neural network potential of molecules: `examples/data/ani1x`, and how its files are read.
//!
//! J. S. Smith, O. Isayev, A. E. Roitberg: "ANI-1: an extensible neural network potential with DFT accuracy at force
//! field computational cost", Chem. Sci. 8, 3192 (2017). The energy of a molecule is a sum over its atoms: the
//! surroundings of each become a vector ([`environment`]), which the network of its element turns into its share
//! ([`potential`]).

pub(crate) mod environment;
pub(crate) mod molecule;
pub(crate) mod potential;

use std::path::{Path, PathBuf};

/// A file of the data folder: in the project, or, where what was built is run on another machine, below the folder that it is
/// started in.
pub(crate) fn path(name: &str) -> PathBuf {
    let project = Path::new(crate::ROOT);
    let project = if project.is_dir() { project } else { Path::new(".") };
    project.join("examples/data/ani1x").join(name)
}
