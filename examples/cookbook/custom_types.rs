//! Derivatives with respect to user-defined types:
//! a struct or an enum with `#[derive(Tree)]` goes through every transform.
//!
//! JAX, "The Autodiff Cookbook": More advanced autodiff (taking derivatives with respect to custom data types).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_near};

#[derive(Tree, Clone)]
enum Shape {
    Circle { radius: Tensor },
    Box { sides: [Tensor; 2], count: u32 },
}

fn area(shape: &Shape) -> Tensor {
    match shape {
        Shape::Circle { radius } => radius.square() * std::f64::consts::PI,
        Shape::Box {
            sides: [a, b],
            count,
        } => a * b * *count,
    }
}

pub fn main() -> Result<()> {
    let number = |x: f64| Tensor::from(x);
    let circle = Shape::Circle {
        radius: number(2.0),
    };
    let boxes = Shape::Box {
        sides: [number(3.0), number(5.0)],
        count: 2,
    };
    // The gradient has the same type, and a number that is not a tensor stays unchanged.
    let Shape::Circle { radius } = grad(area)(&circle) else {
        unreachable!("a gradient is like its argument")
    };
    assert_near(&radius, &number(4.0 * std::f64::consts::PI));
    let Shape::Box { sides, count } = jit(grad(area)).call(&boxes)? else {
        unreachable!("a gradient is like its argument")
    };
    println!("by the sides {} and {}, of {count}", sides[0], sides[1]);
    assert_near(&sides[0], &number(10.0));
    assert_near(&sides[1], &number(6.0));
    assert_eq!(count, 2);

    // A tangent has the type, too, and so has a batch.
    let (_, change) = jvp(area, &boxes, &boxes);
    assert_near(&change, &(2 * area(&boxes)));
    let many = Shape::Circle {
        radius: Tensor::from([1.0, 2.0]),
    };
    assert_near(&vmap(area)(&many).at(1), &area(&circle));
    let of_sides = |s: &Tensor| {
        let sides = [s.at(0), s.at(1)];
        area(&Shape::Box { sides, count: 2 })
    };
    assert_composes(of_sides, &Tensor::from([3.0, 5.0]))
}
