//! Random programs with control flow, compared with the same programs that use Rust's `if` and `for` on concrete
//! values: the work of a branch or a step happens there and nowhere else.
//! The programs contain custom rules with nonlinear backward passes, operations that fail or have no derivative at
//! points where they should not run, values captured by bodies, observed values, and threads.

use crate::close;
use gradus::engine::Context;
use gradus::prelude::*;
use gradus::solve::find_root;
use gradus_reference::Reference;
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

/// A step that changes a value `v`; `r` is another value in scope.
#[derive(Clone, Debug)]
enum Step {
    /// `tanh(v·r)`
    Scale(usize),
    /// `v + 0.3·sin(2r)`, which can depend on captured values alone.
    Captured(usize),
    /// `v·√s` if the sum `s` of `r` is positive.
    Root(usize),
    /// `v` times the square root of the sum `s` of `r`, computed by a solver that fails if `s` is negative.
    Solved(usize),
    /// `v` times the element of a table at the index `r`, if it exists.
    Take(usize),
    /// The identity; a custom rule clips its cotangents.
    Clip,
    /// The identity; a function of the cotangent replaces it.
    Hook,
    /// The identity; the value is observed.
    Seen,
    /// Steps on another thread.
    Apart(Vec<Step>),
    /// Adds a derivative of the steps.
    Slope(Vec<Step>),
    /// The first steps if the sum is above the number, else the second steps.
    Cond(f64, Vec<Step>, Vec<Step>),
    /// The steps whose index is the scaled sum.
    Switch(Vec<Vec<Step>>),
    /// A loop with this number of steps; whether tracing knows that number.
    For(usize, bool, Vec<Step>),
    /// At most three steps, while the sum is below the number.
    While(f64, Vec<Step>),
    /// A scan over this number of rows.
    Scan(usize, Keep, Vec<Step>),
    /// The steps under a checkpoint.
    Checkpoint(Vec<Step>),
}

use Step::*;

fn steps(depth: u32) -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        any::<usize>().prop_map(Scale),
        any::<usize>().prop_map(Captured),
        any::<usize>().prop_map(Root),
        any::<usize>().prop_map(Take),
        any::<usize>().prop_map(Solved),
        Just(Clip),
        Just(Hook),
        Just(Seen),
    ];
    let keep = prop_oneof![
        Just(Keep::All),
        Just(Keep::Sqrt),
        (1..4usize).prop_map(Keep::Snapshots)
    ];
    let step = leaf.prop_recursive(depth, 10, 3, move |inner| {
        let part = || prop::collection::vec(inner.clone(), 1..3);
        let limit = || -1.0..1.5f64;
        prop_oneof![
            part().prop_map(Apart),
            part().prop_map(Slope),
            (limit(), part(), part()).prop_map(|(l, a, b)| Cond(l, a, b)),
            prop::collection::vec(part(), 1..4).prop_map(Switch),
            (0..4usize, any::<bool>(), part()).prop_map(|(n, known, a)| For(n, known, a)),
            (limit(), part()).prop_map(|(l, a)| While(l, a)),
            (0..4usize, keep.clone(), part()).prop_map(|(n, keep, a)| Scan(n, keep, a)),
            part().prop_map(Checkpoint),
        ]
    });
    prop::collection::vec(step, 1..4)
}

/// Whether a backward pass differs from the derivative;
/// then second derivatives depend on how often values are computed.
fn has_rules(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Clip | Hook => true,
        Apart(a) | Slope(a) | For(_, _, a) | While(_, a) | Scan(_, _, a) | Checkpoint(a) => {
            has_rules(a)
        }
        Cond(_, a, b) => has_rules(a) || has_rules(b),
        Switch(parts) => parts.iter().any(|a| has_rules(a)),
        Scale(_) | Captured(_) | Root(_) | Solved(_) | Take(_) | Seen => false,
    })
}

/// The sums of the observed values.
type Log = Arc<Mutex<Vec<f64>>>;

