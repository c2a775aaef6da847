//! Traces and transforms on several threads give the same as on one.

use gradus::ErrorKind;
use gradus::prelude::*;
use std::thread;

/// A number that is not a literal.
fn s(x: f64) -> Tensor {
    Tensor::from([x]).at(0)
}

/// `f` on a separate thread.
fn apart<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(f).join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[track_caller]
fn is(t: &Tensor, wanted: f64) {
    assert_eq!(t.item::<f64>().unwrap(), wanted);
}

/// Inner transforms on another thread, with operands in either order.
#[test]
fn a_transform_on_another_thread_captures_a_traced_tensor() {
    let products: [fn(&Tensor, &Tensor) -> Tensor; 2] = [|x, y| x * y, |x, y| y * x];
    for product in products {
        let f = move |x: &Tensor| {
            apart(|| {
                let slope = grad(|y: &Tensor| y * y + product(x, y))(&s(2.0));
                assert_eq!(slope.item::<f64>().unwrap(), 5.0);
                slope * x
            })
        };
        // 2·2·x + x²
        is(&f(&s(1.0)), 5.0);
        is(&grad(f)(&s(1.0)), 6.0);
        let unread =
            move |x: &Tensor| apart(|| grad(|y: &Tensor| y * y * y + product(x, y))(x) * x);
        // 3x³ + x², 9x² + 2x, 18x + 2
        is(&grad(unread)(&s(1.0)), 11.0);
        is(&grad(grad(unread))(&s(1.0)), 20.0);
        is(&jit(grad(unread)).call(&s(1.0)).unwrap(), 11.0);
        is(&jvp(unread, &s(1.0), &s(1.0)).1, 11.0);
        let rows = vmap(grad(unread))(&Tensor::from([1.0, 2.0]));
        assert_eq!(rows.to_vec::<f64>().unwrap(), [11.0, 40.0]);
        let inner = move |x: &Tensor| {
            apart(|| vmap(|y: &Tensor| product(x, y))(&Tensor::from([1.0, 2.0])).sum())
        };
        is(&grad(inner)(&s(1.0)), 3.0);
        let compiled =
            move |x: &Tensor| apart(|| jit(|y: &Tensor| product(x, y)).call(&s(3.0)).unwrap());
        is(&grad(compiled)(&s(1.0)), 3.0);
        // A thread inside a thread.
        let twice = move |x: &Tensor| {
            apart(|| grad(|y: &Tensor| apart(|| grad(|z: &Tensor| product(x, z) * y * z)(y)))(x))
        };
        // d/dy (2·x·y²) at y = x: 4x²
        is(&twice(&s(3.0)), 36.0);
        is(&grad(twice)(&s(3.0)), 24.0);
    }
}

/// Operations on another thread while a branch is traced belong to the branch.
#[test]
fn bodies_are_known_on_other_threads() {
    let root = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |(): &()| apart(|| x.sqrt()),
            |(): &()| Tensor::from(0.0),
            &(),
        )
    };
    is(&grad(root)(&s(0.0)), 0.0);
    is(&grad(root)(&s(4.0)), 0.25);
    let nested = |x: &Tensor| {
        cond(
            &x.greater(0.0),
            |(): &()| apart(|| grad(|y: &Tensor| y * x.sqrt())(x)),
            |(): &()| Tensor::from(0.0),
            &(),
        )
    };
    is(&grad(nested)(&s(0.0)), 0.0);
    is(&grad(nested)(&s(4.0)), 0.25);
    let scanned = |x: &Tensor| {
        let step = |y: &Tensor, v: &Tensor| (apart(|| y * x + v), ());
        scan(step, x, &Tensor::from([1.0, 2.0])).0
    };
    // x³ + x + 2
    is(&grad(scanned)(&s(2.0)), 13.0);
}

