//! Derivatives in several threads: tensors, pullbacks and compiled functions can be shared,
//! because nothing accumulates in them, and all threads get the same numbers.
//!
//! PyTorch, "Autograd mechanics": Multithreaded Autograd (concurrency on CPU; non-determinism;
//! graph retaining; thread safety on autograd nodes; no thread safety on C++ hooks).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_prints};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

fn train(x: &Tensor) -> Tensor {
    ((x + 3) * (x + 4) * 0.5).sum()
}

pub fn main() -> Result<()> {
    // Ten threads, each with a gradient of its own.
    thread::scope(|s| {
        for _ in 0..10 {
            s.spawn(|| {
                let x = Tensor::ones(&[5, 5], F32);
                assert_prints(&grad(train)(&x), [[4.5; 5]; 5]);
            });
        }
    });

    // Shared parameters: gradients are returned and not added to the parameters,
    // so there is no race, and the bits are equal.
    let w = random::normal(&random::key(0), &[64, 64], F64);
    let loss = |w: &Tensor| w.matmul(w).tanh().square().sum();
    let want = grad(loss)(&w).to_vec::<f64>()?;
    let slopes = Mutex::new(Vec::new());
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                let slope = grad(loss)(&w).to_vec::<f64>();
                slopes.lock().expect("no thread stopped").push(slope);
            });
        }
    });
    for slope in slopes.into_inner().expect("no thread stopped") {
        assert_eq!(slope?, want);
    }

    // The forward pass runs once, the backward pass in several
    // threads and as often as needed: there is no graph to free.
    let (_, pull) = vjp(|w: &Tensor| w.matmul(w), &w);
    let compiled = jit(grad(loss));
    thread::scope(|s| {
        for k in 0..4 {
            let (pull, compiled, w, want) = (&pull, &compiled, &w, &want);
            s.spawn(move || {
                let u = Tensor::full(&[64, 64], f64::from(k));
                let twice = [pull(&u), pull(&u)].map(|t| t.to_vec::<f64>().expect("values"));
                assert_eq!(twice[0], twice[1]);
                let slope = compiled.call(w).expect("it runs");
                assert_eq!(slope.to_vec::<f64>().expect("values"), *want);
            });
        }
    });
    assert_eq!(compiled.programs(), 1);

    // Closures that inspect values must be safe to share: others do not compile.
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let seen = |x: &Tensor| {
        let y = x.square().inspect(|_| {
            SEEN.fetch_add(1, Ordering::Relaxed);
        });
        y.sum()
    };
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| grad(seen)(&Tensor::from([1.0, 2.0])));
        }
    });
    println!("seen {} times", SEEN.load(Ordering::Relaxed));
    assert_eq!(SEEN.load(Ordering::Relaxed), 4);
    assert_composes(train, &Tensor::ones(&[5], F64))
}
