//! Checks that the shapes of a formula's parts fit together.

use super::functions::Form;
use super::{Formula, Kind, Mistake, Span};

/// `None` for a number, the number of elements for a vector.
pub type Size = Option<usize>;

/// Longer lists make Jacobians that are too long to read, and programs that exceed the memory of some machines.
const LONGEST_LIST: usize = 1024;

impl Formula {
    /// The size of the value for variables of these sizes.
    pub fn check(&self, variables: &[Size]) -> Result<Size, Mistake> {
        let mut sizes: Vec<Size> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let size = match &node.kind {
                Kind::Number(_) => None,
                Kind::Variable(k) => variables[*k],
                Kind::Apply {
                    name,
                    form,
                    operands,
                } => {
                    let sizes: Vec<Size> = operands.iter().map(|&o| sizes[o]).collect();
                    applied(name, *form, &sizes, node.operator)?
                }
                Kind::Index(vector, position) => {
                    entry(sizes[*vector], *position, node.operator)?;
                    None
                }
                Kind::List(parts) => {
                    let length = parts.iter().map(|&p| sizes[p].unwrap_or(1)).sum();
                    if length > LONGEST_LIST {
                        let message =
                            format!("this list has {length} elements; the most is {LONGEST_LIST}");
                        return Err(Mistake::new(node.operator, message));
                    }
                    Some(length)
                }
            };
            sizes.push(size);
        }
        Ok(sizes.last().copied().flatten())
    }
}

fn applied(name: &str, form: Form, operands: &[Size], at: Span) -> Result<Size, Mistake> {
    match (form, operands) {
        (Form::Reduce(_), [None]) => {
            let hint = match name {
                "max" | "min" => ", or two arguments",
                _ => "",
            };
            Err(Mistake::new(
                at,
                format!("`{name}` takes a vector{hint}; its argument is one number"),
            ))
        }
        (Form::Reduce(_), _) => Ok(None),
        (Form::Dot, &[a, b]) => match (a, b) {
            (Some(a), Some(b)) if a == b => Ok(None),
            _ => Err(Mistake::new(
                at,
                format!(
                    "`dot` takes two vectors of one length; its arguments are {} and {}",
                    described(a),
                    described(b)
                ),
            )),
        },
        (Form::Each(_), &[a]) | (Form::Order(_), &[_, a]) => Ok(a),
        (_, &[a, b]) => match (a, b) {
            (None, other) | (other, None) => Ok(other),
            (Some(a), Some(b)) if a == b || a == 1 || b == 1 => Ok(Some(a.max(b))),
            (Some(a), Some(b)) => Err(Mistake::new(
                at,
                format!(
                    "`{name}` works element by element; its operands are vectors of {a} and {b} elements"
                ),
            )),
        },
        _ => unreachable!("the parser counts the operands"),
    }
}

fn entry(size: Size, position: isize, at: Span) -> Result<(), Mistake> {
    let Some(n) = size else {
        return Err(Mistake::new(
            at,
            "only vectors have elements; this is one number",
        ));
    };
    if position >= -(n as isize) && position < n as isize {
        return Ok(());
    }
    let indices = match n {
        1 => "1 element, with index 0".to_string(),
        n => format!("{n} elements, with indices 0 to {}", n - 1),
    };
    Err(Mistake::new(
        at,
        format!("the index is out of bounds: the vector has {indices}"),
    ))
}

fn described(size: Size) -> String {
    match size {
        None => "one number".into(),
        Some(1) => "a vector of 1 element".into(),
        Some(n) => format!("a vector of {n} elements"),
    }
}
