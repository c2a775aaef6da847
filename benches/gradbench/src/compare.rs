//! Runs an eval of the suite with several tools, and prints their times side by side.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A function of an eval with the name of its input.
type Case = (String, String);

/// What a tool answered to a case.
struct Outcome {
    /// The times of the runs, in nanoseconds, sorted.
    times: Vec<u64>,
    /// Why there is no time, or what the eval says against the output.
    error: Option<String>,
}

/// The outcomes of a tool, and its cases in order.
#[derive(Default)]
struct Outcomes {
    order: Vec<Case>,
    of: BTreeMap<Case, Outcome>,
}

/// Runs the command `eval` with each of `tools`, each `NAME=COMMAND`, and prints a row for each evaluation.
///
/// # Errors
/// If a command cannot be run or does not follow the protocol.
pub fn run(eval: &str, tools: &[&str]) -> io::Result<()> {
    let mut all = Vec::new();
    for tool in tools {
        let Some((name, command)) = tool.split_once('=') else {
            return Err(io::Error::other(format!("`{tool}` is not NAME=COMMAND")));
        };
        all.push((name, outcomes(eval, command)?));
    }
    print(&all);
    Ok(())
}

/// A running command with its two pipes.
struct Process {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &str) -> io::Result<Process> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let (Some(to), Some(from)) = (to, from) else {
            return Err(io::Error::other("a command has no pipes"));
        };
        Ok(Process {
            child,
            to,
            from: BufReader::new(from),
        })
    }

    /// The next line and what it says; nothing at the end.
    fn line(&mut self) -> io::Result<Option<(String, Value)>> {
        let mut line = String::new();
        if self.from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let value = serde_json::from_str(&line)?;
        Ok(Some((line, value)))
    }

    fn send(&mut self, line: &str) -> io::Result<()> {
        self.to.write_all(line.as_bytes())?;
        self.to.flush()
    }

    fn end(self) -> io::Result<()> {
        let Process { mut child, to, .. } = self;
        drop(to);
        child.wait()?;
        Ok(())
    }
}

/// Carries messages from the eval to the tool and answers back, and keeps the times.
fn outcomes(eval: &str, tool: &str) -> io::Result<Outcomes> {
    let (mut eval, mut tool) = (Process::start(eval)?, Process::start(tool)?);
    let mut outcomes = Outcomes::default();
    let mut cases = BTreeMap::new();
    while let Some((line, message)) = eval.line()? {
        let id = message["id"].as_i64().unwrap_or(-1);
        if message["kind"] == "analysis" {
            if let Some(case) = message["of"].as_i64().and_then(|of| cases.get(&of)) {
                outcomes.judge(case, &message);
            }
            eval.send(&format!("{}\n", json!({ "id": id })))?;
            continue;
        }
        tool.send(&line)?;
        let Some((line, answer)) = tool.line()? else {
            return Err(io::Error::other("a tool ended before it answered"));
        };
        if message["kind"] == "evaluate" {
            let case = (text(&message["function"]), described(&message));
            outcomes.add(case.clone(), &answer);
            cases.insert(id, case);
        }
        eval.send(&line)?;
    }
    eval.end()?;
    tool.end()?;
    Ok(outcomes)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_string()
}

/// The description of an input; a short input itself, if it has none.
fn described(message: &Value) -> String {
    match &message["description"] {
        Value::String(words) => words.clone(),
        _ => message["input"].to_string().chars().take(20).collect(),
    }
}

impl Outcomes {
    fn add(&mut self, case: Case, answer: &Value) {
        let timings = answer["timings"].as_array();
        let runs = timings.into_iter().flatten();
        let runs = runs.filter(|timing| timing["name"] == "evaluate");
        let mut times: Vec<u64> = runs.filter_map(|t| t["nanoseconds"].as_u64()).collect();
        times.sort_unstable();
        let error = match answer["success"] == true {
            true => None,
            false => Some(text(&answer["error"])),
        };
        self.order.push(case.clone());
        self.of.insert(case, Outcome { times, error });
    }

    fn judge(&mut self, case: &Case, analysis: &Value) {
        if analysis["valid"] != true
            && let Some(outcome) = self.of.get_mut(case)
        {
            outcome.error = Some(format!("invalid: {}", text(&analysis["error"])));
        }
    }
}

/// A row for each case of the first tool: the median of each tool's times in microseconds, and the first one's time
/// as a multiple of the least other one, by medians and by the shortest times.
fn print(all: &[(&str, Outcomes)]) {
    let names: Vec<&str> = all.iter().map(|&(name, _)| name).collect();
    println!(
        "| function | input | {} | best other | ratio of medians | of the shortest |",
        names.join(" | ")
    );
    println!("|---|---|{}---|---|---|", "---|".repeat(names.len()));
    let Some((_, first)) = all.first() else {
        return;
    };
    for case in &first.order {
        let outcome = |k: usize| all[k].1.of.get(case);
        let cells: Vec<String> = (0..all.len()).map(|k| cell(outcome(k))).collect();
        let best = |pick: fn(&[u64]) -> Option<u64>| {
            let others = (1..all.len()).filter_map(|k| {
                let outcome = outcome(k).filter(|o| o.error.is_none())?;
                Some((pick(&outcome.times)?, all[k].0))
            });
            let (time, name) = others.min()?;
            let own = pick(&outcome(0)?.times)?;
            Some((name, format!("{:.2}", own as f64 / time.max(1) as f64)))
        };
        let (name, ratio) = best(median).unwrap_or(("", String::new()));
        let (_, shortest) = best(|times| times.first().copied()).unwrap_or_default();
        println!(
            "| {} | {} | {} | {name} | {ratio} | {shortest} |",
            case.0,
            case.1,
            cells.join(" | ")
        );
    }
    println!();
    for (name, outcomes) in all {
        for (case, outcome) in &outcomes.of {
            if let Some(error) = &outcome.error {
                println!("{name}, {} {}: {error}", case.0, case.1);
            }
        }
    }
}

fn median(times: &[u64]) -> Option<u64> {
    times.get(times.len() / 2).copied()
}

fn cell(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(Outcome { error: Some(_), .. }) => "failed".into(),
        Some(outcome) => match median(&outcome.times) {
            Some(time) => format!("{:.1} µs", time as f64 / 1e3),
            None => "no time".into(),
        },
        None => String::new(),
    }
}
