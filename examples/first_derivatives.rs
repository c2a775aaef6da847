//! Gradient, Jacobian, Hessian and the graph of a function.

use gradus::prelude::*;

fn main() -> Result<()> {
    let f = |x: &Tensor| (x.sin() * x).sum();
    let x = Tensor::from([0.5, 1.0, 2.0]);

    println!("f(x)   = {}", f(&x));
    println!("∇f(x)  = {}", grad(f)(&x));
    println!("∇²f(x) =\n{}", hessian(f)(&x));

    // A function with several results: its Jacobian by forward and by reverse mode.
    let g = |x: &Tensor| x.cumsum(0).exp();
    let (forward, reverse) = (jacfwd(g)(&x), jacrev(g)(&x));
    println!("J(x)   =\n{forward}");
    assert!((&forward - &reverse).abs().max().item::<f64>()? < 1e-12);

    // The graph of f, and the graph of its gradient.
    println!("{}", trace(f, &x)?);
    println!("{}", trace(grad(f), &x)?);
    Ok(())
}
