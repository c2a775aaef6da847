//! The promise of a bottleneck and its result: the Jacobian of layers that are wide,
//! narrow, wide, by the mixed order, compared with the better of forward and reverse mode.
//!
//!     cargo run --release -p gradus-benches --bin bottleneck
//!
//! The promise is the ratio of the operations. It is kept if the ratio of the times is at least half of it.
//! Operations do not depend on threads, so the table is printed for one thread and for all cores.
//! The products of a mixed order take a few microseconds,
//! so two threads only help if their cores are near each other.
//! The last column shows how long a number takes to another core and back.

use gradus::plan::machine_profile;
use gradus::prelude::*;
use gradus_benches::chains::{filled, layers};
use gradus_benches::{machine, round_trip};
use std::process::Command;

const WIDTHS: [&[usize]; 12] = [
    &[64, 64, 4, 64, 64],
    &[128, 128, 8, 128, 128],
    &[300, 300, 5, 300, 300],
    &[300, 300, 30, 300, 300],
    &[400, 40, 400],
    &[500, 200, 8, 200, 500],
    &[500, 500, 10, 500, 500],
    &[1000, 50, 8, 50, 1000],
    &[1000, 1000, 20, 1000, 1000],
    &[1000, 1000, 5, 1000, 1000],
    &[2000, 2000, 20, 2000, 2000],
    &[2000, 500, 20, 500, 2000],
];
/// The environment variable for the number of threads.
const THREADS: &str = "GRADUS_NUM_THREADS";
/// Measurements of each function. The median counts.
const RUNS: usize = 5;

/// The promised and the measured ratio, and the times of the mixed order and of the better pure mode.
/// `None` if there is no mixed order.
struct Outcome {
    promised: f64,
    measured: f64,
    mixed: f64,
    pure: f64,
}

fn outcome(widths: &[usize], dtype: DType) -> Result<Option<Outcome>> {
    let x = filled(&widths[..1], dtype);
    let options = PlanOptions::default().profile(machine_profile());
    let plan = plan_jacobian(layers(widths, dtype), &x, &options)?;
    let mut all = Vec::new();
    for _ in 0..RUNS {
        let analysis = plan.analyze(&x)?;
        // The seconds and the operations of the fastest candidate among some modes.
        let fastest = |modes: &[&str]| {
            let candidates = plan.plan().candidates().iter().zip(&analysis.measured);
            candidates
                .filter(|(c, _)| modes.contains(&c.mode.name()))
                .filter_map(|(_, m)| m.map(|m| (m.seconds, m.operations)))
                .min_by(|a, b| a.0.total_cmp(&b.0))
        };
        let (Some(mixed), Some(pure)) = (fastest(&["mixed"]), fastest(&["forward", "reverse"]))
        else {
            return Ok(None);
        };
        all.push(Outcome {
            promised: pure.1 as f64 / mixed.1 as f64,
            measured: pure.0 / mixed.0,
            mixed: mixed.0,
            pure: pure.0,
        });
    }
    all.sort_by(|a, b| a.measured.total_cmp(&b.measured));
    Ok(Some(all.swap_remove(RUNS / 2)))
}

fn main() -> Result<()> {
    // A process reads the number of threads once.
    if std::env::var_os(THREADS).is_none() {
        println!("{}", machine());
        let itself = std::env::current_exe().and_then(|exe| {
            let mut on_one = Command::new(exe);
            on_one.env(THREADS, "1").status()
        });
        if !itself.is_ok_and(|status| status.success()) {
            println!("the table of one thread is missing");
        }
    }
    println!("\nthreads: {}", gradus::threads());
    println!(
        "{:28} {:>11} {:>11} {:>9} {:>9} {:>7} {:>10}",
        "Jacobian of layers", "pure µs", "mixed µs", "promised", "measured", "kept", "to and fro"
    );
    let (mut kept, mut all) = (0, 0);
    for dtype in [F32, F64] {
        for widths in WIDTHS {
            let names: Vec<String> = widths.iter().map(usize::to_string).collect();
            let name = format!("{} {dtype}", names.join("-"));
            let Some(o) = outcome(widths, dtype)? else {
                println!("{name:28} no mixed order");
                continue;
            };
            let far = match gradus::threads() {
                1 => String::new(),
                _ => format!("{:.0} ns", round_trip()),
            };
            let holds = o.measured >= o.promised / 2.0;
            println!(
                "{name:28} {:>11.1} {:>11.1} {:>8.1}x {:>8.1}x {:>7} {far:>10}",
                o.pure * 1e6,
                o.mixed * 1e6,
                o.promised,
                o.measured,
                if holds { "yes" } else { "no" }
            );
            kept += usize::from(holds);
            all += 1;
        }
    }
    println!("{kept} of {all} within a factor of 2 of the ratio of operations");
    Ok(())
}
