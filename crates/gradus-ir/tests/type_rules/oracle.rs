//! The types of results, computed a second time in 128-bit arithmetic, which cannot wrap here.

use super::regions;
use gradus_ir::primitives::{
    Binary, Contract, Dynamic, Gather, Layout, Padding, Place, ReduceKind, Resize, Slice, Unary,
};
use gradus_ir::{DType, Op, Type};

/// The largest axis or attribute, and the most bytes of an array.
const MOST: i128 = i64::MAX as i128;

/// The types of the results of `op` on these operands, if it takes them.
pub fn results(op: &Op, operands: &[Type]) -> Option<Vec<Type>> {
    match op {
        Op::Region(region) => regions::expected(region, operands),
        Op::Sort(s) => {
            let [x] = operands else { return None };
            let mut sizes = sizes(x);
            let size = sizes.get_mut(s.axis)?;
            if s.count as i128 > *size {
                return None;
            }
            *size = s.count as i128;
            Some(vec![memory(x.dtype, &sizes)?, memory(DType::I64, &sizes)?])
        }
        op => result(op, operands).map(|ty| vec![ty]),
    }
}

fn result(op: &Op, operands: &[Type]) -> Option<Type> {
    let one = || match operands {
        [x] => Some(x),
        _ => None,
    };
    match op {
        Op::Input(_) | Op::Const(_) | Op::Iota(_) => None,
        Op::Unary(u) => unary(*u, one()?),
        Op::Cast(to) => memory(*to, &sizes(one()?)),
        Op::Binary(b) => binary(*b, operands),
        Op::Compare(_) => {
            let x = equal(operands, 2)?;
            Some(x.with_dtype(DType::Bool))
        }
        Op::Select(_) => {
            let x = equal(operands.get(1..)?, 2)?;
            let condition = operands[0].dtype == DType::Bool && operands[0].shape == x.shape;
            condition.then(|| x.clone())
        }
        Op::Layout(layout) => self::layout(layout, one()?),
        Op::Resize(resize) => self::resize(resize, operands),
        Op::Gather(gather) => self::gather(gather, operands),
        Op::Dynamic(dynamic) => self::dynamic(dynamic, operands),
        Op::Reduce(r) => {
            let x = one()?;
            let rising = r.axes.windows(2).all(|w| w[0] < w[1]);
            let inside = r.axes.iter().all(|&a| a < x.rank());
            let summed = matches!(r.kind, ReduceKind::Sum | ReduceKind::Prod);
            let has_values = match summed {
                true => x.dtype != DType::Bool,
                false => inside && r.axes.iter().all(|&a| x.shape[a] > 0),
            };
            if !(rising && inside && has_values) {
                return None;
            }
            memory(x.dtype, &without(x, &r.axes))
        }
        Op::ArgReduce(r) => {
            let x = one()?;
            let size = *x.shape.get(r.axis)?;
            (size > 0).then(|| memory(DType::I64, &without(x, &[r.axis])))?
        }
        Op::CumSum(c) => {
            let x = one()?;
            (c.axis < x.rank() && x.dtype != DType::Bool).then(|| x.clone())
        }
        Op::Contract(c) => contract(c, operands),
        Op::Probe(p) => {
            let (x, shown) = match operands {
                [x] => (x, None),
                [x, shown] => (x, Some(shown)),
                _ => return None,
            };
            let rows =
                |shown: &Type| shown.dtype == DType::Bool && x.shape.starts_with(&shown.shape);
            (i128::from(p.id) <= MOST && shown.is_none_or(rows)).then(|| x.clone())
        }
        Op::Region(_) | Op::Sort(_) => unreachable!("regions have results of their own"),
    }
}

fn contract(c: &Contract, operands: &[Type]) -> Option<Type> {
    let [x, z] = operands else { return None };
    if x.dtype != z.dtype || x.dtype == DType::Bool {
        return None;
    }
    let left = [c.batch_left.as_slice(), &c.contract_left].concat();
    let right = [c.batch_right.as_slice(), &c.contract_right].concat();
    let distinct = |axes: &[usize], rank: usize| {
        (0..axes.len()).all(|i| axes[i] < rank && !axes[..i].contains(&axes[i]))
    };
    if c.batch_left.len() != c.batch_right.len()
        || left.len() != right.len()
        || !distinct(&left, x.rank())
        || !distinct(&right, z.rank())
        || left
            .iter()
            .zip(&right)
            .any(|(&l, &r)| x.shape[l] != z.shape[r])
    {
        return None;
    }
    let (rows, columns) = (without(x, &left), without(z, &right));
    let product = |sizes: &[i128]| sizes.iter().fold(1, |n: i128, d| n.saturating_mul(*d));
    if c.symmetric && (!c.batch_left.is_empty() || product(&rows) != product(&columns)) {
        return None;
    }
    let batch: Vec<i128> = c.batch_left.iter().map(|&a| x.shape[a] as i128).collect();
    memory(x.dtype, &[batch, rows, columns].concat())
}

