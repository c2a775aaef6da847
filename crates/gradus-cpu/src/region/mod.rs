//! Operations that hold programs: each program becomes an executable that
//! runs in the memory of the surrounding program.
//!
//! Each kind implements [`Code`], and [`RegionStep`] makes a step from it. [`step`] finds the code of a region.

mod call;
mod check;
mod loops;
#[cfg(feature = "native")]
mod native;
mod refused;
mod switch;

use crate::buffers::{BufferId, Buffers};
use crate::count::StepForecast;
use crate::executable::Executable;
use crate::instrumentation::Instrumentation;
#[cfg(feature = "native")]
use crate::native::{Elements, Emitter, Table};
use crate::options::Reuse;
use crate::registers::Registers;
use crate::step::{Largest, Operand, Operands, SameMemory, Step};
use crate::view::View;
use call::CallCode;
use check::CheckCode;
use gradus_ir::primitives::{Body, Region};
use gradus_ir::{Result, Type};
use loops::LoopCode;
use refused::Refused;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;
use switch::SwitchCode;

/// The addresses of some arrays.
type Pointers = SmallVec<[*mut u8; 16]>;

/// Compiles a program that an operation holds.
pub(crate) type CompileBody<'a> = &'a dyn Fn(&Body, &Reuse) -> Result<Arc<Executable>>;

/// A region that runs.
trait Code: Send + Sync {
    /// The name in reports.
    const NAME: &'static str;

    /// The programs inside.
    fn bodies(&self) -> SmallVec<[&Executable; 2]>;

    /// Bytes of working memory of a run; it has no content between runs. `usize::MAX` if the sum overflows.
    fn arena_bytes(&self) -> usize {
        let inside = self.bodies().into_iter().map(Executable::arena_bytes);
        inside.max().unwrap_or(0)
    }

    /// The operations and bytes of a run that are fixed in advance.
    /// `inside` has the forecast of one run of each program inside.
    fn forecast(&self, inside: &[StepForecast]) -> StepForecast;

    /// The part of the forecast that does not belong to the programs inside.
    fn own_work(&self) -> StepForecast {
        StepForecast::nothing()
    }

    /// Writes it as native code, and gives its results; see [`Step::emit`].
    #[cfg(feature = "native")]
    fn emit(&self, _emitter: &mut Emitter<'_>, _operands: &[Elements]) -> Option<Vec<Elements>> {
        None
    }

    /// Runs it on arrays with the types of its operands and results.
    /// Lists are passed as [`List`](crate::list::List)s.
    ///
    /// # Errors
    /// The error of a program inside, or of a condition that is false.
    ///
    /// # Safety
    /// `inputs` and `outputs` point to arrays of the region's types, `scratch` to [`arena_bytes`](Self::arena_bytes).
    /// Written memory overlaps nothing else.
    unsafe fn run(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        scratch: *mut u8,
        instrumentation: &mut Instrumentation,
    ) -> Result<()>;
}

/// The buffers of a region's operands and results.
pub(crate) struct Arrays<'a> {
    /// They are contiguous, but not always from the start of their buffers.
    pub operands: Vec<Operand>,
    /// The types of the operands.
    pub types: &'a [&'a Type],
    pub results: Vec<BufferId>,
}

/// The step of `region`; `scratch` makes a buffer of this number of bytes for its work.
/// A region that cannot be compiled becomes a step that fails.
pub(crate) fn step(
    region: &Region,
    arrays: Arrays<'_>,
    compile: CompileBody<'_>,
    scratch: impl FnOnce(usize) -> BufferId,
) -> Box<dyn Step> {
    let body = |body: &Body| compile(body, &Reuse::default());
    macro_rules! step {
        ($code:expr) => {
            match $code {
                Ok(code) => RegionStep::step(code, arrays, scratch),
                Err(error) => RegionStep::step(Refused(error), arrays, scratch),
            }
        };
    }
    match region {
        Region::Loop(r) => step!(LoopCode::new(r, compile)),
        Region::Switch(r) => step!(SwitchCode::new(r, body)),
        Region::Call(call) => match call.cannot_run() {
            Some(error) => RegionStep::step(Refused(error), arrays, scratch),
            None => step!(body(call.body()).map(CallCode)),
        },
        Region::Check(check) => {
            let code = CheckCode::new(check, arrays.types);
            RegionStep::step(code, arrays, scratch)
        }
    }
}

