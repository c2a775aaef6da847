//! Every public elementwise function: values within two units in the last place, and slopes,
//! over the whole range of the numbers; second and third derivatives where the function is smooth,
//! also at the kinks of its parts. The expectations in `tests/reference/elementwise.csv` come from mpmath.

use gradus::prelude::*;
use gradus_ir::primitives::{Binary, Unary};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

type Function = fn(&Tensor, &Tensor) -> Tensor;

/// The name of the method for a function of one operand, and the method, which ignores the second operand.
/// `None` for functions that are not of numbers.
fn of_one(function: Unary) -> Option<(&'static str, Function)> {
    use Unary::*;
    Some(match function {
        Neg => ("neg", |x, _| -x),
        Abs => ("abs", |x, _| x.abs()),
        Sign => ("sign", |x, _| x.sign()),
        Sqrt => ("sqrt", |x, _| x.sqrt()),
        Rsqrt => ("rsqrt", |x, _| x.rsqrt()),
        Cbrt => ("cbrt", |x, _| x.cbrt()),
        Exp => ("exp", |x, _| x.exp()),
        Exp2 => ("exp2", |x, _| x.exp2()),
        Expm1 => ("expm1", |x, _| x.expm1()),
        Log => ("log", |x, _| x.log()),
        Log2 => ("log2", |x, _| x.log2()),
        Log10 => ("log10", |x, _| x.log10()),
        Log1p => ("log1p", |x, _| x.log1p()),
        Sin => ("sin", |x, _| x.sin()),
        Cos => ("cos", |x, _| x.cos()),
        Tan => ("tan", |x, _| x.tan()),
        Asin => ("asin", |x, _| x.asin()),
        Acos => ("acos", |x, _| x.acos()),
        Atan => ("atan", |x, _| x.atan()),
        Sinh => ("sinh", |x, _| x.sinh()),
        Cosh => ("cosh", |x, _| x.cosh()),
        Tanh => ("tanh", |x, _| x.tanh()),
        Asinh => ("asinh", |x, _| x.asinh()),
        Acosh => ("acosh", |x, _| x.acosh()),
        Atanh => ("atanh", |x, _| x.atanh()),
        Sigmoid => ("sigmoid", |x, _| x.sigmoid()),
        Silu => ("silu", |x, _| x.silu()),
        Gelu => ("gelu", |x, _| x.gelu()),
        GeluTanh => ("gelu_tanh", |x, _| x.gelu_tanh()),
        Erf => ("erf", |x, _| x.erf()),
        Erfc => ("erfc", |x, _| x.erfc()),
        ErfInv => ("erf_inv", |x, _| x.erf_inv()),
        Lgamma => ("lgamma", |x, _| x.lgamma()),
        Digamma => ("digamma", |x, _| x.digamma()),
        Polygamma(_) => ("polygamma", |x, _| x.polygamma(2)),
        Floor => ("floor", |x, _| x.floor()),
        Ceil => ("ceil", |x, _| x.ceil()),
        Round => ("round", |x, _| x.round()),
        Trunc => ("trunc", |x, _| x.trunc()),
        PowI(_) => ("powi", |x, _| x.powi(3)),
        IsFinite | Not | StopGradient => return None,
    })
}

/// The same for two operands.
fn of_two(function: Binary) -> Option<(&'static str, Function)> {
    use Binary::*;
    Some(match function {
        Add => ("add", |x, y| x + y),
        Sub => ("sub", |x, y| x - y),
        Mul => ("mul", |x, y| x * y),
        Div => ("div", |x, y| x / y),
        Rem => ("rem", |x, y| x % y),
        Max => ("maximum", |x, y| x.maximum(y)),
        Min => ("minimum", |x, y| x.minimum(y)),
        Pow => ("pow", |x, y| x.pow(y)),
        Atan2 => ("atan2", |x, y| x.atan2(y)),
        Hypot => ("hypot", |x, y| x.hypot(y)),
        LogAddExp => ("log_add_exp", |x, y| x.log_add_exp(y)),
        And | Or | Xor | Shl | Shr => return None,
    })
}

