//! Programs on the way back: what changes a cotangent, what looks at it, when it runs and in which order.
//!
//! | PyTorch | here |
//! |---|---|
//! | `Tensor.register_hook` | `with_cotangent` |
//! | `retain_grad` | `tap` and `grad_with_taps` |
//! | `Node.register_prehook`, `register_hook`, `register_full_backward_hook` | `with_cotangent` on what a function returns, and on what it gets |
//! | `register_multi_grad_hook` | `with_cotangent` on a tree |
//! | `register_post_accumulate_grad_hook` | code after `grad`: it returns the gradient |
//!
//! PyTorch, "Autograd mechanics": Backward hooks execution (whether a hook is fired; the order; special hooks; tensors modified in place).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes_in_reverse, assert_near};
use std::sync::{Arc, Mutex};

/// Values seen on the way back, with a name, in their order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(&'static str, f64)>>>);

impl Log {
    /// `x`, whose cotangent is multiplied on its way back and then noted.
    fn hook(&self, name: &'static str, factor: f64, x: &Tensor) -> Tensor {
        with_cotangent(x, |g: &Tensor| {
            let log = self.0.clone();
            (g * factor).inspect(move |g| {
                let g = g.sum().item().expect("a value that is known");
                log.lock().expect("nobody stopped").push((name, g));
            })
        })
    }

    fn take(&self) -> Vec<(&'static str, f64)> {
        std::mem::take(&mut self.0.lock().expect("nobody stopped"))
    }
}

pub fn main() -> Result<()> {
    let log = Log::default();
    let x = Tensor::from(3.0);

    // Order: from the result to the arguments. A later hook sees what an earlier one has made of the cotangent. Two on one value: PyTorch runs the
    // first registered first; here the one nearer to the result is first.
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

    // Fired only where a cotangent comes back: not by values, not by forward mode, not for what nobody asks the derivative of.
    f(&x);
    jvp(f, &x, &x.ones_like());
    grad(|y: &Tensor| f(&x) * y)(&x);
    assert!(log.take().is_empty());

    // The gradient of a value on the way, kept by its name.
    let tapped = |x: &Tensor| tap("square", &x.square()).sin();
    let found = grad_with_taps(tapped)(&x);
    assert_near(&found.taps["square"], &Tensor::from(9.0));
    assert_near(&found.cotangents["square"], &Tensor::from(cos));

    // One for several tensors: it sees all of their cotangents, when the last one is there. Clipped by their common norm.
    let clipped = |x: &(Tensor, Tensor)| {
        let (a, b) = with_cotangent(x, |g| gradus::optim::clip_by_norm(g, 1.0).0);
        a * 3 + b * 4
    };
    let (a, b) = grad(clipped)(&(x.clone(), x.clone()));
    assert_near(&a, &Tensor::from(0.6));
    assert_near(&b, &Tensor::from(0.8));

    // A value that is replaced: a hook belongs to the value it was put on, whatever its name means later.
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

    // A hook is a program like any other: under every transform of reverse mode.
    let scaled = |x: &Tensor| with_cotangent(&x.sin(), |g: &Tensor| g * 3).square().sum();
    assert_composes_in_reverse(scaled, &Tensor::from([0.4, 1.3]))
}
