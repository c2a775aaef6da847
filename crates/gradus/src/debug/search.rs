//! Searches a program for the operation that made the first NaN or infinity.
//! All values are computed one operation at a time, and regions are searched inside.

use crate::run::{compute, execute};
use gradus_engine::Array;
use gradus_ir::primitives::region::Recomputed;
use gradus_ir::primitives::{Call, Loop, Region, Trips};
use gradus_ir::{Graph, Loc, Node, Op, Part, Result, Type, ValueId};
use std::fmt;

/// Whether the elements of an array are finite.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finite {
    All,
    /// Infinities, but no NaN.
    Infinite,
    Nan,
}

impl Finite {
    pub fn of(array: &Array) -> Finite {
        fn scan<T: Copy>(values: &[T], nan: fn(T) -> bool, finite: fn(T) -> bool) -> Finite {
            let mut found = Finite::All;
            for &v in values.iter().filter(|&&v| !finite(v)) {
                if nan(v) {
                    return Finite::Nan;
                }
                found = Finite::Infinite;
            }
            found
        }
        match (array.as_slice::<f64>(), array.as_slice::<f32>()) {
            (Some(values), _) => scan(values, f64::is_nan, f64::is_finite),
            (_, Some(values)) => scan(values, f32::is_nan, f32::is_finite),
            _ if array.ty().dtype.float().is_none() => Finite::All,
            _ => {
                let values = (0..array.ty().elements()).map(|k| array.get(k).as_f64());
                let values: Vec<f64> = values.collect();
                scan(&values, f64::is_nan, f64::is_finite)
            }
        }
    }

    fn of_all(arrays: &[Array]) -> Finite {
        let all = arrays.iter().map(Finite::of);
        all.max().unwrap_or(Finite::All)
    }
}

/// A loop, branch or call around an operation. Prints as `step 3 of scan, at src/main.rs:7`.
#[derive(Clone, Debug)]
pub struct NanWithin {
    /// `scan`, `for`, `while`, `switch`, `checkpoint` and so on.
    pub operation: &'static str,
    /// File and line of the user's program, if recorded.
    pub place: Option<(&'static str, u32)>,
    /// Whether it is the function itself or its derivative.
    pub part: Part,
    /// For a loop, the number of the step from 0 on. A backward pass uses the numbers of the forward pass.
    pub step: Option<usize>,
    /// For a choice, the number of the branch; `cond` has `on_true` as branch 1.
    pub branch: Option<usize>,
}

impl fmt::Display for NanWithin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.step, self.branch) {
            (Some(k), _) => write!(f, "step {k} of ")?,
            (_, Some(k)) => write!(f, "branch {k} of ")?,
            _ => {}
        }
        match self.part {
            Part::Value => f.write_str(self.operation)?,
            Part::Tangent(op) => write!(f, "the derivative of {op}")?,
            Part::Cotangent(op) => write!(f, "the backward pass of {op}")?,
        }
        match self.place {
            Some((file, line)) => write!(f, ", at {file}:{line}"),
            None => Ok(()),
        }
    }
}

/// The operation, its operands and result, and its place.
pub(super) struct Found {
    pub op: Op,
    pub loc: Loc,
    pub operands: Vec<Array>,
    pub result: Array,
    pub reaches_result: bool,
    /// Innermost first.
    pub within: Vec<NanWithin>,
    /// The inputs that it follows from, each with the number of operations between.
    pub near: Vec<(usize, usize)>,
}

impl Found {
    /// The argument that contained it already.
    pub fn argument(&self) -> Option<usize> {
        match self.op {
            Op::Input(k) => Some(k as usize),
            _ => None,
        }
    }
}

/// Searches `graph` at these arguments.
pub(super) fn search(
    graph: &Graph,
    arguments: &[Array],
    meaning: Meaning,
) -> Result<Option<Found>> {
    // Values that are computed again are not shown again.
    inside(&graph.without_effects(), arguments, meaning)
}

