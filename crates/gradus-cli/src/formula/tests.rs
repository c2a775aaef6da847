//! Values and derivatives of formulas, and random texts.

#[path = "../../../../tests/near.rs"]
mod near;

use super::Formula;
use super::at::Variables;
use crate::inputs;
use gradus::{Tensor, grad, hessian, jacobian};
use near::near;
use proptest::prelude::*;

/// The value of `formula` at `at`, as a list.
fn value(formula: &str, at: &str) -> Vec<f64> {
    let variables = Variables::parse(at).expect(at);
    let parsed = Formula::parse(formula, &variables.names).expect(formula);
    let value = parsed.evaluate(&variables.values);
    value.to_vec::<f64>().expect("f64")
}

fn equal(formula: &str, expected: f64) {
    let at = "x=1.5,y=-2,z=0.25";
    let [got] = value(formula, at)[..] else {
        panic!("`{formula}` is not a number")
    };
    assert!(
        got == expected || near(got / expected, 1.0, 1e-14),
        "{formula}: {got}, expected {expected}"
    );
}

#[test]
fn operators_bind_as_in_mathematics() {
    let (x, y, z) = (1.5_f64, -2.0_f64, 0.25_f64);
    equal("1 - 2 - 3", -4.0);
    equal("24/4/2", 3.0);
    equal("24/4*2", 12.0);
    equal("2 + 3*4", 14.0);
    equal("(2 + 3)*4", 20.0);
    equal("2^3^2", 512.0);
    equal("(2^3)^2", 64.0);
    equal("-2^2", -4.0);
    equal("(-2)^2", 4.0);
    equal("2^-1", 0.5);
    equal("2^-2^2", 0.0625);
    equal("-x^2", -(x * x));
    equal("--x", x);
    equal("+x - +y", x - y);
    equal("2*-x", -2.0 * x);
    equal("x - -y", x + y);
    equal("x - y*z^2/x", x - y * z * z / x);
    equal("-x*y", -x * y);
    equal("x^2*y", x * x * y);
    equal("6/2*(1 + 2)", 9.0);
    equal("x^0.5", x.sqrt());
    equal("y^3", -8.0);
    equal("y^-3", -0.125);
    equal("z^z", z.powf(z));
    equal("1.5e1 + .5 + 2. + 1E-1", 17.6);
    equal("2*pi*e", 2.0 * std::f64::consts::PI * std::f64::consts::E);
}

#[test]
fn functions_are_those_of_rust() {
    let (x, y, z) = (1.5_f64, -2.0_f64, 0.25_f64);
    equal("sin(x) + cos(x) + tan(x)", x.sin() + x.cos() + x.tan());
    equal(
        "asin(z) + acos(z) + atan(z)",
        z.asin() + z.acos() + z.atan(),
    );
    equal(
        "sinh(x) + cosh(x) + tanh(x)",
        x.sinh() + x.cosh() + x.tanh(),
    );
    equal("asinh(x)", x.asinh());
    equal("acosh(x)", x.acosh());
    equal("atanh(z)", z.atanh());
    equal("exp(x) + expm1(z)", x.exp() + z.exp_m1());
    equal("log(x) + ln(z) + log1p(z)", x.ln() + z.ln() + z.ln_1p());
    equal("sqrt(x) + cbrt(y)", x.sqrt() + y.cbrt());
    equal("abs(y) + sign(y)", 1.0);
    equal("floor(x) + 10*ceil(x)", 21.0);
    equal("relu(x) + relu(y)", x);
    equal("sigmoid(y)", 1.0 / (1.0 + 2_f64.exp()));
    equal("softplus(x)", (1.0 + x.exp()).ln());
    equal("erf(x)", 0.966_105_146_475_310_7);
    equal(
        "lgamma(5) + digamma(x)",
        24_f64.ln() + 0.036_489_973_978_576_52,
    );
    equal("polygamma(0, x) - digamma(x)", 0.0);
    equal("polygamma(1, x)", 0.934_802_200_544_679_3);
    equal("pow(x, y)", x.powi(-2));
    equal("atan2(y, x)", y.atan2(x));
    equal("min(x, y) - max(x, y)", y - x);
    equal("sum([x, y]) + prod([x, y])", x + y + x * y);
    equal("mean([x, y]) + norm([x, y])", (x + y) / 2.0 + x.hypot(y));
    equal("max([x, y, z]) + min([x, y, z])", x + y);
}

