//! Finds the minimum of Rosenbrock's function in ten dimensions by Newton's method.
//! Each step solves with the Hessian by conjugate gradients, which only need Hessian-vector products.
//! No matrix is ever computed.

use gradus::prelude::*;

fn rosenbrock(x: &Tensor) -> Tensor {
    let (next, this) = (x.slice_axis(0, 1..), x.slice_axis(0, ..-1));
    ((next - this.square()).square() * 100.0 + (1.0 - this).square()).sum()
}

fn main() -> Result<()> {
    let value_and_slope = jit(value_and_grad(rosenbrock));
    let product = hvp(rosenbrock);
    let product = jit(move |(x, v): &(Tensor, Tensor)| product(x, v));

    let mut x = Tensor::full(&[10], 0.8);
    for k in 0..30 {
        let (value, slope) = value_and_slope.call(&x)?;
        let size = slope.square().sum().item::<f64>()?.sqrt();
        println!(
            "step {k:2}: f = {:.3e}, |∇f| = {size:.3e}",
            value.item::<f64>()?
        );
        if size < 1e-9 {
            break;
        }
        // Solve H·s = ∇f.
        let mut s = Tensor::zeros(&[10], F64);
        let (mut r, mut p) = (slope.clone(), slope);
        let mut rr = r.square().sum().item::<f64>()?;
        for _ in 0..50 {
            let hp = product.call(&(x.clone(), p.clone()))?;
            let curvature = p.dot(&hp).item::<f64>()?;
            // A direction of negative curvature: the solution so far still descends.
            if curvature <= 0.0 {
                break;
            }
            let alpha = rr / curvature;
            s += &p * alpha;
            r -= hp * alpha;
            let next = r.square().sum().item::<f64>()?;
            if next.sqrt() < 1e-12 {
                break;
            }
            p = &r + p * (next / rr);
            rr = next;
        }
        x -= s;
    }
    assert!((&x - 1.0).abs().max().item::<f64>()? < 1e-8);
    println!("x = {x}");
    Ok(())
}
