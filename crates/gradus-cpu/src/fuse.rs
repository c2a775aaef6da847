//! Groups of elementwise operations, and of reductions of their values, that become one kernel.
//!
//! First each operation joins the cone of its users if all users are in one cone and read it element by element:
//! its value never reaches memory. Then each cone joins, in order, a group that makes or reads the same arrays.
//! No cycle can arise: each group has a level above the levels of everything that it reads.

use crate::from_end::{FromEnd, gathers_from_end};
use crate::tile;
use crate::view::View;
use gradus_ir::primitives::Unary;
use gradus_ir::{Dims, Graph, NodeId, Op, ValueId};
use std::collections::HashMap;

/// The most operations of a group, and the most arrays that it reads.
/// More would not fit into the first-level cache.
const MOST_MEMBERS: usize = 96;
const MOST_SOURCES: usize = 24;

/// The way in which a value is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// An input.
    Input,
    /// A literal or an index, computed where it is used.
    Inline,
    /// Another view of the node that it resolves to.
    View,
    /// An element of a fused kernel.
    Element,
    /// A reduction at the end of a fused kernel.
    Reduce,
    /// A result of a standalone kernel or a region.
    Standalone,
    /// Not needed.
    Dead,
}

/// The location of a value's elements: in the buffer of `base`, seen through `view`.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub base: ValueId,
    pub view: View,
}

/// The operations of one kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// Elementwise operations and reductions, in order.
    pub members: Vec<ValueId>,
    pub level: usize,
    /// The shape of the kernel's iteration.
    pub shape: Dims,
    /// The shape as kept, reduced and kept sizes, if there are reductions.
    pub blocks: Option<(usize, usize, usize)>,
    reads: Vec<ValueId>,
    /// Whether another unit reads its values, so that its level can no longer rise.
    is_read: bool,
}

/// A group or a single operation, which becomes a step.
#[derive(Clone, Debug)]
pub(crate) enum Unit {
    Group(usize),
    Standalone(NodeId),
}

pub(crate) struct Fused {
    pub kinds: Vec<Kind>,
    pub resolved: Vec<Resolved>,
    pub groups: Vec<Group>,
    /// The group of each element or reduction.
    pub group_of: HashMap<ValueId, usize>,
    /// The users of each value.
    pub users: Vec<Vec<NodeId>>,
    /// All units, in a valid order.
    pub order: Vec<Unit>,
    /// The gathers that count indices from the end themselves.
    pub from_end: HashMap<NodeId, FromEnd>,
}

pub(crate) fn fuse(graph: &Graph) -> Fused {
    let mut live = graph.live();
    let mut users = users_of(graph, &live);
    let from_end = gathers_from_end(graph, &users);
    for (&gather, FromEnd { indices, computed }) in &from_end {
        computed.iter().for_each(|v| live[v.index()] = false);
        let users = &mut users[indices.index()];
        users.retain(|&user| !graph.node(user).results().any(|v| computed.contains(&v)));
        users.push(gather);
    }
    let (kinds, resolved) = resolve(graph, &live);
    let cones = draw_in(graph, &kinds, &users);
    let mut fused = Fused {
        kinds,
        resolved,
        groups: Vec::new(),
        group_of: HashMap::new(),
        users,
        order: Vec::new(),
        from_end,
    };
    join(graph, &live, &cones, &mut fused);
    fused
}

impl Fused {
    /// The operands that the step of a standalone operation reads.
    pub fn operands(&self, graph: &Graph, id: NodeId) -> Vec<ValueId> {
        let mut operands = graph.node(id).operands.to_vec();
        if let Some(from_end) = self.from_end.get(&id) {
            operands[1] = from_end.indices;
        }
        operands
    }
}

fn users_of(graph: &Graph, live: &[bool]) -> Vec<Vec<NodeId>> {
    let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); graph.len()];
    for (id, node) in graph.node_ids().zip(graph.nodes()) {
        if node.runs(live) {
            for o in &node.operands {
                users[o.index()].push(id);
            }
        }
    }
    users
}

/// The result of a user, if it has one.
fn made_by(graph: &Graph, user: NodeId) -> Option<ValueId> {
    let mut results = graph.node(user).results();
    results.next().filter(|_| results.len() == 0)
}

