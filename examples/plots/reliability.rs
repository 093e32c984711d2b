//! Reliability diagrams: whether a network that is 80 % sure is right 80 times of a hundred.
//!
//! M. H. DeGroot, S. E. Fienberg: "The comparison and evaluation of forecasters", The Statistician 32, 12 (1983); the
//! calibration error is that of C. Guo et al.: "On calibration of modern neural networks", ICML 2017.

use std::error::Error;
use std::path::PathBuf;

use plotters::prelude::*;

use super::{Drawn, picture};

/// Predictions that are about equally sure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bin {
    /// How many there are.
    pub(crate) count: usize,
    /// Their mean confidence.
    pub(crate) confidence: f64,
    /// The share of them that is right.
    pub(crate) accuracy: f64,
}

/// Predictions, each with its confidence and whether it is right, in bins of the same width.
pub(crate) fn bins(predictions: &[(f64, bool)], count: usize) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); count];
    for &(confidence, is_right) in predictions {
        let bin = &mut bins[((confidence * count as f64) as usize).min(count - 1)];
        bin.count += 1;
        bin.confidence += confidence;
        bin.accuracy += f64::from(is_right);
    }
    for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
        bin.confidence /= bin.count as f64;
        bin.accuracy /= bin.count as f64;
    }
    bins
}

/// The mean distance of confidence from accuracy: the expected calibration error.
pub(crate) fn calibration_error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.count).sum();
    let distance = |bin: &Bin| (bin.confidence - bin.accuracy).abs() * bin.count as f64;
    bins.iter().map(distance).sum::<f64>() / all.max(1) as f64
}

/// Draws the accuracy of each bin beside the diagonal, where a network is as often right as it says. What is paler holds
/// fewer predictions.
///
/// # Errors
/// If the picture cannot be written.
pub(crate) fn draw(name: &str, title: &str, bins: &[Bin]) -> Result<PathBuf, Box<dyn Error>> {
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or_default().max(1) as f64;
    let width = 1.0 / bins.len().max(1) as f64;
    picture(name, |canvas| -> Drawn {
        let caption = format!("{title} (calibration error {:.3})", calibration_error(bins));
        let mut chart = ChartBuilder::on(canvas)
            .caption(caption, ("sans-serif", 20))
            .margin(15)
            .x_label_area_size(45)
            .y_label_area_size(60)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
        chart.configure_mesh().x_desc("confidence").y_desc("accuracy").light_line_style(WHITE).draw()?;
        chart.draw_series(bins.iter().enumerate().filter(|(_, bin)| bin.count > 0).map(|(at, bin)| {
            let shade = BLUE.mix(0.15 + 0.85 * bin.count as f64 / most);
            let left = at as f64 * width;
            Rectangle::new([(left, 0.0), (left + width, bin.accuracy)], shade.filled())
        }))?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.stroke_width(1)))?;
        Ok(())
    })
}
