//! Transforms on closures: alone, composed, with captures, with values that are read, and their mistakes.

#[path = "../../../tests/near.rs"]
mod near;

use gradus::prelude::*;
use near::near;

fn values(t: &Tensor) -> Vec<f64> {
    t.astype(F64).to_vec::<f64>().unwrap()
}

fn close(a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len(), "{a:?} and {b:?}");
    for (x, y) in a.iter().zip(b) {
        assert!(near(*x, *y, 1e-12), "{a:?} and {b:?}");
    }
}

fn x3() -> Tensor {
    Tensor::from([0.3, -1.2, 2.0])
}

#[test]
fn gradients_of_any_order() {
    let f = |x: &Tensor| x.powi(5).sum();
    let g1 = grad(f);
    let g2 = grad(|x: &Tensor| g1(x).sum());
    let g3 = grad(|x: &Tensor| g2(x).sum());
    let g4 = grad(|x: &Tensor| g3(x).sum());
    let x = Tensor::from([2.0]);
    close(&values(&g1(&x)), &[80.0]);
    close(&values(&g2(&x)), &[160.0]);
    close(&values(&g3(&x)), &[240.0]);
    close(&values(&g4(&x)), &[240.0]);
}

#[test]
fn an_inner_derivative_is_not_confused_with_an_outer_one() {
    // d/dx [x · d/dy (x + y)] = 1, where a confusion of perturbations gives 2.
    let f = |x: &Tensor| x * grad(|y: &Tensor| x + y)(&Tensor::from(1.0));
    close(&values(&grad(f)(&Tensor::from(1.0))), &[1.0]);
    // The same in forward mode, and mixed.
    let one = Tensor::from(1.0);
    let f = |x: &Tensor| x * jvp(|y: &Tensor| x + y, &one, &one).1;
    close(&values(&jvp(f, &one, &one).1), &[1.0]);
    close(&values(&grad(f)(&one)), &[1.0]);
    // d/dx [x · d/dy (x·y²)] at y = x: 2x² + 2x·x... = d/dx (2x³) = 6x² with y = x outside.
    let f = |x: &Tensor| x * grad(|y: &Tensor| x * y.square())(x);
    close(&values(&grad(f)(&Tensor::from(3.0))), &[54.0]);
}

#[test]
fn captured_tensors_are_constants_of_the_inner_function() {
    let w = Tensor::from([1.0, 2.0, 3.0]);
    let f = |x: &Tensor| (x * &w).sum();
    close(&values(&grad(f)(&x3())), &[1.0, 2.0, 3.0]);
    // With respect to a captured value of an inner function.
    let outer = |w: &Tensor| {
        let inner = |x: &Tensor| (x * w).sin().sum();
        grad(inner)(&x3()).sum()
    };
    let w0 = [1.0f64, 2.0, 3.0];
    let expected: Vec<f64> = [0.3f64, -1.2, 2.0]
        .iter()
        .zip(w0)
        .map(|(x, w)| (x * w).cos() - w * x * (x * w).sin())
        .collect();
    close(&values(&grad(outer)(&w)), &expected);
}

#[test]
fn value_and_grad_with_more_results() {
    let f = |x: &Tensor| (x.square().sum(), (x.max(), vec![x * 2.0]));
    let ((value, (largest, doubled)), slope) = value_and_grad_aux(f)(&x3());
    close(&values(&value), &[0.09 + 1.44 + 4.0]);
    close(&values(&largest), &[2.0]);
    close(&values(&doubled[0]), &[0.6, -2.4, 4.0]);
    close(&values(&slope), &[0.6, -2.4, 4.0]);
}

#[test]
fn trees_of_arguments() {
    let f = |(a, rest): &(Tensor, Vec<Tensor>)| (a * &rest[0]).sum() + rest[1].square().sum();
    let at = (x3(), vec![Tensor::from(2.0), Tensor::from([3.0])]);
    let (a, rest) = grad(f)(&at);
    close(&values(&a), &[2.0, 2.0, 2.0]);
    close(&values(&rest[0]), &[1.1]);
    close(&values(&rest[1]), &[6.0]);
}

