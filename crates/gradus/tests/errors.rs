//! The complete messages of mistakes, with the wrong line of the program.

use gradus::nn::{Activation, Gru, Init, Mlp};
use gradus::optim::{Adam, Sgd};
use gradus::prelude::*;
use gradus::{io, tree};
use insta::assert_snapshot;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message with which the expression panics. It must end with the line of the expression, which is removed.
macro_rules! stops {
    ($e:expr) => {{
        let line = line!();
        let panic = catch_unwind(AssertUnwindSafe(|| drop($e))).expect_err("it does not stop");
        let text = panic.downcast_ref::<String>().expect("a formatted message");
        let place = format!("\n  at {}:{line}", file!());
        let rest = text.strip_suffix(&place);
        rest.unwrap_or_else(|| panic!("{text}\nis not{place}"))
            .to_string()
    }};
}

fn f(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, F64)
}

fn whole(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, I64)
}

#[test]
fn shapes_that_do_not_fit() {
    let (a, b, v) = (f(&[2, 3]), f(&[4, 5]), f(&[3]));
    assert_snapshot!(stops!(&a + &b), @"add: shapes [2,3] and [4,5] do not broadcast: axis 0 has sizes 2 and 4; sizes must be equal or 1");
    assert_snapshot!(stops!(a.matmul(&b)), @"matmul: f64[2,3] times f64[4,5]: the inner sizes are 3 and 4; they must be equal");
    assert_snapshot!(stops!(a.matmul(&f(&[]))), @"matmul: f64[2,3] times f64[]: one is a scalar; multiply by it with `*`");
    assert_snapshot!(stops!(f(&[2, 3, 4]).matmul(&f(&[5, 4, 2]))), @"matmul: f64[2,3,4] times f64[5,4,2]: the leading axes [2] and [5] do not broadcast; sizes must be equal or 1");
    assert_snapshot!(stops!(a.dot(&b)), @"dot: f64[2,3] times f64[4,5]: the inner sizes are 3 and 4; they must be equal");
    assert_snapshot!(stops!(a.reshape(&[4, 2])), @"reshape: f64[2,3] has 6 elements, which do not make the shape [4, 2]");
    assert_snapshot!(stops!(a.reshape(&[-1, -1])), @"reshape: f64[2,3] has 6 elements, which do not make the shape [-1, -1]");
    assert_snapshot!(stops!(a.reshape(&[-1, 4])), @"reshape: f64[2,3] has 6 elements, which do not make the shape [-1, 4]");
    assert_snapshot!(stops!(a.broadcast_to(&[2, 4])), @"broadcast_to: f64[2,3] does not broadcast to [2, 4]; from the last axis on, sizes must be equal or 1");
    assert_snapshot!(stops!(concatenate(&[&a, &b], 0)), @"concatenate: f64[2,3] and f64[4,5] along axis 0; all other sizes and the element types must be equal");
    assert_snapshot!(stops!(concatenate(&[], 0)), @"concatenate: there is no array to put together");
    assert_snapshot!(stops!(stack(&[&a, &v], 0)), @"stack: tensor 0 is f64[2,3], tensor 1 is f64[3]; their shapes must be equal, `concatenate` joins tensors along an axis that they have");
    assert_snapshot!(stops!(einsum("ij,jk->ik", &[&a, &b])), @"einsum: `ij,jk->ik`: index `j` has size 3 in operand 0 and 4 in operand 1");
    assert_snapshot!(stops!(einsum("ij->ijk", &[&a])), @"einsum: `ij->ijk`: index `k` of the result stands in no operand");
    assert_snapshot!(stops!(einsum("ij,jk->ik", &[&a])), @"einsum: `ij,jk->ik`: names 2 operands, 1 were given");
    assert_snapshot!(stops!(einsum("i->i", &[&a])), @"einsum: `i->i`: operand 0 has 1 indices, the tensor is f64[2,3]");
    assert_snapshot!(stops!(einsum("i1->i", &[&a])), @"einsum: `i1->i`: `1` is not an index; indices are single letters, operands are separated by commas");
    assert_snapshot!(stops!(v.greater(0.0).where_(&a, &b)), @"where_: shapes [2,3] and [4,5] do not broadcast: axis 0 has sizes 2 and 4; sizes must be equal or 1");
    assert_snapshot!(stops!(a.tensordot(&b, &[0], &[0])), @"tensordot: axis 0 of f64[2,3] has size 2, axis 0 of f64[4,5] has size 4; they must be equal");
    assert_snapshot!(stops!(a.split(2, 1)), @"split: axis 1 of f64[2,3] has size 3, which is not a multiple of 2");
    assert_snapshot!(stops!(a.pad(&[(1, 1)], 0.0)), @"pad: widths are needed for each of the 2 axes of f64[2,3]");
    assert_snapshot!(stops!(a.diag()), @"diag: takes a vector, got f64[2,3]; `diagonal` reads one from a matrix");
    assert_snapshot!(stops!(v.tril(0)), @"tril: needs at least two axes, got f64[3]");
    assert_snapshot!(stops!(a.index_add(0, &whole(&[2]), &b)), @"index_add: updates f64[4,5] for indices i64[2] into f64[2,3]; they must be f64[2,3]");
    assert_snapshot!(stops!(f(&[0]).max()), @"max: axis 0 of f64[0] is empty, so there is no element to choose");
    assert_snapshot!(stops!(f(&[2, 0]).argmax_axis(1)), @"argmax_axis: axis 1 of f64[2,0] is empty, so there is no element to choose");
}

