//! `gradus predict`: names the digit in a picture.

use crate::dataset::broken;
use crate::model::Classifier;
use crate::options::{InkName, PredictOptions};
use crate::output::say;
use gradus::{DType, Result, Tensor};
use image::imageops::{self, FilterType};
use image::{GrayImage, ImageError};

pub fn run(options: &PredictOptions) -> Result<()> {
    let classifier = Classifier::load(&options.model)?;
    let picture = image::open(&options.image)
        .map_err(|e| match e {
            ImageError::IoError(e) => broken(&options.image, format_args!("cannot be read: {e}")),
            e => broken(&options.image, format_args!("is no picture: {e}")),
        })?
        .into_luma8();
    let picture = light_on_dark(picture, options.ink);
    let (rows, columns) = (classifier.rows, classifier.columns);
    let small = if picture.dimensions() == (columns as u32, rows as u32) {
        picture
    } else {
        imageops::resize(&picture, columns as u32, rows as u32, FilterType::Triangle)
    };
    say!("{}", in_terminal(&small));

    let pixels: Vec<f32> = small.pixels().map(|p| f32::from(p.0[0]) / 255.0).collect();
    let x = Tensor::new(pixels, &[1, rows, columns])?.astype(classifier.net.dtype());
    let chances = classifier.net.scores(&x).softmax(-1).astype(DType::F64);
    let mut chances: Vec<(usize, f64)> = chances.to_vec::<f64>()?.into_iter().enumerate().collect();
    chances.sort_by(|a, b| b.1.total_cmp(&a.1));
    for &(class, chance) in chances.iter().take(3) {
        let bar = "█".repeat((chance * 40.0).round() as usize);
        say!("{class}  {:5.1} %  {bar}", chance * 100.0);
    }
    Ok(())
}

/// The picture with the digit lighter than its background, as in the training images.
fn light_on_dark(mut picture: GrayImage, ink: InkName) -> GrayImage {
    let dark = match ink {
        InkName::Dark => true,
        InkName::Light => false,
        InkName::Auto => border_mean(&picture) > 127.0,
    };
    if dark {
        imageops::invert(&mut picture);
    }
    picture
}

/// The mean of the outermost pixels, which seldom belong to the digit.
fn border_mean(picture: &GrayImage) -> f64 {
    let (width, height) = picture.dimensions();
    let border = picture
        .enumerate_pixels()
        .filter(|&(x, y, _)| x == 0 || y == 0 || x + 1 == width || y + 1 == height);
    let (sum, count) = border.fold((0.0, 0.0), |(sum, count), (_, _, p)| {
        (sum + f64::from(p.0[0]), count + 1.0)
    });
    sum / f64::max(count, 1.0)
}

/// The network's input, two characters per pixel.
fn in_terminal(picture: &GrayImage) -> String {
    const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
    let row = |row: image::buffer::Pixels<'_, image::Luma<u8>>| -> String {
        row.map(|p| SHADES[usize::from(p.0[0]) * (SHADES.len() - 1) / 255])
            .collect()
    };
    let lines: Vec<String> = picture.rows().map(row).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paper_is_turned_into_the_night_that_the_network_knows() {
        let paper = GrayImage::from_fn(4, 4, |x, y| {
            image::Luma([if (x, y) == (1, 1) { 0 } else { 250 }])
        });
        let turned = light_on_dark(paper.clone(), InkName::Auto);
        assert_eq!(turned.get_pixel(1, 1).0, [255]);
        assert_eq!(turned.get_pixel(0, 0).0, [5]);
        assert_eq!(light_on_dark(turned.clone(), InkName::Auto), turned);
        assert_eq!(light_on_dark(paper.clone(), InkName::Light), paper);
    }
}
