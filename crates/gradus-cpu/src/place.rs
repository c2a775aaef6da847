//! A place in memory for every array of a run.
//!
//! Each array but inputs and outputs lives in one arena from the step that writes it to the last one that reads it; a step may write over an array that
//! ends there. Outputs take the memory of inputs that the caller gives away.

use crate::alone::{Alone, Operand};
use crate::compile::CompileOptions;
use crate::count::StepForecast;
use crate::forecast::Forecast;
use crate::memory::Arena;
use crate::origin::Origin;
use crate::region;
use crate::run::{Executable, Home, Largest, RegionStep, Step, StepKind};
use crate::tile::{Kernel, Program, lower_powers};
use crate::view::View;
use gradus_ir::{Graph, Type};

/// An array of the run.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub ty: Type,
    /// The input or output that it is.
    pub role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Input(usize),
    Output(usize),
    Inner,
}

/// A step whose arrays have no place yet.
pub(crate) enum Draft {
    Fused(Program, Origin),
    Alone(Alone, Vec<Operand>, usize, Origin),
    Region {
        code: region::Code,
        operands: Vec<Operand>,
        /// The byte where each operand begins in its array.
        starts: Vec<usize>,
        outs: Vec<usize>,
        /// Memory for the programs inside.
        scratch: usize,
        origin: Origin,
    },
}

impl Draft {
    pub fn reads(&self) -> Vec<(usize, &View)> {
        match self {
            Draft::Fused(p, _) => p.sources.iter().map(|s| (s.slot, &s.view)).collect(),
            Draft::Alone(_, operands, _, _) | Draft::Region { operands, .. } => {
                operands.iter().map(|o| (o.slot, &o.view)).collect()
            }
        }
    }

    pub fn writes(&self) -> Vec<usize> {
        match self {
            Draft::Fused(p, _) => {
                let stores = p.stores.iter().map(|s| s.slot);
                stores.chain(p.reductions.iter().map(|r| r.slot)).collect()
            }
            Draft::Alone(_, _, out, _) => vec![*out],
            Draft::Region { outs, scratch, .. } => outs.iter().copied().chain([*scratch]).collect(),
        }
    }

    /// Whether `out` may be written over `source`, which nobody reads afterwards: each element is read before it is written.
    fn may_overwrite(&self, out: usize, source: usize, slots: &[Slot]) -> bool {
        match self {
            Draft::Fused(p, _) => {
                // What is read after the instructions, by a reduction or another store, must still be there then.
                let read_late = |v: usize| p.sources.get(v).is_some_and(|s| s.slot == source);
                let mut late = (p.reductions.iter().map(|r| r.value))
                    .chain(p.stores.iter().filter(|s| s.slot != out).map(|s| s.value));
                !late.any(read_late)
                    && p.stores.iter().any(|s| s.slot == out)
                    && slots[out].ty.dtype.size() == slots[source].ty.dtype.size()
                    && p.sources.iter().filter(|s| s.slot == source).all(|s| {
                        s.view.is_whole() && s.view.elements() == slots[source].ty.elements()
                    })
            }
            Draft::Alone(kernel, operands, _, _) => {
                kernel.updates_first()
                    && operands[0].slot == source
                    && operands[1..].iter().all(|o| o.slot != source)
            }
            Draft::Region { .. } => false,
        }
    }

    /// Whether the step reads and writes only places that its arrays have: what the kernels' `SAFETY` rests on. It follows from the type rules, as views are made from
    /// layouts that they have passed. Kernels that compute their places are checked where they use them, see [`Memory`](crate::slots::Memory).
    fn stays_within(&self, slots: &[Slot]) -> bool {
        let reads = self.reads().into_iter().all(|(s, view)| {
            let within = |i: isize| (0..slots[s].ty.elements() as isize).contains(&i);
            view.reach()
                .is_none_or(|(first, last)| within(first) && within(last))
        });
        let writes = match self {
            Draft::Fused(p, _) => {
                let elements: usize = p.shape.iter().product();
                let (a, _, c) = p.reduced;
                p.stores
                    .iter()
                    .all(|s| slots[s.slot].ty.elements() == elements)
                    && p.reductions
                        .iter()
                        .all(|r| slots[r.slot].ty.elements() == a * c)
            }
            Draft::Alone(..) | Draft::Region { .. } => true,
        };
        reads && writes
    }

    fn mark_aliased(&mut self, out: usize) {
        if let Draft::Fused(p, _) = self {
            for s in p.stores.iter_mut().filter(|s| s.slot == out) {
                s.aliased = true;
            }
        }
    }
}

