//! Computes a symmetric matrix of derivatives from the elements on one side of its diagonal.

use crate::cost::estimate;
use crate::products::marked;
use crate::profile::Profile;
use gradus_ir::primitives::Layout;
use gradus_ir::{Graph, Op, Type, ValueId, verify};
use std::collections::HashMap;

/// Thinner strips are not worth their copies, above all if several threads have written them.
const THINNEST: usize = 128;
/// The numbers of strips that a block is cut into. More strips save more operations, but need thinner products.
const STRIPS: [usize; 3] = [2, 4, 8];
/// The most operations that are followed back from the result.
/// Beyond that, a piece of a result is a slice of the whole.
const DEEPEST: usize = 100;

/// Which blocks off the diagonal are computed.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Lower,
    Upper,
}

/// The programs of a symmetric Hessian with equal elements computed once,
/// in strips of several widths, as far as they need fewer operations.
///
/// The program's outputs are the blocks for every two of the inputs `x`, row by row.
/// Of two blocks off the diagonal, one is the transpose of the other.
/// If a block on the diagonal is a sum of symmetric products,
/// these are [marked](crate::products::marked), so that a backend computes half of each.
/// Any other block on the diagonal is cut into strips of rows.
/// A strip ends at the diagonal, and later strips hold the elements beyond.
pub(crate) fn once(program: &Graph, x: &[Type], profile: &Profile) -> Vec<Graph> {
    let cost = |program: &Graph| estimate(program, profile);
    let whole = cost(program).operations;
    let (program, halved) = with_marked_products(program, x);
    let (mut found, mut side) = (Vec::new(), None);
    if halved.contains(&true) {
        found.push(program.clone());
    }
    if x.len() > 1 {
        let sides = [Side::Lower, Side::Upper].map(|side| {
            let program = with(&program, x, Some(side), 1, &halved);
            program.map(|program| (cost(&program).seconds, side, program))
        });
        // Either side saves half; the cheaper one is computed.
        let better = (sides.into_iter().flatten()).min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, better, program)) = better {
            side = Some(better);
            found.push(program);
        }
    }
    found.extend(
        STRIPS
            .iter()
            .filter_map(|&strips| with(&program, x, side, strips, &halved)),
    );
    found.retain(|program| cost(program).operations < whole);
    found
}

/// The program of a symmetric Hessian with the blocks on the diagonal transposed, which changes no value.
/// Columns from forward mode then need not be written as rows.
pub(crate) fn turned(program: &Graph, x: &[Type]) -> Graph {
    let mut g = program.clone();
    let mut blocks = program.outputs().to_vec();
    for (i, ty) in x.iter().enumerate() {
        let at = i * x.len() + i;
        blocks[at] = transposed(&mut g, blocks[at], ty.rank());
    }
    let turned = g.program(program.inputs(), &blocks);
    verify::check_after("turned", &turned);
    turned
}

/// The program with the products marked whose sums are blocks on the diagonal,
/// and for each block whether it has such products.
fn with_marked_products(program: &Graph, x: &[Type]) -> (Graph, Vec<bool>) {
    let mut g = program.clone();
    let mut blocks = program.outputs().to_vec();
    let mut halved = vec![false; x.len()];
    for (i, ty) in x.iter().enumerate() {
        let at = i * x.len() + i;
        if let Some(block) = marked(&mut g, blocks[at], ty.elements()) {
            (blocks[at], halved[i]) = (block, true);
        }
    }
    let program = g.program(program.inputs(), &blocks);
    verify::check_after("marked products", &program);
    (program, halved)
}

