//! A training step requests array memory once, and programs give back the memory that they keep.

use gradus::engine::{Context, Cpu};
use gradus::nn::{Activation, Mlp, softmax_cross_entropy};
use gradus::optim::{Adam, AdamState};
use gradus::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that the process holds: array memory and everything else.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// The number of allocations so far.
static ASKED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        ASKED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The counters count for the whole process, so only one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A thread that comes to help in a later step packs into memory of its own.
    gradus::set_threads(1);
    assert_eq!(gradus::threads(), 1);
    // Code is made at the first run, not at one of the runs that are counted.
    #[cfg(feature = "native")]
    gradus::native::set_policy(gradus::native::Policy::Always);
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls from slices into slices allocate nothing, whether few numbers enter or many.
#[test]
fn calls_into_memory_of_the_caller_allocate_nothing() -> Result<()> {
    let _alone = alone();
    for n in [3, 1000] {
        let scale = Tensor::from(0.5);
        let loss = move |w: &Tensor| (w.sin() * w * &scale).softmax(-1).sum();
        let f = jit(move |(x, w): &(Tensor, Tensor)| {
            let sums = scan(|c: &Tensor, x: &Tensor| (c + x, c * x), &x.sum(), x);
            (value_and_grad(&loss)(w), x.outer(w).sum_axis(0), sums)
        });
        let (x, w) = (vec![0.25; n], vec![0.75; n]);
        f.prepare(&(Tensor::from(&x), Tensor::from(&w)))?;
        let (mut value, mut slope, mut sums) = ([0.0], vec![0.0; n], vec![0.0; n]);
        let (mut carry, mut all) = ([0.0], vec![0.0; n]);
        let mut asked = Vec::with_capacity(10);
        for _ in 0..10 {
            let before = ASKED.load(Ordering::Relaxed);
            let results: &mut [&mut [f64]] =
                &mut [&mut value, &mut slope, &mut sums, &mut carry, &mut all];
            f.call_into(&[&x, &w], results)?;
            asked.push(ASKED.load(Ordering::Relaxed) - before);
        }
        // But for the first, and the one that makes native code of the loop.
        let some = asked.iter().filter(|&&asked| asked > 0).count();
        assert!(some <= 2 && asked[9] == 0, "{n}: {asked:?}");
        assert!((carry[0] - 0.5 * n as f64).abs() < 1e-9, "{carry:?}");
    }
    Ok(())
}

/// A call of a function of few numbers allocates its results: for each one block, and one handle to it.
/// The block is used again when the result is dropped.
#[test]
fn calls_allocate_their_results_alone() -> Result<()> {
    let _alone = alone();
    let scale = Tensor::from([2.0, 3.0]);
    let f = jit(move |(a, b, c): &(Tensor, Tensor, Tensor)| (a * b + c, &scale * a));
    let x = (
        Tensor::from(1.5),
        Tensor::from([2.5, 3.5]),
        Tensor::from(0.5),
    );
    let mut asked = Vec::with_capacity(40);
    for _ in 0..40 {
        let before = ASKED.load(Ordering::Relaxed);
        let (sum, scaled) = f.call(&x)?;
        asked.push(ASKED.load(Ordering::Relaxed) - before);
        assert_eq!(sum.to_vec::<f64>()?, [4.25, 5.75]);
        assert_eq!(scaled.to_vec::<f64>()?, [3.0, 4.5]);
    }
    assert!(asked[39] <= 2, "{asked:?}");
    let mut results = Vec::with_capacity(3);
    let before = ASKED.load(Ordering::Relaxed);
    for _ in 0..3 {
        results.push(f.call(&x)?);
    }
    assert!(ASKED.load(Ordering::Relaxed) - before <= 3 * 4);
    Ok(())
}

