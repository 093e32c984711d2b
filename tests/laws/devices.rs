//! The laws of the processor: it does what the reference does, whatever it runs with and whatever it may write over.
//!
//! Must not live here: laws of graphs.

use std::sync::LazyLock;

use choral::runtime::Executable;
use choral::runtime::plan::Plan;
use choral::{Device, Level, Pool, Setting};

use crate::choices::Choices;
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
