//! Programs that are no chains: branches with narrow places, and small programs of numbers.

use super::functions::{Function, filled, layers};
use super::{close, differences};
use gradus::prelude::*;
use gradus::tensor::concatenate;

/// Functions with branches, each with the shape of its argument.
pub fn branches() -> Vec<(&'static str, Vec<usize>, Function)> {
    let f = |name, shape: &[usize], f: Function| (name, shape.to_vec(), f);
    vec![
        f("two parallel waists", &[40], {
            let (a, b) = (layers(&[40, 30, 3, 30, 40]), layers(&[40, 20, 4, 20, 40]));
            Box::new(move |x| a(x) * b(x))
        }),
        f("a residual bottleneck", &[40], {
            let g = layers(&[40, 30, 3, 30, 40]);
            Box::new(move |x| x + g(x))
        }),
        f("a diamond with a narrow join", &[30], {
            let (a, b) = (layers(&[30, 20, 3]), layers(&[30, 10, 3]));
            let c = layers(&[3, 20, 30]);
            Box::new(move |x| c(&(a(x) * b(x))))
        }),
        f("branches of different width", &[30], {
            let (a, b) = (layers(&[30, 20, 2, 25]), layers(&[30, 25]));
            let c = layers(&[25, 4, 30]);
            Box::new(move |x| c(&(a(x) + b(x))))
        }),
        f("two narrow states", &[24], {
            let (a, b) = (layers(&[24, 3]), layers(&[24, 4]));
            let (p, q) = (layers(&[7, 24, 3]), layers(&[7, 24, 4]));
            let out = layers(&[7, 24]);
            Box::new(move |x| {
                let (mut h, mut c) = (a(x), b(x));
                for _ in 0..2 {
                    let both = concatenate(&[&h, &c], 0);
                    (h, c) = (p(&both), q(&both) + &c);
                }
                out(&concatenate(&[&h, &c], 0))
            })
        }),
        f("a bottleneck of rows beside them", &[5, 8], {
            let (a, b) = (filled(&[8, 2], 1), filled(&[2, 8], 2));
            Box::new(move |x| x.matmul(&a).sin().matmul(&b).tanh() * x)
        }),
        f("a sum beside an array", &[12], {
            let g = layers(&[12, 20, 12]);
            Box::new(move |x| g(x) * x.square().sum())
        }),
    ]
}

/// The operations of the candidate of that name, if there is one.
fn operations(plan: &JacobianPlan, name: &str) -> Option<u64> {
    let mut all = plan.plan().candidates().iter();
    all.find(|c| c.mode.name() == name)
        .map(|c| c.estimate.operations)
}

#[test]
fn all_candidates_agree_and_cost_what_was_said() {
    let mut eliminated = 0;
    for (name, shape, f) in &branches() {
        for objective in [Objective::Time, Objective::Operations, Objective::Memory] {
            let options = PlanOptions {
                objective,
                ..PlanOptions::default()
            };
            let x = filled(shape, 7);
            let plan = plan_jacobian(f, &x, &options).unwrap();
            let wanted = jacrev(f)(&x).to_vec::<f64>().unwrap();
            close(name, "differences", &wanted, &differences(f, &x), 1e-6);
            let analysis = plan.analyze(&x).unwrap();
            let all = plan.plan().candidates();
            for (c, m) in all.iter().zip(&analysis.measured) {
                let what = c.mode.name();
                let got = plan.evaluate_by(c, &x).unwrap().to_vec::<f64>().unwrap();
                close(name, what, &got, &wanted, 1e-12);
                assert_eq!(
                    c.estimate.operations,
                    m.unwrap().operations,
                    "{name}: {what}"
                );
                eliminated += u32::from(matches!(c.mode, Mode::Elimination(_)));
            }
            let blocks = plan.evaluate_blocks(&x).unwrap();
            if blocks.ties.is_empty() {
                let got = blocks.tensor.to_vec::<f64>().unwrap();
                close(name, "blocks", &got, &wanted, 1e-12);
            }
            // What is taken has the least of what is to be saved.
            let chosen = plan.plan().chosen();
            match objective {
                Objective::Time => {}
                Objective::Operations => assert!(
                    all.iter()
                        .all(|c| c.estimate.operations >= chosen.estimate.operations)
                ),
                Objective::Memory => {
                    assert!(all.iter().all(|c| c.peak_bytes >= chosen.peak_bytes))
                }
            }
        }
    }
    assert!(eliminated >= 12, "{eliminated}");
}

#[test]
fn parallel_waists_are_eliminated() {
    let all = branches();
    for name in ["two parallel waists", "a residual bottleneck"] {
        let (_, shape, f) = all.iter().find(|(n, ..)| *n == name).unwrap();
        let plan = plan_jacobian(f, &filled(shape, 7), &PlanOptions::default()).unwrap();
        assert_eq!(plan.plan().chosen().mode.name(), "elimination", "{name}");
        let pure = operations(&plan, "forward").min(operations(&plan, "reverse"));
        let mixed = operations(&plan, "elimination");
        assert!(3 * mixed.unwrap() < pure.unwrap(), "{name}");
    }
}
