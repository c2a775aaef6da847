//! Writes a loop nest as AVX2 instructions.

use super::super::kernel::Kernel;
use super::super::program::{Code, Instruction, Value};
use super::nest::{InMemory, VECTOR};
use super::plan::{Segment, arity, instruction};
use gradus_ir::primitives::{Binary, Compare, Unary};
use gradus_ir::{DType, Width};
use iced_x86::IcedError;
use iced_x86::code_asm::registers::{gpr64::*, ymm::*};
use iced_x86::code_asm::{
    AsmMemoryOperand, AsmRegister64, AsmRegisterXmm, AsmRegisterYmm, CodeAssembler, CodeLabel,
    dword_ptr, qword_ptr, xmm, ymmword_ptr,
};

/// Machine code, with the vectors of constants that it reads.
pub(super) struct Written {
    pub code: Vec<u8>,
    pub constants: Vec<[u8; VECTOR]>,
}

const VECTORS: [AsmRegisterYmm; 16] = [
    ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14,
    ymm15,
];
/// Registers for addresses. The table of addresses is in `rdi`, the number of elements in `rsi`, the first element of
/// a vector in `rax`.
const ADDRESSES: [AsmRegister64; 12] = [rcx, rdx, r8, r9, r10, r11, rbx, rbp, r12, r13, r14, r15];
/// Those of them that a function has to leave as they were.
const KEPT: [AsmRegister64; 6] = [rbx, rbp, r12, r13, r14, r15];
/// Room on the stack for values that have no register.
const MOST_ON_STACK: usize = 16;

/// The function of `(addresses, n)` that computes the segment for the first `n` elements, a multiple of a vector's.
/// `None` if the values need more room than there is.
pub(super) fn write(kernel: &Kernel, segment: &Segment, memory: &[InMemory]) -> Option<Written> {
    let mut nest = Writer {
        a: CodeAssembler::new(64).ok()?,
        kernel,
        segment,
        memory,
        held: [None; 16],
        stack: [None; MOST_ON_STACK],
        constants: Vec::new(),
        position: 0,
        has_room: true,
    };
    nest.function().ok()?;
    let code = nest.a.assemble(0).ok()?;
    nest.has_room.then_some(Written {
        code,
        constants: nest.constants,
    })
}

/// The second operand of an instruction.
#[derive(Clone, Copy)]
enum Operand {
    Register(AsmRegisterYmm),
    Memory(AsmMemoryOperand),
}

struct Writer<'a> {
    a: CodeAssembler,
    kernel: &'a Kernel,
    segment: &'a Segment,
    memory: &'a [InMemory],
    /// What each vector register holds.
    held: [Option<Held>; 16],
    /// The values that were put aside on the stack.
    stack: [Option<Value>; MOST_ON_STACK],
    constants: Vec<[u8; VECTOR]>,
    /// The number of the loop that is written, within the segment.
    position: usize,
    /// Whether all values had room so far.
    has_room: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Held {
    Value(Value),
    /// A number within one operation.
    Temporary,
}

/// One instruction for either width.
macro_rules! packed {
    ($self:ident, $single:ident, $double:ident, $($operand:expr),*) => {
        match $self.segment.width {
            Width::B8 => $self.a.$double($($operand),*),
            _ => $self.a.$single($($operand),*),
        }
    };
}

/// One instruction for either width, whose last source is a register or in memory.
macro_rules! packed_with {
    ($self:ident, $single:ident, $double:ident, $out:expr, $x:expr, $y:expr $(, $more:expr)?) => {
        match $y {
            Operand::Register(y) => packed!($self, $single, $double, $out, $x, y $(, $more)?),
            Operand::Memory(y) => packed!($self, $single, $double, $out, $x, y $(, $more)?),
        }
    };
}

