//! The speed of a machine for each kind of work.

use gradus_ir::primitives::Work;
use gradus_ir::{ComputeFloat, DType, Error, ErrorKind, FloatType};
use std::fmt;
use std::str::FromStr;

/// Rates of a machine, per second.
/// The defaults are round numbers for two cores of a server with AVX-512.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Profile {
    /// Operations of large products of f32 matrices.
    pub product_f32: f64,
    /// Operations of large products of f64 matrices.
    pub product_f64: f64,
    /// Elementwise arithmetic.
    pub arithmetic: f64,
    /// Exponentials, trigonometry and the like.
    pub transcendental: f64,
    /// Steps of reductions.
    pub reduction: f64,
    /// Indexed elements.
    pub indexing: f64,
    /// Bytes from or to the caches.
    pub cache: f64,
    /// Bytes from or to memory.
    pub memory: f64,
    /// Seconds to start a kernel.
    pub launch: f64,
}

/// The caches hold the arrays of a kernel with at most this many bytes.
const CACHED: u64 = 4 << 20;
/// The side of a product at which half of the full rate is reached.
const HALF_RATE: f64 = 8.0;
/// The rows that a symmetric product computes beyond its half,
/// because strips end where squares on the diagonal end.
const STRIP: f64 = 20.0;

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            product_f32: 2.4e11,
            product_f64: 1.2e11,
            arithmetic: 1.2e10,
            transcendental: 7.5e8,
            reduction: 1.8e10,
            indexing: 2e8,
            cache: 8e10,
            memory: 2e10,
            launch: 5e-8,
        }
    }
}

impl Profile {
    /// Operations of this kind a second.
    pub fn rate(&self, work: Work) -> f64 {
        match work {
            Work::View | Work::Copy => f64::INFINITY,
            Work::Arithmetic => self.arithmetic,
            Work::Transcendental => self.transcendental,
            Work::Reduction => self.reduction,
            Work::Product => self.product_f64,
            Work::Indexing => self.indexing,
        }
    }

    /// Bytes a second for a kernel that moves `bytes`.
    pub fn bandwidth(&self, bytes: u64) -> f64 {
        if bytes > CACHED {
            self.memory
        } else {
            self.cache
        }
    }

    /// Seconds of `b` products of `m × k` with `k × n` matrices; short sides lower the rate.
    pub fn product(&self, dtype: DType, b: usize, m: usize, k: usize, n: usize) -> f64 {
        let full = match dtype.float().map(FloatType::compute_type) {
            Some(ComputeFloat::F32) => self.product_f32,
            // Only products of floats are measured.
            Some(ComputeFloat::F64) | None => self.product_f64,
        };
        let share = |side: usize| side as f64 / (side as f64 + HALF_RATE);
        let operations = 2.0 * b as f64 * m as f64 * k as f64 * n as f64;
        operations / (full * (share(m) * share(k) * share(n)).max(1e-3))
    }

    /// Seconds of a symmetric product of `n × k` with `k × n`.
    /// Half of it is computed in strips of rows, and copied to the other half by columns.
    pub fn symmetric_product(&self, dtype: DType, k: usize, n: usize) -> f64 {
        let computed = 0.5 + STRIP / n as f64;
        let copied = (n * n * dtype.size()) as f64;
        self.product(dtype, 1, n, k, n) * computed.min(1.0) + copied / self.memory
    }
}

/// Name, place and unit of each rate.
type Field = (&'static str, fn(&mut Profile) -> &mut f64, &'static str);

const FIELDS: [Field; 9] = [
    ("product_f32", |p| &mut p.product_f32, "operations/s"),
    ("product_f64", |p| &mut p.product_f64, "operations/s"),
    ("arithmetic", |p| &mut p.arithmetic, "operations/s"),
    ("transcendental", |p| &mut p.transcendental, "functions/s"),
    ("reduction", |p| &mut p.reduction, "elements/s"),
    ("indexing", |p| &mut p.indexing, "elements/s"),
    ("cache", |p| &mut p.cache, "bytes/s"),
    ("memory", |p| &mut p.memory, "bytes/s"),
    ("launch", |p| &mut p.launch, "s a kernel"),
];

impl Profile {
    /// Name, value and unit of each rate.
    pub fn rates(&self) -> [(&'static str, f64, &'static str); 9] {
        let mut copy = *self;
        FIELDS.map(|(name, place, unit)| (name, *place(&mut copy), unit))
    }
}

/// A line for each rate: its name and its value.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, rate, _) in self.rates() {
            writeln!(f, "{name} {rate:e}")?;
        }
        Ok(())
    }
}

impl FromStr for Profile {
    type Err = Error;

    /// Reads what `Display` writes; rates that are missing keep their defaults.
    fn from_str(text: &str) -> Result<Profile, Error> {
        let mut profile = Profile::default();
        for (k, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            let field = FIELDS.iter().find(|(n, ..)| *n == name);
            let value = words.next().and_then(|v| v.parse::<f64>().ok());
            match (field, value, words.next()) {
                (Some((_, place, _)), Some(v), None) if v > 0.0 && v.is_finite() => {
                    *place(&mut profile) = v
                }
                _ => {
                    let names: Vec<&str> = FIELDS.iter().map(|(n, ..)| *n).collect();
                    return Err(Error::new(
                        ErrorKind::Argument,
                        format!(
                            "profile: line {} must be one of {} and a positive number, got `{line}`",
                            k + 1,
                            names.join(", ")
                        ),
                    ));
                }
            }
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_reads_back() {
        let profile = Profile {
            product_f32: 1.25e11,
            launch: 1e-7,
            ..Profile::default()
        };
        assert_eq!(profile.to_string().parse::<Profile>().unwrap(), profile);
        assert_eq!("".parse::<Profile>().unwrap(), Profile::default());
    }

    #[test]
    fn damaged_texts_are_refused() {
        for text in [
            "speed 1",
            "memory",
            "memory -1",
            "memory inf",
            "memory 1 2",
            "memory x",
        ] {
            let error = text.parse::<Profile>().unwrap_err().to_string();
            assert!(
                error.contains("line 1 must be one of product_f32"),
                "{error}"
            );
        }
    }

    #[test]
    fn short_sides_are_slower() {
        let p = Profile::default();
        let per_operation = |n: usize| p.product(DType::F64, 1, 500, 500, n) / n as f64;
        assert!(per_operation(1) > 2.0 * per_operation(8));
        assert!(per_operation(8) > per_operation(500));
    }
}