/// A composed function names itself and its own arguments.
#[test]
fn composed_functions_speak_for_themselves() {
    let (a, v, n) = (f(&[2, 3]), f(&[3]), whole(&[3]));
    let key = random::key(0);
    assert_snapshot!(stops!(stack(&[], 0)), @"stack: there is no tensor to put together");
    assert_snapshot!(stops!(stack(&[&v, &v], 2)), @"stack: a new axis 2 in a result of rank 2; places go from -2 to 1");
    assert_snapshot!(stops!(stack(&[&a, &v], 0)), @"stack: tensor 0 is f64[2,3], tensor 1 is f64[3]; their shapes must be equal, `concatenate` joins tensors along an axis that they have");
    assert_snapshot!(a.at(0).at(0).item::<i32>().unwrap_err().message(), @"item: the tensor is f64[], not of i32; convert it with `astype`");
    assert_snapshot!(stops!(where_(&v, &v, 0)), @"where_: the condition is f64[3], it must hold booleans; compare it with something first");
    assert_snapshot!(stops!(where_(&v.greater(0), f(&[4]), 0)), @"where_: shapes [3] and [4] do not broadcast: axis 0 has sizes 3 and 4; sizes must be equal or 1");
    assert_snapshot!(stops!(a.outer(&v.greater(0)).sum() + v.greater(0).outer(&v.greater(0))), @"outer: bool[3] and bool[3]; both must have the same numeric element type");
    assert_snapshot!(stops!(n.elu()), @"elu: takes floating-point numbers, got i64[3]; convert it first with `astype`");
    assert_snapshot!(stops!(n.softplus()), @"softplus: takes floating-point numbers, got i64[3]; convert it first with `astype`");
    assert_snapshot!(stops!(v.clip(f(&[2]), 1.0)), @"clip: shapes [3] and [2] do not broadcast: axis 0 has sizes 3 and 2; sizes must be equal or 1");
    assert_snapshot!(stops!(v.greater(0).square()), @"square: takes numbers, got bool[3]; convert it first with `astype`");
    assert_snapshot!(stops!(v.greater(0).sum()), @"sum: takes numbers, got bool[3]; convert it first with `astype`");
    assert_snapshot!(stops!(v.greater(0).sum_axis_keep(0)), @"sum_axis_keep: takes numbers, got bool[3]; convert it first with `astype`");
    assert_snapshot!(stops!(f(&[2, 0]).max_axis_keep(1)), @"max_axis_keep: axis 1 of f64[2,0] is empty, so there is no element to choose");
    assert_snapshot!(stops!(v.trace()), @"trace: needs at least two axes, got f64[3]");
    assert_snapshot!(stops!(v.take_along_axis(&Tensor::from([7]), 0)), @"take_along_axis: index 7 is out of bounds for axis 0 of size 3");
    assert_snapshot!(stops!(einsum("ij,jk->ik", &[&a, &a])), @"einsum: `ij,jk->ik`: index `j` has size 3 in operand 0 and 2 in operand 1");
    let layer = gradus::nn::Linear::new(&key, 4, 2, Init::Zeros, F64);
    assert_snapshot!(stops!(layer.forward(&a)), @"Linear::forward: f64[2,3] times f64[4,2]: the inner sizes are 3 and 4; they must be equal");
    let net = Mlp::new(&key, &[4, 2], Activation::Relu, F64).unwrap();
    assert_snapshot!(stops!(net.forward(&a)), @"Mlp::forward: f64[2,3] times f64[4,2]: the inner sizes are 3 and 4; they must be equal");
    assert_snapshot!(stops!(nn::mean_squared_error(&v, &f(&[2]))), @"mean_squared_error: shapes [3] and [2] do not broadcast: axis 0 has sizes 3 and 2; sizes must be equal or 1");
    assert_snapshot!(stops!(nn::softmax_cross_entropy(&a, &v)), @"softmax_cross_entropy: logits f64[2,3] with labels f64[3]; they must be [examples, classes] and integers [examples]");
    assert_snapshot!(stops!(nn::softmax_cross_entropy(&a, &Tensor::from([0, 5]))), @"softmax_cross_entropy: index 5 is out of bounds for axis 1 of size 3");
    assert_snapshot!(stops!(nn::accuracy(&a, &v)), @"accuracy: scores f64[2,3] with labels f64[3]; they must be [examples, classes] and [examples]");
    let rate = Tensor::from(0.1);
    assert_snapshot!(stops!(Sgd::default().update(&v, &f(&[2]), &rate)), @"Sgd::update: shapes [3] and [2] do not broadcast: axis 0 has sizes 3 and 2; sizes must be equal or 1");
    assert_snapshot!(stops!(random::normal(&key, &[-1], F64)), @"normal: a size of -1; sizes are not negative");
    assert_snapshot!(stops!(key.split_n(-1)), @"split: a size of -1; sizes are not negative");
    assert_snapshot!(stops!(Tensor::zeros(&[2, -1], F64)), @"zeros: a size of -1; sizes are not negative");
    assert_snapshot!(stops!(Tensor::eye(-1, F64)), @"eye: a size of -1; sizes are not negative");
    assert_snapshot!(stops!(v.slice_axis_step(0, .., -1)), @"slice_axis: a step of -1 along axis 0 of f64[3]; steps are positive, `flip` reverses an axis");
    // Under a boundary, too.
    let error = jit(|x: &Tensor| stack(&[x, &x.at(0)], 0))
        .call(&a)
        .unwrap_err();
    assert_snapshot!(error.message(), @"stack: tensor 0 is f64[2,3], tensor 1 is f64[3]; their shapes must be equal, `concatenate` joins tensors along an axis that they have");
}

