//! Sorts: order, ties, NaN and zeros, all element types and axes, derivatives, batches, loops.

use gradus::prelude::*;

const NAN: f64 = f64::NAN;

fn bits(x: &Tensor) -> Vec<u64> {
    let values = x.to_vec::<f64>().unwrap();
    values.into_iter().map(f64::to_bits).collect()
}

/// Numbers without a pattern, with equal ones among them.
fn numbers(n: usize, different: u64) -> Vec<f64> {
    let mut state = 7u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        state >> 33
    };
    (0..n)
        .map(|_| (next() % different) as f64 - different as f64 / 2.0)
        .collect()
}

/// The stable order by the standard library; NaN comes last in both directions.
fn expected(x: &[f64], descending: bool) -> Vec<i64> {
    let mut order: Vec<i64> = (0..x.len() as i64).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (x[a as usize], x[b as usize]);
        let numbers = match descending {
            true => b.partial_cmp(&a),
            false => a.partial_cmp(&b),
        };
        numbers.unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
    });
    order
}

#[test]
fn sorts_are_stable_in_both_directions() {
    for n in [0, 1, 2, 3, 20, 21, 1000, 5000] {
        for different in [1, 3, 1 << 20] {
            let mut x = numbers(n, different);
            for k in (0..n).step_by(7) {
                x[k] = if k % 2 == 0 { NAN } else { -0.0 };
            }
            let t = Tensor::from(x.clone());
            let (values, indices) = t.sort_with_indices(0);
            let order = expected(&x, false);
            assert_eq!(indices.to_vec::<i64>().unwrap(), order, "{n} {different}");
            let in_order = |order: &[i64]| -> Vec<u64> {
                order.iter().map(|&k| x[k as usize].to_bits()).collect()
            };
            // Each element keeps its bits.
            assert_eq!(bits(&values), in_order(&order));
            let order = expected(&x, true);
            assert_eq!(t.argsort_descending(0).to_vec::<i64>().unwrap(), order);
            assert_eq!(bits(&t.sort_descending(0)), in_order(&order));
            for k in [0, 1, 2, n / 2, n.saturating_sub(1), n] {
                if k > n {
                    continue;
                }
                let (values, indices) = t.top_k(k, 0);
                assert_eq!(indices.to_vec::<i64>().unwrap(), order[..k]);
                assert_eq!(bits(&values), in_order(&order[..k]));
            }
        }
    }
}

#[test]
fn zeros_are_equal_and_nan_is_last() {
    let x = Tensor::from([0.0, NAN, -0.0, f64::INFINITY, f64::NEG_INFINITY, -NAN, 0.0]);
    assert_eq!(x.argsort(0).to_vec::<i64>().unwrap(), [4, 0, 2, 6, 3, 1, 5]);
    assert_eq!(
        x.argsort_descending(0).to_vec::<i64>().unwrap(),
        [3, 0, 2, 6, 4, 1, 5]
    );
    let x = x.astype(F32);
    assert_eq!(x.argsort(0).to_vec::<i64>().unwrap(), [4, 0, 2, 6, 3, 1, 5]);
    assert_eq!(x.top_k(2, 0).1.to_vec::<i64>().unwrap(), [3, 0]);
}

#[test]
fn all_element_types_are_sorted() {
    let x = Tensor::from([3, -1, i32::MAX, i32::MIN, 0, -1]);
    // The numbers of all types keep their order when they are rounded.
    for dtype in [F64, F32, BF16, I32, I64] {
        let order = x.astype(dtype).argsort(0).to_vec::<i64>().unwrap();
        assert_eq!(order, [3, 1, 5, 4, 0, 2], "{dtype}");
        let order = x
            .astype(dtype)
            .argsort_descending(0)
            .to_vec::<i64>()
            .unwrap();
        assert_eq!(order, [2, 0, 4, 1, 5, 3], "{dtype}");
    }
    let wide = Tensor::from([i64::MAX, i64::MIN, -1, 0]);
    assert_eq!(
        wide.sort(0).to_vec::<i64>().unwrap(),
        [i64::MIN, -1, 0, i64::MAX]
    );
    let unsigned = Tensor::from([u32::MAX, 0, 7]);
    assert_eq!(unsigned.sort(0).to_vec::<u32>().unwrap(), [0, 7, u32::MAX]);
    assert_eq!(
        unsigned.sort_descending(0).to_vec::<u32>().unwrap(),
        [u32::MAX, 7, 0]
    );
    let truth = Tensor::from([true, false, true]);
    assert_eq!(truth.sort(0).to_vec::<bool>().unwrap(), [false, true, true]);
    assert_eq!(
        truth.argsort_descending(0).to_vec::<i64>().unwrap(),
        [0, 2, 1]
    );
}

