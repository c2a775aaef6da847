//! Optimisers, clips, schedules and losses are differentiable where they are used: at gradients of zero,
//! at the first step, at saturated and masked scores; once and twice, compiled, mapped and in loops.

use gradus::nn::{accuracy, mean_squared_error, softmax_cross_entropy};
use gradus::optim::{
    self, Adam, Momentum, Schedule, Sgd, clip_by_norm, clip_by_value, global_norm,
};
use gradus::prelude::*;

fn numbers(t: &Tensor) -> Vec<f64> {
    t.astype(F64).to_vec().unwrap()
}

fn near(got: &Tensor, wanted: &[f64]) {
    let got = numbers(got);
    assert_eq!(got.len(), wanted.len());
    for (g, w) in got.iter().zip(wanted) {
        let close = (g - w).abs() <= 1e-12 * w.abs().max(1e-6);
        assert!(close, "{got:?} instead of {wanted:?}");
    }
}

fn finite(t: &Tensor, what: &str) {
    assert!(numbers(t).iter().all(|v| v.is_finite()), "{what}: {t:?}");
}

/// The gradient and the Hessian of a scalar function: direct, compiled, of each row of a batch,
/// and with the function as the step of a loop. All are equal and finite.
fn finite_twice(f: impl Fn(&Tensor) -> Tensor, x: &Tensor, what: &str) -> Tensor {
    let slope = grad(&f)(x);
    finite(&slope, what);
    let curvature = hessian(&f)(x);
    finite(&curvature, what);
    let rows = gradus::tensor::stack(&[x, x], 0);
    let same = |other: &Tensor, one: &Tensor| {
        for (a, b) in numbers(other).iter().zip(numbers(one)) {
            assert!(
                (a - b).abs() <= 1e-9 * b.abs().max(1.0),
                "{what}: {a} and {b}"
            );
        }
    };
    same(&jit(grad(&f)).call(x).unwrap(), &slope);
    same(&vmap(grad(&f))(&rows).at(1), &slope);
    same(&vmap(hessian(&f))(&rows).at(1), &curvature);
    let looped = |x: &Tensor| {
        fori_loop(
            0..1,
            |_, y: &Tensor| y + f(x),
            &Tensor::zeros(&[], x.dtype()),
        )
    };
    same(&grad(looped)(x), &slope);
    same(&hessian(looped)(x), &curvature);
    slope
}

/// Parameters after some steps of an optimiser, as functions of the other inputs,
/// on a loss whose gradient is zero for one parameter.
fn zeros_and_others() -> [Tensor; 3] {
    [[0.0, 0.0, 0.0], [0.0, 1.0, -2.0], [1e-200, 0.0, 1e-3]].map(Tensor::from)
}

