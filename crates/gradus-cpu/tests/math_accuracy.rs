//! The error of the vector mathematics in units in the last place (ulp),
//! and its special values, with and without fused multiply-add.
//!
//! f32 is compared with f64 functions of the standard library, over a stride of all bit patterns;
//! the error is relative to the f64 value, in fractions of an ulp. f64 is compared with `reference/math_f64.csv`,
//! correctly rounded by mpmath (`reference/math_f64.py`);
//! a distance of one float is an error between 0.5 and 1.5 ulp.

use gradus_cpu::math::{double, single};
use gradus_ir::primitives::{FloatBinary, FloatUnary};
use std::fmt::LowerExp;

/// A prime, so that the stride meets no pattern in the bits. The debug build takes fewer points.
const STRIDE: u32 = if cfg!(debug_assertions) { 5_003 } else { 1_009 };

/// |value - exact| in units of the last place of an f32 of exact's size.
fn error_single(value: f32, exact: f64) -> f64 {
    if exact.is_nan() || value.is_nan() {
        return if exact.is_nan() == value.is_nan() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let rounded = exact as f32;
    if value == rounded && (value != 0.0 || value.is_sign_positive() == rounded.is_sign_positive())
    {
        // Overflow counts as right if rounding leads to it.
        return if value.is_infinite() {
            0.0
        } else {
            (f64::from(value) - exact).abs() / ulp_single(exact)
        };
    }
    if value == 0.0 && rounded == 0.0 {
        return f64::INFINITY; // the sign of a zero
    }
    // An infinity stands for the next power of two.
    let value = if value.is_infinite() {
        2f64.powi(128).copysign(f64::from(value))
    } else {
        f64::from(value)
    };
    (value - exact).abs() / ulp_single(exact)
}

fn ulp_single(exact: f64) -> f64 {
    let exponent = ((exact.abs().to_bits() >> 52) as i32 - 1023).clamp(-126, 127);
    2f64.powi(exponent - 23)
}

/// The number of floats between the two; infinity if NaN or the sign of zero differ.
fn distance(value: f64, expected: f64) -> f64 {
    if value.is_nan() || expected.is_nan() || value == 0.0 && expected == 0.0 {
        let same = value.is_nan() && expected.is_nan() || value.to_bits() == expected.to_bits();
        return if same { 0.0 } else { f64::INFINITY };
    }
    let order = |v: f64| {
        let magnitude = (v.to_bits() & !(1 << 63)) as i64;
        if v.is_sign_negative() {
            -magnitude
        } else {
            magnitude
        }
    };
    order(value).abs_diff(order(expected)) as f64
}

struct Single {
    name: &'static str,
    fused: fn(f32) -> f32,
    plain: fn(f32) -> f32,
    exact: fn(f64) -> f64,
    limit: f32,
}

macro_rules! single {
    ($name:ident, $exact:expr, $limit:expr) => {
        Some(Single {
            name: stringify!($name),
            fused: single::$name::<true>,
            plain: single::$name::<false>,
            exact: $exact,
            limit: $limit,
        })
    };
}

/// The row of a function; `None` if every bit is defined, so that `special_values` below is enough.
fn single_row(function: FloatUnary) -> Option<Single> {
    use FloatUnary::*;
    const ALL: f32 = f32::INFINITY;
    match function {
        Exp => single!(exp, f64::exp, ALL),
        Exp2 => single!(exp2, f64::exp2, ALL),
        Expm1 => single!(expm1, f64::exp_m1, ALL),
        Log => single!(log, f64::ln, ALL),
        Log2 => single!(log2, f64::log2, ALL),
        Log10 => single!(log10, f64::log10, ALL),
        Log1p => single!(log1p, f64::ln_1p, ALL),
        Sin => single!(sin, f64::sin, single::TRIG_LIMIT),
        Cos => single!(cos, f64::cos, single::TRIG_LIMIT),
        Tan => single!(tan, f64::tan, single::TRIG_LIMIT),
        Asin => single!(asin, f64::asin, ALL),
        Acos => single!(acos, f64::acos, ALL),
        Atan => single!(atan, f64::atan, ALL),
        Sinh => single!(sinh, f64::sinh, ALL),
        Cosh => single!(cosh, f64::cosh, ALL),
        Tanh => single!(tanh, f64::tanh, ALL),
        Asinh => single!(asinh, f64::asinh, ALL),
        Acosh => single!(acosh, f64::acosh, ALL),
        Atanh => single!(atanh, f64::atanh, ALL),
        Sigmoid => single!(sigmoid, logistic, ALL),
        // The standard library has none of these. Their f64 versions are compared with mpmath below.
        Silu => single!(silu, double::silu::<false>, ALL),
        Gelu => single!(gelu, double::gelu::<false>, ALL),
        GeluTanh => single!(gelu_tanh, double::gelu_tanh::<false>, ALL),
        Erf => single!(erf, double::erf::<false>, ALL),
        Erfc => single!(erfc, double::erfc::<false>, ALL),
        ErfInv => single!(erf_inv, double::erf_inv::<false>, ALL),
        Lgamma => single!(lgamma, double::lgamma::<false>, ALL),
        Digamma => single!(digamma, double::digamma::<false>, ALL),
        Cbrt => single!(cbrt, f64::cbrt, ALL),
        Rsqrt => single!(rsqrt, |x| 1.0 / x.sqrt(), ALL),
        Neg | Abs | Sign | Sqrt | Floor | Ceil | Round | Trunc | IsFinite | StopGradient => None,
    }
}

fn logistic(x: f64) -> f64 {
    if x < 0.0 {
        x.exp() / (1.0 + x.exp())
    } else {
        1.0 / (1.0 + (-x).exp())
    }
}

#[test]
fn single_precision_is_within_two_ulp() {
    let mut report = String::new();
    let mut worst_of_all = 0.0f64;
    for f in FloatUnary::ALL.into_iter().filter_map(single_row) {
        let mut worst = [(0.0, 0.0f32); 2];
        let mut check = |x: f32| {
            if x.abs() > f.limit && x.abs() < f32::INFINITY {
                return;
            }
            let exact = (f.exact)(f64::from(x));
            for (worst, value) in worst.iter_mut().zip([(f.fused)(x), (f.plain)(x)]) {
                let error = error_single(value, exact);
                if error > worst.0 {
                    *worst = (error, x);
                }
            }
        };
        let mut bits = 0u32;
        while let Some(next) = bits.checked_add(STRIDE) {
            check(f32::from_bits(bits));
            bits = next;
        }
        // Densely around most breaks and kinks.
        for centre in [
            1.0f32,
            0.5,
            0.625,
            2.0,
            std::f32::consts::FRAC_PI_2,
            88.7,
            104.0,
        ] {
            for step in 0..2000u32 {
                let x = f32::from_bits(centre.to_bits() - 1000 + step);
                check(x);
                check(-x);
            }
        }
        for x in [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            f32::MIN_POSITIVE,
            f32::MAX,
            1.0,
            -1.0,
            1e-45,
            -1e-45,
        ] {
            check(x);
        }
        let [(a, at_a), (b, at_b)] = worst;
        report += &format!(
            "{:8} fused {a:.3} at {at_a:e}, plain {b:.3} at {at_b:e}\n",
            f.name
        );
        worst_of_all = worst_of_all.max(a).max(b);
    }
    println!("{report}");
    assert!(worst_of_all <= 2.0, "{report}");
}

#[test]
fn single_precision_of_two_operands_is_within_two_ulp() {
    // The high bits of a linear congruential generator are random enough to choose bit patterns.
    let mut state = 12345u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 32) as u32
    };
    let points = if cfg!(debug_assertions) {
        500_000
    } else {
        4_000_000
    };
    let mut worst = [0.0f64; 8];
    for i in 0..points {
        let (a, b) = (f32::from_bits(next()), f32::from_bits(next()));
        // Three of four pairs are near enough to each other to have an interesting result.
        let (x, y) = match i % 4 {
            0 => (a, b),
            1 => (a.abs(), (b % 8.0) * 80.0 / a.abs().ln().abs().max(1e-6)),
            2 => (1.0 + (a % 1.0), b % 100.0),
            _ => (a, (b % 16.0).trunc()),
        };
        let exact = f64::from(x).powf(f64::from(y));
        let angle = f64::from(y).atan2(f64::from(x));
        let length = f64::from(x).hypot(f64::from(y));
        let sum = double::log_add_exp::<false>(f64::from(x), f64::from(y));
        // Where the larger and the logarithm cancel, an ulp means one of the larger.
        let cancelled = (f64::from(x.max(y)) / sum).abs().max(1.0);
        let error_of_sum = |value: f32| {
            let error = error_single(value, sum);
            if cancelled.is_finite() {
                error / cancelled
            } else {
                error
            }
        };
        let errors = [
            error_single(single::pow::<true>(x, y), exact),
            error_single(single::pow::<false>(x, y), exact),
            error_single(single::atan2::<true>(y, x), angle),
            error_single(single::atan2::<false>(y, x), angle),
            error_single(single::hypot::<true>(x, y), length),
            error_single(single::hypot::<false>(x, y), length),
            error_of_sum(single::log_add_exp::<true>(x, y)),
            error_of_sum(single::log_add_exp::<false>(x, y)),
        ];
        for (k, (worst, error)) in worst.iter_mut().zip(errors).enumerate() {
            assert!(error <= 2.0, "function {k} of {x:e}, {y:e}: {error} ulp");
            *worst = worst.max(error);
        }
    }
    println!("fused and plain: pow, atan2, hypot, log_add_exp {worst:.3?}");
}

