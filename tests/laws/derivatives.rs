//! Laws of differentiation: tangents are what differences tend to, cotangents are their transposes, second
//! derivatives are symmetric, and gradients obey all that programs do.
//!
//! They hold for what is differentiable: programs with an op that is not are passed over
//! ([`is_refused`]), and so are numbers that no difference tends to.

use choral::ir::{Graph, TypeError};
use choral::transform::differentiate::DifferentiationError;
use choral::transform::{grad_graph, jvp_graph, vjp_graph};
use choral::{Device, Tensor, TensorType};

use crate::choices::Choices;
use crate::compare;
use crate::inputs::{self, Values};
use crate::subject::{Law, Subject, run};
use crate::widen::widened;
use crate::{
    all_equal, every_op_has_a_kernel, gpu_is_the_reference, optimised_graphs_do_the_same,
    processor_is_the_reference, some_mapping, text_and_json_are_read_back, vmap_is_the_stack_of_single_runs,
};

/// The inputs that hold floats.
fn floats(graph: &Graph) -> Vec<usize> {
    let types = graph.input_types();
    (0..types.len()).filter(|&at| types[at].dtype.is_float()).collect()
}

/// The transformed graph; `None` if the program is refused with a reason that the user can act on.
fn differentiated(result: Result<Graph, DifferentiationError>) -> Result<Option<Graph>, String> {
    match result {
        Ok(graph) => Ok(Some(graph)),
        Err(error) if is_refused(&error) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a program is refused as not differentiable: it has no floats, an op without a derivative, or a loop
/// of unknown length, backwards.
fn is_refused(error: &DifferentiationError) -> bool {
    match error {
        DifferentiationError::NoFloats { .. } => true,
        DifferentiationError::Build(error) => {
            matches!(&error.cause, TypeError { constraint: "differentiable", .. })
        }
        DifferentiationError::NoInput { .. }
        | DifferentiationError::Twice { .. }
        | DifferentiationError::NotFloat { .. }
        | DifferentiationError::NoOutput { .. }
        | DifferentiationError::OutputNotFloat { .. }
        | DifferentiationError::Vmap(_) => false,
    }
}

/// Tensors of these types with all of their digits.
fn rough(types: &[TensorType], seed: u64) -> Vec<Tensor> {
    let tensor = |(at, ty)| inputs::tensor(ty, inputs::mixed(seed + at as u64), Values::Rough);
    types.iter().enumerate().map(tensor).collect()
}

/// The float outputs of a graph of doubles, flattened.
fn numbers(tensors: &[Tensor]) -> Vec<f64> {
    let floats = tensors.iter().filter(|tensor| tensor.dtype().is_float());
    floats.flat_map(|tensor| tensor.to_f64_vec()).collect()
}

/// Fails unless two sums of products agree, as far as their terms are numbers.
fn agree(told: [&str; 2], one: [&[f64]; 2], other: [&[f64]; 2]) -> Result<(), String> {
    let terms = |[left, right]: [&[f64]; 2]| left.iter().zip(right).map(|(x, y)| x * y).collect::<Vec<_>>();
    let (one, other) = (terms(one), terms(other));
    let scale = 1e-3 + one.iter().chain(&other).map(|term| term.abs()).sum::<f64>();
    let (one, other) = (one.iter().sum::<f64>(), other.iter().sum::<f64>());
    if one.is_finite() && other.is_finite() && (one - other).abs() > 1e-8 * scale {
        return Err(format!("{} is {one}, {} is {other}", told[0], told[1]));
    }
    Ok(())
}

/// A widened program on rough inputs.
struct Wide {
    graph: Graph,
    wrt: Vec<usize>,
    inputs: Vec<Tensor>,
}

impl Wide {
    fn of(subject: &Subject, seed: u64) -> Option<Wide> {
        let graph = widened(&subject.graph)?;
        // An approximation in single precision, whose derivative is that of the function.
        if graph.to_text().contains("choral.erf_inv") {
            return None;
        }
        let wrt = floats(&graph);
        let inputs = rough(&graph.input_types(), seed);
        Some(Wide { graph, wrt, inputs })
    }

    /// Types of the inputs that hold floats.
    fn types(&self) -> Vec<TensorType> {
        let types = self.graph.input_types();
        self.wrt.iter().map(|&at| types[at].clone()).collect()
    }

    /// The float outputs where the inputs have moved by `step` along `tangents`.
    fn moved(&self, tangents: &[Tensor], step: f64) -> Result<Vec<f64>, String> {
        let mut inputs = self.inputs.clone();
        for (&at, tangent) in self.wrt.iter().zip(tangents) {
            let (from, along) = (inputs[at].to_f64_vec(), tangent.to_f64_vec());
            let moved = from.iter().zip(&along).map(|(x, t)| x + step * t).collect();
            inputs[at] = Tensor::new(inputs[at].shape(), moved).expect("as many numbers");
        }
        Ok(numbers(&run(&self.graph, Device::Reference, &inputs)?))
    }
}

/// Tangents are what central differences tend to, and the values beside them are those of the program alone.
pub(crate) fn tangents_are_what_differences_tend_to(
    subject: &Subject,
    choices: &mut Choices,
) -> Result<(), String> {
    let seed = u64::from(choices.any());
    let Some(wide) = Wide::of(subject, seed) else { return Ok(()) };
    let Some(jvp) = differentiated(jvp_graph(&wide.graph, &wide.wrt))? else { return Ok(()) };
    let tangents = rough(&wide.types(), seed + 100);
    let context = |error: String| format!("{}inputs {:?}\n{jvp}{error}", wide.graph, wide.inputs);
    let given = [wide.inputs.clone(), tangents.clone()].concat();
    let results = run(&jvp, Device::Reference, &given).map_err(context)?;
    let (values, found) = results.split_at(wide.graph.outputs().len());
    all_equal(values, &run(&wide.graph, Device::Reference, &wide.inputs)?).map_err(context)?;
    if numbers(values).iter().any(|value| !value.is_finite()) {
        return Ok(());
    }
    let difference = |step: f64| -> Result<Vec<f64>, String> {
        let (after, before) = (wide.moved(&tangents, step)?, wide.moved(&tangents, -step)?);
        Ok(after.iter().zip(&before).map(|(after, before)| (after - before) / (2.0 * step)).collect())
    };
    let [far, middle, near] = [2e-5, 1e-5, 5e-6].map(difference);
    let (far, middle, near) = (far?, middle?, near?);
    for (at, found) in numbers(found).into_iter().enumerate() {
        let scale = 1.0 + near[at].abs();
        let tends =
            (far[at] - middle[at]).abs() < 1e-7 * scale && (middle[at] - near[at]).abs() < 1e-7 * scale;
        let is_near = (found - near[at]).abs() <= 1e-5 * scale;
        if tends && !is_near {
            return Err(context(format!("tangent {at} is {found}, differences tend to {}", near[at])));
        }
    }
    Ok(())
}

/// `<cotangent, jvp(tangent)> = <vjp(cotangent), tangent>`.
pub(crate) fn cotangents_are_transposed_tangents(
    subject: &Subject,
    choices: &mut Choices,
) -> Result<(), String> {
    let seed = u64::from(choices.any());
    let Some(wide) = Wide::of(subject, seed) else { return Ok(()) };
    let Some(jvp) = differentiated(jvp_graph(&wide.graph, &wide.wrt))? else { return Ok(()) };
    let Some(vjp) = differentiated(vjp_graph(&wide.graph, &wide.wrt))? else { return Ok(()) };
    let tangents = rough(&wide.types(), seed + 100);
    let outputs: Vec<TensorType> =
        wide.graph.output_types().into_iter().filter(|ty| ty.dtype.is_float()).collect();
    let cotangents = rough(&outputs, seed + 200);
    let context = |error: String| format!("{}inputs {:?}\n{jvp}{vjp}{error}", wide.graph, wide.inputs);
    let count = wide.graph.outputs().len();
    let forward = [wide.inputs.clone(), tangents.clone()].concat();
    let forward = numbers(&run(&jvp, Device::Reference, &forward).map_err(context)?[count..]);
    let back = [wide.inputs.clone(), cotangents.clone()].concat();
    let results = run(&vjp, Device::Reference, &back).map_err(context)?;
    all_equal(&results[..count], &run(&wide.graph, Device::Reference, &wide.inputs)?).map_err(context)?;
    let (back, tangents, cotangents) = (numbers(&results[count..]), numbers(&tangents), numbers(&cotangents));
    let told = ["<cotangent, jvp>", "<vjp, tangent>"];
    agree(told, [&cotangents, &forward], [&back, &tangents]).map_err(context)
}

/// The derivative along `v` of the gradient along `u` is the one along `u` of the gradient along `v`.
pub(crate) fn second_derivatives_are_symmetric(
    subject: &Subject,
    choices: &mut Choices,
) -> Result<(), String> {
    let seed = u64::from(choices.any());
    let Some(wide) = Wide::of(subject, seed) else { return Ok(()) };
    let Some(grad) = differentiated(grad_graph(&wide.graph, &wide.wrt))? else { return Ok(()) };
    let Some(hessian) = differentiated(jvp_graph(&grad, &wide.wrt))? else { return Ok(()) };
    let [u, v] = [100, 200].map(|more| rough(&wide.types(), seed + more));
    let context = |error: String| format!("{}inputs {:?}\n{hessian}{error}", wide.graph, wide.inputs);
    let along = |tangents: &[Tensor]| -> Result<Vec<f64>, String> {
        let results =
            run(&hessian, Device::Reference, &[&wide.inputs, tangents].concat()).map_err(context)?;
        Ok(numbers(&results[wide.wrt.len()..]))
    };
    let (along_u, along_v) = (along(&u)?, along(&v)?);
    let (u, v) = (numbers(&u), numbers(&v));
    let told = ["the derivative along u and v", "that along v and u"];
    agree(told, [&along_u, &v], [&along_v, &u]).map_err(context)
}

/// Members' gradients are the same whether gradients are mapped, or the mapped program is differentiated.
pub(crate) fn gradients_and_vmap_commute(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let seed = u64::from(choices.any());
    let Some(Wide { graph, wrt, inputs: _ }) = Wide::of(subject, seed) else { return Ok(()) };
    let Some(grad) = differentiated(grad_graph(&graph, &wrt))? else { return Ok(()) };
    let members = choices.pick(&[2, 3, 1, 0]);
    let mapping = crate::Mapping::at_front(&graph, usize::MAX, members);
    let of_gradients = crate::Mapping::at_front(&grad, usize::MAX, members);
    let mapped = mapping.apply(&graph, "members")?;
    let one = of_gradients.apply(&grad, "members")?;
    let Some(other) = differentiated(grad_graph(&mapped, &wrt))? else { return Ok(()) };
    let inputs = rough(&mapped.input_types(), seed);
    let context = |error: String| format!("{graph}inputs {inputs:?}\n{one}{other}{error}");
    let got = run(&other, Device::Reference, &inputs).map_err(context)?;
    let expected = run(&one, Device::Reference, &inputs).map_err(context)?;
    let agree = |(got, expected): (&Tensor, &Tensor)| match numbers(std::slice::from_ref(expected)) {
        numbers if numbers.iter().all(|number| number.is_finite()) => compare::close(got, expected),
        _ => Ok(()),
    };
    got.iter().zip(&expected).try_for_each(agree).map_err(context)
}

/// Gradients are programs as others are.
pub(crate) fn gradients_obey_the_laws(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let wrt = floats(&subject.graph);
    let differentiate = choices.pick(&[vjp_graph, jvp_graph]);
    let Some(graph) = differentiated(differentiate(&subject.graph, &wrt))? else { return Ok(()) };
    choral::ir::verify(&graph).map_err(|error| format!("{}{graph}{error}", subject.graph))?;
    let law: Law = choices.pick(&[
        processor_is_the_reference as Law,
        vmap_is_the_stack_of_single_runs,
        optimised_graphs_do_the_same,
        every_op_has_a_kernel,
        text_and_json_are_read_back,
    ]);
    law(&subject.with(&graph), choices)
}

/// On a GPU, or a stand-in for one.
pub(crate) fn gpu_is_the_reference_for_gradients(
    subject: &Subject,
    choices: &mut Choices,
) -> Result<(), String> {
    let wrt = floats(&subject.graph);
    let differentiate = choices.pick(&[vjp_graph, jvp_graph]);
    let Some(graph) = differentiated(differentiate(&subject.graph, &wrt))? else { return Ok(()) };
    gpu_is_the_reference(&subject.with(&graph), choices)
}

/// As [`gradients_obey_the_laws`], of gradients of mapped programs.
pub(crate) fn gradients_of_mapped_programs_obey_the_laws(
    subject: &Subject,
    choices: &mut Choices,
) -> Result<(), String> {
    let mapped = some_mapping(&subject.graph, choices).apply(&subject.graph, "outer")?;
    gradients_obey_the_laws(&subject.with(&mapped), choices)
}
