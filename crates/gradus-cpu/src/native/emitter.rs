//! Writes the instructions of a function: elements of arrays as values, and calls of vector kernels.

use super::{MOST_ELEMENTS, MOST_INSTRUCTIONS};
use crate::buffers::BufferId;
use crate::kernels::Kernel;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, InstBuilder, MemFlagsData, SigRef, Signature, StackSlot,
    StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::FunctionBuilder;
use gradus_ir::{DType, Literal};
use std::rc::Rc;

/// The elements of an array while a function is written.
#[derive(Clone, Debug)]
pub(crate) enum Elements {
    /// Each is a value.
    Values(Rc<[Value]>),
    /// They are contiguous from this address on.
    At(Value),
}

/// The elements of the buffers of a program that are known so far.
#[derive(Debug)]
pub(crate) struct Table(Vec<Option<Elements>>);

impl Table {
    /// A table for this many buffers.
    pub fn new(buffers: usize) -> Table {
        Table(vec![None; buffers])
    }

    pub fn set(&mut self, buffer: BufferId, elements: Elements) {
        self.0[buffer.index()] = Some(elements);
    }

    pub fn get(&self, buffer: BufferId) -> Option<Elements> {
        self.0[buffer.index()].clone()
    }
}

/// The most elements of a call of a kernel; more are several calls.
const AT_ONCE: usize = 64;

/// Writes one function.
pub(crate) struct Emitter<'a> {
    pub(super) builder: FunctionBuilder<'a>,
    pointer: Type,
    /// The signature of [`call_kernel`].
    kernel: SigRef,
    /// The memory of the operands and of the result of a call, made when it is needed.
    slots: Option<[StackSlot; 4]>,
    /// The number of values written so far.
    written: usize,
    /// Calls of kernels so far, and their elements.
    called: (usize, usize),
}

/// Calls a kernel for native code, which does not know the calling convention of Rust.
///
/// # Safety
/// `kernel` is a [`Kernel`], and the caller keeps its conditions.
unsafe extern "C" fn call_kernel(
    kernel: *const (),
    a: *const u8,
    b: *const u8,
    c: *const u8,
    out: *mut u8,
    n: usize,
) {
    // SAFETY: by the caller.
    unsafe {
        let kernel = std::mem::transmute::<*const (), Kernel>(kernel);
        kernel(a, b, c, out, n);
    }
}

/// The type of a number in a register; `None` for types that native code does not have.
pub(crate) fn register(dtype: DType) -> Option<Type> {
    match dtype {
        DType::F64 => Some(types::F64),
        DType::F32 => Some(types::F32),
        DType::I64 => Some(types::I64),
        DType::I32 | DType::U32 => Some(types::I32),
        DType::Bool => Some(types::I8),
        DType::BF16 => None,
    }
}

impl<'a> Emitter<'a> {
    /// The emitter of a function, and its arguments.
    pub(super) fn new(
        mut builder: FunctionBuilder<'a>,
        pointer: Type,
        call: CallConv,
    ) -> (Self, [Value; 2]) {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let mut signature = Signature::new(call);
        signature.params = vec![AbiParam::new(pointer); 6];
        let kernel = builder.import_signature(signature);
        let arguments = [0, 1].map(|k| builder.block_params(entry)[k]);
        let emitter = Emitter {
            builder,
            pointer,
            kernel,
            slots: None,
            written: 0,
            called: (0, 0),
        };
        (emitter, arguments)
    }

    pub(super) fn finish(mut self, machine: TargetFrontendConfig) {
        self.builder.ins().return_(&[]);
        self.builder.seal_all_blocks();
        self.builder.finalize(machine);
    }

    /// Roughly the nanoseconds of one run of what is written, each instruction once.
    pub fn nanoseconds(&self) -> u64 {
        let (calls, elements) = self.called;
        (self.written / 4 + 8 * calls + 2 * elements) as u64
    }

    /// Counts `n` more values; `None` if they are too many.
    pub fn spend(&mut self, n: usize) -> Option<()> {
        self.written += n;
        (self.written <= MOST_INSTRUCTIONS).then_some(())
    }

    /// The memory is aligned and exists: arrays are.
    fn flags() -> MemFlagsData {
        MemFlagsData::trusted()
    }

