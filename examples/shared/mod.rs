//! Shared by the programs of the cookbook: checks, and the model of the first page.

use gradus::prelude::*;

pub mod logistic;

/// Panics unless `got` equals the numbers that a page prints, up to the digits of f32.
#[track_caller]
pub fn assert_prints(got: &Tensor, want: impl Into<Tensor>) {
    assert_within(got, &want.into(), 4e-6);
}

/// Panics unless both are equal up to rounding.
#[track_caller]
pub fn assert_near(got: &Tensor, want: &Tensor) {
    let single = got.dtype() == F32 || want.dtype() == F32;
    assert_within(got, want, if single { 1e-4 } else { 1e-9 });
}

/// Panics unless all elements are equal up to `tolerance`, relative to one more than the largest finite element.
/// An infinity equals only itself.
#[track_caller]
pub fn assert_within(got: &Tensor, want: &Tensor, tolerance: f64) {
    assert_eq!(got.shape(), want.shape(), "{got}\nand\n{want}");
    let numbers = |t: &Tensor| t.astype(F64).to_vec::<f64>().expect("numbers");
    let (all, wanted) = (numbers(got), numbers(want));
    let finite = wanted.iter().map(|w| w.abs()).filter(|w| w.is_finite());
    let allowed = tolerance * (1.0 + finite.fold(0.0, f64::max));
    for (k, (g, w)) in all.iter().zip(&wanted).enumerate() {
        assert!(
            g == w || (g - w).abs() <= allowed,
            "{got}\nand\n{want}\ndiffer in element {k}: {g:e} and {w:e}"
        );
    }
}

/// Panics unless `f` composes with all transforms at `x`:
/// their results agree with each other and with finite differences.
///
/// `f` returns one number, reads no values, and is smooth at `x` and at half of it.
///
/// # Errors
/// If a compiled program cannot be run.
#[track_caller]
pub fn assert_composes(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Result<()> {
    both_modes(&f, x)
}

/// Like [`assert_composes`], for functions with reverse mode alone.
///
/// # Errors
/// If a compiled program cannot be run.
#[track_caller]
pub fn assert_composes_in_reverse(f: impl Fn(&Tensor) -> Tensor, x: &Tensor) -> Result<()> {
    reverse_mode(&f, x)
}

// The function is not a type parameter below, so that this code is compiled once.

#[track_caller]
fn both_modes(f: &dyn Fn(&Tensor) -> Tensor, x: &Tensor) -> Result<()> {
    check_grads(f, x)?;
    reverse_mode(f, x)?;
    let v = (x + 1).cos();
    let slope = grad(f)(x);
    // Forward mode reads the same Jacobian.
    assert_near(&jvp(f, x, &v).1, &(&slope * &v).sum());
    assert_near(&jacfwd(f)(x), &slope);
    // Second derivatives in every composition, and compiled for several points at once.
    let products = HvpOrder::ALL.map(|order| hvp_with(f, order)(x, &v));
    assert_near(&products[1], &products[0]);
    assert_near(&products[2], &products[0]);
    let along = |(x, v): &(Tensor, Tensor)| hvp_with(f, HvpOrder::ForwardOverReverse)(x, v);
    let rows = (stack(&[x, &(x * 0.5)], 0), stack(&[&v, &v], 0));
    let each = jit(vmap(along)).call(&rows)?;
    assert_near(&each.at(0), &products[0]);
    Ok(())
}

#[track_caller]
fn reverse_mode(f: &dyn Fn(&Tensor) -> Tensor, x: &Tensor) -> Result<()> {
    let half = x * 0.5;
    let slope = grad(f)(x);
    let (rows, slopes) = (stack(&[x, &half], 0), stack(&[&slope, &grad(f)(&half)], 0));
    assert_near(&jit(f).call(x)?, &f(x));
    assert_near(&jit(grad(f)).call(x)?, &slope);
    assert_near(
        &grad(|x: &Tensor| jit(f).call(x).expect("it runs"))(x),
        &slope,
    );
    assert_near(&vmap(grad(f))(&rows), &slopes);
    assert_near(&jit(vmap(grad(f))).call(&rows)?, &slopes);
    assert_near(&grad(|rows: &Tensor| vmap(f)(rows).sum())(&rows), &slopes);
    // Inside control flow.
    assert_near(&grad(|rows: &Tensor| map(f, rows).sum())(&rows), &slopes);
    assert_near(&grad(checkpoint(f))(x), &slope);
    let chosen = |x: &Tensor| cond(&x.sum().less(1e30), f, |x: &Tensor| f(x) * 2, x);
    assert_near(&grad(chosen)(x), &slope);
    // Reverse over reverse, alone and for several points at once.
    let second = grad(|x: &Tensor| grad(f)(x).sum());
    let seconds = stack(&[&second(x), &second(&half)], 0);
    assert_near(&jit(vmap(&second)).call(&rows)?, &seconds);
    Ok(())
}
