//! Where programs run.

use std::fmt;
use std::str::FromStr;

use choral_cuda::Gpu;

use crate::error::Error;
use crate::gpu::gpu;

/// A place that programs run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The interpreter: every op by its definition, one element after another. Slow and simple.
    Reference,
    /// This machine's CPU.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number.
    Cuda(usize),
}

impl Device {
    /// The first GPU, if there is one that programs can run on; the CPU otherwise.
    ///
    /// ```
    /// use choral_runtime::Device;
    /// assert_ne!(Device::best(), Device::Reference);
    /// ```
    pub fn best() -> Device {
        Device::cuda(0).unwrap_or(Device::Cpu)
    }

    /// The GPU of this number.
    ///
    /// # Errors
    /// If there is no driver, no such GPU or no compiler for it, or if one of them is too old.
    pub fn cuda(ordinal: usize) -> Result<Device, Error> {
        gpu(ordinal).map(|_| Device::Cuda(ordinal))
    }

    /// Bytes of memory that a program could take here: of a GPU those that are free once what was begun is done, of the
    /// machine all.
    ///
    /// ```
    /// assert!(choral_runtime::Device::Cpu.free_bytes()? > 0);
    /// # Ok::<(), choral_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such GPU, or if it fails.
    pub fn free_bytes(self) -> Result<usize, Error> {
        match self {
            Device::Reference | Device::Cpu => Ok(choral_ir::memory::total()),
            Device::Cuda(ordinal) => Ok(gpu(ordinal)?.free_bytes()?),
        }
    }

    /// How many GPUs programs can run on.
    ///
    /// # Errors
    /// If there is no driver, or if it is too old.
    pub fn gpus() -> Result<usize, Error> {
        Ok(Gpu::count()?)
    }
}

/// As it is read: `reference`, `cpu`, `cuda:0`.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Reference => f.write_str("reference"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

/// A text that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `cpu`, `cuda`, `cuda:N`, `best` or `reference`, found `{0}`")]
pub struct UnknownDevice(String);

impl FromStr for Device {
    type Err = UnknownDevice;

    /// The device of a name: `cuda` is the first GPU, whether it is there or not, and `best` is [`Device::best`].
    ///
    /// ```
    /// use choral_runtime::Device;
    /// assert_eq!("cuda:1".parse(), Ok(Device::Cuda(1)));
    /// assert_eq!(Device::Cuda(0).to_string(), "cuda:0");
    /// assert!("gpu".parse::<Device>().is_err());
    /// ```
    fn from_str(name: &str) -> Result<Device, UnknownDevice> {
        let unknown = || UnknownDevice(name.to_owned());
        match name {
            "reference" => Ok(Device::Reference),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            "best" => Ok(Device::best()),
            _ => {
                let ordinal = name.strip_prefix("cuda:").ok_or_else(unknown)?;
                ordinal.parse().map(Device::Cuda).map_err(|_| unknown())
            }
        }
    }
}
