//! Heat maps over two logarithmic axes: what a sweep over learning rates and weight decays came to.

use std::error::Error;
use std::ops::Range;
use std::path::PathBuf;

use plotters::prelude::*;

use super::{Drawn, picture};

/// An axis: what it is called, and the positive values along it, in ascending order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: &'a [f64],
}

impl Axis<'_> {
    /// Where the cell of a value begins and ends: halfway, as factors, to its neighbours.
    fn cell(&self, at: usize) -> (f64, f64) {
        let value = self.values[at];
        let below = at.checked_sub(1).map(|at| self.values[at] / value);
        let above = self.values.get(at + 1).map(|next| next / value);
        let half = |step: Option<f64>, other: Option<f64>| {
            step.or(other.map(|other| 1.0 / other)).unwrap_or(0.1).sqrt()
        };
        let down = half(below, above);
        let up = above.map_or(1.0 / down, f64::sqrt);
        (value * down, value * up)
    }

    fn range(&self) -> Range<f64> {
        self.cell(0).0..self.cell(self.values.len() - 1).1
    }
}

/// Draws one value for each pair, `values[y][x]`, from dark for the least to bright for the greatest; what is not finite stays grey.
///
/// # Errors
/// If an axis is empty, or the picture cannot be written.
pub(crate) fn draw(
    name: &str,
    title: &str,
    [x, y]: [Axis<'_>; 2],
    values: &[Vec<f64>],
) -> Result<PathBuf, Box<dyn Error>> {
    if x.values.is_empty() || y.values.is_empty() {
        return Err(format!(
            "a heat map needs a value along each axis, got none along {} or {}",
            x.name, y.name
        )
        .into());
    }
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let (least, greatest) =
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    // From 0 to 1, or halfway where all are the same.
    let share = |value: f64| if least < greatest { (value - least) / (greatest - least) } else { 0.5 };
    let colour = |value: f64| match value.is_finite() {
        true => ViridisRGB.get_color(share(value)),
        false => RGBColor(128, 128, 128),
    };
    let caption = match finite().next() {
        Some(_) => format!("{title}, {least:.3} (dark) to {greatest:.3} (bright)"),
        None => format!("{title}, nowhere a number"),
    };
    picture(name, |canvas| -> Drawn {
        let mut chart = ChartBuilder::on(canvas)
            .caption(caption, ("sans-serif", 20))
            .margin(15)
            .x_label_area_size(45)
            .y_label_area_size(80)
            .build_cartesian_2d(x.range().log_scale(), y.range().log_scale())?;
        let power = |value: &f64| format!("{value:.0e}");
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh()
            .x_desc(x.name)
            .y_desc(y.name)
            .x_label_formatter(&power)
            .y_label_formatter(&power)
            .draw()?;
        let rows = values.iter().enumerate();
        let cells = rows.flat_map(|(row, values)| {
            values.iter().enumerate().map(move |(column, value)| (row, column, *value))
        });
        chart.draw_series(cells.map(|(row, column, value)| {
            let ((left, right), (bottom, top)) = (x.cell(column), y.cell(row));
            Rectangle::new([(left, bottom), (right, top)], colour(value).filled())
        }))?;
        Ok(())
    })
}
