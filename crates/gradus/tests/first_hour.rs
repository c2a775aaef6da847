//! A first program compiles as its author writes it: integers of any type, numbers beside tensors, nested lists.

use gradus::prelude::*;

fn numbers(t: &Tensor) -> Vec<f64> {
    t.astype(F64).to_vec().unwrap()
}

/// One body for every integer type.
macro_rules! with_integers {
    ($($t:ident)*) => {$(
        #[test]
        fn $t() {
            let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
            let (zero, one, two, three): ($t, $t, $t, $t) = (0, 1, 2, 3);
            assert_eq!(numbers(&x.at(one)), [4.0, 5.0, 6.0]);
            assert_eq!(numbers(&x.slice_axis(one, zero..two)), [1.0, 2.0, 4.0, 5.0]);
            assert_eq!(numbers(&x.slice_axis(one, two..)), [3.0, 6.0]);
            assert_eq!(numbers(&x.slice_axis(one, ..one)), [1.0, 4.0]);
            assert_eq!(numbers(&x.slice_axis(one, one..=one)), [2.0, 5.0]);
            assert_eq!(numbers(&x.slice_axis(one, ..=zero)), [1.0, 4.0]);
            assert_eq!(numbers(&x.slice_axis_step(one, .., two)), [1.0, 3.0, 4.0, 6.0]);
            assert_eq!(x.reshape(&[three, two]).shape(), [3, 2]);
            assert_eq!(x.permute(&[one, zero]).shape(), [3, 2]);
            assert_eq!(x.swap_axes(zero, one).shape(), [3, 2]);
            assert_eq!(x.expand_dims(two).shape(), [2, 3, 1]);
            assert_eq!(x.broadcast_to(&vec![two, two, three]).shape(), [2, 2, 3]);
            assert_eq!(x.split(three, one).len(), 3);
            assert_eq!(x.pad(&[(zero, one), (one, zero)], 0.0).shape(), [3, 4]);
            assert_eq!(numbers(&x.sum_axis(zero)), [5.0, 7.0, 9.0]);
            assert_eq!(numbers(&x.sum_axes(&[zero, one][..])), [21.0]);
            assert_eq!(numbers(&x.take(&Tensor::from([1i64]), zero)), [4.0, 5.0, 6.0]);
            assert_eq!(numbers(&x.roll(one, one)), [3.0, 1.0, 2.0, 6.0, 4.0, 5.0]);
            assert_eq!(stack(&[&x, &x], zero).shape(), [2, 2, 3]);
            assert_eq!(concatenate(&[&x, &x], one).shape(), [2, 6]);
            assert_eq!(Tensor::zeros(&[two, three], F64).shape(), [2, 3]);
            assert_eq!(Tensor::eye(two, F64).shape(), [2, 2]);
            assert_eq!(random::normal(&random::key(0), &[three], F64).shape(), [3]);
            assert_eq!(vmap_with(|x: &Tensor| x.sum(), one, zero)(&x).shape(), [3]);
            let counted = fori_loop(one..three, |i, s: &Tensor| s + i, &Tensor::from(0i64));
            assert_eq!(numbers(&counted), [3.0]);
            let counted = fori_loop(one..=three, |i, s: &Tensor| s + i, &Tensor::from(0i64));
            assert_eq!(numbers(&counted), [6.0]);
        }
    )*};
}

with_integers!(u8 i8 u16 i16 u32 i32 u64 i64 usize isize);

