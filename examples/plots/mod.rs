//! What training looks like: pictures as SVG, which need no fonts and no library of the system, and a bar in the terminal.
//!
//! Knows nothing of models or tensors: numbers come in, text goes out.
#![allow(dead_code)] // Each example draws some of them.

pub(crate) mod curves;
pub(crate) mod heat_map;
pub(crate) mod progress;
pub(crate) mod reliability;

use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};

use choral::state::file;
use plotters::coord::Shift;
use plotters::prelude::*;

/// Width and height in pixels.
const SIZE: (u32, u32) = (800, 500);

/// What helpers of plotters return.
type Drawn = Result<(), Box<dyn Error>>;

/// What is drawn on.
type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws on a white canvas, writes it to `target/pictures/{name}.svg` in the project, or, where what was built is run on
/// another machine, below the folder that it is started in, and returns where it lies.
fn picture(name: &str, draw: impl FnOnce(&Canvas<'_>) -> Drawn) -> Result<PathBuf, Box<dyn Error>> {
    let mut text = String::new();
    {
        let canvas = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        canvas.fill(&WHITE)?;
        draw(&canvas)?;
        canvas.present()?;
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = if project.is_dir() { project } else { Path::new(".") };
    let folder = project.join("target/pictures");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{name}.svg"));
    file::replace(&path, text)?;
    Ok(path)
}

/// From the least finite value to the greatest, and a little on each side, so that nothing lies on the edge.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let ends = |(least, greatest): (f64, f64), value: f64| (least.min(value), greatest.max(value));
    let (least, greatest) =
        values.filter(|value| value.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    if least > greatest {
        return 0.0..1.0;
    }
    let margin = if least < greatest { (greatest - least) * 0.05 } else { least.abs().max(1.0) * 0.05 };
    least - margin..greatest + margin
}
