//! Laws that hold for every program, checked on generated ones: each op alone, and random programs
//! of several ops.
//!
//! - `vmap` is the stack of single runs, for every subset of mapped inputs;
//! - `vmap` of `vmap` is the stack of stacks, and either may be the inner one;
//! - members in chunks give what they give all at once;
//! - what all members share may come out once, all at once or in chunks;
//! - members know their numbers, in branches and loops too, all at once or in chunks;
//! - ops and functions with a rule of their own give what the program that they stand for gives;
//! - the processor gives the bits of the reference, with any threads, instruction set and size of tiles;
//! - so does a GPU, or a stand-in for one, if there is one (`tests/cuda/run`); its fast products are near;
//! - donated inputs make no difference, and those that are lent stay;
//! - the processor has a kernel for every op;
//! - what is exported gives the same, in StableHLO's own ops, but for the rounding of folds that these ops do in another
//!   order; its counted loops are read back as scans;
//! - what is optimised gives the same, to the bit, at no more arithmetic, and stays as it is then;
//! - mapped graphs pass the verifier and have the declared types;
//! - the comments in a text say where the members are, inside of branches and loops, too;
//! - a graph's text and JSON are read back as the same graph;
//! - tangents are what differences tend to, cotangents are transposed tangents, second derivatives are symmetric;
//! - gradients of mapped programs are mapped gradients, and programs themselves, which keep all these laws.
//!
//! A failure shows the smallest program found (`reduce.rs`), as text, with the mapping and the inputs
//! that the law fails on, and the command that finds it again. The default run checks the same
//! programs every time. `cargo test --release --test laws -- --ignored laws` checks many more, other
//! ones at every run; which ones is a number that `CHORAL_LAWS_SEED` can say:
//!
//! ```text
//! CHORAL_LAWS_SEED=7 cargo test --release --test laws -- --ignored many_random_programs::chunks_make_no_difference
//! ```
//!
//! `CHORAL_LAWS_SECONDS=60` ends every search then, and `CHORAL_LAWS_EVERY=8` makes programs of every eighth op alone.

mod axes;
mod choices;
mod compare;
mod custom;
mod derivatives;
mod devices;
mod disguise;
mod generate;
mod inputs;
mod mapping;
mod numbered;
mod reduce;
mod subject;
mod widen;

use std::collections::HashSet;

use choral::ir::op::{AxisIndex, Binary, ControlOp, Unary, WindowOp};
use choral::ir::{Builder, NodeKind, Op, cost, verify};
use choral::transform::export;
use choral::transform::rewrite::{Rewrites, counted_loops};
use choral::{Device, Graph, Tensor, TensorType};

use choices::Choices;
use derivatives::{
    cotangents_are_transposed_tangents, gpu_is_the_reference_for_gradients, gradients_and_vmap_commute,
    gradients_obey_the_laws, gradients_of_mapped_programs_obey_the_laws, second_derivatives_are_symmetric,
    tangents_are_what_differences_tend_to,
};
use devices::{
    donated_inputs_make_no_difference, every_op_has_a_kernel, gpu_is_the_reference,
    processor_is_the_reference,
};
use disguise::disguised;
use inputs::Values;
use mapping::Mapping;
use numbered::{has_regions, numbered};
use subject::{Effort, Law, Subject, holds, run};

const MEMBERS: [usize; 9] = [2, 3, 1, 0, 7, 2, 3, 17, 12];

/// Sets of mapped inputs: all of them if they are few.
fn subsets(subject: &Subject, choices: &mut Choices) -> Vec<usize> {
    let count = subject.graph.inputs().len();
    let few = if subject.is_one_op { 6 } else { 4 };
    match count {
        count if count <= few => (0..1 << count).collect(),
        _ => std::iter::once(usize::MAX).chain((0..3).map(|_| choices.any() as usize)).collect(),
    }
}

/// A way to map the graph and some of its inputs.
fn some_mapping(graph: &Graph, choices: &mut Choices) -> Mapping {
    let subset = if choices.once_in(3) { choices.any() as usize } else { usize::MAX };
    let members = choices.pick(&MEMBERS);
    Mapping::draw(graph, subset, members, choices)
}

