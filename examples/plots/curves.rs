//! Curves with a band around each: losses of all members while they train, an energy and how sure the ensemble is of it.

use std::error::Error;
use std::path::PathBuf;

use plotters::prelude::*;

use super::{Drawn, picture, range};

/// What is told about one place of a curve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) x: f64,
    pub(crate) middle: f64,
    /// The lower and the upper end of the band.
    pub(crate) band: (f64, f64),
}

/// A curve and its name in the legend.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) places: Vec<Place>,
}

impl Curve {
    /// The median of all members at each step, in a band from the best to the worst; members without a finite loss are left out.
    pub(crate) fn of_members(name: &str, steps: impl IntoIterator<Item = Vec<f64>>) -> Curve {
        let place = |(step, mut values): (usize, Vec<f64>)| {
            values.retain(|value| value.is_finite());
            values.sort_by(f64::total_cmp);
            let (first, last) = (*values.first()?, *values.last()?);
            Some(Place { x: step as f64, middle: values[values.len() / 2], band: (first, last) })
        };
        Curve { name: name.to_owned(), places: steps.into_iter().enumerate().filter_map(place).collect() }
    }

    /// Its places without those that have no finite value.
    fn finite(&self) -> impl DoubleEndedIterator<Item = &Place> {
        let is_finite =
            |place: &&Place| [place.middle, place.band.0, place.band.1].iter().all(|value| value.is_finite());
        self.places.iter().filter(is_finite)
    }
}

/// What stands at a picture and its axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
}

/// Draws curves over each other, each in a colour of its own.
///
/// # Errors
/// If the picture cannot be written.
pub(crate) fn draw(name: &str, labels: Labels<'_>, curves: &[Curve]) -> Result<PathBuf, Box<dyn Error>> {
    let places = || curves.iter().flat_map(Curve::finite);
    let x = range(places().map(|place| place.x));
    let y = range(places().flat_map(|place| [place.middle, place.band.0, place.band.1]));
    // The legend stands above the curves.
    let room = (y.end - y.start) * 0.08 * (curves.len() + 1) as f64;
    let y = y.start..y.end + room;
    picture(name, |canvas| -> Drawn {
        let mut chart = ChartBuilder::on(canvas)
            .caption(labels.title, ("sans-serif", 20))
            .margin(15)
            .x_label_area_size(45)
            .y_label_area_size(80)
            .build_cartesian_2d(x, y)?;
        chart.configure_mesh().x_desc(labels.x).y_desc(labels.y).light_line_style(WHITE).draw()?;
        for (at, curve) in curves.iter().enumerate() {
            let colour = Palette99::pick(at).to_rgba();
            let upper = curve.finite().map(|place| (place.x, place.band.1));
            let lower = curve.finite().rev().map(|place| (place.x, place.band.0));
            let band: Vec<(f64, f64)> = upper.chain(lower).collect();
            chart.draw_series([Polygon::new(band, colour.mix(0.2).filled())])?;
            let middle = curve.finite().map(|place| (place.x, place.middle));
            let line = chart.draw_series(LineSeries::new(middle, colour.stroke_width(2)))?;
            let sample = move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2));
            line.label(&curve.name).legend(sample);
        }
        let mut legend = chart.configure_series_labels();
        legend.position(SeriesLabelPosition::UpperRight).background_style(WHITE.mix(0.8)).border_style(BLACK);
        Ok(legend.draw()?)
    })
}