/// The meaning of an argument that is not finite.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The search looks for it.
    Searched,
    /// The caller has it already: an infinity is intended, and a NaN was not made here.
    Meant,
}

/// The value of a node.
#[derive(Clone)]
enum Value {
    Array(Array),
    /// One item per step.
    List(Vec<Array>),
}

impl Value {
    fn finite(&self) -> Finite {
        match self {
            Value::Array(array) => Finite::of(array),
            Value::List(items) => Finite::of_all(items),
        }
    }

    fn array(&self) -> Result<Array> {
        match self {
            Value::Array(array) => Ok(array.clone()),
            _ => unreachable!("only loops read lists"),
        }
    }
}

fn inside(graph: &Graph, arguments: &[Array], meaning: Meaning) -> Result<Option<Found>> {
    let evaluated = Evaluated::new(graph, arguments, meaning)?;
    let leads = evaluated.leads();
    let made = |node: &&Node| evaluated.made(node);
    let mut all = graph.nodes().iter();
    let first = all.find(|node| node.has_marked(&leads) && made(node));
    match first.or_else(|| graph.nodes().iter().find(made)) {
        Some(node) => Ok(Some(evaluated.found(node, first.is_some())?)),
        None => Ok(None),
    }
}

/// The values of a program, computed one operation at a time.
struct Evaluated<'a> {
    graph: &'a Graph,
    meaning: Meaning,
    values: Vec<Option<Value>>,
    /// An intended infinity counts as finite.
    bad: Vec<Finite>,
    meant: Vec<bool>,
    /// Whether the operation itself made a bad element; its other elements do not matter.
    own: Vec<bool>,
}

