//! Functions in executable memory.

use super::emitter::Emitter;
use cranelift_codegen::ir::{AbiParam, Signature};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module, default_libcall_names};
use gradus_engine::environment::warn_once;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A function of the addresses of its inputs and of its outputs.
type Function = unsafe extern "C" fn(inputs: *const *mut u8, outputs: *const *mut u8);

/// A loop over vectors, of the addresses of its values and the number of elements.
#[cfg(target_arch = "x86_64")]
type Nest = unsafe extern "sysv64" fn(addresses: *const *mut u8, n: usize);

/// The number of functions and loop nests so far.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// The number of functions and loop nests that this process has made so far.
///
/// ```
/// use gradus_cpu::native::{Policy, functions_made, set_policy};
/// use gradus_cpu::{Array, CompileOptions, Input, compile};
/// let graph = "graph(%x: f64[3]) { %y: f64[3] = mul %x, %x return %y }".parse()?;
/// let square = compile(&graph, &CompileOptions::default())?;
/// let x = Array::from_slice(&[1.0, 2.0, 3.0], &[3])?;
/// let before = functions_made();
/// set_policy(Policy::Always);
/// assert_eq!(square.run(vec![Input::Borrowed(&x)])?[0].as_slice::<f64>(), Some(&[1.0, 4.0, 9.0][..]));
/// assert_eq!(functions_made(), before + 1);
/// # Ok::<(), gradus_ir::Error>(())
/// ```
pub fn functions_made() -> usize {
    MADE.load(Ordering::Relaxed)
}

/// A function in executable memory, which is given back when this is dropped.
pub(crate) struct Code {
    module: Option<JITModule>,
    start: *const u8,
}

// SAFETY: after it is made, the module is only dropped, and the code is only read.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    /// The code that was placed in the memory of this module. One line says if the system refused.
    fn of(
        module: JITModule,
        placed: Result<*const u8, Box<cranelift_module::ModuleError>>,
    ) -> Option<Code> {
        match placed {
            Ok(start) => {
                MADE.fetch_add(1, Ordering::Relaxed);
                Some(Code {
                    module: Some(module),
                    start,
                })
            }
            Err(why) => {
                warn_once(&format!("native code is not used: {why}"));
                // SAFETY: no pointer to its functions exists.
                unsafe { module.free_memory() };
                None
            }
        }
    }

    /// Runs the function that [`function`] made.
    ///
    /// # Safety
    /// The pointers are to arrays of the types for which the function was made. Outputs overlap nothing else.
    #[inline]
    pub unsafe fn run(&self, inputs: &[*mut u8], outputs: &[*mut u8]) {
        // SAFETY: by the caller; the memory of the code lives as long as `self`.
        unsafe {
            let function = std::mem::transmute::<*const u8, Function>(self.start);
            function(inputs.as_ptr(), outputs.as_ptr());
        }
    }

    /// Runs the loop nest that [`placed`] has placed, over `n` elements.
    ///
    /// # Safety
    /// The code is a nest, and these are the addresses that it was written for, each of `n` elements.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub unsafe fn run_nest(&self, addresses: &[*mut u8], n: usize) {
        // SAFETY: by the caller; the memory of the code lives as long as `self`.
        unsafe {
            let nest = std::mem::transmute::<*const u8, Nest>(self.start);
            nest(addresses.as_ptr(), n);
        }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: nothing runs the function any more, because running borrows `self`.
            unsafe { module.free_memory() };
        }
    }
}

/// Makes the function that `write` writes, from the addresses of the inputs and outputs.
/// `None` if `write` says that it is not possible or not worthwhile, or if the system has no executable memory for it.
pub(crate) fn function(
    write: impl FnOnce(&mut Emitter<'_>, [cranelift_codegen::ir::Value; 2]) -> Option<()>,
) -> Option<Code> {
    let isa = target()?;
    let builder = JITBuilder::with_isa(isa.clone(), default_libcall_names());
    let mut module = JITModule::new(builder);
    let pointer = isa.pointer_type();
    let mut context = module.make_context();
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = vec![AbiParam::new(pointer); 2];
    context.func.signature = signature;
    let mut reusable = FunctionBuilderContext::new();
    let builder = FunctionBuilder::new(&mut context.func, &mut reusable);
    let (mut emitter, arguments) = Emitter::new(builder, pointer, isa.default_call_conv());
    let written = write(&mut emitter, arguments);
    if written.is_some() {
        emitter.finish(isa.frontend_config());
    } else {
        // SAFETY: the module has no function yet.
        unsafe { module.free_memory() };
        return None;
    }
    let placed = place(&mut module, &mut context);
    Code::of(module, placed)
}

/// Machine code in executable memory, which is written as bytes that can be anywhere.
/// `None` if the system has no executable memory for it.
#[cfg(target_arch = "x86_64")]
pub(crate) fn placed(bytes: &[u8]) -> Option<Code> {
    const ALIGNMENT: u64 = 32;
    let isa = target()?;
    let mut module = JITModule::new(JITBuilder::with_isa(isa.clone(), default_libcall_names()));
    let signature = Signature::new(isa.default_call_conv());
    let mut place = || -> Result<*const u8, Box<cranelift_module::ModuleError>> {
        let id = module.declare_anonymous_function(&signature)?;
        module.define_function_bytes(id, ALIGNMENT, bytes, &[])?;
        module.finalize_definitions()?;
        Ok(module.get_finalized_function(id))
    };
    let placed = place();
    Code::of(module, placed)
}

/// Compiles the function into executable memory, which is not writable when it is executable.
fn place(
    module: &mut JITModule,
    context: &mut cranelift_codegen::Context,
) -> Result<*const u8, Box<cranelift_module::ModuleError>> {
    let id = module.declare_anonymous_function(&context.func.signature)?;
    module.define_function(id, context)?;
    module.finalize_definitions()?;
    Ok(module.get_finalized_function(id))
}

/// The machine that this process runs on; `None` where Cranelift has no target.
fn target() -> Option<&'static OwnedTargetIsa> {
    static TARGET: OnceLock<Option<OwnedTargetIsa>> = OnceLock::new();
    let found = TARGET.get_or_init(|| {
        let mut flags = settings::builder();
        let verify = if cfg!(debug_assertions) {
            "true"
        } else {
            "false"
        };
        for (name, value) in [
            ("opt_level", "speed"),
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("enable_verifier", verify),
            ("unwind_info", "false"),
            // A large frame touches each page, so that it cannot step over the guard of the stack.
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
        ] {
            flags.set(name, value).ok()?;
        }
        let machine = cranelift_native::builder().ok()?;
        machine.finish(settings::Flags::new(flags)).ok()
    });
    found.as_ref()
}