fn all_equal(got: &[Tensor], expected: &[Tensor]) -> Result<(), String> {
    got.iter().zip(expected).try_for_each(|(got, expected)| compare::equal(got, expected))
}

/// Whether the outputs of the mapped graph are those of each member alone.
fn are_single_runs(
    mapping: &Mapping,
    graph: &Graph,
    inputs: &[Tensor],
    outputs: &[Tensor],
) -> Result<(), String> {
    for member in 0..mapping.members {
        let expected = run(graph, Device::Reference, &mapping.member_inputs(inputs, member))?;
        let got = mapping.member_outputs(graph, outputs, member);
        all_equal(&got, &expected).map_err(|error| format!("member {member}:\n{error}"))?;
    }
    Ok(())
}

fn vmap_is_the_stack_of_single_runs(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let graph = &subject.graph;
    for subset in subsets(subject, choices) {
        let members = choices.pick(&MEMBERS);
        let mapping = Mapping::draw(graph, subset, members, choices);
        let mapped = mapping.apply(graph, "members")?;
        let context = |error: String| format!("{mapping:?}\n{}{error}", subject.shown(&mapped));
        let inputs = subject.inputs(&mapped);
        let outputs = run(&mapped, Device::Reference, &inputs).map_err(context)?;
        are_single_runs(&mapping, graph, &inputs, &outputs).map_err(context)?;
    }
    Ok(())
}

fn vmap_of_vmap_is_the_stack_of_stacks(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let graph = &subject.graph;
    let mapping_of = |graph: &Graph, choices: &mut Choices| {
        let (subset, members) = (choices.any() as usize, choices.pick(&[2, 1, 3, 0]));
        Mapping::draw(graph, subset, members, choices)
    };
    let inner = mapping_of(graph, choices);
    let once = inner.apply(graph, "inner")?;
    let outer = mapping_of(&once, choices);
    let twice = outer.apply(&once, "outer")?;
    let context =
        |error: String| format!("inner {inner:?}\nouter {outer:?}\n{}{error}", subject.shown(&twice));
    let inputs = subject.inputs(&twice);
    let outputs = run(&twice, Device::Reference, &inputs).map_err(context)?;
    for member in 0..outer.members {
        let inputs = outer.member_inputs(&inputs, member);
        let outputs = outer.member_outputs(&once, &outputs, member);
        are_single_runs(&inner, graph, &inputs, &outputs).map_err(context)?;
    }
    Ok(())
}

fn either_vmap_may_be_the_inner_one(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let graph = &subject.graph;
    let [first, second] =
        [2, 3].map(|members| Mapping::at_front(graph, choices.any() as usize, members + choices.below(2)));
    let nested = |inner: &Mapping, outer: &Mapping| {
        let once = inner.apply(graph, "inner")?;
        outer.apply(&once, "outer")
    };
    let (one, other) = (nested(&first, &second)?, nested(&second, &first)?);
    let context = |error: String| {
        format!("{first:?}\nwithin {second:?}\n{}\nin the other order\n{other}{error}", subject.shown(&one))
    };
    let inputs = subject.inputs(&one);
    let both = |at: usize| first.in_dims[at].is_some() && second.in_dims[at].is_some();
    let swap = |(at, tensor): (usize, &Tensor)| if both(at) { swapped(tensor) } else { tensor.clone() };
    let other_inputs: Vec<Tensor> = inputs.iter().enumerate().map(swap).collect();
    let expected: Vec<Tensor> =
        run(&one, Device::Reference, &inputs).map_err(context)?.iter().map(swapped).collect();
    let got = run(&other, Device::Reference, &other_inputs).map_err(context)?;
    all_equal(&got, &expected).map_err(context)
}

