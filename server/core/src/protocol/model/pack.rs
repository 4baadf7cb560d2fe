//! Worlds in few bits, of like ones only one.

use super::world::{JOBS, Message, RUNNERS, Runner, Seen, World, number};
use crate::protocol::queue::{Lease, WorkspaceLock};

impl World {
    /// The same world with its runners in an order of their own, and the leases numbered as the jobs come. Runners differ
    /// by nothing but by what they have, so that only one of six like worlds has to be looked at.
    pub(super) fn canonical(&self) -> Self {
        let mut order = [(0_u64, 0_usize); RUNNERS];
        for (runner, place) in order.iter_mut().enumerate() {
            let mut word = self.runners[runner].pack();
            for job in &self.jobs {
                word = word << 1 | u64::from(job.lease.is_some_and(|lease| lease.runner as usize == runner));
            }
            word = word << 1 | u64::from(self.late.is_some_and(|late| late.runner == runner));
            *place = (word, runner);
        }
        order.sort_unstable();
        let mut after = *self;
        let mut numbers = [0; RUNNERS];
        for (number, (_, runner)) in order.into_iter().enumerate() {
            numbers[runner] = number;
            after.runners[number] = self.runners[runner];
        }
        let mut batches = [u32::MAX; JOBS];
        let mut next = 0;
        for job in &mut after.jobs {
            let Some(lease) = &mut job.lease else { continue };
            lease.runner = number(numbers[lease.runner as usize]);
            let batch = &mut batches[lease.batch as usize];
            if *batch == u32::MAX {
                *batch = next;
                next += 1;
            }
            lease.batch = *batch;
        }
        if let Some(late) = &mut after.late {
            late.runner = numbers[late.runner];
        }
        after
    }

    /// The state in few bits, and nothing lost of it.
    pub(super) fn pack(&self) -> (u128, u64) {
        let mut whole = Bits(0);
        for job in &self.jobs {
            whole.put(job.state as u128, 3);
            whole.put(u128::from(job.attempt), 3);
            whole.put(job.fence as u128, 3);
            whole.put(u128::from(job.apply_started), 1);
            whole.put(u128::from(job.ready), 1);
            whole.put(u128::from(job.holds_key), 1);
            match job.lease {
                None => whole.put(0, 6),
                Some(Lease { batch, runner, expired }) => {
                    whole.put(1 | u128::from(batch) << 1 | u128::from(runner) << 3 | u128::from(expired) << 5, 6);
                }
            }
            match job.lock {
                None => whole.put(0, 5),
                Some(WorkspaceLock { fence, winding_down }) => {
                    whole.put(1 | (fence as u128) << 1 | u128::from(winding_down) << 4, 5);
                }
            }
        }
        match self.late {
            None => whole.put(0, 11),
            Some(Message { runner, job, fence, say }) => {
                whole.put(
                    1 | (runner as u128) << 1 | (job as u128) << 3 | (fence as u128) << 5 | (say as u128) << 8,
                    11,
                );
            }
        }
        match self.seen {
            None => whole.put(0, 4),
            Some(Seen { job, there }) => whole.put(1 | (job as u128) << 1 | u128::from(there) << 3, 4),
        }
        for starts in self.starts {
            whole.put(u128::from(starts), 2);
        }
        whole.put(u128::from(self.trouble), 3);
        whole.put(u128::from(self.kinds), 10);
        let mut runners = 0_u64;
        for runner in &self.runners {
            runners = runners << 20 | runner.pack();
        }
        (whole.0, runners)
    }
}

impl Runner {
    fn pack(&self) -> u64 {
        let mut word = self.health as u64;
        for hand in &self.hands {
            word = word << 6 | (hand.phase as u64) << 3 | hand.fence as u64;
        }
        word
    }
}

struct Bits(u128);

impl Bits {
    fn put(&mut self, value: u128, bits: u32) {
        debug_assert!(value < 1 << bits, "{value} has more than {bits} bits");
        self.0 = self.0 << bits | value;
    }
}