#[test]
fn jvp_vjp_and_linearize_agree() {
    let f = |x: &Tensor| (x.exp() * x.sin()).cumsum(0);
    let v = Tensor::from([1.0, -0.5, 0.25]);
    let ct = Tensor::from([0.2, 0.7, -1.0]);
    let (y, dy) = jvp(f, &x3(), &v);
    let (y2, push) = linearize(f, &x3());
    let (y3, pull) = vjp(f, &x3());
    close(&values(&y), &values(&y2));
    close(&values(&y), &values(&y3));
    close(&values(&dy), &values(&push(&v)));
    let left: f64 = values(&dy)
        .iter()
        .zip(values(&ct))
        .map(|(a, b)| a * b)
        .sum();
    let right: f64 = values(&pull(&ct))
        .iter()
        .zip(values(&v))
        .map(|(a, b)| a * b)
        .sum();
    close(&[left], &[right]);
    // The returned functions are ordinary functions: linear, and differentiable.
    let twice = values(&push(&(&v * 2.0)));
    close(&twice, &values(&(push(&v) * 2.0)));
    close(
        &values(&grad(|v: &Tensor| (push(v) * &ct).sum())(&v)),
        &values(&pull(&ct)),
    );
}

#[test]
fn integers_pass_through_vjp_and_jvp() {
    let f = |(x, k): &(Tensor, Tensor)| (x.take(k, 0), k + 1);
    let at = (x3(), Tensor::from([2i64, 0]));
    let ((y, k), (dy, dk)) = jvp(f, &at, &(Tensor::from([1.0, 2.0, 3.0]), at.1.clone()));
    close(&values(&y), &[2.0, 0.3]);
    close(&values(&k), &[3.0, 1.0]);
    close(&values(&dy), &[3.0, 1.0]);
    assert_eq!(dk.to_vec::<i64>().unwrap(), [0, 0]);
    let (_, pull) = vjp(f, &at);
    let (ct, ck) = pull(&(Tensor::from([10.0, 20.0]), k));
    close(&values(&ct), &[20.0, 0.0, 10.0]);
    assert_eq!(ck.to_vec::<i64>().unwrap(), [0, 0]);
}

#[test]
fn jacobians_both_ways() {
    let w = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let f = |x: &Tensor| w.matmul(x).sin();
    let (j, k) = (jacfwd(f)(&x3()), jacrev(f)(&x3()));
    assert_eq!(j.shape(), [2, 3]);
    close(&values(&j), &values(&k));
    // With a matrix argument and a matrix result.
    let f = |x: &Tensor| x.matmul(x);
    let x = Tensor::from([[1.0, 2.0], [3.0, 4.0]]);
    let (j, k) = (jacfwd(f)(&x), jacrev(f)(&x));
    assert_eq!(j.shape(), [2, 2, 2, 2]);
    close(&values(&j), &values(&k));
    // A result that does not depend on the argument, empty results, scalars.
    let j = jacfwd(|_: &Tensor| Tensor::from([1.0, 2.0]))(&x3());
    assert_eq!((j.shape(), values(&j)), (&[2, 3][..], vec![0.0; 6]));
    let none = Tensor::zeros(&[0], F64);
    assert_eq!(jacrev(|x: &Tensor| x.sin())(&none).shape(), [0, 0]);
    let j = jacrev(|x: &Tensor| x.sin())(&Tensor::from(0.0));
    assert_eq!((j.shape(), values(&j)), (&[][..], vec![1.0]));
}

#[test]
fn hessians_and_their_products() {
    // Rosenbrock's function.
    let f = |x: &Tensor| {
        let (a, b) = (x.slice_axis(0, 1..), x.slice_axis(0, ..-1));
        ((&a - b.square()).square() * 100.0 + (1.0 - b).square()).sum()
    };
    let x = Tensor::from([0.5, -0.3, 1.1]);
    let h = hessian(f)(&x);
    let [a, b, c] = [0.5, -0.3, 1.1];
    let expected = [
        1200.0 * a * a - 400.0 * b + 2.0,
        -400.0 * a,
        0.0,
        -400.0 * a,
        1200.0 * b * b - 400.0 * c + 202.0,
        -400.0 * b,
        0.0,
        -400.0 * b,
        200.0,
    ];
    close(&values(&h), &expected);
    let v = Tensor::from([1.0, 2.0, -1.0]);
    let product = values(&h.matmul(&v));
    for order in [
        HvpOrder::ForwardOverReverse,
        HvpOrder::ReverseOverReverse,
        HvpOrder::ReverseOverForward,
    ] {
        close(&values(&hvp_with(f, order)(&x, &v)), &product);
    }
}