impl Evaluated<'_> {
    fn new<'a>(graph: &'a Graph, arguments: &[Array], meaning: Meaning) -> Result<Evaluated<'a>> {
        let live = graph.live();
        let mut evaluated = Evaluated {
            graph,
            meaning,
            values: vec![None; graph.len()],
            bad: vec![Finite::All; graph.len()],
            meant: vec![false; graph.len()],
            own: vec![false; graph.len()],
        };
        for node in graph.nodes().iter().filter(|node| node.runs(&live)) {
            let given = evaluated.operands(node);
            evaluated.compute(node, &given, arguments)?;
            evaluated.excuse(node, &given)?;
        }
        Ok(evaluated)
    }

    fn operands(&self, node: &Node) -> Vec<Value> {
        let operands = node.operands.iter();
        operands
            .filter_map(|o| self.values[o.index()].clone())
            .collect()
    }

    fn is_bad(&self, v: ValueId) -> bool {
        self.bad[v.index()] != Finite::All
    }

    fn reads_finite_values(&self, node: &Node) -> bool {
        node.operands.iter().all(|&o| !self.is_bad(o))
    }

    fn compute(&mut self, node: &Node, given: &[Value], arguments: &[Array]) -> Result<()> {
        let results = match &node.op {
            Op::Input(k) => vec![Value::Array(arguments[*k as usize].clone())],
            Op::Region(region) => evaluate(region, node.loc, given)?,
            _ => {
                let values = compute(self.graph, node, &arrays(given)?)?;
                values.into_iter().map(Value::Array).collect()
            }
        };
        let arrays = given.iter().filter_map(|v| match v {
            Value::Array(array) => Some(array.clone()),
            _ => None,
        });
        let arrays: Vec<Array> = arrays.collect();
        for (v, value) in node.results().zip(results) {
            let k = v.index();
            self.bad[k] = value.finite();
            if self.is_bad(v)
                && let Value::Array(result) = &value
            {
                let made = made_at(&node.op, &arrays, result);
                self.own[k] = made.is_some_and(|made| made.contains(&true));
            }
            self.values[k] = Some(value);
        }
        Ok(())
    }

    /// Counts intended infinities of `node` as finite: literals, and infinities made of these.
    fn excuse(&mut self, node: &Node, given: &[Value]) -> Result<()> {
        let mut sources = node.operands.iter().map(|o| o.index());
        let is_meant = match node.op {
            Op::Const(_) => true,
            Op::Input(_) => self.meaning == Meaning::Meant,
            _ => sources.any(|o| self.meant[o]),
        };
        let infinite = |v: usize| self.bad[v] == Finite::Infinite && !self.own[v];
        let results = node.results().map(ValueId::index);
        let results: Vec<usize> = results.filter(|&v| infinite(v)).collect();
        if !is_meant || results.is_empty() || !self.reads_finite_values(node) {
            return Ok(());
        }
        let inside = match &node.op {
            Op::Region(region) => within(region, node.loc, given)?,
            _ => None,
        };
        if inside.is_none() {
            for v in results {
                self.meant[v] = true;
                self.bad[v] = Finite::All;
            }
        }
        Ok(())
    }

    /// Whether `node` made a bad value itself, instead of reading one.
    fn made(&self, node: &Node) -> bool {
        let given = self.meaning == Meaning::Meant && matches!(node.op, Op::Input(_));
        let of_finite = self.reads_finite_values(node);
        let made = |v: ValueId| self.is_bad(v) && (self.own[v.index()] || of_finite);
        !given && node.results().any(made)
    }

    /// Bad values that lead to a bad result through bad values alone.
    fn leads(&self) -> Vec<bool> {
        let mut leads = vec![false; self.graph.len()];
        for &o in self.graph.outputs() {
            leads[o.index()] = self.is_bad(o);
        }
        for node in self.graph.nodes().iter().rev() {
            if node.has_marked(&leads) {
                for &o in &node.operands {
                    leads[o.index()] |= self.is_bad(o);
                }
            }
        }
        leads
    }

    /// The finding about `node`, or about an operation inside it.
    fn found(&self, node: &Node, reaches_result: bool) -> Result<Found> {
        let given = self.operands(node);
        if let Op::Region(region) = &node.op
            && let Some(mut found) = within(region, node.loc, &given)?
        {
            found.reaches_result = reaches_result;
            let from = found.near.iter().map(|&(o, d)| (node.operands[o], d + 1));
            found.near = near(self.graph, &from.collect::<Vec<_>>());
            return Ok(found);
        }
        let given = given.iter().filter_map(|v| v.array().ok());
        let shown = node.results().find(|&v| self.is_bad(v));
        let result = match shown.and_then(|v| self.values[v.index()].as_ref()) {
            Some(Value::Array(array)) => array.clone(),
            Some(Value::List(items)) => {
                let item = items.iter().find(|i| Finite::of(i) != Finite::All);
                item.unwrap_or(&items[0]).clone()
            }
            _ => unreachable!("a bad result has a value"),
        };
        let from: Vec<_> = shown.map(|v| (v, 0)).into_iter().collect();
        Ok(Found {
            op: node.op.clone(),
            loc: node.loc,
            operands: given.collect(),
            result,
            reaches_result,
            within: Vec::new(),
            near: near(self.graph, &from),
        })
    }
}

/// The inputs that the nodes `from` follow from, each with the fewest operations between.
/// The counts begin at the numbers in `from`.
fn near(graph: &Graph, from: &[(ValueId, usize)]) -> Vec<(usize, usize)> {
    let mut distances = vec![usize::MAX; graph.len()];
    for &(id, distance) in from {
        distances[id.index()] = distances[id.index()].min(distance);
    }
    let mut inputs = Vec::new();
    for id in graph.ids().rev() {
        let distance = distances[id.index()];
        if distance == usize::MAX {
            continue;
        }
        if let Op::Input(k) = graph.maker(id).op {
            inputs.push((k as usize, distance));
        }
        for o in &graph.maker(id).operands {
            distances[o.index()] = distances[o.index()].min(distance + 1);
        }
    }
    inputs
}

