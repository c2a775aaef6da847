//! The kernels that compute their own addresses: pad, slice_add, concat,
//! take, scatter_add, dynamic slices and updates.
//! In debug builds each access is compared with the array's bytes; results are compared with loops over indices.

use gradus_cpu::{Array, CompileOptions, Input, compile};
use gradus_ir::primitives::{Dynamic, Gather, Padding, Place, Resize};
use gradus_ir::{DType, Dims, ErrorKind, Graph, Literal, Op, Type, ValueId};

/// Pseudorandom numbers in the same order at each run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }

    fn shape(&mut self, rank: usize) -> Dims {
        (0..rank).map(|_| self.below(5)).collect()
    }

    /// Integers that every element type can hold, so that sums are the same in all types.
    fn array(&mut self, dtype: DType, shape: &[usize]) -> Array {
        let n: usize = shape.iter().product();
        let values: Vec<i64> = (0..n).map(|_| self.below(50) as i64).collect();
        array(dtype, shape, &values)
    }
}

fn array(dtype: DType, shape: &[usize], values: &[i64]) -> Array {
    let bytes = values.iter().flat_map(|&v| {
        let literal = Literal::from_i64(dtype, v).to_ne_bytes();
        literal.into_iter().take(dtype.size())
    });
    let bytes: Vec<u8> = bytes.collect();
    Array::from_bytes(Type::new(dtype, shape), &bytes).unwrap()
}

fn values(array: &Array) -> Vec<i64> {
    (0..array.ty().elements())
        .map(|i| array.get(i).as_i64())
        .collect()
}

/// The result of the kernel, alone and when it can overwrite its first operand.
fn run(op: &Op, operands: &[Array]) -> Array {
    let mut graph = Graph::new();
    let inputs: Vec<ValueId> = operands
        .iter()
        .map(|a| graph.input(a.ty().clone()))
        .collect();
    let out = graph.add(op.clone(), &inputs).unwrap();
    graph.set_outputs(vec![out]);
    let kept = compile(&graph, &CompileOptions::default()).unwrap();
    let kept = kept
        .run(operands.iter().map(Input::Borrowed).collect())
        .unwrap();
    let options = CompileOptions::default().donated(vec![true; operands.len()]);
    let donated = compile(&graph, &options).unwrap();
    let copies = operands
        .iter()
        .map(|a| Array::from_bytes(a.ty().clone(), a.bytes()).unwrap());
    let given = donated.run(copies.map(Input::Owned).collect()).unwrap();
    assert_eq!(values(&kept[0]), values(&given[0]), "{op:?}");
    kept[0].clone()
}

/// Each index of `shape` with its position in row-major order.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let n: usize = shape.iter().product();
    let index = |mut i: usize| {
        let mut index = vec![0; shape.len()];
        for (k, &d) in shape.iter().enumerate().rev() {
            index[k] = i % d;
            i /= d;
        }
        index
    };
    (0..n).map(index).collect()
}

fn position(shape: &[usize], index: &[usize]) -> usize {
    index.iter().zip(shape).fold(0, |at, (i, d)| at * d + i)
}

/// Shapes whose work is cut into pieces, and into turns that fit the first cache.
const LARGE: [&[usize]; 4] = [&[90_000], &[20_000, 7], &[90, 1_100], &[30, 500, 9]];

const DTYPES: [DType; 5] = [DType::F64, DType::F32, DType::I64, DType::I32, DType::U32];

#[test]
fn padding() {
    let mut draw = Draw(1);
    for case in 0..316 {
        let (dtype, mut rank) = (DType::ALL[case % DType::ALL.len()], draw.below(4));
        let mut shape = draw.shape(rank);
        if case >= 300 {
            shape = Dims::from_slice(LARGE[case % LARGE.len()]);
            rank = shape.len();
        }
        let x = match dtype {
            DType::Bool => array(dtype, &shape, &vec![1; shape.iter().product()]),
            _ => draw.array(dtype, &shape),
        };
        let (low, high) = (draw.shape(rank), draw.shape(rank));
        // A step that is never taken can have any size.
        let interior: Dims = shape
            .iter()
            .map(|&n| {
                if n < 2 && draw.below(2) == 0 {
                    isize::MAX as usize - 1
                } else {
                    draw.below(3)
                }
            })
            .collect();
        let value = array(dtype, &[], &[0]);
        let stride = |k: usize| if shape[k] > 1 { interior[k] + 1 } else { 1 };
        let padding = Padding {
            low: low.clone(),
            high,
            interior: interior.clone(),
        };
        let out = run(&Op::Resize(padding.into()), &[x.clone(), value]);
        let mut expected = vec![0; out.ty().elements()];
        for (i, index) in indices(&shape).iter().enumerate() {
            let at: Vec<usize> = (0..rank).map(|k| low[k] + index[k] * stride(k)).collect();
            expected[position(&out.ty().shape, &at)] = x.get(i).as_i64();
        }
        assert_eq!(values(&out), expected, "{shape:?} {low:?} {interior:?}");
    }
}

