//! The rates of this machine, measured on request and kept in the user's cache folder.

use crate::context::Context;
use gradus_engine::{Array, CompileOptions, Input, environment};
use gradus_ir::primitives::{Binary, Gather, Op, ReduceKind, Unary};
use gradus_ir::{DType, Error, ErrorKind, Graph, Result, Type, ValueId};
use gradus_plan::Profile;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The file of the [`calibrate`]d rates: `gradus/profile` in `$XDG_CACHE_HOME`, which must be an absolute path,
/// otherwise in `~/.cache`. `None` if there is no home folder.
///
/// ```
/// use gradus::plan::profile_path;
/// # use gradus::prelude::*;
/// if let Some(path) = profile_path() {
///     assert!(path.ends_with("gradus/profile"));
/// }
/// ```
pub fn profile_path() -> Option<PathBuf> {
    let asked = environment::read("XDG_CACHE_HOME", |text| match Path::new(text) {
        folder if folder.is_absolute() => Ok(folder.to_path_buf()),
        _ => Err("expected an absolute path; ~/.cache is used".into()),
    });
    let cache = match asked {
        Some(folder) => folder,
        None => std::env::home_dir()?.join(".cache"),
    };
    Some(cache.join("gradus").join("profile"))
}

/// The rates that were measured on this machine, otherwise the built-in ones. They are read once.
/// A file that cannot be parsed is reported on standard error and ignored.
///
/// ```
/// use gradus::plan::machine_profile;
/// # use gradus::prelude::*;
/// let options = PlanOptions::default().profile(machine_profile());
/// let plan = plan_jacobian(|x: &Tensor| x.sin(), &Tensor::from(1.0), &options)?;
/// assert!(plan.explain().contains("chosen: "));
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn machine_profile() -> Profile {
    static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
        let read = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).ok()?;
            let warn = |e| {
                let path = path.display();
                environment::warn_once(&format!("{path} is ignored, built-in rates are used: {e}"));
            };
            text.parse().map_err(warn).ok()
        };
        profile_path().and_then(read).unwrap_or_default()
    });
    *PROFILE
}

/// Measured rates of a machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration {
    /// Each rate is the median of its samples.
    pub profile: Profile,
    /// The spread of the samples of each rate, in the order of [`Profile::rates`]: the distance of their quartiles
    /// as a share of their median. On a quiet machine it is a few hundredths.
    pub spreads: [f64; 9],
}

/// Measures the rates of this machine, within about a second.
///
/// ```
/// use gradus::plan::calibrate;
/// # use gradus::prelude::*;
/// # fn measure() -> Result<()> {
/// println!("{}", calibrate()?);
/// # Ok(())
/// # }
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// None on a machine that can run programs.
pub fn calibrate() -> Result<Profile> {
    Ok(measure_machine()?.profile)
}

/// Like [`calibrate`], with the spread of the samples.
///
/// ```
/// use gradus::plan::measure_machine;
/// # use gradus::prelude::*;
/// # fn measure() -> Result<()> {
/// let measured = measure_machine()?;
/// println!("{} {:?}", measured.profile, measured.spreads);
/// # Ok(())
/// # }
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// None on a machine that can run programs.
pub fn measure_machine() -> Result<Calibration> {
    let elementwise = |op: fn(&mut Graph, ValueId) -> ValueId, n: usize| {
        seconds(&[Type::new(DType::F64, &[n])], &|g, x| op(g, x[0]))
    };
    let product = |dtype| {
        let square = Type::new(dtype, &[512, 512]);
        seconds(&[square.clone(), square], &|g, x| {
            let op = gradus_ir::primitives::Contract {
                contract_left: [1].into_iter().collect(),
                contract_right: [0].into_iter().collect(),
                ..Default::default()
            };
            g.emit(Op::Contract(op.into()), x)
        })
    };
    const SMALL: usize = 1 << 14;
    const LARGE: usize = 1 << 22;
    let (product_f32, product_f64) = (product(DType::F32)?, product(DType::F64)?);
    // Many operations on each element, so that the time for moving it is small.
    let arithmetic = elementwise(
        |g, x| {
            (0..32).fold(x, |y, _| {
                let y = g.mul(y, x);
                g.add_nodes(y, x)
            })
        },
        SMALL,
    )?;
    let transcendental = elementwise(|g, x| (0..4).fold(x, |y, _| g.unary(Unary::Sin, y)), SMALL)?;
    let reduction = elementwise(|g, x| g.reduce(ReduceKind::Sum, x, &[0]), SMALL)?;
    let copied = |g: &mut Graph, x: ValueId| g.unary(Unary::Neg, x);
    let (cache, memory) = (elementwise(copied, SMALL)?, elementwise(copied, LARGE)?);
    let launch = seconds(&[Type::new(DType::F64, &[8])], &|g, x| {
        // Each sum ends a kernel.
        (0..16).fold(x[0], |y, _| {
            let sum = g.reduce(ReduceKind::Max, y, &[0]);
            let all = g.broadcast(sum, &[8], &[]);
            g.binary(Binary::Sub, y, all)
        })
    })?;
    let index = Type::new(DType::I64, &[SMALL]);
    let indexing = seconds(&[Type::new(DType::F64, &[SMALL]), index], &|g, x| {
        let zero = g.constant_like(0.0, x[0]);
        g.emit(
            Op::Gather(Gather::ScatterAdd { batch: 0, axis: 0 }),
            &[zero, x[1], x[0]],
        )
    })?;
    let n = SMALL as f64;
    let bytes = |n: usize| 2.0 * (n * DType::F64.size()) as f64;
    let operations = 2.0 * 512f64.powi(3);
    let profile = Profile {
        product_f32: operations / product_f32.median,
        product_f64: operations / product_f64.median,
        arithmetic: 64.0 * n / arithmetic.median,
        transcendental: 4.0 * n / transcendental.median,
        reduction: n / reduction.median,
        indexing: n / indexing.median,
        cache: bytes(SMALL) / cache.median,
        memory: bytes(LARGE) / memory.median,
        launch: launch.median / 32.0,
    };
    let samples = [
        product_f32,
        product_f64,
        arithmetic,
        transcendental,
        reduction,
        indexing,
        cache,
        memory,
        launch,
    ];
    let spreads = samples.map(|s| s.spread);
    Ok(Calibration { profile, spreads })
}

