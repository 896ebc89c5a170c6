//! Reads source without running it: tools, and where what a caller sends flows to.