#[test]
fn adding_to_slices() {
    let mut draw = Draw(2);
    for case in 0..300 {
        let (dtype, rank) = (DTYPES[case % 5], draw.below(4));
        let shape = draw.shape(rank);
        let (mut part, mut start, mut stride) = (Dims::new(), Dims::new(), Dims::new());
        for &n in &shape {
            let by = 1 + draw.below(3);
            let from = draw.below(n + 1);
            let fits = (n - from).div_ceil(by);
            let size = draw.below(fits + 1);
            part.push(size);
            start.push(from);
            stride.push(if size < 2 && draw.below(2) == 0 {
                isize::MAX as usize
            } else {
                by
            });
        }
        let (whole, part) = (draw.array(dtype, &shape), draw.array(dtype, &part));
        let mut expected = values(&whole);
        for (i, index) in indices(&part.ty().shape).iter().enumerate() {
            let step = |k: usize| if part.ty().shape[k] > 1 { stride[k] } else { 1 };
            let at: Vec<usize> = (0..rank).map(|k| start[k] + index[k] * step(k)).collect();
            expected[position(&shape, &at)] += part.get(i).as_i64();
        }
        let place = Place {
            start: start.clone(),
            stride: stride.clone(),
        };
        let out = run(&Op::Resize(place.into()), &[whole, part]);
        assert_eq!(values(&out), expected, "{shape:?} {start:?} {stride:?}");
    }
}

#[test]
fn concatenating() {
    let mut draw = Draw(3);
    for case in 0..316 {
        let (dtype, rank) = (DTYPES[case % 5], 1 + draw.below(3));
        let (mut shape, mut axis) = (draw.shape(rank), draw.below(rank));
        if case >= 300 {
            shape = Dims::from_slice(LARGE[case % LARGE.len()]);
            axis = draw.below(shape.len());
        }
        let parts: Vec<Array> = (0..1 + draw.below(4))
            .map(|_| {
                let mut own = shape.clone();
                own[axis] = draw.below(4);
                draw.array(dtype, &own)
            })
            .collect();
        let out = run(&Op::Resize(Resize::Concat(axis)), &parts);
        let mut expected = vec![0; out.ty().elements()];
        let mut from = 0;
        for part in &parts {
            for (i, mut index) in indices(&part.ty().shape).into_iter().enumerate() {
                index[axis] += from;
                expected[position(&out.ty().shape, &index)] = part.get(i).as_i64();
            }
            from += part.ty().shape[axis];
        }
        assert_eq!(values(&out), expected);
    }
}

#[test]
fn picking_and_adding_back() {
    let mut draw = Draw(4);
    for case in 0..400 {
        let dtype = DTYPES[case % 5];
        let kind = [DType::I64, DType::I32, DType::U32][case % 3];
        let (b, p, own, q) = (draw.below(3), draw.below(2), draw.below(3), draw.below(2));
        let (batch, axis) = (b, b + p);
        let mut shape = draw.shape(b + p + 1 + q);
        shape[axis] += 1;
        let n = shape[axis];
        let mut of_indices = Dims::from_slice(&shape[..b]);
        of_indices.extend(draw.shape(own));
        let count: usize = of_indices.iter().product();
        let named: Vec<i64> = (0..count).map(|_| draw.below(n) as i64).collect();
        let indices_of = array(kind, &of_indices, &named);
        let x = draw.array(dtype, &shape);
        let out = run(
            &Op::Gather(Gather::Take { batch, axis }),
            &[x.clone(), indices_of.clone()],
        );
        // The index of a picked element: batch, before, own, after.
        let place = |index: &[usize]| {
            let of = [&index[..b], &index[b + p..b + p + own]].concat();
            let mut at = [&index[..b + p], &[0], &index[b + p + own..]].concat();
            at[axis] = named[position(&of_indices, &of)] as usize;
            position(&shape, &at)
        };
        let picked = out.ty().shape.clone();
        let expected: Vec<i64> = indices(&picked)
            .iter()
            .map(|i| x.get(place(i)).as_i64())
            .collect();
        assert_eq!(values(&out), expected, "{shape:?} {of_indices:?}");
        let updates = draw.array(dtype, &picked);
        let mut expected = values(&x);
        for (i, index) in indices(&picked).iter().enumerate() {
            expected[place(index)] += updates.get(i).as_i64();
        }
        let scatter = Op::Gather(Gather::ScatterAdd { batch, axis });
        let out = run(&scatter, &[x, indices_of, updates]);
        assert_eq!(values(&out), expected, "{shape:?} {of_indices:?}");
    }
}

