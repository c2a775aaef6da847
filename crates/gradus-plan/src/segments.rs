//! A linear program cut into a chain: nodes through which every path from the inputs to the outputs goes.

use gradus_ir::{Graph, NodeId};

/// So many cuts are considered, the narrowest ones: more would cost more to weigh than they save.
const MOST_CUTS: usize = 12;

/// One part of a linear program between two cuts.
pub(crate) struct Segment {
    /// `(residuals…, x…) ↦ y…`
    pub forward: Graph,
    /// `(residuals…, ȳ…) ↦ x̄…`
    pub reverse: Graph,
}

/// The chain of a linear program: its parts from the inputs' side to the outputs'.
pub(crate) struct Segments {
    pub parts: Vec<Segment>,
    /// Elements at each cut, the inputs and the outputs included.
    pub widths: Vec<usize>,
}

impl Segments {
    /// The program as one part.
    pub fn whole(tangent: &Graph, residuals: usize) -> Segments {
        Segments::at(tangent, residuals, &[])
    }

    /// The program cut at its narrowest cuts; `None` where no cut can save anything.
    pub fn cut(tangent: &Graph, residuals: usize) -> Option<Segments> {
        let mut cuts = cuts(tangent, residuals);
        let width = |id: &NodeId| tangent.ty(*id).elements();
        // Of neighbours of one width one is enough, the one nearest to the inputs.
        cuts.dedup_by(|b, a| width(b) == width(a));
        if cuts.len() > MOST_CUTS {
            let mut narrow = cuts.clone();
            narrow.sort_by_key(|id| (width(id), *id));
            narrow.truncate(MOST_CUTS);
            cuts.retain(|id| narrow.contains(id));
        }
        let ends = |ids: &[NodeId]| ids.iter().map(width).sum::<usize>();
        let outer = ends(&tangent.inputs()[residuals..]).min(ends(tangent.outputs()));
        // A cut no narrower than an end saves nothing.
        cuts.retain(|id| width(id) < outer);
        (!cuts.is_empty()).then(|| Segments::at(tangent, residuals, &cuts))
    }

    fn at(tangent: &Graph, residuals: usize, cuts: &[NodeId]) -> Segments {
        let (known, x) = tangent.inputs().split_at(residuals);
        let mut borders: Vec<Vec<NodeId>> = vec![x.to_vec()];
        borders.extend(cuts.iter().map(|&c| vec![c]));
        borders.push(tangent.outputs().to_vec());
        let widths = borders
            .iter()
            .map(|b| b.iter().map(|&id| tangent.ty(id).elements()).sum())
            .collect();
        let parts = borders
            .windows(2)
            .map(|w| {
                let inputs = [known, &w[0]].concat();
                let forward = tangent.extract(&inputs, &w[1]);
                let reverse = gradus_ad::transpose_linear(&forward, residuals);
                Segment { forward, reverse }
            })
            .collect();
        Segments { parts, widths }
    }
}

/// All single nodes through which every path goes, in order; inputs and outputs are none.
pub(crate) fn cuts(tangent: &Graph, residuals: usize) -> Vec<NodeId> {
    let x = &tangent.inputs()[residuals..];
    let active = tangent.dependents_of(x);
    let needed = tangent.live();
    let on_path = |i: usize| active[i] && needed[i];
    let mut last_use = vec![0; tangent.len()];
    for id in tangent.ids().filter(|id| on_path(id.index())) {
        for o in &tangent.node(id).operands {
            last_use[o.index()] = id.index();
        }
    }
    for o in tangent.outputs() {
        last_use[o.index()] = usize::MAX;
    }
    let mut found = Vec::new();
    let mut reach = 0;
    for id in tangent.ids().filter(|id| on_path(id.index())) {
        let i = id.index();
        if reach <= i && !x.contains(&id) && !tangent.outputs().contains(&id) {
            found.push(id);
        }
        reach = reach.max(last_use[i]);
    }
    found
}
