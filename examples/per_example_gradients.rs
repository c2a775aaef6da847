//! The gradient of each example's loss instead of the mean: `vmap` of `grad`.

use gradus::prelude::*;

fn main() -> Result<()> {
    let w = Tensor::from([0.5, -1.0, 2.0]);
    let x = Tensor::from([
        [1.0, 0.0, 2.0],
        [0.0, 1.0, 1.0],
        [3.0, 1.0, 0.0],
        [1.0, 1.0, 1.0],
    ]);
    let y = Tensor::from([1.0, 0.0, 1.0, 0.0]);

    // Logistic loss of one example.
    let loss = |w: &Tensor, x: &Tensor, y: &Tensor| {
        let z = w.dot(x);
        z.softplus() - y * z
    };
    let of_one = |(x, y): &(Tensor, Tensor)| grad(|w: &Tensor| loss(w, x, y))(&w);
    let each = vmap(of_one)(&(x.clone(), y.clone()));
    println!("gradient of each example:\n{each}");

    // Their sum is the gradient of the sum.
    let total = grad(|w: &Tensor| {
        vmap(|(x, y): &(Tensor, Tensor)| loss(w, x, y))(&(x.clone(), y.clone())).sum()
    })(&w);
    let difference = (each.sum_axis(0) - &total).abs().max().item::<f64>()?;
    println!("their sum: {total}");
    assert!(difference < 1e-12);
    Ok(())
}
