//! How kernels run, and what they may write over.
//!
//! Must not live here: anything that bits depend on, but for the choice of [`Precision`].

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use choral_kernels::cpu::Program;
use choral_kernels::cpu::pool::Pool;
use choral_kernels::cpu::rows::NoLoop;
use choral_kernels::{Kernel, Level};

/// How products of floats are computed.
///
/// ```
/// use choral_runtime::Precision;
/// assert_eq!("fast".parse(), Ok(Precision::Fast));
/// assert_eq!(Precision::default().to_string(), "exact");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// By kernels of choral's own, in one order of operations: the same bits on every device, and for each member as for
    /// it alone.
    #[default]
    Exact,
    /// On a GPU, large products by cuBLASLt, on tensor cores: operands in `f32` are rounded to TF32, with 10 bits behind
    /// the point instead of 23, and sums are made in some order. Bits may depend on shapes, on how many members there are,
    /// on the GPU and on the version of the library. On other devices the same as [`Precision::Exact`].
    Fast,
}

/// As it is read: `exact`, `fast`.
impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::Exact => "exact",
            Precision::Fast => "fast",
        })
    }
}

/// A text that names no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `exact` or `fast`, found `{0}`")]
pub struct UnknownPrecision(String);

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Precision, UnknownPrecision> {
        match text {
            "exact" => Ok(Precision::Exact),
            "fast" => Ok(Precision::Fast),
            _ => Err(UnknownPrecision(text.to_owned())),
        }
    }
}

/// The threads and the instruction set that run kernels, with which results are the same bits; and their [`Precision`].
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
    precision: Precision,
}

impl Default for Setting {
    /// All threads, the best instruction set of this processor, and [`Precision::Exact`].
    fn default() -> Setting {
        Setting {
            pool: Pool::global().clone(),
            level: Level::best(),
            tile: None,
            donated: BTreeSet::new(),
            is_for_another_device: false,
            precision: Precision::default(),
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

    /// Products of floats computed so.
    ///
    /// ```
    /// use choral_ir::{Builder, DType, TensorType, op::Unary};
    /// use choral_runtime::{Device, Executable, Precision, Setting};
    /// let mut builder = Builder::new("main");
    /// let x = builder.input("x", TensorType::new([3], DType::F32));
    /// let y = builder.unary(Unary::Exponential, x)?;
    /// let fast = Setting::default().precision(Precision::Fast);
    /// let executable = Executable::compile_with(&builder.finish(&[y]), Device::Cpu, &fast)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn precision(self, precision: Precision) -> Setting {
        Setting { precision, ..self }
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

    pub(crate) fn is_fast(&self) -> bool {
        self.precision == Precision::Fast
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
