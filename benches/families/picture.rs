//! The ratios to JAX as bars.

use crate::measure::{Compared, Row};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::path::Path;

const MET: RGBColor = RGBColor(44, 160, 44);
const MISSED: RGBColor = RGBColor(214, 39, 40);
/// The width of the picture and of the names on its left, and the height of a bar with its margin.
const SIZE: (u32, u32, u32) = (1000, 420, 16);

/// Draws a bar for each case that has a peer in JAX, on a logarithmic axis: how many times faster or smaller ours is.
/// A black line is the bar that the case shall reach; a bar that is not reached is red.
///
/// # Errors
/// If the file cannot be written.
pub fn write_svg(path: &Path, families: &[(&str, Vec<Row>)]) -> Result<(), Box<dyn Error>> {
    // A line without a peer is the name of a family.
    let mut lines: Vec<(&str, Option<&Compared>)> = Vec::new();
    for (family, rows) in families {
        lines.push((family, None));
        let peers = rows.iter().filter(|row| row.jax.is_some());
        lines.extend(peers.map(|row| (row.name.as_str(), row.jax.as_ref())));
    }
    let ratios = || {
        lines
            .iter()
            .filter_map(|(_, peer)| Some(peer.as_ref()?.ratio))
    };
    let low = ratios().fold(0.5, f64::min) / 1.3;
    let high = ratios().fold(2.0, f64::max) * 1.3;
    let size = (SIZE.0, SIZE.2 * lines.len() as u32 + 70);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(40)
        .margin_left(SIZE.1 as i32)
        .build_cartesian_2d((low..high).log_scale(), 0.0..lines.len() as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .x_desc("JAX's figure / ours")
        .x_label_formatter(&|x| format!("{x}"))
        .draw()?;
    let text = ("sans-serif", 12).into_font().color(&BLACK);
    let right = text.pos(Pos::new(HPos::Right, VPos::Center));
    for (k, (name, peer)) in lines.iter().enumerate() {
        let y = (lines.len() - k) as f64 - 0.5;
        let at = chart.backend_coord(&(low, y));
        let Some(peer) = peer else {
            let bold = ("sans-serif", 13, FontStyle::Bold)
                .into_font()
                .color(&BLACK);
            let left = bold.pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(name.to_string(), (10, at.1), left))?;
            continue;
        };
        root.draw(&Text::new(
            name.to_string(),
            (at.0 - 8, at.1),
            right.clone(),
        ))?;
        let colour = if peer.ratio >= peer.bar { MET } else { MISSED };
        let (from, to) = (peer.ratio.min(1.0), peer.ratio.max(1.0));
        let bar = Rectangle::new([(from, y - 0.35), (to, y + 0.35)], colour.filled());
        let wanted = PathElement::new(
            vec![(peer.bar, y - 0.45), (peer.bar, y + 0.45)],
            BLACK.stroke_width(2),
        );
        chart.draw_series(std::iter::once(bar))?;
        chart.draw_series(std::iter::once(wanted))?;
    }
    let one = PathElement::new(vec![(1.0, 0.0), (1.0, lines.len() as f64)], BLACK);
    chart.draw_series(std::iter::once(one))?;
    root.present()?;
    Ok(())
}
