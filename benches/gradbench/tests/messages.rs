//! Messages and the answers to them.

use gradus_gradbench::protocol::{answer, serve};
use serde_json::{Value, json};

fn evaluate(module: &str, function: &str, input: Value) -> Value {
    let message = json!({
        "id": 3, "kind": "evaluate", "module": module, "function": function, "input": input,
    });
    answer(&message).unwrap()
}

#[test]
fn a_session_is_answered_line_by_line() {
    let messages = r#"{"id":0,"kind":"start","eval":"hello"}
{"id":1,"kind":"define","module":"hello"}
{"id":2,"kind":"evaluate","module":"hello","function":"square","input":4.0}
{"id":3,"kind":"analysis","of":2,"valid":true}
"#;
    let mut answers = Vec::new();
    serve(messages.as_bytes(), &mut answers).unwrap();
    let text = String::from_utf8(answers).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], json!({ "id": 0, "tool": "gradus" }));
    assert_eq!(lines[1], json!({ "id": 1, "success": true }));
    assert_eq!(lines[2]["output"], 16.0);
    assert_eq!(lines[3], json!({ "id": 3 }));
}

#[test]
fn runs_are_repeated_and_timed() {
    let names = |answer: &Value, name: &str| {
        let timings = answer["timings"].as_array().unwrap();
        assert!(timings.iter().all(|t| t["nanoseconds"].is_u64()));
        timings.iter().filter(|t| t["name"] == name).count()
    };
    let answer = evaluate("lse", "primal", json!({ "x": [1.0, 2.0], "min_runs": 7 }));
    assert_eq!(
        (names(&answer, "prepare"), names(&answer, "evaluate")),
        (1, 7)
    );
    let input = json!({ "x": [1.0, 2.0], "min_runs": 1, "min_seconds": 0.01 });
    let answer = evaluate("lse", "primal", input);
    let times = answer["timings"].as_array().unwrap().iter().skip(1);
    let total: u64 = times.map(|t| t["nanoseconds"].as_u64().unwrap()).sum();
    assert!(total >= 10_000_000);
}

#[test]
fn what_cannot_be_evaluated_is_said() {
    let said = |answer: Value| {
        assert_eq!(
            (&answer["id"], &answer["success"]),
            (&json!(3), &json!(false))
        );
        answer["error"].as_str().unwrap().to_string()
    };
    let defined = answer(&json!({ "id": 3, "kind": "define", "module": "det" })).unwrap();
    assert_eq!(said(defined), "there is no eval `det`");
    assert_eq!(
        said(evaluate("det", "primal", json!({}))),
        "there is no eval `det`"
    );
    assert_eq!(
        said(evaluate("lse", "hessian", json!({ "x": [1.0] }))),
        "there is no function `hessian`"
    );
    assert_eq!(
        said(evaluate("lse", "primal", json!({}))),
        "the input has no field `x`"
    );
    let ragged = json!({ "points": [[1.0, 2.0], [3.0]], "centroids": [[1.0, 2.0]] });
    assert_eq!(
        said(evaluate("kmeans", "cost", ragged)),
        "`points` is not a list of rows of one length"
    );
    // The sum of two infinite numbers; JSON has no such number.
    let large = json!({ "x": [1e200, -1e200], "n": 16 });
    assert_eq!(
        said(evaluate("llsq", "primal", large)),
        "the output has numbers that are not finite"
    );
    assert!(answer(&json!({ "kind": "start" })).is_err());
}
