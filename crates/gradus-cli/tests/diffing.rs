//! `gradus diff` as a user runs it: its formats, its numbers and names,
//! and its notes about results that are not finite.

mod common;

use common::{folder, gradus, refuses_at_once, says, text};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::fs;

/// The output of `diff` as JSON.
fn as_json(arguments: &[&str]) -> Value {
    let dir = folder();
    let said = says(
        dir.path(),
        &[&["diff", "--format", "json"], arguments].concat(),
    );
    serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}:\n{said}"))
}

/// The notes about a formula at a point.
fn notes(formula: &str, at: &str) -> String {
    let dir = folder();
    let output = gradus(dir.path(), &["diff", formula, "--at", at]);
    assert!(output.status.success(), "{formula} at {at}");
    text(&output.stderr)
}

#[test]
fn json_has_all_that_the_text_has() {
    let said = as_json(&["x*v[0] + v[1]^2", "--at", "x=3,v=[2,5]", "--explain"]);
    assert_eq!(said["formula"], "x*v[0] + v[1]^2");
    assert_eq!(said["at"], json!({"x": 3.0, "v": [2.0, 5.0]}));
    assert_eq!(said["value"], 31.0);
    assert_eq!(said["gradient"], json!({"x": 2.0, "v": [3.0, 10.0]}));
    let hessian = json!([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]);
    assert_eq!(said["hessian"], hessian);
    assert_eq!(said["notes"], json!([]));
    let program = said["program"].as_str().expect("a program");
    assert!(
        program.starts_with("graph(%0: f64[], %1: f64[2]) {"),
        "{program}"
    );
    for plan in ["plan", "hessian_plan"] {
        assert!(said[plan]["candidates"].is_array(), "{plan}: {said}");
    }
    let said = as_json(&["[x*y, y]", "--at", "x=3,y=2,z=1", "--no-program"]);
    assert_eq!(said["value"], json!([6.0, 2.0]));
    let jacobian = json!({"x": [2.0, 0.0], "y": [3.0, 1.0], "z": [0.0, 0.0]});
    assert_eq!(said["jacobian"], jacobian);
    assert_eq!(said["notes"], json!(["`z` does not occur in the formula"]));
    let keys: Vec<&String> = said.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["at", "formula", "jacobian", "notes", "value"]);
    // JSON has no infinity.
    let said = as_json(&["[1/x, -1/x, 0/x, 1e300]", "--at", "x=0", "--no-program"]);
    assert_eq!(said["value"], json!(["inf", "-inf", "nan", 1e300]));
}

