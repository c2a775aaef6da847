//! Looks for a cheap order of elimination on forms alone: no graph is made.

use super::form::{Form, Forms};
use super::net::Net;
use super::{Elimination, Found, How, Step};
use crate::options::SearchLimits;
use crate::price::Price;

/// The derivative of a vertex by an earlier one.
#[derive(Clone, Copy, Default)]
struct Edge {
    /// A part of the program is not accumulated yet.
    lazy: bool,
    /// The form of what is accumulated.
    form: Option<u32>,
}

/// A graph with some vertices eliminated.
#[derive(Clone)]
struct State {
    edges: Vec<Edge>,
    /// A bit for each vertex to eliminate yet.
    left: u64,
    spent: f64,
    /// What accumulating the rest as it is would take.
    ahead: f64,
    steps: Vec<(usize, How)>,
}

struct Table<'a> {
    net: &'a Net,
    price: Price<'a>,
    forms: Forms<'a>,
    /// The forms of the derivatives of each vertex by those before it.
    own: Vec<Vec<Option<u32>>>,
    tried: usize,
}

/// The best order found, if it may cost less than `known`.
pub(super) fn search(
    net: &Net,
    price: Price<'_>,
    limits: SearchLimits,
    known: f64,
) -> Option<Elimination> {
    let mut forms = Forms::new(price);
    let own = (net.vertices.iter())
        .map(|v| {
            let numbered = |f: &Option<Form>| f.clone().map(|f| forms.number(f));
            v.forms.iter().map(numbered).collect()
        })
        .collect();
    let mut table = Table {
        net,
        price,
        forms,
        own,
        tried: 0,
    };
    let start = table.start();
    let orders = [
        (Found::Forward, How::Push),
        (Found::Reverse, How::Pull),
        (Found::Products, How::Product),
    ];
    let mut found: Vec<(State, Found)> = Vec::new();
    for (name, how) in orders {
        let mut state = start.clone();
        let mut order: Vec<usize> = net.middle().collect();
        if how == How::Pull {
            order.reverse();
        }
        for v in order {
            table.eliminate(&mut state, v, how);
        }
        found.push((state, name));
    }
    found.push((table.greedy(start.clone()), Found::Markowitz));
    let beam = table.beam(start, limits);
    let bounded = beam.is_none();
    found.extend(beam.map(|state| (state, Found::Beam)));
    let (best, found_by) = found
        .into_iter()
        .reduce(|a, b| if b.0.total() < a.0.total() { b } else { a })?;
    let worth = best.total() < known * MOST_OF_KNOWN;
    worth.then(|| Elimination {
        steps: best
            .steps
            .iter()
            .map(|&(v, how)| Step {
                vertex: v - net.inputs,
                how,
            })
            .collect(),
        widths: net
            .middle()
            .map(|v| net.vertices[v].ty.elements())
            .collect(),
        found_by,
        bounded,
    })
}

/// The search does not see which kernels run together, so that an order may be better than thought by as much; what is not is not built.
const MOST_OF_KNOWN: f64 = 1.2;

impl State {
    fn total(&self) -> f64 {
        self.spent + self.ahead
    }
}

