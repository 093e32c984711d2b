//! Loops in strips: which loops there are strips of, and that the bits are those of the reference.

use choral_ir::{Graph, Key, Tensor};
use choral_runtime::{Device, Executable, Pool, Setting};

/// A state of six members of four elements, which `round` maps to `%next`, beside `%x`, the round's part of the inputs
/// of the members, and `%w`, a matrix of each.
fn looped(round: &str, is_reverse: bool) -> String {
    format!(
        "func.func @main(%xs: tensor<5x6x4xf32>, %start: tensor<6x4xf32>, %w: tensor<6x4x4xf32>)
            -> (tensor<5x6x4xf32>, tensor<6x4xf32>) {{
          %all:2 = chlo.scan(%xs) inits(%start) dimension=0 is_reverse={is_reverse} {{
          ^bb0(%x: tensor<6x4xf32>, %state: tensor<6x4xf32>):
            {round}
            stablehlo.return %next, %next : tensor<6x4xf32>, tensor<6x4xf32>
          }} : (tensor<5x6x4xf32>, tensor<6x4xf32>) -> (tensor<5x6x4xf32>, tensor<6x4xf32>)
          return %all#0, %all#1 : tensor<5x6x4xf32>, tensor<6x4xf32>
        }}"
    )
}

const LAYER: &str = "
    %product = stablehlo.dot_general %w, %state, batching_dims = [0] x [0], contracting_dims = [2] x [1]
        : (tensor<6x4x4xf32>, tensor<6x4xf32>) -> tensor<6x4xf32>
    %sum = stablehlo.add %product, %x : tensor<6x4xf32>
    %next = stablehlo.tanh %sum : tensor<6x4xf32>";

const SCALED: &str = "
    %squares = stablehlo.multiply %state, %state : tensor<6x4xf32>
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %sums = stablehlo.reduce(%squares init: %zero) applies stablehlo.add across dimensions = [1]
        : (tensor<6x4xf32>, tensor<f32>) -> tensor<6xf32>
    %sizes = stablehlo.broadcast_in_dim %sums, dims = [0] : (tensor<6xf32>) -> tensor<6x4xf32>
    %scaled = stablehlo.divide %x, %sizes : tensor<6x4xf32>
    %next = stablehlo.add %state, %scaled : tensor<6x4xf32>";

const MEAN: &str = "
    %zero = stablehlo.constant dense<0.0> : tensor<f32>
    %sums = stablehlo.reduce(%state init: %zero) applies stablehlo.add across dimensions = [0]
        : (tensor<6x4xf32>, tensor<f32>) -> tensor<4xf32>
    %all = stablehlo.broadcast_in_dim %sums, dims = [1] : (tensor<4xf32>) -> tensor<6x4xf32>
    %next = stablehlo.add %x, %all : tensor<6x4xf32>";

const TURNED: &str = "
    %turned = stablehlo.reverse %state, dims = [0] : tensor<6x4xf32>
    %next = stablehlo.add %turned, %x : tensor<6x4xf32>";

const SHIFTED: &str = "
    %later = stablehlo.slice %state [1:6, 0:4] : (tensor<6x4xf32>) -> tensor<5x4xf32>
    %first = stablehlo.slice %x [0:1, 0:4] : (tensor<6x4xf32>) -> tensor<1x4xf32>
    %next = stablehlo.concatenate %later, %first, dim = 0 : (tensor<5x4xf32>, tensor<1x4xf32>) -> tensor<6x4xf32>";

const REGROUPED: &str = "
    %flat = stablehlo.reshape %state : (tensor<6x4xf32>) -> tensor<4x6xf32>
    %other = stablehlo.transpose %flat, dims = [1, 0] : (tensor<4x6xf32>) -> tensor<6x4xf32>
    %next = stablehlo.add %other, %x : tensor<6x4xf32>";