/// The way to run programs.
#[derive(Clone)]
struct Way {
    /// Whether operations of control flow decide, or Rust's `if` and `for` on concrete values.
    flow: bool,
    log: Log,
}

impl Way {
    fn run(&self, steps: &[Step], reach: &[Tensor], v: &Tensor) -> Tensor {
        let steps = steps.iter();
        steps.fold(v.clone(), |v, step| self.apply(step, reach, &v))
    }

    /// `a` if the condition holds, else `b`.
    fn choose(&self, condition: &Tensor, a: impl Fn() -> Tensor, b: impl Fn() -> Tensor) -> Tensor {
        if self.flow {
            cond(condition, |(): &()| a(), |(): &()| b(), &())
        } else if condition.item::<bool>().unwrap() {
            a()
        } else {
            b()
        }
    }

    fn apply(&self, step: &Step, reach: &[Tensor], v: &Tensor) -> Tensor {
        let one = |k: &usize| &reach[k % reach.len()];
        let inside = [reach, std::slice::from_ref(v)].concat();
        let part = |part: &[Step], v: &Tensor| self.run(part, &inside, v);
        match step {
            Scale(k) => (v * one(k)).tanh(),
            Captured(k) => v + (one(k) * 2.0).sin() * 0.3,
            Root(k) => {
                let positive = one(k).sum().greater(0.0);
                self.choose(&positive, || v * one(k).sum().sqrt(), || v * 0.5)
            }
            Solved(k) => {
                let s = one(k).sum();
                let root = || {
                    find_root(
                        |y: &Tensor| y.square() - &s,
                        &Tensor::from(1.0),
                        gradus::solve::Root::default(),
                    )
                };
                self.choose(&s.greater(0.1), || v * root(), || v * 0.7)
            }
            Take(k) => {
                let table = Tensor::from([0.5, 0.9, 1.2]);
                let index = (one(k).sum() * 3.0).floor().astype(I64);
                let there = index.greater_equal(0i64) & index.less(3i64);
                self.choose(&there, || v * table.take(&index, 0), || v.cos())
            }
            Clip => custom_vjp(
                |x: &Tensor| x.clone(),
                |x: &Tensor| (x.clone(), ()),
                |(): &(), g: &Tensor| g.clip(-0.3, 0.3),
            )(v),
            Hook => with_cotangent(v, |g| (g * 2.0).tanh()),
            Seen => {
                let (log, n) = (self.log.clone(), v.len());
                v.inspect(move |v| {
                    let v = v.to_vec::<f64>().unwrap();
                    let sums = v.chunks(n.max(1)).map(|row| row.iter().sum::<f64>());
                    log.lock().unwrap().extend(sums);
                })
            }
            // Another thread takes part in the trace of a body only if it gets a traced value.
            Apart(a) if self.flow && v.is_traced() => std::thread::scope(|scope| {
                let run = scope.spawn(|| part(a, v)).join();
                run.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }),
            Apart(a) => part(a, v),
            Slope(a) => v + grad(|u: &Tensor| (part(a, u) * v).sum())(v) * 0.3,
            Cond(limit, a, b) => {
                self.choose(&v.sum().greater(*limit), || part(a, v), || part(b, v))
            }
            Switch(parts) => self.switch(parts, part, v),
            For(n, known, a) => self.count(*n, *known, |v| part(a, v), v),
            While(limit, a) => self.repeat(*limit, |v| part(a, v), v),
            Scan(n, keep, a) => self.scan(*n, *keep, |v| part(a, v), v),
            Checkpoint(a) if self.flow => checkpoint(|v: &Tensor| part(a, v))(v),
            Checkpoint(a) => part(a, v),
        }
    }

