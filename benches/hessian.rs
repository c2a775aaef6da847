//! Second derivatives: for functions of several shapes, the chosen plan of the Hessian beside
//! the best plan that does not use symmetry, the composition chosen for the Hessian's product with a vector,
//! the regret of both against the fastest candidate, and the time of planning.
//!
//!     cargo run --release -p gradus-benches --bin hessian

use gradus::plan::{Analysis, Candidate, machine_profile};
use gradus::prelude::*;
use gradus_benches::chains::filled;
use gradus_benches::{machine, time};
use std::time::Duration;

type Function = Box<dyn Fn(&Tensor) -> Tensor>;

fn functions() -> Vec<(String, Vec<usize>, DType, Function)> {
    let mut all: Vec<(String, Vec<usize>, DType, Function)> = Vec::new();
    for dtype in [F32, F64] {
        for (n, m) in [(20, 100), (64, 200), (256, 500), (512, 1000), (1000, 2000)] {
            let a = filled(&[m, n], dtype);
            all.push((
                format!("logistic, {m} by {n}, {dtype}"),
                vec![n],
                dtype,
                Box::new(move |x| (a.matmul(x).exp() + 1.0).log().sum()),
            ));
        }
        for widths in [
            &[60, 40, 1][..],
            &[500, 200, 1],
            &[300, 300, 300, 1],
            &[400, 8, 400, 1],
        ] {
            let weights: Vec<Tensor> = widths
                .windows(2)
                .map(|w| filled(&[w[1], w[0]], dtype))
                .collect();
            let names: Vec<String> = widths.iter().map(usize::to_string).collect();
            all.push((
                format!("network {}, {dtype}", names.join("-")),
                vec![widths[0]],
                dtype,
                Box::new(move |x| {
                    let layer = |x: Tensor, w: &Tensor| w.matmul(&x).tanh();
                    weights.iter().fold(x.clone(), layer).sum()
                }),
            ));
        }
    }
    all.push((
        "Rosenbrock 100".into(),
        vec![100],
        F64,
        Box::new(|x| {
            let (here, next) = (x.slice_axis(0, ..-1), x.slice_axis(0, 1..));
            ((&next - here.powi(2)).powi(2) * 100.0 + (1.0 - &here).powi(2)).sum()
        }),
    ));
    all.push((
        "64 rows of 16".into(),
        vec![64, 16],
        F64,
        Box::new(|x| x.square().sum_axis(1).sin().sum()),
    ));
    all
}

/// The name of the chosen candidate, its seconds,
/// the seconds of the fastest candidate without symmetry, and the regret.
fn seen(analysis: &Analysis<'_>) -> (String, f64, f64, f64) {
    let all = analysis.plan.candidates().iter().zip(&analysis.measured);
    let seconds = |keep: &dyn Fn(&Candidate) -> bool| {
        let kept = all.clone().filter(|(c, _)| keep(c));
        kept.filter_map(|(_, m)| m.map(|m| m.seconds))
            .fold(f64::INFINITY, f64::min)
    };
    let taken = analysis.plan.chosen().name.clone();
    (
        taken.clone(),
        seconds(&|c| c.name == taken),
        seconds(&|c| !c.symmetric),
        analysis.regret().unwrap_or(f64::NAN),
    )
}

fn main() -> Result<()> {
    println!("{}", machine());
    println!(
        "{:28} {:32} {:>10} {:>8} {:>7} {:>8}   {:20} {:>9} {:>7} {:>8}",
        "second derivatives of",
        "Hessian",
        "µs",
        "gained",
        "regret",
        "plan µs",
        "product",
        "µs",
        "regret",
        "plan µs"
    );
    let (mut of_hessians, mut of_products) = (Vec::new(), Vec::new());
    for (name, shape, dtype, f) in functions() {
        let x = filled(&shape, dtype);
        let graph = trace(&f, &x)?;
        let options = PlanOptions::default().profile(machine_profile());
        let limit = Duration::from_millis(200);
        let planning = time(1, 15, limit, || {
            std::hint::black_box(gradus_plan::hessian(&graph, 1, &options, None).unwrap());
        });
        let planning_product = time(1, 15, limit, || {
            std::hint::black_box(gradus_plan::hvp(&graph, 1, &options, None).unwrap());
        });
        let plan = plan_hessian(&f, &x, &options)?;
        let (taken, own, plain, regret) = seen(&plan.analyze(&x)?);
        let plan = plan_hvp(&f, &x, &options)?;
        let (composition, product, _, product_regret) = seen(&plan.analyze(&x, &x)?);
        println!(
            "{name:28} {taken:32} {:>10.1} {:>7.2}x {regret:>7.2} {:>8.0}   {composition:20} {:>9.1} {product_regret:>7.2} {:>8.0}",
            own * 1e6,
            plain / own,
            planning.median,
            product * 1e6,
            planning_product.median,
        );
        of_hessians.push(regret);
        of_products.push(product_regret);
    }
    for (what, mut regrets) in [("Hessians", of_hessians), ("products", of_products)] {
        regrets.sort_by(f64::total_cmp);
        println!(
            "{} {what}: regret {:.2} at the median, {:.2} at worst",
            regrets.len(),
            regrets[regrets.len() / 2],
            regrets[regrets.len() - 1]
        );
    }
    Ok(())
}
