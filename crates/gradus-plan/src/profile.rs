//! How fast a machine does each kind of work.

use gradus_ir::DType;
use gradus_ir::primitives::Work;

/// Rates of a machine, per second. The defaults are those of a core or two of a present server.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Profile {
    /// Operations of large products of f32 matrices.
    pub product_f32: f64,
    /// Operations of large products of f64 matrices.
    pub product_f64: f64,
    /// Elementwise arithmetic.
    pub arithmetic: f64,
    /// Exponentials, trigonometry and the like.
    pub transcendental: f64,
    /// Steps of reductions.
    pub reduction: f64,
    /// Indexed elements.
    pub indexing: f64,
    /// Bytes from or to the caches.
    pub cache: f64,
    /// Bytes from or to memory.
    pub memory: f64,
    /// Seconds to start a kernel.
    pub launch: f64,
}

/// Beyond so many bytes the caches do not hold what a kernel works on.
const CACHED: u64 = 4 << 20;
/// The side of a product at which half of the full rate is reached.
const HALF_RATE: f64 = 8.0;

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            product_f32: 1.6e11,
            product_f64: 8e10,
            arithmetic: 4e9,
            transcendental: 5e8,
            reduction: 4e9,
            indexing: 5e8,
            cache: 2.5e10,
            memory: 8e9,
            launch: 3e-7,
        }
    }
}

impl Profile {
    /// Operations of this kind a second.
    pub fn rate(&self, work: Work) -> f64 {
        match work {
            Work::View | Work::Copy => f64::INFINITY,
            Work::Arithmetic => self.arithmetic,
            Work::Transcendental => self.transcendental,
            Work::Reduction => self.reduction,
            Work::Product => self.product_f64,
            Work::Indexing => self.indexing,
        }
    }

    /// Bytes a second for a kernel that moves `bytes`.
    pub fn bandwidth(&self, bytes: u64) -> f64 {
        if bytes > CACHED {
            self.memory
        } else {
            self.cache
        }
    }

    /// Seconds of `b` products of `m × k` with `k × n` matrices; short sides lower the rate.
    pub fn product(&self, dtype: DType, b: usize, m: usize, k: usize, n: usize) -> f64 {
        let full = match dtype {
            DType::F32 => self.product_f32,
            _ => self.product_f64,
        };
        let share = |side: usize| side as f64 / (side as f64 + HALF_RATE);
        let operations = 2.0 * b as f64 * m as f64 * k as f64 * n as f64;
        operations / (full * (share(m) * share(k) * share(n)).max(1e-3))
    }
}
