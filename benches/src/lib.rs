//! Shared by the benchmarks: timing by medians,
//! the machine's description, and peers, which run as separate programs.

pub mod chains;
pub mod steps;
pub mod training;

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The median, smallest and largest of some durations, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// Times single calls of `f`, after `warmup` calls that do not count, until `n` calls or `limit` are reached.
pub fn time(warmup: usize, n: usize, limit: Duration, mut f: impl FnMut()) -> Timing {
    for _ in 0..warmup {
        f();
    }
    let begin = Instant::now();
    let mut times = Vec::with_capacity(n);
    while times.len() < n && (times.is_empty() || begin.elapsed() < limit) {
        let start = Instant::now();
        f();
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Timing {
        median: times[times.len() / 2],
        min: times[0],
        max: times[times.len() - 1],
    }
}

/// The time of one call of `f` in nanoseconds: the median of samples of about two milliseconds,
/// taken until there are 31 or `limit` has passed.
pub fn nanoseconds(limit: Duration, f: &mut dyn FnMut()) -> f64 {
    f();
    let begin = Instant::now();
    f();
    let once = begin.elapsed().as_secs_f64().max(1e-9);
    let calls = ((2e-3 / once) as usize).clamp(1, 100_000);
    let timing = time(2, 31, limit, || (0..calls).for_each(|_| f()));
    timing.median * 1e3 / calls as f64
}

/// Processor, number of cores and load, for the head of a report.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split(':').nth(1))
        .map_or("unknown processor", str::trim);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!("{model}, {cores} cores, load {load}")
}

/// Nanoseconds in which a number travels to another thread and back:
/// about sixty between cores that share a cache, several times more between other cores.
/// Virtual machines move between cores, so this measurement helps to judge
/// times of work by several threads that were taken right before or after it.
pub fn round_trip() -> f64 {
    const ROUNDS: u64 = 100;
    const LIMIT: Duration = Duration::from_millis(20);
    static BALL: AtomicU64 = AtomicU64::new(0);
    /// The other thread stops at this number.
    const END: u64 = u64::MAX;
    BALL.store(0, Ordering::SeqCst);
    let other = std::thread::spawn(|| {
        loop {
            match BALL.load(Ordering::Acquire) {
                END => return,
                ball if ball % 2 == 1 => BALL.store(ball + 1, Ordering::Release),
                _ => std::hint::spin_loop(),
            }
        }
    });
    let (begin, mut times, mut ball) = (Instant::now(), Vec::new(), 0);
    while begin.elapsed() < LIMIT {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            ball += 2;
            BALL.store(ball - 1, Ordering::Release);
            while BALL.load(Ordering::Acquire) != ball {
                std::hint::spin_loop();
            }
        }
        times.push(start.elapsed().as_secs_f64() * 1e9 / ROUNDS as f64);
    }
    BALL.store(END, Ordering::Release);
    // The result of the other thread does not matter.
    let _ = other.join();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The output of a peer's program, one line per configuration, or the reason why there is none.
///
/// Peers are Python programs beside the benchmarks, which get `arguments`.
/// They run under the interpreter named by `GRADUS_PYTHON`, or else `python3`.
pub fn peer(script: &str, module: &str, arguments: &[String]) -> Result<Vec<String>, String> {
    let python = std::env::var("GRADUS_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output();
    match found {
        Err(e) => return Err(format!("{python} cannot be run: {e}")),
        Ok(out) if !out.status.success() => {
            return Err(format!("{python} has no module `{module}`"));
        }
        Ok(_) => {}
    }
    let path = format!("{}/peers/{script}", env!("CARGO_MANIFEST_DIR"));
    let out = Command::new(&python)
        .arg(path)
        .args(arguments)
        .output()
        .map_err(|e| e.to_string())?;
    if !out.status.success() {
        let text = String::from_utf8_lossy(&out.stderr);
        return Err(format!(
            "{script} failed: {}",
            text.lines().last().unwrap_or("no message")
        ));
    }
    Ok(String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter(|l| l.starts_with('{'))
        .map(str::to_string)
        .collect())
}

/// The number after `"key":` in a line of JSON that a peer printed.
pub fn number(line: &str, key: &str) -> Option<f64> {
    let rest = line.split(&format!("\"{key}\":")).nth(1)?;
    let end = rest.find([',', '}'])?;
    rest[..end].trim().parse().ok()
}

/// The text after `"key":` in a line of JSON that a peer printed.
pub fn text<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.split(&format!("\"{key}\":")).nth(1)?;
    rest.split('"').nth(1)
}