/// An index out of bounds is found when the program runs: under `jit` and `vmap`, or in a loop,
/// by an operation other than the called function.
#[test]
fn indices_out_of_bounds_name_what_was_called() {
    let logits = f(&[2, 3]);
    let v = f(&[3]);
    let at = Tensor::from([0, 5]);
    let message = |f: &dyn Fn(&Tensor) -> Tensor| {
        let error = jit(f).call(&at).unwrap_err();
        let loc = error.loc().and_then(|l| l.file_line());
        assert_eq!(loc.map(|(file, _)| file), Some(file!()), "{error}");
        let message = error.message().to_string();
        let slope = jit(|x: &(Tensor, Tensor)| grad_of(f, x)).call(&(v.clone(), at.clone()));
        assert_eq!(slope.unwrap_err().message(), message);
        message
    };
    /// The gradient of something that calls `f`.
    fn grad_of(f: &dyn Fn(&Tensor) -> Tensor, (x, at): &(Tensor, Tensor)) -> Tensor {
        grad(|x: &Tensor| (f(at).astype(F64).sum() * x).sum())(x)
    }
    let far = "index 5 is out of bounds for axis";
    let loss = message(&|at| nn::softmax_cross_entropy(&logits, at));
    assert_eq!(loss, format!("softmax_cross_entropy: {far} 1 of size 3"));
    let taken = message(&|at| v.take_along_axis(at, 0));
    assert_eq!(taken, format!("take_along_axis: {far} 0 of size 3"));
    assert_eq!(
        message(&|at| v.take(at, 0)),
        format!("take: {far} 0 of size 3")
    );
    let added = message(&|at| v.index_add(0, at, &f(&[2])));
    assert_eq!(added, format!("index_add: {far} 0 of size 3"));
    let looped = message(&|at| map(|at: &Tensor| v.take_along_axis(&at.reshape(&[1]), 0), at));
    assert_eq!(looped, format!("take_along_axis: {far} 0 of size 3"));
    let rows = message(&|at| vmap(|at: &Tensor| v.dynamic_slice(&at.reshape(&[1]), &[1]))(at));
    assert!(rows.starts_with("dynamic_slice: "), "{rows}");
    let part = |at: &Tensor| v.dynamic_update(&f(&[1]), &at.reshape(&[1]));
    let rows = message(&|at| vmap(part)(at));
    assert!(rows.starts_with("dynamic_update: "), "{rows}");
}

#[test]
fn arrays_that_no_memory_can_hold() {
    let huge = 1u64 << 40;
    assert_snapshot!(stops!(Tensor::zeros(&[huge, huge], F64)), @"zeros: no memory can hold f64[1099511627776,1099511627776]");
    assert_snapshot!(stops!(f(&[]).broadcast_to(&[huge, huge])), @"broadcast_to: no memory can hold f64[1099511627776,1099511627776]");
    assert_snapshot!(stops!(f(&[1 << 20]).tile(&[huge])), @"tile: no memory can hold f64[1099511627776,1048576]");
    assert_snapshot!(Tensor::new([0.0; 0], &[1u64 << 32, 1u64 << 32]).unwrap_err().message(), @"0 numbers for the shape [4294967296, 4294967296], which has 18446744073709551615 elements");
    // An empty array is never too large.
    assert_eq!(
        Tensor::zeros(&[0, huge], F64).sum().item::<f64>().unwrap(),
        0.0
    );
}

