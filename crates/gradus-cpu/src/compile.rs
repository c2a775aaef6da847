//! From a graph to steps that run: programs for groups, kernels for the rest.

use crate::alone::{Alone, Operand};
use crate::fuse::{Fused, Kind, Unit, fuse};
use crate::origin::Origin;
use crate::passes;
use crate::place::{Draft, Placed, Role, Slot, place};
use crate::region;
use crate::run::Executable;
use crate::schedule::schedule;
use crate::tile::{Code, Instruction, Program, Reduction, Source, Store, Value};
use crate::view::View;
use gradus_ir::primitives::Region;
use gradus_ir::{DType, Error, ErrorKind, Graph, Loc, NodeId, Op, Result, Type, ValueId, verify};
use std::collections::HashMap;

/// What the caller promises and asks for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct CompileOptions {
    /// For each input whether the caller gives it away, so that its memory may become that of a result. Missing ones are not.
    pub donated: Vec<bool>,
    /// How many of the first outputs may take such memory; all if not said.
    pub takers: Option<usize>,
}

/// Compiles a graph.
///
/// # Errors
/// If it returns what is no array, or its arrays together are more than any machine has.
pub fn compile(graph: &Graph, options: &CompileOptions) -> Result<Executable> {
    verify::ends(graph)?;
    if let Some(largest) = beyond_machines(graph) {
        let node = graph.maker(largest);
        let (ty, name) = (graph.ty(largest), node.op.name());
        let message = format!(
            "no memory can hold all arrays of this program at once; the largest is {ty} of `{name}`"
        );
        return Err(Error::new(ErrorKind::Memory, message).at(node.loc));
    }
    let (graph, placed) = planned(graph, options);
    let executable = placed.ready(&graph);
    passes::log_steps(&executable);
    Ok(executable)
}

/// No machine has so many bytes, and sums of the sizes of such arrays could wrap.
const MOST_BYTES: usize = 1 << 60;

/// The largest array of a program whose arrays together are more than any machine has.
pub(crate) fn beyond_machines(graph: &Graph) -> Option<ValueId> {
    let bytes = graph.ids().map(|id| graph.ty(id).bytes());
    if bytes.fold(0, usize::saturating_add) < MOST_BYTES {
        return None;
    }
    let live = graph.live();
    let all = || graph.ids().filter(|id| live[id.index()]);
    let bytes = all().map(|id| graph.ty(id).bytes());
    match bytes.fold(0, usize::saturating_add) {
        0..MOST_BYTES => None,
        _ => all().max_by_key(|&id| graph.ty(id).bytes()),
    }
}

/// The graph after all passes, and its steps with their places, but without kernels.
pub(crate) fn planned(graph: &Graph, options: &CompileOptions) -> (Graph, Placed) {
    let graph = passes::run(graph);
    let fused = fuse(&graph);
    let mut builder = Builder::new(&graph, &fused);
    for unit in &fused.order {
        match unit {
            Unit::Group(g) => builder.group(*g),
            Unit::Alone(id) => builder.alone(*id),
        }
    }
    builder.outputs();
    let Builder { slots, drafts, .. } = builder;
    let drafts = schedule(drafts, &slots);
    let placed = place(&graph, options, slots, drafts);
    (graph, placed)
}

