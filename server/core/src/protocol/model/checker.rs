//! Walks through every state that can be reached, breadth first, so that a counterexample is a shortest one.

use std::fmt;
use std::time::Instant;

use super::faults::Fault;
use super::properties;
use super::world::{Action, Scene, World};

/// What an exploration found.
pub(super) struct Report {
    pub(super) states: usize,
    pub(super) transitions: usize,
    pub(super) depth: usize,
    pub(super) seconds: f64,
    /// The states in which some plan was, and those in which some apply was, one bit each.
    pub(super) reached: [u8; 2],
    pub(super) violation: Option<Violation>,
}

/// What is wrong, and the shortest way there.
pub(super) struct Violation {
    pub(super) what: &'static str,
    pub(super) path: Vec<Action>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} steps:", self.what, self.path.len())?;
        self.path.iter().enumerate().try_for_each(|(index, action)| write!(f, "\n{:3} {action:?}", index + 1))
    }
}

/// Every state that was found, whole: nothing is taken for known because of its hash alone.
struct Known {
    states: Vec<(u128, u64)>,
    /// Open addressing; 0 is free, else the index of the state plus one.
    slots: Vec<u32>,
}

impl Known {
    fn new() -> Self {
        Self { states: Vec::new(), slots: vec![0; 1 << 16] }
    }

    /// The index of a state, and whether it is new.
    fn add(&mut self, state: (u128, u64)) -> (usize, bool) {
        if self.states.len() * 2 > self.slots.len() {
            self.grow();
        }
        let mut slot = self.home(state);
        while let Some(index) = (self.slots[slot] as usize).checked_sub(1) {
            if self.states[index] == state {
                return (index, false);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.states.push(state);
        self.slots[slot] = u32::try_from(self.states.len()).unwrap();
        (self.states.len() - 1, true)
    }

    fn home(&self, (whole, runners): (u128, u64)) -> usize {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut hash = (whole as u64).wrapping_mul(ODD) ^ ((whole >> 64) as u64).rotate_left(29);
        hash = (hash ^ (hash >> 32)).wrapping_mul(ODD) ^ runners.rotate_left(17);
        hash = (hash ^ (hash >> 29)).wrapping_mul(ODD);
        (hash ^ (hash >> 32)) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 4];
        for index in 0..self.states.len() {
            let mut slot = self.home(self.states[index]);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = u32::try_from(index + 1).unwrap();
        }
    }
}

/// What leads on from the states without anybody's doing, to look backward in the end.
#[derive(Default)]
struct Graph {
    /// Where the edges of each state begin.
    starts: Vec<usize>,
    edges: Vec<u32>,
    over: Vec<bool>,
}

impl Graph {
    /// A state from which the jobs cannot end, whatever happens.
    fn stuck(&self) -> Option<usize> {
        let mut ends = self.over.clone();
        loop {
            let mut changed = false;
            for state in (0..ends.len()).rev() {
                if ends[state] {
                    continue;
                }
                let last = self.starts.get(state + 1).copied().unwrap_or(self.edges.len());
                if self.edges[self.starts[state]..last].iter().any(|next| ends[*next as usize]) {
                    ends[state] = true;
                    changed = true;
                }
            }
            if !changed {
                return ends.iter().position(|ends| !ends);
            }
        }
    }
}

/// Explores everything that can happen in a scene, with a fault or without.
pub(super) fn explore(scene: &Scene, fault: Fault) -> Report {
    let begin = Instant::now();
    let first = World::new(scene);
    let mut known = Known::new();
    known.add(first.pack());
    let mut parents: Vec<u32> = vec![0];
    let mut graph = Graph::default();
    let mut frontier = vec![first];
    let (mut explored, mut transitions, mut depth) = (0, 0, 0);
    let mut violation = properties::of_state(&first, fault).map(|what| Violation { what, path: Vec::new() });
    let mut next = Vec::new();
    let mut reached = [0; 2];
    'all: while !frontier.is_empty() && violation.is_none() {
        let mut following = Vec::new();
        for world in frontier {
            let index = explored;
            explored += 1;
            graph.starts.push(graph.edges.len());
            graph.over.push(world.is_over());
            for job in &world.jobs {
                reached[job.kind as usize] |= 1 << job.state as u8;
            }
            next.clear();
            world.next(fault, &mut next);
            for (action, after) in &next {
                transitions += 1;
                let like = after.canonical();
                let (found, is_new) = known.add(like.pack());
                if is_new {
                    parents.push(u32::try_from(index).unwrap());
                    following.push(like);
                }
                // What comes by itself if one waits.
                if after.trouble == world.trouble && found != index {
                    graph.edges.push(u32::try_from(found).unwrap());
                }
                let wrong = properties::of_action(&world, *action, after);
                let wrong = wrong.or_else(|| if is_new { properties::of_state(after, fault) } else { None });
                if let Some(what) = wrong {
                    let mut path = path(&known, &parents, scene, fault, index);
                    path.push(*action);
                    violation = Some(Violation { what, path });
                    break 'all;
                }
            }
        }
        frontier = following;
        depth += 1;
    }
    if violation.is_none() {
        violation = graph
            .stuck()
            .map(|state| Violation { what: "a job can never end", path: path(&known, &parents, scene, fault, state) });
    }
    Report {
        states: known.states.len(),
        transitions,
        depth,
        seconds: begin.elapsed().as_secs_f64(),
        reached,
        violation,
    }
}

/// The actions that lead to a state: those of its ancestors, found again from the beginning.
fn path(known: &Known, parents: &[u32], scene: &Scene, fault: Fault, state: usize) -> Vec<Action> {
    let mut line = vec![state];
    while let Some(last) = line.last().copied().filter(|last| *last != 0) {
        line.push(parents[last] as usize);
    }
    let mut world = World::new(scene);
    let mut actions = Vec::new();
    for wanted in line.iter().rev().skip(1) {
        let mut next = Vec::new();
        world.next(fault, &mut next);
        let found = next.into_iter().find(|(_, after)| after.canonical().pack() == known.states[*wanted]);
        let (action, after) = found.expect("a state is reached from its parent");
        actions.push(action);
        world = after.canonical();
    }
    actions
}
