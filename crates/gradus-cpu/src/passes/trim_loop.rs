//! Removes results, operands and carries of a loop that are not needed.

use super::stand_in;
use gradus_ir::primitives::region::{Entering, Handle, Inputs, Leaving, LoopBuilder};
use gradus_ir::primitives::{Body, Loop, Trips};
use gradus_ir::{Graph, Literal, ValueId};
use smallvec::SmallVec;

/// The results of `r` on these operands, made by a loop without unneeded values; `None` if it has none to drop.
/// Results that are not `needed` are stand-ins.
pub(super) fn trim_loop(
    out: &mut Graph,
    r: &Loop,
    operands: &[ValueId],
    needed: &[bool],
) -> Option<Vec<ValueId>> {
    let old = Old {
        r,
        operands,
        inputs: r.inputs(),
        outputs: r.outputs(),
    };
    let live = old.live(needed);
    let mut trimmed = LoopBuilder::like(r, r.count().map(|count| operands[count]));
    let places = old.enter(out, &live, &mut trimmed);
    let kept = old.keep(out, needed);
    let [consts, carries, sequences] = trimmed.counts();
    let changes = [
        old.inputs.consts.len() != consts,
        old.inputs.carries.len() != carries,
        old.inputs.sequences.len() != sequences,
        old.outputs.kept.len() != kept.stored.len(),
    ];
    if !changes.contains(&true) {
        return None;
    }
    // The position of each carry of the old loop among the results of the new one.
    let carried: Vec<Option<usize>> = (old.inputs.carries.clone())
        .map(|k| match places[k] {
            Place::Input(handle) => trimmed.result_of(handle),
            _ => None,
        })
        .collect();
    let mut ends: Vec<ValueId> = Vec::new();
    for (k, at) in carried.iter().enumerate() {
        // Equal carries share a position.
        if *at == Some(ends.len()) {
            ends.push(r.body.outputs()[k]);
        }
    }
    ends.extend(&kept.stored);
    let all = trimmed.emit_while(
        out,
        |g, inputs| match &r.trips {
            Trips::While(condition) => write(g, condition, inputs, &places, condition.outputs())[0],
            _ => unreachable!("it has no condition"),
        },
        |g, inputs| write(g, &r.body, inputs, &places, &ends),
    );

    let mut results = vec![stand_in(out); needed.len()];
    for (k, at) in old.outputs.carries.clone().zip(carried) {
        if old.is_unchanged(k) {
            results[k] = old.operand(old.inputs.carries.start + k);
        } else if let Some(at) = at {
            results[k] = all[at];
        }
    }
    for (k, found) in kept.found {
        results[k] = match found {
            Found::Elsewhere(value) => value,
            Found::Stored(at) => all[carries + at],
        };
    }
    if let (Some(steps), Some(last)) = (r.steps(), all.last()) {
        results[steps] = *last;
    }
    Some(results)
}

/// The loop that is trimmed.
struct Old<'a> {
    r: &'a Loop,
    operands: &'a [ValueId],
    inputs: Entering,
    outputs: Leaving,
}

/// The replacement of an input of the body.
#[derive(Clone, Copy)]
enum Place {
    /// It is not needed.
    Dropped,
    /// A literal in the body.
    Literal(Literal),
    /// An input of the new body.
    Input(Handle),
}

/// The items that are kept.
struct Kept {
    /// The values that steps store, each once.
    stored: Vec<ValueId>,
    /// The source of each result.
    found: Vec<(usize, Found)>,
}

enum Found {
    /// A value computed from operands, without the loop.
    Elsewhere(ValueId),
    /// A stored item, at this position.
    Stored(usize),
}

