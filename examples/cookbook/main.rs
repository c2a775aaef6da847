//! Runs all programs of the cookbook one after the other, or the program that is named.
//!
//! `cargo run --release -p gradus-examples --example cookbook` or `… --example cookbook -- jacobians_hessians`.
//! The `README.md` beside this file lists the section of the page that each program shows.

mod checkpointing;
mod complex_numbers;
mod custom_jvp_rules;
mod custom_types;
mod custom_vjp_rules;
mod debugging_backward;
mod differentiation_convention;
mod division_by_zero;
mod fixed_points;
mod forward_from_reverse;
mod gauss_newton;
mod grad;
mod gradient_clipping;
mod hessian_trace;
mod hessian_vector_products;
mod history;
mod hooks;
mod in_place;
mod jacobian_matrix_products;
mod jacobians_hessians;
mod logistic_regression;
mod no_gradient;
mod non_differentiable;
mod numerical_differences;
mod numerical_stability;
mod preaccumulation;
mod pushforward_pullback;
mod rules_on_trees;
mod rules_with_functions;
mod saved_tensors;
mod threads;

use gradus::Result;
use std::env;
use std::process::ExitCode;

type Program = fn() -> Result<()>;

const PROGRAMS: &[(&str, Program)] = &[
    ("grad", grad::main),
    ("logistic_regression", logistic_regression::main),
    ("numerical_differences", numerical_differences::main),
    ("hessian_vector_products", hessian_vector_products::main),
    ("jacobians_hessians", jacobians_hessians::main),
    ("pushforward_pullback", pushforward_pullback::main),
    ("jacobian_matrix_products", jacobian_matrix_products::main),
    ("complex_numbers", complex_numbers::main),
    ("gauss_newton", gauss_newton::main),
    ("hessian_trace", hessian_trace::main),
    ("forward_from_reverse", forward_from_reverse::main),
    ("custom_types", custom_types::main),
    ("checkpointing", checkpointing::main),
    ("preaccumulation", preaccumulation::main),
    ("custom_jvp_rules", custom_jvp_rules::main),
    ("custom_vjp_rules", custom_vjp_rules::main),
    ("numerical_stability", numerical_stability::main),
    (
        "differentiation_convention",
        differentiation_convention::main,
    ),
    ("gradient_clipping", gradient_clipping::main),
    ("debugging_backward", debugging_backward::main),
    ("fixed_points", fixed_points::main),
    ("rules_on_trees", rules_on_trees::main),
    ("rules_with_functions", rules_with_functions::main),
    ("history", history::main),
    ("saved_tensors", saved_tensors::main),
    ("non_differentiable", non_differentiable::main),
    ("division_by_zero", division_by_zero::main),
    ("no_gradient", no_gradient::main),
    ("in_place", in_place::main),
    ("threads", threads::main),
    ("hooks", hooks::main),
];

#[test]
fn all_programs_run() {
    for (name, program) in PROGRAMS {
        println!("== {name}");
        if let Err(error) = program() {
            panic!("{name}: {error}");
        }
    }
}

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let known = |name: &String| PROGRAMS.iter().any(|(known, _)| known == name);
    if let Some(name) = wanted.iter().find(|&name| !known(name)) {
        let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
        eprintln!(
            "there is no program `{name}`; there are {}",
            names.join(", ")
        );
        return ExitCode::FAILURE;
    }
    for (name, program) in PROGRAMS {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        println!("== {name}");
        if let Err(error) = program() {
            eprintln!("{name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