/// The first two dimensions in the other order; both have elements.
fn swapped(tensor: &Tensor) -> Tensor {
    let stack = |parts: Vec<Tensor>| Tensor::stack(&parts).expect("parts of one type");
    let row = |row: usize| tensor.index(row).expect("a row");
    let column =
        |column| (0..tensor.shape()[0]).map(|at| row(at).index(column).expect("an element")).collect();
    stack((0..tensor.shape()[1]).map(|at| stack(column(at))).collect())
}

fn chunks_make_no_difference(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let graph = &subject.graph;
    let mapping = some_mapping(graph, choices);
    let chunk = choices.pick(&[1, 2, 3, 4]);
    let (whole, chunked) = (mapping.apply(graph, "members")?, mapping.apply_in_chunks(graph, chunk)?);
    let context =
        |error: String| format!("{mapping:?}\nin chunks of {chunk}\n{}{error}", subject.shown(&chunked));
    verify(&chunked).map_err(|error| context(error.to_string()))?;
    let inputs = subject.inputs(&whole);
    let got = run(&chunked, Device::Reference, &inputs).map_err(context)?;
    all_equal(&got, &run(&whole, Device::Reference, &inputs)?).map_err(context)
}

fn chunks_on_the_processor_make_no_difference(
    subject: &Subject,
    choices: &mut Choices,
) -> Result<(), String> {
    let graph = &subject.graph;
    let mapping = some_mapping(graph, choices);
    let chunk = choices.pick(&[1, 2, 3, 4]);
    let (whole, chunked) = (mapping.apply(graph, "members")?, mapping.apply_in_chunks(graph, chunk)?);
    let context =
        |error: String| format!("{mapping:?}\nin chunks of {chunk}\n{}{error}", subject.shown(&chunked));
    let inputs = subject.inputs(&whole);
    let got = run(&chunked, Device::Cpu, &inputs).map_err(context)?;
    let expected = run(&whole, Device::Cpu, &inputs).map_err(context)?;
    all_equal(&got, &expected).map_err(context)
}

fn what_all_members_share_may_come_out_once(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let graph = &subject.graph;
    let subset = choices.any() as usize;
    let mapping = Mapping::draw(graph, subset, choices.pick(&MEMBERS), choices);
    let chunk = choices.pick(&[1, 2, 3, 4]);
    for output in 0..graph.outputs().len() {
        let mapping = mapping.with_one(output);
        let context = |error: String| format!("{mapping:?}\nin chunks of {chunk}\n{error}");
        match (mapping.apply_to_shared(graph, None)?, mapping.apply_to_shared(graph, Some(chunk))?) {
            (Some(whole), Some(chunked)) => {
                let inputs = subject.inputs(&whole);
                let context = |error: String| context(format!("{}{chunked}{error}", subject.shown(&whole)));
                let outputs = run(&whole, Device::Reference, &inputs).map_err(context)?;
                all_equal(&run(&chunked, Device::Reference, &inputs).map_err(context)?, &outputs)
                    .map_err(context)?;
                are_single_runs(&mapping, graph, &inputs, &outputs).map_err(context)?;
            }
            (None, None) => {}
            (whole, _) => {
                let way = if whole.is_some() { "in chunks" } else { "all at once" };
                return Err(context(format!("output {output} is mapped, but only {way}")));
            }
        }
    }
    Ok(())
}

fn members_know_their_numbers(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    if !has_regions(&subject.graph) {
        return Ok(());
    }
    let asks = |builder: &mut Builder| builder.push(AxisIndex { axis: "members".into() }, &[]);
    let asking = numbered(&subject.graph, &asks).map_err(|error| error.to_string())?;
    let mapping = some_mapping(&asking, choices);
    let chunk = choices.pick(&[1, 2, 3, 4]);
    for mapped in [mapping.apply(&asking, "members")?, mapping.apply_in_chunks(&asking, chunk)?] {
        let context = |error: String| {
            format!("{asking}{mapping:?}\nin chunks of {chunk}\n{}{error}", subject.shown(&mapped))
        };
        verify(&mapped).map_err(|error| context(error.to_string()))?;
        let inputs = subject.inputs(&mapped);
        let outputs = run(&mapped, Device::Reference, &inputs).map_err(context)?;
        for member in 0..mapping.members {
            let told = |builder: &mut Builder| Ok(builder.constant(Tensor::from(member as i32)));
            let told = numbered(&subject.graph, &told).map_err(|error| error.to_string())?;
            let expected = run(&told, Device::Reference, &mapping.member_inputs(&inputs, member))?;
            let got = mapping.member_outputs(&told, &outputs, member);
            all_equal(&got, &expected).map_err(context)?;
        }
    }
    Ok(())
}