#[test]
fn single_precision_integer_powers() {
    for n in [-1000i32, -17, -3, -2, -1, 0, 1, 2, 3, 4, 7, 100, 99_999] {
        for i in 1..5000 {
            let x = (i as f32 - 2500.0) / 1000.0 + if n.abs() > 99 { 1.0 } else { 0.0 };
            let exact = f64::from(x).powi(n);
            for value in [single::powi::<true>(x, n), single::powi::<false>(x, n)] {
                assert!(
                    error_single(value, exact) <= 2.0,
                    "{x:e}^{n}: {value:e} for {exact:e}"
                );
            }
        }
    }
}

type Double1 = (&'static str, fn(f64) -> f64, fn(f64) -> f64);
type Double2 = (&'static str, fn(f64, f64) -> f64, fn(f64, f64) -> f64);

macro_rules! double {
    ($name:ident) => {
        Some((
            stringify!($name),
            double::$name::<true> as _,
            double::$name::<false> as _,
        ))
    };
}

/// The row of a function; `None` if every bit is defined, so that `special_values` below is enough.
fn double_row(function: FloatUnary) -> Option<Double1> {
    use FloatUnary::*;
    match function {
        Exp => double!(exp),
        Exp2 => double!(exp2),
        Expm1 => double!(expm1),
        Log => double!(log),
        Log2 => double!(log2),
        Log10 => double!(log10),
        Log1p => double!(log1p),
        Sin => double!(sin),
        Cos => double!(cos),
        Tan => double!(tan),
        Asin => double!(asin),
        Acos => double!(acos),
        Atan => double!(atan),
        Sinh => double!(sinh),
        Cosh => double!(cosh),
        Tanh => double!(tanh),
        Asinh => double!(asinh),
        Acosh => double!(acosh),
        Atanh => double!(atanh),
        Sigmoid => double!(sigmoid),
        Silu => double!(silu),
        Gelu => double!(gelu),
        GeluTanh => double!(gelu_tanh),
        Erf => double!(erf),
        Erfc => double!(erfc),
        ErfInv => double!(erf_inv),
        Lgamma => double!(lgamma),
        Digamma => double!(digamma),
        Cbrt => double!(cbrt),
        Rsqrt => double!(rsqrt),
        Neg | Abs | Sign | Sqrt | Floor | Ceil | Round | Trunc | IsFinite | StopGradient => None,
    }
}

/// The same for two operands.
fn double_row_of_two(function: FloatBinary) -> Option<Double2> {
    use FloatBinary::*;
    match function {
        Pow => double!(pow),
        Atan2 => double!(atan2),
        Hypot => double!(hypot),
        LogAddExp => double!(log_add_exp),
        Add | Sub | Mul | Div | Rem | Max | Min => None,
    }
}

#[test]
fn double_precision_is_within_two_ulp() {
    let unary: Vec<Double1> = FloatUnary::ALL.into_iter().filter_map(double_row).collect();
    let binary = FloatBinary::ALL.into_iter().filter_map(double_row_of_two);
    let powers: Double2 = (
        "powi",
        |x, n| double::powi::<true>(x, n as i32),
        |x, n| double::powi::<false>(x, n as i32),
    );
    let binary: Vec<Double2> = binary.chain([powers]).collect();
    let text = include_str!("reference/math_f64.csv");
    let parse =
        |field: &str| f64::from_bits(u64::from_str_radix(field, 16).expect("a hexadecimal number"));
    let mut worst = std::collections::BTreeMap::new();
    let mut seen = 0;
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, first, second, expected] = fields[..] else {
            panic!("not four fields: {line}")
        };
        let (x, expected) = (parse(first), parse(expected));
        let (fused, plain) = if second.is_empty() {
            let &(_, fused, plain) = unary
                .iter()
                .find(|f| f.0 == name)
                .unwrap_or_else(|| panic!("no function {name}"));
            (fused(x), plain(x))
        } else {
            let &(_, fused, plain) = binary
                .iter()
                .find(|f| f.0 == name)
                .unwrap_or_else(|| panic!("no function {name}"));
            (fused(x, parse(second)), plain(x, parse(second)))
        };
        seen += 1;
        let entry = worst.entry(name).or_insert([(0.0, 0.0, 0, 0.0); 2]);
        for (worst, value) in entry.iter_mut().zip([fused, plain]) {
            let error = distance(value, expected);
            worst.2 += usize::from(error > 0.0);
            if error > worst.0 {
                (worst.0, worst.1, worst.3) = (error, x, value);
            }
        }
    }
    let mut report = String::new();
    let mut worst_of_all = 0.0f64;
    for (name, [a, b]) in &worst {
        report += &format!(
            "{name:8} fused {} at {:e} -> {:e} ({} not nearest), plain {} at {:e} -> {:e} ({} not nearest)\n",
            a.0, a.1, a.3, a.2, b.0, b.1, b.3, b.2
        );
        worst_of_all = worst_of_all.max(a.0).max(b.0);
    }
    println!("{report}");
    assert_eq!(worst.len(), unary.len() + binary.len());
    assert!(seen > 13_000);
    // One float away from the nearest is an error below 1.5 ulp.
    assert!(worst_of_all <= 1.0, "{report}");
}

