//! The memory, operations and bytes of a run, computed in advance.

use crate::count::StepForecast;
use crate::step::PlannedStep;
use crate::storage::Assignment;
use gradus_engine::Counts;
use gradus_ir::{ByWork, Type};

/// The memory, operations and bytes of one run of a compiled program: the numbers that a
/// [counted run](crate::Executable::run_counted) reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Forecast {
    /// Bytes held beside the inputs: arena and results.
    /// The threads of a run need some more scratch memory, which does not depend on the program.
    pub peak_bytes: u64,
    /// Bytes of the arena, which holds all arrays except inputs and results.
    pub arena_bytes: u64,
    /// Bytes of the results that reuse no input.
    pub result_bytes: u64,
    /// The steps in the order in which they run.
    pub steps: Vec<StepForecast>,
}

impl Forecast {
    /// The forecast of a program in which each result reuses its input, if it can.
    pub(crate) fn new(
        outputs: &[Type],
        assignment: &Assignment,
        steps: &[PlannedStep],
    ) -> Forecast {
        let fresh = outputs.iter().zip(assignment.reuse.inputs());
        let result_bytes = fresh.filter(|(_, reused)| reused.is_none());
        let result_bytes = result_bytes.map(|(ty, _)| ty.bytes() as u64);
        let result_bytes = result_bytes.fold(0, u64::saturating_add);
        let same_memory = |a, b| assignment.same_memory(a, b);
        let steps = steps.iter().map(|s| s.step.forecast(&same_memory));
        Forecast {
            peak_bytes: result_bytes.saturating_add(assignment.arena as u64),
            arena_bytes: assignment.arena as u64,
            result_bytes,
            steps: steps.collect(),
        }
    }

    /// The forecast of a program whose arrays together exceed the memory of any machine.
    pub(crate) fn beyond_machines() -> Forecast {
        Forecast {
            peak_bytes: u64::MAX,
            arena_bytes: u64::MAX,
            result_bytes: u64::MAX,
            steps: Vec::new(),
        }
    }

    /// The counts of a run.
    pub fn counts(&self) -> Counts {
        let by_work = self.operations();
        Counts {
            operations: by_work.total(),
            by_work,
            bytes: self.bytes(),
            peak_bytes: self.peak_bytes,
        }
    }

    /// The operations of all steps by kind of work.
    pub fn operations(&self) -> ByWork {
        let mut sum = ByWork::default();
        self.steps.iter().for_each(|s| sum += s.operations);
        sum
    }

    /// Bytes read and written by all steps together.
    pub fn bytes(&self) -> u64 {
        let bytes = self.steps.iter().map(|s| s.bytes);
        bytes.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use crate::{CompileOptions, compile, forecast};
    use gradus_ir::primitives::Work;
    use gradus_ir::{ByWork, DType, Graph};

    fn graph(text: &str) -> Graph {
        text.parse().unwrap()
    }

    #[test]
    fn a_fused_kernel_moves_what_enters_and_leaves_it() {
        let g = graph(
            "graph(%0: f32[100, 8], %1: f32[8]) {
            %2: f32[100, 8] = broadcast{shape=[100, 8], axes=[1]} %1
            %3: f32[100, 8] = add %0, %2
            %4: f32[100, 8] = exp %3
            %5: f32[100, 8] = powi{exponent=-3} %4
            %6: f32[8] = reduce_sum{axes=[0]} %5
            return %6
        }",
        );
        let f = forecast(&g);
        let [step] = f.steps.as_slice() else {
            panic!("one step, not {:?}", f.steps)
        };
        assert_eq!(step.bytes, 4 * (800 + 8 + 8));
        assert_eq!(step.operations[Work::Arithmetic], 800 + 3 * 800);
        assert_eq!(step.operations[Work::Transcendental], 800);
        assert_eq!(step.operations[Work::Reduction], 99 * 8);
        assert_eq!((step.product, step.dtype), (None, DType::F32));
        assert_eq!((f.peak_bytes, f.arena_bytes, f.result_bytes), (32, 0, 32));
    }

    #[test]
    fn a_product_has_its_sizes_and_a_kept_value_its_memory() {
        let g = graph(
            "graph(%0: f64[2, 3, 5], %1: f64[5, 7]) {
            %2: f64[2, 3, 7] = contract{batch_left=[], batch_right=[], contract_left=[2], contract_right=[0]} %0, %1
            %3: f64[2, 3, 7] = tanh %2
            %4: f64[] = reduce_sum{axes=[0, 1, 2]} %3
            return %4
        }",
        );
        let f = forecast(&g);
        assert_eq!(f.steps[0].product, Some((1, 6, 5, 7)));
        assert_eq!(f.steps[0].bytes, 8 * (30 + 35 + 42));
        assert_eq!(
            f.steps[0].operations,
            ByWork::of(Work::Product, 2 * 6 * 5 * 7)
        );
        assert_eq!(f.bytes(), 8 * (30 + 35 + 42) + 8 * (42 + 1));
        // Arena memory is allocated in multiples of 64 bytes.
        assert_eq!((f.arena_bytes, f.result_bytes), (384, 8));
    }

    #[test]
    fn what_a_product_reads_again_comes_from_memory_once() {
        // One left matrix for all products, right matrices with equal columns.
        let g = graph(
            "graph(%0: f64[3, 4], %1: f64[2, 4]) {
            %2: f64[2, 3, 4] = broadcast{shape=[2, 3, 4], axes=[1, 2]} %0
            %3: f64[2, 4, 5] = broadcast{shape=[2, 4, 5], axes=[0, 1]} %1
            %4: f64[2, 3, 5] = contract{batch_left=[0], batch_right=[0], contract_left=[2], contract_right=[1]} %2, %3
            return %4
        }",
        );
        let f = forecast(&g);
        assert_eq!(f.steps[0].product, Some((2, 3, 4, 5)));
        assert_eq!(f.bytes(), 8 * (12 + 8 + 30));
    }

    #[test]
    fn an_input_given_away_saves_result_and_copy() {
        let g = graph(
            "graph(%0: f64[100], %1: f64[10]) {
            %2: f64[100] = slice_add{start=[5], stride=[2]} %0, %1
            return %2
        }",
        );
        let kept = forecast(&g);
        assert_eq!((kept.peak_bytes, kept.bytes()), (800, 8 * (30 + 200)));
        let donated = vec![true, false];
        let given = compile(&g, &CompileOptions::default().donated(donated))
            .unwrap()
            .forecast();
        assert_eq!((given.peak_bytes, given.bytes()), (0, 8 * 30));
    }
}
