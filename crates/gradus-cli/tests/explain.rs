//! `gradus explain` and `gradus diff --explain` as a user runs them.

mod common;

use common::{folder, refuses_at_once, says};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn names(dir: &Path) -> Vec<String> {
    let list = says(dir, &["explain", "--list"]);
    let first = |line: &str| line.split(' ').next().unwrap_or_default().to_string();
    list.lines().map(first).collect()
}

#[test]
fn the_functions_are_listed() {
    let dir = folder();
    assert_snapshot!(says(dir.path(), &["explain", "--list"]), @"
    mlp                 A network 64-128-10 with tanh: its outputs by its inputs
    mlp-hessian         A network 60-40-1 with tanh: the Hessian of its output
    bottleneck          Layers 1000-50-8-50-1000 with tanh: neither forward nor reverse mode is cheap
    rows                The same network 16-32-8 for each of 64 rows: most of the Jacobian is zero
    residual            Four residual blocks of width 128 with 8 inside
    lorenz              The right-hand side of Lorenz's equations: three numbers by three
    ode                 Twenty Euler steps of an ODE in 40 variables
    elementwise         sin(x)·exp(x) on 1000 numbers: the Jacobian is diagonal
    least-squares       200 residuals by 50 parameters
    rosenbrock-hessian  Rosenbrock's function in 100 variables: its Hessian
    ");
}

#[test]
fn the_picture_in_the_readme_shows_what_explain_prints() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/orders.svg");
    let picture = fs::read_to_string(picture).unwrap();
    let dir = folder();
    let table = says(dir.path(), &["explain", "--dims", "1000,50,8,50,1000"]);
    for mode in ["forward", "reverse", "mixed"] {
        let mut rows = table.lines().map(|l| l.split_whitespace());
        let row = rows.find_map(|mut cells| (cells.next() == Some(mode)).then_some(cells));
        let count = row.unwrap().next().unwrap();
        let wanted = format!("{count} multiplications");
        let mut lines = picture.lines().filter(|l| l.contains(mode));
        assert!(lines.any(|l| l.contains(&wanted)), "{mode}: {wanted}");
    }
}