/// Methods that are composed of functions.
const COMPOSED: &[(&str, Function)] = &[
    ("square", |x, _| x.square()),
    ("reciprocal", |x, _| x.reciprocal()),
    ("relu", |x, _| x.relu()),
    ("leaky_relu", |x, _| x.leaky_relu(0.125)),
    ("elu", |x, _| x.elu()),
    ("selu", |x, _| x.selu()),
    ("softplus", |x, _| x.softplus()),
    ("log_sigmoid", |x, _| x.log_sigmoid()),
    ("clip", |x, _| x.clip(-0.5, 1.25)),
    ("remainder", |x, y| x.remainder(y)),
];

/// The functions by the names of their methods.
static FUNCTIONS: LazyLock<Vec<(&str, Function)>> = LazyLock::new(|| {
    let one = Unary::ALL.into_iter().filter_map(of_one);
    let two = Binary::ALL.into_iter().filter_map(of_two);
    one.chain(two).chain(COMPOSED.iter().copied()).collect()
});

/// Methods that are not functions of numbers; other tests cover them.
const NO_NUMBERS: &[&str] = &["is_finite", "is_nan", "stop_gradient", "astype"];

/// A line of the file.
struct Point {
    x: f64,
    y: f64,
    direction: (f64, f64),
    value: f64,
    /// The difference between the exact value and the value, in units of its last place.
    rest: f64,
    derivatives: [Option<f64>; 3],
}

fn points() -> BTreeMap<(String, DType), Vec<Point>> {
    let text = include_str!("../../../tests/reference/elementwise.csv");
    let mut points = BTreeMap::<_, Vec<Point>>::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |k: usize| fields[k].parse::<f64>().ok();
        let dtype = DType::from_name(fields[1]).unwrap();
        let point = Point {
            x: number(2).unwrap(),
            y: number(3).unwrap_or(0.0),
            direction: (number(4).unwrap(), number(5).unwrap_or(0.0)),
            value: number(6).unwrap(),
            rest: number(7).unwrap(),
            derivatives: [number(8), number(9), number(10)],
        };
        points
            .entry((fields[0].into(), dtype))
            .or_default()
            .push(point);
    }
    points
}

/// Both operands of all points, and the directions.
fn columns(points: &[Point], dtype: DType) -> ((Tensor, Tensor), (Tensor, Tensor)) {
    let column = |f: fn(&Point) -> f64| {
        let values: Vec<f64> = points.iter().map(f).collect();
        Tensor::from(values).astype(dtype)
    };
    (
        (column(|p| p.x), column(|p| p.y)),
        (column(|p| p.direction.0), column(|p| p.direction.1)),
    )
}

fn values(t: &Tensor) -> Vec<f64> {
    t.astype(F64).to_vec().unwrap()
}

/// The unit in the last place of a number of this size.
fn unit(size: f64, dtype: DType) -> f64 {
    let (lowest, digits) = match dtype {
        F32 => (-126, 23),
        _ => (-1022, 52),
    };
    let exponent = ((size.abs().to_bits() >> 52) as i32 - 1023).max(lowest);
    // In two steps, because `powi` cannot compute the smallest unit of f64 at once.
    2f64.powi(exponent) * 2f64.powi(-digits)
}

/// The distance between `got` and the exact value, in units of the last place.
fn error(name: &str, got: f64, p: &Point, dtype: DType) -> f64 {
    let wanted = match dtype {
        F32 => f64::from(p.value as f32),
        _ => p.value,
    };
    if got == wanted && got.is_infinite() || got.is_nan() && wanted.is_nan() {
        return 0.0;
    }
    // Where the larger operand and the logarithm cancel, an ulp means one of the larger.
    let size = match name {
        "log_add_exp" => p.value.abs().max(p.x.max(p.y).abs()),
        _ => p.value,
    };
    let off = match dtype {
        F32 => (got - p.value) / unit(p.value, dtype),
        _ => (got - p.value) / unit(p.value, dtype) - p.rest,
    };
    (off * unit(p.value, dtype) / unit(size, dtype)).abs()
}

/// Whether a derivative is right to most digits, or to the last digits of the smallest numbers.
fn right(got: f64, wanted: f64, (order, slack): (usize, f64), dtype: DType) -> bool {
    let (wanted, digits, least) = match dtype {
        F32 => (
            f64::from(wanted as f32),
            [2e-5, 2e-4, 1e-3],
            f64::from(f32::from_bits(64)),
        ),
        _ => (wanted, [2e-12, 2e-11, 1e-10], f64::from_bits(64)),
    };
    got == wanted || (got - wanted).abs() <= wanted.abs() * digits[order] + least.max(slack)
}

