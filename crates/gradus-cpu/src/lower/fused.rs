//! Lowers a group of operations to the program of a fused kernel.

use super::{Lowering, inline_code};
use crate::fuse::Kind;
use crate::origin::Origin;
use crate::tile::{Code, Program, Reduction, Source, Value};
use gradus_ir::{Op, ValueId};
use smallvec::SmallVec;
use std::collections::HashMap;

impl Lowering<'_> {
    /// Appends the kernel of group `g`.
    pub(super) fn group(&mut self, g: usize) {
        let (graph, fused) = (self.graph, self.fused);
        let group = &fused.groups[g];
        let (sources, mut value_of) = self.sources(g);
        let mut program = Program::new(group.shape.clone(), sources);
        program.reduced = group.blocks.unwrap_or(program.reduced);
        for &m in &group.members {
            let node = graph.maker(m);
            let operands: SmallVec<[Value; 3]> = (node.operands.iter())
                .map(|&o| {
                    *value_of.entry(o).or_insert_with(|| {
                        let inline = graph.maker(o);
                        program.push(inline_code(&inline.op), [0; 3], inline.ty().dtype)
                    })
                })
                .collect();
            let first = operands[0];
            if let Op::Reduce(r) = &node.op {
                program.reductions.push(Reduction {
                    value: first,
                    kind: r.kind,
                    dtype: node.ty().dtype,
                    buffer: self.define(m),
                });
                continue;
            }
            let value = match element_code(&node.op) {
                Some(code) => {
                    let given = [0, 1, 2].map(|k| operands.get(k).copied().unwrap_or(first));
                    program.push(code, given, node.ty().dtype)
                }
                // A copy stores its operand.
                None => first,
            };
            value_of.insert(m, value);
            if self.leaves_group(m, g) {
                program.store(value, self.define(m));
            }
        }
        self.push_program(program, Origin::of(graph, &group.members));
    }

    /// The arrays that group `g` reads, and the program's value for each.
    /// They are numbered before all instructions.
    fn sources(&mut self, g: usize) -> (Vec<Source>, HashMap<ValueId, Value>) {
        let (graph, fused) = (self.graph, self.fused);
        let mut sources: Vec<Source> = Vec::new();
        let mut source_of: HashMap<ValueId, Value> = HashMap::new();
        let read = fused.groups[g].members.iter();
        for &o in read.flat_map(|&m| &graph.maker(m).operands) {
            let inside = fused.group_of.get(&o) == Some(&g);
            let inline = fused.kinds[o.index()] == Kind::Inline;
            if inside || inline || source_of.contains_key(&o) {
                continue;
            }
            let operand = self.operand(o);
            let source = Source {
                buffer: operand.buffer,
                dtype: graph.ty(o).dtype,
                view: operand.view,
            };
            let same = sources.iter().position(|s| {
                s.buffer == source.buffer && s.view == source.view && s.dtype == source.dtype
            });
            let at = same.unwrap_or_else(|| {
                sources.push(source);
                sources.len() - 1
            });
            source_of.insert(o, at);
        }
        (sources, source_of)
    }

    /// Whether an output or a step outside of group `g` needs the value of its member `m`.
    fn leaves_group(&self, m: ValueId, g: usize) -> bool {
        let fused = self.fused;
        self.is_output[m.index()]
            || fused.users[m.index()].iter().any(|&user| {
                let mut made = self.graph.node(user).results();
                !made.any(|v| fused.group_of.get(&v) == Some(&g))
            })
    }
}

/// The instruction of an elementwise operation; `None` for a copy.
fn element_code(op: &Op) -> Option<Code> {
    match op {
        Op::Unary(u) => Some(Code::Unary(*u)),
        Op::Binary(b) => Some(Code::Binary(*b)),
        Op::Compare(c) => Some(Code::Compare(*c)),
        Op::Select(_) => Some(Code::Select),
        Op::Cast(_) => Some(Code::Cast),
        _ => None,
    }
}
