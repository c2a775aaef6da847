//! The threads that kernels run on. The thread that runs a program takes part in its work itself, so that a program costs no change of threads; those that help are a
//! rayon pool, started at the first work worth splitting.
//!
//! Each thread begins with the same pieces at each step and takes others' only when it has done its own: what a thread wrote last time is in its cache, and to write where
//! another one wrote costs several times as much as to compute a row of a matrix.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};

/// Work is cut into at most so many pieces; a bit each says who has taken them.
pub(crate) const MOST_PIECES: usize = 16;
/// How often a thread looks whether others are done before it sleeps: for some tens of microseconds, as long as a piece may take.
const LOOKS: usize = 2000;

struct Pool {
    /// All that take part, the caller among them.
    threads: usize,
    helpers: Option<rayon::ThreadPool>,
}

static POOL: OnceLock<Pool> = OnceLock::new();

/// Sets how many threads kernels use; counts before the first program runs, and later calls change nothing.
///
/// Without it the number is that of `GRADUS_NUM_THREADS`, else that of the machine's cores. Results do not depend on it.
/// Returns whether the number was taken.
pub fn set_threads(n: usize) -> bool {
    POOL.set(build(n.max(1))).is_ok()
}

fn build(threads: usize) -> Pool {
    if threads == 1 {
        return Pool {
            threads,
            helpers: None,
        };
    }
    let built = rayon::ThreadPoolBuilder::new()
        .num_threads(threads - 1)
        .thread_name(|i| format!("gradus-{i}"))
        .build();
    match built {
        Ok(pool) => Pool {
            threads,
            helpers: Some(pool),
        },
        Err(e) => panic!("the threads for kernels cannot be started: {e}"),
    }
}

fn pool() -> &'static Pool {
    POOL.get_or_init(|| {
        let asked = std::env::var("GRADUS_NUM_THREADS")
            .ok()
            .and_then(|v| v.parse().ok())
            .filter(|&n: &usize| n > 0);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        build(asked.unwrap_or(cores))
    })
}

/// How many threads kernels use.
pub fn threads() -> usize {
    pool().threads
}

/// Calls `f` for `0..n`, at most [`MOST_PIECES`], on several threads; returns when all is done.
pub(crate) fn each(n: usize, f: &(dyn Fn(usize) + Sync)) {
    let pool = pool();
    let Some(helpers) = pool.helpers.as_ref().filter(|_| n > 1) else {
        return (0..n).for_each(f);
    };
    assert!(
        n <= MOST_PIECES,
        "work is cut into at most {MOST_PIECES} pieces, not {n}"
    );
    // SAFETY: only the lifetime changes. The function is called for pieces that were taken, and `work.wait` below returns only when all these are done, also when a
    // piece panics; a helper that comes later finds nothing to take.
    let f: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(f) };
    let work = Arc::new(Work {
        f,
        n,
        threads: pool.threads.min(n),
        taken: AtomicU64::new(0),
        done: AtomicUsize::new(0),
        panic: Mutex::new(None),
        caller: thread::current(),
    });
    for _ in 1..work.threads {
        let work = work.clone();
        helpers.spawn(move || {
            let own = 1 + rayon::current_thread_index().unwrap_or(0);
            work.take_part(own % work.threads);
        });
    }
    work.take_part(0);
    work.wait();
}

/// Work in pieces that several threads take.
struct Work {
    f: &'static (dyn Fn(usize) + Sync),
    n: usize,
    threads: usize,
    /// The pieces that were taken, a bit each.
    taken: AtomicU64,
    done: AtomicUsize,
    /// What the last piece that panicked said.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    caller: Thread,
}

impl Work {
    /// Does the pieces that thread `own` begins with, then what others have left.
    fn take_part(&self, own: usize) {
        for k in 0..self.threads {
            let t = (own + k) % self.threads;
            let (from, to) = (self.n * t / self.threads, self.n * (t + 1) / self.threads);
            for i in 0..to - from {
                // Others' from the last one on, as they come from the first.
                let piece = if k == 0 { from + i } else { to - 1 - i };
                let bit = 1 << piece;
                if self.taken.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
                    self.one(piece);
                }
            }
        }
    }

    fn one(&self, piece: usize) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.f)(piece))) {
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.n {
            self.caller.unpark();
        }
    }

    /// Returns when all pieces are done; panics as a piece has.
    fn wait(&self) {
        let mut looks = 0;
        while self.done.load(Ordering::Acquire) < self.n {
            looks += 1;
            if looks < LOOKS {
                std::hint::spin_loop();
            } else {
                thread::park();
            }
        }
        let panic = self
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once() {
        for n in [0, 1, 2, 3, MOST_PIECES] {
            let counts: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..200 {
                each(n, &|k| {
                    counts[k].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 200));
        }
    }

    #[test]
    fn callers_at_once_and_within_each_other_get_all_done() {
        let all = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..50 {
                        each(4, &|_| {
                            each(3, &|_| {
                                all.fetch_add(1, Ordering::Relaxed);
                            });
                        });
                    }
                });
            }
        });
        assert_eq!(all.load(Ordering::Relaxed), 4 * 50 * 4 * 3);
    }

    #[test]
    fn a_panic_comes_back_when_all_else_is_done() {
        let done = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            each(8, &|k| {
                assert!(k != 5, "piece five");
                done.fetch_add(1, Ordering::Relaxed);
            });
        }));
        let text = caught.unwrap_err();
        assert_eq!(text.downcast_ref::<&str>(), Some(&"piece five"));
        assert_eq!(done.load(Ordering::Relaxed), 7);
    }
}
