//! The threads that kernels run on: one rayon pool, started at the first work worth splitting.

use std::sync::OnceLock;

static POOL: OnceLock<rayon::ThreadPool> = OnceLock::new();

/// Sets how many threads kernels use; counts before the first program runs, and later calls change nothing.
///
/// Without it the number is that of `GRADUS_NUM_THREADS`, else that of the machine's cores. Results do not depend on it.
/// Returns whether the number was taken.
pub fn set_threads(n: usize) -> bool {
    POOL.set(build(n.max(1))).is_ok()
}

fn build(threads: usize) -> rayon::ThreadPool {
    let built = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("gradus-{i}"))
        .build();
    match built {
        Ok(pool) => pool,
        Err(e) => panic!("the threads for kernels cannot be started: {e}"),
    }
}

fn pool() -> &'static rayon::ThreadPool {
    POOL.get_or_init(|| {
        let asked = std::env::var("GRADUS_NUM_THREADS")
            .ok()
            .and_then(|v| v.parse().ok())
            .filter(|&n: &usize| n > 0);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        build(asked.unwrap_or(cores))
    })
}

/// How many threads kernels use.
pub fn threads() -> usize {
    pool().current_num_threads()
}

/// Runs `f` on the pool, so that splitting work inside costs next to nothing.
pub(crate) fn enter<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    if pool().current_num_threads() == 1 {
        return f();
    }
    pool().install(f)
}

/// Calls `f` for `0..n`, on several threads if the caller is on the pool.
pub(crate) fn each(n: usize, f: &(dyn Fn(usize) + Sync)) {
    if n <= 1 || rayon::current_thread_index().is_none() {
        (0..n).for_each(f);
    } else {
        split(0, n, f);
    }
}

fn split(from: usize, to: usize, f: &(dyn Fn(usize) + Sync)) {
    if to - from == 1 {
        return f(from);
    }
    let middle = from + (to - from) / 2;
    rayon::join(|| split(from, middle, f), || split(middle, to, f));
}
