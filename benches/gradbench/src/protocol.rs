//! The suite's messages, one JSON object a line, and the answers to them.

use crate::failure::{Failure, Result};
use crate::measure::Evaluation;
use crate::{ba, gmm, hello, kmeans, llsq, lse, lstm, ode};
use serde_json::{Value, json};
use std::io::{self, BufRead, Write};
use std::time::Duration;

/// Evaluates a function of an eval.
type Evaluate = fn(&str, &Value) -> Result<Evaluation>;

/// The evals that this tool serves.
const EVALS: &[(&str, Evaluate)] = &[
    ("hello", hello::evaluate),
    ("gmm", gmm::evaluate),
    ("lse", lse::evaluate),
    ("llsq", llsq::evaluate),
    ("ode", ode::evaluate),
    ("kmeans", kmeans::evaluate),
    ("lstm", lstm::evaluate),
    ("ba", ba::evaluate),
];

/// Answers each message of `messages` on `answers` until there are no more.
///
/// # Errors
/// Of reading and writing, and if a message is not a JSON object with a number `id`.
pub fn serve(messages: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for line in messages.lines() {
        let message: Value = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut answers, &answer(&message)?)?;
        writeln!(answers)?;
        answers.flush()?;
    }
    Ok(())
}

/// The answer to a message.
///
/// # Errors
/// If the message has no number `id`.
pub fn answer(message: &Value) -> io::Result<Value> {
    let Some(id) = message.get("id").and_then(Value::as_i64) else {
        return Err(io::Error::other("a message has no number `id`"));
    };
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or("");
    let mut answer = match text("kind") {
        "start" => json!({ "tool": "gradus" }),
        "define" => match eval(text("module")) {
            Ok(_) => json!({ "success": true }),
            Err(failure) => failed(&failure),
        },
        "evaluate" => {
            let input = message.get("input").unwrap_or(&Value::Null);
            let evaluate = eval(text("module"));
            match evaluate.and_then(|evaluate| evaluate(text("function"), input)) {
                Ok(evaluation) => succeeded(evaluation),
                Err(failure) => failed(&failure),
            }
        }
        _ => json!({}),
    };
    answer["id"] = json!(id);
    Ok(answer)
}

fn eval(module: &str) -> Result<Evaluate> {
    let found = EVALS.iter().find(|(name, _)| *name == module);
    found
        .map(|&(_, evaluate)| evaluate)
        .ok_or_else(|| Failure::new(format!("there is no eval `{module}`")))
}

fn failed(failure: &Failure) -> Value {
    json!({ "success": false, "error": failure.0 })
}

fn succeeded(evaluation: Evaluation) -> Value {
    let timing = |name: &str, time: &Duration| json!({ "name": name, "nanoseconds": u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) });
    let mut timings = vec![timing("prepare", &evaluation.prepare)];
    timings.extend(evaluation.runs.iter().map(|time| timing("evaluate", time)));
    json!({ "success": true, "output": evaluation.output, "timings": timings })
}