#[test]
fn axes_that_are_not_there() {
    let a = f(&[2, 3]);
    assert_snapshot!(stops!(a.sum_axis(2)), @"sum_axis: axis 2 of f64[2,3]; axes go from -2 to 1");
    assert_snapshot!(stops!(f(&[]).sum_axis(0)), @"sum_axis: axis 0 of f64[], which is a scalar and has none");
    assert_snapshot!(stops!(a.sum_axes(&[0, -2])), @"sum_axes: axes [0, -2] of f64[2,3] contain one axis twice");
    assert_snapshot!(stops!(a.permute(&[0, 0])), @"permute: [0, 0] is not a permutation of the 2 axes of f64[2,3]");
    assert_snapshot!(stops!(a.swap_axes(0, 5)), @"swap_axes: axis 5 of f64[2,3]; axes go from -2 to 1");
    assert_snapshot!(stops!(a.expand_dims(4)), @"expand_dims: a new axis 4 in a result of rank 3; places go from -3 to 2");
    assert_snapshot!(stops!(a.squeeze_axis(1)), @"squeeze_axis: axis 1 of f64[2,3] has size 3, not 1");
    assert_snapshot!(stops!(a.slice_axis(0, 1..5)), @"slice_axis: places 1 to 5 by 1 do not lie in axis 0 of f64[2,3]");
    assert_snapshot!(stops!(a.at(2)), @"at: there is no entry 2 in f64[2,3]");
    assert_snapshot!(stops!(f(&[]).at(0)), @"at: there is no entry 0 in f64[]");
    assert_snapshot!(stops!(a.softmax(3)), @"softmax: axis 3 of f64[2,3]; axes go from -2 to 1");
    assert_snapshot!(stops!(a.cumsum(-3)), @"cumsum: axis -3 of f64[2,3]; axes go from -2 to 1");
    assert_snapshot!(stops!(a.flip(&[1, 1])), @"flip: axes [1, 1] of f64[2,3] contain one axis twice");
}

#[test]
fn element_types_that_do_not_fit() {
    let (a, n) = (f(&[2]), whole(&[2]));
    assert_snapshot!(stops!(n.sin()), @"sin: takes floating-point numbers, got i64[2]; convert it first with `astype`");
    assert_snapshot!(stops!(&a & &a), @"and: takes booleans or integers, got f64[2]; convert it first with `astype`");
    assert_snapshot!(stops!(-a.greater(0.0)), @"neg: takes numbers, got bool[2]; convert it first with `astype`");
    assert_snapshot!(stops!(!&a), @"not: takes booleans or integers, got f64[2]; convert it first with `astype`");
    assert_snapshot!(stops!(a.where_(&a, &a)), @"where_: the condition is f64[2], it must hold booleans; compare it with something first");
    assert_snapshot!(stops!(a.take(&a, 0)), @"take: indices must be integers, got f64[2]; convert them with `astype`");
    assert_snapshot!(stops!(a.one_hot(3, F64)), @"one_hot: indices must be integers, got f64[2]; convert them with `astype`");
    assert_snapshot!(stops!(Tensor::from(1i32) + 3_000_000_000i64), @"add: the number 3000000000 does not fit into i32; convert the tensor with `astype`");
    assert_snapshot!(stops!(random::normal(&random::key(0), &[2], I32)), @"normal: gives floating-point numbers, not i32");
    assert_snapshot!(stops!(n.powi(-1)), @"powi: takes floating-point numbers where the exponent is negative, got i64[2]; convert it first with `astype`");
}

#[test]
fn values_that_cannot_be_had() {
    let a = f(&[2]);
    let text = |e: Error| e.to_string();
    let line = line!() + 1;
    let error = a.to_vec::<i32>().unwrap_err();
    let place = format!("\n  at {}:{line}", file!());
    assert_eq!(text(error.clone()), format!("{}{place}", error.message()));
    assert_snapshot!(error.message(), @"to_vec: the tensor is f64[2], not of i32; convert it with `astype`");
    assert_snapshot!(a.item::<f64>().unwrap_err().message(), @"item: the tensor is f64[2] and has 2 elements, not one");
    assert_snapshot!(Tensor::new([1.0, 2.0], &[3]).unwrap_err().message(), @"2 numbers for the shape [3], which has 3 elements");
    assert_snapshot!(stops!(a.take(&Tensor::from([2i64]), 0)), @"take: index 2 is out of bounds for axis 0 of size 2");
    assert_snapshot!(stops!(a.take(&Tensor::from([-3i64]), 0)), @"take: index -3 is out of bounds for axis 0 of size 2");
    assert_snapshot!(stops!(a.dynamic_slice(&Tensor::from([1i64]), &[2])), @"dynamic_slice: a part of size 2 at 1 leaves axis 0 of size 2");
}

