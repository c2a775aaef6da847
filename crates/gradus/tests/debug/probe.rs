//! Values shown while programs run.

use gradus::prelude::*;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The values seen, as text.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn show(&self, name: &'static str) -> impl Fn(&Tensor) + Send + Sync + 'static {
        let log = self.0.clone();
        move |x| log.lock().unwrap().push(format!("{name} {x}"))
    }

    /// The values seen since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn values_are_seen_once_a_run_and_in_order() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let y = (x * 2.0).inspect(l.show("first"));
        let z = (x + 1.0).inspect(l.show("second"));
        (y * z).inspect(l.show("third")).sum()
    };
    let x = Tensor::from([1.0, 2.0]);
    let order = ["first [2. 4.]", "second [2. 3.]", "third [ 4. 12.]"];
    // Immediately, if values are concrete.
    assert_eq!(f(&x).item::<f64>().unwrap(), 16.0);
    assert_eq!(log.take(), order);
    let compiled = jit(&f);
    for _ in 0..3 {
        assert_eq!(compiled.call(&x).unwrap().item::<f64>().unwrap(), 16.0);
        assert_eq!(log.take(), order);
    }
    compiled.call_owned(x.clone()).unwrap();
    assert_eq!(log.take(), order);
    assert_eq!(grad(&f)(&x).to_vec::<f64>().unwrap(), [6.0, 10.0]);
    assert_eq!(log.take(), order);
    let second = hessian(&f)(&x);
    assert_eq!(second.to_vec::<f64>().unwrap(), [4.0, 0.0, 0.0, 4.0]);
    assert_eq!(log.take(), order);
    assert_eq!(jacfwd(&f)(&x).to_vec::<f64>().unwrap(), [6.0, 10.0]);
    assert_eq!(log.take(), order);
    for how in HvpOrder::ALL {
        hvp_with(&f, how)(&x, &x);
        assert_eq!(log.take(), order, "{how:?}");
    }
    hvp(&f)(&x, &x);
    assert_eq!(log.take(), order);
    let (_, pull) = vjp(&f, &x);
    assert_eq!(log.take(), order);
    pull(&Tensor::from(1.0));
    assert!(log.take().is_empty(), "the backward pass shows nothing");
    // Traced inside another function, whose trace keeps the closure.
    let outer = jit(grad(|x: &Tensor| jvp(&f, x, x).1));
    outer.call(&x).unwrap();
    assert_eq!(log.take(), order);
}

#[test]
fn rows_are_seen_together() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| x.square().inspect(l.show("rows")).sum();
    let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    vmap(&f)(&x);
    assert_eq!(log.take(), ["rows [[ 1.  4.]\n [ 9. 16.]]"]);
    jit(vmap(grad(&f))).call(&x).unwrap();
    assert_eq!(log.take().len(), 1);
}

#[test]
fn what_nothing_needs_is_seen_too() {
    let log = Log::default();
    let l = log.clone();
    let f = jit(move |x: &Tensor| {
        x.exp().inspect(l.show("unused"));
        x.sin()
    });
    f.call(&Tensor::from(0.0)).unwrap();
    assert_eq!(log.take(), ["unused 1.0"]);
}

#[test]
fn equal_programs_with_different_closures_are_different() {
    let log = Log::default();
    let make = |name: &'static str| {
        let log = log.clone();
        jit(move |x: &Tensor| x.sin().inspect(log.show(name)) * 2.0)
    };
    let (a, b) = (make("a"), make("b"));
    let x = Tensor::from(0.0);
    for f in [&a, &b, &a] {
        f.call(&x).unwrap();
    }
    assert_eq!(log.take(), ["a 0.0", "b 0.0", "a 0.0"]);
}

#[test]
fn a_closure_lives_as_long_as_what_runs_it() {
    let witness = Arc::new(());
    let held = witness.clone();
    let f = move |x: &Tensor| {
        let held = held.clone();
        x.sin()
            .inspect(move |_| assert!(Arc::strong_count(&held) > 0))
            .sum()
    };
    let x = Tensor::from([1.0, 2.0]);
    let before = Arc::strong_count(&witness);
    for _ in 0..100 {
        grad(&f)(&x);
    }
    assert_eq!(Arc::strong_count(&witness), before, "derivatives keep none");
    let compiled = jit(&f);
    for _ in 0..100 {
        compiled.call(&x).unwrap();
    }
    assert_eq!(
        Arc::strong_count(&witness),
        before + 1,
        "a compiled function keeps one"
    );
    let plan = plan_jacobian(|x| f(x).reshape(&[1]), &x, &PlanOptions::default()).unwrap();
    plan.evaluate(&x).unwrap();
    drop((compiled, plan));
    assert_eq!(Arc::strong_count(&witness), before);
}

