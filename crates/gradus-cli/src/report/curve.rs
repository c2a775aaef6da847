//! The loss over the epochs, as a picture and on the terminal.

use super::history::{Epoch, History};
use crate::dataset::broken;
use gradus::Result;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

const TRAIN: RGBColor = RGBColor(31, 119, 180);
const TEST: RGBColor = RGBColor(214, 39, 40);

/// Writes training and test loss over the epochs to an SVG file.
pub fn write_svg(path: &Path, history: &History) -> Result<()> {
    draw(path, history).map_err(|e| broken(path, format_args!("cannot be drawn: {e}")))
}

fn draw(path: &Path, history: &History) -> std::result::Result<(), Box<dyn Error>> {
    let lines = [
        ("training images", TRAIN, points(history, |e| e.loss)),
        ("test images", TEST, points(history, |e| e.test_loss)),
    ];
    // A logarithmic axis needs positive ends.
    let values = || {
        lines
            .iter()
            .flat_map(|l| &l.2)
            .map(|p| p.1)
            .filter(|v| *v > 0.0 && v.is_finite())
    };
    let low = values().fold(f64::INFINITY, f64::min).min(1.0) * 0.9;
    let high = values().fold(low * 2.0, f64::max) * 1.1;
    let root = SVGBackend::new(path, (800, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Loss", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(1.0..history.len().max(2) as f64, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc("mean cross-entropy")
        .y_label_formatter(&|v| format!("{v:.3}"))
        .draw()?;
    for (name, colour, points) in lines {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(
                points.into_iter().filter(|p| p.1 > 0.0),
                style,
            ))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    chart
        .configure_series_labels()
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    root.present()?;
    Ok(())
}

fn points(history: &History, value: impl Fn(&Epoch) -> f64) -> Vec<(f64, f64)> {
    (1..)
        .zip(history)
        .map(|(k, e)| (f64::from(k), value(e)))
        .collect()
}

/// A small plot of the training loss in characters.
pub fn in_terminal(history: &History) -> String {
    if history.len() < 2 {
        return String::new();
    }
    let points: Vec<(f32, f32)> = points(history, |e| e.loss)
        .into_iter()
        .map(|(x, y)| (x as f32, y as f32))
        .collect();
    let mut chart = Chart::new_with_y_range(
        120,
        40,
        1.0,
        history.len() as f32,
        0.0,
        points.iter().fold(0.0, |top, p| f32::max(top, p.1)),
    );
    let line = Shape::Lines(&points);
    let chart = chart
        .lineplot(&line)
        .x_label_format(LabelFormat::Custom(Box::new(|x| format!("epoch {x:.0}"))))
        .y_label_format(LabelFormat::Custom(Box::new(|y| format!("{y:.3}"))));
    chart.axis();
    chart.figures();
    format!("training loss\n{chart}")
}
