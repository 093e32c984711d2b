//! Five PyTorch checkpoints of one network run as one program, twice: perceptrons, then
//! convolutional networks with batch normalisation.
//!
//! `cargo run --release --example digits_ensemble` (`-- --dump-ir` prints the graphs as well, `-- --device best` runs on an
//! NVIDIA GPU if there is one, `-- --device cuda` insists on it)

mod digits;

use std::time::{Duration, Instant};

use choral::ensemble::{FunctionalModule, member_state};
use choral::prelude::*;
use digits::{Cnn, Mlp, checkpoints, test_set};

/// The folder of the project, which holds `examples/data`.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().collect();
    let dump_ir = arguments.iter().any(|argument| argument == "--dump-ir");
    let device = arguments.iter().position(|argument| argument == "--device").map(|at| &arguments[at + 1..]);
    let device: Device =
        device.and_then(|names| names.first()).map_or(Ok(Device::Cpu), |name| name.parse())?;
    println!("on {device}");
    run("MLP", &checkpoints("mlp", &Mlp::init(Key::new(0)))?, device, dump_ir)?;
    run("CNN", &checkpoints("cnn", &Cnn::init(Key::new(0)))?, device, dump_ir)
}

fn run<M>(title: &str, models: &[M], device: Device, dump_ir: bool) -> Result<(), AnyError>
where
    M: Module<Tensor>,
    FunctionalModule<M::With<TensorType>>: Function<(State<Var>, State<Var>, Var), Output = Var> + Clone,
{
    let (images, labels) = test_set()?;
    let (fmodel, params, buffers) = combine_state_for_ensemble(models)?;
    let single = jit(fmodel.clone()).on(device);
    let ensemble = vmap(fmodel, (0, 0, None)).on(device);
    let logits = ensemble.call((&params, &buffers, &images))?;

    println!("{title}: {} members, {} test images", models.len(), labels.len());
    println!("  {:<10} {:>8} {:>8}", "", "accuracy", "NLL");
    let mut total = 0.0;
    for member in 0..models.len() {
        let score = Score::of(&probabilities(&logits.index(member)?)?, &labels);
        println!("  member {member:<3} {score}");
        total += score.nll;
    }
    println!("  {:<10} {:>8} {:>8.4}", "mean", "", total / models.len() as f64);
    println!("  {:<10} {}", "ensemble", Score::of(&predictive_mean(&logits)?, &labels));

    let turned = ensemble.call((&params, &buffers, &turned(&images)?))?;
    println!(
        "  mean predictive entropy: {:.4} nats on the test images, {:.4} on the same turned by 90 degrees",
        mean_entropy(&logits)?,
        mean_entropy(&turned)?
    );

    let members: Vec<(State<Tensor>, State<Tensor>)> = (0..models.len())
        .map(|member| Ok((member_state(&params, member)?, member_state(&buffers, member)?)))
        .collect::<Result<_, choral::Error>>()?;
    let together = median_time(|| ensemble.call((&params, &buffers, &images)).map(drop))?;
    let one_by_one = median_time(|| {
        members.iter().try_for_each(|(params, buffers)| single.call((params, buffers, &images)).map(drop))
    })?;
    println!("  time: {together:.2?} as one program, {one_by_one:.2?} as a loop over the members\n");

    if dump_ir {
        let (params_of_one, buffers_of_one) = &members[0];
        println!(
            "one member:\n{}",
            single.trace((params_of_one, buffers_of_one, &images))?.graph.to_summary()
        );
        println!("all members:\n{}", ensemble.trace((&params, &buffers, &images))?.graph.to_summary());
    }
    Ok(())
}

/// How well predictions fit the labels.
struct Score {
    accuracy: f64,
    /// Mean negative log-likelihood of the labels, in nats.
    nll: f64,
}

impl Score {
    /// The score of probabilities `[images, classes]`.
    fn of(probabilities: &Tensor, labels: &[usize]) -> Score {
        let classes = probabilities.shape()[1];
        let values: Vec<f64> = probabilities.to_f64_vec();
        let rows = || values.chunks(classes).zip(labels);
        let correct = rows().filter(|(row, label)| row.iter().all(|other| *other <= row[**label])).count();
        let nll: f64 = rows().map(|(row, label)| -row[*label].ln()).sum();
        let count = labels.len() as f64;
        Score { accuracy: correct as f64 / count, nll: nll / count }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>8.4} {:>8.4}", self.accuracy, self.nll)
    }
}

/// Probabilities of one member's logits.
fn probabilities(logits: &Tensor) -> Result<Tensor, choral::Error> {
    jit(|logits: Var| logits.softmax(-1)).call(logits)
}

/// The members' mean probabilities.
fn predictive_mean(logits: &Tensor) -> Result<Tensor, choral::Error> {
    jit(|logits: Var| logits.softmax(-1).mean(0)).call(logits)
}

/// Entropy of the mean probabilities in nats, averaged over the images.
fn mean_entropy(logits: &Tensor) -> Result<f32, AnyError> {
    let entropy = |logits: Var| {
        let mean = logits.softmax(-1).mean(0);
        // 0 log 0 is 0.
        -(&mean * mean.maximum(f32::MIN_POSITIVE).log()).sum(-1).mean(())
    };
    Ok(jit(entropy).call(logits)?.item()?)
}

/// The images turned by 90 degrees.
fn turned(images: &Tensor) -> Result<Tensor, choral::Error> {
    jit(|images: Var| images.transpose(1, 2).flip([2])).call(images)
}

/// Median of 21 runs, after one to warm up.
fn median_time(mut run: impl FnMut() -> Result<(), choral::Error>) -> Result<Duration, choral::Error> {
    run()?;
    let mut times = (0..21)
        .map(|_| {
            let start = Instant::now();
            run()?;
            Ok(start.elapsed())
        })
        .collect::<Result<Vec<_>, choral::Error>>()?;
    times.sort();
    Ok(times[times.len() / 2])
}