fn parts_may_be_ops_of_ones_own(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let graph = &subject.graph;
    let rewriting = choices.pick(&custom::REWRITINGS);
    let rewritten = custom::rewritten(graph, rewriting);
    let inner = some_mapping(graph, choices);
    let once = [inner.apply(graph, "inner")?, inner.apply(&rewritten, "inner")?];
    let outer = some_mapping(&once[0], choices);
    let twice = [outer.apply(&once[0], "outer")?, outer.apply(&once[1], "outer")?];
    for [plain, own] in [[graph, &rewritten], [&once[0], &once[1]], [&twice[0], &twice[1]]] {
        let context =
            |error: String| format!("inner {inner:?}\nouter {outer:?}\n{}{error}", subject.shown(own));
        let inputs = subject.inputs(plain);
        let expected = run(plain, Device::Reference, &inputs).map_err(context)?;
        all_equal(&run(own, Device::Reference, &inputs).map_err(context)?, &expected).map_err(context)?;
        let got = run(own, Device::Cpu, &inputs).map_err(context)?;
        all_equal(&got, &expected).map_err(context)?;
    }
    Ok(())
}

fn exported_graphs_do_the_same(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let mapped = some_mapping(&subject.graph, choices).apply(&subject.graph, "members")?;
    let exported = export(&mapped).map_err(|error| format!("{mapped}{error}"))?;
    let (text, context) = (exported.to_text(), |error: String| {
        format!("{}is exported as\n{exported}{error}", subject.shown(&mapped))
    });
    if text.contains("choral.") || text.contains("chlo.scan") {
        return Err(context("which is not plain".to_owned()));
    }
    verify(&exported).map_err(|error| context(error.to_string()))?;
    // As `erf_inv`, which XLA approximates in the same way, and this runtime in a better one.
    if mapped.to_text().contains("choral.erf_inv") {
        return Ok(());
    }
    let inputs = subject.inputs(&mapped);
    let got = run(&exported, Device::Reference, &inputs).map_err(context)?;
    let expected = run(&mapped, Device::Reference, &inputs)?;
    let pairs = || got.iter().zip(&expected);
    match (folds_in_another_order(&mapped), subject.is_one_op) {
        (false, _) => all_equal(&got, &expected),
        (true, true) => pairs().try_for_each(|(got, expected)| compare::close(got, expected)),
        // What comes of what is nearly equal may be anything.
        (true, false) => Ok(()),
    }
    .map_err(context)?;
    counted_loops_are_scans(&exported, &inputs, &got).map_err(context)
}

/// Whether StableHLO's own ops fold in another order: from an initial value for each result element, or on accumulators.
fn folds_in_another_order(graph: &Graph) -> bool {
    graph.nodes().any(|(id, node)| {
        let NodeKind::Op(op) = &node.kind else { return false };
        let initial =
            |from: usize| graph.operands(id)[from..].iter().any(|&value| graph.ty(value).rank() > 0);
        let has_initial_values = match op {
            Op::Reduce(_) | Op::Window(WindowOp::ReduceWindow(_)) => initial(node.types.len()),
            Op::Window(WindowOp::SelectAndScatter(_)) => initial(2),
            Op::Elementwise(_)
            | Op::Shape(_)
            | Op::Dot(_)
            | Op::Convolution(_)
            | Op::Index(_)
            | Op::Sort(_)
            | Op::Linalg(_)
            | Op::Control(_)
            | Op::Random(_)
            | Op::Collective(_)
            | Op::Custom(_) => false,
        };
        has_initial_values
            || op.accumulating().is_some()
            || op.regions().into_iter().any(folds_in_another_order)
    })
}

