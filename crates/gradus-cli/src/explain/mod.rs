//! `gradus explain`: what the orders of the chain rule cost, on a chain of widths or for a function.

mod functions;
mod measure;
mod table;

use crate::options::{ExplainOptions, FunctionName, PlanFormat};
use crate::report::costs;
use clap::ValueEnum;
use functions::{Derivative, Example};
use gradus::{Error, ErrorKind, PlanOptions, Result, machine_profile, plan_hessian, plan_jacobian};
use gradus_plan::Chain;
use std::fmt::Write;

pub fn run(options: &ExplainOptions) -> Result<()> {
    if options.list {
        print!("{}", list());
    } else if let Some(name) = options.function {
        print!("{}", plan(name, options)?);
    } else if let Some(dims) = &options.dims {
        chain(dims, options)?;
    }
    Ok(())
}

fn chain(dims: &[usize], options: &ExplainOptions) -> Result<()> {
    let mut widths = dims.to_vec();
    if options.scalar_loss {
        widths.push(1);
    }
    let chain = Chain::new(&widths).map_err(|e| mistake(format!("--dims: {e}")))?;
    if options.measure {
        measure::check(&chain).map_err(|e| mistake(format!("--measure: {e}")))?;
    }
    if let Some(path) = &options.plot {
        costs::write_svg(path, &widths)?;
    }
    print!("{}", table::report(&chain));
    if options.measure {
        print!("\n{}", measure::report(&widths)?);
    }
    Ok(())
}

/// The functions, one a line.
fn list() -> String {
    let all: Vec<_> = FunctionName::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .collect();
    let widest = all.iter().map(|v| v.get_name().len()).max().unwrap_or(0);
    let mut out = String::new();
    for value in &all {
        let help = value.get_help().map(ToString::to_string);
        let _ = writeln!(
            out,
            "{:widest$}  {}",
            value.get_name(),
            help.unwrap_or_default()
        );
    }
    out
}

/// The plan for a function, with what was measured if asked for.
fn plan(name: FunctionName, options: &ExplainOptions) -> Result<String> {
    if options.analyze && options.format == PlanFormat::Dot {
        return Err(mistake(
            "--analyze: a drawing shows no measurements; use --format text, json or html",
        ));
    }
    let Example { f, x, derivative } = functions::example(name);
    let how = PlanOptions {
        memory_limit: options.memory_limit,
        profile: machine_profile(),
        ..PlanOptions::default()
    };
    let plan = match derivative {
        Derivative::Jacobian => plan_jacobian(f, &x, &how),
        Derivative::Hessian => plan_hessian(f, &x, &how),
    };
    // Where in this program the function stands says nothing to a user.
    let plan = plan.map_err(|e| Error::new(e.kind(), e.message()))?;
    Ok(match (options.analyze, options.format) {
        (_, PlanFormat::Dot) => plan.plan().to_dot(),
        (false, PlanFormat::Text) => plan.explain(),
        (false, PlanFormat::Json) => plan.plan().to_json(),
        (false, PlanFormat::Html) => plan.plan().to_html(),
        (true, PlanFormat::Text) => plan.analyze(&x)?.explain(),
        (true, PlanFormat::Json) => plan.analyze(&x)?.to_json(),
        (true, PlanFormat::Html) => plan.analyze(&x)?.to_html(),
    })
}

fn mistake(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, text.into())
}