#[test]
fn any_axis_and_empty_shapes() {
    let x = Tensor::from(numbers(60, 9)).reshape(&[3, 4, 5]);
    for axis in [0_i32, 1, 2, -1] {
        let (values, indices) = x.sort_with_indices(axis);
        assert_eq!(values.shape(), x.shape());
        let moved = x.move_axis(axis, -1);
        let moved = moved.reshape(&[60 / moved.shape()[2], moved.shape()[2]]);
        let wanted = vmap(|row: &Tensor| row.sort(0))(&moved);
        let got = values.move_axis(axis, -1).reshape(moved.shape());
        assert_eq!(bits(&got), bits(&wanted), "axis {axis}");
        assert_eq!(bits(&x.take_along_axis(&indices, axis)), bits(&values));
    }
    let (values, _) = x.top_k(2, 1);
    assert_eq!(values.shape(), [3, 2, 5]);
    assert_eq!(
        bits(&values),
        bits(&x.sort_descending(1).slice_axis(1, ..2))
    );
    for (shape, axis) in [(&[0][..], 0), (&[3, 0], 1), (&[0, 3], 1), (&[0, 3], 0)] {
        let empty = Tensor::zeros(shape, F32);
        assert_eq!(empty.sort(axis).shape(), shape);
        assert_eq!(empty.argsort(axis).dtype(), I64);
    }
    assert_eq!(x.top_k(0, 0).0.shape(), [0, 4, 5]);
}

#[test]
fn mistakes_say_what_would_fit() {
    let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    let message = |f: &dyn Fn(&Tensor) -> Tensor| {
        let error = jit(|x: &Tensor| f(x)).call(&x).unwrap_err();
        error.to_string()
    };
    let text = message(&|x| x.top_k(3, 1).0);
    assert!(
        text.contains("top_k: 3 elements along axis 1 of f64[2,2]; there can be 0 to 2"),
        "{text}"
    );
    let text = message(&|x| x.sort(2));
    assert!(text.contains("sort") && text.contains("axis 2"), "{text}");
    let text = message(&|x| x.at(0).at(0).argsort(0));
    assert!(text.contains("argsort"), "{text}");
}

#[test]
fn derivatives_go_where_the_elements_come_from() {
    let x = Tensor::from([3.0, 1.0, 2.0, 5.0]);
    let weights = Tensor::from([1.0, 10.0, 100.0, 1000.0]);
    let f = |x: &Tensor| (x.sort(0) * &weights).sum();
    let g = grad(f)(&x);
    assert_eq!(g.to_vec::<f64>().unwrap(), [100.0, 1.0, 10.0, 1000.0]);
    let direction = Tensor::from([1.0, 2.0, 3.0, 4.0]);
    let (_, tangent) = jvp(|x: &Tensor| x.sort_descending(0), &x, &direction);
    assert_eq!(tangent.to_vec::<f64>().unwrap(), [4.0, 1.0, 3.0, 2.0]);
    // Of equal elements the permutation decides; nothing is lost or counted twice.
    let ties = Tensor::from([2.0, 2.0, 1.0]);
    let slope = grad(|x: &Tensor| x.top_k(1, 0).0.sum())(&ties);
    assert_eq!(slope.to_vec::<f64>().unwrap(), [1.0, 0.0, 0.0]);
    check_grads(
        |x: &Tensor| x.square().sort(0).slice_axis(0, 1..3).prod(),
        &x,
    )
    .unwrap();
    let second = hessian(|x: &Tensor| (x.sort(0).powi(3) * &weights).sum())(&x);
    let diagonal: Vec<f64> = [(3.0, 100.0), (1.0, 1.0), (2.0, 10.0), (5.0, 1000.0)]
        .map(|(x, w)| 6.0 * x * w)
        .to_vec();
    let wanted = Tensor::from(diagonal).expand_dims(0) * Tensor::eye(4, F64);
    assert_eq!(bits(&(second - wanted).abs()), [0; 16]);
}