/// A scan is exported as a loop that counts, and read back as a scan that gives the same to the bit.
fn counted_loops_are_scans(exported: &Graph, inputs: &[Tensor], expected: &[Tensor]) -> Result<(), String> {
    let raised = counted_loops(exported).map_err(|error| error.to_string())?;
    let context = |error: String| format!("with counted loops as scans\n{raised}{error}");
    verify(&raised).map_err(|error| context(error.to_string()))?;
    let got = run(&raised, Device::Reference, inputs).map_err(context)?;
    all_equal(&got, expected).map_err(context)
}

/// An optimised graph gives the same bits at no more arithmetic, and has nothing left to optimise.
fn optimised_graphs_do_the_same(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let mapping = some_mapping(&subject.graph, choices);
    let mapped = mapping.apply(&subject.graph, "members")?;
    let chunked = mapping.apply_in_chunks(&subject.graph, choices.pick(&[1, 2, 3, 4]))?;
    let tensor = |ty: &TensorType, seed: u64| inputs::tensor(ty, seed, Values::Small);
    let disguised = disguised(&subject.graph, choices, &tensor).map_err(|error| error.to_string())?;
    let mapped_disguised = some_mapping(&disguised, choices).apply(&disguised, "members")?;
    for graph in [&subject.graph, &mapped, &chunked, &disguised, &mapped_disguised] {
        let (optimised, rewrites) = optimised(graph)?;
        let context = |error: String| {
            format!("{}is optimised by\n{rewrites}to\n{optimised}{error}", subject.shown(graph))
        };
        verify(&optimised).map_err(|error| context(error.to_string()))?;
        let inputs = subject.inputs(graph);
        let got = run(&optimised, Device::Reference, &inputs).map_err(context)?;
        all_equal(&got, &run(graph, Device::Reference, &inputs)?).map_err(context)?;
        let (again, more) = self::optimised(&optimised)?;
        if again != optimised {
            return Err(context(format!("and once more by\n{more}to\n{again}")));
        }
        let (before, after) = (cost::flops(graph), cost::flops(&optimised));
        // How often a `while` runs is not counted, and it may become a scan, whose rounds are.
        if after > before && !has_while(graph) {
            return Err(context(format!("takes {after} operations in place of {before}")));
        }
    }
    Ok(())
}

fn optimised(graph: &Graph) -> Result<(Graph, Rewrites), String> {
    choral::optimised(graph).map_err(|error| format!("{graph}{error}"))
}

fn has_while(graph: &Graph) -> bool {
    graph.nodes().any(|(_, node)| match &node.kind {
        NodeKind::Op(Op::Control(ControlOp::While(_))) => true,
        NodeKind::Op(op) => op.regions().into_iter().any(has_while),
        NodeKind::Input | NodeKind::Constant(_) => false,
    })
}

