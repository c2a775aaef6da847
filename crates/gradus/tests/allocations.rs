//! A training step requests array memory once.

use gradus::nn::{Activation, Mlp, softmax_cross_entropy};
use gradus::optim::{Adam, AdamState};
use gradus::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that the process holds: array memory and everything else.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
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

#[test]
fn a_step_after_the_first_allocates_no_array() -> Result<()> {
    type At = (Mlp, AdamState<Mlp>, Tensor, Tensor);
    // A thread that helps in a later step packs into its own memory.
    assert!(gradus::set_threads(1));
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
    // The product's library packs operands into memory that it gives back.
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

    // The same without giving anything away: results reuse blocks that were given back.
    let mut after = Vec::with_capacity(20);
    for _ in 0..20 {
        let (_, next) = step.call(&(at.0.clone(), at.1.clone(), x.clone(), y.clone()))?;
        at = next;
        after.push(counts());
    }
    assert!(after[3..].iter().all(|c| *c == after[3]), "{after:?}");
    Ok(())
}
