//! The laws of the processor: it does what the reference does, whatever it runs with and whatever it may write over.
//!
//! Must not live here: laws of graphs.

use std::sync::LazyLock;

use choral::runtime::plan::Plan;
use choral::runtime::{Executable, cuda_source_with};
use choral::{DType, Device, Graph, Level, Pool, Precision, Setting, Tensor};

use crate::choices::Choices;
use crate::inputs::{self, Values};
use crate::mapping::Mapping;
use crate::subject::{Subject, run, run_on_given, run_with};
use crate::{all_equal, some_mapping};

pub(crate) fn processor_is_the_reference(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let mapped = some_mapping(&subject.graph, choices).apply(&subject.graph, "members")?;
    for graph in [&subject.graph, &mapped] {
        let inputs = subject.inputs(graph);
        let expected = run(graph, Device::Reference, &inputs)?;
        for setting in [Setting::default(), some_setting(choices)] {
            let context = |error| format!("{setting:?}\n{}{error}", subject.shown(graph));
            let got = run_with(graph, Device::Cpu, &setting, &inputs).map_err(context)?;
            all_equal(&got, &expected).map_err(context)?;
        }
    }
    Ok(())
}

/// On a GPU, or a stand-in for one (`tests/cuda/run`); without either there is nothing to check. The third run replays what
/// the second one captured.
pub(crate) fn gpu_is_the_reference(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let Ok(gpu) = Device::cuda(0) else { return Ok(()) };
    let mapped = some_mapping(&subject.graph, choices).apply(&subject.graph, "members")?;
    for graph in [&subject.graph, &mapped] {
        let inputs = subject.inputs(graph);
        let expected = run(graph, Device::Reference, &inputs)?;
        let context = |error: String| format!("{}{error}", subject.shown(graph));
        let setting = choices.pick(&[Setting::default(), Setting::default().in_pieces(1)]);
        let executable =
            Executable::compile_with(graph, gpu, &setting).map_err(|error| context(error.to_string()))?;
        for _ in 0..3 {
            let got = executable.run(&inputs).map_err(|error| context(error.to_string()))?;
            all_equal(&got, &expected).map_err(context)?;
        }
    }
    Ok(())
}

/// Inputs that are given up make room for results and nothing else; inputs that are lent stay.
pub(crate) fn donated_inputs_make_no_difference(
    subject: &Subject,
    choices: &mut Choices,
) -> Result<(), String> {
    let mapped = some_mapping(&subject.graph, choices).apply(&subject.graph, "members")?;
    for graph in [&subject.graph, &mapped] {
        let donated: Vec<usize> =
            (0..graph.inputs().len()).filter(|_| choices.pick(&[true, true, false])).collect();
        let setting = some_setting(choices).donating(donated);
        let context = |error| format!("{setting:?}\n{}{error}", subject.shown(graph));
        let inputs = subject.inputs(graph);
        let expected = run(graph, Device::Reference, &inputs)?;
        let lent = run_with(graph, Device::Cpu, &setting, &inputs).map_err(context)?;
        all_equal(&lent, &expected).map_err(context)?;
        let given = run_on_given(graph, &setting, || subject.inputs(graph)).map_err(context)?;
        all_equal(&given, &expected).map_err(context)?;
    }
    Ok(())
}

/// Some threads and an instruction set, with kernels in pieces of some size.
fn some_setting(choices: &mut Choices) -> Setting {
    static POOLS: LazyLock<[Pool; 4]> = LazyLock::new(|| [1, 2, 3, 4].map(Pool::new));
    let setting = Setting::default().on(&choices.pick(&*POOLS)).at_most(choices.pick(&Level::ALL));
    setting.in_pieces(choices.pick(&[1, 3, 8, 40, 1024]))
}

/// But for user-defined ops, of which generated programs have none.
pub(crate) fn every_op_has_a_kernel(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let mapped = some_mapping(&subject.graph, choices).apply(&subject.graph, "members")?;
    for graph in [&subject.graph, &mapped] {
        let executable = Executable::compile(graph, Device::Cpu).map_err(|error| error.to_string())?;
        let slow = executable.plan().map(Plan::host_ops).unwrap_or_default();
        if !slow.is_empty() {
            return Err(format!("no kernel runs {slow:?} in\n{graph}"));
        }
    }
    Ok(())
}

