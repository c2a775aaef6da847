//! The costs of the orders of the chain rule against depth and width, as a picture.

use super::chart::{self, Area, Axis, Drawn};
use crate::dataset::broken;
use gradus::Result;
use gradus_plan::{Bracketing, Chain, ModeCost};
use plotters::prelude::*;
use std::path::Path;

/// The most depths that are drawn.
const MOST_DEPTHS: usize = 32;

const LINES: [(&str, RGBColor); 3] = [
    ("forward", RGBColor(31, 119, 180)),
    ("reverse", RGBColor(214, 39, 40)),
    ("mixed", RGBColor(44, 160, 44)),
];

/// A chain's position on the x axis, with the costs of forward, reverse and mixed order.
type Point = (f64, [ModeCost; 3]);

/// Draws operations and memory of the orders against the depth of a chain of these widths,
/// cut after each function, and against its inner widths, times ¼ to 4.
pub fn write_svg(path: &Path, widths: &[usize]) -> Result<()> {
    draw(path, widths).map_err(|e| broken(path, format_args!("cannot be drawn: {e}")))
}

fn draw(path: &Path, widths: &[usize]) -> Drawn<()> {
    let (depths, scales) = (by_depth(widths), by_width(widths));
    let root = SVGBackend::new(path, (1120, 800)).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((2, 2));
    let operations = |c: &ModeCost| c.operations as f64;
    let memory = |c: &ModeCost| c.memory as f64;
    let depth = "functions of the chain";
    let width = "inner widths, times";
    panel(&panels[0], "multiplications", depth, &depths, operations)?;
    panel(&panels[1], "multiplications", width, &scales, operations)?;
    panel(&panels[2], "numbers held", depth, &depths, memory)?;
    panel(&panels[3], "numbers held", width, &scales, memory)?;
    root.present()?;
    Ok(())
}

/// The chain after 1, 2, … functions.
fn by_depth(widths: &[usize]) -> Vec<Point> {
    let longest = widths.len() - 1;
    let count = longest.min(MOST_DEPTHS);
    let Ok(whole) = Chain::new(widths) else {
        return Vec::new();
    };
    let best = whole.best_of_prefixes();
    (1..=count)
        .map(|k| k * longest / count)
        .filter_map(|l| {
            let chain = Chain::new(&widths[..=l]).ok()?;
            Some((l as f64, costs(&chain, best.bracketing(l))))
        })
        .collect()
}

/// The chain with its inner widths times ¼, …, 4.
fn by_width(widths: &[usize]) -> Vec<Point> {
    let last = widths.len() - 1;
    let scaled = |factor: f64| -> Vec<usize> {
        let inner = |w: usize| ((w as f64 * factor).round() as usize).max(1);
        let all = widths.iter().enumerate();
        all.map(|(k, &w)| if k == 0 || k == last { w } else { inner(w) })
            .collect()
    };
    (-4..=4)
        .map(|k| 2f64.powf(f64::from(k) / 2.0))
        // A point is left out if its widths are too large to count with.
        .filter_map(|factor| {
            let chain = Chain::new(&scaled(factor)).ok()?;
            let best = chain.best_bracketing();
            Some((factor, costs(&chain, best)))
        })
        .collect()
}

fn costs(chain: &Chain, best: Bracketing) -> [ModeCost; 3] {
    let orders = [chain.forward_bracketing(), chain.reverse_bracketing(), best];
    orders.map(|order| chain.cost(&order))
}

fn panel(
    area: &Area<'_>,
    what: &str,
    over: &str,
    points: &[Point],
    value: impl Fn(&ModeCost) -> f64,
) -> Drawn<()> {
    // A logarithmic axis needs two different positive ends. A single function needs no products.
    let all = || points.iter().flat_map(|p| &p.1).map(&value);
    let low = all().filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    let low = if low.is_finite() { low / 1.5 } else { 1.0 };
    let high = all().fold(low * 4.0, f64::max) * 1.5;
    let left = points.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let left = if left.is_finite() { left } else { 1.0 };
    let right = points.iter().map(|p| p.0).fold(left * 2.0, f64::max);
    let area = chart::below_head(area, what, &LINES)?;
    let mut chart = chart::builder(&area).build_cartesian_2d(
        Axis::logarithmic(left, right, chart::ticks_of_two(left, right)),
        Axis::logarithmic(low, high, chart::ticks(low, high)),
    )?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(over)
        .y_desc(what)
        .x_label_formatter(&|x| chart::label(*x))
        .y_label_formatter(&|y| chart::label(*y))
        .draw()?;
    // Later lines are thinner, so that lines on top of each other stay visible.
    for (k, (_, colour)) in LINES.into_iter().enumerate() {
        let style = colour.stroke_width([6, 4, 2][k]);
        let line: Vec<(f64, f64)> = points
            .iter()
            .map(|(x, costs)| (*x, value(&costs[k])))
            .filter(|p| p.1 > 0.0)
            .map(|(x, y)| (chart::place(x), chart::place(y)))
            .collect();
        // A single point makes no line.
        let dots: Vec<_> = line
            .iter()
            .map(|p| Circle::new(*p, 6 - 2 * k as i32, colour.filled()))
            .collect();
        chart.draw_series(dots)?;
        chart.draw_series(LineSeries::new(line, style))?;
    }
    Ok(())
}
