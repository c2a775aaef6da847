//! Long sums of every kind are as exact as `sum`: cumulative sums, sums of columns, and products with long sums on
//! every path, for any number of threads.
//!
//! `.ci/run` tests them with `GRADUS_ISA=avx2` and `portable` too.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::Graph;

fn run(text: &str, inputs: &[&Array]) -> Array {
    let graph: Graph = text.parse().unwrap_or_else(|e| panic!("{e}\n{text}"));
    let program = compile(&graph, &CompileOptions::default()).unwrap();
    let inputs = inputs.iter().map(|a| Input::Borrowed(a)).collect();
    program.run(inputs).unwrap().remove(0)
}

/// An array of equal numbers: each addition rounds in the same direction, which is the worst case.
fn all(value: f64, dtype: &str, shape: &[usize]) -> Array {
    let n = shape.iter().product();
    match dtype {
        "f32" => Array::from_slice(&vec![value as f32; n], shape).unwrap(),
        _ => Array::from_slice(&vec![value; n], shape).unwrap(),
    }
}

/// Numbers of both signs, without equal neighbours.
fn mixed(dtype: &str, shape: &[usize], seed: usize) -> (Array, Vec<f64>) {
    let n = shape.iter().product();
    let number = |i: usize| ((i * 7919 + seed * 104_729 + 13) % 1009) as f64 / 504.5 - 1.0;
    match dtype {
        "f32" => {
            let values: Vec<f32> = (0..n).map(|i| number(i) as f32).collect();
            let wide = values.iter().map(|&v| f64::from(v)).collect();
            (Array::from_slice(&values, shape).unwrap(), wide)
        }
        _ => {
            let values: Vec<f64> = (0..n).map(number).collect();
            (Array::from_slice(&values, shape).unwrap(), values)
        }
    }
}

/// `value` rounded to this type.
fn rounded(value: f64, dtype: &str) -> f64 {
    if dtype == "f32" {
        f64::from(value as f32)
    } else {
        value
    }
}

/// The tolerance for a sum.
fn exact(dtype: &str) -> f64 {
    if dtype == "f32" { 1e-6 } else { 1e-14 }
}

fn near(got: f64, wanted: f64, dtype: &str, what: &str) {
    let off = (got / wanted - 1.0).abs();
    assert!(
        off <= exact(dtype),
        "{what}: {got} for {wanted}, {off:e} off"
    );
}

#[test]
fn running_sums() {
    for dtype in ["f32", "f64"] {
        let tenth = rounded(0.1, dtype);
        for (shape, axis) in [
            (&[1_000_000][..], 0),
            (&[2, 300_000], 1),
            (&[300_000, 3], 0),
            (&[20_000, 70], 0),
            (&[2, 20_000, 5], 1),
            (&[2, 150, 2_083], 1),
        ] {
            for reverse in [0, 1] {
                let x = all(0.1, dtype, shape);
                let ty = format!("{dtype}{shape:?}");
                let text = format!(
                    "graph(%0: {ty}) {{\n%1: {ty} = cumsum{{axis={axis}, reverse={reverse}}} %0\nreturn %1\n}}"
                );
                let got = run(&text, &[&x]);
                let inner: usize = shape[axis + 1..].iter().product();
                let n = shape[axis];
                let elements: usize = shape.iter().product();
                for at in (0..elements).step_by(elements / 997) {
                    let i = at / inner % n;
                    let count = if reverse == 1 { n - i } else { i + 1 };
                    // Each is rounded once.
                    let wanted = count as f64 * tenth;
                    near(
                        got.get(at).as_f64(),
                        wanted,
                        dtype,
                        &format!("{ty} axis {axis} reverse {reverse} at {at}"),
                    );
                }
            }
        }
    }
}

#[test]
fn running_sums_pass_through_infinities() {
    for dtype in ["f32", "f64"] {
        let text = format!(
            "graph(%0: {dtype}[5]) {{\n%1: {dtype}[5] = cumsum{{axis=0, reverse=0}} %0\nreturn %1\n}}"
        );
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (x, wanted) in [
            ([1.0, inf, 2.0, 3.0, -1.0], [1.0, inf, inf, inf, inf]),
            ([1.0, inf, 2.0, -inf, 3.0], [1.0, inf, inf, nan, nan]),
            ([-0.0, 1.0, nan, 1.0, inf], [-0.0, 1.0, nan, nan, nan]),
        ] {
            let array = match dtype {
                "f32" => Array::from_slice(&x.map(|v| v as f32), &[5]).unwrap(),
                _ => Array::from_slice(&x, &[5]).unwrap(),
            };
            let got = run(&text, &[&array]);
            for (i, wanted) in wanted.into_iter().enumerate() {
                let got = got.get(i).as_f64();
                assert!(
                    got == wanted || got.is_nan() && wanted.is_nan(),
                    "{x:?} at {i}: {got}"
                );
            }
        }
    }
}