/// Finds casts that one kernel would store only for a later kernel to read.
/// The later kernel can compute the cast itself if the operand is in memory anyway and takes no more bytes.
///
/// The result maps each such cast and each of its users in a later kernel to the root of that user's cone.
pub(crate) fn casts_to_repeat(graph: &Graph) -> HashMap<(ValueId, ValueId), ValueId> {
    let has_casts = graph.nodes().iter().any(|n| matches!(n.op, Op::Cast(_)));
    if !has_casts {
        return HashMap::new();
    }
    let live = graph.live();
    let (kinds, resolved) = resolve(graph, &live);
    let users = users_of(graph, &live);
    let cones = draw_in(graph, &kinds, &users);
    let is_output = graph.output_marks();
    let mut found = HashMap::new();
    for id in graph.ids() {
        let node = graph.maker(id);
        let own_cone = cones.get(&id) == Some(&id);
        if !matches!(node.op, Op::Cast(_)) || !own_cone || is_output[id.index()] {
            continue;
        }
        let given = node.operands[0];
        let base = resolved[given.index()].base;
        let in_memory = match kinds[base.index()] {
            Kind::Input | Kind::Standalone => true,
            Kind::Element | Kind::Reduce => cones.get(&base) == Some(&base),
            Kind::Inline | Kind::View | Kind::Dead => false,
        };
        let narrow = graph.ty(given).dtype.size() <= node.ty().dtype.size();
        let made = users[id.index()].iter().map(|&u| made_by(graph, u));
        let Some(made) = made.collect::<Option<Vec<ValueId>>>() else {
            continue;
        };
        let moves = |u: &ValueId| matches!(graph.maker(*u).op, Op::Layout(_));
        let roots = made.iter().map(|u| match moves(u) {
            true => None,
            false => cones.get(u).copied(),
        });
        let Some(roots) = roots.collect::<Option<Vec<ValueId>>>() else {
            continue;
        };
        let several = roots.iter().any(|r| *r != roots[0]);
        let first = roots
            .iter()
            .min()
            .filter(|_| in_memory && narrow && several);
        if let Some(&first) = first {
            let later = graph.dependents_of(&[first]);
            let users = made.into_iter().zip(roots);
            let apart = users.filter(|(_, root)| *root != first && later[root.index()]);
            found.extend(apart.map(|(user, root)| ((id, user), root)));
        }
    }
    found
}

/// The kind of each value, and the location of its elements.
fn resolve(graph: &Graph, live: &[bool]) -> (Vec<Kind>, Vec<Resolved>) {
    let mut kinds = Vec::with_capacity(graph.len());
    let mut resolved: Vec<Resolved> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.maker(id);
        let own = || Resolved {
            base: id,
            view: View::whole(graph.shape(id)),
        };
        let (kind, elements) = match &node.op {
            Op::Input(_) => (Kind::Input, own()),
            _ if !node.runs(live) => (Kind::Dead, own()),
            Op::Const(_) | Op::Iota(_) => (Kind::Inline, own()),
            Op::Layout(layout) => {
                let from: &Resolved = &resolved[node.operands[0].index()];
                match from.view.through(layout, &node.ty().shape) {
                    Some(view) => {
                        let base = from.base;
                        (Kind::View, Resolved { base, view })
                    }
                    // The elements have to move, so a kernel copies them.
                    None => (Kind::Element, own()),
                }
            }
            // The value equals the operand's.
            Op::Unary(Unary::StopGradient) => {
                (Kind::View, resolved[node.operands[0].index()].clone())
            }
            Op::Unary(_) | Op::Cast(_) | Op::Binary(_) | Op::Compare(_) | Op::Select(_) => {
                (Kind::Element, own())
            }
            Op::Reduce(r) => {
                let shape = graph.shape(node.operands[0]);
                match tile::blocks(shape, &r.axes) {
                    Some(_) => (Kind::Reduce, own()),
                    None => (Kind::Standalone, own()),
                }
            }
            // `standalone::step` and `region::step` name the kernel of every other operation.
            _ => (Kind::Standalone, own()),
        };
        kinds.push(kind);
        resolved.push(elements);
    }
    (kinds, resolved)
}