pub fn sizes(x: &Type) -> Vec<i128> {
    x.shape.iter().map(|&d| d as i128).collect()
}

/// The type of an array of these sizes, if memory can hold it.
pub fn memory(dtype: DType, sizes: &[i128]) -> Option<Type> {
    let mut bytes = dtype.size() as i128;
    for &size in sizes {
        if !(0..=MOST).contains(&size) {
            return None;
        }
        bytes *= size.max(1);
        if bytes > MOST {
            return None;
        }
    }
    let shape: Vec<usize> = sizes.iter().map(|&d| d as usize).collect();
    Some(Type::new(dtype, &shape))
}

fn without(x: &Type, axes: &[usize]) -> Vec<i128> {
    let kept = (0..x.rank()).filter(|a| !axes.contains(a));
    kept.map(|a| x.shape[a] as i128).collect()
}

fn equal(operands: &[Type], n: usize) -> Option<&Type> {
    let first = operands.first()?;
    (operands.len() == n && operands.iter().all(|t| t == first)).then_some(first)
}

fn is_float(d: DType) -> bool {
    [DType::BF16, DType::F32, DType::F64].contains(&d)
}

fn unary(u: Unary, x: &Type) -> Option<Type> {
    let d = x.dtype;
    let fits = match u {
        Unary::Neg | Unary::Abs | Unary::Sign => d != DType::Bool,
        Unary::Not => !is_float(d),
        Unary::StopGradient => true,
        Unary::PowI(n) => is_float(d) || d.is_integer() && n >= 0,
        Unary::Polygamma(n) => is_float(d) && (1..=1000).contains(&n),
        _ => is_float(d),
    };
    let to = match u {
        Unary::IsFinite => DType::Bool,
        _ => d,
    };
    fits.then(|| x.with_dtype(to))
}

fn binary(b: Binary, operands: &[Type]) -> Option<Type> {
    use Binary::*;
    let x = equal(operands, 2)?;
    let d = x.dtype;
    let fits = match b {
        Add | Sub | Mul | Div | Rem => d != DType::Bool,
        Pow | Atan2 | Hypot | LogAddExp => is_float(d),
        Max | Min => true,
        And | Or | Xor => !is_float(d),
        Shl | Shr => d.is_integer(),
    };
    fits.then(|| x.clone())
}

fn layout(layout: &Layout, x: &Type) -> Option<Type> {
    match layout {
        Layout::Broadcast { shape, axes } => {
            let rising = axes.len() == x.rank() && axes.windows(2).all(|w| w[0] < w[1]);
            let fits = rising
                && (axes.iter().zip(&x.shape))
                    .all(|(&a, &d)| a < shape.len() && (d == 1 || d == shape[a]));
            let wide: Vec<i128> = shape.iter().map(|&d| d as i128).collect();
            fits.then(|| memory(x.dtype, &wide))?
        }
        Layout::Reshape(shape) => {
            let wide: Vec<i128> = shape.iter().map(|&d| d as i128).collect();
            let ty = memory(x.dtype, &wide)?;
            let count = |sizes: &[i128]| sizes.iter().product::<i128>();
            (count(&wide) == count(&sizes(x))).then_some(ty)
        }
        Layout::Transpose(order) => {
            let permutes = order.len() == x.rank() && (0..x.rank()).all(|a| order.contains(&a));
            let turned = || {
                order
                    .iter()
                    .map(|&p| x.shape[p] as i128)
                    .collect::<Vec<_>>()
            };
            permutes.then(|| memory(x.dtype, &turned()))?
        }
        Layout::Slice(slice) => {
            let Slice {
                start,
                limit,
                stride,
            } = &**slice;
            let n = x.rank();
            if [start, limit, stride].iter().any(|d| d.len() != n) {
                return None;
            }
            let mut taken = Vec::new();
            for i in 0..n {
                let (from, to, by) = (start[i] as i128, limit[i] as i128, stride[i] as i128);
                if from > to || to > x.shape[i] as i128 || !(1..=MOST).contains(&by) {
                    return None;
                }
                taken.push((to - from + by - 1) / by);
            }
            memory(x.dtype, &taken)
        }
        Layout::Reverse(axes) => {
            let fits = axes.windows(2).all(|w| w[0] < w[1]) && axes.iter().all(|&a| a < x.rank());
            fits.then(|| x.clone())
        }
    }
}

