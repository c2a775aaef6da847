//! Running loops: what is carried moves between two places, items of sequences are read and written where they are.

use super::list::List;
use super::{Pointers, body, room, step};
use crate::count::StepForecast;
use crate::run::{Executable, Watch};
use gradus_ir::primitives::{Loop, Trips};
use gradus_ir::{DType, Result, Type};
use std::sync::Arc;

/// A loop that runs.
pub(crate) struct LoopCode {
    step: Arc<Executable>,
    condition: Option<Arc<Executable>>,
    trips: Trips,
    reverse: bool,
    consts: usize,
    carries: Vec<Type>,
    /// Bytes of an item of each sequence that is read, and of each that is kept.
    read: Vec<usize>,
    kept: Vec<usize>,
    /// For each carried value that a step returns: whose memory it takes, and of which its own is the next time.
    homes: Vec<Turn>,
}

/// Where a step writes a carried value.
#[derive(Clone, Copy)]
enum Turn {
    /// Over the value carried in as this one.
    Over(usize),
    /// Into a spare place; the place of this value carried in, which nothing is written over, is the spare one of the next step.
    Spare(usize),
}

impl LoopCode {
    pub fn new(r: &Loop) -> Result<LoopCode> {
        let step = step(r)?;
        let condition = match &r.trips {
            Trips::While(condition) => Some(body(condition)?),
            _ => None,
        };
        let inputs = r.body.input_types();
        let outputs = r.body.output_types();
        let first = 1 + r.consts;
        let carries = outputs[..r.carries].to_vec();
        let claimed: Vec<Option<usize>> = (0..r.carries)
            .map(|k| step.claim(k).map(|input| input - first))
            .collect();
        // Of the places that are not written over, each is the spare one of a value of its size.
        let mut left: Vec<usize> = (0..r.carries)
            .filter(|k| !claimed.contains(&Some(*k)))
            .collect();
        let homes = claimed.iter().enumerate().map(|(k, claim)| match claim {
            Some(over) => Turn::Over(*over),
            None => {
                let fits = |&p: &usize| carries[p].bytes() == carries[k].bytes();
                match left.iter().position(fits) {
                    Some(at) => Turn::Spare(left.remove(at)),
                    None => unreachable!("as many places of a size are left as values need one"),
                }
            }
        });
        Ok(LoopCode {
            homes: homes.collect(),
            read: inputs[first + r.carries..]
                .iter()
                .map(Type::bytes)
                .collect(),
            kept: outputs[r.carries..].iter().map(Type::bytes).collect(),
            carries,
            condition,
            trips: r.trips.clone(),
            reverse: r.reverse,
            consts: r.consts,
            step,
        })
    }

    pub fn bodies(&self) -> Vec<&Executable> {
        let condition = self.condition.as_deref();
        condition.into_iter().chain([&*self.step]).collect()
    }

    /// Two places for everything carried; the largest number where they cannot be counted.
    pub fn carry_bytes(&self) -> usize {
        let places = self.carries.iter().chain(&self.carries).map(room);
        places.fold(0, usize::saturating_add)
    }

    pub fn forecast(&self, inside: &[StepForecast]) -> StepForecast {
        let times = match self.trips {
            Trips::Fixed(n) => n as u64,
            _ => 1,
        };
        let mut all = StepForecast::moving(DType::F64, 0);
        for step in inside {
            for (work, operations) in step.operations.iter() {
                all.operations.add(work, operations.saturating_mul(times));
            }
            all.bytes = all.bytes.saturating_add(step.bytes.saturating_mul(times));
        }
        all.bytes = all.bytes.saturating_add(self.ends().bytes);
        all
    }

    /// What is carried is read and written once before the first step and once after the last.
    fn ends(&self) -> StepForecast {
        let carried = self.carries.iter().map(Type::bytes);
        let carried = carried.fold(0, usize::saturating_add);
        StepForecast::moving(DType::F64, carried.saturating_mul(4))
    }

