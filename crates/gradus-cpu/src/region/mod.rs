//! Operations that hold programs, compiled: each program becomes an executable that runs in the memory of the one around it.

mod check;
mod list;
mod loops;

pub(crate) use list::List;

use crate::cache::cached_body;
use crate::compile::CompileOptions;
use crate::count::StepForecast;
use crate::run::{Executable, Largest, Watch};
use crate::slots::Slots;
use check::CheckCode;
use gradus_ir::primitives::{Body, Loop, Region};
use gradus_ir::{DType, Error, Result, Type};
use loops::LoopCode;
use smallvec::SmallVec;
use std::sync::Arc;

/// Where some arrays are.
type Pointers = SmallVec<[*mut u8; 16]>;

/// A region that runs.
pub(crate) enum Code {
    Loop(LoopCode),
    /// One of the programs, chosen by the first operand.
    Switch(Vec<Arc<Executable>>),
    /// A program that stays one of its own.
    Call(Arc<Executable>),
    /// A condition without which the program cannot go on.
    Check(CheckCode),
    /// What cannot run, and why.
    Refused(Error),
}

impl Code {
    /// The code of `region` on operands of these types.
    pub fn new(region: &Region, operands: &[&Type]) -> Code {
        let compiled = || {
            Ok(match region {
                Region::Loop(r) => Code::Loop(LoopCode::new(r)?),
                Region::Switch(r) => {
                    let branches = r.branches.iter();
                    Code::Switch(branches.map(body).collect::<Result<_>>()?)
                }
                Region::Call(call) => match call.cannot_run() {
                    Some(error) => Code::Refused(error),
                    None => Code::Call(body(call.body())?),
                },
                Region::Check(check) => Code::Check(CheckCode::new(check, operands)),
            })
        };
        compiled().unwrap_or_else(Code::Refused)
    }

    fn bodies(&self) -> Vec<&Executable> {
        match self {
            Code::Loop(code) => code.bodies(),
            Code::Switch(branches) => branches.iter().map(|b| &**b).collect(),
            Code::Call(body) => vec![body],
            Code::Check(_) | Code::Refused(_) => Vec::new(),
        }
    }

    /// Bytes of memory for the programs inside; nothing stays there between runs. The largest number where they cannot be counted.
    pub fn scratch(&self) -> usize {
        let inside = self.bodies().into_iter().map(Executable::arena_bytes).max();
        let inside = inside.unwrap_or(0);
        match self {
            Code::Loop(code) => code.carry_bytes().saturating_add(inside),
            _ => inside,
        }
    }

    /// Bytes that steps of the programs inside take beside their arrays, at most.
    pub fn step_scratch(&self) -> usize {
        let inside = self.bodies().into_iter().map(Executable::step_scratch);
        inside.max().unwrap_or(0)
    }

    /// The largest array that the programs inside write.
    pub fn largest(&self) -> Option<&Largest> {
        let inside = self.bodies().into_iter().filter_map(Executable::largest);
        inside.max_by_key(|l| l.ty.bytes())
    }

    /// What a run does, as far as it is known: a loop of unknown length counts as one step, a choice as its dearest branch.
    pub fn forecast(&self) -> StepForecast {
        let inside = self.bodies().into_iter().map(|body| {
            let mut step = StepForecast::moving(DType::F64, 0);
            (step.operations, step.bytes) = body.does();
            step
        });
        let inside: Vec<StepForecast> = inside.collect();
        match self {
            Code::Loop(code) => code.forecast(&inside),
            Code::Check(code) => code.forecast(),
            _ => {
                let dearest = inside.into_iter().max_by_key(|s| s.operations.total());
                dearest.unwrap_or(StepForecast::moving(DType::F64, 0))
            }
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Code::Loop(_) => "loop",
            Code::Switch(_) => "switch",
            Code::Call(_) => "call",
            Code::Check(_) => "check",
            Code::Refused(_) => "refused",
        }
    }

    /// # Errors
    /// What goes wrong inside.
    ///
    /// # Safety
    /// `operands` and `outs` name slots that point to arrays of the region's types (for lists, to [`List`]s), operands with the byte where they begin there; `scratch` has
    /// the bytes asked for; nothing overlaps what is written.
    pub unsafe fn run(
        &self,
        slots: Slots<'_>,
        operands: &[(usize, usize)],
        outs: &[usize],
        scratch: *mut u8,
        watch: &mut Watch,
    ) -> Result<()> {
        let inputs = operands.iter();
        // Nothing is read of an operand without elements, wherever it begins.
        let inputs: Pointers = inputs
            .map(|&(slot, start)| slots.start(slot).wrapping_add(start))
            .collect();
        let outputs: Pointers = outs.iter().map(|&o| slots.start(o)).collect();
        // SAFETY: by the caller; by the type rules of regions (`gradus_ir::primitives::Primitive::results`) the programs inside take and return arrays of these types.
        unsafe {
            match self {
                Code::Loop(code) => code.run(&inputs, &outputs, scratch, watch),
                Code::Switch(branches) => {
                    let index = inputs[0].cast::<i64>().read();
                    let index = usize::try_from(index).unwrap_or(0).min(branches.len() - 1);
                    branches[index].run_inside(&inputs[1..], &outputs, scratch, watch)
                }
                Code::Call(body) => body.run_inside(&inputs, &outputs, scratch, watch),
                Code::Check(code) => {
                    code.run(&inputs, &outputs)?;
                    watch.count(&code.forecast());
                    Ok(())
                }
                Code::Refused(error) => Err(error.clone()),
            }
        }
    }
}

fn body(body: &Body) -> Result<Arc<Executable>> {
    cached_body(body, &CompileOptions::default())
}

/// The executable of a loop's step: what is carried in may be written over by what is carried out.
fn step(r: &Loop) -> Result<Arc<Executable>> {
    let first = 1 + r.consts;
    let mut donated = vec![false; first];
    donated.resize(first + r.carries, true);
    let options = CompileOptions {
        donated,
        takers: Some(r.carries),
    };
    cached_body(&r.body, &options)
}

/// Bytes that an array takes where arrays stand one after the other in scratch memory.
fn room(ty: &Type) -> usize {
    ty.bytes().next_multiple_of(crate::array::ALIGNMENT)
}
