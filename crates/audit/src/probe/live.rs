//! Starts a server in a box with nothing of the user's in it, talks to it, and writes down what happened.