#[test]
fn literals_need_no_type() {
    let x = Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(numbers(&x.at(-1).at(0)), [4.0]);
    assert_eq!(x.slice_axis(-1, ..).shape(), [2, 3]);
    assert_eq!(x.slice_axis(0, ..-1).shape(), [1, 3]);
    assert_eq!(x.reshape(&[-1]).shape(), [6]);
    // The shape of a scalar, and no axes.
    assert_eq!(x.sum().reshape(&[]).rank(), 0);
    assert_eq!(Tensor::zeros(&[], F64).rank(), 0);
    assert_eq!(x.sum_axes(&[]).shape(), [2, 3]);
    assert_eq!(Tensor::new([1.0], &[]).unwrap().rank(), 0);
    assert_eq!(random::uniform(&random::key(0), &[], F64).rank(), 0);
    // A row at a time, with indices that also index a Rust list.
    for (i, first) in [1.0, 4.0].iter().enumerate() {
        assert_eq!(numbers(&x.at(i).at(0)), [*first]);
    }
    // Computed ends of loops.
    let n = Tensor::from(4);
    let sum = |range: (&Tensor, &Tensor)| {
        fori_loop(range.0..range.1, |i, s: &Tensor| s + i, &Tensor::from(0i64))
    };
    assert_eq!(numbers(&sum((&Tensor::from(2), &n))), [5.0]);
    assert_eq!(
        numbers(&fori_loop(..&n, |i, s: &Tensor| s + i, &Tensor::from(0i64))),
        [6.0]
    );
    assert_eq!(
        numbers(&fori_loop(..4, |i, s: &Tensor| s + i, &Tensor::from(0i64))),
        [6.0]
    );
}

/// The message with which `f` panics.
fn stops<T>(f: impl FnOnce() -> T) -> String {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(f())));
    let panic = caught.expect_err("it does not stop");
    let text = panic.downcast_ref::<String>().expect("a formatted message");
    text.split("\n  at ").next().unwrap().to_string()
}

#[test]
fn reductions_keep_axes() {
    let x = random::normal(&random::key(1), &[2, 3, 4], F64);
    type One = fn(&Tensor, i32) -> Tensor;
    type Several = fn(&Tensor, &[i32]) -> Tensor;
    macro_rules! of {
        ($($one:ident $one_keep:ident $several:ident $several_keep:ident;)*) => {
            [$((Tensor::$one as fn(&Tensor, i32) -> Tensor, Tensor::$one_keep as One,
                (|x, axes| x.$several(axes)) as Several, (|x, axes| x.$several_keep(axes)) as Several)),*]
        };
    }
    let all = of! {
        sum_axis sum_axis_keep sum_axes sum_axes_keep;
        prod_axis prod_axis_keep prod_axes prod_axes_keep;
        max_axis max_axis_keep max_axes max_axes_keep;
        min_axis min_axis_keep min_axes min_axes_keep;
        mean_axis mean_axis_keep mean_axes mean_axes_keep;
        var_axis var_axis_keep var_axes var_axes_keep;
        std_axis std_axis_keep std_axes std_axes_keep;
        norm_axis norm_axis_keep norm_axes norm_axes_keep;
        log_sum_exp_axis log_sum_exp_axis_keep log_sum_exp_axes log_sum_exp_axes_keep;
    };
    for (one, one_keep, several, several_keep) in all {
        let kept = one_keep(&x, -2);
        assert_eq!(kept.shape(), [2, 1, 4]);
        assert_eq!(numbers(&kept), numbers(&one(&x, -2)));
        let kept = several_keep(&x, &[2, 0]);
        assert_eq!(kept.shape(), [1, 3, 1]);
        assert_eq!(numbers(&kept), numbers(&several(&x, &[2, 0])));
        assert_eq!(several_keep(&x, &[]).shape(), [2, 3, 4]);
    }
    let centred = |x: &Tensor| (x - x.mean_axis_keep(-1)) / x.std_axis_keep(-1);
    assert!(centred(&x).mean_axis(-1).abs().max().item::<f64>().unwrap() < 1e-15);
    check_grads(centred, &x).unwrap();
    assert_eq!(x.argmax_axis_keep(1).shape(), [2, 1, 4]);
    assert_eq!(
        stops(|| x.sum_axis_keep(3)),
        "sum_axis_keep: axis 3 of f64[2,3,4]; axes go from -3 to 2"
    );
}