/// For each element and reduction, the root of its cone: the node whose value leaves it.
fn draw_in(graph: &Graph, kinds: &[Kind], users: &[Vec<NodeId>]) -> HashMap<ValueId, ValueId> {
    let mut root_of: HashMap<ValueId, ValueId> = HashMap::new();
    let mut sizes: HashMap<ValueId, usize> = HashMap::new();
    let is_output = graph.output_marks();
    for id in graph.ids().rev() {
        if !matches!(kinds[id.index()], Kind::Element | Kind::Reduce) {
            continue;
        }
        let mut root = id;
        let moves = matches!(graph.maker(id).op, Op::Layout(_));
        if kinds[id.index()] == Kind::Element && !moves && !is_output[id.index()] {
            let mut roots = users[id.index()].iter().map(|&u| {
                let made = made_by(graph, u)?;
                match kinds[made.index()] {
                    Kind::Element if !matches!(graph.node(u).op, Op::Layout(_)) => {
                        root_of.get(&made).copied()
                    }
                    Kind::Reduce => root_of.get(&made).copied(),
                    _ => None,
                }
            });
            if let Some(Some(first)) = roots.next()
                && roots.all(|r| r == Some(first))
                && sizes[&first] < MOST_MEMBERS / 2
            {
                root = first;
            }
        }
        *sizes.entry(root).or_default() += 1;
        root_of.insert(id, root);
    }
    root_of
}

/// The shape of the iteration of the kernel of `id`.
fn iteration(graph: &Graph, id: ValueId, kind: Kind) -> &[usize] {
    match kind {
        Kind::Reduce => graph.shape(graph.maker(id).operands[0]),
        // A copy iterates over its operand, in the order that both shapes share.
        _ if matches!(graph.maker(id).op, Op::Layout(_)) => {
            graph.shape(graph.maker(id).operands[0])
        }
        _ => graph.shape(id),
    }
}

/// Joins cones to groups, and orders all units.
fn join(graph: &Graph, live: &[bool], root_of: &HashMap<ValueId, ValueId>, fused: &mut Fused) {
    let mut members: HashMap<ValueId, Vec<ValueId>> = HashMap::new();
    for id in graph.ids() {
        if let Some(root) = root_of.get(&id) {
            members.entry(*root).or_default().push(id);
        }
    }
    let mut joined = Groups {
        levels: vec![0; graph.len()],
        ..Groups::default()
    };
    let mut order: Vec<(usize, NodeId, Unit)> = Vec::new();
    for (node_id, node) in graph.node_ids().zip(graph.nodes()) {
        match node.results().next() {
            Some(id) if root_of.get(&id) == Some(&id) => {
                let members = &members[&id];
                let cone = Cone::new(graph, &fused.kinds, &fused.resolved, members, id);
                joined.add(&cone, members);
            }
            Some(id) if fused.kinds[id.index()] != Kind::Standalone => {}
            // A region without results has no kind that says whether it runs.
            _ if node.runs(live) => {
                let operands = fused.operands(graph, node_id);
                let bases = operands.iter().map(|o| fused.resolved[o.index()].base);
                let level = joined.above(bases);
                node.results()
                    .for_each(|v| joined.levels[v.index()] = level);
                order.push((level, node_id, Unit::Standalone(node_id)));
            }
            _ => {}
        }
    }
    let Groups {
        mut groups,
        group_of,
        ..
    } = joined;
    for (g, group) in groups.iter_mut().enumerate() {
        group.members.sort_unstable();
        let first = graph.maker_id(group.members[0]);
        order.push((group.level, first, Unit::Group(g)));
    }
    order.sort_by_key(|(level, id, _)| (*level, *id));
    fused.groups = groups;
    fused.group_of = group_of;
    fused.order = order.into_iter().map(|(_, _, unit)| unit).collect();
}

/// The groups so far.
#[derive(Default)]
struct Groups {
    groups: Vec<Group>,
    group_of: HashMap<ValueId, usize>,
    /// The level of each value.
    levels: Vec<usize>,
    /// The groups that read each array.
    readers: HashMap<ValueId, Vec<usize>>,
}

