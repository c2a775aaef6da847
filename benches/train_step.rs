//! A step of Adam on a multilayer perceptron, beside JAX, PyTorch and the bare matrix products.
//!
//!     cargo run --release -p gradus-benches --bin train_step
//!
//! The peers need an interpreter with `jax` or `torch` (`GRADUS_PYTHON=venv/bin/python`).
//! Missing peers are listed as missing.

use gradus::nn::{Activation, Mlp};
use gradus::optim::Adam;
use gradus::prelude::*;
use gradus_benches::steps::print_steps;
use gradus_benches::training::{State, step};
use gradus_benches::{Timing, machine, number, peer, text, time};
use std::time::{Duration, Instant};

struct Configuration {
    name: &'static str,
    widths: &'static [usize],
    batch: usize,
    steps: usize,
}

const CONFIGURATIONS: [Configuration; 2] = [
    Configuration {
        name: "64-128-10 b64 f32",
        widths: &[64, 128, 10],
        batch: 64,
        steps: 5000,
    },
    Configuration {
        name: "784-512-512-10 b128 f32",
        widths: &[784, 512, 512, 10],
        batch: 128,
        steps: 600,
    },
];

fn ours(c: &Configuration) -> Result<(f64, Timing, u64)> {
    let [k, kx, ky] = random::key(0).split();
    let net = Mlp::new(&k, c.widths, Activation::Relu, F32)?;
    let x = random::normal(&kx, &[c.batch, c.widths[0]], F32);
    let classes = c.widths[c.widths.len() - 1] as f64;
    let y = (random::uniform(&ky, &[c.batch], F64) * classes).astype(I64);
    let compiled = jit(step);
    let state = Adam::default().start(&net);
    let begin = Instant::now();
    let mut at = compiled.call_owned((net, state, x.clone(), y.clone()))?.1;
    let compile_ms = begin.elapsed().as_secs_f64() * 1e3;
    let mut failed = None;
    let mut one = |at: State| -> State {
        let (net, state) = at;
        match compiled.call_owned((net, state, x.clone(), y.clone())) {
            Ok((_, next)) => next,
            Err(e) => panic!("{}", failed.insert(e)),
        }
    };
    for _ in 0..3 {
        at = one(at);
    }
    let before = gradus::allocations();
    if std::env::args().any(|a| a == "--profile") {
        let mut slot = Some(at);
        print_steps(|| {
            let (net, state) = slot.take().expect("each run gives the next state");
            let arguments = (net, state, x.clone(), y.clone());
            let ((_, next), steps) = compiled.call_profiled(arguments)?;
            slot = Some(next);
            Ok(steps)
        })?;
        at = slot.expect("each run gives the next state");
    }
    let mut slot = Some(at);
    let timing = time(50, c.steps, Duration::from_secs(8), || {
        slot = slot.take().map(&mut one);
    });
    Ok((compile_ms, timing, gradus::allocations() - before))
}

/// The five or eight matrix products of the step by the `gemm` crate on one thread, and nothing else.
fn products(c: &Configuration) -> Timing {
    let largest = c.widths.iter().max().copied().unwrap_or(0);
    let side = largest.max(c.batch);
    let (a, b) = (vec![0.5f32; side * side], vec![0.25f32; side * side]);
    let mut out = vec![0.0f32; side * side];
    let mut multiply = |m: usize, k: usize, n: usize| {
        // SAFETY: all three buffers hold side² elements, and m, k, n are at most side.
        unsafe {
            // In the library's column order: outᵀ = bᵀ · aᵀ.
            gemm_f32::gemm::f32::get_gemm_fn()(
                n,
                m,
                k,
                out.as_mut_ptr(),
                n as isize,
                1,
                false,
                b.as_ptr(),
                n as isize,
                1,
                a.as_ptr(),
                k as isize,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm_common::Parallelism::None,
            );
        }
    };
    time(20, c.steps, Duration::from_secs(4), || {
        for (l, w) in c.widths.windows(2).enumerate() {
            multiply(c.batch, w[0], w[1]);
            multiply(w[0], c.batch, w[1]);
            if l > 0 {
                multiply(c.batch, w[1], w[0]);
            }
        }
    })
}

fn main() -> Result<()> {
    println!("A step of Adam: value, gradients, update. {}", machine());
    let peers = [
        ("jax", peer("train_step_jax.py", "jax", &[])),
        ("torch", peer("train_step_torch.py", "torch", &[])),
    ];
    for c in &CONFIGURATIONS {
        println!("\n{}", c.name);
        let (compile, timing, allocations) = ours(c)?;
        println!(
            "  gradus            {:9.1} µs   (min {:.1}, max {:.1}); trace, differentiate, compile, first step {compile:.1} ms; array allocations after the first steps: {allocations}",
            timing.median, timing.min, timing.max
        );
        let alone = products(c);
        println!(
            "  products, 1 thread{:9.1} µs   gradus / products {:.2}",
            alone.median,
            timing.median / alone.median
        );
        for (name, result) in &peers {
            match result {
                Err(why) => println!("  {name}: not measured, {why}"),
                Ok(lines) => {
                    for line in lines.iter().filter(|l| text(l, "config") == Some(c.name)) {
                        let (Some(median), Some(peer)) =
                            (number(line, "median_us"), text(line, "peer"))
                        else {
                            continue;
                        };
                        let variant = text(line, "variant").unwrap_or("");
                        println!(
                            "  {:18}{median:9.1} µs   {peer} / gradus {:.2}{}",
                            format!("{peer} {variant}"),
                            median / timing.median,
                            number(line, "compile_ms")
                                .map_or(String::new(), |ms| format!("; compile {ms:.0} ms"))
                        );
                    }
                }
            }
        }
    }
    Ok(())
}
