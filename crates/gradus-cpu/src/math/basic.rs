//! Functions that are exact or rounded once.

macro_rules! basic {
    ($name:ident, $float:ident) => {
        /// The functions for elements of one width.
        pub(in crate::math) mod $name {
            use crate::math::arithmetic::$name::SHIFT;

            /// `-x`
            #[inline(always)]
            pub fn neg<const FMA: bool>(x: $float) -> $float {
                -x
            }

            /// `|x|`
            #[inline(always)]
            pub fn abs<const FMA: bool>(x: $float) -> $float {
                x.abs()
            }

            /// -1, 0 or 1; a zero keeps its sign and NaN stays NaN.
            #[inline(always)]
            pub fn sign<const FMA: bool>(x: $float) -> $float {
                let one = $float::copysign(1.0, x);
                if x.abs() > 0.0 { one } else { x }
            }

            /// `√x`, correctly rounded.
            #[inline(always)]
            pub fn sqrt<const FMA: bool>(x: $float) -> $float {
                x.sqrt()
            }

            /// `1/√x`
            #[inline(always)]
            pub fn rsqrt<const FMA: bool>(x: $float) -> $float {
                1.0 / x.sqrt()
            }

            /// The nearest integer of `|x|`, ties to even, by shifting the fraction out of the significand.
            /// Instruction sets without FMA have no rounding instruction either.
            #[inline(always)]
            fn round_magnitude(x: $float) -> $float {
                const INTEGERS_ONLY: $float = SHIFT / 1.5;
                let a = x.abs();
                let r = (a + INTEGERS_ONLY) - INTEGERS_ONLY;
                if a < INTEGERS_ONLY { r } else { a }
            }

            /// The largest integer that is not above `x`.
            #[inline(always)]
            pub fn floor<const FMA: bool>(x: $float) -> $float {
                if FMA {
                    return x.floor();
                }
                let r = round_magnitude(x).copysign(x);
                let r = if r > x { r - 1.0 } else { r };
                r.copysign(x)
            }

            /// The smallest integer that is not below `x`.
            #[inline(always)]
            pub fn ceil<const FMA: bool>(x: $float) -> $float {
                if FMA {
                    return x.ceil();
                }
                let r = round_magnitude(x).copysign(x);
                let r = if r < x { r + 1.0 } else { r };
                r.copysign(x)
            }

            /// The nearest integer, ties to even.
            #[inline(always)]
            pub fn round<const FMA: bool>(x: $float) -> $float {
                if FMA {
                    return x.round_ties_even();
                }
                round_magnitude(x).copysign(x)
            }

            /// The integer part.
            #[inline(always)]
            pub fn trunc<const FMA: bool>(x: $float) -> $float {
                if FMA {
                    return x.trunc();
                }
                let r = round_magnitude(x);
                let r = if r > x.abs() { r - 1.0 } else { r };
                r.copysign(x)
            }
        }
    };
}

basic!(double, f64);
basic!(single, f32);