struct Builder<'a> {
    graph: &'a Graph,
    fused: &'a Fused,
    slots: Vec<Slot>,
    slot_of: HashMap<ValueId, usize>,
    /// Whether each node is an output.
    is_output: Vec<bool>,
    /// The first output that each node is, perhaps in another shape.
    output_of: HashMap<ValueId, usize>,
    drafts: Vec<Draft>,
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph, fused: &'a Fused) -> Builder<'a> {
        let mut output_of = HashMap::new();
        for (k, o) in graph.outputs().iter().enumerate() {
            let place = &fused.resolved[o.index()];
            let elements = graph.ty(place.base).elements();
            if place.view.is_whole() && place.view.elements() == elements {
                output_of.entry(place.base).or_insert(k);
            }
        }
        let mut builder = Builder {
            graph,
            fused,
            slots: Vec::new(),
            slot_of: HashMap::new(),
            is_output: graph.output_marks(),
            output_of,
            drafts: Vec::new(),
        };
        for (k, &id) in graph.inputs().iter().enumerate() {
            let slot = builder.slot(graph.ty(id).clone(), Role::Input(k));
            builder.slot_of.insert(id, slot);
        }
        builder
    }

    fn slot(&mut self, ty: Type, role: Role) -> usize {
        self.slots.push(Slot { ty, role });
        self.slots.len() - 1
    }

    /// The array of a node that gets its value now; that of the first output that it is, perhaps in another shape, if it is one.
    fn define(&mut self, id: ValueId) -> usize {
        let role = match self.output_of.get(&id) {
            Some(&k) => Role::Output(k),
            None => Role::Inner,
        };
        let slot = self.slot(self.graph.ty(id).clone(), role);
        self.slot_of.insert(id, slot);
        slot
    }

    /// Where the elements of `id` are; literals and indices are written to memory first.
    fn operand(&mut self, id: ValueId) -> Operand {
        let place = &self.fused.resolved[id.index()];
        let slot = match self.slot_of.get(&place.base) {
            Some(&slot) => slot,
            None => self.written_inline(place.base),
        };
        Operand {
            slot,
            view: place.view.clone(),
        }
    }

    fn written_inline(&mut self, id: ValueId) -> usize {
        debug_assert_eq!(self.fused.kinds[id.index()], Kind::Inline);
        let slot = self.slot(self.graph.ty(id).clone(), Role::Inner);
        self.slot_of.insert(id, slot);
        self.write_inline(id, &[slot]);
        slot
    }

    /// One step writes the same to all these slots.
    fn write_inline(&mut self, id: ValueId, slots: &[usize]) {
        let ty = self.graph.ty(id);
        let program = Program {
            shape: ty.shape.clone(),
            sources: Vec::new(),
            code: vec![Instruction {
                code: inline_code(&self.graph.maker(id).op),
                operands: [0; 3],
                dtype: ty.dtype,
            }],
            stores: slots
                .iter()
                .map(|&slot| Store {
                    value: 0,
                    slot,
                    aliased: false,
                })
                .collect(),
            reductions: Vec::new(),
            reduced: (1, 1, 1),
        };
        let origin = Origin::of(self.graph, &[id]);
        self.drafts.push(Draft::Fused(program, origin));
    }

    /// An operand whose elements lie in row-major order, anywhere in its memory; they are copied if they do not.
    fn in_a_row(&mut self, id: ValueId) -> Operand {
        let operand = self.operand(id);
        if operand.view.is_contiguous() {
            return operand;
        }
        self.contiguous(id)
    }

    /// As [`in_a_row`](Self::in_a_row), from the start of its memory.
    fn contiguous(&mut self, id: ValueId) -> Operand {
        let operand = self.operand(id);
        if operand.view.is_whole() {
            return operand;
        }
        let ty = self.graph.ty(id).clone();
        let slot = self.slot(ty.clone(), Role::Inner);
        self.copy(&operand, &ty, slot, self.graph.maker(id).loc);
        Operand {
            slot,
            view: View::whole(&ty.shape),
        }
    }

    fn copy(&mut self, from: &Operand, ty: &Type, slot: usize, loc: Loc) {
        let program = Program {
            shape: ty.shape.clone(),
            sources: vec![Source {
                slot: from.slot,
                dtype: ty.dtype,
                view: from.view.clone(),
            }],
            code: Vec::new(),
            stores: vec![Store {
                value: 0,
                slot,
                aliased: false,
            }],
            reductions: Vec::new(),
            reduced: (1, 1, 1),
        };
        let origin = Origin::copy(loc, ty);
        self.drafts.push(Draft::Fused(program, origin));
    }

    fn group(&mut self, g: usize) {
        let (graph, fused) = (self.graph, self.fused);
        let group = &fused.groups[g];
        // First all arrays that are read, so that sources can be numbered before instructions.
        let mut sources: Vec<Source> = Vec::new();
        let mut source_of: HashMap<ValueId, Value> = HashMap::new();
        for &m in &group.members {
            for &o in &graph.maker(m).operands {
                let inside = fused.group_of.get(&o) == Some(&g);
                let inline = fused.kinds[o.index()] == Kind::Inline;
                if inside || inline || source_of.contains_key(&o) {
                    continue;
                }
                let operand = self.operand(o);
                let source = Source {
                    slot: operand.slot,
                    dtype: graph.ty(o).dtype,
                    view: operand.view,
                };
                let same = sources.iter().position(|s| {
                    s.slot == source.slot && s.view == source.view && s.dtype == source.dtype
                });
                let at = same.unwrap_or_else(|| {
                    sources.push(source);
                    sources.len() - 1
                });
                source_of.insert(o, at);
            }
        }
        let base = sources.len();
        let mut code: Vec<Instruction> = Vec::new();
        let mut value_of: HashMap<ValueId, Value> = source_of;
        let (mut stores, mut reductions) = (Vec::new(), Vec::new());
        for &m in &group.members {
            let node = graph.maker(m);
            let mut operands: Vec<Value> = Vec::with_capacity(3);
            for &o in &node.operands {
                let value = *value_of.entry(o).or_insert_with(|| {
                    let given = graph.maker(o);
                    code.push(Instruction {
                        code: inline_code(&given.op),
                        operands: [0; 3],
                        dtype: given.ty().dtype,
                    });
                    base + code.len() - 1
                });
                operands.push(value);
            }
            let leaves = self.leaves_group(m, g);
            if let Op::Reduce(r) = &node.op {
                reductions.push(Reduction {
                    value: operands[0],
                    kind: r.kind,
                    slot: self.define(m),
                });
                continue;
            }
            let first = operands[0];
            let given = [
                first,
                operands.get(1).copied().unwrap_or(first),
                operands.get(2).copied().unwrap_or(first),
            ];
            let value = match element_code(&node.op) {
                Some(c) => {
                    code.push(Instruction {
                        code: c,
                        operands: given,
                        dtype: node.ty().dtype,
                    });
                    base + code.len() - 1
                }
                // A copy is its operand, stored.
                None => first,
            };
            value_of.insert(m, value);
            if leaves {
                stores.push(Store {
                    value,
                    slot: self.define(m),
                    aliased: false,
                });
            }
        }
        let program = Program {
            shape: group.shape.clone(),
            sources,
            code,
            stores,
            reductions,
            reduced: group.blocks.unwrap_or((1, 1, 1)),
        };
        let origin = Origin::of(graph, &group.members);
        self.drafts.push(Draft::Fused(program, origin));
    }

    /// Whether something outside of group `g` needs the value of its member `m`.
    fn leaves_group(&self, m: ValueId, g: usize) -> bool {
        let fused = self.fused;
        self.is_output[m.index()]
            || fused.users[m.index()].iter().any(|&user| {
                let user = self.graph.node(user);
                user.region().is_some() || fused.group_of.get(&user.result()) != Some(&g)
            })
    }

    fn alone(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        if let Op::Region(region) = &node.op {
            return self.region(id, region);
        }
        let id = node.result();
        let operands: Vec<Operand> = node
            .operands
            .iter()
            .enumerate()
            .map(|(k, &o)| {
                if Alone::reads_views(&node.op, k) {
                    self.operand(o)
                } else {
                    self.contiguous(o)
                }
            })
            .collect();
        let types: Vec<&Type> = node.operands.iter().map(|&o| graph.ty(o)).collect();
        let kernel = Alone::new(&node.op, &types, node.ty(), &operands);
        // A product whose operands do not lie as matrices reads copies.
        let (kernel, operands) = match kernel {
            Some(kernel) => (kernel, operands),
            None => {
                let copies: Vec<Operand> =
                    node.operands.iter().map(|&o| self.contiguous(o)).collect();
                let kernel = Alone::new(&node.op, &types, node.ty(), &copies);
                match kernel {
                    Some(kernel) => (kernel, copies),
                    None => self.rearranged(id),
                }
            }
        };
        let out = self.define(id);
        let origin = Origin::of(graph, &[id]);
        self.drafts
            .push(Draft::Alone(kernel, operands, out, origin));
    }

    fn region(&mut self, id: NodeId, region: &Region) {
        let graph = self.graph;
        let node = graph.node(id);
        let operands: Vec<Operand> = node.operands.iter().map(|&o| self.in_a_row(o)).collect();
        let types: Vec<&Type> = node.operands.iter().map(|&o| graph.ty(o)).collect();
        let starts = operands.iter().zip(&types);
        let starts = starts.map(|(o, ty)| o.view.offset as usize * ty.dtype.size());
        let starts = starts.collect();
        // What nobody needs is written all the same.
        let outs: Vec<usize> = node.results().map(|v| self.define(v)).collect();
        let code = region::Code::new(region, &types);
        let scratch = self.slot(Type::new(DType::Bool, &[code.scratch()]), Role::Inner);
        let draft = Draft::Region {
            code,
            operands,
            starts,
            outs,
            scratch,
            origin: Origin::of_region(graph, id),
        };
        self.drafts.push(draft);
    }

    /// The last resort for a product: both operands copied with batch, free and summed axes in this order.
    fn rearranged(&mut self, id: ValueId) -> (Alone, Vec<Operand>) {
        let graph = self.graph;
        let node = graph.maker(id);
        let Op::Contract(contract) = &node.op else {
            unreachable!("only products care how their operands lie")
        };
        let mut operands = Vec::new();
        for (k, &o) in node.operands.iter().enumerate() {
            let rank = graph.ty(o).rank();
            let order: Vec<usize> = if k == 0 {
                let free = contract.free_left(rank);
                [&contract.batch_left, &free, &contract.contract_left]
                    .into_iter()
                    .flatten()
                    .copied()
                    .collect()
            } else {
                let free = contract.free_right(rank);
                [&contract.batch_right, &contract.contract_right, &free]
                    .into_iter()
                    .flatten()
                    .copied()
                    .collect()
            };
            let given = self.operand(o);
            let turned = View {
                shape: order.iter().map(|&a| given.view.shape[a]).collect(),
                offset: given.view.offset,
                strides: order.iter().map(|&a| given.view.strides[a]).collect(),
            };
            let ty = graph.ty(o).with_shape(&turned.shape);
            let slot = self.slot(ty.clone(), Role::Inner);
            let from = Operand {
                slot: given.slot,
                view: turned,
            };
            self.copy(&from, &ty, slot, node.loc);
            // The copy seen in the operand's own order of axes.
            let whole = View::whole(&ty.shape);
            let mut strides = whole.strides.clone();
            for (to, &a) in order.iter().enumerate() {
                strides[a] = whole.strides[to];
            }
            operands.push(Operand {
                slot,
                view: View {
                    shape: graph.ty(o).shape.clone(),
                    offset: 0,
                    strides,
                },
            });
        }
        let types: Vec<&Type> = node.operands.iter().map(|&o| graph.ty(o)).collect();
        match Alone::new(&node.op, &types, node.ty(), &operands) {
            Some(kernel) => (kernel, operands),
            None => unreachable!("operands in matrix order always fit"),
        }
    }

    /// Copies for outputs that are inputs, views, literals, or the same value again.
    fn outputs(&mut self) {
        let graph = self.graph;
        let mut inline: Vec<(ValueId, Vec<usize>)> = Vec::new();
        let mut place_of: HashMap<ValueId, usize> = HashMap::new();
        for (k, &o) in graph.outputs().iter().enumerate() {
            let base = self.fused.resolved[o.index()].base;
            let defined = self
                .slot_of
                .get(&base)
                .is_some_and(|&s| self.slots[s].role == Role::Output(k));
            if defined {
                continue;
            }
            let ty = graph.ty(o).clone();
            if self.fused.kinds[o.index()] == Kind::Inline {
                let slot = self.slot(ty, Role::Output(k));
                let at = *place_of.entry(o).or_insert(inline.len());
                if at == inline.len() {
                    inline.push((o, Vec::new()));
                }
                inline[at].1.push(slot);
                continue;
            }
            let from = self.operand(o);
            let slot = self.slot(ty.clone(), Role::Output(k));
            self.copy(&from, &ty, slot, graph.maker(o).loc);
        }
        for (id, slots) in inline {
            self.write_inline(id, &slots);
        }
    }
}

fn inline_code(op: &Op) -> Code {
    match op {
        Op::Const(value) => Code::Literal(*value),
        Op::Iota(axis) => Code::Iota(*axis),
        _ => unreachable!("{} is not made inline", op.name()),
    }
}

/// What an elementwise operation is in a program; `None` for a copy.
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
