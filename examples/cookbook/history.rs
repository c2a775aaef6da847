//! Differentiation works on a program: `trace` shows it, and the gradient is another program.
//! Both are made anew from the operations that the function executes at the point.
//!
//! PyTorch, "Autograd mechanics": How autograd encodes the history.

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

pub fn main() -> Result<()> {
    // The graph of a function, and the graph that the chain rule makes from it, from the result to the arguments.
    let f = |(x, y): &(Tensor, Tensor)| (x * y).sin();
    let at = (Tensor::from(0.5), Tensor::from(2.0));
    println!("{}", trace(f, &at)?);
    println!("{}", trace(grad(f), &at)?);
    let (by_x, by_y) = grad(f)(&at);
    assert_near(&by_x, &(2.0 * Tensor::from(1.0).cos()));
    assert_near(&by_y, &(0.5 * Tensor::from(1.0).cos()));

    // Ordinary control flow: the operations that run are differentiated.
    // The loop doubles until the number is large,
    // so the slope is a power of two, with the number of doublings as exponent.
    let doubled = |x: &Tensor| {
        let mut y = x.clone();
        while y.abs().item::<f64>().expect("a known value") < 1000.0 {
            y *= 2;
        }
        y
    };
    for (x, slope) in [(300.0, 4.0), (3.0, 512.0), (-2000.0, 1.0)] {
        assert_near(&grad(doubled)(&Tensor::from(x)), &Tensor::from(slope));
    }

    // Where values are abstract, the loop is an operation of the program, and everything composes.
    let looped = |x: &Tensor| while_loop(|y: &Tensor| y.abs().less(1000.0), |y: &Tensor| y * 2, x);
    let xs = Tensor::from([300.0, 3.0, -2000.0]);
    let slopes = jit(vmap(grad(looped))).call(&xs)?;
    println!("{slopes}");
    assert_near(&slopes, &Tensor::from([4.0, 512.0, 1.0]));
    assert_composes(looped, &Tensor::from(3.0))
}