/// The program with one side of the blocks off the diagonal computed,
/// and the blocks on the diagonal that are not `halved` in `strips` strips. `None` if that changes nothing.
fn with(
    program: &Graph,
    x: &[Type],
    side: Option<Side>,
    strips: usize,
    halved: &[bool],
) -> Option<Graph> {
    let mut g = program.clone();
    let mut blocks = program.outputs().to_vec();
    if strips > 1 {
        for (i, ty) in x.iter().enumerate() {
            let at = i * x.len() + i;
            if !halved[i]
                && let Some(block) = in_strips(&mut g, blocks[at], ty, strips)
            {
                blocks[at] = block;
            }
        }
        if blocks == program.outputs() {
            return None;
        }
    }
    if let Some(side) = side {
        mirror(&mut g, &mut blocks, x, side);
    }
    let once = g.program(program.inputs(), &blocks);
    verify::check_after("symmetric", &once);
    Some(once)
}

/// The blocks on the other side of the diagonal as transposes of those on this side.
fn mirror(g: &mut Graph, blocks: &mut [ValueId], x: &[Type], side: Side) {
    for i in 0..x.len() {
        for j in 0..i {
            // A transposed block would have the narrower element type of the other input.
            if x[i].dtype != x[j].dtype {
                continue;
            }
            let (kept, other) = match side {
                Side::Lower => ((i, j), (j, i)),
                Side::Upper => ((j, i), (i, j)),
            };
            let block = blocks[kept.0 * x.len() + kept.1];
            blocks[other.0 * x.len() + other.1] = transposed(g, block, x[kept.0].rank());
        }
    }
}

/// `block` with its first `rows` axes moved to the end.
fn transposed(g: &mut Graph, block: ValueId, rows: usize) -> ValueId {
    let rank = g.shape(block).len();
    let order: Vec<usize> = (rows..rank).chain(0..rows).collect();
    g.transpose(block, &order)
}

/// A symmetric block from this number of strips; `None` where they would be too thin.
fn in_strips(g: &mut Graph, block: ValueId, x: &Type, strips: usize) -> Option<ValueId> {
    let rank = x.rank();
    if rank > 1
        && let Some(flat) = flattened(g, block, rank)
    {
        let shape = g.shape(block).to_vec();
        let flat = in_strips(g, flat, &x.with_shape(&[x.elements()]), strips)?;
        return Some(g.reshape(flat, &shape));
    }
    let axis = (0..rank).max_by_key(|&a| (x.shape[a], std::cmp::Reverse(a)))?;
    let n = x.shape[axis];
    if n < strips * THINNEST {
        return None;
    }
    let bounds: Vec<usize> = (0..=strips).map(|k| k * n / strips).collect();
    let all: Ranges = g.shape(block).iter().map(|&n| (0, n)).collect();
    let mut seen = HashMap::new();
    let mut lower = Vec::new();
    for b in bounds.windows(2) {
        let mut ranges = all.clone();
        ranges[axis] = (b[0], b[1]);
        ranges[rank + axis] = (0, b[1]);
        lower.push(piece(g, block, &ranges, &mut seen, 0));
    }
    let mut rows = Vec::new();
    for (i, b) in bounds.windows(2).enumerate() {
        let mut row = vec![lower[i]];
        for &below in &lower[i + 1..] {
            let mut ranges: Ranges = g.shape(below).iter().map(|&n| (0, n)).collect();
            ranges[rank + axis] = (b[0], b[1]);
            let mirrored = sliced(g, below, &ranges);
            row.push(transposed(g, mirrored, rank));
        }
        rows.push(match row.len() {
            1 => row[0],
            _ => g.concat(&row, rank + axis),
        });
    }
    Some(g.concat(&rows, axis))
}

/// The matrix that `x` rearranges, with the first `rows` axes of `x` as its rows. `None` if there is none.
fn flattened(g: &mut Graph, x: ValueId, rows: usize) -> Option<ValueId> {
    let rank = g.shape(x).len();
    if (rank, rows) == (2, 1) {
        return Some(x);
    }
    let operand = *g.maker(x).operands.first()?;
    match &g.maker(x).op {
        Op::Layout(Layout::Reshape(_)) => {
            let height: usize = g.shape(x)[..rows].iter().product();
            let shape = g.shape(operand);
            let before =
                (1..shape.len()).find(|&k| shape[..k].iter().product::<usize>() == height)?;
            flattened(g, operand, before)
        }
        Op::Layout(Layout::Transpose(order)) => {
            let before = rank - rows;
            if !order.iter().copied().eq((before..rank).chain(0..before)) {
                return None;
            }
            let matrix = flattened(g, operand, before)?;
            Some(g.transpose(matrix, &[1, 0]))
        }
        _ => None,
    }
}

