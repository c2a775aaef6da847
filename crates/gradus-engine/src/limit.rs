//! The limit of memory for arrays, and the error of a request beyond it.
//!
//! `GRADUS_MEMORY_LIMIT` limits the bytes that all arrays of the process hold together:
//! a number with a unit (`6GB`, `512MiB`, `1.5GB`; `KB`, `MB`, `GB`, `TB` are powers of 1000, `KiB`, `MiB`, `GiB`,
//! `TiB` of 1024), a number of bytes without a unit, or `unlimited`.
//! Without the variable the system limits them: the limit of the address space (`ulimit -v`),
//! the limits of the control groups of the process (versions 1 and 2),
//! and the available memory, each minus the memory in use.
//! The system is asked only about requests of at least [`LARGE`] bytes.

use crate::{array, environment};
use gradus_ir::{Error, ErrorKind};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Smaller requests are not compared with the system's limits: a query takes about fifty microseconds,
/// as long as filling a few hundred kilobytes for the first time.
const LARGE: usize = 32 << 20;
/// Reserved for memory other than arrays: code, stacks, other threads' scratch memory.
const RESERVE: u64 = 64 << 20;

/// Bytes of the blocks that the process has, in use or kept for reuse. They are counted if the user sets a limit.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Functions that give back memory which is kept for reuse; see [`on_release`].
static RELEASES: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// The limit that applies to the memory of arrays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bound {
    /// `GRADUS_MEMORY_LIMIT`, in bytes.
    OfUser(u64),
    AddressSpace,
    ControlGroup,
    Available,
    /// The system refused a block, although its limits allowed it.
    Refused,
    /// No machine has that much memory.
    Machine,
}

/// A request for more memory than is available.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shortage {
    /// The available bytes.
    left: u64,
    bound: Bound,
}

impl Shortage {
    /// A request that no machine can meet.
    pub const MACHINE: Shortage = Shortage {
        left: 0,
        bound: Bound::Machine,
    };
    /// A request that the system has refused.
    pub const REFUSED: Shortage = Shortage {
        left: 0,
        bound: Bound::Refused,
    };

    /// The error about `wanted`, such as `exp: f64[8] takes 64 bytes`.
    pub fn error(self, wanted: impl fmt::Display) -> Error {
        let left = Bytes(self.left);
        let why = match self.bound {
            Bound::OfUser(limit) => {
                let (limit, held) = (Bytes(limit), Bytes(HELD.load(Ordering::Relaxed) as u64));
                format!(
                    "more than the {left} that is available: GRADUS_MEMORY_LIMIT is {limit}, and arrays hold {held}"
                )
            }
            Bound::AddressSpace => format!(
                "more than the {left} that is available: the process's address space is limited (`ulimit -v`)"
            ),
            Bound::ControlGroup => format!(
                "more than the {left} that is available: the memory of the process's control group is limited"
            ),
            Bound::Available => {
                format!(
                    "more than the {left} that is available: the system has no more memory available"
                )
            }
            Bound::Refused => "more than the system gives".to_string(),
            Bound::Machine => "more than any machine has".to_string(),
        };
        Error::new(ErrorKind::Memory, format!("{wanted}, {why}"))
    }
}

/// A number of bytes for people: `1.2 GB`, in powers of 1000.
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["KB", "MB", "GB", "TB", "PB", "EB"];
        let mut n = self.0 as f64 / 1e3;
        if n < 1.0 {
            return write!(f, "{} bytes", self.0);
        }
        let mut k = 0;
        // A number that would be rounded up to 1000 gets the next unit.
        while n >= 999.5 && k + 1 < units.len() {
            n /= 1e3;
            k += 1;
        }
        let digits = if n < 99.95 { 1 } else { 0 };
        write!(f, "{n:.digits$} {}", units[k])
    }
}

/// The bytes of `GRADUS_MEMORY_LIMIT`; `u64::MAX` for `unlimited`, `None` if it is not set.
fn user_limit() -> Option<u64> {
    static STATED: LazyLock<Option<u64>> =
        LazyLock::new(|| environment::read("GRADUS_MEMORY_LIMIT", parse));
    *STATED
}

