//! `gradus explain`: the costs of the orders of the chain rule, for a chain of widths or for a function.

mod functions;
mod json;
mod measure;
mod orders;
mod table;

use crate::options::{DerivativeName, ExplainOptions, FunctionName, PlanFormat};
use crate::output;
use crate::report::costs;
use clap::ValueEnum;
use functions::Example;
use gradus::plan::{
    Analysis, Plan, PlanOptions, SourceLines, machine_profile, plan_hessian, plan_hvp,
    plan_jacobian,
};
use gradus::{Error, ErrorKind, Result, Tensor};
use gradus_plan::Chain;
use orders::Orders;
use std::fmt::Write;

pub fn run(options: &ExplainOptions) -> Result<()> {
    let text = explanation(options)?;
    output::write(format_args!("{text}"));
    Ok(())
}

/// The output of the command. Draws a picture if the options ask for one.
pub fn explanation(options: &ExplainOptions) -> Result<String> {
    if options.list {
        Ok(list())
    } else if let Some(name) = options.function {
        plan(name, options)
    } else if let Some(dims) = &options.dims {
        chain(dims, options)
    } else {
        Ok(String::new())
    }
}

fn chain(dims: &[usize], options: &ExplainOptions) -> Result<String> {
    let as_json = match options.format {
        PlanFormat::Text => false,
        PlanFormat::Json => true,
        PlanFormat::Dot | PlanFormat::Html => {
            return Err(mistake(
                "--format: the orders of a chain are written as text or json; --plot draws them",
            ));
        }
    };
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
    let orders = Orders::new(&chain);
    let measured = match options.measure {
        true => Some(measure::report(&widths, options.format)?),
        false => None,
    };
    Ok(match as_json {
        true => json::report(&orders, measured.as_deref()),
        false => {
            let measured = measured.map_or(String::new(), |text| format!("\n{text}"));
            table::report(&orders) + &measured
        }
    })
}

/// The built-in functions, one per line.
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

/// The plan for a function, with measurements if the options ask for them.
fn plan(name: FunctionName, options: &ExplainOptions) -> Result<String> {
    if options.analyze && options.format == PlanFormat::Dot {
        return Err(mistake(
            "--analyze: a drawing shows no measurements; use --format text, json or html",
        ));
    }
    let Example { f, x, derivative } = functions::example(name);
    let how = PlanOptions::default()
        .memory_limit(options.memory_limit)
        .profile(machine_profile())
        .source_lines(SourceLines::Hidden);
    // The function's place in the source of this program does not help a user.
    let placeless = |e: Error| Error::new(e.kind(), e.message());
    match options.of.unwrap_or(derivative) {
        DerivativeName::Jacobian => {
            let plan = plan_jacobian(f, &x, &how).map_err(placeless)?;
            written(plan.plan(), options, || plan.analyze(&x))
        }
        DerivativeName::Hessian => {
            let f = functions::number(f);
            let plan = plan_hessian(f, &x, &how).map_err(placeless)?;
            written(plan.plan(), options, || plan.analyze(&x))
        }
        DerivativeName::Hvp => {
            let f = functions::number(f);
            let plan = plan_hvp(f, &x, &how).map_err(placeless)?;
            let v = Tensor::ones(x.shape(), x.dtype());
            written(plan.plan(), options, || plan.analyze(&x, &v))
        }
    }
}

/// The plan in the requested format, with measurements if the options ask for them.
fn written<'a>(
    plan: &'a Plan,
    options: &ExplainOptions,
    analyze: impl FnOnce() -> Result<Analysis<'a>>,
) -> Result<String> {
    Ok(match (options.analyze, options.format) {
        (_, PlanFormat::Dot) => plan.to_dot(),
        (false, PlanFormat::Text) => plan.explain(),
        (false, PlanFormat::Json) => plan.to_json(),
        (false, PlanFormat::Html) => plan.to_html(),
        (true, PlanFormat::Text) => analyze()?.explain(),
        (true, PlanFormat::Json) => analyze()?.to_json(),
        (true, PlanFormat::Html) => analyze()?.to_html(),
    })
}

fn mistake(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Argument, text.into())
}
