//! The planner's estimates against measured times: for functions of many shapes,
//! the time of the chosen order beside forward and reverse mode, its regret against the fastest candidate,
//! and the time of planning.
//!
//! All candidates run in turn, and times are medians.
//! This is repeated [`ROUNDS`] times; ratios are medians over the rounds.
//! If the planner chooses the better pure mode, the line says so, and differences are noise.
//! The verdicts at the end are about the other functions.
//!
//! The limit for planning: at most 2 ms, or 5 % of the compilation if that is more.
//! `plan` is all of planning, from the traced program to the chosen one. The limit applies to `extra`.
//! It is `plan` without the linearisation and the program of the chosen order,
//! which a caller who names the order also pays for (for forward and reverse mode, in `jacfwd` and `jacrev`).
//! All three times are the smallest of many, taken in turn, so that a busy machine has little effect.
//!
//!     cargo run --release -p gradus-benches --bin plan [PART OF A NAME]

#[path = "../tests/robot_arm.rs"]
mod robot_arm;

use gradus::Graph;
use gradus::plan::{Candidate, JacobianPlan, Mode, Plan, machine_profile};
use gradus::prelude::*;
use gradus_benches::chains::{Function, filled, layers};
use gradus_benches::{machine, time};
use robot_arm::robot_arm;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The same layers, applied to every row of a matrix.
fn rows(widths: &[usize], dtype: DType) -> Function {
    let all: Vec<Tensor> = widths
        .windows(2)
        .map(|w| filled(&[w[0], w[1]], dtype))
        .collect();
    Box::new(move |x| all.iter().fold(x.clone(), |x, w| x.matmul(w).tanh()))
}

fn residual(width: usize, inner: usize, depth: usize, dtype: DType) -> Function {
    let all: Vec<(Tensor, Tensor)> = (0..depth)
        .map(|_| {
            (
                filled(&[inner, width], dtype),
                filled(&[width, inner], dtype),
            )
        })
        .collect();
    Box::new(move |x| {
        all.iter()
            .fold(x.clone(), |x, (a, b)| &x + b.matmul(&a.matmul(&x).tanh()))
    })
}

fn functions() -> Vec<(String, Vec<usize>, DType, Function)> {
    let mut all: Vec<(String, Vec<usize>, DType, Function)> = Vec::new();
    let chain = |widths: &[usize]| {
        let names: Vec<String> = widths.iter().map(usize::to_string).collect();
        names.join("-")
    };
    for dtype in [F32, F64] {
        for widths in [
            &[64, 128, 10][..],
            &[10, 128, 64],
            &[256, 256, 256],
            &[300, 100, 30, 10],
            &[10, 30, 100, 300],
            &[400, 40, 400],
            &[500, 200, 8, 200, 500],
            &[1000, 50, 8, 50, 1000],
            &[200, 10, 200, 10, 200],
        ] {
            let f = layers(widths, dtype);
            all.push((
                format!("layers {} {dtype}", chain(widths)),
                vec![widths[0]],
                dtype,
                f,
            ));
        }
    }
    let wide = [2000, 2000, 20, 2000, 2000];
    all.push((
        format!("layers {} f32", chain(&wide)),
        vec![2000],
        F32,
        layers(&wide, F32),
    ));
    all.push((
        "residual 128, 8 inside, 4 deep".into(),
        vec![128],
        F64,
        residual(128, 8, 4, F64),
    ));
    all.push((
        "residual 64, 256 inside, 4 deep".into(),
        vec![64],
        F64,
        residual(64, 256, 4, F64),
    ));
    for n in [64, 256, 1024] {
        let f = rows(&[16, 32, 8], F64);
        all.push((format!("{n} rows of 16-32-8"), vec![n, 16], F64, f));
    }
    all.push((
        "elementwise 1000".into(),
        vec![1000],
        F64,
        Box::new(|x| x.sin() * x.exp()),
    ));
    all.push((
        "Lorenz".into(),
        vec![3],
        F64,
        Box::new(|x| {
            let (a, b, c) = (x.at(0), x.at(1), x.at(2));
            stack(
                &[
                    &((&b - &a) * 10.0),
                    &(&a * (28.0 - &c) - &b),
                    &(&a * &b - &c * (8.0 / 3.0)),
                ],
                0,
            )
        }),
    ));
    let (a, b) = (filled(&[200, 50], F64), filled(&[200], F64));
    all.push((
        "least squares 200 by 50".into(),
        vec![50],
        F64,
        Box::new(move |x| a.matmul(x).sin() - &b),
    ));
    let w = filled(&[40, 40], F64);
    all.push((
        "20 steps of an ODE of 40".into(),
        vec![40],
        F64,
        Box::new(move |x| (0..20).fold(x.clone(), |x, _| &x + w.matmul(&x).tanh() * 0.05)),
    ));
    for widths in [&[200, 100, 6, 100, 200][..], &[60, 30, 3, 30, 60]] {
        let name = chain(widths);
        let (f, g) = (layers(widths, F64), layers(widths, F64));
        all.push((
            format!("two branches {name}"),
            vec![widths[0]],
            F64,
            Box::new(move |x| f(x) * g(&x.sin())),
        ));
        let g = layers(widths, F64);
        all.push((
            format!("x plus {name}"),
            vec![widths[0]],
            F64,
            Box::new(move |x| x + g(x)),
        ));
    }
    let weights: Vec<Tensor> = [[5, 150], [7, 150], [5, 5], [5, 7], [7, 5], [7, 7]]
        .iter()
        .chain(&[[150, 5], [150, 7]])
        .map(|s| filled(s, F64))
        .collect();
    let last = layers(&[150, 100, 150], F64);
    all.push((
        "two states of 5 and 7, 4 steps".into(),
        vec![150],
        F64,
        Box::new(move |x| {
            let w = &weights;
            let (mut h, mut c) = (w[0].matmul(x).tanh(), w[1].matmul(x).tanh());
            for _ in 0..4 {
                let next = (w[2].matmul(&h) + w[3].matmul(&c)).tanh();
                c = &c + (w[4].matmul(&h) + w[5].matmul(&c)).tanh();
                h = next;
            }
            last(&(w[6].matmul(&h) + w[7].matmul(&c)))
        }),
    ));
    all.push((
        "robot arm of 6 joints".into(),
        vec![6],
        F64,
        Box::new(robot_arm),
    ));
    let g = layers(&[60, 40, 1], F64);
    all.push((
        "gradient of 60-40-1 (Hessian)".into(),
        vec![60],
        F64,
        Box::new(move |x| grad(|x: &Tensor| g(x).sum())(x)),
    ));
    all.extend(large());
    all
}

