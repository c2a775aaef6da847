//! The numbers of bf16: sign and exponent of an f32, and the upper 7 bits of its fraction.

use std::cmp::Ordering;
use std::fmt;

/// A number of 16 bits with the range of an f32 and a precision of 2 to 3 decimal digits ("brain floating point").
///
/// It only stores numbers: arithmetic uses `f32`.
/// Conversions round to the nearest number, and to the even one of two equally near numbers. A NaN stays a NaN.
/// It has the same bits as the `bf16` of the crate `half`: [`to_bits`](Self::to_bits)
/// and [`from_bits`](Self::from_bits) convert between the two.
#[doc(alias = "bfloat16")]
#[expect(
    non_camel_case_types,
    reason = "it is written beside f32 and f64, as a number of Rust would be"
)]
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct bf16(u16);

impl bf16 {
    /// The largest finite number, about 3.39e38.
    pub const MAX: bf16 = bf16(0x7f7f);
    /// The smallest positive number with full precision, about 1.18e-38.
    pub const MIN_POSITIVE: bf16 = bf16(0x0080);
    /// The distance from 1 to the next larger number, 2⁻⁷.
    pub const EPSILON: bf16 = bf16(0x3c00);

    /// The number with these bits.
    #[inline(always)]
    pub const fn from_bits(bits: u16) -> bf16 {
        bf16(bits)
    }

    /// The bits: the upper half of the bits of the same number as f32.
    #[inline(always)]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// The number nearest to `x`.
    #[inline(always)]
    pub const fn from_f32(x: f32) -> bf16 {
        bf16((bf16::round(x).to_bits() >> 16) as u16)
    }

    /// The number nearest to `x`.
    #[inline(always)]
    pub const fn from_f64(x: f64) -> bf16 {
        bf16::from_f32(to_odd(x))
    }

    /// The number nearest to `x`.
    #[inline(always)]
    pub const fn from_i64(x: i64) -> bf16 {
        let size = x.unsigned_abs();
        // An f64 can hold all but the last 11 bits. Of these, rounding only needs to know whether one is set.
        let held = size & !0x7ff | ((size & 0x7ff != 0) as u64) << 11;
        let exact = if size >> 53 == 0 { size } else { held } as f64;
        bf16::from_f64(if x < 0 { -exact } else { exact })
    }

    /// The same number.
    #[inline(always)]
    pub const fn to_f32(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }

    /// The same number.
    #[inline(always)]
    pub const fn to_f64(self) -> f64 {
        self.to_f32() as f64
    }

    /// The number nearest to `x`, as an f32.
    #[inline(always)]
    pub const fn round(x: f32) -> f32 {
        let bits = x.to_bits();
        // Half of the last place; if the last bit is 0, halves are rounded down.
        let half = 0x7fff + (bits >> 16 & 1);
        let nearest = bits.wrapping_add(half);
        // A bit of the upper half is set, so that a NaN does not become infinite.
        let nan = bits | 0x0040_0000;
        let upper = if x.is_nan() { nan } else { nearest };
        f32::from_bits(upper & 0xffff_0000)
    }

    /// The decimal number with the fewest digits that rounds to this number.
    pub(super) fn shortest(self) -> f64 {
        let exact = self.to_f64();
        (0..4)
            .filter_map(|digits| format!("{exact:.digits$e}").parse().ok())
            .find(|&short| bf16::from_f64(short).0 == self.0)
            .unwrap_or(exact)
    }
}

/// `x` truncated to an f32, with the last bit set if that loses digits.
/// Rounding the result again gives the same as rounding once.
#[inline(always)]
const fn to_odd(x: f64) -> f32 {
    let near = x as f32;
    let bits = near.to_bits();
    let cut = bits - (near.abs() as f64 > x.abs()) as u32;
    let lost = near as f64 != x;
    f32::from_bits(if lost { cut | 1 } else { bits })
}

impl From<bf16> for f32 {
    fn from(x: bf16) -> f32 {
        x.to_f32()
    }
}

impl From<bf16> for f64 {
    fn from(x: bf16) -> f64 {
        x.to_f64()
    }
}

impl PartialEq for bf16 {
    #[inline(always)]
    fn eq(&self, other: &bf16) -> bool {
        self.to_f32() == other.to_f32()
    }
}

impl PartialOrd for bf16 {
    #[inline(always)]
    fn partial_cmp(&self, other: &bf16) -> Option<Ordering> {
        self.to_f32().partial_cmp(&other.to_f32())
    }
}

/// Prints as few digits as are needed to read the same number back.
impl fmt::Display for bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.shortest(), f)
    }
}

