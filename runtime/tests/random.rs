//! Random bits against XLA's, bit for bit.
//!
//! The numbers are those of `jax.lax.rng_bit_generator` on a CPU (jaxlib 0.10).

use choral_ir::op::{RngAlgorithm, RngBitGenerator};
use choral_ir::{Builder, DType, Storage, Tensor, TensorType};
use choral_runtime::evaluate;

const STATE: [u64; 2] = [7, (1 << 63) + (5 << 32) - 2];

/// How far the counter moved, and the bits.
#[track_caller]
fn check(algorithm: RngAlgorithm, shape: &[usize], dtype: DType, moved: u64, bits: &[u64]) {
    let mut builder = Builder::new("main");
    let state = builder.input("state", TensorType::new([2], DType::Ui64));
    let op = RngBitGenerator { algorithm, batching_dims: 0, shape: shape.to_vec(), dtype };
    let results = builder.push_all(op, &[state]).expect("an op that fits");
    let results = evaluate(&builder.finish(&results), &[Tensor::from(STATE)]).expect("a program that runs");
    assert_eq!(results[0].as_slice::<u64>().expect("words"), [STATE[0], STATE[1] + moved]);
    let drawn: Vec<u64> = match results[1].storage() {
        Storage::Ui8(bits) => bits.iter().map(|&bits| bits.into()).collect(),
        Storage::Ui32(bits) => bits.iter().map(|&bits| bits.into()).collect(),
        Storage::Ui64(bits) => bits.to_vec(),
        other => panic!("bits as {}", other.dtype()),
    };
    assert_eq!(drawn, bits);
}

#[test]
fn threefry() {
    use RngAlgorithm::ThreeFry;
    check(ThreeFry, &[5], DType::Ui32, 3, &[1469563301, 1187737946, 2082507051, 3932789081, 3572246414]);
    let odd = [
        1469563301, 2082507051, 3572246414, 1187737946, 3932789081, 2230010795, 2644997871, 1044894540,
        1296561124,
    ];
    check(ThreeFry, &[3, 3], DType::Ui32, 6, &odd);
    let even = [
        1469563301, 1187737946, 2082507051, 3932789081, 3572246414, 2230010795, 2644997871, 543922127,
        1044894540, 3617016833, 1296561124, 604918056,
    ];
    check(ThreeFry, &[3, 4], DType::Ui32, 6, &even);
    check(ThreeFry, &[], DType::Ui32, 1, &[1469563301]);
    check(ThreeFry, &[2, 3], DType::Ui8, 3, &[165, 43, 142, 90, 89, 171]);
    let long = [
        5101295635757777317,
        16891200487043402027,
        9577823437824206734,
        2336127749680756463,
        15534969007861388108,
    ];
    check(ThreeFry, &[5], DType::Ui64, 5, &long);
}

#[test]
fn philox() {
    let words = [
        3539865168, 1837971881, 530721789, 2967799016, 498377265, 1674818149, 2453574784, 2060484378,
        3856867255,
    ];
    let long = [
        7894029123402468944,
        12746599715351702525,
        7193289177200632369,
        8849713019882476672,
        10985573018903977911,
    ];
    for algorithm in [RngAlgorithm::Philox, RngAlgorithm::Default] {
        check(algorithm, &[3, 3], DType::Ui32, 3, &words);
        check(algorithm, &[], DType::Ui32, 1, &words[..1]);
        check(algorithm, &[5], DType::Ui8, 2, &[80, 169, 253, 232, 49]);
        check(algorithm, &[5], DType::Ui64, 3, &long);
    }
}