impl Writer<'_> {
    fn function(&mut self) -> Result<(), IcedError> {
        for register in KEPT {
            self.a.push(register)?;
        }
        self.a.sub(rsp, (MOST_ON_STACK * VECTOR) as i32)?;
        // The last address is the constants'.
        for (k, register) in ADDRESSES
            .into_iter()
            .enumerate()
            .take(self.memory.len() + 1)
        {
            self.a.mov(register, qword_ptr(rdi + 8 * k))?;
        }
        self.a.xor(rax, rax)?;
        let mut next: CodeLabel = self.a.create_label();
        self.a.set_label(&mut next)?;
        let loops = self.segment.first..self.segment.first + self.segment.length;
        for (position, k) in loops.enumerate() {
            self.position = position;
            let each = &self.kernel.loops[k];
            let ins = instruction(self.kernel, each);
            let out = self.operation(ins)?;
            self.set(out, each.out);
            self.store(each.out, out)?;
            self.release(position);
        }
        let lanes = (VECTOR / self.segment.width.bytes()) as i32;
        self.a.add(rax, lanes)?;
        self.a.cmp(rax, rsi)?;
        self.a.jb(next)?;
        self.a.vzeroupper()?;
        self.a.add(rsp, (MOST_ON_STACK * VECTOR) as i32)?;
        for register in KEPT.into_iter().rev() {
            self.a.pop(register)?;
        }
        self.a.ret()
    }

    /// Computes one instruction of the kernel, into a new register.
    fn operation(&mut self, ins: &Instruction) -> Result<AsmRegisterYmm, IcedError> {
        let from = self.kernel.program.dtype(ins.operands[0]);
        let is_float = matches!(from, DType::F32 | DType::F64);
        let [x, y, z] = ins.operands;
        match ins.code {
            Code::Unary(op) => self.unary(op, x),
            Code::Binary(op) => self.binary(op, is_float, [x, y]),
            Code::Compare(op) if is_float => {
                let (x, y) = (self.register(x)?, self.operand(y)?);
                let out = self.temporary()?;
                packed_with!(self, vcmpps, vcmppd, out, x, y, predicate(op))?;
                Ok(out)
            }
            Code::Compare(op) => self.integer_compare(op, x, y),
            Code::Select => {
                let mask = self.register(x)?;
                let other = self.register(z)?;
                let chosen = self.operand(y)?;
                let out = self.temporary()?;
                packed_with!(self, vblendvps, vblendvpd, out, other, chosen, mask)?;
                Ok(out)
            }
            Code::Cast => {
                let mask = self.register(x)?;
                let one = self.constant(self.one());
                let out = self.temporary()?;
                packed!(self, vandps, vandpd, out, mask, one)?;
                Ok(out)
            }
            Code::Convert | Code::Round(_) | Code::Literal(_) | Code::Iota(_) => {
                unreachable!("plans have no such instruction")
            }
        }
    }

    fn unary(&mut self, op: Unary, x: Value) -> Result<AsmRegisterYmm, IcedError> {
        let x = self.register(x)?;
        let out = self.temporary()?;
        let (sign, rest) = (self.sign(), self.all_but_sign());
        match op {
            Unary::Neg => {
                let sign = self.constant(sign);
                packed!(self, vxorps, vxorpd, out, x, sign)?;
            }
            Unary::Abs => {
                let rest = self.constant(rest);
                packed!(self, vandps, vandpd, out, x, rest)?;
            }
            Unary::Sign => {
                // ±1, but x itself if it is a zero or NaN: equal to zero, or unordered.
                let (sign, one, zero) = (
                    self.constant(sign),
                    self.constant(self.one()),
                    self.constant(0),
                );
                let mask = self.temporary()?;
                packed!(self, vandps, vandpd, out, x, sign)?;
                packed!(self, vorps, vorpd, out, out, one)?;
                packed!(self, vcmpps, vcmppd, mask, x, zero, 0x08)?;
                packed!(self, vblendvps, vblendvpd, out, out, x, mask)?;
            }
            Unary::Sqrt => packed!(self, vsqrtps, vsqrtpd, out, x)?,
            Unary::Rsqrt => {
                let one = self.temporary()?;
                let ones = self.constant(self.one());
                packed!(self, vsqrtps, vsqrtpd, out, x)?;
                packed!(self, vmovups, vmovupd, one, ones)?;
                packed!(self, vdivps, vdivpd, out, one, out)?;
            }
            // Rounding without the exception for inexact results: to the nearest, down, up, towards zero.
            Unary::Round => packed!(self, vroundps, vroundpd, out, x, 0x08)?,
            Unary::Floor => packed!(self, vroundps, vroundpd, out, x, 0x09)?,
            Unary::Ceil => packed!(self, vroundps, vroundpd, out, x, 0x0a)?,
            Unary::Trunc => packed!(self, vroundps, vroundpd, out, x, 0x0b)?,
            Unary::IsFinite => {
                let (rest, infinity) = (self.constant(rest), self.constant(self.infinity()));
                packed!(self, vandps, vandpd, out, x, rest)?;
                packed!(
                    self,
                    vcmpps,
                    vcmppd,
                    out,
                    out,
                    infinity,
                    predicate(Compare::Lt)
                )?;
            }
            Unary::StopGradient => packed!(self, vmovaps, vmovapd, out, x)?,
            _ => unreachable!("plans have no such function"),
        }
        Ok(out)
    }

    fn binary(
        &mut self,
        op: Binary,
        is_float: bool,
        [x, y]: [Value; 2],
    ) -> Result<AsmRegisterYmm, IcedError> {
        let (x, y) = (self.register(x)?, self.operand(y)?);
        let out = self.temporary()?;
        match op {
            Binary::Add if is_float => packed_with!(self, vaddps, vaddpd, out, x, y)?,
            Binary::Sub if is_float => packed_with!(self, vsubps, vsubpd, out, x, y)?,
            Binary::Add => packed_with!(self, vpaddd, vpaddq, out, x, y)?,
            Binary::Sub => packed_with!(self, vpsubd, vpsubq, out, x, y)?,
            Binary::Mul => packed_with!(self, vmulps, vmulpd, out, x, y)?,
            Binary::Div => packed_with!(self, vdivps, vdivpd, out, x, y)?,
            Binary::And => packed_with!(self, vpand, vpand, out, x, y)?,
            Binary::Or => packed_with!(self, vpor, vpor, out, x, y)?,
            Binary::Xor => packed_with!(self, vpxor, vpxor, out, x, y)?,
            Binary::Max | Binary::Min => {
                // The instruction gives y if one is NaN; a NaN as x has to stay.
                match op {
                    Binary::Max => packed_with!(self, vmaxps, vmaxpd, out, x, y)?,
                    _ => packed_with!(self, vminps, vminpd, out, x, y)?,
                }
                let mask = self.temporary()?;
                packed!(self, vcmpps, vcmppd, mask, x, x, 0x03)?;
                packed!(self, vblendvps, vblendvpd, out, out, x, mask)?;
            }
            _ => unreachable!("plans have no such function"),
        }
        Ok(out)
    }

    /// There are instructions for equal and greater; the others swap operands or negate the result.
    fn integer_compare(
        &mut self,
        op: Compare,
        x: Value,
        y: Value,
    ) -> Result<AsmRegisterYmm, IcedError> {
        let (x, y) = (self.register(x)?, self.register(y)?);
        let out = self.temporary()?;
        let (x, y) = match op {
            Compare::Lt | Compare::Ge => (y, x),
            _ => (x, y),
        };
        match op {
            Compare::Eq | Compare::Ne => packed!(self, vpcmpeqd, vpcmpeqq, out, x, y)?,
            _ => packed!(self, vpcmpgtd, vpcmpgtq, out, x, y)?,
        }
        if matches!(op, Compare::Ne | Compare::Le | Compare::Ge) {
            let all = self.constant(u64::MAX);
            self.a.vpxor(out, out, all)?;
        }
        Ok(out)
    }
}

