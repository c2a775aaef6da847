//! The recurrent layer against its equations number by number, and under the transforms.

use gradus::nn::{Gru, Init, Linear};
use gradus::prelude::*;

const INPUTS: usize = 2;
const HIDDEN: usize = 4;
const BATCH: usize = 3;
const TIME: usize = 5;

/// A layer with nonzero biases, sequences and initial states.
fn case(dtype: DType) -> (Gru, Tensor, Tensor) {
    let [layer, a, b, x, h] = random::key(7).split();
    let mut layer = Gru::new(&layer, INPUTS, HIDDEN, Init::GlorotUniform, dtype);
    layer.input.bias = random::normal(&a, &[3 * HIDDEN], dtype);
    layer.state.bias = random::normal(&b, &[3 * HIDDEN], dtype);
    let x = random::normal(&x, &[BATCH, TIME, INPUTS], dtype);
    let h = random::normal(&h, &[BATCH, HIDDEN], dtype);
    (layer, x, h)
}

fn numbers(x: &Tensor) -> Vec<f64> {
    x.astype(F64).to_vec().unwrap()
}

#[track_caller]
fn close(a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.shape(), b.shape());
    for (k, (x, y)) in numbers(a).iter().zip(numbers(b)).enumerate() {
        assert!((x - y).abs() <= tolerance, "element {k}: {x} and {y}");
    }
}

/// The states after each item of sequence `b` by PyTorch's equations, on plain numbers.
fn by_hand(layer: &Gru, x: &Tensor, h: &Tensor, b: usize) -> Vec<f64> {
    let (w, u) = (numbers(&layer.input.weight), numbers(&layer.state.weight));
    let (a, c) = (numbers(&layer.input.bias), numbers(&layer.state.bias));
    let (x, h) = (numbers(x), numbers(h));
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let mut state = h[b * HIDDEN..(b + 1) * HIDDEN].to_vec();
    let mut states = Vec::new();
    for t in 0..TIME {
        let item = &x[(b * TIME + t) * INPUTS..][..INPUTS];
        let product = |v: &[f64], m: &[f64], column: usize| -> f64 {
            let terms = v.iter().enumerate();
            terms.map(|(k, v)| v * m[k * 3 * HIDDEN + column]).sum()
        };
        let next = |k: usize| {
            let from_input =
                |part: usize| product(item, &w, part * HIDDEN + k) + a[part * HIDDEN + k];
            let from_state =
                |part: usize| product(&state, &u, part * HIDDEN + k) + c[part * HIDDEN + k];
            let r = sigmoid(from_input(0) + from_state(0));
            let z = sigmoid(from_input(1) + from_state(1));
            let n = (from_input(2) + r * from_state(2)).tanh();
            (1.0 - z) * n + z * state[k]
        };
        state = (0..HIDDEN).map(next).collect();
        states.extend(&state);
    }
    states
}

#[test]
fn the_equations_written_out() {
    for (dtype, tolerance) in [(F64, 1e-14), (F32, 1e-6)] {
        let (layer, x, h) = case(dtype);
        let (last, states) = layer.forward(&x, &h);
        let wanted: Vec<f64> = (0..BATCH)
            .flat_map(|b| by_hand(&layer, &x, &h, b))
            .collect();
        let wanted = Tensor::new(wanted, &[BATCH, TIME, HIDDEN]).unwrap();
        assert_eq!((last.dtype(), states.dtype()), (dtype, dtype));
        close(&states, &wanted, tolerance);
        close(
            &last,
            &wanted.slice_axis(1, TIME - 1..).squeeze_axis(1),
            tolerance,
        );
    }
}

#[test]
fn one_number() {
    // r = z = σ(1), n = tanh(1): (1 − σ(1))·tanh(1).
    let ones = |rows| Linear {
        weight: Tensor::ones(&[rows, 3], F64),
        bias: Tensor::zeros(&[3], F64),
    };
    let layer = Gru {
        input: ones(1),
        state: ones(1),
    };
    let next = layer.step(&Tensor::ones(&[1], F64), &layer.start(&[]));
    close(&next, &Tensor::from([0.204_824_214_809_825_18]), 1e-15);
}

