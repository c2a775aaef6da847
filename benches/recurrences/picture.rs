//! Memory and time against the number of steps.

use crate::{POLICIES, Row};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

const COLOURS: [RGBColor; 3] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
];

/// Draws a column for each recurrence: bytes held above, microseconds below.
pub fn write_svg(path: &Path, series: &[(&str, Vec<Row>)]) -> Result<(), Box<dyn Error>> {
    let size = (360 * series.len() as u32, 720);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((2, series.len()));
    for (k, (name, rows)) in series.iter().enumerate() {
        let title = name.split(',').next().unwrap_or(name);
        panel(&panels[k], title, "bytes held", rows, |row, p| {
            row.gradients[p].bytes as f64
        })?;
        let below = &panels[series.len() + k];
        panel(below, title, "µs, gradient", rows, |row, p| {
            row.gradients[p].time
        })?;
    }
    root.present()?;
    Ok(())
}

fn panel(
    area: &DrawingArea<SVGBackend, Shift>,
    title: &str,
    what: &str,
    rows: &[Row],
    value: impl Fn(&Row, usize) -> f64,
) -> Result<(), Box<dyn Error>> {
    let all = || {
        rows.iter()
            .flat_map(|r| (0..POLICIES.len()).map(|p| value(r, p)))
    };
    let low = all().fold(f64::INFINITY, f64::min) / 1.5;
    let high = all().fold(low * 4.0, f64::max) * 1.5;
    let ends = |row: Option<&Row>| row.map_or(1.0, |r| r.n as f64);
    let (left, right) = (ends(rows.first()), ends(rows.last()));
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d((left..right).log_scale().base(2.0), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("steps")
        .y_desc(what)
        .x_labels(4)
        .x_label_formatter(&|x| format!("{x}"))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .draw()?;
    for (p, ((name, _), colour)) in POLICIES.iter().zip(COLOURS).enumerate() {
        let style = colour.stroke_width(2);
        let line: Vec<(f64, f64)> = rows.iter().map(|r| (r.n as f64, value(r, p))).collect();
        chart.draw_series(line.iter().map(|&at| Circle::new(at, 3, colour.filled())))?;
        chart
            .draw_series(LineSeries::new(line, style))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    Ok(())
}
