//! Shared parts of the pictures: a head with the title and the legend, and ticks of axes.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use std::ops::Range;

/// Part of a picture.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// The height of the head above a chart, in pixels.
const HEAD: i32 = 56;
/// The greatest width of a letter in a legend, in pixels.
const LETTER: i32 = 8;
/// The most ticks of an axis.
const MOST_TICKS: usize = 10;

/// Draws the title and the legend, and returns the area below them, so that no line crosses the legend.
pub fn below_head<'a>(area: &Area<'a>, title: &str, lines: &[(&str, RGBColor)]) -> Drawn<Area<'a>> {
    let (head, rest) = area.split_vertically(HEAD);
    head.draw(&Text::new(title.to_string(), (16, 10), ("sans-serif", 20)))?;
    let mut x = 16;
    for (name, colour) in lines {
        let style = colour.stroke_width(3);
        head.draw(&PathElement::new([(x, 44), (x + 20, 44)], style))?;
        head.draw(&Text::new(
            name.to_string(),
            (x + 26, 38),
            ("sans-serif", 13),
        ))?;
        x += 26 + LETTER * name.chars().count() as i32 + 20;
    }
    Ok(rest)
}

/// A chart in this area, with room for the labels of both axes.
pub fn builder<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(16).margin_top(4);
    builder.x_label_area_size(40).y_label_area_size(64);
    builder
}

/// An axis with its own ticks, which replace the library's.
pub struct Axis {
    range: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Axis {
    /// A linear axis from `low` to `high`.
    pub fn linear(low: f64, high: f64, ticks: Vec<f64>) -> Axis {
        let range = RangedCoordf64::from(low..high);
        Axis { range, ticks }
    }

    /// A logarithmic axis from `low` to `high`, both positive; [`place`] gives the position of a value.
    pub fn logarithmic(low: f64, high: f64, ticks: Vec<f64>) -> Axis {
        let ticks = ticks.into_iter().map(place).collect();
        Axis::linear(place(low), place(high), ticks)
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

/// The position of a value on a logarithmic axis.
pub fn place(value: f64) -> f64 {
    value.log10()
}

/// The label for a position on a logarithmic axis.
pub fn label(place: f64) -> String {
    let value = 10f64.powf(place);
    match value {
        // Ticks have at most three digits. Further digits are errors of the logarithm.
        v if (1e-3..1e5).contains(&v) => {
            let text = format!("{v:.4}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            text.to_string()
        }
        v => format!("{v:.0e}"),
    }
}

/// Ticks of a logarithmic axis: powers of ten;
/// in a narrow range also their multiples by 2 and 5; in a still narrower range equal steps.
pub fn ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let within = |factors: &[f64]| -> Vec<f64> {
        let all = decades
            .clone()
            .flat_map(|k| factors.iter().map(move |f| f * 10f64.powi(k)));
        all.filter(|v| (low..=high).contains(v)).collect()
    };
    let found = [within(&[1.0]), within(&[1.0, 2.0, 5.0])];
    let found = found.into_iter().find(|ticks| ticks.len() >= 3);
    thinned(found.unwrap_or_else(|| steps(low, high)))
}

/// Ticks of a logarithmic axis of integers or halves: powers of two, or all integers if there are few.
pub fn ticks_of_two(low: f64, high: f64) -> Vec<f64> {
    if low >= 1.0 && high - low < MOST_TICKS as f64 / 2.0 {
        return (low.ceil() as i64..=high as i64)
            .map(|k| k as f64)
            .collect();
    }
    let powers = (low.log2().ceil() as i32)..=(high.log2().floor() as i32);
    thinned(powers.map(|k| 2f64.powi(k)).collect())
}

/// Ticks of an axis of the integers from 1 to `last`.
pub fn whole(last: usize) -> Vec<f64> {
    let step = round_step(last as f64 / MOST_TICKS as f64).max(1.0) as usize;
    let first = if step == 1 { 1 } else { step };
    (first..=last).step_by(step).map(|k| k as f64).collect()
}

/// Ticks at multiples of a round number.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let step = round_step((high - low) / MOST_TICKS as f64 * 2.0);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|k| k as f64 * step).collect()
}

/// The smallest number of the form 1, 2 or 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let fits = factors.iter().find(|&&f| f * power >= step * 0.999_999);
    fits.unwrap_or(&10.0) * power
}

/// Keeps every tick, or every second one and so on, so that no two labels overlap.
fn thinned(ticks: Vec<f64>) -> Vec<f64> {
    let every = ticks.len().div_ceil(MOST_TICKS).max(1);
    ticks.into_iter().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(whole(1), [1.0]);
        assert_eq!(whole(2), [1.0, 2.0]);
        assert_eq!(whole(10).len(), 10);
        assert_eq!(whole(40), [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0]);
        assert_eq!(ticks(0.05, 3.0), [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]);
        assert_eq!(ticks(8e2, 2e6), [1e3, 1e4, 1e5, 1e6]);
        assert_eq!(ticks(1.0, 1e30).len(), 8);
        let close = ticks(0.31, 0.36);
        assert!((3..=10).contains(&close.len()), "{close:?}");
        assert_eq!(ticks_of_two(0.25, 4.0), [0.25, 0.5, 1.0, 2.0, 4.0]);
        assert_eq!(ticks_of_two(1.0, 4.0), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks_of_two(1.0, 1000.0).len(), 10);
    }

    #[test]
    fn labels_are_short() {
        let of = |v: f64| label(place(v));
        let all = [0.05, 0.315, 1.0, 20.0, 1e3, 1e6, 2e-7].map(of);
        assert_eq!(all, ["0.05", "0.315", "1", "20", "1000", "1e6", "2e-7"]);
    }
}