/// Programs of thousands of nodes.
fn large() -> Vec<(String, Vec<usize>, DType, Function)> {
    let coupled = |x: &Tensor| {
        let (mut a, mut b) = (x.sin(), x.cos());
        for _ in 0..400 {
            (a, b) = (&a * 0.9 + b.sin() * 0.1, &b * 0.9 - a.cos() * 0.1);
        }
        a * b
    };
    let w = filled(&[20, 20], F64);
    let field = move |x: &Tensor| w.matmul(x).tanh() - x * 0.1;
    let runge_kutta = move |x: &Tensor| {
        (0..100).fold(x.clone(), |x, _| {
            let k1 = field(&x);
            let k2 = field(&(&x + &k1 * 0.05));
            let k3 = field(&(&x + &k2 * 0.05));
            let k4 = field(&(&x + &k3 * 0.1));
            &x + (k1 + (k2 + k3) * 2.0 + k4) * (0.1 / 6.0)
        })
    };
    let widths: Vec<usize> = (0..=300).map(|k| [32, 16, 24][k % 3]).collect();
    let scalars = |x: &Tensor| {
        let mut all: Vec<Tensor> = (0..6).map(|k| x.at(k)).collect();
        for k in 0..800 {
            let [a, b, c] = [k % 6, (k * 5 + 1) % 6, (k * 7 + 2) % 6];
            all[a] = (&all[b] * &all[c]).sin() + &all[a] * 0.5;
        }
        stack(&all.iter().collect::<Vec<_>>(), 0)
    };
    vec![
        (
            "400 coupled updates of 30, no cut".into(),
            vec![30],
            F64,
            Box::new(coupled),
        ),
        (
            "100 steps of Runge-Kutta of 20".into(),
            vec![20],
            F64,
            Box::new(runge_kutta),
        ),
        (
            "300 layers 32-16-24".into(),
            vec![32],
            F64,
            layers(&widths, F64),
        ),
        (
            "800 updates of 6 numbers".into(),
            vec![6],
            F64,
            Box::new(scalars),
        ),
    ]
}

/// The number of rounds in which all candidates of a function are measured.
const ROUNDS: usize = 3;

/// The largest ratio of the chosen order's time to the time of the better pure mode.
const SLOWER: f64 = 1.05;

/// The regret that is allowed at the median and at worst.
const REGRET: [f64; 2] = [1.05, 1.5];

/// The measurements of one candidate.
#[derive(Clone, Copy)]
struct Seen {
    seconds: f64,
    operations: u64,
}

/// A function's candidates, measured.
struct Outcome {
    forward: Option<Seen>,
    reverse: Option<Seen>,
    chosen: Seen,
    /// Time of the chosen order divided by the time of the fastest candidate.
    regret: f64,
    /// Time of the better pure mode divided by the time of the chosen order, and the same for operations.
    of_pure: f64,
    promised: f64,
    /// Whether the chosen program equals the program of the better pure mode,
    /// has the same number of operations, or differs.
    likeness: &'static str,
}