#[test]
fn jacobians_are_permutations() {
    let x = Tensor::from([[3.0, 1.0, 2.0], [0.5, 0.25, -1.0]]);
    let f = |x: &Tensor| x.sort(1);
    let planned = jacobian(f)(&x);
    assert_eq!(planned.shape(), [2, 3, 2, 3]);
    let order = x.argsort(1);
    for (row, column, k) in [(0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 2, 2)] {
        let from = order.at(row).at(column).item::<i64>().unwrap();
        let entry = planned.at(row).at(column).at(row).at(from);
        assert_eq!(entry.item::<f64>().unwrap(), 1.0, "{k}");
    }
    assert_eq!(planned.sum().item::<f64>().unwrap(), 6.0);
    for other in [jacfwd(f)(&x), jacrev(f)(&x)] {
        assert_eq!(bits(&planned), bits(&other));
    }
    let columns = jacobian(|x: &Tensor| x.top_k(1, 0).0.square())(&x);
    assert_eq!(
        columns.sum().item::<f64>().unwrap(),
        2.0 * (3.0 + 1.0 + 2.0)
    );
}

#[test]
fn sorts_under_transforms_and_in_control_flow() {
    let x = Tensor::from(numbers(24, 100)).reshape(&[4, 6]) + Tensor::linspace(0.0, 0.5, 6);
    let f = |row: &Tensor| {
        let (values, indices) = row.top_k(3, 0);
        values * (indices.astype(F64) + 1.0)
    };
    let together = vmap(f)(&x);
    let compiled = jit(vmap(f)).call(&x).unwrap();
    for k in 0..4 {
        assert_eq!(bits(&f(&x.at(k))), bits(&together.at(k)));
    }
    assert_eq!(bits(&together), bits(&compiled));
    // A loop that reverses what it sorts, and a choice.
    let looped = |x: &Tensor| {
        let step = |i: &Tensor, x: &Tensor| {
            let up = |x: &Tensor| x.sort(0);
            let down = |x: &Tensor| x.sort_descending(0).square();
            cond(&(i % 2).equal(0), up, down, x)
        };
        fori_loop(0..3, step, x)
    };
    let by_hand = |x: &Tensor| x.sort(0).sort_descending(0).square().sort(0);
    let row = x.at(1) / 50.0;
    assert_eq!(bits(&looped(&row)), bits(&by_hand(&row)));
    let weights = Tensor::linspace(1.0, 2.0, 6);
    let slope = |f: &dyn Fn(&Tensor) -> Tensor| grad(|x: &Tensor| (f(x) * &weights).sum())(&row);
    assert_eq!(bits(&slope(&looped)), bits(&slope(&by_hand)));
}

#[test]
fn programs_with_sorts_read_back_and_values_are_read_while_tracing() {
    let program = trace(
        |x: &Tensor| x.sort_with_indices(0),
        &Tensor::from([2.0, 1.0]),
    )
    .unwrap();
    let text = program.to_string();
    assert!(
        text.contains("sort{axis=0, descending=0, count=2}"),
        "{text}"
    );
    let read = grad(|x: &Tensor| {
        let order = x.argsort(0);
        let first = order.at(0).item::<i64>().unwrap();
        let values = x.sort(0).to_vec::<f64>().unwrap();
        x.at(first) * values[1]
    });
    assert_eq!(
        read(&Tensor::from([2.0, 1.0])).to_vec::<f64>().unwrap(),
        [0.0, 2.0]
    );
}
