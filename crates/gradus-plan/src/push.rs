//! Derivatives pushed through a linear program, each by the structure of the operations that it meets.

use crate::block::{Block, Label, einsum};
use gradus_ir::primitives::{
    Batch, Binary, Contract, Layout, Reduce, ReduceKind, Region, Resize, Unary,
};
use gradus_ir::{Dims, Graph, Literal, Node, NodeId, Op, Type};
use smallvec::SmallVec;
use std::collections::HashMap;

/// A linear program `(residuals…, x…) ↦ y…`, seen from another graph that has the residuals.
pub(crate) struct Linear<'a> {
    program: &'a Graph,
    /// Nodes that depend on some `x`.
    linear: Vec<bool>,
    /// Where nodes that depend on residuals alone are in the other graph.
    fixed: Vec<Option<NodeId>>,
    residuals: usize,
    /// Whether what does not depend on the `x…` counts for all of them alike, instead of being zero.
    affine: bool,
}

/// What an operand is to a rule.
enum Operand {
    Active(Block),
    /// An array of this type that depends on `x…` that are not pushed here.
    Zero(Type),
    Fixed(NodeId),
}

impl<'a> Linear<'a> {
    /// `residuals` are the nodes of the other graph that stand for the first inputs of `program`.
    pub fn new(program: &'a Graph, residuals: &[NodeId]) -> Linear<'a> {
        let mut fixed = vec![None; program.len()];
        for (&i, &r) in program.inputs().iter().zip(residuals) {
            fixed[i.index()] = Some(r);
        }
        Linear {
            program,
            linear: program.dependents_of(&program.inputs()[residuals.len()..]),
            fixed,
            residuals: residuals.len(),
            affine: false,
        }
    }

    /// As [`push`](Self::push) for a way back that users have written, which need not be linear: what is the same for all cotangents is in every row.
    pub fn pull_all(mut self, g: &mut Graph, starts: &[Block]) -> Vec<Option<Block>> {
        self.affine = true;
        let n = starts[0].source.iter().product();
        let starts: Vec<Option<Block>> = starts.iter().cloned().map(Some).collect();
        let mut results = self.push(g, &starts);
        for (result, &y) in results.iter_mut().zip(self.program.outputs()) {
            let zero = |v: Literal| v.as_f64() == 0.0;
            if result.is_none() && !self.program.literal(y).is_some_and(zero) {
                let same = self.copied(g, y);
                *result = Some(repeated(g, same, n));
            }
        }
        results
    }

    /// From the derivatives of the `x…` (by some source; `None` is zero) to those of the outputs, appended to `g`.
    pub fn push(&mut self, g: &mut Graph, starts: &[Option<Block>]) -> Vec<Option<Block>> {
        let program = self.program;
        let needed = program.live();
        let mut active: Vec<Option<Block>> = vec![None; program.len()];
        for (&i, start) in program.inputs()[self.residuals..].iter().zip(starts) {
            // What was accumulated may have axes merged or split that are apart here.
            let shape = &program.ty(i).shape;
            active[i.index()] = start.clone().map(|block| block.retargeted(g, shape));
        }
        let mut of_regions: HashMap<NodeId, Vec<Option<Block>>> = HashMap::new();
        for id in program.ids() {
            let node = program.node(id);
            if let Op::Result { index, .. } = node.op {
                let of_region = of_regions.get(&node.operands[0]);
                active[id.index()] = of_region.and_then(|all| all[index as usize].clone());
                continue;
            }
            if !needed[id.index()] || node.operands.iter().all(|o| active[o.index()].is_none()) {
                continue;
            }
            let outer = g.set_loc(node.loc);
            let operands: Vec<Operand> = node
                .operands
                .iter()
                .map(|&o| match &active[o.index()] {
                    Some(block) => Operand::Active(block.clone()),
                    None if self.linear[o.index()] => Operand::Zero(program.ty(o).clone()),
                    None => Operand::Fixed(self.copied(g, o)),
                })
                .collect();
            if let Op::Region(r) = &node.op {
                of_regions.insert(id, region(g, r, operands, self.affine));
            } else {
                let block = through(g, node, operands);
                debug_assert_eq!(
                    block.target,
                    node.ty.shape,
                    "{}: the derivative has its value's shape",
                    node.op.name()
                );
                active[id.index()] = Some(block);
            }
            g.set_loc(outer);
        }
        program
            .outputs()
            .iter()
            .map(|o| active[o.index()].clone())
            .collect()
    }

    fn copied(&mut self, g: &mut Graph, id: NodeId) -> NodeId {
        if let Some(there) = self.fixed[id.index()] {
            return there;
        }
        self.program.copy_into(g, &mut self.fixed, &[id]);
        self.fixed[id.index()].expect("the node was copied")
    }
}

/// The derivative of the result of `node` from those of its operands.
fn through(g: &mut Graph, node: &Node, operands: Vec<Operand>) -> Block {
    if !keeps_zeros(g, node, &operands) {
        return dense(g, node, operands);
    }
    match &node.op {
        Op::Unary(Unary::Neg) | Op::Cast(_) => {
            let x = only(operands);
            let tensor = g.emit(node.op.clone(), &[x.tensor]);
            Block { tensor, ..x }
        }
        Op::Binary(_) | Op::Select(_) => elementwise(g, node, operands),
        Op::Layout(layout) => self::layout(g, layout, node, only(operands)),
        Op::Reduce(Reduce {
            kind: ReduceKind::Sum,
            axes,
        }) => summed(g, axes, node, only(operands)),
        Op::Contract(c) => contract(g, c, node, operands),
        Op::Resize(resize) => resized(g, resize, node, operands),
        _ => dense(g, node, operands),
    }
}

/// Whether what is zero in a derivative is zero behind `node` too, and the rules for structure hold. They do wherever the program is linear, which what users make
/// of cotangents need not be: the sum of a cotangent and a number, or the square of one, is then computed row by row.
fn keeps_zeros(g: &Graph, node: &Node, operands: &[Operand]) -> bool {
    let fixed = |k: usize| matches!(operands[k], Operand::Fixed(_));
    let is_zero = |k: usize| match operands[k] {
        Operand::Fixed(x) => g.literal(x).is_some_and(|v| v.as_f64() == 0.0),
        _ => true,
    };
    match &node.op {
        Op::Binary(Binary::Add | Binary::Sub) => !fixed(0) && !fixed(1),
        Op::Binary(Binary::Mul) | Op::Contract(_) => fixed(0) != fixed(1),
        Op::Binary(Binary::Div) => !fixed(0) && fixed(1),
        Op::Binary(_) => false,
        Op::Select(_) => fixed(0) && is_zero(1) && is_zero(2),
        Op::Resize(_) => (0..operands.len()).all(is_zero),
        _ => true,
    }
}

fn only(operands: Vec<Operand>) -> Block {
    match operands.into_iter().next() {
        Some(Operand::Active(block)) => block,
        _ => unreachable!("the only operand is active"),
    }
}

/// `x` of the target's shape beside a block's tensor: repeated along the free source axes.
fn beside(g: &mut Graph, x: NodeId, like: &Block) -> NodeId {
    let mut shape = like.lead_shape();
    let lead = shape.len();
    shape.extend_from_slice(g.shape(x).to_vec().as_slice());
    let axes: Vec<usize> = (lead..shape.len()).collect();
    g.broadcast(x, &shape, &axes)
}

/// All active operands in one layout: sources that differ become one axis, ties that not all have are given up.
fn aligned(g: &mut Graph, operands: Vec<Operand>) -> (Vec<Operand>, Block) {
    let blocks: Vec<&Block> = operands
        .iter()
        .filter_map(|o| match o {
            Operand::Active(b) => Some(b),
            _ => None,
        })
        .collect();
    let same_source = blocks.windows(2).all(|w| w[0].source == w[1].source);
    let ties: Vec<(usize, usize)> = blocks[0]
        .ties
        .iter()
        .copied()
        .filter(|t| same_source && blocks.iter().all(|b| b.ties.contains(t)))
        .collect();
    let mut common = None;
    let out: Vec<Operand> = operands
        .into_iter()
        .map(|o| match o {
            Operand::Active(b) => {
                let b = if same_source { b } else { b.flat(g) };
                let b = b.untied(g, |s, a| ties.contains(&(s, a)));
                common = Some(b.clone());
                Operand::Active(b)
            }
            other => other,
        })
        .collect();
    (out, common.expect("an operand is active"))
}

fn elementwise(g: &mut Graph, node: &Node, operands: Vec<Operand>) -> Block {
    use Operand::{Active, Fixed, Zero};
    match (&node.op, operands.as_slice()) {
        (Op::Binary(Binary::Add | Binary::Sub), [Active(x), Zero(_)])
        | (Op::Binary(Binary::Add), [Zero(_), Active(x)]) => return x.clone(),
        (Op::Binary(Binary::Sub), [Zero(_), Active(x)]) => {
            let tensor = g.unary(Unary::Neg, x.tensor);
            return Block {
                tensor,
                ..x.clone()
            };
        }
        _ => {}
    }
    let (operands, common) = aligned(g, operands);
    let ids: Vec<NodeId> = operands
        .into_iter()
        .map(|o| match o {
            Active(block) => block.tensor,
            Zero(_) => g.constant_like(0.0, common.tensor),
            Fixed(x) => beside(g, x, &common),
        })
        .collect();
    let tensor = g.emit(node.op.clone(), &ids);
    Block { tensor, ..common }
}

fn layout(g: &mut Graph, layout: &Layout, node: &Node, x: Block) -> Block {
    let shape = &node.ty.shape;
    let from = x.target.clone();
    match layout {
        Layout::Transpose(order) => {
            let lead = x.lead();
            let full: Vec<usize> = (0..lead).chain(order.iter().map(|a| lead + a)).collect();
            let tensor = g.transpose(x.tensor, &full);
            let to = |a: usize| order.iter().position(|&p| p == a);
            let ties = x
                .ties
                .iter()
                .filter_map(|&(s, a)| Some((s, to(a)?)))
                .collect();
            Block {
                tensor,
                target: shape.clone(),
                ties,
                ..x
            }
        }
        Layout::Broadcast { axes, .. } => {
            // An axis of size 1 is never tied, so those that are keep their size.
            let lead = x.lead();
            let mut full = x.lead_shape();
            full.extend_from_slice(shape);
            let at: Vec<usize> = (0..lead).chain(axes.iter().map(|a| lead + a)).collect();
            let tensor = g.broadcast(x.tensor, &full, &at);
            let ties = x.ties.iter().map(|&(s, a)| (s, axes[a])).collect();
            Block {
                tensor,
                target: shape.clone(),
                ties,
                ..x
            }
        }
        Layout::Reshape(_) => x.retargeted(g, shape),
        Layout::Slice {
            start,
            limit,
            stride,
        } => {
            let whole = |a: usize| start[a] == 0 && limit[a] == from[a] && stride[a] == 1;
            let x = x.untied(g, |_, a| whole(a));
            let lead = x.lead_shape();
            let with = |first: &[usize], rest: &[usize]| [first, rest].concat();
            let zeros = vec![0; lead.len()];
            let ones = vec![1; lead.len()];
            let tensor = g.slice(
                x.tensor,
                &with(&zeros, start),
                &with(&lead, limit),
                &with(&ones, stride),
            );
            Block {
                tensor,
                target: shape.clone(),
                ..x
            }
        }
        Layout::Reverse(axes) => {
            let x = x.untied(g, |_, a| !axes.contains(&a));
            let lead = x.lead();
            let at: Vec<usize> = axes.iter().map(|a| lead + a).collect();
            let tensor = g.reverse(x.tensor, &at);
            Block { tensor, ..x }
        }
    }
}

/// A sum over a tied axis adds nothing up: each source element is in one sum, so the axis becomes a free one of the source.
fn summed(g: &mut Graph, axes: &[usize], node: &Node, x: Block) -> Block {
    let lead = x.lead();
    let added: Vec<usize> = axes
        .iter()
        .filter(|&&a| x.tied_to(a).is_none())
        .map(|a| lead + a)
        .collect();
    let kept: Vec<usize> = (0..x.target.len()).filter(|a| !axes.contains(a)).collect();
    let after = |p: usize| p - added.iter().filter(|&&q| q < p).count();
    let tensor = g.sum(x.tensor, &added);
    let ties: Vec<(usize, usize)> = x
        .ties
        .iter()
        .filter_map(|&(s, a)| Some((s, kept.iter().position(|&k| k == a)?)))
        .collect();
    let old_free = x.free();
    let mut order: Vec<usize> = Vec::new();
    for s in 0..x.source.len() {
        if ties.iter().any(|(t, _)| *t == s) {
            continue;
        }
        order.push(match old_free.iter().position(|&f| f == s) {
            Some(p) => p,
            None => {
                let tied = x.ties.iter().find(|(t, _)| *t == s);
                after(lead + tied.expect("a source axis is free or tied").1)
            }
        });
    }
    order.extend(kept.iter().map(|&a| after(lead + a)));
    let tensor = g.transpose(tensor, &order);
    Block {
        tensor,
        target: node.ty.shape.clone(),
        ties,
        ..x
    }
}

fn contract(g: &mut Graph, c: &Contract, node: &Node, operands: Vec<Operand>) -> Block {
    // Labels of the operation's axes: batch, summed, free of the left, free of the right; the source's behind.
    let mut it = operands.into_iter();
    let (left, right) = (it.next(), it.next());
    let (x, fixed, active_left) = match (left, right) {
        (Some(Operand::Active(x)), Some(Operand::Fixed(w))) => (x, w, true),
        (Some(Operand::Fixed(w)), Some(Operand::Active(x))) => (x, w, false),
        _ => unreachable!("a product is linear in one of its operands at a time"),
    };
    let (lr, rr) = match active_left {
        true => (x.target.len(), g.ty(fixed).rank()),
        false => (g.ty(fixed).rank(), x.target.len()),
    };
    let (fl, fr) = (c.free_left(lr), c.free_right(rr));
    let (nb, nc) = (c.batch_left.len(), c.contract_left.len());
    let label = |rank: usize,
                 batch: &[usize],
                 summed: &[usize],
                 free: &[usize],
                 base: usize|
     -> Vec<Label> {
        (0..rank)
            .map(|a| {
                let find = |list: &[usize]| list.iter().position(|&b| b == a);
                match (find(batch), find(summed), find(free)) {
                    (Some(k), _, _) => k,
                    (_, Some(k), _) => nb + k,
                    (_, _, Some(k)) => base + k,
                    _ => unreachable!("every axis has a role"),
                }
            })
            .collect()
    };
    let left_labels = label(lr, &c.batch_left, &c.contract_left, &fl, nb + nc);
    let right_labels = label(
        rr,
        &c.batch_right,
        &c.contract_right,
        &fr,
        nb + nc + fl.len(),
    );
    let (own, other) = match active_left {
        true => (left_labels, right_labels),
        false => (right_labels, left_labels),
    };
    let of_source = |s: usize| nb + nc + fl.len() + fr.len() + s;
    let labels: Vec<Label> = x
        .free()
        .into_iter()
        .map(of_source)
        .chain(own.iter().copied())
        .collect();
    let result: Vec<Label> = (0..nb)
        .chain(nb + nc..nb + nc + fl.len() + fr.len())
        .collect();
    let mut ties: Vec<(usize, usize)> = Vec::new();
    let mut out: Vec<Label> = Vec::new();
    for s in 0..x.source.len() {
        match x.ties.iter().find(|(t, _)| *t == s) {
            None => out.push(of_source(s)),
            Some(&(_, a)) => match result.iter().position(|&l| l == own[a]) {
                Some(p) => ties.push((s, p)),
                // The tie picks one summand: the axis stays, as one of the source.
                None => out.push(own[a]),
            },
        }
    }
    out.extend(&result);
    let tensor = match active_left {
        true => einsum(g, (x.tensor, &labels), (fixed, &other), &out),
        false => einsum(g, (fixed, &other), (x.tensor, &labels), &out),
    };
    Block {
        tensor,
        target: node.ty.shape.clone(),
        ties,
        ..x
    }
}

fn resized(g: &mut Graph, resize: &Resize, node: &Node, operands: Vec<Operand>) -> Block {
    let ahead = |lead: usize, value: usize, rest: &[usize]| -> Dims {
        std::iter::repeat_n(value, lead)
            .chain(rest.iter().copied())
            .collect()
    };
    // A filling that moves as well is rare, and has no structure.
    if matches!(
        (resize, operands.as_slice()),
        (Resize::Pad { .. }, [_, Operand::Active(_)])
    ) {
        return dense(g, node, operands);
    }
    // Along axes that change no diagonal is left.
    let moves: Vec<usize> = match resize {
        Resize::Concat(axis) => vec![*axis],
        Resize::Pad {
            low,
            high,
            interior,
        } => (0..low.len())
            .filter(|&a| low[a] + high[a] + interior[a] > 0)
            .collect(),
        Resize::SliceAdd { .. } => {
            let part = shape_of(g, &operands[1]);
            (0..part.len())
                .filter(|&a| part[a] != node.ty.shape[a])
                .collect()
        }
    };
    let operands = operands
        .into_iter()
        .map(|o| match o {
            Operand::Active(x) => Operand::Active(x.untied(g, |_, a| !moves.contains(&a))),
            other => other,
        })
        .collect();
    let (operands, common) = aligned(g, operands);
    let lead_shape = common.lead_shape();
    let lead = lead_shape.len();
    let filling = matches!(resize, Resize::Pad { .. });
    let ids: Vec<NodeId> = operands
        .into_iter()
        .map(|o| match o {
            Operand::Active(x) => x.tensor,
            // What does not move adds nothing; a filling is a single number.
            o => {
                let shape = shape_of(g, &o);
                let zero = Literal::from_f64(node.ty.dtype, 0.0);
                let front: &[usize] = if filling { &[] } else { &lead_shape };
                g.constant(zero, &[front, shape.as_slice()].concat())
            }
        })
        .collect();
    let op = match resize {
        Resize::Concat(axis) => Resize::Concat(lead + axis),
        Resize::SliceAdd { start, stride } => Resize::SliceAdd {
            start: ahead(lead, 0, start),
            stride: ahead(lead, 1, stride),
        },
        Resize::Pad {
            low,
            high,
            interior,
        } => Resize::Pad {
            low: ahead(lead, 0, low),
            high: ahead(lead, 0, high),
            interior: ahead(lead, 0, interior),
        },
    };
    let tensor = g.emit(Op::Resize(op), &ids);
    Block {
        tensor,
        target: node.ty.shape.clone(),
        ..common
    }
}

fn shape_of(g: &Graph, operand: &Operand) -> Dims {
    match operand {
        Operand::Active(x) => x.target.clone(),
        Operand::Fixed(x) => g.ty(*x).shape.clone(),
        Operand::Zero(ty) => ty.shape.clone(),
    }
}

/// Any other operation: all zeros written out, one row for each source element.
fn dense(g: &mut Graph, node: &Node, operands: Vec<Operand>) -> Block {
    let (ids, flags, n) = rows(g, operands);
    let tensor = node.op.batch(&mut Batch {
        graph: g,
        operands: &ids,
        batched: &flags,
        size: n,
    });
    block_of_rows(tensor, n, &node.ty)
}

/// A region, such as a loop, takes all rows at once; the derivatives of its results.
///
/// Of a linear one, what does not depend on the rows is zero.
fn region(
    g: &mut Graph,
    region: &Region,
    operands: Vec<Operand>,
    affine: bool,
) -> Vec<Option<Block>> {
    let (ids, flags, n) = rows(g, operands);
    let types = region.results();
    gradus_ad::batch_region(g, region, &ids, &flags, n)
        .into_iter()
        .zip(types)
        .map(|((tensor, depends), ty)| match depends {
            true => Some(block_of_rows(tensor, n, &ty)),
            false => affine.then(|| repeated(g, tensor, n)),
        })
        .collect()
}

/// The same for each of `n` source elements.
fn repeated(g: &mut Graph, x: NodeId, n: usize) -> Block {
    let ty = g.ty(x).clone();
    let tensor = g.repeat_front(x, n);
    block_of_rows(tensor, n, &ty)
}

fn block_of_rows(tensor: NodeId, n: usize, target: &Type) -> Block {
    Block {
        tensor,
        source: Dims::from_slice(&[n]),
        target: target.shape.clone(),
        ties: Vec::new(),
    }
}

/// The operands, those that are pushed with one row for each source element; which these are, and the number of rows.
fn rows(g: &mut Graph, operands: Vec<Operand>) -> (Vec<NodeId>, SmallVec<[bool; 3]>, usize) {
    let flags: SmallVec<[bool; 3]> = operands
        .iter()
        .map(|o| matches!(o, Operand::Active(_)))
        .collect();
    let mut n = 0;
    let ids: Vec<NodeId> = operands
        .into_iter()
        .map(|o| match o {
            Operand::Active(x) => {
                let flat = x.flat(g);
                n = flat.source[0];
                flat.tensor
            }
            Operand::Fixed(x) => x,
            Operand::Zero(ty) => g.constant(Literal::from_f64(ty.dtype, 0.0), &ty.shape),
        })
        .collect();
    (ids, flags, n)
}
