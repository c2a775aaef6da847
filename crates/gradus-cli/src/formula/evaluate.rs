//! The value of a formula on tensors.

use super::functions::Form;
use super::{Formula, Kind};
use gradus::tensor::concatenate;
use gradus::{Tensor, on_behalf_of_text};

/// Larger exponents are treated like fractional ones.
const GREATEST_WHOLE: f64 = 1024.0;

#[derive(Clone)]
struct Value {
    tensor: Tensor,
    /// The value, if it does not depend on the variables.
    constant: Option<f64>,
}

impl Value {
    fn number(value: f64) -> Value {
        Value {
            tensor: Tensor::from(value),
            constant: Some(value),
        }
    }
}

impl Formula {
    /// The value at `variables`, whose sizes have passed [`check`](Formula::check).
    pub fn evaluate(&self, variables: &[Tensor]) -> Tensor {
        let mut values: Vec<Value> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let extent = node.extent.start..node.extent.end;
            let value = on_behalf_of_text(self.text, extent, || {
                self.value(&node.kind, variables, &values)
            });
            values.push(value);
        }
        match values.pop() {
            Some(value) => value.tensor,
            None => unreachable!("no formula is empty"),
        }
    }

    /// The value of a node, from the values of the nodes before it.
    fn value(&self, kind: &Kind, variables: &[Tensor], values: &[Value]) -> Value {
        match kind {
            Kind::Number(value) => Value::number(*value),
            Kind::Variable(k) => varying(variables[*k].clone()),
            Kind::Apply { form, operands, .. } => {
                let operands: Vec<&Value> = operands.iter().map(|&o| &values[o]).collect();
                applied(*form, &operands)
            }
            Kind::Index(vector, position) => varying(values[*vector].tensor.at(*position)),
            Kind::List(parts) => {
                let parts = parts.iter().map(|&p| as_vector(&values[p].tensor));
                let parts: Vec<Tensor> = parts.collect();
                varying(concatenate(&parts.iter().collect::<Vec<_>>(), 0))
            }
        }
    }
}

fn varying(tensor: Tensor) -> Value {
    Value {
        tensor,
        constant: None,
    }
}

fn as_vector(x: &Tensor) -> Tensor {
    match x.rank() {
        0 => x.expand_dims(0),
        _ => x.clone(),
    }
}

fn applied(form: Form, operands: &[&Value]) -> Value {
    let tensor = match (form, operands) {
        (Form::Each(f) | Form::Reduce(f), [a]) => f(&a.tensor),
        (Form::Pair(f), [a, b]) => f(&a.tensor, &b.tensor),
        (Form::Power, [a, b]) => match b.constant {
            Some(n) if n.fract() == 0.0 && n.abs() <= GREATEST_WHOLE => a.tensor.powi(n as i32),
            _ => a.tensor.pow(&b.tensor),
        },
        // The parser has checked the order.
        (Form::Order(f), [n, x]) => f(n.constant.unwrap_or(0.0) as u32, &x.tensor),
        (Form::Dot, [a, b]) => a.tensor.dot(&b.tensor),
        _ => unreachable!("the parser counts the operands"),
    };
    // A result of numbers alone stays a number, so that programs show `6.28` for `2*pi`.
    match operands.iter().all(|o| o.constant.is_some()) {
        true => Value::number(tensor.item().unwrap_or(f64::NAN)),
        false => varying(tensor),
    }
}