#[test]
fn choices_take_numbers() {
    let x = Tensor::from([1.0_f32, -2.0]);
    let positive = x.greater(0);
    assert_eq!(where_(&positive, &x, 0).dtype(), F32);
    assert_eq!(where_(&positive, 1, &x).dtype(), F32);
    assert_eq!(where_(&positive, 1.5, Tensor::from([1i32, 2])).dtype(), F64);
    assert_eq!(positive.where_(1, 0).dtype(), I64);
    assert_eq!(positive.where_(1, 0.5).dtype(), F64);
    assert_eq!(positive.where_(1_f32, 0_f32).dtype(), F32);
    assert_eq!(positive.where_(true, false).dtype(), Bool);
    assert_eq!(numbers(&positive.where_(true, 5)), [1.0, 5.0]);
    // A number has no derivative, and the other tensor keeps its own.
    let relu = |x: &Tensor| where_(&x.greater(0), x, 0).sum();
    assert_eq!(numbers(&grad(relu)(&x)), [1.0, 0.0]);
    assert_eq!(
        stops(|| positive.where_(Tensor::from(1i32), 3_000_000_000i64)),
        "where_: the number 3000000000 does not fit into i32; convert the tensor with `astype`"
    );

    assert_eq!(numbers(&x.full_like(0.1)), [f64::from(0.1_f32); 2]);
    assert_eq!(
        numbers(&x.full_like(Tensor::from([3.0_f32, 4.0]))),
        [3.0, 4.0]
    );
    assert_eq!(numbers(&Tensor::from([1, 2]).full_like(7)), [7.0, 7.0]);
    assert_eq!(
        stops(|| Tensor::from([1, 2]).full_like(0.5)),
        "full_like: f64[] does not fit into i32; convert it with `astype`"
    );
    assert_eq!(
        stops(|| x.full_like(Tensor::from(0.5))),
        "full_like: f64[] does not fit into f32; convert it with `astype`"
    );
    assert_eq!(
        stops(|| x.full_like(Tensor::from([1_f32; 3]))),
        "full_like: f32[3] does not broadcast to [2]; from the last axis on, sizes must be equal or 1"
    );
}

#[test]
fn sequences_have_the_type_of_their_numbers() {
    let of = |t: &Tensor| (t.dtype(), numbers(t));
    assert_eq!(
        of(&Tensor::arange(0, 10, 3)),
        (I64, vec![0.0, 3.0, 6.0, 9.0])
    );
    assert_eq!(of(&Tensor::arange(5, 0, -2)), (I64, vec![5.0, 3.0, 1.0]));
    assert_eq!(of(&Tensor::arange(4, 0, -2)), (I64, vec![4.0, 2.0]));
    assert_eq!(of(&Tensor::arange(-3, 4, 3)), (I64, vec![-3.0, 0.0, 3.0]));
    assert_eq!(of(&Tensor::arange(3, 0, 1)), (I64, vec![]));
    assert_eq!(
        of(&Tensor::arange(0, vec![1, 2].len(), 1)),
        (I64, vec![0.0, 1.0])
    );
    assert_eq!(of(&Tensor::arange(0u32, 2, 1)), (U32, vec![0.0, 1.0]));
    assert_eq!(
        of(&Tensor::arange(0.0, 1.0, 0.25)),
        (F64, vec![0.0, 0.25, 0.5, 0.75])
    );
    assert_eq!(
        of(&Tensor::arange(0.0_f32, 1.0, 0.5)),
        (F32, vec![0.0, 0.5])
    );
    assert_eq!(Tensor::arange(0.0_f32, 1.0, 0.1).len(), 10);
    assert_eq!(
        numbers(&Tensor::arange(i64::MIN, i64::MAX, i64::MAX)).len(),
        3
    );
    assert_eq!(of(&Tensor::linspace(0, 1, 3)), (F64, vec![0.0, 0.5, 1.0]));
    assert_eq!(
        of(&Tensor::linspace(0.0_f32, 1.0, 2)),
        (F32, vec![0.0, 1.0])
    );
    assert_eq!(of(&Tensor::linspace(2.0, 1.0, 1)), (F64, vec![2.0]));
    assert_eq!(
        stops(|| Tensor::arange(0, 1, 0)),
        "arange: from 0 to 1 by 0 is not a finite sequence"
    );
    assert_eq!(
        stops(|| Tensor::linspace(0, 1, -1)),
        "linspace: a size of -1; sizes are not negative"
    );
}

