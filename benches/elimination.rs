//! The cost of accumulating the Jacobians of published scalar functions
//! in different orders of vertex elimination, and the time of the search.
//!
//!     cargo run --release -p gradus-benches --bin elimination
//!
//! The cost is in multiplications, and every product of two edges counts.
//! The published best figures are from J. Lohoff, E. Neftci,
//! *Optimizing Automatic Differentiation with Deep Reinforcement Learning* (NeurIPS 2024).
//! Lion and bat are graphs by U. Naumann; their best figures come from trying every order of vertices.

use gradus_benches::{machine, time};
use gradus_plan::scalar::EliminationOptions;
use gradus_plan::scalar::published::{PUBLISHED, bat, lion};
use std::time::Duration;

fn main() {
    println!("{}\n", machine());
    println!(
        "{:<18} {:>8} {:>8} {:>9} {:>8} {:>9} {:>10} {:>8}",
        "function",
        "forward",
        "reverse",
        "Markowitz",
        "planner",
        "published",
        "search ms",
        "max ms"
    );
    let options = EliminationOptions::default();
    let published = PUBLISHED.map(|k| (k.name, k.graph(), k.best.to_string()));
    // Their best figures come from trying every order of vertices.
    let drawn = [("lion", lion(), "12"), ("bat", bat(), "24")];
    let drawn = drawn.map(|(name, graph, best)| (name, graph, best.to_string()));
    for (name, graph, best) in published.into_iter().chain(drawn) {
        let count = |order: Vec<usize>| {
            let count = graph.multiplications(&order);
            count.expect("the graph's own orders are complete")
        };
        let plan = graph.plan(&options);
        let timing = time(1, 15, Duration::from_secs(3), || {
            std::hint::black_box(graph.plan(&options));
        });
        println!(
            "{:<18} {:>8} {:>8} {:>9} {:>8} {:>9} {:>10.1} {:>8.1}",
            name,
            count(graph.forward_order()),
            count(graph.reverse_order()),
            count(graph.markowitz_order()),
            plan.multiplications,
            best,
            timing.median / 1e3,
            timing.max / 1e3,
        );
    }
}
