//! Thirty-two convolutional networks trained at once, as one program: `vmap` of a step of training.
//!
//! Members differ in their seed, their learning rate, their weight decay and the data that they see, each a bootstrap
//! sample of the training images (B. Lakshminarayanan et al.: "Simple and scalable predictive uncertainty estimation
//! using deep ensembles", 2017). A member whose loss is no number any more stops, and the others go on.
//!
//! `cargo run --release --example train_ensemble` (`-- --epochs 5` trains for less long, `-- --members 8` fewer, `-- --lr 1e30`
//! with a learning rate at which every member diverges)

mod digits;
mod plots;

use std::time::Instant;

use choral::ensemble::stack_members;
use choral::error::CompilerError;
use choral::grad::Argument;
use choral::optim::clip_grad_norm;
use choral::prelude::*;
use digits::{Cnn, test_set, training_set};
use plots::curves::{self, Curve, Labels};
use plots::progress::Progress;
use plots::reliability::{self, Bin};

/// The folder of the project, which holds `examples/data`.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Images in a batch.
const BATCH: usize = 64;

/// Bins of the reliability diagram.
const BINS: usize = 10;

type AnyError = Box<dyn std::error::Error>;

/// What a member goes on from.
#[derive(Module, Clone)]
struct Run<T> {
    model: Cnn<T>,
    state: OptimiserState<T>,
    key: T,
    /// Whether it has not diverged.
    active: T,
}

/// What is the same in every step of a member.
#[derive(Module, Clone)]
struct Recipe<T> {
    adam: AdamW<T>,
    /// The training images that it sees, some more than once.
    rows: T,
    /// The number of all steps.
    steps: T,
}

/// A step of one member: a batch of its own, the gradient of the cross-entropy, clipped, and a learning rate that rises,
/// then falls. Returns the loss before it.
fn step(
    (run, recipe, (images, labels)): (Run<Var>, Recipe<Var>, (Var, Var)),
) -> Result<(Run<Var>, Var), CompilerError> {
    let [key, batch, drops] = random::split(&run.key);
    let chosen = recipe.rows.take_rows(&random::randint(&batch, [BATCH], 0, recipe.rows.size(0) as i32));
    let (images, labels) = (images.take_rows(&chosen), labels.take_rows(&chosen));
    let loss_of = |mut model: Cnn<Var>| {
        let logits = with_key(&drops, || model.forward(&images));
        // The model comes out with new running statistics.
        (loss::cross_entropy(&logits, &labels, loss::Reduction::Mean), model)
    };
    let gradient = value_and_grad(loss_of).by(Argument::<0>.parameters()).has_aux();
    let ((loss, model), gradients) = gradient.apply(run.model.clone())?;
    let (gradients, _) = clip_grad_norm(&gradients, 5.0);
    let peak = &recipe.adam.lr;
    let lr = schedule::warmup(&run.state.step, 20.0, 0.0, peak, |step| {
        schedule::cosine(step, peak, &recipe.steps, 0.0)
    });
    let (model, state) = AdamW { lr, ..recipe.adam }.update(&model, &gradients, &run.state);

    let active = run.active.logical_and(loss.isfinite());
    let after = Run { model, state, key, active: run.active.clone() };
    Ok((Run { active: active.clone(), ..freeze(&active, &after, &run) }, loss))
}

/// Log-probabilities of the classes of images.
fn predict((mut model, images): (Cnn<Var>, Var)) -> Var {
    model.forward(&images).log_softmax(-1)
}

/// A number for each member, evenly spread in its logarithm and drawn by `key`.
fn log_uniform(members: usize, low: f64, high: f64, key: Key) -> Vec<f64> {
    let draws = Tensor::rand([members], key).to_f64_vec();
    draws.into_iter().map(|draw| low * (high / low).powf(draw)).collect()
}

struct Options {
    members: usize,
    epochs: usize,
    lr: Option<f64>,
}

impl Options {
    fn read() -> Result<Options, AnyError> {
        let mut options = Options { members: 32, epochs: 15, lr: None };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} takes a value"))?;
            match word.as_str() {
                "--members" => options.members = value.parse()?,
                "--epochs" => options.epochs = value.parse()?,
                "--lr" => options.lr = Some(value.parse()?),
                _ => return Err(format!("expected --members, --epochs or --lr, got {word}").into()),
            }
        }
        if options.members == 0 || options.epochs == 0 {
            return Err("expected at least one member and one epoch".into());
        }
        Ok(options)
    }
}

/// The members before their first step, and how each is trained.
fn start(
    options: &Options,
    samples: usize,
    steps: usize,
) -> Result<(Run<Tensor>, Recipe<Tensor>), choral::Error> {
    let members = options.members;
    let mut rates = log_uniform(members, 1e-3, 3e-2, Key::new(1));
    if let Some(lr) = options.lr {
        rates.fill(lr);
    }
    let decays = log_uniform(members, 1e-4, 1e-1, Key::new(2));
    let (mut runs, mut recipes) = (Vec::with_capacity(members), Vec::with_capacity(members));
    for (member, (lr, decay)) in rates.into_iter().zip(decays).enumerate() {
        let [weights, bootstrap, key] = Key::new(100 + member as u64).split();
        let adam = AdamW::new(lr).weight_decay(decay);
        let model = Cnn::init(weights);
        let drawn = Tensor::rand([samples], bootstrap).to_f64_vec();
        let rows =
            Tensor::from_fn([samples], |at| ((drawn[at] * samples as f64) as i32).min(samples as i32 - 1));
        runs.push(Run { state: adam.init(&model), model, key: key.into(), active: Tensor::scalar(true) });
        recipes.push(Recipe { adam, rows, steps: Tensor::scalar(steps as f64) });
    }
    Ok((stack_members(&runs)?, stack_members(&recipes)?))
}

