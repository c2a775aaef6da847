//! The functions around the gamma function where one float is not the measure of their error: below 0, where each is
//! the difference of two terms, and polygamma of all orders. Against `reference/gamma_f64.csv`, correctly rounded by
//! mpmath (`reference/gamma_f64.py`).

use gradus_cpu::math::double::{Polygamma, digamma, lgamma};

struct Line {
    name: String,
    order: u32,
    x: f64,
    value: f64,
    /// The larger of the two terms below 0, and the value above.
    larger: f64,
}

fn lines() -> Vec<Line> {
    let text = include_str!("reference/gamma_f64.csv");
    let parse =
        |field: &str| f64::from_bits(u64::from_str_radix(field, 16).expect("a hexadecimal number"));
    let lines = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let [name, order, x, value, larger] = fields[..] else {
            panic!("not five fields: {line}")
        };
        Line {
            name: name.into(),
            order: order.parse().expect("an order"),
            x: parse(x),
            value: parse(value),
            larger: parse(larger),
        }
    });
    lines.collect()
}

/// Fused and plain.
fn computed(line: &Line) -> [f64; 2] {
    match line.name.as_str() {
        "lgamma" => [lgamma::<true>(line.x), lgamma::<false>(line.x)],
        "digamma" => [digamma::<true>(line.x), digamma::<false>(line.x)],
        _ => {
            let f = Polygamma::new(line.order);
            [
                f.at::<true, 1>(&[line.x])[0],
                f.at::<false, 1>(&[line.x])[0],
            ]
        }
    }
}

/// The unit in the last place of a number of this size.
fn unit(size: f64) -> f64 {
    (size.abs().next_up() - size.abs()).max(f64::from_bits(1))
}

#[test]
fn above_zero_polygamma_of_all_orders_is_within_two_units_in_the_last_place() {
    let mut seen = 0;
    for line in lines().iter().filter(|line| line.x > 0.0) {
        for value in computed(line) {
            let error = match value == line.value {
                true => 0.0,
                false => (value - line.value).abs() / unit(line.value),
            };
            // One float away from the nearest is an error below 1.5 ulp.
            let (order, x) = (line.order, line.x);
            assert!(
                error <= 1.0,
                "order {order} at {x:e}: {value:e} for {:e}",
                line.value
            );
        }
        seen += 1;
    }
    assert!(seen > 1600, "{seen}");
}

#[test]
fn below_zero_the_error_is_small_beside_the_larger_term() {
    let mut seen = 0;
    for line in lines().iter().filter(|line| line.x < 0.0) {
        for value in computed(line) {
            let bound = 1e-13_f64.max(4e-16 * f64::from(line.order + 4)) * line.larger;
            let is_right = value == line.value || (value - line.value).abs() <= bound;
            let (name, order, x) = (&line.name, line.order, line.x);
            assert!(
                is_right,
                "{name} {order} at {x:e}: {value:e} for {:e}",
                line.value
            );
        }
        seen += 1;
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn poles_and_limits_are_those_of_the_parity() {
    const INF: f64 = f64::INFINITY;
    for order in [1, 2, 3, 4, 9, 10, 171, 1000] {
        let f = Polygamma::new(order);
        let odd = order % 2 == 1;
        let check = |x: f64, expected: f64| {
            for value in [f.at::<true, 1>(&[x])[0], f.at::<false, 1>(&[x])[0]] {
                let same =
                    value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan();
                assert!(
                    same,
                    "order {order} of {x:e}: {value:e}, expected {expected:e}"
                );
            }
        };
        check(0.0, if odd { INF } else { -INF });
        check(-0.0, INF);
        let pole = if odd { INF } else { f64::NAN };
        for x in [-1.0, -2.0, -3e9, -f64::MAX, -INF] {
            check(x, pole);
        }
        check(INF, if odd { 0.0 } else { -0.0 });
        check(f64::NAN, f64::NAN);
        // Next to the pole at 0 on both sides.
        let tiny = f64::from_bits(1);
        check(tiny, if odd { INF } else { -INF });
        check(-tiny, INF);
    }
    // 1/x is a limit: the first term alone.
    assert_eq!(Polygamma::new(1).at::<true, 1>(&[1e200]), [1e-200]);
    assert_eq!(Polygamma::new(2).at::<false, 1>(&[f64::MAX]), [-0.0]);
}

/// The lanes of a loop do not see each other.
#[test]
fn places_do_not_depend_on_their_neighbours() {
    let x: Vec<f64> = lines()
        .iter()
        .filter(|l| l.order == 3)
        .map(|l| l.x)
        .collect();
    let f = Polygamma::new(3);
    for part in x.chunks_exact(8) {
        let part: [f64; 8] = part.try_into().expect("a chunk of 8");
        let together = f.at::<true, 8>(&part);
        for (x, y) in part.into_iter().zip(together) {
            assert_eq!(f.at::<true, 1>(&[x])[0].to_bits(), y.to_bits(), "{x:e}");
        }
    }
}
