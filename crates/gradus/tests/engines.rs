//! Programs of the front end give the same numbers on the reference engine as on the CPU.
//! So the front end needs only the interface of an engine.

#[path = "../../../tests/near.rs"]
mod near;

use gradus::engine::Context;
use gradus::nn::Gru;
use gradus::prelude::*;
use gradus::tree::leaves;
use gradus_reference::Reference;
use near::near;

/// The numbers of a tree, and their types.
fn numbers<T: Tree>(tree: &T) -> Vec<(String, Vec<f64>)> {
    let numbers = |t: &Tensor| t.astype(F64).to_vec::<f64>().unwrap();
    let leaves = leaves(tree);
    leaves
        .iter()
        .map(|t| (format!("{}{:?}", t.dtype(), t.shape()), numbers(t)))
        .collect()
}

/// Checks that `f` gives the same with both engines.
#[track_caller]
fn same<T: Tree>(tolerance: f64, f: impl Fn() -> T) {
    let wanted = numbers(&f());
    let context = Context::new(Reference);
    let got = context.with(|| numbers(&f()));
    assert!(!context.is_empty());
    assert_eq!(got.len(), wanted.len());
    for ((ty, got), (wanted_ty, wanted)) in got.iter().zip(&wanted) {
        assert_eq!(ty, wanted_ty);
        for (a, b) in got.iter().zip(wanted) {
            let right = a.is_nan() && b.is_nan() || near(*a, *b, tolerance);
            assert!(right, "{a} instead of {b}\n{got:?}\n{wanted:?}");
        }
    }
}

fn points() -> Tensor {
    Tensor::from([[0.3, -0.7, 1.1], [0.9, 0.2, -1.3]])
}

#[test]
fn transforms() {
    let f = |x: &Tensor| (x.sin() * x.exp()).sum() / (1.0 + x.square().sum());
    let row = |x: &Tensor| stack(&[&x.prod(), &x.norm(), &(x.tanh() * x).sum()], 0);
    let x = points();
    same(1e-12, || value_and_grad(f)(&x));
    same(1e-12, || hessian(f)(&x));
    same(1e-12, || jvp(f, &x, &x.cos()));
    same(1e-12, || vmap(jacobian(row))(&x));
    same(1e-12, || hvp(f)(&x, &x.cos()));
    same(1e-12, || {
        jit(grad(|x: &Tensor| vmap(row)(x).square().sum()))
            .call(&x)
            .unwrap()
    });
    same(1e-12, || grad(|x: &Tensor| grad(f)(x).square().sum())(&x));
}

#[test]
fn control_flow() {
    let x = Tensor::from([0.4, 0.8, -0.2]);
    let powers = |x: &Tensor| {
        let step = |s: &Tensor, k: &Tensor| {
            let s = s * x + k;
            (s.clone(), s.sum())
        };
        let (last, sums) = scan(step, &x.sin(), &Tensor::from([0.1, 0.2, 0.3, 0.4]));
        (last * sums.sum()).sum()
    };
    let newton = |a: &Tensor| {
        let goes_on = |(y, old): &(Tensor, Tensor)| (y - old).abs().max().greater(1e-12);
        let step = |(y, _): &(Tensor, Tensor)| ((y + a / y) * 0.5, y.clone());
        while_loop(goes_on, step, &(a.clone(), a + 1.0)).0.sum()
    };
    let counted = |x: &Tensor| {
        let n = x.sum().ceil().astype(I64);
        fori_loop(..&n, |k, y: &Tensor| y.sin() * x + k, x).sum()
    };
    let chosen = |x: &Tensor| {
        let positive = x.sum().greater(0.0);
        cond(
            &positive,
            |x: &Tensor| x.sqrt(),
            |x: &Tensor| x.exp(),
            &x.abs(),
        )
        .sum()
    };
    let again = |x: &Tensor| checkpoint(|x: &Tensor| (x.sin() * x).exp().sum())(x);
    let all: [&dyn Fn(&Tensor) -> Tensor; 5] = [&powers, &newton, &counted, &chosen, &again];
    for f in all {
        let x = x.abs();
        let rows = stack(&[&x, &(&x * 2.0)], 0);
        same(1e-11, || f(&x));
        same(1e-11, || grad(f)(&x));
        same(1e-11, || jit(grad(f)).call(&x).unwrap());
        same(1e-11, || vmap(grad(f))(&rows));
        same(1e-10, || jvp(grad(f), &x, &x.cos()));
    }
}