    /// # Errors
    /// What goes wrong in a step.
    ///
    /// # Safety
    /// As [`Code::run`](super::Code::run).
    pub unsafe fn run(
        &self,
        inputs: &[*mut u8],
        outputs: &[*mut u8],
        scratch: *mut u8,
        watch: &mut Watch,
    ) -> Result<()> {
        let counts = usize::from(self.trips == Trips::Counted);
        let fixed = counts + self.consts;
        let carries = self.carries.len();
        let total = match self.trips {
            Trips::Fixed(n) => Some(n),
            // SAFETY: by the caller and the type rule of `for`, the first operand is an i64 number.
            Trips::Counted => Some(unsafe { inputs[0].cast::<i64>().read() }.max(0) as usize),
            Trips::While(_) => None,
        };
        let lists = !matches!(self.trips, Trips::Fixed(_));
        // SAFETY: places and items lie within the arrays that the caller vouches for: scratch memory has two places for each value carried (`carry_bytes`) and then the
        // memory of the programs inside (`Code::scratch`); sequences have an item for each step by the type rule of `scan`; lists are made as long as needed before they are
        // written (`List::resize`), and found to be as long before they are read (`List::check`).
        unsafe {
            let mut current = Pointers::new();
            let mut spare = Pointers::new();
            let mut at = scratch;
            for (k, ty) in self.carries.iter().enumerate() {
                std::ptr::copy_nonoverlapping(inputs[fixed + k], at, ty.bytes());
                current.push(at);
                spare.push(at.add(room(ty)));
                at = at.add(2 * room(ty));
            }
            let arena = at;
            if lists {
                for (k, &item) in self.kept.iter().enumerate() {
                    let list = &mut *outputs[carries + k].cast::<List>();
                    list.resize(total.unwrap_or(0), item)?;
                }
                // Once for all steps, so that none reads past the end.
                for (k, &item) in self.read.iter().enumerate() {
                    let list = &*inputs[fixed + carries + k].cast::<List>();
                    list.check(total.unwrap_or(0), item)?;
                }
            }
            let mut index = 0i64;
            let mut args: Pointers = smallvec::smallvec![(&raw mut index).cast()];
            args.extend(inputs[counts..].iter().copied());
            let mut results: Pointers =
                smallvec::smallvec![std::ptr::null_mut(); carries + self.kept.len()];
            let mut frame = self.step.take_frame();
            self.step
                .bind(&mut frame, |k| args[k], |k| results[k], arena);
            let mut condition = self.condition.as_ref().map(|program| {
                let mut frame = program.take_frame();
                let of_condition = &args[..1 + self.consts + carries];
                program.bind(
                    &mut frame,
                    |k| of_condition[k],
                    |_| std::ptr::null_mut(),
                    arena,
                );
                (program, frame)
            });
            let mut done = 0usize;
            let outcome = 'steps: loop {
                index = match (total, self.reverse) {
                    (Some(n), _) if done == n => break Ok(()),
                    (Some(n), true) => (n - 1 - done) as i64,
                    _ => done as i64,
                };
                let place = index as usize;
                args[1 + self.consts..1 + self.consts + carries].copy_from_slice(&current);
                if let Some((program, frame)) = &mut condition {
                    let mut goes_on = 0u8;
                    let of_condition = &args[..1 + self.consts + carries];
                    let run = program.run_again(frame, of_condition, &[&raw mut goes_on], watch);
                    match run {
                        Err(e) => break Err(e),
                        Ok(()) if goes_on == 0 => break Ok(()),
                        Ok(()) => {}
                    }
                }
                for (k, &item) in self.read.iter().enumerate() {
                    let from = inputs[fixed + carries + k];
                    args[1 + self.consts + carries + k] = if lists {
                        (*from.cast::<List>()).at(place * item)
                    } else {
                        from.add(place * item)
                    };
                }
                for (k, turn) in self.homes.iter().enumerate() {
                    results[k] = match *turn {
                        Turn::Over(other) => current[other],
                        Turn::Spare(_) => spare[k],
                    };
                }
                for (k, &item) in self.kept.iter().enumerate() {
                    let to = outputs[carries + k];
                    results[carries + k] = if lists {
                        let list = &mut *to.cast::<List>();
                        if total.is_none()
                            && let Err(e) = list.resize(place + 1, item)
                        {
                            break 'steps Err(e);
                        }
                        list.at(place * item)
                    } else {
                        to.add(place * item)
                    };
                }
                if let Err(e) = self.step.run_again(&mut frame, &args, &results, watch) {
                    break Err(e);
                }
                for (k, turn) in self.homes.iter().enumerate() {
                    if let Turn::Spare(other) = *turn {
                        spare[k] = current[other];
                    }
                }
                current.copy_from_slice(&results[..carries]);
                done += 1;
            };
            self.step.give_frame(frame);
            if let Some((program, frame)) = condition {
                program.give_frame(frame);
            }
            outcome?;
            watch.count(&self.ends());
            for (k, ty) in self.carries.iter().enumerate() {
                std::ptr::copy_nonoverlapping(current[k], outputs[k], ty.bytes());
            }
            if self.condition.is_some() {
                outputs[carries + self.kept.len()]
                    .cast::<i64>()
                    .write(done as i64);
            }
        }
        Ok(())
    }
}