#[test]
fn windows_at_computed_places() {
    let mut draw = Draw(5);
    for case in 0..300 {
        let (dtype, rank) = (DTYPES[case % 5], draw.below(4));
        let shape = draw.shape(rank);
        let sizes: Dims = shape.iter().map(|&n| draw.below(n + 1)).collect();
        let starts: Vec<i64> = (0..rank)
            .map(|k| draw.below(shape[k] - sizes[k] + 1) as i64)
            .collect();
        let x = draw.array(dtype, &shape);
        let from = array(DType::I64, &[rank], &starts);
        let slice = Op::Dynamic(Dynamic::Slice {
            sizes: sizes.clone(),
        });
        let out = run(&slice, &[x.clone(), from.clone()]);
        let place = |index: &[usize]| {
            let at: Vec<usize> = (0..rank).map(|k| starts[k] as usize + index[k]).collect();
            position(&shape, &at)
        };
        let inside = indices(&sizes);
        let expected: Vec<i64> = inside.iter().map(|i| x.get(place(i)).as_i64()).collect();
        assert_eq!(values(&out), expected, "{shape:?} {sizes:?} {starts:?}");
        let part = draw.array(dtype, &sizes);
        let mut expected = values(&x);
        for (i, index) in inside.iter().enumerate() {
            expected[place(index)] = part.get(i).as_i64();
        }
        let out = run(&Op::Dynamic(Dynamic::Update), &[x, part, from]);
        assert_eq!(values(&out), expected, "{shape:?} {sizes:?} {starts:?}");
    }
}

/// Indices and starts at the ends of their types. Each is checked before anything is read there.
#[test]
fn places_outside_are_errors() {
    let fails = |op: Op, operands: &[Array]| {
        let mut graph = Graph::new();
        let inputs: Vec<ValueId> = operands
            .iter()
            .map(|a| graph.input(a.ty().clone()))
            .collect();
        let out = graph.add(op, &inputs).unwrap();
        graph.set_outputs(vec![out]);
        let program = compile(&graph, &CompileOptions::default()).unwrap();
        let error = program
            .run(operands.iter().map(Input::Borrowed).collect())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Index);
    };
    let x = array(DType::F64, &[3], &[1, 2, 3]);
    for at in [-1, 3, 1 << 61, i64::MAX, i64::MIN, (1 << 61) + 1] {
        let (one, none) = (array(DType::I64, &[1], &[at]), Dims::from_slice(&[1]));
        let part = array(DType::F64, &[1], &[5]);
        fails(
            Op::Gather(Gather::Take { batch: 0, axis: 0 }),
            &[x.clone(), one.clone()],
        );
        let scatter = Op::Gather(Gather::ScatterAdd { batch: 0, axis: 0 });
        fails(scatter, &[x.clone(), one.clone(), part.clone()]);
        fails(
            Op::Dynamic(Dynamic::Slice { sizes: none }),
            &[x.clone(), one.clone()],
        );
        fails(Op::Dynamic(Dynamic::Update), &[x.clone(), part, one]);
    }
}

fn refused(text: &str) -> String {
    let graph: Graph = text.parse().unwrap();
    match compile(&graph, &CompileOptions::default()) {
        Ok(program) => panic!("{}", program.report()),
        Err(error) => error.message().to_string(),
    }
}

/// Programs whose arrays together have more bytes than can be counted:
/// their sum must not wrap to an arena that is too small.
#[test]
fn arenas_that_cannot_be_counted_are_refused() {
    // Four times a quarter of the address space, all held at once.
    let ty = "i64[536870912,1073741824]";
    let sums = (0..4).map(|k| {
        format!(
            "%a{k}: {ty} = cumsum{{axis={}, reverse={}}} %i\n",
            k % 2,
            k / 2
        )
    });
    let text = format!(
        "graph() {{
          %i: {ty} = iota{{axis=0}}
          {}
          %b: {ty} = add %a0, %a1
          %c: {ty} = add %a2, %a3
          %d: {ty} = mul %b, %c
          %e: i64[] = reduce_sum{{axes=[0,1]}} %d
          return %e
        }}",
        sums.collect::<String>()
    );
    let message = "no memory can hold all arrays of this program at once; the largest is i64[536870912,1073741824] of `";
    assert!(refused(&text).starts_with(message), "{}", refused(&text));
}

/// The same for carried values of a loop, which have two buffers each.
/// A loop that cannot be compiled reports it when it runs.
#[test]
fn loops_that_carry_more_than_can_be_counted_are_refused() {
    let ty = "bool[4611686018427387904]";
    let text = format!(
        "graph(%0: i64[1]) {{
          %x: {ty} = const true
          %y: {ty} = const false
          %z: {ty}, %r1: {ty} = scan{{consts=0, carries=2, length=2, body=graph(%0: i64[], %1: {ty}, %2: {ty}) {{
            %3: {ty} = xor %1, %2
            %4: {ty} = not %1
            return %3, %4
          }}}} %x, %y
          %s: bool[1] = dynamic_slice{{sizes=[1]}} %z, %0
          return %s
        }}"
    );
    let message = "no memory can hold all arrays of this program at once; the largest is bool[4611686018427387904] of `";
    assert!(refused(&text).starts_with(message), "{}", refused(&text));
}