    fn switch(
        &self,
        parts: &[Vec<Step>],
        part: impl Fn(&[Step], &Tensor) -> Tensor,
        v: &Tensor,
    ) -> Tensor {
        let index = (v.sum() * 2.0).floor().astype(I64);
        if self.flow {
            let branches = parts.iter().map(|a| |v: &Tensor| part(a, v));
            let branches: Vec<_> = branches.collect();
            let branches: Vec<&dyn Fn(&Tensor) -> Tensor> =
                branches.iter().map(|b| b as _).collect();
            return switch(&index, &branches, v);
        }
        let index = index.item::<i64>().unwrap();
        part(&parts[index.clamp(0, parts.len() as i64 - 1) as usize], v)
    }

    fn count(&self, n: usize, known: bool, part: impl Fn(&Tensor) -> Tensor, v: &Tensor) -> Tensor {
        let count = match known {
            true => Tensor::from(n as i64),
            // The number depends on a value.
            false => (v.sum().abs() * 0.0).astype(I64) + n as i64,
        };
        if self.flow {
            return fori_loop(..&count, |_, v: &Tensor| part(v), v);
        }
        (0..n).fold(v.clone(), |v, _| part(&v))
    }

    fn repeat(&self, limit: f64, part: impl Fn(&Tensor) -> Tensor, v: &Tensor) -> Tensor {
        let goes_on = |k: &Tensor, v: &Tensor| k.less(3i64) & v.sum().less(limit);
        let (mut k, mut v) = (Tensor::from(0i64), v.clone());
        if self.flow {
            let step = |(k, v): &(Tensor, Tensor)| (k + 1i64, part(v));
            return while_loop(|(k, v): &(Tensor, Tensor)| goes_on(k, v), step, &(k, v)).1;
        }
        while goes_on(&k, &v).item::<bool>().unwrap() {
            (k, v) = (&k + 1i64, part(&v));
        }
        v
    }

    fn scan(&self, n: usize, keep: Keep, part: impl Fn(&Tensor) -> Tensor, v: &Tensor) -> Tensor {
        let step = |s: &Tensor, x: &Tensor| {
            let s = part(&(s + x));
            (s.clone(), s.sum())
        };
        let xs = Tensor::arange(0.0, n as f64, 1.0) * 0.2;
        if self.flow {
            let options = ScanOptions::default().keep(keep);
            let (v, ys) = scan_with(options, step, v, &xs);
            return v + ys.sum();
        }
        let (mut v, mut sum) = (v.clone(), Tensor::from(0.0));
        for k in 0..n {
            let (next, y) = step(&v, &xs.at(k));
            (v, sum) = (next, sum + y);
        }
        v + sum
    }

    /// The result of `f`, and the sums of the values observed while `f` runs.
    fn seen<T>(&self, f: impl FnOnce() -> T) -> (T, Vec<f64>) {
        self.log.lock().unwrap().clear();
        let value = f();
        (value, std::mem::take(&mut *self.log.lock().unwrap()))
    }
}

