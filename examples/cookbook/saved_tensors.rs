//! The values that the backward pass keeps, and other ways to keep them.
//!
//! The derivative of a square needs its argument, the derivative of an exponential its result.
//! Both exist already, and nothing is computed twice. A custom rule can keep other values.
//! A value can leave the program only between two calls, here for a file:
//! the argument of a layer is saved, and the pullback of the layer is computed from it later.
//!
//! PyTorch, "Autograd mechanics": Saved tensors;
//! Hooks for saved tensors (registering hooks for one, and by default for those that are large).

use gradus::io::{load, save};
use gradus::prelude::*;
use gradus_examples::shared::{
    assert_composes, assert_composes_in_reverse, assert_near, assert_within,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs, process};

/// `f` with a backward pass that keeps only the argument, packed by `pack`. `unpack` restores the argument.
fn packed(
    f: impl Fn(&Tensor) -> Tensor,
    pack: impl Fn(&Tensor) -> Tensor,
    unpack: impl Fn(&Tensor) -> Tensor,
) -> impl Fn(&Tensor) -> Tensor {
    move |x| {
        let forward = |x: &Tensor| (f(x), pack(x));
        let backward = |kept: &Tensor, g: &Tensor| vjp(&f, &unpack(kept)).1(g);
        custom_vjp(&f, forward, backward)(x)
    }
}

/// A tensor in memory, or in a file that is deleted when it is no longer needed.
enum Packed {
    Here(Tensor),
    OnDisk { path: PathBuf, like: Tensor },
}

/// Smaller tensors stay in memory.
const LARGE: usize = 1000;

impl Packed {
    fn pack(name: &str, x: &Tensor) -> Result<Packed> {
        if x.len() < LARGE {
            return Ok(Packed::Here(x.clone()));
        }
        let path = env::temp_dir().join(format!("gradus-{name}-{}.safetensors", process::id()));
        save(&path, x, &BTreeMap::new())?;
        let like = Tensor::zeros(&[], x.dtype()).broadcast_to(x.shape());
        Ok(Packed::OnDisk { path, like })
    }

    fn unpack(&self) -> Result<Tensor> {
        match self {
            Packed::Here(x) => Ok(x.clone()),
            Packed::OnDisk { path, like } => Ok(load(path, like)?.0),
        }
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        if let Packed::OnDisk { path, .. } = self {
            let _ = fs::remove_file(path);
        }
    }
}

pub fn main() -> Result<()> {
    let x = random::normal(&random::key(0), &[5], F64);
    // The square keeps its argument, so the program of the gradient contains no square.
    let of_square = trace(grad(|x: &Tensor| x.powi(2).sum()), &x)?.to_string();
    println!("{of_square}");
    assert!(!of_square.contains("powi"));
    // The exponential keeps its result, so value and gradient share one exponential.
    let of_exp = trace(value_and_grad(|x: &Tensor| x.exp().sum()), &x)?.to_string();
    println!("{of_exp}");
    assert_eq!(of_exp.matches(" exp ").count(), 1);

    // Values kept with half the digits, in half the memory:
    // a program like any other, under every transform of reverse mode.
    let layer = |x: &Tensor| x.sin() * x.exp();
    let lean = packed(layer, |x| x.astype(F32), |kept| kept.astype(F64));
    let slope = grad(|x: &Tensor| lean(x).sum())(&x);
    assert_within(&slope, &grad(|x: &Tensor| layer(x).sum())(&x), 1e-6);
    assert_composes_in_reverse(|x: &Tensor| lean(x).sum(), &x)?;

    // Three layers. The forward pass packs their arguments; the backward pass unpacks them, last one first.
    let layers: [fn(&Tensor) -> Tensor; 3] = [Tensor::sin, |x| x.square() * 0.5, Tensor::tanh];
    let through = |x: &Tensor| layers.iter().fold(x.clone(), |x, f| f(&x)).sum();
    for n in [10, 2 * LARGE] {
        let x = random::normal(&random::key(1), &[n], F64);
        let mut kept = Vec::new();
        let mut y = x.clone();
        for (k, layer) in layers.iter().enumerate() {
            kept.push(Packed::pack(&format!("layer{k}"), &y)?);
            y = layer(&y);
        }
        let on_disk = kept.iter().all(|k| matches!(k, Packed::OnDisk { .. }));
        assert_eq!(on_disk, n >= LARGE);
        let mut cotangent = y.ones_like();
        while let Some(packed) = kept.pop() {
            let (_, pull) = vjp(layers[kept.len()], &packed.unpack()?);
            cotangent = pull(&cotangent);
        }
        assert_near(&cotangent, &grad(through)(&x));
    }
    assert_composes(through, &x)
}
