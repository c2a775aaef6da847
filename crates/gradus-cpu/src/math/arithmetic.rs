//! Sums and products with their rounding errors, and polynomials, for both widths.

macro_rules! arithmetic {
    ($name:ident, $float:ty, $shift:expr, $product_error:expr) => {
        pub(in crate::math) mod $name {
            /// Adding this to a number below a quarter of it rounds to an integer,
            /// which is then in the low bits of the sum.
            pub const SHIFT: $float = $shift;

            /// `a·b + c`, rounded once with `FMA`, else twice.
            #[inline(always)]
            pub fn fma<const FMA: bool>(a: $float, b: $float, c: $float) -> $float {
                if FMA { a.mul_add(b, c) } else { a * b + c }
            }

            /// The polynomial with these coefficients, lowest first.
            ///
            /// By Horner's rule each step waits for the one before. Where that would be many steps, neighbouring
            /// coefficients are joined in pairs, and these with squares of x (Estrin's scheme).
            /// The lowest coefficient is added last, so that its rounding error is the only one that counts.
            #[inline(always)]
            pub fn poly<const FMA: bool, const N: usize>(
                x: $float,
                coefficients: [$float; N],
            ) -> $float {
                const { assert!(2 <= N && N <= 25) };
                let c = &coefficients;
                if N <= 5 {
                    return horner::<FMA, N>(x, c);
                }
                let x2 = x * x;
                let x4 = x2 * x2;
                let powers = [x, x2, x4];
                let mut value = eight::<FMA, N>(c, 1, powers);
                if N > 9 {
                    let x8 = x4 * x4;
                    let mut high = eight::<FMA, N>(c, 9, powers);
                    if N > 17 {
                        high = fma::<FMA>(eight::<FMA, N>(c, 17, powers), x8, high);
                    }
                    value = fma::<FMA>(high, x8, value);
                }
                fma::<FMA>(value, x, c[0])
            }

            /// The same for few coefficients, where each step waits for the one before.
            #[inline(always)]
            fn horner<const FMA: bool, const N: usize>(x: $float, c: &[$float; N]) -> $float {
                let mut value = c[N - 1];
                for &c in c[..N - 1].iter().rev() {
                    value = fma::<FMA>(value, x, c);
                }
                value
            }

            /// The polynomial with the coefficients from `i` on, up to two of them.
            #[inline(always)]
            fn two<const FMA: bool, const N: usize>(
                c: &[$float; N],
                i: usize,
                x: $float,
            ) -> $float {
                if i + 1 < N {
                    fma::<FMA>(c[i + 1], x, c[i])
                } else {
                    c[i]
                }
            }

            /// Like [`two`], up to four; given x and its square.
            #[inline(always)]
            fn four<const FMA: bool, const N: usize>(
                c: &[$float; N],
                i: usize,
                [x, x2]: [$float; 2],
            ) -> $float {
                let low = two::<FMA, N>(c, i, x);
                if i + 2 < N {
                    fma::<FMA>(two::<FMA, N>(c, i + 2, x), x2, low)
                } else {
                    low
                }
            }

            /// Like [`two`], up to eight; given x, its square and the square of that.
            #[inline(always)]
            fn eight<const FMA: bool, const N: usize>(
                c: &[$float; N],
                i: usize,
                [x, x2, x4]: [$float; 3],
            ) -> $float {
                let low = four::<FMA, N>(c, i, [x, x2]);
                if i + 4 < N {
                    fma::<FMA>(four::<FMA, N>(c, i + 4, [x, x2]), x4, low)
                } else {
                    low
                }
            }

            /// `(s, e)` with `s` the rounded sum and `s + e = a + b` exactly (Knuth).
            #[inline(always)]
            pub fn two_sum(a: $float, b: $float) -> ($float, $float) {
                let s = a + b;
                let t = s - a;
                (s, (a - (s - t)) + (b - t))
            }

            /// Like [`two_sum`], for `|a| >= |b|` or `a = 0` (Dekker).
            #[inline(always)]
            pub fn fast_two_sum(a: $float, b: $float) -> ($float, $float) {
                let s = a + b;
                (s, b - (s - a))
            }

            /// `(p, e)` with `p` the rounded product and `p + e = a·b` exactly, unless `e` underflows.
            #[inline(always)]
            pub fn two_product<const FMA: bool>(a: $float, b: $float) -> ($float, $float) {
                let p = a * b;
                let e = if FMA {
                    a.mul_add(b, -p)
                } else {
                    $product_error(a, b, p)
                };
                (p, e)
            }

            /// `c - a·b`, exact if the result is representable.
            #[inline(always)]
            pub fn residual<const FMA: bool>(a: $float, b: $float, c: $float) -> $float {
                if FMA {
                    (-a).mul_add(b, c)
                } else {
                    let (p, e) = two_product::<FMA>(a, b);
                    (c - p) - e
                }
            }
        }
    };
}

arithmetic!(double, f64, 6755399441055744.0, |a: f64, b: f64, p: f64| {
    // Dekker's product of halves (26 bits each, by Veltkamp's splitting).
    let halves = |v: f64| {
        let t = 134217729.0 * v; // 2²⁷ + 1
        let high = t - (t - v);
        (high, v - high)
    };
    let (ah, al) = halves(a);
    let (bh, bl) = halves(b);
    al * bl - (((p - ah * bh) - al * bh) - ah * bl)
});
arithmetic!(single, f32, 12582912.0, |a: f32, b: f32, p: f32| {
    // The product of two f32 is exact in f64.
    (f64::from(a) * f64::from(b) - f64::from(p)) as f32
});