/// A region with the buffers of its arrays.
struct RegionStep<C> {
    code: C,
    operands: Operands,
    /// The byte of its buffer at which each operand begins.
    starts: Vec<usize>,
    #[cfg(feature = "native")]
    dtypes: Vec<gradus_ir::DType>,
    results: Vec<BufferId>,
    scratch: BufferId,
}

impl<C: Code + 'static> RegionStep<C> {
    fn step(code: C, arrays: Arrays<'_>, scratch: impl FnOnce(usize) -> BufferId) -> Box<dyn Step> {
        let operands = arrays.operands.iter().zip(arrays.types);
        let starts = operands.map(|(o, ty)| o.view.offset as usize * ty.dtype.size());
        Box::new(RegionStep {
            starts: starts.collect(),
            #[cfg(feature = "native")]
            dtypes: arrays.types.iter().map(|ty| ty.dtype).collect(),
            operands: Operands::new(arrays.operands),
            results: arrays.results,
            scratch: scratch(code.arena_bytes()),
            code,
        })
    }
}

impl<C: Code + 'static> Step for RegionStep<C> {
    fn reads(&self) -> Vec<(BufferId, &View)> {
        self.operands.reads()
    }

    fn writes(&self) -> Vec<BufferId> {
        let results = self.results.iter().copied();
        results.chain([self.scratch]).collect()
    }

    fn scratch_bytes(&self) -> usize {
        let inside = self.code.bodies().into_iter();
        inside.map(Executable::step_scratch).max().unwrap_or(0)
    }

    fn forecast(&self, _same_memory: SameMemory<'_>) -> StepForecast {
        let inside = self.code.bodies().into_iter().map(|body| {
            let (operations, bytes) = body.work();
            StepForecast {
                operations,
                bytes,
                ..StepForecast::nothing()
            }
        });
        self.code.forecast(&inside.collect::<Vec<_>>())
    }

    fn own_work(&self, _same_memory: SameMemory<'_>) -> StepForecast {
        self.code.own_work()
    }

    fn largest_inside(&self) -> Option<&Largest> {
        let inside = self.code.bodies().into_iter();
        let inside = inside.filter_map(Executable::largest);
        inside.max_by_key(|l| l.ty.bytes())
    }

    #[cfg(feature = "native")]
    fn emit(&self, emitter: &mut Emitter<'_>, table: &mut Table) -> Option<()> {
        let places = self.operands.buffers().iter().zip(&self.starts);
        let operands: Option<Vec<Elements>> = (places.zip(&self.dtypes))
            .map(|((&buffer, &start), &dtype)| {
                let elements = table.get(buffer)?;
                emitter.from(&elements, dtype, start / dtype.size())
            })
            .collect();
        let results = self.code.emit(emitter, &operands?)?;
        for (&buffer, elements) in self.results.iter().zip(results) {
            table.set(buffer, elements);
        }
        Some(())
    }

    unsafe fn run(
        &self,
        buffers: Buffers<'_>,
        _registers: Option<&mut Registers>,
        instrumentation: &mut Instrumentation,
    ) -> Result<()> {
        // An operand without elements is never read, wherever it begins.
        let inputs = self.operands.buffers().iter().zip(&self.starts);
        let inputs: Pointers = inputs
            .map(|(&buffer, &start)| buffers.start(buffer).wrapping_add(start))
            .collect();
        let outputs: Pointers = self.results.iter().map(|&o| buffers.start(o)).collect();
        let scratch = buffers.start(self.scratch);
        // SAFETY: by the caller; by the type rules of regions (`gradus_ir::primitives::Primitive::results`) the
        // programs inside take and return arrays of these types.
        unsafe { (self.code).run(&inputs, &outputs, scratch, instrumentation) }
    }
}

impl<C: Code> fmt::Display for RegionStep<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operands = self.operands.buffers();
        write!(f, "{} {operands:?} -> {:?}", C::NAME, self.results)
    }
}

/// The forecast of the program with the most operations; the last among equals.
fn most_expensive(inside: &[StepForecast]) -> StepForecast {
    let most = inside.iter().max_by_key(|s| s.operations.total());
    most.copied().unwrap_or(StepForecast::nothing())
}

/// Bytes of an array if arrays are adjacent in scratch memory.
fn room(ty: &Type) -> usize {
    ty.bytes()
        .next_multiple_of(gradus_engine::memory::ALIGNMENT)
}