impl Table<'_> {
    fn start(&self) -> State {
        let n = self.net.vertices.len();
        let mut edges = vec![Edge::default(); n * n];
        for (w, vertex) in self.net.vertices.iter().enumerate() {
            for (&u, form) in vertex.before.iter().zip(&vertex.forms) {
                edges[w * n + u].lazy = form.is_some();
            }
        }
        let mut state = State {
            edges,
            left: self.net.middle().fold(0, |bits, v| bits | 1 << v),
            spent: 0.0,
            ahead: 0.0,
            steps: Vec::new(),
        };
        state.ahead = self.ahead(&state);
        state
    }

    /// What is not accumulated of `w`, as places before it.
    fn open<'s>(&'s self, state: &'s State, w: usize) -> impl Iterator<Item = usize> + 's {
        let row = w * self.net.vertices.len();
        let before = self.net.vertices[w].before.iter().enumerate();
        before.filter_map(move |(k, &u)| state.edges[row + u].lazy.then_some(k))
    }

    fn ahead(&self, state: &State) -> f64 {
        (self.net.inputs..self.net.vertices.len())
            .filter(|&w| self.open(state, w).next().is_some())
            .map(|w| self.net.vertices[w].accumulated(self.open(state, w)).0)
            .sum()
    }

    fn add(&mut self, state: &mut State, from: usize, to: usize, form: u32) {
        let at = to * self.net.vertices.len() + from;
        state.edges[at].form = Some(match state.edges[at].form {
            None => form,
            Some(so_far) => {
                let (sum, cost) = self.forms.sum(so_far, form);
                state.spent += cost;
                sum
            }
        });
    }

    fn accumulate(&mut self, state: &mut State, w: usize) {
        let open: Vec<usize> = self.open(state, w).collect();
        if open.is_empty() {
            return;
        }
        let n = self.net.vertices.len();
        state.spent += self.net.vertices[w].accumulated(open.iter().copied()).0;
        for k in open {
            let u = self.net.vertices[w].before[k];
            state.edges[w * n + u].lazy = false;
            let form = self.by(w, u);
            self.add(state, u, w, form);
        }
    }

    fn eliminate(&mut self, state: &mut State, v: usize, how: How) {
        self.tried += 1;
        let n = self.net.vertices.len();
        if how != How::Pull {
            self.accumulate(state, v);
        }
        for w in v + 1..n {
            if state.edges[w * n + v].lazy && how != How::Push {
                self.accumulate(state, w);
            }
            let out = std::mem::take(&mut state.edges[w * n + v]);
            if let Some(outer) = out.form {
                let mut pulled = 0;
                for u in 0..v {
                    let edge = state.edges[v * n + u];
                    if let Some(inner) = edge.form {
                        let (form, cost) = self.forms.product(outer, inner);
                        state.spent += cost;
                        self.add(state, u, w, form);
                    }
                    if edge.lazy {
                        let form = self.forms.product(outer, self.by(v, u)).0;
                        pulled = pulled.max(self.forms.get(form).covectors());
                        self.add(state, u, w, form);
                    }
                }
                if pulled > 0 {
                    let back = &self.net.vertices[v].back;
                    state.spent += back.of_vectors(pulled, self.price);
                }
            }
            if out.lazy {
                for u in 0..v {
                    let Some(inner) = state.edges[v * n + u].form else {
                        continue;
                    };
                    let form = self.forms.product(self.by(w, v), inner).0;
                    let through = &self.net.vertices[w].through[self.place(w, v)];
                    let vectors = self.forms.get(form).vectors();
                    state.spent += through.of_vectors(vectors, self.price);
                    self.add(state, u, w, form);
                }
            }
        }
        state.edges[v * n..(v + 1) * n].fill(Edge::default());
        state.left &= !(1 << v);
        state.ahead = self.ahead(state);
        state.steps.push((v, how));
    }

    fn place(&self, w: usize, u: usize) -> usize {
        let mut before = self.net.vertices[w].before.iter();
        let place = before.position(|&b| b == u);
        place.expect("an edge begins before its end")
    }

    /// The form of the derivative of `w` by `u` that the program has itself.
    fn by(&self, w: usize, u: usize) -> u32 {
        self.own[w][self.place(w, u)].expect("what is left to accumulate is not zero")
    }

    /// All graphs with one vertex fewer.
    fn next(&mut self, state: &State) -> Vec<State> {
        let mut all = Vec::new();
        for v in self.net.middle().filter(|v| state.left >> v & 1 == 1) {
            for how in How::ALL {
                let mut next = state.clone();
                self.eliminate(&mut next, v, how);
                all.push(next);
            }
        }
        all
    }

    /// The cheapest vertex first: the lowest Markowitz cost, of tensors.
    fn greedy(&mut self, mut state: State) -> State {
        while state.left != 0 {
            let all = self.next(&state);
            let cheapest = |a: State, b: State| if b.spent < a.spent { b } else { a };
            state = (all.into_iter())
                .reduce(cheapest)
                .expect("a vertex is left to eliminate");
        }
        state
    }

    /// Keeps the graphs that promise most, a vertex a step; none where the bound was met.
    fn beam(&mut self, start: State, limits: SearchLimits) -> Option<State> {
        self.tried = 0;
        let mut beam = vec![start];
        while beam.first()?.left != 0 {
            let mut all: Vec<State> = Vec::new();
            for state in &beam {
                all.extend(self.next(state));
                if self.tried > limits.tries {
                    return None;
                }
            }
            all.sort_by(|a, b| a.total().total_cmp(&b.total()).then(a.left.cmp(&b.left)));
            // The same vertices at the same price are the same graph, come by on two ways.
            all.dedup_by(|b, a| b.left == a.left && b.total() == a.total());
            all.truncate(limits.beam);
            beam = all;
        }
        beam.into_iter().next()
    }
}