/// Applies `f` to the rows of `x` one by one.
fn by_row(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Tensor {
    let rows: Vec<Tensor> = (0..x.shape()[0]).map(|k| f(&x.at(k))).collect();
    gradus::tensor::stack(&rows.iter().collect::<Vec<_>>(), 0)
}

fn is_calm(y: &Tensor) -> bool {
    let y = y.to_vec::<f64>().unwrap();
    y.iter().all(|y| y.abs() < 100.0)
}

/// Compares values, gradients and observed values: of `x` and of rows at once,
/// compiled, and on the reference engine.
fn compare(steps: &[Step], x: &Tensor) {
    let way = |flow: bool| Way {
        flow,
        log: Log::default(),
    };
    let (flow, read) = (way(true), way(false));
    let f = |way: &Way, x: &Tensor| way.run(steps, std::slice::from_ref(x), &x.sin()).sum();
    let by_flow = |x: &Tensor| f(&flow, x);
    let by_read = |x: &Tensor| f(&read, x);
    let same_seen = |a: Vec<f64>, b: Vec<f64>, ordered: bool| {
        let (mut a, mut b) = (a, b);
        if !ordered {
            a.sort_by(f64::total_cmp);
            b.sort_by(f64::total_cmp);
        }
        assert_eq!(a.len(), b.len(), "{a:?} and {b:?}");
        close(&Tensor::from(a), &Tensor::from(b), 1e-9);
    };
    let (value, seen) = read.seen(|| by_read(x));
    let (found, seen_by_flow) = flow.seen(|| by_flow(x));
    close(&found, &value, 1e-12);
    same_seen(seen_by_flow, seen.clone(), true);
    let (found, seen_compiled) = flow.seen(|| jit(by_flow).call(x).unwrap());
    close(&found, &value, 1e-12);
    same_seen(seen_compiled, seen.clone(), true);
    let reference = Context::new(Reference);
    let by_definition = || jit(by_flow).call(x).unwrap();
    let (found, seen_by_definition) = flow.seen(|| reference.with(by_definition));
    close(&found, &value, 1e-12);
    same_seen(seen_by_definition, seen, true);

    let (slope, seen) = read.seen(|| grad(by_read)(x));
    let (found, seen_by_flow) = flow.seen(|| grad(by_flow)(x));
    close(&found, &slope, 1e-9);
    same_seen(seen_by_flow, seen.clone(), false);
    close(&jit(grad(by_flow)).call(x).unwrap(), &slope, 1e-9);
    close(&reference.with(|| grad(by_flow)(x)), &slope, 1e-9);

    let rows = crate::stack_rows(x);
    let (values, seen) = read.seen(|| by_row(by_read, &rows));
    let (found, seen_of_rows) = flow.seen(|| vmap(by_flow)(&rows));
    close(&found, &values, 1e-12);
    if !x.is_empty() {
        same_seen(seen_of_rows, seen, false);
    }
    let slopes = by_row(grad(by_read), &rows);
    close(&vmap(grad(by_flow))(&rows), &slopes, 1e-9);
    close(
        &reference.with(|| vmap(grad(by_flow))(&rows)),
        &slopes,
        1e-9,
    );
    close(
        &grad(|rows: &Tensor| vmap(by_flow)(rows).sum())(&rows),
        &slopes,
        1e-9,
    );
    if !has_rules(steps) {
        let second = grad(|x: &Tensor| grad(by_read)(x).square().sum());
        let second_by_flow = grad(|x: &Tensor| grad(by_flow)(x).square().sum());
        close(&second_by_flow(x), &second(x), 1e-7);
        close(&vmap(second_by_flow)(&rows), &by_row(second, &rows), 1e-7);
    }
}

/// The number of programs to compare.
/// The test fails if more than two thirds of the programs have large derivatives.
const PROGRAMS: u32 = 24;

/// Compares at these points if all values and derivatives there are moderate.
fn compare_at(steps: &[Step], points: &[Tensor]) -> Result<(), TestCaseError> {
    let read = Way {
        flow: false,
        log: Log::default(),
    };
    let f = |x: &Tensor| read.run(steps, std::slice::from_ref(x), &x.sin()).sum();
    for x in points {
        let rows = crate::stack_rows(x);
        let second = grad(|x: &Tensor| grad(f)(x).square().sum());
        prop_assume!(
            is_calm(&by_row(f, &rows))
                && is_calm(&by_row(grad(f), &rows))
                && is_calm(&by_row(second, &rows))
        );
    }
    points.iter().for_each(|x| compare(steps, x));
    Ok(())
}

// Two tests, so that they run in parallel.
proptest! {
    #![proptest_config(ProptestConfig { cases: PROGRAMS, max_global_rejects: 2 * PROGRAMS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_of_vectors_do_what_they_do_by_values_read(steps in steps(3), at in prop::collection::vec(-1.2..1.2f64, 3)) {
        compare_at(&steps, &[Tensor::from(at)])?;
    }

    #[test]
    fn programs_of_numbers_and_of_nothing_do_what_they_do_by_values_read(steps in steps(3), at in -1.2..1.2f64) {
        compare_at(&steps, &[Tensor::from([at]).at(0), Tensor::zeros(&[0], F64)])?;
    }
}
