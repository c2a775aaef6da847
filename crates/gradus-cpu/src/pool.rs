//! The threads on which kernels run.
//! The thread that runs a program takes part in its work,
//! so that a program needs no change of threads; helpers do the rest.
//!
//! Each thread begins with the same pieces at each step,
//! and takes pieces of other threads only when its own are done.
//! The data that a thread wrote last time is in its cache, and writing to another thread's data costs several
//! times as much as computing a row of a matrix.
//!
//! Waking a thread takes longer than a small matrix product;
//! handing work to a thread that polls for it takes half a microsecond.
//! Therefore a helper polls for a fifth of a millisecond after its last piece, and a small work does not wake a
//! sleeping helper unless many come.
//! The workers of rayon sleep within twenty microseconds,
//! so Jacobians of fifty to a hundred microseconds take 0.6 of the time here.

use gradus_engine::environment::{self, warn_once};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// The most pieces into which work is cut. Each has a bit that says whether it is taken.
pub(crate) const MOST_PIECES: usize = 16;
/// Work below this many nanoseconds is not split by its time. Work that is split is worth waking a thread.
const WORTH_SPLITTING: f64 = 50_000.0;
/// More threads than any machine has cores, so a larger number is a mistake.
const MOST_THREADS: usize = 1024;
/// The number of times that the caller polls for the other threads before it sleeps: some tens of microseconds,
/// about the time of a piece.
const LOOKS: usize = 2000;
/// The time that a helper polls for more work before it sleeps.
/// Waking it takes some ten microseconds, and most of them on the caller's side.
const AWAKE: Duration = Duration::from_micros(200);
/// The time that a helper polls after its start or after it was woken, until it has shared work with the caller.
/// It may have woken on the caller's core, where it works instead of the caller or comes too late,
/// and a thread that sleeps again at once stays there.
/// If it is ready for some milliseconds, the system moves it to an idle core.
const AWAKE_TO_MOVE: Duration = Duration::from_millis(10);
/// Polls between two readings of the clock.
const LOOKS_PER_CLOCK: usize = 64;
/// A helper with this much work waiting gets no more, because it would come too late.
const FAR_BEHIND: usize = 16;
/// After this many small works in a row that a helper slept through, it is woken, because more are likely.
const MISSED: u32 = 16;

struct Pool {
    /// All participants except the caller.
    helpers: Vec<Arc<Helper>>,
    /// The number of small works in a row that the helpers slept through.
    missed: AtomicU32,
}

/// A thread that waits for work.
struct Helper {
    thread: OnceLock<Thread>,
    work: Mutex<VecDeque<Arc<Work>>>,
    /// The amount of waiting work, readable without the lock.
    waiting: AtomicUsize,
    asleep: AtomicBool,
}

static POOL: OnceLock<Pool> = OnceLock::new();

/// Sets the number of threads that kernels use.
/// It must be called before the first program runs; later calls change nothing.
///
/// The default is `GRADUS_NUM_THREADS`, from 1 to 1,024, or else the number of the machine's cores.
/// Results do not depend on it.
/// Returns whether the number was accepted: it is refused if threads exist already, or if it is out of that range.
pub fn set_threads(n: usize) -> bool {
    let mut taken = false;
    if (1..=MOST_THREADS).contains(&n) {
        POOL.get_or_init(|| {
            taken = true;
            build(n)
        });
    }
    taken
}

/// Starts `threads` threads, or as many as the system allows.
fn build(threads: usize) -> Pool {
    let mut helpers = Vec::new();
    for own in 1..threads {
        match Helper::start(own) {
            Ok(helper) => helpers.push(helper),
            Err(e) => {
                warn_once(&format!(
                    "{own} threads run instead of {threads}: the system does not start more ({e})"
                ));
                break;
            }
        }
    }
    Pool {
        helpers,
        missed: AtomicU32::new(0),
    }
}

fn pool() -> &'static Pool {
    POOL.get_or_init(|| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let asked = environment::read("GRADUS_NUM_THREADS", |text| {
            let n = text.parse().ok().filter(|n| (1..=MOST_THREADS).contains(n));
            n.ok_or_else(|| {
                format!("expected a number of threads from 1 to {MOST_THREADS}; {cores} run")
            })
        });
        build(asked.unwrap_or(cores))
    })
}

/// The number of threads that kernels use.
pub fn threads() -> usize {
    1 + pool().helpers.len()
}