#[test]
fn vmap_agrees_with_a_loop_in_every_combination() {
    let f = |x: &Tensor| (x.sin() * x).sum();
    let rows = Tensor::from([[0.1, 0.2], [1.0, -1.0], [3.0, 0.5]]);
    let each = |g: &dyn Fn(&Tensor) -> Tensor| -> Vec<f64> {
        (0..3).flat_map(|i| values(&g(&rows.at(i)))).collect()
    };
    close(&values(&vmap(f)(&rows)), &each(&f));
    let g = grad(f);
    close(&values(&vmap(&g)(&rows)), &each(&|x| g(x)));
    let h = hessian(f);
    close(&values(&vmap(&h)(&rows)), &each(&|x| h(x)));
    // The gradient of a mapped function, and mapping twice.
    let total = grad(|x: &Tensor| vmap(f)(x).sum());
    close(&values(&total(&rows)), &each(&|x| g(x)));
    let twice = vmap(vmap(|x: &Tensor| x.sin()));
    close(&values(&twice(&rows)), &values(&rows.sin()));
    // Inside jit, and jit inside.
    let compiled = jit(vmap(&g));
    close(&values(&compiled.call(&rows).unwrap()), &each(&|x| g(x)));
    let inner = jit(f);
    let mapped = vmap(|x: &Tensor| inner.call(x).unwrap());
    close(&values(&mapped(&rows)), &each(&f));
}

#[test]
fn vmap_axes() {
    let x = Tensor::arange(0.0, 6.0, 1.0).reshape(&[2, 3]);
    // Columns in, columns out.
    let f = vmap_with(|c: &Tensor| c * 2.0, 1, 1);
    close(&values(&f(&x)), &values(&(&x * 2.0)));
    let f = vmap_with(|c: &Tensor| c * 2.0, -1, 0);
    assert_eq!(f(&x).shape(), [3, 2]);
    // One argument is the same for all rows, and one result.
    let f = vmap_with(
        |(a, b): &(Tensor, Tensor)| (a + b, a.clone()),
        [None, Some(0)],
        [Some(0), None],
    );
    let (sum, same) = f(&(Tensor::from([1.0, 1.0, 1.0]), x.clone()));
    close(&values(&sum), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(same.shape(), [3]);
    // No rows at all.
    assert_eq!(
        vmap(|x: &Tensor| x.sum())(&Tensor::zeros(&[0, 3], F64)).shape(),
        [0]
    );
}

#[test]
fn jit_compiles_once_for_each_type() {
    let f = jit(|x: &Tensor| x * 2.0);
    for _ in 0..3 {
        close(&values(&f.call(&x3()).unwrap()), &[0.6, -2.4, 4.0]);
    }
    assert_eq!(f.programs(), 1);
    f.call(&Tensor::from([1.0])).unwrap();
    assert_eq!(f.programs(), 2);
    f.call(&Tensor::from([1.0f32])).unwrap();
    assert_eq!(f.programs(), 3);
}

#[test]
fn jit_compiles_once_for_each_type_on_several_threads() {
    // Both threads are tracing before one of them has a program.
    let both = std::sync::Barrier::new(2);
    let f = jit(|x: &Tensor| {
        both.wait();
        x.sin()
    });
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| f.call(&x3()).unwrap());
        }
    });
    assert_eq!(f.programs(), 1);
}

#[test]
fn jit_of_gradients_of_jit() {
    let inner = jit(|x: &Tensor| (x.tanh() * x).sum());
    let slope = grad(|x: &Tensor| inner.call(x).unwrap());
    let outer = jit(&slope);
    let plain = grad(|x: &Tensor| (x.tanh() * x).sum());
    close(&values(&slope(&x3())), &values(&plain(&x3())));
    close(&values(&outer.call(&x3()).unwrap()), &values(&plain(&x3())));
    let curvature = hessian(|x: &Tensor| inner.call(x).unwrap());
    close(
        &values(&curvature(&x3())),
        &values(&hessian(|x: &Tensor| (x.tanh() * x).sum())(&x3())),
    );
}