/// The operation inside a region that got finite operands and gave results that are not finite.
/// Its nearest inputs are operands of the region.
fn within(region: &Region, loc: Loc, operands: &[Value]) -> Result<Option<Found>> {
    let here = |step, branch| NanWithin {
        operation: Op::Region(region.clone().into()).name(),
        place: loc.file_line(),
        part: loc.part(),
        step,
        branch,
    };
    // A body's inputs are the operands from this one on. A loop's body has the number of the step before them.
    let (own_inputs, first_operand) = match region {
        Region::Loop(r) => (Loop::INDEX + 1, r.operands().consts.start),
        Region::Switch(_) => (0, 1),
        _ => (0, 0),
    };
    let (mut found, place) = match region {
        Region::Loop(r) => {
            let mut first = None;
            steps(r, operands, &mut |step, args, results| {
                if Finite::of_all(results) != Finite::All {
                    let found = inside(&r.body, args, Meaning::Meant)?;
                    first = found.map(|found| (found, here(Some(step), None)));
                }
                Ok(first.is_none())
            })?;
            let Some((found, place)) = first else {
                return Ok(None);
            };
            (found, Some(place))
        }
        Region::Switch(r) => {
            let k = branch(&operands[0], r.branches.len())?;
            let found = inside(&r.branches[k], &arrays(&operands[1..])?, Meaning::Meant)?;
            let Some(found) = found else { return Ok(None) };
            (found, Some(here(None, Some(k))))
        }
        // These regions are the identity, or do not run.
        Region::Check(_)
        | Region::Call(Call::Hook(_) | Call::BackwardOnly(_) | Call::Undefined(_)) => {
            return Ok(None);
        }
        Region::Call(call) => {
            let found = inside(call.body(), &arrays(operands)?, Meaning::Meant)?;
            let Some(found) = found else { return Ok(None) };
            // A scoped call does not come from the user.
            let own = !matches!(call, Call::Recompute(call) if call.kind == Recomputed::Scoped);
            (found, own.then(|| here(None, None)))
        }
    };
    found.within.extend(place);
    let near = found.near.iter();
    found.near = near
        .filter_map(|&(k, d)| Some((k.checked_sub(own_inputs)? + first_operand, d)))
        .filter(|(o, _)| *o < operands.len())
        .collect();
    Ok(Some(found))
}

/// For an elementwise operation, the elements that it made itself:
/// each NaN from numbers, each infinity from finite numbers. `None` for other operations.
pub(super) fn made_at(op: &Op, operands: &[Array], result: &Array) -> Option<Vec<bool>> {
    if !matches!(
        op,
        Op::Unary(_) | Op::Cast(_) | Op::Binary(_) | Op::Select(_)
    ) {
        return None;
    }
    let number = |array: &Array, k: usize| array.get(k).as_f64();
    let of = |k: usize, test: fn(f64) -> bool| operands.iter().all(|all| test(number(all, k)));
    let elements = 0..result.ty().elements();
    let made = elements.map(|k| match number(result, k) {
        v if v.is_nan() => of(k, |v| !v.is_nan()),
        v if v.is_infinite() => of(k, f64::is_finite),
        _ => false,
    });
    Some(made.collect())
}

/// The results of a region, which stands at `loc`.
fn evaluate(region: &Region, loc: Loc, operands: &[Value]) -> Result<Vec<Value>> {
    let results = match region {
        Region::Loop(r) => return steps(r, operands, &mut |_, _, _| Ok(true)),
        Region::Switch(r) => {
            let k = branch(&operands[0], r.branches.len())?;
            execute(&r.branches[k], &arrays(&operands[1..])?)?
        }
        Region::Check(_) | Region::Call(Call::BackwardOnly(_) | Call::Undefined(_)) => {
            let mut one = Graph::new();
            one.set_loc(loc);
            let given = arrays(operands)?;
            let inputs: Vec<ValueId> = given.iter().map(|a| one.input(a.ty().clone())).collect();
            let outputs = one.add_region(region.clone(), &inputs)?;
            one.set_outputs(outputs);
            execute(&one, &given)?
        }
        Region::Call(Call::Hook(hook)) => return Ok(operands[hook.residuals..].to_vec()),
        Region::Call(call) => execute(call.body(), &arrays(operands)?)?,
    };
    Ok(results.into_iter().map(Value::Array).collect())
}