/// Measures all candidates of `plan`. The candidate with the program of `chosen` counts as the chosen one.
///
/// # Errors
/// If the chosen program is not among the candidates, or no pure mode is.
fn measure(plan: &JacobianPlan, chosen: &Candidate, x: &Tensor) -> Result<Outcome, String> {
    let all = plan.plan().candidates();
    let text = chosen.program.to_string();
    let place = (all.iter().position(|c| c.program.to_string() == text))
        .or_else(|| all.iter().position(|c| c.mode == chosen.mode))
        .ok_or("the chosen order is not among all candidates")?;
    let mut rounds: Vec<Vec<Option<Seen>>> = Vec::new();
    for _ in 0..ROUNDS {
        let analysis = plan.analyze(x).map_err(|e| e.to_string())?;
        let seen = analysis.measured.iter().map(|m| {
            m.map(|m| Seen {
                seconds: m.seconds,
                operations: m.operations,
            })
        });
        rounds.push(seen.collect());
    }
    let middle = |of: &dyn Fn(&[Option<Seen>]) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(|r| of(r)).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let of = |k: usize| {
        let seconds = middle(&|r| r[k].map_or(f64::NAN, |s| s.seconds));
        rounds[0][k].map(|s| Seen { seconds, ..s })
    };
    let named = |name: &str| all.iter().position(|c| c.mode.name() == name);
    let (forward, reverse) = (named("forward"), named("reverse"));
    let pure: Vec<usize> = [forward, reverse].into_iter().flatten().collect();
    let better = (pure.iter().copied())
        .filter_map(|k| of(k).map(|s| (k, s)))
        .min_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds))
        .ok_or("neither forward nor reverse mode was measured")?;
    let seen = of(place).ok_or("the chosen order was not measured")?;
    let seconds = |r: &[Option<Seen>], k: usize| r[k].map_or(f64::NAN, |s| s.seconds);
    Ok(Outcome {
        forward: forward.and_then(of),
        reverse: reverse.and_then(of),
        chosen: seen,
        regret: middle(&|r| {
            let fastest = r.iter().flatten().map(|s| s.seconds);
            seconds(r, place) / fastest.fold(f64::INFINITY, f64::min)
        }),
        of_pure: middle(&|r| {
            let pure = pure.iter().map(|&k| seconds(r, k));
            pure.fold(f64::INFINITY, f64::min) / seconds(r, place)
        }),
        promised: better.1.operations as f64 / seen.operations as f64,
        likeness: if all[better.0].program.to_string() == all[place].program.to_string() {
            ", same program"
        } else if better.1.operations == seen.operations {
            ", same operations"
        } else {
            ""
        },
    })
}

/// Times of planning in microseconds: the smallest of many,
/// taken in turn, so that a busy machine slows all of them alike.
struct Timings {
    /// From the traced program to the chosen one.
    plan: f64,
    /// The part of `plan` that a caller who names the order also pays for.
    named: f64,
    /// Compiling the chosen program.
    compile: f64,
}

impl Timings {
    fn of(graph: &Graph, options: &PlanOptions) -> Timings {
        let planned =
            |options: &PlanOptions| gradus_plan::jacobian(graph, 1, options, None).unwrap();
        let order = planned(options);
        let chosen = order.plan().chosen();
        let timing = |f: &mut dyn FnMut()| time(0, 1, Duration::ZERO, f).min;
        let [mut plan, mut named, mut compile] = [f64::INFINITY; 3];
        let mut rounds = 0;
        let begin = Instant::now();
        while rounds < 5 || (rounds < 60 && begin.elapsed() < Duration::from_secs(2)) {
            rounds += 1;
            plan = plan.min(timing(&mut || {
                black_box(planned(options));
            }));
            named = named.min(timing(&mut || match &chosen.mode {
                Mode::Mixed(mixed) => {
                    black_box(gradus_ad::linearize(graph, &[0]));
                    black_box(order.in_order(mixed).expect("an order of its own segments"));
                }
                Mode::Forward => {
                    black_box(planned(&options.clone().modes(Modes::Forward)));
                }
                // An elimination order has no name here, so reverse mode is measured in its place.
                _ => {
                    black_box(planned(&options.clone().modes(Modes::Reverse)));
                }
            }));
            compile = compile.min(timing(&mut || {
                black_box(gradus_cpu::compile(&chosen.program, &Default::default()).unwrap());
            }));
        }
        Timings {
            plan,
            named,
            compile,
        }
    }

    fn extra(&self) -> f64 {
        self.plan - self.named
    }

    fn is_within_the_rule(&self) -> bool {
        self.extra() <= f64::max(2000.0, 0.05 * self.compile)
    }
}

