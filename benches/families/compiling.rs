//! Times of making programs: tracing with derivatives and simplification, and compiling. No native code is made.

use crate::case::{Case, Measured};
use crate::numbers::{OPERATIONS, THOUSAND, operations, two};
use crate::training::SMALL;
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    let mut all = numbers();
    let step = |what: &str, measured| SMALL.case(what, 20.0).measured(measured);
    all.push(step("trace a step of Adam", Measured::Trace));
    all.push(step("compile a step of Adam", Measured::Compile));
    all
}

/// Programs of 1,000 and 10,000 operations on numbers.
fn numbers() -> Vec<Case> {
    let value = |rounds: usize| move |a: &Vec<Tensor>| vec![operations(&a[0], rounds)];
    let both = |rounds: usize| {
        move |a: &Vec<Tensor>| {
            let (value, slope) = value_and_grad(|x: &Tensor| operations(x, rounds))(&a[0]);
            vec![value, slope]
        }
    };
    let long = 10 * THOUSAND;
    let source = |f: &str| format!("{OPERATIONS}f = {f}");
    let value_in_jax = || source("operations");
    vec![
        traced("trace 1,000 operations", value(THOUSAND)).jax(value_in_jax(), 20.0),
        traced("trace 1,000 operations and their gradient", both(THOUSAND))
            .jax(source("jax.value_and_grad(operations)"), 20.0),
        traced("trace 10,000 operations", value(long)),
        traced("trace 10,000 operations and their gradient", both(long)).at_most(60e6),
        compiled("compile 1,000 operations", value(THOUSAND)).jax(value_in_jax(), 20.0),
        // JAX takes more than ten minutes to compile the gradient.
        compiled(
            "compile 1,000 operations and their gradient",
            both(THOUSAND),
        ),
        compiled("compile 10,000 operations and their gradient", both(long)),
    ]
}

fn traced(name: &str, f: impl Fn(&Vec<Tensor>) -> Vec<Tensor> + 'static) -> Case {
    Case::new(name, two(), f).measured(Measured::Trace)
}

/// The bar is 10 µs an operation of the program that the passes leave.
fn compiled(name: &str, f: impl Fn(&Vec<Tensor>) -> Vec<Tensor> + 'static) -> Case {
    let graph = trace(&f, &vec![Tensor::zeros(&[2], F64)]).expect("the function is right");
    let graph = gradus_cpu::passes::run(&graph);
    let operations = graph.live().iter().filter(|live| **live).count() - 1;
    let name = format!("{name} ({operations})");
    let case = Case::new(name, two(), f).measured(Measured::Compile);
    case.at_most(10e3 * operations as f64)
}
