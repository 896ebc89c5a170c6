//! Sockets, clocks and people, wired to sessions.