#[test]
fn derivatives_that_do_not_exist() {
    let (x, n) = (f(&[2]), whole(&[2]));
    assert_snapshot!(stops!(jacfwd(|n: &Tensor| n * 2)(&n)), @"jacfwd: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead");
    assert_snapshot!(stops!(jacrev(|n: &Tensor| n * 2)(&n)), @"jacrev: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead");
    assert_snapshot!(stops!(jacrev(|x: &Tensor| x.argmax())(&x)), @"jacrev: the function returned i64[], and only floating-point numbers have derivatives; convert it with `astype`");
    assert_snapshot!(stops!(hessian(|x: &Tensor| x.sin())(&x)), @"hessian: the function must return one floating-point number, it returned f64[2]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`");
    assert_snapshot!(stops!(hvp(|x: &Tensor| x.sin())(&x, &x)), @"hvp: the function must return one floating-point number, it returned f64[2]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`");
    assert_snapshot!(stops!(hvp(|x: &Tensor| x.sum())(&x, &f(&[3]))), @"hvp: the vector must be like the point: it must be f64[2], got f64[3]");
    assert_snapshot!(stops!(grad(|x: &Tensor| x.argmax())(&x)), @"grad: the function must return one floating-point number, it returned i64[]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`");
    assert_snapshot!(stops!(grad(|n: &Tensor| n.sum())(&n)), @"grad: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead");
    assert_snapshot!(stops!(vmap(|x: &Tensor| x.sin())(&f(&[]))), @"vmap: the argument is f64[] and has no axis 0 to map over");
}

#[test]
fn mistakes_inside_transforms_are_where_they_are_made() {
    let x = f(&[2, 3]);
    assert_snapshot!(stops!(grad(|x: &Tensor| x.matmul(x).sum())(&x)), @"matmul: f64[2,3] times f64[2,3]: the inner sizes are 3 and 2; they must be equal");
    assert_snapshot!(stops!(vmap(|x: &Tensor| x.sum_axis(1))(&x)), @"sum_axis: axis 1 of f64[3]; axes go from -1 to 0");
    assert_snapshot!(stops!(hessian(|x: &Tensor| (x + f(&[7])).sum())(&x)), @"add: shapes [2,3] and [7] do not broadcast: axis 1 has sizes 3 and 7; sizes must be equal or 1");
}

#[test]
fn reading_what_is_only_traced() {
    // The error comes from the line that reads, and passes through the function's own result.
    let seen = std::cell::RefCell::new(None);
    let line = line!() + 2;
    let f = jit(|x: &Tensor| {
        let value = x.item::<f64>();
        *seen.borrow_mut() = value.err();
        x.clone()
    });
    f.call(&Tensor::from(1.0)).unwrap();
    let error = seen.take().unwrap();
    assert_eq!(error.kind(), ErrorKind::Traced);
    assert!(
        error
            .to_string()
            .ends_with(&format!("\n  at {}:{line}", file!()))
    );
    assert_snapshot!(error.message(), @"the value of a tensor was read inside `jit`, where only its type f64[] is known; choose between values with `where_` or `cond`, or read it outside");
    let kept = std::cell::RefCell::new(None);
    grad(|x: &Tensor| {
        *kept.borrow_mut() = Some(x.sin());
        x.clone()
    })(&Tensor::from(1.0));
    let kept = kept.take().unwrap();
    assert_snapshot!(kept.to_vec::<f64>().unwrap_err().message(), @"a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it");
    assert_snapshot!(stops!(kept.cos()), @"a traced tensor is used after the function in which it was made has ended; return it from that function instead of storing it");
}

#[test]
fn trees_that_differ() {
    let (a, b) = (vec![f(&[2]), f(&[3])], vec![f(&[2])]);
    let rate = Tensor::from(0.1);
    assert_snapshot!(stops!(Sgd::default().update(&a, &b, &rate)), @"Sgd::update: gradients and state must have the structure and types of the parameters: expected a list of 2, got a list of 1");
    let state = Adam::default().start(&b);
    assert_snapshot!(stops!(Adam::default().update(&a, &a, &state, &rate)), @"Adam::update: gradients and state must have the structure and types of the parameters: expected a list of 2, got a list of 1");
    assert_snapshot!(tree::map2(&a, &b, |x, y| x + y).unwrap_err().message(), @"map2: the trees differ: expected a list of 2, got a list of 1");
    assert_snapshot!(stops!(jvp(|x: &Vec<Tensor>| x[0].clone(), &a, &b)), @"jvp: the tangent must be like the point: the trees differ: expected a list of 2, got a list of 1");
    let (_, pull) = vjp(|x: &Vec<Tensor>| x.clone(), &a);
    let panic = catch_unwind(AssertUnwindSafe(|| drop(pull(&b)))).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert_snapshot!(text.split("\n  at").next().unwrap(), @"vjp: the cotangent must be like the value: the trees differ: expected a list of 2, got a list of 1");
    let named: BTreeMap<String, Tensor> = [("w".to_string(), f(&[2]))].into();
    let other: BTreeMap<String, Tensor> = [("v".to_string(), f(&[2]))].into();
    assert_snapshot!(tree::map2(&named, &other, |x, y| x + y).unwrap_err().message(), @"map2: the trees differ: expected a tensor at `.w`, got a tensor at `.v`");
}

