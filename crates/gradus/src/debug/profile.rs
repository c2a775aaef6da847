//! The time of a compiled program by line of the source, and as a trace for Chrome.
//!
//! The time of a loop is divided among the lines of its body by estimates, because reading a clock in each step would
//! take longer than the step. A loop of unknown length counts as one step.

use crate::tensor::widened;
use crate::transform::profile::machine_profile;
use gradus_engine::{Member, TimedStep};
use gradus_ir::Part;
use gradus_ir::primitives::Work;
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::time::Duration;

/// One step of a compiled program, and its time; see [`Jit::call_profiled`](crate::Jit::call_profiled).
#[derive(Clone, Debug)]
pub struct StepTime {
    /// A description of the step.
    pub what: String,
    /// File and line of the user's program for its last operation, if recorded.
    pub place: Option<(&'static str, u32)>,
    /// The time of the step.
    pub time: Duration,
    /// Bytes that it reads and writes.
    pub bytes: u64,
    /// The operations of the graph that run in it.
    pub operations: Vec<StepOperation>,
}

/// An operation of the graph within a [step](StepTime).
#[derive(Clone, Copy, Debug)]
pub struct StepOperation {
    /// Its name.
    pub name: &'static str,
    /// File and line of the user's program, if recorded.
    pub place: Option<(&'static str, u32)>,
    /// Whether it belongs to the function itself or to a part of a derivative.
    pub part: Part,
    /// Operations on numbers.
    pub count: u64,
    /// Its share of the step, estimated by the machine's profile,
    /// because operations in one kernel cannot be timed separately.
    pub share: f64,
}

/// The cost of a line of the user's program in a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LineTime {
    /// File and line, if recorded.
    pub place: Option<(&'static str, u32)>,
    /// Its share of the time.
    pub time: Duration,
    /// The part of that time that is spent on derivatives.
    pub derivative: Duration,
    /// Operations on numbers.
    pub operations: u64,
    /// Its share of the bytes read and written.
    pub bytes: u64,
    /// Whether an array of f32 became f64 on this line because the other tensor was a single f64 number.
    /// Later operations then move twice the bytes.
    pub widened: bool,
}

/// A profile by source line, the most expensive line first. It prints as a table.
#[derive(Clone, Debug)]
pub struct LineProfile {
    /// The lines.
    pub lines: Vec<LineTime>,
}

/// The time of the steps by source line.
/// If a kernel runs operations of several lines together,
/// its time and bytes are divided by their shares of the estimated cost.
/// The time of a loop, a choice or a call is divided among the lines of its bodies in the same way.
/// A loop of unknown length counts as one step, and a choice as its most expensive branch.
///
/// ```
/// use gradus::prelude::*;
/// let f = jit(|x: &Tensor| x.sin().exp().sum());
/// let (_, steps) = f.call_profiled(Tensor::ones(&[1000], F64))?;
/// let profile = by_line(&steps);
/// assert_eq!(profile.lines.len(), 1);
/// println!("{profile}");
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn by_line(steps: &[StepTime]) -> LineProfile {
    let mut at: HashMap<Option<(&'static str, u32)>, usize> = HashMap::new();
    let mut lines: Vec<LineTime> = Vec::new();
    for step in steps {
        for operation in &step.operations {
            let k = *at.entry(operation.place).or_insert_with(|| {
                lines.push(LineTime {
                    place: operation.place,
                    time: Duration::ZERO,
                    derivative: Duration::ZERO,
                    operations: 0,
                    bytes: 0,
                    widened: widened::at(operation.place),
                });
                lines.len() - 1
            });
            let (line, time) = (&mut lines[k], step.time.mul_f64(operation.share));
            line.time += time;
            if operation.part != Part::Value {
                line.derivative += time;
            }
            line.operations += operation.count;
            line.bytes += (step.bytes as f64 * operation.share).round() as u64;
        }
    }
    lines.sort_by_key(|l| (std::cmp::Reverse(l.time), l.place));
    LineProfile { lines }
}

impl fmt::Display for LineProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: Duration = self.lines.iter().map(|l| l.time).sum();
        let seconds = |d: Duration| d.as_secs_f64();
        writeln!(
            f,
            "{:>7}  {:>10}  {:>11}  {:>14}  {:>13}  line",
            "share", "µs", "derivatives", "operations", "bytes"
        )?;
        for line in &self.lines {
            let place = match line.place {
                Some((file, number)) => format!("{file}:{number}"),
                None => "no line of the source".into(),
            };
            let widened = if line.widened {
                "  (an array is widened here: one number beside it has a wider type)"
            } else {
                ""
            };
            writeln!(
                f,
                "{:5.1} %  {:>10.1}  {:>9.0} %  {:>14}  {:>13}  {place}{widened}",
                100.0 * seconds(line.time) / seconds(total).max(1e-12),
                seconds(line.time) * 1e6,
                100.0 * seconds(line.derivative) / seconds(line.time).max(1e-12),
                gradus_plan::grouped(line.operations),
                gradus_plan::grouped(line.bytes),
            )?;
        }
        Ok(())
    }
}

/// The steps as a trace in Chrome's format, for `chrome://tracing`, Perfetto and similar viewers:
/// one step after the other, and below each step its operations with their estimated shares.
///
/// ```
/// use gradus::prelude::*;
/// let f = jit(|x: &Tensor| x.sin().exp().sum());
/// let (_, steps) = f.call_profiled(Tensor::ones(&[1000], F64))?;
/// assert!(chrome_trace(&steps).starts_with("{\"traceEvents\": ["));
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "profiler")]
#[doc(alias = "perfetto")]
pub fn chrome_trace(steps: &[StepTime]) -> String {
    let mut events = vec![
        "{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, \"args\": {\"name\": \"gradus\"}}"
            .to_string(),
    ];
    let micros = |d: Duration| format!("{:.3}", d.as_secs_f64() * 1e6);
    let mut event = |name: &str, category: &str, start: Duration, time: Duration, args: String| {
        events.push(format!(
            "{{\"name\": {}, \"cat\": \"{category}\", \"ph\": \"X\", \"ts\": {}, \"dur\": {}, \"pid\": 1, \"tid\": 1, \"args\": {{{args}}}}}",
            quoted(name),
            micros(start),
            micros(time)
        ));
    };
    let line = |place: Option<(&str, u32)>| match place {
        Some((file, line)) => quoted(&format!("{file}:{line}")),
        None => "null".into(),
    };
    let mut now = Duration::ZERO;
    for step in steps {
        let operations: u64 = step.operations.iter().map(|o| o.count).sum();
        let args = format!(
            "\"what\": {}, \"line\": {}, \"operations\": {operations}, \"bytes\": {}",
            quoted(&step.what),
            line(step.place),
            step.bytes
        );
        event(step.kind(), "step", now, step.time, args);
        let mut start = now;
        for o in &step.operations {
            let time = step.time.mul_f64(o.share);
            let category = match o.part {
                Part::Value => "value",
                Part::Tangent(_) => "tangent",
                Part::Cotangent(_) => "cotangent",
            };
            let args = format!("\"line\": {}, \"operations\": {}", line(o.place), o.count);
            event(o.name, category, start, time, args);
            start += time;
        }
        now += step.time;
    }
    format!(
        "{{\"traceEvents\": [\n{}\n], \"displayTimeUnit\": \"ns\"}}\n",
        events.join(",\n")
    )
}

impl StepTime {
    /// The first word of the description.
    fn kind(&self) -> &str {
        self.what.split([' ', '{']).next().unwrap_or("")
    }

    pub(crate) fn new(step: TimedStep) -> StepTime {
        let rates = machine_profile();
        let seconds = |m: &Member| match m.cost.work {
            // Free operations still get their part of a step that does nothing else.
            Work::View | Work::Copy => 1e-12,
            work => m.cost.operations as f64 / rates.rate(work) + 1e-12,
        };
        let total: f64 = step.members.iter().map(seconds).sum();
        StepTime {
            place: step.loc.file_line(),
            time: step.time,
            bytes: step.bytes,
            operations: step
                .members
                .iter()
                .map(|m| StepOperation {
                    name: m.name,
                    place: m.loc.file_line(),
                    part: m.loc.part(),
                    count: m.cost.operations,
                    share: seconds(m) / total,
                })
                .collect(),
            what: step.what,
        }
    }
}

/// `text` as a string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"b\\c\nd é"), "\"a\\\"b\\\\c\\u000ad é\"");
    }
}