/// For each output the input whose memory it may take.
#[derive(Debug)]
pub(crate) struct Claims(pub Vec<Option<usize>>);

impl Claims {
    /// Whether two arrays of a step are in the same memory, if outputs take what they may.
    pub fn same_memory(&self, a: Home, b: Home) -> bool {
        match (a, b) {
            (Home::Input(i), Home::Output(k)) | (Home::Output(k), Home::Input(i)) => {
                self.0[k] == Some(i)
            }
            _ => a == b,
        }
    }
}

/// The steps, and a place for every array of theirs.
pub(crate) struct Placed {
    pub homes: Vec<Home>,
    pub claims: Claims,
    /// Bytes of the arena.
    pub arena: usize,
    /// How many lists there are.
    pub lists: usize,
    /// The largest array that is written.
    pub largest: Option<Largest>,
    /// Bytes of the array of each slot.
    pub bytes: Vec<usize>,
    /// For each step the slots in the arena that end with it. Debug builds alone: they fill them after the step, so that nobody reads what has ended.
    pub ended: Vec<Vec<usize>>,
    drafts: Vec<Draft>,
}

impl Placed {
    /// Makes the kernels.
    pub fn ready(mut self, graph: &Graph) -> Executable {
        let drafts = std::mem::take(&mut self.drafts).into_iter();
        let (inputs, outputs) = (graph.input_types(), graph.output_types());
        let arrays = inputs.iter().chain(&outputs).map(Type::bytes);
        let touched = arrays.fold(self.arena, usize::saturating_add);
        let steps = drafts
            .map(|draft| match draft {
                Draft::Fused(program, origin) => Step {
                    kind: StepKind::Fused(Box::new(Kernel::new(program))),
                    origin,
                },
                Draft::Alone(mut kernel, operands, out, origin) => {
                    if let Alone::Product(product) = &mut kernel {
                        product.in_program(touched);
                    }
                    let operands = operands.iter().map(|o| o.slot).collect();
                    Step {
                        kind: StepKind::Alone(Box::new(kernel), operands, out),
                        origin,
                    }
                }
                Draft::Region {
                    code,
                    operands,
                    starts,
                    outs,
                    scratch,
                    origin,
                } => Step {
                    kind: StepKind::Region(Box::new(RegionStep {
                        code,
                        operands: operands.iter().map(|o| o.slot).zip(starts).collect(),
                        outs,
                        scratch,
                    })),
                    origin,
                },
            })
            .collect();
        Executable::new(inputs, outputs, self, steps)
    }

    /// What a run will hold and do.
    pub fn forecast(mut self, graph: &Graph) -> Forecast {
        let drafts = std::mem::take(&mut self.drafts).into_iter();
        let steps: Vec<StepForecast> = drafts
            .map(|draft| match draft {
                Draft::Fused(program, _) => lower_powers(program).forecast(),
                Draft::Alone(kernel, operands, out, _) => kernel.forecast(|k| {
                    let operand = self.homes[operands[k].slot];
                    self.claims.same_memory(operand, self.homes[out])
                }),
                Draft::Region { code, .. } => code.forecast(),
            })
            .collect();
        Forecast::new(self.arena, &graph.output_types(), &self.claims, steps)
    }
}