#[test]
fn jit_inside_a_gradient_may_capture_its_values() {
    let f = |x: &Tensor| {
        let scaled = jit(|y: &Tensor| (y * x).sum());
        scaled.call(&x.sin()).unwrap()
    };
    let plain = |x: &Tensor| (x.sin() * x).sum();
    close(&values(&grad(f)(&x3())), &values(&grad(plain)(&x3())));
}

#[test]
fn owned_arguments_give_the_same_numbers() {
    let f = jit(|(x, y): &(Tensor, Tensor)| (x * 2.0 + y, y - x));
    let at = (x3(), Tensor::from([1.0, 1.0, 1.0]));
    let (a, b) = f.call(&at).unwrap();
    let kept = at.0.clone();
    let (c, d) = f.call_owned(at).unwrap();
    close(&values(&a), &values(&c));
    close(&values(&b), &values(&d));
    // A tensor with another owner is not overwritten.
    close(&values(&kept), &[0.3, -1.2, 2.0]);
}

#[test]
fn values_may_be_read_inside_grad() {
    let f = |x: &Tensor| {
        let mut y = x.clone();
        // Halves until below 1; the number of turns depends on the value.
        while y.item::<f64>().unwrap() > 1.0 {
            y *= 0.5;
        }
        if y.item::<f64>().unwrap() > 0.6 {
            y.square()
        } else {
            y.sin()
        }
    };
    close(&values(&grad(f)(&Tensor::from(6.0))), &[2.0 * 0.75 / 8.0]);
    close(
        &values(&grad(f)(&Tensor::from(4.5))),
        &[0.5625f64.cos() / 8.0],
    );
    // Also in nested derivatives: inner inputs are concrete if the outer ones are.
    close(
        &values(&grad(|x: &Tensor| grad(f)(x))(&Tensor::from(6.0))),
        &[2.0 / 64.0],
    );
}

#[test]
fn values_cannot_be_read_under_jit_and_vmap() {
    let f = |x: &Tensor| {
        let _ = x.sin().item::<f64>()?;
        Ok::<_, Error>(())
    };
    let seen = std::cell::RefCell::new(Vec::new());
    let compiled = jit(|x: &Tensor| {
        seen.borrow_mut()
            .push(f(x).unwrap_err().message().to_string());
        x.clone()
    });
    compiled.call(&Tensor::from(1.0)).unwrap();
    vmap(|x: &Tensor| {
        seen.borrow_mut()
            .push(f(x).unwrap_err().message().to_string());
        grad(|y: &Tensor| {
            seen.borrow_mut()
                .push(f(y).unwrap_err().message().to_string());
            y.clone()
        })(x)
    })(&Tensor::from([1.0]));
    let message = |name: &str| {
        format!(
            "the value of a tensor was read inside `{name}`, where only its type f64[] is known; choose between values with `where_` or `cond`, or read it outside"
        )
    };
    assert_eq!(
        *seen.borrow(),
        [message("jit"), message("vmap"), message("vmap")]
    );
}

#[test]
fn mistakes_under_jit_come_back_with_the_line() {
    let f = jit(|(x, y): &(Tensor, Tensor)| (x + y).sin());
    let line = line!() - 1;
    let at = (Tensor::zeros(&[2, 3], F64), Tensor::zeros(&[4], F64));
    let error = f.call(&at).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shape);
    let text = error.to_string();
    assert!(text.contains("[2,3]") && text.contains("[4]"), "{text}");
    assert!(
        text.ends_with(&format!("\n  at {}:{line}", file!())),
        "{text}"
    );
    // And the function can be used again.
    let at = (Tensor::zeros(&[4], F64), Tensor::zeros(&[4], F64));
    assert!(f.call(&at).is_ok());
}

/// The message with which `f` panics.
fn panic_of(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(f).unwrap_err();
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().unwrap().to_string(),
    }
}