#[test]
fn networks_that_make_no_sense() {
    let key = random::key(0);
    let of = |widths: &[usize], dtype| Mlp::new(&key, widths, Activation::Relu, dtype);
    assert_snapshot!(of(&[3], F32).unwrap_err(), @"Mlp::new: widths [3] of f32; at least an input and an output width are needed, each positive, and floats");
    assert_snapshot!(of(&[3, 0, 2], F32).unwrap_err(), @"Mlp::new: widths [3, 0, 2] of f32; at least an input and an output width are needed, each positive, and floats");
    assert_snapshot!(of(&[3, 2], I32).unwrap_err(), @"Mlp::new: widths [3, 2] of i32; at least an input and an output width are needed, each positive, and floats");
    let net = of(&[3, 4, 2], F64).unwrap();
    assert_snapshot!(stops!(net.forward(&f(&[5, 4]))), @"Mlp::forward: f64[5,4] times f64[3,4]: the inner sizes are 4 and 3; they must be equal");
    let labels = f(&[5]);
    assert_snapshot!(stops!(gradus::nn::softmax_cross_entropy(&f(&[5, 2]), &labels)), @"softmax_cross_entropy: logits f64[5,2] with labels f64[5]; they must be [examples, classes] and integers [examples]");
    let layer = Gru::new(&key, 3, 4, Init::GlorotUniform, F64);
    assert_snapshot!(stops!(layer.forward(&f(&[2, 5, 4]), &layer.start(&[2]))), @"Gru::forward: f64[2,5,4] with the state f64[2,4]; they must be f64[batch…, time, 3] and f64[batch…, 4] with the same batch axes");
    assert_snapshot!(stops!(layer.forward(&f(&[2, 5, 3]), &layer.start(&[]))), @"Gru::forward: f64[2,5,3] with the state f64[4]; they must be f64[batch…, time, 3] and f64[batch…, 4] with the same batch axes");
    assert_snapshot!(stops!(layer.forward(&f(&[3]), &layer.start(&[]))), @"Gru::forward: f64[3] with the state f64[4]; they must be f64[batch…, time, 3] and f64[batch…, 4] with the same batch axes");
    assert_snapshot!(stops!(layer.step(&f(&[2, 3]).astype(F32), &layer.start(&[2]))), @"Gru::step: f32[2,3] with the state f64[2,4]; they must be f64[batch…, 3] and f64[batch…, 4] with the same batch axes");
    let kept = jit(|x: &Tensor| layer.forward(x, &layer.start(&[]))).call(&f(&[5, 2]));
    assert_snapshot!(kept.unwrap_err().message(), @"Gru::forward: f64[5,2] with the state f64[4]; they must be f64[batch…, time, 3] and f64[batch…, 4] with the same batch axes");
}