/// Gets a step: its number, and the inputs and outputs of its body. Returns whether to continue.
type Visit<'a> = dyn FnMut(usize, &[Array], &[Array]) -> Result<bool> + 'a;

/// Runs a loop step by step, and returns its results unless `visit` ended it.
fn steps(r: &Loop, operands: &[Value], visit: &mut Visit<'_>) -> Result<Vec<Value>> {
    let (places, leaving) = (r.operands(), r.outputs());
    let total = match r.trips {
        Trips::Fixed(n) => Some(n),
        Trips::Counted => Some(number(&operands[0])?.max(0) as usize),
        Trips::While(_) => None,
    };
    let constants = arrays(&operands[places.consts])?;
    let mut carried = arrays(&operands[places.carries])?;
    let mut kept: Vec<Vec<(usize, Array)>> = vec![Vec::new(); leaving.kept.len()];
    let mut done = 0;
    while total.is_none_or(|n| done < n) {
        let step = match total {
            Some(n) if r.reverse => n - 1 - done,
            _ => done,
        };
        let mut args = vec![Array::from_slice(&[step as i64], &[])?];
        args.extend(constants.iter().chain(&carried).cloned());
        if let Trips::While(condition) = &r.trips {
            let goes_on = execute(condition, &args)?;
            if goes_on[0].as_slice::<bool>() != Some(&[true]) {
                break;
            }
        }
        for sequence in &operands[places.sequences.clone()] {
            args.push(match sequence {
                Value::List(items) => items[step].clone(),
                sequence => item(&sequence.array()?, step)?,
            });
        }
        let results = execute(&r.body, &args)?;
        if !visit(step, &args, &results)? {
            return Ok(Vec::new());
        }
        for (kept, item) in kept.iter_mut().zip(&results[leaving.kept.clone()]) {
            kept.push((step, item.clone()));
        }
        carried = results[leaving.carries.clone()].to_vec();
        done += 1;
    }
    let mut results: Vec<Value> = carried.into_iter().map(Value::Array).collect();
    for (mut items, ty) in kept.into_iter().zip(&r.body.output_types()[leaving.kept]) {
        items.sort_by_key(|(step, _)| *step);
        let items: Vec<Array> = items.into_iter().map(|(_, item)| item).collect();
        results.push(match r.trips {
            Trips::Fixed(_) => Value::Array(stacked(&items, &r.sequence(ty))?),
            _ => Value::List(items),
        });
    }
    if total.is_none() {
        results.push(Value::Array(Array::from_slice(&[done as i64], &[])?));
    }
    Ok(results)
}

fn arrays(values: &[Value]) -> Result<Vec<Array>> {
    values.iter().map(Value::array).collect()
}

fn number(value: &Value) -> Result<i64> {
    let array = value.array()?;
    Ok(array.as_slice::<i64>().map_or(0, |v| v[0]))
}

/// The branch that a choice takes.
fn branch(index: &Value, branches: usize) -> Result<usize> {
    let index = usize::try_from(number(index)?).unwrap_or(0);
    Ok(index.min(branches - 1))
}

/// Row `k` of a sequence.
fn item(sequence: &Array, k: usize) -> Result<Array> {
    let ty = sequence.ty().with_shape(&sequence.ty().shape[1..]);
    let size = ty.bytes();
    Array::from_bytes(ty, &sequence.bytes()[k * size..(k + 1) * size])
}

/// The sequence of these rows.
fn stacked(items: &[Array], ty: &Type) -> Result<Array> {
    let mut bytes: Vec<u8> = gradus_engine::with_room("find_nan", ty.bytes())?;
    items
        .iter()
        .for_each(|i| bytes.extend_from_slice(i.bytes()));
    Array::from_bytes(ty.clone(), &bytes)
}