#[test]
fn a_step_after_the_first_allocates_no_array() -> Result<()> {
    type At = (Mlp, AdamState<Mlp>, Tensor, Tensor);
    let _alone = alone();
    let key = random::key(0);
    let net = Mlp::new(&key, &[64, 128, 10], Activation::Relu, F32)?;
    let adam = Adam::default();
    let state = adam.start(&net);
    let step = jit(move |(net, state, x, y): &At| {
        let loss = |net: &Mlp| softmax_cross_entropy(&net.forward(x), y);
        let (loss, slope) = value_and_grad(loss)(net);
        let (net, state) = adam.update(net, &slope, state, &Tensor::from(1e-3f32));
        (loss, (net, state))
    });
    let x = random::uniform(&key, &[64, 64], F32);
    let y = Tensor::from((0..64).map(|i| i % 10).collect::<Vec<i64>>());

    // The number of requested blocks of array memory, and all bytes held.
    // The matrix product library packs operands into memory that it returns afterwards.
    let counts = || (gradus::allocations(), HELD.load(Ordering::Relaxed));
    let mut at = (net, state);
    let mut losses = Vec::with_capacity(20);
    let mut after = Vec::with_capacity(20);
    for _ in 0..20 {
        let (loss, next) = step.call_owned((at.0, at.1, x.clone(), y.clone()))?;
        at = next;
        losses.push(loss.item::<f32>()?);
        drop(loss);
        after.push(counts());
    }
    assert!(losses[19] < losses[0], "{losses:?}");
    assert!(after[1..].iter().all(|c| *c == after[1]), "{after:?}");

    // The same without giving inputs away: results reuse the blocks that were returned.
    let mut after = Vec::with_capacity(20);
    for _ in 0..20 {
        let (_, next) = step.call(&(at.0.clone(), at.1.clone(), x.clone(), y.clone()))?;
        at = next;
        after.push(counts());
    }
    assert!(after[3..].iter().all(|c| *c == after[3]), "{after:?}");
    Ok(())
}

/// A program that holds its sums until its end.
fn sums(x: &Tensor) -> Tensor {
    (x.cumsum(0).sin().cumsum(0) * x.cumsum(0)).sum()
}

/// The number of blocks requested from the system while `f` ran.
fn asked<T>(f: impl FnOnce() -> Result<T>) -> Result<u64> {
    let before = gradus::allocations();
    f()?;
    Ok(gradus::allocations() - before)
}

#[test]
fn a_context_gives_back_what_its_programs_keep() -> Result<()> {
    let _alone = alone();
    let x = Tensor::from(vec![0.25; 50_000]);
    let [one, two, three] = [(); 3].map(|()| Context::new(Cpu));
    let run = |context: &Context| context.with(|| jit(sums).call(&x));
    assert!(asked(|| run(&one))? > 0);
    assert_eq!(asked(|| run(&one))?, 0);
    assert!(asked(|| run(&two))? > 0, "both keep their memory");
    one.clear();
    assert_eq!(asked(|| run(&three))?, 0);

    // A compiled function returns its memory too, and takes other memory at the next call.
    let (four, f) = (Context::new(Cpu), jit(sums));
    three.clear();
    four.with(|| f.call(&x))?;
    assert!(asked(|| run(&one))? > 0);
    four.clear();
    assert_eq!(asked(|| run(&Context::new(Cpu)))?, 0);
    // The first context is dropped, together with its program.
    assert_eq!(asked(|| four.with(|| f.call(&x)))?, 0);
    Ok(())
}

#[test]
fn a_program_that_is_forgotten_gives_back_what_it_kept() -> Result<()> {
    let _alone = alone();
    let x = Tensor::from(vec![0.25; 60_000]);
    let (one, two) = (Context::with_capacity(Cpu, 1), Context::new(Cpu));
    let run = |context: &Context| context.with(|| jit(sums).call(&x));
    run(&one)?;
    one.with(|| jit(|x: &Tensor| x.sum()).call(&x))?;
    assert_eq!(one.len(), 1);
    assert_eq!(asked(|| run(&two))?, 0);
    Ok(())
}
