//! Which images a trained network still has to learn from: the gradient of each sample by itself, all in one program.
//!
//! A batch has one gradient, the mean of its samples'. `vmap(grad(loss), (None, 0, 0))` keeps them apart: the model is
//! shared, images and labels are mapped. Samples with large gradients are hard, ambiguous or labelled wrongly; a few of them
//! make most of what a training step does. S. McCandlish et al.: "An empirical model of large-batch training" (2018) tell
//! from the same gradients how large a batch is worth its cost.
//!
//! `cargo run --release --example per_sample_grads`

mod digits;

use std::time::{Duration, Instant};

use choral::error::CompilerError;
use choral::prelude::*;
use choral::tree::leaves;
use digits::{Mlp, checkpoints, training_set};

/// The folder of the project, which holds `examples/data`.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How many of the noisiest digits are drawn.
const DRAWN: usize = 6;

/// Norms are outliers so many times the distance between the quartiles above the upper one: "far out" of J. W. Tukey:
/// "Exploratory Data Analysis" (1977).
const FAR: f64 = 3.0;

/// Cross-entropy of one image, `[8, 8]`, and its class.
fn sample_loss((mut model, image, label): (Mlp<Var>, Var, Var)) -> Var {
    let logits = model.forward(&image.unsqueeze(0));
    loss::cross_entropy(&logits, &label.unsqueeze(0), loss::Reduction::Mean)
}

/// The mean over a batch.
fn batch_loss((model, images, labels): (Mlp<Var>, Var, Var)) -> Result<Var, CompilerError> {
    Ok(vmap(sample_loss, (None, 0, 0)).apply((model, images, labels))?.mean(()))
}

/// The length of a gradient, all parameters taken together.
fn norm(gradient: &Mlp<Var>) -> Var {
    let squares = leaves(gradient).into_iter().map(|(_, leaf)| leaf.square().sum(()));
    squares.reduce(|sum, square| sum + square).expect("a network has parameters").sqrt()
}

fn main() -> Result<(), choral::Error> {
    let model = checkpoints("mlp", &Mlp::init(Key::new(0)))?.swap_remove(0);
    let (images, labels) = training_set()?;
    let arguments = (&model, &images, &labels);

    let of_samples = vmap(grad(sample_loss), (None, 0, 0));
    let norm_of_sample =
        |sample: (Mlp<Var>, Var, Var)| Ok::<Var, CompilerError>(norm(&grad(sample_loss).apply(sample)?));
    let norms = vmap(norm_of_sample, (None, 0, 0)).call(arguments)?.to_f64_vec();
    let norm_of_batch =
        |batch: (Mlp<Var>, Var, Var)| Ok::<Var, CompilerError>(norm(&grad(batch_loss).apply(batch)?));
    let of_mean = f64::from(jit(norm_of_batch).call(arguments)?.item::<f32>()?);

    let mut ranked: Vec<usize> = (0..norms.len()).collect();
    ranked.sort_by(|a, b| norms[*b].total_cmp(&norms[*a]));
    println!("{} training images, a trained network: the norm of each image's own gradient", norms.len());
    histogram(&norms);

    let squares = |samples: &[usize]| samples.iter().map(|sample| norms[*sample].powi(2)).sum::<f64>();
    let outliers = &ranked[..outliers(&norms)];
    println!(
        "{} outliers hold {:.0} % of all squared norms",
        outliers.len(),
        100.0 * squares(outliers) / squares(&ranked)
    );
    let mean_square = squares(&ranked) / norms.len() as f64;
    println!(
        "the mean of all gradients has norm {of_mean:.4}: noise scale {:.0} images",
        (mean_square - of_mean.powi(2)) / of_mean.powi(2)
    );

    println!("\nthe noisiest digits:");
    let probabilities = |(mut model, images): (Mlp<Var>, Var)| model.forward(&images).softmax(-1);
    let probabilities = jit(probabilities).call((&model, &images))?;
    let noisiest =
        ranked[..DRAWN].iter().map(|sample| Ok((*sample, probabilities.index(*sample)?.to_f64_vec())));
    draw(&images, &labels, &norms, &noisiest.collect::<Result<Vec<_>, choral::Error>>()?);

    let of_batch = grad(batch_loss);
    let differ = |(apart, together): (Mlp<Var>, Mlp<Var>)| {
        let pairs = leaves(&apart).into_iter().zip(leaves(&together));
        let distances = pairs.map(|((_, apart), (_, together))| (apart.mean(0) - together).abs().amax(()));
        distances.reduce(|greatest, distance| greatest.maximum(distance)).expect("a network has parameters")
    };
    let differ = jit(differ).call((&of_samples.call(arguments)?, &of_batch.call(arguments)?))?;
    println!("their mean is the gradient of the batch, but for {:.0e}", differ.item::<f32>()?);
    let apart = median_time(|| of_samples.call(arguments).map(drop))?;
    let together = median_time(|| of_batch.call(arguments).map(drop))?;
    println!("time: {apart:.2?} for {} gradients, {together:.2?} for that of the batch", norms.len());
    Ok(())
}

