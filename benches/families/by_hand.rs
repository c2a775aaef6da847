//! Loops written by hand over long arrays, on as many threads as the library uses.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// Numbers that a worker reads and writes.
struct Part<T> {
    x: Vec<T>,
    y: Vec<T>,
}

/// A helping thread. It waits in a loop for some time before it sleeps, as the library's threads do.
struct Helper {
    begin: Sender<()>,
    done: Receiver<()>,
}

const SPINS: u32 = 20_000;

fn receive(from: &Receiver<()>) -> bool {
    for _ in 0..SPINS {
        match from.try_recv() {
            Ok(()) => return true,
            Err(TryRecvError::Disconnected) => return false,
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
        }
    }
    from.recv().is_ok()
}

/// A closure that applies `f` once to the numbers `x`, which are divided among the threads beforehand.
pub fn on_threads<T: Copy + Default + Send + 'static>(
    x: Vec<T>,
    f: impl Fn(&[T], &mut [T]) + Send + Copy + 'static,
) -> impl FnMut() {
    let size = x.len().div_ceil(gradus::threads()).max(1);
    let parts = x.chunks(size).map(|x| Part {
        x: x.to_vec(),
        y: vec![T::default(); x.len()],
    });
    let mut parts = parts.collect::<Vec<_>>().into_iter();
    let mut own = parts.next();
    let helpers: Vec<Helper> = parts
        .map(|mut part| {
            let (begin, begins) = channel();
            let (finish, done) = channel();
            std::thread::spawn(move || {
                while receive(&begins) {
                    f(&part.x, &mut part.y);
                    std::hint::black_box(&mut part.y);
                    if finish.send(()).is_err() {
                        return;
                    }
                }
            });
            Helper { begin, done }
        })
        .collect();
    move || {
        for helper in &helpers {
            helper.begin.send(()).expect("the helper waits for work");
        }
        if let Some(part) = &mut own {
            f(&part.x, &mut part.y);
            std::hint::black_box(&mut part.y);
        }
        for helper in &helpers {
            assert!(receive(&helper.done), "the helper has ended");
        }
    }
}

/// Whether the functions of this file can run.
pub fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

macro_rules! chain {
    ($name:ident, $float:ty, $math:ident) => {
        #[doc = "`y = log(1 + exp(sin x)) · exp(-x²)` in one loop for AVX2, with the library's functions."]
                pub fn $name(x: &[$float], y: &mut [$float]) {
            use gradus_cpu::math::$math::{exp_normal, log_normal, sin};
            #[target_feature(enable = "avx2,fma")]
            fn inner(x: &[$float], y: &mut [$float]) {
                for (y, &x) in y.iter_mut().zip(x) {
                    let first = log_normal::<true>(exp_normal::<true>(sin::<true>(x)) + 1.0);
                    *y = first * exp_normal::<true>(-x * x);
                }
            }
            assert!(has_avx2());
            // SAFETY: the processor has these instructions.
            unsafe { inner(x, y) }
        }
    };
}
chain!(chain_of_f32, f32, single);
chain!(chain_of_f64, f64, double);
