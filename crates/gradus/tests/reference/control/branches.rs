//! Choices and checkpoints.

use super::{scalar, whole};
use gradus::prelude::*;

pub fn function(name: &str, x: &Tensor) -> Option<Tensor> {
    let t = |f: fn(&Tensor) -> Tensor| f;
    let cube = t(|x| x * x.square());
    let layer = t(|x| (x.sin() * x).exp());
    let ones = |c: f64| scalar(c).broadcast_to(&[4]);
    let three: [&dyn Fn(&Tensor) -> Tensor; 3] = [&Tensor::sin, &Tensor::square, &|x| x * x.sum()];
    Some(match name {
        "cond" => cond(
            &x.sum().greater(0.0),
            |x: &Tensor| x.sin() * x,
            |x: &Tensor| (x / 2.0).exp(),
            x,
        ),
        "cond_captured" => {
            let c = x * 2.0 + 1.0;
            cond(
                &x.at(0).greater(0.2),
                |t: &Tensor| t * &c,
                |t: &Tensor| t + c.square(),
                &x.sin(),
            )
        }
        "cond_constant" => cond(&x.at(1).greater(0.0), |_: &Tensor| ones(3.0), cube, x),
        "cond_nested" => cond(
            &x.at(0).greater(0.0),
            |x: &Tensor| cond(&x.at(1).greater(0.0), Tensor::sin, Tensor::cos, x),
            |x: &Tensor| cond(&x.at(2).greater(0.0), Tensor::exp, Tensor::tanh, x),
            x,
        ),
        "cond_tree" => {
            let (a, b) = cond(
                &x.at(3).greater(x.at(0)),
                |x: &Tensor| (x * 2.0, x.square().sum()),
                |x: &Tensor| {
                    let first = Tensor::from([1.0]);
                    (concatenate(&[&first, &x.slice_axis(0, 1..)], 0), x.at(1))
                },
                x,
            );
            a * b
        }
        "cond_root" => cond(
            &x.at(0).greater(0.0),
            |x: &Tensor| x.at(0).greater(0.0).where_(x.at(0), scalar(1.0)).sqrt() * x,
            Tensor::square,
            x,
        ),
        "switch" => switch(&whole(&x.sum()), &three, x),
        "switch_far" => switch(&whole(&(x.at(0) * 4.0)), &three, x),
        "switch_captured" => {
            let (a, b) = ((x * 0.3).exp(), x.cos());
            switch(
                &whole(&(x.at(1) + 2.0)),
                &[
                    &|t: &Tensor| t * &a,
                    &|t: &Tensor| t + &b,
                    &|t: &Tensor| &a * &b * t,
                    &|_: &Tensor| b.clone(),
                ],
                x,
            )
        }
        "switch_constants" => switch(
            &whole(&x.sum()),
            &[
                &|_: &Tensor| ones(1.0),
                &|_| ones(2.0),
                &|_| ones(3.0),
                &cube,
            ],
            x,
        ),
        "switch_of_one" => switch(&Tensor::from(5i64), &three[..1], x),
        "cond_of_loop" => cond(
            &x.at(0).greater(0.0),
            |x: &Tensor| fori_loop(0..3, |_, s: &Tensor| s.sin() + x / 2.0, x),
            |x: &Tensor| {
                scan(
                    |s: &Tensor, t: &Tensor| (s * t + 1.0, s * t),
                    &scalar(0.5),
                    x,
                )
                .1
            },
            x,
        ),
        "checkpoint" => checkpoint(layer)(&(layer(x) / 4.0)),
        "checkpoint_nested" => {
            checkpoint(|x: &Tensor| checkpoint(layer)(&(layer(x) / 4.0)).tanh())(x)
        }
        "checkpoint_step" => {
            let step = |(s, t): &(Tensor, Tensor)| ((s * t).sin() + x.at(0), s.clone());
            let step = checkpoint(step);
            let body = |s: &Tensor, t: &Tensor| step(&(s.clone(), t.clone()));
            scan(body, &scalar(0.7), x).1
        }
        "checkpoint_scan" => checkpoint(|x: &Tensor| {
            let step = |s: &Tensor, t: &Tensor| ((s + t).sin(), s * t);
            scan(step, &scalar(0.7), x).1
        })(x),
        "checkpoint_cond" => {
            checkpoint(|x: &Tensor| cond(&x.at(0).greater(0.0), Tensor::sin, Tensor::exp, x))(x)
        }
        _ => return None,
    })
}