#[test]
fn mistakes_of_transforms() {
    let at = |line: u32| format!("\n  at {}:{line}", file!());
    let line = line!() + 1;
    let text = panic_of(|| drop(grad(|x: &Tensor| x.sin())(&Tensor::from([1.0, 2.0]))));
    assert_eq!(
        text,
        "grad: the function must return one floating-point number, it returned f64[2]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`"
            .to_string() + &at(line)
    );
    let pair = (Tensor::from(1i64), Tensor::from(1.0));
    let line = line!() + 1;
    let text = panic_of(|| drop(grad(|(_, x): &(Tensor, Tensor)| x.sum())(&pair)));
    assert_eq!(
        text,
        "grad: leaf `.0` of the argument is i64[], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead"
            .to_string() + &at(line)
    );
    let line = line!() + 1;
    let text = panic_of(|| drop(jacfwd(|x: &Tensor| x * 2)(&Tensor::from([1i64, 2]))));
    assert_eq!(
        text,
        "jacfwd: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead"
            .to_string() + &at(line)
    );
    let (x, t) = (Tensor::from(1.0), Tensor::from([1.0]));
    let line = line!() + 1;
    let text = panic_of(|| drop(jvp(|x: &Tensor| x.sin(), &x, &t)));
    assert_eq!(
        text,
        "jvp: the tangent must be like the point: it must be f64[], got f64[1]".to_string()
            + &at(line)
    );
    let pair = (Tensor::zeros(&[2], F64), Tensor::zeros(&[3], F64));
    let line = line!() + 1;
    let text = panic_of(|| drop(vmap(|(a, b): &(Tensor, Tensor)| a + b)(&pair)));
    assert_eq!(
        text,
        "vmap: the mapped axes have different sizes: 2 in leaf `.0` (f64[2]), 3 in leaf `.1` (f64[3])".to_string() + &at(line)
    );
    let line = line!() + 1;
    let text = panic_of(|| drop(vmap(|x: &Tensor| x.sin())(&Tensor::from(1.0))));
    assert_eq!(
        text,
        "vmap: the argument is f64[] and has no axis 0 to map over".to_string() + &at(line)
    );
}

#[test]
fn a_traced_tensor_must_not_escape() {
    let text = panic_of(|| {
        let kept = std::cell::RefCell::new(None);
        let _ = grad(|x: &Tensor| {
            *kept.borrow_mut() = Some(x.sin());
            x.sum()
        })(&Tensor::from(1.0));
        let escaped = kept.into_inner().unwrap();
        let _ = &escaped + 1.0;
    });
    assert!(
        text.starts_with("a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it"),
        "{text}"
    );
}

#[test]
fn check_grads_finds_a_wrong_rule() {
    check_grads(|x: &Tensor| x.tanh() * x, &x3()).unwrap();
    check_grads(|x: &Tensor| x.tanh() * x, &x3().astype(F32)).unwrap();
    // A derivative that ignores one factor.
    let error = check_grads(|x: &Tensor| stop_gradient(x) * x, &x3()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Derivative);
    assert!(
        error.message().starts_with("check_grads: element "),
        "{error}"
    );
}

#[test]
fn zeros_by_structure() {
    // No path from the argument: zeros, and no backward pass.
    let c = Tensor::from([1.0, 2.0]);
    close(&values(&grad(|_: &Tensor| c.sum())(&x3())), &[0.0; 3]);
    // Through integers there is no path either.
    let f = |x: &Tensor| x.astype(I64).astype(F64).sum();
    close(&values(&grad(f)(&x3())), &[0.0; 3]);
}

#[test]
fn single_precision_stays_single() {
    let x = x3().astype(F32);
    let f = |x: &Tensor| (x.exp() * 2.0).sum();
    assert_eq!(grad(f)(&x).dtype(), F32);
    assert_eq!(hessian(f)(&x).dtype(), F32);
    assert_eq!(hvp(f)(&x, &x).dtype(), F32);
}

#[derive(Tree, Clone)]
struct Model {
    w: Tensor,
    b: Option<Tensor>,
}

impl Model {
    fn example() -> Model {
        Model {
            w: Tensor::from([[0.1, 0.4], [-0.3, 0.2], [0.5, -0.6]]),
            b: Some(Tensor::from([0.2, -0.1])),
        }
    }