#[test]
fn adam_at_a_gradient_of_zero() {
    let weights = Tensor::from([1.0, -2.0, 0.5]);
    for options in [Adam::default(), Adam::default().weight_decay(0.1)] {
        for g in zeros_and_others() {
            let p = Tensor::from([1.0, 2.0, 3.0]);
            let rate = Tensor::from(0.1);
            let by_gradient = |g: &Tensor| {
                let (next, _) = options.update(&p, g, &options.start(&p), &rate);
                (next * &weights).sum()
            };
            finite(&grad(by_gradient)(&g), "Adam by the gradient");
            let twice = |g: &Tensor| {
                let (next, state) = options.update(&p, g, &options.start(&p), &rate);
                let (next, state) = options.update(&next, g, &state, &rate);
                ((next * &weights).sum() + state.square.sum()) * 1e-3
            };
            finite(&grad(twice)(&g), "two steps by the gradient");
            let by_rate = |r: &Tensor| {
                let (next, _) = options.update(&p, &g, &options.start(&p), r);
                (next * &weights).sum().square()
            };
            finite_twice(by_rate, &rate, "Adam by the rate");
        }
    }
    // The slope at a gradient of zero equals m/ε's.
    let options = Adam::default();
    let p = Tensor::from(1.0);
    let step = |g: &Tensor| {
        options
            .update(&p, g, &options.start(&p), &Tensor::from(0.1))
            .0
    };
    near(&grad(step)(&Tensor::from(0.0)), &[-0.1 / 1e-8]);
    // In f32, and an unused parameter of a loss that is differentiated through training.
    let p = Tensor::from([1f32, 2.0]);
    let trained = |scale: &Tensor| {
        let mut at = p.clone();
        let mut state = options.start(&at);
        for _ in 0..3 {
            let slope = grad(|x: &Tensor| x.at(0).square() * scale)(&at);
            (at, state) = options.update(&at, &slope, &state, &Tensor::from(0.1));
        }
        at.sum()
    };
    finite(
        &grad(trained)(&Tensor::from(2f32)),
        "training, by a factor of the loss",
    );
    // Values do not change.
    let (next, _) = options.update(
        &p,
        &Tensor::from([1f32, 0.0]),
        &options.start(&p),
        &Tensor::from(0.1),
    );
    let next = numbers(&next);
    assert!((next[0] - 0.9).abs() < 1e-7 && next[1] == 2.0, "{next:?}");
}

#[test]
fn descent_and_momentum() {
    let p = Tensor::from([1.0, 2.0, 3.0]);
    for g in zeros_and_others() {
        let descent = Sgd::default().weight_decay(0.1);
        finite_twice(
            |g| descent.update(&p, g, &Tensor::from(0.1)).square().sum(),
            &g,
            "descent",
        );
        for nesterov in [false, true] {
            let plain = Momentum::default();
            let momentum = if nesterov { plain.nesterov() } else { plain };
            let f = |g: &Tensor| {
                let (next, velocity) =
                    momentum.update(&p, g, &momentum.start(&p), &Tensor::from(0.1));
                let (next, _) = momentum.update(&next, g, &velocity, &Tensor::from(0.1));
                next.square().sum()
            };
            finite_twice(f, &g, "momentum");
        }
    }
}

#[test]
fn clips_at_zero_and_at_the_limit() {
    let zero = Tensor::from([0.0, 0.0]);
    let f = |g: &Tensor| clip_by_norm(g, 1.0).0.at(0);
    near(&finite_twice(f, &zero, "clip_by_norm at zero"), &[1.0, 0.0]);
    near(
        &finite_twice(f, &Tensor::from([0.3, 0.4]), "below the limit"),
        &[1.0, 0.0],
    );
    // Beyond the limit, the slope of g/|g|.
    near(
        &finite_twice(f, &Tensor::from([3.0, 4.0]), "beyond the limit"),
        &[16.0 / 125.0, -12.0 / 125.0],
    );
    // The norm itself, whose slope at zero is 0; some leaves zero, others not.
    near(
        &finite_twice(
            |g: &Tensor| clip_by_norm(g, 1.0).1,
            &zero,
            "the norm at zero",
        ),
        &[0.0, 0.0],
    );
    let leaves = |g: &Tensor| {
        global_norm(&(
            g.clone(),
            Tensor::from([2.0]) * g.at(0),
            Tensor::zeros(&[0], F64),
        ))
    };
    near(
        &finite_twice(leaves, &zero, "the norm of leaves"),
        &[0.0, 0.0],
    );
    let other = |g: &Tensor| global_norm(&(g.clone(), Tensor::from([3.0, 4.0])));
    near(
        &finite_twice(other, &zero, "zero beside others"),
        &[0.0, 0.0],
    );
    // Numbers whose squares overflow.
    let large = vec![Tensor::from([3e20f32, 0.0]), Tensor::from([0f32, 4e20])];
    let (clipped, norm) = clip_by_norm(&large, 1.0);
    assert_eq!(norm.item::<f32>().unwrap(), 5e20);
    assert!(
        (numbers(&clipped[0])[0] - 0.6).abs() < 1e-6
            && (numbers(&clipped[1])[1] - 0.8).abs() < 1e-6
    );
    let by_value = |g: &Tensor| clip_by_value(g, 1.0).square().sum();
    near(&finite_twice(by_value, &zero, "clip_by_value"), &[0.0, 0.0]);
    near(&grad(by_value)(&Tensor::from([5.0, -0.5])), &[0.0, -1.0]);
}

