//! Random numbers from explicit keys: the same key always gives the same numbers,
//! on any machine and any number of threads.
//!
//! The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers:
//! as easy as 1, 2, 3", SC 2011), with the counters that JAX uses by default.
//! Keys, bits and uniform numbers therefore equal JAX's bit for bit.
//! Everything except [`permutation`] can be traced: a key is a tensor, so random numbers can be drawn under
//! [`jit`](crate::jit) and [`vmap`](crate::vmap).

mod threefry;

use crate::tensor::Tensor;
use crate::tensor::integers::{Integer, Integers, size_of, sizes_of};
use crate::trace::on_behalf_of;
use crate::tree::{Leaves, Structure, Tree};
use gradus_ir::primitives::Binary;
use gradus_ir::{DType, Dims, Error, ErrorKind, FloatType, Literal, Loc, Result, Type};
use threefry::{counters, hash};

/// The state of the generator. It is never changed, only split.
///
/// Use a key once. For more numbers [`split`](Key::split) it, or [`fold_in`](Key::fold_in) a counter.
#[derive(Clone, Debug)]
pub struct Key(Tensor);

impl Tree for Key {
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
        self.0.flatten(leaves);
    }

    fn unflatten(&self, leaves: &mut Leaves) -> Key {
        Key(self.0.unflatten(leaves))
    }

    fn describe(&self, out: &mut Structure) {
        self.0.describe(out);
    }
}

/// The key of `seed`.
///
/// ```
/// # use gradus::prelude::*;
/// let key = random::key(42);
/// let x = random::normal(&key, &[3], F64);
/// assert_eq!(x.shape(), [3]);
/// ```
#[doc(alias = "PRNGKey")]
#[doc(alias = "seed")]
#[doc(alias = "manual_seed")]
#[doc(alias = "seed_from_u64")]
pub fn key(seed: u64) -> Key {
    Key(Tensor::from([(seed >> 32) as u32, seed as u32]))
}

impl Key {
    /// The key with the state `data`, a u32 tensor of two numbers from [`data`](Key::data).
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let key = random::Key::from_data(random::key(7).data().clone())?;
    /// assert_eq!(key.data().to_vec::<u32>()?, [0, 7]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `data` has another type.
    #[doc(alias = "wrap_key_data")]
    pub fn from_data(data: Tensor) -> Result<Key> {
        if *data.ty() == Type::new(DType::U32, &[2]) {
            return Ok(Key(data));
        }
        Err(Error::new(
            ErrorKind::Argument,
            format!("Key::from_data: a key is u32[2], got {}", data.ty()),
        ))
    }

    /// The state: a u32 tensor of two numbers.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(random::key(7).data().to_vec::<u32>()?, [0, 7]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[doc(alias = "key_data")]
    pub fn data(&self) -> &Tensor {
        &self.0
    }

    /// `N` independent keys.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let [a, b] = random::key(0).split();
    /// let draw = |key| random::uniform(key, &[], F64).item::<f64>();
    /// assert_ne!(draw(&a)?, draw(&b)?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn split<const N: usize>(&self) -> [Key; N] {
        let keys = self.split_data(N);
        std::array::from_fn(|i| row(&keys, i))
    }

    /// `n` independent keys.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(random::key(0).split_n(3).len(), 3);
    /// ```
    ///
    /// # Panics
    /// If `n` is negative.
    #[track_caller]
    pub fn split_n(&self, n: impl Integer) -> Vec<Key> {
        let keys = self.split_data(n);
        (0..keys.shape()[0]).map(|i| row(&keys, i)).collect()
    }

    /// The states of `n` independent keys, u32 `[n, 2]`, for mapping over them.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let keys = random::key(0).split_data(4);
    /// let draw = |data: &Tensor| random::normal(&random::Key::from_data(data.clone()).unwrap(), &[], F64);
    /// assert_eq!(vmap(draw)(&keys).shape(), [4]);
    /// ```
    ///
    /// # Panics
    /// If `n` is negative.
    #[track_caller]
    pub fn split_data(&self, n: impl Integer) -> Tensor {
        let n = match size_of("split", n.wide()) {
            Ok(n) => n,
            Err(error) => return Tensor::fail(error, &[&self.0], Type::new(DType::U32, &[0, 2])),
        };
        threefry::fused(&[&self.0], &|key| {
            let (a, b) = hash(&key[0], counters(&[n]));
            threefry::pairs(&a, &b)
        })
    }

    /// A new key from this key and a number, such as the number of a step.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let key = random::key(0);
    /// assert_ne!(key.fold_in(1).data().to_vec::<u32>()?, key.fold_in(2).data().to_vec::<u32>()?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    #[track_caller]
    pub fn fold_in(&self, data: u32) -> Key {
        self.fold_in_tensor(&Tensor::from(data))
    }

    /// Like [`fold_in`](Self::fold_in), with an integer tensor that can be traced. Only its lowest 32 bits count.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let key = random::key(0);
    /// let folded = key.fold_in_tensor(&Tensor::from(1));
    /// assert_eq!(folded.data().to_vec::<u32>()?, key.fold_in(1).data().to_vec::<u32>()?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `data` is not an integer scalar.
    #[track_caller]
    pub fn fold_in_tensor(&self, data: &Tensor) -> Key {
        if data.rank() != 0 || !data.dtype().is_integer() {
            let error = Error::new(
                ErrorKind::DType,
                format!("fold_in: takes one integer, got {}", data.ty()),
            );
            return Key(Tensor::fail(error, &[&self.0], self.0.ty().clone()));
        }
        let data = data.astype(DType::U32);
        Key(threefry::fused(&[&self.0, &data], &|inputs| {
            let high = Tensor::splat(Literal::from_i64(DType::U32, 0), &[]);
            let (a, b) = hash(&inputs[0], (high, inputs[1].clone()));
            threefry::pairs(&a, &b)
        }))
    }
}

