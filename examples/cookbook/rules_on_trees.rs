//! Custom rules for functions that take and return structures.
//!
//! JAX, "Custom derivative rules": Working with `list` / `tuple` / `dict` containers (and other pytrees).

use gradus::prelude::*;
use gradus_examples::shared::{assert_composes, assert_composes_in_reverse, assert_prints};

#[derive(Tree, Clone)]
struct Point {
    x: Tensor,
    y: Tensor,
}

#[derive(Tree, Clone)]
struct Values {
    a: Tensor,
    b: (Tensor, Tensor),
}

fn values(p: &Point) -> Values {
    Values {
        a: p.x.square(),
        b: (p.x.sin(), p.y.cos()),
    }
}

pub fn main() -> Result<()> {
    let forward = custom_jvp(values, |p: &Point, _, d: &Point| Values {
        a: 2 * &p.x * &d.x,
        b: (p.x.cos() * &d.x, -p.y.sin() * &d.y),
    });
    let reverse = custom_vjp(
        values,
        |p: &Point| (values(p), p.clone()),
        |p: &Point, g: &Values| Point {
            x: 2 * &p.x * &g.a + p.x.cos() * &g.b.0,
            y: -p.y.sin() * &g.b.1,
        },
    );
    let check = |f: &dyn Fn(&Point) -> Values| {
        let at = Point {
            x: Tensor::from(1f32),
            y: Tensor::from(2f32),
        };
        let v = f(&at);
        assert_prints(&v.a, 1.0);
        assert_prints(&v.b.0, 0.841471);
        assert_prints(&v.b.1, -0.4161468);
        let slope = grad(|p: &Point| {
            let v = f(p);
            v.a + v.b.0
        })(&at);
        println!("{} {}", slope.x, slope.y);
        assert_prints(&slope.x, 2.5403023);
        assert_prints(&slope.y, 0.0);
    };
    check(&forward);
    check(&reverse);
    let of_row = |f: &dyn Fn(&Point) -> Values, t: &Tensor| {
        let v = f(&Point {
            x: t.at(0),
            y: t.at(1),
        });
        v.a + v.b.0 * v.b.1
    };
    let at = Tensor::from([1.0, 2.0]);
    assert_composes(|t: &Tensor| of_row(&forward, t), &at)?;
    assert_composes_in_reverse(|t: &Tensor| of_row(&reverse, t), &at)
}