fn resize(resize: &Resize, operands: &[Type]) -> Option<Type> {
    match resize {
        Resize::Pad(padding) => {
            let Padding {
                low,
                high,
                interior,
            } = &**padding;
            let [x, value] = operands else { return None };
            let n = x.rank();
            if *value != Type::scalar(x.dtype)
                || [low, high, interior].iter().any(|d| d.len() != n)
                || interior.iter().any(|&i| i as i128 >= MOST)
            {
                return None;
            }
            let padded = (0..n).map(|i| {
                let size = x.shape[i] as i128;
                let between = (size - 1).max(0) * interior[i] as i128;
                low[i] as i128 + size + between + high[i] as i128
            });
            memory(x.dtype, &padded.collect::<Vec<_>>())
        }
        Resize::Concat(axis) => {
            let first = operands.first()?;
            let mut whole = sizes(first);
            *whole.get_mut(*axis)? = 0;
            for o in operands {
                let same = o.dtype == first.dtype && o.rank() == first.rank();
                let others = |t: &Type| without(t, &[*axis]);
                if !same || others(o) != others(first) {
                    return None;
                }
                whole[*axis] += o.shape[*axis] as i128;
            }
            memory(first.dtype, &whole)
        }
        Resize::SliceAdd(place) => {
            let Place { start, stride } = &**place;
            let [whole, part] = operands else { return None };
            let n = whole.rank();
            let same = whole.dtype == part.dtype && part.rank() == n;
            let numbers = whole.dtype != DType::Bool;
            if !numbers || !same || start.len() != n || stride.len() != n {
                return None;
            }
            let fits = (0..n).all(|i| {
                let (from, by) = (start[i] as i128, stride[i] as i128);
                let end = match part.shape[i] as i128 {
                    0 => from,
                    size => from + (size - 1) * by + 1,
                };
                (1..=MOST).contains(&by) && end <= whole.shape[i] as i128
            });
            fits.then(|| whole.clone())
        }
    }
}

fn gather(gather: &Gather, operands: &[Type]) -> Option<Type> {
    let (Gather::Take { batch, axis } | Gather::ScatterAdd { batch, axis }) = gather;
    let (x, indices) = (operands.first()?, operands.get(1)?);
    if !indices.dtype.is_integer() || *axis >= x.rank() || axis < batch {
        return None;
    }
    if indices.shape.get(..*batch)? != &x.shape[..*batch] {
        return None;
    }
    let x_sizes = sizes(x);
    let own = &sizes(indices)[*batch..];
    let picked = [&x_sizes[..*axis], own, &x_sizes[axis + 1..]].concat();
    let picked = memory(x.dtype, &picked);
    match (gather, operands) {
        (Gather::Take { .. }, [_, _]) => picked,
        (Gather::ScatterAdd { .. }, [_, _, updates]) => {
            (x.dtype != DType::Bool && *updates == picked?).then(|| x.clone())
        }
        _ => None,
    }
}

fn dynamic(dynamic: &Dynamic, operands: &[Type]) -> Option<Type> {
    let (x, part, starts) = match (dynamic, operands) {
        (Dynamic::Slice { sizes }, [x, starts]) => (x, Type::new(x.dtype, sizes), starts),
        (Dynamic::Update, [x, part, starts]) => (x, part.clone(), starts),
        _ => return None,
    };
    let fits = part.dtype == x.dtype
        && part.rank() == x.rank()
        && (part.shape.iter().zip(&x.shape)).all(|(s, d)| s <= d)
        && *starts == Type::new(DType::I64, &[x.rank()]);
    fits.then(|| match dynamic {
        Dynamic::Slice { .. } => part,
        Dynamic::Update => x.clone(),
    })
}