#[test]
fn a_function_is_explained() {
    let dir = folder();
    assert_snapshot!(says(dir.path(), &["explain", "--function", "bottleneck"]), @"
    the Jacobian of f64[1000] by f64[1000]
      a chain of widths 1000 → 50 → 8 → 50 → 1000
        cut 1: contract, f64[50]
        cut 2: contract, f64[8]
        cut 3: contract, f64[50]

        candidate        operations     bytes moved   bytes at peak        time   ratio
        forward         102,914,032      44,315,712      16,408,960     2.66 ms    5.77
        reverse         101,964,032      12,315,712       8,473,856     1.06 ms    2.29
      * mixed            17,815,232      10,056,512       8,215,808    460.3 µs    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: mixed, segments between cuts, each with its size, joined in this order:
        J4…J1  1000 × 1000  product
        ├─ J4…J3  1000 × 8  pushed through segment 4
        │  └─ J3  50 × 8  by forward mode
        └─ J2…J1  8 × 1000  pulled through segment 1
           └─ J2  8 × 50  by forward mode

      steps:
         1 run the function, and keep 8 arrays of 815,264 bytes that the derivative needs
         2 push 50 unit columns through segment 2 (2 operations): J2 (8 × 50)
         3 pull the 8 rows of J2 back through segment 1 (1 operation): J2…J1 (8 × 1000)
         4 push 8 unit columns through segment 3 (2 operations): J3 (50 × 8)
         5 push the 8 columns of J3 through segment 4 (3 operations): J4…J3 (1000 × 8)
         6 multiply J4…J3 (1000 × 8) by J2…J1 (8 × 1000): J4…J1
         7 write the 1000 × 1000 derivatives; in total 7 products and 20 elementwise operations
    ");
}

#[test]
fn elimination_is_explained() {
    let dir = folder();
    assert_snapshot!(says(dir.path(), &["explain", "--function", "lorenz"]), @"
    the Jacobian of f64[3] by f64[3]
      a chain of widths 3 → 3

        candidate                 operations     bytes moved   bytes at peak        time   ratio
        forward                           37             720             456      0.7 µs    3.49
        reverse                           40             648             520      0.8 µs    3.73
      * scalar elimination                 2             280             584      0.2 µs    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: scalar elimination, numbers between the inputs and the outputs eliminated one by one:
        numbers: 1, products of partial derivatives: 2

      steps:
         1 run the function, and keep 3 arrays of 24 bytes that the derivative needs
         2 eliminate 1 number of its linear program (24 operations): 2 products
         3 write the 3 × 3 derivatives; in total 2 elementwise operations and 1 copy
    ");
}

#[test]
fn a_plan_is_drawn() {
    let dir = folder();
    assert_snapshot!(
        says(dir.path(), &["explain", "--function", "bottleneck", "--format", "dot"]),
        @r#"
    digraph plan {
      node [shape=box]
      n0 [label="J4…J1  1000 × 1000  product"]
      n1 [label="J4…J3  1000 × 8  pushed through segment 4"]
      n2 [label="J3  50 × 8  by forward mode"]
      n2 -> n1
      n1 -> n0
      n3 [label="J2…J1  8 × 1000  pulled through segment 1"]
      n4 [label="J2  8 × 50  by forward mode"]
      n4 -> n3
      n3 -> n0
    }
    "#
    );
}

#[test]
fn candidates_that_need_too_many_bytes_are_ruled_out() {
    let dir = folder();
    let limited = [
        "explain",
        "--function",
        "bottleneck",
        "--memory-limit",
        "9000000",
    ];
    assert_snapshot!(says(dir.path(), &limited), @"
    the Jacobian of f64[1000] by f64[1000]
      a chain of widths 1000 → 50 → 8 → 50 → 1000
        cut 1: contract, f64[50]
        cut 2: contract, f64[8]
        cut 3: contract, f64[50]

        candidate        operations     bytes moved   bytes at peak        time   ratio
        forward         102,914,032      44,315,712      16,408,960     2.66 ms    5.77  ruled out: needs 16408960 bytes, the limit is 9000000
        reverse         101,964,032      12,315,712       8,473,856     1.06 ms    2.29
      * mixed            17,815,232      10,056,512       8,215,808    460.3 µs    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: mixed, segments between cuts, each with its size, joined in this order:
        J4…J1  1000 × 1000  product
        ├─ J4…J3  1000 × 8  pushed through segment 4
        │  └─ J3  50 × 8  by forward mode
        └─ J2…J1  8 × 1000  pulled through segment 1
           └─ J2  8 × 50  by forward mode

      steps:
         1 run the function, and keep 8 arrays of 815,264 bytes that the derivative needs
         2 push 50 unit columns through segment 2 (2 operations): J2 (8 × 50)
         3 pull the 8 rows of J2 back through segment 1 (1 operation): J2…J1 (8 × 1000)
         4 push 8 unit columns through segment 3 (2 operations): J3 (50 × 8)
         5 push the 8 columns of J3 through segment 4 (3 operations): J4…J3 (1000 × 8)
         6 multiply J4…J3 (1000 × 8) by J2…J1 (8 × 1000): J4…J1
         7 write the 1000 × 1000 derivatives; in total 7 products and 20 elementwise operations
    ");
}

#[test]
fn second_derivatives_are_explained() {
    let dir = folder();
    let of = |derivative: &str, more: &[&str]| {
        let asked = ["explain", "--function", "least-squares", "--of", derivative];
        says(dir.path(), &[&asked[..], more].concat())
    };
    assert_snapshot!(of("hvp", &[]), @"
    the product of the Hessian of f64[] by f64[50] with a vector
      a chain of widths 50 → 200 → 1
        cut 1: contract, f64[200]

        candidate                   operations     bytes moved   bytes at peak        time   ratio
      * forward over reverse            61,800         255,600           3,600      6.5 µs    1.00
        reverse over reverse            61,800         255,600           3,600      6.5 µs    1.00
        reverse over forward            61,800         255,600           3,600      6.5 µs    1.00
        not available yet: recomputation (less memory than any order needs)

      chosen: forward over reverse, the directional derivative of the gradient along the vector

      steps:
         1 run the function and its gradient by reverse mode
         2 push the vector, as a tangent, through both
         3 write the product of 50 numbers; in total 3 products and 9 elementwise operations
    ");
    assert_snapshot!(of("hessian", &[]), @"
    the Hessian of f64[] by f64[50]
      a chain of widths 50 → 50

        candidate                   operations     bytes moved   bytes at peak        time   ratio
      * forward over reverse         1,070,800         518,000         104,800     19.3 µs    1.00
        reverse over reverse         1,070,800         518,000         104,800     19.3 µs    1.00
        reverse over forward         1,070,800         518,000         104,800     19.3 µs    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: forward over reverse, tangents pushed from the inputs to the outputs

      steps:
         1 run the function and its gradient by reverse mode, and keep 4 arrays of 84,800 bytes that the derivative needs
         2 push 50 unit columns through its linear program (7 operations)
         3 write the 50 × 50 derivatives; in total 2 products and 9 elementwise operations
    ");
    assert_eq!(
        of("jacobian", &[]),
        says(dir.path(), &["explain", "--function", "least-squares"])
    );
    for derivative in ["hvp", "hessian"] {
        let page = of(derivative, &["--format", "html", "--analyze"]);
        assert!(page.starts_with("<!doctype html>"), "{page}");
        assert!(page.contains("<td>reverse over forward</td>"), "{page}");
        assert!(page.contains("<h2>Steps</h2>"), "{page}");
        let drawing = of(derivative, &["--format", "dot"]);
        assert!(drawing.starts_with("digraph plan {"), "{drawing}");
    }
}

/// Two tests, so that they run in parallel.
#[test]
fn every_function_has_a_plan_in_json() {
    check_json(&[&[], &["--of", "jacobian"], &["--of", "hessian"]]);
}

#[test]
fn every_function_has_a_measured_plan_in_json() {
    check_json(&[
        &["--analyze"],
        &["--of", "hvp"],
        &["--of", "hvp", "--analyze"],
    ]);
}

/// Checks what is printed for each function with each of these arguments.
fn check_json(arguments: &[&[&str]]) {
    let dir = folder();
    for name in names(dir.path()) {
        for more in arguments {
            let asked = ["explain", "--function", &name, "--format", "json"];
            let asked = [&asked[..], more].concat();
            let said = says(dir.path(), &asked);
            let plan: Value = serde_json::from_str(&said).expect(&said);
            let candidates = plan["candidates"].as_array().expect(&said);
            assert!(candidates.len() >= 2, "{name}: {said}");
            assert!(plan["steps"].as_array().map(Vec::len) >= Some(3), "{said}");
            let subject = plan["subject"].as_str().expect(&said);
            match *more {
                ["--of", "jacobian"] => assert!(subject.starts_with("Jacobian of"), "{said}"),
                ["--of", "hessian"] => assert!(subject.starts_with("Hessian of"), "{said}"),
                ["--of", "hvp", ..] => assert!(subject.starts_with("product of"), "{said}"),
                _ => {}
            }
            assert!(
                candidates.iter().any(|c| c["mode"] == plan["chosen"]),
                "{name}: {said}"
            );
            for c in candidates {
                assert!(c["seconds"].as_f64() > Some(0.0), "{name}: {said}");
                if !more.contains(&"--analyze") {
                    assert!(c.get("measured").is_none(), "{name}: {said}");
                } else {
                    // The counts equal the estimates.
                    assert_eq!(
                        c["measured"]["operations"], c["operations"],
                        "{name}: {said}"
                    );
                    assert_eq!(
                        c["measured"]["peak_bytes"], c["peak_bytes"],
                        "{name}: {said}"
                    );
                }
            }
            assert_eq!(
                plan["regret"].is_number(),
                more.contains(&"--analyze"),
                "{name}: {said}"
            );
        }
    }
}

#[test]
fn a_chain_is_measured() {
    let dir = folder();
    let dims = ["explain", "--dims", "200,10,4,10,200"];
    let table = says(dir.path(), &dims);
    let said = says(dir.path(), &[&dims[..], &["--measure"]].concat());
    let measured = said.strip_prefix(&table).expect("the table comes first");
    for what in [
        "dense layers of these widths with tanh after each:",
        "the Jacobian of f64[200] by f64[200]",
        "a chain of widths 200 → 10 → 4 → 10 → 200",
        "measured",
        "regret",
    ] {
        assert!(measured.contains(what), "no `{what}` in\n{measured}");
    }
    let said = says(
        dir.path(),
        &["explain", "--dims", "5,3", "--scalar-loss", "--measure"],
    );
    assert!(said.contains("the Jacobian of f64[1] by f64[5]"), "{said}");
}

#[test]
fn a_chain_is_explained_in_json() {
    let dir = folder();
    let said = |dims: &str, more: &[&str]| -> Value {
        let said = says(
            dir.path(),
            &[&["explain", "--format", "json", "--dims", dims], more].concat(),
        );
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}:\n{said}"))
    };
    let chain = said("1000,50,8,50,1000", &[]);
    assert_eq!(chain["widths"], serde_json::json!([1000, 50, 8, 50, 1000]));
    let mixed = &chain["orders"][2];
    assert_eq!(
        (&mixed["name"], &mixed["multiplications"]),
        (&"mixed".into(), &8_800_000.into())
    );
    assert_eq!(chain["orders"][1]["held_by_formula"]["activations"], 1108);
    let products = chain["products"].as_array().expect("a list");
    let all: u64 = products
        .iter()
        .filter_map(|p| p["multiplications"].as_u64())
        .sum();
    assert_eq!((products.len(), all), (3, 8_800_000));
    assert_eq!(said("3,2", &[])["products"], serde_json::json!([]));
    let measured = said("20,3,20", &["--measure", "--scalar-loss"]);
    assert!(measured["measured"]["candidates"].is_array(), "{measured}");
}

#[test]
fn a_long_chain_is_summarised() {
    let dir = folder();
    let widths: Vec<String> = (0..1001)
        .map(|k| (1 + k * 7919 % 613).to_string())
        .collect();
    let dims = widths.join(",");
    let said = says(dir.path(), &["explain", "--dims", &dims]);
    assert!(
        said.contains(" → … → ") && said.contains(" of 1,001 widths by products"),
        "{said}"
    );
    assert!(said.contains("products that are not shown"), "{said}");
    assert!(said.len() < 20_000, "{} bytes", said.len());
    let json = says(
        dir.path(),
        &["explain", "--dims", &dims, "--format", "json"],
    );
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["products"].as_array().map(Vec::len), Some(999));
    let zeros = vec!["0"; 1001].join(",");
    let refused = refuses_at_once(dir.path(), &["explain", "--dims", &zeros]);
    assert_eq!(
        refused,
        "error: --dims: widths must be positive; number 1 of 1001 is 0\nexit code 1"
    );
}

#[test]
fn costs_are_drawn() {
    let dir = folder();
    for dims in [
        "1000,50,8,50,1000",
        "3,2",
        "1,1,1",
        "4294967296,2,4294967296",
    ] {
        says(
            dir.path(),
            &["explain", "--dims", dims, "--plot", "costs.svg"],
        );
        let drawn = fs::read_to_string(dir.path().join("costs.svg")).expect("a drawing");
        assert!(drawn.starts_with("<svg"), "{drawn}");
        assert!(drawn.ends_with("</svg>\n"), "{drawn}");
        for word in ["forward", "reverse", "mixed"] {
            assert_eq!(
                drawn.matches(&format!("\n{word}\n")).count(),
                4,
                "{dims}: {drawn}"
            );
        }
        assert!(
            !drawn.contains("NaN") && !drawn.contains("inf"),
            "{dims}: {drawn}"
        );
    }
}

#[test]
fn mistakes_are_explained() {
    let dir = folder();
    let no = |arguments: &[&str]| refuses_at_once(dir.path(), &[&["explain"], arguments].concat());
    assert_snapshot!(no(&["--function", "rosenbrock"]), @"
    error: invalid value 'rosenbrock' for '--function <NAME>'
      [possible values: mlp, mlp-hessian, bottleneck, rows, residual, lorenz, ode, elementwise, least-squares, rosenbrock-hessian]

      tip: a similar value exists: 'rosenbrock-hessian'

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--function", "mlp", "--memory-limit", "1000"]), @"
    error: plan_jacobian: no order of the chain rule fits into 1000 bytes; the smallest needs 17536 bytes (recomputation is not available yet)
    exit code 1
    ");
    assert_snapshot!(no(&["--function", "mlp", "--memory-limit", "1k"]), @"
    error: invalid value '1k' for '--memory-limit <BYTES>': invalid digit found in string

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--function", "mlp", "--analyze", "--format", "dot"]), @"
    error: --analyze: a drawing shows no measurements; use --format text, json or html
    exit code 1
    ");
    assert_snapshot!(no(&["--function", "mlp", "--format", "table"]), @"
    error: invalid value 'table' for '--format <FORMAT>'
      [possible values: text, json, dot, html]

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--function", "mlp", "--dims", "3,2"]), @"
    error: the argument '--function <NAME>' cannot be used with '--dims <N,N,N>'

    Usage: gradus explain <--dims <N,N,N>|--function <NAME>|--list>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--function", "mlp", "--plot", "x.svg"]), @"
    error: the argument '--function <NAME>' cannot be used with '--plot <FILE>'

    Usage: gradus explain <--dims <N,N,N>|--function <NAME>|--list>

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn mistakes_about_dims_and_derivatives_are_explained() {
    let dir = folder();
    let no = |arguments: &[&str]| refuses_at_once(dir.path(), &[&["explain"], arguments].concat());
    assert_snapshot!(no(&["--dims", "3,2", "--of", "hvp"]), @"
    error: the argument '--dims <N,N,N>' cannot be used with '--of <DERIVATIVE>'

    Usage: gradus explain <--dims <N,N,N>|--function <NAME>|--list>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--function", "mlp", "--of", "gradient"]), @"
    error: invalid value 'gradient' for '--of <DERIVATIVE>'
      [possible values: jacobian, hessian, hvp]

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--function", "mlp", "--of", "hessian", "--memory-limit", "9"]), @"
    error: plan_hessian: no order of the chain rule fits into 9 bytes; the smallest needs 173184 bytes (recomputation is not available yet)
    exit code 1
    ");
    assert_snapshot!(no(&["--list", "--measure"]), @"
    error: the argument '--list' cannot be used with '--measure'

    Usage: gradus explain <--dims <N,N,N>|--function <NAME>|--list>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--dims", "3,2", "--analyze"]), @"
    error: the argument '--dims <N,N,N>' cannot be used with '--analyze'

    Usage: gradus explain <--dims <N,N,N>|--function <NAME>|--list>

    For more information, try '--help'.
    exit code 2
    ");
    assert_snapshot!(no(&["--dims", "3,2", "--format", "html"]), @"
    error: --format: the orders of a chain are written as text or json; --plot draws them
    exit code 1
    ");
    assert_snapshot!(no(&["--dims", "3,2", "--plot", "nowhere/x.svg"]), @"
    error: nowhere/x.svg: cannot be drawn: backend error: Drawing backend error: No such file or directory (os error 2)
    exit code 1
    ");
}

#[test]
fn chains_that_are_too_large_are_not_run() {
    let dir = folder();
    let no = |dims: &str| refuses_at_once(dir.path(), &["explain", "--dims", dims, "--measure"]);
    assert_snapshot!(no("10000,10000"), @"
    error: --measure: the weights between 10000 and 10000 are too many, 50,000,000 can be held
    exit code 1
    ");
    assert_snapshot!(no("5000,5000,5000,5000"), @"
    error: --measure: 250,000,000,000 multiplications would take too long, 100,000,000,000 can be run
    exit code 1
    ");
    assert_snapshot!(no("100000,2,100000"), @"
    error: --measure: weights and Jacobians of 10,000,700,000 numbers are too many, 250,000,000 can be held
    exit code 1
    ");
    assert_snapshot!(no("4294967296,1,4294967296"), @"
    error: --measure: the weights between 4294967296 and 1 are too many, 50,000,000 can be held
    exit code 1
    ");
}

#[test]
fn the_plans_of_a_formula_come_last() {
    let dir = folder();
    let diff = ["diff", "sin(x*y) + x^2", "--at", "x=1,y=2"];
    let without = says(dir.path(), &diff);
    let with = says(dir.path(), &[&diff[..], &["--explain"]].concat());
    let plans = with.strip_prefix(&without).expect("the plans come last");
    assert!(plans.contains("\nthe plan of the derivative:\n"), "{plans}");
    assert!(plans.contains("\nthe plan of the Hessian:\n"), "{plans}");
}