#[test]
fn schedules_at_their_corners() {
    let schedules = [
        Schedule::Constant { rate: 0.1 },
        Schedule::Cosine {
            rate: 0.1,
            steps: 10,
            floor: 0.1,
        },
        Schedule::Step {
            rate: 0.1,
            every: 5,
            factor: 0.5,
        },
        Schedule::Step {
            rate: 0.1,
            every: 5,
            factor: 0.0,
        },
        Schedule::WarmupCosine {
            rate: 0.1,
            warmup: 5,
            steps: 10,
        },
        Schedule::WarmupCosine {
            rate: 0.1,
            warmup: 0,
            steps: 0,
        },
    ];
    for schedule in schedules {
        for step in [0.0, 4.0, 5.0, 10.0, 100.0] {
            let step = Tensor::from(step);
            finite(&schedule.at(&step), &format!("{schedule:?}"));
            finite_twice(
                |s| schedule.at(s),
                &step,
                &format!("{schedule:?} by the step"),
            );
        }
    }
    // Multiplying by 0 once keeps the earlier rates.
    let once = Schedule::Step {
        rate: 0.1,
        every: 5,
        factor: 0.0,
    };
    assert_eq!(numbers(&once.at(&Tensor::from(4i64))), [0.1]);
    assert_eq!(numbers(&once.at(&Tensor::from(5i64))), [0.0]);
}

#[test]
fn losses_at_saturated_and_masked_scores() {
    let labels = Tensor::from([0i64, 2]);
    let inf = f64::INFINITY;
    for (scores, finite_too) in [
        ([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], true),
        ([[800.0, 0.0, -800.0], [1e300, -1e300, 1e300]], true),
        // Masked, but not at the label.
        ([[1.0, -inf, 2.0], [-inf, -inf, 0.0]], false),
    ] {
        let x = Tensor::from(scores);
        let loss = |x: &Tensor| softmax_cross_entropy(x, &labels);
        finite(&loss(&x), "cross entropy");
        let slope = finite_twice(loss, &x, "cross entropy");
        if finite_too {
            // The slopes of each row sum to zero.
            for sum in numbers(&slope.sum_axis(1)) {
                assert!(sum.abs() < 1e-12, "{slope:?}");
            }
        }
        finite(&accuracy(&x, &labels), "accuracy");
    }
    let wanted = Tensor::from([1.0, 2.0]);
    let error = |x: &Tensor| mean_squared_error(x, &wanted);
    near(
        &finite_twice(error, &wanted, "squares of zero"),
        &[0.0, 0.0],
    );
    near(
        &finite_twice(error, &Tensor::from([0.0, 4.0]), "squares"),
        &[-1.0, 2.0],
    );
}

#[test]
fn a_step_of_training_is_differentiable_by_its_parameters() {
    // A parameter that the loss does not use has a gradient of zero at each step.
    let options = Adam::default();
    let loss = |p: &Tensor| (p.at(0) - 3.0).square();
    let f = |p: &Tensor| {
        let (clipped, _) = optim::clip_by_norm(&grad(loss)(p), 10.0);
        let (next, _) = options.update(p, &clipped, &options.start(p), &Tensor::from(0.1));
        loss(&next) + next.at(1)
    };
    let slope = finite_twice(f, &Tensor::from([1.0, 2.0]), "a step of training");
    near(&slope.slice_axis(0, 1..), &[1.0]);
    // At the minimum all are zero.
    finite(&grad(f)(&Tensor::from([3.0, 2.0])), "at the minimum");
}