#[test]
fn parts_are_left_out_on_demand() {
    let dir = folder();
    let diff = ["diff", "x*y", "--at", "x=1,y=2"];
    let with = |more: &[&str]| says(dir.path(), &[&diff[..], more].concat());
    assert_snapshot!(with(&["--no-hessian", "--no-program"]), @"
    value  2.0

    gradient
      x  2.0
      y  1.0
    ");
    let whole = with(&[]);
    let without_program = with(&["--no-program"]);
    assert!(whole.starts_with(&without_program) && whole.contains("as a program"));
    assert!(without_program.contains("Hessian, its rows"));
    let no_hessian = with(&["--no-hessian", "--explain"]);
    assert!(!no_hessian.contains("Hessian"), "{no_hessian}");
    assert!(no_hessian.contains("the plan of the derivative"));
}

#[test]
fn constants_names_and_remainders() {
    let value = |formula: &str, at: &str| {
        let said = as_json(&[formula, "--at", at, "--no-hessian", "--no-program"]);
        said["value"].clone()
    };
    assert_eq!(value("cos(π) + cos(pi)", "x=1"), -2.0);
    assert_eq!(value("log(e)", "x=1"), 1.0);
    assert_eq!(value("1/inf", "x=1"), 0.0);
    assert_eq!(value("nan", "x=1"), "nan");
    assert_eq!(value("min(x, -inf)", "x=1"), "-inf");
    assert_eq!(value("α*β_1 + Δx", "α=2,β_1=3,Δx=0.5"), 6.5);
    // The same meaning as in Rust and in C, and the same precedence as `*`.
    assert_eq!(value("7 % 3*2", "x=1"), 2.0);
    assert_eq!(
        value("[x % 3, -x % 3, x % -3]", "x=7"),
        json!([1.0, -1.0, 1.0])
    );
    assert_eq!(value("2 + x % 2.5", "x=7"), 4.0);
    let said = as_json(&["x % y", "--at", "x=7,y=3", "--no-program"]);
    // The slope there is x - 2·y.
    assert_eq!(said["gradient"], json!({"x": 1.0, "y": -2.0}));
    let dir = folder();
    let no = |formula: &str, at: &str| refuses_at_once(dir.path(), &["diff", formula, "--at", at]);
    assert_snapshot!(no("π*x", "x=1,π=3"), @"
    error: --at: `π` is a constant; choose another name
      x=1,π=3
          ^
    exit code 1
    ");
    assert_snapshot!(no("inf(x)", "x=1"), @"
    error: `inf` is not a function; a product is written `inf*(…)`
      inf(x)
      ^^^
    exit code 1
    ");
    assert_snapshot!(no("2*μ", "µ=1"), @"
    error: --at: the character `µ` has no meaning here; this is the sign for a millionth, the Greek letter is `μ`
      µ=1
      ^
    exit code 1
    ");
    assert_snapshot!(no("2*ж", "x=1"), @"
    error: the character `ж` has no meaning here; names consist of the letters a to z, Greek letters, digits and `_`
      2*ж
        ^
    exit code 1
    ");
}

#[test]
fn a_result_that_is_not_finite_says_where_it_became_so() {
    assert_snapshot!(notes("3*sqrt(x - 2) + x", "x=1"), @"note: the value is not finite: NaN made by sqrt in `sqrt(x - 2)`, from character 3 on");
    assert_snapshot!(notes("2*sqrt(x*y)", "x=0,y=1"), @"note: the gradient is not finite: infinity in the backward pass of sqrt in `sqrt(x*y)`, from character 3 on");
    assert_snapshot!(notes("x^1.5 + α", "x=0,α=1"), @"note: the Hessian is not finite: infinity in the derivative of pow in `x^1.5`, from character 1 on");
    assert_snapshot!(notes("[x, 1/(x - y)]", "x=1,y=1"), @"note: the value is not finite: infinity made by div in `1/(x - y)`, from character 5 on");
    assert_snapshot!(notes("sin(x) + y", "x=inf,y=1"), @"note: the value is not finite: the variable `x` is not");
    assert_snapshot!(notes("x + inf", "x=1"), @"note: the value is not finite: it is made of a number of the formula that is not finite");
    assert_snapshot!(notes("exp(prod(v))", "v=[100,100]"), @"note: the value is not finite: infinity made by exp in `exp(prod(v))`, from character 1 on");
    assert_snapshot!(notes("log(v[1])*2", "v=[1,0]"), @"note: the value is not finite: infinity made by log in `log(v[1])`, from character 1 on");
    assert_eq!(notes("1/x", "x=inf"), "");
    assert_eq!(notes("x^2", "x=3"), "");
}

#[test]
fn the_page_names_places_in_the_formula() {
    let dir = folder();
    let formula = "sin(x*y) + (x - <1>)^2".replace(['<', '>'], "");
    let diff = ["diff", &formula, "--at", "x=1,y=2", "--html", "page.html"];
    says(dir.path(), &diff);
    let page = fs::read_to_string(dir.path().join("page.html")).expect("a page");
    assert!(!page.contains(".rs:"), "a line of the program");
    for piece in [
        "sin(<mark>x*y</mark>) + (x - 1)^2",
        "<mark>sin(x*y)</mark> + (x - 1)^2",
        "sin(x*y) + <mark>(x - 1)^2</mark>",
    ] {
        assert!(page.contains(piece), "{piece}");
    }
    assert!(page.contains("<td>`x*y`, from character 5 on</td>"));
    assert!(page.contains("<span class=\"place\">sin(x*y)</span>"));
}

#[test]
fn long_names_are_refused() {
    let dir = folder();
    let name = "a".repeat(65_536);
    let no = |formula: &str, at: &str| refuses_at_once(dir.path(), &["diff", formula, "--at", at]);
    assert_snapshot!(no("x", &format!("x=1,{name}=1")), @"
    error: --at: this name has 65536 letters; the most is 64
      x=1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    exit code 1
    ");
    assert_snapshot!(no(&format!("x + {name}"), "x=1"), @"
    error: this name has 65536 letters; the most is 64
      x + aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    exit code 1
    ");
    let name = "α".repeat(64);
    let said = says(
        dir.path(),
        &["diff", &name, "--at", &format!("{name}=2"), "--no-program"],
    );
    assert!(said.contains(&format!("\n  {name}  1.0\n")), "{said}");
}

#[test]
fn a_product_of_as_many_variables_as_there_can_be() {
    let names: Vec<String> = (0..256).map(|k| format!("a{k}")).collect();
    let at: Vec<String> = names.iter().map(|n| format!("{n}=1")).collect();
    let said = as_json(&[&names.join("*"), "--at", &at.join(","), "--no-program"]);
    assert_eq!(said["value"], 1.0);
    assert_eq!(said["gradient"]["a255"], 1.0);
    let hessian = said["hessian"].as_array().expect("rows");
    assert_eq!(hessian.len(), 256);
    assert_eq!(
        (&hessian[3][3], &hessian[3][250]),
        (&json!(0.0), &json!(1.0))
    );
}