#[test]
fn vectors_go_element_by_element() {
    let at = "x=2,v=[1,2,3],w=[4,5,6],one=[10]";
    assert_eq!(value("v + w", at), [5.0, 7.0, 9.0]);
    assert_eq!(value("x*v - 1", at), [1.0, 3.0, 5.0]);
    assert_eq!(value("x^v", at), [2.0, 4.0, 8.0]);
    assert_eq!(value("v + one", at), [11.0, 12.0, 13.0]);
    assert_eq!(value("max(v, x)", at), [2.0, 2.0, 3.0]);
    assert_eq!(value("dot(v, w)", at), [32.0]);
    assert_eq!(
        value("[v, x, [w[0], 7]]", at),
        [1.0, 2.0, 3.0, 2.0, 4.0, 7.0]
    );
    assert_eq!(value("v[0] + 10*v[-1]", at), [31.0]);
    assert_eq!(value("[x, 3*x][1]^2", at), [36.0]);
    assert_eq!(value("(v*w)[1]", at), [10.0]);
    assert_eq!(value("x", "x=-pi/2"), [-std::f64::consts::FRAC_PI_2]);
    assert_eq!(value("x", " x = [ 1, [2, 3]*2 ] "), [1.0, 4.0, 6.0]);
}

/// `formula` as a function of all variables in a row.
fn flat<'a>(formula: &'a Formula, like: &'a [Tensor]) -> impl Fn(&Tensor) -> Tensor + 'a {
    move |all| {
        let mut from = 0;
        let mut variables = Vec::new();
        for v in like {
            let to = from + v.len();
            let part = all.slice_axis(0, from..to);
            variables.push(match v.rank() {
                0 => part.squeeze(),
                _ => part,
            });
            from = to;
        }
        formula.evaluate(&variables)
    }
}

#[test]
fn derivatives_are_central_differences() {
    let at = "x=0.7,y=-1.3,v=[0.5,1.25,2],w=[-0.4,0.3,0.9]";
    let Variables { names, values } = Variables::parse(at).expect(at);
    let all: Vec<f64> = values
        .iter()
        .flat_map(|v| v.to_vec::<f64>().expect("f64"))
        .collect();
    for text in [
        "sin(x*y) + x^2",
        "-x^2*y^3 + x/y",
        "cos(x)*tan(y)",
        "asin(x)*acos(x) - atan(y)",
        "sinh(x)/cosh(y) + tanh(x*y)",
        "asinh(y) + acosh(x + 1) + atanh(x)",
        "exp(x)*expm1(y)",
        "log(x) + ln(x^2 + y^2) + log1p(x)",
        "sqrt(x)*cbrt(y)",
        "abs(y)*x + sign(y)*x",
        "sigmoid(x*y) + softplus(y) + relu(x)",
        "erf(x)*erf(y)",
        "floor(y) + ceil(x) + x*y",
        "x^y + pow(x, 2.5) + 2^x",
        "x^-2 + y^-3",
        "atan2(x, y)*atan2(y, x)",
        "max(x, y)*min(x, 2*y)",
        "dot(v, w)*x",
        "sum(v*w^2) + mean(v)*y",
        "prod(v)/norm(w)",
        "max(v)*min(w) + v[1]*w[-1]",
        "norm(v - w)^3",
        "log(sum(exp(v)))",
        "sum(sin(v)/cos(w))",
        "sum([x, y, x*y]^2)",
        "[x*y, exp(x)]",
        "x*v + y*w",
        "[v, w*x, prod(w)]",
        "v^w",
        "exp(-v)*[x, y, 1]",
        "v/sum(v)",
        "[atan2(v, w), max(v, x)][2]",
    ] {
        let formula = Formula::parse(text, &names).expect(text);
        let f = flat(&formula, &values);
        let slopes = jacobian(&f)(&Tensor::from(all.clone()));
        by_differences(text, &f, &slopes, &all);
        if slopes.rank() == 1 {
            let second = hessian(&f)(&Tensor::from(all.clone()));
            by_differences(text, &grad(&f), &second, &all);
        }
    }
}

