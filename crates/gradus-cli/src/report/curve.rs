//! The loss over the epochs, as a picture and on the terminal.

use super::chart::{self, Axis, Drawn};
use super::history::{Epoch, History};
use crate::dataset::broken;
use gradus::{Result, io};
use plotters::prelude::*;
use std::path::Path;
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape};

const TRAIN: RGBColor = RGBColor(31, 119, 180);
const TEST: RGBColor = RGBColor(214, 39, 40);
/// Curves of at most this many epochs show each epoch as a dot.
const DOTTED: usize = 60;

/// Writes training and test loss over the epochs to an SVG file.
pub fn write_svg(path: &Path, history: &History) -> Result<()> {
    let picture = draw(history).map_err(|e| broken(path, format_args!("cannot be drawn: {e}")))?;
    io::write_whole(path, picture.as_bytes())
}

fn draw(history: &History) -> Drawn<String> {
    let lines = [
        ("training images", TRAIN, points(history, |e| e.loss)),
        ("test images", TEST, points(history, |e| e.test_loss)),
    ];
    // A logarithmic axis needs positive ends.
    let values = || {
        let all = lines.iter().flat_map(|l| &l.2).map(|p| p.1);
        all.filter(|v| *v > 0.0 && v.is_finite())
    };
    let low = values().fold(f64::INFINITY, f64::min).min(1.0) * 0.9;
    let high = values().fold(low * 2.0, f64::max) * 1.1;
    let mut picture = String::new();
    let root = SVGBackend::with_string(&mut picture, (800, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let names = lines.each_ref().map(|l| (l.0, l.1));
    let area = chart::below_head(&root, "Loss", &names)?;
    let last = history.len().max(2) as f64;
    let mut chart = chart::builder(&area).build_cartesian_2d(
        Axis::linear(1.0, last, chart::whole(history.len())),
        Axis::logarithmic(low, high, chart::ticks(low, high)),
    )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("epoch")
        .y_desc("mean cross-entropy")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| chart::label(*y))
        .draw()?;
    for (_, colour, points) in lines {
        let places = points.into_iter().filter(|p| p.1 > 0.0);
        let places: Vec<(f64, f64)> = places.map(|(x, y)| (x, chart::place(y))).collect();
        if places.len() <= DOTTED {
            let dots = places.iter().map(|p| Circle::new(*p, 3, colour.filled()));
            chart.draw_series(dots)?;
        }
        chart.draw_series(LineSeries::new(places, colour.stroke_width(2)))?;
    }
    root.present()?;
    drop(chart);
    drop(area);
    drop(root);
    Ok(picture)
}

fn points(history: &History, value: impl Fn(&Epoch) -> f64) -> Vec<(f64, f64)> {
    (1..)
        .zip(history)
        .map(|(k, e)| (f64::from(k), value(e)))
        .collect()
}

/// A small plot of the training loss in text characters.
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