    /// Address `k` of a list of addresses.
    pub fn address(&mut self, list: Value, k: usize) -> Value {
        let at = k as i32 * self.pointer.bytes() as i32;
        let pointer = self.pointer;
        self.builder.ins().load(pointer, Self::flags(), list, at)
    }

    /// The address `bytes` after another.
    pub fn after(&mut self, address: Value, bytes: usize) -> Value {
        match bytes {
            0 => address,
            n => self.builder.ins().iadd_imm_s(address, n as i64),
        }
    }

    /// The address of item `item` (an i64) of a sequence of items of `bytes` bytes.
    pub fn item(&mut self, start: Value, item: Value, bytes: usize) -> Value {
        let at = self.builder.ins().imul_imm_s(item, bytes as i64);
        self.builder.ins().iadd(start, at)
    }

    pub fn load(&mut self, dtype: DType, address: Value, element: usize) -> Option<Value> {
        let at = i32::try_from(element * dtype.size()).ok()?;
        self.spend(1)?;
        let ty = register(dtype)?;
        Some(self.builder.ins().load(ty, Self::flags(), address, at))
    }

    pub fn store(&mut self, values: &[Value], dtype: DType, address: Value) -> Option<()> {
        self.spend(values.len())?;
        for (k, &value) in values.iter().enumerate() {
            let at = i32::try_from(k * dtype.size()).ok()?;
            self.builder.ins().store(Self::flags(), value, address, at);
        }
        Some(())
    }

    /// Element `k` of an array.
    pub fn element(&mut self, elements: &Elements, dtype: DType, k: usize) -> Option<Value> {
        match elements {
            Elements::Values(values) => values.get(k).copied(),
            Elements::At(address) => self.load(dtype, *address, k),
        }
    }

    /// The first `n` elements of an array as values.
    pub fn values(&mut self, elements: &Elements, dtype: DType, n: usize) -> Option<Rc<[Value]>> {
        if n > MOST_ELEMENTS {
            return None;
        }
        match elements {
            Elements::Values(values) if values.len() == n => Some(values.clone()),
            Elements::Values(values) => values.get(..n).map(Rc::from),
            Elements::At(address) => (0..n).map(|k| self.load(dtype, *address, k)).collect(),
        }
    }

    /// The array from element `k` on.
    pub fn from(&mut self, elements: &Elements, dtype: DType, k: usize) -> Option<Elements> {
        Some(match elements {
            elements if k == 0 => elements.clone(),
            Elements::Values(values) => Elements::Values(values.get(k..)?.into()),
            Elements::At(address) => Elements::At(self.after(*address, k * dtype.size())),
        })
    }

    /// The address of an array of `n` elements, which is written to the stack if it is nowhere in memory.
    pub fn in_memory(&mut self, elements: &Elements, dtype: DType, n: usize) -> Option<Value> {
        match elements {
            Elements::At(address) => Some(*address),
            Elements::Values(values) => {
                let address = self.stack(n * dtype.size())?;
                self.store(values.get(..n)?, dtype, address)?;
                Some(address)
            }
        }
    }

    /// The address of `bytes` bytes on the stack.
    pub fn stack(&mut self, bytes: usize) -> Option<Value> {
        let slot = self.slot(bytes)?;
        let pointer = self.pointer;
        Some(self.builder.ins().stack_addr(pointer, slot, 0))
    }