/// The number of bytes in a text such as `6GB`.
fn parse(text: &str) -> Result<u64, String> {
    if text.eq_ignore_ascii_case("unlimited") {
        return Ok(u64::MAX);
    }
    let fits = "expected a number of bytes with a unit such as 6GB or 512MiB, or `unlimited`; the system's limits apply";
    let letters = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(letters.unwrap_or(text.len()));
    let (power, step) = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => (0, 1000u64),
        "kb" => (1, 1000),
        "mb" => (2, 1000),
        "gb" => (3, 1000),
        "tb" => (4, 1000),
        "kib" => (1, 1024),
        "mib" => (2, 1024),
        "gib" => (3, 1024),
        "tib" => (4, 1024),
        _ => return Err(fits.into()),
    };
    let number: f64 = number.trim().parse().map_err(|_| fits.to_string())?;
    let bytes = number * step.pow(power) as f64;
    match bytes >= 1.0 && bytes < u64::MAX as f64 {
        true => Ok(bytes as u64),
        false => Err(fits.into()),
    }
}

/// Whether programs that hold `bytes` must [ask](allow) before they run.
pub fn must_ask(bytes: usize) -> bool {
    bytes >= LARGE || user_limit().is_some_and(|limit| limit < u64::MAX)
}

/// Whether arrays can hold `bytes` more than now. If not, memory that is kept for reuse is given back first.
///
/// # Errors
/// If not. The error says how much is available.
pub fn allow(bytes: usize) -> Result<(), Shortage> {
    within(bytes).or_else(|_| {
        release();
        within(bytes)
    })
}

/// Counts a new block of `bytes` before it is made.
///
/// # Errors
/// See [`allow`].
pub(crate) fn enter(bytes: usize) -> Result<(), Shortage> {
    allow(bytes)?;
    if user_limit().is_some() {
        HELD.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(())
}

/// Counts a block as freed.
pub(crate) fn leave(bytes: usize) {
    if user_limit().is_some() {
        HELD.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Registers `release`, which is called when memory is short: it gives back memory that is kept for reuse.
pub(crate) fn on_release(release: fn()) {
    let mut releases = RELEASES.lock().unwrap_or_else(PoisonError::into_inner);
    releases.push(release);
}

/// Gives all memory that is kept for reuse back to the system.
pub(crate) fn release() {
    let releases = || {
        let releases = RELEASES.lock().unwrap_or_else(PoisonError::into_inner);
        releases.clone()
    };
    releases().into_iter().for_each(|release| release());
    // This comes last, because the blocks of the other caches become free blocks.
    array::release_memory();
}

fn within(bytes: usize) -> Result<(), Shortage> {
    let found = match user_limit() {
        Some(limit) => {
            let left = limit.saturating_sub(HELD.load(Ordering::Relaxed) as u64);
            Some((left, Bound::OfUser(limit)))
        }
        None if bytes < LARGE => None,
        None => of_system(),
    };
    match found.filter(|&(left, _)| bytes as u64 > left) {
        None => Ok(()),
        Some((left, bound)) => Err(Shortage { left, bound }),
    }
}

/// The smallest remainder of the system's limits; `None` if the system reports none.
fn of_system() -> Option<(u64, Bound)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let space = address_space(&read("/proc/self/limits"), &read("/proc/self/status"));
    let group = control_group(&read("/proc/self/cgroup"), Path::new("/sys/fs/cgroup"));
    let free = available(&read("/proc/meminfo"));
    let all = [
        (space, Bound::AddressSpace),
        (group, Bound::ControlGroup),
        (free, Bound::Available),
    ];
    let known = all.into_iter().filter_map(|(left, bound)| {
        let left = left?.saturating_sub(RESERVE);
        Some((left, bound))
    });
    known.min_by_key(|&(left, _)| left)
}

/// The bytes in the line of `text` that begins with `name` and gives kB.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix(name))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    number.checked_mul(1024)
}

/// The remainder of the address space's limit.
fn address_space(limits: &str, status: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|l| l.strip_prefix("Max address space"))?;
    // "unlimited" is not a number.
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kilobytes(status, "VmSize:")?))
}

/// Memory that can be used without evicting memory in use.
fn available(meminfo: &str) -> Option<u64> {
    let swap = kilobytes(meminfo, "SwapFree:").unwrap_or(0);
    Some(kilobytes(meminfo, "MemAvailable:")?.saturating_add(swap))
}

