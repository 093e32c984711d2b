//! Where programs run.

/// A place that programs run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The interpreter: every op by its definition, one element after another. Slow and simple.
    Reference,
    /// This machine's CPU.
    #[default]
    Cpu,
}
