//! The places of the boxes of a drawing: in layers, each box below the boxes that it reads, with few crossings.
//!
//! The method of Sugiyama, Tagawa and Toda (1981). Layers follow from the longest path.
//! A link through several layers has a point in each.
//! The mean place of the neighbours gives the order within a layer, and places follow from the order.

/// A box to be placed: its width, and the boxes that it reads, all before it.
pub struct Box {
    pub width: f64,
    pub reads: Vec<usize>,
}

/// The places of boxes and links.
pub struct Layout {
    /// The middle of each box.
    pub places: Vec<(f64, f64)>,
    /// For each link, in the order of the boxes and their operands:
    /// its points from the box that is read to the reader.
    pub links: Vec<Vec<(f64, f64)>>,
    pub width: f64,
    pub height: f64,
}

/// Links with more points than this are not worth a drawing.
pub const MOST_POINTS: usize = 6000;

pub const LAYER: f64 = 70.0;
const GAP: f64 = 14.0;
const SWEEPS: usize = 8;

/// A box, or the point where a link passes a layer.
struct Item {
    layer: usize,
    width: f64,
    above: Vec<usize>,
    below: Vec<usize>,
    x: f64,
}

impl Item {
    fn new(layer: usize, width: f64) -> Item {
        Item {
            layer,
            width,
            above: Vec::new(),
            below: Vec::new(),
            x: 0.0,
        }
    }
}

/// Places the boxes; `None` if the links would need too many points.
pub fn layout(boxes: &[Box]) -> Option<Layout> {
    let mut items = in_layers(boxes);
    let chains = linked(&mut items, boxes)?;
    let depth = items.iter().map(|i| i.layer + 1).max().unwrap_or(0);
    order(&mut items, depth);
    let left = items.iter().map(|i| i.x - i.width / 2.0);
    let left = left.fold(f64::INFINITY, f64::min);
    let right = items.iter().map(|i| i.x + i.width / 2.0);
    let right = right.fold(f64::NEG_INFINITY, f64::max);
    let at = |k: usize| {
        let y = items[k].layer as f64 * LAYER + LAYER / 2.0;
        (items[k].x - left + GAP, y)
    };
    let link = |chain: &Vec<usize>| chain.iter().map(|&k| at(k)).collect();
    Some(Layout {
        places: (0..boxes.len()).map(at).collect(),
        links: chains.iter().map(link).collect(),
        width: (right - left).max(0.0) + 2.0 * GAP,
        height: depth as f64 * LAYER,
    })
}

/// The boxes, each in the layer below all boxes that it reads.
fn in_layers(boxes: &[Box]) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for b in boxes {
        let layer = b.reads.iter().map(|&r| items[r].layer + 1).max();
        items.push(Item::new(layer.unwrap_or(0), b.width));
    }
    // A box that reads nothing stands directly above its first reader.
    let mut first_reader = vec![usize::MAX; boxes.len()];
    for (k, b) in boxes.iter().enumerate() {
        for &r in &b.reads {
            first_reader[r] = first_reader[r].min(items[k].layer);
        }
    }
    for (k, b) in boxes.iter().enumerate() {
        if b.reads.is_empty() && first_reader[k] != usize::MAX {
            items[k].layer = first_reader[k] - 1;
        }
    }
    items
}

/// Links the boxes, with a new point in each layer that a link passes, and returns the items of each link.
/// `None` if there are too many points.
fn linked(items: &mut Vec<Item>, boxes: &[Box]) -> Option<Vec<Vec<usize>>> {
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for (k, b) in boxes.iter().enumerate() {
        for &r in &b.reads {
            let mut chain = vec![r];
            for layer in items[r].layer + 1..items[k].layer {
                if items.len() - boxes.len() >= MOST_POINTS {
                    return None;
                }
                chain.push(items.len());
                items.push(Item::new(layer, 4.0));
            }
            chain.push(k);
            for pair in chain.windows(2) {
                items[pair[0]].below.push(pair[1]);
                items[pair[1]].above.push(pair[0]);
            }
            chains.push(chain);
        }
    }
    Some(chains)
}