/// Gives every array its place.
pub(crate) fn place(
    graph: &Graph,
    options: &CompileOptions,
    slots: Vec<Slot>,
    mut drafts: Vec<Draft>,
) -> Placed {
    debug_assert!(drafts.iter().all(|d| d.stays_within(&slots)));
    let mut last_read = vec![0usize; slots.len()];
    for (k, draft) in drafts.iter().enumerate() {
        for (s, _) in draft.reads() {
            last_read[s] = k;
        }
    }
    let inputs = graph.inputs().len();
    let outputs = graph.outputs().len();
    let mut arena = Arena::default();
    let mut homes: Vec<Option<Home>> = vec![None; slots.len()];
    let mut lists = 0;
    for (s, slot) in slots.iter().enumerate() {
        match slot.role {
            Role::Input(k) => homes[s] = Some(Home::Input(k)),
            Role::Output(k) => homes[s] = Some(Home::Output(k)),
            Role::Inner if slot.ty.is_list() => {
                homes[s] = Some(Home::List(lists));
                lists += 1;
            }
            Role::Inner => {}
        }
    }
    let given = slots
        .iter()
        .enumerate()
        .filter_map(|(s, slot)| match slot.role {
            Role::Input(i) if options.donated.get(i) == Some(&true) => Some((s, i)),
            _ => None,
        });
    let given: Vec<(usize, usize)> = given.collect();
    let mut claims: Vec<Option<usize>> = vec![None; outputs];
    let mut claimed = vec![false; inputs];
    // Inner arrays whose memory went to another one.
    let mut passed_on = vec![false; slots.len()];
    let mut all_ended = Vec::new();
    for (k, draft) in drafts.iter_mut().enumerate() {
        for out in draft.writes() {
            let bytes = slots[out].ty.bytes();
            let dying = |s: usize| last_read[s] == k && s != out;
            match slots[out].role {
                // A list has memory of its own.
                Role::Inner if slots[out].ty.is_list() => {}
                Role::Inner => {
                    let reuse = draft.reads().iter().map(|&(s, _)| s).find(|&s| {
                        dying(s)
                            && slots[s].role == Role::Inner
                            && !passed_on[s]
                            && slots[s].ty.bytes() == bytes
                            && draft.may_overwrite(out, s, &slots)
                    });
                    homes[out] = Some(match reuse {
                        Some(s) => {
                            passed_on[s] = true;
                            draft.mark_aliased(out);
                            homes[s].unwrap_or(Home::Arena(0))
                        }
                        None => Home::Arena(arena.take(bytes)),
                    });
                }
                Role::Output(j) => {
                    let free = |s: usize, i: usize| {
                        options.takers.is_none_or(|n| j < n)
                            && !claimed[i]
                            && slots[s].ty.bytes() == bytes
                            && bytes > 0
                            && (last_read[s] < k
                                || last_read[s] == k
                                    && (!draft.reads().iter().any(|&(r, _)| r == s)
                                        || draft.may_overwrite(out, s, &slots)))
                    };
                    let candidates = |now: bool| {
                        given.iter().copied().find(|&(s, i)| {
                            free(s, i) && now == draft.reads().iter().any(|&(r, _)| r == s)
                        })
                    };
                    // Best the array that is read here: its memory is in the cache.
                    if let Some((_, i)) = candidates(true) {
                        claims[j] = Some(i);
                        claimed[i] = true;
                        draft.mark_aliased(out);
                    } else if let Some((_, i)) = candidates(false) {
                        claims[j] = Some(i);
                        claimed[i] = true;
                    }
                }
                Role::Input(_) => unreachable!("inputs are not written"),
            }
        }
        // Arrays of this step that nobody reads any more, and results that nobody reads at all.
        let mut ended: Vec<usize> = draft.reads().iter().map(|&(s, _)| s).collect();
        ended.extend(draft.writes());
        ended.sort_unstable();
        ended.dedup();
        ended.retain(|&s| {
            let Some(Home::Arena(offset)) = homes[s] else {
                return false;
            };
            let ends = last_read[s] <= k && slots[s].role == Role::Inner && !passed_on[s];
            if ends {
                arena.give(offset, slots[s].ty.bytes());
                passed_on[s] = true;
            }
            ends
        });
        if cfg!(debug_assertions) {
            all_ended.push(ended);
        }
    }
    let homes = homes.into_iter().map(|h| h.unwrap_or(Home::Arena(0)));
    Placed {
        homes: homes.collect(),
        claims: Claims(claims),
        arena: arena.size(),
        lists,
        largest: largest(&drafts, &slots),
        bytes: slots.iter().map(|slot| slot.ty.bytes()).collect(),
        ended: all_ended,
        drafts,
    }
}

/// The largest array that some step writes, or a program inside of one.
fn largest(drafts: &[Draft], slots: &[Slot]) -> Option<Largest> {
    let mut largest: Option<(usize, Largest)> = None;
    for draft in drafts {
        let (origin, scratch) = match draft {
            Draft::Fused(_, origin) | Draft::Alone(_, _, _, origin) => (origin, None),
            Draft::Region {
                scratch, origin, ..
            } => (origin, Some(*scratch)),
        };
        if let Draft::Region { code, .. } = draft
            && let Some(inside) = code.largest()
            && largest.as_ref().is_none_or(|(n, _)| inside.ty.bytes() > *n)
        {
            largest = Some((inside.ty.bytes(), inside.clone()));
        }
        for out in draft.writes() {
            let ty = &slots[out].ty;
            let is_larger = largest.as_ref().is_none_or(|(n, _)| ty.bytes() > *n);
            if ty.is_list() || Some(out) == scratch || !is_larger {
                continue;
            }
            let found = Largest {
                name: origin.name(),
                ty: ty.clone(),
                loc: origin.loc,
            };
            largest = Some((ty.bytes(), found));
        }
    }
    largest.map(|(_, found)| found)
}
