//! The event loop: the only room with sockets, timers and a clock.
