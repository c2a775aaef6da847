//! Kernels that go over the same rows run as one step, and compute what they compute one after the other.

use gradus_cpu::{Array, CompileOptions, Executable, Input, compile};
use gradus_ir::Graph;

/// Programs over an array `%x: f32[A,B]`, whose rows do not depend on each other.
const BY_ROWS: [(&str, &str); 5] = [
    (
        "softmax",
        "%m: f32[A] = reduce_max{axes=[1]} %x
         %mb: f32[A,B] = broadcast{shape=[A,B], axes=[0]} %m
         %d: f32[A,B] = sub %x, %mb
         %e: f32[A,B] = exp %d
         %s: f32[A] = reduce_sum{axes=[1]} %e
         %sb: f32[A,B] = broadcast{shape=[A,B], axes=[0]} %s
         %y: f32[A,B] = div %e, %sb
         return %y, %s",
    ),
    (
        "an array inside that leaves as well",
        "%e: f32[A,B] = exp %x
         %s: f32[A] = reduce_sum{axes=[1]} %e
         %sb: f32[A,B] = broadcast{shape=[A,B], axes=[0]} %s
         %y: f32[A,B] = div %e, %sb
         %t: f32[A] = reduce_sum{axes=[1]} %y
         return %y, %e, %t",
    ),
    (
        "numbers of rows between",
        "%s: f32[A] = reduce_sum{axes=[1]} %x
         %r: f32[A] = tanh %s
         %q: f32[A] = mul %r, %s
         %qb: f32[A,B] = broadcast{shape=[A,B], axes=[0]} %q
         %d: f32[A,B] = sub %x, %qb
         %dd: f32[A,B] = mul %d, %d
         %v: f32[A] = reduce_sum{axes=[1]} %dd
         %vb: f32[A,B] = broadcast{shape=[A,B], axes=[0]} %v
         %y: f32[A,B] = div %d, %vb
         return %y",
    ),
    (
        "rows turned and moved along themselves",
        "%e: f32[A,B] = exp %x
         %s: f32[A] = reduce_sum{axes=[1]} %e
         %sb: f32[A,B] = broadcast{shape=[A,B], axes=[0]} %s
         %y: f32[A,B] = div %e, %sb
         %z: f32[A,B] = reverse{axes=[1]} %y
         %w: f32[A,B] = sub %y, %z
         %v: f32[A] = reduce_max{axes=[1]} %w
         %vb: f32[A,B] = broadcast{shape=[A,B], axes=[0]} %v
         %u: f32[A,B] = mul %z, %vb
         return %u",
    ),
    (
        "in double precision",
        "%c: f64[A,B] = cast{to=f64} %x
         %s: f64[A] = reduce_sum{axes=[1]} %c
         %sb: f64[A,B] = broadcast{shape=[A,B], axes=[0]} %s
         %d: f64[A,B] = sub %c, %sb
         %m: f64[A] = reduce_min{axes=[1]} %d
         %mb: f64[A,B] = broadcast{shape=[A,B], axes=[0]} %m
         %y: f64[A,B] = add %d, %mb
         return %y, %m",
    ),
];

fn graph(body: &str, a: usize, b: usize) -> Graph {
    let text = format!("graph(%x: f32[A,B]) {{ {body} }}");
    let sized = |s: &str| s.replace('A', &a.to_string()).replace('B', &b.to_string());
    sized(&text).parse().unwrap()
}

fn compiled(graph: &Graph) -> Executable {
    compile(graph, &CompileOptions::default()).unwrap()
}

fn joined(program: &Executable) -> bool {
    program.report().to_string().contains("fused by rows")
}

fn numbers(n: usize) -> Vec<f32> {
    let number = |i: usize| {
        let hash = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        match hash % 4099 {
            0 => f32::INFINITY,
            1 => f32::NAN,
            2 => -0.0,
            _ => hash as f32 / (1 << 23) as f32 - 1.0,
        }
    };
    (0..n).map(number).collect()
}

fn run(program: &Executable, x: &[f32], shape: &[usize]) -> Vec<Array> {
    let x = Array::from_slice(x, shape).unwrap();
    program.run(vec![Input::Borrowed(&x)]).unwrap()
}