#[test]
fn lists_of_lists_are_tensors() {
    let list = vec![1.0, 2.0];
    assert_eq!(Tensor::from(&list).shape(), [2]);
    let rows = vec![vec![1, 2, 3], vec![4, 5, 6]];
    let t = Tensor::from(&rows);
    assert_eq!(
        (t.shape(), t.to_vec::<i32>().unwrap()),
        (&[2, 3][..], vec![1, 2, 3, 4, 5, 6])
    );
    assert_eq!(Tensor::from(rows).shape(), [2, 3]);
    let blocks = vec![vec![vec![true]; 2]; 3];
    assert_eq!(Tensor::from(&blocks).shape(), [3, 2, 1]);
    assert_eq!(Tensor::from(blocks).shape(), [3, 2, 1]);
    let points = vec![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]];
    assert_eq!(Tensor::from(&points).shape(), [3, 2]);
    assert_eq!(Tensor::from(points).shape(), [3, 2]);
    assert_eq!(Tensor::from(Vec::<Vec<f64>>::new()).shape(), [0, 0]);
    // Indices and counts from Rust.
    let labels: Vec<usize> = "abc".chars().map(|c| c as usize - 97).collect();
    assert_eq!(Tensor::from(labels).to_vec::<i64>().unwrap(), [0, 1, 2]);
    assert_eq!(
        stops(|| Tensor::from(vec![vec![1.0, 2.0], vec![3.0]])),
        "Tensor::from: row 0 has 2 entries, row 1 has 1; all must be equally long"
    );
    assert_eq!(
        stops(|| Tensor::from(vec![vec![vec![1.0]], vec![]])),
        "Tensor::from: block 0 has 1 entries, block 1 has 0; all must be equally long"
    );
    assert_eq!(
        stops(|| Tensor::from(usize::MAX)),
        "Tensor::from: the number 18446744073709551615 does not fit into i64"
    );
}

/// The compiler names the method in Gradus, and the program still works.
#[test]
#[expect(deprecated)]
fn names_of_other_libraries_forward() {
    let x = Tensor::from([[1.0, 4.0], [9.0, 2.0]]);
    let places = Tensor::from([1]);
    let pairs = [
        (x.ln(), x.log()),
        (x.ln_1p(), x.log1p()),
        (x.exp_m1(), x.expm1()),
        (x.powf(0.5), x.pow(0.5)),
        (x.sqr(), x.square()),
        (x.recip(), x.reciprocal()),
        (x.signum(), x.sign()),
        (x.clamp(2, 3), x.clip(2, 3)),
        (x.detach(), x.stop_gradient()),
        (x.cast(F32), x.astype(F32)),
        (x.to_dtype(I64), x.astype(I64)),
        (x.transpose(), x.t()),
        (x.view(&[4]), x.reshape(&[4])),
        (x.unsqueeze(0), x.expand_dims(0)),
        (x.expand(&[3, 2, 2]), x.broadcast_to(&[3, 2, 2])),
        (x.index_select(1, &places), x.take(&places, 1)),
        (x.narrow(0, 1, 1), x.slice_axis(0, 1..2)),
        (x.mm(&x), x.matmul(&x)),
        (x.logsumexp(-1), x.log_sum_exp_axis(-1)),
        (x.sum_keepdim(0), x.sum_axis_keep(0)),
        (x.mean_keepdim(0), x.mean_axis_keep(0)),
        (x.max_keepdim(0), x.max_axis_keep(0)),
        (x.min_keepdim(0), x.min_axis_keep(0)),
        (x.eq(4), x.equal(4)),
        (x.ne(4), x.not_equal(4)),
        (x.lt(4), x.less(4)),
        (x.le(4), x.less_equal(4)),
        (x.gt(4), x.greater(4)),
        (x.ge(4), x.greater_equal(4)),
        (Tensor::identity(2, F64), Tensor::eye(2, F64)),
        (concat(&[&x, &x], 0), concatenate(&[&x, &x], 0)),
        (cat(&[&x, &x], 1), concatenate(&[&x, &x], 1)),
    ];
    for (theirs, ours) in pairs {
        assert_eq!(
            (theirs.dtype(), theirs.shape()),
            (ours.dtype(), ours.shape())
        );
        assert_eq!(numbers(&theirs), numbers(&ours));
    }
    assert_eq!((x.dim(), x.ndim(), x.numel()), (2, 2, 4));
    assert_eq!(x.sum().to_scalar::<f64>().unwrap(), 16.0);
    // An error has the caller's line and our name.
    assert_eq!(
        stops(|| x.unsqueeze(4)),
        "expand_dims: a new axis 4 in a result of rank 3; places go from -3 to 2"
    );
}