/// Compares the Jacobian of `f` at `x`, computed for `text`, with central differences.
fn by_differences(text: &str, f: &impl Fn(&Tensor) -> Tensor, jacobian: &Tensor, x: &[f64]) {
    let got = jacobian.to_vec::<f64>().expect("f64");
    for k in 0..x.len() {
        let step = 1e-5;
        let moved = |by: f64| {
            let mut moved = x.to_vec();
            moved[k] += by;
            f(&Tensor::from(moved)).to_vec::<f64>().expect("f64")
        };
        for (i, (up, down)) in moved(step).into_iter().zip(moved(-step)).enumerate() {
            let (slope, expected) = (got[i * x.len() + k], (up - down) / (2.0 * step));
            assert!(
                near(slope, expected, 1e-8),
                "{text}: output {i} by input {k}: {slope}, by differences {expected}"
            );
        }
    }
}

const PIECES: [&str; 44] = [
    "x", "y", "v", "w", "(", ")", "[", "]", ",", "+", "-", "*", "/", "^", "1", "0", "2.5", "1e-3",
    "1e400", "e", "pi", " ", "=", ".", "sin", "sum", "max", "min", "norm", "dot", "pow", "prod",
    "(x", "x)", "v[0]", "v[-1]", "[x,y]", "sin(", "é", "×", "\u{7f}", "\n", "z", "_",
];

/// Texts made of pieces of formulas, formulas with a piece in place of a character, and arbitrary characters.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..25);
    let characters = prop::collection::vec(any::<char>(), 0..12);
    let piece = prop::sample::select(&PIECES[..]);
    let broken = (formulas(), any::<prop::sample::Index>(), piece).prop_map(|(f, at, piece)| {
        let at = at.index(f.len());
        format!("{}{piece}{}", &f[..at], &f[at + 1..])
    });
    prop_oneof![
        4 => broken,
        4 => pieces.prop_map(|p| p.concat()),
        1 => characters.prop_map(String::from_iter),
    ]
}

/// Formulas without mistakes, of the numbers x and y.
fn formulas() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(&["x", "y", "2", "0", "0.5", "pi"][..]).prop_map(String::from);
    leaf.prop_recursive(4, 24, 3, |inner| {
        let each: Vec<&str> = super::functions::FUNCTIONS
            .iter()
            .filter(|f| matches!(f.forms[0], super::functions::Form::Each(_)))
            .map(|f| f.name)
            .collect();
        let pair = (
            inner.clone(),
            prop::sample::select(&["+", "-", "*", "/", "^"][..]),
            inner.clone(),
        );
        let list = prop::collection::vec(inner.clone(), 1..4);
        let all = prop::sample::select(&["sum", "prod", "mean", "max", "min", "norm"][..]);
        prop_oneof![
            (prop::sample::select(each), inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            pair.prop_map(|(a, op, b)| format!("({a}) {op} {b}")),
            (all, list).prop_map(|(f, l)| format!("{f}([{}])", l.join(", "))),
            inner.prop_map(|a| format!("-{a}")),
        ]
    })
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn any_text_is_differentiated_or_refused(text in texts()) {
        if let Err(error) = inputs::differentiate(&text, "x=1,y=0.5,v=[1,2],w=[1,2,3]", &["--explain"]) {
            prop_assert!(!error.message().is_empty());
        }
    }

    #[test]
    fn any_values_are_read_or_refused(text in texts()) {
        for at in [text.clone(), format!("x={text}")] {
            if let Err(error) = Variables::parse(&at) {
                prop_assert!(error.message().starts_with("--at: "));
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn formulas_without_mistakes_are_differentiated(text in formulas()) {
        // A number has a Hessian, a vector a Jacobian.
        for formula in [text.clone(), format!("[{text}, v*({text})]")] {
            let report = inputs::differentiate(&formula, "x=0.3,y=2,v=[1,2]", &["--explain", "--format", "json"]);
            prop_assert!(report.is_ok(), "{formula}: {:?}", report.err());
        }
    }
}