fn mapped_graphs_are_valid(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    verify(&subject.graph).map_err(|error| error.to_string())?;
    for subset in subsets(subject, choices) {
        let members = choices.pick(&MEMBERS);
        let mapping = Mapping::draw(&subject.graph, subset, members, choices);
        let mapped = mapping.apply(&subject.graph, "members")?;
        verify(&mapped).map_err(|error| format!("{mapping:?}\n{mapped}{error}"))?;
        let (got, expected) = (mapped.output_types(), mapping.output_types(&subject.graph));
        if got != expected {
            return Err(format!("{mapping:?}\n{mapped}output types {got:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

fn text_and_json_are_read_back(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let mapped = some_mapping(&subject.graph, choices).apply(&subject.graph, "members")?;
    for graph in [&subject.graph, &mapped] {
        let text = graph.to_text();
        let parsed = Graph::parse(&text).map_err(|error| format!("{text}is not read back: {error}"))?;
        let json = graph.to_json().and_then(|json| Graph::from_json(&json));
        let json = json.map_err(|error| format!("{text}JSON is not read back: {error}"))?;
        if parsed != *graph || parsed.to_text() != text {
            return Err(format!("{text}is read back as another graph\n{parsed}"));
        }
        if json != *graph || json.to_text() != text {
            return Err(format!("{text}is read back from JSON as another graph\n{json}"));
        }
    }
    Ok(())
}

fn comments_say_where_the_members_are(subject: &Subject, choices: &mut Choices) -> Result<(), String> {
    let inner = some_mapping(&subject.graph, choices).apply(&subject.graph, "inner")?;
    let outer = some_mapping(&inner, choices).apply(&inner, "outer")?;
    [inner, outer].iter().try_for_each(|graph| axes::are_right(subject, graph, &graph.axes(), choices))
}

macro_rules! laws {
    ($($law:ident, $effort:expr;)*) => {
        $(#[test]
        fn $law() {
            holds(concat!("laws::", stringify!($law)), crate::$law as Law, $effort);
        })*

        mod many_random_programs {
            use super::*;
            $(#[test]
            #[ignore = "minutes long; other programs at every run"]
            fn $law() {
                holds(concat!("many_random_programs::", stringify!($law)), crate::$law as Law, $effort.random(40));
            })*
        }
    };
}

mod laws {
    use super::*;

    laws! {
        vmap_is_the_stack_of_single_runs, Effort::fixed(70, 500);
        vmap_of_vmap_is_the_stack_of_stacks, Effort::fixed(70, 500);
        either_vmap_may_be_the_inner_one, Effort::fixed(50, 400);
        chunks_make_no_difference, Effort::fixed(70, 500);
        chunks_on_the_processor_make_no_difference, Effort::fixed(50, 400);
        what_all_members_share_may_come_out_once, Effort::fixed(50, 400);
        members_know_their_numbers, Effort::fixed(70, 500);
        parts_may_be_ops_of_ones_own, Effort::fixed(50, 600);
        processor_is_the_reference, Effort::fixed(120, 1500);
        gpu_is_the_reference, Effort::fixed(3, 60);
        donated_inputs_make_no_difference, Effort::fixed(50, 600);
        every_op_has_a_kernel, Effort::fixed(50, 600);
        exported_graphs_do_the_same, Effort::fixed(70, 500);
        optimised_graphs_do_the_same, Effort::fixed(50, 600);
        mapped_graphs_are_valid, Effort::fixed(70, 500);
        comments_say_where_the_members_are, Effort::fixed(20, 300);
        text_and_json_are_read_back, Effort::fixed(70, 500);
        tangents_are_what_differences_tend_to, Effort::fixed(50, 400);
        cotangents_are_transposed_tangents, Effort::fixed(50, 400);
        second_derivatives_are_symmetric, Effort::fixed(30, 300);
        gradients_and_vmap_commute, Effort::fixed(30, 300);
        gradients_obey_the_laws, Effort::fixed(50, 500);
        gradients_of_mapped_programs_obey_the_laws, Effort::fixed(20, 200);
        gpu_is_the_reference_for_gradients, Effort::fixed(2, 40);
    }
}

#[test]
fn every_row_makes_its_op() {
    for row in generate::ROWS {
        let graph = generate::one_op(row, &mut Choices::new(&[]));
        assert!(graph.to_text().contains(row.name), "row {} makes\n{graph}", row.name);
    }
}

#[test]
fn every_op_has_one_row() {
    let rows: HashSet<&str> = generate::ROWS.iter().map(|row| row.name).collect();
    assert_eq!(rows.len(), generate::ROWS.len(), "two rows of one name");
    let unary = Unary::ALL.iter().map(|op| op.name());
    let elementwise: Vec<&str> = unary.chain(Binary::ALL.iter().map(|op| op.name())).collect();
    let missing: Vec<_> = elementwise.into_iter().filter(|name| !rows.contains(name)).collect();
    assert!(missing.is_empty(), "no row in tests/laws/generate.rs makes {missing:?}");
}
