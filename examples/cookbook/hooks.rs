//! Programs in the backward pass: they change or observe cotangents. Shows when they run, and in which order.
//!
//! | PyTorch | here |
//! |---|---|
//! | `Tensor.register_hook` | `with_cotangent` |
//! | `retain_grad` | `tap` and `grad_with_taps` |
//! | `Node.register_prehook`, `register_hook`, `register_full_backward_hook` | `with_cotangent` on the results of a function, and on its arguments |
//! | `register_multi_grad_hook` | `with_cotangent` on a tree |
//! | `register_post_accumulate_grad_hook` | code after `grad`: it returns the gradient |
//!
//! PyTorch, "Autograd mechanics": Backward hooks execution (whether a hook is fired;
//! the order; special hooks; tensors modified in place).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes_in_reverse, assert_near};
use std::sync::{Arc, Mutex};

/// Values seen in the backward pass, with a name, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(&'static str, f64)>>>);

impl Log {
    /// `x`, with a hook that multiplies the cotangent and then notes it.
    fn hook(&self, name: &'static str, factor: f64, x: &Tensor) -> Tensor {
        with_cotangent(x, |g: &Tensor| {
            let log = self.0.clone();
            (g * factor).inspect(move |g| {
                let g = g.sum().item().expect("a concrete value");
                log.lock().expect("no thread panicked").push((name, g));
            })
        })
    }

    fn take(&self) -> Vec<(&'static str, f64)> {
        std::mem::take(&mut self.0.lock().expect("no thread panicked"))
    }
}

pub fn main() -> Result<()> {
    let log = Log::default();
    let x = Tensor::from(3.0);

    // The order is from the result to the arguments. A later hook sees the cotangent that an earlier one returned.
    // With two hooks on one value, PyTorch runs the one that was registered first;
    // here the one nearer to the result is first.
    let f = |x: &Tensor| {
        let y = log.hook("argument", 1.0, x).square();
        let y = log.hook("twice", 2.0, &log.hook("ten times", 10.0, &y));
        log.hook("result", 1.0, &y.sin())
    };
    let slope = grad(f)(&x);
    let cos = 9f64.cos();
    println!("{:?}", log.take());
    assert_near(&slope, &Tensor::from(20.0 * 6.0 * cos));
    grad(f)(&x);
    let seen = log.take();
    let names: Vec<&str> = seen.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["result", "twice", "ten times", "argument"]);
    for ((_, got), want) in seen.iter().zip([1.0, 2.0 * cos, 20.0 * cos, 120.0 * cos]) {
        assert!((got - want).abs() < 1e-12);
    }

    // A hook runs only if a cotangent reaches it: not for values,
    // not in forward mode, not for a value without a derivative.
    f(&x);
    jvp(f, &x, &x.ones_like());
    grad(|y: &Tensor| f(&x) * y)(&x);
    assert!(log.take().is_empty());

    // The gradient of an intermediate value, returned by its name.
    let tapped = |x: &Tensor| tap("square", &x.square()).sin();
    let found = grad_with_taps(tapped)(&x);
    assert_near(&found.taps["square"], &Tensor::from(9.0));
    assert_near(&found.cotangents["square"], &Tensor::from(cos));

    // One hook for several tensors: it sees all of their cotangents when
    // the last one is complete, and clips them by their common norm.
    let clipped = |x: &(Tensor, Tensor)| {
        let (a, b) = with_cotangent(x, |g| gradus::optim::clip_by_norm(g, 1.0).0);
        a * 3 + b * 4
    };
    let (a, b) = grad(clipped)(&(x.clone(), x.clone()));
    assert_near(&a, &Tensor::from(0.6));
    assert_near(&b, &Tensor::from(0.8));

    // A value that is replaced: a hook belongs to the value it was put on, whatever its variable holds later.
    let replaced = |x: &Tensor| {
        let t = log.hook("before", 1.0, &x.sin());
        let t = t.cos();
        log.hook("after", 1.0, &t)
    };
    grad(replaced)(&Tensor::from(1.0));
    let seen = log.take();
    println!("{seen:?}");
    assert_eq!(seen[0], ("after", 1.0));
    assert_eq!(seen[1].0, "before");
    assert!((seen[1].1 + 1f64.sin().sin()).abs() < 1e-12);

    // A hook is a program like any other: it works under every transform of reverse mode.
    let scaled = |x: &Tensor| with_cotangent(&x.sin(), |g: &Tensor| g * 3).square().sum();
    assert_composes_in_reverse(scaled, &Tensor::from([0.4, 1.3]))
}