#[test]
fn rules_of_users_and_solvers() {
    let x = Tensor::from([0.5, 1.5]);
    let clipped = custom_vjp(
        |x: &Tensor| x.exp(),
        |x: &Tensor| (x.exp(), x.clone()),
        |x: &Tensor, g: &Tensor| (g * x.exp()).clip(-2.0, 2.0),
    );
    same(1e-12, || grad(|x: &Tensor| clipped(x).sum())(&x));
    same(1e-12, || {
        grad(|x: &Tensor| with_cotangent(x, |g| g * 0.5).square().sum())(&x)
    });
    let root = |x: &Tensor| {
        let equation = |y: &Tensor| y.powi(3) + y - x.sum();
        gradus::solve::find_root(equation, &Tensor::from(1.0), gradus::solve::Root::default())
    };
    same(1e-10, || grad(root)(&x));
    let undefined = custom_vjp(
        |x: &Tensor| x.clone(),
        |x: &Tensor| (x.clone(), ()),
        |(): &(), g: &Tensor| g.clone(),
    );
    let forward = || {
        jit(|x: &Tensor| jvp(&undefined, x, x).1)
            .call(&x)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(Context::new(Reference).with(forward), forward());
}

#[test]
fn indices_sums_and_element_types() {
    let x = Tensor::from([[3.0, -1.0, 2.0], [0.5, 4.0, -2.5]]);
    let index = Tensor::from([2i64, 0, 2]);
    same(1e-12, || x.take(&index, 1));
    same(1e-12, || {
        grad(|x: &Tensor| x.take(&index, 1).square().sum())(&x)
    });
    same(0.0, || {
        (
            x.argmax_axis(1),
            x.argmin_axis(0),
            x.cumsum(1),
            x.max_axis(0),
            x.min_axis(1),
        )
    });
    same(1e-12, || x.matmul(&x.permute(&[1, 0])));
    same(1e-12, || grad(|x: &Tensor| x.max_axis(1).prod())(&x));
    for dtype in [F32, F64, I32, I64, U32, Bool] {
        let y = x.astype(dtype);
        same(1e-6, || {
            (
                y.astype(F64),
                y.astype(I32),
                y.astype(Bool),
                y.at(1),
                y.equal(&y),
            )
        });
        if dtype != Bool {
            same(1e-6, || {
                (
                    &y + &y,
                    &y * &y,
                    y.sum(),
                    y.prod_axis(0),
                    y.cumsum(0),
                    y.abs(),
                )
            });
        }
    }
    let whole = Tensor::from([7i32, -7, 0, i32::MIN]);
    let by = Tensor::from([2i32, -1, 0, -1]);
    same(0.0, || {
        (
            &whole / &by,
            &whole % &by,
            &whole & &by,
            &whole | &by,
            !&whole,
        )
    });
    same(0.0, || {
        (
            Tensor::zeros(&[0, 3], F64).sum_axis(0),
            Tensor::zeros(&[0], F32).exp(),
        )
    });
}

#[test]
fn a_network_is_trained() {
    let gru = Gru::new(&random::key(1), 3, 4, nn::Init::default(), F32);
    let steps = random::normal(&random::key(2), &[2, 5, 3], F32);
    let start = Tensor::zeros(&[2, 4], F32);
    let loss = |gru: &Gru| gru.forward(&steps, &start).0.square().mean();
    same(1e-5, || value_and_grad(loss)(&gru));
    let adam = optim::Adam::default();
    let step = |gru: &Gru| {
        let slope = grad(loss)(gru);
        adam.update(gru, &slope, &adam.start(gru), &Tensor::from(0.01_f32))
            .0
    };
    same(1e-4, || jit(step).call(&gru).unwrap());
}
