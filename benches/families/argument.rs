//! Arguments whose elements both sides compute by the same formula.

use gradus::Error;
use gradus::prelude::*;

/// An argument of a case.
#[derive(Clone)]
pub struct Argument {
    pub shape: Vec<usize>,
    pub dtype: DType,
    /// The numbers are from `low` up to `high`; whole numbers are less than `high`.
    low: f64,
    high: f64,
    /// The shape of the array that is broadcast to `shape`.
    source: Vec<usize>,
}

/// Floats between -2 and 2.
pub fn floats(shape: &[usize], dtype: DType) -> Argument {
    between(shape, dtype, -2.0, 2.0)
}

/// Numbers between `low` and `high`.
pub fn between(shape: &[usize], dtype: DType, low: f64, high: f64) -> Argument {
    Argument {
        shape: shape.to_vec(),
        dtype,
        low,
        high,
        source: shape.to_vec(),
    }
}

/// Whole numbers from 0 to `n - 1` without a pattern.
pub fn indices(shape: &[usize], n: usize) -> Argument {
    between(shape, I64, 0.0, n as f64)
}

impl Argument {
    /// The argument as a broadcast of an array of the shape `source`.
    pub fn broadcast_from(mut self, source: &[usize]) -> Argument {
        self.source = source.to_vec();
        self
    }

    /// The numbers of argument `k`.
    /// Element `i` is the fractional part of `i + 1 + 17k` times the golden ratio, scaled to the range.
    /// Neighbours differ much, so that equal results mean equal functions.
    pub fn tensor(&self, k: usize) -> Result<Tensor, Error> {
        let n = self.source.iter().product::<usize>();
        let part = |i: usize| ((i + 1 + 17 * k) as f64 * 0.618_033_988_749_894_9).fract();
        let numbers = (0..n).map(|i| part(i) * (self.high - self.low) + self.low);
        let all = match self.dtype {
            I64 => Tensor::new(numbers.map(|v| v as i64).collect::<Vec<_>>(), &self.source)?,
            _ => Tensor::new(numbers.collect::<Vec<_>>(), &self.source)?,
        };
        let all = all.astype(self.dtype);
        Ok(match self.source == self.shape {
            true => all,
            false => all.broadcast_to(&self.shape),
        })
    }

    /// As the peer reads it: a JSON object.
    pub fn json(&self) -> String {
        format!(
            r#"{{"shape": {:?}, "dtype": "{}", "low": {:?}, "high": {:?}, "source": {:?}}}"#,
            self.shape, self.dtype, self.low, self.high, self.source
        )
    }
}