/// The predicate of a comparison that is false for NaN, or true for "not equal", and raises no exception.
fn predicate(op: Compare) -> i32 {
    match op {
        Compare::Eq => 0x00,
        Compare::Ne => 0x04,
        Compare::Lt => 0x11,
        Compare::Le => 0x12,
        Compare::Ge => 0x1d,
        Compare::Gt => 0x1e,
    }
}

/// Registers, memory and constants.
impl Writer<'_> {
    /// The address of value `v` in memory, if it is there.
    fn address(&self, v: Value) -> Option<AsmMemoryOperand> {
        let k = self.memory.iter().position(|m| m.value == v)?;
        let (m, base) = (self.memory[k], ADDRESSES[k]);
        Some(match (m.is_fixed, m.bytes) {
            (true, _) => base + 0,
            (false, 1) => base + rax,
            (false, bytes) => base + rax * bytes as i32,
        })
    }

    fn is_mask(&self, v: Value) -> bool {
        self.kernel.program.dtype(v) == DType::Bool
    }

    /// The register with value `v`, which is loaded if it is in memory.
    fn register(&mut self, v: Value) -> Result<AsmRegisterYmm, IcedError> {
        if let Some(k) = self.held.iter().position(|h| *h == Some(Held::Value(v))) {
            return Ok(VECTORS[k]);
        }
        let register = self.temporary()?;
        self.set(register, v);
        let on_stack = self.stack.iter().position(|s| *s == Some(v));
        match (on_stack, self.address(v)) {
            (Some(slot), _) => self.a.vmovups(register, ymmword_ptr(rsp + slot * VECTOR))?,
            (None, Some(address)) if self.is_mask(v) => self.load_mask(register, address)?,
            (None, Some(address)) => self.a.vmovups(register, ymmword_ptr(address))?,
            (None, None) => self.has_room = false,
        }
        Ok(register)
    }

    /// Value `v` as a second operand: in memory, if it is there and not read again.
    fn operand(&mut self, v: Value) -> Result<Operand, IcedError> {
        let is_held = self.held.contains(&Some(Held::Value(v)));
        if let Some(address) = self.address(v)
            && !is_held
            && !self.is_mask(v)
            && self.next_use(v, self.position + 1).is_none()
        {
            return Ok(Operand::Memory(ymmword_ptr(address)));
        }
        Ok(Operand::Register(self.register(v)?))
    }

    /// 0 and 1 as bytes become masks.
    fn load_mask(
        &mut self,
        out: AsmRegisterYmm,
        address: AsmMemoryOperand,
    ) -> Result<(), IcedError> {
        let zero = self.temporary()?;
        match self.segment.width {
            Width::B8 => self.a.vpmovzxbq(out, dword_ptr(address))?,
            _ => self.a.vpmovzxbd(out, qword_ptr(address))?,
        }
        self.a.vpxor(zero, zero, zero)?;
        packed!(self, vpsubd, vpsubq, out, zero, out)
    }

    /// Writes value `v` to memory, if it is needed there.
    fn store(&mut self, v: Value, register: AsmRegisterYmm) -> Result<(), IcedError> {
        let Some(address) = self.address(v) else {
            return Ok(());
        };
        if !self.is_mask(v) {
            return self.a.vmovups(ymmword_ptr(address), register);
        }
        // All bits of a lane are equal, so lanes narrow by packing with saturation, and -1 becomes 1.
        let half = self.temporary()?;
        let (low, high) = (half_of(register), half_of(half));
        self.a.vextracti128(high, register, 1)?;
        self.a.vpackssdw(high, low, high)?;
        if self.segment.width == Width::B8 {
            self.a.vpackssdw(high, high, high)?;
        }
        self.a.vpacksswb(high, high, high)?;
        self.a.vpabsb(high, high)?;
        match self.segment.width {
            Width::B8 => self.a.vmovd(dword_ptr(address), high),
            _ => self.a.vmovq(qword_ptr(address), high),
        }
    }

    /// The first instruction of the segment from `position` on that reads `v`.
    fn next_use(&self, v: Value, position: usize) -> Option<usize> {
        let loops = &self.kernel.loops[self.segment.first..][..self.segment.length];
        (position..loops.len()).find(|&k| {
            let read = arity(&instruction(self.kernel, &loops[k]).code);
            loops[k].operands[..read].contains(&v)
        })
    }

    /// A free register. If there is none, the value that is read last is put aside.
    fn temporary(&mut self) -> Result<AsmRegisterYmm, IcedError> {
        let free = self.held.iter().position(Option::is_none);
        let k = match free {
            Some(k) => k,
            None => self.put_aside()?,
        };
        self.held[k] = Some(Held::Temporary);
        Ok(VECTORS[k])
    }

    fn put_aside(&mut self) -> Result<usize, IcedError> {
        let mut best: Option<(usize, Value, usize)> = None;
        for (k, held) in self.held.iter().enumerate() {
            let Some(Held::Value(v)) = *held else {
                continue;
            };
            // What this instruction reads has to stay.
            let next = self.next_use(v, self.position).unwrap_or(usize::MAX);
            if next > self.position && best.is_none_or(|(.., last)| next > last) {
                best = Some((k, v, next));
            }
        }
        let Some((k, v, _)) = best else {
            self.has_room = false;
            return Ok(0);
        };
        let is_elsewhere = self.address(v).is_some() || self.stack.contains(&Some(v));
        if !is_elsewhere {
            match self.stack.iter().position(Option::is_none) {
                Some(slot) => {
                    self.stack[slot] = Some(v);
                    self.a
                        .vmovups(ymmword_ptr(rsp + slot * VECTOR), VECTORS[k])?;
                }
                None => self.has_room = false,
            }
        }
        Ok(k)
    }

    fn set(&mut self, register: AsmRegisterYmm, v: Value) {
        let k = VECTORS.iter().position(|r| *r == register).unwrap_or(0);
        self.held[k] = Some(Held::Value(v));
    }

    /// Frees temporaries, and values that nothing after `position` reads.
    fn release(&mut self, position: usize) {
        for k in 0..self.held.len() {
            let stays = match self.held[k] {
                Some(Held::Value(v)) => self.next_use(v, position + 1).is_some(),
                _ => false,
            };
            if !stays {
                self.held[k] = None;
            }
        }
        for k in 0..self.stack.len() {
            if self.stack[k].is_some_and(|v| self.next_use(v, position + 1).is_none()) {
                self.stack[k] = None;
            }
        }
    }

    /// A vector with these bits in each lane.
    fn constant(&mut self, bits: u64) -> AsmMemoryOperand {
        let mut vector = [0; VECTOR];
        let width = self.segment.width.bytes();
        for lane in vector.chunks_mut(width) {
            lane.copy_from_slice(&bits.to_le_bytes()[..width]);
        }
        let known = self.constants.iter().position(|c| *c == vector);
        let k = known.unwrap_or_else(|| {
            self.constants.push(vector);
            self.constants.len() - 1
        });
        ymmword_ptr(ADDRESSES[self.memory.len()] + k * VECTOR)
    }

    fn one(&self) -> u64 {
        match self.segment.width {
            Width::B8 => 1f64.to_bits(),
            _ => u64::from(1f32.to_bits()),
        }
    }

    fn infinity(&self) -> u64 {
        match self.segment.width {
            Width::B8 => f64::INFINITY.to_bits(),
            _ => u64::from(f32::INFINITY.to_bits()),
        }
    }

    fn sign(&self) -> u64 {
        1 << (8 * self.segment.width.bytes() - 1)
    }

    fn all_but_sign(&self) -> u64 {
        self.sign() - 1
    }
}

/// The lower half of a vector register.
fn half_of(register: AsmRegisterYmm) -> AsmRegisterXmm {
    const HALVES: [AsmRegisterXmm; 16] = [
        xmm::xmm0,
        xmm::xmm1,
        xmm::xmm2,
        xmm::xmm3,
        xmm::xmm4,
        xmm::xmm5,
        xmm::xmm6,
        xmm::xmm7,
        xmm::xmm8,
        xmm::xmm9,
        xmm::xmm10,
        xmm::xmm11,
        xmm::xmm12,
        xmm::xmm13,
        xmm::xmm14,
        xmm::xmm15,
    ];
    HALVES[VECTORS.iter().position(|r| *r == register).unwrap_or(0)]
}