#[test]
fn files_that_are_missing_broken_or_of_another_tree() {
    let folder = std::env::temp_dir().join(format!("gradus-errors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let hide = |e: Error| {
        e.to_string()
            .replace(&folder.display().to_string(), "FOLDER")
    };
    let like = vec![f(&[2]), f(&[3])];
    let path = |name: &str| folder.join(name);
    assert_snapshot!(hide(io::load(path("none.safetensors"), &like).unwrap_err()), @"FOLDER/none.safetensors: cannot be read: No such file or directory (os error 2)");
    std::fs::write(path("broken.safetensors"), b"not a file of tensors").unwrap();
    assert_snapshot!(hide(io::load(path("broken.safetensors"), &like).unwrap_err()), @"FOLDER/broken.safetensors: is no complete safetensors file: header too large");
    io::save(path("a.safetensors"), &like, &BTreeMap::new()).unwrap();
    let bytes = std::fs::read(path("a.safetensors")).unwrap();
    std::fs::write(path("cut.safetensors"), &bytes[..bytes.len() - 8]).unwrap();
    assert_snapshot!(hide(io::load(path("cut.safetensors"), &like).unwrap_err()), @"FOLDER/cut.safetensors: is no complete safetensors file: incomplete metadata, file not fully covered");
    let more = vec![f(&[2]), f(&[3]), f(&[1])];
    assert_snapshot!(hide(io::load(path("a.safetensors"), &more).unwrap_err()), @"FOLDER/a.safetensors: has no tensor `.2`");
    let other = vec![f(&[2]), f(&[4])];
    assert_snapshot!(hide(io::load(path("a.safetensors"), &other).unwrap_err()), @"FOLDER/a.safetensors: tensor `.1` is f64[3], expected f64[4]");
    assert_snapshot!(hide(io::save(path("no/such/folder"), &like, &BTreeMap::new()).unwrap_err()), @"FOLDER/no/such/folder: cannot be written: No such file or directory (os error 2)");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn gradients_on_their_way() {
    let (a, n) = (f(&[2]), whole(&[2]));
    assert_snapshot!(stops!(with_cotangent(&a, |g: &Tensor| g.sum())), @"with_cotangent: the function changes the type of the cotangent: was f64[2], is f64[]");
    assert_snapshot!(stops!(with_cotangent(&(a.clone(), a.clone()), |(g, h): &(Tensor, Tensor)| (g.clone(), h.astype(F32)))), @"with_cotangent: the function changes the type of the cotangent: leaf `.1` was f64[2], is f32[2]; convert it with `astype(F64)`");
    assert_snapshot!(stops!(with_cotangent(&vec![a.clone()], |_: &Vec<Tensor>| vec![])), @"with_cotangent: the function changes the type of the cotangent: the trees differ: expected a list of 1, got a list of 0");
    assert_snapshot!(stops!(straight_through(|x: &Tensor| x.greater(0.0))(&a)), @"straight_through: the function changes the type of its argument: was f64[2], is bool[2]; convert it with `astype(F64)`");
    let refused = jit(|x: &Tensor| with_cotangent(x, |g| g.sum()))
        .call(&a)
        .unwrap_err();
    assert_snapshot!(refused.message(), @"with_cotangent: the function changes the type of the cotangent: was f64[2], is f64[]");

    assert_snapshot!(stops!(with_taps(|x: &Tensor| tap("h", &tap("h", x)))(&a)), @"tap: the name `h` is used twice; give each value its own, for example with `format!`");
    assert_snapshot!(stops!(with_taps(|x: &Tensor| gradus::control::map(|x: &Tensor| tap("h", &x.sin()), x))(&a)), @"tap: `h` is a value inside of `map` and does not leave it by itself; return it from the function given there, and tap what comes out (of `scan`, one row a step; of a derivative, by `value_and_grad_aux`)");
    assert_snapshot!(stops!(with_taps(|x: &Tensor| grad(|x: &Tensor| tap("h", x).sum())(x))(&a)), @"tap: `h` is a value inside of a derivative and does not leave it by itself; return it from the function given there, and tap what comes out (of `scan`, one row a step; of a derivative, by `value_and_grad_aux`)");
    assert_snapshot!(stops!(grad_with_taps(|x: &Tensor| vmap(|x: &Tensor| tap("h", &vec![x.sin()])[0].clone())(x).sum())(&a)), @"tap: `h.0` is a value inside of `vmap` and does not leave it by itself; return it from the function given there, and tap what comes out (of `scan`, one row a step; of a derivative, by `value_and_grad_aux`)");
    let refused = jit(grad_with_taps(|x: &Tensor| tap("h", &tap("h", x)).sum()))
        .call(&a)
        .unwrap_err();
    assert_snapshot!(refused.message(), @"tap: the name `h` is used twice; give each value its own, for example with `format!`");
    assert_snapshot!(stops!(grad_with_taps(|x: &Tensor| tap("h", x).sin())(&a)), @"grad_with_taps: the function must return one floating-point number, it returned f64[2]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`");
    assert_snapshot!(stops!(grad_with_taps(|x: &Tensor| x.sum())(&n)), @"grad_with_taps: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead");
}

#[test]
fn gradients_of_parts_and_in_parts() {
    let (a, n) = (f(&[2]), whole(&[2]));
    let two = (a.clone(), n.clone());
    let first = |(a, _): &(Tensor, Tensor)| a.sum();
    assert_snapshot!(stops!(grad_wrt(first, |p| p == "a")(&two)), @"grad_wrt: no tensor of the argument is selected; the paths are `.0`, `.1`");
    assert_snapshot!(stops!(value_and_grad_wrt(|x: &Vec<Tensor>| x[0].sum(), |p| p == "0")(&vec![a.clone(); 14])), @"value_and_grad_wrt: no tensor of the argument is selected; the paths are `.0`, `.1`, `.2`, `.3`, `.4`, `.5`, `.6`, `.7`, `.8`, `.9`, `.10`, `.11`, 2 more");
    assert_snapshot!(stops!(grad_wrt(first, |_| true)(&two)), @"grad_wrt: leaf `.1` of the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead");
    assert_snapshot!(stops!(freeze(&two, |p| p == "1")), @"freeze: no tensor of the argument is selected; the paths are `.0`, `.1`");
    assert_snapshot!(stops!(freeze(&Vec::<Tensor>::new(), |_| true)), @"freeze: no tensor of the argument is selected; the tree holds no tensor");
    assert_snapshot!(stops!(value_and_grads(|x: &Tensor| (x.sum(), x.sin()))(&a)), @"value_and_grads: each loss must be one floating-point number, and leaf `.1` of the result is f64[2]; reduce it, for example with `sum`");

    let dot = |w: &Tensor, x: &Tensor| (w * x).sum();
    let one = f(&[]);
    assert_snapshot!(stops!(value_and_grad_accumulated(dot, 0)(&one, &a)), @"value_and_grad_accumulated: the batch cannot be split into 0 parts");
    assert_snapshot!(stops!(value_and_grad_accumulated(dot, 3)(&one, &a)), @"value_and_grad_accumulated: the 2 rows of the batch do not split into 3 equal parts");
    assert_snapshot!(stops!(value_and_grad_accumulated(dot, 2)(&one, &one)), @"value_and_grad_accumulated: the batch is split along first axes, and it is f64[] and has none; let the function capture values that are not part of the batch");
    assert_snapshot!(stops!(value_and_grad_accumulated(|w: &Tensor, _: &(Tensor, Tensor)| w.clone(), 2)(&one, &(a.clone(), f(&[4])))), @"value_and_grad_accumulated: the tensors of the batch have different numbers of rows: 2 in leaf `.0`, 4 in leaf `.1`");
    assert_snapshot!(stops!(value_and_grad_accumulated(|w: &Tensor, _: &()| w.clone(), 2)(&one, &())), @"value_and_grad_accumulated: the batch holds no tensor to split");
    assert_snapshot!(stops!(value_and_grad_accumulated(dot, 2)(&n, &a)), @"value_and_grad_accumulated: the argument is i64[2], and derivatives exist with respect to floating-point tensors only; convert it with `astype`, or let the function capture it instead");
    assert_snapshot!(stops!(value_and_grad_accumulated(|w: &Tensor, x: &Tensor| w * x, 1)(&one, &a)), @"value_and_grad_accumulated: the function must return one floating-point number, it returned f64[2]; reduce it, for example with `sum`, or ask for its Jacobian with `jacrev`");
    let refused = jit(|x: &Tensor| value_and_grad_accumulated(dot, 3)(&Tensor::from(1.0), x))
        .call(&a)
        .unwrap_err();
    assert_snapshot!(refused.message(), @"value_and_grad_accumulated: the 2 rows of the batch do not split into 3 equal parts");
}

#[test]
fn places_of_slices_are_those_that_were_asked_for() {
    let v = Tensor::from([1.0, 2.0, 3.0]);
    assert_snapshot!(stops!(v.slice_axis(0, ..=isize::MAX)), @"slice_axis: places 0 to 9223372036854775808 by 1 do not lie in axis 0 of f64[3]");
    assert_snapshot!(stops!(v.slice_axis(0, isize::MAX..)), @"slice_axis: places 9223372036854775807 to 3 by 1 do not lie in axis 0 of f64[3]");
    assert_snapshot!(stops!(v.slice_axis(0, isize::MIN..)), @"slice_axis: places -9223372036854775805 to 3 by 1 do not lie in axis 0 of f64[3]");
    assert_snapshot!(stops!(v.slice_axis_step(0, 0..2, 0)), @"slice_axis: a step of 0 along axis 0 of f64[3]");
    assert_eq!(v.slice_axis(0, ..=-1).len(), 3);
    assert_eq!(v.slice_axis(0, 1..=2).len(), 2);
    // Diagonals beyond the corners.
    let a = f(&[2, 3]);
    assert_eq!(a.tril(isize::MAX).sum().item::<f64>().unwrap(), 6.0);
    assert_eq!(a.tril(isize::MIN).sum().item::<f64>().unwrap(), 0.0);
    assert_eq!(a.triu(isize::MIN).sum().item::<f64>().unwrap(), 6.0);
    assert_eq!(a.triu(isize::MAX).sum().item::<f64>().unwrap(), 0.0);
    assert_eq!(a.tril(0).sum().item::<f64>().unwrap(), 3.0);
    assert_eq!(a.triu(1).sum().item::<f64>().unwrap(), 3.0);
}

/// Mistakes within transforms within each other: the line is the user's, however deep the read value comes from.
#[test]
fn a_value_read_too_early_is_the_users_line() {
    let x = Tensor::from(1.0);
    let at_line = |error: Error, line: u32| {
        assert_eq!(
            error.loc().unwrap().file_line(),
            Some((file!(), line)),
            "{error}"
        );
        error.message().to_string()
    };
    let under = |f: &dyn Fn(&Tensor) -> Tensor| jit(f).call(&x).unwrap_err();
    // The closure throws away the result of `item` here, so `keep` stores it to show the mistake itself.
    let seen = std::cell::RefCell::new(None);
    let keep = |x: &Tensor| {
        let (result, line) = (x.item::<f64>(), line!());
        *seen.borrow_mut() = result.err().map(|e| (e, line));
        x * 2.0
    };
    let shown = |f: &dyn Fn(&Tensor) -> Tensor| {
        let _ = jit(f).call(&x);
        let (error, line) = seen.borrow_mut().take().expect("the value was read");
        at_line(error, line)
    };
    let message = "the value of a tensor was read inside `jit`, where only its type f64[] is known; choose between values with `where_` or `cond`, or read it outside";
    assert_eq!(shown(&keep), message);
    assert_eq!(shown(&grad(&keep)), message);
    assert_eq!(shown(&grad(grad(&keep))), message);
    assert_eq!(shown(&|x: &Tensor| jvp(keep, x, &x.ones_like()).1), message);
    assert_eq!(
        shown(&|x: &Tensor| grad(|y: &Tensor| keep(&(y * x).sin()))(x)),
        message
    );
    let mapped = "the value of a tensor was read inside `vmap`, where only its type f64[] is known; choose between values with `where_` or `cond`, or read it outside";
    assert_eq!(
        shown(&|x: &Tensor| vmap(grad(&keep))(&x.reshape(&[1])).sum()),
        mapped
    );
    let (wrong, line) = (|x: &Tensor| x.reshape(&[3]).sum(), line!());
    let error = under(&|x: &Tensor| grad(wrong)(x));
    at_line(error, line);
}
