//! Long arrays, element by element.

use crate::argument::{Argument, floats};
use crate::case::Case;
use gradus::prelude::*;

pub fn cases() -> Vec<Case> {
    let mut all = vec![
        Case::new("tanh of 100,000 f64", vec![floats(&[100_000], F64)], |a| {
            vec![a[0].tanh()]
        })
        .jax("lambda x: jnp.tanh(x)", 1.5),
    ];
    for dtype in [F32, F64] {
        all.extend([100_000, 10_000_000].map(|n| chain(n, dtype)));
    }
    all
}

/// A chain of elementary functions, beside the same by hand where the processor has AVX2.
fn chain(n: usize, dtype: DType) -> Case {
    let f = |a: &Vec<Tensor>| {
        let x = &a[0];
        vec![(x.sin().exp() + 1.0).log() * (-x.square()).exp()]
    };
    let name = format!("log(1 + exp(sin x)) · exp(-x²), {n} {dtype}");
    let x = floats(&[n], dtype);
    let case = Case::new(name, vec![x.clone()], f).jax(
        "lambda x: jnp.log(jnp.exp(jnp.sin(x)) + 1.0) * jnp.exp(-x * x)",
        3.0,
    );
    #[cfg(target_arch = "x86_64")]
    let case = with_avx2(case, &x);
    case
}

/// The chain beside the same by hand, where the processor has AVX2.
#[cfg(target_arch = "x86_64")]
fn with_avx2(case: Case, x: &Argument) -> Case {
    use crate::by_hand::{chain_of_f32, chain_of_f64, has_avx2, on_threads};
    if !has_avx2() {
        return case;
    }
    let numbers = x.tensor(0).expect("memory holds the argument");
    match x.dtype {
        F32 => {
            let x = numbers.to_vec().expect("they are f32");
            case.by_hand(on_threads(x, chain_of_f32), 1.15)
        }
        _ => {
            let x = numbers.to_vec().expect("they are f64");
            case.by_hand(on_threads(x, chain_of_f64), 1.15)
        }
    }
}