/// A clock that all members share, and that is asked for or not.
fn clocked(is_asked: bool) -> String {
    let (ask, ty) = if is_asked { (", %all#1", ", tensor<f32>") } else { ("", "") };
    format!(
        "func.func @main(%start: tensor<6x4xf32>) -> (tensor<6x4xf32>{ty}) {{
          %zero = stablehlo.constant dense<0.0> : tensor<f32>
          %all:2 = chlo.scan() inits(%start, %zero) dimension=0 length=5 {{
          ^bb0(%state: tensor<6x4xf32>, %time: tensor<f32>):
            %step = stablehlo.constant dense<0.25> : tensor<f32>
            %later = stablehlo.add %time, %step : tensor<f32>
            %force = stablehlo.sine %later : tensor<f32>
            %forces = stablehlo.broadcast_in_dim %force, dims = [] : (tensor<f32>) -> tensor<6x4xf32>
            %next = stablehlo.multiply %state, %forces : tensor<6x4xf32>
            stablehlo.return %next, %later : tensor<6x4xf32>, tensor<f32>
          }} : (tensor<6x4xf32>, tensor<f32>) -> (tensor<6x4xf32>, tensor<f32>)
          return %all#0{ask} : tensor<6x4xf32>{ty}
        }}"
    )
}

/// The strips that loops of a program run in on so many threads, after comparing its results with the reference's.
fn strips(program: &str, threads: usize) -> Vec<usize> {
    let graph = Graph::parse(program).unwrap_or_else(|error| panic!("{error}\n{program}"));
    let draw = |(at, port): (usize, &choral_ir::graph::Port)| {
        Tensor::randn(graph.ty(port.value).shape.clone(), Key::new(at as u64))
    };
    let inputs: Vec<Tensor> = graph.inputs().iter().enumerate().map(draw).collect();
    let expected = Executable::compile(&graph, Device::Reference).unwrap().run(&inputs).unwrap();
    let setting = Setting::default().on(&Pool::new(threads)).in_pieces(4);
    let executable = Executable::compile_with(&graph, Device::Cpu, &setting).unwrap();
    for _ in 0..3 {
        for (got, expected) in executable.run(&inputs).unwrap().iter().zip(&expected) {
            assert!(got.bit_eq(expected), "{threads} threads: {got}\nnot {expected}\n{program}");
        }
    }
    let plan = executable.plan().unwrap().to_string();
    let count = |line: &str| line.split_once(" strips, b")?.0.rsplit(' ').next()?.parse().ok();
    plan.lines().filter(|line| line.contains("= scan")).filter_map(count).collect()
}

#[test]
fn members_that_know_nothing_of_each_other_run_in_strips() {
    for (threads, expected) in [(1, vec![]), (2, vec![2]), (3, vec![3]), (4, vec![6])] {
        for round in [LAYER, SCALED] {
            assert_eq!(strips(&looped(round, false), threads), expected, "{threads} threads, {round}");
            assert_eq!(strips(&looped(round, true), threads), expected, "{threads} threads, {round}");
        }
    }
}

#[test]
fn members_that_exchange_values_do_not() {
    for round in [MEAN, TURNED, SHIFTED, REGROUPED] {
        for threads in 2..=4 {
            assert_eq!(strips(&looped(round, false), threads), [0; 0], "{threads} threads, {round}");
        }
    }
}

/// Each strip has a clock of its own; what it shows in the end belongs to none of them.
#[test]
fn what_members_share_is_made_by_each_strip() {
    for threads in 2..=4 {
        assert_eq!(strips(&clocked(false), threads).len(), 1, "{threads} threads");
        assert_eq!(strips(&clocked(true), threads), [0; 0], "{threads} threads");
    }
}

/// Matrices as large as are packed ahead: each strip's are packed for themselves.
#[test]
fn strips_read_packed_operands_of_their_own() {
    let large = looped(LAYER, false).replace("x4x4xf32", "x64x64xf32").replace("x4xf32", "x64xf32");
    for threads in 2..=4 {
        assert_eq!(strips(&large, threads).len(), 1, "{threads} threads");
    }
    let graph = Graph::parse(&large).unwrap();
    let setting = Setting::default().on(&Pool::new(2));
    let executable = Executable::compile_with(&graph, Device::Cpu, &setting).unwrap();
    let plan = executable.plan().unwrap().to_string();
    assert!(plan.contains("2 strips, kept"), "{plan}");
}
