//! Custom rules for functions that take functions. The functions are captured, so they need no declaration.
//!
//! JAX, "Custom derivative rules": Handling non-differentiable arguments
//! (`jax.custom_jvp` with `nondiff_argnums`; `jax.custom_vjp` with `nondiff_argnums`).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes_in_reverse, assert_prints};

type Function<'a> = &'a dyn Fn(&Tensor) -> Tensor;

/// `f(x)`, with the custom derivative 2.
fn apply(f: Function, x: &Tensor) -> Tensor {
    custom_jvp(f, |_: &Tensor, _, dx: &Tensor| dx * 2)(x)
}

/// `f(g(x))`, with the custom derivative 3.
fn apply_both(f: Function, x: &Tensor, g: Function) -> Tensor {
    custom_jvp(|x: &Tensor| f(&g(x)), |_: &Tensor, _, dx: &Tensor| dx * 3)(x)
}

/// `f(x)`, with the custom derivative 5, in reverse mode alone.
fn apply_back(f: Function, x: &Tensor) -> Tensor {
    let forward = |x: &Tensor| (f(x), ());
    custom_vjp(f, forward, |_: &(), g: &Tensor| g * 5)(x)
}

pub fn main() -> Result<()> {
    let (three, four) = (Tensor::from(3f32), Tensor::from(4f32));
    let cube = |x: &Tensor| x.powi(3);
    let times_five = |y: &Tensor| y * 5;
    let square = |x: &Tensor| x.square();

    assert_prints(&apply(&cube, &three), 27.0);
    assert_prints(&grad(|x: &Tensor| apply(&cube, x))(&three), 2.0);
    assert_prints(&apply_both(&cube, &three, &times_five), 3375.0);
    let slope = grad(|x: &Tensor| apply_both(&cube, x, &times_five))(&three);
    assert_prints(&slope, 3.0);
    assert_prints(&apply_back(&square, &four), 16.0);
    assert_prints(&grad(|x: &Tensor| apply_back(&square, x))(&four), 5.0);

    // Integers are not functions, and need no special argument either, because they have no derivative.
    let scaled = custom_jvp(
        |(x, n): &(Tensor, Tensor)| x * n.astype(F32),
        |(_, n): &(Tensor, Tensor), _, (dx, _): &(Tensor, Tensor)| dx * n.astype(F32),
    );
    let by_x = grad(|x: &Tensor| scaled(&(x.clone(), Tensor::from(7i64))))(&three);
    assert_prints(&by_x, 7.0);

    // The rules hold under all transforms.
    let rows = Tensor::from([1f32, 2.0]);
    let slopes = jit(vmap(grad(|x: &Tensor| apply(&cube, x)))).call(&rows)?;
    println!("{slopes}");
    assert_prints(&slopes, [2.0, 2.0]);
    let at = Tensor::from(0.7);
    assert_composes_in_reverse(|x: &Tensor| apply(&cube, x), &at)?;
    assert_composes_in_reverse(|x: &Tensor| apply_both(&cube, x, &times_five), &at)?;
    assert_composes_in_reverse(|x: &Tensor| apply_back(&cube, x), &at)
}
