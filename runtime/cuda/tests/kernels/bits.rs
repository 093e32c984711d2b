//! Numbers for tests, as bits in memory.
//!
//! Must not live here: what is computed with them.

use choral_ir::element::{bf16, f16};
use choral_kernels::Number;

/// Random bits (Vigna's splitmix64).
pub(super) fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A float of about 1, or now and then a zero of either sign, or one whose squares are too small for a float.
pub(super) fn float(state: &mut u64) -> f64 {
    let bits = random(state);
    let near = (bits as i64 as f64) * 2f64.powi(-62);
    match bits % 32 {
        0 => 0.0,
        1 => -0.0,
        2 => near * 1e-23,
        _ => near,
    }
}

/// The bytes of so many numbers.
pub(super) fn numbers(number: Number, count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    (0..count)
        .flat_map(|_| match number {
            Number::F64 => float(&mut state).to_le_bytes().to_vec(),
            Number::F32 => (float(&mut state) as f32).to_le_bytes().to_vec(),
            Number::F16 => f16::from_f32(float(&mut state) as f32).to_bits().to_le_bytes().to_vec(),
            Number::Bf16 => bf16::from_f32(float(&mut state) as f32).to_bits().to_le_bytes().to_vec(),
            Number::I1 => vec![(random(&mut state) & 1) as u8],
            _ => random(&mut state).to_le_bytes()[..number.bytes()].to_vec(),
        })
        .collect()
}

/// A float of any type as the widest one.
pub(super) fn widened(number: Number, bytes: &[u8], at: usize) -> f64 {
    let bytes = &bytes[at * number.bytes()..][..number.bytes()];
    match number {
        Number::F64 => f64::from_le_bytes(bytes.try_into().unwrap()),
        Number::F32 => f64::from(f32::from_le_bytes(bytes.try_into().unwrap())),
        Number::F16 => f64::from(f16::from_bits(u16::from_le_bytes(bytes.try_into().unwrap())).to_f32()),
        Number::Bf16 => f64::from(bf16::from_bits(u16::from_le_bytes(bytes.try_into().unwrap())).to_f32()),
        _ => panic!("{number} is no float"),
    }
}

/// The bytes of a float that was worked out as an `f32`.
pub(super) fn narrowed(number: Number, value: f32) -> Vec<u8> {
    match number {
        Number::F16 => f16::from_f32(value).to_bits().to_le_bytes().to_vec(),
        Number::Bf16 => bf16::from_f32(value).to_bits().to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    }
}

/// An integer, or a truth value, without its sign.
pub(super) fn integer(number: Number, bytes: &[u8], at: usize) -> u64 {
    let mut all = [0; 8];
    let bytes = &bytes[at * number.bytes()..][..number.bytes()];
    all[..bytes.len()].copy_from_slice(bytes);
    let is_negative =
        matches!(number, Number::I8 | Number::I16 | Number::I32) && bytes[bytes.len() - 1] >= 0x80;
    if is_negative {
        all[bytes.len()..].fill(0xff);
    }
    u64::from_le_bytes(all)
}