    fn apply(&self) -> (Tensor, Tensor) {
        let x = Tensor::from([[1.0, 2.0, 0.5], [0.3, -1.0, 2.0]]);
        let y = (x.matmul(&self.w) + self.b.as_ref().unwrap()).tanh();
        (y.sum_axis(1), y.mean())
    }
}

#[test]
fn jacobians_of_trees() {
    let (f, at) = (Model::apply, Model::example());
    let j = jacobian_tree(f)(&at);
    assert_eq!(j.rows(), [".0", ".1"]);
    assert_eq!(j.columns(), [".w", ".b"]);
    assert_eq!(j.get(".0", ".w").unwrap().shape(), [2, 3, 2]);
    assert_eq!(j.get(".1", ".b").unwrap().shape(), [2]);
    assert!(j.get(".2", ".b").is_none());
    // Each block is the Jacobian with the rest held fixed, by either mode.
    let of_w = |w: &Tensor| {
        f(&Model {
            w: w.clone(),
            ..at.clone()
        })
        .0
    };
    let of_b = |b: &Tensor| {
        f(&Model {
            b: Some(b.clone()),
            ..at.clone()
        })
        .1
    };
    close(
        &values(j.get(".0", ".w").unwrap()),
        &values(&jacfwd(of_w)(&at.w)),
    );
    close(
        &values(j.get(".1", ".b").unwrap()),
        &values(&jacrev(of_b)(at.b.as_ref().unwrap())),
    );
    let of_b_and_w = |w: &Tensor| {
        f(&Model {
            w: w.clone(),
            ..at.clone()
        })
        .1
    };
    close(
        &values(&jacobian(of_b_and_w)(&at.w)),
        &values(&jacfwd(of_b_and_w)(&at.w)),
    );
    // More results than parameters: the other mode.
    let wide = |m: &Model| vec![m.w.outer(&m.w), m.b.as_ref().unwrap().exp()];
    let tall = jacobian_tree(wide)(&at);
    assert_eq!(tall.matrix().shape(), [38, 8]);
    let of_w = |w: &Tensor| w.outer(w);
    close(
        &values(tall.get(".0", ".w").unwrap()),
        &values(&jacrev(of_w)(&at.w)),
    );
    close(&values(tall.get(".0", ".b").unwrap()), &[0.0; 72]);

    // No results, and no arguments to differentiate by.
    let none = jacobian_tree(|_: &Vec<Tensor>| Vec::<Tensor>::new())(&vec![]);
    assert_eq!(none.matrix().shape(), [0, 0]);
    let empty = jacobian_tree(|x: &Tensor| x.sin())(&Tensor::zeros(&[0], F64));
    assert_eq!(empty.matrix().shape(), [0, 0]);
}

#[test]
fn hessians_of_trees() {
    let (f, at) = (Model::apply, Model::example());
    let loss = |m: &Model| f(m).0.square().sum();
    let h = hessian_tree(loss)(&at);
    let whole = h.matrix();
    close(&values(&whole), &values(&whole.t()));
    // A product with it equals `hvp`; it also compiles and maps like any transform.
    let v = Model {
        w: Tensor::full(&[3, 2], 0.5),
        b: Some(Tensor::from([1.0, -2.0])),
    };
    let product = hvp(loss)(&at, &v);
    let flat = |m: &Model| {
        let b = m.b.clone().unwrap();
        gradus::tensor::concatenate(&[&m.w.ravel(), &b], 0)
    };
    close(&values(&whole.matmul(&flat(&v))), &values(&flat(&product)));
    let compiled = jit(hessian_tree(loss));
    close(
        &values(&compiled.call(&at).unwrap().matrix()),
        &values(&whole),
    );
    let two = Model {
        w: gradus::tensor::stack(&[&at.w, &at.w], 0),
        b: Some(gradus::tensor::stack(
            &[&v.b.clone().unwrap(), at.b.as_ref().unwrap()],
            0,
        )),
    };
    let mapped = vmap(jacobian_tree(f))(&two);
    let block = mapped.get(".0", ".w").unwrap();
    assert_eq!(block.shape(), [2, 2, 3, 2]);
    let j = jacobian_tree(f)(&at);
    close(&values(&block.at(1)), &values(j.get(".0", ".w").unwrap()));
}
