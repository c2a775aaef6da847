//! Costs grow no faster than the task: work and sizes are counted, not time.

use gradus::ErrorKind;
use gradus::prelude::*;

/// `depth` nested choices.
fn nest(depth: usize, x: &Tensor) -> Tensor {
    match depth {
        0 => x * x,
        n => cond(
            &x.greater(0.0),
            |x: &Tensor| nest(n - 1, x).sin(),
            |x: &Tensor| -x,
            x,
        ),
    }
}

/// `f` on a thread with the stack of a main thread. Unoptimised code needs about 13 KB of it for each choice.
fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let thread = std::thread::Builder::new().stack_size(8 << 20);
    std::thread::scope(|s| thread.spawn_scoped(s, f).unwrap().join().unwrap())
}

#[test]
fn one_function_keeps_a_bounded_number_of_programs() {
    let f = jit(|(x, k): &(Tensor, i64)| x + *k);
    for n in 0..1500i64 {
        let y = f.call(&(Tensor::from(vec![1.0; 2]), n)).unwrap();
        assert_eq!(y.to_vec::<f64>().unwrap(), [1.0 + n as f64; 2]);
        assert!(f.programs() <= 1024);
    }
    assert!(f.programs() > 512);
    // The last programs are cached, and a removed one is compiled again.
    let kept = f.programs();
    for n in 1400..1500 {
        f.call(&(Tensor::from(vec![1.0; 2]), n)).unwrap();
    }
    assert_eq!(f.programs(), kept);
    assert_eq!(
        f.call(&(Tensor::from([1.0, 2.0]), 0))
            .unwrap()
            .to_vec::<f64>()
            .unwrap(),
        [1.0, 2.0]
    );
}

/// Nested choices: right, and of a size that grows at most with the square of their number,
/// because each keeps everything that the inner ones keep.
#[test]
fn choices_within_each_other_have_derivatives() {
    let slope = |depth: usize| {
        on_a_thread(move || {
            let x = Tensor::from(0.5);
            grad(|x: &Tensor| nest(depth, x))(&x).item::<f64>().unwrap()
        })
    };
    let by_hand = |depth: usize| {
        let (mut y, mut slope) = (0.25f64, 1.0f64);
        for _ in 0..depth {
            (y, slope) = (y.sin(), slope * y.cos());
        }
        slope
    };
    for depth in [1, 2, 7, 40, 100] {
        let (got, wanted) = (slope(depth), by_hand(depth));
        assert!((got - wanted).abs() < 1e-12, "{depth}: {got} {wanted}");
    }
}

#[test]
fn what_is_nested_too_deep_is_an_error() {
    let deep = |depth: usize| {
        on_a_thread(move || {
            jit(|x: &Tensor| nest(depth, x))
                .call(&Tensor::from(0.5))
                .map(|y| y.len())
        })
    };
    assert_eq!(deep(300).unwrap(), 1);
    for depth in [520, 600] {
        let error = deep(depth).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Graph);
        assert!(
            error.message().contains(
                "more than 512 programs (branches, bodies of loops, functions) are nested"
            ),
            "{error}"
        );
        assert_eq!(error.loc().unwrap().file_line().unwrap().0, file!());
    }
}

/// The values that each level keeps are packed, so that the program of the derivative
/// holds few arrays at each level, at any depth.
#[test]
fn what_passes_through_each_level_stays_small() {
    let results = |depth: usize| {
        on_a_thread(move || {
            let g = trace(grad(|x: &Tensor| nest(depth, x)), &Tensor::from(0.5)).unwrap();
            let regions = g
                .nodes()
                .iter()
                .filter(|node| node.region().is_some())
                .map(|node| node.types().len());
            regions.max().unwrap()
        })
    };
    for depth in [100, 200, 400] {
        let most = results(depth);
        assert!(most < 64, "{depth}: {most}");
    }
}