#[test]
fn sums_of_columns() {
    for dtype in ["f32", "f64"] {
        let tenth = rounded(0.1, dtype);
        for (shape, axis, out) in [
            (&[1_000_000, 3][..], 0, &[3][..]),
            (&[4_000, 700], 0, &[700]),
            (&[2, 65, 3], 1, &[2, 3]),
            (&[2, 100_000, 5], 1, &[2, 5]),
        ] {
            let x = all(0.1, dtype, shape);
            let text = format!(
                "graph(%0: {dtype}{shape:?}) {{\n%1: {dtype}{out:?} = reduce_sum{{axes=[{axis}]}} %0\nreturn %1\n}}"
            );
            let got = run(&text, &[&x]);
            for at in 0..out.iter().product() {
                let wanted = shape[axis] as f64 * tenth;
                near(
                    got.get(at).as_f64(),
                    wanted,
                    dtype,
                    &format!("columns of {dtype}{shape:?}"),
                );
            }
        }
    }
}

/// A product of `batch` matrices `[m, k]` and `[k, n]`, each possibly given as its transpose.
struct Case {
    batch: usize,
    m: usize,
    k: usize,
    n: usize,
    turned: [bool; 2],
}

impl Case {
    fn shapes(&self) -> [Vec<usize>; 2] {
        let Case {
            batch,
            m,
            k,
            n,
            turned,
        } = *self;
        let pick = |rows, columns, turned| {
            if turned {
                vec![columns, rows]
            } else {
                vec![rows, columns]
            }
        };
        [pick(m, k, turned[0]), pick(k, n, turned[1])].map(|mut shape| {
            if batch > 1 {
                shape.insert(0, batch);
            }
            shape
        })
    }

    fn text(&self, dtype: &str) -> String {
        let [left, right] = self.shapes();
        let b = usize::from(self.batch > 1);
        let axes = if b == 1 { "[0]" } else { "[]" };
        let mut out = vec![self.m, self.n];
        if b == 1 {
            out.insert(0, self.batch);
        }
        let (l, r) = (
            b + usize::from(!self.turned[0]),
            b + usize::from(self.turned[1]),
        );
        format!(
            "graph(%0: {dtype}{left:?}, %1: {dtype}{right:?}) {{
                %2: {dtype}{out:?} = contract{{batch_left={axes}, batch_right={axes}, contract_left=[{l}], contract_right=[{r}]}} %0, %1
                return %2
            }}"
        )
    }

    fn check(&self, dtype: &str) {
        let Case {
            batch,
            m,
            k,
            n,
            turned,
        } = *self;
        let [left, right] = self.shapes();
        let text = self.text(dtype);
        let what = format!("{dtype} {batch} × [{m}, {k}] · [{k}, {n}] turned {turned:?}");
        let got = run(&text, &[&all(0.1, dtype, &left), &all(1.0, dtype, &right)]);
        let elements = batch * m * n;
        for at in (0..elements)
            .step_by(elements.div_ceil(200))
            .chain([elements - 1])
        {
            near(
                got.get(at).as_f64(),
                k as f64 * rounded(0.1, dtype),
                dtype,
                &what,
            );
        }
        // Checks that each element is the sum of its own products.
        let ((a, x), (b, y)) = (mixed(dtype, &left, 1), mixed(dtype, &right, 2));
        let got = run(&text, &[&a, &b]);
        for at in (0..elements)
            .step_by(elements.div_ceil(25))
            .chain([elements - 1])
        {
            let (o, i, j) = (at / (m * n), at / n % m, at % n);
            // With the rounding error of each product and each addition (Ogita, Rump and Oishi's Dot2).
            let (mut sum, mut lost, mut size) = (0.0_f64, 0.0, 0.0);
            for l in 0..k {
                let left = if turned[0] { l * m + i } else { i * k + l };
                let right = if turned[1] { j * k + l } else { l * n + j };
                let (x, y) = (x[o * m * k + left], y[o * k * n + right]);
                let term = x * y;
                let next = sum + term;
                let back = next - sum;
                lost += (sum - (next - back)) + (term - back) + x.mul_add(y, -term);
                sum = next;
                size += term.abs();
            }
            let off = (got.get(at).as_f64() - (sum + lost)).abs() / size;
            assert!(off <= exact(dtype) / 4.0, "{what} at {at}: {off:e}");
        }
    }

    fn check_layouts(sizes: (usize, usize, usize), batch: usize) {
        let (m, k, n) = sizes;
        for dtype in ["f32", "f64"] {
            for turned in [[false, false], [false, true], [true, false], [true, true]] {
                Case {
                    batch,
                    m,
                    k,
                    n,
                    turned,
                }
                .check(dtype);
            }
        }
    }
}