/// The remainder of the control groups in `groups`, the text of `/proc/self/cgroup`,
/// and of all groups around them.
fn control_group(groups: &str, root: &Path) -> Option<u64> {
    let mut least: Option<u64> = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, files) = match controllers {
            "" => (root.to_path_buf(), &VERSION_2),
            c if c.split(',').any(|c| c == "memory") => (root.join("memory"), &VERSION_1),
            _ => continue,
        };
        // In a container the path can belong to the host; the group is then the root of the visible hierarchy.
        let own = root.join(path.trim_start_matches('/'));
        let around = own.ancestors().take_while(|p| p.starts_with(&root));
        let left = around.filter_map(|folder| left_in(folder, files)).min();
        least = least.into_iter().chain(left).min();
    }
    least
}

/// The files of a control group: its limit, its use, and the part of the use that the system can reclaim.
struct Files {
    limit: &'static str,
    usage: &'static str,
    reclaimable: [&'static str; 2],
}

const VERSION_1: Files = Files {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: ["total_inactive_file", "total_active_file"],
};
const VERSION_2: Files = Files {
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: ["inactive_file", "active_file"],
};

fn left_in(folder: &Path, files: &Files) -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    // "max" is not a number; version 1 gives a number larger than any machine's memory.
    let limit: u64 = read(files.limit)?.trim().parse().ok()?;
    let usage: u64 = read(files.usage)?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let reclaimable = files.reclaimable.iter().filter_map(|name| {
        let number = stat.lines().find_map(|l| l.strip_prefix(name))?;
        number.trim().parse::<u64>().ok()
    });
    let used = usage.saturating_sub(reclaimable.sum());
    Some(limit.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_their_units() {
        for (text, bytes) in [
            ("6GB", 6_000_000_000),
            ("512MiB", 512 << 20),
            ("1.5gb", 1_500_000_000),
            ("2 TiB", 2 << 40),
            ("4096", 4096),
            ("100B", 100),
            ("unlimited", u64::MAX),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in [
            "", "GB", "6 gigs", "-1GB", "1e30", "6G", "NaN", "inf", "0", "six",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        let shown = |n: u64| Bytes(n).to_string();
        let all = [
            0,
            999,
            1000,
            16_800_000_000,
            123_456_789,
            999_950_000,
            u64::MAX,
        ]
        .map(shown);
        assert_eq!(
            all,
            [
                "0 bytes",
                "999 bytes",
                "1.0 KB",
                "16.8 GB",
                "123 MB",
                "1.0 GB",
                "18.4 EB"
            ]
        );
    }

    #[test]
    fn the_system_is_understood() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax address space         4294967296           unlimited            bytes\n";
        let status = "Name:\tx\nVmSize:\t 1048576 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(address_space(limits, status), Some(3 << 30));
        assert_eq!(
            address_space("Max address space  unlimited  unlimited  bytes", status),
            None
        );
        assert_eq!(address_space("", ""), None);
        let meminfo = "MemTotal:  99 kB\nMemAvailable:   2048 kB\nSwapFree:  1024 kB\n";
        assert_eq!(available(meminfo), Some(3 << 20));
        assert_eq!(available(""), None);
    }

    /// Both versions, a group whose parent has a smaller limit, and a path that is not visible.
    #[test]
    fn the_narrowest_control_group_counts() {
        let root = std::env::temp_dir().join(format!("gradus-groups-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a/memory.max", "1000\n");
        write("a/memory.current", "700\n");
        write(
            "a/memory.stat",
            "anon 600\ninactive_file 60\nactive_file 40\n",
        );
        write("a/b/memory.max", "max\n");
        write("a/b/memory.current", "500\n");
        write("memory/c/memory.limit_in_bytes", "5000\n");
        write("memory/c/memory.usage_in_bytes", "1000\n");
        write("memory/memory.limit_in_bytes", "3000\n");
        write("memory/memory.usage_in_bytes", "100\n");
        let left = |groups: &str| control_group(groups, &root);
        assert_eq!(left("0::/a/b\n"), Some(400));
        assert_eq!(left("5:cpu,memory:/c\n"), Some(2900));
        assert_eq!(left("5:memory:/c\n0::/a/b\n"), Some(400));
        assert_eq!(left("9:memory:/unseen\n"), Some(2900));
        assert_eq!(left("3:cpu:/a\n"), None);
        assert_eq!(left(""), None);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
