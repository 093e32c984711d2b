//! Instruction sets: every loop is compiled once for each, and the best one that the processor has is taken.
//!
//! The bits of a result do not depend on the level: each element is the same list of IEEE operations at every
//! width. Must not live here: loops.

use std::sync::OnceLock;

/// An instruction set that loops are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor of the architecture has; on 64-bit Arm that is NEON.
    Portable,
    /// AVX2 and FMA (x86-64).
    Avx2,
    /// AVX-512 F, BW, DQ and VL (x86-64).
    Avx512,
}

/// The variable that caps the level: `portable`, `avx2` or `avx512`.
pub const VARIABLE: &str = "CHORAL_SIMD";

impl Level {
    /// Every level, the narrowest first.
    pub const ALL: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    /// The name, as in [`VARIABLE`].
    pub const fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The best level of this processor, or the one that the variable [`VARIABLE`] names if that is less. Read once.
    pub fn best() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            let named = std::env::var(VARIABLE).ok();
            let cap = Level::ALL.into_iter().find(|level| named.as_deref() == Some(level.name()));
            let has = |level: &Level| level.is_available() && cap.is_none_or(|cap| *level <= cap);
            Level::ALL.into_iter().rev().find(has).unwrap_or(Level::Portable)
        })
    }

    /// Whether this processor can run loops of the level.
    pub fn is_available(self) -> bool {
        match self {
            Level::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => false,
        }
    }
}