fn main() -> Result<(), AnyError> {
    let options = Options::read()?;
    let (images, labels) = training_set()?;
    let samples = images.shape()[0];
    let steps = options.epochs * samples.div_ceil(BATCH);
    let (mut runs, recipes) = start(&options, samples, steps)?;

    // The next runs are written where the last ones lie.
    let train = vmap(step, (0, 0, None)).donate([0]);
    println!("{} networks, {samples} images, {steps} steps", options.members);
    let began = Instant::now();
    let progress = Progress::new(steps, options.members);
    let (mut history, mut losses) = (Vec::with_capacity(steps), Tensor::scalar(0.0f32));
    for _ in 0..steps {
        (runs, losses) = train.call((runs, &recipes, (&images, &labels)))?;
        history.push(losses.to_f64_vec());
        progress.step(&losses.to_f64_vec());
    }
    drop(progress);
    let seconds = began.elapsed().as_secs_f64();
    let total = (steps * options.members) as f64;
    println!("{seconds:.1} s, {:.0} steps of a member a second", total / seconds);
    report(&runs, &recipes, &losses)?;

    let labels = Labels { title: "Training of all members", x: "step", y: "cross-entropy" };
    let path = curves::draw(
        "train_ensemble_losses",
        labels,
        &[Curve::of_members("median, best and worst", history)],
    )?;
    println!("loss curves: {}", path.display());
    Ok(())
}

/// Prints how members and ensemble do on images that none has seen, and draws how far they are to be trusted.
fn report(runs: &Run<Tensor>, recipes: &Recipe<Tensor>, losses: &Tensor) -> Result<(), AnyError> {
    let (images, labels) = test_set()?;
    let mut models = runs.model.clone();
    models.eval();
    let predictions = vmap(predict, (0, None)).call((&models, &images))?;
    let active: Vec<bool> = runs.active.to_f64_vec().iter().map(|flag| *flag == 1.0).collect();
    let (rates, decays) = (recipes.adam.lr.to_f64_vec(), recipes.adam.weight_decay.to_f64_vec());
    let mut members: Vec<(usize, Score, Vec<f64>)> = Vec::new();
    for (member, _) in active.iter().enumerate().filter(|(_, active)| **active) {
        let probabilities: Vec<f64> =
            predictions.index(member)?.to_f64_vec().into_iter().map(f64::exp).collect();
        members.push((member, Score::of(&probabilities, &labels), probabilities));
    }
    for member in (0..active.len()).filter(|member| !active[*member]) {
        println!("member {member} diverged (learning rate {:.1e}) and was stopped", rates[member]);
    }
    if members.is_empty() {
        println!("no member is left, the last losses are {losses}");
        return Ok(());
    }
    members.sort_by(|one, other| one.1.nll.total_cmp(&other.1.nll));
    let row = |name: &str, (member, score, _): &(usize, Score, Vec<f64>)| {
        println!("  {name:<9} {score} {:>9.1e} {:>9.1e}", rates[*member], decays[*member]);
    };
    println!("  {:<9} {:>8} {:>8} {:>8} {:>9} {:>9}", "", "accuracy", "NLL", "ECE", "rate", "decay");
    row("best", &members[0]);
    row("median", &members[members.len() / 2]);
    row("worst", &members[members.len() - 1]);

    let count = members.len() as f64;
    let mean: Vec<f64> = (0..members[0].2.len())
        .map(|at| members.iter().map(|(_, _, probabilities)| probabilities[at]).sum::<f64>() / count)
        .collect();
    let ensemble = Score::of(&mean, &labels);
    println!("  {:<9} {ensemble}", "ensemble");
    let path =
        reliability::draw("train_ensemble_reliability", "Reliability of the ensemble", &ensemble.bins)?;
    println!("reliability diagram: {}", path.display());
    Ok(())
}

/// How well predictions fit the labels.
struct Score {
    accuracy: f64,
    /// Mean negative log-likelihood of the labels, in nats.
    nll: f64,
    bins: Vec<Bin>,
}

impl Score {
    /// The score of probabilities, `[images, classes]`.
    fn of(probabilities: &[f64], labels: &[usize]) -> Score {
        let classes = probabilities.len() / labels.len();
        let rows = || probabilities.chunks(classes).zip(labels);
        let judged: Vec<(f64, bool)> = rows()
            .map(|(row, label)| {
                let confidence = row.iter().copied().fold(0.0, f64::max);
                (confidence, row[*label] == confidence)
            })
            .collect();
        let nll = rows().map(|(row, label)| -row[*label].max(f64::MIN_POSITIVE).ln()).sum::<f64>();
        let count = labels.len() as f64;
        let right = judged.iter().filter(|(_, is_right)| *is_right).count() as f64;
        Score { accuracy: right / count, nll: nll / count, bins: reliability::bins(&judged, BINS) }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = reliability::calibration_error(&self.bins);
        write!(f, "{:>8.4} {:>8.4} {error:>8.4}", self.accuracy, self.nll)
    }
}
