//! End to end: the real binary over real sockets.