/// The results of all functions.
#[derive(Default)]
struct Totals {
    regrets: Vec<f64>,
    /// Time of the better pure mode / time of the chosen order, for each function.
    of_pure: Vec<f64>,
    /// Functions whose planning exceeds the limit.
    violations: usize,
    not_measured: usize,
    /// Functions for which the planner chose the better pure mode.
    same: usize,
    /// Functions whose chosen order is slower than the better pure mode.
    slower: Vec<String>,
}

fn main() -> Result<()> {
    println!("{}", machine());
    println!(
        "{:36} {:18} {:>10} {:>10} {:>10} {:>7} {:>8} {:>9} {:>9} {:>9} {:>10}  within the rule",
        "Jacobian of",
        "chosen",
        "forward µs",
        "reverse µs",
        "chosen µs",
        "regret",
        "of pure",
        "promised",
        "plan µs",
        "extra µs",
        "compile µs",
    );
    let mut totals = Totals::default();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, shape, dtype, f) in functions() {
        if name.contains(&wanted) {
            totals.add(&name, &f, &filled(&shape, dtype))?;
        }
    }
    totals.print();
    Ok(())
}

impl Totals {
    /// Plans and measures a function, and prints its line.
    fn add(&mut self, name: &str, f: &Function, x: &Tensor) -> Result<()> {
        let graph = trace(f, x)?;
        let options = PlanOptions::default().profile(machine_profile());
        let timings = Timings::of(&graph, &options);
        let order = gradus_plan::jacobian(&graph, 1, &options, None)?;
        let chosen = order.plan().chosen();
        // The chosen order is compared with all candidates, including the ones that planning skipped to save time.
        let plan = plan_jacobian(f, x, &options.node_budget(usize::MAX))?;
        let outcome = match measure(&plan, chosen, x) {
            Ok(outcome) => outcome,
            Err(why) => {
                println!("{name:36} {:18} NOT MEASURED: {why}", chosen.mode.name());
                self.not_measured += 1;
                return Ok(());
            }
        };
        let micro = |s: Option<Seen>| s.map_or("-".into(), |s| format!("{:.1}", s.seconds * 1e6));
        println!(
            "{name:36} {:18} {:>10} {:>10} {:>10} {:>7.2} {:>7.2}x {:>8.2}x {:>9.0} {:>9.0} {:>10.0}  {}{}{}",
            chosen.mode.name(),
            micro(outcome.forward),
            micro(outcome.reverse),
            micro(Some(outcome.chosen)),
            outcome.regret,
            outcome.of_pure,
            outcome.promised,
            timings.plan,
            timings.extra(),
            timings.compile,
            if timings.is_within_the_rule() {
                "yes"
            } else {
                "NO"
            },
            outcome.likeness,
            not_built(order.plan())
        );
        self.violations += usize::from(!timings.is_within_the_rule());
        if outcome.likeness == ", same program" {
            self.same += 1;
        } else if outcome.of_pure * SLOWER < 1.0 {
            self.slower.push(name.to_string());
        }
        self.regrets.push(outcome.regret);
        self.of_pure.push(outcome.of_pure);
        Ok(())
    }

    fn print(mut self) {
        if self.regrets.is_empty() {
            println!("no function was measured");
            return;
        }
        self.regrets.sort_by(f64::total_cmp);
        self.of_pure.sort_by(f64::total_cmp);
        let n = self.regrets.len();
        let (median, worst) = (self.regrets[n / 2], self.regrets[n - 1]);
        println!(
            "{n} functions: regret {median:.2} at the median, {worst:.2} at worst; against the better pure mode {:.2} x at worst, {:.2} x at best; {} take its very program",
            self.of_pure[0],
            self.of_pure[n - 1],
            self.same
        );
        let verdict = |holds: bool| match holds && self.not_measured == 0 {
            true => "holds",
            false => "DOES NOT HOLD",
        };
        println!(
            "never more than {:.0} % slower than the better of forward and reverse mode: {}{}",
            (SLOWER - 1.0) * 100.0,
            verdict(self.slower.is_empty()),
            match &self.slower[..] {
                [] => String::new(),
                names => format!(" ({})", names.join("; ")),
            }
        );
        println!(
            "regret at most {} at the median and {} at worst: {}",
            REGRET[0],
            REGRET[1],
            verdict(median <= REGRET[0] && worst <= REGRET[1])
        );
        println!(
            "planning: the rule of 2 ms or 5 % of the compilation is broken by {} functions; {} not measured",
            self.violations, self.not_measured
        );
    }
}

/// The candidates that were not built.
fn not_built(plan: &Plan) -> String {
    let names: Vec<&str> = plan.not_built().iter().map(|n| n.name.as_str()).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(", not built: {}", names.join(", ")),
    }
}