#[test]
fn products_of_vectors() {
    Case {
        batch: 1,
        m: 1,
        k: 10_000_000,
        n: 1,
        turned: [false, false],
    }
    .check("f32");
    Case::check_layouts((1, 1_000_003, 1), 1);
    Case::check_layouts((1, 9_001, 1), 3);
}

#[test]
fn products_of_few_rows_or_columns() {
    Case {
        batch: 1,
        m: 2,
        k: 10_000_000,
        n: 2,
        turned: [false, false],
    }
    .check("f32");
    Case::check_layouts((2, 300_001, 2), 1);
    Case::check_layouts((3, 20_000, 100), 1);
    Case::check_layouts((100, 20_000, 3), 1);
    Case::check_layouts((20, 8_193, 45), 1);
    Case::check_layouts((1, 4_099, 1_100), 1);
    Case::check_layouts((1_100, 4_099, 1), 2);
}

#[test]
fn products_by_the_library() {
    Case::check_layouts((140, 20_000, 150), 1);
    Case::check_layouts((30, 8_200, 21), 4);
}

#[test]
fn symmetric_products() {
    for dtype in ["f32", "f64"] {
        for (n, k) in [(150, 9_000), (10, 9_000), (300, 8_200)] {
            let (a, _) = mixed(dtype, &[n, k], 3);
            let text = |symmetric: &str| {
                format!(
                    "graph(%0: {dtype}[{n}, {k}]) {{
                        %1: {dtype}[{n}, {n}] = contract{{batch_left=[], batch_right=[], contract_left=[1], contract_right=[1]{symmetric}}} %0, %0
                        return %1
                    }}"
                )
            };
            let half = run(&text(", symmetric=1"), &[&a]);
            let whole = run(&text(""), &[&a]);
            for i in 0..n {
                for j in 0..n {
                    let (one, other) = (half.get(i * n + j).as_f64(), half.get(j * n + i).as_f64());
                    assert_eq!(one, other);
                    let wanted = whole.get(i * n + j).as_f64();
                    assert!(
                        (one - wanted).abs() <= exact(dtype) * k as f64 / 10.0,
                        "{i} {j}"
                    );
                }
            }
        }
    }
}

/// Prints the bits of some results, which the next test compares.
#[test]
fn bits() {
    let mut bits = String::new();
    for (m, k, n) in [
        (1, 3_000_001, 1),
        (2, 400_000, 3),
        (100, 20_000, 120),
        (5, 9_000, 2_000),
    ] {
        let case = Case {
            batch: 1,
            m,
            k,
            n,
            turned: [false, false],
        };
        let [left, right] = case.shapes();
        let (a, b) = (mixed("f32", &left, 1).0, mixed("f32", &right, 2).0);
        let got = run(&case.text("f32"), &[&a, &b]);
        for at in (0..m * n).step_by((m * n).div_ceil(50)) {
            bits += &format!("{:x} ", got.get(at).as_f64().to_bits());
        }
    }
    println!("bits: {bits}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let with = |threads: &str| {
        let out = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "bits", "--nocapture"])
            .env("GRADUS_NUM_THREADS", threads)
            .output()
            .unwrap();
        let out = String::from_utf8(out.stdout).unwrap();
        let line = out.lines().find_map(|l| l.split("bits: ").nth(1));
        line.unwrap_or_else(|| panic!("{out}")).to_owned()
    };
    let one = with("1");
    assert!(one.len() > 500);
    for threads in ["2", "3", "8"] {
        assert!(with(threads) == one, "{threads} threads");
    }
}