/// Both widths, fused and plain, against C99 (annex F). Results are compared by bits, but all NaNs are equal.
macro_rules! special_values {
    // `$d` is a dollar sign for the macros inside.
    ($d:tt $test:ident, $math:ident, $float:ident) => {
        #[test]
        fn $test() {
            use std::$float::consts::{FRAC_PI_2, FRAC_PI_4, PI};
            const INF: $float = $float::INFINITY;
            const NAN: $float = $float::NAN;
            const MAX: $float = $float::MAX;
            let tiny = $float::from_bits(1);
            // One call for each line of the table: with the comparison written out in each, this test takes
            // twenty times as long to build.
            #[track_caller]
            fn one(name: &str, functions: [fn($float) -> $float; 2], x: $float, expected: $float) {
                for function in functions {
                    let value = function(x);
                    let same = value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan();
                    assert!(same, "{name}({x:e}) is {value:e}, not {expected:e}");
                }
            }
            #[track_caller]
            fn two<Y: Copy + LowerExp>(
                name: &str,
                functions: [fn($float, Y) -> $float; 2],
                (x, y): ($float, Y),
                expected: $float,
            ) {
                for function in functions {
                    let value = function(x, y);
                    let same = value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan();
                    assert!(same, "{name}({x:e}, {y:e}) is {value:e}, not {expected:e}");
                }
            }
            macro_rules! check {
                ($d f:ident: $d x:expr => $d expected:expr) => {
                    one(stringify!($d f), [$math::$d f::<true>, $math::$d f::<false>], $d x, $d expected)
                };
                ($d f:ident: $d x:expr, $d y:expr => $d expected:expr) => {
                    two(stringify!($d f), [$math::$d f::<true>, $math::$d f::<false>], ($d x, $d y), $d expected)
                };
            }
            macro_rules! nan_to_nan {
                ($d ($d f:ident)*) => { $d (check!($d f: NAN => NAN); check!($d f: -NAN => NAN);)* };
            }
            // Odd functions with slope 1 at 0: zeros keep their sign, and the smallest number is its own image.
            macro_rules! identity_near_zero {
                ($d ($d f:ident)*) => {
                    $d (for x in [0.0, -0.0, tiny, -tiny, 5.0 * tiny, $float::MIN_POSITIVE, -$float::MIN_POSITIVE] {
                        check!($d f: x => x);
                    })*
                };
            }
            nan_to_nan!(exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh);
            nan_to_nan!(exp2 log2 log10 silu gelu gelu_tanh sigmoid erf erfc erf_inv cbrt rsqrt sqrt abs neg sign floor ceil round trunc);
            identity_near_zero!(expm1 log1p sin tan asin atan sinh tanh asinh atanh);

            check!(exp: INF => INF); check!(exp: -INF => 0.0); check!(exp: 0.0 => 1.0); check!(exp: -0.0 => 1.0);
            check!(exp: MAX => INF); check!(exp: -MAX => 0.0);
            check!(expm1: INF => INF); check!(expm1: -INF => -1.0); check!(expm1: MAX => INF); check!(expm1: -MAX => -1.0);
            check!(log: 0.0 => -INF); check!(log: -0.0 => -INF); check!(log: -1.0 => NAN); check!(log: -INF => NAN);
            check!(log: INF => INF); check!(log: 1.0 => 0.0); check!(log: -tiny => NAN);
            check!(log1p: -1.0 => -INF); check!(log1p: -2.0 => NAN); check!(log1p: INF => INF); check!(log1p: -INF => NAN);
            check!(sin: INF => NAN); check!(cos: -INF => NAN); check!(tan: INF => NAN); check!(cos: 0.0 => 1.0); check!(cos: tiny => 1.0);
            check!(asin: 1.0 => FRAC_PI_2); check!(asin: -1.0 => -FRAC_PI_2); check!(asin: 1.1 => NAN); check!(asin: -INF => NAN);
            check!(acos: 1.0 => 0.0); check!(acos: -1.0 => PI); check!(acos: 0.0 => FRAC_PI_2); check!(acos: -0.0 => FRAC_PI_2);
            check!(acos: -1.1 => NAN); check!(acos: INF => NAN);
            check!(atan: INF => FRAC_PI_2); check!(atan: -INF => -FRAC_PI_2); check!(atan: MAX => FRAC_PI_2);
            check!(sinh: INF => INF); check!(sinh: -INF => -INF); check!(sinh: MAX => INF);
            check!(cosh: INF => INF); check!(cosh: -INF => INF); check!(cosh: -MAX => INF); check!(cosh: 0.0 => 1.0);
            check!(tanh: INF => 1.0); check!(tanh: -INF => -1.0); check!(tanh: MAX => 1.0);
            check!(asinh: INF => INF); check!(asinh: -INF => -INF);
            check!(acosh: 1.0 => 0.0); check!(acosh: 0.5 => NAN); check!(acosh: -INF => NAN); check!(acosh: INF => INF);
            check!(atanh: 1.0 => INF); check!(atanh: -1.0 => -INF); check!(atanh: 1.5 => NAN); check!(atanh: -INF => NAN);
            check!(sigmoid: INF => 1.0); check!(sigmoid: -INF => 0.0); check!(sigmoid: 0.0 => 0.5); check!(sigmoid: MAX => 1.0);
            check!(sigmoid: -MAX => 0.0);
            check!(erf: INF => 1.0); check!(erf: -INF => -1.0); check!(erf: 0.0 => 0.0); check!(erf: -0.0 => -0.0);
            check!(erfc: INF => 0.0); check!(erfc: -INF => 2.0); check!(erfc: 0.0 => 1.0); check!(erfc: -0.0 => 1.0);
            check!(erf_inv: 1.0 => INF); check!(erf_inv: -1.0 => -INF); check!(erf_inv: 0.0 => 0.0); check!(erf_inv: -0.0 => -0.0);
            check!(erf_inv: 1.5 => NAN); check!(erf_inv: -INF => NAN);
            check!(cbrt: INF => INF); check!(cbrt: -INF => -INF); check!(cbrt: -0.0 => -0.0); check!(cbrt: -27.0 => -3.0);
            check!(rsqrt: 0.0 => INF); check!(rsqrt: -0.0 => -INF); check!(rsqrt: INF => 0.0); check!(rsqrt: -1.0 => NAN);
            check!(exp2: INF => INF); check!(exp2: -INF => 0.0); check!(exp2: 0.0 => 1.0); check!(exp2: 3.0 => 8.0); check!(exp2: -1.0 => 0.5);
            check!(exp2: MAX => INF); check!(exp2: -MAX => 0.0); check!(exp2: ($float::MIN_EXP - 1) as $float => $float::MIN_POSITIVE);
            check!(log2: 0.0 => -INF); check!(log2: -0.0 => -INF); check!(log2: -1.0 => NAN); check!(log2: INF => INF); check!(log2: 1.0 => 0.0);
            check!(log2: 8.0 => 3.0); check!(log2: $float::MIN_POSITIVE => ($float::MIN_EXP - 1) as $float);
            check!(log10: 0.0 => -INF); check!(log10: -INF => NAN); check!(log10: INF => INF); check!(log10: 1000.0 => 3.0); check!(log10: 1e10 => 10.0);
            for x in [INF, MAX] {
                check!(silu: x => x); check!(gelu: x => x); check!(gelu_tanh: x => x);
                check!(silu: -x => -0.0); check!(gelu: -x => -0.0); check!(gelu_tanh: -x => -0.0);
            }
            for x in [0.0, -0.0] {
                check!(silu: x => x); check!(gelu: x => x); check!(gelu_tanh: x => x);
            }
            check!(sign: 0.0 => 0.0); check!(sign: -0.0 => -0.0); check!(sign: -tiny => -1.0); check!(sign: INF => 1.0);
            check!(neg: 0.0 => -0.0); check!(abs: -0.0 => 0.0); check!(abs: -INF => INF);
            let halves = [-2.5, -1.5, -0.75, -0.5, -0.25, -0.0, 0.0, 0.25, 0.5, 0.75, 1.5, 2.5, 1e7, 4503599627370497.5, MAX, INF, -INF, tiny, -tiny];
            for x in halves {
                check!(floor: x => x.floor());
                check!(ceil: x => x.ceil());
                check!(trunc: x => x.trunc());
                check!(round: x => x.round_ties_even());
            }

            // lgamma: C99 F.9.5.3; digamma as SciPy has it.
            for x in [0.0, -0.0, -1.0, -2.0, -3e9, -MAX, INF, -INF] {
                check!(lgamma: x => INF);
            }
            check!(lgamma: 1.0 => 0.0); check!(lgamma: 2.0 => 0.0); check!(lgamma: NAN => NAN); check!(lgamma: MAX => INF);
            check!(digamma: 0.0 => -INF); check!(digamma: -0.0 => INF); check!(digamma: INF => INF);
            for x in [-1.0, -2.0, -3e9, -MAX, -INF, NAN] {
                check!(digamma: x => NAN);
            }

            // pow: C99 F.9.4.4
            for y in [0.0, -0.0] {
                for x in [0.0, -0.0, 1.0, -3.0, INF, -INF, NAN] {
                    check!(pow: x, y => 1.0);
                }
            }
            for y in [NAN, INF, -INF, 3.5, -MAX] {
                check!(pow: 1.0, y => 1.0);
            }
            check!(pow: NAN, 1.0 => NAN); check!(pow: 2.0, NAN => NAN); check!(pow: -1.0, NAN => NAN);
            check!(pow: -1.0, INF => 1.0); check!(pow: -1.0, -INF => 1.0); check!(pow: -1.0, MAX => 1.0);
            for (x, at_plus, at_minus) in [(0.5, 0.0, INF), (-0.5, 0.0, INF), (2.0, INF, 0.0), (-2.0, INF, 0.0), (0.0, 0.0, INF), (INF, INF, 0.0), (-INF, INF, 0.0)] {
                check!(pow: x, INF => at_plus);
                check!(pow: x, -INF => at_minus);
            }
            check!(pow: 0.0, 3.0 => 0.0); check!(pow: -0.0, 3.0 => -0.0); check!(pow: -0.0, 2.0 => 0.0); check!(pow: -0.0, 0.5 => 0.0);
            check!(pow: 0.0, -3.0 => INF); check!(pow: -0.0, -3.0 => -INF); check!(pow: -0.0, -2.0 => INF); check!(pow: -0.0, -0.5 => INF);
            check!(pow: INF, 0.5 => INF); check!(pow: INF, -0.5 => 0.0);
            check!(pow: -INF, 3.0 => -INF); check!(pow: -INF, 2.0 => INF); check!(pow: -INF, 0.5 => INF);
            check!(pow: -INF, -3.0 => -0.0); check!(pow: -INF, -2.0 => 0.0); check!(pow: -INF, -0.5 => 0.0);
            check!(pow: -2.0, 0.5 => NAN); check!(pow: -2.0, 3.0 => -8.0); check!(pow: -2.0, 2.0 => 4.0); check!(pow: -2.0, -1.0 => -0.5);
            check!(pow: 2.0, MAX => INF); check!(pow: 0.5, MAX => 0.0); check!(pow: MAX, MAX => INF); check!(pow: tiny, 1.0 => tiny);
            check!(pow: 10.0, 2.0 => 100.0);

            // atan2: C99 F.9.1.4
            for s in [1.0, -1.0] {
                let s: $float = s;
                let signed = |v: $float| v.copysign(s);
                check!(atan2: signed(0.0), 0.0 => signed(0.0));
                check!(atan2: signed(0.0), -0.0 => signed(PI));
                check!(atan2: signed(0.0), 2.0 => signed(0.0));
                check!(atan2: signed(0.0), -2.0 => signed(PI));
                check!(atan2: signed(2.0), 0.0 => signed(FRAC_PI_2));
                check!(atan2: signed(2.0), -0.0 => signed(FRAC_PI_2));
                check!(atan2: signed(1.0), INF => signed(0.0));
                check!(atan2: signed(1.0), -INF => signed(PI));
                check!(atan2: signed(INF), 1.0 => signed(FRAC_PI_2));
                check!(atan2: signed(INF), INF => signed(FRAC_PI_4));
                check!(atan2: signed(INF), -INF => signed((0.75 * std::f64::consts::PI) as $float));
                check!(atan2: signed(MAX), MAX => signed(FRAC_PI_4));
                check!(atan2: signed(tiny), tiny => signed(FRAC_PI_4));
            }
            check!(atan2: NAN, 1.0 => NAN); check!(atan2: 1.0, NAN => NAN); check!(atan2: NAN, NAN => NAN);

            // hypot: C99 F.9.4.3
            for other in [0.0, 1.0, MAX, INF, -INF, NAN] {
                check!(hypot: INF, other => INF); check!(hypot: -INF, other => INF); check!(hypot: other, -INF => INF);
            }
            check!(hypot: NAN, 1.0 => NAN); check!(hypot: 1.0, NAN => NAN); check!(hypot: 3.0, -4.0 => 5.0); check!(hypot: 0.0, -0.0 => 0.0);
            check!(hypot: MAX, MAX => INF); check!(hypot: -tiny, 0.0 => tiny); check!(hypot: 3.0 * tiny, 4.0 * tiny => 5.0 * tiny);

            check!(log_add_exp: -INF, -INF => -INF); check!(log_add_exp: INF, INF => INF); check!(log_add_exp: INF, -INF => INF);
            check!(log_add_exp: -INF, 3.0 => 3.0); check!(log_add_exp: 1.0, INF => INF); check!(log_add_exp: MAX, -MAX => MAX);
            check!(log_add_exp: NAN, 1.0 => NAN); check!(log_add_exp: 1.0, NAN => NAN); check!(log_add_exp: INF, NAN => NAN);

            for n in [0, 1, 2, 3, 5, 6, -1, -5, -6] {
                check!(powi: NAN, n => if n == 0 { 1.0 } else { NAN });
                for x in [0.0, -0.0, INF, -INF, 1.0, -1.0, 2.0, -2.0] {
                    check!(powi: x, n => $float::from_bits(x.to_bits()).powi(n));
                }
            }

            // Beyond the limit of the vector functions.
            for x in [2.0 * $math::TRIG_LIMIT, -1e20, MAX] {
                assert_eq!($math::sin_any(x), (x as f64).sin() as $float);
                assert_eq!($math::cos_any(x), (x as f64).cos() as $float);
                assert_eq!($math::tan_any(x), (x as f64).tan() as $float);
            }
        }
    };
}

special_values!($ special_values_of_single_precision, single, f32);
special_values!($ special_values_of_double_precision, double, f64);