    fn slot(&mut self, bytes: usize) -> Option<StackSlot> {
        // Frames larger than a page would have to touch each page.
        if bytes > MOST_ELEMENTS * 8 {
            return None;
        }
        self.spend(bytes / 8)?;
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes.max(8) as u32, 3);
        Some(self.builder.create_sized_stack_slot(data))
    }

    pub fn literal(&mut self, value: Literal) -> Option<Value> {
        let bytes = value.to_ne_bytes();
        let ins = self.builder.ins();
        Some(match value.dtype() {
            DType::F64 => ins.f64const(f64::from_ne_bytes(*bytes.first_chunk()?)),
            DType::F32 => ins.f32const(f32::from_ne_bytes(*bytes.first_chunk()?)),
            DType::I64 => ins.iconst(types::I64, i64::from_ne_bytes(*bytes.first_chunk()?)),
            DType::I32 | DType::U32 => {
                let bits = u32::from_ne_bytes(*bytes.first_chunk()?);
                ins.iconst(types::I32, i64::from(bits))
            }
            DType::Bool => ins.iconst(types::I8, i64::from(bytes[0])),
            DType::BF16 => return None,
        })
    }

    pub fn integer(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(types::I64, value)
    }

    /// The results of a vector kernel for these operands, each with its type.
    pub fn call(
        &mut self,
        kernel: Kernel,
        operands: &[(&[Value], DType)],
        result: DType,
    ) -> Option<Vec<Value>> {
        let n = operands.first()?.0.len();
        let slots = self.slots()?;
        let mut results = Vec::with_capacity(n);
        let mut from = 0;
        while from < n {
            let to = n.min(from + AT_ONCE);
            let pointer = self.pointer;
            let addresses = slots.map(|slot| self.builder.ins().stack_addr(pointer, slot, 0));
            for (&(values, dtype), &address) in operands.iter().zip(&addresses) {
                self.store(&values[from..to], dtype, address)?;
            }
            let constant = |emitter: &mut Self, value: usize| {
                emitter.builder.ins().iconst(pointer, value as i64)
            };
            let callee = constant(self, call_kernel as *const () as usize);
            let kernel = constant(self, kernel as *const () as usize);
            let count = constant(self, to - from);
            let [a, b, c, out] = addresses;
            let arguments = [kernel, a, b, c, out, count];
            let signature = self.kernel;
            (self.builder.ins()).call_indirect(signature, callee, &arguments);
            for k in 0..to - from {
                results.push(self.load(result, out, k)?);
            }
            self.called.0 += 1;
            self.called.1 += to - from;
            from = to;
        }
        Some(results)
    }

    fn slots(&mut self) -> Option<[StackSlot; 4]> {
        if self.slots.is_none() {
            let mut made = [None; 4];
            for slot in &mut made {
                *slot = Some(self.slot(AT_ONCE * 8)?);
            }
            let [a, b, c, d] = made;
            self.slots = Some([a?, b?, c?, d?]);
        }
        self.slots
    }

    /// A block with parameters of these types.
    pub fn block(&mut self, parameters: &[DType]) -> Option<Block> {
        let block = self.builder.create_block();
        for &dtype in parameters {
            self.builder.append_block_param(block, register(dtype)?);
        }
        Some(block)
    }

    /// Continues in `block` and gives its parameters.
    pub fn enter(&mut self, block: Block) -> Vec<Value> {
        self.builder.switch_to_block(block);
        self.builder.block_params(block).to_vec()
    }

    pub fn jump(&mut self, block: Block, arguments: &[Value]) {
        let arguments: Vec<BlockArg> = arguments.iter().map(|&v| BlockArg::Value(v)).collect();
        self.builder.ins().jump(block, &arguments);
    }

    /// Goes on in `yes` if `condition` is not 0, otherwise in `no`. Both are blocks without parameters.
    pub fn branch(&mut self, condition: Value, yes: Block, no: Block) {
        self.builder.ins().brif(condition, yes, &[], no, &[]);
    }

    /// Whether `a` is less than `b`, both i64.
    pub fn less(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().icmp(IntCC::SignedLessThan, a, b)
    }

    /// `a + by`, of i64.
    pub fn plus(&mut self, a: Value, by: i64) -> Value {
        self.builder.ins().iadd_imm_s(a, by)
    }

    /// `a - b`, of i64.
    pub fn minus(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().isub(a, b)
    }

    /// The larger of two i64.
    pub fn larger(&mut self, a: Value, b: Value) -> Value {
        self.builder.ins().smax(a, b)
    }

    /// Whether an i64 is `k`.
    pub fn is(&mut self, value: Value, k: i64) -> Value {
        self.builder.ins().icmp_imm_s(IntCC::Equal, value, k)
    }

    /// Whether an i64 is at most `k`.
    pub fn at_most(&mut self, value: Value, k: i64) -> Value {
        (self.builder.ins()).icmp_imm_s(IntCC::SignedLessThanOrEqual, value, k)
    }
}