/// The start and the end along each axis.
type Ranges = Vec<(usize, usize)>;

fn sliced(g: &mut Graph, x: ValueId, ranges: &[(usize, usize)]) -> ValueId {
    let start: Vec<usize> = ranges.iter().map(|r| r.0).collect();
    let limit: Vec<usize> = ranges.iter().map(|r| r.1).collect();
    g.slice(x, &start, &limit, &vec![1; ranges.len()])
}

/// A piece of `id`, with only the operations that this piece needs:
/// elementwise operations and products on pieces of their operands.
fn piece(
    g: &mut Graph,
    id: ValueId,
    ranges: &[(usize, usize)],
    seen: &mut HashMap<(ValueId, Ranges), ValueId>,
    depth: usize,
) -> ValueId {
    let key = (id, ranges.to_vec());
    if let Some(&there) = seen.get(&key) {
        return there;
    }
    let node = g.maker(id).clone();
    let outer = g.set_loc(node.loc);
    let sizes: Vec<usize> = ranges.iter().map(|r| r.1 - r.0).collect();
    let made = match &node.op {
        Op::Const(value) => g.constant(*value, &sizes),
        _ if depth > DEEPEST => sliced(g, id, ranges),
        Op::Unary(_) | Op::Cast(_) | Op::Binary(_) | Op::Compare(_) | Op::Select(_) => {
            let operands: Vec<ValueId> = node
                .operands
                .iter()
                .map(|&o| piece(g, o, ranges, seen, depth + 1))
                .collect();
            g.emit(node.op.clone(), &operands)
        }
        Op::Layout(Layout::Transpose(order)) => {
            let mut before = vec![(0, 0); order.len()];
            for (&axis, &range) in order.iter().zip(ranges) {
                before[axis] = range;
            }
            let x = piece(g, node.operands[0], &before, seen, depth + 1);
            g.transpose(x, order)
        }
        Op::Layout(Layout::Broadcast { axes, .. }) => {
            let shape = g.shape(node.operands[0]).to_vec();
            let before: Ranges = axes
                .iter()
                .zip(shape)
                .map(|(&a, n)| if n == 1 { (0, 1) } else { ranges[a] })
                .collect();
            let x = piece(g, node.operands[0], &before, seen, depth + 1);
            g.broadcast(x, &sizes, axes)
        }
        Op::Contract(c) => {
            let (left, right) = (node.operands[0], node.operands[1]);
            let full =
                |g: &Graph, x: ValueId| -> Ranges { g.shape(x).iter().map(|&n| (0, n)).collect() };
            let (mut l, mut r) = (full(g, left), full(g, right));
            let (free_left, free_right) = (c.free_left(l.len()), c.free_right(r.len()));
            let (batch, rest) = ranges.split_at(c.batch_left.len());
            for (k, &range) in batch.iter().enumerate() {
                (l[c.batch_left[k]], r[c.batch_right[k]]) = (range, range);
            }
            let (of_left, of_right) = rest.split_at(free_left.len());
            for (&axis, &range) in free_left.iter().zip(of_left) {
                l[axis] = range;
            }
            for (&axis, &range) in free_right.iter().zip(of_right) {
                r[axis] = range;
            }
            // Operands are computed whole.
            // Their pieces would overlap, and the overlap would be computed several times.
            let operands = [sliced(g, left, &l), sliced(g, right, &r)];
            g.emit(Op::Contract(c.plain().into()), &operands)
        }
        _ => sliced(g, id, ranges),
    };
    g.set_loc(outer);
    seen.insert(key, made);
    made
}
