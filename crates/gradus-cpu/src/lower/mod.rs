//! Lowers operations to steps: fused groups become programs, other operations become standalone kernels and
//! regions, and outputs that no step computes are copied.

mod fused;
mod standalone;

use crate::buffers::{BufferId, BufferSpec, Role};
use crate::fuse::{Fused, Kind, Unit};
use crate::origin::Origin;
use crate::region::CompileBody;
use crate::step::{Operand, PlannedStep, Step};
use crate::tile::{self, Code, Program, Source};
use crate::view::View;
use gradus_ir::{Graph, Loc, Op, Type, ValueId};
use std::collections::HashMap;

/// The steps of a graph in a valid order, and their buffers.
pub(crate) struct Lowered {
    pub steps: Vec<PlannedStep>,
    pub buffers: Vec<BufferSpec>,
}

/// Makes the steps of `graph`, fused by `fused`; `compile` compiles the programs inside regions.
pub(crate) fn lower(graph: &Graph, fused: &Fused, compile: CompileBody<'_>) -> Lowered {
    let mut lowering = Lowering::new(graph, fused, compile);
    for unit in &fused.order {
        match unit {
            Unit::Group(g) => lowering.group(*g),
            Unit::Standalone(id) => lowering.standalone(*id),
        }
    }
    lowering.outputs();
    Lowered {
        steps: lowering.steps,
        buffers: lowering.buffers,
    }
}

