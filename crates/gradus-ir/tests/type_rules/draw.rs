//! Operations with attributes at the ends of their ranges,
//! on small arrays and on arrays as large as memory can count.

use gradus_ir::primitives::{
    ArgReduce, Binary, Compare, Contract, CumSum, Dynamic, Gather, Layout, Padding, Place, Probe,
    Reduce, ReduceKind, Resize, Select, Slice, Sort, Unary,
};
use gradus_ir::{DType, Dims, Op, Type};

/// Numbers at the ends of the ranges of indices, text and 32 bits.
const ENDS: [usize; 12] = [
    0,
    i32::MAX as usize,
    u32::MAX as usize,
    1 << 32,
    1 << 60,
    1 << 61,
    1 << 62,
    isize::MAX as usize,
    1 << 63,
    usize::MAX - 1,
    usize::MAX,
    usize::MAX / 3,
];

/// Pseudorandom numbers in the same order at each run.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(seed)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// True once in `n` times on average.
    pub fn seldom(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A number near an end of some range, or near one of the fitting numbers `near`.
    pub fn number(&mut self, near: &[usize]) -> usize {
        let base = match near {
            [_, ..] if !self.seldom(4) => return self.one(near),
            [_, ..] if self.seldom(2) => self.one(near),
            _ => self.one(&ENDS),
        };
        base.wrapping_add(self.below(5)).wrapping_sub(2)
    }

    fn size(&mut self) -> usize {
        match self.below(8) {
            0 => self.number(&[]),
            1 => 1 << self.below(62),
            _ => self.below(5),
        }
    }

    pub fn dtype(&mut self) -> DType {
        self.one(&DType::ALL)
    }

    /// The type of an array that memory can hold.
    pub fn ty(&mut self) -> Type {
        let dtype = self.dtype();
        self.of(dtype)
    }

    pub fn of(&mut self, dtype: DType) -> Type {
        loop {
            let shape: Dims = (0..self.below(4)).map(|_| self.size()).collect();
            let ty = Type::new(dtype, &shape);
            if ty.is_addressable() {
                return ty;
            }
        }
    }

    /// `ty`, or rarely another type.
    pub fn mostly(&mut self, ty: &Type) -> Type {
        match self.below(12) {
            0 => self.ty(),
            1 => {
                let other = ty.with_dtype(self.dtype());
                let fits = other.is_addressable();
                if fits { other } else { ty.clone() }
            }
            _ => ty.clone(),
        }
    }

    /// A list of one number per axis, rarely one more or less.
    /// Each is near one of the numbers that `fit` returns for the axis.
    fn each_axis(&mut self, rank: usize, fit: impl Fn(usize) -> Vec<usize>) -> Dims {
        let n = match self.seldom(12) {
            true => self.below(rank + 2),
            false => rank,
        };
        (0..n)
            .map(|i| self.number(&fit(i.min(rank.max(1) - 1))))
            .collect()
    }

    /// Some of the axes, mostly ascending.
    fn axes(&mut self, rank: usize) -> Dims {
        if self.seldom(8) {
            return (0..self.below(3))
                .map(|_| self.number(&[0, rank]))
                .collect();
        }
        (0..rank).filter(|_| self.seldom(2)).collect()
    }

    /// An operation with this name, with operands.
    pub fn op(&mut self, name: &str) -> (Op, Vec<Type>) {
        if let Some(drawn) = self.elementwise(name) {
            return drawn;
        }
        let x = self.ty();
        let axis = self.number(&[0, x.rank().saturating_sub(1)]);
        match name {
            "cast" => {
                let operands = if self.seldom(9) { vec![] } else { vec![x] };
                (Op::Cast(self.dtype()), operands)
            }
            "select" => {
                let condition = self.mostly(&x.with_dtype(DType::Bool));
                (
                    Op::Select(Select),
                    vec![condition, x.clone(), self.mostly(&x)],
                )
            }
            "probe" => {
                let id = self.number(&[0, 1 << 40]) as u64;
                let mut operands = vec![x.clone()];
                if self.seldom(2) {
                    let axes = self.number(&[0, 1]);
                    let dtype = if self.seldom(4) { x.dtype } else { DType::Bool };
                    operands.push(Type::new(dtype, &x.shape[..axes.min(x.rank())]));
                }
                (Op::Probe(Probe { id }), operands)
            }
            "cumsum" => (
                Op::CumSum(CumSum {
                    axis,
                    reverse: self.seldom(2),
                }),
                vec![x],
            ),
            "sort" => {
                let size = x.shape.get(axis).copied().unwrap_or(0);
                let sort = Sort {
                    axis,
                    descending: self.seldom(2),
                    count: self.number(&[0, size / 2, size, size.saturating_add(1)]),
                };
                (Op::Sort(sort), vec![x])
            }
            "argmax" | "argmin" => {
                let smallest = name == "argmin";
                (Op::ArgReduce(ArgReduce { smallest, axis }), vec![x])
            }
            "reduce_sum" | "reduce_prod" | "reduce_max" | "reduce_min" => {
                let kind = match name {
                    "reduce_sum" => ReduceKind::Sum,
                    "reduce_prod" => ReduceKind::Prod,
                    "reduce_max" => ReduceKind::Max,
                    _ => ReduceKind::Min,
                };
                let axes = self.axes(x.rank());
                (Op::Reduce(Reduce { kind, axes }), vec![x])
            }
            "contract" => self.contract(),
            "take" | "scatter_add" => self.gather(name, x),
            "dynamic_slice" | "dynamic_update" => self.dynamic(name, x),
            "pad" | "concat" | "slice_add" => self.resize(name, x, axis),
            _ => self.layout(name, x),
        }
    }

    /// A function of one element or of two, or a comparison, if this is its name.
    fn elementwise(&mut self, name: &str) -> Option<(Op, Vec<Type>)> {
        if let Some(u) = Unary::ALL
            .into_iter()
            .find(|u| Op::Unary(*u).name() == name)
        {
            let u = match u {
                Unary::PowI(_) => Unary::PowI(self.one(&[i32::MIN, -1, 0, 1, 2, i32::MAX])),
                Unary::Polygamma(_) => Unary::Polygamma(self.one(&[0, 1, 2, 1000, 1001, u32::MAX])),
                other => other,
            };
            return Some((Op::Unary(u), vec![self.ty()]));
        }
        if let Some(b) = Binary::ALL
            .into_iter()
            .find(|b| Op::Binary(*b).name() == name)
        {
            let a = self.ty();
            return Some((Op::Binary(b), vec![a.clone(), self.mostly(&a)]));
        }
        let c = Compare::ALL
            .into_iter()
            .find(|c| Op::Compare(*c).name() == name)?;
        let a = self.ty();
        Some((Op::Compare(c), vec![a.clone(), self.mostly(&a)]))
    }

    fn layout(&mut self, name: &str, x: Type) -> (Op, Vec<Type>) {
        let n = |i: usize| x.shape.get(i).copied().unwrap_or(0);
        let layout = match name {
            "broadcast" => {
                let mut shape = x.shape.clone();
                let mut axes: Dims = (0..x.rank()).collect();
                for _ in 0..self.below(3) {
                    let at = self.below(shape.len() + 1);
                    shape.insert(at, self.size());
                    axes.iter_mut().filter(|a| **a >= at).for_each(|a| *a += 1);
                }
                if self.seldom(4) && !shape.is_empty() {
                    let at = self.below(shape.len());
                    shape[at] = self.number(&[]);
                }
                if self.seldom(8) && !axes.is_empty() {
                    axes[0] = self.number(&[]);
                }
                Layout::Broadcast { shape, axes }
            }
            "reshape" => {
                let mut shape: Dims = Dims::from_slice(&[x.elements()]);
                if self.seldom(3) {
                    shape.push(self.number(&[1]));
                }
                if self.seldom(3) {
                    shape.insert(0, self.number(&[0, 1]));
                }
                Layout::Reshape(shape)
            }
            "transpose" => {
                let mut order: Dims = (0..x.rank()).rev().collect();
                if self.seldom(4) {
                    order = self.each_axis(x.rank(), |i| vec![i]);
                }
                Layout::Transpose(order)
            }
            "reverse" => Layout::Reverse(self.axes(x.rank())),
            _ => Layout::from(Slice {
                start: self.each_axis(x.rank(), |i| vec![0, n(i) / 2]),
                limit: self.each_axis(x.rank(), |i| vec![n(i)]),
                stride: self.each_axis(x.rank(), |_| vec![1, 2, isize::MAX as usize]),
            }),
        };
        (Op::Layout(layout), vec![x])
    }

    fn resize(&mut self, name: &str, x: Type, axis: usize) -> (Op, Vec<Type>) {
        match name {
            "pad" => {
                let padding = Padding {
                    low: self.each_axis(x.rank(), |_| vec![0, 1]),
                    high: self.each_axis(x.rank(), |_| vec![0, 2]),
                    interior: self.each_axis(x.rank(), |_| vec![0, 1]),
                };
                let value = self.mostly(&Type::scalar(x.dtype));
                (Op::Resize(padding.into()), vec![x, value])
            }
            "concat" => {
                let mut operands = vec![x.clone(); self.below(6)];
                if !operands.is_empty() && self.seldom(2) {
                    let last = operands.len() - 1;
                    operands[last] = self.mostly(&x);
                    if let Some(size) = operands[last].shape.get_mut(axis) {
                        *size = self.below(5);
                    }
                }
                (Op::Resize(Resize::Concat(axis)), operands)
            }
            _ => {
                let n = |i: usize| x.shape.get(i).copied().unwrap_or(0);
                let mut part = x.clone();
                for size in &mut part.shape {
                    *size = match self.below(3) {
                        0 => *size,
                        1 => size.div_ceil(2),
                        _ => (*size).min(1),
                    };
                }
                let place = Place {
                    start: self.each_axis(x.rank(), |i| vec![0, n(i) / 2]),
                    stride: self.each_axis(x.rank(), |_| vec![1, 2, isize::MAX as usize]),
                };
                (Op::Resize(place.into()), vec![x, self.mostly(&part)])
            }
        }
    }

    fn gather(&mut self, name: &str, x: Type) -> (Op, Vec<Type>) {
        let batch = self.number(&[0, x.rank().min(1)]);
        let axis = self.number(&[x.rank().saturating_sub(1), batch]);
        let kind = self.one(&[DType::I64, DType::I32, DType::U32, DType::Bool]);
        let mut indices = self.of(kind);
        if self.seldom(2) || batch > 0 {
            let shared = x.shape.iter().take(batch).copied();
            let own: Dims = shared.chain([self.below(4)]).collect();
            indices = Type::new(kind, &own);
        }
        if name == "take" {
            return (Op::Gather(Gather::Take { batch, axis }), vec![x, indices]);
        }
        let mut updates = x.clone();
        if axis < x.rank() && batch <= indices.rank() {
            let picked = x.shape[..axis].iter().chain(&indices.shape[batch..]);
            updates.shape = picked.chain(&x.shape[axis + 1..]).copied().collect();
        }
        let updates = self.mostly(&updates);
        let scatter = Gather::ScatterAdd { batch, axis };
        (Op::Gather(scatter), vec![x, indices, updates])
    }

    fn dynamic(&mut self, name: &str, x: Type) -> (Op, Vec<Type>) {
        let n = |i: usize| x.shape.get(i).copied().unwrap_or(0);
        let starts = self.mostly(&Type::new(DType::I64, &[x.rank()]));
        let sizes = self.each_axis(x.rank(), |i| vec![0, n(i) / 2, n(i)]);
        if name == "dynamic_slice" {
            return (Op::Dynamic(Dynamic::Slice { sizes }), vec![x, starts]);
        }
        let part = Type::new(x.dtype, &sizes);
        (
            Op::Dynamic(Dynamic::Update),
            vec![x, self.mostly(&part), starts],
        )
    }

    fn contract(&mut self) -> (Op, Vec<Type>) {
        let dtype = self.one(&[DType::F64, DType::BF16, DType::I32, DType::Bool]);
        let x = self.of(dtype);
        let mut contract = Contract::default();
        let (mut shape, mut axis) = (Dims::new(), 0);
        for (i, &n) in x.shape.iter().enumerate() {
            match self.below(3) {
                0 => (contract.batch_left.push(i), contract.batch_right.push(axis)),
                1 => (
                    contract.contract_left.push(i),
                    contract.contract_right.push(axis),
                ),
                _ => continue,
            };
            shape.push(n);
            axis += 1;
        }
        shape.extend((0..self.below(2)).map(|_| self.size()));
        let z = Type::new(dtype, &shape);
        let z = self.mostly(&z);
        if self.seldom(8) {
            contract.contract_left.push(self.number(&[0, 1]));
        }
        if self.seldom(8) {
            contract.batch_right.push(self.number(&[0, 1]));
        }
        contract.symmetric = self.seldom(4);
        (Op::Contract(contract.into()), vec![x, z])
    }
}
