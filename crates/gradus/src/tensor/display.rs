//! Prints tensors like NumPy prints arrays.

use super::Tensor;
use gradus_engine::Array;
use gradus_ir::{FloatType, Kind, Literal};
use std::fmt;

/// Larger arrays show only the first and last few elements along each axis.
const SUMMARISED_ABOVE: usize = 1000;
/// The number of elements that are shown at each end.
const EDGE: usize = 3;
/// Digits after the point.
const PRECISION: usize = 8;
const LINE: usize = 75;

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_traced() {
            return write!(f, "Traced<{}>", self.ty());
        }
        match self.array() {
            Ok(array) => {
                // A precision, as in `{:.3}`, replaces the default.
                f.write_str(&text(&array, f.precision()))
            }
            Err(_) => write!(f, "Traced<{}>", self.ty()),
        }
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_traced() {
            return write!(f, "Traced<{}>", self.ty());
        }
        write!(f, "Tensor<{}>({self})", self.ty())
    }
}

fn text(array: &Array, precision: Option<usize>) -> String {
    let shape = &array.ty().shape;
    if shape.is_empty() {
        let value = array.get(0);
        return match precision {
            Some(p) if value.dtype().float().is_some() => format!("{:.p$}", value.as_f64()),
            _ => value.to_string(),
        };
    }
    if array.ty().elements() == 0 {
        return "[]".into();
    }
    let summarised = array.ty().elements() > SUMMARISED_ABOVE;
    let mut shown = Vec::new();
    positions(shape, summarised, 0, 0, &mut shown);
    let texts = format_all(array, &shown, precision);
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    let mut next = texts.iter();
    write_axis(shape, summarised, 0, width, &mut next, &mut out);
    out
}

/// The indices shown along an axis of size `n`, and whether some between them are left out.
fn visible(n: usize, summarised: bool) -> (Vec<usize>, bool) {
    if summarised && n > 2 * EDGE {
        ((0..EDGE).chain(n - EDGE..n).collect(), true)
    } else {
        ((0..n).collect(), false)
    }
}

fn positions(shape: &[usize], summarised: bool, axis: usize, base: usize, out: &mut Vec<usize>) {
    if axis == shape.len() {
        out.push(base);
        return;
    }
    let inner: usize = shape[axis + 1..].iter().product();
    for i in visible(shape[axis], summarised).0 {
        positions(shape, summarised, axis + 1, base + i * inner, out);
    }
}

fn write_axis(
    shape: &[usize],
    summarised: bool,
    axis: usize,
    width: usize,
    texts: &mut std::slice::Iter<'_, String>,
    out: &mut String,
) {
    let last = axis + 1 == shape.len();
    let (indices, gap) = visible(shape[axis], summarised);
    let indent = " ".repeat(axis + 1);
    out.push('[');
    let mut column = axis + 1;
    for (k, _) in indices.iter().enumerate() {
        if k > 0 {
            if last {
                if column + 1 + width > LINE {
                    out.push('\n');
                    out.push_str(&indent);
                    column = axis + 1;
                } else {
                    out.push(' ');
                    column += 1;
                }
            } else {
                out.push_str(&"\n".repeat(shape.len() - axis - 1));
                out.push_str(&indent);
            }
            if gap && k == EDGE {
                out.push_str("...");
                column += 3;
                if last {
                    out.push(' ');
                    column += 1;
                } else {
                    out.push_str(&"\n".repeat(shape.len() - axis - 1));
                    out.push_str(&indent);
                }
            }
        }
        if last {
            let text = texts.next().map_or("", String::as_str);
            out.push_str(&" ".repeat(width - text.len().min(width)));
            out.push_str(text);
            column += width;
        } else {
            write_axis(shape, summarised, axis + 1, width, texts, out);
        }
    }
    out.push(']');
}

fn format_all(array: &Array, shown: &[usize], precision: Option<usize>) -> Vec<String> {
    let numbers = shown.iter().map(|&i| array.get(i));
    match array.ty().dtype.kind() {
        Kind::Float(float) => format_floats(float, numbers, precision),
        Kind::Integer(_) => numbers.map(|v| v.to_string()).collect(),
        Kind::Bool => numbers
            .map(|v| if v.is(0.0) { "False" } else { "True" }.to_string())
            .collect(),
    }
}

fn format_floats(
    float: FloatType,
    numbers: impl Iterator<Item = Literal>,
    precision: Option<usize>,
) -> Vec<String> {
    let values: Vec<f64> = numbers.map(Literal::as_f64).collect();
    let sizes = || {
        values
            .iter()
            .filter(|v| v.is_finite() && **v != 0.0)
            .map(|v| v.abs())
    };
    let (largest, smallest) = (
        sizes().fold(0.0, f64::max),
        sizes().fold(f64::INFINITY, f64::min),
    );
    let scientific =
        largest >= 1e8 || (largest > 0.0 && (smallest < 1e-4 || largest / smallest > 1e3));
    let digits = precision.unwrap_or(PRECISION);
    let texts: Vec<String> = values
        .iter()
        .map(|&v| {
            if !v.is_finite() {
                return if v.is_nan() {
                    "nan"
                } else if v > 0.0 {
                    "inf"
                } else {
                    "-inf"
                }
                .into();
            }
            if scientific {
                scientific_text(v, float, digits)
            } else {
                positional_text(v, float, digits)
            }
        })
        .collect();
    pad_fractions(texts, scientific)
}

/// The shortest digits that read back to the value, at most `digits` after the point.
fn positional_text(v: f64, float: FloatType, digits: usize) -> String {
    let shortest = float.shortest(v);
    let fraction = shortest.split_once('.').map_or(0, |(_, f)| f.len());
    if fraction <= digits {
        return if fraction == 0 {
            format!("{shortest}.")
        } else {
            shortest
        };
    }
    let rounded = format!("{v:.digits$}");
    let trimmed = rounded.trim_end_matches('0');
    trimmed.to_string()
}

fn scientific_text(v: f64, float: FloatType, digits: usize) -> String {
    let shortest = float.shortest_scientific(v);
    let (mantissa, _) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let fraction = mantissa.split_once('.').map_or(0, |(_, f)| f.len());
    let shown = if fraction > digits {
        format!("{v:.digits$e}")
    } else {
        shortest
    };
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let point = if mantissa.contains('.') { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}{point}e{sign}{:02}", exponent.abs())
}

/// Pads fractions to one length: with zeros if an exponent follows, otherwise with spaces.
fn pad_fractions(texts: Vec<String>, scientific: bool) -> Vec<String> {
    let fraction = |t: &str| {
        let mantissa = t.split('e').next().unwrap_or(t);
        mantissa.split_once('.').map(|(_, f)| f.len())
    };
    let longest = texts.iter().filter_map(|t| fraction(t)).max().unwrap_or(0);
    texts
        .into_iter()
        .map(|t| match fraction(&t) {
            None => t,
            Some(n) if scientific => {
                let (mantissa, exponent) = t.split_once('e').unwrap_or((&t, "+00"));
                format!("{mantissa}{}e{exponent}", "0".repeat(longest - n))
            }
            Some(n) => format!("{t}{}", " ".repeat(longest - n)),
        })
        .collect()
}
