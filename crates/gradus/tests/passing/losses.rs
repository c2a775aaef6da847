//! Several losses, and one loss in parts.

use crate::close;
use gradus::nn::{Activation, Mlp};
use gradus::prelude::*;

type Batch = (Tensor, Tensor);

fn net(dtype: gradus::DType) -> Mlp {
    Mlp::new(&random::key(1), &[3, 5, 2], Activation::Tanh, dtype).unwrap()
}

fn batch(rows: usize, dtype: gradus::DType) -> Batch {
    let x = random::normal(&random::key(2), &[rows, 3], dtype);
    (x, random::normal(&random::key(3), &[rows, 2], dtype))
}

fn loss(net: &Mlp, (x, y): &Batch) -> Tensor {
    (net.forward(x) - y).square().mean()
}

#[test]
fn each_loss_has_its_gradient() {
    let f = |(a, b): &Batch| {
        let shared = (a * b).exp();
        vec![
            shared.sum(),
            a.sin().sum(),
            (shared * b).mean(),
            Tensor::from(2.0),
        ]
    };
    let at = batch(4, F64);
    let at = (at.0.slice_axis(1, ..2), at.1);
    let check = |(values, slopes): (Vec<Tensor>, Vec<Batch>), at: &Batch| {
        close(&values, &f(at), 1e-15);
        assert_eq!(slopes.len(), 4);
        for (k, slope) in slopes.iter().enumerate() {
            close(slope, &grad(|x: &Batch| f(x)[k].clone())(at), 1e-13);
        }
    };
    check(value_and_grads(f)(&at), &at);
    check(jit(value_and_grads(f)).call(&at).unwrap(), &at);
    let rows = gradus::tree::map(&at, |t| gradus::tensor::stack(&[t, &(t * 0.5)], 0));
    let all = vmap(value_and_grads(f))(&rows);
    check(
        gradus::tree::map(&all, |t| t.at(1)),
        &gradus::tree::map(&rows, |t| t.at(1)),
    );
    // The angle between two gradients, differentiated.
    let angle = |x: &Batch| {
        let (_, s) = value_and_grads(f)(x);
        (&s[0].0 * &s[2].0).sum()
    };
    let written = |x: &Batch| {
        let of = |k: usize| grad(|x: &Batch| f(x)[k].clone())(x).0;
        (of(0) * of(2)).sum()
    };
    close(&grad(angle)(&at), &grad(written)(&at), 1e-12);
    // The exponential is computed once for all.
    let text = trace(value_and_grads(f), &at).unwrap().to_string();
    assert_eq!(text.matches("= exp ").count(), 1, "{text}");
    assert!(value_and_grads(|_: &Batch| ())(&at).1.is_empty());
}

#[test]
fn parts_of_a_batch_give_the_gradient_of_the_whole() {
    for (dtype, tolerance) in [(F64, 1e-13), (F32, 1e-5)] {
        let (net, batch) = (net(dtype), batch(12, dtype));
        let (value, slope) = value_and_grad(|net: &Mlp| loss(net, &batch))(&net);
        for parts in [1, 2, 3, 12] {
            let f = value_and_grad_accumulated(loss, parts);
            let (v, s) = f(&net, &batch);
            close(&v, &value, tolerance);
            close(&s, &slope, tolerance);
            let compiled = jit(|(net, batch): &(Mlp, Batch)| f(net, batch));
            let (v, s) = compiled.call(&(net.clone(), batch.clone())).unwrap();
            close(&v, &value, tolerance);
            close(&s, &slope, tolerance);
        }
    }
}

#[test]
fn gradients_in_parts_are_mapped_and_differentiated() {
    let (net, batch) = (net(F64), batch(6, F64));
    let size = |s: &Mlp| {
        let parts = gradus::tree::leaves(s);
        parts
            .iter()
            .map(|t| t.square().sum())
            .reduce(|a, b| a + b)
            .unwrap()
    };
    let whole = |net: &Mlp| size(&grad(|net: &Mlp| loss(net, &batch))(net));
    let parts = |net: &Mlp| size(&value_and_grad_accumulated(loss, 3)(net, &batch).1);
    close(&grad(parts)(&net), &grad(whole)(&net), 1e-12);
    let nets = gradus::tree::map(&net, |t| gradus::tensor::stack(&[t, &(t * 0.5)], 0));
    let all = vmap(|net: &Mlp| value_and_grad_accumulated(loss, 2)(net, &batch))(&nets);
    let wanted = vmap(|net: &Mlp| value_and_grad(|net: &Mlp| loss(net, &batch))(net))(&nets);
    close(&all, &wanted, 1e-12);
    // A loss that does not use the batch, and a batch without rows.
    let (_, s) = value_and_grad_accumulated(|w: &Tensor, _: &Tensor| w.square(), 2)(
        &Tensor::from(3.0),
        &Tensor::zeros(&[0, 2], F64),
    );
    assert_eq!(s.item::<f64>().unwrap(), 6.0);
}

#[test]
fn only_one_part_is_held() {
    let net = Mlp::new(&random::key(1), &[3, 64, 64, 2], Activation::Tanh, F64).unwrap();
    let at = (net, batch(4096, F64));
    let peak = |program: gradus::Result<gradus::Graph>| {
        let forecast = gradus_cpu::forecast(&program.unwrap());
        forecast.peak_bytes
    };
    let whole = |(net, batch): &(Mlp, Batch)| value_and_grad(|net: &Mlp| loss(net, batch))(net);
    let parts = |(net, batch): &(Mlp, Batch)| value_and_grad_accumulated(loss, 16)(net, batch);
    let (whole, parts) = (peak(trace(whole, &at)), peak(trace(parts, &at)));
    assert!(parts * 4 < whole, "{parts} bytes in parts, {whole} at once");
}
