//! The arrays that can be eliminated.

use super::cuts::narrow_cuts;
use gradus_ir::{Graph, ValueId};

/// The arrays that can be eliminated, in the order of the program:
/// small sets that cut it; if there are none, arrays that many paths go through.
pub(super) fn keys(tangent: &Graph, residuals: usize, most: usize) -> Vec<ValueId> {
    let x = &tangent.inputs()[residuals..];
    let sets = narrow_cuts(tangent, x, tangent.outputs(), most);
    match sets.iter().any(|set| set.len() > 1) {
        true => {
            let mut keys = sets.concat();
            keys.sort_unstable();
            keys.dedup();
            keys
        }
        false => narrow(tangent, residuals, most),
    }
}

/// The narrow arrays that many paths go through, in the order of the program.
/// Each run of operations without branches gives its narrowest array.
fn narrow(tangent: &Graph, residuals: usize, most: usize) -> Vec<ValueId> {
    let x = &tangent.inputs()[residuals..];
    let active = tangent.dependents_of(x);
    let needed = tangent.live();
    let on_path = |id: &ValueId| active[id.index()] && needed[id.index()];
    let path: Vec<ValueId> = tangent.ids().filter(on_path).collect();
    let width = |id: ValueId| tangent.ty(id).elements();
    let total = |ids: &[ValueId]| ids.iter().map(|&id| width(id)).sum::<usize>();
    let outer = total(x).min(total(tangent.outputs()));

    let mut uses = vec![0; tangent.len()];
    let mut operands: Vec<Vec<ValueId>> = vec![Vec::new(); tangent.len()];
    for &id in &path {
        let mut from: Vec<ValueId> = tangent.maker(id).operands.to_vec();
        from.retain(on_path);
        from.sort_unstable();
        from.dedup();
        for o in &from {
            uses[o.index()] += 1;
        }
        operands[id.index()] = from;
    }
    // Paths from the inputs to a node, and from there to the outputs.
    let (mut to, mut from) = (vec![0.0; tangent.len()], vec![0.0; tangent.len()]);
    let mut is_output = vec![false; tangent.len()];
    for y in tangent.outputs() {
        from[y.index()] = 1.0;
        is_output[y.index()] = true;
    }
    let mut run: Vec<ValueId> = tangent.ids().collect();
    for &id in &path {
        let before = &operands[id.index()];
        to[id.index()] = match x.contains(&id) {
            true => 1.0,
            false => before.iter().map(|o| to[o.index()]).sum(),
        };
        if let [only] = before[..]
            && uses[only.index()] == 1
            && !is_output[only.index()]
            && !x.contains(&only)
        {
            run[id.index()] = run[only.index()];
        }
    }
    for &id in path.iter().rev() {
        for o in &operands[id.index()] {
            from[o.index()] += from[id.index()];
        }
    }
    let mut narrowest: Vec<Option<ValueId>> = vec![None; tangent.len()];
    for &id in &path {
        let used = uses[id.index()] > 0;
        if width(id) == 0 || width(id) >= outer || !used || x.contains(&id) {
            continue;
        }
        let known = &mut narrowest[run[id.index()].index()];
        if known.is_none_or(|known| width(id) < width(known)) {
            *known = Some(id);
        }
    }
    let mut found: Vec<ValueId> = narrowest.into_iter().flatten().collect();
    let worth = |id: &ValueId| to[id.index()] * from[id.index()] / width(*id) as f64;
    found.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.cmp(b)));
    found.truncate(most);
    found.sort_unstable();
    found
}
