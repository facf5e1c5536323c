//! What crosses the rings between the slow path and the workers.