struct Lowering<'a> {
    graph: &'a Graph,
    fused: &'a Fused,
    compile: CompileBody<'a>,
    steps: Vec<PlannedStep>,
    buffers: Vec<BufferSpec>,
    /// The buffer of each value that is in memory.
    buffer_of: HashMap<ValueId, BufferId>,
    /// Whether each value is an output.
    is_output: Vec<bool>,
    /// The first output that equals each value, perhaps in another shape.
    output_of: HashMap<ValueId, usize>,
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph, fused: &'a Fused, compile: CompileBody<'a>) -> Lowering<'a> {
        let mut output_of = HashMap::new();
        for (k, o) in graph.outputs().iter().enumerate() {
            let resolved = &fused.resolved[o.index()];
            let elements = graph.ty(resolved.base).elements();
            if resolved.view.is_whole() && resolved.view.elements() == elements {
                output_of.entry(resolved.base).or_insert(k);
            }
        }
        let mut lowering = Lowering {
            graph,
            fused,
            compile,
            steps: Vec::new(),
            buffers: Vec::new(),
            buffer_of: HashMap::new(),
            is_output: graph.output_marks(),
            output_of,
        };
        for (k, &id) in graph.inputs().iter().enumerate() {
            let buffer = lowering.buffer(graph.ty(id).clone(), Role::Input(k));
            lowering.buffer_of.insert(id, buffer);
        }
        lowering
    }

    fn buffer(&mut self, ty: Type, role: Role) -> BufferId {
        self.buffers.push(BufferSpec { ty, role });
        BufferId::new(self.buffers.len() - 1)
    }

    /// The buffer of a value that is being computed.
    /// If the value is an output, perhaps in another shape, it is the buffer of the first such output.
    fn define(&mut self, id: ValueId) -> BufferId {
        let role = match self.output_of.get(&id) {
            Some(&k) => Role::Output(k),
            None => Role::Temporary,
        };
        let buffer = self.buffer(self.graph.ty(id).clone(), role);
        self.buffer_of.insert(id, buffer);
        buffer
    }

    /// Appends a step. Debug builds check that the step reads only elements that its buffers have.
    /// The `SAFETY` of kernels relies on this.
    /// It follows from the type rules, because views are made from layouts that have passed them.
    /// Kernels that compute their own addresses are checked at each access; see `Memory`.
    fn push(&mut self, step: Box<dyn Step>, origin: Origin) {
        debug_assert!(step.reads().into_iter().all(|(buffer, view)| {
            let elements = self.buffers[buffer.index()].ty.elements() as isize;
            let within = |i: isize| (0..elements).contains(&i);
            view.reach()
                .is_none_or(|(first, last)| within(first) && within(last))
        }));
        self.steps.push(PlannedStep { step, origin });
    }

    /// Appends the fused kernel of a program.
    /// Debug builds also check that it writes as many elements as its buffers have.
    fn push_program(&mut self, program: Program, origin: Origin) {
        debug_assert!({
            let elements = |buffer: BufferId| self.buffers[buffer.index()].ty.elements();
            let all: usize = program.shape.iter().product();
            let (outer, _, inner) = program.reduced;
            program.stores.iter().all(|s| elements(s.buffer) == all)
                && (program.reductions.iter()).all(|r| elements(r.buffer) == outer * inner)
        });
        self.push(Box::new(tile::Fused::new(program)), origin);
    }

    /// The location of the elements of `id`. Literals and indices are written to memory first.
    fn operand(&mut self, id: ValueId) -> Operand {
        let resolved = &self.fused.resolved[id.index()];
        let buffer = match self.buffer_of.get(&resolved.base) {
            Some(&buffer) => buffer,
            None => self.written_inline(resolved.base),
        };
        Operand {
            buffer,
            view: resolved.view.clone(),
        }
    }

    /// An operand that is contiguous, anywhere in its buffer. It is copied if it is not.
    fn contiguous(&mut self, id: ValueId) -> Operand {
        let operand = self.operand(id);
        match operand.view.is_contiguous() {
            true => operand,
            false => self.whole(id),
        }
    }

    /// An operand that is contiguous from the start of its buffer. It is copied if it is not.
    fn whole(&mut self, id: ValueId) -> Operand {
        let operand = self.operand(id);
        if operand.view.is_whole() {
            return operand;
        }
        let ty = self.graph.ty(id).clone();
        let buffer = self.buffer(ty.clone(), Role::Temporary);
        self.copy(&operand, &ty, buffer, self.graph.maker(id).loc);
        Operand {
            buffer,
            view: View::whole(&ty.shape),
        }
    }

    fn copy(&mut self, from: &Operand, ty: &Type, to: BufferId, loc: Loc) {
        let source = Source {
            buffer: from.buffer,
            dtype: ty.dtype,
            view: from.view.clone(),
        };
        let mut program = Program::new(ty.shape.clone(), vec![source]);
        program.store(0, to);
        self.push_program(program, Origin::copy(loc, ty));
    }

    fn written_inline(&mut self, id: ValueId) -> BufferId {
        debug_assert_eq!(self.fused.kinds[id.index()], Kind::Inline);
        let buffer = self.buffer(self.graph.ty(id).clone(), Role::Temporary);
        self.buffer_of.insert(id, buffer);
        self.write_inline(id, &[buffer]);
        buffer
    }

    /// Writes a literal or an index to all these buffers in one step.
    fn write_inline(&mut self, id: ValueId, buffers: &[BufferId]) {
        let ty = self.graph.ty(id);
        let mut program = Program::new(ty.shape.clone(), Vec::new());
        let value = program.push(inline_code(&self.graph.maker(id).op), [0; 3], ty.dtype);
        for &buffer in buffers {
            program.store(value, buffer);
        }
        self.push_program(program, Origin::of(self.graph, &[id]));
    }

    /// Copies for outputs that are inputs, views, literals, or the same value again.
    fn outputs(&mut self) {
        let graph = self.graph;
        let mut inline: Vec<(ValueId, Vec<BufferId>)> = Vec::new();
        for (k, &o) in graph.outputs().iter().enumerate() {
            let base = self.fused.resolved[o.index()].base;
            let buffer = self.buffer_of.get(&base);
            if buffer.is_some_and(|b| self.buffers[b.index()].role == Role::Output(k)) {
                continue;
            }
            let ty = graph.ty(o).clone();
            if self.fused.kinds[o.index()] == Kind::Inline {
                let buffer = self.buffer(ty, Role::Output(k));
                match inline.iter_mut().find(|(id, _)| *id == o) {
                    Some((_, buffers)) => buffers.push(buffer),
                    None => inline.push((o, vec![buffer])),
                }
                continue;
            }
            let from = self.operand(o);
            let buffer = self.buffer(ty.clone(), Role::Output(k));
            self.copy(&from, &ty, buffer, graph.maker(o).loc);
        }
        for (id, buffers) in inline {
            self.write_inline(id, &buffers);
        }
    }
}

/// The instruction for a literal or an index.
fn inline_code(op: &Op) -> Code {
    match op {
        Op::Const(value) => Code::Literal(*value),
        Op::Iota(axis) => Code::Iota(*axis),
        _ => unreachable!("{} is not made inline", op.name()),
    }
}