/// Orders each layer by the mean place of the neighbours above and below in turn, and places its items.
fn order(items: &mut [Item], depth: usize) {
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth];
    for (k, item) in items.iter().enumerate() {
        layers[item.layer].push(k);
    }
    for layer in &layers {
        spread(items, layer, |_| None);
    }
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let order: Vec<usize> = match down {
            true => (0..depth).collect(),
            false => (0..depth).rev().collect(),
        };
        for l in order {
            let goal = |item: &Item| {
                let near = if down { &item.above } else { &item.below };
                let sum: f64 = near.iter().map(|&n| items[n].x).sum();
                match near.is_empty() {
                    true => item.x,
                    false => sum / near.len() as f64,
                }
            };
            let goals: Vec<f64> = items.iter().map(goal).collect();
            layers[l].sort_by(|&a, &b| goals[a].total_cmp(&goals[b]));
            spread(items, &layers[l], |k| Some(goals[k]));
        }
    }
}

/// Places the items of a layer, in this order, near their goals without overlap.
/// An item stands in the middle between two places: as far right as the items before push it,
/// and as far left as the items after do.
fn spread(items: &mut [Item], layer: &[usize], goal: impl Fn(usize) -> Option<f64>) {
    let apart = |items: &[Item], a: usize, b: usize| (items[a].width + items[b].width) / 2.0 + GAP;
    let goals: Vec<f64> = layer
        .iter()
        .map(|&k| goal(k).unwrap_or(items[k].x))
        .collect();
    let mut pushed = goals.clone();
    for i in 1..layer.len() {
        pushed[i] = pushed[i].max(pushed[i - 1] + apart(items, layer[i - 1], layer[i]));
    }
    let mut pulled = goals;
    for i in (1..layer.len()).rev() {
        pulled[i - 1] = pulled[i - 1].min(pulled[i] - apart(items, layer[i - 1], layer[i]));
    }
    for (i, &k) in layer.iter().enumerate() {
        items[k].x = (pushed[i] + pulled[i]) / 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(reads: &[&[usize]]) -> Vec<Box> {
        reads
            .iter()
            .map(|r| Box {
                width: 50.0,
                reads: r.to_vec(),
            })
            .collect()
    }

    #[test]
    fn readers_stand_below_and_nothing_overlaps() {
        let boxes = boxes(&[&[], &[0], &[0], &[0], &[1, 2], &[3, 0], &[4, 5, 0], &[]]);
        let layout = layout(&boxes).unwrap();
        for (k, b) in boxes.iter().enumerate() {
            for &r in &b.reads {
                assert!(layout.places[k].1 > layout.places[r].1);
            }
        }
        for a in 0..boxes.len() {
            for b in 0..a {
                let ((x, y), (u, v)) = (layout.places[a], layout.places[b]);
                assert!(y != v || (x - u).abs() >= 50.0 + GAP - 1e-9, "{a} and {b}");
            }
            let (x, y) = layout.places[a];
            assert!(x - 25.0 >= 0.0 && x + 25.0 <= layout.width, "{a}");
            assert!(y > 0.0 && y < layout.height, "{a}");
        }
        // A link has its ends at the boxes and a point in each layer between.
        let links: Vec<(usize, usize)> = boxes
            .iter()
            .enumerate()
            .flat_map(|(k, b)| b.reads.iter().map(move |&r| (r, k)))
            .collect();
        assert_eq!(links.len(), layout.links.len());
        for ((r, k), points) in links.into_iter().zip(&layout.links) {
            assert_eq!(points.first(), Some(&layout.places[r]));
            assert_eq!(points.last(), Some(&layout.places[k]));
            let layers = (layout.places[k].1 - layout.places[r].1) / LAYER;
            assert_eq!(points.len() as f64, layers + 1.0);
        }
    }

    #[test]
    fn what_needs_too_many_points_is_not_drawn() {
        let n = 200;
        let all: Vec<Box> = (0..n)
            .map(|k| Box {
                width: 10.0,
                reads: (0..k).collect(),
            })
            .collect();
        assert!(layout(&all).is_none());
        assert!(layout(&[]).is_some());
    }
}
