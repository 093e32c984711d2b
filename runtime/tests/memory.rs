//! Planned bytes of programs, added up by hand.

use choral_ir::Graph;
use choral_runtime::{Device, Executable};

/// The peaks of the processor and of the interpreter, for a function of this signature and body.
#[track_caller]
fn check(signature: &str, body: &str, cpu: usize, reference: usize) {
    let graph = Graph::parse(&format!("func.func @main{signature} {{\n{body}\n}}")).expect("a program");
    let peak = |device| Executable::compile(&graph, device).expect("an executable").peak_bytes();
    assert_eq!((peak(Device::Cpu), peak(Device::Reference)), (cpu, reference));
}

#[test]
fn a_chain_writes_over_its_buffer() {
    // The input belongs to the caller; the first op makes a buffer that the others write over.
    check(
        "(%x: tensor<100xf32>) -> tensor<100xf32>",
        "%a = stablehlo.tanh %x : tensor<100xf32>
         %b = stablehlo.sine %a : tensor<100xf32>
         %c = stablehlo.negate %b : tensor<100xf32>
         return %c : tensor<100xf32>",
        400 + 400,
        400 + 3 * 400,
    );
}

#[test]
fn a_value_lives_to_its_last_reader() {
    // %a, %b and %c are alive when %b, which is read again, is negated.
    check(
        "(%x: tensor<100xf32>) -> tensor<100xf32>",
        "%a = stablehlo.tanh %x : tensor<100xf32>
         %b = stablehlo.sine %a : tensor<100xf32>
         %c = stablehlo.negate %b : tensor<100xf32>
         %d = stablehlo.add %c, %b : tensor<100xf32>
         %e = stablehlo.add %d, %a : tensor<100xf32>
         return %e : tensor<100xf32>",
        400 + 3 * 400,
        400 + 5 * 400,
    );
}

#[test]
fn constants_stay_and_splats_are_scalars() {
    check(
        "() -> tensor<100xf32>",
        "%x = stablehlo.iota dim = 0 : tensor<100xf32>
         %one = stablehlo.constant dense<1.0> : tensor<100xf32>
         %sum = stablehlo.add %x, %one : tensor<100xf32>
         return %sum : tensor<100xf32>",
        4 + 400,
        3 * 400,
    );
}

#[test]
fn regions_need_room_of_their_own() {
    check(
        "(%start: tensor<100xf32>, %limit: tensor<f32>) -> tensor<100xf32>",
        "%end:2 = stablehlo.while(%at = %start, %to = %limit) : tensor<100xf32>, tensor<f32>
         cond {
           %zero = stablehlo.constant dense<0.0> : tensor<f32>
           %more = stablehlo.compare LT, %to, %zero : (tensor<f32>, tensor<f32>) -> tensor<i1>
           stablehlo.return %more : tensor<i1>
         } do {
           %next = stablehlo.tanh %at : tensor<100xf32>
           stablehlo.return %next, %to : tensor<100xf32>, tensor<f32>
         }
         return %end#0 : tensor<100xf32>",
        404 + 404 + 400,
        404 + 404 + 404 + 400,
    );
}
