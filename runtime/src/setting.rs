//! How the processor runs kernels, and what they may write over.
//!
//! Must not live here: anything that bits depend on.

use std::collections::BTreeSet;

use choral_kernels::cpu::Program;
use choral_kernels::cpu::pool::Pool;
use choral_kernels::cpu::rows::NoLoop;
use choral_kernels::{Kernel, Level};

/// The threads and the instruction set that run kernels. Results are the same bits with any.
///
/// ```
/// use choral_ir::{Builder, DType, Tensor, TensorType, op::Unary};
/// use choral_runtime::{Device, Executable, Level, Pool, Setting};
/// let mut builder = Builder::new("main");
/// let x = builder.input("x", TensorType::new([3], DType::F32));
/// let y = builder.unary(Unary::Exponential, x)?;
/// let (graph, x) = (builder.finish(&[y]), Tensor::from([0.1f32, 1.0, 10.0]));
/// let slow = Setting::default().on(&Pool::new(1)).at_most(Level::Portable).in_pieces(2);
/// let slowly = Executable::compile_with(&graph, Device::Cpu, &slow)?.run(&[x.clone()])?;
/// assert!(slowly[0].bit_eq(&Executable::compile(&graph, Device::Cpu)?.run(&[x])?[0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Setting {
    pool: Pool,
    level: Level,
    /// Elements of a tile, of kernels in small pieces.
    tile: Option<usize>,
    /// The numbers of inputs that results may take the places of.
    donated: BTreeSet<usize>,
    /// Whether the kernels are for a device of its own, which has no use for this processor's loops.
    is_for_another_device: bool,
}

impl Default for Setting {
    /// All threads, and the best instruction set of this processor.
    fn default() -> Setting {
        Setting {
            pool: Pool::global().clone(),
            level: Level::best(),
            tile: None,
            donated: BTreeSet::new(),
            is_for_another_device: false,
        }
    }
}

impl Setting {
    /// These threads.
    #[must_use]
    pub fn on(self, pool: &Pool) -> Setting {
        Setting { pool: pool.clone(), ..self }
    }

    /// Lets results be written where these inputs lie, by their numbers: the state of a training step or of a simulation,
    /// a cache that a step adds to. A run that is [given](crate::Session::run) such an input, and not lent one that
    /// somebody else holds too, takes no memory for the result.
    #[must_use]
    pub fn donating(self, inputs: impl IntoIterator<Item = usize>) -> Setting {
        Setting { donated: inputs.into_iter().collect(), ..self }
    }

    /// No better instruction set than this one.
    #[must_use]
    pub fn at_most(self, level: Level) -> Setting {
        Setting { level: self.level.min(level), ..self }
    }

    /// Kernels cut as small as can be, into tiles of about so many elements, with every part worth a thread, or a block of
    /// a GPU: slow, and the same bits.
    #[must_use]
    pub fn in_pieces(self, tile: usize) -> Setting {
        Setting { tile: Some(tile), ..self }
    }

    /// As it is, on the caller's thread alone.
    pub(crate) fn alone(&self) -> Setting {
        self.clone().on(&Pool::new(1))
    }

    /// As it is, for a device of its own.
    pub(crate) fn for_another_device(&self) -> Setting {
        Setting { is_for_another_device: true, ..self.clone() }
    }

    pub(crate) fn is_for_another_device(&self) -> bool {
        self.is_for_another_device
    }

    pub(crate) fn is_in_pieces(&self) -> bool {
        self.tile.is_some()
    }

    pub(crate) fn donates(&self, input: usize) -> bool {
        self.donated.contains(&input)
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    pub(crate) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The loops that run a kernel; none if this processor does not.
    ///
    /// # Errors
    /// If no loop runs it on its types.
    pub(crate) fn program(&self, kernel: &Kernel) -> Result<Option<Program>, NoLoop> {
        if self.is_for_another_device {
            return Ok(None);
        }
        match self.tile {
            Some(tile) => Program::in_pieces(kernel, self.level, self.threads(), tile).map(Some),
            None => Program::new(kernel, self.level, self.threads()).map(Some),
        }
    }
}