/// The tolerance for a derivative that is a difference of larger numbers: a few units in their last place.
fn slack(name: &str, order: usize, dtype: DType) -> f64 {
    let unit = match dtype {
        F32 => f64::from(f32::EPSILON),
        _ => f64::EPSILON,
    };
    let pair = ["atan2", "hypot", "log_add_exp", "pow", "div"].contains(&name);
    match name {
        // Their slopes are computed from their values, which are nearly 1.
        "tanh" | "sigmoid" => unit,
        _ if pair && order > 0 => 64.0 * unit,
        _ => 0.0,
    }
}

#[test]
fn values_are_within_two_units_in_the_last_place() {
    let (mut faults, mut report) = (String::new(), String::new());
    for ((name, dtype), points) in &points() {
        let f = FUNCTIONS.iter().find(|f| f.0 == name).unwrap().1;
        let ((x, y), _) = columns(points, *dtype);
        let got = f(&x, &y);
        let alone = |p: &Point| {
            let (x, y) = (Tensor::from(p.x), Tensor::from(p.y));
            jit(|(x, y): &(Tensor, Tensor)| f(x, y))
                .call(&(x.astype(*dtype), y.astype(*dtype)))
                .unwrap()
        };
        let mut worst = 0.0f64;
        for (k, (p, &got)) in points.iter().zip(&values(&got)).enumerate() {
            let error = error(name, got, p, *dtype);
            worst = worst.max(error);
            if error.is_nan() || error > 2.0 {
                let (x, y, value) = (p.x, p.y, p.value);
                writeln!(
                    faults,
                    "{name} {dtype} at {x:e}, {y:e}: {got:e} for {value:e}, {error} ulp"
                )
                .unwrap();
            }
            // Single numbers take the path without lanes.
            if k % 16 == 0 {
                let one = values(&alone(p))[0];
                assert!(
                    one.to_bits() == got.to_bits() || one.is_nan() && got.is_nan(),
                    "{name} {dtype} at {}, {}",
                    p.x,
                    p.y
                );
            }
        }
        write!(report, "{name} {dtype} {worst:.2}; ").unwrap();
    }
    println!("{report}");
    assert!(faults.is_empty(), "\n{faults}");
}

/// Forward mode, three times over, at all points at once.
fn forward(f: Function, at: &(Tensor, Tensor), along: &(Tensor, Tensor)) -> [Tensor; 3] {
    // An operand that does not move is constant: an infinite slope times the direction's zero would make NaN.
    let moves = |direction: &Tensor| values(direction).iter().any(|&d| d != 0.0);
    if !moves(&along.1) {
        let along = &along.0;
        let first = |x: &Tensor| jvp(|x: &Tensor| f(x, &at.1), x, along).1;
        let second = |x: &Tensor| jvp(first, x, along).1;
        return [first(&at.0), second(&at.0), jvp(second, &at.0, along).1];
    }
    if !moves(&along.0) {
        let along = &along.1;
        let first = |y: &Tensor| jvp(|y: &Tensor| f(&at.0, y), y, along).1;
        let second = |y: &Tensor| jvp(first, y, along).1;
        return [first(&at.1), second(&at.1), jvp(second, &at.1, along).1];
    }
    let f = |(x, y): &(Tensor, Tensor)| f(x, y);
    let first = |at: &(Tensor, Tensor)| jvp(f, at, along).1;
    let second = |at: &(Tensor, Tensor)| jvp(first, at, along).1;
    let third = |at: &(Tensor, Tensor)| jvp(second, at, along).1;
    [first(at), second(at), third(at)]
}