#[track_caller]
fn row(keys: &Tensor, i: usize) -> Key {
    use gradus_ir::primitives::{Layout, Slice};
    use gradus_ir::{Dims, Op};
    let slice = Slice {
        start: Dims::from_slice(&[i, 0]),
        limit: Dims::from_slice(&[i + 1, 2]),
        stride: Dims::from_slice(&[1, 1]),
    };
    let one = Tensor::apply(Op::Layout(slice.into()), &[keys]);
    let shape = Layout::Reshape(Dims::from_slice(&[2]));
    Key(Tensor::apply(Op::Layout(shape), &[&one]))
}

/// 32 random bits for each element: u32 of `shape`.
///
/// ```
/// # use gradus::prelude::*;
/// assert_eq!(random::bits(&random::key(0), &[4]).dtype(), U32);
/// ```
///
/// # Panics
/// If memory cannot hold them.
#[doc(alias = "randint")]
#[doc(alias = "random_raw")]
#[track_caller]
pub fn bits(key: &Key, shape: impl Integers) -> Tensor {
    match checked("bits", shape, DType::U32) {
        Ok(shape) => threefry::fused(&[&key.0], &|key| threefry::bits(&key[0], &shape)),
        Err(refused) => refused,
    }
}

/// Uniform numbers in `[0, 1)`: multiples of 2⁻²³ (f32), 2⁻⁵² (f64) or 2⁻⁷ (bf16).
/// Of bf16 there are 128 different numbers, as in JAX; `uniform(…, F32).astype(BF16)` gives more.
///
/// ```
/// # use gradus::prelude::*;
/// let x = random::uniform(&random::key(0), &[1000], F64);
/// assert!(x.min().item::<f64>()? >= 0.0 && x.max().item::<f64>()? < 1.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `dtype` is not a float type.
#[doc(alias = "rand")]
#[doc(alias = "random")]
#[track_caller]
pub fn uniform(key: &Key, shape: impl Integers, dtype: DType) -> Tensor {
    match floats("uniform", shape, dtype) {
        Ok((shape, float)) => {
            threefry::fused(&[&key.0], &|key| threefry::unit(&key[0], &shape, float))
        }
        Err(refused) => refused,
    }
}

/// Uniform numbers in `[low, high)`.
///
/// ```
/// # use gradus::prelude::*;
/// let x = random::uniform_in(&random::key(0), &[1000], F64, -2.0, 2.0);
/// assert!(x.abs().max().item::<f64>()? <= 2.0);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `dtype` is not a float type.
#[track_caller]
pub fn uniform_in(key: &Key, shape: impl Integers, dtype: DType, low: f64, high: f64) -> Tensor {
    match floats("uniform_in", shape, dtype) {
        Ok((shape, float)) => threefry::fused(&[&key.0], &|key| {
            threefry::between(&key[0], &shape, float, low, high)
        }),
        Err(refused) => refused,
    }
}