/// Prints how many norms there are of each size, by factors of ten.
fn histogram(norms: &[f64]) {
    const SMALLEST: i32 = -7;
    let size = |norm: &f64| (norm.log10().floor() as i32).max(SMALLEST);
    let sizes: Vec<i32> = norms.iter().map(size).collect();
    let greatest = sizes.iter().copied().max().unwrap_or(SMALLEST);
    for size in SMALLEST..=greatest {
        let count = sizes.iter().filter(|other| **other == size).count();
        let bar = "#".repeat((count * 60).div_ceil(norms.len()));
        let relation = if size == SMALLEST { "below" } else { "up to" };
        println!("  {relation} {:<7} {count:>5} {bar}", format!("1e{}", size + 1));
    }
}

/// How many norms are far above the others.
fn outliers(norms: &[f64]) -> usize {
    let mut sorted = norms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quartile = |number: usize| sorted[(sorted.len() - 1) * number / 4];
    let fence = quartile(3) + FAR * (quartile(3) - quartile(1));
    sorted.iter().filter(|norm| **norm > fence).count()
}

/// Draws samples beside each other, each with the probabilities that the network gives its classes.
fn draw(images: &Tensor, labels: &Tensor, norms: &[f64], samples: &[(usize, Vec<f64>)]) {
    const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
    let (pixels, labels) = (images.to_f64_vec(), labels.to_f64_vec());
    for row in 0..8 {
        let line = |(sample, _): &(usize, Vec<f64>)| -> String {
            let shades = pixels[sample * 64 + row * 8..][..8].iter();
            shades.map(|pixel| SHADES[(pixel * 4.0).round() as usize]).collect()
        };
        println!("  {}", samples.iter().map(line).collect::<Vec<_>>().join("   ").trim_end());
    }
    let captions = |of: &dyn Fn(usize, &[f64]) -> String| {
        let columns: Vec<String> = samples
            .iter()
            .map(|(sample, probabilities)| format!("{:<16}", of(*sample, probabilities)))
            .collect();
        println!("  {}", columns.join("   ").trim_end());
    };
    captions(&|sample, probabilities| {
        let label = labels[sample] as usize;
        format!("{label} at {:.4}", probabilities[label])
    });
    captions(&|_, probabilities| {
        let best = (0..probabilities.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
        best.map_or_else(String::new, |class| format!("seen: {class} at {:.2}", probabilities[class]))
    });
    captions(&|sample, _| format!("norm {:.2}", norms[sample]));
    println!();
}

/// Median of 11 runs, after one to warm up.
fn median_time(mut run: impl FnMut() -> Result<(), choral::Error>) -> Result<Duration, choral::Error> {
    run()?;
    let mut times = (0..11)
        .map(|_| {
            let start = Instant::now();
            run()?;
            Ok(start.elapsed())
        })
        .collect::<Result<Vec<_>, choral::Error>>()?;
    times.sort();
    Ok(times[times.len() / 2])
}
