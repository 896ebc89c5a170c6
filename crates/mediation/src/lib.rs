//! One conversation as a state machine.
