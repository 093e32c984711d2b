//! Planned bytes of programs, added up by hand in units of one large tensor: what threads work in is small beside it.

use choral_ir::Graph;
use choral_runtime::{Device, Executable};

/// Bytes of a `tensor<4000000xf32>`.
const LARGE: usize = 16_000_000;

/// The peaks of the CPU and of the interpreter in large tensors, for a function of this signature and body.
#[track_caller]
fn check(signature: &str, body: &str, cpu: usize, reference: usize) {
    let text = format!("func.func @main{signature} {{\n{body}\n}}");
    let text = text.replace("100xf32", "4000000xf32").replace("10x10xf32", "2000x2000xf32");
    let graph = Graph::parse(&text.replace("4x25xf32", "4x1000000xf32")).expect("a program");
    let peak = |device| {
        let bytes = Executable::compile(&graph, device).expect("an executable").peak_bytes();
        let tensors = bytes / LARGE;
        assert!(bytes - tensors * LARGE < LARGE / 4, "{device:?} takes {bytes} bytes");
        tensors
    };
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
        2,
        4,
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
        2,
        6,
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
        2,
        3,
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
        3,
        4,
    );
}

/// The message of a program that no machine has the memory for, from each device.
#[track_caller]
fn refused(text: &str) -> String {
    let graph = Graph::parse(text).expect("a program");
    let message = |device| Executable::compile(&graph, device).expect_err("too much").to_string();
    let [reference, cpu] = [Device::Reference, Device::Cpu].map(message);
    let interpreted = choral_runtime::evaluate(&graph, &[]).map(drop).map_err(|error| error.to_string());
    if graph.inputs().is_empty() {
        assert_eq!(interpreted, Err(reference.clone()));
    }
    assert!([&reference, &cpu].iter().all(|message| message.contains("of the text")), "{reference}\n{cpu}");
    cpu
}

#[test]
fn programs_that_no_memory_holds_are_refused_with_value_type_and_line() {
    let constant = refused(
        "func.func @main() -> tensor<1000000000000000xf32> {
           %x = stablehlo.constant dense<1.0> : tensor<1000000000000000xf32>
           return %x : tensor<1000000000000000xf32>
         }",
    );
    let told = "%x : tensor<1000000000000000xf32>: together with all other live values, this needs 4.1 PB of memory, ";
    assert!(constant.starts_with(told) && constant.ends_with("\n  at 2:17 of the text"), "{constant}");
    let padded = refused(
        "func.func @main(%x: tensor<1x1x9xf32>, %w: tensor<1x1x2xf32>) -> tensor<1x1x1125899906842632xf32> {
           %y = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0]x[o, i, 0]->[b, f, 0],
             window = {pad = [[1125899906842624, 0]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
             : (tensor<1x1x9xf32>, tensor<1x1x2xf32>) -> tensor<1x1x1125899906842632xf32>
           return %y : tensor<1x1x1125899906842632xf32>
         }",
    );
    assert!(padded.starts_with("%y : tensor<1x1x1125899906842632xf32>: "), "{padded}");
}

/// A reshape is the buffer of its operand; who holds one holds the other.
#[test]
fn reshapes_take_nothing() {
    check(
        "(%x: tensor<100xf32>) -> tensor<10x10xf32>",
        "%a = stablehlo.reshape %x : (tensor<100xf32>) -> tensor<4x25xf32>
         %b = stablehlo.tanh %a : tensor<4x25xf32>
         %c = stablehlo.reshape %b : (tensor<4x25xf32>) -> tensor<100xf32>
         %d = stablehlo.negate %c : tensor<100xf32>
         %e = stablehlo.reshape %d : (tensor<100xf32>) -> tensor<10x10xf32>
         return %e : tensor<10x10xf32>",
        3,
        3,
    );
    // %b is read again after the reshape of it was: it cannot be written over.
    check(
        "(%x: tensor<100xf32>) -> tensor<100xf32>",
        "%b = stablehlo.tanh %x : tensor<100xf32>
         %c = stablehlo.reshape %b : (tensor<100xf32>) -> tensor<10x10xf32>
         %d = stablehlo.negate %c : tensor<10x10xf32>
         %e = stablehlo.reshape %d : (tensor<10x10xf32>) -> tensor<100xf32>
         %f = stablehlo.add %e, %b : tensor<100xf32>
         return %f : tensor<100xf32>",
        4,
        4,
    );
}

/// A loop reads what it does not change, and what it is given, where these lie; rounds write two more.
#[test]
fn loops_carry_one_copy() {
    check(
        "(%x: tensor<100xf32>, %w: tensor<100xf32>, %limit: tensor<f32>) -> tensor<100xf32>",
        "%start = stablehlo.tanh %x : tensor<100xf32>
         %end:2 = stablehlo.while(%at = %start, %to = %limit) : tensor<100xf32>, tensor<f32>
         cond {
           %zero = stablehlo.constant dense<0.0> : tensor<f32>
           %more = stablehlo.compare LT, %to, %zero : (tensor<f32>, tensor<f32>) -> tensor<i1>
           stablehlo.return %more : tensor<i1>
         } do {
           %next = stablehlo.multiply %at, %w : tensor<100xf32>
           stablehlo.return %next, %to : tensor<100xf32>, tensor<f32>
         }
         return %end#0 : tensor<100xf32>",
        5,
        8,
    );
}

/// One branch runs: the larger one counts, wherever it stands, and not both.
#[test]
fn branches_take_as_much_as_the_larger_one() {
    let small = "%a = stablehlo.tanh %x : tensor<100xf32>
         stablehlo.return %a : tensor<100xf32>";
    let large = "%a = stablehlo.tanh %x : tensor<100xf32>
         %b = stablehlo.sine %a : tensor<100xf32>
         %c = stablehlo.add %a, %b : tensor<100xf32>
         stablehlo.return %c : tensor<100xf32>";
    // Beside the inputs the processor holds %a and %b, the interpreter the branch's %x, too, and the result.
    let (cpu, reference) = (2, 6);
    for (first, second) in [(small, large), (large, small)] {
        let body = |op: &str, index: &str| {
            format!(
                "%r = \"stablehlo.{op}\"(%p) ({{\n{first}\n}}, {{\n{second}\n}}) : ({index}) -> tensor<100xf32>
                 return %r : tensor<100xf32>"
            )
        };
        let signature = "(%p: tensor<i32>, %x: tensor<100xf32>) -> tensor<100xf32>";
        check(signature, &body("case", "tensor<i32>"), cpu, reference);
        let signature = "(%p: tensor<i1>, %x: tensor<100xf32>) -> tensor<100xf32>";
        check(signature, &body("if", "tensor<i1>"), cpu, reference);
    }
}
