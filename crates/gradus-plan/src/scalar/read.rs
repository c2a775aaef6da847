//! Reads a linear program of arrays number by number.

use gradus_ir::primitives::{Binary, Contract, Layout, Reduce, ReduceKind, Resize, Unary};
use gradus_ir::{Dims, Graph, Node, Op, ValueId};
use std::collections::BTreeMap;

/// A number that depends on no input of the linear program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Factor {
    One,
    Element(ValueId, usize),
    /// One divided by the element.
    Inverse(ValueId, usize),
    /// 1 where the element is true, else 0.
    If(ValueId, usize),
    /// 0 where the element is true, else 1.
    Unless(ValueId, usize),
}

/// A term of a partial derivative, which is a sum of such terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub minus: bool,
    pub factor: Factor,
}

impl Term {
    const ONE: Term = Term::plus(Factor::One);

    const fn plus(factor: Factor) -> Term {
        Term {
            minus: false,
            factor,
        }
    }
}

/// Each element with its factor.
fn scaled(x: &[Element], factor: impl Fn(usize) -> Factor) -> Vec<Vec<(Element, Term)>> {
    let term = |(k, &element): (usize, &Element)| vec![(element, Term::plus(factor(k)))];
    x.iter().enumerate().map(term).collect()
}

/// An element of an array that depends on the inputs: a vertex, or its opposite; `None` is zero.
pub(super) type Element = Option<(usize, bool)>;

/// The position of element `k` of a view in the viewed array.
pub(super) fn viewed(layout: &Layout, from: &[usize], to: &[usize], k: usize) -> usize {
    let at = indices(to, k);
    let there: Vec<usize> = match layout {
        Layout::Reshape(_) => return k,
        Layout::Broadcast { axes, .. } => (0..from.len())
            .map(|a| if from[a] == 1 { 0 } else { at[axes[a]] })
            .collect(),
        Layout::Transpose(order) => {
            let mut there = vec![0; from.len()];
            for (i, &a) in order.iter().enumerate() {
                there[a] = at[i];
            }
            there
        }
        Layout::Slice(slice) => (0..from.len())
            .map(|a| slice.start[a] + at[a] * slice.stride[a])
            .collect(),
        Layout::Reverse(axes) => (0..from.len())
            .map(|a| match axes.contains(&a) {
                true => from[a] - 1 - at[a],
                false => at[a],
            })
            .collect(),
    };
    flat(from, &there)
}

fn indices(shape: &[usize], mut k: usize) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for a in (0..shape.len()).rev() {
        at[a] = k % shape[a];
        k /= shape[a];
    }
    at
}

fn flat(shape: &[usize], at: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |k, (i, n)| k * n + i)
}

/// Reads a linear program, with one vertex per sum or product.
pub(super) struct Reader<'a> {
    pub program: &'a Graph,
    /// The derivatives of each vertex by the vertices before it.
    pub into: Vec<BTreeMap<usize, Vec<Term>>>,
    /// The elements of each node that depends on the inputs.
    pub values: Vec<Option<Vec<Element>>>,
    /// The number of elements that can still be read.
    pub room: usize,
}