/// A few rows are too small to be joined, and have the same bits.
#[test]
fn the_bits_are_those_of_each_kernel_alone() {
    for (name, body) in BY_ROWS {
        for (a, b) in [
            (7000, 10),
            (4099, 8),
            (1000, 100),
            (301, 1030),
            (40, 3000),
            (8, 5000),
        ] {
            let x = numbers(a * b);
            let program = compiled(&graph(body, a, b));
            assert!(joined(&program), "{name}, {a} x {b}: {}", program.report());
            let all = run(&program, &x, &[a, b]);
            let few = (32_000 / b).min(a);
            let mut row = 0;
            while row < a {
                let n = few.min(a - row);
                let part = compiled(&graph(body, n, b));
                assert!(!joined(&part));
                let part = run(&part, &x[row * b..(row + n) * b], &[n, b]);
                for (k, (all, part)) in all.iter().zip(&part).enumerate() {
                    let elements = part.ty().elements();
                    let first = row * (elements / n);
                    let is_same = |i: usize| {
                        let (a, b) = (all.get(first + i), part.get(i));
                        // Which of two NaN remains is left to the compiler.
                        let both_nan = a.as_f64().is_nan() && b.as_f64().is_nan();
                        both_nan || a.to_ne_bytes() == b.to_ne_bytes()
                    };
                    let same = (0..elements).all(is_same);
                    assert!(same, "{name}, {a} x {b}, result {k}, row {row}");
                }
                row += n;
            }
        }
    }
}

/// Arrays that are read across rows are whole before they are read.
#[test]
fn rows_that_depend_on_others_are_not_joined() {
    for across in [
        "%z: f32[300,300] = transpose{permutation=[1,0]} %e",
        "%z: f32[300,300] = reverse{axes=[0]} %e",
        "%k: f32[] = reduce_sum{axes=[0,1]} %e
         %z: f32[300,300] = broadcast{shape=[300,300], axes=[]} %k",
        "%k: f32[300] = reduce_sum{axes=[0]} %e
         %z: f32[300,300] = broadcast{shape=[300,300], axes=[1]} %k",
        "%k: f32[300] = reduce_sum{axes=[1]} %e
         %z: f32[300,300] = broadcast{shape=[300,300], axes=[1]} %k",
    ] {
        let body = format!(
            "%m: f32[300] = reduce_max{{axes=[1]}} %x
             %mb: f32[300,300] = broadcast{{shape=[300,300], axes=[0]}} %m
             %d: f32[300,300] = sub %x, %mb
             %e: f32[300,300] = exp %d
             {across}
             %s: f32[300] = reduce_sum{{axes=[1]}} %e
             %sb: f32[300,300] = broadcast{{shape=[300,300], axes=[0]}} %s
             %q: f32[300,300] = div %e, %sb
             %y: f32[300,300] = mul %q, %z
             return %y"
        );
        let graph = graph(&body, 300, 300);
        let x: Vec<f32> = (0..90_000)
            .map(|i| ((i * 7919) % 2003) as f32 / 2003.0)
            .collect();
        let got = run(&compiled(&graph), &x, &[300, 300]).remove(0);
        let x = Array::from_slice(&x, &[300, 300]).unwrap();
        let wanted = gradus_reference::evaluate(&graph, &[x]).unwrap().remove(0);
        let (got, wanted) = (
            got.as_slice::<f32>().unwrap(),
            wanted.as_slice::<f32>().unwrap(),
        );
        for (g, w) in got.iter().zip(wanted) {
            assert!((g - w).abs() <= 1e-4 * w.abs(), "{g} {w} with {across}");
        }
    }
}

/// Memory inside a step is not held as arrays.
#[test]
fn arrays_inside_take_no_memory() {
    let (_, body) = BY_ROWS[0];
    let program = compiled(&graph(body, 4000, 1000));
    assert!(
        program.report().arena_bytes < 4000 * 1000,
        "{}",
        program.report()
    );
    let forecast = program.forecast();
    let moved = 4 * 2 * 4_000_000;
    assert!(forecast.bytes() < moved + moved / 2, "{}", forecast.bytes());
}
