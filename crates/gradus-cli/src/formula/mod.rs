//! Formulas such as `sin(x*y) + x^2`: read, checked, and evaluated on tensors.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = signed { ("*" | "/" | "%") signed }
//! signed  = ("-" | "+") signed | power
//! power   = item [ "^" signed ]                                   so -x^2 is -(x^2), and 2^3^2 is 2^(3^2)
//! item    = (number | name | name "(" list ")" | "(" sum ")" | "[" list "]") { "[" [ "-" ] digits "]" }
//! list    = sum { "," sum }
//! ```
//!
//! **Invariants**: a formula is flat, with operands before their users,
//! so that a long formula needs no deep stack.
//! A formula that has passed [`Formula::check`] evaluates without a mistake.

pub mod at;
mod evaluate;
pub mod functions;
mod lexer;
#[cfg(test)]
mod messages;
mod parser;
mod shapes;
#[cfg(test)]
mod tests;

use functions::Form;
use gradus::{Error, ErrorKind};

/// The most characters of a text that are shown with a mistake.
const LINE: usize = 76;

/// A formula. Its value is the value of the last node.
pub struct Formula {
    /// Programs refer to parts of the text for the lifetime of the process.
    text: &'static str,
    nodes: Vec<Node>,
}

struct Node {
    kind: Kind,
    /// The text of the operator or the function's name, for messages about it.
    operator: Span,
    /// All of its text, operands included.
    extent: Span,
}

enum Kind {
    Number(f64),
    /// A variable, by its position.
    Variable(usize),
    Apply {
        name: &'static str,
        form: Form,
        operands: Vec<usize>,
    },
    /// One element; a negative position counts from the end.
    Index(usize, isize),
    List(Vec<usize>),
}

impl Formula {
    /// Whether the variable at this position occurs.
    pub fn uses(&self, variable: usize) -> bool {
        self.nodes
            .iter()
            .any(|n| matches!(n.kind, Kind::Variable(v) if v == variable))
    }
}

/// A piece of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn to(self, other: Span) -> Span {
        Span {
            start: self.start,
            end: other.end,
        }
    }
}

/// A mistake in a text: what is wrong, and where.
#[derive(Debug)]
pub struct Mistake {
    message: String,
    span: Span,
}

impl Mistake {
    fn new(span: Span, message: impl Into<String>) -> Mistake {
        Mistake {
            message: message.into(),
            span,
        }
    }

    /// The message, followed by the text with carets below the mistake.
    pub fn in_text(&self, text: &str) -> Error {
        // A column is a character. A character that would move the cursor also takes one column.
        let line: Vec<char> = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if line.iter().all(|c| c.is_whitespace()) {
            return Error::new(ErrorKind::Argument, self.message.as_str());
        }
        let count = |part: &str| part.chars().count();
        let start = text.get(..self.span.start).map_or(0, count);
        let end = text.get(..self.span.end).map_or(0, count);
        // A long text is cut around the start of the mistake, so that it fits into a line of a terminal.
        let first = match line.len() > LINE {
            true => start.saturating_sub(LINE / 2),
            false => 0,
        };
        let last = line.len().min(first + LINE);
        let before = if first > 0 { "…" } else { "" };
        let after = if last < line.len() { "…" } else { "" };
        let shown: String = line[first..last].iter().collect();
        let column = start - first + count(before);
        let width = end.min(last).saturating_sub(start).max(1);
        Error::new(
            ErrorKind::Argument,
            format!(
                "{}\n  {before}{shown}{after}\n  {}{}",
                self.message,
                " ".repeat(column),
                "^".repeat(width)
            ),
        )
    }
}

/// Names in a message: `x`, `y` and `z`.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