impl fmt::Debug for bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shortest(), f)
    }
}

impl fmt::LowerExp for bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerExp::fmt(&self.shortest(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_f64(x: f64) -> u16 {
        bf16::from_f64(x).0
    }

    fn from_f32(x: f32) -> u16 {
        bf16::from_f32(x).0
    }

    fn to_f32(bits: u16) -> f32 {
        bf16(bits).to_f32()
    }

    /// Searches all finite numbers and the first power of two beyond them for the nearest number,
    /// by exact distances.
    fn searched(x: f64) -> u16 {
        let value = |bits: u16| match bits {
            0x7f80 => 2f64.powi(128),
            _ => f64::from(to_f32(bits)),
        };
        let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
        let x = x.abs();
        let (mut low, mut high) = (0, 0x7f80);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if value(middle) <= x {
                low = middle
            } else {
                high = middle
            }
        }
        if x >= value(0x7f80) {
            return sign | 0x7f80;
        }
        // Neighbouring bf16 numbers are within a factor of two, or next to 0, so these differences are exact.
        let (below, above) = (x - value(low), value(high) - x);
        sign | match below.total_cmp(&above) {
            Ordering::Less => low,
            Ordering::Greater => high,
            Ordering::Equal => low + (low & 1),
        }
    }

    #[test]
    fn numbers_round_to_the_nearest() {
        for bits in 0..0x7f80u16 {
            let x = f64::from(to_f32(bits));
            let above = if bits == 0x7f7f {
                2f64.powi(128)
            } else {
                f64::from(to_f32(bits + 1))
            };
            let middle = (x + above) / 2.0;
            for x in [
                x,
                middle,
                middle.next_down(),
                middle.next_up(),
                x.next_up(),
                above.next_down(),
            ] {
                assert_eq!(from_f64(x), searched(x), "{x:e}");
                assert_eq!(from_f64(-x), searched(-x), "{x:e}");
                assert_eq!(from_f32(x as f32), searched(f64::from(x as f32)), "{x:e}");
            }
        }
    }

    #[test]
    fn whole_numbers_round_once() {
        for shift in 0..63 {
            for near in -2..=2i64 {
                for base in [1i64 << shift, (1i64 << shift) + (1i64 << shift >> 8)] {
                    let x = base.saturating_add(near);
                    // An i128 can hold all these numbers and their distances.
                    let exact = |bits: u16| f64::from(to_f32(bits)) as i128;
                    let got = bf16::from_i64(x).0;
                    let off = (exact(got) - i128::from(x)).abs();
                    for other in [got.wrapping_sub(1), got + 1] {
                        let distance = (exact(other) - i128::from(x)).abs();
                        let is_even = distance == off && got & 1 == 0;
                        assert!(off < distance || is_even, "{x}: {got:x}, {other:x}");
                    }
                }
            }
        }
        assert_eq!(bf16::from_i64(i64::MIN), bf16::from_f64(-(2f64.powi(63))));
    }

    #[test]
    fn no_number_and_infinite_ones_stay() {
        for x in [
            f32::NAN,
            -f32::NAN,
            f32::from_bits(0x7f80_0001),
            f32::from_bits(0xffff_ffff),
        ] {
            assert!(to_f32(from_f32(x)).is_nan());
            assert!(to_f32(from_f64(f64::from(x))).is_nan());
            assert_eq!(to_f32(from_f32(x)).is_sign_negative(), x.is_sign_negative());
        }
        for x in [f64::INFINITY, f64::MAX, 3.4e38] {
            assert_eq!(to_f32(from_f64(x)), f32::INFINITY);
            assert_eq!(to_f32(from_f64(-x)), f32::NEG_INFINITY);
        }
        assert_eq!(from_f64(-0.0), 0x8000);
        assert_eq!(from_f64(f64::from_bits(1)), 0);
    }

    #[test]
    fn shortest_digits_read_back() {
        for bits in 0..0x7f80u16 {
            let x = f64::from(to_f32(bits));
            let short = bf16(bits).shortest();
            assert_eq!(from_f64(short), bits, "{x:e} as {short:e}");
            assert!(
                format!("{short:e}").split('e').next().unwrap().len() <= 5,
                "{short:e}"
            );
        }
        assert_eq!(bf16::from_f32(0.1).to_string(), "0.1");
        assert_eq!(format!("{:?}", bf16::from_f32(-2.0)), "-2.0");
        assert_eq!(bf16::from_f64(f64::INFINITY).to_string(), "inf");
        assert_eq!(bf16::from_f64(f64::NAN).to_string(), "NaN");
    }
}