/// Writes rates to [`profile_path`], where later programs find them. Returns the path.
///
/// ```
/// use gradus::plan::{calibrate, save_profile};
/// # use gradus::prelude::*;
/// # fn measure() -> Result<()> {
/// let path = save_profile(&calibrate()?)?;
/// println!("later programs read {}", path.display());
/// # Ok(())
/// # }
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// If there is no home folder, or the file cannot be written.
pub fn save_profile(profile: &Profile) -> Result<PathBuf> {
    let Some(path) = profile_path() else {
        return Err(Error::new(
            ErrorKind::Argument,
            "the machine profile has no place: neither XDG_CACHE_HOME nor a home folder is set",
        ));
    };
    let written = match path.parent() {
        Some(folder) => std::fs::create_dir_all(folder),
        None => Ok(()),
    };
    written
        .and_then(|()| std::fs::write(&path, profile.to_string()))
        .map_err(|e| Error::new(ErrorKind::Data, format!("{}: {e}", path.display())))?;
    Ok(path)
}

/// Times in seconds.
struct Samples {
    median: f64,
    /// The distance of the quartiles as a share of the median.
    spread: f64,
}

/// The times of a program on numbers around 1 (or on valid indices).
fn seconds(inputs: &[Type], make: &dyn Fn(&mut Graph, &[ValueId]) -> ValueId) -> Result<Samples> {
    let mut g = Graph::new();
    let ids: Vec<ValueId> = inputs.iter().map(|ty| g.input(ty.clone())).collect();
    let result = make(&mut g, &ids);
    g.set_outputs(vec![result]);
    let program = Context::current().compile(&g, &CompileOptions::default())?;
    let arrays = inputs.iter().map(array).collect::<Result<Vec<_>>>()?;
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || begin.elapsed() < Duration::from_millis(60) {
        let start = Instant::now();
        program.run(arrays.iter().map(Input::Borrowed).collect())?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let quartile = |k: usize| times[k * (times.len() - 1) / 4];
    let median = times[times.len() / 2];
    Ok(Samples {
        median,
        spread: (quartile(3) - quartile(1)) / median,
    })
}

fn array(ty: &Type) -> Result<Array> {
    let n = ty.elements();
    match ty.dtype {
        DType::F32 => Array::from_slice(
            &(0..n)
                .map(|i| 1.0 + (i % 7) as f32 * 1e-3)
                .collect::<Vec<_>>(),
            &ty.shape,
        ),
        DType::I64 => Array::from_slice(
            &(0..n).map(|i| ((i * 7919) % n) as i64).collect::<Vec<_>>(),
            &ty.shape,
        ),
        _ => Array::from_slice(
            &(0..n)
                .map(|i| 1.0 + (i % 7) as f64 * 1e-3)
                .collect::<Vec<_>>(),
            &ty.shape,
        ),
    }
}