/// The same by reverse mode each time, multiplied by the direction.
fn reverse(f: Function, at: &(Tensor, Tensor), along: &(Tensor, Tensor)) -> [Tensor; 3] {
    // A component of zero is left out of the sum: an infinite slope by the other operand would make NaN.
    let along_direction = |(dx, dy): &(Tensor, Tensor)| {
        let part = |slope: &Tensor, direction: &Tensor| {
            let counts = direction.not_equal(0);
            counts.where_(slope, slope.zeros_like()) * direction
        };
        part(dx, &along.0) + part(dy, &along.1)
    };
    let first = |at: &(Tensor, Tensor)| {
        along_direction(&grad(|(x, y): &(Tensor, Tensor)| f(x, y).sum())(at))
    };
    let second =
        |at: &(Tensor, Tensor)| along_direction(&grad(|at: &(Tensor, Tensor)| first(at).sum())(at));
    let third = |at: &(Tensor, Tensor)| {
        along_direction(&grad(|at: &(Tensor, Tensor)| second(at).sum())(at))
    };
    [first(at), second(at), third(at)]
}

#[test]
fn derivatives_are_right_over_the_whole_range_and_at_the_kinks_of_the_pieces() {
    let mut faults = String::new();
    let mut compared = [0; 3];
    for ((name, dtype), points) in &points() {
        let f = FUNCTIONS.iter().find(|f| f.0 == name).unwrap().1;
        for order in 0..3 {
            // Points that move along the same operands are computed together.
            let there = points.iter().filter(|p| p.derivatives[order].is_some());
            let mut groups = BTreeMap::<_, Vec<Point>>::new();
            for p in there {
                let moving = (p.direction.0 != 0.0, p.direction.1 != 0.0);
                groups.entry(moving).or_default().push(Point { ..*p });
            }
            for some in groups.values() {
                let (at, along) = columns(some, *dtype);
                let modes = [
                    ("forward", forward(f, &at, &along)),
                    ("reverse", reverse(f, &at, &along)),
                ];
                for (mode, derivatives) in modes {
                    for (p, &got) in some.iter().zip(&values(&derivatives[order])) {
                        let wanted = p.derivatives[order].unwrap();
                        if !right(got, wanted, (order, slack(name, order, *dtype)), *dtype) {
                            let (x, y, d) = (p.x, p.y, p.direction);
                            let order = order + 1;
                            writeln!(faults, "{name} {dtype} at {x:e}, {y:e} along {d:?}: derivative {order} by {mode} mode is {got:e} for {wanted:e}").unwrap();
                        }
                    }
                }
                compared[order] += some.len();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
    assert!(compared[0] > 3000 && compared[2] > 250, "{compared:?}");
}

/// The methods that `math.rs` and `operators.rs` define.
fn methods() -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for line in include_str!("../src/tensor/math.rs").lines() {
        // Functions outside `impl` and the macro's own are indented differently.
        if let Some(rest) = line.strip_prefix("    pub fn ") {
            names.insert(rest.split(['(', '<']).next().unwrap());
        }
        let line = line.trim();
        // A row of the table: `name Op "argument" "result";`
        if let Some(row) = line.strip_suffix(';')
            && let [name, op, "", ..] = row.split([' ', '"']).collect::<Vec<_>>()[..]
            && op.starts_with(char::is_uppercase)
        {
            names.insert(name);
        }
    }
    names
}

#[test]
fn every_function_is_in_the_table_and_in_the_file() {
    let tested: BTreeSet<&str> = FUNCTIONS.iter().map(|f| f.0).collect();
    let missing: Vec<_> = methods()
        .into_iter()
        .filter(|name| !tested.contains(name) && !NO_NUMBERS.contains(name))
        .collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    assert!(methods().len() >= 50);
    let points = points();
    for name in tested {
        for dtype in [F32, F64] {
            assert!(points.contains_key(&(name.into(), dtype)), "{name} {dtype}");
        }
    }
}

fn numbers(t: &Tensor) -> Vec<f64> {
    t.to_vec().unwrap()
}

/// The first fault found: both Hessians were zero before.
#[test]
fn the_hessian_of_hypot_is_that_of_a_length() {
    let f = |x: &Tensor| x.at(0).hypot(x.at(1));
    let h = 0.5f64.sqrt() / 2.0;
    for (at, wanted) in [
        ([1.0, 1.0], [h, -h, -h, h]),
        ([0.0, 1.0], [1.0, 0.0, 0.0, 0.0]),
        ([1.0, -1.0], [h, h, h, h]),
        ([0.0, 0.0], [0.0; 4]),
    ] {
        let x = Tensor::from(at);
        let under_jit = jit(hessian(f)).call(&x).unwrap();
        let rows = stack_of(&x);
        let mapped = vmap(hessian(f))(&rows);
        for got in [hessian(f)(&x), under_jit, mapped.at(0), mapped.at(2)] {
            for (got, wanted) in numbers(&got).iter().zip(wanted) {
                assert!(
                    (got - wanted).abs() < 1e-15,
                    "at {at:?}: {got} for {wanted}"
                );
            }
        }
        // In a loop whose body is the function.
        let looped = |x: &Tensor| fori_loop(0..1, |_, y: &Tensor| y + f(x), &Tensor::from(0.0));
        for (got, wanted) in numbers(&hessian(looped)(&x)).iter().zip(wanted) {
            assert!(
                (got - wanted).abs() < 1e-15,
                "in a loop at {at:?}: {got} for {wanted}"
            );
        }
    }
}

fn stack_of(x: &Tensor) -> Tensor {
    gradus::tensor::stack(&[x, x, x], 0)
}

#[test]
fn infinities_do_not_spoil_what_does_not_depend_on_them() {
    let slope = |f: fn(&Tensor) -> Tensor, x: &[f64]| numbers(&grad(f)(&Tensor::from(x.to_vec())));
    let inner = |x: &Tensor| x.at(0).log_add_exp(x.at(1)).log_add_exp(x.at(2));
    const INF: f64 = f64::INFINITY;
    assert_eq!(slope(inner, &[-INF, -INF, 0.0]), [0.0, 0.0, 1.0]);
    assert_eq!(slope(inner, &[1.0, INF, 0.0]), [0.0, 1.0, 0.0]);
    // A sum of exponentials, as one operation: the infinite ones share it.
    let all = |x: &Tensor| x.log_sum_exp();
    assert_eq!(slope(all, &[-INF, -INF]), [0.5, 0.5]);
    assert_eq!(slope(all, &[1.0, INF, 2.0]), [0.0, 1.0, 0.0]);
    assert_eq!(slope(all, &[-INF, 0.0]), [0.0, 1.0]);
    let under = |x: &Tensor| x.log_sum_exp().log_add_exp(1.0);
    assert_eq!(slope(under, &[-INF, -INF]), [0.0, 0.0]);
    // The infinite one has all of it.
    assert_eq!(numbers(&Tensor::from([1.0, INF]).softmax(0)), [0.0, 1.0]);
    assert_eq!(
        numbers(&Tensor::from([1.0, INF]).log_softmax(0)),
        [-INF, 0.0]
    );
    let first = |x: &Tensor| x.softmax(0).at(0);
    assert_eq!(slope(first, &[1.0, INF]), [0.0, 0.0]);
    // Two share it; the largest finite number is negligible beside them, to e^-40.
    let shared = numbers(&Tensor::from([INF, f64::MAX, INF]).softmax(0));
    assert!(
        shared[0] == 0.5 && shared[1] < 1e-17 && shared[2] == 0.5,
        "{shared:?}"
    );
    let logarithm = numbers(&Tensor::from([INF, f64::MAX, INF]).log_softmax(0));
    assert_eq!(logarithm, [-(2f64.ln()), -INF, -(2f64.ln())]);
    // Without a largest number there is nothing to compare with.
    assert!(
        numbers(&Tensor::from([1.0, f64::NAN]).softmax(0))
            .iter()
            .all(|v| v.is_nan())
    );
    assert!(
        Tensor::from([1.0, f64::NAN])
            .log_sum_exp()
            .item::<f64>()
            .unwrap()
            .is_nan()
    );
    // Second derivatives, mapped and compiled.
    let f = |x: &Tensor| all(x) + inner(x);
    for x in [[-INF, -INF, 0.0], [1.0, INF, 0.0], [INF, 1.0, -INF]] {
        let x = Tensor::from(x);
        let once = hessian(f)(&x);
        assert!(numbers(&once).iter().all(|v| *v == 0.0), "{once:?}");
        assert_eq!(numbers(&jit(hessian(f)).call(&x).unwrap()), numbers(&once));
        assert_eq!(
            numbers(&vmap(hessian(f))(&stack_of(&x)).at(1)),
            numbers(&once)
        );
    }
}

#[test]
fn norms_are_right_wherever_they_are_numbers() {
    let single = Tensor::from([3e20f32, 4e20]);
    assert_eq!(single.norm().item::<f32>().unwrap(), 5e20);
    let slope = grad(Tensor::norm)(&single).to_vec::<f32>().unwrap();
    assert!(
        (slope[0] - 0.6).abs() < 1e-6 && (slope[1] - 0.8).abs() < 1e-6,
        "{slope:?}"
    );
    for size in [1e-320, 1e-200, 1.0, 1e200, 1e300] {
        let x = Tensor::from([[3.0 * size, 0.0, 4.0 * size], [-size, 0.0, 0.0]]);
        let rows = numbers(&x.norm_axis(1));
        let near = |got: f64, wanted: f64| (got / wanted - 1.0).abs() < 1e-12 || size < 1e-300;
        assert!(near(rows[0], 5.0 * size) && rows[1] == size, "{rows:?}");
        let slope = numbers(&grad(|x: &Tensor| x.norm_axis(1).sum())(&x));
        let wanted = [0.6, 0.0, 0.8, -1.0, 0.0, 0.0];
        let tolerance = if size < 1e-300 { 1e-2 } else { 1e-14 };
        for (got, wanted) in slope.iter().zip(wanted) {
            assert!((got - wanted).abs() < tolerance, "{size:e}: {slope:?}");
        }
        // The curvature is one over the length.
        let curvature = numbers(&hessian(|x: &Tensor| x.at(1).norm())(&x));
        let wanted = 1.0 / size;
        let got = curvature[4 * 6 + 4];
        assert!(
            got == wanted || (got / wanted - 1.0).abs() < 1e-12,
            "{got} for {wanted}"
        );
    }
    assert!(
        grad(Tensor::norm)(&Tensor::from([0.0, 0.0]))
            .at(0)
            .is_nan()
            .item::<bool>()
            .unwrap()
    );
}

/// Functions with long kernels, and one whose kernel reads its order as an operand.
#[test]
fn functions_around_gamma_have_the_same_bits_inside_of_larger_kernels() {
    let functions: [fn(&Tensor) -> Tensor; 4] = [
        Tensor::lgamma,
        Tensor::digamma,
        |x| x.polygamma(1),
        |x| x.polygamma(7),
    ];
    for dtype in [F64, F32] {
        let x = Tensor::linspace(-6.3, 40.0, 1000).astype(dtype);
        for f in functions {
            let fused = |x: &Tensor| (f(&(x * 0.75)) - x) * f(x);
            let together = jit(fused).call(&x).unwrap();
            assert_eq!(values(&together), values(&fused(&x)));
            let rows = jit(vmap(fused)).call(&x.reshape(&[8, 125])).unwrap();
            assert_eq!(values(&rows), values(&together));
        }
    }
}

#[test]
fn orders_of_polygamma() {
    let x = Tensor::from([0.5, 3.0]);
    assert_eq!(values(&x.polygamma(0)), values(&x.digamma()));
    let mut slope: Box<dyn Fn(&Tensor) -> Tensor> = Box::new(|x| x.lgamma().sum());
    for order in 0..4 {
        let before = slope;
        slope = Box::new(move |x| grad(|x: &Tensor| before(x).sum())(x));
        let exact = match order {
            0 => x.digamma(),
            n => x.polygamma(n),
        };
        assert_eq!(values(&slope(&x)), values(&exact), "{order}");
    }
    assert!(values(&x.polygamma(Tensor::MOST_ORDER))[0].is_infinite());
    let greatest = grad(|x: &Tensor| x.polygamma(Tensor::MOST_ORDER).sum())(&x);
    assert!(values(&greatest)[0].is_infinite());
    let error = jit(|x: &Tensor| x.polygamma(501))
        .call(&x)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("polygamma: the order is at most 500, got 501"),
        "{error}"
    );
    let whole = jit(|x: &Tensor| x.polygamma(2))
        .call(&Tensor::from([1, 2]))
        .unwrap_err();
    let text = whole.to_string();
    assert!(
        text.contains("polygamma: takes floating-point numbers, got i32[2]"),
        "{text}"
    );
}
