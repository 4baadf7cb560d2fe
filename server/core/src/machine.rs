//! What every state machine of the domain shares: one function from state and event to the next state, and one error
//! for everything that is not in its table.

use std::fmt;

use crate::Error;

/// A state of an object whose changes follow a table. Whoever writes a state takes it from [`StateMachine::next`].
pub trait StateMachine: Copy + PartialEq + fmt::Debug + 'static {
    /// What happens to the object, with the guards that the table names.
    type Event: Copy + fmt::Debug;

    /// Every state.
    const STATES: &'static [Self];

    /// The spelling of the state in the database.
    fn word(self) -> &'static str;

    /// The table: the state after `event`, or nothing if the event is not listed for this state.
    fn step(self, event: Self::Event) -> Option<Self>;

    /// The state after `event`. An event that is not listed is FAILED_PRECONDITION `WRONG_STATE` on the object called
    /// `name`, with the states that allow it.
    fn next(self, event: Self::Event, name: &impl fmt::Display) -> Result<Self, Error> {
        self.step(event).ok_or_else(|| {
            let allowed: Vec<_> =
                Self::STATES.iter().filter(|state| state.step(event).is_some()).map(|state| state.word()).collect();
            Error::wrong_state(name, self.word(), &allowed)
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! The properties every table must have, whatever it says.

    use super::StateMachine;
    use crate::Reason;

    /// Checks from the table alone: every state can be reached from `starts`, exactly the `terminal` states have no
    /// exit, every event is possible somewhere, and an event that is not listed is refused with the states that allow
    /// it.
    pub(crate) fn check_table<S: StateMachine>(starts: &[S], terminal: &[S], events: &[S::Event]) {
        let mut reached: Vec<S> = starts.to_vec();
        let mut index = 0;
        while let Some(&state) = reached.get(index) {
            for next in events.iter().filter_map(|&event| state.step(event)) {
                if !reached.contains(&next) {
                    reached.push(next);
                }
            }
            index += 1;
        }
        for state in S::STATES {
            assert!(reached.contains(state), "{state:?} cannot be reached");
            let exits = events.iter().any(|&event| state.step(event).is_some());
            assert_eq!(exits, !terminal.contains(state), "exits of {state:?}");
        }
        for &event in events {
            let allowed: Vec<_> = S::STATES.iter().filter(|state| state.step(event).is_some()).collect();
            assert!(!allowed.is_empty(), "{event:?} is possible nowhere");
            for state in S::STATES.iter().filter(|state| state.step(event).is_none()) {
                let error = state.next(event, &"things/1").unwrap_err();
                assert_eq!(error.reason, Reason::WrongState);
                assert_eq!(error.metadata["state"], state.word());
                let words: Vec<_> = allowed.iter().map(|state| state.word()).collect();
                assert_eq!(error.metadata["allowed_states"], words.join(","));
            }
        }
    }

    /// The whole table as text, one `STATE + Event -> NEXT` per line, to compare with the page that defines it.
    pub(crate) fn table<S: StateMachine>(events: &[S::Event]) -> String {
        let mut lines = Vec::new();
        for state in S::STATES {
            for &event in events {
                if let Some(next) = state.step(event) {
                    lines.push(format!("{} + {event:?} -> {}", state.word(), next.word()));
                }
            }
        }
        lines.join("\n")
    }
}
