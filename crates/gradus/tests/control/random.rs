//! Random programs of loops inside choices inside loops, against the same programs without control flow.

use crate::agree;
use gradus::prelude::*;
use proptest::prelude::*;

/// An operation on a value `v`.
/// Some use another value in scope: the argument, values of enclosing bodies, step numbers, items.
#[derive(Clone, Debug)]
enum Step {
    /// `sin(v + 0.2)`
    Sin,
    /// `tanh(v·r)`
    Scale(usize),
    /// `sin(v + r)`
    Shift(usize),
    /// `v + 0.3·sin(sum(v))`
    Spread,
    /// One list if the sum is above the number, else the other.
    Cond(f64, Vec<Step>, Vec<Step>),
    /// The list whose number is the scaled sum.
    Switch(Vec<Vec<Step>>),
    /// This many times; the carried value also counts the steps.
    For(i64, Vec<Step>),
    /// A number of times computed from the value, at most three.
    Counted(Vec<Step>),
    /// At most four times, while the sum is below the number. Also carries a value that never changes.
    While(f64, Vec<Step>),
    /// Over this many rows.
    Scan(usize, bool, Keep, Vec<Step>),
    /// The identity, computed again in the backward pass.
    Checkpoint(Vec<Step>),
}

use Step::*;

fn steps(depth: u32) -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        Just(Sin),
        any::<usize>().prop_map(Scale),
        any::<usize>().prop_map(Shift),
        Just(Spread),
    ];
    let keep = prop_oneof![
        Just(Keep::All),
        Just(Keep::Sqrt),
        (1..4usize).prop_map(Keep::Snapshots)
    ];
    let step = leaf.prop_recursive(depth, 12, 3, move |inner| {
        let part = || prop::collection::vec(inner.clone(), 1..3);
        let limit = || -1.0..1.5f64;
        prop_oneof![
            (limit(), part(), part()).prop_map(|(l, a, b)| Cond(l, a, b)),
            prop::collection::vec(part(), 1..4).prop_map(Switch),
            (-1..4i64, part()).prop_map(|(n, a)| For(n, a)),
            part().prop_map(Counted),
            (limit(), part()).prop_map(|(l, a)| While(l, a)),
            (0..6usize, any::<bool>(), keep.clone(), part())
                .prop_map(|(n, reverse, keep, a)| Scan(n, reverse, keep, a)),
            part().prop_map(Checkpoint),
        ]
    });
    prop::collection::vec(step, 1..4)
}

/// The values of `reach`, and one more.
fn and(reach: &[Tensor], more: &Tensor) -> Vec<Tensor> {
    [reach, std::slice::from_ref(more)].concat()
}

/// Applies the steps to `v`, with or without control flow.
fn run(steps: &[Step], flow: bool, reach: &[Tensor], v: &Tensor) -> Tensor {
    let mut v = v.clone();
    for step in steps {
        v = apply(step, flow, reach, &v);
    }
    v
}

fn apply(step: &Step, flow: bool, reach: &[Tensor], v: &Tensor) -> Tensor {
    let one = |k: &usize| &reach[k % reach.len()];
    let inside = and(reach, v);
    let part = |part: &[Step], v: &Tensor| run(part, flow, &inside, v);
    match step {
        Sin => (v + 0.2).sin(),
        Scale(k) => (v * one(k)).tanh(),
        Shift(k) => (v + one(k)).sin(),
        Spread => v + v.sum().sin() * 0.3,
        Checkpoint(a) if flow => checkpoint(|v: &Tensor| part(a, v))(v),
        Checkpoint(a) => part(a, v),
        Cond(limit, a, b) => {
            let test = v.sum().greater(*limit);
            if flow {
                cond(&test, |v: &Tensor| part(a, v), |v: &Tensor| part(b, v), v)
            } else {
                test.where_(part(a, v), part(b, v))
            }
        }
        Switch(parts) => {
            let index = (v.sum() * 2.0).floor().astype(I32);
            if flow {
                let branches = parts.iter().map(|a| move |v: &Tensor| part(a, v));
                let branches: Vec<_> = branches.collect();
                let branches: Vec<&dyn Fn(&Tensor) -> Tensor> =
                    branches.iter().map(|b| b as _).collect();
                return switch(&index, &branches, v);
            }
            let mut y = part(&parts[parts.len() - 1], v);
            for (k, a) in parts.iter().enumerate().rev().skip(1) {
                y = index.less_equal(k as i64).where_(part(a, v), &y);
            }
            y
        }
        For(..) | Counted(_) | While(..) | Scan(..) => looped(step, flow, &inside, v),
    }
}