/// A mistake on another thread is the `Err` of the call that traces its operands.
#[test]
fn mistakes_on_other_threads_are_errors_of_the_call() {
    let bad = Tensor::from([1.0, 2.0, 3.0]);
    let x = Tensor::from([1.0, 2.0]);
    let error = jit(|x: &Tensor| apart(|| x + &bad)).call(&x).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    assert!(error.to_string().contains("threads.rs"), "{error}");
    let inner = jit(|x: &Tensor| apart(|| grad(|y: &Tensor| (y + &bad).sum())(x)));
    assert_eq!(inner.call(&x).unwrap_err().kind(), ErrorKind::Shape);
    let captured = jit(|x: &Tensor| {
        apart(|| grad(|y: &Tensor| (x * y).sum() + (y + &bad).sum())(&Tensor::from([1.0, 2.0])))
    });
    assert_eq!(captured.call(&x).unwrap_err().kind(), ErrorKind::Shape);
    let rows = jit(|x: &Tensor| apart(|| vmap(|y: &Tensor| y + &bad)(x)));
    assert!(rows.call(&Tensor::from([[1.0, 2.0]])).is_err());
    let read = jit(|x: &Tensor| {
        apart(|| {
            x.item::<f64>()
                .map(Tensor::from)
                .unwrap_or_else(|_| x.clone())
        })
    });
    assert!(read.call(&s(1.0)).is_ok());
}

/// A traced tensor that outlives its trace is an error on any thread.
#[test]
fn a_tensor_of_a_trace_that_has_ended_is_refused() {
    let kept = std::sync::Mutex::new(None);
    let f = |x: &Tensor| {
        *kept.lock().unwrap() = Some(x.clone());
        x * 2.0
    };
    gradus::trace(f, &s(1.0)).unwrap();
    let x = kept.into_inner().unwrap().unwrap();
    let error = jit(|y: &Tensor| apart(|| y * &x))
        .call(&s(1.0))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Traced);
}

/// Everything at once on sixteen threads, with several numbers of helpers: the same bits.
#[test]
fn sixteen_threads_compute_the_same_bits() {
    let shared = jit(|(w, x): &(Tensor, Tensor)| {
        let loss = |w: &Tensor| (x.matmul(w).tanh().square()).sum();
        value_and_grad(loss)(w)
    });
    let work = |k: usize| -> Vec<u64> {
        let numbers = |n: usize, shift: usize| -> Vec<f64> {
            (0..n)
                .map(|i| ((i * 37 + shift * 11 + k) as f64 * 0.7).sin())
                .collect()
        };
        let x = Tensor::new(numbers(300 * 40, 1), &[300, 40]).unwrap();
        let w = Tensor::new(numbers(40 * 20, 2), &[40, 20]).unwrap();
        let mut all = Vec::new();
        let (loss, slope) = shared.call(&(w.clone(), x.clone())).unwrap();
        all.extend([loss, slope]);
        all.push(grad(|w: &Tensor| x.matmul(w).sin().sum())(&w));
        all.push(vmap(|r: &Tensor| (r * r.sum()).cos())(&x));
        let row = |h: &Tensor, r: &Tensor| {
            let h = (h + r.matmul(&w)).tanh();
            (h.clone(), h.square().sum())
        };
        let through = |h: &Tensor| {
            let (h, ys) = scan(row, h, &x.slice_axis(0, ..20));
            h.sum() + ys.sum()
        };
        all.push(grad(through)(&Tensor::zeros(&[20], F64)));
        // Nested, across threads.
        let nested = |v: &Tensor| {
            apart(|| grad(|u: &Tensor| (u * v).exp().sum() + (u * u * v).sum())(v).sum())
        };
        let point = Tensor::new(numbers(30, 3), &[30]).unwrap();
        all.push(grad(nested)(&point));
        all.push(hessian(|v: &Tensor| nested(v))(&point));
        all.iter()
            .flat_map(|t| t.to_vec::<f64>().unwrap())
            .map(f64::to_bits)
            .collect()
    };
    let mut first: Option<Vec<Vec<u64>>> = None;
    for helpers in [1, 2, 8] {
        gradus::set_threads(helpers);
        let found: Vec<Vec<u64>> = thread::scope(|scope| {
            let work = &work;
            let running: Vec<_> = (0..16).map(|k| scope.spawn(move || work(k))).collect();
            running.into_iter().map(|t| t.join().unwrap()).collect()
        });
        match &first {
            None => first = Some(found),
            Some(first) => assert!(*first == found, "{helpers} helpers change bits"),
        }
    }
}
