//! Single typed numbers.

use super::{DType, Kind, Width};
use std::fmt;

/// A single typed number, kept as bits so that it can be compared and hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Literal {
    dtype: DType,
    /// As many bits as the type is wide, the lower half first; the other bits are 0.
    /// A `u128` would align, and so enlarge, every node of a graph.
    bits: [u64; 2],
}

impl Literal {
    fn new(dtype: DType, bits: u64) -> Literal {
        let bits = [bits, 0];
        Literal { dtype, bits }
    }

    /// `value` as a number of type `dtype`: rounded to floats,
    /// truncated (saturating) to integers, `value != 0` for bool.
    pub fn from_f64(dtype: DType, value: f64) -> Literal {
        let bits = match dtype.kind() {
            Kind::Float(float) => float.bits(value),
            Kind::Integer(integer) => {
                integer.bits((value as i64).clamp(integer.least(), integer.largest()))
            }
            Kind::Bool => u64::from(value != 0.0),
        };
        Literal::new(dtype, bits)
    }

    /// `value` as a number of type `dtype`; integers wrap.
    pub fn from_i64(dtype: DType, value: i64) -> Literal {
        let bits = match dtype.kind() {
            Kind::Float(float) => float.bits_of_integer(value),
            Kind::Integer(integer) => integer.bits(value),
            Kind::Bool => u64::from(value != 0),
        };
        Literal::new(dtype, bits)
    }

    /// A boolean.
    pub fn from_bool(value: bool) -> Literal {
        Literal::new(DType::Bool, u64::from(value))
    }

    /// The smallest number of type `dtype`: -∞ for floats, false for booleans.
    pub fn lowest(dtype: DType) -> Literal {
        match dtype.kind() {
            Kind::Float(_) => Literal::from_f64(dtype, f64::NEG_INFINITY),
            Kind::Integer(integer) => Literal::from_i64(dtype, integer.least()),
            Kind::Bool => Literal::from_bool(false),
        }
    }

    /// The largest number of type `dtype`: ∞ for floats, true for booleans.
    pub fn highest(dtype: DType) -> Literal {
        match dtype.kind() {
            Kind::Float(_) => Literal::from_f64(dtype, f64::INFINITY),
            Kind::Integer(integer) => Literal::from_i64(dtype, integer.largest()),
            Kind::Bool => Literal::from_bool(true),
        }
    }

    /// The element type.
    #[inline]
    pub fn dtype(self) -> DType {
        self.dtype
    }

    /// The value as f64 (integers beyond 2^53 are rounded).
    pub fn as_f64(self) -> f64 {
        match self.dtype.kind() {
            Kind::Float(float) => float.value(self.bits[0]),
            Kind::Integer(_) | Kind::Bool => self.as_i64() as f64,
        }
    }

    /// The value as i64 (floats are truncated).
    pub fn as_i64(self) -> i64 {
        match self.dtype.kind() {
            Kind::Float(float) => float.value(self.bits[0]) as i64,
            Kind::Integer(integer) => integer.value(self.bits[0]),
            Kind::Bool => self.bits[0] as i64,
        }
    }

    /// The number of type `dtype` that [`Display`](fmt::Display) prints as `text`, to the same bits.
    pub fn parse(dtype: DType, text: &str) -> Option<Literal> {
        let bits = match dtype.kind() {
            Kind::Float(float) => match text.strip_prefix("NaN(0x") {
                None => float.parse(text)?,
                Some(rest) => {
                    let bits = u64::from_str_radix(rest.strip_suffix(')')?, 16).ok()?;
                    let fits = dtype.size() == size_of::<u64>() || bits >> (8 * dtype.size()) == 0;
                    fits.then_some(bits)?
                }
            },
            Kind::Integer(integer) => {
                let value = text.parse::<i64>().ok()?;
                let fits = (integer.least()..=integer.largest()).contains(&value);
                fits.then(|| integer.bits(value))?
            }
            Kind::Bool => u64::from(text.parse::<bool>().ok()?),
        };
        Some(Literal::new(dtype, bits))
    }

    fn all_bits(self) -> u128 {
        u128::from(self.bits[1]) << 64 | u128::from(self.bits[0])
    }

    /// The value in native byte order; the first [`DType::size`] bytes count.
    #[inline]
    pub fn to_ne_bytes(self) -> [u8; Width::LARGEST] {
        if cfg!(target_endian = "little") {
            // A narrow number is in the first bytes.
            return self.all_bits().to_ne_bytes();
        }
        let mut out = [0; Width::LARGEST];
        match self.dtype.width() {
            Width::B1 => out[0] = self.bits[0] as u8,
            Width::B2 => out[..2].copy_from_slice(&(self.bits[0] as u16).to_ne_bytes()),
            Width::B4 => out[..4].copy_from_slice(&(self.bits[0] as u32).to_ne_bytes()),
            Width::B8 => out[..8].copy_from_slice(&self.bits[0].to_ne_bytes()),
            Width::B16 => out = self.all_bits().to_ne_bytes(),
        }
        out
    }

    /// The bits, the lower half first.
    /// A number of up to 64 bits is the lowest bits of the first half, and the others are 0.
    #[inline]
    pub fn bits(&self) -> &[u64; 2] {
        &self.bits
    }

    /// The number in the first [`DType::size`] bytes of `bytes`.
    ///
    /// # Panics
    /// If `bytes` is shorter than that.
    pub fn from_ne_bytes(dtype: DType, bytes: &[u8]) -> Literal {
        fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
            std::array::from_fn(|i| bytes[i])
        }
        let bits = match dtype.width() {
            Width::B1 => [u64::from(bytes[0]), 0],
            Width::B2 => [u64::from(u16::from_ne_bytes(first(bytes))), 0],
            Width::B4 => [u64::from(u32::from_ne_bytes(first(bytes))), 0],
            Width::B8 => [u64::from_ne_bytes(first(bytes)), 0],
            Width::B16 => {
                let bits = u128::from_ne_bytes(first(bytes));
                [bits as u64, (bits >> 64) as u64]
            }
        };
        Literal { dtype, bits }
    }

    /// Whether this is exactly `value` (`-0.0` counts as `0.0`).
    pub fn is(self, value: f64) -> bool {
        self.as_f64() == value
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dtype.kind() {
            // NaN has many encodings; all except the usual one are written as bits.
            Kind::Float(float)
                if self.as_f64().is_nan() && self.bits != [float.bits(f64::NAN), 0] =>
            {
                write!(f, "NaN(0x{:x})", self.all_bits())
            }
            Kind::Float(float) => f.write_str(&float.shortest_float(self.as_f64())),
            Kind::Integer(_) => write!(f, "{}", self.as_i64()),
            Kind::Bool => write!(f, "{}", self.bits[0] != 0),
        }
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}{}", self.dtype)
    }
}