#[test]
fn a_sequence_is_its_steps() {
    let (layer, x, h) = case(F64);
    let (last, states) = layer.forward(&x, &h);
    let mut state = h.clone();
    for t in 0..TIME {
        state = layer.step(&x.slice_axis(1, t..t + 1).squeeze_axis(1), &state);
        close(
            &states.slice_axis(1, t..t + 1).squeeze_axis(1),
            &state,
            1e-15,
        );
    }
    close(&last, &state, 1e-15);
    // From the last item on, which equals the reversed sequence.
    let options = ScanOptions::default().reverse();
    let (first, backwards) = layer.forward_with(options, &x, &h);
    let (wanted, flipped) = layer.forward(&x.flip(&[1]), &h);
    close(&first, &wanted, 1e-15);
    close(&backwards, &flipped.flip(&[1]), 1e-15);
}

#[test]
fn batches_are_sequences_side_by_side() {
    let (layer, x, h) = case(F64);
    let (last, states) = layer.forward(&x, &h);
    let alone = |(x, h): &(Tensor, Tensor)| layer.forward(x, h);
    let (mapped_last, mapped) = vmap(alone)(&(x.clone(), h.clone()));
    close(&mapped_last, &last, 1e-14);
    close(&mapped, &states, 1e-14);
    // Several batch axes, and none.
    let (one_more, _) = layer.forward(&x.expand_dims(0), &h.expand_dims(0));
    close(&one_more, &last.expand_dims(0), 1e-14);
    let (_, compiled) = jit(|(layer, x, h): &(Gru, Tensor, Tensor)| layer.forward(x, h))
        .call(&(layer.clone(), x.clone(), h.clone()))
        .unwrap();
    close(&compiled, &states, 1e-14);
    // Without items the state does not change.
    let (unmoved, none) = layer.forward(&x.slice_axis(1, ..0), &h);
    assert_eq!(none.shape(), [BATCH, 0, HIDDEN]);
    close(&unmoved, &h, 0.0);
}

#[test]
fn derivatives_of_weights_items_and_state() {
    type Point = (Gru, Tensor, Tensor);
    let point = case(F64);
    let loss = |(layer, x, h): &Point| {
        let (last, states) = layer.forward(x, h);
        last.square().sum() + (states * 3.0).sin().sum()
    };
    check_grads(loss, &point).unwrap();
    check_grads(|p: &Point| grad(loss)(p), &point).unwrap();
    check_grads_with(loss, &case(F32), CheckOptions::default()).unwrap();
    // The values that the backward pass keeps change only the memory.
    let wanted = gradus::tree::leaves(&grad(loss)(&point));
    for keep in [Keep::Sqrt, Keep::Snapshots(1), Keep::Snapshots(2)] {
        let options = ScanOptions::default().keep(keep);
        let loss = move |(layer, x, h): &Point| {
            let (last, states) = layer.forward_with(options, x, h);
            last.square().sum() + (states * 3.0).sin().sum()
        };
        for slope in [grad(loss)(&point), jit(grad(loss)).call(&point).unwrap()] {
            for (got, wanted) in gradus::tree::leaves(&slope).iter().zip(&wanted) {
                close(got, wanted, 1e-12);
            }
        }
    }
    // A gradient for each sequence, compared with the batch's.
    let each = |(x, h): &(Tensor, Tensor)| {
        let (x, h) = (x.clone(), h.clone());
        grad(move |layer: &Gru| loss(&(layer.clone(), x.clone(), h.clone())))(&point.0)
    };
    let per_example = vmap(each)(&(point.1.clone(), point.2.clone()));
    close(&per_example.state.weight.sum_axis(0), &wanted[2], 1e-12);
}

#[test]
fn weights_begin_with_the_spread_of_each_part() {
    let (n, m) = (30, 50);
    let layer = Gru::new(&random::key(1), n, m, Init::GlorotUniform, F64);
    for (weight, rows) in [(&layer.input.weight, n), (&layer.state.weight, m)] {
        assert_eq!(weight.shape(), [rows, 3 * m]);
        for part in weight.split(3, -1) {
            let variance = part.square().mean().item::<f64>().unwrap();
            let wanted = 2.0 / (rows + m) as f64;
            assert!(
                (variance / wanted - 1.0).abs() < 0.1,
                "{variance}, {wanted}"
            );
        }
    }
    let [r, z] = [0, 1].map(|k| layer.state.weight.split(3, -1).swap_remove(k));
    assert!(numbers(&r) != numbers(&z), "the parts begin alike");
    assert!(numbers(&layer.input.bias).iter().all(|&b| b == 0.0));
}