/// Numbers from the normal distribution with mean 0 and variance 1: `√2·erf⁻¹(u)` with `u` uniform in `(-1, 1)`.
/// Of bf16 there are 128 different numbers, as in JAX; `normal(…, F32).astype(BF16)` gives more.
///
/// ```
/// # use gradus::prelude::*;
/// let x = random::normal(&random::key(0), &[10_000], F64);
/// assert!(x.mean().item::<f64>()?.abs() < 0.05);
/// assert!((x.std().item::<f64>()? - 1.0).abs() < 0.05);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Panics
/// If `dtype` is not a float type.
#[doc(alias = "randn")]
#[doc(alias = "standard_normal")]
#[doc(alias = "gaussian")]
#[track_caller]
pub fn normal(key: &Key, shape: impl Integers, dtype: DType) -> Tensor {
    let (shape, float) = match floats("normal", shape, dtype) {
        Ok(checked) => checked,
        Err(refused) => return refused,
    };
    // The next number above -1: floats of magnitude below 1 are half as far apart as floats above.
    let low = float.epsilon() / 2.0 - 1.0;
    threefry::fused(&[&key.0], &|key| {
        let u = threefry::between(&key[0], &shape, float, low, 1.0);
        let root = Tensor::splat(Literal::from_f64(dtype, std::f64::consts::SQRT_2), &shape);
        threefry::binary(Binary::Mul, &root, &u.erf_inv())
    })
}

/// Booleans that are true with probability `p`.
///
/// ```
/// # use gradus::prelude::*;
/// let heads = random::bernoulli(&random::key(0), &[10_000], 0.25);
/// assert!((heads.astype(F64).mean().item::<f64>()? - 0.25).abs() < 0.02);
/// # Ok::<(), gradus::Error>(())
/// ```
#[doc(alias = "dropout")]
#[track_caller]
pub fn bernoulli(key: &Key, shape: impl Integers, p: f64) -> Tensor {
    match floats("bernoulli", shape, DType::F32) {
        Ok((shape, float)) => threefry::fused(&[&key.0], &|key| {
            threefry::unit(&key[0], &shape, float).less(p)
        }),
        Err(refused) => refused.astype(DType::Bool),
    }
}

/// The numbers `0..n` in random order, i64.
/// They are sorted by random keys, in enough rounds to make ties harmless.
///
/// ```
/// # use gradus::prelude::*;
/// let order = random::permutation(&random::key(0), 100)?;
/// assert_eq!(order.sum().item::<i64>()?, 99 * 100 / 2);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Traced`] if the key is abstract, because sorting does not work in traces.
#[doc(alias = "randperm")]
#[doc(alias = "shuffle")]
#[track_caller]
pub fn permutation(key: &Key, n: impl Integer) -> Result<Tensor> {
    let loc = Loc::caller();
    let n = size_of("permutation", n.wide()).map_err(|e| e.at(loc))?;
    let of_numbers = || gradus_engine::with_room("permutation", n).map_err(|e| e.at(loc));
    let mut order: Vec<i64> = of_numbers()?;
    order.extend(0..n as i64);
    // With three times the bits of n, the expected number of ties is 1/n².
    let rounds = (3.0 * (n.max(1) as f64).ln() / f64::from(u32::MAX).ln()).ceil() as usize;
    let mut key = key.clone();
    for _ in 0..rounds {
        let [next, now] = key.split();
        key = next;
        let sort_by = on_behalf_of(loc, || bits(&now, &[n]).to_vec::<u32>())?;
        let mut tagged: Vec<(u32, i64)> =
            gradus_engine::with_room("permutation", n).map_err(|e| e.at(loc))?;
        tagged.extend(sort_by.into_iter().zip(order));
        tagged.sort_by_key(|&(k, _)| k);
        order = tagged.into_iter().map(|(_, v)| v).collect();
    }
    Tensor::new(order, &[n])
}

/// The sizes of a shape of floats, and their type. If that fails, a tensor that stands in for the result.
#[track_caller]
fn floats(name: &str, shape: impl Integers, dtype: DType) -> Result<(Dims, FloatType), Tensor> {
    let shape = checked(name, shape, dtype)?;
    if let Some(float) = dtype.float() {
        return Ok((shape, float));
    }
    let error = Error::new(
        ErrorKind::DType,
        format!("{name}: gives floating-point numbers, not {dtype}"),
    );
    Err(Tensor::fail(error, &[], Type::new(dtype, &shape)))
}

/// The sizes of a shape, if memory can hold it. If not, a tensor that stands in for the result.
#[track_caller]
fn checked(name: &str, shape: impl Integers, dtype: DType) -> Result<Dims, Tensor> {
    let sizes = sizes_of(name, shape).and_then(|sizes| {
        Type::new(dtype, &sizes).checked(name)?;
        Ok(sizes)
    });
    match sizes {
        Ok(sizes) => Ok(sizes),
        Err(error) => Err(Tensor::fail(error, &[], Type::scalar(dtype))),
    }
}
