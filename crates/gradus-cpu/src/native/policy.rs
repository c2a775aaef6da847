//! When native code is made.

use super::code::Code;
use gradus_engine::environment;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// When programs change over to native code. `GRADUS_NATIVE` sets it to `off`, `hot` or `always`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Policy {
    /// Never.
    Off,
    /// When the runs of a program have taken about as long as making the code does. This is the default.
    Hot,
    /// At the first run, whatever it costs.
    Always,
}

/// One more than the number of the policy; 0 before it is known.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The present policy.
///
/// ```
/// use gradus_cpu::native::{Policy, policy, set_policy};
/// set_policy(Policy::Off);
/// assert_eq!(policy(), Policy::Off);
/// set_policy(Policy::Hot);
/// ```
pub fn policy() -> Policy {
    match CHOSEN.load(Ordering::Relaxed) {
        1 => Policy::Off,
        2 => Policy::Hot,
        3 => Policy::Always,
        _ => {
            let asked = environment::read("GRADUS_NATIVE", |text| match text {
                "off" => Ok(Policy::Off),
                "hot" => Ok(Policy::Hot),
                "always" => Ok(Policy::Always),
                _ => Err("expected off, hot or always".into()),
            });
            let policy = asked.unwrap_or(Policy::Hot);
            set_policy(policy);
            policy
        }
    }
}

/// Sets the policy for all programs of the process, from their next run on.
/// Code that exists is kept, and used unless the policy is [`Policy::Off`].
///
/// See [`functions_made`](super::functions_made) for an example.
pub fn set_policy(policy: Policy) {
    CHOSEN.store(policy as u8 + 1, Ordering::Relaxed);
}

/// The native code of a program, a loop or a kernel, made when it is worthwhile.
pub(crate) struct Changeover<T = Code> {
    code: OnceLock<Option<T>>,
    /// The nanoseconds that all runs so far took on tiles, roughly.
    spent: AtomicU64,
}

impl<T> Default for Changeover<T> {
    fn default() -> Changeover<T> {
        Changeover {
            code: OnceLock::new(),
            spent: AtomicU64::new(0),
        }
    }
}

impl<T> Changeover<T> {
    /// The code, if there is one, or if it shall be made before a run that takes `next` nanoseconds on tiles.
    /// Otherwise the run is counted. `price` is the time of making the code, in nanoseconds.
    pub fn code(
        &self,
        next: impl FnOnce() -> u64,
        price: impl FnOnce() -> u64,
        make: impl FnOnce() -> Option<T>,
    ) -> Option<&T> {
        let policy = policy();
        if policy == Policy::Off {
            return None;
        }
        if let Some(code) = self.code.get() {
            return code.as_ref();
        }
        if policy == Policy::Hot && self.spend(next()) < price() {
            return None;
        }
        self.code.get_or_init(make).as_ref()
    }

    /// The code, if it is made and used.
    #[cfg(target_arch = "x86_64")]
    pub fn made(&self) -> Option<&T> {
        match policy() {
            Policy::Off => None,
            Policy::Hot | Policy::Always => self.code.get()?.as_ref(),
        }
    }

    /// Counts `nanoseconds` on tiles, and gives the sum of all so far.
    pub fn spend(&self, nanoseconds: u64) -> u64 {
        let before = self.spent.fetch_add(nanoseconds, Ordering::Relaxed);
        before.saturating_add(nanoseconds)
    }
}