impl Reader<'_> {
    pub fn take(&mut self, n: usize) -> Option<()> {
        self.room = self.room.checked_sub(n)?;
        Some(())
    }

    /// The elements of an operand that depends on the inputs.
    fn active(&self, node: &Node, k: usize) -> Option<&[Element]> {
        self.values[node.operands[k].index()].as_deref()
    }

    /// The sum of numbers, each with a factor.
    fn sum(&mut self, parts: impl IntoIterator<Item = (Element, Term)>) -> Element {
        let mut before: BTreeMap<usize, Vec<Term>> = BTreeMap::new();
        for (element, term) in parts {
            if let Some((v, minus)) = element {
                before.entry(v).or_default().push(Term {
                    minus: term.minus ^ minus,
                    ..term
                });
            }
        }
        if let [(&v, [term])] = before
            .iter()
            .map(|(v, terms)| (v, &terms[..]))
            .collect::<Vec<_>>()[..]
            && term.factor == Factor::One
        {
            return Some((v, term.minus));
        }
        if before.is_empty() {
            return None;
        }
        self.into.push(before);
        Some((self.into.len() - 1, false))
    }

    /// The elements of a node. `None` if it is no sum, product or movement of elements, or if it is too large.
    pub fn node(&mut self, node: &Node) -> Option<Vec<Element>> {
        let n = node.ty().elements();
        match &node.op {
            Op::Unary(Unary::Neg) => {
                let x = self.active(node, 0)?;
                Some(x.iter().map(|e| e.map(|(v, minus)| (v, !minus))).collect())
            }
            Op::Cast(_) => Some(self.active(node, 0)?.to_vec()),
            Op::Binary(op) => self.binary(*op, node),
            Op::Select(_) if self.active(node, 0).is_none() => {
                let condition = node.operands[0];
                let elements = (0..n).map(|k| {
                    let of = |i: usize| self.active(node, i).and_then(|x| x[k]);
                    let (a, b) = (of(1), of(2));
                    self.sum([
                        (a, Term::plus(Factor::If(condition, k))),
                        (b, Term::plus(Factor::Unless(condition, k))),
                    ])
                });
                Some(elements.collect())
            }
            Op::Layout(layout) => {
                let from = self.program.shape(node.operands[0]);
                let x = self.active(node, 0)?;
                let element = |k| x[viewed(layout, from, &node.ty().shape, k)];
                Some((0..n).map(element).collect())
            }
            Op::Reduce(Reduce {
                kind: ReduceKind::Sum,
                axes,
            }) => {
                let from = self.program.shape(node.operands[0]);
                let x = self.active(node, 0)?.to_vec();
                let mut parts: Vec<Vec<(Element, Term)>> = vec![Vec::new(); n];
                for (k, &element) in x.iter().enumerate() {
                    let at = indices(from, k);
                    let kept: Vec<usize> = (0..at.len())
                        .filter(|a| !axes.contains(a))
                        .map(|a| at[a])
                        .collect();
                    parts[flat(&node.ty().shape, &kept)].push((element, Term::ONE));
                }
                Some(parts.into_iter().map(|parts| self.sum(parts)).collect())
            }
            Op::Contract(c) => self.contraction(c, node),
            Op::Resize(resize) => self.resized(resize, node),
            _ => None,
        }
    }

    fn binary(&mut self, op: Binary, node: &Node) -> Option<Vec<Element>> {
        let n = node.ty().elements();
        let [a, b] = [0, 1].map(|k| self.active(node, k).map(<[_]>::to_vec));
        let fixed = |k: usize| node.operands[k];
        let terms: Vec<Vec<(Element, Term)>> = match (op, a, b) {
            (Binary::Add | Binary::Sub, a, b) => {
                let minus = op == Binary::Sub;
                let second = Term { minus, ..Term::ONE };
                let of = |x: &Option<Vec<Element>>, k: usize| x.as_ref().and_then(|x| x[k]);
                let term = |k| vec![(of(&a, k), Term::ONE), (of(&b, k), second)];
                (0..n).map(term).collect()
            }
            (Binary::Mul, Some(x), None) => scaled(&x, |k| Factor::Element(fixed(1), k)),
            (Binary::Mul, None, Some(x)) => scaled(&x, |k| Factor::Element(fixed(0), k)),
            (Binary::Div, Some(x), None) => scaled(&x, |k| Factor::Inverse(fixed(1), k)),
            _ => return None,
        };
        Some(terms.into_iter().map(|terms| self.sum(terms)).collect())
    }

    fn contraction(&mut self, c: &Contract, node: &Node) -> Option<Vec<Element>> {
        let shapes = [0, 1].map(|k| Dims::from_slice(self.program.shape(node.operands[k])));
        let (fl, fr) = (c.free_left(shapes[0].len()), c.free_right(shapes[1].len()));
        let (left, right) = (self.active(node, 0), self.active(node, 1));
        let (x, fixed, on_left) = match (left, right) {
            (Some(x), None) => (x.to_vec(), node.operands[1], true),
            (None, Some(x)) => (x.to_vec(), node.operands[0], false),
            _ => return None,
        };
        let sums: Vec<usize> = c.contract_left.iter().map(|&a| shapes[0][a]).collect();
        let each: usize = sums.iter().product();
        let n = node.ty().elements();
        self.take(n * each)?;
        let mut elements = Vec::with_capacity(n);
        for k in 0..n {
            let at = indices(&node.ty().shape, k);
            let (batch, rest) = at.split_at(c.batch_left.len());
            let (of_left, of_right) = rest.split_at(fl.len());
            let mut parts = Vec::with_capacity(each);
            for s in 0..each {
                let summed = indices(&sums, s);
                let place = |rank: usize, groups: [(&[usize], &[usize]); 3]| -> Vec<usize> {
                    let mut there = vec![0; rank];
                    for (axes, values) in groups {
                        for (&a, &i) in axes.iter().zip(values) {
                            there[a] = i;
                        }
                    }
                    there
                };
                let l = place(
                    shapes[0].len(),
                    [
                        (&c.batch_left, batch),
                        (&c.contract_left, &summed),
                        (&fl, of_left),
                    ],
                );
                let r = place(
                    shapes[1].len(),
                    [
                        (&c.batch_right, batch),
                        (&c.contract_right, &summed),
                        (&fr, of_right),
                    ],
                );
                let (l, r) = (flat(&shapes[0], &l), flat(&shapes[1], &r));
                let (own, other) = if on_left { (l, r) } else { (r, l) };
                parts.push((x[own], Term::plus(Factor::Element(fixed, other))));
            }
            elements.push(self.sum(parts));
        }
        Some(elements)
    }

    fn resized(&mut self, resize: &Resize, node: &Node) -> Option<Vec<Element>> {
        let shape = &node.ty().shape;
        let n = node.ty().elements();
        let mut elements: Vec<Element> = vec![None; n];
        let (start, step): (Vec<usize>, Vec<usize>) = match resize {
            Resize::Concat(axis) => {
                let mut first = 0;
                for k in 0..node.operands.len() {
                    let from = self.program.shape(node.operands[k]);
                    if let Some(x) = self.active(node, k) {
                        for (i, &element) in x.iter().enumerate() {
                            let mut at = indices(from, i);
                            at[*axis] += first;
                            elements[flat(shape, &at)] = element;
                        }
                    }
                    first += from[*axis];
                }
                return Some(elements);
            }
            Resize::Pad(padding) => {
                // In a linear program the padding is zero, unless it depends on the inputs as well.
                if self.active(node, 1).is_some() {
                    return None;
                }
                let step = padding.interior.iter().map(|i| i + 1).collect();
                (padding.low.to_vec(), step)
            }
            Resize::SliceAdd(place) => (place.start.to_vec(), place.stride.to_vec()),
        };
        let part = match resize {
            Resize::SliceAdd(_) => {
                if let Some(whole) = self.active(node, 0) {
                    elements = whole.to_vec();
                }
                1
            }
            _ => 0,
        };
        let from = Dims::from_slice(self.program.shape(node.operands[part]));
        let Some(x) = self.active(node, part).map(<[_]>::to_vec) else {
            return Some(elements);
        };
        for (i, element) in x.into_iter().enumerate() {
            let at: Vec<usize> = (indices(&from, i).iter().enumerate())
                .map(|(a, k)| start[a] + k * step[a])
                .collect();
            let place = flat(shape, &at);
            elements[place] = self.sum([(elements[place], Term::ONE), (element, Term::ONE)]);
        }
        Some(elements)
    }
}
