//! A formula at a point, with its value, its derivatives and their program.

use crate::formula::Formula;
use crate::formula::at::Variables;
use gradus::tensor::concatenate;
use gradus::{Graph, Result, Tensor, grad, hessian, jacobian_tree, trace, value_and_grad};

/// A formula at a point.
pub(super) struct Subject {
    pub formula: Formula,
    pub text: String,
    pub names: Vec<String>,
    pub values: Vec<Tensor>,
    /// The number of elements of each variable, `None` for a number.
    pub sizes: Vec<Option<usize>>,
    /// The number of elements of the formula's value.
    pub outputs: Option<usize>,
}

/// The formula's value and derivatives.
pub(super) struct Found {
    pub value: Tensor,
    pub first: First,
    /// Only if the value is one number and the Hessian was asked for.
    pub hessian: Option<Tensor>,
}

pub(super) enum First {
    /// The gradient with respect to each variable.
    Gradient(Vec<Tensor>),
    /// The Jacobian with respect to each variable: `[outputs, elements of the variable]`.
    Jacobian(Vec<Tensor>),
}

impl Subject {
    /// Reads and checks both texts.
    pub fn new(text: &str, at: &str) -> Result<Subject> {
        let Variables { names, values } = Variables::parse(at)?;
        let sizes: Vec<Option<usize>> = values.iter().map(|v| v.shape().first().copied()).collect();
        let formula = Formula::parse(text, &names).map_err(|m| m.in_text(text))?;
        let outputs = formula.check(&sizes).map_err(|m| m.in_text(text))?;
        Ok(Subject {
            formula,
            text: text.to_string(),
            names,
            values,
            sizes,
            outputs,
        })
    }

    pub fn function(&self) -> impl Fn(&Vec<Tensor>) -> Tensor {
        |x| self.formula.evaluate(x)
    }

    /// All variables, one after the other.
    pub fn point(&self) -> Tensor {
        let all: Vec<Tensor> = self.values.iter().map(Tensor::ravel).collect();
        concatenate(&all.iter().collect::<Vec<_>>(), 0)
    }

    /// The formula as a function of one vector that holds all variables, one after the other.
    pub fn of_vector(&self) -> impl Fn(&Tensor) -> Tensor {
        |x| {
            let mut start = 0;
            let parts = self.values.iter().map(|value| {
                let first = start;
                start += value.len() as isize;
                match value.rank() {
                    0 => x.at(first),
                    _ => x.slice_axis(0, first..start),
                }
            });
            self.formula.evaluate(&parts.collect::<Vec<_>>())
        }
    }

    pub fn derivatives(&self, with_hessian: bool) -> Found {
        let (f, x) = (self.function(), &self.values);
        let value = f(x);
        if self.outputs.is_none() {
            return Found {
                value,
                first: First::Gradient(grad(&f)(x)),
                // By one vector, because a block for each pair of many variables would be a program each.
                hessian: with_hessian.then(|| hessian(self.of_vector())(&self.point())),
            };
        }
        let blocks = jacobian_tree(&f)(x);
        let block = |k: usize| {
            let block = blocks.get(&blocks.rows()[0], &blocks.columns()[k]);
            block
                .cloned()
                .unwrap_or_else(|| unreachable!("a block by each variable"))
        };
        Found {
            value,
            first: First::Jacobian((0..self.names.len()).map(block).collect()),
            hessian: None,
        }
    }

    /// The program of the first derivatives.
    pub fn program(&self) -> Result<Graph> {
        let (f, x) = (self.function(), &self.values);
        match self.outputs {
            None => trace(grad(f), x),
            Some(_) => trace(jacobian_tree(f), x),
        }
    }

    /// The program of the value and the first derivatives.
    pub fn program_with_value(&self) -> Result<Graph> {
        let (f, x) = (self.function(), &self.values);
        match self.outputs {
            None => trace(value_and_grad(f), x),
            Some(_) => trace(|x: &Vec<Tensor>| (f(x), jacobian_tree(&f)(x)), x),
        }
    }

    /// Each variable's name, with its size if it is a vector.
    pub fn columns(&self) -> Vec<String> {
        let all = self.names.iter().zip(&self.sizes);
        let column = |(name, size): (&String, &Option<usize>)| match size {
            None => name.clone(),
            Some(1) => format!("{name} (1 element)"),
            Some(n) => format!("{name} ({n} elements)"),
        };
        all.map(column).collect()
    }
}
