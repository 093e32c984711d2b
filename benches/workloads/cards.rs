//! What GPUs can do at best, as NVIDIA says: without sparsity, at the boost clock.
//!
//! Must not live here: what a processor can do, which is measured (`peak`).

/// A card by a part of its name as the driver says it, in thousand millions a second: operations on `f32`, operations on
/// 16-bit floats by tensor cores, and bytes of its memory. The first that fits counts.
const CARDS: [(&str, f64, f64, f64); 8] = [
    ("H200", 66_900.0, 989_400.0, 4_800.0),
    ("H100 80GB HBM3", 66_900.0, 989_400.0, 3_352.0),
    ("H100 NVL", 60_000.0, 835_000.0, 3_938.0),
    ("H100", 51_200.0, 756_000.0, 2_039.0),
    ("A100-SXM4-80GB", 19_500.0, 312_000.0, 2_039.0),
    ("A100", 19_500.0, 312_000.0, 1_555.0),
    ("L4", 30_300.0, 121_000.0, 300.0),
    ("T4", 8_100.0, 65_000.0, 320.0),
];

/// What a card of this name can do: floating-point operations on `f32` and on 16-bit floats, and bytes, each in thousand
/// millions a second. `None` of a card that the table lacks.
pub(crate) fn peaks(name: &str) -> Option<[f64; 3]> {
    let (_, wide, narrow, bytes) = CARDS.into_iter().find(|(part, ..)| name.contains(part))?;
    Some([wide, narrow, bytes])
}
