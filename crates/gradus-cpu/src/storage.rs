//! The assignment of memory to the buffers of a program.
//!
//! Each buffer except inputs and outputs lies in one arena,
//! from the step that writes it to the last step that reads it. A step can overwrite a buffer that ends with it.
//! Outputs reuse the memory of inputs that the caller gives away.

use crate::arena::Arena;
use crate::buffers::{BufferId, BufferSpec, Role};
use crate::options::Reuse;
use crate::step::{Largest, PlannedStep};

/// The storage of a buffer during a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Storage {
    /// The memory of the input with this number.
    Input(usize),
    /// The memory of the output with this number.
    Output(usize),
    /// The arena, at this offset.
    Arena(usize),
    /// The list with this number.
    List(usize),
}

/// For each output, the input whose memory it can reuse.
#[derive(Debug)]
pub(crate) struct InputReuse(Vec<Option<usize>>);

impl InputReuse {
    /// The input whose memory output `k` can reuse.
    pub fn input_of(&self, k: usize) -> Option<usize> {
        self.0[k]
    }

    /// The same for all outputs.
    pub fn inputs(&self) -> impl Iterator<Item = Option<usize>> + '_ {
        self.0.iter().copied()
    }
}

/// The memory of all buffers of a program.
pub(crate) struct Assignment {
    pub storage: Vec<Storage>,
    pub reuse: InputReuse,
    /// Bytes of the arena.
    pub arena: usize,
    /// The number of lists.
    pub lists: usize,
    /// The largest array that a step writes.
    pub largest: Option<Largest>,
    /// Bytes of each buffer.
    pub bytes: Vec<usize>,
    /// For each step, the buffers in the arena that end with it.
    /// Only debug builds have this: they fill these buffers after the step, so that no later step reads them.
    pub ended: Vec<Vec<BufferId>>,
}

impl Assignment {
    /// Whether two buffers share memory, if outputs reuse all inputs that they can.
    pub fn same_memory(&self, a: BufferId, b: BufferId) -> bool {
        let (a, b) = (self.storage[a.index()], self.storage[b.index()]);
        match (a, b) {
            (Storage::Input(i), Storage::Output(k)) | (Storage::Output(k), Storage::Input(i)) => {
                self.reuse.input_of(k) == Some(i)
            }
            _ => a == b,
        }
    }
}

/// Assigns memory to all buffers, and tells the steps which buffers they overwrite.
pub(crate) fn assign(
    steps: &mut [PlannedStep],
    buffers: &[BufferSpec],
    reuse: &Reuse,
) -> Assignment {
    let mut assigning = Assigning::new(steps, buffers, reuse);
    let mut ended = Vec::new();
    for (k, planned) in steps.iter_mut().enumerate() {
        let mut touched: Vec<BufferId> = planned.step.reads().iter().map(|&(b, _)| b).collect();
        let writes = planned.step.writes();
        for &out in &writes {
            match buffers[out.index()].role {
                Role::Temporary => assigning.temporary(k, planned, &touched, out),
                Role::Scratch => assigning.take(out),
                Role::Output(j) => assigning.output(k, planned, &touched, out, j),
                Role::Input(_) => unreachable!("inputs are not written"),
            }
        }
        touched.extend(writes);
        let now = assigning.end(k, touched);
        if cfg!(debug_assertions) {
            ended.push(now);
        }
    }
    let storage = assigning.storage.into_iter();
    Assignment {
        // A buffer that no step writes has no elements, or its step has memory for it.
        storage: storage.map(|s| s.unwrap_or(Storage::Arena(0))).collect(),
        reuse: InputReuse(assigning.reuse),
        arena: assigning.arena.size(),
        lists: assigning.lists,
        largest: largest(steps, buffers),
        bytes: buffers.iter().map(|b| b.ty.bytes()).collect(),
        ended,
    }
}

/// The state of the assignment after some of the steps.
struct Assigning<'a> {
    buffers: &'a [BufferSpec],
    /// The number of leading outputs that can reuse inputs.
    reusing: usize,
    /// The last step that reads each buffer.
    last_read: Vec<usize>,
    arena: Arena,
    lists: usize,
    storage: Vec<Option<Storage>>,
    /// The inputs that the caller gives away, with their buffers.
    donated: Vec<(BufferId, usize)>,
    reuse: Vec<Option<usize>>,
    /// Whether an output reuses each input.
    reused: Vec<bool>,
    /// Whether the memory of each buffer has been reused or returned to the arena.
    gone: Vec<bool>,
}