/// The number of pieces into which work is cut, at most [`MOST_PIECES`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces {
    pub count: usize,
    /// Whether the work is worth waking a thread.
    pub large: bool,
}

impl Pieces {
    /// At most `wanted` pieces: a power of two, which suits most numbers of threads.
    pub fn power_of_two(wanted: usize, large: bool) -> Pieces {
        let count = 1 << wanted.clamp(1, MOST_PIECES).ilog2();
        Pieces { count, large }
    }

    /// The pieces for work of this time on one thread, at most one for each unit.
    pub fn of_nanoseconds(time: f64, units: usize) -> Pieces {
        if time < WORTH_SPLITTING {
            return Pieces::ONE;
        }
        let wanted = ((time / (WORTH_SPLITTING / 2.0)) as usize).min(MOST_PIECES);
        Pieces {
            count: wanted.min(units).max(1),
            large: true,
        }
    }

    pub const ONE: Pieces = Pieces {
        count: 1,
        large: false,
    };
}

/// Calls `f` for each of the pieces, on several threads, and returns when all are done.
pub(crate) fn each(pieces: Pieces, f: &(dyn Fn(usize) + Sync)) {
    let n = pieces.count;
    if n < 2 {
        return (0..n).for_each(f);
    }
    assert!(
        n <= MOST_PIECES,
        "work is cut into at most {MOST_PIECES} pieces, not {n}"
    );
    let pool = pool();
    if pool.helpers.is_empty() {
        return (0..n).for_each(f);
    }
    let wanted = pool.helpers.len().min(n - 1);
    let helpers = &pool.helpers[..wanted];
    let all_asleep = || helpers.iter().all(|h| h.asleep.load(Ordering::Relaxed));
    let wake = pieces.large || pool.missed.load(Ordering::Relaxed) >= MISSED;
    if !wake && all_asleep() {
        pool.missed.fetch_add(1, Ordering::Relaxed);
        return (0..n).for_each(f);
    }
    if pool.missed.load(Ordering::Relaxed) > 0 {
        pool.missed.store(0, Ordering::Relaxed);
    }
    // SAFETY: only the lifetime of a pointer changes.
    // It is used for pieces that were taken, and `work.wait` below returns only when all these are done,
    // also when a piece panics; a helper that comes later finds nothing to take.
    let f: *const (dyn Fn(usize) + Sync + 'static) = unsafe { std::mem::transmute(f) };
    let work = Arc::new(Work {
        f,
        n,
        threads: wanted + 1,
        taken: AtomicU64::new(0),
        done: AtomicUsize::new(0),
        panic: Mutex::new(None),
        caller: thread::current(),
    });
    for helper in helpers {
        if wake || !helper.asleep.load(Ordering::Relaxed) {
            helper.give(work.clone());
        }
    }
    work.take_part(0);
    work.wait();
}

impl Helper {
    /// Starts the helper that begins with the pieces of thread `own`.
    fn start(own: usize) -> std::io::Result<Arc<Helper>> {
        let helper = Arc::new(Helper {
            thread: OnceLock::new(),
            work: Mutex::default(),
            waiting: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
        });
        let shared = helper.clone();
        let started = thread::Builder::new()
            .name(format!("gradus-{own}"))
            .spawn(move || {
                let mut patience = AWAKE_TO_MOVE;
                loop {
                    let (work, woken) = shared.next(patience);
                    let done = work.take_part(own);
                    if (1..work.n).contains(&done) {
                        patience = AWAKE;
                    } else if woken {
                        patience = AWAKE_TO_MOVE;
                    }
                }
            });
        let _ = helper.thread.set(started?.thread().clone());
        Ok(helper)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Arc<Work>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, work: Arc<Work>) {
        let mut queue = self.queue();
        if queue.len() >= FAR_BEHIND {
            return;
        }
        queue.push_back(work);
        self.waiting.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        // The helper announces that it sleeps before it looks for the last time, so either it sees the work or the
        // caller sees it sleep.
        if self.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The next work, and whether the helper had to be woken for it. It polls for `patience` at first.
    fn next(&self, patience: Duration) -> (Arc<Work>, bool) {
        let (mut since, mut woken): (Option<Instant>, bool) = (None, false);
        loop {
            for _ in 0..LOOKS_PER_CLOCK {
                if self.waiting.load(Ordering::SeqCst) > 0 {
                    let mut queue = self.queue();
                    let next = queue.pop_front();
                    self.waiting.store(queue.len(), Ordering::SeqCst);
                    if let Some(work) = next {
                        return (work, woken);
                    }
                }
                std::hint::spin_loop();
            }
            // Other threads that want this core come first, above all the caller.
            thread::yield_now();
            if since.get_or_insert_with(Instant::now).elapsed() > patience {
                self.asleep.store(true, Ordering::SeqCst);
                while self.waiting.load(Ordering::SeqCst) == 0 {
                    thread::park();
                }
                self.asleep.store(false, Ordering::SeqCst);
                woken = true;
            }
        }
    }
}

/// Work in pieces that several threads take.
struct Work {
    /// Valid until all pieces are done.
    f: *const (dyn Fn(usize) + Sync),
    n: usize,
    threads: usize,
    /// The taken pieces, one bit each.
    taken: AtomicU64,
    done: AtomicUsize,
    /// The payload of the last piece that panicked.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    caller: Thread,
}

// SAFETY: several threads can call the function at once.
unsafe impl Send for Work {}
// SAFETY: as above.
unsafe impl Sync for Work {}

impl Work {
    /// Runs the pieces of thread `own`, then pieces that other threads have left, and returns their number.
    fn take_part(&self, own: usize) -> usize {
        let mut done = 0;
        for k in 0..self.threads {
            let t = (own + k) % self.threads;
            let (from, to) = (self.n * t / self.threads, self.n * (t + 1) / self.threads);
            for i in 0..to - from {
                // Pieces of another thread are taken from the last one on,
                // because their owner begins with the first.
                let piece = if k == 0 { from + i } else { to - 1 - i };
                let bit = 1 << piece;
                if self.taken.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
                    self.one(piece);
                    done += 1;
                }
            }
        }
        done
    }

    /// Runs a piece that this thread has taken.
    fn one(&self, piece: usize) {
        // SAFETY: the piece is not done, and the caller waits until all pieces are.
        let f = unsafe { &*self.f };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| f(piece))) {
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.n {
            self.caller.unpark();
        }
    }

    /// Returns when all pieces are done. Panics if a piece has panicked.
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

/// A pointer that several threads use on different parts.
#[derive(Clone, Copy)]
pub(crate) struct Shared(pub *mut u8);

// SAFETY: pieces write to different parts, and read parts that no piece writes.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn get(&self) -> *mut u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(count: usize, large: bool) -> Pieces {
        Pieces { count, large }
    }

    /// Large and small work, at once and after pauses in which helpers fall asleep.
    #[test]
    fn every_piece_is_done_once() {
        for n in [0, 1, 2, 3, MOST_PIECES] {
            let counts: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
            for k in 0..200 {
                each(pieces(n, k % 3 == 0), &|k| {
                    counts[k].fetch_add(1, Ordering::Relaxed);
                });
                if k % 40 == 0 {
                    thread::sleep(5 * AWAKE);
                }
            }
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 200));
        }
    }

    /// Whether the helper was awake or had to be woken.
    #[test]
    fn helpers_come_to_large_work_and_to_much_small_work() {
        if threads() < 2 {
            return;
        }
        for large in [true, false] {
            for pause in [Duration::ZERO, 20 * AWAKE] {
                thread::sleep(pause);
                let mut helped = false;
                let begin = Instant::now();
                // Long enough for any machine; usually two tries suffice, or the number of missed works.
                while !helped && begin.elapsed() < Duration::from_secs(60) {
                    let by = [const { OnceLock::new() }; 2];
                    each(pieces(2, large), &|k| {
                        let _ = by[k].set(thread::current().id());
                        thread::sleep(Duration::from_micros(50));
                    });
                    helped = by[0].get() != by[1].get();
                }
                assert!(helped, "{large} {pause:?}");
            }
        }
    }

    #[test]
    fn callers_at_once_and_within_each_other_get_all_done() {
        let all = AtomicUsize::new(0);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..50 {
                        each(pieces(4, true), &|_| {
                            each(pieces(3, false), &|_| {
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
            each(pieces(8, true), &|k| {
                assert!(k != 5, "piece five");
                done.fetch_add(1, Ordering::Relaxed);
            });
        }));
        let text = caught.unwrap_err();
        assert_eq!(text.downcast_ref::<&str>(), Some(&"piece five"));
        assert_eq!(done.load(Ordering::Relaxed), 7);
    }
}
