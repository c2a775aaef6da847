//! Programs that are not chains: branches with narrow points, and small programs of numbers.

#[path = "../../../../tests/robot_arm.rs"]
mod robot_arm;

use super::functions::{Function, filled, functions, layers};
use super::{close, differences};
use gradus::plan::{Candidate, JacobianPlan, Mode, Objective, PlanOptions, SearchLimits};
use gradus::prelude::*;
use robot_arm::robot_arm;
use std::time::Duration;

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
            let into = [filled(&[3, 24], 1), filled(&[4, 24], 2)];
            let (hh, hc) = (filled(&[3, 3], 3), filled(&[3, 4], 4));
            let (ch, cc) = (filled(&[4, 3], 5), filled(&[4, 4], 6));
            let (yh, yc) = (filled(&[24, 3], 7), filled(&[24, 4], 8));
            let last = layers(&[24, 20, 24]);
            Box::new(move |x| {
                let (mut h, mut c) = (into[0].matmul(x).tanh(), into[1].matmul(x).tanh());
                for _ in 0..3 {
                    let next = (hh.matmul(&h) + hc.matmul(&c)).tanh();
                    c = &c + (ch.matmul(&h) + cc.matmul(&c)).tanh();
                    h = next;
                }
                last(&(yh.matmul(&h) + yc.matmul(&c)))
            })
        }),
        f("two small states beside each other", &[20], {
            let (a, b) = (layers(&[20, 2, 20]), layers(&[20, 3, 20]));
            let c = layers(&[20, 20]);
            Box::new(move |x| concatenate(&[&a(x), &c(&b(x)), &(x * 2.0)], 0))
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

/// The operations of the candidate with that name, if there is one.
fn operations(plan: &JacobianPlan, name: &str) -> Option<u64> {
    let mut all = plan.plan().candidates().iter();
    all.find(|c| c.mode.name() == name)
        .map(|c| c.estimate.operations)
}

/// Three tests, so that they run in parallel.
#[test]
fn all_candidates_for_the_least_time_agree_and_cost_what_was_said() {
    check_candidates(Objective::Time, |_, _| true);
}

#[test]
fn all_candidates_for_the_fewest_operations_agree_and_cost_what_was_said() {
    check_candidates(Objective::Operations, |c, chosen| {
        c.estimate.operations >= chosen.estimate.operations
    });
}

#[test]
fn all_candidates_for_the_least_memory_agree_and_cost_what_was_said() {
    check_candidates(Objective::Memory, |c, chosen| {
        c.peak_bytes >= chosen.peak_bytes
    });
}

/// Checks the plans of all functions. `no_better` compares a candidate with the chosen one.
fn check_candidates(objective: Objective, no_better: fn(&Candidate, &Candidate) -> bool) {
    let (mut eliminated, mut scalar) = (0, 0);
    let all = branches().into_iter().chain(functions());
    for (name, shape, f) in &all.collect::<Vec<_>>() {
        // Its numbers have four bytes inside.
        if *name == "four bytes" {
            continue;
        }
        let x = filled(shape, 7);
        let wanted = jacrev(f)(&x).to_vec::<f64>().unwrap();
        close(name, "differences", &wanted, &differences(f, &x), 1e-6);
        let options = PlanOptions::default().objective(objective);
        let plan = plan_jacobian(f, &x, &options).unwrap();
        let analysis = plan.analyze_for(&x, Duration::ZERO).unwrap();
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
            scalar += u32::from(matches!(c.mode, Mode::Scalar { .. }));
        }
        let blocks = plan.evaluate_blocks(&x).unwrap();
        if blocks.diagonal.is_empty() {
            let got = blocks.tensor.to_vec::<f64>().unwrap();
            close(name, "blocks", &got, &wanted, 1e-12);
        }
        let chosen = plan.plan().chosen();
        assert!(all.iter().all(|c| no_better(c, chosen)), "{name}");
    }
    assert!(eliminated >= 4 && scalar >= 10, "{eliminated} {scalar}");
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

#[test]
fn two_states_are_eliminated_where_no_single_cut_is() {
    let all = branches();
    let named = |name| all.iter().find(|(n, ..)| *n == name).unwrap();
    // The operations in tenths of the better pure mode's.
    for (name, share) in [
        ("two narrow states", 6),
        ("two small states beside each other", 7),
    ] {
        let (_, shape, f) = named(name);
        let options = PlanOptions::default()
            .objective(Objective::Operations)
            .search(SearchLimits::default().scalars(0));
        let plan = plan_jacobian(f, &filled(shape, 7), &options).unwrap();
        assert_eq!(plan.plan().chosen().mode.name(), "elimination", "{name}");
        let pure = operations(&plan, "forward").min(operations(&plan, "reverse"));
        let mixed = operations(&plan, "elimination");
        let explained = plan.explain();
        assert!(
            10 * mixed.unwrap() < share * pure.unwrap(),
            "{name} {explained}"
        );
    }
}

#[test]
fn a_robot_arm_is_planned_number_by_number() {
    let x = Tensor::from([0.3, 0.5, -0.4, 0.7, 0.9, -0.6]);
    let options = PlanOptions::default().objective(Objective::Operations);
    let plan = plan_jacobian(robot_arm, &x, &options).unwrap();
    insta::assert_snapshot!(plan.explain());
    let Mode::Scalar {
        multiplications, ..
    } = plan.plan().chosen().mode
    else {
        panic!("{}", plan.explain());
    };
    // The published program of the same arm shares fewer values; no cheaper order of it is known.
    let published = gradus_plan::scalar::published::PUBLISHED
        .iter()
        .find(|k| k.name == "RobotArm_6DOF")
        .unwrap();
    assert!(
        multiplications <= published.best,
        "{multiplications} {}",
        published.best
    );
    // Beside the function itself, the program computes only the products
    // of the order and of the partial derivatives.
    let products = |g: &gradus_ir::Graph| {
        let live = g.live();
        let mul = |id: &gradus_ir::ValueId| {
            live[id.index()]
                && matches!(
                    g.maker(*id).op,
                    gradus_ir::Op::Binary(gradus_ir::primitives::Binary::Mul)
                )
        };
        g.ids().filter(mul).count() as u64
    };
    let own = products(&trace(robot_arm, &x).unwrap());
    assert!(products(&plan.plan().chosen().program) - own <= multiplications);
    let wanted = jacrev(robot_arm)(&x).to_vec::<f64>().unwrap();
    let differences = differences(&(Box::new(robot_arm) as Function), &x);
    close("robot arm", "differences", &wanted, &differences, 1e-5);
    for c in plan.plan().candidates() {
        let got = plan.evaluate_by(c, &x).unwrap().to_vec::<f64>().unwrap();
        close("robot arm", c.mode.name(), &got, &wanted, 1e-12);
    }
    // And with numbers of four bytes.
    let narrow = x.astype(F32);
    let plan = plan_jacobian(robot_arm, &narrow, &options).unwrap();
    assert_eq!(plan.plan().chosen().mode.name(), "scalar elimination");
    let got = plan.evaluate(&narrow).unwrap();
    assert_eq!(got.dtype(), F32);
    let got = got.astype(F64).to_vec::<f64>().unwrap();
    close("robot arm", "four bytes", &got, &wanted, 1e-4);
    // It also takes no longer than a program of arrays, by the estimate.
    let plan = plan_jacobian(robot_arm, &x, &PlanOptions::default()).unwrap();
    assert_eq!(plan.plan().chosen().mode.name(), "scalar elimination");
}

#[test]
fn an_elimination_explains_itself() {
    let all = branches();
    let (_, shape, f) = all
        .iter()
        .find(|(n, ..)| *n == "two parallel waists")
        .unwrap();
    let plan = plan_jacobian(f, &filled(shape, 7), &PlanOptions::default()).unwrap();
    insta::assert_snapshot!(plan.explain());
    insta::assert_snapshot!(plan.plan().to_dot());
    let read: serde_json::Value = serde_json::from_str(&plan.plan().to_json()).unwrap();
    assert_eq!(read["chosen"], "elimination");
    assert_eq!(read["candidates"][2]["order"], "v1 product, v2 product");
    let page = plan.plan().to_html();
    assert!(
        page.contains("<li>eliminate array 1, 3 numbers: products</li>"),
        "{page}"
    );
    // Without trials there is no beam search, and the plan says so.
    let options = PlanOptions::default().search(SearchLimits::default().tries(0));
    let plan = plan_jacobian(f, &filled(shape, 7), &options).unwrap();
    assert!(
        plan.explain()
            .contains("beam search stopped at its limit of trials")
    );
    // Programs larger than the limit are not considered either.
    let options = PlanOptions::default().search(SearchLimits::default().nodes(3));
    let plan = plan_jacobian(f, &filled(shape, 7), &options).unwrap();
    assert!(operations(&plan, "elimination").is_none());
    let left_out = plan.plan().not_built();
    assert!(left_out.iter().any(|n| n.name == "elimination"));
    let explained = plan.explain();
    assert!(
        explained.contains("not built, because the program is large: elimination"),
        "{explained}"
    );
    // And without vertices there is no elimination.
    let options = PlanOptions::default().search(SearchLimits::default().vertices(0));
    let plan = plan_jacobian(f, &filled(shape, 7), &options).unwrap();
    assert!(operations(&plan, "elimination").is_none());
}

/// Two inputs, two outputs, weights beside them:
/// compares every candidate's blocks with reverse mode, in both precisions.
#[test]
fn several_inputs_and_outputs_agree() {
    let mut eliminated = 0;
    let mut exact = Vec::new();
    for (dtype, tolerance) in [(F64, 1e-12), (F32, 2e-5)] {
        let shapes: [&[usize]; 7] = [&[20], &[3, 4], &[3, 20], &[20, 3], &[12, 3], &[20, 12], &[]];
        let all: Vec<Tensor> = (shapes.iter().enumerate())
            .map(|(k, s)| filled(s, k).astype(dtype))
            .collect();
        let f = |t: &Vec<Tensor>| {
            let [x, y, a, b, c, d, scale] = &t[..] else {
                unreachable!()
            };
            let z = a.matmul(&(x * scale)).tanh();
            let w = b
                .matmul(&(&z + c.t().matmul(&y.reshape(&[12])).sin()))
                .tanh();
            // The first output uses the second, and the third does not change.
            vec![d.matmul(&c.matmul(&z)) * &w + x, w, a.sum()]
        };
        if dtype == F64 {
            exact = blocks_by_differences(&f, &all, 2, 3);
        }
        let program = trace(f, &all).unwrap();
        let arrays: Vec<gradus_cpu::Array> = all.iter().map(array).collect();
        for objective in [Objective::Time, Objective::Operations] {
            let options = PlanOptions::default().objective(objective);
            let accumulation = gradus_plan::jacobian(&program, 2, &options, None).unwrap();
            let plan = accumulation.plan();
            let results: Vec<Vec<f64>> = (plan.candidates().iter())
                .map(|c| {
                    let run = gradus_cpu::compile(&c.program, &Default::default()).unwrap();
                    let inputs = arrays.iter().map(gradus_cpu::Input::Borrowed).collect();
                    let outputs = run.run(inputs).unwrap();
                    assert_eq!(outputs.len(), 6);
                    outputs.iter().flat_map(numbers).collect()
                })
                .collect();
            let all = plan.candidates().iter();
            eliminated += all
                .filter(|c| matches!(c.mode, Mode::Elimination(_)))
                .count();
            for (c, got) in plan.candidates().iter().zip(&results) {
                close("several", c.mode.name(), got, &results[0], tolerance);
                let by_differences = tolerance.max(1e-7);
                close("several", c.mode.name(), got, &exact, by_differences);
            }
        }
    }
    assert!(eliminated >= 2, "{eliminated}");
}

/// The blocks of each output by each of the first `inputs` arguments, one after the other, by central differences.
fn blocks_by_differences(
    f: &dyn Fn(&Vec<Tensor>) -> Vec<Tensor>,
    all: &[Tensor],
    inputs: usize,
    outputs: usize,
) -> Vec<f64> {
    let block = |(o, k): (usize, usize)| {
        let one = |x: &Tensor| {
            let mut moved = all.to_vec();
            moved[k] = x.clone();
            f(&moved).swap_remove(o)
        };
        differences(&one, &all[k])
    };
    let pairs = (0..outputs).flat_map(|o| (0..inputs).map(move |k| (o, k)));
    pairs.flat_map(block).collect()
}

fn array(t: &Tensor) -> gradus_cpu::Array {
    let made = match t.dtype() {
        F32 => gradus_cpu::Array::from_slice(&t.to_vec::<f32>().unwrap(), t.shape()),
        _ => gradus_cpu::Array::from_slice(&t.to_vec::<f64>().unwrap(), t.shape()),
    };
    made.unwrap()
}

fn numbers(a: &gradus_cpu::Array) -> Vec<f64> {
    match a.as_slice::<f64>() {
        Some(all) => all.to_vec(),
        None => {
            let all = a.as_slice::<f32>().unwrap();
            all.iter().map(|&v| f64::from(v)).collect()
        }
    }
}

/// A loop before a narrow point: the planner finds an order that passes it with few rows, at the estimated cost.
#[test]
fn loops_are_passed_between_narrow_places() {
    let (into, down, up) = (
        filled(&[40, 40], 1),
        filled(&[3, 40], 2),
        filled(&[40, 3], 3),
    );
    let f = move |x: &Tensor| {
        let step = |s: &Tensor, _: &Tensor| ((into.matmul(s) + x).tanh(), ());
        let (y, ()) = scan(step, x, &Tensor::zeros(&[7], F64));
        up.matmul(&down.matmul(&y).tanh()).tanh()
    };
    let x = filled(&[40], 7);
    let plan = plan_jacobian(&f, &x, &PlanOptions::default()).unwrap();
    let wanted = jacrev(&f)(&x).to_vec::<f64>().unwrap();
    let analysis = plan.analyze_for(&x, Duration::ZERO).unwrap();
    for (c, m) in plan.plan().candidates().iter().zip(&analysis.measured) {
        let got = plan.evaluate_by(c, &x).unwrap().to_vec::<f64>().unwrap();
        close("a loop", &c.name, &got, &wanted, 1e-12);
        assert_eq!(c.estimate.operations, m.unwrap().operations, "{}", c.name);
    }
    let explained = plan.explain();
    assert_eq!(plan.plan().chosen().mode.name(), "mixed", "{explained}");
    let pure = operations(&plan, "forward").min(operations(&plan, "reverse"));
    assert!(
        3 * operations(&plan, "mixed").unwrap() < pure.unwrap(),
        "{explained}"
    );
    // The loop is named with its line and its own cost, also as one operation of a segment.
    let held: Vec<&str> = (explained.lines())
        .filter(|l| l.trim().starts_with("scan of 7 steps, at "))
        .collect();
    assert_eq!(held.len(), 2, "{explained}");
    assert!(
        held.iter()
            .all(|l| l.contains("branches.rs:") && l.contains("operations, "))
    );
    assert!(explained.contains("elementwise operations and 2 loops\n"));
    let read: serde_json::Value = serde_json::from_str(&plan.plan().to_json()).unwrap();
    let regions = read["regions"].as_array().unwrap();
    let step = 2 * 40 * 40 + 40 + 40 + 40;
    assert!(regions[0]["operations"].as_u64().unwrap() >= 7 * step);
    assert_eq!(regions.len(), 2);
}

/// The forecast of a run's operations.
#[derive(Clone, Copy, PartialEq)]
enum Said {
    Exactly,
    /// An order can need only some of the carried values; the rest is removed only when it is compiled.
    AtMost,
    /// The number of steps or the branch is only known at run time.
    Nothing,
}

/// Programs that are not chains, with loops, choices and calls inside.
fn branches_with_loops() -> Vec<(&'static str, Vec<usize>, Function, Said)> {
    let f = |name, shape: &[usize], f: Function, said| (name, shape.to_vec(), f, said);
    /// Steps of a recurrence on `n` numbers.
    fn steps(n: usize, seed: usize) -> Function {
        let w = filled(&[n, n], seed);
        Box::new(move |x| {
            let step = |s: &Tensor, _: &Tensor| ((w.matmul(s) + x).tanh(), ());
            scan(step, x, &Tensor::zeros(&[5], F64)).0
        })
    }
    let mut all = vec![
        f(
            "a residual bottleneck behind a loop",
            &[40],
            {
                let (g, narrow) = (steps(40, 1), layers(&[40, 3, 40]));
                Box::new(move |x| x + narrow(&g(x)))
            },
            Said::Exactly,
        ),
        f(
            "two parallel waists with a loop in each",
            &[40],
            {
                let (a, b) = (layers(&[40, 3]), layers(&[40, 4]));
                let (s, t) = (steps(3, 1), steps(4, 2));
                let (c, d) = (layers(&[3, 30, 40]), layers(&[4, 20, 40]));
                Box::new(move |x| c(&s(&a(x))) * d(&t(&b(x))))
            },
            Said::Exactly,
        ),
        f(
            "a loop that carries two arrays side by side",
            &[24],
            {
                let (a, b) = (filled(&[3, 24], 1), filled(&[4, 24], 2));
                let (s, t) = (filled(&[3, 3], 3), filled(&[4, 4], 4));
                let (up, other) = (filled(&[24, 3], 5), filled(&[24, 4], 6));
                Box::new(move |x| {
                    let step = |(h, c): &(Tensor, Tensor), _: &Tensor| {
                        ((s.matmul(h).tanh(), t.matmul(c).sin()), ())
                    };
                    let first = (a.matmul(x).tanh(), b.matmul(x).tanh());
                    let (h, c) = scan(step, &first, &Tensor::zeros(&[4], F64)).0;
                    let last = layers(&[24, 20, 24]);
                    last(&(up.matmul(&h).sin() * other.matmul(&c)))
                })
            },
            Said::AtMost,
        ),
        f(
            "a loop that reads and keeps items",
            &[6, 5],
            {
                let (w, up) = (filled(&[2, 5], 1), filled(&[5, 2], 2));
                Box::new(move |x| {
                    let step = |s: &Tensor, v: &Tensor| {
                        let s = (w.matmul(v) * s).tanh();
                        (s.clone(), up.matmul(&s))
                    };
                    let (last, kept) = scan(step, &Tensor::ones(&[2], F64), x);
                    kept * last.sum() + x
                })
            },
            Said::Exactly,
        ),
    ];
    all.extend(branches_with_calls());
    all
}

/// Choices and calls in one of two branches.
fn branches_with_calls() -> Vec<(&'static str, Vec<usize>, Function, Said)> {
    let f = |name, shape: &[usize], f: Function, said| (name, shape.to_vec(), f, said);
    vec![
        f(
            "a choice in one of two branches",
            &[30],
            {
                let (a, b, c) = (
                    layers(&[30, 20, 3]),
                    layers(&[30, 10, 3]),
                    layers(&[3, 20, 30]),
                );
                Box::new(move |x| {
                    let y = a(x);
                    let y = cond(
                        &x.sum().less(0.0),
                        Tensor::sin,
                        |y: &Tensor| y * y.sum(),
                        &y,
                    );
                    c(&(y * b(x)))
                })
            },
            Said::Nothing,
        ),
        f(
            "calls and a loop of unknown length",
            &[20],
            {
                let (a, b, up) = (layers(&[20, 2]), layers(&[20, 3]), layers(&[3, 20]));
                Box::new(move |x| {
                    let y = checkpoint(|x: &Tensor| a(x).sin())(x);
                    let many = |y: &Tensor| y.square().sum().less(9.0);
                    let y = while_loop(many, |y: &Tensor| y * 1.4 + y.sin(), &y).sum();
                    up(&b(x)) * y + x
                })
            },
            Said::Nothing,
        ),
    ]
}

#[test]
fn programs_with_loops_are_eliminated() {
    let mut eliminated = Vec::new();
    for (name, shape, f, said) in &branches_with_loops() {
        let x = filled(shape, 7);
        let wanted = jacrev(f)(&x).to_vec::<f64>().unwrap();
        close(name, "differences", &wanted, &differences(f, &x), 1e-6);
        for objective in [Objective::Time, Objective::Operations, Objective::Memory] {
            let options = PlanOptions::default().objective(objective);
            let plan = plan_jacobian(f, &x, &options).unwrap();
            let analysis = plan.analyze_for(&x, Duration::ZERO).unwrap();
            for (c, m) in plan.plan().candidates().iter().zip(&analysis.measured) {
                let got = plan.evaluate_by(c, &x).unwrap().to_vec::<f64>().unwrap();
                close(name, &c.name, &got, &wanted, 1e-11);
                let (forecast, counted) = (c.estimate.operations, m.unwrap().operations);
                match said {
                    Said::Exactly => assert_eq!(forecast, counted, "{name}: {}", c.name),
                    Said::AtMost => assert!(
                        counted <= forecast && forecast < counted + counted / 20,
                        "{name}: {}: {forecast} {counted}",
                        c.name
                    ),
                    Said::Nothing => {}
                }
                if matches!(c.mode, Mode::Elimination(_)) {
                    eliminated.push(*name);
                }
            }
            if *name == "a residual bottleneck behind a loop" {
                let pure = operations(&plan, "forward").min(operations(&plan, "reverse"));
                let explained = plan.explain();
                assert!(
                    3 * operations(&plan, "elimination").unwrap() < pure.unwrap(),
                    "{explained}"
                );
                assert!(explained.contains("scan of 5 steps, at "), "{explained}");
            }
        }
    }
    eliminated.dedup();
    assert_eq!(
        eliminated.len(),
        branches_with_loops().len(),
        "{eliminated:?}"
    );
}