/// One f64 number converts an f32 array to f64, as in NumPy; the log and the profile name the line.
#[test]
fn a_widened_program_is_told() {
    let name = "a_widened_program_is_told";
    let x = Tensor::ones(&[1000], F32);
    let rate = Tensor::from(0.5);
    let line = line!() + 1;
    let step = jit(|x: &Tensor| (x * &rate).sin().sum());
    let (sum, steps) = step.call_profiled(x.clone()).unwrap();
    assert_eq!(sum.dtype(), F64);
    let profile = by_line(&steps);
    let lines = profile.lines.iter().filter(|l| l.widened).map(|l| l.place);
    assert_eq!(lines.collect::<Vec<_>>(), [Some((file!(), line))]);
    assert!(profile.to_string().contains("an array is widened here"));
    // Not if the number is converted, is a literal, or all are numbers.
    let narrow = rate.astype(F32);
    let step = jit(|x: &Tensor| (x * &narrow + 0.1).sin().sum() * 2.0);
    let (_, steps) = step.call_profiled(x.clone()).unwrap();
    assert!(by_line(&steps).lines.iter().all(|l| !l.widened));
    let _ = x.sum() * &rate;
    let chosen = line!() + 1;
    assert_eq!(where_(&x.greater(0), &rate, &x).dtype(), F64);

    let first = Tensor::from([0]);
    let added = line!() + 1;
    assert_eq!(x.index_add(0, &first, &Tensor::from([1.0])).dtype(), F64);
    let updated = line!() + 1;
    let part = x.dynamic_update(&Tensor::from([1.0]), &first);
    assert_eq!(part.dtype(), F64);
    // A tensor that already has the wider type is not widened, so nothing is logged.
    let wide = x.astype(F64);
    let _ = wide.index_add(0, &first, &Tensor::from([1.0_f32]));

    if std::env::var_os("GRADUS_LOG").is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([name, "--exact", "--nocapture", "--test-threads=1"]);
        let output = child.env("GRADUS_LOG", "types").output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        let said: Vec<&str> = said
            .lines()
            .filter(|l| l.contains("gradus") || l.contains("  at "))
            .collect();
        let wanted = [
            "gradus: mul converts f32[1000] to f64, because the other tensor is f64[]; convert that with `astype(F32)`",
            &format!("  at {}:{line}", file!()),
            "gradus: where_ converts f32[1000] to f64, because the other tensor is f64[]; convert that with `astype(F32)`",
            &format!("  at {}:{chosen}", file!()),
            "gradus: index_add converts f32[1000] to f64, because the other tensor is f64[1]; convert that with `astype(F32)`",
            &format!("  at {}:{added}", file!()),
            "gradus: dynamic_update converts f32[1000] to f64, because the other tensor is f64[1]; convert that with `astype(F32)`",
            &format!("  at {}:{updated}", file!()),
        ];
        assert_eq!(said, wanted);
    }
}