impl Old<'_> {
    /// The operand of an input of the body that is not the index.
    fn operand(&self, input: usize) -> ValueId {
        let operand = self.r.operand_of(input).expect("it is not the index");
        self.operands[operand]
    }

    /// Whether carry `k` never changes.
    fn is_unchanged(&self, k: usize) -> bool {
        let body = &self.r.body;
        body.outputs()[k] == body.inputs()[self.inputs.carries.start + k]
    }

    /// For each input of the body, whether the loop needs it: for needed results,
    /// for its condition, or for a needed carry. A needed carry counts as a needed input.
    fn live(&self, needed: &[bool]) -> Vec<bool> {
        let body = &self.r.body;
        let asked = match &self.r.trips {
            Trips::While(condition) => {
                let live = condition.live();
                let inputs = condition.inputs().iter();
                inputs.map(|i| live[i.index()]).collect()
            }
            _ => Vec::new(),
        };
        let asked = |input: usize| asked.get(input) == Some(&true);
        let first = self.inputs.carries.start;
        let kept = self.outputs.kept.clone().filter(|&k| needed[k]);
        let mut roots: Vec<ValueId> = kept.map(|k| body.outputs()[k]).collect();
        let mut live = body.needed_for(&roots);
        let mut carried = vec![false; self.outputs.carries.len()];
        loop {
            let is_live = |k: usize| live[body.inputs()[first + k].index()];
            let wanted = |k: usize| needed[k] || asked(first + k) || is_live(k);
            let new = (self.outputs.carries.clone()).filter(|&k| !carried[k] && wanted(k));
            let new: Vec<usize> = new.collect();
            if new.is_empty() {
                break;
            }
            for k in new {
                carried[k] = true;
                roots.push(body.outputs()[k]);
            }
            live = body.needed_for(&roots);
        }
        let inputs = body.inputs().iter().enumerate();
        let live = inputs.map(|(k, i)| {
            let carry = k.checked_sub(first).and_then(|k| carried.get(k));
            live[i.index()] || asked(k) || carry == Some(&true)
        });
        live.collect()
    }

    /// Adds the remaining operands to the new loop, equal ones once.
    /// Returns the replacement of each input of the body.
    fn enter(&self, out: &Graph, live: &[bool], new: &mut LoopBuilder) -> Vec<Place> {
        let mut places = vec![Place::Dropped; live.len()];
        places[Loop::INDEX] = Place::Input(Handle::INDEX);
        let unchanged = |k: &usize| self.is_unchanged(k - self.inputs.carries.start);
        let constants = self.inputs.consts.clone();
        let constants = constants.chain(self.inputs.carries.clone().filter(unchanged));
        let mut entered = Entered::default();
        for k in constants.filter(|&k| live[k]) {
            let operand = self.operand(k);
            places[k] = match out.literal(operand) {
                Some(value) => Place::Literal(value),
                None => Place::Input(entered.of(operand, || new.constant(operand))),
            };
        }
        // If two carries begin and continue in the same way, one is enough.
        let mut carries: Vec<(ValueId, ValueId, Handle)> = Vec::new();
        let changing = self.inputs.carries.clone().filter(|k| !unchanged(k));
        for k in changing.filter(|&k| live[k]) {
            let (begin, next) = (
                self.operand(k),
                self.r.body.outputs()[k - self.inputs.carries.start],
            );
            let same = carries.iter().find(|(b, n, _)| (*b, *n) == (begin, next));
            let handle = match same {
                Some(&(_, _, handle)) => handle,
                None => {
                    let handle = new.carry(begin);
                    carries.push((begin, next, handle));
                    handle
                }
            };
            places[k] = Place::Input(handle);
        }
        let mut entered = Entered::default();
        for k in self.inputs.sequences.clone().filter(|&k| live[k]) {
            let operand = self.operand(k);
            places[k] = Place::Input(entered.of(operand, || new.sequence(operand)));
        }
        places
    }

    /// The items to store, each once, without those that need no loop.
    fn keep(&self, out: &mut Graph, needed: &[bool]) -> Kept {
        let outputs = self.r.body.outputs();
        let mut stored: Vec<ValueId> = Vec::new();
        let mut found = Vec::new();
        for k in self.outputs.kept.clone().filter(|&k| needed[k]) {
            let value = outputs[k];
            let place = match self.elsewhere(out, value) {
                Some(value) => Found::Elsewhere(value),
                None => Found::Stored(match stored.iter().position(|&s| s == value) {
                    Some(at) => at,
                    None => {
                        stored.push(value);
                        stored.len() - 1
                    }
                }),
            };
            found.push((k, place));
        }
        Kept { stored, found }
    }

    /// The sequence of the values of `value` in each step, if it can be computed without the loop.
    fn elsewhere(&self, out: &mut Graph, value: ValueId) -> Option<ValueId> {
        let body = &self.r.body;
        let input = body.inputs().iter().position(|&i| i == value);
        if let Some(k) = input
            && self.inputs.sequences.contains(&k)
        {
            return Some(self.operand(k));
        }
        let Trips::Fixed(n) = self.r.trips else {
            return None;
        };
        let Some(k) = input else {
            let literal = body.literal(value)?;
            let shape = [&[n], body.shape(value)].concat();
            return Some(out.constant(literal, &shape));
        };
        let carry = self.inputs.carries.contains(&k);
        let same = self.inputs.consts.contains(&k)
            || carry && self.is_unchanged(k - self.inputs.carries.start);
        same.then(|| out.repeat_front(self.operand(k), n))
    }
}

/// The handles of the operands of one kind.
#[derive(Default)]
struct Entered(SmallVec<[(ValueId, Handle); 8]>);

impl Entered {
    fn of(&mut self, operand: ValueId, new: impl FnOnce() -> Handle) -> Handle {
        if let Some(&(_, handle)) = self.0.iter().find(|(o, _)| *o == operand) {
            return handle;
        }
        let handle = new();
        self.0.push((operand, handle));
        handle
    }
}

/// Appends the values `ends` of `program`, whose inputs have become `places`.
fn write(
    g: &mut Graph,
    program: &Body,
    inputs: &Inputs,
    places: &[Place],
    ends: &[ValueId],
) -> Vec<ValueId> {
    let mut map: Vec<Option<ValueId>> = vec![None; program.len()];
    for (&input, place) in program.inputs().iter().zip(places) {
        map[input.index()] = match *place {
            Place::Dropped => None,
            Place::Literal(value) => Some(g.constant(value, program.shape(input))),
            Place::Input(handle) => Some(inputs[handle]),
        };
    }
    program.copy_into(g, &mut map, ends, &[]);
    let ends = ends.iter().map(|o| map[o.index()]);
    let ends: Option<Vec<ValueId>> = ends.collect();
    ends.expect("the values that the loop needs were copied")
}