impl<'a> Assigning<'a> {
    fn new(steps: &[PlannedStep], buffers: &'a [BufferSpec], reuse: &Reuse) -> Assigning<'a> {
        let mut last_read = vec![0usize; buffers.len()];
        for (k, planned) in steps.iter().enumerate() {
            for (b, _) in planned.step.reads() {
                last_read[b.index()] = k;
            }
        }
        let mut assigning = Assigning {
            buffers,
            reusing: reuse.outputs.unwrap_or(usize::MAX),
            last_read,
            arena: Arena::default(),
            lists: 0,
            storage: vec![None; buffers.len()],
            donated: Vec::new(),
            reuse: Vec::new(),
            reused: Vec::new(),
            gone: vec![false; buffers.len()],
        };
        for (b, buffer) in buffers.iter().enumerate() {
            assigning.storage[b] = match buffer.role {
                Role::Input(i) => {
                    assigning.reused.push(false);
                    if reuse.donated.get(i) == Some(&true) {
                        assigning.donated.push((BufferId::new(b), i));
                    }
                    Some(Storage::Input(i))
                }
                Role::Output(k) => {
                    assigning.reuse.push(None);
                    Some(Storage::Output(k))
                }
                Role::Temporary if buffer.ty.is_list() => {
                    assigning.lists += 1;
                    Some(Storage::List(assigning.lists - 1))
                }
                Role::Temporary | Role::Scratch => None,
            };
        }
        assigning
    }

    fn bytes(&self, buffer: BufferId) -> usize {
        self.buffers[buffer.index()].ty.bytes()
    }

    /// Allocates memory in the arena.
    fn take(&mut self, out: BufferId) {
        let offset = self.arena.take(self.bytes(out));
        self.storage[out.index()] = Some(Storage::Arena(offset));
    }

    /// Assigns the memory of a temporary buffer that ends with step `k`, which writes `out` and reads `reads`;
    /// otherwise memory in the arena. A list has its own memory.
    fn temporary(
        &mut self,
        k: usize,
        planned: &mut PlannedStep,
        reads: &[BufferId],
        out: BufferId,
    ) {
        if self.buffers[out.index()].ty.is_list() {
            return;
        }
        let bytes = self.bytes(out);
        let reusable = reads.iter().copied().find(|&b| {
            self.last_read[b.index()] == k
                && b != out
                && self.buffers[b.index()].role == Role::Temporary
                && !self.gone[b.index()]
                && self.bytes(b) == bytes
                && planned.step.may_overwrite(out, b)
        });
        let Some(source) = reusable else {
            return self.take(out);
        };
        self.gone[source.index()] = true;
        self.storage[out.index()] = self.storage[source.index()];
        planned.step.overwrite(out);
    }

    /// Chooses the input that output `j` can reuse, which step `k` writes to `out`.
    /// An input that the step reads is best, because its memory is in the cache.
    fn output(
        &mut self,
        k: usize,
        planned: &mut PlannedStep,
        reads: &[BufferId],
        out: BufferId,
        j: usize,
    ) {
        let bytes = self.bytes(out);
        if j >= self.reusing || bytes == 0 {
            return;
        }
        let free = |&&(b, i): &&(BufferId, usize)| {
            let last = self.last_read[b.index()];
            !self.reused[i] && self.bytes(b) == bytes && last <= k
        };
        let is_read = |&&(b, _): &&(BufferId, usize)| reads.contains(&b);
        let free = self.donated.iter().filter(free);
        let mut read_now = free.clone().filter(is_read);
        let overwritten = read_now.find(|&&(b, _)| planned.step.may_overwrite(out, b));
        let found = overwritten.or_else(|| free.clone().find(|c| !is_read(c)));
        let Some(&(_, input)) = found else { return };
        if overwritten.is_some() {
            planned.step.overwrite(out);
        }
        self.reuse[j] = Some(input);
        self.reused[input] = true;
    }

    /// Frees the memory of buffers that step `k` reads or writes and no later step reads.
    fn end(&mut self, k: usize, mut touched: Vec<BufferId>) -> Vec<BufferId> {
        touched.sort_unstable();
        touched.dedup();
        touched.retain(|&b| {
            let Some(Storage::Arena(offset)) = self.storage[b.index()] else {
                return false;
            };
            let ends = self.last_read[b.index()] <= k && !self.gone[b.index()];
            if ends {
                self.arena.give(offset, self.bytes(b));
                self.gone[b.index()] = true;
            }
            ends
        });
        touched
    }
}

/// The largest array that a step writes, or a program inside a step.
fn largest(steps: &[PlannedStep], buffers: &[BufferSpec]) -> Option<Largest> {
    let mut largest: Option<Largest> = None;
    let is_larger = |bytes: usize, largest: &Option<Largest>| {
        largest.as_ref().is_none_or(|l| bytes > l.ty.bytes())
    };
    for PlannedStep { step, origin } in steps {
        if let Some(inside) = step.largest_inside()
            && is_larger(inside.ty.bytes(), &largest)
        {
            largest = Some(inside.clone());
        }
        for out in step.writes() {
            let BufferSpec { ty, role } = &buffers[out.index()];
            if !ty.is_list() && *role != Role::Scratch && is_larger(ty.bytes(), &largest) {
                largest = Some(Largest {
                    name: origin.name(),
                    ty: ty.clone(),
                    loc: origin.loc,
                });
            }
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::Buffers;
    use crate::count::StepForecast;
    use crate::instrumentation::Instrumentation;
    use crate::origin::Origin;
    use crate::registers::Registers;
    use crate::step::{SameMemory, Step};
    use crate::view::View;
    use gradus_ir::{DType, Loc, Result, Type};
    use std::fmt;

    /// A step that overwrites any operand and computes nothing.
    struct Any {
        reads: Vec<(BufferId, View)>,
        writes: Vec<BufferId>,
    }

    impl fmt::Display for Any {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:?} -> {:?}", self.reads, self.writes)
        }
    }

    impl Step for Any {
        fn reads(&self) -> Vec<(BufferId, &View)> {
            self.reads.iter().map(|(b, view)| (*b, view)).collect()
        }

        fn writes(&self) -> Vec<BufferId> {
            self.writes.clone()
        }

        fn may_overwrite(&self, _out: BufferId, _source: BufferId) -> bool {
            true
        }

        fn forecast(&self, _same_memory: SameMemory<'_>) -> StepForecast {
            StepForecast::nothing()
        }

        unsafe fn run(
            &self,
            _buffers: Buffers<'_>,
            _registers: Option<&mut Registers>,
            _instrumentation: &mut Instrumentation,
        ) -> Result<()> {
            Ok(())
        }
    }

    /// The assignment of 64-byte buffers to steps that read and write these.
    fn assigned(roles: &[Role], steps: &[(&[usize], &[usize])], reuse: &Reuse) -> Assignment {
        let ty = Type::new(DType::F64, &[8]);
        let spec = |&role: &Role| BufferSpec {
            ty: ty.clone(),
            role,
        };
        let buffers: Vec<BufferSpec> = roles.iter().map(spec).collect();
        let step = |(reads, writes): &(&[usize], &[usize])| PlannedStep {
            step: Box::new(Any {
                reads: reads
                    .iter()
                    .map(|&b| (BufferId::new(b), View::whole(&[8])))
                    .collect(),
                writes: writes.iter().copied().map(BufferId::new).collect(),
            }),
            origin: Origin::copy(Loc::UNKNOWN, &ty),
        };
        let mut steps: Vec<PlannedStep> = steps.iter().map(step).collect();
        assign(&mut steps, &buffers, reuse)
    }

    #[test]
    fn buffers_share_memory_when_they_have_ended() {
        use Role::{Input, Output, Scratch, Temporary};
        let roles = [
            Input(0),
            Temporary,
            Temporary,
            Scratch,
            Temporary,
            Output(0),
        ];
        // Buffer 1 is read by a later step, so buffer 2 cannot overwrite it. Buffer 4 can.
        let steps: [(&[usize], &[usize]); 4] =
            [(&[0], &[1]), (&[1], &[2, 3]), (&[1, 2], &[4]), (&[4], &[5])];
        let found = assigned(&roles, &steps, &Reuse::default());
        let arena = Storage::Arena;
        let expected = [
            arena(0),
            arena(64),
            arena(128),
            arena(0),
            Storage::Output(0),
        ];
        assert_eq!(found.storage[1..], expected);
        assert_eq!(found.arena, 192);
        assert_eq!(found.reuse.input_of(0), None);
    }

    #[test]
    fn outputs_reuse_donated_inputs_after_their_last_reader() {
        use Role::{Input, Output};
        let roles = [Input(0), Input(1), Output(0), Output(1)];
        let donated = Reuse {
            donated: vec![true, true],
            outputs: None,
        };
        // Output 0 is written before the last reader of input 1.
        let steps: [(&[usize], &[usize]); 2] = [(&[0, 1], &[2]), (&[1], &[3])];
        let found = assigned(&roles, &steps, &donated);
        assert_eq!(found.reuse.inputs().collect::<Vec<_>>(), [Some(0), Some(1)]);
        let steps: [(&[usize], &[usize]); 2] = [(&[1], &[2]), (&[0, 1], &[3])];
        let found = assigned(&roles, &steps, &donated);
        assert_eq!(found.reuse.inputs().collect::<Vec<_>>(), [None, Some(0)]);
        let first = Reuse {
            outputs: Some(1),
            ..donated
        };
        let found = assigned(&roles, &steps, &first);
        assert_eq!(found.reuse.inputs().collect::<Vec<_>>(), [None, None]);
    }
}
