//! Derivatives with respect to parts of a tree.

use crate::close;
use gradus::nn::{Activation, Mlp};
use gradus::prelude::*;
use gradus::tree::{leaves, paths};

fn net() -> Mlp {
    Mlp::new(&random::key(1), &[3, 4, 2], Activation::Tanh, F64).unwrap()
}

fn loss(net: &Mlp) -> Tensor {
    net.forward(&Tensor::from([[0.1, 0.5, -0.3], [1.0, 0.2, 0.4]]))
        .square()
        .sum()
}

/// `tree` with zeros where `kept` is false.
fn only<A: Tree>(tree: &A, kept: impl Fn(&str) -> bool) -> A {
    let mut kept = paths(tree).into_iter().map(|p| kept(&p));
    gradus::tree::map(tree, |t| {
        if kept.next() == Some(true) {
            t.clone()
        } else {
            t * 0.0
        }
    })
}

#[test]
fn some_tensors_have_gradients_and_others_zeros() {
    let net = net();
    let whole = grad(loss)(&net);
    for path in paths(&net) {
        let wanted = only(&whole, |p| p == path);
        let (value, slope) = value_and_grad_wrt(loss, |p| p == path)(&net);
        close(&value, &loss(&net), 1e-15);
        close(&slope, &wanted, 1e-14);
        close(&grad_wrt(loss, |p| p == path)(&net), &wanted, 1e-14);
        let frozen = grad(|net: &Mlp| loss(&freeze(net, |p| p != path)));
        close(&frozen(&net), &wanted, 1e-14);
        close(&jit(frozen).call(&net).unwrap(), &wanted, 1e-14);
    }
    let first = paths(&net).remove(0);
    let twice = grad(|net: &Mlp| {
        let slope = grad_wrt(loss, |p| p == first)(net);
        leaves(&slope)[0].square().sum()
    });
    let written = grad(|net: &Mlp| leaves(&grad(loss)(net))[0].square().sum());
    close(&twice(&net), &written(&net), 1e-12);
}

#[test]
fn nothing_is_computed_for_the_others() {
    let at = (Tensor::ones(&[8], F64), Tensor::ones(&[8], F64));
    let f = |(a, b): &(Tensor, Tensor)| (a.sin() * b.exp().tanh()).sum();
    let part = |x: &(Tensor, Tensor)| grad_wrt(f, |p| p == ".0")(x).0;
    let frozen = |x: &(Tensor, Tensor)| grad(|x| f(&freeze(x, |p| p == ".1")))(x).0;
    let live = |g: gradus::Graph| g.pruned().to_string();
    let part = live(trace(part, &at).unwrap());
    insta::assert_snapshot!(part, @"
    graph(%0: f64[8], %1: f64[8]) {
      %2: f64[8] = exp %1
      %3: f64[8] = tanh %2
      %4: f64[8] = cos %0
      %5: f64[8] = mul %3, %4
      return %5
    }
    ");
    let frozen = live(trace(frozen, &at).unwrap());
    insta::assert_snapshot!(frozen, @"
    graph(%0: f64[8], %1: f64[8]) {
      %2: f64[8] = stop_gradient %1
      %3: f64[8] = exp %2
      %4: f64[8] = tanh %3
      %5: f64[8] = cos %0
      %6: f64[8] = mul %4, %5
      return %6
    }
    ");
}

#[test]
fn parts_that_are_no_floats_may_stand_beside() {
    let at = (Tensor::from([1.0, 2.0]), Tensor::from([2i64, 3]));
    let f = |(a, k): &(Tensor, Tensor)| (a * k.astype(F64)).sum();
    let (value, (a, k)) = value_and_grad_wrt(f, |p| p == ".0")(&at);
    assert_eq!(value.item::<f64>().unwrap(), 8.0);
    close(&a, &Tensor::from([2.0, 3.0]), 0.0);
    close(&k, &Tensor::from([0i64, 0]), 0.0);
}

#[test]
fn gradients_of_each_example_are_those_of_a_loop() {
    // A tree of parameters, a loop, a choice and a change of the cotangent for each example.
    let loss = |net: &Mlp, (x, y): &(Tensor, Tensor)| {
        let (state, _) = scan(
            |s: &Tensor, v: &Tensor| ((s * 0.7 + v).sin(), ()),
            &x.sum(),
            x,
        );
        let hidden = net.forward(&(x * state).reshape(&[1, 3])).reshape(&[2]);
        let hidden = with_cotangent(&hidden, |g| gradus::optim::clip_by_norm(g, 0.5).0);
        let error = hidden - y;
        cond(
            &error.square().sum().greater(1.0),
            |e: &Tensor| e.abs().sum(),
            |e: &Tensor| e.square().sum(),
            &error,
        )
    };
    let net = net();
    let of_one = |example: &(Tensor, Tensor)| grad(|net: &Mlp| loss(net, example))(&net);
    let xs = random::normal(&random::key(3), &[5, 3], F64);
    let ys = random::normal(&random::key(4), &[5, 2], F64);
    let all = vmap(of_one)(&(xs.clone(), ys.clone()));
    let compiled = jit(vmap(of_one)).call(&(xs.clone(), ys.clone())).unwrap();
    close(&all, &compiled, 1e-14);
    for k in 0..5 {
        let one = of_one(&(xs.at(k), ys.at(k)));
        close(&gradus::tree::map(&all, |t| t.at(k)), &one, 1e-13);
    }
}