/// A product with a bias and a rectifier, large enough for a library, and the type of its elements; the same of the sizes of
/// its inputs, for which results are at least as large as all their terms together.
fn product(choices: &mut Choices) -> (DType, [Graph; 2]) {
    let (dtype, digits) = choices.pick(&[(DType::F32, "f32"), (DType::Bf16, "bf16"), (DType::F64, "f64")]);
    let [rows, columns, terms] = [choices.pick(&[128, 96, 160]), choices.pick(&[128, 100, 192]), 100];
    let turned = |is_turned: bool, [one, other]: [usize; 2]| match is_turned {
        false => (format!("tensor<{one}x{other}x{digits}>"), 1),
        true => (format!("tensor<{other}x{one}x{digits}>"), 0),
    };
    let (lhs, lhs_terms) = turned(choices.once_in(2), [rows, terms]);
    let (rhs, rhs_terms) = turned(choices.once_in(2), [columns, terms]);
    let (bias, out) = (format!("tensor<{columns}x{digits}>"), format!("tensor<{rows}x{columns}x{digits}>"));
    let [adds, has_relu] = [(); 2].map(|()| choices.once_in(2));
    let graph = |of_sizes: bool| {
        let op = if of_sizes { "abs" } else { "reshape" };
        let addend = if adds { "%b1" } else { "%zero" };
        let result = if has_relu { "%high" } else { "%sum" };
        let text = format!(
            "func.func @main(%x: {lhs}, %w: {rhs}, %b: {bias}) -> {out} {{
               %x0 = stablehlo.{op} %x : {lhs}
               %w0 = stablehlo.{op} %w : {rhs}
               %b0 = stablehlo.{op} %b : {bias}
               %zero = stablehlo.constant dense<0.0> : {out}
               %y = stablehlo.dot_general %x0, %w0, contracting_dims = [{lhs_terms}] x [{rhs_terms}]
                 : ({lhs}, {rhs}) -> {out}
               %b1 = stablehlo.broadcast_in_dim %b0, dims = [1] : ({bias}) -> {out}
               %sum = stablehlo.add %y, {addend} : {out}
               %high = stablehlo.maximum %sum, %zero : {out}
               return {result} : {out}
             }}"
        );
        Graph::parse(&text).expect("a program")
    };
    (dtype, [graph(false), graph(true)])
}

/// On a GPU, or a stand-in for one: a fast product is as near to an exact one as operands with the bits that tensor cores
/// read allow, whatever their layouts are, and whichever of them members share.
#[test]
fn fast_products_are_near_exact_ones() {
    let Ok(gpu) = Device::cuda(0) else { return };
    let fast = Setting::default().precision(Precision::Fast);
    let mut of_the_library = 0;
    for series in 0..24 {
        let choices = &mut Choices::of_series(series);
        let (dtype, graphs) = product(choices);
        let (subset, members) = (choices.any() as usize, choices.pick(&[1, 3, 2]));
        let mapping = Mapping::draw(&graphs[0], subset, members, choices);
        let [graph, of_sizes] = graphs.map(|graph| mapping.apply(&graph, "members").expect("a graph"));
        let [graph, of_sizes] = [graph, of_sizes].map(|graph| choral::optimised(&graph).expect("a graph").0);
        let inputs = inputs::tensors(&graph, series, Values::Rough);
        let exact = run(&graph, Device::Cpu, &inputs).expect("results");
        let sizes = run(&of_sizes, Device::Cpu, &inputs).expect("results");
        let executable = Executable::compile_with(&graph, gpu, &fast).expect("an executable");
        let source = cuda_source_with(&graph, &fast).expect("source");
        of_the_library += usize::from(source.contains("// cuBLASLt: "));
        let allowed = match dtype {
            DType::F64 => 1e-13,
            DType::F32 => 2f64.powi(-9),
            // Two results that are rounded, a product and a sum.
            _ => 2f64.powi(-6),
        };
        for _ in 0..3 {
            let got = executable.run(&inputs).expect("results");
            let numbers = |tensor: &Tensor| tensor.to_f64_vec();
            let pairs = numbers(&got[0]).into_iter().zip(numbers(&exact[0]));
            for ((got, exact), size) in pairs.zip(numbers(&sizes[0])) {
                assert!((got - exact).abs() <= allowed * size, "{got}, not {exact}\n{mapping:?}\n{graph}");
            }
        }
    }
    assert!(of_the_library > 12, "{of_the_library} programs have products of the library");
}