impl Groups {
    /// The level above these values, which a unit reads that is no part of the groups that make them.
    fn above(&mut self, reads: impl Iterator<Item = ValueId>) -> usize {
        let mut level = 0;
        for read in reads {
            level = level.max(self.levels[read.index()]);
            if let Some(&g) = self.group_of.get(&read) {
                self.groups[g].is_read = true;
            }
        }
        level + 1
    }

    /// Adds a cone to the group that it chooses, or to a new one.
    fn add(&mut self, cone: &Cone, members: &[ValueId]) {
        let chosen = cone.choose(self);
        let group_of = &self.group_of;
        let outside = |r: &ValueId| chosen.is_none() || group_of.get(r).copied() != chosen;
        let outside: Vec<ValueId> = cone.reads.iter().map(|(r, _)| *r).filter(outside).collect();
        let level = self.above(outside.into_iter());
        let g = chosen.unwrap_or_else(|| {
            self.groups.push(Group {
                shape: cone.shape.clone(),
                ..Group::default()
            });
            self.groups.len() - 1
        });
        let group = &mut self.groups[g];
        group.level = group.level.max(level);
        for &m in members {
            self.group_of.insert(m, g);
        }
        group.members.extend(members);
        for &m in &group.members {
            self.levels[m.index()] = group.level;
        }
        group.blocks = group.blocks.or(cone.blocks);
        for (r, _) in &cone.reads {
            if !group.reads.contains(r) {
                group.reads.push(*r);
                self.readers.entry(*r).or_default().push(g);
            }
        }
    }
}

/// A cone that looks for a group.
struct Cone {
    shape: Dims,
    blocks: Option<(usize, usize, usize)>,
    /// The values from outside that it reads, and whether it reads them element by element.
    reads: Vec<(ValueId, bool)>,
    size: usize,
}

impl Cone {
    fn new(
        graph: &Graph,
        kinds: &[Kind],
        resolved: &[Resolved],
        members: &[ValueId],
        root: ValueId,
    ) -> Cone {
        let kind = kinds[root.index()];
        let mut reads = Vec::new();
        for &m in members {
            for &o in &graph.maker(m).operands {
                let base = resolved[o.index()].base;
                if members.contains(&base) || kinds[base.index()] == Kind::Inline {
                    continue;
                }
                // A value of another group can be read from a register only if
                // it is not rearranged and not a reduction.
                let direct = o == base && kinds[o.index()] == Kind::Element;
                reads.push((base, direct));
            }
        }
        let blocks = match &graph.maker(root).op {
            Op::Reduce(r) if kind == Kind::Reduce => {
                tile::blocks(iteration(graph, root, kind), &r.axes)
            }
            _ => None,
        };
        Cone {
            shape: Dims::from_slice(iteration(graph, root, kind)),
            blocks,
            reads,
            size: members.len(),
        }
    }

    /// The group to join: the latest whose values the cone reads, otherwise one that reads the same array.
    /// A group whose values the cone reads rises above all else that the cone reads, as long as no other unit reads
    /// its values: nothing that the cone reads can depend on them then.
    fn choose(&self, joined: &Groups) -> Option<usize> {
        let Groups {
            groups,
            group_of,
            levels,
            readers,
        } = joined;
        let fits = |g: usize, rises: bool| {
            let group = &groups[g];
            let rises = rises && !group.is_read;
            group.shape == self.shape
                && group.members.len() + self.size <= MOST_MEMBERS
                && group.reads.len() + self.reads.len() <= MOST_SOURCES
                && (group.blocks.is_none() || self.blocks.is_none() || group.blocks == self.blocks)
                && self.reads.iter().all(|(r, direct)| {
                    if group_of.get(r) == Some(&g) {
                        *direct
                    } else {
                        rises || levels[r.index()] < group.level
                    }
                })
        };
        let made: Vec<usize> = self
            .reads
            .iter()
            .filter(|(_, direct)| *direct)
            .filter_map(|(r, _)| group_of.get(r).copied())
            .collect();
        let best = made
            .into_iter()
            .filter(|&g| fits(g, true))
            .max_by_key(|&g| groups[g].level);
        best.or_else(|| {
            self.reads
                .iter()
                .flat_map(|(r, _)| readers.get(r).into_iter().flatten().rev().take(8))
                .copied()
                .find(|&g| fits(g, false))
        })
    }
}
