//! Looks into a program: its graph as a page, values while it runs,
//! the line that made a NaN, and the time of each line.

use gradus::debug::with_nan_check;
use gradus::prelude::*;
use std::{env, fs};

/// The negative logarithm of a likelihood, with a mistake: a spread of zero.
fn loss(x: &Tensor) -> Tensor {
    let mean = x.mean();
    let spread = (x - &mean).square().mean().sqrt();
    debug_print("spread {}", &spread);
    let z = (x - &mean) / &spread;
    (z.square() * 0.5).sum() + spread.log()
}

fn main() -> Result<()> {
    let x = Tensor::from([0.5, 1.0, 2.0]);

    // A page to walk through: open it in any browser.
    let path = env::temp_dir().join("gradus-debugging.html");
    let graph = trace(value_and_grad(loss), &x)?;
    match fs::write(&path, page("A loss and its gradient", &graph)) {
        Ok(()) => println!("the graph, to walk through: {}", path.display()),
        Err(error) => println!("no page was written: {error}"),
    }

    // The compiled gradient prints the spread whenever it runs.
    let slope = jit(grad(loss));
    println!("slope {}", slope.call(&x)?);

    // Equal numbers have no spread: which operation made the first NaN?
    let equal = Tensor::from([1.0, 1.0, 1.0]);
    if let Some(report) = find_nan(loss, &equal)? {
        println!("\n{report}");
    }
    // Reports a NaN as an error, wherever it happens.
    let error = with_nan_check(|| slope.call(&equal)).err();
    println!(
        "\nchecked: {}",
        error.map_or("all is finite".into(), |e| e.to_string())
    );

    // The time of each line.
    let (_, steps) = slope.call_profiled(Tensor::arange(0.0, 1e5, 1.0))?;
    println!("\n{}", by_line(&steps));
    Ok(())
}