#[test]
fn closures_without_captures_make_the_same_program_again() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    let f = |x: &Tensor| {
        let y = x.sin().inspect(|_| {
            SEEN.fetch_add(1, Ordering::Relaxed);
        });
        y.sum()
    };
    let x = Tensor::from([1.0, 2.0]);
    let graphs = [trace(f, &x).unwrap(), trace(f, &x).unwrap()];
    assert!(graphs[0].same(&graphs[1]));
    for _ in 0..3 {
        grad(f)(&x);
    }
    assert_eq!(SEEN.load(Ordering::Relaxed), 3);
}

#[test]
fn reading_a_value_while_tracing_shows_nothing_twice() {
    let log = Log::default();
    let l = log.clone();
    let f = move |x: &Tensor| {
        let y = x.square().inspect(l.show("y")).sum();
        match y.item::<f64>().unwrap() > 1.0 {
            true => y * 2.0,
            false => y,
        }
    };
    assert_eq!(
        grad(&f)(&Tensor::from([1.0, 2.0])).to_vec::<f64>().unwrap(),
        [4.0, 8.0]
    );
    assert_eq!(log.take(), ["y [1. 4.]"]);
    // Neither does the search for a NaN.
    assert!(find_nan(&f, &Tensor::from([1.0])).unwrap().is_none());
    assert!(log.take().is_empty());
}

#[test]
fn what_runs_later_keeps_its_closures() {
    let log = Log::default();
    let x = Tensor::from([1.0, 2.0]);
    let pull = {
        let l = log.clone();
        let f = move |x: &Tensor| {
            let l = l.clone();
            with_cotangent(x, move |g| (g * 2.0).inspect(l.show("back"))).sum()
        };
        vjp(f, &x).1
    };
    pull(&Tensor::from(3.0));
    assert_eq!(log.take(), ["back [6. 6.]"]);
    let plan = {
        let l = log.clone();
        let f = move |x: &Tensor| x.square().inspect(l.show("square")).sum();
        plan_hvp(f, &x, &PlanOptions::default()).unwrap()
    };
    log.take();
    for c in plan.plan().candidates() {
        plan.evaluate_by(c, &x, &x).unwrap();
        assert_eq!(log.take(), ["square [1. 4.]"], "{}", c.name);
    }
}

/// The next test reads the output of this one, from another process.
#[test]
fn prints() {
    if std::env::var_os("GRADUS_TEST_PRINTS").is_none() {
        return;
    }
    let f = |x: &Tensor| {
        debug_print("x is {}", x);
        // Two probes show two values, although nothing uses them.
        for _ in 0..2 {
            debug_print("square {} of {}", &x.square());
        }
        debug_print("no place", x);
        x.sin().sum()
    };
    let x = Tensor::from([1.0, 2.0]);
    eprintln!("-- at once");
    f(&x);
    eprintln!("-- jit");
    let compiled = jit(value_and_grad(f));
    compiled.call(&x).unwrap();
    compiled.call(&(x.clone() + 1.0)).unwrap();
    eprintln!("-- vmap of grad");
    vmap(grad(f))(&x.reshape(&[2, 1]));
    eprintln!("-- vjp");
    let (_, pull) = vjp(f, &x);
    pull(&Tensor::from(1.0));
    eprintln!("-- jacobian");
    jacobian(|x: &Tensor| {
        debug_print("inside {}", x);
        x.sin()
    })(&x);
    eprintln!("-- end");
}

#[test]
fn prints_stand_in_the_order_of_the_program() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "probe::prints", "--nocapture"])
        .env("GRADUS_TEST_PRINTS", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.split("-- at once\n").nth(1).unwrap();
    let said = said.split("-- end").next().unwrap();
    insta::assert_snapshot!(said, @"
    x is [1. 2.]
    square [1. 4.] of {}
    square [1. 4.] of {}
    no place
    -- jit
    x is [1. 2.]
    square [1. 4.] of {}
    square [1. 4.] of {}
    no place
    x is [2. 3.]
    square [4. 9.] of {}
    square [4. 9.] of {}
    no place
    -- vmap of grad
    x is [[1.]
     [2.]]
    square [[1.]
     [4.]] of {}
    square [[1.]
     [4.]] of {}
    no place
    -- vjp
    x is [1. 2.]
    square [1. 4.] of {}
    square [1. 4.] of {}
    no place
    -- jacobian
    inside [1. 2.]
    ");
}