fn looped(step: &Step, flow: bool, reach: &[Tensor], v: &Tensor) -> Tensor {
    type Carried = (Tensor, Tensor);
    let number = |i: &Tensor| i.astype(v.dtype()) * 0.3;
    let at = |a: &[Step], i: &Tensor, v: &Tensor| run(a, flow, &and(reach, &number(i)), v);
    let start = (Tensor::from(0i64), v.clone());
    match step {
        For(n, a) if flow => {
            let step = |i: &Tensor, (k, v): &Carried| (k + 2i64, at(a, i, v));
            let (k, v) = fori_loop(..*n, step, &start);
            v + number(&k)
        }
        For(n, a) => {
            let mut v = v.clone();
            for i in 0..*n {
                v = at(a, &Tensor::from(i), &v);
            }
            v + number(&Tensor::from(2 * (*n).max(0)))
        }
        Counted(a) => {
            let n = (v.sum() * 2.0).abs().floor().astype(I64).minimum(3i64);
            if flow {
                return fori_loop(..&n, |i, v: &Tensor| at(a, i, v), v);
            }
            let mut v = v.clone();
            for i in 0..3i64 {
                v = n.greater(i).where_(at(a, &Tensor::from(i), &v), &v);
            }
            v
        }
        While(limit, a) => {
            let goes_on = |k: &Tensor, v: &Tensor| k.less(4i64) & v.sum().less(*limit);
            if flow {
                type Three = (Tensor, Tensor, Tensor);
                let step = |(k, v, kept): &Three| (k + 1i64, at(a, k, v) * kept, kept.clone());
                let kept = v.cos();
                let test = |(k, v, _): &Three| goes_on(k, v);
                return while_loop(test, step, &(start.0, v.clone(), kept)).1;
            }
            let kept = v.cos();
            let (mut v, mut on) = (v.clone(), Tensor::from(true));
            for k in 0..4i64 {
                on &= goes_on(&Tensor::from(k), &v);
                v = on.where_(&(at(a, &Tensor::from(k), &v) * &kept), &v);
            }
            v
        }
        Scan(n, reverse, keep, a) => {
            let xs = (Tensor::arange(0.0, *n as f64, 1.0) * 0.4).astype(v.dtype()) + v.sum();
            let step = |s: &Tensor, x: &Tensor| (run(a, flow, &and(reach, x), s), s.sum() * x);
            if flow {
                let forwards = ScanOptions::default().keep(*keep);
                let options = if *reverse {
                    forwards.reverse()
                } else {
                    forwards
                };
                let (v, ys) = scan_with(options, step, v, &xs);
                return v + ys.sum();
            }
            let mut order: Vec<isize> = (0..*n as isize).collect();
            if *reverse {
                order.reverse();
            }
            let (mut v, mut sum) = (v.clone(), v.sum() * 0.0);
            for k in order {
                let (next, y) = step(&v, &xs.at(k));
                (v, sum) = (next, sum + y);
            }
            v + sum
        }
        _ => unreachable!("{step:?} is no loop"),
    }
}

/// Whether `f` has small derivatives around `x`.
/// If they are large, rounding errors, which differ between programs, show in the results.
fn calm(f: impl Fn(&Tensor) -> Tensor + Copy, x: &Tensor) -> bool {
    let slope = |x: &Tensor| grad(f)(x);
    let second = |x: &Tensor| grad(move |x: &Tensor| grad(f)(x).square().sum())(x);
    let small = |y: Tensor| {
        let y = y.astype(F64).to_vec::<f64>().unwrap();
        y.iter().all(|y| y.abs() < 100.0)
    };
    let rows = crate::stack_rows(x);
    small(vmap(f)(&rows)) && small(vmap(slope)(&rows)) && small(vmap(second)(&rows))
}

/// The number of programs compared; about a quarter are not calm. If more than two thirds are not, the test fails.
const PROGRAMS: u32 = 24;

proptest! {
    #![proptest_config(ProptestConfig { cases: PROGRAMS, max_global_rejects: 2 * PROGRAMS, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn programs_compute_what_they_compute_written_out(steps in steps(3), at in prop::collection::vec(-1.2..1.2f64, 3)) {
        let with = |flow: bool| {
            let steps = &steps;
            move |x: &Tensor| run(steps, flow, std::slice::from_ref(x), &x.sin()).sum()
        };
        let (flow, written) = (with(true), with(false));
        let points = [Tensor::from(at.clone()), Tensor::from(at[0]), Tensor::zeros(&[0], F64)];
        prop_assume!(points.iter().all(|x| calm(written, x)));
        for x in points {
            agree(flow, written, &x);
        }
    }

    #[test]
    fn in_single_precision_too(steps in steps(2), at in prop::collection::vec(-1.2..1.2f64, 3)) {
        let with = |flow: bool| {
            let steps = &steps;
            move |x: &Tensor| run(steps, flow, std::slice::from_ref(x), &x.sin()).sum()
        };
        let x = Tensor::from(at).astype(F32);
        prop_assume!(calm(with(false), &x));
        let near = |a: Tensor, b: Tensor| {
            assert_eq!(a.dtype(), F32);
            crate::close(&a.astype(F64), &b.astype(F64), 2e-4);
        };
        near(with(true)(&x), with(false)(&x));
        near(grad(with(true))(&x), grad(with(false))(&x));
        near(vmap(grad(with(true)))(&crate::stack_rows(&x)), vmap(grad(with(false)))(&crate::stack_rows(&x)));
    }
}
