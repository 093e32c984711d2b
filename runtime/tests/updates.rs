//! Loops that update a part of what they carry: where it lies if nothing else but slices of it is read, and those before;
//! with the bits of the reference in any case.

use choral_ir::{Graph, Key, Tensor};
use choral_runtime::{Device, Executable, Pool, Setting};

/// A state of five rows of four elements, which `round` maps to `%next` and `%out`, beside `%x`, the round's part of the
/// inputs, and `%at` and `%other`, places of rows.
fn looped(round: &str) -> Graph {
    let text = format!(
        "func.func @main(%xs: tensor<6x1x4xf32>, %places: tensor<6xi32>, %others: tensor<6xi32>,
            %start: tensor<5x4xf32>) -> (tensor<6x1x4xf32>, tensor<5x4xf32>) {{
          %all:2 = chlo.scan(%xs, %places, %others) inits(%start) dimension=0 {{
          ^bb0(%x: tensor<1x4xf32>, %at: tensor<i32>, %other: tensor<i32>, %state: tensor<5x4xf32>):
            %first = stablehlo.constant dense<0> : tensor<i32>
            {round}
            stablehlo.return %out, %next : tensor<1x4xf32>, tensor<5x4xf32>
          }} : (tensor<6x1x4xf32>, tensor<6xi32>, tensor<6xi32>, tensor<5x4xf32>) -> (tensor<6x1x4xf32>, tensor<5x4xf32>)
          return %all#0, %all#1 : tensor<6x1x4xf32>, tensor<5x4xf32>
        }}"
    );
    Graph::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn slice(name: &str, place: &str) -> String {
    format!(
        "%{name} = stablehlo.dynamic_slice %state, %{place}, %first, sizes = [1, 4]
           : (tensor<5x4xf32>, tensor<i32>, tensor<i32>) -> tensor<1x4xf32>\n"
    )
}

const UPDATE: &str = "%next = stablehlo.dynamic_update_slice %state, %new, %at, %first
    : (tensor<5x4xf32>, tensor<1x4xf32>, tensor<i32>, tensor<i32>) -> tensor<5x4xf32>\n";

fn add(name: &str, one: &str, other: &str) -> String {
    format!("%{name} = stablehlo.add %{one}, %{other} : tensor<1x4xf32>\n")
}

/// Whether the state is updated where it lies; fails unless the bits are those of the reference.
fn is_in_place(round: &str) -> bool {
    let graph = looped(round);
    let (xs, start) = (Tensor::randn([6, 1, 4], Key::new(0)), Tensor::randn([5, 4], Key::new(1)));
    let inputs = [xs, Tensor::from([3i32, 0, 3, 7, 1, -2]), Tensor::from([3i32, 3, 0, 4, 1, 0]), start];
    let run = |device, threads| {
        let setting = Setting::default().on(&Pool::new(threads));
        let executable = Executable::compile_with(&graph, device, &setting).expect("an executable");
        let plan = executable.plan().map(ToString::to_string);
        (executable.run(&inputs).expect("results"), plan)
    };
    let (expected, _) = run(Device::Reference, 1);
    let (mut plans, shown) = (Vec::new(), format!("{graph}"));
    for threads in [1, 3] {
        let (got, plan) = run(Device::Cpu, threads);
        assert!(got.iter().zip(&expected).all(|(got, expected)| got.bit_eq(expected)), "{shown}");
        plans.extend(plan);
    }
    !plans[0].contains("in turns")
}

#[test]
fn slices_that_are_read_before_leave_it_in_place() {
    let added = slice("old", "at") + &add("new", "old", "x") + UPDATE + &add("out", "old", "old");
    assert!(is_in_place(&added));
    let elsewhere = slice("old", "other") + &add("new", "old", "x") + UPDATE + &add("out", "old", "new");
    assert!(is_in_place(&elsewhere));
}

#[test]
fn slices_that_may_be_read_after_do_not() {
    let after = add("new", "x", "x") + UPDATE + &slice("out", "other");
    assert!(!is_in_place(&after));
    let both = slice("old", "at") + &add("new", "old", "x") + UPDATE + &slice("out", "other");
    assert!(!is_in_place(&both));
}

#[test]
fn what_is_read_whole_does_not() {
    let whole = "%zero = stablehlo.constant dense<0.0> : tensor<f32>
        %sums = stablehlo.reduce(%state init: %zero) applies stablehlo.add across dimensions = [0]
            : (tensor<5x4xf32>, tensor<f32>) -> tensor<4xf32>
        %row = stablehlo.reshape %sums : (tensor<4xf32>) -> tensor<1x4xf32>\n"
        .to_owned();
    assert!(!is_in_place(&(whole + &add("new", "row", "x") + UPDATE + &add("out", "new", "row"))));
}
